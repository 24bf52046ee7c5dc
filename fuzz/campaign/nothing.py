"""How soon a campaign from nothing finds each mutant.

For each mutant of fuzz/mutants/mutants.toml: libFuzzer on the target that the
mutant belongs to, from an empty corpus, once with each seed, for at most so many
seconds of the processor's time. Prints the seconds until the bug was found, the
slowest first. Which mutants guide a change of the mutator, and which are held
out to judge it, is decided by a hash of the name: part 0 of 3 is held out.
With --compare FILE each campaign is done twice, by libFuzzer's own mutations of
bytes and by the mutator; FILE (results/mutator.json) gets the seconds of both.
Exit: 0 if all are found with every seed, 1 if not, 2 if it cannot run.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from .build import build, folder_of, nginx_source
from .engine import INPUT_SIZE_MAX
from .fuzz import choose
from .health import Refused
from .ranges import at_least
from .targets import (MUTATORS, NEEDS_NGINX, dictionary, family, mutants,
                      options, planted_target)

PARTS = 3  # the first of them is held out
FINDINGS = ("crash-", "timeout-", "oom-", "leak-")  # names of libFuzzer's files
HANG_SECONDS = 10  # of one input
IDLE_FACTOR = 30  # times its CPU seconds: it may wait for the processor


OPS, BYTES = "ops", "bytes"  # which mutator: the target's own, or libFuzzer's
COMMENT = ("Written by ./run fuzz --from-nothing --compare: seconds of the processor "
           "until a campaign from nothing finds a mutant, one for each seed; "
           "null: not found.")


class Row(NamedTuple):
    """The seconds of one mutant's campaigns; None: not found."""

    name: str
    target: str
    is_held: bool
    found: list[float | None]
    found_by_bytes: list[float | None]  # empty: not compared

    def is_found(self) -> bool:
        return None not in self.found

    def slowest(self) -> float:
        return max((each if each is not None else float("inf")
                    for each in self.found), default=0.0)


def is_held_out(name: str) -> bool:
    return hashlib.sha256(name.encode()).digest()[0] % PARTS == 0


