"""Cuts a finding's input down, as long as it fails in the same way."""

import shutil
import subprocess
from pathlib import Path

from .finding import Finding, fails, is_endless, signature

CUT_SECONDS = 1  # of processor time, while an input without an end is cut


class Bytes:
    """An input as the bytes that it consists of."""

    def pieces(self, path: Path) -> list[bytes]:
        return [bytes([byte]) for byte in path.read_bytes()]

    def write(self, pieces: list[bytes], path: Path) -> None:
        path.write_bytes(b"".join(pieces))


class Ops:
    """An input as the ops that it consists of, each a line of text."""

    def __init__(self, replay: Path, ngxops: Path) -> None:
        self.replay = replay  # prints any input of an engine
        self.ngxops = ngxops

    def pieces(self, path: Path) -> list[bytes]:
        return subprocess.run([self.replay, "--print", path], check=True,
                              stdout=subprocess.PIPE).stdout.splitlines(True)

    def write(self, pieces: list[bytes], path: Path) -> None:
        text = path.with_suffix(".ops")
        text.write_bytes(b"".join(pieces))
        subprocess.run([self.ngxops, "parse", text, path], check=True)
        text.unlink()


def minimise(
    binary: Path, finding: Finding, out: Path, parts: Bytes | Ops
) -> Finding:
    """Take parts out, half of them at once at first, as long as it fails. The
    bytes of ops may become others; where those no longer fail, bytes are the
    parts. While an input without an end is cut, less time shows that it has
    none; the result has to run for as long as the input that was found."""
    wanted = signature(finding.report)
    cpu_seconds = CUT_SECONDS if is_endless(finding.report) else 0
    trial = out.with_suffix(".trial")

    def still_fails(pieces: list[bytes]) -> str | None:
        parts.write(pieces, trial)
        said = fails(binary, trial, cpu_seconds=cpu_seconds)
        return said if said is not None and signature(said) == wanted else None

    pieces = parts.pieces(finding.path)
    report = still_fails(pieces)
    if report is None:
        if isinstance(parts, Ops):
            return minimise(binary, finding, out, Bytes())
        report = finding.report
    step = max(len(pieces) // 2, 1)
    while step >= 1:
        at = 0
        while at < len(pieces):
            fewer = pieces[:at] + pieces[at + step :]
            said = still_fails(fewer)
            if said is not None:
                pieces, report = fewer, said
            else:
                at += step
        step //= 2
    trial.unlink(missing_ok=True)
    parts.write(pieces, out)
    if is_endless(finding.report):
        report = fails(binary, out) or ""
        if signature(report) != wanted:
            shutil.copy(finding.path, out)
            report = finding.report
    return Finding(out, report)
