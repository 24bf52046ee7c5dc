"""A run in few bytes: readings.json, made of run.json and the other way round.

run.json names each field of each reading. readings.json has one line a row, and
the readings of all rounds in it as lists: a tenth of the size, and git shows
which rows a new run changes.

    text = pack(document, path)       run.json's object to readings.json's text
    document = expand(object, path)   and back

Figures keep DIGITS significant digits. The halves of a reading and the time by
the other clock are thousandths of its time. Both are far below what one round
differs from the next. All else that the report reads is as it was. Two fields of
run.json are made again and not kept: family_index is the place of the row, and
bytes_per_second is the row's mean bytes times the rate.

Packing the result of expand() gives the same bytes. readings.json has:

    version     of this form: 1
    context     as in run.json
    layouts     the layout of each round
    columns     of each list below: the names of the values of its lines
    rows        a line for each row, see ROW and READING
    errors      rows that could not run: name, threads, round, reason
    latencies, memory, instructions, complexity    as in run.json

A list of READING has a value for each round. Where all of them are equal, that
value stands alone. null: the round has none.
"""

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from errors import InputError

FILE = "readings.json"
VERSION = 1
COMMENT = "Made of run.json by ./run publish; bench/report/store.py says how."

DIGITS = 5
STEP = 1e-3  # of the values that are kept as a difference from time_ns

ROW = (
    "name",  # workload/allocator/sizes/n, or the harness's own
    "threads",
    "items",  # allocations of an iteration, of all threads
    "clock",  # cpu_time or real_time: which of them time_ns is
    "bytes",  # of an allocation, on average; null: not known
    "live_bytes",  # null, or a replay's
    "held_bytes",
)
READING = (
    "time_ns",  # of an item; null: the row was not run in this round
    "other_clock",  # the other clock's time over time_ns, less 1, in steps of STEP
    "first_half",  # the same of the time in the first half of the run
    "second_half",
    "iterations",
    "page_faults",  # of an iteration
)
LEAST = {  # of each value of a reading
    "time_ns": 1e-9,
    "other_clock": 1 - 1 / STEP,
    "first_half": 1 - 1 / STEP,
    "second_half": 1 - 1 / STEP,
    "iterations": 0,
    "page_faults": 0,
}
MOST = 1e18  # likewise
ERROR = ("name", "threads", "round", "error_message")
LISTS = ("latencies", "memory", "instructions", "complexity")
CLOCKS = ("cpu_time", "real_time")
IDENTITY = ("workload", "allocator", "sizes", "n")
SHIM = "shim"
NANOSECONDS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}
WHOLE_END = 2**63

Object = dict[str, Any]


def is_stored(document: Object) -> bool:
    """Whether it is readings.json's object, and not run.json's."""
    return "version" in document and "benchmarks" not in document


# run.json to readings.json. Input that load.py refuses raises InputError.


def pack(document: Object, path: Path) -> str:
    """The text of readings.json. Raises InputError."""
    rows: dict[str, list[Object]] = {}
    errors = []
    for entry in document["benchmarks"]:
        if entry.get("run_type", "iteration") != "iteration":
            continue
        _check_name(entry, path)
        if entry.get("error_occurred"):
            errors.append(
                [
                    entry["name"],
                    entry.get("threads", 1),
                    entry.get("repetition_index", 0),
                    str(entry.get("error_message") or "no reason given"),
                ]
            )
        else:
            rows.setdefault(entry["name"], []).append(entry)
    layouts = _layouts(rows)
    parts: dict[str, Any] = {
        "comment": COMMENT,
        "version": VERSION,
        "context": document.get("context", {}),
        "layouts": layouts,
    }
    columns: dict[str, list[str]] = {"rows": [*ROW, *READING], "errors": [*ERROR]}
    lists: dict[str, list[Any]] = {
        "rows": [_pack_row(name, of, layouts, path) for name, of in rows.items()],
        "errors": errors,
    }
    for key in LISTS:
        if key in document:
            columns[key], lists[key] = _pack_list(document[key])
    return _text(parts | {"columns": columns}, lists)


