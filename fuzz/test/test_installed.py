"""The installed ngxops works, and its man page has no fault.

usage: test_installed.py PROGRAM
"""

import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

PROGRAM = Path(sys.argv[1]).resolve()
PAGE = PROGRAM.with_name("ngxops.1")


class Installed(unittest.TestCase):
    def test_program(self) -> None:
        said = subprocess.check_output([PROGRAM, "list"], text=True)
        for line in said.splitlines():
            name = line.split()[0]
            self.assertRegex(PAGE.read_text(), rf"(?m)^{name} ")

    def test_page(self) -> None:
        for tool, *options in ("mandoc", "-Tlint", "-Wwarning"), ("man", "--warnings", "-l"):
            if shutil.which(tool):
                done = subprocess.run([tool, *options, PAGE], capture_output=True, text=True,
                                      env=os.environ | {"MANPAGER": "cat"})
                said = done.stdout if tool == "mandoc" else done.stderr
                self.assertEqual((done.returncode, said), (0, ""), tool)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
