#!/usr/bin/env python3
"""Run bench from a build folder, then make the report of its results.

usage: run.py BUILD [option...]

BUILD is the folder that meson built in; the options are those of bench, which
--help lists. Traces may be compressed by gzip, xz or zstd. ninja's target "bench"
and the front door call this.
"""

import importlib.util
import signal
import subprocess
import sys
from pathlib import Path

from unpack import unpacked

REPORT = Path(__file__).parent / "report" / "main.py"
MODULE = "jinja2"  # the module that the report needs
DEBIAN_PYTHON = "/usr/bin/python3"  # the one that Debian's modules belong to


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    build, *options = sys.argv[1:]
    options = unpacked(options, Path(build) / "unpacked")
    status, folder = measure([str(Path(build) / "bench" / "bench"), *options])
    if folder is None:
        return status
    return subprocess.run([python(), str(REPORT), str(folder)]).returncode or status


def measure(command: list[str]) -> tuple[int, Path | None]:
    """The exit status of bench, and the folder of results that its last line names."""
    # Ctrl-C is for bench, which finishes with the rounds that it has.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 1, None
    finally:
        signal.signal(signal.SIGINT, before)

    print(done.stdout, end="", flush=True)
    lines = done.stdout.splitlines()
    folder = Path(lines[-1]) if lines else Path()
    if (folder / "run.json").is_file():
        return done.returncode, folder
    return done.returncode, None


def python() -> str:
    """A Python that has the report's modules, as far as can be known."""
    if importlib.util.find_spec(MODULE):
        return sys.executable
    return DEBIAN_PYTHON


if __name__ == "__main__":
    sys.exit(main())
