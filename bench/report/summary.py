"""The report in a few lines of Markdown, for the terminal."""

from collections.abc import Iterator

import drift
import places
import words
from findings import Findings
from load import PUBLISHED, Run
from page import answers
from page.view import view
from table import Cell, Group, Table
from variance import RATIO, Split
from verdicts import EQUAL, FASTER, SLOWER, UNKNOWN, UNSTABLE, percent, spread

SIGNS = {FASTER: "-", SLOWER: "+", EQUAL: "=", UNKNOWN: "?", UNSTABLE: "~"}
MOST_GROUPS = 6  # more tables than that are left to the page


def text(table: Table, run: Run, found: Findings) -> str:
    lines = []
    if len(table.groups) <= MOST_GROUPS:
        lines += [
            f"{table.baseline}: ns an allocation. All others: their time over "
            f"{table.baseline}'s; + slower, - faster, = equal, ? unknown, ~ unstable."
        ]
        for group in table.groups:
            lines += ["", *_group(table, group)]
        lines += [""]
    for matrix in found.matrices:
        lines += _places(table, matrix)
    lines += [""] if found.matrices else []
    lines += _spread_of(found)
    if found.unstable:
        lines += [f"Unstable: {len(found.unstable)} cells."]
    if found.drifts:
        lines += [
            f"Still warming up: {len(found.drifts)} rows, whose halves differ by more "
            f"than {100 * drift.LIMIT:.0f} %."
        ]
    if run.skipped:
        lines += [f"Skipped: {len(run.skipped)} rows."]
    lines += [f"{name}: no figures, every row was skipped." for name in run.silent]
    return "\n".join([*lines, "", *_end(table, run)])


def of_memory(run: Run) -> str:
    """The summary of a run without times: a page would have nothing to compare."""
    head = ["memory", "bytes a byte asked for", "kept after the regions' end"]
    rows = [
        [
            f"{row.allocator} {row.sizes}, n = {row.n}",
            words.digits(memory.resident / memory.asked),
            words.size(memory.kept),
        ]
        for row, memory in sorted(run.memory.items())
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [_line(row, widths) for row in (head, rule, *rows)]
    return "\n".join([
        *lines,
        "",
        f"Memory of {len(rows)} rows; no times, so there is no page.",
        f"All figures: {run.path}, its list memory",
        "Next: ./run bench without --workloads memory, which measures both",
    ])


def _end(table: Table, run: Run) -> list[str]:
    """The last lines: the answer, the page, and the next commands."""
    folder = run.path.parent
    label = folder.name if folder.parent.name == "results" else str(folder)
    return [
        answers.answers(view(table, run)).sentence,
        f"Page: {folder / 'index.html'}",
        "Next: ./run bench, to see whether it is so on this machine"
        if label == PUBLISHED
        else f"Next: ./run report {label} {PUBLISHED}, to see it beside the published "
        "run",
    ]


def _places(table: Table, matrix: places.Matrix) -> list[str]:
    """The counts, and each cell that is lost."""
    counts = matrix.counts
    lines = [
        f"{matrix.workload}: {table.baseline} is "
        + ", ".join(f"{verdict} in {counts[verdict]}" for verdict in places.ALL)
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


def _spread_of(found: Findings) -> Iterator[str]:
    """The spread in one line, of the workload with the most cells."""
    ratios = [split for split in found.splits if split.of == RATIO]
    if ratios:
        most = max(ratios, key=lambda split: split.cells)
        yield f"Spread of a ratio ({most.workload}): {_parts(most)}."


def _parts(split: Split) -> str:
    layout, process, rest, _ = split.percents()
    if process is None:
        return f"layout and process {layout:.1f} %, rest {rest:.1f} %"
    return f"layout {layout:.1f} %, process {process:.1f} %, rest {rest:.1f} %"


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
