"""The recorder: every call once, whatever becomes of the process."""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

RECORD = pathlib.Path(__file__).parent.parent / "record" / "record.py"
BUILD, SUBJECT = sys.argv[1:3]

EACH = {"allocations": 5, "asked": 100 + 200 + 300 + 400 + 500, "frees": 5}
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
        self.assertEqual(path.read_bytes()[0], 2)
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
        (said,) = self.record(SUBJECT, "malloc", "10000",
                              options=("--limit", "1"))
        self.assertLessEqual(said["events"], 1024 * 1024 // 8)
        self.assertGreaterEqual(said["lost"], 1)
        self.assertEqual(said["torn"], 0)
        self.assertGreaterEqual(said["lost"] + said["events"], 10 * 10000)

    def test_status_is_the_commands(self) -> None:
        self.record("sh", "-c", "exit 3", status=3)

    def test_totals_are_those_of_valgrind(self) -> None:
        """An independent count: memcheck sees every call as well. It calls a
        realloc that moves or grows an allocation and a free."""
        if shutil.which("valgrind") is None:
            self.skipTest("no valgrind")
        command = ["sort", "-R", "--random-source=/dev/zero", str(RECORD)]
        (said,) = self.record(*command)
        done = subprocess.run(["valgrind", "--run-libc-freeres=no", *command], check=True, text=True,
                              capture_output=True)
        counts = re.search(r"total heap usage: ([\d,]+) allocs, ([\d,]+) frees,"
                           r" ([\d,]+) bytes", done.stderr)
        self.assertIsNotNone(counts)
        allocs, frees, size = (int(text.replace(",", ""))
                               for text in counts.groups())
        print(f"allocations {said['allocations']} {allocs},"
              f" bytes {said['asked']} {size}, frees {said['frees']} {frees}",
              file=sys.stderr)
        self.assertLessEqual(abs(said["allocations"] - allocs), 3)
        self.assertLessEqual(abs(said["asked"] - size), size / 50)
        self.assertLessEqual(abs(said["frees"] - frees), 3)

    def test_apr_pools_are_regions(self) -> None:
        if not (pathlib.Path(BUILD) / "bench/record/librecord_apr.so").exists():
            self.skipTest("no APR")
        (said,) = self.record(SUBJECT, "apr", "200", api="apr")
        # APR's own pools and ours; 7 allocations in each pair
        self.assertGreaterEqual(said["regions"], 1 + 2 * 200)
        self.assertLess(said["regions"], 1 + 2 * 200 + 10)
        self.assertGreaterEqual(said["allocations"], 7 * 200)
        self.assertLess(said["allocations"], 7 * 200 + NOISE)
        self.assertGreaterEqual(
            said["asked"], 200 * (100 + 200 + 13 + 10 + 300 + 2 * 40))
        self.assertEqual(said["frees"], 0)
        self.assertEqual(said["unknown"], 0)

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
            (["--limit", "0", "--", "true"], "found 0, expected MiB from 1 on"),
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
            (b"short", "offset 0: found 5 bytes, expected a head of 40"),
            (b"x" * 100, "offset 0: found another text, expected"),
            (b"ngxraw2\0" + b"\xff" * 8 + bytes(64),
             "offset 8: found 18446744073709551615 words, expected at most"),
        ):
            path = self.folder / "raw"
            path.write_bytes(content)
            done = subprocess.run([tool, path, self.folder / "out"],
                                  check=False, text=True, capture_output=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"{path}: {expected}", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
