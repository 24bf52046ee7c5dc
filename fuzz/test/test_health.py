#!/usr/bin/env python3
"""A campaign that did not fuzz is a failure: for each cause, the message and the
exit status."""

import argparse
import contextlib
import errno
import io
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

FUZZ = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(FUZZ))

from campaign import afl, engine, fuzz, health, libfuzzer, session  # noqa: E402
from campaign.engine import (  # noqa: E402
    Ended,
    Outcome,
    Progress,
    Running,
    Task,
)
from campaign.session import Asked, Setting  # noqa: E402

# An engine whose output shows that it fuzzes.
FUZZES = """
echo '#3	INITED cov: 6 ft: 7 corp: 1/1b exec/s: 0 rss: 29Mb' >&2
echo '#99	DONE   cov: 8 ft: 9 corp: 4/9b exec/s: 9 rss: 29Mb' >&2
echo 'Done 99 runs in 1 second(s)' >&2
"""

FUZZES_LOG = "".join(line.split("'")[1] + "\n" for line in FUZZES.split("\n") if line)
EARLY = Ended(0, "the time is over", False)  # of processes that end before it is

# The words of engines that do not fuzz, by the problem that they mean.
LAST_WORDS = {
    health.NO_MEMORY: (
        "==7==ERROR: AddressSanitizer failed to allocate 0xdfff0001000 bytes of "
        "ReserveShadowMemoryRange (error code: 12)",
        "==7==ReserveShadowMemoryRange failed while trying to map 0xdfff0001000 "
        "bytes. Perhaps you're using ulimit -v",
    ),
    health.RANDOM_LAYOUT: (
        "FATAL: ThreadSanitizer: unexpected memory mapping 0x5d6c-0x5d6d",
        "==7==Shadow memory range interleaves with an existing memory mapping. "
        "ASan cannot proceed correctly. ABORTING.",
    ),
    health.CORE_PATTERN: (
        "[-] Hmm, your system is configured to send core dump notifications to an\n"
        "    external utility.",
    ),
    health.NO_SHARED_MEMORY: (
        "[-] PROGRAM ABORT : shmget() failed, try running afl-system-config",
        "[-] PROGRAM ABORT : shm_open() failed",
    ),
    health.NO_SPACE: (
        "[-] PROGRAM ABORT : Short write to fuzzer_stats\n"
        "         OS message : No space left on device",
    ),
    health.READ_ONLY: (
        "[-] PROGRAM ABORT : Unable to create '/x/afl'\n"
        "         OS message : Read-only file system",
    ),
}


class Words(unittest.TestCase):
    def outcome(self, **changes) -> Outcome:
        fields = {"status": 1, "log": "", "runs": 0, **changes}
        return Outcome("libfuzzer", **fields)

    def test_words_of_an_engine_have_a_cure(self) -> None:
        for problem, logs in LAST_WORDS.items():
            for log in logs:
                self.assertEqual(health.diagnose(self.outcome(log=log)), problem, log)

    def test_an_unexplained_status_is_a_problem(self) -> None:
        for status in 1, 77, -11:
            problem = health.diagnose(self.outcome(
                status=status, runs=9, has_started=True, log="the last line\n"))
            self.assertIn("the last line", problem.cure)
            self.assertIn(str(abs(status)), problem.what)

    def test_no_execution_is_a_problem(self) -> None:
        problem = health.diagnose(self.outcome(status=0))
        self.assertEqual(problem.what, "the engine ran no input")

    def test_first_inputs_alone_are_a_problem(self) -> None:
        problem = health.diagnose(self.outcome(status=0, runs=7))
        self.assertIn("7 first inputs", problem.what)

    def test_a_campaign_that_fuzzed_is_no_problem(self) -> None:
        outcome = self.outcome(status=0, runs=9, has_started=True)
        self.assertIsNone(health.diagnose(outcome))

    def test_a_campaign_that_was_stopped_or_found_a_bug_is_no_problem(self) -> None:
        self.assertIsNone(health.diagnose(self.outcome(is_stopped=True, status=-2)))
        self.assertIsNone(health.diagnose(self.outcome(found=[Path("x")])))

    def test_errors_of_the_system_have_cures(self) -> None:
        for number, problem in ((errno.ENOSPC, health.NO_SPACE),
                                (errno.EROFS, health.READ_ONLY)):
            self.assertEqual(health.of_error(OSError(number, "x")), problem)
        self.assertIsNone(health.of_error(OSError(errno.EIO, "x")))


