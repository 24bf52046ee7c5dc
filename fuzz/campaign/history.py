"""results/fuzz.json: what each run's campaigns did, a line of JSON a run."""

import json
import subprocess
import time
from pathlib import Path

from .store import write

RUNS_MOST = 1000  # lines that are kept; older ones are dropped


def line_of(source: Path, kind: str, rows: list[dict], ended: str) -> dict:
    commit = subprocess.run(
        ["git", "-C", str(source), "rev-parse", "--short", "HEAD"], text=True,
        capture_output=True, check=False).stdout.strip()
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": commit, "run": kind, "ended": ended, "campaigns": rows,
    }


def append(path: Path, line: dict) -> None:
    """Add a run's line. Lines that are broken off are left out."""
    write(path, "".join(
        json.dumps(each, sort_keys=True) + "\n"
        for each in [*load(path), line][-RUNS_MOST:]).encode())


def load(path: Path) -> list[dict]:
    if not path.exists():
        return []
    lines = []
    for text in path.read_text().splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            continue
    return lines
