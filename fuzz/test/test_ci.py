#!/usr/bin/env python3
"""The commands of a continuous integration: their parts, and the whole on engines
that are scripts."""

import argparse
import concurrent.futures
import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import unittest
from pathlib import Path
from unittest import mock

FUZZ = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(FUZZ), str(FUZZ / "test")]

import bugs  # noqa: E402
import killed  # noqa: E402
from campaign import build, ci, describe, finding, health, history  # noqa: E402
from campaign import plan, prune, reach, reproduce, session  # noqa: E402
from campaign import store, targets, together  # noqa: E402
from campaign.engine import Outcome, Running  # noqa: E402
from campaign.finding import Finding  # noqa: E402
from campaign.run import Run, take  # noqa: E402
from campaign.session import Asked, Result, Setting  # noqa: E402

REPORT = """op 5, palloc p0 3: broken promise 12: objects do not overlap
==7== ERROR: libFuzzer: deadly signal
    #0 0x55 in __sanitizer_print_stack_trace (/x/pool_ops+0xed) (BuildId: 1)
    #1 0x55 in abort stdlib/./stdlib/abort.c:79:7
    #2 0x55 in step_fail /x/build/../fuzz/step.c:112:5
    #3 0x55 in act_alloc /x/build/../fuzz/act_alloc.c:91:5
    #4 0x55 in ngx_palloc /x/build/../pool/ngx_palloc.c:146:3
    #5 0x55 in act /x/build/../fuzz/act.c:69:5
    #6 0x55 in run_program /x/build/../fuzz/run.c:44:13

    #0 0x55 in other /x/build/../pool/other.c:1:1
"""

# A target that fails on inputs with BUG in them, and an engine for it. The engine has
# libFuzzer's options, and finds a new input each second.
ENGINE = r"""#!/bin/sh
prefix=
for word; do
    case $word in
    -artifact_prefix=*) prefix=${word#*=} ;;
    -max_total_time=*) fuzzes=1 ;;
    -*) ;;
    *) inputs=$word ;;
    esac
done
if [ -f "$inputs" ]; then
    grep -q BUG "$inputs" || exit 0
    echo 'op 1, nop: broken promise 3: words'
    exit 1
fi
count=$(ls "$inputs" | wc -l)
echo "#$count	INITED cov: 6 ft: 7 corp: $count/1b exec/s: 0 rss: 29Mb"
bad=$(grep -l BUG -r "$inputs" | head -n 1)
if [ -n "$bad" ]; then
    cp "$bad" "${prefix}crash-1"
    exit 77
fi
if [ -n "$fuzzes" ]; then
    echo "b$$" >"$inputs/new$$"
    sleep 0.2
    {then}
    echo "Done 99 runs in 1 second(s)"
fi
"""
FINDS = 'echo xxBUGyy >"${prefix}crash-2"; exit 77'

# The batch, without a build.
BATCH = """
import sys
sys.path.insert(0, sys.argv[1])
from campaign import ci, history, reach, session
session.prepare = lambda *_: []
history.append = lambda *_: None
reach.git = lambda *_: "1"
sys.exit(ci.main(["--batch", "--engine", "libfuzzer", "--jobs", "2", "--seconds",
                  "1", "--store", sys.argv[2], "--build", sys.argv[3]]))
"""


class Folder(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)


