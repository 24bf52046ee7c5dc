#!/usr/bin/env python3
"""The parts of a campaign: refused arguments, builds, engines, minimising."""

import argparse
import contextlib
import io
import os
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import unittest.mock
from pathlib import Path

FUZZ = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(FUZZ))

from campaign import (  # noqa: E402
    afl,
    build,
    finding,
    fuzz,
    libfuzzer,
    minimise,
    session,
    targets,
)
from campaign.engine import Instance, Outcome, Progress, Running, Task  # noqa: E402
from campaign.finding import Finding  # noqa: E402
from campaign.session import Asked, Result  # noqa: E402

# Fails when the input holds an 'A' and, after it, a 'B'.
TARGET = """#!/bin/sh
grep -q 'A.*B' "$1" || exit 0
echo 'op 1, nop: broken promise 3: words'
exit 1
"""

# The same with a palloc and a reset, as the replay that prints ops shows.
TARGET_OPS = """#!/bin/sh
"{replay}" --print "$1" | tr '\\n' ';' | grep -q 'palloc.*reset' || exit 0
echo 'op 1, nop: broken promise 3: words'
exit 1
"""

# Never ends when the input holds an 'h', and takes no CPU time for it.
TARGET_HANG = """
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t i;

    for (i = 0; i < size; i++) {
        if (data[i] == 'h') {
            for (;;) {
                pause();
            }
        }
    }
    return 0;
}
"""

# Fails on no input, and has more edges than the corpus reaches.
TARGET_LARGE = """
#include <stddef.h>
#include <stdint.h>

static volatile unsigned seen;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t i;

    for (i = 0; i + 1 < size; i++) {
        if (data[i] == 'x') {
            seen += data[i + 1] == 'y' ? 2 : 1;
        }
    }
    return 0;
}
"""

# Leaks: fails after enough inputs, whichever they are.
TARGET_FULL = """
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void *volatile last;

    (void) data;
    (void) size;
    last = memset(malloc(100000), 1, 100000);
    usleep(1000); /* libFuzzer looks at its memory once a second */
    return last == NULL;
}
"""

# Has another effect each time.
TARGET_UNSTABLE = """
#include <stddef.h>
#include <stdint.h>

static volatile unsigned runs;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void) data;
    (void) size;
    if (runs++ % 2 == 0) {
        runs += 2;
    }
    return 0;
}
"""

# A campaign that builds in the current folder.
BUILDS = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from campaign import build
signal.signal(signal.SIGINT, signal.default_int_handler)
build.run_quietly(["ninja"], dict(os.environ))
"""
# Its compiler keeps the pipe open, and writes to it if the campaign does not end it.
BUILD_NINJA = """
rule compile
  command = (sleep 20; echo late) >pipe
