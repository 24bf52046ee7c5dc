#!/usr/bin/env python3
"""Measure how far the figures of bench can be trusted. For a quiet machine.

usage: bars_trust.py rebuilds [--filter REGEX] [--quick] [--builds DIR,...] [FOLDER...]
       bars_trust.py again FOLDER...
       bars_trust.py alone [--cells N] [--turns N] [--seed N] BUILD FOLDER

A FOLDER is results/<label> of a run, a BUILD is a folder that meson built in.

rebuilds  Do figures depend on the build? Builds five times with other alignments of
          functions, loops and jumps, and runs the reference cells in each. A cell is an
          allocator's ratio to the baseline. In 95 % of the cells the interval of every
          rebuild must contain the median over the rebuilds, and in none may one rebuild
          say faster and another one slower. With --builds those are run instead, and
          with FOLDERs those runs are judged. 35 minutes; with --quick, 12.
again     Is an allocator equal to itself? In 95 % of the cells of the A/A pair, of all
          runs together, the interval must contain 1, and the median of |ratio - 1|
          must be below 1.5 %. Five full runs are asked for.
alone     Does a figure depend on the rows around it? Samples 60 rows of a full run at
          random and runs each in processes of its own. They take turns, so that both
          figures see the machine over minutes. In 95 % of the rows the interval of the
          time alone must overlap the one in the full run. 10 minutes.

Each prints the cells that fail, then a line for each bar. Exit status: 0 all bars are
met, 1 one is not, 2 nothing could be judged.

Intervals have a confidence of 95 %, as the report's, so rebuilds asks for more than
chance gives: if five intervals miss independently of each other, all five contain the
true ratio in 82 % of the cells (12 layouts). --confidence 0.999 takes the interval
from the least to the largest layout.
"""

import argparse
import dataclasses
import math
import os
import random
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "report"))

import verdicts  # noqa: E402 (the path comes first)
from interval import Estimate  # noqa: E402
from load import InputError, Row, Run, load  # noqa: E402

AGAIN = "_again"  # ends an allocator's second name
FOLDER = ROOT / "build-trust"
ALIGNMENTS = (  # bytes: of functions, loops and jumps
    (16, 1, 1),
    (32, 16, 1),
    (32, 32, 16),
    (64, 1, 16),
    (64, 64, 32),
)
REFERENCE = (
    "^(fill|fill_reset)/(pool|pool_archive|pool_inline|apr_limit|arena|glibc|mimalloc|"
    "obstack|pmr|tcmalloc)/(lognormal|nginx_request)/(25|100|1000|10000)$"
)
SHARE_LEAST = 0.95  # of cells
SELF_MOST = 0.015  # median |ratio - 1| of the A/A pair
QUICK_ROUNDS = 12  # one of each layout
CELLS_ALONE = 60
TURNS_ALONE = 12  # of each row
SHORT_TRACE = ROOT / "corpus" / "seeds" / "burst.ops"


class TrustError(Exception):
    """Nothing can be judged: why."""


@dataclass(frozen=True)
class Bar:
    """A bar, and whether it is met."""

    text: str
    is_met: bool


@dataclass(frozen=True)
class Finding:
    """The cells that fail, in words, and the bars."""

    failures: list[str]
    bars: list[Bar]


def main() -> int:
    arguments = parse(sys.argv[1:])
    try:
        finding = arguments.find(arguments)
    except (TrustError, InputError, verdicts.TooFewLayouts) as error:
        print(f"bars_trust: {error}", file=sys.stderr)
        return 2
    for failure in finding.failures:
        print(failure)
    for bar in finding.bars:
        print(f"{'met   ' if bar.is_met else 'missed'}  {bar.text}")
    return 0 if all(bar.is_met for bar in finding.bars) else 1


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--confidence", type=float, default=verdicts.USUAL_CONFIDENCE)
    commands = parser.add_subparsers(required=True)

    def command(name: str, find: Callable[[argparse.Namespace], Finding]):
        made = commands.add_parser(name)
        made.set_defaults(find=find)
        return made

    rebuilds = command("rebuilds", find_rebuilds)
    rebuilds.add_argument("--filter", default=REFERENCE)
    rebuilds.add_argument("--quick", action="store_true")
    rebuilds.add_argument("--builds", default="")
    rebuilds.add_argument("folders", nargs="*", type=Path)

    again = command("again", find_again)
    again.add_argument("folders", nargs="+", type=Path)

    alone = command("alone", find_alone)
    alone.add_argument("--cells", type=int, default=CELLS_ALONE)
    alone.add_argument("--turns", type=int, default=TURNS_ALONE)
    alone.add_argument("--seed", type=int, default=1)
    alone.add_argument("build", type=Path)
    alone.add_argument("folder", type=Path)
    return parser.parse_args(words)


