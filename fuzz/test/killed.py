#!/usr/bin/env python3
"""Checks that a batch that is killed at any moment loses nothing that it reported.

    fuzz/test/killed.py [--times N] [--seed N] [--build FOLDER] TARGET...

Runs ./run ci-fuzz --batch on these targets with both engines, and sends it SIGKILL
at a random moment, N times. Then it runs once more, to its end. After each run: all
inputs that a run said were kept are there, none that was there is gone, no finding is
gone, and a campaign that was done stays done. The engines are real, so this takes
minutes and is no part of ./run test. The store is build-killed/.
Exit: 0 nothing was lost, 1 not.
"""

import argparse
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).resolve().parents[2]
STORE = SOURCE / "build-killed"
KEPT = re.compile(r"(\d+) inputs kept|left (\d+) new inputs")
MOMENT_MOST = 12.0  # most seconds from the batch's first word to the signal


class Stored(NamedTuple):
    """The contents of the store."""

    inputs: frozenset[str]
    findings: frozenset[str]
    done: frozenset[str]  # campaigns of a batch that has not ended


def stored() -> Stored:
    begun = STORE / "batch.json"
    return Stored(
        frozenset(str(path) for path in STORE.glob("corpus/*/*")
                  if not path.name.startswith(".")),
        frozenset(str(path) for path in STORE.glob("findings/*/finding.json")),
        frozenset(json.loads(begun.read_text())["done"] if begun.exists() else ()))


def reported(said: str) -> int:
    """Returns the number of kept inputs that a run reported."""
    return sum(int(a or b) for a, b in KEPT.findall(said))


def run(command: list[str], moment: float | None) -> tuple[int, str]:
    """Run a batch, and kill it moment seconds after its first word. Returns its status
    and its output."""
    process = subprocess.Popen(command, cwd=SOURCE, text=True, errors="replace",
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines: list[str] = []
    has_begun = threading.Event()

    def read() -> None:
        for line in process.stdout or ():
            lines.append(line)
            has_begun.set()
        has_begun.set()

    reader = threading.Thread(target=read)
    reader.start()
    has_begun.wait()
    if moment is not None:
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
    process.wait()
    reader.join()
    return process.returncode, "".join(lines)


def lost(before: Stored, after: Stored, kept: int) -> list[str]:
    """Returns the losses of a run. kept is the number of inputs that all runs
    reported."""
    faults = []
    if before.inputs - after.inputs:
        faults.append(f"{len(before.inputs - after.inputs)} inputs")
    if len(after.inputs) < kept:
        faults.append(f"inputs that were reported: found {len(after.inputs)}, "
                      f"expected {kept}")
    if before.findings - after.findings:
        faults.append(f"{len(before.findings - after.findings)} findings")
    if after.done and before.done - after.done:
        faults.append(f"done campaigns: {' '.join(sorted(before.done - after.done))}")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="+", metavar="TARGET")
    parser.add_argument("--times", type=int, default=10, metavar="N",
                        help="default: %(default)s")
    parser.add_argument("--seconds", type=int, default=5, metavar="N",
                        help="of a campaign (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, metavar="N",
                        help="of the moments (default: %(default)s)")
    parser.add_argument("--build", type=Path, default=SOURCE / "build",
                        metavar="FOLDER", help="default: build")
    arguments = parser.parse_args()
    command = [sys.executable, "-B", "fuzz/campaign", "ci-fuzz", "--batch",
               "--seconds", str(arguments.seconds), "--store", str(STORE),
               "--build", str(arguments.build.resolve()),
               *(word for name in arguments.targets for word in ("--target", name))]
    moments = random.Random(arguments.seed)
    shutil.rmtree(STORE, ignore_errors=True)
    kept, faults, before = 0, 0, Stored(frozenset(), frozenset(), frozenset())
    for number in range(arguments.times + 1):
        is_last = number == arguments.times
        moment = None if is_last else moments.uniform(0, MOMENT_MOST)
        status, said = run(command, moment)
        kept += reported(said)
        after = stored()
        wrong = lost(before, after, kept)
        if is_last and status not in (0, 1):
            wrong.append(f"the end: found status {status}")
        print(f"{number}: {'killed' if status < 0 else 'ended'} after "
              f"{'all' if moment is None else f'{moment:.1f} s'}: {len(after.inputs)} "
              f"inputs, {len(after.findings)} findings, {len(after.done)} campaigns "
              f"done; {'LOST ' + ', '.join(wrong) if wrong else 'nothing lost'}",
              flush=True)
        faults += len(wrong)
        before = after
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
