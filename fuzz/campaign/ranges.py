"""Numbers of the command line, with their range in the message."""

import argparse
from collections.abc import Callable


def at_least(least: int) -> Callable[[str], int]:
    """The type of an option."""

    def number(word: str) -> int:
        if not word.isascii() or not word.isdecimal() or int(word) < least:
            raise argparse.ArgumentTypeError(
                f"found '{word}', expected a whole number of {least} or more")
        return int(word)

    return number