build program: compile
"""


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(FUZZ / "campaign"), "fuzz", *arguments],
        capture_output=True, text=True, check=False,
    )


class Refusals(unittest.TestCase):
    def check(self, arguments: list[str], known: str) -> None:
        done = run(*arguments)
        self.assertEqual(done.returncode, 2)
        self.assertIn(known, done.stderr)

    def test_unknown_engine_lists_the_known(self) -> None:
        self.check(["--engine", "none"], "known: libfuzzer afl")

    def test_unknown_target_lists_the_known(self) -> None:
        self.check(["none"], "pool_ops_hardened")

    def test_numbers_have_a_range(self) -> None:
        for words in ("--seconds", "0"), ("--seconds", "-5"), ("--jobs", "0"), (
                "--seed", "1x"):
            with (self.assertRaises(SystemExit) as ended,
                  contextlib.redirect_stderr(io.StringIO()) as said):
                fuzz.parse(list(words))
            self.assertEqual(ended.exception.code, 2)
            self.assertIn(f"found '{words[1]}', expected a whole number of",
                          said.getvalue())

    def test_help_has_all_names(self) -> None:
        words = fuzz.names_and_examples().split()
        for name in (*targets.TARGETS["libfuzzer"], *targets.mutants(FUZZ.parent)):
            self.assertIn(name, words)

    def test_unknown_mutant_lists_the_known(self) -> None:
        self.check(["--plant", "none"], "fits_wraps")


class Planted(unittest.TestCase):
    def test_every_planted_bug_has_a_target(self) -> None:
        source = FUZZ.parent
        for mutant in targets.mutants(source):
            self.assertIn(targets.planted_target(source, mutant),
                          targets.TARGETS["libfuzzer"])


class Build(unittest.TestCase):
    def test_ninja_and_compilers_end_with_the_campaign(self) -> None:
        if not all(map(shutil.which, ("ninja", "setpriv"))):
            self.skipTest("needs ninja and setpriv")
        for number in signal.SIGINT, signal.SIGTERM, signal.SIGKILL:
            # ninja may still write its log there.
            with (self.subTest(number), tempfile.TemporaryDirectory(
                    ignore_cleanup_errors=True) as folder):
                Path(folder, "build.ninja").write_text(BUILD_NINJA)
                os.mkfifo(Path(folder, "pipe"))
                process = subprocess.Popen(
                    [sys.executable, "-B", "-c", BUILDS, str(FUZZ)], cwd=folder,
                    stderr=subprocess.DEVNULL)
                with Path(folder, "pipe").open() as pipe:  # waits for the compiler
                    process.send_signal(number)
                    self.assertEqual(pipe.read(), "")
                process.wait()

    def test_what_was_installed_since_is_found(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            rules = Path(name, "build.ninja")
            rules.write_text("#\nbuild fuzz/pool_ops: c_LINKER\n")
            installed = ""

            def run_quietly(command: list[str], _: dict[str, str]) -> None:
                if "--reconfigure" in command:
                    rules.write_text(rules.read_text() + installed)

            def build_both() -> None:
                build.build_in(Path(name), FUZZ.parent, ["pool_ops", "adapters"], "",
                               {}, False)

            with unittest.mock.patch.object(build, "run_quietly", run_quietly):
                with self.assertRaisesRegex(build.Refused, "has no fuzz/adapters: "):
                    build_both()
                installed = "build fuzz/adapters: cpp_LINKER\n"
                build_both()

    def test_one_campaign_builds_in_a_folder_at_a_time(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "build"
            entered = threading.Event()

            def second() -> None:
                with build.alone(folder):
                    entered.set()

            with build.alone(folder):
                other = threading.Thread(target=second)
                other.start()
                self.assertFalse(entered.wait(0.2))
            self.assertTrue(entered.wait(60))
            other.join()


class Places(unittest.TestCase):
    def row(self, old: str) -> dict:
        return {"file": "a.c", "old": old, "new": "z"}

    def test_white_space_does_not_count(self) -> None:
        text = "a;\nif (b &&\n    c(d)) {\n}\n"
        self.assertEqual(targets.plant.plant("m", self.row("b && c( d )"), text),
                         "a;\nif (z) {\n}\n")

    def test_text_that_is_not_there_once_is_refused(self) -> None:
        for old in "b", "a", "":
            with self.assertRaises(targets.plant.Refused) as refused:
                targets.plant.plant("m", self.row(old), "a a")
            self.assertIn("m: found its old text", str(refused.exception))
            self.assertIn("in a.c", str(refused.exception))


class Engines(unittest.TestCase):
    """Targets of a few lines, under each engine."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.addCleanup(setattr, finding, "RUN_TIMEOUT", finding.RUN_TIMEOUT)
        finding.RUN_TIMEOUT = 2
        # Meson sets them for tests. AFL++ refuses to start with them.
        set_options = {key: "halt_on_error=1:print_summary=1" for key in afl.SANITIZERS}
        environment = unittest.mock.patch.dict(os.environ, set_options)
        environment.start()
        self.addCleanup(environment.stop)

    def make_target(self, engine: str, text: str, seconds: int, jobs: int = 1) -> Task:
        compiler = targets.COMPILERS[engine]
        if shutil.which(compiler) is None:
            self.skipTest(f"no {compiler}")
        source = self.folder / "target.c"
        source.write_text(text)
        built = subprocess.run(
            [compiler, "-fsanitize=fuzzer", source, "-o", self.folder / "target"],
            capture_output=True, text=True, check=False,
        )
        if built.returncode != 0:
            self.skipTest(f"{compiler} has no engine: {built.stderr[-200:]}")
        (self.folder / "corpus").mkdir()
        (self.folder / "corpus/seed").write_bytes(b"abcdefg")
        return Task(self.folder / "target", self.folder, seconds, jobs=jobs)

    def run_task(self, engine: str, task: Task) -> Outcome:
        run = {"libfuzzer": libfuzzer, "afl": afl}[engine].run
        self.progress = io.StringIO()
        with contextlib.redirect_stdout(self.progress):
            return run(task, Progress(), Running())

    def run_target(
        self, engine: str, text: str, seconds: int, jobs: int = 1
    ) -> Outcome:
        return self.run_task(engine, self.make_target(engine, text, seconds, jobs))

    def check_hang(self, engine: str) -> None:
        outcome = self.run_target(engine, TARGET_HANG, 60)
        found = finding.first_of(self.folder / "target", outcome.found, outcome.log)
        self.assertIsNotNone(found)
        self.assertEqual(finding.headline(found.report), "no end within 2 s")
        small = minimise.minimise(self.folder / "target", found,
                                  self.folder / "small", minimise.Bytes())
        self.assertEqual(small.path.read_bytes(), b"h")
        self.assertEqual(small.report, "no end within 2 s")

    def test_libfuzzer_finds_an_input_that_hangs(self) -> None:
        self.check_hang("libfuzzer")

    def test_afl_finds_an_input_that_hangs(self) -> None:
        self.check_hang("afl")

    def test_libfuzzer_says_what_fails_only_after_other_inputs(self) -> None:
        task = self.make_target("libfuzzer", TARGET_FULL, 60)
        task = task._replace(options=("-rss_limit_mb=200",))
        outcome = self.run_task("libfuzzer", task)
        asked = Asked("target", "libfuzzer", task.seconds)
        found = session.conclude(asked, task.binary, outcome, self.folder).finding
        self.assertIsNotNone(found)
        self.assertTrue(finding.needs_others(found.report))
        self.assertEqual(finding.signature(found.report),
                         "broken promise: memory has a bound: out-of-memory")
        self.assertIn("out-of-memory (used: ", finding.headline(found.report))

    def test_afl_reports_a_target_that_keeps_state(self) -> None:
        outcome = self.run_target("afl", TARGET_UNSTABLE, 5)
        self.assertEqual(outcome.found, [])
        self.assertTrue(outcome.has_started)
        self.assertGreater(outcome.runs, 0)
        self.assertNotEqual(outcome.stability, afl.STABLE)
        self.assertFalse(outcome.varying.startswith("0 "))

    def test_afl_mutates_ops_alone_but_for_cmplog(self) -> None:
        task = Task(Path("target"), self.folder, 1, mutator=Path("mutator.so"))
        alone = [afl.environment(task, number).get("AFL_CUSTOM_MUTATOR_ONLY")
                 for number in range(5)]
        self.assertEqual(alone, ["1", "1", "1", None, "1"])
        self.assertNotIn("AFL_CUSTOM_MUTATOR_ONLY",
                         afl.environment(task._replace(mutator=None), 0))

    # AFL++ trims its inputs when it continues. That would change kept ones.
    @unittest.mock.patch.dict(os.environ, {"AFL_DISABLE_TRIM": "1"})
    def test_afl_continues_where_it_was_ended(self) -> None:
        task = self.make_target("afl", TARGET_LARGE, 60)
        running = Running()
        # setpriv interrupts the engine of a batch that is killed, as here.
        process = running.start(Instance(afl.command(task, 0), self.folder / "log",
                                         afl.environment(task, 0)))
        for _ in range(600):
            if len(afl.queue(self.folder)) > 2 or process.poll() is not None:
                break
            time.sleep(0.1)
        running.end(process)
        learnt = {path.read_bytes() for path in afl.queue(self.folder)}
        self.assertGreater(len(learnt), 2)
        before = afl.runs_of(afl.stats(self.folder))
        afl.forget(self.folder)
        outcome = self.run_task("afl", task._replace(seconds=2))
        self.assertEqual((outcome.status, outcome.has_started), (0, True))
        # AFL++ 4.21 says more after that than outcome.log holds.
        log = (task.work / "afl-0.log").read_text(errors="replace")
        self.assertIn("attempt session resume", log)
        self.assertEqual(afl.runs_of(afl.stats(self.folder)), before + outcome.runs)
        self.assertLessEqual(
            learnt, {path.read_bytes() for path in afl.queue(self.folder)})

    def check_instances(self, engine: str) -> Outcome:
        outcome = self.run_target(engine, TARGET_LARGE, 2, jobs=2)
        self.assertEqual((outcome.status, outcome.found), (0, []))
        self.assertTrue(outcome.has_started)
        logs = sorted(self.folder.glob(f"{engine}-*.log"))
        self.assertEqual(len(logs), 2)
        return outcome

    def test_libfuzzer_counts_the_runs_of_all_instances(self) -> None:
        outcome = self.check_instances("libfuzzer")
        each = [re.search(r"^Done (\d+) runs", log.read_text(), re.M)[1]
                for log in sorted(self.folder.glob("libfuzzer-*.log"))]
        self.assertEqual(outcome.runs, sum(map(int, each)))
        self.assertGreater(min(map(int, each)), 0)

    def test_afl_counts_the_runs_of_all_instances(self) -> None:
        outcome = self.check_instances("afl")
        each = [int(stats["execs_done"]) for stats in afl.stats(self.folder)]
        self.assertEqual(len(each), 2)
        self.assertEqual(outcome.runs, sum(each))

    def check_progress(self, engine: str) -> None:
        self.run_target(engine, TARGET_LARGE, 1)
        lines = self.progress.getvalue().splitlines()
        self.assertNotEqual(lines, [])
        for line in lines:
            self.assertRegex(line, r"^target: [01] of 1 s\b.* \d+ runs, \d+ edges")

    def test_libfuzzer_shows_how_far_it_is(self) -> None:
        self.check_progress("libfuzzer")

    def test_afl_shows_how_far_it_is(self) -> None:
        self.check_progress("afl")


