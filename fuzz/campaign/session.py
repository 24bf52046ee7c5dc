"""One target under one engine: from its corpus to what was found, and kept."""

import dataclasses
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from . import afl, build, describe, finding, health, libfuzzer, minimise, store
from . import targets
from .engine import Outcome, Progress, Running, Task
from .finding import Finding
from .health import Problem
from .targets import family

ENGINES = {"libfuzzer": libfuzzer, "afl": afl}
SLOW_MOST = 5  # times that a campaign is run which had no time for a new input
AFL_JOBS_WITH = {"asan": 3, "cmplog": 4}  # instances from which on there is one


class Asked(NamedTuple):
    """A campaign, as it is asked for."""

    target: str
    engine: str
    seconds: int
    jobs: int = 1  # instances
    seed: int = 0
    mutant: str | None = None
    is_empty: bool = False  # starts from nothing
    is_calibrated: bool = False

    @property
    def name(self) -> str:
        """The program's."""
        return self.target + (f"_{self.mutant}" if self.mutant else "")


@dataclass
class Result:
    """The end of a campaign. Neither a finding nor a problem: it fuzzed, and all held."""

    asked: Asked
    outcome: Outcome
    finding: Finding | None = None
    problem: Problem | None = None

    @property
    def ended(self) -> str:
        if self.finding is not None:
            return finding.signature(self.finding.report)
        if self.problem is not None:
            return f"did not fuzz: {self.problem.what}"
        return "stopped" if self.outcome.is_stopped else "nothing found"

    def row(self) -> dict:
        """For results/fuzz.json."""
        return {
            "target": self.asked.target, "engine": self.asked.engine,
            "instances": self.asked.jobs, "mutant": self.asked.mutant,
            "seconds": round(self.outcome.seconds, 1),
            "executions": self.outcome.runs, "edges": self.outcome.edges,
            "corpus": self.outcome.corpus, "stability": self.outcome.stability,
            "memory_mib": self.outcome.memory,
            "findings": [] if self.finding is None
            else [finding.key(self.finding.report)],
            "ended": self.ended,
        }


@dataclass
class Setting:
    """Where sessions build, and what they share."""

    source: Path
    parent: Path  # of the builds
    nginx: str
    running: Running = dataclasses.field(default_factory=Running)

    def built(self, engine: str, variant: str | None = None) -> Path:
        return build.folder_of(self.parent, engine, variant)

    def binary(self, asked: Asked, variant: str | None = None) -> Path:
        return (self.built(asked.engine, variant) / "fuzz"
                / ("mutants" if asked.mutant else "") / asked.name)

    def replay(self, target: str, engine: str) -> Path:
        return self.built(engine) / "fuzz" / f"replay_{family(target)}"

    def mutator(self, asked: Asked) -> Path | None:
        name = targets.MUTATORS.get(asked.target)
        if asked.engine != "afl" or name is None:
            return None
        return self.built("afl") / "fuzz" / f"{name}.so"

    def corpora(self, asked: Asked) -> list[Path]:
        return targets.corpora(self.source, self.built(asked.engine), asked.target)


def sanitizer(target: str, engine: str) -> str:
    """Which sanitizer a target is built with: address, undefined, thread, or ''."""
    if engine == "afl":
        return ""
    return {"pool_ops_ubsan": "undefined",
            "pool_threads_tsan": "thread"}.get(target, "address")


def variants(asked: Asked) -> list[str]:
    """AFL++'s other builds of a target, for that many instances."""
    if asked.engine != "afl":
        return []
    return [name for name, jobs in AFL_JOBS_WITH.items() if asked.jobs >= jobs]


def prepare(setting: Setting, wanted: list[Asked]) -> list[Problem]:
    """Build all that wanted need, an engine after the other. Returns what is missing
    besides programs."""
    problems = []
    for engine in ENGINES:
        of_engine = [asked for asked in wanted if asked.engine == engine]
        if not of_engine:
            continue
        names: dict[str | None, set[str]] = {None: set()}
        for asked in of_engine:
            program = setting.binary(asked).relative_to(
                setting.built(engine) / "fuzz")
            names[None] |= {str(program), f"replay_{family(asked.target)}"}
            mutator = setting.mutator(asked)
            if mutator is not None:
                names[None].add(mutator.name)
            for variant in variants(asked):
                names.setdefault(variant, set()).add(str(program))
        for variant, programs in names.items():
            problem = build.build(
                setting.source, setting.built(engine, variant), engine,
                sorted(programs), setting.nginx, variant)
            problems += [problem] if problem is not None else []
    return problems


def run(
    setting: Setting, asked: Asked, work: Path, corpora: list[Path],
    progress: Progress,
) -> Result:
    """Fuzz in work, from the inputs in corpora. A finding is as it was found: the
    caller makes it small, and keeps the part of work that it wants."""
    problem = health.look_at(work, sanitizer(asked.target, asked.engine))
    if problem is not None:
        return Result(asked, Outcome(asked.engine, 0), problem=problem)
    try:
        count = store.copy_corpus(work / "corpus", corpora)
        binary = setting.binary(asked)
        if asked.engine == "afl":
            # AFL++ leaves out a first input that fails, and goes on.
            failed = replay(binary, work / "corpus", setting.running)
            if failed is not None:
                return Result(asked, Outcome("afl", 0, runs=count), failed)
        task = Task(
            binary, work, asked.seconds,
            dictionary=targets.dictionary(
                setting.source, setting.built(asked.engine), asked.target),
            options=targets.options(asked.target),
            mutator=setting.mutator(asked), is_calibrated=asked.is_calibrated,
            jobs=asked.jobs, seed=asked.seed,
            process_seconds=targets.PROCESS_SECONDS.get(asked.target, 0),
            variants={name: setting.binary(asked, name)
                      for name in variants(asked)})
        outcome = run_engine(task, asked.engine, progress, setting.running)
    except OSError as error:
        problem = health.of_error(error)
        if problem is None:
            raise
        return Result(asked, Outcome(asked.engine, 0), problem=problem)
    finally:
        progress.close()
    return conclude(asked, binary, outcome, work)


