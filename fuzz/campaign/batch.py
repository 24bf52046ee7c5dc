"""./run ci-fuzz --batch: every target, into the kept corpus."""

from . import reach, session, store, together
from .run import Run, all_asked, campaign, recover, take, wanted_targets
from .session import Asked, Result


def do_batch(run: Run) -> None:
    names = wanted_targets(run)
    if run.arguments.target:
        names = {engine: [name for name in of if name in run.arguments.target]
                 for engine, of in names.items()}
    run.problems += session.prepare(run.setting, all_asked(names))
    recover(run)
    which = {"seconds": run.arguments.seconds, "names": names,
             "commit": reach.git(run.setting.source, "rev-parse", "HEAD").strip()}
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
