#!/usr/bin/env python3
"""Compare the pools of two commits, or two runs. Ends with status 1 on a regression.

usage: ./run compare [--quick] [--filter REGEX] [--build FOLDER] OLD NEW

  --quick         8 cells instead of 40: a minute instead of five
  --filter REGEX  only cells whose rows match, such as fill_reset/pool_new/uniform/100
  --build FOLDER  where to build; default: build-compare

OLD and NEW are revisions of git, or folders that have a pool/, such as "." for the
files as they are. Both pools are built into one program, with today's harness. Each
is linked a dozen times, and they run in the same rounds, in turn: each cell is a
paired comparison over layouts. A cell has regressed

- by instructions: NEW takes at least 0.2 % more, as counted by callgrind;
- by time: the whole interval of NEW's time over OLD's, of 95 % over 12 layouts, lies
  above 1.03. Such cells are measured once more with another seed, and have regressed
  if it does so again: in 40 cells, one interval may lie there by chance, but not two.
  The table has all readings of both measurements.

OLD and NEW may be two runs instead: run.json or readings.json, by any name, or the
folder that holds one. Their rows are compared by name: those of OLD's baseline, or
with --filter all that match. Such figures are not paired: a disturbance of one run
is in the ratios. The interval is that of the Mann-Whitney test, over layouts.

The readings of two commits stay in FOLDER/results/first/run.json. google-benchmark's
compare.py reads them: compare.py filters .../run.json pool_old pool_new.

Status: 0 no regression; 1 a regression; 2 all else: the command line, a revision that
does not exist or does not build, a run that cannot be read, too few layouts.
"""

import argparse
import dataclasses
import itertools
import os
import re
import shutil
import subprocess
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench" / "report"))

import load  # noqa: E402
import options  # noqa: E402
import verdicts  # noqa: E402
from interval import Estimate  # noqa: E402
from load import Row, Run  # noqa: E402

BUILD = ROOT / "build-compare"
NAMES = ("old", "new")
OLD, NEW = (f"pool_{name}" for name in NAMES)

INSTRUCTIONS_MOST = 1.002  # of NEW's over OLD's
TIME_MOST = 1.03

WORKLOADS = ("fill", "fill_reset")
SIZES = {
    False: ("fleet", "lognormal", "nginx_request", "uniform"),
    True: ("lognormal", "nginx_request"),
}
NS = {False: (10, 25, 100, 1000, 10000), True: (25, 1000)}
ROUNDS = 24  # two of each layout: one disturbed process decides less

NOTHING = "no revision, no folder that has a pool/, and no run"

REGRESSION = 1
FAILURE = 2
INTERRUPTED = 130


class CompareError(Exception):
    """Nothing can be compared: why."""


@dataclass(frozen=True)
class Line:
    """One cell: NEW's figures over OLD's."""

    name: str
    time: Estimate
    verdict: str
    is_slower: bool  # by enough for a regression
    instructions: tuple[float, float] | None  # OLD's and NEW's

    @property
    def has_more_instructions(self) -> bool:
        if self.instructions is None:
            return False
        old, new = self.instructions
        return new >= old * INSTRUCTIONS_MOST

    @property
    def has_regressed(self) -> bool:
        return self.is_slower or self.has_more_instructions


def main() -> int:
    arguments = parse(sys.argv[1:])
    try:
        return show(compare(arguments))
    except (CompareError, load.InputError, verdicts.TooFewLayouts, OSError) as error:
        print(f"compare: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception:  # a fault of this program is no regression
        traceback.print_exc()
    return FAILURE


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./run compare",
        usage="%(prog)s [--quick] [--filter REGEX] [--build FOLDER] OLD NEW",
        add_help=False,
    )
    parser.add_argument("old", metavar="OLD")
    parser.add_argument("new", metavar="NEW")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--filter", type=options.regex)
    parser.add_argument("--build", type=Path, default=BUILD)
    return options.parse(parser, words, __doc__)


def compare(arguments: argparse.Namespace) -> list[Line]:
    runs = [run_json(word).is_file() for word in (arguments.old, arguments.new)]
    if runs == [True, True]:
        return compare_runs(arguments)
    if True in runs:
        raise CompareError(
            "one is a run and the other is none; expected two runs, or two revisions"
        )
    return compare_commits(arguments)