class Identity(unittest.TestCase):
    def test_the_stack_has_the_projects_frames_without_reporters(self) -> None:
        self.assertEqual(finding.stack(REPORT), ["act_alloc", "ngx_palloc", "act"])

    def test_the_same_promise_and_place_are_one_finding(self) -> None:
        other = REPORT.replace("op 5", "op 77").replace("0x55", "0x99").replace(
            ":91:", ":95:")
        self.assertEqual(finding.key(other), finding.key(REPORT))

    def test_another_promise_or_place_is_another_finding(self) -> None:
        for old, new in (("promise 12", "promise 13"), ("act_alloc", "act_reset")):
            self.assertNotEqual(finding.key(REPORT.replace(old, new)),
                                finding.key(REPORT))

    def test_a_report_without_a_promise_gets_one(self) -> None:
        for report, promise in (
            ("==7==ERROR: AddressSanitizer: heap-use-after-free on 0x1\n"
             "SUMMARY: AddressSanitizer: heap-use-after-free /x/a.c:1:2 in f",
             "memory safety: heap-use-after-free"),
            ("SUMMARY: AddressSanitizer: 17 byte(s) leaked in 1 allocation(s).",
             "memory is given back: leaked"),
            ("/x/a.c:3:4: runtime error: shift exponent 64 is too large",
             "defined behaviour: shift exponent"),
            ("SUMMARY: ThreadSanitizer: data race /x/a.c:1:2 in f",
             "threads do not race: data race"),
            ("SUMMARY: ThreadSanitizer: heap-use-after-free (/x/target+0x1) in f",
             "threads do not race: heap-use-after-free"),
            ("SUMMARY: MemorySanitizer: use-of-uninitialized-value /x/a.c:1 in f",
             "memory is set before it is read: use-of-uninitialized-value"),
            ("target: /x/a.c:5: f: Assertion `x > 0' failed.\n"
             "SUMMARY: libFuzzer: deadly signal",
             "the code's own assertions: x > 0"),
            ("SUMMARY: libFuzzer: deadly signal", "memory safety: deadly signal"),
            ("ended by SIGSEGV", "memory safety: SIGSEGV"),
            ("no end within 20 s", "every call ends: no end within"),
            ("SUMMARY: libFuzzer: timeout", "every call ends: timeout"),
            (f"{finding.STATE_LOST}\nINFO: words",
             "a run succeeds: fails only after other inputs"),
            ("words", "a run succeeds: words"),
        ):
            self.assertEqual(finding.signature(report), f"broken promise: {promise}")

    def test_a_promise_in_the_report_comes_first(self) -> None:
        report = f"{REPORT}\nSUMMARY: libFuzzer: deadly signal"
        self.assertEqual(finding.signature(report),
                         "broken promise 12: objects do not overlap")

    def test_the_place_is_in_the_pool(self) -> None:
        self.assertEqual(describe.place(REPORT),
                         {"file": "pool/ngx_palloc.c", "line": 146})


class Description(unittest.TestCase):
    def setUp(self) -> None:
        self.one = describe.describe(
            Finding(Path("x"), REPORT), "pool_ops", "libfuzzer", "address",
            "palloc p0 3\n", "int main(void) {}\n", "build-fuzz/findings/k/input", 2)

    def test_markdown_has_what_a_reader_needs(self) -> None:
        text = describe.markdown(self.one)
        for part in ("broken promise 12: objects do not overlap", "palloc p0 3",
                     "int main", "./run reproduce build-fuzz/findings/k/input",
                     "met 2 times", "(build-fuzz/findings/k/input)"):
            self.assertIn(part, text)

    def test_table_has_the_memory_of_a_long_campaign(self) -> None:
        row = {"target": "t", "engine": "libfuzzer", "seconds": 3600.2,
               "executions": 5, "edges": 6, "corpus": 7, "ended": "nothing found"}
        text = describe.table([row | {"memory_mib": (98, 102)},
                               row | {"memory_mib": (0, 98)}])
        self.assertTrue(text.endswith(
            "| t | libfuzzer | 3600 | 5 | 6 | 7 | 98 to 102 | nothing found |\n"
            "| t | libfuzzer | 3600 | 5 | 6 | 7 |  | nothing found |"))

    def test_sarif_has_the_place_and_the_promise(self) -> None:
        other = self.one._replace(key="other")
        document = json.loads(describe.sarif([self.one, other]))
        (run,) = document["runs"]
        self.assertEqual(document["version"], "2.1.0")
        self.assertEqual([rule["id"] for rule in run["tool"]["driver"]["rules"]],
                         ["promise-12"])
        first, second = run["results"]
        self.assertEqual(first["ruleId"], "promise-12")
        self.assertNotEqual(first["partialFingerprints"],
                            second["partialFingerprints"])
        place = first["locations"][0]["physicalLocation"]
        self.assertEqual(place["artifactLocation"]["uri"], "pool/ngx_palloc.c")
        self.assertEqual(place["region"]["startLine"], 146)

    def test_a_name_in_the_corpus_has_the_promise(self) -> None:
        self.assertEqual(describe.corpus_name(self.one._asdict()),
                         "promise_12_objects_do_not_overlap")


