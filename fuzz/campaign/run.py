"""A run of ./run ci-fuzz: its campaigns, and what is kept and said of them."""

import argparse
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

from . import afl, describe, finding, session, store
from .engine import Outcome, Progress, tail
from .health import Problem
from .session import Asked, Result, Setting
from .targets import NEEDS_NGINX, TARGETS, family


@dataclass
class Run:
    """A run of one of the commands, up to its end."""

    arguments: argparse.Namespace
    setting: Setting
    kept: store.Store
    results: list[Result] = field(default_factory=list)
    findings: list[describe.Described] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)  # of the above

    def say(self, text: str) -> None:
        print(text, flush=True)
        self.notes.append(text)


def wanted_targets(run: Run) -> dict[str, list[str]]:
    """All targets by engine, without those that cannot be built."""
    left_out = set() if run.setting.nginx else {NEEDS_NGINX}
    for name in sorted(left_out):
        run.say(f"{name}: left out, as there is no NGINX_SRC")
    return {engine: [name for name in names if name not in left_out]
            for engine, names in TARGETS.items() if engine in run.arguments.engine}


def all_asked(names: dict[str, list[str]]) -> list[Asked]:
    return [Asked(name, engine, 0) for engine, of in names.items() for name in of]


def corpora(run: Run, asked: Asked) -> list[Path]:
    return [*run.setting.corpora(asked), run.kept.corpus(family(asked.target))]


def campaign(run: Run, asked: Asked) -> Result:
    work = run.kept.work(asked.engine, asked.name)
    result = session.run(run.setting, asked, work,
                         [] if asked.is_empty else corpora(run, asked),
                         Progress(is_alone=False))
    new = harvest(run, asked)
    print(f"{asked.name} ({asked.engine}): {result.ended}, "
          f"{result.outcome.runs} executions, {result.outcome.seconds:.0f} s, "
          f"{new} inputs kept\n", end="", flush=True)
    return result


def harvest(run: Run, asked: Asked) -> int:
    """Keep the inputs that an engine learnt, where this is a batch. Returns how
    many. A change's short campaigns keep none: the next ones learn the same soon."""
    if not run.arguments.batch:
        return 0
    folder = run.kept.corpus(family(asked.target))
    known = [path for each in corpora(run, asked) for path in store.files_of(each)]
    work = run.kept.work(asked.engine, asked.target)
    return store.add(folder, session.learnt(asked.engine, work), known)


def is_bad(result: Result) -> bool:
    return result.finding is not None or result.problem is not None


def take(run: Run, results: list[Result]) -> bool:
    """Keep findings, note problems. Whether there was any."""
    for result in results:
        run.results.append(result)
        if result.finding is not None:
            one = session.keep_finding(run.setting, run.kept, result)
            # It may be one that this run has already met.
            others = [of for of in run.findings if of.key != one.key]
            if len(others) == len(run.findings):
                run.say(f"FOUND in {one.target}: {one.signature}")
                print(f"{one.headline}\n{one.ops}again: {one.command}", flush=True)
            run.findings = [*others, one]
        elif result.problem is not None:
            add_problem(run, result, result.problem)
    return any(is_bad(result) for result in results)


def add_problem(run: Run, result: Result, problem: Problem) -> None:
    asked = result.asked
    run.problems.append(problem._replace(
        what=f"{asked.name} ({asked.engine}): {problem.what}"))
    print(f"{asked.name} ({asked.engine}): did NOT fuzz: {problem}", file=sys.stderr,
          flush=True)


def recover(run: Run) -> None:
    """Take the inputs and findings of engines from a run that was killed. Then remove
    its folders, except AFL++'s, from which AFL++ resumes."""
    for work in sorted((run.kept.folder / "work").glob("*-*")):
        engine, _, target = work.name.partition("-")
        asked = Asked(target, engine, 0)
        if (target in TARGETS.get(engine, ())
                and run.setting.binary(asked).exists()):
            recover_one(run, asked, work)
        if engine != "afl":
            store.remove(work)


def recover_one(run: Run, asked: Asked, work: Path) -> None:
    new = harvest(run, asked)
    said = "\n".join(tail(log) for log in sorted(work.glob(f"{asked.engine}-*.log")))
    found = finding.first_of(run.setting.binary(asked),
                             session.found(asked.engine, work), said)
    run.say(f"{asked.target} ({asked.engine}): a run that was killed left {new} "
            f"new inputs, and {'a finding' if found else 'no finding'}")
    if found is not None:
        take(run, [Result(asked, Outcome(asked.engine, 0), found)])
    if asked.engine == "afl":
        afl.forget(work)


def remove_work(run: Run) -> None:
    store.remove(run.kept.folder / "work")