def find_rebuilds(arguments: argparse.Namespace) -> Finding:
    folders = arguments.folders
    if not folders:
        builds = [Path(word) for word in arguments.builds.split(",") if word] or make_builds()
        options = ["--filter", arguments.filter]
        if arguments.quick:
            options += ["--quick", "--rounds", str(QUICK_ROUNDS)]
        folders = [
            measure(build, FOLDER, f"rebuild-{number}", options)
            for number, build in enumerate(builds)
        ]
    return judge_rebuilds([load(folder) for folder in folders], arguments.confidence)


def find_again(arguments: argparse.Namespace) -> Finding:
    runs = [load(folder) for folder in arguments.folders]
    return judge_again(runs, arguments.confidence)


def find_alone(arguments: argparse.Namespace) -> Finding:
    run = load(arguments.folder)
    rows = sorted(row for row in run.rates if not row.allocator.endswith(AGAIN))
    sampled = random.Random(arguments.seed).sample(rows, min(arguments.cells, len(rows)))
    turns = {row: [] for row in sampled}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(arguments.turns):
            for row in sampled:
                turns[row].append(measure_alone(arguments.build, Path(folder), row, turn))
            print(f"turn {turn + 1} of {arguments.turns}", file=sys.stderr)
    alone = {row: joined(own, row) for row, own in turns.items()}
    return judge_alone(run, alone, arguments.confidence)


def judge_rebuilds(runs: list[Run], confidence: float) -> Finding:
    """Judge the cells that all runs have."""
    base = pair(runs[0])[0]
    cells = [
        row
        for row in sorted(set.intersection(*(set(run.rates) for run in runs)))
        if row.allocator not in (base, base + AGAIN)
        and all(row._replace(allocator=base) in run.rates for run in runs)
    ]
    failures = []
    contained = contradicted = 0
    for row in cells:
        found = [
            verdicts.compare(
                run.rates[row], run.rates[row._replace(allocator=base)], run.layouts,
                confidence,
            )
            for run in runs
        ]
        middle = math.exp(statistics.median(math.log(one.ratio.median) for one in found))
        is_contained = all(one.ratio.low <= middle <= one.ratio.high for one in found)
        said = [
            verdicts.judge(one, noise(run, row, confidence))
            for run, one in zip(runs, found)
        ]
        contradicts = {verdicts.FASTER, verdicts.SLOWER} <= set(said)
        contained += is_contained
        contradicted += contradicts
        if contradicts or not is_contained:
            words = ", ".join(f"{interval(one.ratio)} {word}" for one, word in zip(found, said))
            failures.append(f"{row}: median {middle:.3f}; {words}")
    return Finding(failures, [
        share_bar(contained, len(cells), "each rebuild's interval contains the median"),
        Bar(f"in {contradicted} cells verdicts contradict each other; 0 are allowed",
            contradicted == 0),
    ])


def judge_again(runs: list[Run], confidence: float) -> Finding:
    failures = []
    distances = []
    contained = 0
    for run in runs:
        name, again = pair(run)
        for row in sorted(run.rates):
            if row.allocator != name or row._replace(allocator=again) not in run.rates:
                continue
            ratio = verdicts.compare(
                run.rates[row._replace(allocator=again)], run.rates[row], run.layouts,
                confidence,
            ).ratio
            distances.append(abs(ratio.median - 1))
            if ratio.low <= 1 <= ratio.high:
                contained += 1
            else:
                failures.append(f"{run.path.parent}: {row}: {interval(ratio)}")
    distance = statistics.median(distances) if distances else math.inf
    return Finding(failures, [
        share_bar(contained, len(distances), "the A/A interval contains 1"),
        Bar(f"the median |ratio - 1| is {100 * distance:.2f} %; "
            f"below {100 * SELF_MOST:g} is asked for", distance < SELF_MOST),
    ])


