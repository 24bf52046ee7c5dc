"""libFuzzer: processes that share one corpus, which each reads again now and then.

Not -fork: its jobs start again, and are merged, so often that they make a third of
the executions in the same processor time, and it passes over inputs without an
end.
"""

import dataclasses
import re
import time
from pathlib import Path

from . import finding
from .engine import INPUT_SIZE_MAX, Instance, Memory, Outcome, Progress, Running
from .engine import Task, tail

ARTEFACTS = r"(crash|timeout|oom|leak)-"


def run(task: Task, progress: Progress, running: Running) -> Outcome:
    crashes = task.work / "crashes"  # timeouts are written there too
    crashes.mkdir(exist_ok=True)
    outcome = Outcome("libfuzzer", 0)
    memory = Memory()
    start = time.monotonic()
    starts = 0
    seconds = next_seconds(task, start, True)
    while seconds > 0:
        begun = time.monotonic()
        instances = [
            Instance(command(task, crashes, seconds, starts * task.jobs + number),
                     task.work / f"libfuzzer-{number}.log", {})
            for number in range(task.jobs)
        ]
        logs = [instance.log for instance in instances]
        ended = running.run(
            instances, lambda: bool(found(crashes)),
            lambda logs=logs: show(task, start, outcome, logs, progress), memory)
        add([tail(log) for log in logs], outcome)
        outcome.status, outcome.log = ended.status, ended.log
        outcome.is_stopped, outcome.found = ended.is_stopped, found(crashes)
        ends_early = time.monotonic() - begun < seconds
        if ended.status != 0 or outcome.found or ended.is_stopped or ends_early:
            break
        starts += 1
        memory.restart()
        seconds = next_seconds(task, start, outcome.has_started)
    outcome.seconds = time.monotonic() - start
    outcome.memory = memory.mib()
    return outcome


def next_seconds(task: Task, start: float, is_bounded: bool) -> int:
    """The seconds of the next processes of a campaign that began at start; 0 or less:
    its time is up. Processes that only read their inputs get all that remains."""
    seconds = task.seconds - int(time.monotonic() - start)
    bound = task.process_seconds if is_bounded else 0
    return min(seconds, bound or seconds)


def command(task: Task, crashes: Path, seconds: int, number: int) -> list[str]:
    return [
        str(task.binary), f"-max_len={INPUT_SIZE_MAX}",
        f"-max_total_time={seconds}", f"-timeout={finding.RUN_TIMEOUT}",
        f"-artifact_prefix={crashes}/", *task.options,
        *([f"-seed={task.seed + number}"] if task.seed else []),
        *([f"-dict={task.dictionary}"] if task.dictionary else []),
        str(task.work / "corpus"),
    ]


def show(
    task: Task, start: float, before: Outcome, logs: list[Path], progress: Progress
) -> None:
    outcome = dataclasses.replace(before)
    add([tail(log) for log in logs], outcome)
    progress.show(f"{task.elapsed(start)}, {outcome.runs} runs, "
                  f"{outcome.edges} edges, {outcome.corpus} inputs")


def found(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir()
                  if path.is_file() and re.match(ARTEFACTS, path.name))


def add(logs: list[str], outcome: Outcome) -> None:
    """Add what the instances' logs say last to outcome: the runs of all of them."""
    for log in logs:
        runs = 0
        for match in re.finditer(r"^#(\d+)\s+\w+ +cov: (\d+) ft: \d+"
                                 r"(?: corp: (\d+))?", log, re.M):
            runs = max(runs, int(match[1]))
            outcome.edges = max(outcome.edges, int(match[2]))
            outcome.corpus = int(match[3] or 0)
        done = re.search(r"^Done (\d+) runs", log, re.M)
        runs = max(runs, int(done[1]) if done else 0)
        outcome.runs += runs
        # The first inputs were run where INITED stands, if that is not too far up.
        first = re.search(r"^#(\d+)\s+INITED", log, re.M)
        outcome.has_started |= runs > (int(first[1]) if first else 0)


def replay(binary: Path, folders: list[Path], work: Path,
           running: Running) -> Outcome:
    """Run every input of folders once."""
    work.mkdir(parents=True, exist_ok=True)
    log = work / "replay.log"
    start = time.monotonic()
    ended = running.run(
        [Instance([str(binary), "-runs=0", f"-timeout={finding.RUN_TIMEOUT}",
                   f"-artifact_prefix={work}/", *map(str, folders)], log, {})],
        lambda: False, lambda: None)
    outcome = Outcome("libfuzzer", ended.status, log=ended.log, has_started=True,
                      is_stopped=ended.is_stopped,
                      seconds=time.monotonic() - start, found=found(work))
    add([ended.log], outcome)
    outcome.has_started = True
    return outcome