class Fake(unittest.TestCase):
    """A build whose engine is a script."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.parent = Path(folder.name)
        self.setting = Setting(FUZZ.parent, self.parent, "")
        self.work = self.parent / "work"

    def make(self, text: str, engine: str = "libfuzzer") -> None:
        path = self.setting.built(engine) / "fuzz/run_json"
        path.parent.mkdir(parents=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def run_session(self, engine: str = "libfuzzer") -> session.Result:
        return session.run(self.setting, Asked("run_json", engine, 1), self.work,
                           [], Progress(False))

    def main(self) -> tuple[int, str]:
        """Returns the command's status and its output."""
        out = io.StringIO()
        with mock.patch.object(session, "prepare"), contextlib.redirect_stdout(out):
            status = fuzz.main(["--build", str(self.parent), "run_json"])
        return status, out.getvalue()


class Clock:
    """Of Processes: it goes on by what they take."""

    def __init__(self) -> None:
        self.now = 100.9

    def monotonic(self) -> float:
        return self.now


class Processes(Running):
    """Processes that take as long as they may, and half a second to start."""

    def __init__(self, clock: Clock, log: str = FUZZES_LOG) -> None:
        super().__init__()
        self.clock = clock
        self.log = log
        self.rounds: list[list[str]] = []  # commands
        self.ends: dict[int, Ended] = {}  # by round; the others end well
        self.finds: dict[int, Path] = {}  # by round

    def run(self, instances, has_found, show, memory=None) -> Ended:
        nth = len(self.rounds)
        self.rounds.append([" ".join(each.command) for each in instances])
        for each in instances:
            each.log.write_text(self.log)
        if nth in self.finds:
            self.finds[nth].write_bytes(b"")
        ended = self.ends.get(nth, Ended(0, self.log, False))
        self.clock.now += 0.5
        if ended is not EARLY:
            self.clock.now += self.asked(nth, "max_total_time")
        return ended

    def asked(self, nth: int, option: str) -> int:
        return int(re.search(rf"-{option}=(\d+)", self.rounds[nth][0])[1])