class Plan(unittest.TestCase):
    TARGETS = {"libfuzzer": [f"t{i}" for i in range(14)],
               "afl": [f"t{i}" for i in range(10)]}

    def test_all_campaigns_together_take_the_budget(self) -> None:
        for budget, jobs in (60, 1), (60, 2), (600, 1), (3600, 4):
            slots = plan.split(budget, jobs, self.TARGETS, 0)
            whole = sum(slot.seconds for slot in slots)
            self.assertLessEqual(whole, budget * jobs)
            self.assertGreaterEqual(whole, 0.75 * budget * jobs)

    def test_one_target_gets_the_whole_budget(self) -> None:
        self.assertEqual(plan.split(60, 1, {"libfuzzer": ["a"], "afl": []}, 0),
                         [plan.Slot("a", "libfuzzer", 60)])

    def test_each_target_gets_its_turn(self) -> None:
        had = set()
        for turn in range(10):
            slots = plan.split(10, 1, self.TARGETS, turn)
            self.assertLess(len(slots), 5)
            had |= {(slot.target, slot.engine) for slot in slots}
        self.assertEqual(len(had), 24)


class Reach(Folder):
    def test_dependencies_are_read(self) -> None:
        text = "a.o: #deps 2, deps mtime 7 (VALID)\n    ../a.c\n    ../a.h\n\nb.o: " \
            "#deps 1, deps mtime 7 (STALE)\n    ../b.c\n\n"
        self.assertEqual(reach.read_deps(text),
                         {"a.o": ["../a.c", "../a.h"], "b.o": ["../b.c"]})

    def test_a_change_reaches_the_targets_that_are_built_from_it(self) -> None:
        made_of = {"one": {"a.c", "c.h"}, "two": {"b.c", "c.h"}, "run_json": {"j.c"}}
        families = {"one": "one", "two": "one", "run_json": "run_json"}
        for change, expected in (
            (["a.c"], ["one"]), (["c.h", "x.md"], ["one", "two"]), (["x.md"], []),
            (["corpus/one/0a"], ["one", "two"]),
            (["corpus/seeds/x.ops"], ["one", "two"]),
            (["fuzz/meson.build"], ["one", "two", "run_json"]),
            (["corpus/run_json/0a"], ["run_json"]),
        ):
            self.assertEqual(reach.reached(change, made_of, families), expected)

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", "-C", str(self.folder), "-c", "user.name=a", "-c",
                        "user.email=a", *arguments], check=True, capture_output=True)

    def test_ninja_names_the_sources_of_a_program(self) -> None:
        if not all(map(shutil.which, ("ninja", "cc", "git"))):
            self.skipTest("needs ninja, cc and git")
        for name, text in (("a.c", '#include "a.h"\nint main(void) { return A; }\n'),
                           ("a.h", "#define A 0\n"),
                           ("b.c", "int main(void) { return 0; }\n")):
            (self.folder / name).write_text(text)
        built = self.folder / "build"
        built.mkdir()
        (built / "build.ninja").write_text(
            "rule cc\n  command = cc -MD -MF $out.d -c $in -o $out\n"
            "  depfile = $out.d\n  deps = gcc\nrule link\n  command = cc $in -o $out\n"
            + "".join(f"build {n}.o: cc ../{n}.c\nbuild {n}: link {n}.o\n"
                      for n in "ab"))
        subprocess.run(["ninja", "-C", str(built)], check=True, capture_output=True)
        source = self.folder.resolve()
        made_of = reach.files_of(source, source / "build",
                                 [source / "build/a", source / "build/b"])
        self.assertEqual(made_of, {"a": {"a.c", "a.h"}, "b": {"b.c"}})

        self.git("init", "-q", "-b", "main")
        self.git("add", "a.c", "a.h")
        self.git("commit", "-qm", "1")
        self.git("commit", "-qm", "2", "--allow-empty")
        (self.folder / "a.h").write_text("#define A 1\n")
        change = reach.changed(source, None)
        self.assertIn("a.h", change)
        self.assertIn("b.c", change)
        self.assertNotIn("a.c", change)
        self.assertEqual(reach.reached(["a.h"], made_of, {"a": "a", "b": "b"}), ["a"])


