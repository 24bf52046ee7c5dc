"""exhaust: finds no bug in the pool, and finds mutants that a few ops show.

usage: test_exhaust.py EXHAUST PLANTED...
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import unittest
from pathlib import Path

EXHAUST, *PLANTED = sys.argv[1:]


def exhaust(*words: str, program: str = EXHAUST, status: int = 0) -> str:
    done = subprocess.run([program, *words], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == status, (words, done.returncode, done.stdout)
    return done.stdout


def counted(said: str) -> int:
    return int(re.search(r"nothing found in (\d+) programs", said)[1])


def stop_child(pid: int) -> bool:
    """False: it had none, or the child had just ended."""
    child = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    if not child:
        return False
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        os.kill(int(child), signal.SIGSTOP)
        return "\tT (" in Path(f"/proc/{int(child)}/status").read_text()
    return False


class Exhaust(unittest.TestCase):
    def test_the_pool_keeps_every_promise(self) -> None:
        self.assertGreater(counted(exhaust("--ops", "4")), 100_000)

    def test_parts_are_the_whole(self) -> None:
        parts = [counted(exhaust("--ops", "3", "--part", f"{i}/3"))
                 for i in (1, 2, 3)]
        self.assertEqual(sum(parts), counted(exhaust("--ops", "3")))
        self.assertGreater(min(parts), 0)

    def test_the_number_of_processes_does_not_change_the_programs(self) -> None:
        self.assertEqual(exhaust("--ops", "3", "--jobs", "1").split()[-2],
                         exhaust("--ops", "3", "--jobs", "3").split()[-2])

    def test_the_time_of_processors_is_its_own(self) -> None:
        burn = "import time\nwhile time.process_time() < 2: pass"
        done = subprocess.run(
            ["sh", "-c", '"$0" -c "$1"; exec "$2" --ops 1', sys.executable, burn,
             EXHAUST], check=True, text=True, stdout=subprocess.PIPE)
        used = re.search(r"([0-9.]+) s of processors", done.stdout)[1]
        self.assertLess(float(used), 2)

    def test_the_printed_command_fails_again(self) -> None:
        self.assertTrue(PLANTED)
        for program in PLANTED:
            with self.subTest(program):
                said = exhaust("--ops", "4", program=program, status=1)
                self.assertIn("FOUND a program that fails (", said)
                again = re.search(r"^again: (.*)$", said, re.MULTILINE)[1]
                done = subprocess.run(again, shell=True, check=False,
                                      stderr=subprocess.DEVNULL)
                self.assertEqual(done.returncode, 1)

    def test_a_broken_promise_is_printed(self) -> None:
        program, = (name for name in PLANTED if name.endswith("reset_spare"))
        said = exhaust(program=program, status=1)
        self.assertIn("broken promise 3", said)
        self.assertRegex(said, r"FOUND .*\(Aborted\):\n(.*\n){3}reset p0\n")

    def test_a_program_without_end_is_found(self) -> None:
        with subprocess.Popen([EXHAUST, "--ops", "6", "--jobs", "1"], text=True,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT) as process:
            while not stop_child(process.pid):
                pass
            said = process.stdout.read()
        self.assertIn("FOUND a program that does not end:", said)
        self.assertEqual(process.returncode, 1)

    def test_a_program_alone(self) -> None:
        exhaust("--program", "create p0 1024; palloc p0 8")
        self.assertIn("op 2 of", exhaust("--program", "nop; nap", status=2))

    def test_usage(self) -> None:
        self.assertIn("usage: exhaust ", exhaust("--help"))
        for words in (["--ops"], ["--ops", "0"], ["--part", "3"],
                      ["--part", "3/2"], ["--part", "0/2"], ["nothing"]):
            self.assertIn("usage: exhaust ", exhaust(*words, status=2))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
