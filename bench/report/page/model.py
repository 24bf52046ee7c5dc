"""The data of the page for its script, embedded once as JSON.

Names stand in lists, and rows refer to them by number. Times are those of the
rounds, so that a reader can pick any baseline; DIGITS keeps them within a
thousandth of an interval's end.
"""

import json
from typing import Any

import verdicts
from interval import rank
from load import Object
from table import Table

from .figures import PERCENTILES, PROGRAMS, THREADS, Figure
from .forms import GEOMETRY, INKS, MARKERS, SERIES_INKS, STEPS
from .view import View, classes, family

DIGITS = 6


def model(view: View, figures: list[Figure], beside: dict[str, str]) -> Object:
    run, table = view.run, view.table
    names = Names()
    rounds = sorted(run.layouts)
    result = {
        "baseline": table.baseline,
        "pair": list(table.pair),
        "layouts": [run.layouts[number] for number in rounds],
        "ranks": _ranks(table, len(set(run.layouts.values()))),
        "equal": verdicts.EQUAL_WITHIN,
        "unstable": verdicts.UNSTABLE_FROM,
        "state": state(view),
        "first": view.first,
        "allocators": [
            {
                "name": name,
                "class": classes(view)[name],
                "policy": beside.get(name, ""),
                "ink": INKS[family(name)].name if family(name) in INKS else "q",
            }
            for name in view.names
        ],
        "rows": [
            [*names.row(row), [_ns(rates.get(number)) for number in rounds]]
            for row, rates in run.rates.items()
        ],
        "latencies": [
            [*names.row(row), *map(_short, found[1:])]
            for row, found in run.latencies.items()
        ],
        "memory": [
            [*names.row(row), _short(found.resident / found.asked), found.kept]
            for row, found in run.memory.items()
        ],
        "instructions": [
            [*names.row(row), *map(_short, found)] for row, found in run.counts.items()
        ],
        "faults": [
            [*names.row(row), [_short(found.get(number)) for number in rounds]]
            for row, found in run.faults.items()
            if any(found.values())
        ],
        "geometry": GEOMETRY,
        "markers": MARKERS,
        "inks": [ink.name for ink in SERIES_INKS],
        "steps": STEPS,
        "percentiles": PERCENTILES,
        "threads": THREADS,
        "programs": PROGRAMS,
        # These parts do not change with a reader's choice, except for the marks' look.
        "fixed": {
            figure.id: [_mark(mark) for mark in figure.marks]
            for figure in figures
            if figure.id in ("variance", "mutants", "campaigns")
        },
        "figures": [
            {
                "id": figure.id,
                "form": figure.form,
                "caption": figure.caption,
                "title": figure.title,
                "unit": figure.unit,
                "panels": [_panel(panel) for panel in figure.panels],
                "series": figure.series,
                "isStacked": figure.is_stacked,
                "isHigherBetter": figure.is_higher_better,
                "isFamilies": figure.is_families,
                "xTitle": figure.x_title,
                "yTitle": figure.y_title,
                "floor": figure.floor,
            }
            for figure in figures
        ],
    }
    result["names"] = names.known
    return result


def text(of: Object) -> str:
    """JSON for a script element: no "<" can end the element."""
    dumped = json.dumps(of, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return dumped.replace("<", "\\u003c").replace("\u2028", "\\u2028")


def state(view: View) -> Object:
    """The choices that the page opens with."""
    return {
        "traffic": view.traffic,
        "sizes": view.sizes,
        "n": view.n,
        "unit": "ns",
        "base": view.base,
        "on": view.main,
    }


class Names:
    """Every name once."""

    def __init__(self) -> None:
        self.known: list[str] = []
        self._places: dict[str, int] = {}

    def place(self, name: str) -> int:
        if name not in self._places:
            self._places[name] = len(self.known)
            self.known.append(name)
        return self._places[name]

    def row(self, row: Any) -> list[int]:
        parts = (row.workload, row.allocator, row.sizes)
        return [*map(self.place, parts), row.n]


def _ranks(table: Table, most: int) -> list[int]:
    """The order statistic at which an interval begins, by the number of layouts."""
    return [rank(count, table.confidence) if count else 0 for count in range(most + 1)]


def _ns(rate: float | None) -> float | None:
    return _short(1e9 / rate) if rate else None


def _short(value: float | None) -> float | int | None:
    if value is None:
        return None
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short == int(short) else short


def _mark(mark: Any) -> Object:
    return {
        "name": mark.name,
        "series": mark.series,
        "value": _short(mark.value),
        "panel": mark.panel,
        "row": mark.row,
        "more": mark.more,
    }


def _panel(panel: Any) -> Object:
    return {
        "title": panel.title,
        "weight": panel.weight,
        "isLog": panel.is_log,
        "at": panel.at,
    }
