"""Unpacks compressed traces for bench."""

import gzip
import lzma
import shutil
import subprocess
import sys
from pathlib import Path

# The first bytes of compressed files.
GZIP = b"\x1f\x8b"
XZ = b"\xfd7zXZ\0"
ZSTD = b"\x28\xb5\x2f\xfd"
SUFFIXES = (".gz", ".xz", ".zst")
OPTION = "--traces"


def unpacked(options: list[str], folder: Path) -> list[str]:
    """The options, with each compressed trace as a file in folder."""
    done = list(options)
    for i, word in enumerate(options):
        if word == OPTION and i + 1 < len(options):
            done[i + 1] = _files(options[i + 1], folder)
        elif word.startswith(f"{OPTION}="):
            done[i] = f"{OPTION}={_files(word.removeprefix(f'{OPTION}='), folder)}"
    return done


def _files(names: str, folder: Path) -> str:
    return ",".join(str(_file(Path(name), folder)) for name in names.split(","))


def _file(path: Path, folder: Path) -> Path:
    """path itself, if it is not compressed or cannot be read: bench says why."""
    try:
        with path.open("rb") as file:
            first = file.read(len(XZ))
    except OSError:
        return path
    if not first.startswith((GZIP, XZ, ZSTD)):
        return path
    try:
        content = _content(path, first)
    except (OSError, EOFError, lzma.LZMAError, subprocess.CalledProcessError) as error:
        sys.exit(f"{path}: cannot be unpacked: {error}")
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / (path.stem if path.suffix in SUFFIXES else path.name)
    out.write_bytes(content)
    return out


def _content(path: Path, first: bytes) -> bytes:
    if first.startswith(GZIP):
        return gzip.decompress(path.read_bytes())
    if first.startswith(XZ):
        return lzma.decompress(path.read_bytes())
    if shutil.which("zstd") is None:
        sys.exit(f"{path}: compressed by zstd, which is not installed")
    return subprocess.run(
        ["zstd", "-dcq", "--", path], check=True, stdout=subprocess.PIPE
    ).stdout
