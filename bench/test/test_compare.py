"""./run compare: what it refuses, how it decides, and what it finds.

usage: test_compare.py COMPARE BUILD [CASE...]

COMPARE is compare.py. BUILD is a folder to build in, which may be there already. A
CASE is a class below; without one all run. Only Instructions and Time build.
"""

import contextlib
import io
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

COMPARE, BUILD, *CASES = sys.argv[1:]
ROOT = Path(COMPARE).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bench"))

import compare  # noqa: E402
from interval import Estimate  # noqa: E402
from load import Counts, Row, Run  # noqa: E402

GOOGLES = Path("/usr/share/benchmark/compare.py")  # libbenchmark-tools
PYTHON = "/usr/bin/python3"  # the one that its modules belong to
CALLED_SLOWER = 0.95  # of the cells of a pool that is 10 % slower, at least

ALLOC = "ngx_palloc(ngx_pool_t *pool, size_t size)\n{\n"
ENDS = [
    f"{name}(ngx_pool_t *pool)\n{{\n" for name in ("ngx_destroy_pool", "ngx_reset_pool")
]
ONE_INSTRUCTION = '    __asm__ volatile("nop");\n\n'

# At a region's end: waits for a share of the time since the last one ended. So a
# region takes that share longer, however long it takes. The time between two rows is
# no region's. Under valgrind, where instructions count, time means nothing.
SPIN = """
#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef RUNNING_ON_VALGRIND
#define RUNNING_ON_VALGRIND 0
#endif

static unsigned long long spin_from;

static void
spin(void)
{
    unsigned long long now = __builtin_ia32_rdtsc();
    unsigned long long spent = now - spin_from;

    if (spin_from != 0 && spent < 100000000 && !RUNNING_ON_VALGRIND) {
        unsigned long long until = now + spent * %d / 100;

        while (__builtin_ia32_rdtsc() < until) {
        }
    }
    spin_from = __builtin_ia32_rdtsc();
}
"""


def call(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", COMPARE, "--build", BUILD, *words],
        capture_output=True, text=True, cwd=ROOT,
    )


class Folder(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def ends(self, status: int, *words: str) -> str:
        """The output of compare, the errors after the other lines."""
        done = call(*words)
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, status, said)
        self.assertNotIn("Traceback", said)
        return said

    def run_json(self, name: str, *rates: float, rounds: int = 9, layouts: int = 9,
                 allocator: str = "pool", instructions: float | None = None) -> str:
        """A run of one row, whose rounds differ by little."""
        row = {"workload": "fill", "allocator": allocator, "sizes": "lognormal", "n": 25}
        entries = [
            row | {
                "name": "/".join(map(str, row.values())), "run_type": "iteration",
                "repetition_index": number, "layout": number % layouts,
                "real_time": 1.0, "cpu_time": 1.0, "time_unit": "ns",
                "items_per_second": 1e8 * rates[0] * (1 + 0.001 * number),
            }
            for number in range(rounds)
        ]
        run = {"context": {"aa_pair": "pool,pool_again"}, "benchmarks": entries}
        if instructions is not None:
            counts = {"instructions": instructions, "branches": 1, "mispredictions": 0}
            run["instructions"] = [row | counts]
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(run))
        return str(path)


class Words(Folder):
    """The command line."""

    def test_help_is_the_manual(self) -> None:
        for word in "-h", "--help":
            said = self.ends(0, word)
            self.assertEqual(said.strip(), compare.__doc__.strip())

    def test_wrong_usage(self) -> None:
        self.assertIn("required: NEW", self.ends(2, "HEAD"))
        self.assertIn("unrecognized arguments: --slow", self.ends(2, "--slow", "a", "b"))
        said = self.ends(2, "--filter", "(", "HEAD", ".")
        self.assertIn('"(" is no regular expression', said)
        said = self.ends(2, "--filter", "^nothing$", "HEAD", ".")
        self.assertIn('no row matches "^nothing$"', said)

    def test_revision_that_is_not_there_is_named(self) -> None:
        for words in ("no-such", "."), (".", "no-such"):
            self.assertIn("no-such: ", self.ends(2, *words))

    def test_folder_with_another_pool(self) -> None:
        (self.folder / "pool").mkdir()
        said = self.ends(2, str(self.folder), ".")
        self.assertIn(f"{self.folder}: found no pool/ngx_palloc.c in it", said)

    def test_run_and_revision(self) -> None:
        self.run_json("run.json", 1.0)
        for words in (str(self.folder), "HEAD"), (".", str(self.folder)):
            self.assertIn("one is a run and the other is none", self.ends(2, *words))

    def test_fault_of_its_own_is_no_regression(self) -> None:
        with (
            mock.patch.object(compare, "compare", side_effect=RuntimeError("planted")),
            mock.patch.object(sys, "argv", ["compare", "a", "b"]),
            contextlib.redirect_stderr(io.StringIO()) as err,
        ):
            self.assertEqual(compare.main(), 2)
        self.assertIn("planted", err.getvalue())


