#!/usr/bin/env python3
"""findings.sarif against the public schema of SARIF 2.1.0.

usage: test_sarif.py FOLDER

The schema and its validator come from npm, by sarif/package-lock.json, into
FOLDER. Skipped, with status 77, where npm is not installed.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

FUZZ = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(FUZZ))

from campaign import describe  # noqa: E402
from campaign.finding import Finding  # noqa: E402

SKIPPED = 77
PACKAGE = FUZZ / "test/sarif"
FOLDER = Path(tempfile.gettempdir())

PROMISE = """op 5, palloc p0 3: broken promise 12: objects do not overlap
==7== ERROR: libFuzzer: deadly signal
    #4 0x55 in ngx_palloc /x/build/../pool/ngx_palloc.c:146:3
"""
NO_PLACE = "SUMMARY: AddressSanitizer: SEGV (/x/target+0x1) in f"
ODD = 'op 1: broken promise 3: "<é\u2028>" \\ \x01\x7f'


def described(report: str, target: str) -> describe.Described:
    return describe.describe(
        Finding(Path("x"), report), target, "libfuzzer", "address", "nop\n", "", "a/b", 1)


class Sarif(unittest.TestCase):
    def faults(self, document: dict) -> str:
        """Returns the faults that the schema finds in document."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "findings.sarif"
            path.write_text(json.dumps(document), encoding="utf-8")
            done = subprocess.run(
                ["node", str(PACKAGE / "validate.js"), str(FOLDER / "node_modules"),
                 str(path)], text=True, capture_output=True, check=False)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def document(self, *reports: str) -> dict:
        return json.loads(describe.sarif(
            [described(report, "pool_ops") for report in reports]))

    def test_no_findings(self) -> None:
        self.assertEqual(self.faults(self.document()), "")

    def test_findings_with_and_without_a_promise_and_a_place(self) -> None:
        document = self.document(PROMISE, NO_PLACE, ODD, "no end within 20 s")
        self.assertEqual(len(document["runs"][0]["results"]), 4)
        self.assertEqual(self.faults(document), "")

    def test_the_schema_finds_faults(self) -> None:
        document = self.document(PROMISE)
        del document["runs"][0]["results"][0]["message"]
        self.assertIn("required", self.faults(document))
        document = self.document(PROMISE)
        place = document["runs"][0]["results"][0]["locations"][0]
        place["physicalLocation"]["region"]["startLine"] = 0
        self.assertIn("startLine", self.faults(document))
        document = self.document(PROMISE) | {"version": "2.0.0"}
        self.assertIn("version", self.faults(document))


def install() -> None:
    if (FOLDER / "node_modules/ajv").exists():
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in "package.json", "package-lock.json":
        shutil.copy(PACKAGE / name, FOLDER)
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                   cwd=FOLDER, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    if shutil.which("npm") is None or shutil.which("node") is None:
        print("skipped: there is no npm, which brings the schema")
        sys.exit(SKIPPED)
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        FOLDER = Path(sys.argv.pop(1)).resolve()
    install()
    unittest.main()
