"""ngxops reads its own output, and its messages name the fault."""

import gzip
import lzma
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import unittest

TOOL = sys.argv[1]
CORPUS = pathlib.Path(sys.argv[2])
SEEDS = pathlib.Path(sys.argv[3])  # as bytes

# For hundreds of starts: the search for leaks takes three quarters of each. Another
# test searches for them in each of these commands.
NO_LEAKS = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}

SMALL = """\
create p0 1024
create_child p1 #0 2048
palloc p1 100
palloc p0 5000
free #0
resize #1 200
cleanup p0 #0 8
destroy p0
"""


def ngxops(*words: str | pathlib.Path, status: int = 0, **environment: str) -> str:
    done = subprocess.run([TOOL, *words], check=False, text=True,
                          env=os.environ | environment, capture_output=True)
    assert done.returncode == status, (words, done.returncode, done.stderr)
    return done.stdout if status == 0 else done.stderr


def needs_version_2(seed: pathlib.Path) -> bool:
    return "\n# version 2: " in seed.read_text()


class Ngxops(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def file(self, name: str, content: str | bytes) -> pathlib.Path:
        path = self.folder / name
        if isinstance(content, str):
            content = content.encode()
        path.write_bytes(content)
        return path

    def test_text_of_seeds_is_the_same_after_parsing(self) -> None:
        seeds = sorted((CORPUS / "seeds").glob("*.ops"))
        self.assertEqual([seed.stem for seed in seeds],
                         sorted(path.name for path in SEEDS.iterdir()))
        for seed in seeds:
            again = self.folder / "again.ops"
            again.write_text(ngxops("print", SEEDS / seed.stem, **NO_LEAKS))
            self.assertEqual(ngxops("print", again, **NO_LEAKS),
                             ngxops("print", seed, **NO_LEAKS))

    def runs(self, paths: list[pathlib.Path]) -> list[str]:
        """Run paths in one process, and return a line for each. Under valgrind, the
        start of a process takes longer than a program."""
        said = ngxops("run", *paths).splitlines()
        self.assertEqual([line.split(": ")[0] for line in said], list(map(str, paths)))
        return said

    def test_seeds_do_what_they_claim(self) -> None:
        seeds = sorted((CORPUS / "seeds").glob("*.ops"))
        for seed, said in zip(seeds, self.runs([SEEDS / seed.stem for seed in seeds])):
            with self.subTest(seed.name):
                claim = re.search(r"^# effective ops: (\d+)$",
                                  seed.read_text(), re.MULTILINE)
                self.assertIsNotNone(claim)
                done = re.search(r"(\d+) of them effective", said)
                self.assertGreaterEqual(int(done[1]), int(claim[1]))

    def test_the_other_version_is_the_same_program(self) -> None:
        one, two = self.folder / "one", self.folder / "two"
        for seed in sorted(SEEDS.iterdir()):
            if needs_version_2(CORPUS / "seeds" / f"{seed.name}.ops"):
                self.assertIn("expected numbers that version 1 can hold",
                              ngxops("convert", seed, one, status=1, **NO_LEAKS))
                continue
            ngxops("convert", seed, one, **NO_LEAKS)
            ngxops("convert", one, two, **NO_LEAKS)
            self.assertEqual(one.read_bytes()[:1], b"\x01")
            self.assertEqual(two.read_bytes(), seed.read_bytes())
            self.assertEqual(ngxops("print", one, **NO_LEAKS),
                             ngxops("print", seed, **NO_LEAKS))

    def test_version_3_becomes_version_2(self) -> None:
        """A recorder's program has a free of age 200 and then one of age 199."""
        three = self.file("three", bytes([3, 32, 0xc8, 1, 0xa0, 1]))
        two = self.folder / "two"
        ngxops("convert", three, two)
        self.assertEqual(two.read_bytes(),
                         bytes([2, 32, 0xc8, 1, 32, 0xc7, 1]))
        self.assertEqual(ngxops("print", three), "free #200\nfree #199\n")
        self.assertEqual(ngxops("print", two), ngxops("print", three))

    def test_what_version_1_cannot_hold_is_named(self) -> None:
        path, out = self.folder / "a", self.folder / "out"
        ngxops("parse", self.file("a.ops", "create p0 8192\n"), path)
        self.assertEqual(path.read_bytes(), bytes([2, 1, 0x80, 0x40]))
        self.assertIn('before offset 4: found "create p0 8192", expected',
                      ngxops("convert", path, out, status=1))
        self.assertFalse(out.exists())

    def test_standard_input_is_bytes(self) -> None:
        done = subprocess.run([TOOL, "print", "-"], input=bytes([2, 1, 5]),
                              check=True, capture_output=True)
        self.assertEqual(done.stdout, b"create p0 5\n")

    def test_stats_count(self) -> None:
        said = ngxops("stats", self.file("small.ops", SMALL)).splitlines()
        self.assertIn("ops            8 in 25 bytes, 3.12 bytes an op;"
                      " 0 do nothing", said)
        self.assertIn("regions        2 made, 0 times reset; 2 at a time", said)
        self.assertIn("allocations    3 of 5300 bytes, 1 of them by resizing;"
                      " 1.5 a region", said)
        self.assertIn("freed          2 one by one, 1 with their region", said)
        self.assertIn("live at most   2 objects, 5100 bytes", said)
        self.assertIn("cleanups       1", said)

    def test_seeds_run_and_keep_the_promises(self) -> None:
        for said in self.runs(sorted((CORPUS / "seeds").glob("*.ops"))):
            self.assertIn("no promise broken", said)

    def test_long_programs_run(self) -> None:
        # A seed of version 2 has sizes that recorded programs do not have.
        for said in self.runs([
            self.file(seed.name, seed.read_text() + "\ncreate p4 96\n")
            for seed in (CORPUS / "seeds").glob("*.ops") if not needs_version_2(seed)
        ]):
            self.assertIn("no promise broken", said)

    def test_c_has_limits_and_faults_with_sizes_above_those_of_version_1(self) -> None:
        text = "cache_limit 1048576\ncreate p0 1024\nfail_alloc #0\npalloc p0 {}\n"
        for size in "9000", "16*16383", "262143", "268435457", "top-0":
            with self.subTest(size):
                printed = ngxops("c", self.file("short.ops", text.format(size)))
                self.assertIn("    ngx_pool_cache_limit(1048576);\n", printed)
                self.assertIn("    fail_in = 1;\n", printed)
                self.assertRegex(printed, r"EXPECT\(ngx_palloc\(.*\) == NULL\)")

    def test_c_has_the_sizes_that_the_fuzzer_reduces(self) -> None:
        for size in "262144", "16*16384", "268435456":
            with self.subTest(size):
                printed = ngxops("c", self.file(
                    "long.ops", f"create p0 1024\npalloc p0 {size}\n"))
                self.assertIn(f", {eval(size)}, NGX_ALIGNMENT)", printed)

    def test_hash_depends_on_the_program_alone(self) -> None:
        """It does not depend on the programs that the process has run before."""
        files = sorted(SEEDS.iterdir()) + sorted((CORPUS / "pool_ops").iterdir())
        alone = [ngxops("hash", path, **NO_LEAKS).strip() for path in files]
        self.assertEqual(len({line.split()[0] for line in alone}), len(files))
        self.assertEqual(ngxops("hash", *files).splitlines(), alone)
        orders = random.Random(1)
        for _ in range(5):
            shuffled = orders.sample(range(len(files)), len(files))
            said = ngxops("hash", *(files[nth] for nth in shuffled)).splitlines()
            self.assertEqual(said, [alone[nth] for nth in shuffled])

    def test_list_has_every_op(self) -> None:
        said = ngxops("list")
        for op in "create p0 0", "free #0", "resize #0 0", "cleanup_run p0 #0":
            self.assertIn(op, said)

    def test_bad_files_are_named(self) -> None:
        cases = [
            ("none", None, "No such file or directory"),
            ("empty", b"", "offset 0: found the end, expected version 1 to 3"),
            ("old", b"\x09", "offset 0: found version 9, expected 1 to 3"),
            ("cut", bytes([1, 1, 0, 0, 4, 1]),
             "offset 5: found 1 bytes of \"create\", expected the 4 bytes"),
            ("later", bytes([2, 60]),
             "offset 1: found opcode 60, expected one below"),
            ("a.gz", gzip.compress(b"\2\0"),
             "offset 0: found a file compressed by gzip, expected a program;"
             " gzip -dc FILE >PROGRAM unpacks it"),
            ("a.xz", lzma.compress(b"\2\0"), "compressed by xz,"),
            ("a.zst", b"\x28\xb5\x2f\xfd\x24", "compressed by zstd,"),
            ("text.ops", "nop\nnap\n", "line 2: found no op, expected an op of"),
        ]
        for name, content, expected in cases:
            path = (self.folder / name if content is None
                    else self.file(name, content))
            for command in "print", "stats", "run":
                said = ngxops(command, path, status=1)
                self.assertIn(f"{path}: ", said)
                self.assertIn(expected, said)

    def test_out_that_cannot_be_written_is_named(self) -> None:
        path = self.file("a.ops", "nop\n")
        said = ngxops("parse", path, self.folder / "no" / "out", status=1)
        self.assertIn("no/out: No such file", said)

    def test_dictionary_has_every_op(self) -> None:
        words = [line.split()[0] for line in ngxops("list").splitlines()]
        lines = ngxops("dictionary").splitlines()
        entries = {}
        for line in lines[1:]:
            match = re.fullmatch(r'(\w+)="((?:\\x[0-9a-f]{2})+)"', line)
            self.assertIsNotNone(match, line)
            self.assertNotIn(match[1], entries)
            entries[match[1]] = bytes.fromhex(match[2].replace("\\x", ""))
        self.assertTrue(lines[0].startswith("#"))
        printed = set()
        for name, data in entries.items():
            if name.startswith("op_"):
                path = self.file("entry", b"\x02" + data)
                text = ngxops("print", path, **NO_LEAKS).splitlines()
                self.assertEqual(len(text), 1)
                self.assertEqual(name, "op_" + re.sub(r"\W", "_", text[0]))
                printed.add(text[0].split()[0])
        self.assertEqual(printed, set(words))
        for word in words:
            self.assertEqual(entries[f"text_{word}"], word.encode())
        self.assertIn("op_palloc_p0_left_0", entries)

    def test_usage(self) -> None:
        self.assertIn("usage: ngxops c ", ngxops("--help"))
        for words in [], ["nothing"], ["print"], ["print", "a", "b"]:
            self.assertIn("usage: ngxops c ", ngxops(*words, status=2))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
