"""./run report: which run a word names, and several runs side by side."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

import runs
import store

GOOGLES = Path("/usr/share/benchmark/compare.py")
COSTS = {"pool": 4.0, "pool_again": 4.0, "glibc": 40.0}


def document(seed: int = 1, **costs: float) -> dict[str, Any]:
    run = runs.document(
        COSTS | costs, sizes=("lognormal",), ns=(100,), workloads=("fill",), seed=seed
    )
    run["context"]["commit"] = f"commit of seed {seed}"
    return runs.add_measures(run)


def keep(folder: Path, run: dict[str, Any]) -> None:
    """Keep the run in folder, as ./run publish does."""
    runs.write(folder, run)
    path = folder / "run.json"
    (folder / store.FILE).write_text(store.pack(run, path), encoding="utf-8")
    path.unlink()


class Reports(unittest.TestCase):
    def setUp(self) -> None:
        parent = tempfile.TemporaryDirectory()
        self.addCleanup(parent.cleanup)
        self.root = Path(parent.name)
        keep(self.root / "results" / "reference", document())
        self.other = runs.write(self.root / "results" / "other", document(2, pool=8.0))

    def report(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-B", runs.REPORT / "report.py", "--root", self.root]
        return subprocess.run(
            [*command, *words], capture_output=True, text=True, check=False
        )

    def says(self, *words: str | Path) -> str:
        done = self.report(*words)
        self.assertEqual((done.stderr, done.returncode), ("", 0))
        return done.stdout

    def refuses(self, said: str, *words: str | Path) -> None:
        done = self.report(*words)
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertRegex(done.stderr, f"^report: .*{said}")

    def git(self, *words: str) -> None:
        who = {
            f"GIT_{of}_{key}": "a@b"
            for of in ("AUTHOR", "COMMITTER")
            for key in ("NAME", "EMAIL")
        }
        subprocess.run(
            ["git", "-C", self.root, *words],
            env={**os.environ, **who},
            capture_output=True,
            check=True,
        )

    def row(self, text: str, name: str) -> list[str]:
        lines = [line for line in text.splitlines() if line.startswith(f"| {name} ")]
        self.assertEqual(len(lines), 1, text)
        return [cell.strip() for cell in lines[0].strip("|").split("|")]

    def test_one_run_is_drawn_into_its_folder(self) -> None:
        for words, label in (((), "reference"), (("other",), "other")):
            self.says(*words)
            self.assertTrue((self.root / "results" / label / "index.html").is_file())

    def test_run_json_gives_the_page_of_what_is_kept(self) -> None:
        self.says("--run-json", self.root / "run.json")
        again = runs.write(self.root / "again" / "reference", {})
        (self.root / "run.json").rename(again / "run.json")
        self.says("reference")
        self.says(again)
        kept = self.root / "results" / "reference" / "index.html"
        self.assertEqual(kept.read_bytes(), (again / "index.html").read_bytes())

    def test_run_json_is_googles(self) -> None:
        found = json.loads(self.says("--run-json", "-"))
        keys = {"name", "run_name", "run_type", "iterations", "real_time", "cpu_time"}
        for entry in found["benchmarks"]:
            self.assertLessEqual(keys | {"time_unit", "repetition_index"}, entry.keys())
        self.assertEqual(len(found["benchmarks"]), len(document()["benchmarks"]))

    def test_googles_program_reads_it(self) -> None:
        if not GOOGLES.exists():
            self.skipTest("no compare.py of google-benchmark's")
        path = self.root / "run.json"
        self.says("--run-json", path)
        command = [
            sys.executable,
            GOOGLES,
            "--no-color",
            "filters",
            path,
            "glibc",
            "pool",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if "ModuleNotFoundError" in done.stderr:
            self.skipTest(done.stderr.splitlines()[-1])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"fill/\[glibc vs\. pool\]/lognormal/100")

    def test_two_runs_are_told_apart(self) -> None:
        text = self.says("reference", self.other / "run.json")
        self.assertIn("Not paired", text)
        self.assertIn("A: reference: commit commit of seed 1", text)
        cells = self.row(text, "fill/pool/lognormal/100")
        self.assertEqual(cells[-1], "slower")
        self.assertAlmostEqual(float(cells[-2].split()[0]), 2.0, delta=0.9)
        # Paired, so it is exact except for the noise of a round.
        self.assertRegex(cells[2], r"^(9\.9|10\.)\d*× \(")
        self.assertRegex(cells[5], r"^(4\.9|5\.0)\d*× \(")
        self.assertIn("B: of 1 rows 1 slower. 0 rows are in one run alone.", text)

    def test_a_filter_chooses_rows_of_others(self) -> None:
        text = self.says("reference", "other", "other", "--filter", "glibc")
        self.row(text, "fill/glibc/lognormal/100")
        self.assertIn("C: of 1 rows", text)
        self.assertNotIn("fill/pool", text)
        self.refuses(
            "reference, other: no such row is in all",
            "reference",
            "other",
            "--filter",
            "x",
        )
        self.refuses("", "reference", "other", "--filter", "nothing")

    def test_a_commit_is_what_was_published_with_it(self) -> None:
        self.git("init", "-q")
        self.git("add", "results/reference")
        self.git("commit", "-q", "-m", "one")
        keep(self.root / "results" / "reference", document(3, pool=16.0))
        text = self.says("HEAD", "reference")
        self.assertEqual(self.row(text, "fill/pool/lognormal/100")[-1], "slower")
        self.says("HEAD")  # draws it
        folders = {
            path.parent.name for path in (self.root / "results").glob("*/index.html")
        }
        self.assertEqual(len(folders), 1)
        self.git("rm", "-q", "-r", "-f", "results/reference")
        self.git("commit", "-q", "-m", "two")
        self.refuses("HEAD: no run was published with this commit", "HEAD", "other")

    def test_what_is_no_run(self) -> None:
        self.refuses("none: expected a label of results/", "none")
        (self.other / "run.json").write_text('{"benchmarks": [{"name": 5}]}')
        self.refuses(
            r"run.json: benchmarks\[0\]: name is 5; expected", "reference", "other"
        )
        self.refuses(
            r"run.json: benchmarks\[0\]: name is 5", "other", "--run-json", "-"
        )
        self.refuses("2 runs; expected one", "other", "other", "--run-json", "-")


if __name__ == "__main__":
    unittest.main()
