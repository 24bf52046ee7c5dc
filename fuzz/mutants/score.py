#!/usr/bin/env python3
"""Finds the mutants that each kind of check kills, and the survivors.

Mutants are generated on the syntax tree (generate.py), and planted by hand
(mutants.toml). Each column alone has to kill them: unit (the unit tests of
pool/test), corpus (replay of corpus/), exhaustion (all short programs, where
build/fuzz/exhaust can be built) and campaign (libFuzzer on pool_ops, from
nothing). A mutant that is compiled to the original's object code is equivalent,
and so is one that equivalent.toml argues for. Writes results/mutants.json, and a
table and a chart into results/mutants/. What was found is kept in BUILD: after
Ctrl-C or kill it is written, too, and a second run does the rest.

    --columns A,B    of unit,corpus,exhaustion,campaign (default: all)
    --files A,B      only mutants of these files
    --only ID,ID     only these mutants
    --kind KIND      only generated, or only planted ones
    --jobs N         how many at once (default: the number of cores)
    --seconds N      CPU seconds of a campaign against a planted bug (default: 60);
                     a twentieth of them against a generated one
    --ops N          ops of exhaustion's programs (default: 4)
    --build FOLDER   where to build (default: build-mutants)
    --results FOLDER where to write (default: results)
    --minimise       remove files of corpus/ that no edge and no mutant needs
    --inputs FOLDER  before that, put programs of FOLDER into the corpus that kill
                     a mutant which the corpus leaves

Exit: 0 all killed that are not equivalent, 1 some live, 2 cannot run.
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import hashlib
import json
import math
import os
import queue
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from campaign import build, engine  # noqa: E402
import columns as column_list  # noqa: E402
import equivalent  # noqa: E402
import generate  # noqa: E402
import minimise  # noqa: E402
import plant  # noqa: E402
import report  # noqa: E402
from columns import Check, Checks  # noqa: E402
from generate import Mutant, Program  # noqa: E402
from process import Done, Runner  # noqa: E402
from relink import Relinker, Result, Uncompiled, turn_of  # noqa: E402
from trees import Failed, Tree  # noqa: E402

ROOT = HERE.parent.parent
POOL = "pool/"  # what the pool's checks are about

# There are many more generated mutants than planted ones, and those that live take
# all of a campaign's seconds: they get a part of them.
GENERATED_PART = 20

NOT_STARTED = 127  # exit status, as of the dynamic linker

# A header's text with this is that of the original, but for the preprocessor.
RELINKED = "extern int ngx_pool_relinked;\n"
SEEN_BY_ALL = "pool/ngx_palloc.h"


@dataclass
class Subject:
    """A mutant, generated or planted, and the way to build it."""

    name: str
    kind: str
    file: str
    text: str | None  # the file's with it, or None: it is switched
    number: int  # that chooses it
    runs: str
    identity: str  # of the change
    described: dict
    mutant: Mutant | None = None


@dataclass
class Reach:
    """What a run of the original reached."""

    numbers: bytes  # a byte for each number of a mutant: whether it is; or nothing
    seconds: float  # of CPU

    def has(self, number: int) -> bool:
        return not self.numbers or self.numbers[number] != 0


class Cache:
    """Earlier answers, by a hash of what they depend on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = threading.Lock()
        self.found: dict[str, dict] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            for line in path.read_text().splitlines():
                try:
                    entry = json.loads(line)
                except json.JSONDecodeError:
                    continue  # the last one of a run that was stopped
                self.found[entry["key"]] = entry["value"]

    def get(self, key: str) -> dict | None:
        return self.found.get(key)

    def put(self, key: str, value: dict) -> None:
        with self.lock:
            self.found[key] = value
            with self.path.open("a") as file:
                file.write(json.dumps({"key": key, "value": value}) + "\n")


