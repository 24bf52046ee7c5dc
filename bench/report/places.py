"""Where the baseline is fastest, where it ties, and by whom it is beaten.

Only allocators of the baseline's class compete: one that is inlined into the
loop, or a limit that is no allocator, says nothing about one that is called. One
that keeps all freed regions competes only with others that do so: what is kept
decides large regions.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from table import FASTER, TIE, Group, Table

CALLED = "called"  # the class of what machine.json gives none
BOUNDED = "bounded"  # what such a one keeps

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
    """Each allocator's class, as machine.json has it."""
    return _said(machine, "class", CALLED)


def kept(machine: dict[str, Any]) -> dict[str, str]:
    """What each allocator keeps of freed regions, as machine.json has it."""
    return _said(machine, "keeps", BOUNDED)


def competitors(names: Iterable[str], own: str, machine: dict[str, Any]) -> list[str]:
    """Those of names that compete with own."""
    known = classes(machine)
    keeps = kept(machine)
    return [
        name
        for name in names
        if name != own
        and known.get(name, CALLED) == known.get(own, CALLED)
        and keeps.get(name, BOUNDED) == keeps.get(own, BOUNDED)
    ]


def matrices(table: Table, machine: dict[str, Any]) -> list[Matrix]:
    result = []
    for workload in table.workloads:
        groups = table.of(workload)
        rows = {group.sizes: _row(table, group, machine) for group in groups}
        ns = sorted({n for row in rows.values() for n in row})
        if ns:
            result.append(Matrix(workload, ns, rows))
    return result


def rivals(table: Table, machine: dict[str, Any]) -> list[str]:
    """Those that compete with the baseline."""
    return [
        name
        for name in competitors(table.allocators, table.baseline, machine)
        if not name.startswith(table.baseline)  # its twin, and variants of it
    ]


def _said(machine: dict[str, Any], key: str, default: str) -> dict[str, str]:
    allocators = machine.get("allocators")
    if not isinstance(allocators, dict):
        return {}
    return {
        name: str(about.get(key, default))
        for name, about in allocators.items()
        if isinstance(about, dict)
    }


def _row(table: Table, group: Group, machine: dict[str, Any]) -> dict[int, Place]:
    places = {}
    for n in group.ns:
        cells = {
            name: cell
            for name in rivals(table, machine)
            if (cell := group.cells.get((name, n))) and cell.ratio
        }
        if not cells:
            continue
        best = min(cells, key=lambda name: cells[name].ratio.median)
        verdicts = {cell.verdict for cell in cells.values()}
        verdict = BEATEN if FASTER in verdicts else TIED if TIE in verdicts else FASTEST
        places[n] = Place(verdict, best, cells[best].ratio.median)
    return places
