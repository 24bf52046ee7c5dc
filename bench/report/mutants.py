"""The score of the checks: mutants.json, as ./run mutants writes it."""

import json
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from load import InputError

FILE = "mutants.json"  # beside the folders of the runs
TOGETHER = "together"  # in place of a check: unit tests, corpus and exhaustion


class Score(NamedTuple):
    """How many of the bugs of a kind a check finds, or all of them together."""

    kind: str
    check: str
    killed: int
    of: int


def load(path: Path) -> list[Score]:
    """The scores in a file; empty where there is none. Raises InputError."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: broken JSON: {error}") from None
    result = []
    for kind, of in _object(path, document, "scores").items():
        where = f"scores.{kind}."
        counts = [
            (f"{where}columns.{check}.", check, count)
            for check, count in _object(path, of, "columns", where).items()
        ]
        counts.append(
            (f"{where}{TOGETHER}.", TOGETHER, _object(path, of, TOGETHER, where))
        )
        for where, check, count in counts:
            known = [_count(path, count, key, where) for key in ("killed", "of")]
            if known[0] > known[1]:
                raise InputError(
                    f"{path}: {where}killed is {known[0]}; expected at most "
                    f"{known[1]}, as many as there are"
                )
            if known[1]:
                result.append(Score(kind, check, *known))
    return result


def unscored(path: Path, rows: Path) -> list[str]:
    """The rows of mutants.toml that the score in a file does not have. Empty where one
    of the files is not there. Raises InputError."""
    if not path.is_file() or not rows.is_file():
        return []
    try:
        planted = tomllib.loads(rows.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{rows}: {error}") from None
    document = json.loads(path.read_text(encoding="utf-8"))
    scored = {mutant["name"] for mutant in document.get("mutants", [])}
    return sorted(set(planted) - scored)


def _object(path: Path, of: Any, key: str, where: str = "") -> dict[str, Any]:
    found = of.get(key) if isinstance(of, dict) else None
    if not isinstance(found, dict):
        raise InputError(f"{path}: {where}{key} is {found!r}; expected an object")
    return found


def _count(path: Path, of: Any, key: str, where: str) -> int:
    found = of.get(key) if isinstance(of, dict) else None
    if type(found) is not int or not 0 <= found < 2**63:
        raise InputError(f"{path}: {where}{key} is {found!r}; expected a whole number")
    return found
