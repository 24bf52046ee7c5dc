"""The figures of the page as it opens: the marks of each.

A mark is a value with its interval. forms.py draws a figure, and its table lists
its marks. figures.js has a function of the same name for each of these, for a
reader's choices.
"""

import math
import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import words
from campaigns import COUNTS, GROWTH, STABILITY, Line
from load import Row
from mutants import TOGETHER, Score
from variance import RATIO, Split
from verdicts import percent, spread

from .view import LIMIT, SMALL, Speed, View

DOTS, LINES, HEAT, SCATTER = "dots", "lines", "heat", "scatter"
PERCENTILES = ("p50", "p90", "p99", "p99.9", "max")
PARTS = ("layout", "process", "rest")
THREADS = ("threads_1", "threads_2", "handoff")
PROGRAMS = ("replay", "request")


@dataclass(frozen=True)
class Mark:
    name: str  # of its row or its line
    value: float
    low: float | None = None  # of the interval
    high: float | None = None
    least: float | None = None  # of the rounds
    most: float | None = None
    x: float | None = None  # lines and scatter
    panel: int = 0  # dots: which of the panels
    series: str = ""  # which of the marks of one row and panel; heat: the column
    verdict: str = ""
    noise: float | None = None  # the A/A spread beside it, in percent
    rounds: int | None = None
    row: str = ""  # of the run
    more: str = ""  # another figure that was measured with it


@dataclass(frozen=True)
class Panel:
    title: str
    weight: float = 1.0  # of its width
    is_log: bool = True
    at: float | None = None  # where its line of reference is


@dataclass(frozen=True)
class Figure:
    id: str
    form: str
    title: str
    caption: str
    unit: str  # of the marks' values, in a table's head
    marks: list[Mark]
    panels: list[Panel] = field(default_factory=list)
    series: list[str] = field(default_factory=list)
    is_stacked: bool = False  # dots: each series on a line of its own
    is_higher_better: bool = False
    x_title: str = ""
    y_title: str = ""
    floor: str = ""  # lines: nothing is below this one
    is_families: bool = True  # coloured by families of allocators, else by series

    def has(self, key: str) -> bool:
        """Whether any mark has that, so that a table needs the column."""
        return any(getattr(mark, key) not in (None, "") for mark in self.marks)

    @staticmethod
    def text(mark: Mark, key: str) -> str:
        """As a table shows it."""
        value = getattr(mark, key)
        return words.digits(value) if isinstance(value, float) else str(value or "")

    @property
    def names(self) -> list[str]:
        """The best first: by the mean of their values in the first panel. Names that
        are no allocators are in alphabetical order."""
        if not self.is_families:
            return sorted({mark.name for mark in self.marks})
        logs: dict[str, list[float]] = {}
        for mark in self.marks:
            known = logs.setdefault(mark.name, [])
            if mark.panel == 0:
                known.append(math.log(max(mark.value, 1e-9)))
        sign = -1.0 if self.is_higher_better else 1.0
        return sorted(logs, key=lambda name: (round(sign * _mean(logs[name]), 6), name))


NAMES = {  # of the figures, in the list of sections
    "heat": "Where it wins",
    "cost": "Cost against n",
    "throughput": "Throughput",
    "latency": "Latency",
    "memory": "Memory",
    "threads": "Threads",
    "programs": "Programs",
    "instructions": "Instructions",
    "variance": "Spread",
    "faults": "Page faults",
    "mutants": "Checks' score",
    "campaigns": "Fuzzing",
}


def figures(
    view: View, splits: list[Split], scores: list[Score], fuzzed: list[Line]
) -> list[Figure]:
    """The figures that the run has marks for, in the order of the page."""
    made = [
        first(view),
        heat(view),
        cost(view),
        throughput(view),
        latency(view),
        memory(view),
        threads(view),
        programs(view),
        instructions(view),
        variance(view, splits),
        faults(view),
        score(scores),
        campaigns(fuzzed),
    ]
    return [figure for figure in made if figure.marks]


