"""The facts about the published run and the files beside it."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import verdicts
import words
from interval import Estimate
from load import MEMORY, Memory, Object, Row, Run
from mutants import Score
from table import AGAIN, Table, ratio
from verdicts import FASTER, SLOWER

POOL = "pool"
INLINE = "pool_inline"
LIMIT = "bump_memory"
GLIBC = "glibc"
NGINX = "nginx"
MALLOCS = (GLIBC, "tcmalloc", "mimalloc", "jemalloc")

NAMES = {  # as a reader knows them
    POOL: "pool",
    INLINE: "pool, inlined",
    LIMIT: "limit: bump pointer",
    "pool_unbounded": "pool, keeps all",
    NGINX: "nginx's own pool",
    "apr_limit": "APR, keeps 16 MiB",
    "apr": "APR, keeps all",
    "obstack": "GNU obstack",
    "pmr": "std::pmr monotonic",
    "talloc_pool": "talloc_pool",
    GLIBC: "glibc malloc",
}


class Cell(NamedTuple):
    """A case that allocators are measured in."""

    workload: str
    sizes: str
    n: int

    def __str__(self) -> str:
        return "/".join(map(str, self))

    def row(self, allocator: str) -> Row:
        return Row(self.workload, allocator, self.sizes, self.n)


class Speed(NamedTuple):
    """How many times as fast one allocator is as another one."""

    times: Estimate  # above 1: it is faster
    rounds: tuple[float, float]  # the least and the most of a round
    verdict: str  # FASTER: it is faster than the other one

    @property
    def text(self) -> str:
        """The text for a cell of a table."""
        span = f"{words.interval(self.times)}"
        if self.verdict in (FASTER, SLOWER):
            return f"{words.digits(self.times.median)}× ({span})"
        return f"{self.verdict} ({span})"


Grid = dict[str, dict[str, str]]  # a table: by its first column, then by head


@dataclass(frozen=True)
class Facts:
    run: Run
    table: Table
    mutants: list[Score] = field(default_factory=list)  # results/mutants.json
    mutator: Object | None = None  # results/mutator.json
    kept_curve: list[Grid] | None = None  # results/kept_curve.md
    left_bound: list[Grid] | None = None  # results/left_bound.md
    campaigns: list[dict[str, str]] | None = None  # results/campaigns.csv
    history: list[dict[str, str]] = field(default_factory=list)

    def speed(self, cell: Cell, mine: str, other: str) -> Speed | None:
        """How many times as fast mine is as other; None where one was not run."""
        found = ratio(self.run, cell.row(other), cell.row(mine), self.table.confidence)
        if found is None:
            return None
        verdict = verdicts.judge(found, self.noise(cell))
        turned = {FASTER: SLOWER, SLOWER: FASTER}
        rates, others = self.run.rates[cell.row(mine)], self.run.rates[cell.row(other)]
        each = [rates[number] / others[number] for number in rates if number in others]
        return Speed(found.ratio, (min(each), max(each)), turned.get(verdict, verdict))

    def noise(self, cell: Cell) -> Estimate | None:
        """The A/A pair's ratio in this cell."""
        first, second = self.table.pair
        found = ratio(
            self.run, cell.row(second), cell.row(first), self.table.confidence
        )
        return found.ratio if found else None

    def time_ns(self, cell: Cell, allocator: str) -> Estimate | None:
        """The time of an allocation, with its share of the region's start and end."""
        rates = self.run.rates.get(cell.row(allocator))
        if rates is None:
            return None
        rate = verdicts.typical(rates, self.run.layouts, self.table.confidence)
        return Estimate(1e9 / rate.median, 1e9 / rate.high, 1e9 / rate.low)

    def memory(self, allocator: str, sizes: str, n: int) -> Memory | None:
        return self.run.memory.get(Row(MEMORY, allocator, sizes, n))

    def instructions(self, cell: Cell, allocator: str) -> float | None:
        counts = self.run.counts.get(cell.row(allocator))
        return counts.instructions if counts else None

    def cells(self, workloads: Iterable[str], allocator: str = POOL) -> list[Cell]:
        """The cells that the allocator has figures of."""
        return [
            Cell(group.workload, group.sizes, n)
            for workload in workloads
            for group in self.table.of(workload)
            for n in group.ns
            if (allocator, n) in group.cells
        ]

    def duels(self) -> list[tuple[Cell, str, Speed]]:
        """The speeds of the pool over each malloc, in each cell that has both."""
        found = [
            (cell, other, self.speed(cell, POOL, other))
            for cell in self.cells(self.table.workloads)
            for other in MALLOCS
        ]
        return [(cell, other, speed) for cell, other, speed in found if speed]

    def losses(self) -> list[tuple[Cell, str, Speed]]:
        return [found for found in self.duels() if found[2].verdict == SLOWER]

    @property
    def typical_spread(self) -> float:
        """The median over cells of how far the A/A interval reaches from 1."""
        pairs = self.table.pairs
        return verdicts.percent(statistics.median(map(verdicts.spread, pairs)))


def plain(value: object) -> str:
    """A file's text as one line that can be written."""
    text = " ".join(str(value).split())
    return text.encode(errors="replace").decode()


def name_of(allocator: str) -> str:
    return NAMES.get(allocator, allocator.removesuffix(AGAIN))