class TwoRuns(Folder):
    def test_slower_run_has_regressed(self) -> None:
        old, new = self.run_json("old.json", 1.0), self.run_json("new.json", 0.8)
        said = self.ends(1, old, new)
        self.assertIn("Not paired: two runs.", said)
        self.assertRegex(said, r"fill/pool/lognormal/25 +1\.25\d .* slower .*SLOWER")
        self.assertIn(" faster ", self.ends(0, new, old))

    def test_file_of_another_name_is_not_the_one_beside_it(self) -> None:
        self.run_json("run.json", 1.0)
        new = self.run_json("other.json", 0.8)
        self.assertIn("SLOWER", self.ends(1, str(self.folder), new))

    def test_slower_by_less_than_the_bound(self) -> None:
        old, new = self.run_json("old.json", 1.0), self.run_json("new.json", 0.98)
        self.assertIn(" equal ", self.ends(0, old, new))

    def test_instructions_need_both_lists(self) -> None:
        old = self.run_json("old.json", 1.0, instructions=1000.0)
        for count, status in (1001.9, 0), (1002.0, 1), (900.0, 0):
            new = self.run_json("new.json", 1.0, instructions=count)
            said = self.ends(status, old, new)
            self.assertEqual("MORE INSTRUCTIONS" in said, status == 1)
        said = self.ends(0, old, self.run_json("new.json", 1.0))
        self.assertIn("not counted", said)

    def test_only_the_baseline_unless_others_are_chosen(self) -> None:
        files = [
            self.run_json(f"{count}.json", 1.0, allocator="jemalloc", instructions=count)
            for count in (2000.0, 2100.0)
        ]
        self.assertIn("none of the chosen rows in common", self.ends(2, *files))
        self.assertIn("MORE", self.ends(1, "--filter", "jemalloc", *files))

    def test_too_few_layouts_are_not_judged(self) -> None:
        old = self.run_json("old.json", 1.0)
        for rounds, layouts in (2, 2), (14, 3):
            new = self.run_json("new.json", 1.0, rounds=rounds, layouts=layouts)
            said = self.ends(2, old, new)
            self.assertIn(f"{layouts} layouts; expected 4 or more", said)

    def test_what_is_no_run(self) -> None:
        path = self.folder / "broken.json"
        path.write_text("{")
        said = self.ends(2, str(path), self.run_json("a.json", 1.0))
        self.assertIn("broken JSON", said)


class Revisions(Folder):
    """Pools that are taken from git."""

    def setUp(self) -> None:
        super().setUp()
        if shutil.which("git") is None:
            self.skipTest("no git")
        self.repository = self.folder / "repository"
        self.repository.mkdir()
        self.git("init", "-q")
        self.commit("README", "nothing\n")
        self.git("tag", "without")
        self.commit("pool/standalone/ngx_core.h", "\n")
        self.commit("pool/ngx_palloc.c", "old\n")
        self.git("tag", "old")
        self.commit("pool/ngx_palloc.c", "new\n")
        patch = mock.patch.object(compare, "ROOT", self.repository)
        patch.start()
        self.addCleanup(patch.stop)

    def git(self, *words: str) -> str:
        who = ("-c", "user.name=test", "-c", "user.email=test@example")
        return subprocess.run(
            ["git", "-C", str(self.repository), *who, *words],
            check=True, capture_output=True, text=True,
        ).stdout.strip()

    def commit(self, name: str, text: str) -> None:
        path = self.repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.git("add", name)
        self.git("commit", "-q", "-m", name)

    def fetched(self, word: str) -> str:
        compare.fetch(word, self.folder / "there")
        return (self.folder / "there" / "pool" / "ngx_palloc.c").read_text()

    def test_each_is_as_it_was_committed(self) -> None:
        (self.repository / "pool" / "ngx_palloc.c").write_text("not committed\n")
        self.assertEqual(self.fetched("old"), "old\n")
        self.assertEqual(self.fetched("HEAD"), "new\n")
        self.assertEqual(self.fetched("HEAD~1"), "old\n")
        self.assertEqual(self.fetched(str(self.repository)), "not committed\n")
        self.assertEqual(
            compare.fetch("old", self.folder / "there"), self.git("rev-parse", "old")
        )

    def test_revision_without_a_pool_is_named_and_leaves_what_was_there(self) -> None:
        self.fetched("old")
        with self.assertRaisesRegex(compare.CompareError, "^without: "):
            compare.fetch("without", self.folder / "there")
        there = self.folder / "there" / "pool" / "ngx_palloc.c"
        self.assertEqual(there.read_text(), "old\n")


