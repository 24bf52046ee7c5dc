"""What is refused, and in which words."""

import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import runs
from load import InputError, Row, load


class Load(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.run = runs.document()

    def refused(self, words: str) -> None:
        with self.assertRaisesRegex(InputError, words):
            load(self.folder)

    def changed(self, change: Callable[[dict[str, Any]], Any], words: str) -> None:
        change(self.run["benchmarks"][3])
        runs.write(self.folder, self.run)
        self.refused(words)

    def test_reads_every_row_and_round(self) -> None:
        run = load(runs.write(self.folder, self.run))
        self.assertEqual(len(run.rates), 2 * 7 * 4 * 3)
        for rounds in run.rates.values():
            self.assertEqual(sorted(rounds), list(range(runs.ROUNDS)))
        self.assertEqual(run.command, "./run bench --test-data")
        entry = self.run["benchmarks"][0]
        workload, allocator, sizes, n = entry["name"].split("/")
        row = Row(workload, allocator, sizes, int(n))
        self.assertEqual(
            run.rates[row][entry["repetition_index"]], entry["items_per_second"]
        )

    def test_aggregates_are_left_out(self) -> None:
        aggregate = runs.entry("fill/pool/fixed_64/10", 0, 1.0)
        aggregate |= {"run_type": "aggregate", "aggregate_name": "mean"}
        before = load(runs.write(self.folder, self.run)).rates
        self.run["benchmarks"].append(aggregate)
        self.assertEqual(load(runs.write(self.folder, self.run)).rates, before)

    def test_row_that_failed_once_is_skipped_whole(self) -> None:
        entry = self.run["benchmarks"][3]
        entry["error_occurred"] = True
        entry["error_message"] = "out of memory"
        run = load(runs.write(self.folder, self.run))
        self.assertEqual(run.skipped, {entry["name"]: "out of memory"})
        self.assertNotIn(entry["name"], map(str, run.rates))
        self.assertEqual(run.silent, [])

    def test_allocator_without_any_figure_is_named(self) -> None:
        for workload in ("fill", "fill_reset"):
            runs.skip(self.run, f"{workload}/tcmalloc/", "no library")
        self.assertEqual(load(runs.write(self.folder, self.run)).silent, ["tcmalloc"])

    def test_rows_named_otherwise_are_kept_apart(self) -> None:
        entry = runs.entry("shim/c/1024", 0, 1.0) | {"real_time": 2, "time_unit": "us"}
        del entry["items_per_second"]
        self.run["benchmarks"].append(entry)
        run = load(runs.write(self.folder, self.run))
        self.assertEqual(run.others, {"shim/c/1024": {0: 2000.0}})

    def test_suffixes_of_google_benchmark_are_no_part_of_a_name(self) -> None:
        for entry in self.run["benchmarks"]:
            entry["name"] += "/iterations:100/real_time"
        run = load(runs.write(self.folder, self.run))
        self.assertIn(Row("fill", "pool", "fixed_64", 10), run.rates)

    def test_missing_files(self) -> None:
        for name in ("run.json", "machine.json", "command"):
            runs.write(self.folder, self.run)
            (self.folder / name).unlink()
            self.refused(f"{name}: no such file; expected a results folder")

    def test_broken_json(self) -> None:
        for name in ("run.json", "machine.json"):
            runs.write(self.folder, self.run)
            (self.folder / name).write_text('{\n "a": ,\n}')
            self.refused(f"{name}:2:7: broken JSON")

    def test_cut_off_json(self) -> None:
        path = runs.write(self.folder, self.run) / "run.json"
        path.write_text(path.read_text()[:5000])
        self.refused(r"run.json:1:\d+: broken JSON")

    def test_bytes_that_are_no_text(self) -> None:
        (runs.write(self.folder, self.run) / "run.json").write_bytes(b"{}\xff")
        self.refused("run.json: byte 2 is no UTF-8")

    def test_other_json(self) -> None:
        path = runs.write(self.folder, self.run) / "run.json"
        for text, words in (
            ("[]", "expected a JSON object"),
            ("{}", 'expected a list "benchmarks"'),
            ('{"benchmarks": [1]}', r"benchmarks\[0\]: expected an object"),
            ('{"benchmarks": [{}]}', r'benchmarks\[0\]: .* "name"'),
            ('{"context": 1, "benchmarks": []}', '"context" is not an object'),
        ):
            path.write_text(text)
            self.refused("run.json: " + words)

    def test_row_with_neither_figure_nor_reason(self) -> None:
        name = self.run["benchmarks"][3]["name"]
        self.changed(
            lambda entry: entry.pop("items_per_second"),
            f"{name}: items_per_second is None; expected",
        )

    def test_figures_that_cannot_be(self) -> None:
        for value in (0, -1.0, float("nan"), float("inf"), "7", True):
            self.changed(
                lambda entry: entry.update(items_per_second=value),
                "items_per_second is .*; expected a number above 0",
            )

    def test_unknown_unit(self) -> None:
        self.changed(
            lambda entry: entry.update(name="shim/c/1", time_unit="h"),
            "time_unit is 'h'; expected one of ns, us, ms, s",
        )

    def test_round_without_number(self) -> None:
        self.changed(
            lambda entry: entry.pop("repetition_index"), "repetition_index is None"
        )

    def test_round_that_stands_there_twice(self) -> None:
        self.run["benchmarks"].append(self.run["benchmarks"][3])
        runs.write(self.folder, self.run)
        self.refused("stands there twice")


if __name__ == "__main__":
    unittest.main()
