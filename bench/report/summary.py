"""The report in a few lines of Markdown, for the terminal."""

import places
import words
from load import Run
from table import FASTER, SLOWER, TIE, Cell, Group, Table, percent, spread

SIGNS = {FASTER: "-", SLOWER: "+", TIE: "="}


def text(table: Table, run: Run) -> str:
    lines = [
        f"{table.baseline}: ns an allocation. All others: their time over "
        f"{table.baseline}'s; + slower, - faster, = a tie (inside the A/A spread "
        "or its own interval)."
    ]
    for matrix in places.matrices(table, run.machine):
        lines += ["", *_places(table, matrix)]
    for group in table.groups:
        lines += ["", *_group(table, group)]
    if run.skipped:
        lines += ["", f"Skipped: {len(run.skipped)} rows; index.html says why."]
    lines += [f"{name}: no figures, every row was skipped." for name in run.silent]
    return "\n".join(lines)


def _places(table: Table, matrix: places.Matrix) -> list[str]:
    """The counts, and each cell that is lost."""
    counts = matrix.counts
    lines = [
        f"{matrix.workload}: {table.baseline} is the fastest called in "
        f"{counts[places.FASTEST]} cells, tied in {counts[places.TIED]}, beaten in "
        f"{counts[places.BEATEN]}"
    ]
    for sizes, row in matrix.rows.items():
        lost = [
            f"n = {n} {place.other} {words.digits(place.ratio)}"
            for n, place in row.items()
            if place.verdict == places.BEATEN
        ]
        if lost:
            lines.append(f"  beaten on {sizes}: {', '.join(lost)}")
    return lines


def _group(table: Table, group: Group) -> list[str]:
    head = [f"{group.workload} {group.sizes}", *(f"n = {n}" for n in group.ns)]
    rows = [
        [
            _name(table, name),
            *(_cell(table, group.cells.get((name, n)), name) for n in group.ns),
        ]
        for name in group.allocators
    ]
    rows.append(["A/A spread", *(_spread(group, n) for n in group.ns)])
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return [_line(row, widths) for row in (head, rule, *rows)]


def _name(table: Table, name: str) -> str:
    return f"{name} (ns)" if name == table.baseline else name


def _cell(table: Table, cell: Cell | None, name: str) -> str:
    if cell is None:
        return "none"
    if name == table.baseline:
        return words.digits(cell.time_ns)
    if cell.ratio is None:
        return f"{words.digits(cell.time_ns)} ns"
    return f"{words.digits(cell.ratio.median)} {SIGNS.get(cell.verdict, ' ')}"


def _spread(group: Group, n: int) -> str:
    pair = group.pairs.get(n)
    return f"{percent(spread(pair)):.1f} %" if pair else "none"


def _line(row: list[str], widths: list[int]) -> str:
    first, *rest = zip(row, widths)
    cells = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
    return "| " + " | ".join(cells) + " |"
