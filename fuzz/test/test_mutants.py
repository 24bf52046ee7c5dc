#!/usr/bin/env python3
"""The generator of mutants on a small file, and the report of their killers.

    test_mutants.py REPLAY [...]    REPLAY: the build's replay_pool_ops
"""

import argparse
import contextlib
import json
import shlex
import subprocess
import sys
import tempfile
import types
import unittest
from pathlib import Path

FUZZ = Path(__file__).resolve().parent.parent
MUTANTS = FUZZ / "mutants"
REPLAY = Path(sys.argv[1]).resolve()
sys.dont_write_bytecode = True
sys.path[:0] = [str(MUTANTS), str(FUZZ)]

import columns  # noqa: E402
import equivalent  # noqa: E402
import generate  # noqa: E402
import minimise  # noqa: E402
import process  # noqa: E402
import relink  # noqa: E402
import report  # noqa: E402
import score  # noqa: E402
from trees import Failed, Tree  # noqa: E402

SOURCE = """\
#define TWICE(x) ((x) * 2)
#define LIMIT 8

enum { FACTOR = 3 };
static int start = 1;

int pair(int a, int b);
int
pair(int a, int b)
{
    return 10 * a + b;
}

int f(int a, int b, char *s);
int
f(int a, int b, char *s)
{
    int sum = a - b;
    int i;

    if (a < b && sum != 4) {
        sum += pair(a, b);
    }
    if (s) {
        *s = 'x';
        return 0;
    }
    for (i = start; i < FACTOR; i++) {
        sum++;
    }
    sum = TWICE(sum + 1);
    return !a ? ~sum : sum;
}

void g(int *p);
void
g(int *p)
{
    if (*p > LIMIT) {
        return;
    }
    *p = 7;
}
"""

MAIN = """\
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
int f(int a, int b, char *s);
void g(int *p);
int
main(void)
{
    int values[] = {0, 1, 5, 8, 9};
    char c = 0;
    unsigned i;
    unsigned j;
    struct itimerval end = {.it_value = {.tv_usec = 100000}};
    setitimer(ITIMER_VIRTUAL, &end, NULL); /* some mutants loop */
    for (i = 0; i < 5; i++) {
        for (j = 0; j < 5; j++) {
            printf("%d %d %d ", f(values[i], values[j], NULL),
                   f(values[i], values[j], &c), c);
        }
        g(&values[i]);
        printf("%d\\n", values[i]);
    }
    return 0;
}
"""


class Case(unittest.TestCase):
    folder: Path
    program: generate.Program

    @classmethod
    def setUpClass(cls) -> None:
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.folder = Path(holder.name).resolve()
        cls.file = cls.folder / "small.c"
        cls.file.write_text(SOURCE)
        (cls.folder / "main.c").write_text(MAIN)
        cls.program = generate.generate(cls.folder, [cls.file], [cls.file], [])

    def changes(self, function: str, operator: str) -> set[tuple[str, str]]:
        return {(m.before, m.after) for m in self.program.mutants
                if m.function == function and m.operator == operator}

    def output(self, sources: list[Path], environment: dict[str, str]) -> str:
        program = self.folder / "program"
        subprocess.run(["cc", "-w", "-Wno-int-conversion", f"-I{MUTANTS}", *sources,
                        "-o", program],
                       check=True)
        return self.run_program(program, environment)

    def run_program(self, program: Path, environment: dict[str, str]) -> str:
        done = subprocess.run([program], env=environment, text=True, check=False,
                              timeout=120, stdout=subprocess.PIPE)
        return f"{done.stdout}{done.returncode}"


