"""./run answers --help at once.

usage: test_run.py BENCH RUN

BENCH is the program, RUN the front door.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

BENCH, RUN = (str(Path(path).resolve()) for path in sys.argv[1:3])
HELP = "--help"

# Programs that would install or build.
FORBIDDEN = ("apt-get", "dpkg-query", "sudo", "meson", "ninja", "cc", "gcc", "clang")


class Help(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.called = self.folder / "called"
        for name in FORBIDDEN:
            path = self.folder / name
            path.write_text(f'#!/bin/sh\necho "$0" >>"{self.called}"\nexit 1\n')
            path.chmod(0o755)

    def run_it(self, *words: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.folder}:{os.environ['PATH']}"
        done = subprocess.run(
            [RUN, *words], capture_output=True, text=True, cwd=self.folder,
            env=os.environ | {"PATH": path},
        )
        self.assertFalse(self.called.exists(), f"{words} called what must not be")
        return done

    def help_of(self, *words: str) -> str:
        done = self.run_it(*words)
        self.assertEqual((done.returncode, done.stderr), (0, ""), words)
        return done.stdout

    def test_front_door(self) -> None:
        said = self.help_of(HELP)
        for command in "bench", "compare", "record", "replay", "test", "fuzz":
            self.assertRegex(said, f"(?m)^  {command} ")
        for words in ["help"], ["-h"], []:
            self.assertEqual(self.help_of(*words), said)

    def test_each_command_has_its_own(self) -> None:
        for command, text in {
            "bench": "--resume",
            "compare": "two runs",
            "record": "--api",
            "replay": "--resume",
            "test": "these steps alone",
            "fuzz": "--plant",
        }.items():
            self.assertIn(text, self.help_of(command, HELP), command)
            self.assertEqual(self.help_of(command, "-h"), self.help_of(command, HELP))

    def test_without_python(self) -> None:
        """A fresh system has none yet."""
        for name in "sh", "cat", "dirname", "sed":
            (self.folder / name).symlink_to(shutil.which(name))
        for command in ("bench", "ci-fuzz", "compare", "fuzz", "mutants", "oss-fuzz",
                        "publish", "record", "replay", "report", "reproduce", "test"):
            done = subprocess.run(
                ["sh", RUN, command, HELP], capture_output=True, text=True,
                env={"PATH": str(self.folder)})
            self.assertEqual((done.returncode, done.stderr), (0, ""), command)
            self.assertIn(f"{command} ", done.stdout)

    def test_anywhere_among_the_words(self) -> None:
        expected = self.help_of("bench", HELP)
        said = self.help_of("bench", "--quick", "--filter", "x", HELP)
        self.assertEqual(said, expected)

    def test_one_text_of_bench(self) -> None:
        """The program prints the same text as the front door."""
        own = subprocess.run([BENCH, HELP], capture_output=True, text=True)
        self.assertEqual(own.stdout, self.help_of("bench", HELP))

    def test_one_text_of_compare(self) -> None:
        compare = str(Path(RUN).parent / "bench" / "compare.py")
        own = subprocess.run(
            [sys.executable, "-B", compare, HELP], capture_output=True, text=True
        )
        self.assertEqual(own.stdout.strip(), self.help_of("compare", HELP).strip())

    def test_packages_that_came_later_are_found(self) -> None:
        """A build that was configured without them is configured again."""
        exhaust = self.folder / "build/fuzz/exhaust"
        exhaust.parent.mkdir(parents=True)
        for path, text in {
            exhaust: "",
            self.folder / "dpkg-query": "echo installed",
            self.folder / "meson": f'echo "$@" >>"{self.called}"',
            self.folder / "ninja": "",
        }.items():
            path.write_text(f"#!/bin/sh\n{text}\n")
            path.chmod(0o755)
        packages = self.folder / "packages"
        for path in packages, self.folder / "build/build.ninja":
            path.touch()
        environment = os.environ | {
            "BUILD": str(self.folder / "build"), "PACKAGES": str(packages),
            "PATH": f"{self.folder}:{os.environ['PATH']}"}
        environment.pop("NGINX_SRC", None)
        for age, called in (3600, False), (-3600, True):
            os.utime(packages, (time.time() - age,) * 2)
            subprocess.run([RUN, "fuzz", "--exhaust"], check=True, env=environment)
            self.assertEqual(self.called.exists(), called)
        self.assertEqual(self.called.read_text(),
                         f"setup --reconfigure {self.folder}/build\n")

    def test_replay_of_no_file(self) -> None:
        done = self.run_it("replay", RUN, "no/such.trace", "--quick")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertEqual(done.stderr, "./run replay: no/such.trace: no such file\n")

    def test_unknown_command(self) -> None:
        done = self.run_it("no-such")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn('no command "no-such"', done.stderr)

    def test_apt_speaks_in_a_file(self) -> None:
        """Its lines on nginx's source are mostly about files that are not needed."""
        (self.folder / "apt-get").write_text(
            '#!/bin/sh\necho "Err: 404"\necho "E: Failed" >&2\nexit 100\n')
        environment = {name: value for name, value in os.environ.items()
                       if name != "NGINX_SRC"}
        done = subprocess.run(
            [Path(RUN).parent / "pool/test/nginx_source.sh", self.folder / "nginx"],
            capture_output=True, text=True,
            env=environment | {"PATH": f"{self.folder}:{os.environ['PATH']}"})
        log = self.folder / "nginx/fetch.log"
        self.assertEqual((done.returncode, done.stdout), (77, ""))
        self.assertEqual(
            done.stderr, "nginx: fetching its source by apt-get\n"
            f"nginx: no source found, {log} says why; NGINX_SRC may name one\n")
        self.assertIn("Err: 404\nE: Failed\n", log.read_text())

    def test_source_that_cannot_be_written_to(self) -> None:
        """The message says how to build elsewhere. Needs root, to mount the source."""
        place = self.folder / "source"
        place.mkdir()
        mount = ["mount", "-t", "tmpfs", "none", str(place)]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
            self.skipTest("nothing can be mounted")
        self.addCleanup(subprocess.run, ["umount", str(place)], check=True)
        shutil.copy(RUN, place)
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        done = subprocess.run([place / "run", "bench"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn(f"{place} cannot be written to", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
