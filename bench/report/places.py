"""The cells in which the baseline is fastest, and the rivals that beat it elsewhere.

Only rivals count: allocators that are linked as the baseline is (class), and
that keep as much (keeps). One that is compiled into the loop, or a limit that is
no allocator, says nothing about one that is called. The memory that is kept of
freed regions decides the time of large regions, so an allocator that keeps all of
it competes only with others that do so too.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from interval import Estimate
from load import Object
from table import Group, Table
from verdicts import EQUAL, FASTER, SLOWER

SHARED = "shared"  # the class where machine.json names none
BOUNDED = "bounded"  # the kind of keeps where machine.json names none

FASTEST = "fastest"  # faster than every rival
EQUAL_TOP = "equal at the top"  # faster than some, equal to the others
BEATEN = "beaten"  # one rival is faster, at least
OPEN = "unknown"  # none is faster, but of some it is not known
NO_RIVAL = "no rival"
ALL = (FASTEST, EQUAL_TOP, BEATEN, OPEN, NO_RIVAL)


@dataclass(frozen=True)
class Place:
    verdict: str  # one of ALL
    other: str | None  # the fastest of the rivals; None: there is none
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


def classes(machine: Object) -> dict[str, str]:
    """Each allocator's class, as machine.json has it."""
    return _of_allocators(machine, "class", SHARED)


def kept(machine: Object) -> dict[str, str]:
    """The memory of freed regions that each allocator keeps, as machine.json has it."""
    return _of_allocators(machine, "keeps", BOUNDED)


def rivals(names: Iterable[str], own: str, machine: Object) -> list[str]:
    """The allocators of names that compete with own."""
    class_of = classes(machine)
    keeps = kept(machine)
    return [
        name
        for name in names
        if name != own
        and class_of.get(name, SHARED) == class_of.get(own, SHARED)
        and keeps.get(name, BOUNDED) == keeps.get(own, BOUNDED)
    ]


def matrices(table: Table, machine: Object) -> list[Matrix]:
    """A matrix for each workload that the baseline was measured on."""
    names = rivals(table.unique, table.baseline, machine)
    result = []
    for workload in table.workloads:
        rows = {group.sizes: _row(table, group, names) for group in table.of(workload)}
        rows = {sizes: row for sizes, row in rows.items() if row}
        ns = sorted({n for row in rows.values() for n in row})
        if ns:
            result.append(Matrix(workload, ns, rows))
    return result


def place(rivals: dict[str, tuple[Estimate, str]]) -> Place:
    """The place among rivals, by their times over the baseline's and the verdicts."""
    if not rivals:
        return Place(NO_RIVAL, None, 1.0)
    best = min(rivals, key=lambda name: (rivals[name][0].median, name))
    verdicts = {verdict for _, verdict in rivals.values()}
    if FASTER in verdicts:
        found = BEATEN
    elif verdicts == {SLOWER}:
        found = FASTEST
    elif verdicts <= {SLOWER, EQUAL}:
        found = EQUAL_TOP
    else:
        found = OPEN
    return Place(found, best, rivals[best][0].median)


def _of_allocators(machine: Object, key: str, default: str) -> dict[str, str]:
    allocators = machine.get("allocators")
    if not isinstance(allocators, dict):
        return {}
    return {
        name: str(about.get(key, default))
        for name, about in allocators.items()
        if isinstance(about, dict)
    }


def _row(table: Table, group: Group, names: list[str]) -> dict[int, Place]:
    return {
        n: place(
            {
                name: (cell.ratio, cell.verdict)
                for name in names
                if (cell := group.cells.get((name, n))) and cell.ratio
            }
        )
        for n in group.ns
        if (table.baseline, n) in group.cells
    }
