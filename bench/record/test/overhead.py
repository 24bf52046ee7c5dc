#!/usr/bin/env python3
"""Measures what the recorder costs malloc-bound programs.

usage: overhead.py [--build DIR] [--rounds N] [--only NAME,...] [--instructions]

In every round each program runs plain, recorded and below Debian's heaptrack,
in an order that is random for the round. A figure is user plus system time of
the program alone, without the reading of the recorder's or heaptrack's output. A
ratio is the median over the rounds, with the interval of a sign test of 95 %.
Bytes an op are those of the converted trace. --instructions counts those of a
pair of malloc() and free() under callgrind instead, which no load disturbs.

Needs ninja -C DIR bench/record/test/trees tools; heaptrack and jq are
left out where they are not installed. Exit status 1: a malloc-bound program is
more than 2 times as slow, or takes more than 3 bytes an op.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
RECORD = HERE.parent / "record.py"
ROOT = HERE.parent.parent.parent
SHARED_MEMORY = pathlib.Path("/dev/shm")
NOTES_SIZE = 64 * 1024  # raw.h

sys.path.insert(0, str(ROOT / "bench" / "report"))

from interval import Estimate, estimate, values_needed  # noqa: E402

RATIO_MAX = 2.0
BYTES_MAX = 3.0
CONFIDENCE = 0.95
NODES = 65535   # of trees.c, a round

PERL = ("my %h; for my $i (1 .. 300000) "
        '{ $h{$i % 1000} = [[1, 2, $i], "text $i"]; }')
PYTHON = """
kept = {}
for i in range(300000):
    kept[i % 1000] = ([i, i + 1, i + 2], "text %d" % i, {"n": i})
"""
JQ = 'map({n: .n, t: (.s + "y")}) | length'


@dataclasses.dataclass
class Program:
    name: str
    command: list[str]
    is_bound: bool = True  # by malloc(): the bars are for these


def programs(trees: pathlib.Path, folder: pathlib.Path) -> list[Program]:
    data = folder / "data.json"
    data.write_text(json.dumps(
        [{"n": i, "s": "x" * (i % 50)} for i in range(20000)]))
    return [
        Program("perl", ["perl", "-e", PERL]),
        Program("python3", ["/usr/bin/python3", "-c", PYTHON]),
        Program("trees", [str(trees), "100"]),
        Program("jq", ["jq", JQ, str(data)], is_bound=False),
    ]


def seconds(command: list[str], env: dict[str, str]) -> float:
    """User and system time of the command, which must succeed."""
    null = os.open(os.devnull, os.O_RDWR)
    pid = os.posix_spawnp(command[0], command, os.environ | env, file_actions=[
        (os.POSIX_SPAWN_DUP2, null, 1)])
    os.close(null)
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        sys.exit(f"overhead: {command[0]}: found status {status}, expected 0")
    return usage.ru_utime + usage.ru_stime


def recorded(library: pathlib.Path, folder: pathlib.Path) -> dict[str, str]:
    """As README.md's "by hand"."""
    (folder / "notes").write_bytes(bytes(NOTES_SIZE))
    return {"LD_PRELOAD": str(library), "NGXPOOL_RECORD_FOLDER": str(folder)}


def heaptracked(folder: pathlib.Path) -> dict[str, str] | None:
    """Its own library, whose output goes to a file. None: not installed."""
    found = [path for top in ("/usr/lib", "/usr/lib64")
             for path in pathlib.Path(top).rglob("libheaptrack_preload.so*")]
    if not found:
        return None
    return {"LD_PRELOAD": str(found[0]),
            "DUMP_HEAPTRACK_OUTPUT": str(folder / "heaptrack")}


def measure(program: Program, library: pathlib.Path, rounds: int,
            ) -> dict[str, list[float]]:
    """Seconds by kind, one a round."""
    order = random.Random(program.name)
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        kinds = ["plain", "recorded", "heaptrack"]
        order.shuffle(kinds)
        for kind in kinds:
            with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as name:
                folder = pathlib.Path(name)
                env = {"plain": {}, "recorded": recorded(library, folder),
                       "heaptrack": heaptracked(folder)}[kind]
                if env is not None:
                    found.setdefault(kind, []).append(
                        seconds(program.command, env))
    return found


def bytes_an_op(program: Program, build: pathlib.Path) -> float:
    with tempfile.TemporaryDirectory() as name:
        out = pathlib.Path(name) / "out.trace"
        done = subprocess.run(
            [RECORD, "--build", build, "--json", "-o", out, "--",
             *program.command], check=True, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        said = next(one for one in map(json.loads, filter(
            lambda line: line.startswith("{"), done.stderr.splitlines()))
            if one["file"] == str(out))
        return said["bytes"] / said["ops"]


def instructions(trees: pathlib.Path, library: pathlib.Path) -> float:
    """That the recorder adds to a pair of malloc() and free(). Valgrind has no
    mremap() of an old size 0: all events lie in the file's first window."""
    def count(env: dict[str, str], rounds: int) -> int:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
             trees, str(rounds)], check=True, env=os.environ | env, text=True,
            stderr=subprocess.PIPE)
        match = re.search(r"Collected : (\d+)", done.stderr)
        assert match is not None, done.stderr
        return int(match[1])

    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as name:
        env = recorded(library, pathlib.Path(name))
        with_it = count(env, 1) - count(env, 0)
        return (with_it - (count({}, 1) - count({}, 0))) / NODES


def cell(ratio: Estimate) -> str:
    return f"{ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", default="")
    parser.add_argument("--instructions", action="store_true")
    arguments = parser.parse_args()
    needed = values_needed(CONFIDENCE)
    if arguments.rounds < needed:
        parser.error(f"--rounds: found {arguments.rounds}, expected at least"
                     f" {needed}")
    folder = arguments.build.resolve() / "bench" / "record"
    library, trees = folder / "librecord_malloc.so", folder / "test" / "trees"
    for path in (library, trees):
        if not path.exists():
            parser.error(f"found no {path}, expected it to be built: ninja -C"
                         f" {arguments.build} bench/record/test/trees tools")
    if arguments.instructions:
        print(f"{instructions(trees, library):.1f} instructions a pair of"
              " malloc() and free()")
        return 0

    print("| program | plain, s | recorded, s | heaptrack, s | ratio, recorded"
          " | ratio, heaptrack | bytes an op |\n|---|---|---|---|---|---|---|")
    os.environ["PYTHONMALLOC"] = "malloc"
    is_over = False
    only = arguments.only.split(",") if arguments.only else []
    with tempfile.TemporaryDirectory() as name:
        for program in programs(trees, pathlib.Path(name)):
            if only and program.name not in only:
                continue
            if shutil.which(program.command[0]) is None:
                print(f"skipped: {program.name}: not installed", file=sys.stderr)
                continue
            found = measure(program, library, arguments.rounds)
            ratios = {kind: estimate((one / plain for one, plain in zip(
                values, found["plain"])), CONFIDENCE)
                for kind, values in found.items()}
            size = bytes_an_op(program, arguments.build)
            is_over |= size > BYTES_MAX or (
                program.is_bound and ratios["recorded"].median > RATIO_MAX)
            print("|", " | ".join([
                program.name,
                *(f"{statistics.median(found[kind]):.3f}" if kind in found
                  else "-" for kind in ("plain", "recorded", "heaptrack")),
                cell(ratios["recorded"]),
                cell(ratios["heaptrack"]) if "heaptrack" in ratios else "-",
                f"{size:.2f}"]), "|", flush=True)
    return 1 if is_over else 0


if __name__ == "__main__":
    sys.exit(main())