def _check_name(entry: Object, path: Path) -> None:
    """The name says all that identifies a row, so it alone is kept."""
    own = [str(entry[key]) for key in IDENTITY if key in entry]
    if own != [SHIM] and "/".join(own) != entry["name"]:
        raise InputError(
            f"{path}: {entry['name']}: name is not its workload/allocator/sizes/n; "
            "expected a run that bench wrote"
        )


def _layouts(rows: dict[str, list[Object]]) -> list[int | None]:
    known = {
        entry["repetition_index"]: entry["layout"]
        for of in rows.values()
        for entry in of
    }
    return [known.get(number) for number in range(max(known, default=-1) + 1)]


def _pack_row(
    name: str, entries: list[Object], layouts: list[int | None], path: Path
) -> list[Any]:
    first = entries[0]
    clock, items = _clock(name, entries, path)
    by_round = {entry["repetition_index"]: entry for entry in entries}
    readings = [
        _pack_reading(by_round.get(number), clock) for number in range(len(layouts))
    ]
    if not any(of[READING.index("other_clock")] for of in readings):
        clock = CLOCKS[0]  # both clocks give the same
    sizes = [
        entry["bytes_per_second"] / entry["items_per_second"]
        for entry in entries
        if entry.get("bytes_per_second")
    ]
    return [
        name,
        first.get("threads", 1),
        items,
        clock,
        _digits(math.fsum(sizes) / len(sizes)) if sizes else None,
        first.get("live_bytes"),
        first.get("held_bytes"),
        *(_shortest(list(values)) for values in zip(*readings)),
    ]


def _clock(name: str, entries: list[Object], path: Path) -> tuple[str, int]:
    """The clock by which items_per_second counts, and the items of an iteration."""
    for entry in entries:
        for key in CLOCKS:
            if not _is_within(entry.get(key), LEAST["time_ns"]):
                raise InputError(
                    f"{path}: {name}: {key} is {entry.get(key)!r}; expected a time"
                )
    for clock in CLOCKS:
        items = [_items(entry, clock) for entry in entries]
        whole = round(items[0])
        if whole > 0 and all(math.isclose(of, whole, rel_tol=1e-6) for of in items):
            return clock, whole
    raise InputError(
        f"{path}: {name}: items_per_second is not that of a whole number of items "
        f"an iteration, by {' or '.join(CLOCKS)}; expected a run that bench wrote"
    )


def _items(entry: Object, clock: str) -> float:
    seconds = entry[clock] * NANOSECONDS[entry.get("time_unit", "ns")] / 1e9
    return float(entry["items_per_second"] * seconds)


def _pack_reading(entry: Object | None, clock: str) -> list[Any]:
    if entry is None:
        return [None] * len(READING)
    time = _digits(1e9 / entry["items_per_second"])
    other = entry[CLOCKS[1 - CLOCKS.index(clock)]] / entry[clock]
    halves = (entry.get("first_half_ns"), entry.get("second_half_ns"))
    return [
        time,
        _steps(other),
        *(None if half is None else _steps(half / time) for half in halves),
        entry.get("iterations"),
        _rounded(entry.get("page_faults")),
    ]


def _steps(ratio: float) -> int:
    return round((ratio - 1.0) / STEP)


def _shortest(values: list[Any]) -> Any:
    return values[0] if all(value == values[0] for value in values) else values


def _pack_list(entries: list[Object]) -> tuple[list[str], list[list[Any]]]:
    keys = list(dict.fromkeys(key for entry in entries for key in entry))
    return keys, [[_rounded(entry.get(key)) for key in keys] for entry in entries]


def _rounded(value: Any) -> Any:
    return _digits(value) if isinstance(value, float) else value


def _digits(value: float) -> float | int:
    """Round to DIGITS significant digits. Whole numbers are int: that is shorter."""
    near = float(f"{value:.{DIGITS - 1}e}")
    return int(near) if near.is_integer() else near