class Decisions(unittest.TestCase):
    """The rules for a regression; nothing is measured."""

    def test_whole_interval_must_lie_above_the_bound(self) -> None:
        for ratio, is_slower in (1.0299, False), (1.0301, True):
            (line,) = compare.lines_of(self.measured({"fill/lognormal/25": ratio}))
            self.assertEqual(line.is_slower, is_slower)
            self.assertEqual(line.has_regressed, is_slower)

    def test_instructions_have_a_threshold(self) -> None:
        same = Estimate(1.0, 1.0, 1.0)
        for new, has_more in (100.199, False), (100.2, True), (50.0, False):
            line = compare.Line("fill/lognormal/25", same, "equal", False, (100.0, new))
            self.assertEqual(line.has_regressed, has_more)

    def measured(self, slower: dict[str, float]) -> Run:
        """Twelve layouts, in which NEW's rows take this factor times OLD's time."""
        run = Run(Path("run.json"), {}, {}, "")
        run.layouts = {number: number for number in range(12)}
        for cell, ratio in slower.items():
            workload, sizes, n = cell.split("/")
            for allocator, factor in (compare.OLD, 1.0), (compare.NEW, ratio):
                row = Row(workload, allocator, sizes, int(n))
                run.rates[row] = {number: 1e8 / factor for number in run.layouts}
                run.counts[row] = Counts(30.0, 3.0, 0.0)
        return run

    def test_slower_cells_are_measured_again_and_must_be_so_twice(self) -> None:
        once, twice, never = "fill/fleet/25", "fill/lognormal/25", "fill/uniform/25"
        first = self.measured({once: 1.1, twice: 1.1, never: 1.0})
        second = self.measured({once: 1.0, twice: 1.2})
        with (
            mock.patch.object(compare, "fetch", return_value=""),
            mock.patch.object(compare, "compile_both"),
            mock.patch.object(compare, "measure", side_effect=[first, second]) as runs,
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()) as err,
        ):
            lines = compare.compare_commits(compare.parse(["a", "b"]))
        self.assertEqual(
            {of.name: of.has_regressed for of in lines},
            {once: False, twice: True, never: False},
        )
        # The mean of both measurements, by logarithms.
        times = {of.name: of.time.median for of in lines}
        self.assertAlmostEqual(times[once], 1.1**0.5)
        self.assertAlmostEqual(times[twice], (1.1 * 1.2) ** 0.5)
        self.assertAlmostEqual(times[never], 1.0)
        self.assertEqual(
            {compare.cell_name(row) for row in runs.call_args_list[1].args[1]},
            {once, twice},
        )
        self.assertIn("2 cells once more", err.getvalue())


class Planted(Folder):
    """Pools with a change, in programs that are built and run."""

    def planted(self, name: str, *changes: tuple[str, str]) -> str:
        """A folder whose pool has, after each text, another one."""
        folder = self.folder / name
        shutil.copytree(ROOT / "pool", folder / "pool")
        source = folder / "pool" / "ngx_palloc.c"
        text = source.read_text()
        for place, added in changes:
            self.assertEqual(text.count(place), 1, place)
            text = text.replace(place, place + added)
        source.write_text(text)
        return str(folder)

    def run_of(self, label: str) -> dict:
        return json.loads(Path(BUILD, "results", label, "run.json").read_text())


