#!/usr/bin/env python3
"""The campaign's own parts: what it refuses, and how it cuts an input down."""

import contextlib
import io
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

FUZZ = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(FUZZ))

import campaign  # noqa: E402

# Fails when the input holds an 'A' and, behind it, a 'B'.
TARGET = """#!/bin/sh
grep -q 'A.*B' "$1" || exit 0
echo 'op 1, nop: broken promise 3: words'
exit 1
"""

# The same with a palloc and a reset, as the replay that prints ops shows.
TARGET_OPS = """#!/bin/sh
"{replay}" --print "$1" | tr '\\n' ';' | grep -q 'palloc.*reset' || exit 0
echo 'op 1, nop: broken promise 3: words'
exit 1
"""

# Has no end when the input holds an 'h'.
TARGET_HANG = """
#include <stddef.h>
#include <stdint.h>

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t i;

    for (i = 0; i < size; i++) {
        if (data[i] == 'h') {
            for (;;) {
            }
        }
    }
    return 0;
}
"""

# Does not do the same each time.
TARGET_UNSTABLE = """
#include <stddef.h>
#include <stdint.h>

static volatile unsigned runs;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void) data;
    (void) size;
    if (runs++ % 2 == 0) {
        runs += 2;
    }
    return 0;
}
"""


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(FUZZ / "campaign.py"), *arguments],
        capture_output=True, text=True, check=False,
    )


class Refusals(unittest.TestCase):
    def check(self, arguments: list[str], known: str) -> None:
        done = run(*arguments)
        self.assertEqual(done.returncode, 2)
        self.assertIn(known, done.stderr)

    def test_unknown_engine_lists_the_known(self) -> None:
        self.check(["--engine", "none"], "known: libfuzzer afl")

    def test_unknown_target_lists_the_known(self) -> None:
        self.check(["none"], "pool_ops_hardened")

    def test_unknown_mutant_lists_the_known(self) -> None:
        self.check(["--plant", "none"], "fits_wraps")


class Planted(unittest.TestCase):
    def test_every_planted_bug_is_some_targets(self) -> None:
        source = FUZZ.parent
        for mutant in campaign.mutants(source):
            self.assertIn(campaign.planted_target(source, mutant),
                          campaign.TARGETS["libfuzzer"])


class Places(unittest.TestCase):
    def row(self, old: str) -> dict:
        return {"file": "a.c", "old": old, "new": "z"}

    def test_white_space_does_not_count(self) -> None:
        text = "a;\nif (b &&\n    c(d)) {\n}\n"
        self.assertEqual(campaign.plant.plant("m", self.row("b && c( d )"), text),
                         "a;\nif (z) {\n}\n")

    def test_text_that_does_not_stand_once_is_refused(self) -> None:
        for old in "b", "a", "":
            with self.assertRaises(campaign.plant.Refused) as refused:
                campaign.plant.plant("m", self.row(old), "a a")
            self.assertIn("m: found its old text", str(refused.exception))
            self.assertIn("in a.c", str(refused.exception))


