#!/usr/bin/env python3
"""Compare the pool of two commits, or two runs. Ends with status 1 on a regression.

usage: compare.py [--quick] [--filter REGEX] [--build FOLDER] OLD NEW

OLD and NEW are revisions of git, or folders that have a pool/, such as "." for the
files as they are. Both pools are built into one program, with today's harness. Each
is linked a dozen times, and they run in the same rounds, in turn: each cell is a
paired comparison over layouts.

A cell has regressed

- by instructions: NEW takes at least 0.2 % more, as counted by callgrind;
- by time: the whole interval of the ratio is above 1.03. The interval spans all
  layouts, so that chance alone fails no comparison of 40 cells. Such cells are then
  measured once more with another seed, and only those that fail again count.

OLD and NEW may be two runs instead: run.json, or the folder that holds it. The rows
of each are compared by name. Such figures are not paired: a disturbance of one
run is in the ratios. The interval is that of Hodges and Lehmann's
shift, from the Mann-Whitney distribution.

Status: 0 no regression; 1 a regression; 2 the command line, a revision that does not
exist or does not build, or a run that cannot be read.
"""

import argparse
import dataclasses
import itertools
import math
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench" / "report"))

try:
    import load
    import verdicts
    from interval import Estimate
    from scipy.stats import norm
except ModuleNotFoundError as missing:
    sys.stderr.write(
        f"compare: {missing.name}: no such Python module for {sys.executable}; "
        "expected Debian's python3-scipy\n"
    )
    sys.exit(2)

BUILD = ROOT / "build-compare"
OLD = "pool_old"
NEW = "pool_new"

INSTRUCTIONS_MOST = 1.002  # of NEW's over OLD's
TIME_MOST = 1.03
CONFIDENCE = 0.95
ALL_LAYOUTS = 0.999  # the interval of 12 values from the least to the largest

WORKLOADS = "fill,fill_reset"
SIZES = {False: "fleet,lognormal,nginx_request,uniform", True: "lognormal,nginx_request"}
NS = {False: "10,25,100,1000,10000", True: "25,1000"}
ROUNDS = 12  # one of each layout


class CompareError(Exception):
    """Nothing can be compared: why."""


class Cell(NamedTuple):
    workload: str
    sizes: str
    n: int

    def __str__(self) -> str:
        return "/".join(map(str, self))


@dataclass(frozen=True)
class Line:
    """One cell: NEW's figure over OLD's."""

    cell: str
    time: Estimate
    verdict: str
    has_regressed: bool
    instructions: tuple[float, float] | None = None  # OLD's and NEW's

    @property
    def has_more_instructions(self) -> bool:
        if self.instructions is None:
            return False
        old, new = self.instructions
        return new >= old * INSTRUCTIONS_MOST


def main() -> int:
    arguments = parse(sys.argv[1:])
    try:
        if is_run(arguments.old) and is_run(arguments.new):
            lines = compare_runs(arguments)
        else:
            lines = compare_commits(arguments)
    except (CompareError, load.InputError) as error:
        print(f"compare: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return show(lines)


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./run compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [--quick] [--filter REGEX] [--build FOLDER] OLD NEW",
    )
    parser.add_argument("old", metavar="OLD")
    parser.add_argument("new", metavar="NEW")
    parser.add_argument("--quick", action="store_true", help="8 cells instead of 40")
    parser.add_argument("--build", type=Path, default=BUILD, help="%(default)s")
    parser.add_argument("--filter", default=".", help="only rows whose name matches")
    return parser.parse_args(words)


def is_run(word: str) -> bool:
    return run_json(word).is_file()


def run_json(word: str) -> Path:
    path = Path(word)
    return path / "run.json" if path.is_dir() else path


# Two commits.


def compare_commits(arguments: argparse.Namespace) -> list[Line]:
    folder = arguments.build.resolve()
    # Apart, since meson takes no sources from a build folder.
    commits = folder.with_name(folder.name + "-commits")
    for name, word in (("old", arguments.old), ("new", arguments.new)):
        fetch(word, commits / name)
    build(folder, commits)
    first = measure(arguments, arguments.filter, "first")
    lines = lines_of(first)
    again = [line.cell for line in lines if line.has_regressed]
    if again:
        print(f"compare: {len(again)} cells once more ...", file=sys.stderr)
        second = lines_of(measure(arguments, exact_filter(again), "second"))
        confirmed = {line.cell for line in second if line.has_regressed}
        lines = [
            dataclasses.replace(line, has_regressed=line.cell in confirmed)
            for line in lines
        ]
    return lines


def fetch(word: str, folder: Path) -> None:
    """Put the pool of a revision into folder/pool, and its name into
    folder/revision."""
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    if (Path(word) / "pool").is_dir():
        revision = f"the files of {word}"
        for path in (Path(word) / "pool").glob("**/*.[ch]"):
            target = fresh / path.relative_to(word)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    else:
        revision = git("rev-parse", "--verify", "--quiet", f"{word}^{{commit}}").decode()
        archive = git("archive", revision.strip(), "pool")
        subprocess.run(["tar", "-x", "-C", str(fresh)], input=archive, check=True)
    if not (fresh / "pool" / "ngx_palloc.c").is_file():
        raise CompareError(f"{word}: found no pool/ngx_palloc.c in it")
    (fresh / "revision").write_text(revision.strip() + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def git(*words: str) -> bytes:
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip() or "no such commit"
        raise CompareError(f"{words[-1].removesuffix('^{commit}')}: {said}")
    return done.stdout


def build(folder: Path, commits: Path) -> None:
    """Raises CompareError where one of the pools does not build."""
    setup = ["meson", "setup", str(folder), str(ROOT)]
    if (folder / "build.ninja").is_file():
        setup.insert(2, "--reconfigure")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "commits").write_text(f"{commits}\n")
    log_path = folder / "compare.log"
    with log_path.open("w") as log:
        for command in (setup, ["ninja", "-C", str(folder), "tools"]):
            done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT)
            if done.returncode != 0:
                raise CompareError(f"one of them does not build: {log_path} says why")


