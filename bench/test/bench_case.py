"""Shared parts of the tests of the program bench.

Each test script is called with the program's path as its first argument. Every
measurement is as short as can be: the tests check the output, not the figures.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Mapping
from pathlib import Path

BENCH = str(Path(sys.argv[1]).resolve())
ROOT = Path(__file__).resolve().parents[2]
# Seconds to wait for a process, at most. Less than the time of a run that is not ended
# early.
PATIENCE = 60.0
# The line of progress: round, rounds, turn, turns, minutes, seconds.
SHOWN = re.compile(r"round (\d+) of (\d+), turn (\d+) of (\d+), (\d+):(\d\d) left")


def uncounted(env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return env without valgrind, whose start takes longer than a test's rounds."""
    return {**env, "PATH": "/nowhere"}


def bench(*words: str, **settings) -> subprocess.CompletedProcess[str]:
    settings.setdefault("env", uncounted())
    return subprocess.run(
        [BENCH, *words], capture_output=True, text=True, **settings
    )


# All recorded programs take half a second to load. Where none is replayed, one that is
# short will do.
SHORT = ("--traces", str(ROOT / "corpus" / "seeds" / "burst.ops"))


def listed(*words: str) -> list[str]:
    """The chosen rows, without those of recorded programs."""
    return bench("--list", *SHORT, *words).stdout.splitlines()


def load(path: Path) -> dict:
    return json.loads(path.read_text())


def children(pid: int) -> list[int]:
    """Processes whose parent pid is."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


def is_alive(pid: int) -> bool:
    """Whether the process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Folder(unittest.TestCase):
    """A test with a folder of its own for results."""

    COUNTS = False  # whether bench finds valgrind, and counts instructions

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def env(self, env: Mapping[str, str] = os.environ) -> Mapping[str, str]:
        return env if self.COUNTS else uncounted(env)

    def measure(self, *words: str, env: Mapping[str, str] = os.environ, **settings
                ) -> subprocess.CompletedProcess[str]:
        return bench(
            "--quick", "--results", str(self.folder), *SHORT, *words,
            env=self.env(env), **settings
        )

    def run_json(self, label: str = "a") -> dict:
        return load(self.folder / label / "run.json")

    def start(self, *words: str, env: Mapping[str, str] = os.environ, **settings
              ) -> subprocess.Popen[str]:
        """A measurement under way, of label "a"."""
        process = subprocess.Popen(
            [BENCH, "--quick", "--results", str(self.folder), *SHORT, "--label", "a",
             *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=self.env(env), **settings,
        )
        self.addCleanup(self.stop, process)
        return process

    def stop(self, process: subprocess.Popen[str]) -> None:
        if process.poll() is None:
            process.kill()
        process.communicate()

    def wait(self, process: subprocess.Popen[str], path: Path) -> None:
        """Until the process has made the file."""
        end = time.monotonic() + PATIENCE
        while not path.exists():
            if process.poll() is not None:
                self.fail(f"it ended before {path.name}: {process.stderr.read()}")
            self.assertLess(time.monotonic(), end, f"no {path}")
            time.sleep(0.005)

    def round_path(self, number: int) -> Path:
        """The file of a round of a measurement under way."""
        return self.folder / "a" / "rounds" / f"{number:04}"


def main() -> None:
    """Runs the tests of the script that is called."""
    os.environ.pop("LD_PRELOAD", None)
    unittest.main(argv=sys.argv[:1], verbosity=2)
