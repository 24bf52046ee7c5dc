"""AFL++: instances -S that share their inputs, as AFL++ advises for CI."""

import itertools
import os
import time
from pathlib import Path

from . import finding
from .engine import INPUT_SIZE_MAX, Instance, Outcome, Progress, Running, Task

# Instances so far. Other campaigns that run meanwhile begin elsewhere.
started = itertools.count(os.getpid())

EMPTY = b"\x02"  # a program without ops, pool/ops/program.h
STABLE = "100.00%"  # as AFL++ writes it
# The most often that AFL++ runs each first input before it makes others.
START_RUNS = 50

# So that a machine that others use, or a container, can run it.
ENVIRONMENT = {
    "AFL_AUTORESUME": "1",
    "AFL_CMPLOG_ONLY_NEW": "1",
    "AFL_FAST_CAL": "1",
    "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES": "1",
    "AFL_NO_AFFINITY": "1",
    "AFL_NO_UI": "1",
    "AFL_SKIP_CPUFREQ": "1",
}

# Options that AFL++ needs where a sanitizer's options are set: it does not start
# without them. Releases of Meson after Debian 12's set them for tests.
SANITIZERS = {
    "ASAN_OPTIONS": "abort_on_error=1:symbolize=0",
    "LSAN_OPTIONS": "exit_code=23:symbolize=0",
    "MSAN_OPTIONS": "exit_code=86:symbolize=0",
}

# Instances differ in which inputs they favour, and in how they mutate them.
SCHEDULES = ("fast", "explore", "coe", "rare", "exploit", "lin", "quad")
# The numbers of instances whose target is built in another way, if there are as
# many. The first two are plain, for speed.
VARIANT_OF = {2: "asan", 3: "cmplog"}


def run(task: Task, progress: Progress, running: Running) -> Outcome:
    corpus = task.work / "corpus"
    if not any(corpus.iterdir()):
        # AFL++ refuses an empty folder; this is an empty program.
        (corpus / "empty").write_bytes(EMPTY)
    instances = [
        Instance(command(task, number), task.work / f"afl-{number}.log",
                 environment(task, number))
        for number in range(task.jobs)
    ]
    start = time.monotonic()
    resumed = runs_of(stats(task.work))
    ended = running.run(instances, lambda: bool(found(task.work)),
                        lambda: show(task, start, progress))
    outcome = Outcome("afl", ended.status, log=ended.log,
                      is_stopped=ended.is_stopped,
                      seconds=time.monotonic() - start, found=found(task.work))
    read(stats(task.work), outcome)
    # AFL++ counts on from where it resumes.
    outcome.runs = max(outcome.runs - resumed, 0)
    return outcome


def command(task: Task, number: int) -> list[str]:
    schedule = SCHEDULES[(task.seed + number) % len(SCHEDULES)]
    binary = task.variants.get(VARIANT_OF.get(number, ""), task.binary)
    is_cmplog = VARIANT_OF.get(number) == "cmplog" and "cmplog" in task.variants
    return [
        *on_one_processor(), "afl-fuzz", "-S", name(number), "-V", str(task.seconds),
        "-t", str(1000 * finding.RUN_TIMEOUT),
        "-i", str(task.work / "corpus"), "-o", str(task.work / "afl"),
        *(["-p", schedule] if number else []),
        *(["-s", str(task.seed + number)] if task.seed else []),
        *(["-c", str(binary)] if is_cmplog else []),
        *(["-x", str(task.dictionary)] if task.dictionary else []),
        "--", str(task.binary if is_cmplog else binary),
    ]


def on_one_processor() -> list[str]:
    """AFL++ and its target take turns, so that one processor is enough for
    both. On two, each turn wakes a processor up, which takes longer than what
    the target does. Instances are spread over all."""
    known = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(known[next(started) % len(known)])]


def environment(task: Task, number: int) -> dict[str, str]:
    # The mutator reads the limit in the environment as AFL++ does.
    variables = dict(ENVIRONMENT, AFL_INPUT_LEN_MAX=str(INPUT_SIZE_MAX))
    variables |= {key: f"{os.environ[key]}:{asked}" for key, asked in SANITIZERS.items()
                  if os.environ.get(key)}
    if task.is_calibrated:
        del variables["AFL_FAST_CAL"]
    if task.mutator is not None:
        variables["AFL_CUSTOM_MUTATOR_LIBRARY"] = str(task.mutator)
        if VARIANT_OF.get(number) != "cmplog":
            # AFL++'s own mutations do not know ops. Their programs do more ops, and
            # find less. The mutator mutates some inputs as bytes.
            variables["AFL_CUSTOM_MUTATOR_ONLY"] = "1"
    if number % 3 == 1:
        variables["AFL_DISABLE_TRIM"] = "1"
    return variables


def name(number: int) -> str:
    return "main" if number == 0 else f"other{number}"


def show(task: Task, start: float, progress: Progress) -> None:
    """AFL++ writes its statistics once a minute, so their time is shown, too."""
    instances = stats(task.work)
    if not instances:
        return
    written = instances[0].get("run_time", "0")
    outcome = Outcome("afl", 0)
    read(instances, outcome)
    progress.show(f"{task.elapsed(start)}; AFL++ after {written} s: {outcome.runs} "
                  f"runs, {outcome.edges} edges, stability {outcome.stability}")


def found(work: Path) -> list[Path]:
    """The inputs that crash, then those that hang."""
    return [path for kind in ("crashes", "hangs")
            for path in sorted((work / "afl").glob(f"*/{kind}/id:*"))]


def forget(work: Path) -> None:
    """Remove the findings, which would end a resumed campaign. The statistics stay:
    without them AFL++ takes the folder for a new one, and empties it."""
    for path in found(work):
        path.unlink()


def queue(work: Path) -> list[Path]:
    return [path for path in sorted((work / "afl").glob("*/queue/id:*"))
            if path.is_file()]


def stats(work: Path) -> list[dict[str, str]]:
    """The statistics of all instances, in order."""
    return [read_stats(path)
            for path in sorted((work / "afl").glob("*/fuzzer_stats"))]


def read_stats(path: Path) -> dict[str, str]:
    lines = (line.partition(":") for line in path.read_text().splitlines())
    return {key.strip(): value.strip() for key, _, value in lines}


def runs_of(instances: list[dict[str, str]]) -> int:
    return sum(int(each.get("execs_done", 0)) for each in instances)


def read(instances: list[dict[str, str]], outcome: Outcome) -> None:
    """Set outcome from the instances' statistics: runs is the sum of all."""
    if not instances:
        return
    first = instances[0]
    outcome.runs = runs_of(instances)
    outcome.edges = max(int(each.get("edges_found", 0)) for each in instances)
    outcome.corpus = int(first.get("corpus_count", 0))
    outcome.stability = first.get("stability", "")
    outcome.varying = (f"{first.get('var_byte_count', 'unknown')} of "
                       f"{first.get('edges_found', 'unknown')}")
    # An input that was found, or a queue that was looked at, comes after the
    # first inputs were run.
    outcome.has_started = any(
        int(each.get("corpus_found", 0)) or int(each.get("cur_item", 0))
        or int(each.get("cycles_done", 0)) or
        int(each.get("execs_done", 0)) > START_RUNS * int(each.get("corpus_count", 0))
        for each in instances)
