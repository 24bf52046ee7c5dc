#!/usr/bin/env python3
"""How many instructions allocations take, by callgrind: exact from run to run.

usage: instructions.py VALGRIND STATIC SHARED [LIBRARY...]

STATIC and SHARED are instructions.c's program, linked with the pool's library of
that kind; a LIBRARY is a shared one that they load. Each figure is what one more iteration costs, in a process that has
done some: the pool's blocks are kept then. It is all that the iteration executes,
so the caller's own calls and loop are in it. Prints a TAP line a figure; more
than what stands here as reached is a failure. Beside them stands what is executed
inside the pool's functions, and nginx's own, where the program has it.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

FEW = 100
MANY = 1100
ONE_TIMES = 100  # allocations of an iteration of "one"

# The most instructions that each may take, as reached with gcc 12 or clang 14 and
# -O2, a little for other compilers added. The goals were 500 for a request and 10 for
# one allocation.
REACHED = {
    "request": 970,
    "request_inline": 870,
    "request shared": 1000,
    "request_inline shared": 880,
    "one": 12.1,
}

# What callgrind counts alone for the figures "inside".
FUNCTIONS = ("create_pool", "palloc", "destroy_pool")


def main() -> int:
    valgrind, static, shared, *libraries = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        strip(libraries, Path(folder))
        return check(valgrind, static, shared)


def strip(libraries: list[str], folder: Path) -> None:
    """Let the programs load copies without what a debugger reads: valgrind 3.19
    gives up at clang's."""
    for library in map(Path, libraries):
        for path in library.parent.glob(library.name.split(".so")[0] + ".so*"):
            if path.is_file():
                subprocess.run(
                    ["objcopy", "--strip-debug", path, folder / path.name], check=True
                )
    paths = [str(folder), os.environ.get("LD_LIBRARY_PATH", "")]
    os.environ["LD_LIBRARY_PATH"] = ":".join(filter(None, paths))


def check(valgrind: str, static: str, shared: str) -> int:
    one = cost(valgrind, static, "one")
    none = cost(valgrind, static, "none")
    figures = {
        "request": cost(valgrind, static, "request"),
        "request_inline": cost(valgrind, static, "request_inline"),
        "request shared": cost(valgrind, shared, "request"),
        "request_inline shared": cost(valgrind, shared, "request_inline"),
        "one": None if one is None or none is None else (one - none) / ONE_TIMES,
    }
    missing = [name for name, figure in figures.items() if figure is None]
    if missing:
        print(f"Bail out! nothing counted for {', '.join(missing)}")
        return 1
    print(f"1..{len(figures)}")
    for number, (name, figure) in enumerate(figures.items(), start=1):
        verdict = "ok" if figure <= REACHED[name] else "not ok"
        print(f"{verdict} {number} - {name}: {figure:g} instructions,"
              f" at most {REACHED[name]}")
    others = {
        "request inside": cost(valgrind, static, "request", "ngx_"),
        "nginx's own": cost(valgrind, static, "request_nginx"),
        "nginx's own inside": cost(valgrind, static, "request_nginx", "nginx_"),
    }
    for name, figure in others.items():
        if figure is not None:
            print(f"# {name}: {figure:g}")
    return 0


def cost(valgrind: str, program: str, mode: str, inside: str = "") -> float | None:
    """Of an iteration; inside: within the functions of that prefix, what they
    call included. None where the program has no such mode."""
    collect = [f"--toggle-collect={inside}{name}" for name in FUNCTIONS if inside]
    few = count(valgrind, program, mode, FEW, collect)
    many = count(valgrind, program, mode, MANY, collect)
    return None if few is None or many is None else (many - few) / (MANY - FEW)


def count(
    valgrind: str, program: str, mode: str, iterations: int, collect: list[str]
) -> int | None:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [valgrind, "--tool=callgrind", *collect,
             f"--callgrind-out-file={Path(folder) / 'out'}",
             program, mode, str(iterations)],
            capture_output=True, text=True,
        )
    found = re.search(r"Collected : (\d+)", done.stderr)
    return int(found[1]) if found and done.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
