"""Memory taken from the system for the memory asked for, against n."""

from collections.abc import Callable, Iterator

import style
from canvas import Canvas
from load import Memory, Row, Run
from table import Table, natural

from . import lines
from .chart import Chart
from .lines import Series, Spot

KEPT_LEAST = 1e-3  # of the bytes asked for: less is drawn as this


def draw(table: Table, run: Run) -> Iterator[Chart]:
    """Nothing where the run has no figures of memory."""
    rows = [row for row in run.memory if row.allocator in table.allocators]
    if not rows:
        return
    yield Chart(
        "memory",
        "Memory: resident bytes over bytes asked for",
        "Lower is better; at 1 nothing is lost. All regions of a row are alive at "
        "once. Both scales are logarithmic.",
        _chart(
            table,
            run,
            rows,
            "Resident bytes over bytes asked for, against the allocations of a region",
            lambda memory: memory.resident / memory.asked,
        ),
    )
    yield Chart(
        "kept",
        "Memory: bytes kept after all regions are destroyed, over bytes asked for",
        "Lower is better for the rest of the program; what is kept makes the next "
        "regions faster. Where almost nothing is kept, the dot is at "
        f"{KEPT_LEAST:g}.",
        _chart(
            table,
            run,
            rows,
            "Bytes kept after the end over bytes asked for, against the allocations "
            "of a region",
            lambda memory: max(memory.kept / memory.asked, KEPT_LEAST),
        ),
    )


def _chart(
    table: Table,
    run: Run,
    rows: list[Row],
    heading: str,
    share: Callable[[Memory], float],
) -> Canvas:
    series = []
    for sizes in sorted({row.sizes for row in rows}, key=natural):
        spots: dict[str, list[Spot]] = {}
        for row in sorted(row for row in rows if row.sizes == sizes):
            value = share(run.memory[row])
            spots.setdefault(row.allocator, []).append(Spot(row.n, value, value, value))
        series.append(Series(sizes, spots))
    names = table.allocators
    return lines.draw(heading, series, names, style.pens(table), "{:g}".format)
