"""The sums of the fuzzing campaigns of results/fuzz.json, for page and READMEs.

fuzz.json grows with each campaign on a machine, so git does not keep it. ./run publish
adds it up as results/campaigns.csv: a line for each target and engine. Targets without
a campaign on this machine keep the line that is published. Campaigns with a planted bug
are left out, since they measure the fuzzer and not the pool.
"""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

from errors import InputError
from load import Object

FILE = "campaigns.csv"
LOG = "fuzz.json"  # a line of JSON for each run of campaigns
COMMENT = "# Written by ./run publish from fuzz.json; do not edit."
NAMES = ("target", "engine")
SUMS = ("campaigns", "seconds", "executions", "findings")
COUNTS = (*SUMS, "edges", "corpus")  # the most edges, and the last run's inputs
STABILITY = "stability"  # the least one, in percent; empty where no engine says it

# The greatest growth of memory from minute 5 of a campaign to its end, in MiB; empty
# where all are shorter or no engine says it.
GROWTH = "growth_mib"
MEMORY = "memory_mib"  # of a campaign in fuzz.json: after 5 minutes, and at the end

Line = dict[str, str]


def load(results: Path) -> list[Line]:
    """The campaigns of a folder's fuzz.json, else of its campaigns.csv; empty where
    there is neither. Raises InputError."""
    if (results / LOG).is_file():
        return added_up(results / LOG)
    return read(results / FILE) or []


def read(path: Path) -> list[Line] | None:
    """The lines of a campaigns.csv; None where there is none. Raises InputError."""
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8").split("\n", 1)[-1]
    lines = list(csv.DictReader(io.StringIO(text)))
    for number, line in enumerate(lines, 3):
        for column in COUNTS:
            if not str(line.get(column)).isdecimal():
                raise InputError(
                    f"{path}:{number}: {column} is {line.get(column)!r}; expected a "
                    "whole number"
                )
        if not re.fullmatch(r"(-?\d+)?", line.get(GROWTH) or ""):
            raise InputError(
                f"{path}:{number}: {GROWTH} is {line[GROWTH]!r}; expected a whole "
                "number or nothing"
            )
    return lines


def written(lines: list[Line]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, [*NAMES, *COUNTS, STABILITY, GROWTH], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return f"{COMMENT}\n{out.getvalue()}"


def added_up(path: Path) -> list[Line]:
    """The campaigns of fuzz.json, by target and engine. Raises InputError."""
    known: dict[tuple[str, str], list[Object]] = {}
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        for of in _campaigns(text, f"{path}:{number}"):
            if not of.get("mutant"):
                known.setdefault((of["target"], of["engine"]), []).append(of)
    return [_line(*key, known[key]) for key in sorted(known)]


def replaced(old: list[Line], new: list[Line]) -> list[Line]:
    """All of new, and of old those of other targets or engines."""
    known = {tuple(line[name] for name in NAMES): line for line in [*old, *new]}
    return [known[key] for key in sorted(known)]


def _line(target: str, engine: str, of: list[Object]) -> Line:
    counts = {
        "campaigns": len(of),
        "seconds": sum(one["seconds"] for one in of),
        "executions": sum(one["executions"] for one in of),
        "findings": sum(len(one["findings"]) for one in of),
        "edges": max(one["edges"] for one in of),
        "corpus": of[-1]["corpus"],
    }
    stable = [one[STABILITY] for one in of if one.get(STABILITY)]
    grown = [last - settled for settled, last in map(_memory, of) if settled]
    return {
        **dict(zip(NAMES, (target, engine))),
        **{column: f"{counts[column]:.0f}" for column in COUNTS},
        STABILITY: min(stable, key=_percent, default=""),
        GROWTH: f"{max(grown):.0f}" if grown else "",
    }


def _memory(of: Object) -> tuple[float, float]:
    settled, last = of.get(MEMORY) or (0, 0)
    return settled, last


def _percent(text: str) -> float:
    return float(text.removesuffix("%"))


def _campaigns(text: str, where: str) -> list[Object]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InputError(f"{where}: broken JSON: {error}") from None
    found = document.get("campaigns") if isinstance(document, dict) else None
    if not isinstance(found, list):
        raise InputError(f'{where}: expected a list "campaigns"')
    for index, of in enumerate(found):
        _check(of, f"{where}: campaigns[{index}]")
    return found


def _check(of: Any, where: str) -> None:
    if not isinstance(of, dict):
        raise InputError(f"{where} is {of!r}; expected an object")
    for key in NAMES:
        if not isinstance(of.get(key), str):
            raise InputError(f"{where}: {key} is {of.get(key)!r}; expected a text")
    for key in ("seconds", "executions", "edges", "corpus"):
        of[key] = of.get(key) or 0  # null where the engine did not say it
        if type(of[key]) not in (int, float) or not 0 <= of[key] < 1e18:
            raise InputError(f"{where}: {key} is {of[key]!r}; expected a number")
    if not isinstance(of.get("findings"), list):
        raise InputError(
            f"{where}: findings is {of.get('findings')!r}; expected a list"
        )
    try:
        _percent(of.get(STABILITY) or "0%")
    except (AttributeError, ValueError):
        raise InputError(
            f"{where}: {STABILITY} is {of[STABILITY]!r}; expected percent"
        ) from None
    memory = of.get(MEMORY) or [0, 0]
    if (
        not isinstance(memory, list)
        or len(memory) != 2
        or any(type(mib) not in (int, float) for mib in memory)
    ):
        raise InputError(f"{where}: {MEMORY} is {memory!r}; expected two numbers")
