"""The shared parts of the command lines of bench's scripts."""

import argparse
import re
import sys


def parse(
    parser: argparse.ArgumentParser, words: list[str], manual: str
) -> argparse.Namespace:
    """Parse the command line; --help prints the manual, the script's docstring."""
    if {"-h", "--help"} & set(words):
        print(manual.strip())
        sys.exit(0)
    return parser.parse_args(words)


def regex(word: str) -> re.Pattern[str]:
    """The type of an option."""
    try:
        return re.compile(word)
    except re.error as error:
        raise argparse.ArgumentTypeError(
            f'"{word}" is no regular expression: {error}'
        ) from None
