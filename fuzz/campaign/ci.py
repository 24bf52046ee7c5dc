"""The commands of a continuous integration.

    ./run ci-fuzz --budget SECONDS   a change: the corpus is replayed, mutants are
                                     found again, then the budget is shared by the
                                     targets that the change can reach
    ./run ci-fuzz --batch            every target under both engines, from and into
                                     the kept corpus; goes on where it was killed
    ./run ci-fuzz --prune            the kept corpus made small; no edge is lost
    ./run ci-fuzz --coverage         what the corpus reaches, as HTML

One folder stays from run to run, --store (default: build-fuzz): cache its corpus/,
publish its findings/, summary.md and findings.sarif. Each run adds a line to
results/fuzz.json. Exit: 0 nothing was found, 1 a finding, 2 a campaign that did not
fuzz, or cannot run.
"""

import argparse
import os
from pathlib import Path

from . import batch, build, change, coverage, describe, history, prune, session
from . import store
from .health import Refused
from .ranges import at_least
from .run import Run, all_asked, recover, remove_work, wanted_targets
from .session import Asked, Setting
from .targets import TARGETS, family

SOURCE = Path(__file__).resolve().parent.parent.parent
BATCH_SECONDS = 300  # for each target and engine


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
    kind.add_argument("--budget", type=at_least(1), metavar="SECONDS",
                      help="fuzz what a change can reach for so long, in all")
    kind.add_argument("--batch", action="store_true", help="fuzz every target")
    kind.add_argument("--prune", action="store_true",
                      help="make the kept corpus small")
    kind.add_argument("--coverage", action="store_true",
                      help="write what the corpus reaches")
    parser.add_argument("--since", metavar="COMMIT",
                        help="the change is what differs from it (default: where "
                        "the branch left main, or HEAD~1)")
    parser.add_argument("--seconds", type=at_least(1), default=BATCH_SECONDS, metavar="N",
                        help="of a batch's campaign (default: %(default)s)")
    parser.add_argument("--target", action="append", metavar="NAME",
                        help="of a batch, may be given several times (default: all)")
    parser.add_argument("--engine", action="append", choices=list(TARGETS),
                        help="may be given several times (default: both)")
    parser.add_argument("--jobs", type=at_least(1), metavar="N",
                        default=len(os.sched_getaffinity(0)),
                        help="campaigns at a time (default: one a processor)")
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="N",
                        help="of the random generator (default: the engine's own)")
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
            ("batch", batch.do_batch), ("prune", do_prune), ("coverage", do_coverage),
            ("budget", change.do_change))
        if getattr(arguments, name))
    with run.kept.locked():
        do(run)
        remove_work(run)
        return finish(run, "change" if kind == "budget" else kind)
