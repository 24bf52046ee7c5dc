"""Hostile surroundings of the program bench: right figures or a clear refusal.

usage: test_environment.py BENCH
"""

import ctypes.util
import os
import shutil
import subprocess
import unittest
from pathlib import Path

from bench_case import BENCH, SHORT, Folder, load, main

FILTER = "^fill/arena/fixed16/10$|^shim/c/1024$"
ROWS = ("fill/arena/fixed16/10", "fill/arena_again/fixed16/10", "shim/c/1024")
NOBODY = 65534
SETPRIV = shutil.which("setpriv") or ""

# Names with values that change what google-benchmark, or malloc(), does.
HOSTILE = {
    "BENCHMARK_REPETITIONS": "3",
    "BENCHMARK_ENABLE_RANDOM_INTERLEAVING": "true",
    "BENCHMARK_LIST_TESTS": "true",
    "BENCHMARK_FORMAT": "csv",
    "BENCHMARK_FILTER": "nothing",
    "BENCHMARK_MIN_TIME": "5",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_PERTURB_": "85",
    "MALLOC_TOP_PAD_": "100000000",
}


class Checked(Folder):
    def check(self, done: subprocess.CompletedProcess[str], rounds: int = 2) -> dict:
        """One entry a row and round, and nothing else on stdout."""
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, f"{self.folder}/a\n")
        run = self.run_json()
        self.assertEqual(
            [(entry["name"], entry["repetition_index"]) for entry in run["benchmarks"]],
            [(row, number) for row in ROWS for number in range(rounds)],
        )
        for entry in run["benchmarks"]:
            self.assertNotIn("error_occurred", entry)
            self.assertEqual(entry["repetitions"], rounds)
            if "n" in entry:
                items = entry["n"] / (entry["cpu_time"] * 1e-9)
                self.assertAlmostEqual(entry["items_per_second"] / items, 1, places=6)
        return run

    def under(self, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.measure(
            "--filter", FILTER, "--rounds", "2", "--label", "a", "--force",
            env=os.environ | variables,
        )


class Variables(Checked):
    def test_variables_are_named_and_change_nothing(self) -> None:
        out = self.folder / "out"
        done = self.under(
            **HOSTILE, BENCHMARK_OUT=str(out),
            GLIBC_TUNABLES="glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1",
        )
        self.check(done)
        self.assertFalse(out.exists())
        for name, value in (HOSTILE | {"BENCHMARK_OUT": out}).items():
            self.assertIn(
                f"bench: not passed on, since it changes figures: {name}={value}\n",
                done.stderr,
            )
        for tunable in "glibc.malloc.tcache_count=0", "glibc.malloc.arena_max=1":
            self.assertIn(f"changes figures: {tunable}\n", done.stderr)

    def test_each_variable_alone_changes_nothing(self) -> None:
        """Since one may hide the effect of another."""
        for name in list(HOSTILE)[:3]:
            self.check(self.under(**{name: HOSTILE[name]}))

    def test_other_variables_are_passed_on(self) -> None:
        """Also variables that look like those that are removed."""
        done = self.under(
            MY_BENCHMARK_X="1", MALLOC_ARENA_MAXIMUM="1",
            GLIBC_TUNABLES="glibc.mem.tagging=0:x.glibc.malloc.y=1",
        )
        self.check(done)
        self.assertNotIn("not passed on, since it changes figures: MY", done.stderr)
        self.assertNotIn("MAXIMUM", done.stderr)
        self.assertNotIn("tagging", done.stderr)

    def test_seed_that_is_given_counts_under_all_of_it(self) -> None:
        words = "--filter", "^shim/c/1024$", "--rounds", "3", "--seed", "11", "--label"
        self.assertEqual(self.measure(*words, "a").returncode, 0)
        hostile = self.measure(*words, "b", env=os.environ | HOSTILE)
        self.assertEqual(hostile.returncode, 0)
        runs = [self.run_json(label)["benchmarks"] for label in "ab"]
        layouts = [[entry["layout"] for entry in run] for run in runs]
        self.assertEqual(layouts[0], layouts[1])


class Preload(Checked):
    def setUp(self) -> None:
        super().setUp()
        sanitized = self.measure("--list", "--filter", "^fill/tcmalloc/fixed16/10$")
        if "sanitizer" in sanitized.stdout:
            self.skipTest(sanitized.stdout.strip())

    def test_another_malloc_is_refused(self) -> None:
        found = False
        for name in "jemalloc", "tcmalloc_minimal", "mimalloc":
            file = ctypes.util.find_library(name)
            if file is None:
                continue
            found = True
            done = self.under(LD_PRELOAD=file)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(file.split(".so")[0], done.stderr)
            self.assertIn("--malloc", done.stderr)
            self.assertEqual(done.stdout, "")
            self.assertEqual(list(self.folder.iterdir()), [])
        if not found:
            self.skipTest("found none")

    def test_help_needs_no_malloc(self) -> None:
        file = ctypes.util.find_library("jemalloc")
        if file is None:
            self.skipTest("no jemalloc")
        done = self.measure("--help", env=os.environ | {"LD_PRELOAD": file})
        self.assertEqual(done.returncode, 0)
        self.assertIn("usage: ", done.stdout)

    def test_other_libraries_are_none_of_our_business(self) -> None:
        file = ctypes.util.find_library("m")
        if file is None:
            self.skipTest("no libm")
        self.check(self.under(LD_PRELOAD=file))


class Elsewhere(Checked):
    """The program with its modules, copied into a folder of another name."""

    def setUp(self) -> None:
        super().setUp()
        self.build = self.folder / "a build's folder" / "bench"
        source = Path(BENCH).parent
        (self.build / "layouts").mkdir(parents=True)
        shutil.copy2(BENCH, self.build / "bench")
        for file in (source / "layouts").glob("*.so"):
            shutil.copy2(file, self.build / "layouts")

    def call(self, program: Path, *before: str) -> subprocess.CompletedProcess[str]:
        """Run the copy, with the original's modules in the path for libraries."""
        layouts = {"LD_LIBRARY_PATH": str(Path(BENCH).parent / "layouts")}
        return subprocess.run(
            [*before, str(program), "--quick", "--results", str(self.folder), *SHORT,
             "--label", "a", "--filter", FILTER, "--rounds", "2"],
            capture_output=True, text=True, cwd="/", env=self.env(os.environ | layouts),
        )

    def test_path_may_have_spaces(self) -> None:
        self.check(self.call(self.build / "bench"))
        self.check_modules()

    def test_modules_are_found_beside_the_real_file(self) -> None:
        link = self.folder / "link"
        link.symlink_to(self.build / "bench")
        self.check(self.call(link))
        self.check_modules()

    def check_modules(self) -> None:
        """The modules are the copy's, with its own pools."""
        allocators = load(self.folder / "a" / "machine.json")["allocators"]
        for name in "pool", "pool_archive", "arena":
            path = Path(allocators[name]["path"])
            self.assertEqual(path.parent, (self.build / "layouts").resolve(), name)

    def test_module_that_is_missing_is_named(self) -> None:
        (self.build / "layouts" / "again_0.so").unlink()
        done = self.call(self.build / "bench")
        self.assertEqual(done.returncode, 2)
        self.assertIn("layouts/again_0.so: cannot open", done.stderr)
        self.assertFalse((self.folder / "a").exists())

    def test_layout_that_is_missing_ends_it_in_words(self) -> None:
        for number in range(1, 12):
            (self.build / "layouts" / f"archive_{number}.so").unlink()
        done = self.call(self.build / "bench")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"layouts/archive_\d+.so: cannot open")
        self.assertNotIn("signal", done.stderr)

    @unittest.skipUnless(os.geteuid() == 0 and SETPRIV, "not root")
    def test_user_without_rights(self) -> None:
        """A user who may read the program, and write into results alone."""
        for path in [self.folder, self.build.parent, *self.build.parent.rglob("*")]:
            path.chmod(0o555)
        self.addCleanup(self.folder.chmod, 0o700)
        other = f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"
        listed = subprocess.run(
            [SETPRIV, *other, str(self.build / "bench"), *SHORT, "--list"],
            capture_output=True,
        )
        if listed.returncode != 0:
            self.skipTest("others cannot read the sources")

        refused = self.call(self.build / "bench", SETPRIV, *other)
        self.assertEqual(refused.returncode, 1)
        self.assertIn(f"{self.folder}/a: Permission denied", refused.stderr)
        self.assertNotIn("round 0", refused.stderr)

        self.folder.chmod(0o755)
        os.chown(self.folder, NOBODY, NOBODY)
        self.check(self.call(self.build / "bench", SETPRIV, *other))


class Results(Folder):
    def test_folder_that_cannot_be_written_ends_it_at_once(self) -> None:
        """For root too: in a folder of the system that takes no files."""
        done = self.measure("--label", "a", "--results", "/proc")
        self.assertEqual(done.returncode, 1)
        self.assertIn("bench: /proc/a: ", done.stderr)
        self.assertNotIn("round 0", done.stderr)

    @unittest.skipIf(os.geteuid() == 0, "root writes anywhere")
    def test_folder_of_others_ends_it_at_once(self) -> None:
        self.folder.chmod(0o500)
        self.addCleanup(self.folder.chmod, 0o700)
        done = self.measure("--label", "a")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"bench: {self.folder}/a: Permission denied", done.stderr)


if __name__ == "__main__":
    main()