class Engines(unittest.TestCase):
    """Targets of a few lines, under each engine."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.addCleanup(setattr, campaign, "RUN_TIMEOUT", campaign.RUN_TIMEOUT)
        campaign.RUN_TIMEOUT = 2

    def run_target(
        self, engine: str, text: str, seconds: int
    ) -> campaign.Finding | None:
        compiler = campaign.COMPILERS[engine]
        if shutil.which(compiler) is None:
            self.skipTest(f"no {compiler}")
        source = self.folder / "target.c"
        source.write_text(text)
        built = subprocess.run(
            [compiler, "-fsanitize=fuzzer", source, "-o", self.folder / "target"],
            capture_output=True, text=True, check=False,
        )
        if built.returncode != 0:
            self.skipTest(f"{compiler} has no engine: {built.stderr[-200:]}")
        (self.folder / "corpus").mkdir()
        (self.folder / "corpus/seed").write_bytes(b"abcdefg")
        run = getattr(campaign, f"run_{engine}")
        task = campaign.Task(self.folder / "target", self.folder, seconds)
        finding, _ = run(task, campaign.Progress())
        return finding

    def check_hang(self, engine: str) -> None:
        finding = self.run_target(engine, TARGET_HANG, 60)
        self.assertIsNotNone(finding)
        self.assertEqual(campaign.headline(finding.report), "no end within 2 s")
        small = campaign.minimise(self.folder / "target", finding,
                                  self.folder / "small", campaign.Bytes())
        self.assertEqual(small.path.read_bytes(), b"h")
        self.assertEqual(small.report, "no end within 2 s")

    def test_libfuzzer_finds_an_input_without_an_end(self) -> None:
        self.check_hang("libfuzzer")

    def test_afl_finds_an_input_without_an_end(self) -> None:
        self.check_hang("afl")

    def test_afl_sees_that_a_target_keeps_state(self) -> None:
        self.assertIsNone(self.run_target("afl", TARGET_UNSTABLE, 5))
        stats = campaign.afl_stats(self.folder)
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertFalse(
                campaign.show_stability(self.folder / "target", stats))
        self.assertNotEqual(stats["var_byte_count"], "0")


class Stability(unittest.TestCase):
    def check(self, stats: str, is_stable: bool, words: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            (work / "afl/main").mkdir(parents=True)
            (work / "afl/main/fuzzer_stats").write_text(stats)
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                said = campaign.show_stability(Path("a/pool_ops"),
                                               campaign.afl_stats(work))
        self.assertEqual(said, is_stable)
        self.assertEqual(out.getvalue(), f"pool_ops: stability {words}\n")

    def test_less_than_all_is_not_stable(self) -> None:
        self.check("execs_per_sec     : 1\nstability         : 84.85%\n"
                   "edges_found       : 561\nvar_byte_count    : 85\n",
                   False, "84.85%, 85 of 561 edges vary")

    def test_all_is_stable(self) -> None:
        self.check("execs_per_sec     : 1\nstability         : 100.00%\n"
                   "edges_found       : 561\nvar_byte_count    : 0\n",
                   True, "100.00%, 0 of 561 edges vary")

    def test_a_campaign_without_figures_is_not_stable(self) -> None:
        self.check("", False, "unknown, unknown of unknown edges vary")


class Reduction(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def minimise(
        self, script: str, found: bytes, parts: campaign.Bytes | campaign.Ops
    ) -> bytes:
        target = self.folder / "target"
        target.write_text(script)
        target.chmod(target.stat().st_mode | stat.S_IXUSR)
        path = self.folder / "found"
        path.write_bytes(found)
        report = campaign.fails(target, path)
        self.assertIsNotNone(report)
        small = campaign.minimise(
            target, campaign.Finding(path, report), self.folder / "small", parts
        )
        self.assertEqual(
            campaign.signature(small.report), "broken promise 3: words"
        )
        self.assertEqual(campaign.fails(target, small.path), small.report)
        return small.path.read_bytes()

    def test_minimise_leaves_the_bytes_that_fail(self) -> None:
        found = b"x" * 9 + b"A" + b"y" * 3 + b"B" + b"z"
        self.assertEqual(self.minimise(TARGET, found, campaign.Bytes()), b"AB")

    def test_minimise_leaves_the_ops_that_fail(self) -> None:
        # create p0 5, palloc p0 200, palloc p0 1, reset p3, opcode 63, destroy
        found = bytes([1, 1, 0, 5, 0, 4, 0, 200, 0, 4, 0, 1, 0,
                       3 | 3 << 6, 9, 9, 9, 63, 0, 0, 0, 2, 0, 0, 0])
        script = TARGET_OPS.replace("{replay}", str(REPLAY))
        parts = campaign.Ops(REPLAY, NGXOPS)
        # palloc p0 1, reset p3 in version 2
        self.assertEqual(self.minimise(script, found, parts),
                         bytes([2, 4, 1, 3 | 1 << 6, 3]))

    def test_what_fails_as_bytes_alone_is_cut_as_bytes(self) -> None:
        parts = campaign.Ops(REPLAY, NGXOPS)
        self.assertEqual(self.minimise(TARGET, b"xAxxBx", parts), b"AB")


if __name__ == "__main__":
    REPLAY, NGXOPS = map(Path, sys.argv[1:3])
    unittest.main(argv=sys.argv[:1])