def judge_alone(run: Run, alone: dict[Row, Run], confidence: float) -> Finding:
    failures = []
    for row, other in alone.items():
        one = verdicts.typical(run.rates[row], run.layouts, confidence)
        two = verdicts.typical(other.rates[row], other.layouts, confidence)
        if one.low > two.high or two.low > one.high:
            failures.append(f"{row}: {times(one)} ns in the run, {times(two)} alone")
    return Finding(failures, [
        share_bar(len(alone) - len(failures), len(alone), "both intervals overlap")
    ])


def share_bar(found: int, count: int, what: str) -> Bar:
    if count == 0:
        raise TrustError("found no cells to judge")
    return Bar(
        f"in {found} of {count} cells ({100 * found / count:.1f} %) {what}; "
        f"{100 * SHARE_LEAST:g} % are asked for",
        found >= SHARE_LEAST * count,
    )


def pair(run: Run) -> tuple[str, str]:
    """The names of the run's A/A pair."""
    name, comma, again = str(run.context.get("aa_pair", "")).partition(",")
    if not comma:
        raise TrustError(f"{run.path}: found no A/A pair")
    return name, again


def noise(run: Run, row: Row, confidence: float) -> Estimate | None:
    """The interval of the A/A pair in the row's cell."""
    one, two = (run.rates.get(row._replace(allocator=name)) for name in pair(run))
    if one is None or two is None:
        return None
    return verdicts.compare(two, one, run.layouts, confidence).ratio


def interval(ratio: Estimate) -> str:
    return f"{ratio.median:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"


def times(rate: Estimate) -> str:
    """ns an allocation, from allocations a second."""
    return f"{1e9 / rate.median:.2f} [{1e9 / rate.high:.2f}, {1e9 / rate.low:.2f}]"


def make_builds() -> list[Path]:
    made = []
    for functions, loops, jumps in ALIGNMENTS:
        build = FOLDER / f"align-{functions}-{loops}-{jumps}"
        flags = (
            f"-falign-functions={functions} -falign-loops={loops} -falign-jumps={jumps}"
        )
        if not (build / "build.ninja").exists():
            call("meson", "setup", str(build), str(ROOT), f"-Dc_args={flags}",
                 f"-Dcpp_args={flags}")
        call("ninja", "-C", str(build), "tools")
        made.append(build)
    return made


def measure(build: Path, results: Path, label: str, options: list[str]) -> Path:
    """The folder of the run's results."""
    call(str(build / "bench" / "bench"), "--results", str(results), "--label", label,
         "--force", *options, env={**os.environ, "PATH": ""})  # no valgrind: nothing is counted
    return results / label


def measure_alone(build: Path, results: Path, row: Row, turn: int) -> Run:
    """Measure one round, whose layout the turn's number gives."""
    options = ["--filter", f"^{re.escape(str(row))}$", "--rounds", "1", "--seed", str(turn)]
    if row.workload not in ("replay", "request"):
        options += ["--traces", str(SHORT_TRACE)]  # it starts sooner
    return load(measure(build, results, "alone", options))


def joined(runs: list[Run], row: Row) -> Run:
    """Runs of one round each, joined into one."""
    return dataclasses.replace(
        runs[0],
        layouts={number: run.layouts[0] for number, run in enumerate(runs)},
        rates={row: {number: run.rates[row][0] for number, run in enumerate(runs)}},
    )


def call(*command: str, env: dict[str, str] | None = None) -> None:
    """Run command. Its output is shown where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=env)
    except OSError as error:
        raise TrustError(f"{command[0]}: {error.strerror}") from None
    if done.returncode != 0:
        raise TrustError(
            f"{shlex.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}"
        )


if __name__ == "__main__":
    sys.exit(main())
