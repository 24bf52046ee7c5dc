"""libFuzzer: processes that share one corpus, which each reads again now and then.

Not -fork: its jobs start again, and are merged, so often that they make a third of
the executions in the same processor time, and it passes over inputs without an
end.
"""

import re
import time
from pathlib import Path

from . import finding
from .engine import INPUT_SIZE_MAX, Instance, Outcome, Progress, Running, Task
from .engine import tail

ARTEFACTS = r"(crash|timeout|oom|leak)-"


def run(task: Task, progress: Progress, running: Running) -> Outcome:
    crashes = task.work / "crashes"  # timeouts are written there too
    crashes.mkdir(exist_ok=True)
    instances = [
        Instance(command(task, crashes, number),
                 task.work / f"libfuzzer-{number}.log", {})
        for number in range(task.jobs)
    ]
    logs = [instance.log for instance in instances]
    start = time.monotonic()
    ended = running.run(instances, lambda: bool(found(crashes)),
                        lambda: show(task, start, logs, progress))
    outcome = Outcome("libfuzzer", ended.status, log=ended.log,
                      is_stopped=ended.is_stopped,
                      seconds=time.monotonic() - start, found=found(crashes),
                      memory=ended.memory.mib())
    read([tail(log) for log in logs], outcome)
    return outcome


def command(task: Task, crashes: Path, number: int) -> list[str]:
    return [
        str(task.binary), f"-max_len={INPUT_SIZE_MAX}",
        f"-max_total_time={task.seconds}", f"-timeout={finding.RUN_TIMEOUT}",
        f"-artifact_prefix={crashes}/", *task.options,
        *([f"-seed={task.seed + number}"] if task.seed else []),
        *([f"-dict={task.dictionary}"] if task.dictionary else []),
        str(task.work / "corpus"),
    ]


def show(task: Task, start: float, logs: list[Path], progress: Progress) -> None:
    outcome = Outcome("libfuzzer", 0)
    read([tail(log) for log in logs], outcome)
    progress.show(f"{task.elapsed(start)}, {outcome.runs} runs, "
                  f"{outcome.edges} edges, {outcome.corpus} inputs")


def found(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir()
                  if path.is_file() and re.match(ARTEFACTS, path.name))


def read(logs: list[str], outcome: Outcome) -> None:
    """Take what the instances' logs say last into outcome: runs of all of them."""
    outcome.runs = 0
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
    read([ended.log], outcome)
    outcome.has_started = True
    return outcome