class Rounds(unittest.TestCase):
    """libFuzzer's processes that start again: two of them, for 2 seconds each."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.work = Path(folder.name)
        self.clock = Clock()
        self.processes = Processes(self.clock)

    def run_rounds(self, seconds: int = 7) -> Outcome:
        task = Task(Path("x"), self.work, seconds, jobs=2, seed=5, process_seconds=2)
        with mock.patch.object(libfuzzer, "time", self.clock):
            return libfuzzer.run(task, Progress(False), self.processes)

    def test_processes_start_again_until_the_time_is_up(self) -> None:
        with mock.patch.object(engine.Memory, "restart") as restart:
            outcome = self.run_rounds()
        rounds = range(len(self.processes.rounds))
        self.assertEqual([self.processes.asked(nth, "max_total_time")
                          for nth in rounds], [2, 2, 2])
        self.assertEqual([self.processes.asked(nth, "seed") for nth in rounds],
                         [5, 7, 9])
        self.assertEqual(restart.call_count, 3)
        self.assertEqual(outcome.runs, 99 * 2 * 3)
        self.assertEqual(outcome.seconds, 7.5)
        self.assertTrue(outcome.has_started)

    def test_the_last_processes_get_what_remains(self) -> None:
        self.run_rounds(seconds=6)
        self.assertEqual(self.processes.asked(2, "max_total_time"), 1)
        self.assertEqual(len(self.processes.rounds), 3)

    def test_a_clock_that_goes_on_between_two_looks_leaves_no_campaign_without_end(
        self
    ) -> None:
        looks = iter(range(1000))
        self.clock.monotonic = lambda: self.clock.now + next(looks) / 5
        for seconds in range(1, 30):
            self.run_rounds(seconds)
        for nth in range(len(self.processes.rounds)):
            self.assertGreater(self.processes.asked(nth, "max_total_time"), 0)

    def test_what_ends_a_round_ends_the_campaign(self) -> None:
        for ended in Ended(1, "it failed", False), Ended(0, "", True), EARLY:
            self.processes.rounds.clear()
            self.processes.ends = {1: ended}
            outcome = self.run_rounds(60)
            self.assertEqual(len(self.processes.rounds), 2)
            self.assertEqual(outcome.status, ended.status)
            self.assertEqual(outcome.log, ended.log)
            self.assertEqual(outcome.is_stopped, ended.is_stopped)
            self.assertEqual(outcome.runs, 99 * 2 * 2)

    def test_a_finding_ends_the_campaign(self) -> None:
        self.processes.finds = {1: self.work / "crashes/crash-1"}
        outcome = self.run_rounds(60)
        self.assertEqual(len(self.processes.rounds), 2)
        self.assertEqual([path.name for path in outcome.found], ["crash-1"])

    def test_processes_that_only_read_their_inputs_get_all_that_remains(self) -> None:
        self.processes.log = FUZZES_LOG.splitlines()[0] + "\n"
        self.run_rounds(60)
        self.assertEqual(self.processes.asked(0, "max_total_time"), 2)
        self.assertEqual(self.processes.asked(1, "max_total_time"), 58)
        self.assertEqual(len(self.processes.rounds), 2)


class Commands(Fake):
    def test_an_engine_that_fuzzed_is_a_success(self) -> None:
        self.make(FUZZES)
        self.assertEqual(self.main()[0], 0)

    def test_memory_is_said_of_a_campaign_that_is_long_enough(self) -> None:
        self.make(FUZZES + "exec sleep 3")
        with (mock.patch.object(engine, "SETTLED_SECONDS", 0),
              mock.patch.object(engine, "MINUTE", 1)):
            memory = self.run_session().outcome.memory
            self.assertRegex(
                fuzz.memory_of(Outcome("libfuzzer", 0, memory=memory)),
                r"at least [1-9]\d* MiB of memory .* and [1-9]\d* MiB at the end")
        settled, last = self.run_session().outcome.memory
        self.assertEqual(settled, 0)
        self.assertGreater(last, 0)
        self.assertEqual(
            fuzz.memory_of(Outcome("libfuzzer", 0, memory=(settled, last))), "")

    def test_memory_is_the_least_of_some_minutes(self) -> None:
        for mib, expected in (
            ([90] * 5, (0, 90)),
            ([], (0, 0)),
            ([1, 2, 3, 4, 5, 90], (0, 90)),
            ([1, 2, 3, 4, 5, 90, 80, 95], (90, 95)),
            ([1, 2, 3, 4, 5, 90, 95, 92, 99], (90, 92)),
            ([0] * 5 + [97, 98, 90, 99, 98, 80, 70, 88, 89, 91, 92, 93], (90, 88)),
        ):
            memory = engine.Memory()
            memory.least = [each * engine.MIB for each in mib]
            self.assertEqual(memory.mib(), expected)

    def test_memory_leaves_out_the_start_of_a_process_that_follows(self) -> None:
        memory = engine.Memory()
        with (mock.patch.object(engine, "WARM_SECONDS", 1),
              mock.patch.object(engine, "resident", return_value=90) as resident):
            process = mock.Mock(pid=1)
            memory.note([process])
            memory.restart()
            resident.return_value = 5
            memory.note([process])
            self.assertEqual(memory.least, [90])
            time.sleep(1)
            memory.note([process])
            self.assertEqual(memory.least[-1], 5)

    def test_an_engine_that_dies_is_a_failure_with_a_cure(self) -> None:
        self.make("echo 'ReserveShadowMemoryRange failed' >&2; exit 1")
        status, said = self.main()
        self.assertEqual(status, 2)
        self.assertIn("did NOT fuzz", said)
        self.assertIn("ulimit -v unlimited", said)

    def test_an_engine_without_enough_time_gets_twice_as_much(self) -> None:
        self.make("""
