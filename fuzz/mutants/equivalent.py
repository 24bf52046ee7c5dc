"""Finds the mutants that are no bugs: by equal object code, or by an argued row."""

import subprocess
import tempfile
import tomllib
from pathlib import Path

from generate import Mutant, Program, single_text

ROW_KEYS = {"file", "function", "before", "after", "reason"}
TUNING = "tuning: "  # the start of such a row's reason in the report

# The builds of the pool (pool/README.md, Build switches).
VARIANTS = {
    "exact": ["-DNGX_POOL_REDZONE=0", "-DNGX_POOL_POISON=0"],
    "debug": ["-DNGX_DEBUG"],
    "hardened": ["-fsanitize=address"],
    "debug_palloc": ["-DNGX_DEBUG_PALLOC"],
    "checked": ["-DNGX_POOL_REDZONE=16", "-DNGX_POOL_POISON=1"],
}
COMPILE = ["gcc", "-std=gnu11", "-O2", "-w", "-Wno-int-conversion", "-c"]

# Users use the macros of these headers, too. No object file of the pool shows that.
PUBLIC_HEADERS = ("pool/ngx_palloc.h", "pool/ngx_alloc.h", "pool/standalone/")


class Refused(Exception):
    """A row of equivalent.toml that is wrong or that names no mutant."""


def load(path: Path) -> list[dict]:
    if not path.exists():
        return []
    rows = tomllib.loads(path.read_text()).get("mutant", [])
    for row in rows:
        if (row.keys() - {"ordinal", "kind"} != ROW_KEYS
                or not row["reason"].strip()
                or row.get("kind", "tuning") != "tuning"):
            raise Refused(f"{path.name}: found a row with {sorted(row)}, expected "
                          f"{sorted(ROW_KEYS)} and perhaps ordinal, or kind = "
                          "'tuning'")
        row.setdefault("ordinal", None)
        if "kind" in row:
            row["reason"] = TUNING + row["reason"].strip()
    return rows


def argue(program: Program, rows: list[dict]) -> dict[str, str]:
    """Returns the reason of each mutant that a row names. A row without an ordinal
    stands for all mutants with its other fields."""
    reasons = {}
    for row in rows:
        named = [m for m in program.mutants if matches(m, row)]
        if not named:
            raise Refused(
                f"equivalent.toml: no mutant of {row['file']}, {row['function']}: "
                f"{row['before']} -> {row['after']} ({row['ordinal'] or 'any'})")
        for mutant in named:
            if mutant.name in reasons:
                raise Refused(f"equivalent.toml: two rows for {mutant.name}: "
                              f"{mutant.before} -> {mutant.after}")
            reasons[mutant.name] = " ".join(row["reason"].split())
    return reasons


def matches(mutant: Mutant, row: dict) -> bool:
    return (all(getattr(mutant, key) == row[key]
                for key in ("file", "function", "before", "after"))
            and row["ordinal"] in (None, mutant.ordinal))


class Objects:
    """The pool's object code, with and without a mutant."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.originals: dict[tuple[str, str], bytes] = {}

    def are_same(self, program: Program, mutant: Mutant) -> bool:
        """Whether mutant has the object code of the original, in each variant."""
        is_header = mutant.file.endswith(".h")
        if is_header and not mutant.is_switched and mutant.file.startswith(
                PUBLIC_HEADERS):
            return False
        sources = [mutant.file]
        if is_header:
            sources = sorted(str(path.relative_to(self.root))
                             for path in self.root.glob("pool/**/ngx_*.c"))
        for variant in VARIANTS:
            for source in sources:
                if self.compile(source, variant, program, mutant) != (
                        self.original(source, variant)):
                    return False
        return True

    def original(self, source: str, variant: str) -> bytes:
        key = source, variant
        if key not in self.originals:
            self.originals[key] = self.compile(source, variant, None, None)
        return self.originals[key]

    def compile(self, source: str, variant: str, program: Program | None,
                mutant: Mutant | None) -> bytes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            include = []
            path = self.root / source
            text = path.read_text()
            if program is not None and mutant is not None:
                changed = folder / Path(mutant.file).name
                if mutant.file == source:
                    text = single_text(program, mutant)
                else:
                    changed.write_text(single_text(program, mutant))
                    include = [f"-I{folder}"]
            (folder / path.name).write_text(text)
            subprocess.run(
                [*COMPILE, *VARIANTS[variant], *include,
                 f"-I{self.root}/pool", f"-I{self.root}/pool/standalone",
                 path.name, "-o", "object.o"],
                cwd=folder, check=True, start_new_session=True,
            )
            return (folder / "object.o").read_bytes()
