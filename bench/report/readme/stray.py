"""Measured figures that stand in a README outside the parts that data make.

A figure is a number with a unit of a measurement (UNITS), a number with a
decimal point, a count "3 of 8", or the same in words, as "half the time". So sizes in bytes, versions of one part and
counts of things are no figures. allowed.toml lists what may stand there, each
with the reason: a quoted source, a constant of the code, or a measurement that
decided something once. A row of it that allows nothing is an error, too.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from errors import InputError

from . import markers

ALLOWED = Path(__file__).with_name("allowed.toml")
UNITS = (
    "ns|us|µs|ms|s|seconds?|minutes?|hours?|x|×|%|MB/s|GB/s|times|instructions?|"
    "cycles|edges|runs|page faults?|faults?"
)
NUMBER = r"\d[\d,]*(?:\.\d+)?"
IN_WORDS = (
    "half|third|quarter|fifth|tenth|twice|two|three|four|five|six|seven|eight|nine|ten|"
    "eleven|twelve"
)
OF = "time|speed|memory|instructions|times as|as fast|as slow|as long|as much|percent"
FIGURE = re.compile(
    rf"(?<![\w./-]){NUMBER}(?: (?:to|or) {NUMBER})?\s?(?:{UNITS})(?![\w-])"
    rf"|(?<![\w./-])\d[\d,]*\.\d+(?![\w.])"
    rf"|(?<![\w.])\d+ of (?:the )?\d+"
    rf"|\b(?:{IN_WORDS})(?: of)?(?: the)? (?:{OF})\b"
)


@dataclass(frozen=True)
class Allowed:
    file: str  # from the root
    text: str  # a part of one line, the figure among it
    reason: str


def allowed(path: Path = ALLOWED) -> list[Allowed]:
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["allowed"]
        return [Allowed(row["file"], row["text"], row["reason"]) for row in rows]
    except (KeyError, TypeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            f"{path}: {error}; expected rows [[allowed]] with file, text and reason"
        ) from None


def find(files: dict[str, str], rows: list[Allowed]) -> list[str]:
    """A message for each figure that is not allowed, and for each row without
    one. files: the text of each README, by its name."""
    messages = []
    used: set[Allowed] = set()
    for file, text in files.items():
        mine = [row for row in rows if row.file == file]
        for number, line in markers.outside(text):
            for figure in FIGURE.finditer(line):
                of = [row for row in mine if _covers(row.text, line, figure)]
                used.update(of)
                if not of:
                    messages.append(
                        f'{file}:{number}: "{figure.group()}" is a figure that no '
                        "data made; expected it in a part that ./run publish "
                        f"writes, or a reason in {ALLOWED.name}"
                    )
    messages += [
        f'{ALLOWED.name}: "{row.text}" in {row.file} allows no figure; expected the '
        "text of a line there"
        for row in rows
        if row not in used
    ]
    return messages


def _covers(text: str, line: str, figure: re.Match[str]) -> bool:
    start = line.find(text)
    while start >= 0:
        if start <= figure.start() and figure.end() <= start + len(text):
            return True
        start = line.find(text, start + 1)
    return False