for word; do
    case $word in -max_total_time=*) seconds=${word#*=} ;; esac
done
[ "$seconds" -ge 16 ] && seconds=99 || seconds=3
echo '#3	INITED cov: 6 ft: 7 corp: 1/1b exec/s: 0 rss: 29Mb' >&2
echo "Done $seconds runs in 1 second(s)" >&2""")
        self.assertIsNone(self.run_session().problem)

    def test_an_engine_that_makes_no_input_is_a_failure(self) -> None:
        self.make("""
echo '#3	INITED cov: 6 ft: 7 corp: 1/1b exec/s: 0 rss: 29Mb' >&2
echo "Done 3 runs in 1 second(s)" >&2""")
        status, said = self.main()
        self.assertEqual(status, 2)
        self.assertIn("made no new one", said)

    def test_an_engine_that_says_nothing_is_a_failure(self) -> None:
        self.make("exit 0")
        status, said = self.main()
        self.assertEqual(status, 2)
        self.assertIn("ran no input", said)

    def test_an_engine_that_a_signal_ends_is_a_failure(self) -> None:
        self.make(FUZZES + "kill -SEGV $$")
        status, said = self.main()
        self.assertEqual(status, 2)
        self.assertIn("signal 11", said)

    def test_a_crash_that_left_no_input_is_a_failure(self) -> None:
        self.make(FUZZES + "exit 77")
        status, said = self.main()
        self.assertEqual(status, 2)
        self.assertIn("left no input", said)

    def test_an_engine_that_does_not_start_is_a_failure(self) -> None:
        self.make("exit 0")
        (self.setting.built("libfuzzer") / "fuzz/run_json").chmod(0o644)
        status, said = self.main()
        self.assertEqual(status, 2)
        self.assertIn("did NOT fuzz", said)

    def test_one_of_several_targets_that_does_not_fuzz_is_a_failure(self) -> None:
        self.make("exit 0")
        fine = session.Result(Asked("run_json", "libfuzzer", 1),
                              Outcome("libfuzzer", 0, runs=9, has_started=True))
        bad = session.Result(fine.asked, fine.outcome,
                             problem=health.NO_MEMORY)
        arguments = argparse.Namespace(stability=False)
        self.assertEqual(fuzz.status_of(arguments, [fine, fine]), 0)
        self.assertEqual(fuzz.status_of(arguments, [fine, bad]), 2)


class States(Fake):
    """The causes themselves, as far as they can be made for one process."""

    def test_a_limit_of_address_space(self) -> None:
        old = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (8_000_000 << 10, old[1]))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_AS, old)
        self.make(FUZZES)
        status, said = self.main()
        self.assertEqual(status, 2)
        self.assertIn("ulimit -v unlimited", said)
        # Without a sanitizer it does no harm.
        self.assertIsNone(health.look_at(self.work, ""))

    def mounted(self, options: str, then: str) -> subprocess.CompletedProcess:
        """Run the command on the fake. The work folder has a file system of its own,
        which no other process sees."""
        if shutil.which("unshare") is None or subprocess.run(
            ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"],
            capture_output=True, check=False,
        ).returncode != 0:
            self.skipTest("mounting needs privileges")
        self.make(FUZZES)
        mounted = self.setting.built("libfuzzer") / "campaigns"
        mounted.mkdir()
        program = (
            "import sys; sys.path.insert(0, sys.argv[1]);"
            "from campaign import fuzz, session; session.prepare = lambda *a: [];"
            "sys.exit(fuzz.main(['--build', sys.argv[2], 'run_json']))")
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c",
             f"mount -t tmpfs -o {options} none {mounted} && {then} && "
             'exec "$@"', "sh", sys.executable, "-B", "-c", program, str(FUZZ),
             str(self.parent)],
            capture_output=True, text=True, check=False)

    def test_a_full_disk(self) -> None:
        done = self.mounted("size=1m", "true")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("the disk is full", done.stdout)
        self.assertIn("--build", done.stdout)

    def test_a_disk_that_is_read_only(self) -> None:
        done = self.mounted("ro", "true")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("cannot be written to", done.stdout)

    def test_no_dev_shm_does_no_harm(self) -> None:
        done = self.mounted("size=100m", "mount -t tmpfs -o ro none /dev/shm")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_no_shared_memory_for_afl(self) -> None:
        if shutil.which("afl-fuzz") is None:
            self.skipTest("no afl-fuzz")
        target = self.parent / "target.c"
        target.write_text("#include <stddef.h>\n#include <stdint.h>\n"
                          "int LLVMFuzzerTestOneInput(const uint8_t *d, size_t s)\n"
                          "{ (void) d; (void) s; return 0; }\n")
        built = subprocess.run(
            ["afl-clang-fast", "-fsanitize=fuzzer", str(target), "-o",
             str(self.parent / "target")], capture_output=True, check=False,
            env=dict(os.environ, AFL_QUIET="1"))
        if built.returncode != 0:
            self.skipTest("no afl-clang-fast with an engine")
        (self.parent / "in").mkdir()
        (self.parent / "in/seed").write_bytes(b"a")
        done = subprocess.run(
            ["unshare", "--ipc", "sh", "-c",
             "echo 0 >/proc/sys/kernel/shmmni && exec afl-fuzz -S main -V 1 "
             f"-i {self.parent}/in -o {self.parent}/out -- {self.parent}/target"],
            capture_output=True, text=True, check=False, timeout=60,
            env=os.environ | afl.environment(
                Task(self.parent / "target", self.parent, 1), 0))
        log = done.stdout + done.stderr
        if "Permission denied" in log or "unshare" in log:
            self.skipTest("a namespace of its own needs privileges")
        outcome = Outcome("afl", done.returncode, log=log)
        self.assertEqual(health.diagnose(outcome), health.NO_SHARED_MEMORY, log)


if __name__ == "__main__":
    unittest.main()
