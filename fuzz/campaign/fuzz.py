"""Fuzz targets for a while, and say what was found.

Builds with the engine's compiler in BUILD/fuzz-ENGINE, runs each target, shows
its speed and coverage, and on a finding makes the input small and says how to
replay it. A crash is a finding, and so is an input without an end. With --plant,
the code has a bug of fuzz/mutants/, and the campaign succeeds if it is found.
With --jobs, as many targets run at a time; where there are more jobs than
targets, each has several instances, which share what they find.
The target pool_mixed needs nginx's source: NGINX_SRC, or what BUILD was
configured with. Exit: 0 as expected, 1 not, 2 cannot run, or did not fuzz.
"""

import argparse
import shutil
import textwrap
from pathlib import Path

from . import afl, build, finding, session, store, targets, together
from .engine import SETTLED_SECONDS, Outcome, Progress
from .finding import Finding
from .health import Refused
from .ranges import at_least
from .session import Asked, Result, Setting
from .targets import COMPILERS, NEEDS_NGINX, TARGETS, family

SOURCE = Path(__file__).resolve().parent.parent.parent

WIDTH = 79
EXAMPLES = """\
examples:
  ./run fuzz                               each target for a minute
  ./run fuzz --engine afl --seconds 600 pool_ops
  ./run fuzz --empty --plant fits_wraps    is that bug found from nothing?
  ./run fuzz --jobs 16 --seconds 86400     sixteen at a time"""


def choose(kind: str, name: str, known: list[str]) -> None:
    if name not in known:
        raise Refused(f"unknown {kind} '{name}'; known: {' '.join(known)}")


def campaign(
    arguments: argparse.Namespace, setting: Setting, asked: Asked, is_alone: bool
) -> Result:
    """Fuzz one target, and print what came of it."""
    work = folder_of(setting, asked)
    shutil.rmtree(work, ignore_errors=True)
    folders = setting.corpora(asked)
    result = session.run(setting, asked, work,
                         [] if asked.is_empty else folders, Progress(is_alone))
    outcome = result.outcome
    if outcome.is_stopped and result.finding is None:
        print(f"{asked.name}: stopped after {outcome.seconds:.0f} s, nothing found")
        return result
    if result.problem is not None:
        print(f"{asked.name}: did NOT fuzz: {result.problem}", flush=True)
        return result
    rate = (f", {outcome.runs / outcome.seconds:.0f} exec/s"
            if outcome.runs and outcome.seconds else "")
    said = "nothing found" if result.finding is None else "FOUND a failure"
    print(f"{asked.name}: {said} in {outcome.seconds:.1f} s{rate}"
          f"{memory_of(outcome)}", flush=True)
    if result.finding is not None:
        out = work.parent / f"{asked.name}.reproducer"
        result.finding = session.make_small(setting, result, out)
        report(setting, asked, result.finding)
    elif arguments.keep:
        known = [path for each in folders for path in store.files_of(each)]
        kept = setting.source / "corpus" / family(asked.target)
        new = store.add(kept, session.learnt(asked.engine, work), known)
        print(f"{new} new inputs in {kept}")
    if asked.engine == "afl":
        print(f"{asked.name}: stability {outcome.stability or 'unknown'}, "
              f"{outcome.varying or 'unknown'} edges vary", flush=True)
    return result


def memory_of(outcome: Outcome) -> str:
    settled, last = outcome.memory
    minutes = SETTLED_SECONDS // 60
    return (f", at least {settled} MiB of memory after {minutes} minutes and {last} MiB "
            "at the end" if settled else "")


def folder_of(setting: Setting, asked: Asked) -> Path:
    return setting.built(asked.engine) / "campaigns" / asked.name


def report(setting: Setting, asked: Asked, one: Finding) -> None:
    lines = [finding.headline(one.report),
             session.ops_of(setting, asked.target, asked.engine,
                            one.path).rstrip("\n"),
             f"reproducer: {one.path}",
             f"replay:     {setting.binary(asked)} {one.path}"]
    if asked.mutant is None:
        lines.append(f"more:       ./run reproduce {one.path}")
    print("\n".join(line for line in lines if line), flush=True)


