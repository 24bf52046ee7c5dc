"""The page's tables as text, so that page.html has one shape for all of them."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

import words
from findings import Findings
from load import Fit, Run
from places import BEATEN, EQUAL_TOP, FASTEST, Matrix, Place
from table import Table, natural

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
    """The baseline's place in each cell."""
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


def _ordered(table: Table, of: dict[str, Value]) -> list[tuple[str, Value]]:
    """By allocator, in the table's order; allocators that it lacks come last."""
    known = {name: place for place, name in enumerate(table.allocators)}
    return sorted(
        of.items(), key=lambda item: (known.get(item[0], len(known)), item[0])
    )


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


def _fit(fit: Fit | None) -> Entry:
    if fit is None:
        return NONE
    return Entry(
        f"O({fit.big_o})",
        f"{words.digits(fit.coefficient_ns)} ns, off by {100.0 * fit.rms:.0f} %",
    )
