#!/usr/bin/env python3
"""Print how a run compares to the bars that the pool is built to.

usage: bars.py FOLDER

FOLDER is results/<label>. The bars, by their names:

peers   no allocator that is called and keeps as much memory is faster than the
        pool: pool against all that keep a bounded amount, pool_unbounded against
        those that keep all
limit   pool_inline against bump_memory: nearly as fast
pmr     pool_inline against std::pmr, which is compiled into the loop too
nginx   pool against nginx's own: nowhere slower
resets  many times as fast as nginx's own after resets
free    ngx_pfree() against glibc's free(), in random order

The other bars have tests of their own: bench/test/instructions.py and
bench/test/memory_test.c.

A ratio is the median over the layouts, with its interval, and verdicts.py says
which of two is faster. A bound is kept where the whole interval is within it, and
missed where the whole interval is beyond it. Else that is not known. Rows that
were not run are named. The status is 0 whatever the figures are, or 2 where
FOLDER holds no results.
"""

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import places
import verdicts
from interval import Estimate
from load import InputError, Row, Run, load
from places import rivals
from table import AGAIN, ratio
from verdicts import USUAL_CONFIDENCE

POOL = "pool"
INLINE = "pool_inline"
UNBOUNDED = "pool_unbounded"

WORKLOADS = ("fill", "fill_reset")
SIZES = ("lognormal", "uniform", "fleet", "nginx_request")
NS = (10, 25, 100, 1000, 10000, 100000)

WORDS = {  # for a cell, by its place
    places.FASTEST: "fastest",
    places.EQUAL_TOP: "equal",
    places.BEATEN: "slower",
    places.OPEN: "unknown",
}


@dataclass(frozen=True)
class Bar:
    """The time of row over other's in the same cell is at most most."""

    name: str
    row: Row
    other: str
    most: float


@dataclass(frozen=True)
class Duel:
    """own against others: none of them may be faster in any of cells, own's rows."""

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
            result.append(Bar("limit", row, "bump_memory", most))
    row = Row("fill_reset", POOL, "lognormal", 10000)
    result.append(Bar("resets", row, "nginx", 1 / 15))
    row = Row("free_random", POOL, "fixed4096", 100000)
    result.append(Bar("free", row, "glibc", 1.3))
    return result


def duels(run: Run) -> list[Duel]:
    own = {POOL, POOL + AGAIN, INLINE, UNBOUNDED}
    names = sorted({row.allocator for row in run.rates} - own)
    return [
        *(
            Duel("peers", name, rivals(names, name, run.machine), _cells(name))
            for name in (POOL, UNBOUNDED)
        ),
        Duel("pmr", INLINE, ["pmr"], _cells(INLINE)),
        Duel("nginx", POOL, ["nginx"], _measured(run, POOL, "nginx")),
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
    """How many cells are judged, and each cell in which a rival is faster."""
    counts: Counter[str] = Counter()
    beaten = []
    for cell in duel.cells:
        others = _others(run, cell, duel.others)
        found = places.place(others)
        counts[found.verdict] += 1
        if found.verdict == places.BEATEN:
            beaten.append(_beaten(cell, others))
    head = f"{duel.name:6} {duel.own}"
    judged = ", ".join(f"{word} in {counts[name]}" for name, word in WORDS.items())
    measured = len(duel.cells) - counts[places.NO_RIVAL]
    return [
        f"{head}: {judged} of {measured} cells, {counts[places.NO_RIVAL]} not measured",
        *(f"{head}: slower in {text}" for text in beaten),
    ]


def _others(run: Run, cell: Row, names: list[str]) -> dict[str, tuple[Estimate, str]]:
    """For each of names that was measured: its time over cell's, and the verdict."""
    pair = _pair(run, cell)
    result = {}
    for name in names:
        found = ratio(run, cell._replace(allocator=name), cell, USUAL_CONFIDENCE)
        if found:
            result[name] = (found.ratio, verdicts.judge(found, pair))
    return result


def _beaten(cell: Row, others: dict[str, tuple[Estimate, str]]) -> str:
    """The rivals that are faster in cell, the fastest first."""
    faster = sorted(
        (found.median, name, found)
        for name, (found, verdict) in others.items()
        if verdict == verdicts.FASTER
    )
    return f"{cell}: " + ", ".join(
        f"{name} {_text(found)}" for _, name, found in faster
    )


def _pair(run: Run, cell: Row) -> Estimate | None:
    """The A/A pair's ratio in the same cell, of whichever allocator it is."""
    pool = cell._replace(allocator=POOL)
    found = ratio(run, pool._replace(allocator=POOL + AGAIN), pool, USUAL_CONFIDENCE)
    return found.ratio if found else None


def _line(run: Run, bar: Bar) -> str:
    head = f"{bar.name:6} {bar.row} over {bar.other}"
    other = bar.row._replace(allocator=bar.other)
    found = ratio(run, bar.row, other, USUAL_CONFIDENCE)
    if found is None:
        return f"{head}: not measured"
    if found.ratio.high <= bar.most:
        verdict = "pass"
    elif found.ratio.low > bar.most:
        verdict = "FALLS SHORT"
    else:
        verdict = "unknown"
    return f"{head}: {_text(found.ratio)}, at most {bar.most:.3f}: {verdict}"


def _text(found: Estimate) -> str:
    return f"{found.median:.3f} ({found.low:.3f} to {found.high:.3f})"


if __name__ == "__main__":
    sys.exit(main())
