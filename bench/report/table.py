"""From the rounds of a run to figures with intervals and verdicts."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import verdicts
from interval import Estimate, coverage, highest_coverage
from load import InputError, Row, Run
from verdicts import Comparison, TooFewLayouts

AGAIN = "_again"  # ends an allocator's second name in an A/A pair


@dataclass(frozen=True)
class Cell:
    """The figures of one row of the run."""

    rate: Estimate  # allocations a second
    comparison: Comparison | None  # with the baseline; None: it was not run
    verdict: str  # as verdicts.py has it; UNKNOWN without a baseline

    @property
    def time_ns(self) -> float:
        """Median time of an allocation."""
        return 1e9 / self.rate.median

    @property
    def ratio(self) -> Estimate | None:
        """Its time over the baseline's."""
        return self.comparison.ratio if self.comparison else None


@dataclass(frozen=True)
class Group:
    """One workload on one size distribution: rows that a reader compares."""

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
    coverage: float  # as attained where layouts are fewest
    rounds: tuple[int, int]  # fewest and most of a row
    layouts: tuple[int, int]  # likewise
    allocators: list[str]  # the baseline and its twin first, then by name
    groups: list[Group]
    others: dict[str, Estimate]  # rows that compare nothing: ns

    def only(self, names: Collection[str]) -> "Table":
        """The table with these allocators alone, without groups that have none."""
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

    def rows(self) -> Iterable[tuple[Row, Cell]]:
        """Every cell, and which row it is."""
        for group in self.groups:
            for (allocator, n), cell in group.cells.items():
                yield Row(group.workload, allocator, group.sizes, n), cell


def table(run: Run, baseline: str, confidence: float) -> Table:
    """All figures of run. Raises InputError."""
    allocators = _allocators(run, baseline)
    pair = _pair(run, baseline, allocators)
    rounds = [len(rates) for rates in run.rates.values()]
    layouts = [_layouts(run, rates) for rates in run.rates.values()]
    return Table(
        baseline=baseline,
        pair=pair,
        confidence=confidence,
        groups=_groups(run, baseline, pair, confidence, allocators),
        others={
            name: _typical(run, name, values, confidence)
            for name, values in sorted(run.others.items())
        },
        coverage=min(coverage(count, confidence) for count in set(layouts)),
        rounds=(min(rounds), max(rounds)),
        layouts=(min(layouts), max(layouts)),
        allocators=allocators,
    )


def ratio(run: Run, row: Row, other: Row, confidence: float) -> Comparison | None:
    """row's time over other's, from the rounds in which both ran; None where one
    of them was not run. Raises InputError where they share too few layouts."""
    mine = run.rates.get(row)
    theirs = run.rates.get(other)
    if mine is None or theirs is None:
        return None
    try:
        return verdicts.compare(mine, theirs, run.layouts, confidence)
    except TooFewLayouts as few:
        raise InputError(
            f"{run.path}: {row} shares {few.found} layouts with {other.allocator}; "
            f"expected {few.needed} or more"
        ) from None


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key that puts fixed_64 before fixed_512."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]


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


def _layouts(run: Run, rounds: Iterable[int]) -> int:
    return len({run.layouts[number] for number in rounds})


def _typical(
    run: Run, name: Row | str, values: dict[int, float], confidence: float
) -> Estimate:
    try:
        return verdicts.typical(values, run.layouts, confidence)
    except TooFewLayouts as few:
        raise InputError(
            f"{run.path}: {name} has {few.found} layouts, in {len(values)} rounds; "
            f"expected {few.needed} layouts or more, for an interval of "
            f"{confidence:.4g} confidence; {few.found} give at most "
            f"{highest_coverage(few.found):.4g}"
        ) from None


def _groups(
    run: Run,
    baseline: str,
    pair: tuple[str, str],
    confidence: float,
    allocators: list[str],
) -> list[Group]:
    rows: dict[tuple[str, str], list[Row]] = {}
    for row in run.rates:
        rows.setdefault((row.workload, row.sizes), []).append(row)
    groups = []
    for workload, sizes in sorted(rows, key=lambda name: (name[0], natural(name[1]))):
        of = rows[workload, sizes]
        ns = sorted({row.n for row in of})
        pairs = {}
        for n in ns:
            twin = Row(workload, pair[1], sizes, n)
            found = ratio(run, twin, twin._replace(allocator=pair[0]), confidence)
            if found:
                pairs[n] = found.ratio
        groups.append(
            Group(
                workload=workload,
                sizes=sizes,
                ns=ns,
                allocators=_present(allocators, of),
                cells={
                    (row.allocator, row.n): _cell(
                        run, row, baseline, pair, pairs.get(row.n), confidence
                    )
                    for row in of
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
    rate = _typical(run, row, run.rates[row], confidence)
    found = ratio(run, row, row._replace(allocator=baseline), confidence)
    if row.allocator == baseline or (baseline, row.allocator) == pair:
        verdict = verdicts.SAME
    elif found is None:
        verdict = verdicts.UNKNOWN
    else:
        verdict = verdicts.judge(found, noise)
    return Cell(rate, found, verdict)