def first(view: View) -> Figure:
    ns = first_ns(view)
    marks = []
    for n in ns:
        for name in view.first:
            found = view.speed(view.row(name, n))
            if found:
                marks.append(_speed(view, view.row(name, n), found, f"n = {n:,}", name))
                held = view.memory(name, n)
                if held and held.resident:
                    value = held.resident / held.asked
                    series = f"n = {n:,}"
                    marks.append(Mark(name, value, panel=1, series=series))
    return Figure(
        "first",
        DOTS,
        f"{view.traffic}, {view.sizes}: times as fast as {view.base}",
        "A dot is the median over the layouts, its thick line the interval, its thin "
        "line the rounds. Right is faster.",
        f"times as fast as {view.base}",
        marks,
        [
            Panel(f"times as fast as {view.base}", 2.2, at=1.0),
            Panel("resident / asked", 1.0, at=1.0),
        ],
        [f"n = {n:,}" for n in ns],
        is_stacked=True,
        is_higher_better=True,
    )


def first_ns(view: View) -> list[int]:
    ns = view.ns(view.traffic, view.sizes)
    low = SMALL if SMALL in ns else ns[0]
    return [low] if low == view.n else [low, view.n]


def heat(view: View) -> Figure:
    return Figure(
        "heat",
        HEAT,
        f"{view.traffic}: times as fast as {view.base}",
        "Blue is faster and orange is slower. Grey is equal, or nothing that can be "
        "said: the word below each figure is the verdict.",
        f"times as fast as {view.base}",
        _speeds(view, [view.traffic]),
        is_higher_better=True,
    )


def programs(view: View) -> Figure:
    """Recorded programs: each trace has one n."""
    known = [name for name in PROGRAMS if name in view.table.workloads]
    return Figure(
        "programs",
        HEAT,
        f"Recorded programs and requests: times as fast as {view.base}",
        "A region allocator frees with its region, so in a program that frees one by "
        "one it holds more than is live: see the table of held bytes.",
        f"times as fast as {view.base}",
        _speeds(view, known, is_trace=True),
        is_higher_better=True,
    )


def cost(view: View) -> Figure:
    return _lines(
        view,
        "cost",
        "ns an allocation against the allocations of a region",
        "Lower is better. The shade ends at a limit: one block for each region, and a "
        "pointer in memory that is moved and compared with the end. Its block comes "
        "from malloc, so a small region can cost less where blocks are kept.",
        "ns an allocation",
        lambda value: value,
        LIMIT if LIMIT in view.names else "",
    )


def throughput(view: View) -> Figure:
    return _lines(
        view,
        "throughput",
        "allocations a second against the allocations of a region",
        "Higher is better. Disturbances of whole rounds widen these intervals, so "
        "compare allocators by the ratios above.",
        "allocations a second",
        lambda value: 1e9 / value,
    )


def latency(view: View) -> Figure:
    marks = []
    for name in view.names:
        row = view.row(name, view.n)
        found = view.run.latencies.get(row)
        for series, value in zip(PERCENTILES, found[1:] if found else ()):
            if value > 0:
                marks.append(Mark(name, value, series=series, row=str(row)))
    return Figure(
        "latency",
        DOTS,
        f"Latency of a whole region: {view.traffic}, {view.sizes}, n = {view.n:,}",
        "The time that 50, 90, 99 and 99.9 % of the regions did not exceed, and the "
        "longest.",
        "ns a region",
        marks,
        [Panel("ns a region")],
        list(PERCENTILES),
    )


def memory(view: View) -> Figure:
    marks = []
    n = memory_n(view)
    for name in view.names:
        held, time = view.memory(name, n), view.time(view.row(name, n))
        if held and held.resident and time:
            marks.append(
                Mark(
                    name,
                    time.median,
                    time.low,
                    time.high,
                    x=held.resident / held.asked,
                    row=str(view.row(name, n)),
                    series=name,
                    more=f"kept {words.size(held.kept)}",
                )
            )
    return Figure(
        "memory",
        SCATTER,
        f"Memory against time: {view.traffic}, {view.sizes}, n = {n:,}",
        "Lower and further left is better. Resident bytes are those of all regions "
        "alive at once. Bytes that are never written may never be resident.",
        "ns an allocation",
        marks,
        x_title="resident bytes a byte asked for",
        y_title="ns an allocation",
    )


