"""The view that the page opens with: its choices, and the figures for them.

Every figure comes from the run by table.py and verdicts.py. page/*.js computes the
same for other choices; a test compares the two.
"""

import statistics
from dataclasses import dataclass
from typing import NamedTuple

import places
import verdicts
from interval import Estimate
from load import Memory, Row, Run
from load import MEMORY as MEMORY_ROWS
from table import AGAIN, Table, ratio
from verdicts import SAME, percent, spread

BASE = "glibc"  # the malloc of a reader without any of these libraries
TRAFFIC = "fill"
SIZES = "lognormal"
SMALL, GREAT = 25, 1000  # allocations of a small and of a great region

# Switched on at first: one allocator of each kind, and the limit.
MAIN = ("pool", "glibc", "nginx", "tcmalloc", "apr_limit", "bump_memory")
# On the first screen.
FIRST = (
    "bump_memory",
    "pool_inline",
    "pool",
    "apr_limit",
    "nginx",
    "tcmalloc",
    "mimalloc",
    "jemalloc",
    "talloc",
    "glibc",
)
LIMIT = "bump_memory"  # the floor of a cost
LIMIT_CLASS = "limit"
FAMILIES = {  # the words that a family's names begin with
    "pool": ("pool",),
    "glibc": ("glibc", "malloc"),
    "nginx": ("nginx",),
    "tcmalloc": ("tcmalloc",),
    "apr": ("apr",),
    "jemalloc": ("jemalloc",),
    "mimalloc": ("mimalloc",),
    "talloc": ("talloc",),
}


class Speed(NamedTuple):
    """How many times as fast as the baseline a row is."""

    median: float
    low: float
    high: float
    least: float  # of the rounds
    most: float
    verdict: str
    rounds: int


@dataclass(frozen=True)
class View:
    run: Run
    table: Table
    base: str
    traffic: str
    sizes: str
    n: int
    main: list[str]  # allocators that are switched on
    first: list[str]  # those of the first screen

    @property
    def names(self) -> list[str]:
        return self.table.unique

    def row(self, name: str, n: int) -> Row:
        return Row(self.traffic, name, self.sizes, n)

    def noise(self, row: Row) -> Estimate | None:
        """The A/A pair's ratio beside row."""
        for group in self.table.groups:
            if (group.workload, group.sizes) == (row.workload, row.sizes):
                return group.pairs.get(row.n)
        return None

    def noise_percent(self, row: Row) -> float | None:
        pair = self.noise(row)
        return percent(spread(pair)) if pair else None

    def speed(self, row: Row, base: str | None = None) -> Speed | None:
        """The speed of row; None where row or its baseline was not run."""
        other = row._replace(allocator=base or self.base)
        found = ratio(self.run, row, other, self.table.confidence)
        if found is None:
            return None
        mine, theirs = self.run.rates[row], self.run.rates[other]
        rounds = [mine[k] / theirs[k] for k in mine if k in theirs]
        verdict = verdicts.judge(found, self.noise(row))
        if row.allocator.removesuffix(AGAIN) == other.allocator.removesuffix(AGAIN):
            verdict = SAME
        median, low, high = found.ratio
        return Speed(
            1 / median,
            1 / high,
            1 / low,
            min(rounds),
            max(rounds),
            verdict,
            len(rounds),
        )

    def time(self, row: Row) -> Estimate | None:
        """Nanoseconds an allocation."""
        for group in self.table.groups:
            if (group.workload, group.sizes) == (row.workload, row.sizes):
                cell = group.cells.get((row.allocator, row.n))
                if cell:
                    rate = cell.rate
                    return Estimate(1e9 / rate.median, 1e9 / rate.high, 1e9 / rate.low)
        return None

    def memory(self, name: str, n: int) -> Memory | None:
        return self.run.memory.get(Row(MEMORY_ROWS, name, self.sizes, n))

    def ns(self, traffic: str, sizes: str) -> list[int]:
        for group in self.table.groups:
            if (group.workload, group.sizes) == (traffic, sizes):
                return group.ns
        return []

    def sizes_of(self, traffic: str) -> list[str]:
        return [group.sizes for group in self.table.of(traffic)]

    def chosen(self, traffic: str) -> str:
        """The sizes that are shown for another traffic."""
        known = self.sizes_of(traffic)
        return self.sizes if self.sizes in known else known[0]


def view(table: Table, run: Run) -> View:
    names = table.unique
    traffic = TRAFFIC if TRAFFIC in table.workloads else table.workloads[0]
    known = [group.sizes for group in table.of(traffic)]
    sizes = SIZES if SIZES in known else known[0]
    ns = next(g.ns for g in table.of(traffic) if g.sizes == sizes)
    main = [name for name in names if name in MAIN]
    return View(
        run=run,
        table=table,
        base=BASE if BASE in names else table.baseline,
        traffic=traffic,
        sizes=sizes,
        n=GREAT if GREAT in ns else ns[-1],
        main=main if len(main) > 1 else names,
        first=[name for name in names if name in FIRST] if len(main) > 1 else names,
    )


def family(name: str) -> str:
    for family_, starts in FAMILIES.items():
        if name.startswith(starts):
            return family_
    return ""


def classes(view: View) -> dict[str, str]:
    known = places.classes(view.run.machine)
    return {name: known.get(name, places.SHARED) for name in view.table.allocators}


def typical_noise(view: View) -> float | None:
    """The median A/A spread of all cells, in percent."""
    found = [percent(spread(pair)) for pair in view.table.pairs]
    return statistics.median(found) if found else None
