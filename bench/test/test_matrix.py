"""./run test: which steps it takes, and what it says of them.

usage: test_matrix.py MATRIX
"""

import contextlib
import importlib.machinery
import importlib.util
import io
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

LOADER = importlib.machinery.SourceFileLoader("matrix", sys.argv[1])
SPEC = importlib.util.spec_from_loader("matrix", LOADER)
assert SPEC is not None
matrix = importlib.util.module_from_spec(SPEC)
sys.modules["matrix"] = matrix
sys.dont_write_bytecode = True
LOADER.exec_module(matrix)

FULL = ("format", "gcc-test", "clang-test", "asan-test", "hashes", "valgrind",
        "fuzz-libfuzzer", "fuzz-libfuzzer-planted", "fuzz-afl-planted", "bench-quick")


def shell(name: str, command: str, **how: object) -> "matrix.Step":
    return matrix.Step(name, ["sh", "-c", command], **how)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Matrix(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.logs = Path(folder.name)

    def run_steps(self, *steps: "matrix.Step", out: io.StringIO | None = None
                  ) -> tuple[int, list[str]]:
        out = out or io.StringIO()
        with (
            mock.patch.object(matrix, "LOGS", self.logs),
            mock.patch.object(matrix, "LOOK_SECONDS", 0.01),
            mock.patch.object(matrix, "steps", return_value=list(steps)),
            mock.patch.object(sys, "argv", ["matrix"]),
            contextlib.redirect_stdout(out),
        ):
            status = matrix.main()
        return status, out.getvalue().splitlines()

    def chosen(self, *words: str) -> list[str]:
        with mock.patch.object(sys, "argv", ["matrix", *words]):
            return [step.name for step in matrix.chosen_steps()]

    def test_each_step_says_when_and_how_long(self) -> None:
        status, lines = self.run_steps(shell("a", "true"), shell("b", "exit 77"))
        self.assertEqual(status, 0)
        self.assertEqual(lines[0], "[0/2] 0:00 a ...")
        self.assertRegex(lines[1], r"^\[1/2\] \d+:\d\d a ok: 1 passed, 0 failed, 0 "
                         r"skipped \(\d+ s, \d+ s of a processor\)$")
        self.assertRegex(lines[3], r"^\[2/2\] \d+:\d\d b ok: 0 passed, 0 failed, 1 ")
        self.assertEqual(lines[-2:], ["logs: build-logs/", "1 passed, 0 failed, 1 skipped"])

    def test_failed_step_is_shown_and_named_with_its_log(self) -> None:
        status, lines = self.run_steps(shell("a", "echo why; exit 1"), shell("b", "true"))
        self.assertEqual(status, 1)
        self.assertIn("  | why", lines)
        self.assertEqual(lines[-3:], ["failed: a, build-logs/a.log", "logs: build-logs/",
                                      "1 passed, 1 failed"])

    def test_long_step_says_what_it_does(self) -> None:
        """Its last line, as long as it runs."""
        stops = self.logs / "stops"
        step = shell("a", f"echo first; echo second; until [ -e {stops} ]; do "
                     "sleep 0.01; done")
        with mock.patch.object(matrix, "NEWS_SECONDS", 0):
            out = Terminal()
            write = out.write

            def stop(text: str) -> int:
                if "a second" in text:
                    stops.touch()
                return write(text)

            with mock.patch.object(out, "write", stop):
                status, _ = self.run_steps(step, out=out)
        self.assertEqual(status, 0)
        self.assertRegex(out.getvalue(), r"\r\033\[K\[0/1\] \d+:\d\d a second")

    def test_steps_run_beside_each_other(self) -> None:
        """a and b wait for each other."""
        one, other = self.logs / "one", self.logs / "other"
        wait = "touch {}; until [ -e {} ]; do sleep 0.01; done"
        status, lines = self.run_steps(
            shell("a", wait.format(one, other)),
            shell("b", wait.format(other, one), is_beside=True), shell("c", "true"))
        self.assertEqual(status, 0)
        self.assertEqual(lines[0], "[0/3] 0:00 a and b ...")

    def test_processor_time_is_that_of_all_processes(self) -> None:
        start = time.process_time()
        step = shell("a", f"{sys.executable} -c 'import time\nwhile time.process_time()"
                     " < 0.3: pass'")
        with mock.patch.object(matrix, "LOGS", self.logs):
            one = matrix.Running(step)
            while not one.look():
                time.sleep(0.01)
        self.assertGreaterEqual(one.cpu_seconds, 0.3)
        self.assertLess(time.process_time() - start, one.cpu_seconds)

    def test_each_test_is_named_once(self) -> None:
        """Meson fails where one test runs twice."""
        for step in matrix.steps():
            if matrix.NAMED in step.command:
                words = set(step.command)
                self.assertFalse(words & set(matrix.QUICK_ASAN + matrix.VALGRIND_FUZZ),
                                 step.name)

    def test_choices(self) -> None:
        usual = self.chosen()
        self.assertLessEqual(set(FULL), set(usual))
        self.assertEqual(self.chosen("format", "long"), ["format", "long"])
        quick = self.chosen("--quick")
        self.assertIn("quick", quick)
        self.assertNotIn("gcc-test", quick)
        every = self.chosen("--all")
        self.assertLess(set(usual), set(every))
        self.assertIn("cross-s390x", every)
        for words in ["no-such"], ["--quick", "--all"]:
            with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
                self.chosen(*words)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