def run(
    binary: Path, asked: list[str], seed: int, seconds: int, mutator: str = OPS
) -> float | None:
    """The processor's seconds until binary's campaign fails, if it does."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))

    with tempfile.TemporaryDirectory() as work:
        command = [
            str(binary), f"-seed={seed}", f"-max_len={INPUT_SIZE_MAX}",
            f"-timeout={HANG_SECONDS}", f"-artifact_prefix={work}/",
            *asked,
            f"-max_total_time={IDLE_FACTOR * seconds}", "-verbosity=0",
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                   env={**os.environ, "NGXPOOL_MUTATOR": mutator},
                                   stderr=subprocess.DEVNULL, preexec_fn=limit)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        has_failed = any(path.name.startswith(FINDINGS)
                         for path in Path(work).iterdir())
    if has_failed:
        return round(usage.ru_utime + usage.ru_stime, 2)
    if process.returncode not in (0, -signal.SIGXCPU, -signal.SIGKILL):
        raise Refused(f"{' '.join(command)} ended with status "
                               f"{process.returncode}, and left no input")
    return None


def measure(
    arguments: argparse.Namespace, source: Path, folder: Path, name: str
) -> Row:
    target = planted_target(source, name)
    binary = folder / "fuzz/mutants" / f"{target}_{name}"
    asked = [*options(target), f"-dict={dictionary(source, folder, target)}"]
    found: dict[str, list[float | None]] = {OPS: [], BYTES: []}
    for mutator in (OPS, BYTES) if arguments.compare else (OPS,):
        found[mutator] = [run(binary, asked, seed, arguments.seconds, mutator)
                          for seed in arguments.seeds]
    return Row(name, target, is_held_out(name), found[OPS], found[BYTES])


def measure_all(
    arguments: argparse.Namespace, source: Path, folder: Path, names: list[str]
) -> list[Row]:
    """As many at a time as there are jobs; a line for each that is done."""
    rows = []
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        tasks = [pool.submit(measure, arguments, source, folder, name)
                 for name in names]
        for task in concurrent.futures.as_completed(tasks):
            rows.append(task.result())
            print(line(rows[-1]), file=sys.stderr, flush=True)
    return rows


def line(row: Row) -> str:
    part = "held" if row.is_held else "tuned"
    seconds = " ".join("      -" if each is None else f"{each:7.2f}"
                       for each in [*row.found, *row.found_by_bytes])
    return f"{row.name:28} {row.target:18} {part:6} {seconds}"


def summary(title: str, rows: list[Row]) -> str:
    found = [each for row in rows for each in row.found if each is not None]
    runs = sum(len(row.found) for row in rows)
    always = sum(row.is_found() for row in rows)
    median = f"{statistics.median(found):.2f}" if found else "-"
    return (f"{title}: {always} of {len(rows)} found with every seed, "
            f"{len(found)} of {runs} campaigns, median {median} s")


def write(path: Path, rows: list[Row], arguments: argparse.Namespace) -> None:
    """The comparison, complete or not at all."""
    document = {
        "comment": COMMENT, "seconds": arguments.seconds, "seeds": arguments.seeds,
        "part": arguments.part or "all",
        "mutants": {row.name: {OPS: row.found, BYTES: row.found_by_bytes}
                    for row in sorted(rows)},
    }
    text = json.dumps(document, indent=1)
    # A list of seconds on a line.
    text = re.sub(r"\[[^][]*\]", lambda found: " ".join(found[0].split()), text)
    written = path.with_name(path.name + ".new")
    written.write_text(text + "\n")
    written.replace(path)


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz --from-nothing",
                                     description=__doc__.split("\n")[0])
    parser.add_argument("mutants", nargs="*", metavar="MUTANT",
                        help="by default all")
    parser.add_argument("--seeds", type=lambda text: [int(each) for each in
                                                      text.split(",")],
                        default=[1, 2, 3], metavar="N,N")
    parser.add_argument("--seconds", type=at_least(1), default=60, metavar="N",
                        help="of the processor, a campaign (default: "
                        "%(default)s)")
    parser.add_argument("--part", choices=("tuned", "held"),
                        help="those that guide, or those that are held out")
    parser.add_argument("--compare", type=Path, metavar="FILE",
                        help="with libFuzzer's own mutations of bytes, where the "
                        "target has a mutator of its own; write FILE")
    parser.add_argument("--jobs", type=at_least(1), default=os.cpu_count() or 1)
    parser.add_argument("--build", type=Path, metavar="FOLDER",
                        help="where to build (default: build)")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    source = Path(__file__).resolve().parents[2]
    arguments = parse(argv)
    parent = (arguments.build or source / "build").resolve()
    folder = folder_of(parent, "libfuzzer")
    known = list(mutants(source))
    for name in arguments.mutants:
        choose("mutant", name, known)
    nginx = nginx_source(parent)
    names = [
        name for name in arguments.mutants or known
        if (arguments.part is None
            or is_held_out(name) == (arguments.part == "held"))
        and (nginx or planted_target(source, name)
             != NEEDS_NGINX)
        and (not arguments.compare
             or family(planted_target(source, name)) in MUTATORS)
    ]
    binaries = [f"mutants/{planted_target(source, name)}_{name}"
                for name in names]
    build(source, folder, "libfuzzer", binaries, nginx)
    rows = measure_all(arguments, source, folder, names)
    if arguments.compare:
        write(arguments.compare, rows, arguments)
    for row in sorted(rows, key=Row.slowest, reverse=True):
        print(line(row))
    for title, is_held in ("guides the mutator", False), ("held out", True):
        print(summary(title, [row for row in rows if row.is_held == is_held]))
    return 0 if all(row.is_found() for row in rows) else 1
