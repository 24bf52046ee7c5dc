"""What a continuous integration runs.

    ./run ci-fuzz --budget SECONDS   a change: the corpus is replayed, mutants are
                                     found again, then the budget is shared by the
                                     targets that the change can reach
    ./run ci-fuzz --batch            every target under both engines, from and into
                                     the kept corpus; goes on where it was killed
    ./run ci-fuzz --prune            the kept corpus made small; no edge is lost
    ./run ci-fuzz --coverage         what the corpus reaches, as HTML

What stays is in one folder, --store (default: build-fuzz): cache its corpus/,
publish its findings/, summary.md and findings.sarif. Each run adds a line to
results/fuzz.json. Exit: 0 nothing was found, 1 a finding, 2 a campaign that did not
fuzz, or cannot run.
"""

import argparse
import os
import re
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

from . import afl, build, coverage, describe, finding, health, history, libfuzzer
from . import plan, prune, reach, session, store, targets, together
from .engine import Outcome, Progress
from .finding import Finding
from .health import Problem, Refused
from .session import Asked, Result, Setting
from .targets import CONTROLS, NEEDS_NGINX, TARGETS, family

SOURCE = Path(__file__).resolve().parent.parent.parent
CONTROL_SECONDS = 60  # at most
BATCH_SECONDS = 300  # for each target and engine


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


# A change

def do_change(run: Run) -> None:
    names = wanted_targets(run)
    session.prepare(run.setting, all_asked(names))
    names = choose_reached(run, names)
    recover(run)
    if replay_all(run, names):
        return
    control(run, names)
    fuzz_change(run, names)


def choose_reached(run: Run, names: dict[str, list[str]]) -> dict[str, list[str]]:
    """The targets that the change can reach; all of them if there are none."""
    change = reach.changed(SOURCE, run.arguments.since)
    reached = {}
    for engine, of in names.items():
        folder = run.setting.built(engine)
        made_of = reach.files_of(SOURCE, folder, [folder / "fuzz" / name
                                                  for name in of])
        for name in of:
            mutator = run.setting.mutator(Asked(name, engine, 0))
            if mutator is not None:
                more = reach.files_of(SOURCE, folder, [mutator])
                made_of[name] |= more[mutator.name]
        reached[engine] = reach.reached(change, made_of,
                                        {name: family(name) for name in of})
    if not any(reached.values()):
        run.say(f"{len(change)} files changed, which no target is made of: all "
                "targets share the budget")
        return names
    listed = sorted({name for of in reached.values() for name in of})
    run.say(f"{len(change)} files changed, which reach: {' '.join(listed)}")
    return reached


def replay_all(run: Run, names: dict[str, list[str]]) -> bool:
    """Run every known input on every reached target. Whether one failed."""
    wanted = all_asked(names)
    results = together.run(
        [lambda asked=asked: replay(run, asked) for asked in wanted],
        run.arguments.jobs, run.setting.running, is_bad)
    run.say(f"replay: {sum(result.outcome.runs for result in results)} runs of "
            f"known inputs, on {len(results)} programs")
    return take(run, [result for result in results if is_bad(result)])


def replay(run: Run, asked: Asked) -> Result:
    work = run.kept.work("replay-" + asked.engine, asked.target)
    problem = health.look_at(work, session.sanitizer(asked.target, asked.engine))
    if problem is not None:
        return Result(asked, Outcome(asked.engine, 0), problem=problem)
    count = store.copy_corpus(work / "corpus", corpora(run, asked))
    binary = run.setting.binary(asked)
    if asked.engine == "afl":
        failed = session.replay(binary, work / "corpus", run.setting.running)
        outcome = Outcome("afl", 0, runs=count, has_started=True)
        return Result(asked, outcome, failed)
    outcome = libfuzzer.replay(binary, [work / "corpus"], work, run.setting.running)
    return Result(asked, outcome, finding.first_of(binary, outcome.found),
                  health.diagnose(outcome))


def corpora(run: Run, asked: Asked) -> list[Path]:
    return [*run.setting.corpora(asked), run.kept.corpus(family(asked.target))]


def control(run: Run, names: dict[str, list[str]]) -> None:
    """See that each engine finds a mutant, from nothing: else a campaign that
    finds nothing says nothing."""
    wanted = []
    for engine, of in names.items():
        name = next((name for name in of if name in CONTROLS), None)
        name = name or ("pool_ops" if of else None)
        if name is not None:
            wanted.append(Asked(name, engine, CONTROL_SECONDS, is_empty=True,
                                mutant=CONTROLS[name].mutant))
    session.prepare(run.setting, wanted)
    results = together.run(
        [lambda asked=asked: campaign(run, asked) for asked in wanted],
        run.arguments.jobs, run.setting.running, lambda result: False)
    for result in results:
        look_at_control(run, result)