def _text(parts: Object, lists: dict[str, list[Any]]) -> str:
    """JSON with one line for each part and for each line of a list."""
    said = [f"{_json(key)}: {_json(value)}" for key, value in parts.items()]
    for key, values in lists.items():
        lines = ",\n".join(map(_json, values))
        said.append(f"{_json(key)}: [\n{lines}\n]")
    return "{\n" + ",\n".join(said) + "\n}\n"


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


# readings.json to run.json. The input may have anything in it.


def expand(document: Object, path: Path) -> Object:
    """run.json's object, one entry a row and round. Raises InputError."""
    if document.get("version") != VERSION:
        raise InputError(
            f"{path}: version is {document['version']!r}; expected {VERSION}"
        )
    context = document.get("context", {})
    if not isinstance(context, dict):
        raise InputError(f'{path}: "context" is {context!r}; expected an object')
    layouts = _layout_list(document, path)
    benchmarks: list[Object] = []
    for index, line in enumerate(_lines(document, "rows", [*ROW, *READING], path)):
        benchmarks += _row_entries(_Line(path, "rows", index, line), layouts)
    for index, line in enumerate(_lines(document, "errors", [*ERROR], path)):
        benchmarks.append(_error_entry(_Line(path, "errors", index, line), layouts))
    _add_families(benchmarks)
    result: Object = {"context": context, "benchmarks": benchmarks}
    for key in LISTS:
        if key in document:
            result[key] = list(_entries(document, key, path))
    return result


class _Line:
    """One line of a list, which knows how to name itself."""

    def __init__(self, path: Path, key: str, index: int, of: Object) -> None:
        self.path = path
        name = of.get("name")
        said = f": {name}" if isinstance(name, str) and name.isprintable() else ""
        self.where = f"{key}[{index}]{said}"
        self.of = of

    def refuse(self, key: str, found: Any, expected: str) -> InputError:
        return InputError(
            f"{self.path}: {self.where}: {key} is {found!r}; expected {expected}"
        )

    def text(self, key: str) -> str:
        value = self.of[key]
        if not isinstance(value, str) or not value:
            raise self.refuse(key, value, "a text")
        return value

    def whole(self, key: str, least: int) -> int:
        value = self.of[key]
        if type(value) is not int or not least <= value < WHOLE_END:
            raise self.refuse(key, value, f"a whole number from {least} on")
        return value

    def each(self, key: str, rounds: int) -> list[Any]:
        """A number, or null, for each round."""
        least = LEAST[key]
        value = self.of[key]
        values = value if isinstance(value, list) else [value] * rounds
        if len(values) != rounds:
            raise self.refuse(key, value, f"one value, or {rounds}: one a round")
        for number, one in enumerate(values):
            if one is not None and not _is_within(one, least):
                raise self.refuse(
                    f"{key}, round {number},",
                    one,
                    f"null or a number from {least:g} to {MOST:g}",
                )
        return values

    def identity(self) -> Object:
        """The fields that the name stands for."""
        workload, *rest = self.text("name").split("/")
        if workload == SHIM:
            return {"workload": workload}
        if len(rest) != 3 or not rest[2].isdecimal():
            raise self.refuse(
                "name", self.of["name"], "workload/allocator/sizes/n, n a number"
            )
        allocator, sizes, n = rest
        return {
            "workload": workload,
            "allocator": allocator,
            "sizes": sizes,
            "n": int(n),
        }


def _is_within(value: Any, least: float) -> bool:
    return type(value) in (int, float) and least <= value <= MOST


def _layout_list(document: Object, path: Path) -> list[int | None]:
    found = document.get("layouts")
    if not isinstance(found, list):
        raise InputError(f'{path}: expected a list "layouts"')
    for number, layout in enumerate(found):
        if layout is not None and (type(layout) is not int or layout < 0):
            raise InputError(
                f"{path}: layouts[{number}] is {layout!r}; expected a layout's number"
            )
    return found


