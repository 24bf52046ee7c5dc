"""The recorder: every call once, in whatever way the process ends."""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

RECORD = pathlib.Path(__file__).parent.parent / "record" / "record.py"
BUILD, SUBJECT, POOL_SUBJECT, BENCH = sys.argv[1:5]

EACH = {"allocations": 5, "asked": 100 + 200 + 300 + 400 + 500, "frees": 5,
        "aligned": 1}
NOISE = 40  # of the C library's own: stdio, threads' stacks


class Record(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def record(self, *words: str, api: str = "malloc", status: int = 0,
               options: tuple[str, ...] = ()) -> list[dict]:
        done = subprocess.run(
            [RECORD, "--build", BUILD, "--json", "--api", api,
             "-o", self.folder / "out.trace", *options, "--", *words],
            check=False, text=True, capture_output=True)
        self.assertEqual(done.returncode, status, done.stderr)
        self.said = done.stderr
        return [json.loads(line) for line in done.stderr.splitlines()
                if line.startswith("{")]

    def check(self, said: dict, times: int) -> None:
        for name, each in EACH.items():
            self.assertGreaterEqual(said[name], each * times, name)
        self.assertLess(said["allocations"], 5 * times + NOISE)
        self.assertLess(said["frees"], 5 * times + NOISE)
        self.assertEqual(said["torn"], 0)
        self.assertEqual(said["lost"], 0)

    def test_every_call_is_there_once(self) -> None:
        (said,) = self.record(SUBJECT, "malloc", "1000")
        self.check(said, 1000)
        self.assertEqual(said["threads"], 1)
        path = self.folder / "out.trace"
        self.assertEqual(said["file"], str(path))
        self.assertEqual(path.stat().st_size, said["bytes"])
        self.assertEqual(path.read_bytes()[0], 3)
        self.assertEqual(list(self.folder.iterdir()), [path])

    def test_threads_are_told_apart(self) -> None:
        (said,) = self.record(SUBJECT, "threads", "5000")
        self.assertEqual(said["threads"], 2)
        self.assertEqual(said["unknown"], 0)
        self.assertGreaterEqual(said["allocations"], 11 * 5000)
        self.assertLess(said["allocations"], 11 * 5000 + NOISE)
        self.assertGreaterEqual(said["frees"], 11 * 5000)

    def test_child_has_a_trace_of_its_own(self) -> None:
        said = self.record(SUBJECT, "fork", "100")
        self.assertEqual(len(said), 2)
        files = {one["file"] for one in said}
        self.assertIn(str(self.folder / "out.trace"), files)
        for one in said:
            self.check(one, 100)
            self.assertIn(one["file"], {str(self.folder / "out.trace"), str(
                self.folder / f"out.trace.{one['pid']}")})

    def test_killed_process_leaves_what_it_did(self) -> None:
        (said,) = self.record(SUBJECT, "kill", "5000", status=128 + 9)
        self.assertGreaterEqual(said["allocations"], 5000)
        self.assertEqual(said["torn"], 0)

    def test_limit_is_told(self) -> None:
        (said,) = self.record(SUBJECT, "malloc", "40000",
                              options=("--limit", "1"))
        self.assertLessEqual(said["events"], 1024 * 1024 // 4)
        self.assertGreaterEqual(said["lost"], 1)
        self.assertEqual(said["torn"], 0)
        self.assertGreaterEqual(said["lost"] + said["events"], 10 * 40000)

    def test_status_is_the_commands(self) -> None:
        self.record("sh", "-c", "exit 3", status=3)

    def test_totals_are_those_of_valgrind(self) -> None:
        """An independent count: dhat sees every call as well."""
        if shutil.which("valgrind") is None:
            self.skipTest("no valgrind")
        command = ["sort", "-R", "--random-source=/dev/zero", str(RECORD)]
        (said,) = self.record(*command)
        done = subprocess.run(
            ["valgrind", "--tool=dhat", "--run-libc-freeres=no",
             "--dhat-out-file=/dev/null", *command],
            check=True, text=True, capture_output=True)
        dhat = {name: (int(size.replace(",", "")), int(count.replace(",", "")))
                for name, size, count in re.findall(
                    r"(Total|At t-gmax|At t-end): +([\d,]+) bytes in"
                    r" ([\d,]+) blocks", done.stderr)}
        left = said["allocations"] - said["frees"]
        for what, recorded, counted in (
            ("allocations", said["allocations"], dhat["Total"][1]),
            ("bytes", said["asked"], dhat["Total"][0]),
            ("never freed", left, dhat["At t-end"][1]),
            ("live bytes at most", self.live_at_most(said["file"]),
             dhat["At t-gmax"][0]),
        ):
            print(f"{what}: recorded {recorded}, valgrind {counted}",
                  file=sys.stderr)
            # The environment, which differs, may have the C library take more.
            self.assertLessEqual(abs(recorded - counted), 3 + counted / 200, what)

    def live_at_most(self, trace: str) -> int:
        """Returns bytes, as the replay of trace has them."""
        subprocess.run([BENCH, "--workloads", "replay", "--traces", trace,
                        "--allocators", "null", "--rounds", "1",
                        "--results", self.folder, "--label", "live"],
                       check=True, capture_output=True)
        run = json.loads((self.folder / "live/run.json").read_text())
        return next(row["live_bytes"] for row in run["benchmarks"]
                    if "live_bytes" in row)

    def test_apr_pools_are_regions(self) -> None:
        if not (pathlib.Path(BUILD) / "bench/record/librecord_apr.so").exists():
            self.skipTest("no APR")
        (said,) = self.record(SUBJECT, "apr", "200", api="apr")
        # APR's own pools and ours; 7 allocations in each pair, one by apr_pstrdup().
        self.assertGreaterEqual(said["regions"], 1 + 2 * 200)
        self.assertLess(said["regions"], 1 + 2 * 200 + 10)
        each, asked = 7, 100 + 200 + 13 + 10 + 300 + 2 * 40
        if not self.sees_calls_within_apr():
            each, asked = 6, asked - 13
        self.assertGreaterEqual(said["allocations"], each * 200)
        self.assertLess(said["allocations"], each * 200 + NOISE)
        self.assertGreaterEqual(said["asked"], asked * 200)
        self.assertEqual(said["frees"], 0)
        self.assertEqual(said["unknown"], 0)

    def sees_calls_within_apr(self) -> bool:
        """Whether libapr's own calls go through the dynamic linker, as Debian's do."""
        libraries = subprocess.run(["ldd", SUBJECT], text=True, check=True,
                                   stdout=subprocess.PIPE).stdout
        (path,) = re.findall(r"libapr-1\.so\.0 => (\S+)", libraries)
        relocations = subprocess.run(["readelf", "-rW", path], text=True, check=True,
                                     stdout=subprocess.PIPE).stdout
        return re.search(r"_JUMP_SLOT .* apr_palloc\b", relocations) is not None

    def test_pools_of_our_own_are_regions(self) -> None:
        (said,) = self.record(POOL_SUBJECT, "100", api="pool")
        for what, count in (
            ("regions", 1), ("resets", 1), ("allocations", 7), ("aligned", 1),
            ("asked", 100 + 13 + 200 + 300 + 5000 + 50 + 40), ("frees", 1),
            ("cleanups", 1), ("unknown", 0),
        ):
            self.assertEqual(said[what], count * 100, what)

    def test_talloc_chunks_are_regions_of_those_below(self) -> None:
        if not (pathlib.Path(BUILD) / "bench/record/librecord_talloc.so").exists():
            self.skipTest("no talloc")
        (said,) = self.record(SUBJECT, "talloc", "300", api="talloc")
        self.assertEqual(said["allocations"], 9 * 300)
        # root, below, numbers, text have chunks below; and what has no parent
        self.assertEqual(said["regions"], 1 + 4 * 300)
        self.assertEqual(said["asked"], 300 * (
            0 + 100 + 13 + 4 * 50 + 6 + 4 * 5000 + 10 + 30 + 40))
        self.assertEqual(said["frees"], 4 * 300)
        self.assertEqual(said["unknown"], 0)

    def test_nothing_recorded_is_an_error(self) -> None:
        self.assertEqual(self.record("true", api="apr", status=1), [])
        self.assertIn("nothing was recorded", self.said)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_bad_arguments_are_told(self) -> None:
        for words, expected in (
            (["--api", "jemalloc", "--", "true"], "invalid choice: 'jemalloc'"),
            (["--limit", "0", "--", "true"], "found 0, expected MiB from 1 to 4096"),
            (["-o", "/no/where/x", "--", "true"], "found no folder /no/where"),
            ([], "required: COMMAND"),
        ):
            done = subprocess.run([RECORD, "--build", BUILD, *words],
                                  check=False, text=True, capture_output=True)
            self.assertEqual(done.returncode, 2)
            self.assertIn(expected, done.stderr)
        done = subprocess.run([RECORD, "--build", BUILD, "--", "/no/such"],
                              check=False, text=True, capture_output=True,
                              cwd=self.folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn("/no/such: No such file", done.stderr)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_damaged_files_are_named(self) -> None:
        tool = pathlib.Path(BUILD) / "bench/record/record_convert"
        for content, expected in (
            (b"short", "offset 0: found 5 bytes, expected a head of 256"),
            (b"x" * 256, "offset 0: found another text, expected"),
        ):
            path = self.folder / "raw"
            path.write_bytes(content)
            done = subprocess.run([tool, path, self.folder / "out"],
                                  check=False, text=True, capture_output=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"{path}: {expected}", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
