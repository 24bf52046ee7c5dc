"""./run compare, on pools with a planted change.

usage: test_compare.py COMPARE BUILD

COMPARE is compare.py. BUILD is a folder to build in, which may be there already.
"""

import json
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

COMPARE, BUILD = sys.argv[1:3]
ROOT = Path(COMPARE).resolve().parents[1]
ONE_CELL = "^fill_reset/.*/lognormal/1000$"
FOUR_CELLS = "/1000$"
ATTEMPTS = 2  # of what a busy machine can hide
PLACE = "ngx_palloc(ngx_pool_t *pool, size_t size)\n{\n"
ONE_INSTRUCTION = '    __asm__ volatile("nop");\n\n'


# Spins for a number of ticks of the processor's clock; the planted call is at the end
# of each region.
SPIN = """
static void
spin(void)
{
    unsigned long long start = __builtin_ia32_rdtsc();

    while (__builtin_ia32_rdtsc() - start < %dull) {
    }
}

"""


def compare(*words: str, cells: str = ONE_CELL) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, COMPARE, "--quick", "--filter", cells, "--build", BUILD, *words],
        capture_output=True, text=True, cwd=ROOT,
    )


class Planted(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.same = compare(str(ROOT), str(ROOT), cells=FOUR_CELLS)
        cls.region_ns = region_ns() if cls.same.returncode == 0 else 0.0

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def planted(self, text: str) -> str:
        """A folder whose pool has text at the start of ngx_palloc()."""
        shutil.copytree(ROOT / "pool", self.folder / "pool")
        source = self.folder / "pool" / "ngx_palloc.c"
        before = source.read_text()
        self.assertEqual(before.count(PLACE), 1)
        source.write_text(before.replace(PLACE, PLACE + text))
        return str(self.folder)

    def test_one_instruction_an_allocation_fails(self) -> None:
        done = compare(str(ROOT), self.planted(ONE_INSTRUCTION))
        if "not counted" in done.stdout:
            self.skipTest("no callgrind to count with")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("MORE INSTRUCTIONS", done.stdout)
        old, new = map(float, re.search(r"([\d.]+) -> ([\d.]+)", done.stdout).groups())
        self.assertAlmostEqual(new - old, 1.0, delta=0.011)

    def spinning(self, share: float) -> str:
        """A folder whose pool takes that share of a region's time longer."""
        ticks = share * self.region_ns * ticks_a_ns()
        shutil.copytree(ROOT / "pool", self.folder / "pool")
        source = self.folder / "pool" / "ngx_palloc.c"
        text = source.read_text()
        for name in ("ngx_destroy_pool", "ngx_reset_pool"):
            head = f"{name}(ngx_pool_t *pool)\n{{\n"
            self.assertEqual(text.count(head), 1)
            text = text.replace(head, head + "    spin();\n")
        first = text.index("#include")
        after = text.index("\n\n", first) + 1
        source.write_text(text[:after] + SPIN % ticks + text[after:])
        return str(self.folder)

    @unittest.skipUnless(platform.machine() == "x86_64", "no clock of the processor")
    def test_ten_percent_are_slower_in_each_cell(self) -> None:
        folder = self.spinning(0.10)
        for _ in range(ATTEMPTS):
            done = compare(str(ROOT), folder, cells=FOUR_CELLS)
            found = re.findall(r" slower ", done.stdout)
            if len(found) == 4:
                return
        self.fail(done.stdout + done.stderr)

    @unittest.skipUnless(platform.machine() == "x86_64", "no clock of the processor")
    def test_one_percent_does_not_fail(self) -> None:
        """But for the spin's instructions, which are counted."""
        folder = self.spinning(0.01)
        done = compare(str(ROOT), folder, cells=FOUR_CELLS)
        self.assertIn("(time: 0,", done.stdout, done.stderr)

    def test_the_same_pool_twice_passes(self) -> None:
        self.assertEqual(self.same.returncode, 0, self.same.stdout + self.same.stderr)
        self.assertNotIn("MORE", self.same.stdout)

    def test_pool_that_does_not_build_says_where_to_look(self) -> None:
        done = compare(str(ROOT), self.planted("no such word"))
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, "does not build: .*compare.log says why")

    def test_unknown_revision_is_named(self) -> None:
        done = compare("no-such-revision", str(ROOT))
        self.assertEqual(done.returncode, 2)
        self.assertIn("no-such-revision", done.stderr)


class TwoRuns(unittest.TestCase):
    def test_slower_run_fails_and_is_said_to_be_unpaired(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            old, new = Path(folder, "old"), Path(folder, "new")
            write_run(old, 1.0)
            write_run(new, 0.8)
            done = compare(str(old), str(new / "run.json"))
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            self.assertIn("Not paired", done.stdout)
            self.assertIn("SLOWER", done.stdout)
            self.assertEqual(compare(str(new), str(old)).returncode, 0)


def region_ns() -> float:
    """The median time of a region in the last comparison."""
    entries = json.loads(Path(BUILD, "results", "first", "run.json").read_text())
    times = [e["cpu_time"] for e in entries["benchmarks"] if "layout" in e]
    return statistics.median(times)


def ticks_a_ns() -> float:
    """Of the processor's clock, in GHz as the kernel says."""
    match = re.search(r"cpu MHz\s*: ([\d.]+)", Path("/proc/cpuinfo").read_text())
    return float(match.group(1)) / 1000 if match else 2.5


def write_run(folder: Path, speed: float) -> None:
    """A run of one row, whose rounds differ by a little."""
    folder.mkdir()
    entries = [
        {
            "name": "fill_reset/pool/lognormal/1000", "run_type": "iteration",
            "repetition_index": number, "layout": number, "workload": "fill_reset",
            "allocator": "pool", "sizes": "lognormal", "n": 1000, "iterations": 1,
            "real_time": 1.0, "cpu_time": 1.0, "time_unit": "ns",
            "items_per_second": speed * (1e8 + 1e5 * number),
        }
        for number in range(9)
    ]
    run = {"context": {"aa_pair": "pool,pool_again"}, "benchmarks": entries}
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "machine.json").write_text("{}")
    (folder / "command").write_text("bench\n")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