class Operators(Case):
    def test_relational(self) -> None:
        found = self.changes("f", "relational")
        self.assertLessEqual({("a < b", "a <= b"), ("a < b", "a >= b"),
                              ("sum != 4", "sum == 4"), ("sum != 4", "sum < 4")},
                             found)
        self.assertEqual(self.changes("g", "relational"),
                         {("*p > LIMIT", "*p >= LIMIT"),
                          ("*p > LIMIT", "*p <= LIMIT")})

    def test_arithmetic(self) -> None:
        self.assertEqual(self.changes("pair", "arithmetic"),
                         {("10 * a + b", "10 * a - b"), ("10 * a", "10 / a")})
        self.assertEqual(self.changes("f", "arithmetic"), {
            ("a - b", "a + b"), ("sum += pair(a, b)", "sum -= pair(a, b)"),
            ("i++", "i--"), ("sum++", "sum--"), ("~sum", "sum"),
        })

    def test_boolean(self) -> None:
        self.assertEqual(self.changes("f", "boolean"), {
            ("a < b && sum != 4", "a < b || sum != 4"),
            ("a < b && sum != 4", "!!(a < b)"),
            ("a < b && sum != 4", "!!(sum != 4)"),
            ("!a", "!!(a)"),
        })

    def test_constants(self) -> None:
        self.assertLessEqual({("sum != 4", f"sum != {other}")
                              for other in (0, 1, 3, 5)},
                             self.changes("f", "constant"))
        self.assertIn(("return 0", "return 1"), self.changes("f", "constant"))
        self.assertEqual(self.changes("FACTOR", "constant"),
                         {("FACTOR = 3", f"FACTOR = {n}") for n in (2, 4)})
        self.assertIn(("static int start = 1", "static int start = 2"),
                      self.changes("start", "constant"))

    def test_deletions(self) -> None:
        self.assertEqual(self.changes("f", "deletion"), {
            ("sum += pair(a, b)", ""), ("if (s) {...}", ""), ("*s = 'x'", ""),
            ("for (i = start; i < FACTOR; i++) {...}", ""), ("i++", ""),
            ("sum++", ""), ("sum = TWICE(sum + 1)", ""),
        })
        self.assertEqual(self.changes("g", "deletion"),
                         {("return", ""), ("*p = 7", "")})

    def test_negated_conditions(self) -> None:
        # A negated comparison is already a relational or boolean mutant.
        self.assertEqual(self.changes("f", "negation"), {
            ("a < b && sum != 4", "!(a < b && sum != 4)"), ("s", "!(s)"),
        })

    def test_arguments(self) -> None:
        self.assertEqual(self.changes("f", "arguments"),
                         {("pair(a, b)", "pair(b, a)")})

    def test_macros(self) -> None:
        self.assertEqual(self.changes("TWICE", "arithmetic"),
                         {("((x) * 2)", "((x) / 2)")})
        self.assertIn(("8", "9"), self.changes("LIMIT", "constant"))
        self.assertGreater(self.program.left_out["TWICE()"], 0)
        self.assertFalse(any("sum - 1" in m.after or "sum + 0" in m.after
                             for m in self.program.mutants))

    def test_a_constant_expression_is_single(self) -> None:
        single = {m.function for m in self.program.mutants if not m.is_switched}
        self.assertEqual(single, {"TWICE", "LIMIT", "FACTOR", "start"})

    def test_the_same_change_twice_has_ordinals(self) -> None:
        keys = [(m.function, m.before, m.after, m.ordinal)
                for m in self.program.mutants]
        self.assertEqual(len(keys), len(set(keys)))


class Switch(Case):
    """The mutant of each number is that of its single file."""

    PLANTED = {"sum_up": ("sum += pair(a, b);", "sum += pair(a, 2 * b);"),
               "sum_down": ("sum++;\n    }", "sum--; }"),
               "g_nine": ("*p = 7;", "*p = 9;")}

    def test_each_switched_mutant_behaves_as_its_single_file(self) -> None:
        for name, (old, new) in self.PLANTED.items():
            at = SOURCE.index(old)
            self.assertTrue(generate.take_planted(
                self.program, name, "small.c", (at, at + len(old)), new))
        at = SOURCE.index("FACTOR = 3")
        self.assertFalse(generate.take_planted(
            self.program, "factor", "small.c", (at, at + 10), "FACTOR = 4"))
        main = self.folder / "main.o"
        subprocess.run(["cc", "-c", self.folder / "main.c", "-o", main], check=True)
        switched = self.folder / "switched.c"
        switched.write_text(generate.switched_text(self.program, "small.c"))
        original = self.output([self.file, main], {})
        sources = [switched, MUTANTS / "mutant.c", main]
        self.assertEqual(self.output(sources, {}), original)
        program = self.folder / "all"
        (self.folder / "program").rename(program)
        self.assertEqual(self.run_program(program, {"NGXPOOL_MUTANT": "0"}),
                         original)

        differ = 0
        numbers = generate.numbers(self.program)
        for mutant in [*self.program.mutants, *self.program.planted]:
            if not mutant.is_switched:
                continue
            single = self.folder / "single.c"
            single.write_text(generate.single_text(self.program, mutant))
            expected = self.output([single, main], {})
            chosen = {"NGXPOOL_MUTANT": str(numbers[mutant.name])}
            self.assertEqual(self.run_program(program, chosen), expected, mutant)
            differ += expected != original
        self.assertGreater(differ, 20)

        reached = self.folder / "reached"
        given = {"NGXPOOL_MUTANT_REACHED": str(reached)}
        self.assertEqual(self.run_program(program, given), original)
        data = reached.read_bytes()
        missed = [name for name, number in numbers.items() if not data[number]]
        self.assertEqual(missed, [])


