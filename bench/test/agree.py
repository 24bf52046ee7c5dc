#!/usr/bin/env python3
"""Compare bench with an independent program on nine cells. For a quiet machine.

usage: agree.py [--most RATIO] [--turns N] [--cells A/N,...] [--far] BUILD

BUILD is the folder that meson built in. independent.c measures the same as some rows of
bench, with none of its code: fill on pool, apr_limit and tcmalloc, with sizes of
lognormal.csv and n = 25, 100 and 1000. It is linked once for each layout, against the
pool of that layout. The programs take turns: bench runs a round, in a layout that the
turn's number gives, then the independent program runs in the same. A figure is the
median of each layout's turns, then the median over layouts.

The independent program is started by way of the dynamic linker, which maps it beside
the libraries, as the modules of bench are. Started as usual, a program lies more than
4 GiB away from its libraries, and processors may predict such calls worse: pool/100
took 2.8 ns instead of 2.0 on an Intel Xeon. With --far it is started as usual.

Prints a line for each cell. Exit status: 0 they agree; 1 a cell differs by more than
RATIO, which is 1.1; 2 nothing could be compared. It takes about 2 minutes.
"""

import argparse
import functools
import json
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

SIZES = Path(__file__).resolve().parents[1] / "sizes" / "lognormal.csv"
ALLOCATORS = ("pool", "apr_limit", "tcmalloc")
NS = (25, 100, 1000)
TURNS = 36  # three a layout, on average
TRACE = Path(__file__).resolve().parents[2] / "corpus" / "seeds" / "burst.ops"


class Cell(NamedTuple):
    allocator: str
    n: int

    def __str__(self) -> str:
        return f"{self.allocator}/{self.n}"


CELLS = [Cell(allocator, n) for allocator in ALLOCATORS for n in NS]
Figures = dict[tuple[Cell, int], list[float]]  # ns of each turn, by cell and layout


class AgreeError(Exception):
    """Nothing can be compared: why."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("build", type=Path)
    parser.add_argument("--most", type=float, default=1.1)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--cells", type=cells, default=CELLS)
    parser.add_argument("--far", action="store_true")
    arguments = parser.parse_args()
    theirs: Figures = {}
    ours: Figures = {}
    try:
        for seed in range(arguments.turns):
            layout = run_bench(arguments.build, arguments.cells, seed, theirs)
            run_independent(
                arguments.build, arguments.cells, layout, arguments.far, ours
            )
    except AgreeError as error:
        print(f"agree: {error}", file=sys.stderr)
        return 2
    return show(arguments.cells, theirs, ours, arguments.most)


def cells(text: str) -> list[Cell]:
    found = [cell for cell in CELLS if str(cell) in text.split(",")]
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} has none of {', '.join(map(str, CELLS))}")
    return found


def run_bench(build: Path, chosen: list[Cell], seed: int, figures: Figures) -> int:
    """Adds the ns of one round, and returns its layout."""
    rows = "|".join(f"fill/{cell.allocator}/lognormal/{cell.n}" for cell in chosen)
    with tempfile.TemporaryDirectory() as folder:
        call(
            str(build / "bench" / "bench"), "--filter", f"^({rows})$", "--rounds", "1",
            "--seed", str(seed), "--results", folder, "--label", "agree",
            "--traces", str(TRACE),  # a short one: it starts sooner
            env={"PATH": ""},  # no valgrind: instructions are not wanted
        )
        run = json.loads((Path(folder) / "agree" / "run.json").read_text())
    for entry in run["benchmarks"]:
        if "error_message" in entry:
            raise AgreeError(f"{entry['name']}: {entry['error_message']}")
        cell = Cell(entry["allocator"], entry["n"])
        if cell in chosen:
            ns = 1e9 / entry["items_per_second"]
            figures.setdefault((cell, entry["layout"]), []).append(ns)
    return run["benchmarks"][0]["layout"]


def run_independent(
    build: Path, chosen: list[Cell], layout: int, is_far: bool, figures: Figures
) -> None:
    """Adds the ns of the cells."""
    program = str(build / "bench" / "test" / f"independent_{layout}")
    start = [] if is_far else [dynamic_linker(program)]
    for cell in chosen:
        out = call(*start, program, cell.allocator, str(cell.n), str(SIZES))
        _, *runs = map(float, out.split())  # the first one warms up
        figures.setdefault((cell, layout), []).append(statistics.median(runs))


@functools.cache
def dynamic_linker(program: str) -> str:
    out = call("readelf", "--string-dump=.interp", program)
    match = re.search(r"/\S+", out.partition("]")[2])
    if match is None:
        raise AgreeError(f"{program}: found no dynamic linker in it")
    return match.group()


def call(*command: str, env: dict[str, str] | None = None) -> str:
    """The output of command."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=env)
    except OSError as error:
        raise AgreeError(f"{command[0]}: {error.strerror}") from None
    if done.returncode != 0:
        raise AgreeError(f"{command[0]}: status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def show(chosen: list[Cell], theirs: Figures, ours: Figures, most: float) -> int:
    print(f"{'cell':16} {'bench':>8} {'independent':>12} {'difference':>11}")
    worst = 1.0
    for cell in chosen:
        one, other = over_layouts(theirs, cell), over_layouts(ours, cell)
        ratio = one / other
        worst = max(worst, ratio, 1 / ratio)
        print(f"{cell!s:16} {one:8.2f} {other:12.2f} {100 * (ratio - 1):+10.1f}%")
    print(f"largest difference: a factor of {worst:.3f}; at most {most:g} is allowed")
    return 1 if worst > most else 0


def over_layouts(figures: Figures, cell: Cell) -> float:
    return statistics.median(
        statistics.median(values) for (of, _), values in figures.items() if of == cell
    )


if __name__ == "__main__":
    sys.exit(main())