def memory_n(view: View) -> int:
    """The n, nearest to the chosen one, with time and memory measured."""
    both = {
        row.n
        for row in view.run.memory
        if row.sizes == view.sizes
        and row._replace(workload=view.traffic) in view.run.rates
    }
    return min(both, key=lambda n: (abs(math.log(n / view.n)), n), default=view.n)


def threads(view: View) -> Figure:
    known = [name for name in THREADS if name in view.table.workloads]
    marks, panels = [], []
    for index, traffic in enumerate(known):
        sizes = view.chosen(traffic)
        n = view.ns(traffic, sizes)[0]
        panels.append(Panel(f"{traffic}, {sizes}, n = {n:,}: ns"))
        for name in view.names:
            row = Row(traffic, name, sizes, n)
            marks += _time(view, row, name, name, panel=index)
    return Figure(
        "threads",
        DOTS,
        "Threads: one, two at once, and regions that another thread destroys",
        "Time of an allocation by the wall clock.",
        "ns an allocation",
        marks,
        panels,
    )


def instructions(view: View) -> Figure:
    counted = view.run.counts
    traffics = {row.workload for row in counted}
    traffic = view.traffic if view.traffic in traffics else min(traffics, default="")
    sizes_of = {row.sizes for row in counted if row.workload == traffic}
    sizes = view.sizes if view.sizes in sizes_of else min(sizes_of, default="")
    ns = sorted(
        {row.n for row in counted if (row.workload, row.sizes) == (traffic, sizes)}
    )
    marks = []
    for index, n in enumerate(ns):
        for name in view.names:
            row = Row(traffic, name, sizes, n)
            if row in counted and counted[row].instructions:
                value = counted[row].instructions
                more = (
                    f"{words.digits(counted[row].branches)} branches, "
                    f"{counted[row].mispredictions:.3f} mispredicted"
                )
                marks.append(Mark(name, value, panel=index, row=str(row), more=more))
    return Figure(
        "instructions",
        DOTS,
        f"Instructions of an allocation: {traffic}, {sizes}",
        "Simulated by callgrind, exact from run to run. They count instructions, not "
        "their time.",
        "instructions an allocation",
        marks,
        [Panel(f"n = {n:,}") for n in ns],
    )


def variance(view: View, splits: list[Split]) -> Figure:
    """The sources of a ratio's spread, and the A/A pair's spread, by workload."""
    marks = []
    for split in splits:
        if split.of == RATIO:
            for part, value in zip(PARTS, split.percents()):
                if value is not None:
                    marks.append(Mark(split.workload, value, series=part))
    for workload in view.table.workloads:
        found = [
            percent(spread(pair))
            for group in view.table.of(workload)
            for pair in group.pairs.values()
        ]
        if found:
            marks.append(Mark(workload, statistics.median(found), series="A/A"))
    return Figure(
        "variance",
        DOTS,
        "Where the spread of a ratio comes from, by traffic",
        "Standard deviation of one reading that is due to the layout, to the process "
        "and to the rest. A/A is the median over the cells of how far the interval of "
        "one allocator against itself reaches from 1.",
        "percent",
        marks,
        [Panel("percent", is_log=False)],
        [*PARTS, "A/A"],
        is_families=False,
    )


def faults(view: View) -> Figure:
    """Page faults of the chosen cell, where any row has some."""
    marks = []
    are_there = any(any(of.values()) for of in view.run.faults.values())
    for name in view.names if are_there else ():
        row = view.row(name, view.n)
        found = view.run.faults.get(row)
        if found:
            marks.append(Mark(name, statistics.median(found.values()), row=str(row)))
    return Figure(
        "faults",
        DOTS,
        f"Page faults of a region: {view.traffic}, {view.sizes}, n = {view.n:,}",
        "Minor faults, as the median over the rounds.",
        "page faults a region",
        marks,
        [Panel("page faults a region", is_log=False)],
    )