class Instructions(Planted):
    """No test here depends on time: the rounds are as few as a verdict needs, and
    time has no bound."""

    WORDS = ("--quick", "--filter", "/lognormal/")

    def ends(self, status: int, *words: str) -> str:
        out = io.StringIO()
        with (
            mock.patch.object(compare, "ROUNDS", 6),
            mock.patch.object(compare, "TIME_MOST", math.inf),
            mock.patch.object(sys, "argv", [COMPARE, "--build", BUILD, *words]),
            # The build is to run, and not to be debugged.
            mock.patch.dict(os.environ, {"CFLAGS": "-g0", "CXXFLAGS": "-g0"}),
            contextlib.chdir(ROOT),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(out),
        ):
            self.assertEqual(compare.main(), status, out.getvalue())
        return out.getvalue()

    def counts(self) -> dict[tuple[str, str, int], dict[str, float]]:
        """The instructions of an allocation, by cell and by pool."""
        found: dict[tuple[str, str, int], dict[str, float]] = {}
        for row in self.run_of("first")["instructions"]:
            cell = found.setdefault((row["workload"], row["sizes"], row["n"]), {})
            cell[row["allocator"]] = row.get("instructions", 0.0)
        return found

    def test_one_an_allocation_always_fails(self) -> None:
        more = self.planted("more", (ALLOC, ONE_INSTRUCTION))
        said = self.ends(1, *self.WORDS, ".", more)
        self.assertIn("instructions: 4)", said)
        self.assertEqual(said.count("MORE INSTRUCTIONS"), 4)
        counts = self.counts()
        self.assertEqual(len(counts), 4)
        for cell, of in counts.items():
            self.assertAlmostEqual(of[compare.NEW] - of[compare.OLD], 1.0, 6, cell)
        self.check_that_googles_program_reads_it()

    def check_that_googles_program_reads_it(self) -> None:
        if not GOOGLES.exists():
            return
        done = subprocess.run(
            [PYTHON, str(GOOGLES), "--no-color", "filters",
             str(Path(BUILD, "results", "first", "run.json")), compare.OLD, compare.NEW],
            capture_output=True, text=True,
        )
        if "ModuleNotFoundError" in done.stderr:
            return
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"fill/\[pool_old vs\. pool_new\]/lognormal/1000")

    def test_the_same_pool_has_no_more(self) -> None:
        said = self.ends(0, *self.WORDS, ".", str(ROOT))
        self.assertIn("old: the files of .\n", said)
        self.assertIn("4 cells, 0 regressed (time: 0, instructions: 0)", said)
        for cell, of in self.counts().items():
            self.assertEqual(of[compare.NEW], of[compare.OLD], cell)

    def test_pool_that_does_not_build_is_named(self) -> None:
        broken = self.planted("broken", (ALLOC, "    no such word;\n"))
        said = self.ends(2, ".", broken)
        problem = f"NEW, the files of {broken}, does not build: .*/compare.log says"
        self.assertRegex(said, problem)
        self.assertIn("no such word", Path(BUILD, "compare.log").read_text())


@unittest.skipUnless(platform.machine() == "x86_64", "no clock of the processor's")
class Time(Planted):
    """Regions of 1,000 allocations, so that the clock's own cost is small."""

    WORDS = ("--quick", "--filter", "/1000$")

    def spinning(self, percent: int) -> str:
        source = (ROOT / "pool" / "ngx_palloc.c").read_text()
        includes = source[source.index("#include"):].split("\n\n")[0] + "\n"
        calls = ((end, "    spin();\n") for end in ENDS)
        return self.planted(f"spin{percent}", (includes, SPIN % percent), *calls)

    def verdicts(self, said: str) -> list[str]:
        return [line.split()[5] for line in said.splitlines() if line.startswith("fill")]

    def test_ten_percent_are_called_slower(self) -> None:
        said = self.ends(1, *self.WORDS, self.spinning(0), self.spinning(10))
        found = self.verdicts(said)
        self.assertEqual(len(found), 4)
        self.assertGreaterEqual(found.count("slower") / len(found), CALLED_SLOWER, said)
        self.assertIn("SLOWER", said)
        self.assertIn("instructions: 0)", said)

    def test_one_percent_never_fails(self) -> None:
        said = self.ends(0, *self.WORDS, self.spinning(0), self.spinning(1))
        self.assertIn("4 cells, 0 regressed (time: 0, instructions: 0)", said)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *CASES], verbosity=2)
