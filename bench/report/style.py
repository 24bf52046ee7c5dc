"""How charts look, and how one SVG file suits a light and a dark page.

Charts are drawn in the light inks. The file's own style sheet turns each into
its dark twin where the reader prefers dark; a viewer without style sheets
shows the light one. The hues are those of Okabe and Ito, Color Universal
Design (2008), made darker or lighter until each has a contrast of 3 to its
ground (WCAG 2.1, 1.4.11); markers differ too.
"""

import io
import re
from collections.abc import Sequence
from typing import Any, ContextManager, NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from interval import Estimate
from table import Table


class Ink(NamedTuple):
    light: str
    dark: str


GROUND = Ink("#ffffff", "#0d1117")
TEXT = Ink("#1f2328", "#e6edf3")
FAINT = Ink("#59636e", "#9198a1")  # second-rank text, and ties
GRID = Ink("#d8dee4", "#2a313a")

BASELINE = Ink("#0072b2", "#4aa8e0")
SERIES = (
    Ink("#d55e00", "#f0803c"),  # vermillion
    Ink("#00875f", "#1fbf91"),  # bluish green
    Ink("#b0589a", "#d98fbd"),  # reddish purple
    Ink("#a97400", "#e69f01"),  # orange
    Ink("#3d434b", "#f5f7fa"),  # black
    Ink("#2e93cf", "#8ccdf2"),  # sky blue
    Ink("#8a8000", "#f0e442"),  # yellow
)
MARKERS = ("s", "^", "D", "v", "P", "X", "h", "<", ">", "p", "d", "*", "H")
AGAIN_MARKER = "x"
DASHES = ("-", "--", "-.")

INKS = (GROUND, TEXT, FAINT, GRID, BASELINE, *SERIES)

SETTINGS = {
    "axes.axisbelow": True,
    "axes.edgecolor": GRID.light,
    "axes.facecolor": GROUND.light,
    "axes.grid": True,
    "axes.labelcolor": TEXT.light,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": TEXT.light,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "figure.facecolor": GROUND.light,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.color": GRID.light,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.labelcolor": TEXT.light,
    "svg.fonttype": "none",
    "svg.hashsalt": "ngxpool",
    "text.color": TEXT.light,
    "xtick.color": FAINT.light,
    "xtick.minor.size": 0,
    "ytick.color": FAINT.light,
    "ytick.minor.size": 0,
}


class Pen(NamedTuple):
    """What sets one allocator apart in every chart."""

    ink: Ink
    marker: str
    width: float
    dash: str
    layer: float

    def marks(self) -> dict[str, Any]:
        """Matplotlib's arguments for its markers."""
        open_ = self.marker == AGAIN_MARKER
        return {
            "color": self.ink.light,
            "marker": self.marker,
            "markersize": 6,
            "markeredgecolor": self.ink.light if open_ else GROUND.light,
            "markeredgewidth": 1.2 if open_ else 0.5,
        }


def pens(table: Table) -> dict[str, Pen]:
    """A pen for each: the baseline's is wide, the A/A pair shares its ink."""
    first, again = table.pair
    result = {table.baseline: Pen(BASELINE, "o", 2.6, "-", 2.5)}
    others = [
        name for name in table.allocators if name not in (table.baseline, again)
    ]
    for index, name in enumerate(others):
        ink = SERIES[index % len(SERIES)]
        marker = MARKERS[index % len(MARKERS)]
        result[name] = Pen(ink, marker, 1.5, DASHES[index // len(SERIES) % 3], 2.4)
    result[again] = Pen(result[first].ink, AGAIN_MARKER, 1.1, ":", 2.6)
    return result


def grid(
    count: int, columns: int, panel: tuple[float, float], top: float = 0.0
) -> tuple[Figure, list[Axes]]:
    """A figure of count panels with common scales, each panel inches wide and
    high, below a strip of top inches."""
    columns = min(columns, count)
    rows = -(-count // columns)
    chart = figure(max(2, columns) * panel[0], rows * panel[1] + top)
    share = top / chart.get_figheight()
    chart.get_layout_engine().set(rect=(0.0, 0.0, 1.0, 1.0 - share))
    panels = list(
        chart.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flat
    )
    for axes in panels[count:]:
        axes.set_axis_off()
    for axes in panels[count - columns : count]:
        axes.tick_params(labelbottom=True)
    return chart, panels[:count]


def figure(width: float, height: float) -> Figure:
    """An empty figure; inches, of which a browser makes 96 pixels."""
    return Figure(figsize=(width, height), layout="constrained")


LEGEND_ENTRY = 1.45  # inches, of the longest name
LEGEND_LINE = 0.22  # inches
LEGEND_EDGE = 0.2  # inches above and below


def legend_columns(width: float) -> int:
    return max(2, int(width / LEGEND_ENTRY))


def legend_height(entries: int, width: float) -> float:
    """Inches that legend() takes at the top of a figure of width inches."""
    return LEGEND_EDGE + LEGEND_LINE * -(-entries // legend_columns(width))


def legend(chart: Figure, panels: list[Axes]) -> None:
    """Names for all panels at the top, with what any of them shows."""
    entries = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels()):
            entries.setdefault(label, handle)
    chart.legend(
        entries.values(),
        entries.keys(),
        loc="upper left",
        ncols=legend_columns(chart.get_figwidth()),
    )


def arms(estimates: Sequence[Estimate]) -> list[list[float]]:
    """The two lengths of each interval, as Matplotlib's errorbar takes them."""
    return [
        [estimate.median - estimate.low for estimate in estimates],
        [estimate.high - estimate.median for estimate in estimates],
    ]


def bare(axes: Axes) -> None:
    """Take off the frame and the tick marks that carry no data."""
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0)


def short(n: float) -> str:
    """10000 as 10k."""
    return f"{n / 1000:g}k" if n >= 1000 and n % 1000 == 0 else f"{n:g}"


def svg(chart: Figure, title: str, mark: str) -> str:
    """The chart as a file: the same chart gives the same bytes."""
    out = io.StringIO()
    FigureCanvasSVG(chart).print_svg(
        out, metadata={"Title": title, "Date": None, "Creator": None}
    )
    body = out.getvalue()
    start = re.search(r"<svg\b[^>]*>", body)
    assert start is not None
    head = start.group().replace("<svg", '<svg role="img"', 1)
    style = f'\n <style type="text/css">\n{_dark()} </style>'
    return f"<!-- {mark} -->\n{head}{style}{body[start.end():]}"


def settings() -> ContextManager[None]:
    """The style as a context to draw and save in."""
    return matplotlib.rc_context(SETTINGS)


def _dark() -> str:
    rules = "".join(
        f'  [style*="{kind}: {ink.light}"] {{ {kind}: {ink.dark} !important }}\n'
        for ink in INKS
        for kind in ("fill", "stroke")
    )
    return (
        "  :root { color-scheme: light dark }\n"
        "  @media (prefers-color-scheme: dark) {\n" + rules + "  }\n"
    )
