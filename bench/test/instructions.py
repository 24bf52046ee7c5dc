#!/usr/bin/env python3
"""How many instructions allocations take, by callgrind: exact from run to run.

usage: instructions.py VALGRIND PROGRAM

PROGRAM is instructions.c's. Each figure is what one more iteration costs, in a
process that has done some: the pool's blocks are kept then. Prints a TAP line a
figure; more than what stands here as reached is a failure.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

FEW = 100
MANY = 1100
ONE_TIMES = 100  # allocations of an iteration of "one"

# The most instructions that each may take, as reached with gcc 12 and -O2, a
# little for other compilers added. The goals were 500 for a request and 10 for
# one allocation.
REACHED = {"request": 970, "request_inline": 840, "one": 12}


def main() -> int:
    valgrind, program = sys.argv[1:]
    costs = {
        mode: cost(valgrind, program, mode)
        for mode in ("none", "one", "request", "request_inline", "request_nginx")
    }
    missing = [mode for mode in costs if costs[mode] is None]
    if missing not in ([], ["request_nginx"]):
        print(f"Bail out! nothing counted for {', '.join(missing)}")
        return 1
    figures = {
        "request": costs["request"],
        "request_inline": costs["request_inline"],
        "one": (costs["one"] - costs["none"]) / ONE_TIMES,
    }
    print(f"1..{len(figures)}")
    for number, (name, figure) in enumerate(figures.items(), start=1):
        verdict = "ok" if figure <= REACHED[name] else "not ok"
        print(f"{verdict} {number} - {name}: {figure:g} instructions,"
              f" at most {REACHED[name]}")
    if costs["request_nginx"] is not None:
        print(f"# nginx's own: {costs['request_nginx']:g}")
    return 0


def cost(valgrind: str, program: str, mode: str) -> float | None:
    """Of an iteration; None where the program has no such mode."""
    few = count(valgrind, program, mode, FEW)
    many = count(valgrind, program, mode, MANY)
    return None if few is None or many is None else (many - few) / (MANY - FEW)


def count(valgrind: str, program: str, mode: str, iterations: int) -> int | None:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [valgrind, "--tool=callgrind",
             f"--callgrind-out-file={Path(folder) / 'out'}",
             program, mode, str(iterations)],
            capture_output=True, text=True,
        )
    found = re.search(r"Collected : (\d+)", done.stderr)
    return int(found[1]) if found and done.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
