"""readings.json: what it keeps, what is refused, and in which words."""

import json
import math
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import runs
import store
from load import InputError, Run, load, load_document, read_document
from test_table import loaded

PATH = Path("results/x/run.json")
KEPT = ("layouts", "faults", "held", "latencies", "memory", "counts", "fits")
AS_THEY_WERE = (*KEPT, "skipped", "silent", "context")


def document() -> dict[str, Any]:
    run = runs.add_measures(runs.document(layouts=7, half_noise=0.02))
    for entry in run["benchmarks"]:
        entry["bytes_per_second"] = 64.0 * entry["items_per_second"]
        if entry["workload"] == "fill_reset":
            entry |= {"live_bytes": 640, "held_bytes": 704}
        # A thousandth is the step that the other clock is kept in.
        entry["real_time"] = entry["cpu_time"] * 1.003
    del run["benchmarks"][17]["first_half_ns"], run["benchmarks"][17]["second_half_ns"]
    del run["benchmarks"][40]
    runs.fail(run, "fill/talloc/fixed_64/100", "out of <memory>")
    for number in range(runs.ROUNDS):
        run["benchmarks"].append(runs.entry("shim/bare/1024", number, 4e9, number % 7))
    return run


def stored(run: dict[str, Any]) -> dict[str, Any]:
    packed: dict[str, Any] = json.loads(store.pack(run, PATH))
    return packed