class Stability(unittest.TestCase):
    def check(self, stats: str, is_stable: bool, varying: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            (work / "afl/main").mkdir(parents=True)
            (work / "afl/main/fuzzer_stats").write_text(stats)
            outcome = Outcome("afl", 0, has_started=True)
            afl.read(afl.stats(work), outcome)
        arguments = argparse.Namespace(stability=True)
        result = Result(Asked("pool_ops", "afl", 1), outcome)
        self.assertEqual(fuzz.is_expected(arguments, result), is_stable)
        self.assertEqual(outcome.varying, varying)

    def test_less_than_100_percent_is_not_stable(self) -> None:
        self.check("execs_per_sec     : 1\nstability         : 84.85%\n"
                   "edges_found       : 561\nvar_byte_count    : 85\n",
                   False, "85 of 561")

    def test_100_percent_is_stable(self) -> None:
        self.check("execs_per_sec     : 1\nstability         : 100.00%\n"
                   "edges_found       : 561\nvar_byte_count    : 0\n",
                   True, "0 of 561")

    def test_a_campaign_without_figures_is_not_stable(self) -> None:
        self.check("", False, "unknown of unknown")


class Reduction(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def minimise(
        self, script: str, found: bytes, parts: minimise.Bytes | minimise.Ops
    ) -> bytes:
        target = self.folder / "target"
        target.write_text(script)
        target.chmod(target.stat().st_mode | stat.S_IXUSR)
        path = self.folder / "found"
        path.write_bytes(found)
        report = finding.fails(target, path)
        self.assertIsNotNone(report)
        small = minimise.minimise(
            target, Finding(path, report), self.folder / "small", parts
        )
        self.assertEqual(
            finding.signature(small.report), "broken promise 3: words"
        )
        self.assertEqual(finding.fails(target, small.path), small.report)
        return small.path.read_bytes()

    def test_minimise_keeps_the_bytes_that_fail(self) -> None:
        found = b"x" * 9 + b"A" + b"y" * 3 + b"B" + b"z"
        self.assertEqual(self.minimise(TARGET, found, minimise.Bytes()), b"AB")

    def test_minimise_keeps_the_ops_that_fail(self) -> None:
        # create p0 5, palloc p0 200, palloc p0 1, reset p3, opcode 63, destroy
        found = bytes([1, 1, 0, 5, 0, 4, 0, 200, 0, 4, 0, 1, 0,
                       3 | 3 << 6, 9, 9, 9, 63, 0, 0, 0, 2, 0, 0, 0])
        script = TARGET_OPS.replace("{replay}", str(REPLAY))
        parts = minimise.Ops(REPLAY, NGXOPS)
        # palloc p0 1, reset p3 in version 2
        self.assertEqual(self.minimise(script, found, parts),
                         bytes([2, 4, 1, 3 | 1 << 6, 3]))

    def test_an_input_that_fails_only_as_bytes_is_cut_as_bytes(self) -> None:
        parts = minimise.Ops(REPLAY, NGXOPS)
        self.assertEqual(self.minimise(TARGET, b"xAxxBx", parts), b"AB")


class Replay(unittest.TestCase):
    def said(self, *words: str | Path) -> str:
        """The message of a replay that fails."""
        done = subprocess.run([REPLAY, *words], capture_output=True, text=True,
                              check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        return done.stderr

    def test_an_option_is_never_a_file(self) -> None:
        for words in [], ["--print"], ["--together"], ["--broken"]:
            self.assertIn("found no file, expected [--print | --hash | --together | "
                          "--broken] FILE", self.said(*words))
        for words in ["--hash"], ["--hash", FUZZ / "README.md"]:
            self.assertIn("found --hash, expected --print, --together or --broken; this"
                          " target has no hash\n", self.said(*words))
        self.assertIn("found --none, expected", self.said("--none"))
        for words in ([FUZZ / "README.md", "--print"], ["--print", "--broken"]):
            self.assertIn(f"found {words[1]}, expected [--print", self.said(*words))

    def test_what_fails_in_a_process_of_many_programs_is_reported(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for name in "first", "later", "never", "last":
                Path(folder, name).write_text(name)
            for words, status, said in (
                    ("first later", 0, "ok 1 - first\nok 2 - later\n1..2\n"),
                    ("--together later first", 0,
                     "ok 1 - later\nok 2 - first\n1..2\n"),
                    ("--together first never later", 1,
                     "ok 1 - first\nnot ok 2 - never\nok 3 - later\n1..3\n"),
                    ("--together first later first", 1,
                     "ok 1 - first\nnot ok 2 - later\n"
                     "# fails only after the programs before it\nok 3 - first\n1..3\n"),
                    ("--together first last", 1, "ok 1 - first\nok 2 - last\n"
                     "not ok 3 - end of the process of all programs\n1..3\n"),
                    # For a mutant, only a process of its own counts.
                    ("--broken first never later", 0,
                     "ok 1 - first\nnot ok 2 - never\n1..2\n"),
                    ("--broken first later first", 1,
                     "ok 1 - first\nok 2 - later\nok 3 - first\n1..3\n")):
                done = subprocess.run([TOGETHER, *words.split()], cwd=folder, text=True,
                                      stdout=subprocess.PIPE, check=False)
                self.assertEqual((done.returncode, done.stdout), (status, said), words)

    def test_a_limit_of_the_processors_time_is_for_one_program(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "busy").write_text("busy")
            done = subprocess.run(
                ["prlimit", "--cpu=1:2", TOGETHER, "--together", *4 * ["busy"]], cwd=folder,
                text=True, stdout=subprocess.PIPE, check=False)
        self.assertEqual((done.returncode, done.stdout.count("\nok ")), (0, 3))

    def test_a_program_without_an_end_takes_its_time_once(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for name in "first", "endless":
                Path(folder, name).write_text(name)
            before = cpu_of_children()
            for given, said in (
                    (["endless"], "not ok 1 - endless\n"),
                    # The first one took a part of the time.
                    (["first", "endless"], "ok 1 - first\nnot ok 2 - endless\n")):
                done = subprocess.run(
                    ["prlimit", "--cpu=1:2", TOGETHER, "--broken", *given], cwd=folder,
                    text=True, stdout=subprocess.PIPE, check=False)
                self.assertEqual(done.returncode, 0)
                self.assertTrue(done.stdout.startswith(said), done.stdout)
                took = cpu_of_children() - before
                self.assertAlmostEqual(took, len(given), delta=0.5)
                before += took


def cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    REPLAY, NGXOPS, TOGETHER = (Path(word).resolve() for word in sys.argv[1:4])
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
