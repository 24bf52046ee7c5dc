#!/usr/bin/env python3
"""Makes man pages of the library's headers, whose comments are the manual.

usage: man.py --names HEADER...
       man.py VERSION FOLDER HEADER...

The first prints the name of each page, the second writes the pages to FOLDER.
A header's page has its declarations as they are, each with its comment. The
names of its functions refer to that page.
"""

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

COMMENT = re.compile(r"/\*(.*?)\*/\n?", re.DOTALL)
# A function, a macro that is called like one, a variable.
NAME = re.compile(r"^(?:#define |\w[\w *]*[ *])?(ngx_\w+)\(|^extern [\w *]+?(\w+);",
                  re.MULTILINE)
BODY = re.compile(r"\n\{\n.*?^\}\n", re.DOTALL | re.MULTILINE)
# The lines of a header that compilers need, and readers do not.
FRAME = re.compile(r"#(?:ifndef|define) POOL_\w+\n|#include .*\n|#pragma .*\n"
                   r"|#ifdef __cplusplus\n(?:.*\n)*?#endif\n")
CALL = re.compile(r"\b(\w+)\(\)")
SENTENCE = re.compile(r"(?<=[.:]) (?=[A-Z])")
ESCAPES = str.maketrans({"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga",
                         "~": r"\(ti", "^": r"\(ha"})


def names_of(header: Path) -> list[str]:
    """The page of the header itself, then its functions in its order."""
    found = [match[1] or match[2] for match in NAME.finditer(header.read_text())]
    return list(dict.fromkeys([header.stem, *found]))


def parts_of(text: str) -> Iterator[str]:
    """The parts between blank lines, except for blank lines within braces."""
    part, depth = "", 0
    for line in FRAME.sub("", text).removesuffix("#endif\n").splitlines(True):
        depth += line.count("{") - line.count("}")
        if line != "\n" or depth > 0:
            part += line
        elif part:
            yield part
            part = ""


def prose(comment: str) -> str:
    """A comment's text, a sentence a line."""
    lines = [line.lstrip().removeprefix("*").strip()
             for line in comment.splitlines()]
    paragraphs = [" ".join(paragraph.split()).translate(ESCAPES)
                  for paragraph in "\n".join(lines).strip().split("\n\n")]
    return "\n.Pp\n".join(
        SENTENCE.sub("\n", CALL.sub(r"\\fB\1\\fR()", paragraph))
        for paragraph in paragraphs)


def entry(part: str) -> str:
    """A declaration as it is, without a function's body, and its comment."""
    comment = COMMENT.match(part)
    declared = BODY.sub(";\n", part[comment.end():] if comment else part)
    said = prose(comment[1]) if comment else ""
    if not declared:
        return f".Pp\n{said}\n"
    page = f".Bd -literal\n{declared.translate(ESCAPES)}.Ed\n"
    return page + (f".Bd -filled -offset indent\n{said}\n.Ed\n" if said else "")


def page_of(header: Path, version: str, others: list[str]) -> str:
    first, *parts = parts_of(header.read_text())
    about = prose(COMMENT.match(first)[1])
    date = time.strftime("%B %-d, %Y", time.gmtime(header.stat().st_mtime))
    names = " ,\n.Nm ".join(names_of(header))
    seen = " ,\n.Xr ".join(f"{other} 3" for other in sorted(others))
    return f"""\
.\\" Made of {header.name} by pool/man.py. Change the header.
.Dd {date}
.Dt {header.stem.upper()} 3
.Os ngxpool {version}
.Sh NAME
.Nm {names}
.Nd {about.partition(".")[0].replace(chr(10), " ")}
.Sh LIBRARY
ngxpool (libngxpool, \-lngxpool)
.Sh SYNOPSIS
.In {header.name}
.Pp
cc FILE.c $(pkg\\-config \\-\\-cflags \\-\\-libs ngxpool)
.Sh DESCRIPTION
{about}
.Sh INTERFACE
{"".join(entry(part) for part in parts)}\
.Sh SEE ALSO
.Xr {seen}
"""


def main() -> int:
    if sys.argv[1:2] == ["--names"]:
        for header in sys.argv[2:]:
            print("\n".join(f"{name}.3" for name in names_of(Path(header))))
        return 0
    version, folder, *headers = sys.argv[1:]
    pages = [Path(header) for header in headers]
    for header in pages:
        others = [other.stem for other in pages if other != header]
        page, *names = (Path(folder) / f"{name}.3" for name in names_of(header))
        page.write_text(page_of(header, version, others))
        for name in names:
            name.write_text(f".so man3/{page.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