def run_json(word: str) -> Path:
    path = Path(word)
    return load.run_file(path) if path.is_dir() else path


# Two commits.


def compare_commits(arguments: argparse.Namespace) -> list[Line]:
    cells = chosen_cells(arguments)
    build = arguments.build.resolve()
    # Apart, since meson takes no sources from a build folder.
    commits = build.with_name(build.name + "-commits")
    for name, word in zip(NAMES, (arguments.old, arguments.new)):
        print(f"{name}: {fetch(word, commits / name)}", flush=True)
    compile_both(build, commits)

    first = measure(build, cells, "first")
    slower = slower_cells(first)
    if not slower:
        return lines_of(first)
    print(f"compare: {len(slower)} cells once more ...", file=sys.stderr)
    again = [row for row in cells if cell_name(row) in slower]
    second = measure(build, again, "second")
    confirmed = slower_cells(second)
    return [
        dataclasses.replace(of, is_slower=of.name in confirmed)
        for of in lines_of(joined(first, second))
    ]


def slower_cells(run: Run) -> set[str]:
    return {of.name for of in lines_of(run) if of.is_slower}


def joined(first: Run, second: Run) -> Run:
    """The first run, with the second one's rounds after its own."""
    after = max(first.layouts) + 1
    later = {after + number: layout for number, layout in second.layouts.items()}
    rates = {
        row: of | {after + number: rate
                   for number, rate in second.rates.get(row, {}).items()}
        for row, of in first.rates.items()
    }
    return dataclasses.replace(first, layouts=first.layouts | later, rates=rates)


def chosen_cells(arguments: argparse.Namespace) -> list[Row]:
    """NEW's row of each cell."""
    quick, pattern = arguments.quick, arguments.filter
    every = (
        Row(workload, NEW, sizes, n)
        for workload, sizes, n in itertools.product(WORKLOADS, SIZES[quick], NS[quick])
    )
    chosen = [
        row
        for row in every
        if pattern is None or any(pattern.search(str(of)) for of in (row, old_of(row)))
    ]
    if not chosen:
        raise CompareError(f'--filter: no row matches "{pattern.pattern}"')
    return chosen


def old_of(row: Row) -> Row:
    return row._replace(allocator=OLD)


def cell_name(row: Row) -> str:
    return f"{row.workload}/{row.sizes}/{row.n}"


def fetch(word: str, folder: Path) -> str:
    """Put the pool that word names into folder/pool. Returns which one it is, as
    folder/revision then has it, too."""
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
        commit = f"{word}^{{commit}}"
        name = git(word, "rev-parse", "--verify", "--quiet", commit)
        revision = name.decode().strip()
        archive = git(word, "archive", revision, "pool")
        subprocess.run(["tar", "-x", "-C", str(fresh)], input=archive, check=True)
    for name in ("pool/ngx_palloc.c", "pool/standalone/ngx_core.h"):
        if not (fresh / name).is_file():
            raise CompareError(f"{word}: found no {name} in it")
    (fresh / "revision").write_text(f"{revision}\n")
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    return revision


def git(revision: str, *words: str) -> bytes:
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise CompareError(f"{revision}: {said or NOTHING}")
    return done.stdout


def compile_both(build: Path, commits: Path) -> None:
    setup = ["meson", "setup", str(build), str(ROOT)]
    if (build / "build.ninja").is_file():
        setup.insert(2, "--reconfigure")
    build.mkdir(parents=True, exist_ok=True)
    (build / "commits").write_text(f"{commits}\n")
    ninja = ["ninja", "-C", str(build)]
    path = build / "compare.log"
    with path.open("w") as log:
        call(setup, log, f"the build cannot be configured: {path} says why")
        for name in NAMES:
            revision = (commits / name / "revision").read_text().strip()
            call(
                [*ninja, f"bench/layouts/libmeasured_{name}.a"],
                log,
                f"{name.upper()}, {revision}, does not build: {path} says why",
            )
        call([*ninja, "measured"], log, f"the program does not build: {path} says why")


