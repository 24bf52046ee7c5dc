"""From the rounds of a run to figures with intervals and verdicts."""

import math
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from interval import Estimate, coverage, estimate, highest_coverage, rounds_needed
from load import InputError, Row, Run

AGAIN = "_again"  # ends an allocator's second name in an A/A pair

FASTER = "faster"
SLOWER = "slower"
TIE = "tie"
SAME = "A/A"  # the baseline itself, or an allocator's second name
UNJUDGED = "unjudged"  # no baseline or no A/A pair beside it


@dataclass(frozen=True)
class Cell:
    """What one row of the run comes to."""

    rounds: int
    rate: Estimate  # allocations a second
    ratio: Estimate | None  # its time over the baseline's; None: no baseline
    verdict: str

    @property
    def time_ns(self) -> float:
        """Median time of an allocation."""
        return 1e9 / self.rate.median


@dataclass(frozen=True)
class Group:
    """One workload on one size distribution: what a reader compares."""

    workload: str
    sizes: str
    ns: list[int]
    allocators: list[str]
    cells: dict[tuple[str, int], Cell]
    pairs: dict[int, Estimate]  # by n: the A/A pair's ratio

    def only(self, names: Collection[str]) -> "Group":
        cells = {key: cell for key, cell in self.cells.items() if key[0] in names}
        return replace(
            self,
            ns=[n for n in self.ns if any(key[1] == n for key in cells)],
            allocators=[name for name in self.allocators if name in names],
            cells=cells,
        )

    def of(self, allocator: str) -> list[tuple[int, Cell]]:
        """The allocator's cells in order of n."""
        return [
            (n, self.cells[allocator, n])
            for n in self.ns
            if (allocator, n) in self.cells
        ]


@dataclass(frozen=True)
class Table:
    baseline: str
    pair: tuple[str, str]  # the names of the A/A pair
    confidence: float  # as asked for
    coverage: float  # as attained where rounds are fewest
    rounds: tuple[int, int]  # fewest and most
    allocators: list[str]  # the baseline and its twin first, then by name
    groups: list[Group]
    others: dict[str, Estimate]  # rows that compare nothing: ns

    def only(self, names: Collection[str]) -> "Table":
        """The same of these allocators alone, without what has none of them."""
        groups = [group.only(names) for group in self.groups]
        return replace(
            self,
            allocators=[name for name in self.allocators if name in names],
            groups=[group for group in groups if group.cells],
        )

    @property
    def workloads(self) -> list[str]:
        return sorted({group.workload for group in self.groups})

    def of(self, workload: str) -> list[Group]:
        return [group for group in self.groups if group.workload == workload]

    @property
    def unique(self) -> list[str]:
        """The allocators without the second name of the A/A pair."""
        return [name for name in self.allocators if name != self.pair[1]]

    @property
    def pairs(self) -> list[Estimate]:
        return [pair for group in self.groups for pair in group.pairs.values()]


def table(run: Run, baseline: str, confidence: float) -> Table:
    """All figures of run. Raises InputError."""
    allocators = _allocators(run, baseline)
    pair = _pair(run, baseline, allocators)
    needed = rounds_needed(confidence)
    for name, rounds in (run.rates | run.others).items():
        if len(rounds) < needed:
            raise InputError(
                f"{run.path}: {name} has {len(rounds)} rounds; expected {needed} "
                f"or more, for an interval of {confidence:.4g} confidence"
                f"; {len(rounds)} give at most {highest_coverage(len(rounds)):.4g}"
            )
    counts = [len(rounds) for rounds in run.rates.values()]
    return Table(
        baseline=baseline,
        pair=pair,
        confidence=confidence,
        coverage=min(coverage(count, confidence) for count in set(counts)),
        rounds=(min(counts), max(counts)),
        allocators=allocators,
        groups=_groups(run, baseline, pair, confidence, allocators),
        others={
            name: estimate(list(rounds.values()), confidence)
            for name, rounds in sorted(run.others.items())
        },
    )


def judge(ratio: Estimate, pair: Estimate) -> str:
    """Whether a row is faster or slower than the baseline, beyond doubt.

    It is where its interval misses 1 and its median lies outside the spread
    of the A/A pair that ran beside it in the same rounds.
    """
    if ratio.low <= 1.0 <= ratio.high or _distance(ratio.median) <= spread(pair):
        return TIE
    return FASTER if ratio.median < 1.0 else SLOWER