class Kept(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.whole = document()
        cls.text = store.pack(cls.whole, PATH)
        cls.before = loaded(cls.whole)
        cls.after = load_document(store.expand(json.loads(cls.text), PATH), PATH)

    def near(self, before: dict[Any, Any], after: dict[Any, Any], most: float) -> None:
        self.assertEqual(sorted(before), sorted(after))
        for key, values in before.items():
            self.assertEqual(list(values), list(after[key]), key)
            for number, value in values.items():
                self.assertTrue(
                    math.isclose(value, after[key][number], rel_tol=most),
                    f"{key}, round {number}: {value}, {after[key][number]}",
                )

    def test_times_keep_five_digits(self) -> None:
        self.near(self.before.rates, self.after.rates, 0.5e-4)
        self.near(self.before.others, self.after.others, 0.5e-4 + store.STEP)

    def test_halves_keep_thousandths(self) -> None:
        for half in (0, 1):
            mine, theirs = (
                {
                    row: {number: both[half] for number, both in of.items()}
                    for row, of in run.halves.items()
                }
                for run in (self.before, self.after)
            )
            self.near(mine, theirs, store.STEP)

    def test_all_else_is_as_it_was(self) -> None:
        for name in AS_THEY_WERE:
            mine, theirs = getattr(self.before, name), getattr(self.after, name)
            if name in ("latencies", "counts", "fits"):
                self.assertEqual(list(mine), list(theirs))
                for one, other in zip(mine.values(), theirs.values()):
                    for a, b in zip(one, other):
                        same = (
                            a == b
                            if isinstance(a, str)
                            else math.isclose(a, b, rel_tol=0.5e-4)
                        )
                        self.assertTrue(same, f"{name}: {one}, {other}")
            else:
                self.assertEqual(mine, theirs, name)

    def test_same_data_gives_same_bytes(self) -> None:
        self.assertEqual(self.text, store.pack(document(), PATH))

    def test_packed_again_it_has_the_same_bytes(self) -> None:
        again = store.expand(json.loads(self.text), PATH)
        self.assertEqual(self.text, store.pack(again, PATH))

    def test_a_row_is_a_line(self) -> None:
        rows = {entry["name"] for entry in self.whole["benchmarks"]}
        lines = self.text.splitlines()
        for name in rows:
            with self.subTest(name=name):
                known = [line for line in lines if line.startswith(f'["{name}",')]
                self.assertTrue(known)

    def test_expanded_it_has_googles_fields(self) -> None:
        mine = {
            (entry["name"], entry["repetition_index"]): entry
            for entry in store.expand(json.loads(self.text), PATH)["benchmarks"]
        }
        for entry in self.whole["benchmarks"]:
            found = mine[entry["name"], entry["repetition_index"]]
            for key in ("real_time", "cpu_time", "bytes_per_second"):
                if key in entry and not entry.get("error_occurred"):
                    self.assertAlmostEqual(found[key] / entry[key], 1.0, 2)
            same = ("run_name", "run_type", "threads", "time_unit", "error_message")
            for key in same:
                self.assertEqual(found.get(key), entry.get(key))

    def test_clock_is_the_one_that_the_rate_counts_by(self) -> None:
        run = {
            "benchmarks": [
                runs.entry(f"fill/{name}/fixed_64/10", number, 1e8)
                | {"cpu_time": cpu, "real_time": real}
                for number in range(7)
                for name, cpu, real in (("pool", 100.0, 150.0), ("apr", 155.0, 200.0))
            ]
        }
        lines = {line[0].split("/")[1]: line for line in stored(run)["rows"]}
        self.assertEqual(lines["pool"][2:4], [10, "cpu_time"])
        self.assertEqual(lines["apr"][2:4], [20, "real_time"])

    def test_clocks_that_differ_by_less_than_a_step_are_one(self) -> None:
        run = {
            "benchmarks": [
                runs.entry("fill/pool/fixed_64/10", number, 1e8)
                | {"cpu_time": 100.02, "real_time": 100.0}
                for number in range(7)
            ]
        }
        text = store.pack(run, PATH)
        again = store.expand(json.loads(text), PATH)
        self.assertEqual(text, store.pack(again, PATH))


class Folders(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = runs.write(Path(folder.name), document())
        packed = store.pack(document(), PATH)
        (self.folder / store.FILE).write_text(packed, encoding="utf-8")

    def test_run_json_comes_first(self) -> None:
        (self.folder / store.FILE).write_text("no JSON", encoding="utf-8")
        self.assertEqual(load(self.folder).path.name, "run.json")

    def test_readings_serve_where_there_is_no_run_json(self) -> None:
        (self.folder / "run.json").unlink()
        run: Run = load(self.folder)
        self.assertEqual(run.path.name, store.FILE)
        self.assertEqual(run.command, "./run bench --test-data")
        self.assertEqual(len(run.rates), 2 * 7 * 4 * 3 - 1)

    def test_either_form_is_read_from_a_file_of_any_name(self) -> None:
        for name in ("run.json", store.FILE):
            path = (self.folder / name).rename(self.folder / "other")
            self.assertIn("benchmarks", read_document(path))


class Refused(unittest.TestCase):
    def changed(self, change: Callable[[dict[str, Any]], Any], words: str) -> None:
        of = stored(document())
        change(of)
        with self.assertRaisesRegex(InputError, words):
            load_document(store.expand(of, PATH), PATH)

    def value(self, key: str, value: Any, words: str) -> None:
        """A value of one line, by the column's name."""
        index = [*store.ROW, *store.READING].index(key)

        def change(of: dict[str, Any]) -> None:
            of["rows"][3][index] = value

        self.changed(change, rf"run.json: rows\[3\].*: {key}.*{words}")

    def test_another_version(self) -> None:
        self.changed(lambda of: of.update(version=2), "version is 2; expected 1")

    def test_lists_that_are_none(self) -> None:
        self.changed(lambda of: of.pop("layouts"), 'expected a list "layouts"')
        self.changed(lambda of: of.update(rows={}), 'expected a list "rows"')
        self.changed(lambda of: of.pop("columns"), r'columns\["rows"\]')
        self.changed(lambda of: of["columns"].pop("memory"), r'columns\["memory"\]')
        self.changed(lambda of: of.update(context=[]), '"context" is \\[\\]')

    def test_lines_of_another_length(self) -> None:
        self.changed(
            lambda of: of["rows"][3].pop(), r"rows\[3\] is .* expected a list of 13"
        )
        self.changed(lambda of: of["memory"].insert(1, 5), r"memory\[1\] is 5; ")

    def test_other_columns(self) -> None:
        self.changed(
            lambda of: of["columns"]["rows"].reverse(),
            r'columns\["rows"\] is .*expected',
        )

    def test_layouts_that_are_no_number(self) -> None:
        self.changed(
            lambda of: of["layouts"].__setitem__(2, -1), r"layouts\[2\] is -1; expected"
        )
        self.changed(
            lambda of: of["layouts"].__setitem__(2, None), "round 2 has no layout"
        )

    def test_names(self) -> None:
        self.value("name", 5, "is 5; expected a text")
        self.value("name", "fill/pool", "workload/allocator/sizes/n")
        self.value("name", "fill/pool/fixed/ten", "n a number")

    def test_fields_of_a_row(self) -> None:
        self.value("threads", 0, "is 0; expected a whole number from 1 on")
        self.value("items", 1.5, "is 1.5; expected a whole number from 1 on")
        self.value("clock", "sundial", "is 'sundial'; expected cpu_time or real_time")
        self.value("bytes", "x", "is 'x'; expected null or a number above 0")
        self.value("live_bytes", -1, "is -1; expected a whole number")

    def test_readings(self) -> None:
        self.value("time_ns", [1.0], r"expected one value, or 11: one a round")
        for wrong in (0, "x", 1e300, True, -3.0):
            self.value("time_ns", wrong, r"round 0, is .*expected null or a number")
        self.value("first_half", -1000, "round 0, is -1000; expected")
        self.value("page_faults", -1, "round 0, is -1; expected")
        self.value("iterations", "<b>", "round 0, is '<b>'; expected")

    def test_a_run_that_cannot_be_kept(self) -> None:
        run = document()
        run["benchmarks"][0]["name"] = "another"
        with self.assertRaisesRegex(InputError, "another: name is not its workload"):
            store.pack(run, PATH)
        run = document()
        run["benchmarks"][0]["cpu_time"] *= 1.5
        with self.assertRaisesRegex(InputError, "items_per_second is not that of"):
            store.pack(run, PATH)
        run = document()
        del run["benchmarks"][0]["real_time"]
        with self.assertRaisesRegex(InputError, "real_time is None; expected a time"):
            store.pack(run, PATH)


if __name__ == "__main__":
    unittest.main()