class Sources:
    """Hashes of the files that a column's answer depends on."""

    def __init__(self, root: Path, options: str) -> None:
        self.root = root
        pool = ["pool/*.[ch]", "pool/standalone/*.[ch]", "pool/meson.build"]
        tests = ["pool/test/*.h", *(
            f"pool/test/{name}.c"
            for name in ("files", "fixture", "heap", "lines", "place", "snapshot"))]
        fuzz = ["pool/ops/*.[ch]", "fuzz/*.[ch]", "fuzz/oracles/*.c",
                "fuzz/targets/*.c", "pool/test/heap.*", "pool/test/files.*"]
        self.bases = {
            "unit": self.digest(pool + tests),
            "corpus": self.digest(pool + fuzz),
            "exhaustion": self.digest(pool + fuzz + [options]),
            "campaign": self.digest(pool + fuzz + [
                "fuzz/oss-fuzz/texts/*.dict", "fuzz/mutants/columns.py", options]),
            "object": self.digest(pool),
        }
        self.wholes = {
            "unit": self.digest([
                "pool/test/*.c", "pool/test/*.py", "pool/test/meson.build",
                "fuzz/mutants/columns.py"]),
            "corpus": self.digest([
                "corpus/*/*", "corpus/meson.build", "fuzz/meson.build",
                "fuzz/engines/meson.build", "fuzz/oracles/meson.build",
                "fuzz/targets/meson.build", "fuzz/mutants/columns.py"]),
        }

    def digest(self, patterns: list[str]) -> str:
        found = hashlib.sha256()
        for pattern in patterns:
            found.update(pattern.encode())
            for path in sorted(self.root.glob(pattern)):
                found.update(path.name.encode() + path.read_bytes())
        return found.hexdigest()

    def key(self, column: str, by: str | None) -> str:
        """The hash of the files that an answer depends on: all files for a
        survivor, those of its killer for a killed mutant."""
        base = self.bases[column]
        if column not in self.wholes:
            return base
        if by is None:
            return base + self.wholes[column]
        if column == "unit":
            part = by.split(":")[0].split()[0]
            path = self.root / f"pool/test/{part}.c"
        else:
            path = self.root / "corpus" / by
            if by.startswith("seeds/"):
                path = path.with_suffix(".ops")
        if not path.is_file():
            return base + self.wholes[column]
        return base + hashlib.sha256(path.read_bytes()).hexdigest()