def is_expected(arguments: argparse.Namespace, result: Result) -> bool:
    if result.problem is not None:
        return False
    if arguments.stability and result.outcome.stability != afl.STABLE:
        return False
    return (result.finding is not None) == (result.asked.mutant is not None)


def status_of(arguments: argparse.Namespace, results: list[Result]) -> int:
    if any(result.problem is not None for result in results):
        return 2
    return 0 if all(is_expected(arguments, result) for result in results) else 1


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./run fuzz", description="Fuzz the pool, and its ops, for a while.",
        epilog=names_and_examples(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET",
                        help="which, by default all of the engine's")
    parser.add_argument("--seconds", type=at_least(1), default=60, metavar="N",
                        help="for each target (default: %(default)s)")
    parser.add_argument("--engine", default="libfuzzer",
                        help=f"one of: {' '.join(COMPILERS)}")
    parser.add_argument("--jobs", type=at_least(1), default=1, metavar="N",
                        help="how many targets, or instances of one, run at a "
                        "time (default: %(default)s)")
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="N",
                        help="of the random generator (default: the engine's own)")
    parser.add_argument("--keep", action="store_true",
                        help="add new inputs to corpus/")
    parser.add_argument("--empty", action="store_true",
                        help="start from an empty corpus")
    parser.add_argument("--plant", metavar="MUTANT", action="append", default=[],
                        help="plant this bug of fuzz/mutants/, and find it; "
                        "may be given several times")
    parser.add_argument("--stability", action="store_true",
                        help="with AFL++: fail where a target's stability is "
                        "below 100 %%")
    parser.add_argument("--build", type=Path, metavar="FOLDER",
                        help="where to build (default: build)")
    return parser.parse_args(argv)


def names_and_examples() -> str:
    lists = {
        "targets of libfuzzer": TARGETS["libfuzzer"],
        "targets of afl": TARGETS["afl"],
        "mutants": sorted(targets.mutants(SOURCE)),
    }
    named = "\n\n".join(
        textwrap.fill(" ".join(names), WIDTH, initial_indent=f"{title}: ",
                      subsequent_indent="  ")
        for title, names in lists.items())
    return f"{named}\n\n{EXAMPLES}"


def check(arguments: argparse.Namespace) -> None:
    if arguments.stability:
        arguments.engine = "afl"
    choose("engine", arguments.engine, list(COMPILERS))
    for name in arguments.targets:
        choose("target", name, TARGETS[arguments.engine])
    for name in arguments.plant:
        choose("mutant", name, sorted(targets.mutants(SOURCE)))


def ask(arguments: argparse.Namespace, nginx: str) -> list[Asked]:
    """The campaigns that the arguments ask for."""
    names = [(name, None) for name in
             arguments.targets or TARGETS[arguments.engine]]
    if arguments.plant:
        names = [(targets.planted_target(SOURCE, mutant), mutant)
                 for mutant in arguments.plant]
    if NEEDS_NGINX in dict(names) and not nginx:
        if arguments.targets or arguments.plant:
            raise Refused(f"{NEEDS_NGINX} needs NGINX_SRC, the folder of "
                          "nginx's unpacked source")
        print(f"{NEEDS_NGINX}: left out, as there is no NGINX_SRC")
        names = [each for each in names if each[0] != NEEDS_NGINX]
    return [
        Asked(name, arguments.engine, arguments.seconds,
              together.share(len(names), arguments.jobs), arguments.seed, mutant,
              arguments.empty, arguments.stability)
        for name, mutant in names
    ]


def main(argv: list[str]) -> int:
    arguments = parse(argv)
    check(arguments)
    parent = (arguments.build or SOURCE / "build").resolve()
    setting = Setting(SOURCE, parent, build.nginx_source(parent))
    wanted = ask(arguments, setting.nginx)
    for problem in session.prepare(setting, wanted):
        raise Refused(str(problem))
    at_a_time = min(arguments.jobs, len(wanted))
    results = together.run(
        [lambda asked=asked: campaign(arguments, setting, asked, at_a_time == 1)
         for asked in wanted],
        at_a_time, setting.running, lambda result: False)
    return status_of(arguments, results)
