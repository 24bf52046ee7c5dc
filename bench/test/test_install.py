""".ci/install knows what each system calls the packages of ./run.

usage: test_install.py ROOT

ROOT is the project's folder.
"""

import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(sys.argv[1]).resolve()
TABLE = [line.split() for line in (ROOT / ".ci/packages").read_text().splitlines()
         if not line.startswith("#")]
TOOLS = ("awk", "dirname", "grep", "sh", "sort", "tr")


class Install(unittest.TestCase):
    """On a system with no other programs than those that the script calls."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        for tool in TOOLS:
            found = subprocess.check_output(["which", tool], text=True).strip()
            (self.folder / tool).symlink_to(Path(found).resolve())

    def install(self, release: str, *names: str, status: int = 1) -> list[str]:
        """The packages that it lists for /etc/os-release with these lines."""
        os_release = self.folder / "os-release"
        os_release.write_text(release.replace(" ", "\n"))
        done = subprocess.run(
            [self.folder / "sh", ROOT / ".ci/install", *names],
            capture_output=True, text=True,
            env={"PATH": str(self.folder), "OS_RELEASE": str(os_release)},
        )
        self.assertEqual(done.returncode, status, done.stderr)
        said = re.fullmatch("Install these, then run ./run again: (.*)\n", done.stderr)
        self.assertTrue(said, done.stderr)
        return said[1].split()

    def test_each_system(self) -> None:
        for release, packages in {
            "ID=debian VERSION_ID=12": ["gcc", "libmimalloc2.0", "node-d3-scale"],
            "ID=debian VERSION_ID=13": ["gcc", "libmimalloc3", "node-d3-scale"],
            "ID=ubuntu VERSION_ID=24.04": ["gcc", "libmimalloc2.0", "node-d3-scale"],
            "ID=fedora VERSION_ID=41": ["gcc", "libasan", "libtsan", "libubsan",
                                        "mimalloc"],
            "ID=alpine VERSION_ID=3.20.1": ["gcc", "mimalloc2", "musl-dev"],
        }.items():
            found = self.install(release, "gcc", "libmimalloc", "node-d3-scale")
            self.assertEqual(found, packages, release)

    def test_other_systems(self) -> None:
        """The newest release of the same system, one that it is like, Debian."""
        for release, package in {
            "ID=debian": "libmimalloc3",
            "ID=ubuntu VERSION_ID=30.04": "libmimalloc2.0",
            "ID=mint ID_LIKE=ubuntu": "libmimalloc2.0",
            "ID=arch": "libmimalloc3",
        }.items():
            self.assertEqual(self.install(release, "libmimalloc"), [package], release)

    def test_name_without_a_line(self) -> None:
        self.assertEqual(self.install("ID=fedora", "other", "git"), ["git", "other"])

    def test_goes_on_with_meson(self) -> None:
        (self.folder / "meson").symlink_to("/bin/true")
        self.install("ID=alpine", "gcc", status=0)

    def test_missing_alone(self) -> None:
        (self.folder / "rpm").write_text('#!/bin/sh\ntest "$4" = git\n')
        (self.folder / "rpm").chmod(0o755)
        self.assertEqual(self.install("ID=fedora", "git", "make"), ["make"])

    def test_table(self) -> None:
        names = [row[0] for row in TABLE[1:]]
        self.assertEqual(names, sorted(set(names)))
        for row in TABLE:
            self.assertEqual(len(row), len(TABLE[0]), row)

    def test_front_door(self) -> None:
        """Each name that ./run lists has a line."""
        lists = re.findall(r"(?m)^\w+_packages=['\"]([^'\"]*)",
                           (ROOT / "run").read_text())
        self.assertGreater(len(lists), 5)
        asked = {word for words in lists for word in words.split()
                 if not word.startswith("$")}
        self.assertEqual(asked - {row[0] for row in TABLE}, set())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