def score(scores: list[Score]) -> Figure:
    """The share of the planted and of the generated bugs that each check finds."""
    marks = [
        Mark(
            of.check,
            100.0 * of.killed / of.of,
            series=of.kind,
            row=f"{of.killed} of {of.of}",
        )
        for of in scores
        if of.check != TOGETHER
    ]
    return Figure(
        "mutants",
        DOTS,
        "The checks' score: bugs of the pool that each kind of check finds",
        "Bugs are generated on the syntax tree, or planted by hand. Each check alone "
        "has to find them.",
        "percent found",
        marks,
        [Panel("percent found", is_log=False)],
        list(dict.fromkeys(mark.series for mark in marks)),
        is_higher_better=True,
        is_families=False,
    )


def campaigns(fuzzed: list[Line]) -> Figure:
    """The sums of the fuzzing campaigns of each target."""
    panels = ("executions a second", "edges", "inputs of the corpus")
    marks = []
    for line in fuzzed:
        counts = {key: int(line[key]) for key in COUNTS}
        values = (
            counts["executions"] / max(counts["seconds"], 1),
            counts["edges"],
            counts["corpus"],
        )
        for panel, value in enumerate(values):
            if value:
                marks.append(
                    Mark(
                        line["target"],
                        float(value),
                        panel=panel,
                        series=line["engine"],
                        row=panels[panel],
                        more=_fuzzed(line, counts),
                    )
                )
    return Figure(
        "campaigns",
        DOTS,
        "Fuzzing: the campaigns of each target",
        "All runs of results/fuzz.json together, without campaigns that look for a "
        "bug that was planted. Edges are those of the engine's own instrumentation, "
        "so compare them within one engine.",
        "value",
        marks,
        [Panel(title) for title in panels],
        list(dict.fromkeys(mark.series for mark in marks)),
        is_higher_better=True,
        is_families=False,
    )


def _fuzzed(line: Line, counts: dict[str, int]) -> str:
    said = [
        f"{counts['campaigns']:,} campaigns of {counts['seconds']:,} s in all",
        f"{counts['executions']:,} executions",
        f"{counts['findings']:,} findings",
    ]
    if line[STABILITY]:
        said.append(f"stability {line[STABILITY]}")
    if line[GROWTH]:
        growth = int(line[GROWTH])
        verb = "grew" if growth >= 0 else "shrank"
        said.append(f"memory {verb} by {abs(growth)} MiB after five minutes")
    return ", ".join(said)


def _lines(
    view: View,
    id_: str,
    title: str,
    caption: str,
    unit: str,
    of: Callable[[float], float],
    floor: str = "",
) -> Figure:
    marks = []
    for name in view.names:
        for n in view.ns(view.traffic, view.sizes):
            row = view.row(name, n)
            for mark in _time(view, row, name, name):
                low, high = sorted((of(mark.low), of(mark.high)))
                changed = {"value": of(mark.value), "low": low, "high": high, "x": n}
                marks.append(Mark(**{**mark.__dict__, **changed}))
    return Figure(
        id_,
        LINES,
        f"{view.traffic}, {view.sizes}: {title}",
        caption,
        unit,
        marks,
        x_title="allocations of a region",
        y_title=unit,
        floor=floor,
    )


def _time(
    view: View, row: Row, name: str, series: str, panel: int = 0
) -> Iterator[Mark]:
    found = view.time(row)
    if found:
        yield Mark(
            name,
            found.median,
            found.low,
            found.high,
            panel=panel,
            series=series,
            noise=view.noise_percent(row),
            rounds=len(view.run.rates[row]),
            row=str(row),
        )


def _speeds(view: View, traffics: Iterable[str], is_trace: bool = False) -> list[Mark]:
    marks = []
    for traffic in traffics:
        for sizes in view.sizes_of(traffic):
            for n in view.ns(traffic, sizes):
                series = sizes if is_trace else f"{sizes} {n:,}"
                for name in view.names:
                    row = Row(traffic, name, sizes, n)
                    found = view.speed(row)
                    if found:
                        marks.append(_speed(view, row, found, series, name))
    return marks


def _speed(view: View, row: Row, found: Speed, series: str, name: str) -> Mark:
    return Mark(
        name,
        found.median,
        found.low,
        found.high,
        found.least,
        found.most,
        series=series,
        verdict=found.verdict,
        noise=view.noise_percent(row),
        rounds=found.rounds,
        row=str(row),
    )


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0