class Score:
    """The run: every subject through every column."""

    def __init__(self, arguments: argparse.Namespace, program: Program) -> None:
        self.arguments = arguments
        self.program = program
        self.folder = arguments.build.resolve()
        self.runner = Runner()
        self.progress = engine.Progress()
        self.lock = threading.Lock()
        self.root = ROOT
        self.sources = Sources(
            ROOT, f"{arguments.seconds} {arguments.ops} {engine.INPUT_SIZE_MAX}")
        self.cache = Cache(self.folder / "found.jsonl")
        self.objects = equivalent.Objects(ROOT)
        nginx = (build.nginx_source(ROOT / "build")
                 or build.nginx_source(self.folder / "switched/checks"))
        self.tree = Tree(ROOT, self.folder / "switched", arguments.jobs, nginx)
        self.relinker = Relinker(self.tree)
        self.checks: Checks
        self.reached: dict[str, Reach] = {}  # by check
        self.reached_by_test: dict[str, dict[str, Reach]] = {}  # by check
        # minimise() is to know the first file that kills.
        self.killers = {} if arguments.minimise else report.killers(arguments.results)
        self.reasons: dict[str, str] = {}
        self.results: dict[str, dict] = {}

    # Before the first mutant.

    def prepare(self, subjects: list[Subject]) -> None:
        """Build and measure what the subjects need."""
        runs = {subject.runs for subject in subjects}
        if column_list.EXACT in runs:
            runs.add(column_list.INLINE)
        self.say("building all switched mutants")
        tree = self.tree
        tree.copy(tree.switch(HERE) | {
            file: generate.switched_text(self.program, file).encode()
            for file in self.program.texts})
        self.checks = column_list.list_checks(
            tree, self.arguments.columns, self.arguments.seconds,
            self.arguments.ops)
        every = [check for checks in self.checks.pool.values() for check in checks]
        others = [check for name, each in self.checks.others.items()
                  if name in runs for checks in each.values() for check in checks]
        campaigns = [check for name, check in self.checks.campaigns.items()
                     if name in runs]
        for build in "checks", "campaign":
            targets = {target for check in [*every, *others, *campaigns]
                       if check.build == build for target in check.targets}
            if targets:
                tree.make(build, sorted(targets))
        self.say("running the original")
        work = [(self.measure, check) for check in every]
        work += [(self.limit, check) for check in others]
        if any(subject.text is None for subject in subjects):
            work += [(self.reach, self.checks.campaigns[name])
                     for name in column_list.IN_POOL
                     if name in self.checks.campaigns]
        pool = concurrent.futures.ThreadPoolExecutor(self.arguments.jobs)
        list(pool.map(lambda each: each[0](each[1]), work))
        self.checks.pool = {
            column: sorted(checks, key=lambda c: c.seconds)
            if column == "unit" else checks
            for column, checks in self.checks.pool.items()}

    def limit(self, check: Check) -> None:
        column_list.measure(check, self.tree, self.runner)

    def measure(self, check: Check) -> None:
        self.limit(check)
        self.reach(check)

    def reach(self, check: Check) -> None:
        """Note the mutants that check reaches, and those of each of its tests. It can
        kill no others."""
        whole = self.noted(check)
        tests = {test: self.noted(column_list.with_tests(check, [test]))
                 for test in column_list.tests_of(check, self.tree, self.runner)}
        together = bytes(map(max, zip(*(reach.numbers for reach in tests.values()))))
        self.reached[check.name] = whole
        # A test may reach a place only sometimes: then all of them run.
        if all(a <= b for a, b in zip(whole.numbers, together)):
            self.reached_by_test[check.name] = tests

    def noted(self, check: Check) -> Reach:
        cpu = column_list.CPU_MOST
        if check.kind == "campaign":
            cpu = self.generated_seconds()
        check = dataclasses.replace(check, cpu=cpu)
        with tempfile.NamedTemporaryFile(dir=self.folder) as file:
            done = column_list.run_check(check, self.tree, self.runner,
                                         {"NGXPOOL_MUTANT_REACHED": file.name})
            if check.kind == "test" and column_list.has_failed(check, done):
                raise Failed(f"{check.name} fails while reached places are noted:\n"
                             f"{done.output[-3000:]}")
            return Reach(file.read(), done.seconds)

    def say(self, text: str) -> None:
        self.progress.shown = 0.0
        self.progress.show(text)

    # One mutant.

    def examine(self, subject: Subject) -> dict:
        """All columns' answers about subject, from the cache where it has them."""
        found: dict[str, dict] = {}
        with self.built() as built:
            result: dict = {"columns": found}
            is_killed = False
            for column in self.arguments.columns:
                if (column == "campaign" and subject.name in self.reasons
                        and not is_killed):
                    continue
                answer = self.known(subject, column)
                if answer is None:
                    answer = self.ask(subject, column, built)
                if answer is None:
                    continue
                found[column] = answer
                if answer.get("invalid"):
                    return {"invalid": True}
                is_killed |= answer["killed"]
                if subject.mutant is not None and not is_killed:
                    result["equal"] = self.is_equal(subject)
                    if result["equal"]:
                        break
            return result

    def examine_original(self, subject: Subject) -> None:
        """The original, relinked like a mutant, has to pass every check: a check that
        fails for another reason than the mutant would count as a kill."""
        with self.built() as built:
            for column in self.arguments.columns:
                answer = None
                # relink.py may have changed, so an earlier answer does not serve.
                if column != "campaign":
                    answer = self.ask(subject, column, built)
                if answer is not None and is_refuted(answer):
                    raise Failed("the original, relinked without a mutant, does not "
                                 f"pass {answer.get('by') or answer.get('said')}")

    def checks_of(self, subject: Subject, column: str) -> list[Check]:
        if column == "campaign":
            check = self.checks.campaigns.get(self.campaign_of(subject))
            if check is None:
                return []
            seconds = self.arguments.seconds
            if subject.kind == "generated":
                seconds = self.generated_seconds()
            return [dataclasses.replace(check, cpu=seconds)]
        others = self.checks.others.get(subject.runs, {})
        if column in others:
            return others[column]
        if not subject.file.startswith(POOL):
            return []
        checks = self.checks.pool.get(column, [])
        if subject.text is not None:
            checks = sorted(checks, key=lambda check: turn_of(check.name))
        killer = self.killers.get((column, subject.name), "")
        program = killer.split(":")[0]
        checks = sorted(checks, key=lambda check: check.name != program)
        if subject.kind == "planted":
            own = column_list.OWN_REPLAYS.get(subject.runs)
            checks = sorted(checks, key=lambda check: check.name != own)
        # A planted bug's killer is one of its own replay.
        of = checks[:1] if subject.kind == "planted" else checks
        part = column_list.part_that_kills(of, killer)
        return checks if part is None else [part, *checks]

    def campaign_of(self, subject: Subject) -> str:
        """The campaign that runs the code of subject."""
        is_inline = subject.file == SEEN_BY_ALL and subject.text is None
        if subject.runs == column_list.EXACT and is_inline:
            return column_list.INLINE
        return subject.runs

    def generated_seconds(self) -> int:
        return math.ceil(self.arguments.seconds / GENERATED_PART)

    def known(self, subject: Subject, column: str) -> dict | None:
        """The answer that an earlier run had, if all that it depends on is as it
        was."""
        entry = self.cache.get(f"{column} {subject.identity}")
        if entry is None:
            return None
        answer = entry["answer"]
        by = answer.get("by") if answer["killed"] else None
        return answer if entry["source"] == self.sources.key(column, by) else None

    def remember(self, subject: Subject, column: str, answer: dict) -> None:
        by = answer.get("by") if answer["killed"] else None
        self.cache.put(f"{column} {subject.identity}",
                       {"source": self.sources.key(column, by), "answer": answer})

    def ask(self, subject: Subject, column: str, built: Result) -> dict | None:
        checks = self.checks_of(subject, column)
        if not checks:
            return None
        answer: dict = {"killed": False, "seconds": 0.0}
        before = built.seconds
        for check in checks:
            try:
                if not self.can_kill(subject, check, built):
                    continue
            except Uncompiled as failed:
                answer = {"killed": False, "seconds": 0.0, "invalid": True,
                          "said": str(failed)[-500:]}
                break
            done = self.run_on(subject, check, built)
            answer["seconds"] = round(answer["seconds"] + done.seconds, 2)
            if column_list.has_failed(check, done):
                answer.update(killed=True, by=column_list.found_by(check, done))
                break
        answer["building"] = round(built.seconds - before, 2)
        self.remember(subject, column, answer)
        return answer

    @contextlib.contextmanager
    def built(self) -> Iterator[Result]:
        """Where the programs with one mutant are built."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            yield Result(Path(name))

    def reaching(self, subject: Subject, check: Check) -> Check:
        """check with those of its tests alone that reach the mutant. Each is a process,
        whose limit of time is that of the slowest one."""
        tests = self.reached_by_test.get(check.name, {})
        if check.test:
            names = [check.test] if check.test in tests else []
        elif subject.text is None:
            names = [name for name, reach in tests.items() if reach.has(subject.number)]
        else:
            names = list(tests)
        if not names:
            return check
        cpu = column_list.cpu_limit(max(tests[name].seconds for name in names))
        if len(names) < len(tests):
            check = column_list.with_tests(check, names)
        return dataclasses.replace(check, cpu=cpu)

    def run_on(self, subject: Subject, check: Check, built: Result) -> Done:
        check = self.reaching(subject, check)
        environment = {"NGXPOOL_MUTANT": str(subject.number)}
        if subject.text is not None:
            environment["LD_LIBRARY_PATH"] = str(built.folder / check.build / "lib")
        done = column_list.run_check(check, self.tree, self.runner, environment,
                                     built.moved.get(check.build))
        if done.status == NOT_STARTED:
            raise Failed(f"{check.name} of {subject.name}: {done.output[-500:]}")
        return done

    def can_kill(self, subject: Subject, check: Check, built: Result) -> bool:
        """Whether check reaches the mutant, or its programs differ by it. They are
        then built."""
        if subject.text is None:
            reached = self.reached.get(check.name)
            if check.kind == "campaign" and subject.kind == "planted":
                return True  # it has more time than the campaign that noted the mutants
            return reached is None or reached.has(subject.number)
        # Seeds are made once, with the original.
        targets = [target for target in check.targets
                   if not target.endswith(".stamp")]
        return self.relinker.relink(check.build, targets, subject.file, subject.text,
                                    built)

    def is_equal(self, subject: Subject) -> bool:
        answer = self.known(subject, "object")
        if answer is None:
            assert subject.mutant is not None
            same = self.objects.are_same(self.program, subject.mutant)
            answer = {"killed": False, "same": same}
            self.remember(subject, "object", answer)
        return answer["same"]

    def recall(self, subject: Subject) -> dict:
        """The answers of this run and of earlier ones about subject."""
        result = dict(self.results.get(subject.name, {}))
        if result.get("invalid"):
            return result
        found = dict(result.get("columns", {}))
        for column in column_list.COLUMNS:
            answer = found.get(column) or self.known(subject, column)
            if answer is not None:
                found[column] = answer
                if answer.get("invalid"):
                    return {"invalid": True}
        same = self.known(subject, "object")
        if same is not None:
            result["equal"] = same["same"]
        return {**result, "columns": found} if found else {}

    # All of them.

    def run(self, subjects: list[Subject]) -> None:
        """Fill results. The answers so far stay when this is interrupted."""
        work = queue.SimpleQueue()
        if any(subject.text is not None for subject in subjects):
            work.put(relinked())
        # Those of one file one after the other: there is less to compile.
        for subject in sorted(
                subjects, key=lambda s: (s.text is not None, s.kind, s.file)):
            work.put(subject)
        failures: list[BaseException] = []

        def worker() -> None:
            try:
                while not self.runner.is_stopped:
                    subject = work.get_nowait()
                    if subject.kind == "original":
                        self.examine_original(subject)
                        continue
                    result = self.examine(subject)
                    with self.lock:
                        self.results[subject.name] = result
                        self.show(len(subjects))
            except queue.Empty:
                pass
            except BaseException as failure:
                failures.append(failure)
                self.runner.stop()

        workers = [threading.Thread(target=worker)
                   for _ in range(self.arguments.jobs)]
        for each in workers:
            each.start()
        try:
            for each in workers:
                each.join()
        except KeyboardInterrupt:
            self.runner.stop()
            for each in workers:
                each.join()
            raise
        finally:
            self.progress.close()
        if failures:
            raise failures[0]

    def show(self, count: int) -> None:
        alive = sum(1 for result in self.results.values()
                    if not any(answer["killed"]
                               for answer in result.get("columns", {}).values()))
        self.progress.show(f"mutants: {len(self.results)} of {count}, "
                           f"{alive} not killed")


def is_refuted(answer: dict) -> bool:
    return answer["killed"] or answer.get("invalid", False)


def identity_of(*words: object) -> str:
    return hashlib.sha256(repr(words).encode()).hexdigest()[:24]


def generated(program: Program) -> list[Subject]:
    numbers = generate.numbers(program)
    subjects = []
    for mutant in program.mutants:
        text = None
        if not mutant.is_switched:
            text = generate.single_text(program, mutant)
        subjects.append(Subject(
            name=mutant.name, kind="generated", file=mutant.file, text=text,
            number=numbers.get(mutant.name, 0), runs="exact",
            identity=identity_of(mutant.file, mutant.function, mutant.before,
                                 mutant.after, mutant.operator, mutant.ordinal),
            described={
                "function": mutant.function, "line": mutant.line,
                "operator": mutant.operator, "before": mutant.before,
                "after": mutant.after, "ordinal": mutant.ordinal,
                "built": "switched" if mutant.is_switched else "single",
            },
            mutant=mutant,
        ))
    return subjects


def planted(path: Path, program: Program) -> list[Subject]:
    """Those that lie in a function of the pool are switched, too."""
    rows = plant.load(path)
    texts = {row["file"]: (ROOT / row["file"]).read_text() for row in rows.values()}
    spans = {name: plant.place(name, row, texts[row["file"]])
             for name, row in rows.items()}
    for name, row in rows.items():
        generate.take_planted(program, name, row["file"], spans[name],
                              row["new"].strip())
    numbers = generate.numbers(program)
    subjects = []
    for name, row in rows.items():
        original = texts[row["file"]]
        text = None if name in numbers else plant.plant(name, row, original)
        subjects.append(Subject(
            name=name, kind="planted", file=row["file"], text=text,
            number=numbers.get(name, 0), runs=row["runs"],
            identity=identity_of(row["file"], row["old"], row["new"], row["runs"]),
            described={
                "function": "", "line": original.count("\n", 0, spans[name][0]) + 1,
                "operator": "planted", "before": generate.folded(row["old"]),
                "after": generate.folded(row["new"]), "ordinal": 1,
                "built": "single" if text else "switched",
            },
        ))
    return subjects


def relinked() -> Subject:
    """The original, in a build of its own."""
    text = (ROOT / SEEN_BY_ALL).read_text() + RELINKED
    return Subject(name="the original", kind="original", file=SEEN_BY_ALL, text=text,
                   number=0, runs="exact", identity="original", described={})


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mutants", usage=__doc__, add_help=False)
    parser.add_argument("--columns", type=lambda text: text.split(","),
                        default=list(column_list.COLUMNS))
    parser.add_argument("--files", type=lambda text: text.split(","))
    parser.add_argument("--only", type=lambda text: text.split(","))
    parser.add_argument("--kind", choices=("generated", "planted"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--ops", type=int, default=column_list.EXHAUSTION_OPS)
    parser.add_argument("--build", type=Path, default=ROOT / "build-mutants")
    parser.add_argument("--results", type=Path, default=ROOT / "results")
    parser.add_argument("--minimise", action="store_true")
    parser.add_argument("--inputs", type=Path)
    arguments = parser.parse_args(argv)
    if arguments.minimise or arguments.inputs:
        arguments.columns = ["corpus"]
        if arguments.files or arguments.only or arguments.kind:
            parser.error("the corpus is made for all mutants")
    for column in arguments.columns:
        if column not in column_list.COLUMNS:
            parser.error(f"unknown column '{column}'; known: "
                         f"{' '.join(column_list.COLUMNS)}")
    arguments.columns = [column for column in column_list.COLUMNS
                         if column in arguments.columns]
    return arguments


def chosen(subjects: list[Subject], arguments: argparse.Namespace) -> list[Subject]:
    known = {subject.name for subject in subjects}
    for name in arguments.only or []:
        if name not in known:
            raise Failed(f"no mutant '{name}'")
    return [
        subject for subject in subjects
        if (not arguments.only or subject.name in arguments.only)
        and (not arguments.files or subject.file in arguments.files
             or Path(subject.file).name in arguments.files)
        and (not arguments.kind or subject.kind == arguments.kind)
    ]


def change_corpus(score: Score, subjects: list[Subject],
                  found: dict[str, dict]) -> int:
    lines = []
    if score.arguments.inputs:
        lines += minimise.take_killers(score, subjects, score.arguments.inputs)
    if score.arguments.minimise:
        lines += minimise.minimise(ROOT, score.tree, found)
    print("\n".join(lines))
    return 0


def main() -> int:
    arguments = parse(sys.argv[1:])
    for number in signal.SIGINT, signal.SIGTERM:
        signal.signal(number, signal.default_int_handler)
    try:
        program = generate.pool(ROOT)
        rows = equivalent.load(HERE / "equivalent.toml")
        reasons = equivalent.argue(program, rows)
        bugs = planted(HERE / "mutants.toml", program)
        subjects = [*generated(program), *bugs]
        wanted = chosen(subjects, arguments)
        score = Score(arguments, program)
        score.reasons = reasons
        interrupted = False
        try:
            score.prepare(wanted)
            score.run(wanted)
        except KeyboardInterrupt:
            interrupted = True
        found = {subject.name: score.recall(subject) for subject in subjects}
        if not interrupted and (arguments.minimise or arguments.inputs):
            return change_corpus(score, subjects, found)
        whole = report.document(report.table(subjects, found, reasons), arguments,
                                program)
        folder = arguments.results
        lost = report.lacks(whole, folder)
        if lost:
            folder = arguments.build
            print(f"{arguments.results} keeps its score: this one lacks {lost} of "
                  f"its answers, and is in {folder}", file=sys.stderr)
        report.write(whole, folder)
        document = report.document(report.table(wanted, found, reasons), arguments,
                                   program)
        print("\n".join(report.lines(document)))
        if interrupted:
            print("interrupted: run it again for the rest", file=sys.stderr)
            return 130
    except (Failed, generate.Refused, plant.Refused, equivalent.Refused,
            report.Refused) as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    return 0 if not report.survivors(document) else 1


if __name__ == "__main__":
    sys.exit(main())