class Store(Folder):
    def test_each_input_is_kept_once(self) -> None:
        for name, data in ("a", b"1"), ("b", b"2"), ("c", b"2"), ("known", b"3"):
            (self.folder / name).write_bytes(data)
        inputs = [self.folder / name for name in ("a", "b", "c", "known", "gone")]
        out = self.folder / "out"
        self.assertEqual(store.add(out, inputs, [self.folder / "known"]), 2)
        self.assertEqual(store.add(out, inputs, [self.folder / "known"]), 0)
        self.assertEqual(sorted(path.read_bytes() for path in out.iterdir()),
                         [b"1", b"2"])

    def test_a_half_written_file_is_no_input(self) -> None:
        (self.folder / ".x.new").write_bytes(b"1")
        self.assertEqual(store.files_of(self.folder), [])

    def test_the_same_batch_is_continued(self) -> None:
        kept = store.Store(self.folder)
        kept.note_batch({"seconds": 1}, ["a", "b"])
        self.assertEqual(kept.batch({"seconds": 1}), ["a", "b"])
        self.assertEqual(kept.batch({"seconds": 2}), [])
        kept.end_batch()
        self.assertEqual(kept.batch({"seconds": 1}), [])

    def test_one_run_uses_the_store_at_a_time(self) -> None:
        with store.Store(self.folder).locked():
            with self.assertRaisesRegex(health.Refused, "another run uses"):
                with store.Store(self.folder).locked():
                    pass

    def test_a_cut_line_is_left_out(self) -> None:
        path = self.folder / "fuzz.json"
        history.append(path, {"run": 1})
        with path.open("a") as file:
            file.write('{"run": ')
        history.append(path, {"run": 2})
        self.assertEqual(history.load(path), [{"run": 1}, {"run": 2}])

    def test_threads_may_add_the_same_inputs(self) -> None:
        inputs = [self.folder / str(number) for number in range(200)]
        for path in inputs:
            path.write_bytes(path.name.encode())
        out = self.folder / "out"
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for added in [pool.submit(store.add, out, inputs, []) for _ in range(4)]:
                added.result()
        self.assertEqual(sorted(path.read_text() for path in store.files_of(out)),
                         sorted(path.name for path in inputs))
        self.assertEqual(len(list(out.iterdir())), len(inputs))


class Together(unittest.TestCase):
    def test_results_are_in_the_order_of_tasks(self) -> None:
        begun = threading.Event()
        results = together.run([lambda: begun.wait(9) and 1, lambda: begun.set() or 2],
                               2, Running(), lambda _: False)
        self.assertEqual(results, [1, 2])

    def test_the_first_end_leaves_out_tasks_that_have_not_started(self) -> None:
        running = Running()

        def wait() -> int:
            end = time.monotonic() + 60
            while not running.is_stopped and time.monotonic() < end:
                time.sleep(0.01)
            return 2

        results = together.run([lambda: 1, wait, *[lambda: 3] * 9], 1, running,
                               lambda r: r == 1)
        self.assertNotIn(3, results)

    def test_more_jobs_than_targets_are_instances(self) -> None:
        self.assertEqual([together.share(count, 4) for count in (1, 2, 3, 9)],
                         [4, 2, 1, 1])