def exact_filter(cells: Iterable[str]) -> str:
    names = []
    for cell in cells:
        workload, sizes, n = cell.split("/")
        names.append(f"^{workload}/pool_(old|new)/{sizes}/{n}$")
    return "|".join(names)


def measure(arguments: argparse.Namespace, rows: str, label: str) -> load.Run:
    quick = arguments.quick
    folder = arguments.build.resolve()
    done = subprocess.run(
        [
            str(folder / "bench" / "bench"),
            "--results", str(folder / "results"), "--label", label,
            "--allocators", f"{OLD},{NEW}",
            "--workloads", WORKLOADS, "--sizes", SIZES[quick], "--ns", NS[quick],
            "--rounds", str(ROUNDS), "--filter", rows,
            *(["--quick"] if quick else []),
        ],
        stdout=subprocess.PIPE,
    )
    if done.returncode != 0:
        raise CompareError(f"bench ended with status {done.returncode}")
    return load.load(folder / "results" / label)


def lines_of(run: load.Run) -> list[Line]:
    lines = []
    counted = instructions_of(run)
    for row, rates in sorted(run.rates.items()):
        if row.allocator != NEW:
            continue
        other = row._replace(allocator=OLD)
        cell = str(Cell(row.workload, row.sizes, row.n))
        found = verdicts.compare(rates, run.rates[other], run.layouts, CONFIDENCE)
        whole = verdicts.compare(rates, run.rates[other], run.layouts, ALL_LAYOUTS)
        lines.append(
            Line(
                cell,
                found.ratio,
                verdicts.judge(found, verdicts.NO_SPREAD),
                whole.ratio.low > TIME_MOST,
                counted.get(cell),
            )
        )
    return lines


def instructions_of(run: load.Run) -> dict[str, tuple[float, float]]:
    """OLD's and NEW's instructions of an allocation, by cell."""
    found = {row: counts.instructions for row, counts in run.counts.items()}
    return {
        str(Cell(row.workload, row.sizes, row.n)): (
            found[row._replace(allocator=OLD)],
            count,
        )
        for row, count in found.items()
        if row.allocator == NEW and row._replace(allocator=OLD) in found
    }


# Two runs.


def compare_runs(arguments: argparse.Namespace) -> list[Line]:
    print("Not paired: two runs. A disturbance of one of them is in the ratios.")
    old, new = (load.load(run_json(word).parent) for word in (arguments.old, arguments.new))
    lines = []
    for row, rates in sorted(new.rates.items()):
        if row not in old.rates or not re.search(arguments.filter, str(row)):
            continue
        counts = None
        if row in old.counts and row in new.counts:
            counts = (old.counts[row].instructions, new.counts[row].instructions)
        ratio = shift(times(old.rates[row]), times(rates), CONFIDENCE)
        lines.append(
            Line(str(row), ratio, verdict_of(ratio), ratio.low > TIME_MOST, counts)
        )
    if not lines:
        raise CompareError("the two runs have no row in common")
    return lines


def times(rates: Mapping[int, float]) -> list[float]:
    return [1.0 / rate for rate in rates.values()]


def shift(old: list[float], new: list[float], confidence: float) -> Estimate:
    """The ratio of new to old times: Hodges and Lehmann's estimate, and the
    interval of the Mann-Whitney statistic's normal approximation. See Conover,
    Practical Nonparametric Statistics, 3rd ed., section 5.4."""
    ratios = sorted(b / a for a, b in itertools.product(old, new))
    m, n = len(old), len(new)
    z = float(norm.ppf(0.5 + confidence / 2.0))
    reach = math.floor(m * n / 2.0 - z * math.sqrt(m * n * (m + n + 1) / 12.0))
    reach = max(reach, 0)
    return Estimate(statistics.median(ratios), ratios[reach], ratios[-1 - reach])


def verdict_of(ratio: Estimate) -> str:
    if 1.0 / verdicts.EQUAL_WITHIN <= ratio.low and ratio.high <= verdicts.EQUAL_WITHIN:
        return verdicts.EQUAL
    if ratio.low <= 1.0 <= ratio.high:
        return verdicts.UNKNOWN
    return verdicts.FASTER if ratio.median < 1.0 else verdicts.SLOWER


# The table.


def show(lines: list[Line]) -> int:
    head = ["cell", "time, new / old", "verdict", "instructions", ""]
    rows = [
        [
            line.cell,
            f"{line.time.median:.3f} ({line.time.low:.3f} to {line.time.high:.3f})",
            line.verdict,
            counts(line),
            remark(line),
        ]
        for line in lines
    ]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        print("  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip())
    bad = [line for line in lines if line.has_regressed or line.has_more_instructions]
    print(
        f"{len(lines)} cells, {len(bad)} regressed"
        f" (time: {sum(line.has_regressed for line in lines)},"
        f" instructions: {sum(line.has_more_instructions for line in lines)})"
    )
    return 1 if bad else 0


def counts(line: Line) -> str:
    if line.instructions is None:
        return "not counted"
    old, new = line.instructions
    return f"{old:.2f} -> {new:.2f} ({100.0 * (new / old - 1.0):+.2f} %)"


def remark(line: Line) -> str:
    words = []
    if line.has_regressed:
        words.append("SLOWER")
    if line.has_more_instructions:
        words.append("MORE INSTRUCTIONS")
    return ", ".join(words)


if __name__ == "__main__":
    sys.exit(main())