class Rows(Case):
    ROW = {"file": "small.c", "function": "g", "before": "*p = 7", "after": "",
           "ordinal": None, "reason": "for the test"}

    def test_a_row_names_its_mutant(self) -> None:
        (mutant,) = [m for m in self.program.mutants
                     if m.function == "g" and m.before == "*p = 7" and not m.after]
        self.assertEqual(equivalent.argue(self.program, [self.ROW]),
                         {mutant.name: "for the test"})

    def test_a_row_that_matches_nothing_is_refused(self) -> None:
        for change in {"before": "*p = 8"}, {"ordinal": 2}, {"function": "h"}:
            with self.assertRaises(equivalent.Refused):
                equivalent.argue(self.program, [{**self.ROW, **change}])

    def test_two_rows_for_one_mutant_are_refused(self) -> None:
        with self.assertRaises(equivalent.Refused):
            equivalent.argue(self.program, [self.ROW, self.ROW])

    def test_a_row_needs_a_reason(self) -> None:
        path = self.folder / "equivalent.toml"
        path.write_text('[[mutant]]\nfile = "a"\nfunction = "f"\nbefore = "b"\n'
                        'after = "c"\nreason = " "\n')
        with self.assertRaises(equivalent.Refused):
            equivalent.load(path)

    def test_the_reason_of_a_tuning_starts_with_that_word(self) -> None:
        path = self.folder / "equivalent.toml"
        row = ('[[mutant]]\nfile = "a"\nfunction = "f"\nbefore = "b"\n'
               'after = "c"\nreason = "because"\nkind = "%s"\n')
        path.write_text(row % "tuning")
        (loaded,) = equivalent.load(path)
        self.assertEqual(loaded["reason"], "tuning: because")
        path.write_text(row % "other")
        with self.assertRaises(equivalent.Refused):
            equivalent.load(path)

    def test_the_project_s_rows_match(self) -> None:
        root = FUZZ.parent
        program = generate.pool(root)
        equivalent.argue(program, equivalent.load(MUTANTS / "equivalent.toml"))
        self.assertGreater(len(program.mutants), 300)
        names = [mutant.name for mutant in program.mutants]
        self.assertEqual(len(names), len(set(names)))


class Subject:
    def __init__(self, name: str, kind: str, file: str, line: int) -> None:
        self.name, self.kind, self.file = name, kind, file
        self.described = {"function": "f", "line": line, "operator": "constant",
                          "before": "1", "after": "0", "ordinal": 1,
                          "built": "switched"}


class Report(unittest.TestCase):
    ARGUMENTS = argparse.Namespace(seconds=60, ops=4)

    def answer(self, killed: bool) -> dict:
        return {"killed": killed, "seconds": 0.5, "building": 1.0,
                **({"by": "x"} if killed else {})}

    def document(self, results: dict, reasons: dict | None = None) -> dict:
        subjects = [Subject("f_10", "generated", "b.c", 3),
                    Subject("f_2", "generated", "b.c", 3),
                    Subject("a_1", "planted", "z.c", 1),
                    Subject("e_1", "generated", "a.c", 9)]
        rows = report.table(subjects, results, reasons or {})
        return report.document(rows, self.ARGUMENTS, generate.Program())

    def test_a_score_replaces_none_that_has_more_answers(self) -> None:
        unit = {"unit": self.answer(True)}
        both = {**unit, "corpus": self.answer(False)}
        more = self.document({"f_10": {"columns": unit}, "f_2": {"columns": both}})
        less = self.document({"f_2": {"columns": unit}})
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            self.assertEqual(report.lacks(less, folder), 0)
            report.write(more, folder)
            self.assertEqual(report.lacks(more, folder), 0)
            self.assertEqual(report.lacks(less, folder), 2)
            equal = self.document({"f_10": {"columns": unit},
                                   "f_2": {"columns": {}, "equal": True}})
            self.assertEqual(report.lacks(equal, folder), 0)

    def test_order_does_not_depend_on_the_first_to_end(self) -> None:
        results = {"f_10": {"columns": {"unit": self.answer(True)}}}
        document = self.document(results)
        self.assertEqual([row["name"] for row in document["mutants"]],
                         ["e_1", "f_2", "f_10", "a_1"])
        with tempfile.TemporaryDirectory() as first, \
                tempfile.TemporaryDirectory() as second:
            for folder in first, second:
                report.write(document, Path(folder))
            for name in ("mutants.json", "mutants/index.html",
                         "mutants/time_to_kill.svg"):
                self.assertEqual((Path(first) / name).read_bytes(),
                                 (Path(second) / name).read_bytes())
            read = json.loads((Path(first) / "mutants.json").read_text())
            self.assertEqual(read, document)

    def test_scores(self) -> None:
        document = self.document({
            "f_2": {"columns": {"unit": self.answer(True),
                                "corpus": self.answer(False)}},
            "f_10": {"columns": {"unit": self.answer(False),
                                 "corpus": self.answer(False)}},
            "e_1": {"columns": {"unit": self.answer(False)}, "equal": True},
        })
        score = document["scores"]["generated"]
        self.assertEqual(score["columns"]["unit"], {"killed": 1, "of": 2})
        self.assertEqual(score["columns"]["corpus"], {"killed": 0, "of": 2})
        self.assertEqual(score["together"], {"killed": 1, "of": 2})
        self.assertEqual(score["equivalent"], 1)
        self.assertEqual([row["name"] for row in report.survivors(document)],
                         ["f_10"])
        said = "\n".join(report.lines(document))
        self.assertIn("b.c:3: f_10: 1 -> 0", said)
        self.assertEqual(document["cpu_seconds"], {
            "unit": 4, "corpus": 3, "exhaustion": 0, "campaign": 0})
        self.assertIn("build of the original: unit 4, corpus 3", said)
        self.assertIn("generated: 1 of 2 not equivalent killed by "
                      "unit+corpus+exhaustion", said)

    def test_a_killed_mutant_is_not_argued_away(self) -> None:
        results = {"f_2": {"columns": {"unit": self.answer(True)}}}
        with self.assertRaises(report.Refused):
            self.document(results, {"f_2": "because"})


