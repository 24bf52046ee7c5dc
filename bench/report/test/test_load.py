"""The files of a run: what is read of them, what is refused, and in which words."""

import copy
import json
import random
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import runs
from load import (
    Counts,
    Family,
    Fit,
    InputError,
    Latency,
    Memory,
    Row,
    load,
    load_file,
)

ROW = {"workload": "fill", "allocator": "pool", "sizes": "fixed_64", "n": 10}


class Folder(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.run = runs.document()

    def refused(self, words: str) -> None:
        with self.assertRaisesRegex(InputError, words):
            load(self.folder)

    def changed(self, change: Callable[[dict[str, Any]], Any], words: str) -> None:
        """After change of one entry, the file is refused in these words."""
        change(self.run["benchmarks"][3])
        runs.write(self.folder, self.run)
        self.refused(words)


class Rows(Folder):
    def test_reads_every_row_and_round(self) -> None:
        run = load(runs.write(self.folder, self.run))
        self.assertEqual(len(run.rates), 2 * 7 * 4 * 3)
        for rounds in run.rates.values():
            self.assertEqual(sorted(rounds), list(range(runs.ROUNDS)))
        self.assertEqual(run.command, "./run bench --test-data")
        entry = self.run["benchmarks"][0]
        row = Row(*(entry[key] for key in ("workload", "allocator", "sizes", "n")))
        number = entry["repetition_index"]
        self.assertEqual(run.rates[row][number], entry["items_per_second"])
        self.assertEqual(
            run.halves[row][number], (entry["first_half_ns"], entry["second_half_ns"])
        )
        self.assertEqual(run.faults[row][number], 0.0)

    def test_fields_say_which_row_it_is_and_not_the_name(self) -> None:
        for entry in self.run["benchmarks"]:
            entry["name"] = f"any name of round {entry['name']}/real_time"
        run = load(runs.write(self.folder, self.run))
        self.assertIn(Row("fill", "pool", "fixed_64", 10), run.rates)

    def test_layouts_are_those_of_the_rounds(self) -> None:
        document = runs.document(rounds=9, layouts=7)
        run = load(runs.write(self.folder, document))
        expected = {number: number % 7 for number in range(9)}
        self.assertEqual(run.layouts, expected)

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
            runs.fail(self.run, f"{workload}/tcmalloc/", "no library")
        self.assertEqual(load(runs.write(self.folder, self.run)).silent, ["tcmalloc"])

    def test_rows_of_the_harness_are_kept_apart(self) -> None:
        entry = runs.entry("shim/c/1024", 0, 1.0) | {"real_time": 2, "time_unit": "us"}
        del entry["items_per_second"]
        self.run["benchmarks"].append(entry)
        run = load(runs.write(self.folder, self.run))
        self.assertEqual(run.others, {"shim/c/1024": {0: 2000.0}})

    def test_run_without_halves_and_faults_is_read(self) -> None:
        for entry in self.run["benchmarks"]:
            del entry["first_half_ns"], entry["second_half_ns"], entry["page_faults"]
        run = load(runs.write(self.folder, self.run))
        self.assertEqual((run.halves, run.faults), ({}, {}))

    def test_one_half_alone_is_refused(self) -> None:
        self.changed(
            lambda entry: entry.pop("second_half_ns"), "second_half_ns is missing"
        )

    def test_missing_fields_are_named(self) -> None:
        for key, expected in (
            ("workload", "a text"),
            ("allocator", "a text"),
            ("sizes", "a text"),
            ("n", "the allocations of a region, a whole number from 1 on"),
            ("layout", "the number of its round's layout, a whole number from 0 on"),
            ("repetition_index", "the number of its round, a whole number from 0 on"),
        ):
            self.run = runs.document()
            name = self.run["benchmarks"][3]["name"]
            self.changed(
                lambda entry: entry.pop(key),
                rf"run\.json: benchmarks\[3\]: {name}: {key} is missing; "
                rf"expected {expected}",
            )

    def test_fields_of_another_kind_are_shown(self) -> None:
        for key, value in (
            ("workload", 7),
            ("n", "100"),
            ("n", 0),
            ("n", True),
            ("layout", -1),
            ("layout", 1.5),
            ("repetition_index", None),
            ("first_half_ns", 0),
            ("page_faults", -0.5),
        ):
            self.run = runs.document()
            self.changed(
                lambda entry: entry.update({key: value}),
                rf"benchmarks\[3\]: .*: {key} is {value!r}; expected ",
            )

    def test_round_with_two_layouts(self) -> None:
        number = self.run["benchmarks"][3]["repetition_index"]
        self.changed(
            lambda entry: entry.update(layout=77),
            f"layout is 77; expected {number}, as in other entries of round {number}",
        )

    def test_row_with_neither_figure_nor_reason(self) -> None:
        name = self.run["benchmarks"][3]["name"]
        self.changed(
            lambda entry: entry.pop("items_per_second"),
            f"{name}: items_per_second is missing; expected a number above 0, or "
            "error_occurred with an error_message",
        )

    def test_figures_that_cannot_be(self) -> None:
        for value in (0, -1.0, float("nan"), float("inf"), "7", True):
            self.changed(
                lambda entry: entry.update(items_per_second=value),
                "items_per_second is .*; expected a number above 0",
            )

    def test_unknown_unit(self) -> None:
        self.changed(
            lambda entry: entry.update(workload="shim", time_unit="h"),
            "time_unit is 'h'; expected one of ns, us, ms, s",
        )

    def test_second_entry_of_a_round(self) -> None:
        self.run["benchmarks"].append(self.run["benchmarks"][3])
        runs.write(self.folder, self.run)
        self.refused("one entry a row and round, and this is the second")


class Lists(Folder):
    """The lists beside the timed rows."""

    def add(self, key: str, **fields: Any) -> None:
        self.run[key] = [ROW | fields]
        runs.write(self.folder, self.run)

    def test_a_run_without_them_is_read(self) -> None:
        run = load(runs.write(self.folder, self.run))
        for found in (run.latencies, run.memory, run.counts, run.fits):
            self.assertEqual(found, {})

    def test_latencies(self) -> None:
        fields = dict(regions=7, p50_ns=1, p90_ns=2.5, p99_ns=3, p999_ns=4, max_ns=5)
        self.add("latencies", **fields)
        self.assertEqual(
            load(self.folder).latencies,
            {Row(*ROW.values()): Latency(7, 1, 2.5, 3, 4, 5)},
        )
        del fields["p99_ns"]
        self.add("latencies", **fields)
        self.refused(r"run.json: latencies\[0\]: p99_ns is missing; expected a number")

    def test_memory(self) -> None:
        fields = dict(
            regions=2, asked_bytes=3, virtual_bytes=5, resident_bytes=4, kept_bytes=0
        )
        self.add("memory", **fields)
        row = Row("memory", "pool", "fixed_64", 10)
        self.assertEqual(load(self.folder).memory, {row: Memory(2, 3, 5, 4, 0)})
        self.add("memory", **fields | {"asked_bytes": 0})
        self.refused(r"memory\[0\]: asked_bytes is 0; expected a number above 0")

    def test_memory_that_failed_is_skipped_with_its_reason(self) -> None:
        self.add("memory", error_message="an allocation failed")
        run = load(self.folder)
        self.assertEqual(run.memory, {})
        self.assertEqual(
            run.skipped, {"memory/pool/fixed_64/10": "an allocation failed"}
        )

    def test_instructions(self) -> None:
        self.add("instructions", instructions=20.5, branches=3, mispredictions=0)
        self.assertEqual(
            load(self.folder).counts, {Row(*ROW.values()): Counts(20.5, 3, 0)}
        )
        self.add("instructions", error_message="no valgrind")
        run = load(self.folder)
        self.assertEqual(run.counts, {})
        name = "instructions/fill/pool/fixed_64/10"
        self.assertEqual(run.skipped, {name: "no valgrind"})

    def test_complexity(self) -> None:
        self.add("complexity", big_o="NlgN", coefficient_ns=2.5, rms=0.01)
        self.assertEqual(
            load(self.folder).fits,
            {Family("fill", "pool", "fixed_64"): Fit("NlgN", 2.5, 0.01)},
        )
        self.add("complexity", coefficient_ns=2.5, rms=0.01)
        self.refused(r"complexity\[0\]: big_o is missing; expected a text")

    def test_lists_of_another_kind(self) -> None:
        self.run["latencies"] = {}
        runs.write(self.folder, self.run)
        self.refused('expected a list "latencies"')
        self.run["latencies"] = [1]
        runs.write(self.folder, self.run)
        self.refused(r"latencies\[0\] is 1; expected an object")


class Files(Folder):
    def test_missing_files(self) -> None:
        for name in ("run.json", "machine.json", "command"):
            runs.write(self.folder, self.run)
            (self.folder / name).unlink()
            self.refused(f"{name}: no such file; expected a results folder")

    def test_file_alone_may_have_any_name(self) -> None:
        whole = load(runs.write(self.folder, self.run))
        for name in ("run.json", "machine.json", "command"):
            (self.folder / name).rename(self.folder / f"other-{name}")
        alone = load_file(self.folder / "other-run.json")
        self.assertEqual(alone.rates, whole.rates)
        self.assertEqual((alone.machine, alone.command), ({}, ""))
        with self.assertRaisesRegex(InputError, "no.json: no such file"):
            load_file(self.folder / "no.json")

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
        self.refused("run.json: byte 2 is not UTF-8")

    def test_other_json(self) -> None:
        path = runs.write(self.folder, self.run) / "run.json"
        for text, words in (
            ("[]", "expected a JSON object"),
            ("{}", 'expected a list "benchmarks"'),
            ('{"benchmarks": [1]}', r"benchmarks\[0\] is 1; expected an object"),
            ('{"benchmarks": [{}]}', r"benchmarks\[0\]: name is missing; expected"),
            ('{"context": 1, "benchmarks": []}', '"context" is 1; expected an object'),
        ):
            path.write_text(text)
            self.refused("run.json: " + words)


class Damage(Folder):
    """A damaged run.json is read, or refused in words.

    The refusal names the file. Nothing else is ever raised.
    """

    RUNS = 400
    VALUES: list[Any] = [
        None, True, 0, -1, 1.5, 10**400, float("nan"), float("inf"), "", "x", [], {},
        [1], {"a": 1}, "\ud800", "1e400", "ns", "shim", "aggregate",
    ]

    def setUp(self) -> None:
        super().setUp()
        small = runs.document(
            {"pool": 4.0, "pool_again": 4.0}, sizes=["fixed_64"], ns=[10], rounds=2
        )
        self.run = runs.add_measures(small)
        self.run["benchmarks"].append(runs.entry("shim/c/1024", 0, 1.0))
        self.generator = random.Random(20250101)
        runs.write(self.folder, self.run)
        self.path = self.folder / "run.json"

    def read_or_refused(self) -> bool:
        """Whether it was read."""
        try:
            load(self.folder)
        except InputError as error:
            text = str(error)
            self.assertTrue(text.startswith(str(self.path)), text)
            self.assertGreater(len(text), len(str(self.path)) + 5, text)
            text.encode()
            return False
        return True

    def damage(self, value: Any) -> None:
        """Change something somewhere in value, an object or a list."""
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = self.generator.choice(keys)
        if isinstance(value[key], (dict, list)) and self.generator.random() < 0.9:
            self.damage(value[key])
            return
        kind = self.generator.randrange(4)
        if kind == 0:
            del value[key]
        elif kind == 1 and isinstance(value, list):
            value.append(copy.deepcopy(value[key]))
        else:
            value[key] = copy.deepcopy(self.generator.choice(self.VALUES))

    def test_values_of_another_kind(self) -> None:
        read = 0
        for number in range(self.RUNS):
            run = copy.deepcopy(self.run)
            for _ in range(1 + number % 3):
                self.damage(run)
            self.path.write_text(json.dumps(run), encoding="utf-8")
            with self.subTest(number=number):
                read += self.read_or_refused()
        # Not all of it matters, and most of it does.
        self.assertIn(read, range(self.RUNS // 20, self.RUNS * 3 // 4))

    def test_bytes_that_are_changed_lost_or_added(self) -> None:
        whole = self.path.read_bytes()
        for number in range(self.RUNS):
            data = bytearray(whole)
            for _ in range(1 + number % 4):
                at = self.generator.randrange(len(data))
                kind = self.generator.randrange(4)
                if kind == 0:
                    data[at] = self.generator.randrange(256)
                elif kind == 1:
                    del data[at : at + self.generator.randrange(1, 50)]
                elif kind == 2:
                    data[at:at] = self.generator.randbytes(self.generator.randrange(1, 5))
                else:
                    del data[at:]
                if not data:
                    break
            self.path.write_bytes(data)
            with self.subTest(number=number):
                self.read_or_refused()

    def test_every_cut_is_refused(self) -> None:
        whole = self.path.read_bytes()
        for size in range(0, len(whole) - 1, 97):
            self.path.write_bytes(whole[:size])
            self.assertFalse(self.read_or_refused(), size)

    def test_what_python_itself_refuses(self) -> None:
        for text, words in (
            ("[" * 100_000, "too deep"),
            ('{"benchmarks": ' + "9" * 5000 + "}", "a number of too many digits"),
        ):
            self.path.write_text(text)
            self.refused("run.json: broken JSON: " + words)

    def test_numbers_that_no_double_holds(self) -> None:
        self.changed(
            lambda entry: entry.update(items_per_second=10**400),
            "items_per_second is 1000.*; expected a number above 0",
        )

    def test_texts_that_no_file_holds(self) -> None:
        self.changed(
            lambda entry: entry.update(sizes="\ud800"),
            r"sizes is '.ud800'; expected a text",
        )
        self.changed(
            lambda entry: entry.update(workload="shim", time_unit=["ns"]),
            r"time_unit is \['ns'\]; expected one of ns, us, ms, s",
        )


if __name__ == "__main__":
    unittest.main()
