"""What the report raises where a file cannot be used, each time with the file's name."""

from pathlib import Path


class InputError(Exception):
    """A file is not what a report can be made of: which, and why."""


def write(path: Path, text: str) -> None:
    """As path.write_text(), whose error names no file where a disk is full."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