def _lines(
    document: Object, key: str, expected: list[str] | None, path: Path
) -> Iterator[Object]:
    """Each line of a list as an object, by the names of the columns."""
    columns = document.get("columns")
    columns = columns.get(key) if isinstance(columns, dict) else None
    if not isinstance(columns, list) or not all(isinstance(c, str) for c in columns):
        raise InputError(f'{path}: expected a list of names, columns["{key}"]')
    if expected is not None and columns != expected:
        raise InputError(
            f'{path}: columns["{key}"] is {columns!r}; expected {expected!r}'
        )
    lines = document.get(key)
    if not isinstance(lines, list):
        raise InputError(f'{path}: expected a list "{key}"')
    for index, line in enumerate(lines):
        if not isinstance(line, list) or len(line) != len(columns):
            raise InputError(
                f"{path}: {key}[{index}] is {line!r:.80}; expected a list of "
                f"{len(columns)} values"
            )
        yield dict(zip(columns, line))


def _entries(document: Object, key: str, path: Path) -> Iterator[Object]:
    """The entries of a list as run.json has them; load.py judges their values."""
    for line in _lines(document, key, None, path):
        yield {name: value for name, value in line.items() if value is not None}


def _row_entries(line: _Line, layouts: list[int | None]) -> Iterator[Object]:
    clock = line.of["clock"]
    if clock not in CLOCKS:
        raise line.refuse("clock", clock, " or ".join(CLOCKS))
    row = {
        "name": line.text("name"),
        "run_name": line.of["name"],
        "run_type": "iteration",
        "threads": line.whole("threads", 1),
        **line.identity(),
    }
    items = line.whole("items", 1)
    size = line.of["bytes"]
    if size is not None and not _is_within(size, LEAST["time_ns"]):
        raise line.refuse("bytes", size, "null or a number above 0")
    held = {
        key: line.whole(key, 1)
        for key in ("live_bytes", "held_bytes")
        if line.of[key] is not None
    }
    readings = [line.each(key, len(layouts)) for key in READING]
    for number, reading in enumerate(zip(*readings)):
        found = dict(zip(READING, reading))
        if found["time_ns"] is None:
            continue
        if layouts[number] is None:
            raise line.refuse(
                "time_ns", found["time_ns"], f"null: round {number} has no layout"
            )
        yield row | {
            "repetitions": len(layouts),
            "repetition_index": number,
            "layout": layouts[number],
            **_times(found, clock, items, size),
            **held,
        }


def _times(found: Object, clock: str, items: int, size: float | None) -> Object:
    """The fields of one reading that are measured."""
    each = float(found["time_ns"])
    rate = 1e9 / each
    times = {
        clock: each * items,
        CLOCKS[1 - CLOCKS.index(clock)]: each
        * items
        * _ratio(found["other_clock"] or 0),
    }
    result: Object = {
        "iterations": found["iterations"] or 0,
        **{key: times[key] for key in reversed(CLOCKS)},
        "time_unit": "ns",
        "items_per_second": rate,
    }
    if size is not None:
        result["bytes_per_second"] = rate * size
    for key in ("first_half", "second_half"):
        if found[key] is not None:
            result[f"{key}_ns"] = each * _ratio(found[key])
    if found["page_faults"] is not None:
        result["page_faults"] = found["page_faults"]
    return result


def _ratio(steps: float) -> float:
    return 1.0 + STEP * steps


def _error_entry(line: _Line, layouts: list[int | None]) -> Object:
    return {
        "name": line.text("name"),
        "run_name": line.of["name"],
        "run_type": "iteration",
        "repetitions": len(layouts),
        "repetition_index": line.whole("round", 0),
        "threads": line.whole("threads", 1),
        **line.identity(),
        "error_occurred": True,
        "error_message": line.text("error_message"),
        "iterations": 0,
        "real_time": 0,
        "cpu_time": 0,
        "time_unit": "ns",
    }


def _add_families(benchmarks: Iterable[Object]) -> None:
    """google-benchmark's number of a row: here, of its place."""
    known: dict[str, int] = {}
    for entry in benchmarks:
        entry["family_index"] = known.setdefault(entry["name"], len(known))
        entry["per_family_instance_index"] = 0
