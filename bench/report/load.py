"""Read a run's files from its folder, and refuse those that cannot be reported.

run.json follows google-benchmark's schema, one entry of "benchmarks" a row and
round. Its round is its repetition_index, and workload, allocator, sizes and n
say which row it is. The harness's own rows have "workload": "shim" alone, and
are known by their name. The lists "latencies", "memory", "instructions" and
"complexity" have one entry a row; a run may leave each of them out.

A published run has readings.json instead, the same in fewer bytes (store.py).
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

import store
from errors import InputError as InputError  # callers take it from here

PUBLISHED = "reference"  # the label of the published run
SHIM = "shim"  # the workload of the harness's own rows
MEMORY = "memory"  # stands for a workload in the rows of memory
WHOLE_END = 2**63  # bench writes int64_t
NANOSECONDS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}

Object = dict[str, Any]


class Row(NamedTuple):
    workload: str
    allocator: str
    sizes: str
    n: int

    def __str__(self) -> str:
        return "/".join(map(str, self))


class Latency(NamedTuple):
    """Times of whole regions, in ns, over all rounds; with the clock's cost."""

    regions: int
    p50: float
    p90: float
    p99: float
    p999: float
    max: float


class Memory(NamedTuple):
    """Bytes of all regions of a row together."""

    regions: int
    asked: float
    virtual: float
    resident: float  # with all of them alive
    kept: float  # resident after all of them are destroyed


class Counts(NamedTuple):
    """Counts of an allocation, as callgrind simulates it."""

    instructions: float
    branches: float
    mispredictions: float


class Family(NamedTuple):
    """Rows that differ in n alone."""

    workload: str
    allocator: str
    sizes: str


class Fit(NamedTuple):
    """How a region's time grows with n."""

    big_o: str
    coefficient_ns: float
    rms: float  # relative


@dataclass
class Run:
    path: Path  # of run.json, for messages
    context: Object
    machine: Object
    command: str
    layouts: dict[int, int] = field(default_factory=dict)  # by round

    # Of each row, by round: allocations a second; ns an allocation in the
    # first and in the second half of the run; page faults a region.
    rates: dict[Row, dict[int, float]] = field(default_factory=dict)
    halves: dict[Row, dict[int, tuple[float, float]]] = field(default_factory=dict)
    faults: dict[Row, dict[int, float]] = field(default_factory=dict)

    held: dict[Row, tuple[int, int]] = field(default_factory=dict)  # live, held bytes
    others: dict[str, dict[int, float]] = field(default_factory=dict)  # the shim's: ns
    latencies: dict[Row, Latency] = field(default_factory=dict)
    memory: dict[Row, Memory] = field(default_factory=dict)
    counts: dict[Row, Counts] = field(default_factory=dict)
    fits: dict[Family, Fit] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)  # name to reason
    silent: list[str] = field(default_factory=list)  # allocators without a rate


def load(folder: Path) -> Run:
    """The run in folder: run.json, or where there is none, readings.json.

    Raises InputError.
    """
    run = load_file(run_file(folder))
    run.machine = _read_object(folder / "machine.json")
    run.command = _read_text(folder / "command").strip()
    return run


def run_file(folder: Path) -> Path:
    """The file that has the run of this folder; run.json where there is none."""
    stored = folder / store.FILE
    path = folder / "run.json"
    return stored if stored.is_file() and not path.is_file() else path


def load_file(path: Path) -> Run:
    """The run in a run.json or readings.json of any name, without its machine and
    its command.

    Raises InputError.
    """
    return load_document(read_document(path), path)


def read_document(path: Path) -> Object:
    """run.json's object, whichever form the file has. Raises InputError."""
    document = _read_object(path)
    return store.expand(document, path) if store.is_stored(document) else document


def load_document(document: Object, path: Path) -> Run:
    """The run in run.json's object; path is for messages. Raises InputError."""
    context = document.get("context", {})
    if not isinstance(context, dict):
        raise InputError(f'{path}: "context" is {context!r}; expected an object')

    run = Run(path, context, {}, "")
    entries = _measured(path, document.get("benchmarks"))
    reasons = _reasons(entries)
    run.skipped = {name: "; ".join(said) for name, said in sorted(reasons.items())}
    for entry in entries:
        if entry.text("name") not in reasons:
            _add(run, entry)
    failed = {
        entry.row().allocator
        for entry in entries
        if entry.text("name") in reasons and not entry.is_shim()
    }
    run.silent = sorted(failed - {row.allocator for row in run.rates})
    _add_lists(run, document)
    return run


class _Entry:
    """One object of a list of run.json, which knows how to name itself."""

    __slots__ = ("path", "where", "of")

    def __init__(self, path: Path, where: str, of: Object) -> None:
        self.path = path
        self.where = where
        self.of = of

    def refuse(self, key: str, expected: str) -> InputError:
        name = self.of.get("name")
        where = f"{self.where}: {name}" if _is_text(name) else self.where
        found = repr(self.of[key]) if key in self.of else "missing"
        return InputError(
            f"{self.path}: {where}: {key} is {found}; expected {expected}"
        )

    def text(self, key: str) -> str:
        value = self.of.get(key)
        if not _is_text(value) or not value:
            raise self.refuse(key, "a text")
        return value

    def whole(self, key: str, least: int, meaning: str) -> int:
        value = self.of.get(key)
        if type(value) is not int or not least <= value < WHOLE_END:
            raise self.refuse(
                key, f"{meaning}, a whole number from {least} on and below 2**63"
            )
        return value

    def number(self, key: str) -> float:
        value = self.of.get(key)
        if not _is_number(value) or value < 0:
            raise self.refuse(key, "a number from 0 on")
        return float(value)

    def positive(self, key: str, or_else: str = "") -> float:
        value = self.of.get(key)
        if not _is_number(value) or value <= 0:
            raise self.refuse(key, f"a number above 0{or_else}")
        return float(value)

    def is_shim(self) -> bool:
        return self.text("workload") == SHIM

    def row(self, workload: str | None = None) -> Row:
        return Row(
            workload or self.text("workload"),
            self.text("allocator"),
            self.text("sizes"),
            self.whole("n", 1, "the allocations of a region"),
        )


