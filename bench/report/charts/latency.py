"""How long whole regions take: percentiles as dots, one file a workload."""

from collections.abc import Iterator

import style
import words
from canvas import Canvas
from load import Latency, Row, Run
from style import FAINT, Pen
from table import Table, natural

from . import panels
from .chart import Chart
from .panels import Frame

COLUMNS = 3
WIDTH = 280.0  # pixels of a panel's data
ROW = 13.0  # pixels an allocator
FRAME = Frame(left=110.0, below=26.0)
MARGIN = 1.3  # factor of free room at either end of the scale
LEAST = 4.0  # factor that the scale shows at least


def draw(table: Table, run: Run) -> Iterator[Chart]:
    """Nothing where the run timed no single regions."""
    pens = style.pens(table)
    for workload in table.workloads:
        cells: dict[tuple[str, int], dict[str, Latency]] = {}
        for row in sorted(run.latencies, key=_order):
            if row.workload == workload and row.allocator in table.allocators:
                of = cells.setdefault((row.sizes, row.n), {})
                of[row.allocator] = run.latencies[row]
        if cells:
            yield Chart(
                f"latency-{workload}",
                f"{workload}: time of a whole region",
                "Left is better; the scale is logarithmic and each panel has its "
                "own. The filled dot is the median (p50), then come p90, p99 and "
                "p99.9 as ticks on the line, and its right end is the "
                "longest region. The clock's cost is in all of them.",
                _panels(table, workload, cells, pens),
            )


def _order(row: Row) -> tuple[object, ...]:
    return natural(row.sizes), row.n


def _panels(
    table: Table,
    workload: str,
    cells: dict[tuple[str, int], dict[str, Latency]],
    pens: dict[str, Pen],
) -> Canvas:
    sizes = [(WIDTH, ROW * len(latencies)) for latencies in cells.values()]
    canvas, places = panels.lay_out(sizes, COLUMNS, FRAME, panels.HEAD)
    panels.heading(canvas, f"{workload}: time of a region, p50 to the longest")
    for panel, ((sizes_name, n), latencies) in zip(places, cells.items()):
        panels.title(canvas, panel, f"{sizes_name}, n = {n:,}")
        ends = [max(1.0, end) for of in latencies.values() for end in (of.p50, of.max)]
        x = panel.across(*panels.reach(ends, MARGIN, LEAST))
        panels.scale_below(canvas, panel, x, x.steps(), words.duration_label)
        names = [name for name in table.allocators if name in latencies]
        for index, name in enumerate(names):
            y = panel.top + ROW * (index + 0.5)
            of, pen = latencies[name], pens[name]
            canvas.text((panel.left - 4.0, y), name, 10.0, FAINT, anchor="end")
            spots = [x.at(max(1.0, value)) for value in of[1:]]
            canvas.line((spots[0], y), (spots[-1], y), pen.ink, 1.0)
            end = spots[-1]
            canvas.line((end, y - 3.0), (end, y + 3.0), pen.ink, 1.4)
            for spot in spots[1:-1]:
                canvas.bar(spot - 1.5, y - 3.0, spot + 1.5, y + 3.0, pen.ink)
            canvas.marker((spots[0], y), pen.marker, pen.ink)
    return canvas