class Scripts(Folder):
    """A build whose programs are scripts."""

    def setUp(self) -> None:
        super().setUp()
        self.store = self.folder / "store"
        self.lines: list[dict] = []
        self.fuzz = Setting(FUZZ.parent, self.folder, "").built("libfuzzer") / "fuzz"
        (self.fuzz / "mutants").mkdir(parents=True)
        for name in targets.TARGETS["libfuzzer"]:
            self.make(name, ":")
        self.make("mutants/pool_ops_palloc_packed",
                  'echo BUG >"${prefix}crash-2"; exit 77')
        text = (self.fuzz / "mutants/pool_ops_palloc_packed").read_text()
        (self.fuzz / "mutants/pool_ops_palloc_packed").write_text(
            text.replace("promise 3: words", "promise 1: "
                         + targets.CONTROLS["pool_ops"].expected))
        self.mend("pool_ops")

    def make(self, name: str, then: str) -> None:
        path = self.fuzz / name
        path.write_text(ENGINE.replace("{then}", then))
        path.chmod(0o755)

    def mend(self, name: str) -> None:
        path = self.fuzz / name
        path.write_text(path.read_text().replace("grep -q BUG", "grep -q NO"))


class Taken(Scripts):
    """Findings of one run that are the same."""

    def take(self, *reports: str) -> Run:
        self.store.mkdir()
        run = Run(argparse.Namespace(), Setting(FUZZ.parent, self.folder, ""),
                  store.Store(self.store))
        results = []
        for number, report in enumerate(reports):
            path = self.folder / f"input-{number}"
            path.write_bytes(b"x")
            results.append(Result(Asked("run_json", "libfuzzer", 1),
                                  Outcome("libfuzzer", 0), Finding(path, report)))
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertTrue(take(run, results))
        self.assertEqual(len(run.notes), len(run.findings))
        return run

    def test_one_promise_and_stack_is_reported_once(self) -> None:
        run = self.take(REPORT, REPORT.replace("op 5", "op 7"))
        (one,) = run.findings
        self.assertEqual(one.count, 2)
        self.assertEqual(len(store.Store(self.store).findings()), 1)
        (results,) = (of["results"] for of in
                      json.loads(describe.sarif(run.findings))["runs"])
        self.assertEqual(len(results), 1)

    def test_another_promise_or_stack_is_another_report(self) -> None:
        run = self.take(REPORT, REPORT.replace("promise 12", "promise 13"),
                        REPORT.replace("act_alloc", "act_reset"))
        self.assertEqual([one.count for one in run.findings], [1, 1, 1])
        self.assertEqual(len(store.Store(self.store).findings()), 3)


class Bugs(unittest.TestCase):
    """The bugs of bugs.py, and the runs that it accepts."""

    def test_each_bug_can_be_planted(self) -> None:
        known = bugs.load()
        self.assertEqual(len(known), 20)
        for name, bug in known.items():
            text = (FUZZ.parent / bug.file).read_text()
            self.assertNotEqual(bugs.planted(name, bug, FUZZ.parent), text)

    def test_new_bugs_are_no_mutants(self) -> None:
        document = tomllib.loads(bugs.BUGS.read_text())
        self.assertEqual((len(document["known"]), len(document["new"])), (10, 10))
        mutants = targets.mutants(FUZZ.parent)
        files = {row["file"] for row in document["new"].values()}
        rows = [*document["new"].items(),
                *((name, row) for name, row in mutants.items() if row["file"] in files)]
        names: dict[str, list[str]] = {}
        for name, row in rows:
            text = (FUZZ.parent / row["file"]).read_text()
            names.setdefault(targets.plant.plant(name, row, text), []).append(name)
        self.assertEqual([same for same in names.values() if len(same) > 1], [])

    def test_a_bug_has_to_fail_with_its_promise(self) -> None:
        bug = bugs.Bug("a.c", "old", "new", "7: kept|memory safety")
        for status, said, expected in (
            (1, "FOUND in pool_ops: broken promise 7: kept", None),
            (1, "FOUND in a: broken promise 8: x\nFOUND in b: broken promise: "
                "memory safety: SEGV", None),
            (0, "FOUND in pool_ops: broken promise 7: kept", "found status 0"),
            (1, "FOUND in pool_ops: broken promise 8: other", "found no promise"),
            (1, "", "found no promise"),
        ):
            fault = bugs.fault(bug, bugs.Ended(status, said, 0.0))
            if expected is None:
                self.assertIsNone(fault)
            else:
                self.assertIn(expected, fault)


