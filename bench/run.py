#!/usr/bin/env python3
"""Run bench, then make the report of its results.

usage: run.py BENCH [option...]

BENCH is the built program; the options are its own (--help lists them). This
is what ninja's target "bench" and the front door call. The report runs under
the Python that runs this.
"""

import signal
import subprocess
import sys
from pathlib import Path

REPORT = Path(__file__).parent / "report" / "main.py"


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    status, folder = measure(sys.argv[1:])
    if folder is None:
        return status
    return report(folder) or status


def measure(command: list[str]) -> tuple[int, Path | None]:
    """The status of bench, and where it says that its results are."""
    # Ctrl-C is for bench, which finishes with the rounds that it has.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)

    sys.stdout.write(done.stdout)
    sys.stdout.flush()
    lines = done.stdout.splitlines()
    folder = Path(lines[-1]) if lines else Path()
    if (folder / "run.json").is_file():
        return done.returncode, folder
    return done.returncode, None


def report(folder: Path) -> int:
    return subprocess.run([sys.executable, str(REPORT), str(folder)]).returncode


if __name__ == "__main__":
    sys.exit(main())
