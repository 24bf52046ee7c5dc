"""The program bench as its users meet it.

usage: test_bench.py BENCH RUN

BENCH is the program, RUN is run.py. Every measurement here is as short as can
be: what is tested is what is written, not the figures.
"""

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

BENCH = sys.argv[1]
RUN = sys.argv[2]
COMPARE = Path("/usr/share/benchmark/compare.py")  # libbenchmark-tools
MIB = 1024 * 1024
KEPT = 16 * MIB  # NGX_POOL_CACHE_SIZE: by a thread, at most
PYTHON = "/usr/bin/python3"  # the one that compare.py's scipy belongs to

FILTER = "^fill/(pool|arena)/fixed64/1000?$|^shim/c/1024$"
ROWS = {
    "fill/pool/fixed64/100",
    "fill/pool/fixed64/1000",
    "fill/pool_again/fixed64/100",
    "fill/pool_again/fixed64/1000",
    "fill/arena/fixed64/100",
    "fill/arena/fixed64/1000",
    "shim/c/1024",
}
ENTRY = {
    "name": str,
    "family_index": int,
    "per_family_instance_index": int,
    "run_name": str,
    "run_type": str,
    "repetitions": int,
    "repetition_index": int,
    "threads": int,
    "iterations": int,
    "real_time": (int, float),
    "cpu_time": (int, float),
    "time_unit": str,
}


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BENCH, *words], capture_output=True, text=True)


def load(path: Path) -> dict:
    return json.loads(path.read_text())


