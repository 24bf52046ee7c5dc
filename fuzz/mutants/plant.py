#!/usr/bin/env python3
"""Plants a mutant: a bug that the corpus must find.

    plant.py list MUTANTS                a line each: name, file, runs, traced
    plant.py plant MUTANTS ROOT OUT...   each mutant's file, with its bug

MUTANTS is mutants.toml, whose head describes a row. ROOT is the project's folder. OUT
is a path that ends in NAME_mutant.c or NAME_mutant.h. A file that has the bug already
is left alone, so that nothing is compiled again.
"""

import sys
import tomllib
from pathlib import Path

MUTANT = "_mutant"  # the end of an OUT's name
RUNS = ("exact", "hardened", "debug", "mixed", "ops_decoder", "trace_reader",
        "adapters", "arena_ops", "log_lines", "pool_oom", "pool_threads",
        "pool_threads_tsan", "run_json", "sizes_csv")


class Refused(Exception):
    """A row that cannot be planted."""


def load(path: Path) -> dict[str, dict]:
    """The rows of mutants.toml by name."""
    rows = tomllib.loads(path.read_text())
    for name, row in rows.items():
        missing = {"breaks", "file", "old", "new"} - row.keys()
        unknown = row.keys() - {"breaks", "file", "old", "new", "runs", "traced"}
        if missing or unknown:
            raise Refused(f"{path.name}: {name}: missing {sorted(missing)}, "
                          f"unknown {sorted(unknown)}")
        row.setdefault("runs", "exact")
        row.setdefault("traced", False)
        if row["runs"] not in RUNS:
            raise Refused(f"{path.name}: {name}: found runs = "
                          f"'{row['runs']}', expected one of {' '.join(RUNS)}")
    return rows


def place(name: str, row: dict, text: str) -> tuple[int, int]:
    """Returns the start and the end of row's old text in text. White space does not
    count."""
    places = [i for i, c in enumerate(text) if not c.isspace()]
    folded = "".join(text[i] for i in places)
    old = "".join(row["old"].split())
    found = folded.count(old)
    if found != 1 or not old:
        raise Refused(f"{name}: found its old text {found} times in "
                      f"{row['file']}, expected once:\n{row['old']}")
    at = folded.index(old)
    return places[at], places[at + len(old) - 1] + 1


def plant(name: str, row: dict, text: str) -> str:
    """Returns text with row's bug."""
    start, end = place(name, row, text)
    return text[:start] + row["new"].strip() + text[end:]


def main() -> int:
    command, mutants, *rest = sys.argv[1:]
    try:
        rows = load(Path(mutants))
        if command == "list":
            for name, row in rows.items():
                traced = "traced" if row["traced"] else "-"
                print(name, row["file"], row["runs"], traced)
        else:
            root, *outs = rest
            for out in map(Path, outs):
                name = out.stem.removesuffix(MUTANT)
                row = rows[name]
                text = plant(name, row, (Path(root) / row["file"]).read_text())
                if not out.exists() or out.read_text() != text:
                    out.write_text(text)
    except Refused as error:
        print(f"plant.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