class Killed(unittest.TestCase):
    """The losses that killed.py reports."""

    def lost(self, after: killed.Stored, kept: int) -> str:
        before = killed.Stored(frozenset("ab"), frozenset("f"), frozenset("d"))
        return ", ".join(killed.lost(before, after, kept))

    def test_more_inputs_are_no_loss(self) -> None:
        more = killed.Stored(frozenset("abc"), frozenset("fg"), frozenset("de"))
        self.assertEqual(self.lost(more, 3), "")
        # A batch that has ended has no state.
        self.assertEqual(self.lost(more._replace(done=frozenset()), 3), "")

    def test_each_loss_is_named(self) -> None:
        same = killed.Stored(frozenset("ab"), frozenset("f"), frozenset("d"))
        self.assertEqual(self.lost(same._replace(inputs=frozenset("ac")), 2), "1 inputs")
        self.assertIn("found 2, expected 3", self.lost(same, 3))
        self.assertIn("1 findings", self.lost(same._replace(findings=frozenset()), 2))
        self.assertIn("done campaigns: d",
                      self.lost(same._replace(done=frozenset("e")), 2))

    def test_reports_of_runs_are_added_up(self) -> None:
        self.assertEqual(killed.reported(
            "a run that was killed left 3 new inputs, and no finding\n"
            "pool_ops (afl): nothing found, 9 executions, 1 s, 4 inputs kept\n"), 7)


