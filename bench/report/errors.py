"""The error of the report where a file cannot be used. It names the file."""

from pathlib import Path


class InputError(Exception):
    """A report cannot be made of a file: which file, and why."""


def write(path: Path, text: str) -> None:
    """As path.write_text(). Its error always names the file, also on a full disk."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