class Folder(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def measure(self, *words: str) -> subprocess.CompletedProcess[str]:
        return bench("--quick", "--results", str(self.folder), *words)


class Results(Folder):
    def test_run_json_has_a_row_a_round(self) -> None:
        done = self.measure("--filter", FILTER, "--rounds", "2", "--label", "a")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, f"{self.folder}/a\n")
        self.assertRegex(done.stderr, r"round \d of 2, row \d+ of 7, \d:\d\d left")

        run = load(self.folder / "a" / "run.json")
        seen = set()
        for entry in run["benchmarks"]:
            for key, kind in ENTRY.items():
                self.assertIsInstance(entry[key], kind, key)
            self.assertEqual(entry["run_type"], "iteration")
            self.assertEqual(entry["repetitions"], 2)
            self.assertGreater(entry["real_time"], 0)
            self.assertGreater(entry["items_per_second"], 0)
            seen.add((entry["name"], entry["repetition_index"]))
            if entry["name"].startswith("fill"):
                self.check_rates(entry)
        self.assertEqual(seen, {(row, number) for row in ROWS for number in (0, 1)})
        self.assertEqual(len(run["benchmarks"]), len(seen))

        context = run["context"]
        self.assertEqual(context["aa_pair"], "pool,pool_again")
        self.assertEqual(context["rounds"], "2")
        self.assertIn(context["library_build_type"], ("debug", "release"))

    def check_rates(self, entry: dict) -> None:
        """An iteration is a region of n allocations of 64 bytes."""
        n = int(entry["name"].rsplit("/", 1)[1])
        items = n / (entry["cpu_time"] * 1e-9)
        self.assertAlmostEqual(entry["items_per_second"] / items, 1, places=6)
        self.assertAlmostEqual(
            entry["bytes_per_second"] / entry["items_per_second"], 64, places=6
        )

    def test_iterations_stay_fixed_over_the_rounds(self) -> None:
        self.measure("--filter", FILTER, "--rounds", "3", "--label", "a")
        counts: dict[str, set[int]] = {}
        for entry in load(self.folder / "a" / "run.json")["benchmarks"]:
            counts.setdefault(entry["name"], set()).add(entry["iterations"])
        self.assertEqual({len(of) for of in counts.values()}, {1})

    def test_machine_and_command_are_told(self) -> None:
        words = ("--filter", "arena/fixed16/(10|'')$", "--rounds", "1", "--label", "b")
        self.measure(*words)
        machine = load(self.folder / "b" / "machine.json")
        for key in (
            "cpu cores governor kernel commit compilers build_type flags libraries "
            "allocators"
        ).split():
            self.assertIn(key, machine)
        self.assertIn("libngxpool", machine["allocators"]["pool"]["path"])
        for of in machine["allocators"].values():
            self.assertIn(of["kind"], ("general", "region"))
            self.assertEqual("unavailable" in of, "path" not in of)
            self.assertEqual("version" in of, "path" in of)
        self.assertIn(
            machine["libraries"]["google-benchmark build type"], ("debug", "release")
        )
        command = (self.folder / "b" / "command").read_text()
        self.assertEqual(
            shlex.split(command)[1:],
            ["--quick", "--results", str(self.folder), *words],
        )

    def test_default_label_is_date_time_and_commit(self) -> None:
        done = self.measure("--filter", "arena/fixed16/10$", "--rounds", "1")
        self.assertEqual(done.returncode, 0, done.stderr)
        (made,) = self.folder.iterdir()
        self.assertRegex(made.name, r"^\d{8}-\d{6}-[0-9a-z]{7}$")

    def test_pair_follows_the_allocators(self) -> None:
        self.measure(
            "--allocators", "arena", "--sizes", "fixed16", "--workloads", "fill",
            "--rounds", "1", "--label", "c",
        )
        run = load(self.folder / "c" / "run.json")
        self.assertEqual(run["context"]["aa_pair"], "arena,arena_again")
        self.assertEqual(
            {entry["name"].split("/")[1] for entry in run["benchmarks"]},
            {"arena", "arena_again"},
        )

    def test_failure_leaves_earlier_results(self) -> None:
        if os.geteuid() == 0:
            # root writes anywhere: a folder in the file's place stops it.
            (self.folder / "d" / "run.json.tmp").mkdir(parents=True)
        else:
            (self.folder / "d").mkdir()
        for name in ("run.json", "machine.json", "command"):
            (self.folder / "d" / name).write_text("before")
        if os.geteuid() != 0:
            (self.folder / "d").chmod(0o500)
        done = self.measure("--filter", FILTER, "--rounds", "1", "--label", "d")
        (self.folder / "d").chmod(0o700)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, "")
        for name in ("run.json", "machine.json", "command"):
            self.assertEqual((self.folder / "d" / name).read_text(), "before")
            if name != "run.json":
                self.assertFalse((self.folder / "d" / f"{name}.tmp").exists())

    def test_folder_that_cannot_be_made_ends_it_at_once(self) -> None:
        (self.folder / "file").write_text("")
        done = bench("--quick", "--results", str(self.folder / "file"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("Not a directory", done.stderr)

    @unittest.skipUnless(COMPARE.exists(), "no compare.py")
    def test_compare_py_reads_it(self) -> None:
        skipped = "fill/pool/large/10000"
        for label in ("old", "new"):
            self.measure(
                "--filter", f"{FILTER}|^{skipped}$", "--rounds", "2", "--label", label
            )
        done = subprocess.run(
            [PYTHON, str(COMPARE), "--no-color", "benchmarks",
             *(str(self.folder / label / "run.json") for label in ("old", "new"))],
            capture_output=True, text=True,
        )
        if "ModuleNotFoundError" in done.stderr:
            self.skipTest(done.stderr.splitlines()[-1])
        self.assertEqual(done.returncode, 0, done.stderr)
        for row in ROWS:
            self.assertEqual(len(re.findall(rf"^{row} +[+-]", done.stdout, re.M)), 2)
            self.assertRegex(done.stdout, rf"(?m)^{row}_pvalue .*2 vs 2")


class Memory(Folder):
    """Rows that are not timed: what regions take while all are alive."""

    def rows(self, *words: str, status: int = 0) -> list[dict]:
        done = self.measure("--memory", "--label", "a", *words)
        self.assertEqual(done.returncode, status, done.stderr)
        return load(self.folder / "a" / "memory.json")["rows"]

    def need_malloc(self) -> None:
        """Under a sanitizer the figures are mostly its own."""
        done = bench("--list", "--filter", "^memory/glibc/fixed64/10$")
        if "malloc is served by" in done.stdout:
            self.skipTest(done.stdout)

    def test_figures_are_those_of_blocks(self) -> None:
        """16,384 bytes hold 254 allocations of 64 in a pool's first block and
        255 in each other: 1000 take four blocks, with malloc's 16 bytes each."""
        self.need_malloc()
        (row,) = self.rows("--allocators", "pool", "--sizes", "fixed64", "--ns", "1000")
        self.assertEqual(row["allocator"], "pool")
        self.assertEqual((row["sizes"], row["n"]), ("fixed64", 1000))
        self.assertEqual(row["regions"], 32 * MIB // 64000)
        self.assertEqual(row["asked_bytes"], row["regions"] * 64000)
        blocks = row["regions"] * 4
        written = row["regions"] * (80 + 3 * 32 + 64000)
        self.assertAlmostEqual(row["virtual_bytes"], blocks * 16400, delta=MIB / 4)
        self.assertGreaterEqual(row["resident_bytes"], written)
        self.assertLess(row["resident_bytes"], written + blocks * 4096 + MIB / 4)
        self.assertLess(row["kept_bytes"], KEPT + 2 * MIB)

    def test_figures_are_the_same_again(self) -> None:
        self.need_malloc()
        words = "--allocators", "glibc", "--sizes", "lognormal", "--ns", "100"
        first, second = self.rows(*words), self.rows(*words)
        for key in "regions", "asked_bytes":
            self.assertEqual(first[0][key], second[0][key])
        for key in "virtual_bytes", "resident_bytes":
            self.assertAlmostEqual(first[0][key], second[0][key], delta=MIB / 4)

    def test_regions_are_bounded_on_both_sides(self) -> None:
        few = self.rows("--allocators", "pool", "--sizes", "fixed4096", "--ns", "10000")
        self.assertEqual(few[0]["regions"], 1)
        many = self.rows("--allocators", "pool", "--sizes", "fixed16", "--ns", "1")
        self.assertEqual(many[0]["regions"], 4096)
        self.assertEqual(many[0]["asked_bytes"], 4096 * 16)

    def test_skipped_row_says_why(self) -> None:
        rows = self.rows(
            "--allocators", "pool", "--sizes", "fixed4096", "--ns", "10,1000000"
        )
        self.assertNotIn("error_message", rows[0])
        self.assertIn("at most 256 are measured", rows[1]["error_message"])
        self.assertNotIn("resident_bytes", rows[1])

    def test_process_that_fails_fails_the_row(self) -> None:
        def limited(*words: str) -> subprocess.CompletedProcess[str]:
            bounded = 'ulimit -v 131072; exec "$0" "$@"'  # KiB; the larger asks for 101 MiB
            return subprocess.run(
                ["sh", "-c", bounded, BENCH, "--results", str(self.folder), *words],
                capture_output=True, text=True,
            )

        words = (
            "--memory", "--filter", "/glibc/(lognormal/1000000|fixed64/10)$",
            "--label", "a",
        )
        if limited("--list", *words).returncode != 0:
            self.skipTest("a sanitizer needs more address space")
        done = limited(*words)
        self.assertEqual(done.returncode, 1, done.stderr)
        rows = load(self.folder / "a" / "memory.json")["rows"]
        found = {row["sizes"]: row.get("error_message") for row in rows}
        self.assertEqual(found, {"fixed64": None, "lognormal": "an allocation failed"})
        self.assertIn("lognormal/1000000: an allocation failed", done.stderr)

    def test_child_without_a_task_says_so(self) -> None:
        done = subprocess.run(
            [BENCH, "--memory-child"], stdin=subprocess.DEVNULL,
            capture_output=True, text=True,
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("--memory-child is for bench itself", done.stderr)

    def test_runs_have_it_unless_it_is_filtered_away(self) -> None:
        words = "--allocators", "pool", "--sizes", "fixed64", "--ns", "10", "--rounds", "1"
        self.measure("--label", "a", *words)
        self.assertTrue((self.folder / "a" / "memory.json").is_file())
        self.measure("--label", "a", *words, "--workloads", "fill")
        self.assertFalse((self.folder / "a" / "memory.json").exists())

    def test_alone_it_leaves_what_is_there(self) -> None:
        words = "--allocators", "pool", "--sizes", "fixed64", "--ns", "10"
        self.measure("--label", "a", "--rounds", "1", "--workloads", "fill", *words)
        before = {path.name: path.read_bytes() for path in (self.folder / "a").iterdir()}
        self.rows(*words)
        after = {path.name: path.read_bytes() for path in (self.folder / "a").iterdir()}
        self.assertEqual(after.pop("memory.json")[:1], b"{")
        self.assertEqual(after, before)

    def test_quick_run_takes_a_part(self) -> None:
        listed = bench("--list", "--quick", "--memory").stdout.splitlines()
        rows = [row.split()[0].split("/") for row in listed]
        self.assertEqual({row[0] for row in rows}, {"memory"})
        self.assertEqual({row[2] for row in rows}, {"lognormal", "nginx_request"})
        self.assertEqual({row[3] for row in rows}, {"10", "100", "1000", "10000"})
        self.assertNotIn("pool_inline", {row[1] for row in rows})
        self.assertNotIn("bump_memory", {row[1] for row in rows})


class Skips(Folder):
    def test_too_large_a_region_is_skipped_in_words(self) -> None:
        row = "fill/pool/large/10000"
        listed = bench("--list", "--filter", f"^{row}$")
        self.assertRegex(listed.stdout, rf"{row}  skipped: a region asks for \d+ MiB")

        done = self.measure(
            "--filter", f"^{row}$|^fill/pool/fixed16/10$", "--rounds", "1",
            "--label", "a",
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"skipped: {row}: a region asks for", done.stderr)
        entries = load(self.folder / "a" / "run.json")["benchmarks"]
        (entry,) = [entry for entry in entries if entry["name"] == row]
        self.assertIs(entry["error_occurred"], True)
        self.assertIn("a region asks for", entry["error_message"])
        self.assertEqual(entry["iterations"], 0)

        done = self.measure("--filter", f"^{row}$")
        self.assertEqual(done.returncode, 1)
        self.assertIn("a region asks for", done.stderr)

    def test_missing_allocator_is_skipped_in_words(self) -> None:
        reason = self.reason("tcmalloc")
        if reason is None:
            # The name of a library path that holds a file of another kind.
            (self.folder / "libtcmalloc_minimal.so.4").write_text("no library")
            os.environ["LD_LIBRARY_PATH"] = str(self.folder)
            self.addCleanup(os.environ.pop, "LD_LIBRARY_PATH")
            reason = self.reason("tcmalloc")
        self.assertIsNotNone(reason)
        self.assertRegex(reason, r"^no tcmalloc: .")

    def reason(self, allocator: str) -> str | None:
        listed = bench("--list", "--filter", f"^fill/{allocator}/fixed16/10$").stdout
        return listed.rstrip("\n").partition("  skipped: ")[2] or None


class Arguments(Folder):
    def refused(self, words: str, *arguments: str) -> None:
        done = self.measure(*arguments)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(done.stderr, words)
        self.assertEqual(done.stdout, "")
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_unknown_names_list_the_known_ones(self) -> None:
        self.refused(
            'unknown allocator "jmalloc"; known: pool .*glibc.*talloc_pool',
            "--allocators", "pool,jmalloc",
        )
        self.refused('unknown allocator ""; known: pool', "--allocators", "pool,")
        self.refused(
            'unknown distribution of sizes or trace "fixed6"; known: fixed16 .*uniform',
            "--sizes", "fixed6",
        )
        self.refused(
            'unknown workload "fil"; known: fill .*fill_reset .*shim',
            "--workloads", "fil",
        )
        self.refused('unknown n "2"; known: 1 10 25 100', "--ns", "10,2")

    def test_bad_values_say_what_is_expected(self) -> None:
        self.refused("no regular expression", "--filter", "(")
        self.refused("no row is left", "--filter", "^nothing$")
        self.refused("expected 1 to 1000", "--rounds", "0")
        self.refused("expected 1 to 1000", "--rounds", "3x")
        self.refused("expected letters", "--label", "../up")
        self.refused("expected letters", "--label", "")
        self.refused("--help", "--no-such")
        self.refused("--help", "--label")
        self.refused('found "word", expected an option', "word")
        self.refused("no/such: No such file", "--sizes-dir", "no/such")

    def test_help_tells_every_option(self) -> None:
        done = bench("--help")
        self.assertEqual(done.returncode, 0)
        for option in "label filter allocators sizes workloads ns quick memory rounds".split():
            self.assertIn(f"--{option}", done.stdout)

    def test_choices_narrow_the_list(self) -> None:
        words = "--workloads fill_reset --allocators pool,talloc --sizes uniform,fleet"
        done = bench("--list", *words.split())
        self.assertEqual(
            {tuple(row.split()[0].split("/")) for row in done.stdout.splitlines()},
            {
                ("fill_reset", allocator, sizes, n)
                for allocator in ("pool", "pool_again", "talloc")
                for sizes in ("uniform", "fleet")
                for n in ("1", "10", "25", "100", "1000", "10000", "100000", "1000000")
            },
        )
        done = bench("--list", "--quick", *words.split(), "--sizes", "uniform")
        self.assertEqual(
            {row.split()[0].split("/")[3] for row in done.stdout.splitlines()},
            {"10", "100", "1000", "10000"},
        )
        done = bench("--list", "--quick", *words.split(), "--ns", "1,25")
        self.assertEqual(
            {row.split()[0].split("/")[3] for row in done.stdout.splitlines()},
            {"1", "25"},
        )
        done = bench("--list", "--workloads", "shim")
        self.assertEqual(
            done.stdout.split(),
            ["shim/bare/1", "shim/bare/1024", "shim/c/1", "shim/c/1024"],
        )

    def test_added_csv_needs_no_code(self) -> None:
        (self.folder / "mine.csv").write_text("# mine\nbytes,weight\n48,1\n")
        done = bench("--list", "--sizes-dir", str(self.folder), "--sizes", "mine")
        self.assertIn("fill/pool/mine/1000\n", done.stdout)

        (self.folder / "mine.csv").write_text("bytes,weight\n48;1\n")
        done = bench("--list", "--sizes-dir", str(self.folder))
        self.assertEqual(done.returncode, 2)
        self.assertIn('mine.csv:2: found "48;1", expected bytes,weight', done.stderr)

    def test_workloads_keep_to_what_they_are_about(self) -> None:
        done = bench("--list", "--workloads", "fill_trim,free_random")
        rows = {tuple(row.split()[0].split("/")) for row in done.stdout.splitlines()}
        self.assertEqual(
            {sizes for workload, _, sizes, _ in rows if workload == "free_random"},
            {"fixed4096", "large"},
        )
        self.assertTrue(all(int(row[3]) >= 1000 for row in rows))
        for line in done.stdout.splitlines():
            if line.startswith("free_random/arena/"):
                self.assertIn("skipped: arena: its regions are freed as a whole", line)

    def test_large_blocks_may_take_more_than_a_region(self) -> None:
        """A region of 391 MiB, where there is memory for twice as much."""
        row = "free_random/pool/fixed4096/100000"
        listed = bench("--list", "--filter", f"^{row}$").stdout.splitlines()[0]
        fields = dict(
            line.split(":") for line in Path("/proc/meminfo").read_text().splitlines()
        )
        mib = int(fields["MemAvailable"].split()[0]) / 1024
        if mib > 2 * 400:
            self.assertEqual(listed, row)
        elif mib < 2 * 380:
            self.assertRegex(listed, "a region asks for 391 MiB; at most")
        listed = bench("--list", "--filter", "^free_random/pool/fixed4096/1000000$")
        self.assertRegex(listed.stdout, r"3906 MiB; at most (\d|\d\d|\d{3}|1024) are")

    def test_quick_takes_one_row_of_the_side_lines(self) -> None:
        done = bench("--list", "--quick", "--allocators", "pool")
        rows = {
            tuple(row.split()[0].split("/")[i] for i in (0, 2, 3))
            for row in done.stdout.splitlines()
            if row.split("/")[0] in ("fill_trim", "free_random", "threads_1", "threads_2")
        }
        self.assertEqual(
            rows,
            {
                ("fill_trim", "lognormal", "10000"),
                ("free_random", "fixed4096", "1000"),
                ("threads_1", "lognormal", "100"),
                ("threads_2", "lognormal", "100"),
            },
        )

    def test_each_workload_has_a_row_or_a_reason_of_each_allocator(self) -> None:
        seen: dict[str, set[str]] = {}
        for line in bench("--list").stdout.splitlines():
            workload, allocator = line.split("/")[:2]
            if workload not in ("memory", "shim"):
                seen.setdefault(workload, set()).add(allocator)
        self.assertLessEqual(
            {"request", "pairs_fifo", "churn", "large", "cleanup", "handoff", "littered"},
            seen.keys(),
        )
        for workload, allocators in seen.items():
            self.assertEqual(allocators, seen["fill"], workload)

    def test_plans_are_parts_of_what_there_is(self) -> None:
        """A row that neither plan has can be named."""
        row = "churn/glibc/fixed64/100"
        for words in ((), ("--quick",)):
            self.assertNotIn(f"{row}\n", bench("--list", *words).stdout)
            listed = bench("--list", *words, "--filter", f"^{row}$").stdout
            self.assertIn(row, listed)

    def test_threads_need_as_many_cores(self) -> None:
        cores = os.sched_getaffinity(0)
        self.addCleanup(os.sched_setaffinity, 0, cores)
        words = ("--list", "--filter", "^threads_./pool/fixed16/10$")
        if len(cores) > 1:
            self.assertNotIn("skipped", bench(*words).stdout)
        os.sched_setaffinity(0, {min(cores)})
        listed = bench(*words).stdout.splitlines()
        self.assertEqual(listed[0], "threads_1/pool/fixed16/10")
        self.assertEqual(
            listed[1],
            "threads_2/pool/fixed16/10  skipped: 2 threads at once; found 1 core",
        )

    def test_threads_are_counted_in_the_results(self) -> None:
        self.measure(
            "--filter", "threads_./pool/lognormal/100$", "--rounds", "1",
            "--label", "a",
        )
        run = load(self.folder / "a" / "run.json")
        threads = {entry["name"]: entry["threads"] for entry in run["benchmarks"]}
        self.assertEqual(threads["threads_1/pool/lognormal/100"], 1)
        self.assertEqual(threads["threads_2/pool/lognormal/100"], 2)

    def test_classes_are_named(self) -> None:
        self.measure("--filter", "fill/pool/fixed16/10$", "--rounds", "1", "--label", "a")
        allocators = load(self.folder / "a" / "machine.json")["allocators"]
        self.assertEqual(allocators["pool"]["class"], "shared")
        self.assertEqual(allocators["pmr"]["class"], "inlined")
        self.assertEqual(allocators["pool_inline"]["class"], "inlined")
        self.assertEqual(allocators["bump_memory"]["class"], "limit")
        self.assertEqual(allocators["pool"]["keeps"], "bounded")
        self.assertEqual(allocators["pool"]["keeps_bytes"], KEPT)
        self.assertEqual(allocators["pool_unbounded"]["keeps"], "all")
        self.assertIsNone(allocators["pool_unbounded"]["keeps_bytes"])
        self.assertEqual(allocators["glibc"]["keeps"], "bounded")
        self.assertIsNone(allocators["glibc"]["keeps_bytes"])
        for of in allocators.values():
            if "path" in of:
                self.assertGreaterEqual(of["alignment"], 8)
                self.assertGreaterEqual(of["block_bytes"], 0)
                self.assertRegex(of["policy"], "^[^\n]+$")


class Interrupt(Folder):
    def interrupt(self, when: str, *words: str) -> tuple[int, str, str]:
        """Ctrl-C once stderr holds a line that matches when."""
        process = subprocess.Popen(
            [BENCH, "--results", str(self.folder), "--label", "a", *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for line in process.stderr:
            if re.search(when, line):
                break
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        out, err = process.communicate()
        self.assertLess(time.monotonic() - start, 10)
        return process.returncode, out, err

    def test_complete_rounds_are_kept(self) -> None:
        status, out, err = self.interrupt(
            "round 1 of 1000, row 1", "--filter", "^fill/(pool|arena)/fixed16/10$",
            "--rounds", "1000",
        )
        self.assertEqual(status, 0, err)
        self.assertEqual(out, f"{self.folder}/a\n")
        run = load(self.folder / "a" / "run.json")
        complete = int(run["context"]["rounds"])
        self.assertEqual(run["context"]["interrupted"], "yes")
        self.assertEqual(run["context"]["rounds_wanted"], "1000")
        self.assertGreater(complete, 0)
        self.assertLess(complete, 1000)
        self.assertEqual(len(run["benchmarks"]), 3 * complete)

    def test_a_round_that_crashes_costs_its_row_alone(self) -> None:
        """Each round is a process of its own."""
        process = subprocess.Popen(
            [BENCH, "--results", str(self.folder), "--label", "a", "--rounds", "6",
             "--filter", "^fill/(pool|arena)/fixed16/10$"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for line in process.stderr:
            if line.startswith("round 1 of 6"):
                break
        (child,) = children(process.pid)
        os.kill(child, signal.SIGKILL)
        _, err = process.communicate()
        self.assertEqual(process.returncode, 1, err)
        self.assertIn("the process was ended by signal 9", err)
        rows = load(self.folder / "a" / "run.json")["benchmarks"]
        failed = [row for row in rows if row.get("error_occurred")]
        self.assertEqual(len(failed), 1)
        self.assertIn("signal 9", failed[0]["error_message"])
        self.assertEqual(len(rows), 1 + 2 * 6)

    def test_nothing_is_written_before_the_first_round(self) -> None:
        status, out, err = self.interrupt("round 0 of", "--quick", "--rounds", "2")
        self.assertEqual(status, 130, err)
        self.assertEqual(out, "")
        self.assertIn("no round is complete", err)
        self.assertEqual(list(self.folder.iterdir()), [])


def children(pid: int) -> list[int]:
    """Processes whose parent pid is."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


class Run(Folder):
    def run_py(self, *words: str) -> subprocess.CompletedProcess[str]:
        build = Path(BENCH).resolve().parents[1]
        return subprocess.run(
            [sys.executable, RUN, str(build), *words], capture_output=True, text=True
        )

    def test_options_and_status_pass_through(self) -> None:
        listed = self.run_py("--list")
        self.assertEqual(listed.stdout, bench("--list").stdout)
        self.assertEqual(listed.returncode, 0)
        refused = self.run_py("--allocators", "none")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("known:", refused.stderr)

    def test_report_follows_the_measurement(self) -> None:
        done = self.run_py(
            "--quick", "--results", str(self.folder), "--label", "a", "--rounds", "6",
            "--allocators", "arena,pool", "--sizes", "fixed16", "--workloads", "fill",
        )
        if "no such Python module" in done.stderr:
            self.skipTest(done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((self.folder / "a" / "index.html").is_file())
        self.assertTrue(list((self.folder / "a").glob("*.svg")))

    def test_build_that_is_not_there(self) -> None:
        done = subprocess.run(
            [sys.executable, RUN, "no/such"], capture_output=True, text=True
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("no/such/bench/bench: No such file", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
