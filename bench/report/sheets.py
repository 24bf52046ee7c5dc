"""The page's tables as text, so that page.html has one shape for all of them."""

import statistics
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

import words
from findings import Findings
from load import Fit, Latency, Row, Run
from places import BEATEN, EQUAL_TOP, FASTEST, Matrix, Place
from table import Group, Table, natural
from variance import TIME
from verdicts import SAME, percent, spread

Value = TypeVar("Value")

PLACE_LOOKS = {FASTEST: "faster", EQUAL_TOP: "equal", BEATEN: "slower"}


class Entry(NamedTuple):
    text: str
    small: str = ""  # under the text
    look: str = ""  # its class in the page's style sheet


class Line(NamedTuple):
    name: str
    entries: list[Entry]
    is_allocator: bool = True  # its policy stands beside it
    look: str = ""


class Sheet(NamedTuple):
    caption: str
    first: str  # the head of the column of names
    heads: list[str]
    lines: list[Line]
    anchor: str = ""


NONE = Entry("none", look="faint")


def places(matrices: Iterable[Matrix]) -> Iterator[Sheet]:
    """Where the baseline stands in each cell."""
    for matrix in matrices:
        counts = ", ".join(
            f"{verdict} in {count}" for verdict, count in matrix.counts.most_common()
        )
        yield Sheet(
            f"{matrix.workload}: {counts}",
            "sizes",
            [_n(n) for n in matrix.ns],
            [
                Line(sizes, [_place(row.get(n)) for n in matrix.ns], False)
                for sizes, row in matrix.rows.items()
            ],
        )


def cells(table: Table, run: Run) -> Iterator[Sheet]:
    """Times and ratios: one sheet a workload and distribution."""
    for group in table.groups:
        lines = [
            Line(name, [_cell(table, run, group, name, n) for n in group.ns])
            for name in group.allocators
        ]
        lines.append(
            Line("A/A spread", [_spread(group, n) for n in group.ns], False, "faint")
        )
        yield Sheet(
            f"{group.workload}, {group.sizes}",
            "allocator",
            [_n(n) for n in group.ns],
            lines,
            f"{group.workload}-{group.sizes}",
        )


def variances(found: Findings) -> Sheet:
    """Standard deviations of one reading, in percent."""
    heads = ["layout", "process"] if found.is_nested else ["layout and process"]
    lines = []
    for split in found.splits:
        layout, process, rest, all_of_it = map(_percents, split.percents())
        parts = [layout, process] if found.is_nested else [layout]
        of = "time" if split.of == TIME else "ratio"
        entries = [Entry(text) for text in (*parts, rest, all_of_it, f"{split.cells}")]
        lines.append(Line(f"{split.workload}: {of}", entries, False))
    return Sheet(
        "Standard deviation of one reading",
        "workload",
        [*heads, "rest", "all", "cells"],
        lines,
    )


def drifts(found: Findings) -> Sheet:
    return Sheet(
        "Second half of a run against the first",
        "row",
        ["change of time"],
        [
            Line(str(drift.row), [Entry(f"{100.0 * drift.change:+.0f} %")], False)
            for drift in found.drifts
        ],
    )


def unstable(found: Findings) -> Sheet:
    return Sheet(
        "Ratios of the layouts",
        "row",
        ["least", "median", "largest"],
        [
            Line(
                str(row),
                [
                    Entry(words.digits(value) + "×")
                    for value in (
                        min(of.by_layout.values()),
                        of.ratio.median,
                        max(of.by_layout.values()),
                    )
                ],
                False,
            )
            for row, of in found.unstable
        ],
    )


def latencies(table: Table, run: Run) -> Iterator[Sheet]:
    """One sheet a workload, distribution and n: percentiles in columns."""
    heads = ["p50", "p90", "p99", "p99.9", "max", "regions"]
    of: dict[tuple[str, str, int], dict[str, Latency]] = {}
    for row, latency in run.latencies.items():
        of.setdefault((row.workload, row.sizes, row.n), {})[row.allocator] = latency
    for workload, sizes, n in sorted(of, key=_order):
        lines = [
            Line(
                name,
                [Entry(words.duration(value)) for value in latency[1:]]
                + [Entry(f"{latency.regions:,}", look="faint")],
            )
            for name, latency in _ordered(table, of[workload, sizes, n])
        ]
        yield Sheet(f"{workload}, {sizes}, {_n(n)}", "allocator", heads, lines)


def memory(table: Table, run: Run) -> Iterator[Sheet]:
    """Resident bytes over bytes asked for, and what is kept."""
    yield from _by_n(
        table,
        run.memory,
        lambda of: Entry(
            f"{of.resident / of.asked:.3f}", f"kept {words.size(of.kept)}"
        ),
        lambda workload, sizes: sizes,
    )


