"""The sources of a cell's spread: the layout, the process, and the rest.

Each round of a row gives two values, the times of the first and of the second
half of its run. The halves lie within a process (a round), and processes lie
within a layout. So a logarithm y of a half's time is

    y = mean + layout + process + rest

with a random deviation for each of the three, and this module estimates their
variances by the analysis of variance (ANOVA) for nested classes: each mean
square is set equal to what is expected of it. With R rounds in a layouts, b of
them in a layout, and m the mean of a round's two halves:

    rest     in a run: E / 2, since a run's time is the mean of two halves. E is
             the mean square between halves: sum (d - mean of d)^2 / 2 / (R - 1),
             where d is a round's first half less its second. The mean of d is
             the row's drift, which is no deviation
    process  W - E / 2, where W is the mean square between the rounds of a
             layout: sum (m - mean of its layout)^2 / (R - a)
    layout   (S - (a - 1) W) / (R - sum b^2 / R), where S = sum of
             b (mean of the layout - mean)^2 over the layouts

An estimate can be below 0, which no variance is. The estimates of many cells
are averaged first, and then a negative one is set to 0. See Searle, Casella and
McCulloch, Variance Components (Wiley 1992), chapter 3, on unbalanced classes
and on negative estimates.

Where no layout has two rounds, the first two cannot be separated, and the sum
of them is estimated.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from load import Run
from table import Table
from verdicts import UNSTABLE, percent

Halves = tuple[float, float]

TIME = "time"
RATIO = "ratio"


class Components(NamedTuple):
    """Variances of a logarithm; each can be estimated as negative."""

    layout: float  # where process is None, of the layout and the process
    process: float | None
    rest: float


@dataclass(frozen=True)
class Split:
    """The parts of the spread, on average over the cells of a workload."""

    workload: str
    of: str  # TIME or RATIO, the time over the baseline's
    cells: int
    components: Components

    def percents(self) -> list[float | None]:
        """Standard deviations of one reading: by layout, process, rest, all."""
        parts = [part and max(part, 0.0) for part in self.components]
        parts.append(sum(filter(None, parts)))
        return [None if part is None else percent(math.sqrt(part)) for part in parts]


def is_nested(run: Run) -> bool:
    """Whether a layout has two rounds, so that the part of processes is known."""
    return len(set(run.layouts.values())) < len(run.layouts)


def splits(table: Table, run: Run) -> list[Split]:
    """Splits for each workload, of the time and of the ratio, pooled over its cells.

    Unstable cells are left out: one of them would outweigh all others. So are
    cells without halves.
    """
    pooled: dict[tuple[str, str], list[Components]] = {}
    logs = {row: _logs(halves) for row, halves in run.halves.items()}
    for row, cell in table.rows():
        mine = logs.get(row)
        if mine is None or cell.verdict == UNSTABLE:
            continue
        _add(pooled, (row.workload, TIME), run, mine)
        theirs = logs.get(row._replace(allocator=table.baseline))
        if theirs is not None and row.allocator != table.baseline:
            _add(pooled, (row.workload, RATIO), run, _ratios(mine, theirs))
    return [
        Split(workload, of, len(found), _mean(found))
        for workload in table.workloads
        for of in (TIME, RATIO)
        if (found := pooled.get((workload, of)))
    ]


def left_out(table: Table, run: Run) -> tuple[int, int]:
    """How many cells are unstable, and how many others have no halves."""
    cells = list(table.rows())
    unstable = sum(cell.verdict == UNSTABLE for _, cell in cells)
    bare = sum(
        row not in run.halves and cell.verdict != UNSTABLE for row, cell in cells
    )
    return unstable, bare


def nested(layouts: Sequence[Sequence[Halves]]) -> Components | None:
    """The estimates of one cell, from the rounds of each layout; None where it
    has too few layouts. No layout is empty."""
    means = [[(first + second) / 2.0 for first, second in of] for of in layouts]
    rounds = sum(map(len, means))
    if len(means) < 2:
        return None
    drops = [first - second for of in layouts for first, second in of]
    drift = sum(drops) / rounds
    rest = sum((drop - drift) ** 2 for drop in drops) / (rounds - 1) / 4.0
    centres = [sum(of) / len(of) for of in means]
    mean = sum(sum(of) for of in means) / rounds
    between = sum(len(of) * (c - mean) ** 2 for of, c in zip(means, centres))
    if rounds == len(means):
        return Components(between / (rounds - 1) - rest, None, rest)
    within = sum((m - c) ** 2 for of, c in zip(means, centres) for m in of)
    within /= rounds - len(means)
    size = rounds - sum(len(of) ** 2 for of in means) / rounds
    layout = (between - (len(means) - 1) * within) / size
    return Components(layout, within - rest, rest)


def _logs(halves: Mapping[int, Halves]) -> dict[int, Halves]:
    return {
        number: (math.log(first), math.log(second))
        for number, (first, second) in halves.items()
    }


def _ratios(mine: dict[int, Halves], theirs: dict[int, Halves]) -> dict[int, Halves]:
    return {
        number: (first - theirs[number][0], second - theirs[number][1])
        for number, (first, second) in mine.items()
        if number in theirs
    }


def _add(
    pooled: dict[tuple[str, str], list[Components]],
    key: tuple[str, str],
    run: Run,
    logs: dict[int, Halves],
) -> None:
    """Cells that cannot distinguish processes are left out if other cells can."""
    layouts: dict[int, list[Halves]] = {}
    for number, halves in logs.items():
        layouts.setdefault(run.layouts[number], []).append(halves)
    found = nested(list(layouts.values()))
    if found and (found.process is not None) == is_nested(run):
        pooled.setdefault(key, []).append(found)


def _mean(found: Sequence[Components]) -> Components:
    processes = [some.process for some in found if some.process is not None]
    return Components(
        layout=_average([some.layout for some in found]),
        process=_average(processes) if processes else None,
        rest=_average([some.rest for some in found]),
    )


def _average(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
