#!/usr/bin/env python3
"""Run bench from a build folder, then make the report of its results.

usage: run.py BUILD [option...]

BUILD is the folder that meson built in; the options are those of bench, which
--help lists. ninja's target "bench" and the front door call this.
"""

import importlib.util
import json
import signal
import subprocess
import sys
from pathlib import Path

REPORT = Path(__file__).parent / "report" / "main.py"
MODULES = ("jinja2", "matplotlib", "scipy")
DEBIAN_PYTHON = "/usr/bin/python3"  # the one that Debian's modules belong to


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    build, *options = sys.argv[1:]
    status, folder = measure([str(Path(build) / "bench" / "bench"), *options])
    if folder is None:
        return status
    return report(folder) or status


def measure(command: list[str]) -> tuple[int, Path | None]:
    """The status of bench, and where it says that its results are."""
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


def report(folder: Path) -> int:
    context = json.loads((folder / "run.json").read_text())["context"]
    command = [python(), str(REPORT), str(folder)]
    if "aa_pair" in context:
        command += ["--baseline", context["aa_pair"].split(",")[0]]
    return subprocess.run(command).returncode


def python() -> str:
    """A Python that has what the report needs, as far as one can tell."""
    if all(importlib.util.find_spec(module) for module in MODULES):
        return sys.executable
    return DEBIAN_PYTHON


if __name__ == "__main__":
    sys.exit(main())