def look_at_control(run: Run, result: Result) -> None:
    asked = result.asked
    expected = CONTROLS[asked.target].expected
    if result.problem is not None or result.finding is None:
        problem = result.problem or Problem(
            f"{asked.engine} did not find the mutant {asked.mutant}, which breaks "
            f"{asked.target}", "see whether the target still checks what it should")
        return add_problem(run, result, problem)
    original = asked._replace(mutant=None)
    report = finding.fails(run.setting.binary(original), result.finding.path)
    if report is not None:
        # The change itself has a bug.
        take(run, [Result(original, result.outcome,
                          Finding(result.finding.path, report))])
        return None
    if not re.search(expected, result.finding.report):
        return add_problem(run, result, Problem(
            f"{asked.engine} found another bug than the mutant {asked.mutant}: "
            f"{finding.signature(result.finding.report)}",
            f"expected '{expected}'; CONTROLS in fuzz/campaign/targets.py says so"))
    run.say(f"control: {asked.engine} found the mutant {asked.mutant} in "
            f"{result.outcome.seconds:.1f} s: "
            f"{finding.signature(result.finding.report)}")
    return None


def fuzz_change(run: Run, names: dict[str, list[str]]) -> None:
    jobs = run.arguments.jobs
    slots = plan.split(run.arguments.budget, jobs, names, turn_of(run))
    asked = [Asked(slot.target, slot.engine, slot.seconds,
                   seed=run.arguments.seed) for slot in slots]
    run.say(f"{len(asked)} campaigns of {asked[-1].seconds} to {asked[0].seconds} s, "
            f"{jobs} at a time")
    results = together.run(
        [lambda asked=each: campaign(run, asked) for each in asked],
        jobs, run.setting.running, is_bad)
    take(run, results)


def turn_of(run: Run) -> int:
    """Another one for each commit."""
    return int(reach.git(SOURCE, "rev-list", "--count", "HEAD"))


# Campaigns

def campaign(run: Run, asked: Asked) -> Result:
    work = run.kept.work(asked.engine, asked.name)
    result = session.run(run.setting, asked, work,
                         [] if asked.is_empty else corpora(run, asked),
                         Progress(is_alone=False))
    new = harvest(run, asked)
    print(f"{asked.name} ({asked.engine}): {result.ended}, "
          f"{result.outcome.runs} executions, {result.outcome.seconds:.0f} s, "
          f"{new} inputs kept", flush=True)
    return result


def harvest(run: Run, asked: Asked) -> int:
    """Keep the inputs that an engine learnt, where this is a batch. Returns how
    many. What a change's short campaigns learn is soon learnt again."""
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
            run.findings.append(one)
            run.say(f"FOUND in {one.target}: {one.signature}")
            print(f"{one.headline}\n{one.ops}again: {one.command}", flush=True)
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
    """Take what a run that was killed left: what engines had learnt, and what they
    had found. Then its folders go, but AFL++'s own, from which it resumes."""
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
    found = finding.first_of(run.setting.binary(asked),
                             session.found(asked.engine, work))
    run.say(f"{asked.target} ({asked.engine}): a run that was killed left {new} "
            f"new inputs, and {'a finding' if found else 'no finding'}")
    if found is not None:
        take(run, [Result(asked, Outcome(asked.engine, 0), found)])
    if asked.engine == "afl":
        afl.forget(work)


def remove_work(run: Run) -> None:
    store.remove(run.kept.folder / "work")


# A batch

def do_batch(run: Run) -> None:
    names = wanted_targets(run)
    if run.arguments.target:
        names = {engine: [name for name in of if name in run.arguments.target]
                 for engine, of in names.items()}
    session.prepare(run.setting, all_asked(names))
    recover(run)
    which = {"seconds": run.arguments.seconds, "names": names,
             "commit": reach.git(SOURCE, "rev-parse", "HEAD").strip()}
    done = run.kept.batch(which)
    if done:
        run.say(f"goes on with the batch that was begun: {len(done)} campaigns are "
                "done")
    jobs = run.arguments.jobs
    todo = [Asked(name, engine, run.arguments.seconds, seed=run.arguments.seed)
            for engine, of in names.items() for name in of
            if f"{engine}-{name}" not in done]
    each = together.share(len(todo), jobs)
    together.run([lambda asked=asked: batch_one(run, which, done,
                                                asked._replace(jobs=each))
                  for asked in todo],
                 jobs, run.setting.running, lambda result: False)
    run.kept.end_batch()


def batch_one(run: Run, which: dict, done: list[str], asked: Asked) -> Result:
    """One of a batch. Its end is noted once all that it found is kept."""
    result = campaign(run, asked)
    with run.lock:
        take(run, [result])
        if not result.outcome.is_stopped or result.finding is not None:
            done.append(f"{asked.engine}-{asked.target}")
            run.kept.note_batch(which, done)
    store.remove(run.kept.work(asked.engine, asked.target))
    return result


