"""The program bench as its users meet it.

usage: test_bench.py BENCH RUN

BENCH is the program, RUN is run.py.
"""

import gzip
import lzma
import math
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import unittest
from collections.abc import Callable
from pathlib import Path

from bench_case import BENCH, ROOT, SHORT, Folder, bench, listed, load, main

RUN = sys.argv[2]
COMPARE = Path("/usr/share/benchmark/compare.py")  # libbenchmark-tools
MIB = 1024 * 1024
KEPT = 16 * MIB  # NGX_POOL_CACHE_SIZE: by a thread, at most
PYTHON = "/usr/bin/python3"  # the one that compare.py's scipy belongs to

# The functions that google-benchmark fits to times over n.
CURVES = {
    "(1)": lambda n: 1,
    "lgN": math.log2,
    "N": lambda n: n,
    "NlgN": lambda n: n * math.log2(n),
    "N^2": lambda n: n**2,
    "N^3": lambda n: n**3,
}

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
    "workload": str,
    "layout": int,
}
KEY = {"workload": str, "allocator": str, "sizes": str, "n": int}
MEASURES = {"first_half_ns": float, "second_half_ns": float, "page_faults": (int, float)}
LATENCY = ("p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns")


class Results(Folder):
    def test_run_json_has_a_row_a_round(self) -> None:
        done = self.measure("--filter", FILTER, "--rounds", "2", "--label", "a")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, f"{self.folder}/a\n")
        self.assertRegex(done.stderr, r"round \d of 2, turn \d+ of \d+, \d:\d\d left")

        run = self.run_json()
        seen = set()
        for entry in run["benchmarks"]:
            self.check_kinds(entry, ENTRY)
            self.assertEqual(entry["run_type"], "iteration")
            self.assertEqual(entry["repetitions"], 2)
            self.assertGreater(entry["real_time"], 0)
            self.assertGreater(entry["items_per_second"], 0)
            seen.add((entry["name"], entry["repetition_index"]))
            if entry["workload"] == "shim":
                self.assertNotIn("allocator", entry)
                continue
            self.check_kinds(entry, KEY | MEASURES)
            self.assertEqual(
                entry["name"].split("/"), [str(entry[key]) for key in KEY]
            )
            self.check_rates(entry)
        self.assertEqual(seen, {(row, number) for row in ROWS for number in (0, 1)})
        self.assertEqual(len(run["benchmarks"]), len(seen))

        context = run["context"]
        self.assertEqual(context["aa_pair"], "pool,pool_again")
        self.assertEqual(context["rounds"], "2")
        self.assertIn(context["library_build_type"], ("debug", "release"))
        self.assertEqual(context["interrupted"], "no")
        self.assertEqual(context["layouts"], "12")
        for key in "seed elapsed_seconds clock_ns latency_error".split():
            self.assertGreaterEqual(float(context[key]), 0, key)
        self.assertEqual(
            {path.name for path in (self.folder / "a").iterdir()},
            {"run.json", "machine.json", "command"},
        )

    def check_kinds(self, entry: dict, kinds: dict) -> None:
        for key, kind in kinds.items():
            self.assertIsInstance(entry[key], kind, key)

    def check_rates(self, entry: dict) -> None:
        """An iteration is a region of n allocations of 64 bytes."""
        n = int(entry["name"].rsplit("/", 1)[1])
        items = n / (entry["cpu_time"] * 1e-9)
        self.assertAlmostEqual(entry["items_per_second"] / items, 1, places=6)
        self.assertAlmostEqual(
            entry["bytes_per_second"] / entry["items_per_second"], 64, places=6
        )

    def test_iterations_stay_fixed_after_the_first_round(self) -> None:
        self.measure("--filter", FILTER, "--rounds", "3", "--label", "a")
        counts: dict[str, set[int]] = {}
        for entry in self.run_json()["benchmarks"]:
            if entry["repetition_index"] > 0:
                counts.setdefault(entry["name"], set()).add(entry["iterations"])
        self.assertEqual({len(of) for of in counts.values()}, {1})

    def test_latencies_are_of_single_regions(self) -> None:
        self.measure(
            "--filter", "^fill/pool/(fleet|fixed64)/10$", "--rounds", "2", "--label", "a"
        )
        run = self.run_json()
        found = {entry["allocator"]: entry for entry in run["latencies"]}
        self.assertEqual(len(run["latencies"]), 2)
        self.assertEqual(set(found), {"pool", "pool_again"})
        for entry in found.values():
            self.check_kinds(entry, KEY)
            self.assertEqual((entry["sizes"], entry["n"]), ("fleet", 10))
            self.assertGreater(entry["regions"], 0)
            values = [entry[key] for key in LATENCY]
            self.assertEqual(values, sorted(values))
            self.assertGreater(values[0], 0)
        self.assertAlmostEqual(float(run["context"]["latency_error"]), 1 / 64, places=3)

    def test_growth_is_fitted_over_n(self) -> None:
        self.measure(
            "--filter", "^fill/pool/fixed64/(10|100|1000)$", "--rounds", "1",
            "--label", "a",
        )
        (fit,) = self.run_json()["complexity"]
        self.assertEqual(
            (fit["workload"], fit["allocator"], fit["sizes"]),
            ("fill", "pool", "fixed64"),
        )
        times = {row["n"]: row["real_time"] for row in self.rows_of("fill/pool/fixed64/")}
        fits = {name: self.fit(times, curve) for name, curve in CURVES.items()}
        best = min(fits, key=lambda name: fits[name][1])
        self.assertEqual(fit["big_o"], best)
        self.assertAlmostEqual(fit["coefficient_ns"] / fits[best][0], 1, places=3)
        self.assertAlmostEqual(fit["rms"], fits[best][1], places=3)

    def rows_of(self, prefix: str) -> list[dict]:
        rows = self.run_json()["benchmarks"]
        return [row for row in rows if row["name"].startswith(prefix)]

    def fit(
        self, times: dict[int, float], curve: Callable[[float], float]
    ) -> tuple[float, float]:
        """The coefficient of least squares, and the error over the mean time."""
        products = sum(time * curve(n) for n, time in times.items())
        coefficient = products / sum(curve(n) ** 2 for n in times)
        errors = [(time - coefficient * curve(n)) ** 2 for n, time in times.items()]
        mean = sum(times.values()) / len(times)
        return coefficient, math.sqrt(sum(errors) / len(errors)) / mean

    def test_machine_and_command_are_reported(self) -> None:
        words = ("--filter", "arena/fixed16/(10|'')$", "--rounds", "1", "--label", "b")
        self.measure(*words)
        machine = load(self.folder / "b" / "machine.json")
        for key in (
            "cpu cores governor kernel commit compilers build_type flags libraries "
            "allocators"
        ).split():
            self.assertIn(key, machine)
        self.assertRegex(machine["allocators"]["pool"]["path"], r"/libngxpool_shared_\d+.so$")
        self.assertRegex(machine["allocators"]["pool_archive"]["path"], r"/archive_\d+.so$")
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
            ["--quick", "--results", str(self.folder), *SHORT, *words],
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
    """Rows that are not timed: the memory of regions while all are alive."""

    def rows(self, *words: str) -> list[dict]:
        done = self.measure("--workloads", "memory", "--label", "a", "--force", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        run = self.run_json()
        self.assertEqual(run["benchmarks"], [])
        return run["memory"]

    def need_malloc(self) -> None:
        """Under a sanitizer the figures are mostly its own."""
        (row,) = listed("--filter", "^memory/glibc/fixed64/10$")
        if "malloc is served by" in row:
            self.skipTest(row)

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
        """There is address space for the start, but not for a region of 182 MiB."""
        words = (
            "--workloads", "memory", "--filter", "/glibc/(large/1000|fixed64/10)$",
            "--label", "a", *SHORT,
        )

        def limited(*more: str) -> subprocess.CompletedProcess[str]:
            return bench(
                *words, *more, "--results", str(self.folder),
                preexec_fn=lambda: resource.setrlimit(
                    resource.RLIMIT_AS, (128 * MIB, 128 * MIB)),
            )

        if limited("--list").returncode != 0:
            self.skipTest("a sanitizer needs more address space")
        done = limited()
        self.assertEqual(done.returncode, 1, done.stderr)
        found = {row["sizes"]: row.get("error_message") for row in self.run_json()["memory"]}
        self.assertEqual(found, {"fixed64": None, "large": "an allocation failed"})
        self.assertIn("large/1000: an allocation failed", done.stderr)

    def test_measured_alone_it_says_what_it_does_and_wrote(self) -> None:
        build = Path(BENCH).resolve().parents[1]
        done = subprocess.run(
            [sys.executable, "-B", RUN, str(build), "--results", str(self.folder),
             "--label", "a", "--quick", "--workloads", "memory", "--allocators",
             "pool,glibc", "--sizes", "fixed64", "--ns", "100", *SHORT],
            capture_output=True, text=True,
        )
        if "no such Python module" in done.stderr:
            self.skipTest(done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"(?m)^memory, row 1 of 2  memory/pool/fixed64/100$")
        rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
        self.assertEqual(len(rows), 2 + 2, done.stdout)
        self.assertIn(f"All figures: {self.folder}/a/run.json", done.stdout)

    def test_child_without_a_task_says_so(self) -> None:
        done = subprocess.run(
            [BENCH, "--memory-child"], stdin=subprocess.DEVNULL,
            capture_output=True, text=True,
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("--memory-child is for bench itself", done.stderr)

    def test_runs_have_it_unless_it_is_filtered_away(self) -> None:
        words = "--allocators", "pool", "--sizes", "fixed64", "--ns", "10", "--rounds", "1"
        self.measure("--label", "a", *words, "--filter", "^(fill|memory)/")
        (row,) = self.run_json()["memory"]
        self.assertEqual((row["allocator"], row["sizes"], row["n"]), ("pool", "fixed64", 10))
        for word in ("--workloads", "fill"), ("--filter", "^fill/"):
            self.measure("--label", "a", "--force", *words, *word)
            self.assertEqual(self.run_json()["memory"], [])

    def test_quick_run_takes_a_part(self) -> None:
        rows = [
            row.split()[0].split("/")
            for row in listed("--quick", "--workloads", "memory")
        ]
        self.assertEqual({row[0] for row in rows}, {"memory"})
        self.assertEqual({row[2] for row in rows}, {"lognormal", "nginx_request"})
        self.assertEqual({row[3] for row in rows}, {"25", "1000"})
        self.assertNotIn("pool_inline", {row[1] for row in rows})
        self.assertNotIn("bump_memory", {row[1] for row in rows})


class Skips(Folder):
    def test_too_large_a_region_is_skipped_in_words(self) -> None:
        row = "fill/pool/large/10000"
        (line,) = listed("--filter", f"^{row}$")
        self.assertRegex(line, rf"{row}  skipped: a region asks for \d+ MiB")

        done = self.measure(
            "--filter", f"^{row}$|^fill/pool/fixed16/10$", "--rounds", "1",
            "--label", "a",
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"skipped: {row}: a region asks for", done.stderr)
        entries = self.run_json()["benchmarks"]
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
        line = listed("--filter", f"^fill/{allocator}/fixed16/10$")[0]
        return line.partition("  skipped: ")[2] or None


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
            'unknown workload "fil"; known: fill .*fill_reset .*shim memory',
            "--workloads", "fil",
        )
        self.refused('unknown n "2"; known: 1 10 25 100', "--ns", "10,2")

    def test_bad_values_say_what_is_expected(self) -> None:
        self.refused("no regular expression", "--filter", "(")
        self.refused("no row is left", "--filter", "^nothing$")
        self.refused("expected 1 to 1000", "--rounds", "0")
        self.refused("expected 1 to 1000", "--rounds", "3x")
        self.refused("expected a whole number", "--seed", "-1")
        self.refused("expected a whole number", "--seed", "18446744073709551616")
        self.refused("found no --label", "--resume")
        resume = "--resume", "--label", "a"
        for words in ("--quick",), ("--ns", "10"), ("--rounds", "9"), ("--malloc", "x"):
            self.refused("--resume: found another option", *resume, *words)
        self.refused("expected letters", "--label", "../up")
        self.refused("expected letters", "--label", "")
        self.refused("--help", "--no-such")
        self.refused("--help", "--label")
        self.refused('found "word", expected an option', "word")
        self.refused("no/such: No such file", "--sizes-dir", "no/such")

    def test_help_names_every_option(self) -> None:
        done = bench("--help")
        self.assertEqual(done.returncode, 0)
        for option in (
            "allocators filter force help label list ns quick results resume rounds seed sizes "
            "sizes-dir traces workloads"
        ).split():
            self.assertIn(f"  --{option} ", done.stdout)

    def test_choices_narrow_the_list(self) -> None:
        words = "--workloads fill_reset --allocators pool,talloc --sizes uniform,fleet".split()
        self.assertEqual(
            {tuple(row.split()[0].split("/")) for row in listed(*words)},
            {
                ("fill_reset", allocator, sizes, n)
                for allocator in ("pool", "pool_again", "talloc")
                for sizes in ("uniform", "fleet")
                for n in ("1", "10", "25", "100", "1000", "10000", "100000", "1000000")
            },
        )
        self.assertEqual(
            {row.split()[0].split("/")[3] for row in listed("--quick", *words)},
            {"10", "100", "1000", "10000"},
        )
        self.assertEqual(
            {row.split()[0].split("/")[3] for row in listed("--quick", *words, "--ns", "1,25")},
            {"1", "25"},
        )
        self.assertEqual(
            listed("--workloads", "shim"),
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
        lines = listed("--filter", "^(fill_trim|free_random)/")
        rows = {tuple(row.split()[0].split("/")) for row in lines}
        self.assertEqual(
            {sizes for workload, _, sizes, _ in rows if workload == "free_random"},
            {"fixed4096", "large"},
        )
        self.assertTrue(all(int(row[3]) >= 1000 for row in rows))
        for line in lines:
            if line.startswith("free_random/arena/"):
                self.assertIn("skipped: arena: its regions are freed as a whole", line)

    def test_large_blocks_may_take_more_than_a_region(self) -> None:
        """A region of 391 MiB, where there is memory for twice as much."""
        row = "free_random/pool/fixed4096/100000"
        line = listed("--filter", f"^{row}$")[0]
        fields = dict(
            line.split(":") for line in Path("/proc/meminfo").read_text().splitlines()
        )
        mib = int(fields["MemAvailable"].split()[0]) / 1024
        if mib > 2 * 400:
            self.assertEqual(line, row)
        elif mib < 2 * 380:
            self.assertRegex(line, "a region asks for 391 MiB; at most")
        line = listed("--filter", "^free_random/pool/fixed4096/1000000$")[0]
        self.assertRegex(line, r"3906 MiB; at most (\d|\d\d|\d{3}|1024) are")

    def test_quick_takes_one_row_of_the_side_lines(self) -> None:
        rows = [row.split()[0].split("/") for row in listed("--quick", "--allocators", "pool")]
        for workload, sizes, n in (
            ("free_random", "fixed4096", "1000"), ("threads_2", "lognormal", "100")
        ):
            self.assertEqual(
                [row[1:] for row in rows if row[0] == workload],
                [["pool", sizes, n], ["pool_again", sizes, n]],
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
            for chosen, count in ((), 0), (("--filter", f"^{row}$"), 1):
                rows = [line.split()[0] for line in listed(*words, *chosen)]
                self.assertEqual(rows.count(row), count)

    def test_plans_fit_their_time(self) -> None:
        """A row takes about 20 ms a round: 12 rounds have 15 minutes, and those of
        a quick run have 90 seconds."""
        for words, most in ((), 3000), (("--quick",), 450):
            rows = bench("--list", *words).stdout.splitlines()
            timed = [
                row for row in rows
                if not row.startswith("memory/") and "  skipped: " not in row
            ]
            self.assertGreater(len(timed), most // 3)
            self.assertLess(len(timed), most)

    def test_threads_need_as_many_cores(self) -> None:
        cores = os.sched_getaffinity(0)
        self.addCleanup(os.sched_setaffinity, 0, cores)
        words = "--filter", "^threads_./pool/fixed16/10$"
        if len(cores) > 1:
            self.assertNotIn("skipped", "".join(listed(*words)))
        os.sched_setaffinity(0, {min(cores)})
        lines = listed(*words)
        self.assertEqual(lines[0], "threads_1/pool/fixed16/10")
        self.assertEqual(
            lines[1],
            "threads_2/pool/fixed16/10  skipped: 2 threads at once; found 1 core",
        )

    def test_threads_are_counted_in_the_results(self) -> None:
        self.measure(
            "--filter", "threads_./pool/lognormal/100$", "--rounds", "1",
            "--label", "a",
        )
        run = self.run_json()
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


class Run(Folder):
    def run_py(self, *words: str) -> subprocess.CompletedProcess[str]:
        build = Path(BENCH).resolve().parents[1]
        return subprocess.run(
            [sys.executable, RUN, str(build), *words], capture_output=True, text=True
        )

    def test_options_and_status_pass_through(self) -> None:
        words = "--list", "--workloads", "shim"
        done = self.run_py(*words)
        self.assertEqual(done.stdout, bench(*words).stdout)
        self.assertEqual(done.returncode, 0)
        refused = self.run_py("--allocators", "none", *SHORT)
        self.assertEqual(refused.returncode, 2)
        self.assertIn("known:", refused.stderr)

    def test_compressed_traces_are_read(self) -> None:
        """Here the traces are texts of ops, which is allowed."""
        text = (ROOT / "corpus" / "seeds" / "burst.ops").read_bytes()
        packed = {"a.ops.gz": gzip.compress(text), "b.ops.xz": lzma.compress(text)}
        if shutil.which("zstd") is not None:
            packed["c.ops.zst"] = subprocess.run(
                ["zstd", "-cq"], input=text, check=True, stdout=subprocess.PIPE
            ).stdout
        for name, content in packed.items():
            (self.folder / name).write_bytes(content)
        files = ",".join(str(self.folder / name) for name in packed)
        for words in ("--traces", files), (f"--traces={files}",):
            done = self.run_py("--list", "--workloads", "replay", *words)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(
                {line.split("/")[2] for line in done.stdout.splitlines()},
                {name[0] for name in packed},
            )
        (self.folder / "cut.xz").write_bytes(packed["b.ops.xz"][:-8])
        done = self.run_py("--list", "--traces", str(self.folder / "cut.xz"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("cut.xz: cannot be unpacked: ", done.stderr)

    def test_report_follows_the_measurement(self) -> None:
        done = self.run_py(
            "--quick", "--results", str(self.folder), "--label", "a", "--rounds", "6",
            "--allocators", "arena,pool", "--sizes", "fixed16", "--workloads", "fill",
            "--ns", "10,100",
        )
        if "no such Python module" in done.stderr:
            self.skipTest(done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((self.folder / "a" / "index.html").is_file())

    def test_build_that_is_not_there(self) -> None:
        done = subprocess.run(
            [sys.executable, RUN, "no/such"], capture_output=True, text=True
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("no/such/bench/bench: No such file", done.stderr)


if __name__ == "__main__":
    main()