def spread(pair: Estimate) -> float:
    """How far, as a logarithm, an A/A interval reaches from 1."""
    return max(_distance(pair.low), _distance(pair.high))


def percent(distance: float) -> float:
    """A distance between logarithms as a reader's percents."""
    return 100.0 * math.expm1(distance)


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key that puts fixed_64 before fixed_512."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]


def _distance(ratio: float) -> float:
    return abs(math.log(ratio))


def _allocators(run: Run, baseline: str) -> list[str]:
    known = sorted({row.allocator for row in run.rates}, key=natural)
    if baseline not in known:
        raise InputError(
            f'{run.path}: no row of the baseline "{baseline}" has figures; '
            f"expected one of: {', '.join(known) or 'no row has any'}"
        )
    first = [name for name in (baseline, baseline + AGAIN) if name in known]
    return first + [name for name in known if name not in first]


def _pair(run: Run, baseline: str, allocators: list[str]) -> tuple[str, str]:
    """The A/A pair, the baseline's own if there is one."""
    for name in allocators:
        if name + AGAIN in allocators:
            return name, name + AGAIN
    raise InputError(
        f"{run.path}: no A/A pair; expected rows of "
        f'"{baseline}" a second time as "{baseline}{AGAIN}"'
    )


def _groups(
    run: Run,
    baseline: str,
    pair: tuple[str, str],
    confidence: float,
    allocators: list[str],
) -> list[Group]:
    names = sorted(
        {(row.workload, row.sizes) for row in run.rates},
        key=lambda name: (name[0], natural(name[1])),
    )
    groups = []
    for workload, sizes in names:
        rows = [r for r in run.rates if (r.workload, r.sizes) == (workload, sizes)]
        ns = sorted({row.n for row in rows})
        pairs = {}
        for n in ns:
            ratio = _ratio(run, Row(workload, pair[1], sizes, n), pair[0], confidence)
            if ratio:
                pairs[n] = ratio
        groups.append(
            Group(
                workload=workload,
                sizes=sizes,
                ns=ns,
                allocators=_present(allocators, rows),
                cells={
                    (row.allocator, row.n): _cell(
                        run, row, baseline, pair, pairs.get(row.n), confidence
                    )
                    for row in rows
                },
                pairs=pairs,
            )
        )
    return groups


def _present(allocators: list[str], rows: Iterable[Row]) -> list[str]:
    present = {row.allocator for row in rows}
    return [name for name in allocators if name in present]


def _cell(
    run: Run,
    row: Row,
    baseline: str,
    pair: tuple[str, str],
    noise: Estimate | None,
    confidence: float,
) -> Cell:
    rounds = run.rates[row]
    ratio = _ratio(run, row, baseline, confidence)
    if row.allocator == baseline or (baseline, row.allocator) == pair:
        verdict = SAME
    elif ratio is None or noise is None:
        verdict = UNJUDGED
    else:
        verdict = judge(ratio, noise)
    return Cell(
        rounds=len(rounds),
        rate=estimate(list(rounds.values()), confidence),
        ratio=ratio,
        verdict=verdict,
    )


def ratio(run: Run, row: Row, other: Row, confidence: float) -> Estimate | None:
    """row's time over other's, from the rounds in which both ran; None where one
    of them was not run. Raises InputError where they share too few."""
    mine = run.rates.get(row)
    theirs = run.rates.get(other)
    if mine is None or theirs is None:
        return None
    logs = [
        math.log(theirs[number] / mine[number])
        for number in sorted(mine.keys() & theirs.keys())
    ]
    if len(logs) < rounds_needed(confidence):
        raise InputError(
            f"{run.path}: {row} shares {len(logs)} rounds with {other.allocator}; "
            f"expected {rounds_needed(confidence)} or more"
        )
    return Estimate(*(math.exp(value) for value in estimate(logs, confidence)))


def _ratio(run: Run, row: Row, other: str, confidence: float) -> Estimate | None:
    return ratio(run, row, row._replace(allocator=other), confidence)
