#!/usr/bin/env python3
"""How many instructions allocations take, by callgrind: exact from run to run.

usage: instructions.py [--others] VALGRIND STATIC SHARED [LIBRARY...]

STATIC and SHARED are instructions.c's program, linked with the pool's library of
that kind; a LIBRARY is a shared one that they load. Each figure is the cost of one
more iteration in a process that has done some: the pool's blocks are kept then.
Prints a TAP line a figure; more than its bar is a failure. The figures:

- inlined: ngx_palloc_inline() of a size that fits. The loop with nothing in it is
  taken off.
- called: ngx_palloc() of a size that fits, from its first instruction to its
  return, both counted. The caller's call and arguments are not.
- fill_reset: an allocation of lognormal sizes, 1,000 a region. The instructions in
  ngx_palloc() and ngx_reset_pool() are counted, likewise, new blocks included.
- request: the 24 small allocations of an nginx request, from create to destroy.
  All instructions are counted, the caller's calls included.

BENCH_SPARE, in the environment, is how many more an allocation may take: the bars are
those of Debian 12's compilers.

With --others comments have the same of nginx's own pool and of APR, where they are
there. No bar is for them.
"""

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

FEW = 100
MANY = 1100
SPARE = int(os.environ.get("BENCH_SPARE", "0"))
IN_REQUEST = 24  # allocations
TIMES = {"one": 100, "fill": 1000, "request": 1}  # allocations of an iteration


@dataclass(frozen=True)
class Figure:
    """A figure of a mode, for each of its allocations or regions."""

    name: str
    mode: str
    inside: tuple[str, ...] = ()  # functions: nothing else is counted
    less: str = ""  # the mode that is taken off
    is_shared: bool = False


# The most instructions that each may take, and in the comment those of gcc 12 with
# -O2. Where no bar is set, it is the latter and a little for other compilers.
REACHED = {
    Figure("inlined", "one_pool_inline", less="one_empty"): 10,  # 10
    Figure("called", "one_pool", ("ngx_palloc",)): 11,  # 11
    Figure("fill_reset", "fill_pool", ("ngx_palloc", "ngx_reset_pool")): 14,  # 11.4
    Figure("request", "request_pool"): 715,  # 695; the goal was 550
    Figure("request shared", "request_pool", is_shared=True): 720,  # 699
    Figure("request inlined", "request_pool_inline"): 590,  # 566
    Figure(
        "request inlined, shared", "request_pool_inline", is_shared=True
    ): 590,  # 566
}

OTHERS = [
    Figure("fill_reset inlined", "fill_pool_inline", less="fill_empty"),
    Figure("nginx's own: called", "one_nginx", ("nginx_palloc",)),
    Figure(
        "nginx's own: fill_reset", "fill_nginx", ("nginx_palloc", "nginx_reset_pool")
    ),
    Figure("nginx's own: request", "request_nginx"),
    Figure("APR: called, new blocks included", "one_apr", ("apr_palloc",)),
    Figure("APR: fill_reset", "fill_apr", ("apr_palloc", "apr_pool_clear")),
    Figure("APR: request", "request_apr"),
]


def main() -> int:
    words = sys.argv[1:]
    has_others = words[0] == "--others"
    valgrind, static, shared, *libraries = words[has_others:]
    with tempfile.TemporaryDirectory() as folder:
        strip(libraries, Path(folder))
        return check(valgrind, static, shared, OTHERS if has_others else [])


def strip(libraries: list[str], folder: Path) -> None:
    """Let the programs load copies without debug information: valgrind 3.19 cannot
    read clang's."""
    for library in map(Path, libraries):
        for path in library.parent.glob(library.name.split(".so")[0] + ".so*"):
            if path.is_file():
                subprocess.run(
                    ["objcopy", "--strip-debug", path, folder / path.name], check=True
                )
    paths = [str(folder), os.environ.get("LD_LIBRARY_PATH", "")]
    os.environ["LD_LIBRARY_PATH"] = ":".join(filter(None, paths))


def check(valgrind: str, static: str, shared: str, others: list[Figure]) -> int:
    """Print the figures. Returns the exit status."""

    def one(figure: Figure) -> float | None:
        program = shared if figure.is_shared else static
        return each(valgrind, program, figure)

    figures = {figure: one(figure) for figure in REACHED}
    missing = [figure.name for figure, found in figures.items() if found is None]
    if missing:
        print(f"Bail out! nothing counted for {', '.join(missing)}")
        return 1
    print(f"1..{len(figures)}")
    for number, (figure, found) in enumerate(figures.items(), start=1):
        times = IN_REQUEST if figure.mode.startswith("request") else 1
        most = REACHED[figure] + SPARE * times
        verdict = "ok" if round(found, 1) <= most else "not ok"
        print(f"{verdict} {number} - {figure.name}: {found:.1f} instructions,"
              f" at most {most}")
    for figure in others:
        found = one(figure)
        if found is not None:
            print(f"# {figure.name}: {found:.1f}")
    return 0


def each(valgrind: str, program: str, figure: Figure) -> float | None:
    """The cost of an allocation of it; None where the program has no such mode."""
    times = TIMES[figure.mode.split("_")[0]]
    found = cost(valgrind, program, figure.mode, figure.inside)
    less = cost(valgrind, program, figure.less) if figure.less else 0.0
    return None if found is None or less is None else (found - less) / times


def cost(
    valgrind: str, program: str, mode: str, inside: tuple[str, ...] = ()
) -> float | None:
    """The cost of an iteration of mode; inside: within these functions, their
    callees included. None where the program has no such mode."""
    collect = [f"--toggle-collect={name}" for name in inside]
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
