"""./run ci-fuzz --budget: what a change breaks, as far as a budget says."""

import re

from . import finding, health, libfuzzer, plan, reach, session, store, together
from .engine import Outcome
from .finding import Finding
from .health import Problem
from .run import Run, add_problem, all_asked, campaign, corpora, is_bad, recover
from .run import take, wanted_targets
from .session import Asked, Result
from .targets import CONTROLS, family

CONTROL_SECONDS = 60  # at most


def do_change(run: Run) -> None:
    names = wanted_targets(run)
    # Without seeds there is still a corpus, which may show why.
    run.problems += session.prepare(run.setting, all_asked(names))
    names = choose_reached(run, names)
    recover(run)
    if replay_all(run, names):
        return
    control(run, names)
    fuzz_change(run, names)


def choose_reached(run: Run, names: dict[str, list[str]]) -> dict[str, list[str]]:
    """The targets that the change can reach; all of them if there are none."""
    change = reach.changed(run.setting.source, run.arguments.since)
    reached = {engine: reach.reached(change, made_of(run, engine, of),
                                     {name: family(name) for name in of})
               for engine, of in names.items()}
    if not any(reached.values()):
        run.say(f"{len(change)} files changed, which no target is made of: all "
                "targets share the budget")
        return names
    listed = sorted({name for of in reached.values() for name in of})
    run.say(f"{len(change)} files changed, which reach: {' '.join(listed)}")
    return reached


def made_of(run: Run, engine: str, names: list[str]) -> dict[str, set[str]]:
    """The files that each target is made of, with the mutator that AFL++ loads."""
    setting = run.setting
    folder = setting.built(engine)
    mutators = {name: setting.mutator(Asked(name, engine, 0)) for name in names}
    files = reach.files_of(
        setting.source, folder,
        [*(folder / "fuzz" / name for name in names),
         *{mutator for mutator in mutators.values() if mutator is not None}])
    return {name: files[name] | (files[mutator.name] if mutator else set())
            for name, mutator in mutators.items()}


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
    return session.conclude(asked, binary, outcome, work)


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
    return int(reach.git(run.setting.source, "rev-list", "--count", "HEAD"))
