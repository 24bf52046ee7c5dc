"""Runs for the tests: figures drawn from a seed, measured by nobody."""

import json
import random
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

REPORT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPORT))

COSTS = {  # ns, made up
    "pool": 4.0,
    "pool_again": 4.0,
    "arena": 5.0,
    "malloc": 30.0,
    "talloc": 66.0,
    "talloc_pool": 28.0,
    "tcmalloc": 11.0,
}
SIZES = ("fixed_64", "fixed_512", "lognormal", "nginx_request")
NS = (10, 100, 1000)
ROUNDS = 11
MACHINE = {
    "cpu": "test data",
    "cores": 2,
    "governor": "unknown",
    "compilers": {"c": "test data"},
    "allocators": {"pool": "in the program", "tcmalloc": "libtest.so.4"},
}


def entry(name: str, number: int, rate: float) -> dict[str, Any]:
    return {
        "name": name,
        "run_name": name,
        "run_type": "iteration",
        "repetition_index": number,
        "threads": 1,
        "iterations": 1000,
        "real_time": 1e9 / rate,
        "cpu_time": 1e9 / rate,
        "time_unit": "ns",
        "items_per_second": rate,
    }


def document(
    costs: Mapping[str, float] = COSTS,
    sizes: Iterable[str] = SIZES,
    ns: Iterable[int] = NS,
    workloads: Iterable[str] = ("fill", "fill_reset"),
    rounds: int = ROUNDS,
    noise: float = 0.01,
    seed: int = 1,
) -> dict[str, Any]:
    """A run.json; noise is the standard deviation of log times in a round."""
    draw = random.Random(seed)
    entries = []
    for number in range(rounds):
        weather = draw.gauss(0.0, 0.3)
        rows = [
            (workload, allocator, size, n)
            for workload in workloads
            for allocator in costs
            for size in sizes
            for n in ns
        ]
        draw.shuffle(rows)
        for workload, allocator, size, n in rows:
            cost = costs[allocator] * (1.0 + 20.0 / n)
            cost *= 2.718281828 ** (weather + draw.gauss(0.0, noise))
            name = f"{workload}/{allocator}/{size}/{n}"
            entries.append(entry(name, number, 1e9 / cost))
    return {"context": {"library_build_type": "debug"}, "benchmarks": entries}


def skip(run: dict[str, Any], name: str, reason: str) -> None:
    """Make the row of that name fail, or, after a "/", all that begin so."""
    for row in run["benchmarks"]:
        if row["name"] == name or name[-1] == "/" and row["name"].startswith(name):
            row["error_occurred"] = True
            row["error_message"] = reason
            del row["items_per_second"]


def write(folder: Path, run: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    (folder / "machine.json").write_text(json.dumps(MACHINE), encoding="utf-8")
    (folder / "command").write_text("./run bench --test-data\n", encoding="utf-8")
    return folder
