"""Read what a run left in its folder, and refuse what cannot be reported.

run.json follows google-benchmark's schema, one entry a row and round; a row
is named workload/allocator/sizes/n and its round is its repetition_index.
"""

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

ROW_NAME = re.compile(r"([^/]+)/([^/]+)/([^/]+)/([1-9][0-9]*)(?:/[a-z_]+(?::.*)?)*")
NANOSECONDS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}


class InputError(Exception):
    """A file is not what a report can be made of: which, and why."""


class Row(NamedTuple):
    workload: str
    allocator: str
    sizes: str
    n: int

    def __str__(self) -> str:
        return "/".join(map(str, self))


@dataclass(frozen=True)
class Run:
    path: Path  # of run.json, for messages
    context: dict[str, Any]
    machine: dict[str, Any]
    command: str
    rates: dict[Row, dict[int, float]]  # allocations a second, by round
    others: dict[str, dict[int, float]]  # rows named otherwise: ns, by round
    skipped: dict[str, str]  # row to reason
    held: dict[Row, tuple[int, int]]  # of replays: bytes live and held, at most

    @property
    def silent(self) -> list[str]:
        """Allocators of which every row was skipped."""
        matches = filter(None, map(ROW_NAME.fullmatch, self.skipped))
        heard = {row.allocator for row in self.rates}
        return sorted({match.group(2) for match in matches} - heard)


def load(folder: Path) -> Run:
    """The run in folder. Raises InputError."""
    path = folder / "run.json"
    document = _read_object(path)
    machine = _read_object(folder / "machine.json")
    command = _read_text(folder / "command").strip()

    context = document.get("context", {})
    if not isinstance(context, dict):
        raise InputError(f'{path}: "context" is not an object')
    entries = _measured(path, document.get("benchmarks"))
    skipped = _skipped(entries)
    rates: dict[Row, dict[int, float]] = {}
    others: dict[str, dict[int, float]] = {}
    held: dict[Row, tuple[int, int]] = {}
    for entry in entries:
        name = entry["name"]
        if name in skipped:
            continue
        match = ROW_NAME.fullmatch(name)
        if match:
            *words, n = match.groups()
            row = Row(*words, int(n))
            rounds = rates.setdefault(row, {})
            value = _positive(path, entry, "items_per_second")
            if "held_bytes" in entry:
                held[row] = (int(_positive(path, entry, "live_bytes")),
                             int(_positive(path, entry, "held_bytes")))
        else:
            rounds = others.setdefault(name, {})
            value = _time_ns(path, entry)
        _add_round(path, entry, rounds, value)
    return Run(path, context, machine, command, rates, others, skipped, held)


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
            f"{path}: byte {error.start} is no UTF-8; expected text"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None


def _read_object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}:{error.lineno}:{error.colno}: broken JSON: {error.msg}"
        ) from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected a JSON object")
    return value


def _measured(path: Path, benchmarks: Any) -> list[dict[str, Any]]:
    """The entries of single runs; aggregates are left out."""
    if not isinstance(benchmarks, list):
        raise InputError(f'{path}: expected a list "benchmarks"')
    for index, entry in enumerate(benchmarks):
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise InputError(
                f'{path}: benchmarks[{index}]: expected an object with a "name"'
            )
    return [e for e in benchmarks if e.get("run_type", "iteration") == "iteration"]


def _skipped(entries: list[dict[str, Any]]) -> dict[str, str]:
    """Rows that failed in any round: what they did in others is not trusted."""
    reasons: dict[str, list[str]] = {}
    for entry in entries:
        if entry.get("error_occurred"):
            said = reasons.setdefault(entry["name"], [])
            message = str(entry.get("error_message") or "no reason given")
            if message not in said:
                said.append(message)
    return {name: "; ".join(said) for name, said in sorted(reasons.items())}


def _positive(path: Path, entry: dict[str, Any], key: str) -> float:
    value = entry.get(key)
    if not _is_number(value) or not math.isfinite(value) or value <= 0:
        raise InputError(
            f"{path}: {entry['name']}: {key} is {value!r}; expected a number "
            "above 0, or error_occurred with an error_message"
        )
    return float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _time_ns(path: Path, entry: dict[str, Any]) -> float:
    unit = entry.get("time_unit", "ns")
    if unit not in NANOSECONDS:
        raise InputError(
            f"{path}: {entry['name']}: time_unit is {unit!r}; expected one of "
            + ", ".join(NANOSECONDS)
        )
    return _positive(path, entry, "real_time") * NANOSECONDS[unit]


def _add_round(
    path: Path, entry: dict[str, Any], rounds: dict[int, float], value: float
) -> None:
    number = entry.get("repetition_index")
    if not isinstance(number, int) or number < 0:
        raise InputError(
            f"{path}: {entry['name']}: repetition_index is {number!r}; "
            "expected the number of its round"
        )
    if number in rounds:
        raise InputError(
            f"{path}: {entry['name']}: round {number} stands there twice; "
            "expected one entry a row and round"
        )
    rounds[number] = value
