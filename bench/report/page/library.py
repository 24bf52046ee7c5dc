"""The charting library that the page carries along: d3's scales and selections.

They come from Debian's packages node-d3-scale and node-d3-selection, as files for
a browser. Each is a script that adds to one global object, d3.
"""

import re
from pathlib import Path
from typing import NamedTuple

FOLDER = Path("/usr/share/nodejs")
NOTICES = Path("/usr/share/doc")
MODULES = (  # each after those that it calls
    "d3-array",
    "d3-collection",
    "d3-color",
    "d3-format",
    "d3-interpolate",
    "d3-time",
    "d3-time-format",
    "d3-scale",
    "d3-selection",
)
OLDER = "d3-collection"  # is not in releases after Debian 12, nor called there


class Library(NamedTuple):
    scripts: list[str]
    name: str  # with its parts' versions
    notice: str  # of each part: who holds the copyright, and the licence


def find(folder: Path = FOLDER, notices: Path = NOTICES) -> Library | None:
    """The library; None where a part is not installed: the page then has no script."""
    names = [name for name in MODULES if name != OLDER or (folder / name).exists()]
    try:
        scripts = [
            (folder / name / "dist" / f"{name}.min.js").read_text(encoding="utf-8")
            for name in names
        ]
        parts = [
            (notices / f"node-{name}" / "copyright").read_text(encoding="utf-8").strip()
            for name in names
        ]
    except OSError:
        return None
    return Library(
        scripts, f"d3 ({', '.join(map(_version, scripts))})", "\n\n".join(parts)
    )


def _version(script: str) -> str:
    """The version in the first line: "// https://d3js.org/d3-scale/ v2.2.2 ..."."""
    found = re.match(r"// \S+/(d3-[a-z-]+)/? v([0-9.]+)", script)
    return " ".join(found.groups()) if found else "a part without a version"