class Corpus(unittest.TestCase):
    def test_the_first_killer_and_inputs_with_an_edge_stay(self) -> None:
        results = {"f_1": {"columns": {"corpus": {"killed": True, "by": "t/killer"}}},
                   "f_2": {"columns": {"corpus": {"killed": False}}},
                   "f_3": {"columns": {"unit": {"killed": True, "by": "t/idle"}}}}
        needed = minimise.needed_files(results)
        self.assertEqual(needed, {"t/killer"})
        self.assertEqual(minimise.left_over("t", ["edge", "idle", "killer"], needed,
                                            {"t/edge", "u/idle"}), ["idle"])

    def test_seeds_are_named_before_they_exist(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            tree = types.SimpleNamespace(
                root=Path(name), build_folder=lambda build: Path(name) / build)
            (Path(name) / "corpus/pool_ops").mkdir(parents=True)
            check = columns.replay_check(tree, "replay_pool_ops",
                                         ["pool_ops", "pool_mixed"])
            self.assertEqual(check.command[2:], [f"{name}/checks/fuzz/seeds",
                                                 f"{name}/corpus/pool_ops"])
            check = columns.replay_check(tree, "replay_asan_log_lines", ["pool_ops"])
            self.assertEqual(check.command[2:], [f"{name}/corpus/pool_ops"])

    def test_the_build_that_shows_a_planted_bug_is_tried_first(self) -> None:
        # The bug's test uses that build alone, so minimise() may not remove its killer.
        checks = [columns.Check(name, "replay", "checks", [], [])
                  for name in columns.REPLAYS]
        holder = types.SimpleNamespace(checks=columns.Checks(
            {"corpus": checks}, {}, {}), killers={("corpus", "bug"): checks[2].name})
        for runs, first in columns.OWN_REPLAYS.items():
            planted = types.SimpleNamespace(name="bug", kind="planted", runs=runs,
                                            text="", file="pool/ngx_palloc.c")
            asked = score.Score.checks_of(holder, planted, "corpus")
            self.assertEqual(asked[0].name, first)
            self.assertEqual(len(asked), len(checks))
        # Nor does a file of another replay come before it.
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / "x").touch()
            holder.killers["corpus", "bug"] = f"{Path(name).name}/x"
            for check in checks:
                check.command = ["", "--broken"]
            checks[2].command.append(name)
            for own, is_alone in (checks[0], False), (checks[2], True):
                planted.runs = next(runs for runs, program in columns.OWN_REPLAYS.items()
                                    if program == own.name)
                asked = score.Score.checks_of(holder, planted, "corpus")
                self.assertEqual(asked[0].name, own.name)
                self.assertEqual(len(asked), len(checks) + is_alone)

    def test_a_campaign_runs_the_code_of_its_mutant(self) -> None:
        # The marks of pool_ops take the place of the fast path.
        for file, text, runs, campaign in (
                ("ngx_palloc.h", None, "exact", "inline"),
                ("ngx_palloc.h", "...", "exact", "exact"),
                ("ngx_palloc.h", None, "mixed", "mixed"),
                ("ngx_palloc.c", None, "exact", "exact")):
            mutant = types.SimpleNamespace(file=f"pool/{file}", runs=runs, text=text)
            self.assertEqual(score.Score.campaign_of(None, mutant), campaign)

    def test_the_killer_of_the_last_score_is_first(self) -> None:
        checks = [columns.Check(name, "test", "checks", [], [])
                  for name in ("bounds exact", "layout exact", "oom exact")]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            self.assertEqual(report.killers(folder), {})
            (folder / report.FILE).write_text("{")
            self.assertEqual(report.killers(folder), {})
            (folder / report.FILE).write_text(json.dumps({"mutants": [{
                "name": "f_1", "columns": {
                    "unit": {"by": "oom exact: test_x"}, "corpus": {"by": ""}}}]}))
            holder = types.SimpleNamespace(
                checks=columns.Checks({"unit": checks}, {}, {}),
                killers=report.killers(folder))
        part = columns.part_that_kills(checks, "oom exact: test_x")
        for name, expected in (
                ("f_1", [part, checks[2], *checks[:2]]), ("f_2", checks)):
            mutant = types.SimpleNamespace(name=name, kind="generated", runs="exact",
                                           text=None, file="pool/ngx_palloc.c")
            self.assertEqual(score.Score.checks_of(holder, mutant, "unit"), expected)

    def test_the_file_that_killed_is_replayed_alone_if_it_is_there(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "seeds"
            folder.mkdir()
            (folder / "one").write_bytes(b"\x02")
            checks = [columns.Check(program, "replay", "checks", [], [
                f"{{build}}/fuzz/{program}", "--broken", *map(str, inputs)])
                for program, inputs in (("replay_log_lines", [Path(name)]),
                                        ("replay_pool_ops", [Path(name), folder]))]
            part = columns.part_that_kills(checks, "seeds/one")
            self.assertEqual(part, columns.with_input(checks[1], folder / "one"))
            self.assertEqual(part.command[2:], [f"{folder}/one"])
            self.assertEqual(part.name, "replay_pool_ops")
            # Without the file, a replay would start for nothing.
            for killer in "seeds/two", "other/one", "seeds", "replay_pool_ops", "":
                self.assertIsNone(columns.part_that_kills(checks, killer), killer)

    def test_one_test_kills_by_its_own_failure_alone(self) -> None:
        check = columns.Check("oom exact", "test", "checks", [], [])
        only = columns.part_that_kills([check], "oom exact: test_x")
        self.assertEqual(only.environment, {"TEST_ONLY": "test_x"})
        self.assertIsNone(columns.part_that_kills([check], "oom exact"))
        for said, by, is_killed in (
                ("[  FAILED  ] 1 test(s)\n[  FAILED  ] test_x", ": test_x", True),
                ("[  ERROR   ] test_x", ": test_x", True),
                ("test_x: ended by signal 6", ": test_x", True),
                ("[  FAILED  ] test_y", ": test_y", False),
                ("0 tests, 0 failed", "", False)):
            done = process.Done(1, 0.0, said)
            self.assertEqual(columns.found_by(check, done), f"oom exact{by}", said)
            self.assertTrue(columns.has_failed(check, done), said)
            self.assertEqual(columns.has_failed(only, done), is_killed, said)


class Reached(unittest.TestCase):
    def test_the_tests_that_reach_a_mutant_run_alone(self) -> None:
        check = columns.Check("oom exact", "test", "checks", [], [], {"A": "1"}, cpu=99)
        holder = types.SimpleNamespace(reached_by_test={"oom exact": {
            "test_a": score.Reach(b"\0\1\1\0", 0.1),
            "test_b": score.Reach(b"\0\0\1\0", 2.0),
            "test_c": score.Reach(b"\0\1\1\0", 0.7)}})

        def chosen(number: int, check: columns.Check,
                   text: str | None = None) -> tuple[str, int]:
            mutant = types.SimpleNamespace(text=text, number=number)
            asked = score.Score.reaching(holder, mutant, check)
            self.assertEqual(asked.environment["A"], "1")
            return asked.environment.get("TEST_ONLY", ""), asked.cpu

        self.assertEqual(chosen(1, check), ("test_a,test_c", columns.cpu_limit(0.7)))
        self.assertEqual(chosen(2, check), ("", columns.cpu_limit(2.0)))  # all of them
        self.assertEqual(chosen(3, check), ("", 99))  # main() does, perhaps
        self.assertEqual(chosen(1, check, "a file of its own"),
                         ("", columns.cpu_limit(2.0)))
        part = columns.part_that_kills([check], "oom exact: test_a")
        self.assertEqual(chosen(2, part), ("test_a", columns.cpu_limit(0.1)))
        part = columns.part_that_kills([check], "oom exact: test_gone")
        self.assertEqual(chosen(2, part), ("test_gone", 99))
        check.name = "misuse hardened"
        self.assertEqual(chosen(1, check), ("", 99))
        # Of a test without a note, nothing is known.
        holder.reached_by_test["misuse hardened"] = {"test_a": score.Reach(b"", 0.1)}
        self.assertEqual(chosen(1, check), ("", columns.cpu_limit(0.1)))

    def test_a_place_that_no_test_alone_reaches_needs_all(self) -> None:
        check = columns.Check("oom exact", "test", "checks", [], ["program"])
        tree = types.SimpleNamespace(build_folder=lambda build: build)
        runner = types.SimpleNamespace(
            run=lambda *of: process.Done(0, 0.0, "test_a\ntest_b\n"))
        for whole, known in (b"\1\1\0", ["test_a", "test_b"]), (b"\1\1\1", None):
            notes = iter((whole, b"\1\0\0", b"\0\1\0"))
            holder = types.SimpleNamespace(
                reached={}, reached_by_test={}, tree=tree, runner=runner,
                noted=lambda check, notes=notes: score.Reach(next(notes), 0.0))
            score.Score.reach(holder, check)
            self.assertEqual(holder.reached["oom exact"].numbers, whole)
            found = holder.reached_by_test.get("oom exact")
            self.assertEqual(found and list(found), known)

    def test_a_program_of_another_kind_has_no_known_tests(self) -> None:
        for status, said, expected in ((0, "test_a\ntest_b\n", ["test_a", "test_b"]),
                                       (0, "1..1\nok 1 - test_a\n", []),
                                       (0, "", []), (-6, "test_a\n", [])):
            done = process.Done(status, 0.0, said)
            runner = types.SimpleNamespace(run=lambda *of, done=done: done)
            tree = types.SimpleNamespace(build_folder=lambda build: build)
            check = columns.Check("oom exact", "test", "checks", [], ["program"])
            self.assertEqual(columns.tests_of(check, tree, runner), expected)
            check.command = ["python3", "program.py"]
            self.assertEqual(columns.tests_of(check, tree, runner), [])


class Answers(unittest.TestCase):
    def test_a_corpus_answer_depends_on_the_list_of_seeds(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            (root / "corpus/seeds").mkdir(parents=True)
            (root / "corpus/seeds/one.ops").write_text("nop\n")
            (root / "corpus/meson.build").write_text("seeds = files('seeds/one.ops')")
            before = score.Sources(root, "60 4").key("corpus", None)
            self.assertEqual(score.Sources(root, "60 4").key("corpus", None), before)
            (root / "corpus/meson.build").write_text("seeds = files()")
            self.assertNotEqual(score.Sources(root, "60 4").key("corpus", None), before)


class Planted(unittest.TestCase):
    def test_a_file_that_has_its_bug_keeps_its_time(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            out = folder / "bug_mutant.c"
            (folder / "mutants.toml").write_text(
                '[bug]\nbreaks = "b"\nfile = "a.c"\nold = "one"\nnew = "two"\n')
            times = []
            for text in "one;", "one;", "one; // changed":
                (folder / "a.c").write_text(text)
                subprocess.run([sys.executable, MUTANTS / "plant.py", "plant",
                                folder / "mutants.toml", folder, out], check=True)
                self.assertEqual(out.read_text(), text.replace("one", "two"))
                times.append(out.stat().st_mtime_ns)
            self.assertEqual(times[0], times[1])
            self.assertNotEqual(times[1], times[2])


class Copies(unittest.TestCase):
    def test_unchanged_files_keep_their_time(self) -> None:
        # The same switched text is no change: the original is not written before it.
        with tempfile.TemporaryDirectory() as name:
            root = Path(name) / "project"
            (root / "pool").mkdir(parents=True)
            subprocess.run(["git", "init", "--quiet", root], check=True)
            for file in "one", "two":
                (root / f"pool/{file}.c").write_text("original\n")
            tree = Tree(root, Path(name) / "copy", 1, "")
            switched = {"pool/two.c": b"switched\n", "pool/mutant.c": b"switch\n"}
            tree.copy(switched)
            copies = [tree.source / f"pool/{file}.c"
                      for file in ("one", "two", "mutant")]
            self.assertEqual([path.read_text() for path in copies],
                             ["original\n", "switched\n", "switch\n"])
            times = [path.stat().st_mtime_ns for path in copies]
            tree.copy(switched)
            self.assertEqual([path.stat().st_mtime_ns for path in copies], times)
            (root / "pool/one.c").unlink()
            tree.copy(switched)
            self.assertEqual([path.exists() for path in copies],
                             [False, True, True])

    def test_the_switch_is_a_part_of_the_library(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            files = Tree(FUZZ.parent, Path(name), 1, "").switch(MUTANTS)
        self.assertIn("'mutant.c'", files["pool/meson.build"].decode())
        self.assertIn("mutant_*;", files["pool/ngxpool.map"].decode())


class Builds(unittest.TestCase):
    def test_the_options_of_a_build_are_understood(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            tree = Tree(Path(name), Path(name), 1, "")
            tree.source.mkdir()
            # An option of one compiler is none of another one's.
            (tree.source / "meson.build").write_text("""project('small', 'c', 'cpp')
            foreach language : ['c', 'cpp']
              assert(meson.get_compiler(language).get_id() == 'clang')
            endforeach
            """)
            tree.configure("campaign")
            self.assertTrue((Path(name) / "campaign/build.ninja").exists())

    def test_a_replay_has_the_memory_that_it_reserves(self) -> None:
        if b"__asan_init" in REPLAY.read_bytes():
            self.skipTest("AddressSanitizer reserves more; mutants are built without")
        with tempfile.TemporaryDirectory() as name:
            seed = Path(name) / "seed.ops"
            seed.write_text("create p0 1000\n")
            done = process.Runner().run([str(REPLAY), "--broken", str(seed)], {}, name, 10)
        self.assertEqual(done.status, 1, done.output)  # no promise is broken


class Relink(Case):
    """The commands that differ build a program again. The build stays as it is."""

    def test_objects_that_a_change_affects_are_built_again(self) -> None:
        tree = types.SimpleNamespace(source=self.folder / "source",
                                     plain=self.folder / "plain")
        tree.build_folder = lambda build: self.folder / build
        pool = tree.source / "pool"
        pool.mkdir(parents=True)
        build = self.folder / "checks"
        build.mkdir()
        (pool / "one.h").write_text("#define ONE 1\n")
        (pool / "one.c").write_text("#include <one.h>\nint one(void) "
                                    "{ return ONE; }\n")
        (tree.source / "zero.c").write_text("int zero(void) { return 0; }\n")
        (tree.source / "main.c").write_text(
            "#include <one.h>\nint one(void);\nint zero(void);\n"
            "int main(void) { return 10 * ONE + one() + zero(); }\n")
        lines = [
            f"cc -I{pool} -MD -MQ one.o -MF one.o.d -o one.o -c ../source/pool/one.c",
            f"cc -I{pool} -MD -MQ main.o -MF main.o.d -o main.o -c ../source/main.c",
            "cc -MD -MQ zero.o -MF zero.o.d -o zero.o -c ../source/zero.c",
            "rm -f lib.a && ar csrDT lib.a one.o zero.o",
            "cc -o main main.o lib.a",
        ]
        for line in lines:
            subprocess.run(line, shell=True, cwd=build, check=True)
        relinker = relink.Relinker(tree)
        commands = [relinker.parse(shlex.split(line.split("&&")[-1]), build)
                    for line in lines]
        relinker.listed["checks", "main"] = [each for each in commands if each]
        original = (pool / "one.h").read_text()
        for file, text, expected, made in (
                ("pool/one.h", "#define ONE 2\n", 12, 1),  # main.c is not in the library
                ("pool/one.h", original + score.RELINKED, 11, 1),
                ("pool/one.h", original + "/* the same */\n", None, 0),
                ("pool/one.c", "int one(void) { return 5; }\n", 15, 1)):
            with tempfile.TemporaryDirectory() as out:
                result = relink.Result(Path(out))
                differs = relinker.relink("checks", ["main"], file, text, result)
                self.assertEqual(differs, expected is not None)
                self.assertEqual(len(result.objects), made)
                moved = result.moved["checks"]
                if differs:
                    self.assertEqual(set(moved), {"one.o", "lib.a", "main"})
                    done = subprocess.run([moved["main"]], check=False)
                    self.assertEqual(done.returncode, expected)
        done = subprocess.run([build / "main"], check=False)
        self.assertEqual(done.returncode, 11)

        # A program finds a shared library by the name in the program.
        link = "cc -shared -Wl,-soname,libone.so.1 -o lib/libone.so.1.2 one.o"
        (build / "lib").mkdir()
        subprocess.run(link, shell=True, cwd=build, check=True)
        (build / "lib/libone.so.1").symlink_to("libone.so.1.2")
        lines[3:] = [link, "cc -o main main.o zero.o lib/libone.so.1.2"]
        subprocess.run(lines[-1], shell=True, cwd=build, check=True)
        commands = [relinker.parse(shlex.split(line), build) for line in lines]
        relinker.listed["checks", "main"] = [each for each in commands if each]
        with tempfile.TemporaryDirectory() as out:
            result = relink.Result(Path(out))
            relinker.relink("checks", ["main"], "pool/one.c",
                            "int one(void) { return 7; }\n", result)
            done = subprocess.run([result.moved["checks"]["main"]], check=False,
                                  env={"LD_LIBRARY_PATH": f"{out}/checks/lib"})
        self.assertEqual(done.returncode, 17)

        # A mutant that does not compile is invalid. One that does not link is an error.
        for text, failure in (("int one(void) { return }", relink.Uncompiled),
                              ("int two(void) { return 2; }", Failed)):
            with tempfile.TemporaryDirectory() as out, \
                    self.assertRaises(Failed) as raised:
                relinker.relink("checks", ["main"], "pool/one.c", text,
                                relink.Result(Path(out)))
            self.assertIs(type(raised.exception), failure)

    def test_two_equal_commands_have_one_object(self) -> None:
        folder = self.folder / "twice"
        tree = types.SimpleNamespace(source=folder / "source", plain=folder / "plain")
        tree.build_folder = lambda build: folder / build
        (tree.source / "pool").mkdir(parents=True)
        (tree.source / "pool/one.c").write_text("int one(void) { return N; }\n")
        (folder / "checks").mkdir()
        relinker = relink.Relinker(tree)
        for name, given in {"a": "-DN=1", "b": "-DN=1 -DM", "c": "-DN=2",
                            "d": "-DN=1 -O2"}.items():
            line = f"cc {given} -o {name}.o -c ../source/pool/one.c"
            relinker.listed["checks", f"{name}.o"] = [
                relinker.parse(shlex.split(line), folder / "checks")]
        result = relink.Result(folder)
        relinker.relink("checks", ["a.o", "b.o", "c.o", "d.o"], "pool/one.c",
                        "int one(void) { return N + 1; }\n", result)
        moved = result.moved["checks"]
        self.assertEqual(moved["a.o"], moved["b.o"])
        self.assertEqual(len({moved[f"{name}.o"] for name in "acd"}), 3)

    def test_a_library_is_one_file_where_its_headers_text_changes(self) -> None:
        folder = self.folder / "library"
        tree = types.SimpleNamespace(source=folder / "source", plain=folder / "plain")
        tree.build_folder = lambda build: folder / build
        pool = tree.source / "pool"
        pool.mkdir(parents=True)
        build = folder / "checks"
        (build / "l.p").mkdir(parents=True)
        header = "#pragma once\n#define ONE 1\nstatic inline int two(void) { return 2; }\n"
        (pool / "one.h").write_text(header)
        (pool / "a.c").write_text("#include <one.h>\nint a(void) { return ONE; }\n")
        (pool / "b.c").write_text("#include <one.h>\nint b(void) { return two(); }\n")
        (tree.source / "main.c").write_text(
            "int a(void);\nint b(void);\nint main(void) { return 10 * a() + b(); }\n")
        lines = [f"cc -I{pool} -o l.p/{name}.o -c ../source/pool/{name}.c"
                 for name in "ab"]
        lines += ["cc -o main.o -c ../source/main.c", "cc -o main main.o l.p/a.o l.p/b.o"]
        for line in lines:
            subprocess.run(line, shell=True, cwd=build, check=True)
        relinker = relink.Relinker(tree)
        relinker.listed["checks", "main"] = [
            relinker.parse(shlex.split(line), build) for line in lines]
        for before, after, expected, made, parts in (
                ("ONE 1", "ONE 3", 32, 1, {"l.p/a.o"}),  # that file alone uses it
                ("return 2", "return 4", 14, 1, {"l.p/a.o", "l.p/b.o"}),
                # Each file compiles, and both together do not.
                ("#pragma once", "", 12, 2, {"l.p/a.o", "l.p/b.o"})):
            with tempfile.TemporaryDirectory() as out:
                result = relink.Result(Path(out))
                relinker.relink("checks", ["main"], "pool/one.h",
                                header.replace(before, after), result)
                moved = result.moved["checks"]
                self.assertEqual(set(moved), {"main", *parts})
                self.assertEqual(len(result.objects), made)
                done = subprocess.run([moved["main"]], check=False)
                self.assertEqual(done.returncode, expected)

    def test_an_original_that_a_check_kills_is_an_error(self) -> None:
        asked = []
        holder = types.SimpleNamespace(
            arguments=types.SimpleNamespace(columns=["unit", "corpus", "campaign"]),
            built=lambda: contextlib.nullcontext(), known=lambda *of: None)
        answers = {"unit": {"killed": False}, "corpus": {"killed": False}}

        def ask(subject: object, column: str, built: object) -> dict:
            asked.append(column)
            return answers[column]

        holder.ask = ask
        score.Score.examine_original(holder, score.relinked())
        self.assertEqual(asked, ["unit", "corpus"])
        answers["corpus"] = {"killed": True, "by": "seeds/aged"}
        with self.assertRaisesRegex(Failed, "seeds/aged"):
            score.Score.examine_original(holder, score.relinked())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
