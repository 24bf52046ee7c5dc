"""How quick targets are: executions in a second of the processor's time, and the
share of the speed of a target that does nothing.

Each target runs inputs as they are, without an engine's mutations, on one
processor, in turn with the target empty, which has the same engine and the same
sanitizer. The inputs are the target's seeds and corpus/, or those of a folder,
such as the ones that a campaign has kept. Prints the median of the rounds, and
the least and the greatest. Exit: 0, or 2 when it cannot run.
"""

import argparse
import math
import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from . import store
from .build import build, folder_of, nginx_source
from .fuzz import SOURCE, choose
from .health import Refused
from .ranges import at_least
from .targets import NEEDS_NGINX, TARGETS, corpora

ENGINE = "libfuzzer"
EMPTY = "empty"  # the target that does nothing
ROUND_SECONDS = 1.0  # the least that the empty target takes in a round
INPUTS_MAX = 4000  # of one command line


class Speed(NamedTuple):
    """Of a target, on its inputs. An element for each round."""

    name: str
    inputs: int
    rates: list[float]  # executions in a second of the processor's time
    shares: list[float]  # of the empty target's speed

    def __str__(self) -> str:
        rates = middle([f"{rate:,.0f}" for rate in sorted(self.rates)])
        shares = middle([f"{100 * share:.1f} %" for share in sorted(self.shares)])
        return (f"{self.name}: {rates} executions a CPU second, {shares} of an empty "
                f"target's, on {self.inputs:,} inputs")


def middle(words: list[str]) -> str:
    """The median of figures in ascending order, the least and the greatest."""
    return f"{words[len(words) // 2]} ({words[0]} to {words[-1]})"


def choose_inputs(folders: list[Path]) -> list[Path]:
    """All files of the folders, or evenly chosen ones."""
    files = [path for folder in folders for path in store.files_of(folder)]
    if not files:
        raise Refused(f"no inputs in {', '.join(map(str, folders))}")
    return files[::math.ceil(len(files) / INPUTS_MAX)]


def seconds_of(binary: Path, runs: int, inputs: list[Path]) -> float:
    """The processor's seconds that binary takes to run each input runs times."""
    # The first processor often serves the devices, too.
    processor = str(max(os.sched_getaffinity(0)))
    process = subprocess.Popen(
        ["taskset", "-c", processor, str(binary), f"-runs={runs}", *map(str, inputs)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Refused(f"{binary} ended with status {process.returncode} on its "
                      f"inputs; see {binary} {inputs[0].parent}/*")
    return usage.ru_utime + usage.ru_stime


def measure(binary: Path, empty: Path, inputs: list[Path], rounds: int) -> Speed:
    """A process's start counts for neither."""
    starts = {each: seconds_of(each, 1, inputs[:1]) for each in (binary, empty)}
    runs = 1
    while seconds_of(empty, runs, inputs) < ROUND_SECONDS:
        runs *= 2
    rates = []
    shares = []
    for _ in range(rounds):
        least = seconds_of(empty, runs, inputs) - starts[empty]
        taken = seconds_of(binary, runs, inputs) - starts[binary]
        rates.append(runs * len(inputs) / taken)
        shares.append(least / taken)
    return Speed(binary.name, len(inputs), rates, shares)


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./run fuzz --speed", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="+", metavar="TARGET",
                        help=f"one of: {' '.join(TARGETS[ENGINE])}")
    parser.add_argument("--inputs", type=Path, metavar="FOLDER",
                        help="run the files in it")
    parser.add_argument("--rounds", type=at_least(1), default=5, metavar="N",
                        help="default: %(default)s")
    parser.add_argument("--build", type=Path, default=SOURCE / "build",
                        metavar="FOLDER", help="where to build (default: build)")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    arguments = parse(argv)
    for name in arguments.targets:
        choose("target", name, TARGETS[ENGINE])
    parent = arguments.build.resolve()
    nginx = nginx_source(parent)
    if NEEDS_NGINX in arguments.targets and not nginx:
        raise Refused(f"{NEEDS_NGINX} needs NGINX_SRC, the folder of nginx's "
                      "unpacked source")
    folder = folder_of(parent, ENGINE)
    problem = build(SOURCE, folder, ENGINE, [*arguments.targets, EMPTY], nginx)
    if problem is not None:
        raise Refused(str(problem))
    for name in arguments.targets:
        inputs = choose_inputs([arguments.inputs] if arguments.inputs is not None
                               else corpora(SOURCE, folder, name))
        print(measure(folder / "fuzz" / name, folder / "fuzz" / EMPTY, inputs,
                      arguments.rounds), flush=True)
    return 0
