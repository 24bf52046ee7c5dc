#!/usr/bin/env python3
"""Print how a run's figures stand to the bars that the pool is built to.

usage: bars.py FOLDER

FOLDER is results/<label>. The bars, by their numbers:

1  no called allocator with as much memory kept is ahead of the pool: pool against
   all that keep a bounded amount, pool_unbounded against those that keep all
2  pool_inline against bump_memory, and against pmr, whose library inlines too
4  against nginx's own pool: nowhere slower, and many times as fast after resets
6  ngx_pfree() against glibc's free(), in random order

Bar 3 is bench/test/instructions.py, and bar 5 is bench/test/memory_test.c.

A ratio is the median over the rounds, with its interval. One allocator is ahead of
another where the interval misses 1 and the median lies outside the spread of the
A/A pair that ran beside it. Rows that were not run are named. Nothing is decided
here: the status is 0, or 2 where FOLDER holds no results.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from interval import Estimate
from load import InputError, Row, Run, load
from places import competitors
from table import AGAIN, FASTER, judge, ratio

CONFIDENCE = 0.95
POOL = "pool"
INLINE = "pool_inline"
UNBOUNDED = "pool_unbounded"

WORKLOADS = ("fill", "fill_reset")
SIZES = ("lognormal", "uniform", "fleet", "nginx_request")
NS = (10, 25, 100, 1000, 10000, 100000)


@dataclass(frozen=True)
class Bar:
    """The time of row over other's in the same cell is at most most."""

    name: str
    row: Row
    other: str
    most: float


@dataclass(frozen=True)
class Duel:
    """None of others is ahead of own in any of cells, which are rows of own."""

    name: str
    own: str
    others: list[str]
    cells: list[Row]


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
    result = [line for duel in duels(run) for line in _duel(run, duel)]
    return result + [_line(run, bar) for bar in bars()]


def bars() -> list[Bar]:
    result = []
    for sizes, most in (("lognormal", 1.15), ("uniform", 1.6)):
        for n in (100, 1000, 10000):
            row = Row("fill_reset", INLINE, sizes, n)
            result.append(Bar("2 limit", row, "bump_memory", most))
    row = Row("fill_reset", POOL, "lognormal", 10000)
    result.append(Bar("4 resets", row, "nginx", 1 / 15))
    row = Row("free_random", POOL, "fixed4096", 100000)
    result.append(Bar("6 free", row, "glibc", 1.3))
    return result


def duels(run: Run) -> list[Duel]:
    own = {POOL, POOL + AGAIN, INLINE, UNBOUNDED}
    names = sorted({row.allocator for row in run.rates} - own)
    return [
        Duel("1 peers", POOL, competitors(names, POOL, run.machine), _cells(POOL)),
        Duel(
            "1 peers",
            UNBOUNDED,
            competitors(names, UNBOUNDED, run.machine),
            _cells(UNBOUNDED),
        ),
        Duel("2 pmr", INLINE, ["pmr"], _cells(INLINE)),
        Duel("4 nginx", POOL, ["nginx"], _measured(run, POOL, "nginx")),
    ]


def _cells(allocator: str) -> list[Row]:
    return [
        Row(workload, allocator, sizes, n)
        for workload in WORKLOADS
        for sizes in SIZES
        for n in NS
    ]


def _measured(run: Run, own: str, other: str) -> list[Row]:
    rows = run.rates.keys()
    return sorted(
        row._replace(allocator=own)
        for row in rows
        if row.allocator == other and row._replace(allocator=own) in rows
    )


def _duel(run: Run, duel: Duel) -> list[str]:
    """How many cells are judged, and each in which another one is ahead."""
    ahead = {cell: _ahead(run, cell, duel.others) for cell in duel.cells}
    judged = {cell: found for cell, found in ahead.items() if found is not None}
    lost = {cell: found for cell, found in judged.items() if found}
    head = f"{duel.name:8} {duel.own}"
    unmeasured = len(duel.cells) - len(judged)
    result = [
        f"{head}: none ahead in {len(judged) - len(lost)} of {len(judged)} cells"
        f", {unmeasured} not measured"
    ]
    return result + [
        f"{head}: slower in {cell}: {', '.join(found)}" for cell, found in lost.items()
    ]


def _ahead(run: Run, cell: Row, others: Iterable[str]) -> list[str] | None:
    """Those of others that are ahead, the fastest first, and their time over
    cell's; None where nothing was measured that could say so."""
    noise = _noise(run, cell)
    found = {
        name: estimate
        for name in others
        if (estimate := ratio(run, cell._replace(allocator=name), cell, CONFIDENCE))
    }
    if noise is None or not found:
        return None
    return [
        f"{name} {_text(found[name])}"
        for name in sorted(found, key=lambda name: found[name].median)
        if judge(found[name], noise) == FASTER
    ]


def _noise(run: Run, cell: Row) -> Estimate | None:
    """The A/A pair's ratio beside cell, whoever's row that is."""
    pool = cell._replace(allocator=POOL)
    return ratio(run, pool._replace(allocator=POOL + AGAIN), pool, CONFIDENCE)


def _line(run: Run, bar: Bar) -> str:
    head = f"{bar.name:8} {bar.row} over {bar.other}"
    found = ratio(run, bar.row, bar.row._replace(allocator=bar.other), CONFIDENCE)
    if found is None:
        return f"{head}: not measured"
    verdict = "pass" if found.median <= bar.most else "FALLS SHORT"
    return f"{head}: {_text(found)}, at most {bar.most:.3f}: {verdict}"


def _text(found: Estimate) -> str:
    return f"{found.median:.3f} ({found.low:.3f} to {found.high:.3f})"


if __name__ == "__main__":
    sys.exit(main())
