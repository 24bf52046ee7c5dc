"""Where the baseline is fastest, where it ties, and by whom it is beaten.

Only allocators of the baseline's class compete: one that is inlined into the
loop, or a limit that is no allocator, says nothing about one that is called.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from table import FASTER, TIE, Group, Table

CALLED = "called"  # the class of what machine.json gives none

FASTEST = "fastest"
TIED = "tied"
BEATEN = "beaten"


@dataclass(frozen=True)
class Place:
    verdict: str
    other: str  # the fastest of the others
    ratio: float  # its time over the baseline's


@dataclass(frozen=True)
class Matrix:
    """One workload: a place for each distribution and n that was measured."""

    workload: str
    ns: list[int]
    rows: dict[str, dict[int, Place]]  # by sizes, then n

    @property
    def counts(self) -> Counter[str]:
        return Counter(p.verdict for row in self.rows.values() for p in row.values())


def classes(machine: dict[str, Any]) -> dict[str, str]:
    """Each allocator's class, as machine.json tells it."""
    allocators = machine.get("allocators")
    if not isinstance(allocators, dict):
        return {}
    return {
        name: str(about.get("class", CALLED))
        for name, about in allocators.items()
        if isinstance(about, dict)
    }


def matrices(table: Table, machine: dict[str, Any]) -> list[Matrix]:
    known = classes(machine)
    result = []
    for workload in table.workloads:
        groups = table.of(workload)
        rows = {group.sizes: _row(table, group, known) for group in groups}
        ns = sorted({n for row in rows.values() for n in row})
        if ns:
            result.append(Matrix(workload, ns, rows))
    return result


def rivals(table: Table, known: dict[str, str]) -> list[str]:
    """Those that compete with the baseline."""
    own = known.get(table.baseline, CALLED)
    return [
        name
        for name in table.allocators
        if not name.startswith(table.baseline)  # its twin, and variants of it
        and known.get(name, CALLED) == own
    ]


def _row(table: Table, group: Group, known: dict[str, str]) -> dict[int, Place]:
    places = {}
    for n in group.ns:
        cells = {
            name: cell
            for name in rivals(table, known)
            if (cell := group.cells.get((name, n))) and cell.ratio
        }
        if not cells:
            continue
        best = min(cells, key=lambda name: cells[name].ratio.median)
        verdicts = {cell.verdict for cell in cells.values()}
        verdict = BEATEN if FASTER in verdicts else TIED if TIE in verdicts else FASTEST
        places[n] = Place(verdict, best, cells[best].ratio.median)
    return places
