#!/usr/bin/env python3
"""Makes the installed files of ngxops: the program and its man page.

usage: man.py NGXOPS VERSION FOLDER

The page has the output of ngxops --help and of ngxops list.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path

ESCAPES = str.maketrans({"\\": r"\e", "-": r"\-", "'": r"\(aq"})


def said_by(program: Path, word: str) -> str:
    said = subprocess.check_output([program, word], text=True)
    return f".Bd -literal\n{said.translate(ESCAPES)}.Ed"


def page_of(program: Path, version: str) -> str:
    date = time.strftime("%B %-d, %Y", time.gmtime(program.stat().st_mtime))
    return f"""\
.\\" Made by fuzz/installed/man.py from the output of ngxops.
.Dd {date}
.Dt NGXOPS 1
.Os ngxpool {version}
.Sh NAME
.Nm ngxops
.Nd programs of pool operations: print, convert, check and measure them
.Sh SYNOPSIS
.Nm
.Ar command
.Op Ar FILE ...
.Sh DESCRIPTION
A program is a list of ops: calls on pools, as a recorder or a fuzzer wrote them.
{said_by(program, "--help")}
.Sh OPS
{said_by(program, "list")}
.Sh EXIT STATUS
0; 1 when a file cannot be read or a promise is broken; 2 for wrong usage.
.Sh SEE ALSO
.Xr ngx_palloc 3
"""


def main() -> int:
    program, version, folder = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    shutil.copy(program, folder / "ngxops")
    (folder / "ngxops.1").write_text(page_of(program, version))
    return 0


if __name__ == "__main__":
    sys.exit(main())