def conclude(asked: Asked, binary: Path, outcome: Outcome, work: Path) -> Result:
    """The meaning of an engine's end. A program that fails before it has an input fails
    on an empty one: that is a finding, if the project's code is where it fails."""
    found = finding.first_of(binary, outcome.found, outcome.log)
    problem = health.diagnose(outcome)
    if problem is not None and health.known(outcome.log) is None:
        start = work / "start"
        start.write_bytes(b"")
        report = finding.fails(binary, start)
        if report is not None and finding.stack(report):
            return Result(asked, outcome, Finding(start, report))
    return Result(asked, outcome, found, problem)


def run_engine(
    task: Task, engine: str, progress: Progress, running: Running
) -> Outcome:
    """With twice the seconds as often as it takes to make an input, within
    bounds."""
    for _ in range(SLOW_MOST):
        outcome = ENGINES[engine].run(task, progress, running)
        if not health.is_slow(outcome):
            break
        task = task._replace(seconds=2 * task.seconds)
    return outcome


def replay(binary: Path, folder: Path, running: Running) -> Finding | None:
    """The first input in folder on which binary, which runs all that it is given,
    fails."""
    paths = store.files_of(folder)
    if not paths or running.is_stopped:
        return None
    report = finding.fails(binary, *paths)
    if report is None:
        return None
    return finding.first_of(
        binary, [path for path in paths if not running.is_stopped], report)


def learnt(engine: str, work: Path) -> list[Path]:
    """The inputs that an engine has, or had, in work."""
    if engine == "afl":
        return afl.queue(work)
    return store.files_of(work / "corpus")


def found(engine: str, work: Path) -> list[Path]:
    """The inputs that an engine says fail, in work."""
    if engine == "afl":
        return afl.found(work)
    return store.files_of(work / "crashes")


def make_small(setting: Setting, result: Result, out: Path) -> Finding:
    """Cut a finding's input down, to out. Where libFuzzer's program of the target
    is built, and fails too, it says more: it has a sanitizer."""
    asked = result.asked
    one, binary = result.finding, setting.binary(asked)
    assert one is not None
    other = setting.binary(asked._replace(engine="libfuzzer"))
    if asked.engine != "libfuzzer" and other.exists():
        report = finding.fails(other, one.path)
        if report is not None:
            one, binary = Finding(one.path, report), other
    if finding.needs_others(one.report):
        shutil.copy(one.path, out)
        return Finding(out, one.report)
    replayer = setting.replay(asked.target, asked.engine)
    # A reader's bug may be in how bytes become ops.
    parts: minimise.Bytes | minimise.Ops = (
        minimise.Ops(replayer, setting.built(asked.engine) / "fuzz/ngxops")
        if targets.is_program(asked.target) else minimise.Bytes())
    return minimise.minimise(binary, one, out, parts)


def ops_of(setting: Setting, target: str, engine: str, path: Path) -> str:
    """An input as text, where it is ops."""
    if not targets.has_ops(target):
        return ""
    return output_of([str(setting.replay(target, engine)), "--print", str(path)])


def c_source_of(setting: Setting, target: str, engine: str, path: Path) -> str:
    """The same calls as a C program, where the target calls the pool alone."""
    if family(target) != "pool_ops":
        return ""
    # Its first line names the file, as the command does.
    return output_of([str(setting.built(engine) / "fuzz/ngxops"), "c",
                      os.path.relpath(path, setting.source)], setting.source)


def output_of(command: list[str], folder: Path | None = None) -> str:
    """The output of command, or nothing where it fails. It does the calls that the
    input makes, so it may have no end; timeout ends what it started, too."""
    done = subprocess.run(
        ["timeout", "--signal=KILL", str(finding.RUN_TIMEOUT), *command], text=True,
        errors="replace", check=False, cwd=folder, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout if done.returncode == 0 else ""


def keep_finding(
    setting: Setting, kept: store.Store, result: Result
) -> describe.Described:
    """Make a finding small and store it; one that is known is counted."""
    assert result.finding is not None
    asked = result.asked
    with tempfile.TemporaryDirectory(dir=kept.folder) as folder:
        small = make_small(setting, result, Path(folder) / "input")
        target = kept.finding(finding.key(small.report))
        if (target / "finding.json").exists():
            one = describe.read(target / "finding.json")
            one = one._replace(count=one.count + 1)
        else:
            one = describe_new(setting, asked, small, target)
    store.write(target / "finding.md", describe.markdown(one).encode())
    # The last one: a finding is complete once it has this file.
    store.write(target / "finding.json",
                json.dumps(one._asdict(), indent=1, sort_keys=True).encode())
    return one


def describe_new(
    setting: Setting, asked: Asked, small: Finding, target: Path
) -> describe.Described:
    """Describe a finding, and store its files in the folder target."""
    path = target / f"{asked.name}.input"
    store.write(path, small.path.read_bytes())
    one = describe.describe(
        small, asked.target, asked.engine, sanitizer(asked.target, asked.engine),
        ops_of(setting, asked.target, asked.engine, path),
        c_source_of(setting, asked.target, asked.engine, path),
        os.path.relpath(path, setting.source), 1)
    store.write(target / "report.txt", small.report.encode())
    if one.c_source:
        store.write(target / "reproducer.c", one.c_source.encode())
    return one
