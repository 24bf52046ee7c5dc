"""The measurements of other programs, from the files that they wrote to results/.

kept_curve.md has tables that build/bench/test/kept_curve prints, left_bound.md those
of bench/test/left_bound.py, without times. The row nginx of the latter is what
build/bench/test/memory_test and bench/test/instructions.py --others print of nginx's
own pool. A figure that was not measured is empty. mutator.json is what ./run fuzz
--from-nothing --compare writes.
"""

import json
from pathlib import Path

from errors import InputError
from load import Object

from .facts import Grid

KEPT_CURVE = "kept_curve.md"
LEFT_BOUND = "left_bound.md"
MUTATOR = "mutator.json"
BYTES, OPS = "bytes", "ops"


def grids(path: Path) -> list[Grid] | None:
    """Each table of a file; None where there is no file. Raises InputError."""
    if not path.is_file():
        return None
    result: list[Grid] = []
    heads: list[str] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            heads = []
        elif not heads:
            heads = cells
            result.append({})
        elif len(cells) != len(heads):
            raise InputError(
                f"{path}:{number}: {len(cells)} cells; expected {len(heads)}"
            )
        elif set(cells[0]) - set("-:"):
            result[-1][cells[0]] = dict(zip(heads, cells))
    return result


def mutator(path: Path) -> Object | None:
    """results/mutator.json, None where there is none. Raises InputError."""
    document = _read(path)
    if document is None:
        return None
    mutants = document.get("mutants")
    if not isinstance(mutants, dict) or not mutants:
        raise InputError(f'{path}: expected an object "mutants"')
    for name, of in mutants.items():
        for key in (BYTES, OPS):
            found = of.get(key) if isinstance(of, dict) else None
            if not isinstance(found, list) or not found or not all(map(_is_time, found)):
                raise InputError(
                    f"{path}: mutants.{name}.{key}: expected a list of seconds"
                )
    if type(document.get("seconds")) is not int:
        raise InputError(f'{path}: expected a whole number "seconds"')
    return document


def _is_time(value: object) -> bool:
    return value is None or (type(value) is float and value > 0)


def _read(path: Path) -> Object | None:
    if not path.is_file():
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: broken JSON: {error}") from None
    if not isinstance(document, dict):
        raise InputError(f"{path}: expected a JSON object")
    return document