class Commands(Scripts):
    def change(self, *files: str) -> tuple[int, str]:
        """Run it for a change of these files. Returns its status and its output."""
        out = io.StringIO()
        with contextlib.ExitStack() as stack:
            for thing, name, value in (
                (session, "prepare", lambda *_: []),
                (history, "append", lambda _, line: self.lines.append(line)),
                (reach, "git", lambda *_: "1"),
                (reach, "changed", lambda *_: list(files)),
                (reach, "files_of", lambda _source, _folder, programs:
                 {path.name: {f"{path.name}.c"} for path in programs}),
                (build, "nginx_source", lambda *_: ""),
            ):
                stack.enter_context(mock.patch.object(thing, name, value))
            stack.enter_context(contextlib.redirect_stdout(out))
            stack.enter_context(contextlib.redirect_stderr(out))
            status = ci.main(["--budget", "1", "--engine", "libfuzzer", "--jobs", "1",
                              "--store", str(self.store), "--build",
                              str(self.folder)])
        return status, out.getvalue()

    def test_a_change_without_a_bug_passes(self) -> None:
        status, said = self.change("pool_ops.c")
        self.assertEqual(status, 0, said)
        self.assertIn("libfuzzer found the mutant palloc_packed", said)
        (line,) = self.lines
        (row,) = line["campaigns"]
        self.assertEqual((row["target"], row["executions"]), ("pool_ops", 99))
        self.assertEqual(line["ended"], "nothing found")

    def test_a_bug_fails_with_its_promise(self) -> None:
        self.make("run_json", FINDS)
        status, said = self.change("run_json.c", "pool_ops.c")
        self.assertEqual(status, 1, said)
        self.assertIn("FOUND in run_json: broken promise 3: words", said)
        text = (self.store / "summary.md").read_text()
        self.assertIn("### run_json: broken promise 3: words", text)
        self.assertIn("promise-3", (self.store / "findings.sarif").read_text())
        (one,) = store.Store(self.store).findings()
        self.assertEqual((FUZZ.parent / one["input"]).resolve().read_bytes(), b"BUG")

        # A second time, it is the same finding.
        self.change("run_json.c")
        (one,) = store.Store(self.store).findings()
        self.assertEqual(one["count"], 2)

    def test_a_bug_that_a_known_input_shows_needs_no_campaign(self) -> None:
        known = self.store / "corpus/run_json"
        known.mkdir(parents=True)
        (known / "x").write_bytes(b"xxBUG")
        status, said = self.change("run_json.c")
        self.assertEqual(status, 1, said)
        self.assertNotIn("campaigns of", said)

    def test_a_mutant_that_is_not_found_is_a_failure(self) -> None:
        self.make("mutants/pool_ops_palloc_packed", ":")
        status, said = self.change("pool_ops.c")
        self.assertEqual(status, 2, said)
        self.assertIn("did not find the mutant palloc_packed", said)

    def test_a_mutant_that_breaks_another_promise_is_a_failure(self) -> None:
        self.make("mutants/pool_ops_palloc_packed", FINDS)
        status, said = self.change("pool_ops.c")
        self.assertEqual(status, 2, said)
        self.assertIn("found another bug than the mutant", said)

    def test_a_change_that_no_target_is_built_from_lets_all_run(self) -> None:
        status, said = self.change("README.md")
        self.assertEqual(status, 0, said)
        self.assertIn("all targets share the budget", said)

    def test_an_engine_that_dies_is_a_failure(self) -> None:
        self.make("pool_ops", "echo 'ReserveShadowMemoryRange failed'; exit 1")
        self.mend("pool_ops")
        status, said = self.change("pool_ops.c")
        self.assertEqual(status, 2, said)
        self.assertIn("cure: ulimit -v unlimited",
                      (self.store / "summary.md").read_text())

    def test_a_program_that_fails_at_its_start_has_a_bug(self) -> None:
        report = "SUMMARY: AddressSanitizer: SEGV\n    #0 0x5 in load /x/fuzz/a.c:1:1"
        (self.fuzz / "run_json").write_text(f"#!/bin/sh\necho '{report}'\nexit 1\n")
        status, said = self.change("run_json.c")
        self.assertEqual(status, 1, said)
        self.assertIn("FOUND in run_json: broken promise: memory safety: SEGV", said)

    def start_batch(self) -> subprocess.Popen:
        environment = {key: value for key, value in os.environ.items()
                       if key != "NGINX_SRC"}
        return subprocess.Popen(
            [sys.executable, "-B", "-c", BATCH, str(FUZZ), str(self.store),
             str(self.folder)], text=True, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def test_a_batch_that_is_killed_loses_nothing(self) -> None:
        self.make("run_json", FINDS)
        kept, done, killed = 0, set(), 0
        for moment in (0.3, 0.5, 0.7, 0.9, 1.1, 1.3):
            process = self.start_batch()
            try:
                said, _ = process.communicate(timeout=moment)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                said, _ = process.communicate()
                killed += 1
            kept += sum(map(int, re.findall(r"(\d+) inputs kept", said)))
            self.assertGreaterEqual(len(list(self.store.glob("corpus/*/*"))), kept)
            if "FOUND" in said:
                self.assertEqual(len(store.Store(self.store).findings()), 1)
            state = self.store / "batch.json"
            if state.exists():
                now = set(json.loads(state.read_text())["done"])
                self.assertLessEqual(done, now)
                done = now
        self.assertGreater(killed, 0)
        process = self.start_batch()
        said, _ = process.communicate(timeout=300)
        self.assertEqual(len(store.Store(self.store).findings()), 1, said)
        self.assertFalse((self.store / "batch.json").exists())
        inputs = {path.parent.name for path in self.store.glob("corpus/*/*")}
        self.assertLessEqual({"pool_ops", "sizes_csv", "trace_reader"}, inputs)


class Reproduce(Scripts):
    def test_the_target_is_known_by_names(self) -> None:
        known = targets.TARGETS["libfuzzer"]
        for path, target in (
            ("x/pool_ops_hardened.reproducer", "pool_ops_hardened"),
            ("x/pool_ops.input", "pool_ops"), ("corpus/sizes_csv/0a", "sizes_csv"),
            ("x/my.ops", "pool_ops"),
        ):
            self.assertEqual(reproduce.target_of(Path(path), known), target)
        with self.assertRaises(health.Refused):
            reproduce.target_of(Path("a/b"), known)

    def reproduce(self, *arguments: str) -> tuple[int, str]:
        out = io.StringIO()
        with mock.patch.object(session, "prepare"), contextlib.redirect_stdout(out):
            status = reproduce.main([*arguments, "--build", str(self.folder)])
        return status, out.getvalue()

    def test_it_counts_the_failures(self) -> None:
        path = self.folder / "run_json.input"
        path.write_bytes(b"BUG")
        status, said = self.reproduce(str(path))
        self.assertEqual(status, 0)
        self.assertIn("broken promise 3: words", said)
        self.assertIn("happens 10 of 10 times", said)
        path.write_bytes(b"B")
        status, said = self.reproduce(str(path))
        self.assertEqual(status, 1)
        self.assertIn("happens 0 of 10 times", said)

    def test_a_mended_finding_joins_the_corpus(self) -> None:
        result = Result(Asked("run_json", "libfuzzer", 1), Outcome("libfuzzer", 0),
                        Finding(self.folder / "x", "broken promise 3: words"))
        (self.folder / "x").write_bytes(b"xBUG")
        self.store.mkdir()
        one = session.keep_finding(Setting(FUZZ.parent, self.folder, ""),
                                   store.Store(self.store), result)
        path = (FUZZ.parent / one.input).resolve()
        with mock.patch.object(reproduce, "SOURCE", self.folder):
            self.assertEqual(self.reproduce(str(path), "--fixed")[0], 1)
            self.mend("run_json")
            self.assertEqual(self.reproduce(str(path), "--fixed")[0], 0)
        joined = self.folder / "corpus/run_json/promise_3_words"
        self.assertEqual(joined.read_bytes(), b"BUG")


class Pruning(Folder):
    def test_inputs_with_new_edges_stay(self) -> None:
        target = self.folder / "target.c"
        target.write_text(
            "#include <stddef.h>\n#include <stdint.h>\n"
            "int LLVMFuzzerTestOneInput(const uint8_t *d, size_t s)\n{\n"
            "static volatile int x;\nif (s > 0) { switch (d[0]) {\n"
            + "".join(f"case '{c}': x = {i}; break;\n" for i, c in enumerate("abcdef"))
            + "} }\nreturn 0; }\n")
        program = self.folder / "target"
        if shutil.which("clang") is None or subprocess.run(
            ["clang", "-fsanitize=fuzzer", str(target), "-o", str(program)],
            capture_output=True, check=False,
        ).returncode != 0:
            self.skipTest("no clang with an engine")
        kept, known = self.folder / "kept", self.folder / "known"
        kept.mkdir()
        known.mkdir()
        (known / "a").write_bytes(b"a")
        for text in "b", "c", "d":
            (kept / text).write_bytes(text.encode())
        work = self.folder / "work"
        work.mkdir()
        before = prune.edges(program, [known, kept], work, Running())
        for text in "ax", "bx", "cxx", "dxx", "zz", "a":
            (kept / text).write_bytes(text.encode())
        pruned = prune.prune([program], kept, [known], work, Running())
        self.assertEqual((pruned.before, pruned.after),
                         (9, len(store.files_of(kept))))
        self.assertLessEqual(pruned.after, 4)
        after = prune.edges(program, [known, kept], work, Running())
        self.assertGreaterEqual(after, before)
        self.assertFalse((kept / "ax").exists())


if __name__ == "__main__":
    unittest.main()
