#!/usr/bin/env python3
"""Print the costs and savings of bounds at which the pool takes a block as full.

usage: left_bound.py [BOUND...]

A block with less left than the bound is not tried any more. A BOUND is a number of
bytes, such as 64, or a part of the block, such as 1/32. For each the pool is compiled
in a temporary folder, with it in place of the pool's own, by $CC or cc. Two tables in
Markdown, a row a bound:

- instructions and nanoseconds an allocation, 1,000 a region of 16 KiB blocks, then
  a reset. The instructions are those inside ngx_palloc() and ngx_reset_pool(), by
  callgrind, exact. The nanoseconds are medians of turns in which each bound runs
  once; they include the loop.
- bytes of all blocks and large allocations over bytes asked for, of a fresh pool of
  30,000 allocations, for blocks of 1, 4 and 16 KiB.
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from instructions import FEW, MANY, count

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench"
BOUNDS = (
    "0", "16", "32", "64", "96", "128", "192", "256",
    "1/128", "1/64", "1/32", "1/16", "1/8",
)
BOUND = re.compile(r"[0-9]+|1/[1-9][0-9]*")
OWN = "size / NGX_POOL_LEFT_PART"  # in ngx_palloc.c; size is the block's
SIZES = ("lognormal", "uniform")
TURNS = 7
REGIONS = 1000  # of a turn: 1 million allocations
INSIDE = ("ngx_palloc", "ngx_reset_pool")
REGION_N = 1000


def main() -> int:
    bounds = sys.argv[1:] or list(BOUNDS)
    for bound in bounds:
        if not BOUND.fullmatch(bound):
            print(f'left_bound: found "{bound}", expected such as 64 or 1/32',
                  file=sys.stderr)
            return 2
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        print("left_bound: found no valgrind", file=sys.stderr)
        return 77  # Meson's status of a test that is skipped
    with tempfile.TemporaryDirectory() as folder:
        programs = {
            bound: build(Path(folder) / bound.replace("/", "_"), bound)
            for bound in bounds
        }
        print("\n".join(tables(valgrind, programs)))
    return 0


def build(folder: Path, bound: str) -> Path:
    shutil.copytree(ROOT / "pool", folder / "pool")
    source = folder / "pool" / "ngx_palloc.c"
    text = source.read_text()
    if text.count(OWN) != 1:
        raise SystemExit(
            f'left_bound: {source.name}: found "{OWN}" {text.count(OWN)} times, '
            "expected it once"
        )
    source.write_text(text.replace(OWN, bound.replace("1/", "size / ")))
    program = folder / "left_bound"
    pool = folder / "pool"
    subprocess.run(
        [*os.environ.get("CC", "cc").split(), "-std=gnu11", "-O2",
         "-D_GNU_SOURCE", f"-I{pool}", f"-I{pool / 'standalone'}", f"-I{BENCH}",
         BENCH / "test" / "left_bound.c", BENCH / "plan" / "sizes.c",
         BENCH / "plan" / "generator.c",
         *sorted(pool.glob("*.c")), *sorted((pool / "standalone").glob("*.c")),
         "-o", program, "-lm", "-lpthread", "-ldl"],
        check=True,
    )
    return program


def tables(valgrind: str, programs: dict[str, Path]) -> list[str]:
    speed = ["| bound | " + " | ".join(
        f"{sizes}: instructions | {sizes}: ns" for sizes in SIZES) + " |"]
    memory = ["| bound | " + " | ".join(
        " | ".join(f"{sizes}: {size} KiB" for size in (1, 4, 16))
        for sizes in SIZES) + " |"]
    runs = {sizes: turns(programs, sizes) for sizes in SIZES}
    speed.append("|---:" * (1 + 2 * len(SIZES)) + "|")
    memory.append("|---:" * (1 + 3 * len(SIZES)) + "|")
    for bound, program in programs.items():
        cells = []
        ratios = []
        for sizes in SIZES:
            ns, *bytes_over_asked = runs[sizes][bound]
            cells += [f"{instructions(valgrind, program, sizes):.2f}", f"{ns:.2f}"]
            ratios += [f"{ratio:.4f}" for ratio in bytes_over_asked]
        speed.append(f"| {bound} | {' | '.join(cells)} |")
        memory.append(f"| {bound} | {' | '.join(ratios)} |")
    return [*speed, "", *memory]


def turns(programs: dict[str, Path], sizes: str) -> dict[str, list[float]]:
    """The program's output for each bound, as the medians of the turns."""
    found = {bound: [] for bound in programs}
    for _ in range(TURNS):
        for bound, program in programs.items():
            done = subprocess.run(
                [program, path(sizes), str(REGIONS)],
                check=True, capture_output=True, text=True,
            )
            found[bound].append([float(word) for word in done.stdout.split()])
    return {
        bound: [statistics.median(column) for column in zip(*rows)]
        for bound, rows in found.items()
    }


def instructions(valgrind: str, program: Path, sizes: str) -> float:
    """An allocation's."""
    collect = [f"--toggle-collect={name}" for name in INSIDE]
    few, many = (
        count(valgrind, str(program), path(sizes), regions, collect)
        for regions in (FEW, MANY)
    )
    if few is None or many is None:
        raise SystemExit(f"left_bound: {valgrind} counted nothing for {sizes}")
    return (many - few) / (MANY - FEW) / REGION_N


def path(sizes: str) -> str:
    return str(BENCH / "sizes" / f"{sizes}.csv")


if __name__ == "__main__":
    sys.exit(main())