def counts(table: Table, run: Run) -> Iterator[Sheet]:
    """Instructions, branches and mispredicted branches."""
    yield from _by_n(
        table,
        run.counts,
        lambda of: Entry(
            words.digits(of.instructions),
            f"{words.digits(of.branches)} branches, "
            f"{of.mispredictions:.3f} mispredicted",
        ),
    )


def faults(table: Table, run: Run) -> Iterator[Sheet]:
    """Page faults a region, of the cells in which an allocator has any."""
    medians = {row: statistics.median(of.values()) for row, of in run.faults.items()}
    some = {(row.workload, row.sizes, row.n) for row in medians if medians[row] > 0}
    yield from _by_n(
        table,
        {
            row: median
            for row, median in medians.items()
            if (row.workload, row.sizes, row.n) in some
        },
        lambda of: Entry(words.digits(of) if of else "0", look="" if of else "faint"),
    )


def fits(table: Table, run: Run) -> Iterator[Sheet]:
    """How a region's time grows: one sheet a workload."""
    for workload in sorted({family.workload for family in run.fits}):
        families = [family for family in run.fits if family.workload == workload]
        sizes = sorted({family.sizes for family in families}, key=natural)
        of: dict[str, dict[str, Fit]] = {}
        for family in families:
            of.setdefault(family.allocator, {})[family.sizes] = run.fits[family]
        lines = [
            Line(name, [_fit(some.get(size)) for size in sizes])
            for name, some in _ordered(table, of)
        ]
        yield Sheet(workload, "allocator", sizes, lines)


def _by_n(
    table: Table,
    values: dict[Row, Value],
    entry: Callable[[Value], Entry],
    caption: Callable[[str, str], str] = "{}, {}".format,
) -> Iterator[Sheet]:
    """One sheet a workload and distribution, with n in columns."""
    of: dict[tuple[str, str], dict[str, dict[int, Value]]] = {}
    for row, value in values.items():
        some = of.setdefault((row.workload, row.sizes), {})
        some.setdefault(row.allocator, {})[row.n] = value
    for workload, sizes in sorted(of, key=_order):
        allocators = of[workload, sizes]
        ns = sorted({n for some in allocators.values() for n in some})
        lines = [
            Line(name, [entry(some[n]) if n in some else NONE for n in ns])
            for name, some in _ordered(table, allocators)
        ]
        heads = [_n(n) for n in ns]
        yield Sheet(caption(workload, sizes), "allocator", heads, lines)


def _ordered(table: Table, of: dict[str, Value]) -> list[tuple[str, Value]]:
    """By allocator, in the table's order, and then those that it has not."""
    known = {name: place for place, name in enumerate(table.allocators)}
    return sorted(
        of.items(), key=lambda item: (known.get(item[0], len(known)), item[0])
    )


def _order(key: tuple[Any, ...]) -> tuple[Any, ...]:
    workload, sizes, *n = key
    return workload, natural(sizes), n


def _n(n: int) -> str:
    return f"n = {n:,}"


def _place(place: Place | None) -> Entry:
    if place is None:
        return NONE
    if place.other is None:
        return Entry(place.verdict, look="faint")
    return Entry(
        place.verdict,
        f"{place.other} {words.digits(place.ratio)}×",
        PLACE_LOOKS.get(place.verdict, "faint"),
    )


def _cell(table: Table, run: Run, group: Group, name: str, n: int) -> Entry:
    cell = group.cells.get((name, n))
    if cell is None:
        row = str(Row(group.workload, name, group.sizes, n))
        return Entry("skipped" if row in run.skipped else "not run", look="faint")
    time = f"{words.digits(cell.time_ns)} ns"
    if name == table.baseline:
        return Entry(time)
    if cell.ratio is None:
        return Entry(time, f"no {table.baseline} beside it")
    return Entry(
        f"{words.digits(cell.ratio.median)}× {cell.verdict}",
        f"{time}; {words.interval(cell.ratio)}",
        "same" if cell.verdict == SAME else cell.verdict,
    )


def _spread(group: Group, n: int) -> Entry:
    pair = group.pairs.get(n)
    return Entry(f"{percent(spread(pair)):.1f} %") if pair else NONE


def _percents(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} %"


def _fit(fit: Fit | None) -> Entry:
    if fit is None:
        return NONE
    return Entry(
        f"O({fit.big_o})",
        f"{words.digits(fit.coefficient_ns)} ns, off by {100.0 * fit.rms:.0f} %",
    )