def _is_number(value: Any) -> TypeGuard[float]:
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:  # of an int
        return False


def _is_text(value: Any) -> TypeGuard[str]:
    """Whether it is a text that can be written: JSON can have half a character."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file; expected a results folder with run.json, "
            "machine.json and command"
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: byte {error.start} is not UTF-8; expected text"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None


def _read_object(path: Path) -> Object:
    return parsed(_read_text(path), path)


def parsed(text: str, path: Path) -> Object:
    """The JSON object in text; path is for messages. Raises InputError."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}:{error.lineno}:{error.colno}: broken JSON: {error.msg}"
        ) from None
    except RecursionError:
        raise InputError(f"{path}: broken JSON: too deep") from None
    except ValueError:
        raise InputError(f"{path}: broken JSON: a number of too many digits") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected a JSON object")
    return value


def _list(path: Path, key: str, value: Any) -> Iterator[_Entry]:
    if not isinstance(value, list):
        raise InputError(f'{path}: expected a list "{key}"')
    for index, of in enumerate(value):
        where = f"{key}[{index}]"
        if not isinstance(of, dict):
            raise InputError(f"{path}: {where} is {of!r}; expected an object")
        yield _Entry(path, where, of)


def _measured(path: Path, benchmarks: Any) -> list[_Entry]:
    """The entries of single runs; aggregates are left out."""
    return [
        entry
        for entry in _list(path, "benchmarks", benchmarks)
        if entry.text("name") and entry.of.get("run_type", "iteration") == "iteration"
    ]


def _reasons(entries: list[_Entry]) -> dict[str, list[str]]:
    """Rows that failed in any round: their other rounds are not trusted."""
    reasons: dict[str, list[str]] = {}
    for entry in entries:
        if entry.of.get("error_occurred"):
            said = reasons.setdefault(entry.text("name"), [])
            message = str(entry.of.get("error_message") or "no reason given")
            message = message.encode(errors="replace").decode()
            if message not in said:
                said.append(message)
    return reasons


def _add(run: Run, entry: _Entry) -> None:
    number = entry.whole("repetition_index", 0, "the number of its round")
    layout = entry.whole("layout", 0, "the number of its round's layout")
    if run.layouts.setdefault(number, layout) != layout:
        raise entry.refuse(
            "layout", f"{run.layouts[number]}, as in other entries of round {number}"
        )
    if entry.is_shim():
        rounds = run.others.setdefault(entry.text("name"), {})
        value = _time_ns(entry)
    else:
        row = entry.row()
        rounds = run.rates.setdefault(row, {})
        value = entry.positive(
            "items_per_second", ", or error_occurred with an error_message"
        )
        _add_details(run, entry, row, number)
    if number in rounds:
        raise entry.refuse(
            "repetition_index", "one entry a row and round, and this is the second"
        )
    rounds[number] = value


def _add_details(run: Run, entry: _Entry, row: Row, number: int) -> None:
    of = entry.of
    if "first_half_ns" in of or "second_half_ns" in of:
        run.halves.setdefault(row, {})[number] = (
            entry.positive("first_half_ns"),
            entry.positive("second_half_ns"),
        )
    if "page_faults" in of:
        run.faults.setdefault(row, {})[number] = entry.number("page_faults")
    if "held_bytes" in of:
        run.held[row] = (
            entry.whole("live_bytes", 1, "bytes"),
            entry.whole("held_bytes", 1, "bytes"),
        )


def _time_ns(entry: _Entry) -> float:
    unit = entry.of.get("time_unit", "ns")
    if not isinstance(unit, str) or unit not in NANOSECONDS:
        raise entry.refuse("time_unit", "one of " + ", ".join(NANOSECONDS))
    return entry.positive("real_time") * NANOSECONDS[unit]


def _add_lists(run: Run, document: Object) -> None:
    for entry in _optional(run, document, "latencies"):
        run.latencies[entry.row()] = Latency(
            entry.whole("regions", 1, "how many were timed"),
            *map(entry.number, ("p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns")),
        )
    for entry in _optional(run, document, "memory", MEMORY):
        run.memory[entry.row(MEMORY)] = Memory(
            entry.whole("regions", 1, "how many were alive"),
            entry.positive("asked_bytes"),
            *map(entry.number, ("virtual_bytes", "resident_bytes", "kept_bytes")),
        )
    for entry in _optional(run, document, "instructions"):
        run.counts[entry.row()] = Counts(*map(entry.number, Counts._fields))
    for entry in _optional(run, document, "complexity"):
        family = Family(*map(entry.text, Family._fields))
        run.fits[family] = Fit(
            entry.text("big_o"), entry.number("coefficient_ns"), entry.number("rms")
        )


def _optional(
    run: Run, document: Object, key: str, workload: str | None = None
) -> Iterator[_Entry]:
    """The entries of an optional list, without those of rows that failed.

    The reason of each row that failed is added to run.skipped.
    """
    if key not in document:
        return
    for entry in _list(run.path, key, document[key]):
        if "error_message" in entry.of:
            row = entry.row(workload)
            name = str(row) if workload else f"{key}/{row}"
            run.skipped[name] = entry.text("error_message")
        else:
            yield entry
