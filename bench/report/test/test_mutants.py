"""mutants.json: what is read of it, and what is refused."""

import json
import tempfile
import unittest
from pathlib import Path
from typing import Any

import runs  # noqa: F401, for the path of the modules
import mutants
from load import InputError


class Mutants(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / mutants.FILE

    def load(self, columns: Any) -> list[mutants.Score]:
        together = {"killed": 4, "of": 4}
        score = {"columns": columns, "together": together}
        document = {"scores": {"planted": score}}
        self.path.write_text(json.dumps(document))
        return mutants.load(self.path)

    def test_scores_are_read_and_checks_that_did_not_run_are_left_out(self) -> None:
        found = self.load(
            {"unit": {"killed": 3, "of": 4}, "campaign": {"killed": 0, "of": 0}}
        )
        self.assertEqual(
            found,
            [
                mutants.Score("planted", "unit", 3, 4),
                mutants.Score("planted", mutants.TOGETHER, 4, 4),
            ],
        )

    def test_none_without_the_file(self) -> None:
        self.assertEqual(mutants.load(self.path), [])

    def test_what_is_refused_names_file_and_field(self) -> None:
        for columns, words in (
            ([], r"scores\.planted\.columns is \[\]; expected an object"),
            ({"unit": 3}, r"scores\.planted\.columns\.unit\.killed is None"),
            ({"unit": {"killed": 1.5, "of": 2}}, r"unit\.killed is 1\.5"),
            ({"unit": {"killed": 1, "of": True}}, r"unit\.of is True"),
            (
                {"unit": {"killed": 5, "of": 4}},
                r"unit\.killed is 5; expected at most 4",
            ),
        ):
            with self.subTest(words=words):
                with self.assertRaisesRegex(InputError, rf"mutants\.json: .*{words}"):
                    self.load(columns)

    def test_broken_json_is_refused(self) -> None:
        for text in ("{", "[1]", '{"scores": 1}', '{"scores": {"x": {"columns": {}}}}'):
            self.path.write_text(text)
            with self.assertRaisesRegex(InputError, r"mutants\.json: "):
                mutants.load(self.path)


if __name__ == "__main__":
    unittest.main()