def call(command: list[str], log: IO[str], problem: str) -> None:
    """Run command. nginx's own pool is not compared, so it is not built."""
    env = {name: value for name, value in os.environ.items() if name != "NGINX_SRC"}
    done = subprocess.run(command, env=env, stdout=log, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise CompareError(problem)


def measure(build: Path, cells: Iterable[Row], label: str) -> Run:
    rows = "|".join(f"^{row}$|^{old_of(row)}$" for row in cells)
    done = subprocess.run(
        [
            str(build / "bench" / "bench"),
            "--results", str(build / "results"), "--label", label, "--force",
            "--allocators", f"{OLD},{NEW}", "--rounds", str(ROUNDS), "--filter", rows,
        ],
        stdout=subprocess.PIPE,
    )
    if done.returncode != 0:
        raise CompareError(f"bench ended with status {done.returncode}")
    return load.load(build / "results" / label)


def lines_of(run: Run) -> list[Line]:
    return [
        line_of(
            cell_name(row),
            (run, old_of(row)),
            (run, row),
            verdicts.compare(rates, run.rates[old_of(row)], run.layouts),
        )
        for row, rates in sorted(run.rates.items())
        if row.allocator == NEW
    ]


# Two runs.


def compare_runs(arguments: argparse.Namespace) -> list[Line]:
    print("Not paired: two runs. A disturbance of one of them is in the ratios.")
    old = load.load_file(run_json(arguments.old))
    new = load.load_file(run_json(arguments.new))
    rows = sorted(
        row
        for row in new.rates
        if row in old.rates and is_chosen(row, old, arguments.filter)
    )
    if not rows:
        raise CompareError("the two runs have none of the chosen rows in common")
    return [
        line_of(
            str(row),
            (old, row),
            (new, row),
            verdicts.compare_apart(
                new.rates[row], new.layouts, old.rates[row], old.layouts
            ),
        )
        for row in rows
    ]


def is_chosen(row: Row, old: Run, pattern: re.Pattern[str] | None) -> bool:
    """By default the rows of the baseline: they are this project's own. The
    instructions of some other rows depend on addresses and vary from run to run."""
    if pattern is not None:
        return pattern.search(str(row)) is not None
    pair = old.context.get("aa_pair")
    return not isinstance(pair, str) or row.allocator == pair.split(",")[0]


# Both.


def line_of(
    name: str,
    old: tuple[Run, Row],
    new: tuple[Run, Row],
    found: verdicts.Comparison,
) -> Line:
    counts = [run.counts.get(row) for run, row in (old, new)]
    return Line(
        name,
        found.ratio,
        verdicts.judge(found, verdicts.NO_SPREAD),
        found.ratio.low > TIME_MOST,
        None if None in counts else tuple(of.instructions for of in counts),
    )


def show(lines: list[Line]) -> int:
    """Print the table. Returns the exit status."""
    table = [
        ["cell", "time, new / old", "95 %", "verdict", "instructions", ""],
        *(
            [
                of.name,
                f"{of.time.median:.3f}",
                f"{of.time.low:.3f} to {of.time.high:.3f}",
                of.verdict,
                counts(of),
                remark(of),
            ]
            for of in lines
        ),
    ]
    widths = [max(map(len, column)) for column in zip(*table)]
    for row in table:
        print("  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip())
    bad = sum(of.has_regressed for of in lines)
    print(
        f"{len(lines)} cells, {bad} regressed"
        f" (time: {sum(of.is_slower for of in lines)},"
        f" instructions: {sum(of.has_more_instructions for of in lines)})"
    )
    return REGRESSION if bad else 0


def counts(of: Line) -> str:
    if of.instructions is None:
        return "not counted"
    old, new = of.instructions
    return f"{old:.2f} -> {new:.2f} ({100.0 * (new / old - 1.0):+.2f} %)"


def remark(of: Line) -> str:
    words = ["SLOWER"] * of.is_slower + ["MORE INSTRUCTIONS"] * of.has_more_instructions
    return ", ".join(words)


if __name__ == "__main__":
    sys.exit(main())
