"""The charts of the READMEs, and the rows that they compare."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import style
import words
from canvas import Canvas
from style import BASELINE, FAINT, SERIES, Ink

from . import curves, dots, history
from .curves import Curve, Curves, Spot
from .dots import Dots, Line
from .facts import GLIBC, INLINE, LIMIT, MALLOCS, NGINX, POOL, Cell, Facts, name_of

REQUEST = Cell("fill", "nginx_request", 25)
THOUSAND = Cell("fill", "lognormal", 1000)
TALL = ("lognormal", 1000)  # memory beside the speeds
READ_DOTS = (
    "Dot: median of the layouts. Thick line: 95 % interval. Thin line: all rounds.",
    "Right is faster, the scale is logarithmic. Grey: no difference is known; "
    "grey star: unstable.",
)
READ_CURVES = (
    "Lower is better; both scales are logarithmic. A bar is the 95 % interval.",
)

POOLS, OTHERS, GENERAL = BASELINE, SERIES[1], SERIES[0]  # inks of the families
SPEEDS = (  # the chart of all, the limit among them
    LIMIT,
    INLINE,
    POOL,
    "apr_limit",
    NGINX,
    "obstack",
    "tcmalloc",
    "mimalloc",
    "jemalloc",
    "talloc",
    GLIBC,
)
GROWING = (LIMIT, INLINE, POOL, "apr_limit", NGINX, *MALLOCS)

FIXED = re.compile(r"fixed(\d+)")  # sizes of one size
LABELS = {
    "fill": "destroyed",
    "fill_reset": "reset",
    "fill_trim": "destroyed, heap's top free",
    "littered": "destroyed, heap aged",
    "large": "large, freed early",
    "free_random": "4 KiB, frees alone, at random",
    "pairs_fifo": "4 KiB, freed oldest first",
    "pairs_lifo": "4 KiB, freed newest first",
    "pairs_random": "4 KiB, freed at random",
    "cleanup": "with cleanups",
    "threads_1": "one thread",
    "threads_2": "two threads",
    "handoff": "handed over",
    "request": "recorded requests",
    "replay": "recorded programs",
}


class Figure(NamedTuple):
    """A chart of results/charts/."""

    name: str
    canvas: Canvas
    text: str  # the same in words, for readers who do not see it


def figures(facts: Facts) -> Iterator[Figure]:
    """The charts that the run has the rows for."""
    for name, chart in all_dots(facts).items():
        if chart.lines:
            yield Figure(name, dots.draw(chart), dots.described(chart))
    for name, lines in all_curves(facts).items():
        if lines.curves:
            yield Figure(name, curves.draw(lines), curves.described(lines))


def texts(facts: Facts) -> dict[str, str]:
    """Each chart in words, for readers who do not see it; none without rows."""
    known = {
        name: dots.described(chart)
        for name, chart in all_dots(facts).items()
        if chart.lines
    }
    return known | {
        name: curves.described(chart)
        for name, chart in all_curves(facts).items()
        if chart.curves
    }


def all_dots(facts: Facts) -> dict[str, Dots]:
    return {
        "speed": speed(facts),
        "sizes": against(
            facts, "How many times as fast as malloc the pool is, by size", sizes(facts)
        ),
        "lifetime": against(
            facts,
            "How many times as fast as malloc the pool is, by how memory ends",
            lifetimes(facts),
        ),
        "threads": against(
            facts,
            "How many times as fast as malloc the pool is, on threads",
            threads(facts),
        ),
        "programs": against(
            facts,
            "How many times as fast as malloc the pool is, in recorded programs",
            programs(facts),
        ),
        "nginx": against_nginx(facts),
    }


def all_curves(facts: Facts) -> dict[str, Curves]:
    charts = {"regions": regions(facts), "memory": memory(facts)}
    return charts | over_commits(facts)


def over_commits(facts: Facts) -> dict[str, Curves]:
    """The charts of results/history.csv that have figures."""
    charts = {
        "commits_instructions": history.instructions(facts.history),
        "commits_limit": history.ratios(facts.history),
        "commits_mutants": history.scores(facts.history),
    }
    return {name: chart for name, chart in charts.items() if chart.curves}


# The lines of the charts: a label and a cell each.

Labelled = tuple[str, Cell]


def sizes(facts: Facts) -> list[Labelled]:
    """By the size of an allocation, in regions of 100."""
    known = [cell for cell in facts.cells(["fill"]) if cell.n == 100]
    fixed = {cell: FIXED.fullmatch(cell.sizes) for cell in known}
    single = sorted(
        (int(found.group(1)), cell) for cell, found in fixed.items() if found
    )
    mixed = [(cell.sizes, cell) for cell, found in fixed.items() if not found]
    return [*((f"{size:,} bytes", cell) for size, cell in single), *mixed]


def lifetimes(facts: Facts) -> list[Labelled]:
    """Regions of 1,000 as a whole, and all cells with single frees."""
    whole = ("fill", "fill_trim", "littered")
    single = ("large", "free_random", "pairs_lifo", "pairs_fifo", "pairs_random")
    chosen = [
        cell
        for cell in facts.cells(whole)
        if (cell.sizes, cell.n) == (THOUSAND.sizes, THOUSAND.n)
    ]
    return [
        (f"{LABELS[cell.workload]}, {words.short(cell.n)}", cell)
        for cell in (*chosen, *facts.cells(single))
        if cell.workload != "large" or cell.sizes == "large"
    ]


def threads(facts: Facts) -> list[Labelled]:
    cells = facts.cells(["threads_1", "threads_2", "handoff"])
    return [
        (f"{LABELS[cell.workload]}, {words.short(cell.n)} {cell.sizes}", cell)
        for cell in cells
    ]


def programs(facts: Facts) -> list[Labelled]:
    cells = facts.cells(["request", "replay"])
    return [(cell.sizes.replace("_", " "), cell) for cell in cells]


# The charts.


def speed(facts: Facts) -> Dots:
    lines = []
    for name in SPEEDS:
        found = [facts.speed(cell, name, GLIBC) for cell in (REQUEST, THOUSAND)]
        if not any(found):
            continue
        memory_of = facts.memory(name, *TALL)
        text = f"{memory_of.resident / memory_of.asked:.2f}" if memory_of else ""
        lines.append(
            Line(name_of(name), found, (text,), _ink(name), name == POOL, name == GLIBC)
        )
    return Dots(
        "How many times as fast as glibc's malloc",
        (
            *READ_DOTS,
            "Memory: bytes resident for each byte asked for, regions of 1,000.",
        ),
        ["an nginx request, 25 allocations", "1,000 allocations, median 67 bytes"],
        lines,
        [("memory", 84.0)],
    )


def _ink(name: str) -> Ink:
    if name == LIMIT:
        return FAINT
    if name in (POOL, INLINE):
        return POOLS
    return GENERAL if name in MALLOCS else OTHERS


def against(facts: Facts, heading: str, cells: Iterable[Labelled]) -> Dots:
    """The pool's speed over each malloc's."""
    lines = [
        Line(label, [facts.speed(cell, POOL, other) for other in MALLOCS])
        for label, cell in cells
    ]
    return Dots(
        heading,
        READ_DOTS,
        list(MALLOCS),
        [line for line in lines if any(line.speeds)],
    )


def against_nginx(facts: Facts) -> Dots:
    """The pool's speed over that of nginx's own: destroyed, or reset."""
    ns: dict[tuple[str, int], list[Cell | None]] = {}
    for index, workload in enumerate(("fill", "fill_reset")):
        for cell in facts.cells([workload]):
            of = ns.setdefault((cell.sizes, cell.n), [None, None])
            of[index] = cell
    lines = [
        Line(
            f"{sizes_}, {words.short(n)}",
            [cell and facts.speed(cell, POOL, NGINX) for cell in cells],
        )
        for (sizes_, n), cells in ns.items()
        if all(cells)
    ]
    return Dots(
        "How many times as fast as nginx's own pool this one is",
        READ_DOTS,
        ["each region destroyed", "one region, reset"],
        [line for line in lines if any(line.speeds)],
    )


def regions(facts: Facts) -> Curves:
    """ns an allocation against the allocations of a region."""
    ns = sorted(
        cell.n for cell in facts.cells(["fill"]) if cell.sizes == THOUSAND.sizes
    )
    lines = []
    for index, name in enumerate(GROWING):
        spots = []
        for n in ns:
            time = facts.time_ns(THOUSAND._replace(n=n), name)
            if time:
                spots.append(Spot(n, *time))
        if spots:
            lines.append(_curve(name, spots, index))
    return Curves(
        "Time of an allocation, its share of the region's start and end included",
        READ_CURVES,
        lines,
        "allocations of a region, lognormal sizes, median 67 bytes",
        words.short,
        "{:g} ns".format,
    )


def _curve(name: str, spots: Sequence[Spot], index: int) -> Curve:
    """The limit is dashed, the pools are wide; other lines differ in ink."""
    inks = (*SERIES, *SERIES)
    if name == LIMIT:
        return Curve(name_of(name), list(spots), FAINT, "thin", 1.4, style.DASHES[1])
    if name in (POOL, INLINE):
        dash = "" if name == POOL else style.DASHES[1]
        return Curve(name_of(name), list(spots), BASELINE, "circle", 2.8, dash)
    return Curve(name_of(name), list(spots), inks[index], style.MARKERS[index])


def memory(facts: Facts) -> Curves:
    """Resident bytes a byte asked for against the allocations of a region."""
    names = [name for name in GROWING if name not in (LIMIT, INLINE)]
    lines = []
    for index, name in enumerate(names):
        spots = []
        for row, found in sorted(facts.run.memory.items()):
            if row.allocator == name and row.sizes == TALL[0]:
                value = found.resident / found.asked
                spots.append(Spot(row.n, value, value, value))
        if spots:
            lines.append(_curve(name, spots, GROWING.index(name)))
    return Curves(
        "Memory resident for each byte asked for, about 32 MiB of regions alive",
        [
            "Lower is better; both scales are logarithmic. Measured once, so no interval."
        ],
        lines,
        "allocations of a region, lognormal sizes, median 67 bytes",
        words.short,
        "{:g}".format,
    )
