#!/usr/bin/env python3
"""Print how a run's figures stand to the bars that the pool is built to.

usage: bars.py FOLDER

FOLDER is results/<label>. A line a bar and row: the median of the rounds' ratios,
its interval, and whether the bar is passed, where the A/A spread is allowed.
Rows that were not run are named. Nothing is decided here: the status is 0, or 2
where FOLDER holds no results.
"""

import math
import sys
from dataclasses import dataclass
from pathlib import Path

import words
from interval import Estimate
from load import InputError, Row, Run, load
from places import CALLED, classes
from table import AGAIN, ratio, spread

CONFIDENCE = 0.95
POOL = "pool"


@dataclass(frozen=True)
class Bar:
    """The time of row over that of other is at most most."""

    name: str
    row: Row
    other: Row
    most: float
    tie: bool = False  # the A/A spread is allowed on top


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        run = load(Path(sys.argv[1]))
        for line in lines(run):
            print(line)
    except InputError as error:
        print(f"bars: {error}", file=sys.stderr)
        return 2
    return 0


def lines(run: Run) -> list[str]:
    result = [_line(run, bar) for bar in bars()]
    result += _growth(run)
    result += _peers(run)
    return result


def bars() -> list[Bar]:
    result = []
    for sizes in ("lognormal", "nginx_request"):
        for n in (100, 1000, 10000):
            limit = Row("fill_reset", "bump_memory", sizes, n)
            for name, most in (
                ("pool_inline", 1.25),
                ("pool_grow_inline", 1.25),
                (POOL, 2.0),
                ("pool_grow", 2.0),
            ):
                result.append(
                    Bar(f"1 {name}", limit._replace(allocator=name), limit, most)
                )
    for workload in ("fill", "fill_reset"):
        for n in (1, 10, 25, 100, 1000, 10000, 100000):
            row = Row(workload, POOL, "lognormal", n)
            other = row._replace(allocator="nginx")
            result.append(Bar("2 never slower", row, other, 1.0, tie=True))
    for workload, n, factor in (
        ("fill", 10, 1.5),
        ("fill", 1000, 1.8),
        ("fill", 10000, 3.0),
        ("fill_trim", 10000, 15.0),
        ("fill_reset", 1000, 1.6),
        ("fill_reset", 10000, 15.0),
    ):
        row = Row(workload, POOL, "lognormal", n)
        other = row._replace(allocator="nginx")
        result.append(Bar(f"2 {factor:g} times as fast", row, other, 1 / factor))
    row = Row("free_random", POOL, "fixed4096", 100000)
    result.append(Bar("5 free", row, row._replace(allocator="glibc"), 1.5))
    for n in (10, 100, 1000, 10000):
        row = Row("threads_2", POOL, "lognormal", n)
        other = row._replace(workload="threads_1")
        result.append(Bar("8 two threads", row, other, 1 / 1.9))
    return result


def _line(run: Run, bar: Bar) -> str:
    head = f"{bar.name:22} {bar.row} / {bar.other}"
    found = ratio(run, bar.row, bar.other, CONFIDENCE)
    if found is None:
        return f"{head}: not measured"
    most = bar.most
    noise = _noise(run, bar.row)
    if bar.tie and noise is not None:
        most *= math.exp(spread(noise))
    verdict = "pass" if found.median <= most else "FALLS SHORT"
    return f"{head}: {_text(found)}, at most {words.digits(bar.most)}: {verdict}"


def _noise(run: Run, row: Row) -> Estimate | None:
    again = row._replace(allocator=row.allocator + AGAIN)
    return ratio(run, again, row, CONFIDENCE)


def _text(found: Estimate) -> str:
    return f"{words.digits(found.median)} ({words.interval(found)})"


def _growth(run: Run) -> list[str]:
    """The cost over the limit's at each n, over the same at 100."""
    result = []
    for name in (POOL, "pool_inline"):
        costs = {}
        for n in (10, 100, 1000, 10000, 100000, 1000000):
            row = Row("fill_reset", name, "lognormal", n)
            limit = row._replace(allocator="bump_memory")
            found = ratio(run, row, limit, CONFIDENCE)
            if found:
                costs[n] = found.median
        for n, cost in costs.items():
            if 100 in costs and n != 100:
                grown = cost / costs[100]
                verdict = "pass" if grown <= 1.5 else "FALLS SHORT"
                result.append(
                    f"{'4 growth ' + name:22} n = {n} over n = 100: "
                    f"{words.digits(grown)}, at most 1.5: {verdict}"
                )
    return result or ["4 growth: not measured"]


def _peers(run: Run) -> list[str]:
    """Each cell where another one that is called is faster, beyond the A/A."""
    known = classes(run.machine)
    own = {row for row in run.rates if row.allocator == POOL}
    cells = {row: [] for row in own if row.workload in ("fill", "fill_reset")}
    for row in run.rates:
        base = row._replace(allocator=POOL)
        if (
            base in cells
            and not row.allocator.startswith(POOL)  # its twin, and variants
            and known.get(row.allocator, CALLED) == CALLED
        ):
            found = ratio(run, row, base, CONFIDENCE)
            noise = _noise(run, base)
            if found and noise and found.high < 1 and _below(found.median, noise):
                cells[base].append((found.median, row.allocator))
    lost = {row: sorted(faster) for row, faster in sorted(cells.items()) if faster}
    result = [
        f"3 fastest or tied in {len(cells) - len(lost)} of {len(cells)} cells of "
        "fill and fill_reset"
    ]
    for row, faster in lost.items():
        names = ", ".join(f"{name} {words.digits(x)}" for x, name in faster)
        result.append(f"3   {row}: beaten by {names}")
    return result


def _below(median: float, noise: Estimate) -> bool:
    return median < math.exp(-spread(noise))


if __name__ == "__main__":
    sys.exit(main())
