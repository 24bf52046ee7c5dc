"""The parts of a README that are made from data.

<!-- figures: NAME -->
text that ./run publish wrote
<!-- end -->

Both markers stand alone on their lines. All else is for people to write, and
holds no measured figure: stray.py finds those.
"""

import re
import textwrap
from collections.abc import Callable, Iterator, Mapping

from errors import InputError

BEGIN = re.compile(r"<!-- figures: ([\w-]+) -->")
END = "<!-- end -->"
COLUMNS = 100  # of a line of a README, except for tables and pictures
JOINED = "\N{NO-BREAK SPACE}"  # a percentage stays on one line
WHOLE = ("|", "!")  # how a line begins that Markdown wants whole


def fill(text: str, file: str, blocks: Mapping[str, Callable[[], str]]) -> str:
    """text with each part made again. Raises InputError; file is for messages."""
    lines = []
    inside = ""
    for number, line in enumerate(text.splitlines(), 1):
        found = BEGIN.fullmatch(line)
        if found and inside or line == END and not inside:
            raise InputError(
                f'{file}:{number}: {line}; expected "{END}" after each beginning '
                f"and before the next"
            )
        if found:
            inside = found.group(1)
            if inside not in blocks:
                raise InputError(
                    f'{file}:{number}: no part "{inside}"; expected one of: '
                    f"{', '.join(blocks)}"
                )
            lines += [line, *wrapped(blocks[inside]())]
        elif line == END:
            inside = ""
        if not inside:
            lines.append(line)
    if inside:
        raise InputError(f'{file}: part "{inside}" has no "{END}"')
    return "\n".join(lines) + "\n"


def wrapped(text: str) -> Iterator[str]:
    """The text's lines, none longer than COLUMNS where that can be."""
    for line in text.splitlines():
        if not line or line.startswith(WHOLE):
            yield line
            continue
        lines = textwrap.wrap(
            line.replace(" %", f"{JOINED}%"),
            COLUMNS,
            subsequent_indent="  " if line.startswith("- ") else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield from (one.replace(JOINED, " ") for one in lines)


def names(text: str) -> list[str]:
    """The names of the parts, in order."""
    found = map(BEGIN.fullmatch, text.splitlines())
    return [one.group(1) for one in found if one]


def outside(text: str) -> Iterator[tuple[int, str]]:
    """The lines that are not made from data, with their numbers."""
    is_inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if BEGIN.fullmatch(line):
            is_inside = True
        elif line == END:
            is_inside = False
        elif not is_inside:
            yield number, line