# The others

def do_prune(run: Run) -> None:
    names = wanted_targets(run)["libfuzzer"]
    session.prepare(run.setting, all_asked({"libfuzzer": names}))
    recover(run)
    for each in sorted({family(name) for name in names}):
        programs = [run.setting.binary(Asked(name, "libfuzzer", 0))
                    for name in names if family(name) == each]
        known = run.setting.corpora(Asked(each, "libfuzzer", 0))
        pruned = prune.prune(programs, run.kept.corpus(each), known,
                             run.kept.folder / "work" / f"prune-{each}",
                             run.setting.running)
        run.say(f"{each}: {pruned}")


def do_coverage(run: Run) -> None:
    for line in coverage.write(SOURCE, run.setting.nginx, run.kept):
        run.say(line)


# The end

def summary(run: Run, status: int) -> str:
    """The run as Markdown."""
    lines = [f"## Fuzzing: {describe.VERDICTS[status]}", ""]
    lines += [describe.markdown(one) for one in run.findings]
    if run.problems:
        lines += ["### Did not fuzz", ""]
        lines += [f"- {problem.what}\n  - cure: {problem.cure}"
                  for problem in run.problems] + [""]
    lines += [f"- {note}" for note in run.notes] + [""]
    if run.results:
        lines.append(describe.table([result.row() for result in run.results]))
    return "\n".join(lines) + "\n"


def finish(run: Run, kind: str) -> int:
    status = 1 if run.findings else 2 if run.problems else 0
    text = summary(run, status)
    store.write(run.kept.folder / "summary.md", text.encode())
    store.write(run.kept.folder / "findings.sarif",
                describe.sarif(run.findings).encode())
    if run.arguments.summary is not None:
        with run.arguments.summary.open("a") as file:
            file.write(text)
    if run.results:
        history.append(SOURCE / "results/fuzz.json", history.line_of(
            SOURCE, kind, [result.row() for result in run.results],
            describe.VERDICTS[status]))
    print(f"{kind}: {describe.VERDICTS[status]}; {run.kept.folder / 'summary.md'}",
          flush=True)
    return status


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./run ci-fuzz", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--budget", type=int, metavar="SECONDS",
                      help="fuzz what a change can reach for so long, in all")
    kind.add_argument("--batch", action="store_true", help="fuzz every target")
    kind.add_argument("--prune", action="store_true",
                      help="make the kept corpus small")
    kind.add_argument("--coverage", action="store_true",
                      help="write what the corpus reaches")
    parser.add_argument("--since", metavar="COMMIT",
                        help="the change is what differs from it (default: where "
                        "the branch left main, or HEAD~1)")
    parser.add_argument("--seconds", type=int, default=BATCH_SECONDS, metavar="N",
                        help="of a batch's campaign (default: %(default)s)")
    parser.add_argument("--target", action="append", metavar="NAME",
                        help="of a batch, may be given several times (default: all)")
    parser.add_argument("--engine", action="append", choices=list(TARGETS),
                        help="may be given several times (default: both)")
    parser.add_argument("--jobs", type=int, metavar="N",
                        default=len(os.sched_getaffinity(0)),
                        help="campaigns at a time (default: one a processor)")
    parser.add_argument("--seed", type=int, default=0, metavar="N",
                        help="of what is drawn (default: the engine's own)")
    parser.add_argument("--store", type=Path, default=SOURCE / "build-fuzz",
                        metavar="FOLDER", help="what stays between runs")
    parser.add_argument("--summary", type=Path, metavar="FILE",
                        help="also append the summary here")
    parser.add_argument("--build", type=Path, metavar="FOLDER",
                        help="where to build (default: build)")
    arguments = parser.parse_args(argv)
    arguments.engine = arguments.engine or list(TARGETS)
    return arguments


def main(argv: list[str]) -> int:
    arguments = parse(argv)
    if arguments.budget is not None and arguments.budget < 1:
        raise Refused(f"--budget: found {arguments.budget}, expected seconds")
    for name in arguments.target or ():
        if name not in TARGETS["libfuzzer"]:
            raise Refused(f"unknown target '{name}'; known: "
                          f"{' '.join(TARGETS['libfuzzer'])}")
    parent = (arguments.build or SOURCE / "build").resolve()
    setting = Setting(SOURCE, parent, build.nginx_source(parent))
    run = Run(arguments, setting, store.Store(arguments.store.resolve()))
    kind, do = next(
        (name, do) for name, do in (
            ("batch", do_batch), ("prune", do_prune), ("coverage", do_coverage),
            ("budget", do_change))
        if getattr(arguments, name))
    with run.kept.locked():
        do(run)
        remove_work(run)
        return finish(run, "change" if kind == "budget" else kind)
