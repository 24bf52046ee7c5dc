"""The figures of READMEs follow from the data, and there are no others."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path
from typing import Any

import runs
import store
from errors import InputError
from readme import history, markers, stray
from readme.stray import Allowed

ROOT = runs.REPORT.parents[1]
FOLDERS = ("bench", "fuzz", "pool", "results")
COSTS = {  # ns, made up
    "pool": 4.0,
    "pool_again": 4.0,
    "pool_inline": 3.0,
    "bump_memory": 2.9,
    "nginx": 8.0,
    "glibc": 40.0,
    "tcmalloc": 12.0,
    "<b>hostile|": 9.0,
}
STALE, UNUSABLE = 1, 2
CHECKED = r"^\d+ files are as results/ makes them, and no figure is stray\n$"


def document(commit: str = "1" * 40, **costs: float) -> dict[str, Any]:
    run = runs.document(
        COSTS | costs,
        sizes=("lognormal", "nginx_request", "fixed64"),
        ns=(25, 100, 1000),
        workloads=("fill", "fill_reset", "large"),
        rounds=7,
    )
    run["context"] |= {"commit": commit, "date": f"2026-01-0{commit[0]}T00:00:00"}
    return runs.add_measures(run)


def publish(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", runs.REPORT / "publish.py", "--root", root, *words],
        capture_output=True,
        text=True,
        check=False,
    )


def texts(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.parent.name != "mine"
    }


class Published(unittest.TestCase):
    """A copy of the READMEs, in which a run is published."""

    @classmethod
    def setUpClass(cls) -> None:
        parent = tempfile.TemporaryDirectory()
        cls.addClassCleanup(parent.cleanup)
        cls.template = Path(parent.name) / "root"
        for folder in FOLDERS:
            for path in (ROOT / folder).rglob("README.md"):
                target = cls.template / path.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
        shutil.copy(ROOT / "README.md", cls.template)
        for name in ("kept_curve.md", "left_bound.md", "mutator.json"):
            shutil.copy(ROOT / "results" / name, cls.template / "results")
        runs.write(cls.template / "results" / "mine", document())
        done = publish(cls.template, "mine")
        assert done.returncode == 0, done.stderr

    def setUp(self) -> None:
        parent = tempfile.TemporaryDirectory()
        self.addCleanup(parent.cleanup)
        self.root = Path(parent.name) / "root"
        shutil.copytree(self.template, self.root)

    def publish_run(self, run: dict[str, Any]) -> None:
        runs.write(self.root / "results" / "mine", run)
        self.succeeds("mine")

    def succeeds(self, *words: str) -> str:
        done = publish(self.root, *words)
        self.assertEqual((done.stderr, done.returncode), ("", 0), done.stdout)
        return done.stdout

    def refused(self, words: str) -> None:
        before = texts(self.root)
        done = publish(self.root)
        self.assertEqual(done.returncode, UNUSABLE, done.stdout)
        self.assertRegex(done.stderr, words)
        self.assertEqual(before, texts(self.root))

    def is_stale(self, *words: str) -> None:
        done = publish(self.root, "--check")
        self.assertEqual(done.returncode, STALE, done.stderr)
        for word in words:
            self.assertRegex(done.stdout, word)

    def change(self, name: str, old: str, new: str) -> None:
        path = self.root / name
        text = path.read_text(encoding="utf-8")
        self.assertIn(old, text)
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def readme(self, name: str = "README.md") -> str:
        return (self.root / name).read_text(encoding="utf-8")

    def test_what_was_published_is_fresh(self) -> None:
        self.assertRegex(self.succeeds("--check"), CHECKED)

    def test_same_data_gives_same_bytes(self) -> None:
        before = texts(self.root)
        self.assertEqual(self.succeeds("mine"), "")
        self.assertEqual(self.succeeds(), "")
        self.assertEqual(before, texts(self.root))

    def test_changed_data_makes_each_readme_stale(self) -> None:
        path = self.root / "results" / "reference" / store.FILE
        stored = json.loads(path.read_text(encoding="utf-8"))
        place = stored["columns"]["rows"].index("time_ns")
        for row in stored["rows"]:
            if row[0].startswith("fill/pool/"):
                row[place] = [1.37 * time for time in row[place]]
        path.write_text(store.pack(store.expand(stored, path), path), encoding="utf-8")
        self.is_stale(
            r"(?m)^README.md:\d+: stale: found .*, expected .*; ./run publish",
            r"(?m)^pool/README.md:\d+: stale",
            r"(?m)^results/README.md:\d+: stale",
            r"(?m)^results/charts/speed.svg:\d+: stale",
            r"(?m)^results/reference/table.csv:\d+: stale",
        )

    def test_changed_files_of_others_make_readmes_stale(self) -> None:
        self.change("results/kept_curve.md", "10.8", "11.9")
        self.change("results/left_bound.md", "13.48", "14.56")
        self.is_stale(r"pool/README.md:\d+: stale.*10.8.*11.9")
        self.succeeds()
        self.assertIn("14.56", self.readme("pool/README.md"))
        self.change("results/mutator.json", '"seconds": 10', '"seconds": 11')
        self.is_stale(r"fuzz/README.md:\d+: stale.*has 10 seconds.*has 11 seconds")

    def test_figures_that_somebody_edits_are_stale(self) -> None:
        found = re.search(r"\*\*([\d.]+)× as fast as glibc", self.readme())
        assert found is not None
        self.change("README.md", found.group(), "**99× as fast as glibc")
        self.is_stale(r"README.md:\d+: stale: found .*99×")

    def test_figures_outside_are_found(self) -> None:
        with (self.root / "README.md").open("a", encoding="utf-8") as file:
            file.write("It takes 3.7 ns.\n")
        self.is_stale(r'README.md:\d+: "3.7 ns" is a figure that no data made')

    def test_a_pool_that_loses_is_said_to_lose(self) -> None:
        self.assertIn("as fast as glibc's `malloc()`**", self.readme())
        self.assertIn("It loses in none of 54 comparisons", self.readme())
        self.publish_run(document(pool=80.0, pool_again=80.0))
        text = self.readme()
        self.assertIn("**slower than glibc's `malloc()`**", text)
        self.assertRegex(text, r"in 54 of 54 comparisons")
        self.assertRegex(text, r"At\s+worst it has 0.15×")
        self.assertIn("**0.50× (", self.readme("results/README.md"))

    def test_a_pool_that_is_equal_is_said_to_be(self) -> None:
        self.publish_run(document(glibc=4.0))
        self.assertRegex(self.readme(), "is as fast as\\s+glibc")

    def test_markup_in_a_run_stays_text(self) -> None:
        machine = runs.MACHINE | {"cpu": "<script>|a", "compilers": {"c": "x\n# head"}}
        run = document(**{"<b>hostile|": 2.0})
        for entry in run["benchmarks"]:
            if entry["sizes"] == "fixed64":
                entry["sizes"] = "fixed|<script>](x"
                entry["name"] = "/".join(str(entry[key]) for key in store.IDENTITY)
        run["context"] |= {"commit": "<b>\ud800\n,", "host_name": "\ud800"}
        runs.write(self.root / "results" / "mine", run, machine)
        self.succeeds("mine")
        for name in ("README.md", "results/README.md"):
            text = self.readme(name)
            self.assertNotRegex(text, "(?m)<script|<b>|^# head")
            self.assertIn("&lt;script&gt;\\|a", text)
            for target in re.findall(r"!\[.*?\]\((.*?)\)", text):
                self.assertRegex(target, r"^(results/)?charts/\w+\.svg$")
        self.assertRegex(self.readme(), r"and 12\s+more\.")
        self.assertIn("(&lt;b&gt;hostile\\|, 0.50×", self.readme().replace("\n", " "))

    def test_history_has_a_line_a_commit(self) -> None:
        path = self.root / "results" / history.FILE
        self.publish_run(document("3" * 40))
        self.publish_run(document("2" * 40, pool=5.0))
        self.publish_run(document("2" * 40, pool=6.0))
        lines = history.read(path)
        self.assertEqual([line["commit"][0] for line in lines], ["1", "2", "3"])
        # Made up: three times the cost of an allocation in a region of 100.
        self.assertEqual(lines[1]["fill/pool/lognormal/100"], "14.400")
        self.assertIn("| 2222222 |", self.readme("results/README.md"))
        self.assertRegex(self.succeeds("--check"), CHECKED)
        path.write_text(path.read_text().replace("14.400", "many"), encoding="utf-8")
        self.refused("history.csv:3: fill/pool/lognormal/100 is 'many'; expected a num")

    def test_mutants_are_told_where_they_are_there(self) -> None:
        self.assertIn("No mutation score is published", self.readme())
        score = {"of": 90, "killed": 81}
        scores = {"generated": {"together": score, "columns": {"unit": score}}}
        path = self.root / "results" / "mutants.json"
        path.write_text(json.dumps({"scores": scores}), encoding="utf-8")
        self.is_stale(r"README.md:\d+: stale", r"history.csv:\d+: stale")
        self.succeeds()
        self.assertRegex(self.readme(), r"Of 90 mutants .* 81 are\s+found \(90.0 %\)")
        path.write_text(
            json.dumps({"scores": {"x": {"together": {}, "columns": {}}}}),
            encoding="utf-8",
        )
        self.refused("mutants.json: scores.x.together.killed is None; expected a who")
        path.write_text("{", encoding="utf-8")
        self.refused("mutants.json: broken JSON")

    def test_mutants_without_a_score_are_named(self) -> None:
        count = {"of": 1, "killed": 1}
        scores = {"planted": {"together": count, "columns": {"unit": count}}}
        (self.root / "results" / "mutants.json").write_text(
            json.dumps({"scores": scores, "mutants": [{"name": "old"}]}),
            encoding="utf-8",
        )
        rows = self.root / "fuzz" / "mutants" / "mutants.toml"
        rows.parent.mkdir(exist_ok=True)
        rows.write_text("[old]\n", encoding="utf-8")
        self.succeeds()
        rows.write_text("[newer]\n[old]\n[new]\n", encoding="utf-8")
        done = publish(self.root, "--check")
        self.assertRegex(done.stdout, CHECKED)
        self.assertEqual(done.returncode, 0)
        self.assertIn("lacks 2 planted mutants: new, newer; ./run mutants", done.stderr)
        rows.write_text("[", encoding="utf-8")
        self.refused("mutants.toml: ")

    def test_campaigns_are_added_up(self) -> None:
        self.assertIn("No fuzzing campaigns", self.readme("fuzz/README.md"))
        one = {"target": "pool_ops", "engine": "afl", "mutant": None, "seconds": 1800.0}
        one |= {"executions": 1000, "edges": 300, "corpus": 7, "findings": []}
        runs_ = [
            [one, one | {"edges": 310, "findings": ["x"], "corpus": 9}],
            [
                one | {"mutant": "file_all"},
                one | {"engine": "libfuzzer", "edges": None},
            ],
        ]
        path = self.root / "results" / "fuzz.json"
        lines = (json.dumps({"campaigns": of}) + "\n" for of in runs_)
        path.write_text("".join(lines), encoding="utf-8")
        self.assertRegex(self.succeeds("--check"), CHECKED)  # the log is not published
        self.succeeds()
        text = self.readme("fuzz/README.md")
        self.assertIn("| pool_ops | afl | 2 | 3,600 | 2,000 | 1 | 310 | 9 | - | - |", text)
        self.assertRegex(
            text, r"3 campaigns of 1.5 hours .* 3,000\s+inputs and\s+1 find"
        )
        path.unlink()
        self.assertEqual(self.succeeds(), "")
        other = json.dumps({"campaigns": [one | {"target": "pool_oom"}]})
        path.write_text(other, encoding="utf-8")
        self.succeeds()
        text = self.readme("fuzz/README.md")
        self.assertIn("| pool_oom | afl | 1 | 1,800 | 1,000 | 0 | 300 | 7 | - | - |", text)
        self.assertIn("| pool_ops | afl | 2 | 3,600 | 2,000 | 1 | 310 | 9 | - | - |", text)
        path.write_text('{"campaigns": [{"target": 5}]}', encoding="utf-8")
        self.refused(r"fuzz.json:1: campaigns\[0\]: target is 5; expected a text")
        path.unlink()
        self.change("results/campaigns.csv", ",310,", ",some,")
        self.refused("campaigns.csv:4: edges is 'some'; expected a whole number")

    def test_a_broken_run_changes_nothing(self) -> None:
        self.change("results/reference/readings.json", '"cpu_time"', '"sundial"')
        self.refused(r"readings.json: rows\[0\]: fill.*: clock is 'sundial'; expected")

    def test_a_part_that_is_gone_is_missed(self) -> None:
        self.change("README.md", "<!-- figures: answer -->", "")
        self.refused('README.md: no part "answer"; expected a line')

    def test_charts_can_be_read_by_all(self) -> None:
        paths = list((self.root / "results" / "charts").glob("*.svg"))
        self.assertGreater(len(paths), 5)
        for path in paths:
            with self.subTest(name=path.name):
                text = path.read_text(encoding="utf-8")
                root = xml.etree.ElementTree.fromstring(text)
                self.assertEqual(root.get("width"), "830")
                self.assertEqual(root.get("role"), "img")
                title = root.find("{http://www.w3.org/2000/svg}title")
                self.assertGreater(len(title.text or ""), 40)
                self.assertIn("prefers-color-scheme: dark", text)
                sizes = map(float, re.findall(r'font-size="([\d.]+)"', text))
                self.assertGreaterEqual(min(sizes), 11.0)

    def test_charts_have_a_mark_for_each_figure(self) -> None:
        text = (self.root / "results/charts/nginx.svg").read_text(encoding="utf-8")
        # Three sizes by three n, destroyed and reset.
        self.assertEqual(text.count("<use "), 2 * 9)
        intervals = re.findall(
            r'd="M([\d.]+) [\d.]+L([\d.]+) [^"]*" stroke-width="4"', text
        )
        self.assertEqual(len(intervals), 2 * 9)
        for low, high in intervals:
            self.assertLessEqual(float(low), float(high))

    def test_old_charts_go(self) -> None:
        run = document()
        of = ("large/",)
        run["benchmarks"] = [
            e for e in run["benchmarks"] if not e["name"].startswith(of)
        ]
        run["memory"] = []
        self.publish_run(run)
        self.assertFalse((self.root / "results/charts/memory.svg").exists())
        self.assertIn("no such rows", self.readme("results/README.md"))


class Markers(unittest.TestCase):
    PARTS = {"one": lambda: "new\n\ntext"}

    def fill(self, text: str) -> str:
        return markers.fill(text, "X.md", self.PARTS)

    def test_only_what_stands_between_changes(self) -> None:
        text = "a\n<!-- figures: one -->\nold\n<!-- end -->\nb\n"
        filled = "a\n<!-- figures: one -->\nnew\n\ntext\n<!-- end -->\nb\n"
        self.assertEqual(self.fill(text), filled)
        self.assertEqual(self.fill(filled), filled)
        self.assertEqual(list(markers.outside(filled)), [(1, "a"), (7, "b")])

    def test_broken_markers(self) -> None:
        for text, words in (
            ("<!-- figures: one -->\n", 'X.md: part "one" has no "<!-- end -->"'),
            (
                "<!-- figures: two -->\n<!-- end -->",
                'X.md:1: no part "two"; expected one',
            ),
            ("\n<!-- end -->\n", "X.md:2: <!-- end -->; expected"),
            ("<!-- figures: one -->\n<!-- figures: one -->\n", "X.md:2: <!-- figures"),
        ):
            with self.subTest(text=text), self.assertRaisesRegex(InputError, words):
                self.fill(text)

    def test_lines_are_short_but_for_tables(self) -> None:
        long = "word " * 50
        for text in (f"- {long}", long, f"| {long} |"):
            lines = list(markers.wrapped(text))
            is_short = max(map(len, lines)) <= markers.COLUMNS
            self.assertEqual(is_short, not text.startswith("|"))


class Stray(unittest.TestCase):
    def found(self, text: str) -> list[str]:
        rows: list[Allowed] = []
        return [message.split('"')[1] for message in stray.find({"X.md": text}, rows)]

    def test_figures(self) -> None:
        for text, figures in (
            ("takes 12 ns", ["12 ns"]),
            ("3.1 x as fast, 2× or 4x", ["3.1 x", "2×", "4x"]),
            ("5% or 5 %", ["5%", "5 %"]),
            ("1,024 MB/s in 30 us", ["1,024 MB/s", "30 us"]),
            ("11 instructions", ["11 instructions"]),
            ("| 2.8, 4.0 |", ["2.8", "4.0"]),
            ("2.1 to 3.2 bytes", ["2.1", "3.2"]),
            ("in 7 of the 8 cells", ["7 of the 8"]),
            ("half the time, twice as fast", ["half the time", "twice as fast"]),
            ("```\ntakes 12 ns\n```", ["12 ns"]),
        ):
            with self.subTest(text=text):
                self.assertEqual(self.found(text), figures)

    def test_what_is_no_figure(self) -> None:
        for text in (
            "blocks of 16 KiB, n = 1,000, at most 32 ops",
            "five targets, half of them, twice, two commits",
            "Debian 12, glibc-2.36, nginx-1.22.1, C11, x86_64",
            "`test_64s`, fixed64, pool/test/x86.c",
            "<!-- figures: one -->\ntakes 12 ns\n<!-- end -->",
        ):
            with self.subTest(text=text):
                self.assertEqual(self.found(text), [])

    def test_allowed_rows_cover_their_text_alone(self) -> None:
        rows = [Allowed("X.md", "takes 12 ns", "once")]
        self.assertEqual(stray.find({"X.md": "it takes 12 ns"}, rows), [])
        self.assertEqual(len(stray.find({"X.md": "takes 12 ns, 13 ns"}, rows)), 1)
        self.assertEqual(len(stray.find({"Y.md": "takes 12 ns"}, rows)), 2)

    def test_a_row_that_allows_nothing_is_an_error(self) -> None:
        rows = [Allowed("X.md", "takes 12 ns", "once")]
        said = stray.find({"X.md": "nothing"}, rows)
        self.assertRegex(said[0], '"takes 12 ns" in X.md allows no figure')

    def test_every_row_has_a_reason_of_a_kind(self) -> None:
        for row in stray.allowed():
            with self.subTest(row=row):
                self.assertRegex(row.reason, "^(constant|quoted|once): .")


if __name__ == "__main__":
    unittest.main()
