"""The programs that check the figures of bench: they work, and judge made-up runs.

usage: test_trust.py BENCH
"""

import re
import subprocess
import sys
from pathlib import Path

from bench_case import BENCH, Folder, main

HERE = Path(__file__).resolve().parent
BUILD = Path(BENCH).parents[1]
CONFIDENCE = 0.95
COSTS = {"pool": 4.0, "pool_again": 4.0, "arena": 5.0}  # ns
TOUCHED = {"noise": 0.02, "layout_noise": 0.02, "rounds": 16, "layouts": 12}

sys.path.insert(0, str(HERE))
sys.path.insert(1, str(HERE.parent / "report" / "test"))

import bars_trust  # noqa: E402
import runs  # noqa: E402


class Made(Folder):
    """Runs whose true ratios are known."""

    def made(self, seed: int, **costs: float) -> bars_trust.Run:
        run = runs.document(COSTS | costs, seed=seed, **TOUCHED)
        return bars_trust.load(runs.write(self.folder / str(seed), run))

    def met(self, finding: bars_trust.Finding) -> list[bool]:
        return [bar.is_met for bar in finding.bars]

    def test_rebuilds_that_are_alike_do_not_contradict(self) -> None:
        alike = [self.made(seed) for seed in range(5)]
        finding = bars_trust.judge_rebuilds(alike, CONFIDENCE)
        share, contradictions = finding.bars
        match = re.search(r"in (\d+) of 24 cells", share.text)
        self.assertGreater(int(match[1]), 0.6 * 24, share.text)
        self.assertEqual(len(finding.failures), 24 - int(match[1]))
        self.assertTrue(contradictions.is_met)
        wide = bars_trust.judge_rebuilds(alike, 0.999)
        self.assertEqual(self.met(wide), [True, True], wide)

    def test_rebuild_that_differs_is_found(self) -> None:
        differs = [self.made(seed) for seed in range(4)] + [self.made(4, arena=6.0)]
        finding = bars_trust.judge_rebuilds(differs, CONFIDENCE)
        self.assertEqual(self.met(finding), [False, True])
        self.assertEqual(len(finding.failures), 24)
        self.assertIn("fill/arena/fixed_512/10: median 1.2", finding.failures[0])

    def test_verdicts_that_contradict_are_found(self) -> None:
        differs = [self.made(0, arena=4.8), self.made(1, arena=3.2), self.made(2, arena=4.0)]
        finding = bars_trust.judge_rebuilds(differs, CONFIDENCE)
        self.assertEqual(self.met(finding), [False, False])
        self.assertIn("slower", finding.failures[0])
        self.assertIn("faster", finding.failures[0])

    def test_pair_that_is_equal_contains_1(self) -> None:
        finding = bars_trust.judge_again([self.made(seed) for seed in range(5)], 0.999)
        self.assertEqual(self.met(finding), [True, True], finding)
        self.assertIn("in 120 of 120 cells", finding.bars[0].text)

    def test_pair_that_is_not_equal_is_found(self) -> None:
        unequal = [self.made(seed, pool_again=4.4) for seed in range(5)]
        finding = bars_trust.judge_again(unequal, CONFIDENCE)
        self.assertEqual(self.met(finding), [False, False])
        self.assertEqual(len(finding.failures), 120)
        self.assertIn("10.", finding.bars[1].text)

    def test_row_that_differs_alone_is_found(self) -> None:
        run, same, other = self.made(0), self.made(1), self.made(2, arena=9.0)
        rows = [row for row in run.rates if row.allocator == "arena"]
        same_alone = bars_trust.judge_alone(run, dict.fromkeys(rows, same), CONFIDENCE)
        other_alone = bars_trust.judge_alone(run, dict.fromkeys(rows, other), CONFIDENCE)
        self.assertEqual(len(other_alone.failures), len(rows))
        self.assertEqual(self.met(other_alone), [False])
        self.assertLess(len(same_alone.failures), 0.2 * len(rows))

    def test_nothing_to_judge_is_an_error(self) -> None:
        with self.assertRaises(bars_trust.TrustError):
            bars_trust.judge_alone(self.made(0), {}, CONFIDENCE)


class Programs(Folder):
    """The programs on the shortest possible runs: they end in one of two ways."""

    def call(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-B", str(HERE / name), *words],
            capture_output=True, text=True,
        )
        self.assertNotRegex(done.stderr, r"(?m)^(?!turn |\Z)")
        self.assertIn(done.returncode, (0, 1))
        return done

    def quick(self, label: str) -> str:
        done = self.measure(
            "--filter", "^fill/(pool|arena)/fixed64/100$", "--rounds", "7",
            "--label", label,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return str(self.folder / label)

    def test_trust_of_short_runs(self) -> None:
        folders = [self.quick(label) for label in "ab"]
        done = self.call("bars_trust.py", "rebuilds", *folders)
        self.assertRegex(done.stdout, r"in \d of 1 cells .* each rebuild's interval")
        done = self.call("bars_trust.py", "again", *folders)
        self.assertRegex(done.stdout, r"in \d of 2 cells .* the A/A interval contains 1")
        done = self.call("bars_trust.py", "alone", "--cells", "1", "--turns", "9",
                         str(BUILD), folders[0])
        self.assertRegex(done.stdout, r"in \d of 1 cells .* both intervals overlap")

    def test_trust_needs_runs(self) -> None:
        done = subprocess.run(
            [sys.executable, "-B", str(HERE / "bars_trust.py"), "again", "no/such"],
            capture_output=True, text=True,
        )
        self.assertEqual(done.returncode, 2)
        self.assertIn("no/such/run.json: no such file", done.stderr)

    def test_independent_program_agrees_roughly(self) -> None:
        """Within a factor of three: other tests may run at the same time."""
        if not (BUILD / "bench" / "test" / "independent_0").exists():
            self.skipTest("this build had no APR")
        listed = self.measure("--list", "--filter", "^fill/tcmalloc/lognormal/100$").stdout
        if "skipped" in listed:
            self.skipTest(listed.strip())
        done = self.call(
            "agree.py", "--turns", "2", "--most", "3", "--cells", "pool/100,tcmalloc/100",
            str(BUILD),
        )
        self.assertEqual(done.returncode, 0, done.stdout)
        for cell in "pool/100", "tcmalloc/100":
            self.assertRegex(done.stdout, rf"(?m)^{cell} +\d+\.\d\d +\d+\.\d\d +[+-]\d+")


if __name__ == "__main__":
    main()
