"""The page: its first screen, its data, and its library."""

import json
import tempfile
import unittest
from pathlib import Path
from typing import Any

import runs
from page import answers, forms, library, model
from page.figures import Mark
from page.view import Speed, view
from table import table
from test_report import contrast
from test_table import loaded

COSTS = {"pool": 4.0, "pool_again": 4.0, "glibc": 12.0, "nginx": 4.0, "talloc": 50.0}


def answered(costs: dict[str, float] = COSTS, **words: Any) -> answers.Answers:
    run = runs.add_measures(
        runs.document(costs, sizes=["lognormal"], ns=[25, 100, 1000], **words)
    )
    run = loaded(run, runs.MACHINE)
    return answers.answers(view(table(run, "pool", 0.95), run))


class Answers(unittest.TestCase):
    def test_sentence_is_made_of_the_run(self) -> None:
        self.assertRegex(
            answered().sentence,
            r"^A pool is (2\.9\d|3\.0\d) × as fast as glibc's malloc for a region of 25 "
            r"objects \(2\.9\d to 3\.\d\d\), and takes \d\.\d\d bytes a byte asked for "
            r"\(regions of 25\)\.$",
        )
        self.assertRegex(
            answered(COSTS | {"glibc": 24.0}).sentence, r"is (5\.9\d|6\.0\d) ×"
        )

    def test_loss_is_said_as_plainly(self) -> None:
        self.assertRegex(answered().loss, "faster in 6, slower in 0, equal in 0")
        slow = answered(COSTS | {"glibc": 2.0}).loss
        self.assertRegex(slow, "faster in 0, slower in 6, equal in 0; of 0 nothing")
        self.assertRegex(
            slow, r"It loses on lognormal: worst in fill\w*, .* 0\.(49|50)"
        )

    def test_fastest_names_those_that_may_be_as_fast(self) -> None:
        (_, fastest), *_ = answered().questions
        self.assertRegex(fastest, r"^(pool|nginx): \d\.\d\d ns .*n = 100")
        self.assertRegex(fastest, r"Not known to be slower: (pool|nginx)\.$")
        (_, fastest), *_ = answered(COSTS | {"nginx": 8.0}).questions
        self.assertRegex(fastest, r"^pool: .* All others are slower\.$")

    def test_run_without_glibc_says_so(self) -> None:
        costs = {name: COSTS[name] for name in COSTS if name != "glibc"}
        self.assertIn("relative to pool: glibc was not", answered(costs).sentence)

    def test_sure_in_one_word(self) -> None:
        def speed(low: float, high: float, verdict: str = "faster") -> Speed:
            return Speed(3.0, low, high, low, high, verdict, 9)

        for found, noise, word in (
            (speed(2.9, 3.1), 2.0, "Sure"),
            (speed(2.9, 3.1), 20.0, "Fairly"),
            (speed(2.6, 3.4), 2.0, "Fairly"),
            (speed(2.0, 4.0), 2.0, "Roughly"),
            (speed(0.5, 4.0, "unknown"), 2.0, "Unsure"),
            (speed(2.9, 3.1, "unstable"), 2.0, "Unsure"),
            (speed(2.9, 3.1), None, "Unsure"),
            (None, 2.0, "Unsure"),
        ):
            self.assertEqual(answers.sure(found, noise), word)

    def test_machine_in_five_words(self) -> None:
        run = loaded(
            runs.document(COSTS, sizes=["lognormal"]),
            {
                "cpu": "Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz",
                "cores": 8,
                "kernel": "Linux 6.1.0",
            },
        )
        said = answers.machine(view(table(run, "pool", 0.95), run))
        self.assertEqual(said, "Intel Xeon, 8 cores, Linux")


class Embedded(unittest.TestCase):
    def test_text_cannot_end_its_element(self) -> None:
        of = {"a": "</script><!--", "b": "\u2028é"}
        text = model.text(of)
        self.assertNotIn("<", text)
        self.assertEqual(json.loads(text), of)


class Library(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        for name in library.MODULES:
            if name != library.OLDER:
                self.add(name)

    def add(self, name: str) -> None:
        dist = self.folder / name / "dist"
        dist.mkdir(parents=True)
        first = f"// https://d3js.org/{name}/ v2.2.2 Copyright 2022 Mike Bostock\n"
        (dist / f"{name}.min.js").write_text(first)
        notice = self.folder / f"node-{name}"
        notice.mkdir()
        (notice / "copyright").write_text(f"notice of {name}\n")

    def test_parts_and_notices_are_found(self) -> None:
        found = library.find(self.folder, self.folder)
        self.assertEqual(len(found.scripts), len(library.MODULES) - 1)
        self.assertIn("d3-scale 2.2.2", found.name)
        self.assertIn("notice of d3-selection", found.notice)
        self.add(library.OLDER)
        found = library.find(self.folder, self.folder)
        self.assertEqual(len(found.scripts), len(library.MODULES))

    def test_none_without_a_part(self) -> None:
        (self.folder / "d3-scale" / "dist" / "d3-scale.min.js").unlink()
        self.assertIsNone(library.find(self.folder, self.folder))


class Shades(unittest.TestCase):
    def test_text_stands_out_from_every_shade(self) -> None:
        # WCAG 2.1: 4.5 for text.
        sheet = (runs.REPORT / "page" / "page.css").read_text()
        _, light, dark = sheet.split("color-scheme: ", 2)
        for rules in (light, dark):
            colours = dict(
                part.strip().split(": ")
                for part in rules.replace("{", ";").replace("}", ";").split(";")
                if part.strip().startswith("--")
            )
            for name in ("h0", "hf1", "hf2", "hf3", "hf4", "hs1", "hs2", "hs3", "hs4"):
                with self.subTest(name=name):
                    ground = colours[f"--{name}"]
                    self.assertGreaterEqual(contrast(colours["--text"], ground), 4.5)

    def test_only_what_is_known_has_a_colour(self) -> None:
        for value, verdict, shade in (
            (3.0, "faster", "hf3"),
            (1.1, "faster", "hf1"),
            (0.1, "slower", "hs4"),
            (9.0, "unstable", "h0"),
            (1.0, "equal", "h0"),
        ):
            self.assertEqual(forms.shade(Mark("a", value, verdict=verdict)), shade)


if __name__ == "__main__":
    unittest.main()
