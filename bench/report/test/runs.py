"""Runs for the tests: figures that are random, from a seed, and not measured.

runs.py FOLDER writes a run as large as a full one there, for a look at the
report and at how long it takes; runs.py FOLDER quick one as large as a quick one.
"""

import json
import math
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
    "allocators": {
        "pool": {
            "kind": "region",
            "class": "shared",
            "keeps": "bounded",
            "keeps_bytes": 16 << 20,
            "alignment": 16,
            "block_bytes": 16384,
            "policy": "Made up for a test: keeps blocks of a thread.",
            "version": "0.1.0",
            "path": "in the program",
        },
        "tcmalloc": {
            "kind": "general",
            "class": "shared",
            "keeps": "bounded",
            "keeps_bytes": None,
            "alignment": 8,
            "block_bytes": 0,
            "policy": "",
            "version": "1",
            "path": "libtest.so.4",
        },
    },
}
CONTEXT = {
    "library_build_type": "debug",
    "aa_pair": "pool,pool_again",
    "clock_ns": "23.0",
    "latency_error": "0.0156",
}

Object = dict[str, Any]


def entry(name: str, number: int, rate: float, layout: int | None = None) -> Object:
    """One of "benchmarks"; each round has a layout of its own unless one is given."""
    workload, *rest = name.split("/")
    fields: Object = {"workload": workload}
    if workload != "shim":
        allocator, sizes, n = rest
        fields |= {"allocator": allocator, "sizes": sizes, "n": int(n)}
    return {
        "name": name,
        "run_name": name,
        "run_type": "iteration",
        "repetition_index": number,
        "threads": 1,
        **fields,
        "layout": number if layout is None else layout,
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
    layouts: int | None = None,
    layout_noise: float = 0.0,
    half_noise: float = 0.005,
    warm_up: Mapping[str, float] = {},
) -> Object:
    """A run.json. Rounds take the layouts in turn; without layouts each has its own.

    Of log times: noise is the standard deviation of a row's round, layout_noise
    that of a row's layout, half_noise that of one half of a run. warm_up is the
    time of an allocator's second half over its first.
    """
    generator = random.Random(seed)
    rows = [
        (workload, allocator, size, n)
        for workload in workloads
        for allocator in costs
        for size in sizes
        for n in ns
    ]
    placed: dict[tuple[object, ...], float] = {}
    entries = []
    for number in range(rounds):
        weather = generator.gauss(0.0, 0.3)
        layout = number % layouts if layouts else number
        generator.shuffle(rows)
        for row in rows:
            workload, allocator, size, n = row
            key = (*row, layout)
            if key not in placed:
                placed[key] = generator.gauss(0.0, layout_noise)
            log = weather + placed[key] + generator.gauss(0.0, noise)
            cost = costs[allocator] * (1.0 + 20.0 / n)
            halves = [
                cost * math.exp(log + generator.gauss(0.0, half_noise)) for _ in (0, 1)
            ]
            halves[1] *= warm_up.get(allocator, 1.0)
            name = f"{workload}/{allocator}/{size}/{n}"
            one = entry(name, number, 2e9 / sum(halves), layout)
            one |= {"first_half_ns": halves[0], "second_half_ns": halves[1]}
            entries.append(one | {"page_faults": 0.0})
    return {"context": dict(CONTEXT), "benchmarks": entries}


def add_measures(run: Object) -> Object:
    """The same run with latencies, memory, instructions and complexity."""
    keys = ("workload", "allocator", "sizes", "n")
    rows = sorted({tuple(e[k] for k in keys) for e in run["benchmarks"] if "n" in e})
    cost = {
        row: COSTS.get(row[1], 9.0 + len(row[1])) * (1.0 + 20.0 / row[3])
        for row in rows
    }
    run["latencies"] = [
        dict(zip(keys, row))
        | {
            "regions": 5000,
            "p50_ns": cost[row] * row[3],
            "p90_ns": cost[row] * row[3] * 1.1,
            "p99_ns": cost[row] * row[3] * 1.5,
            "p999_ns": cost[row] * row[3] * 3.0,
            "max_ns": int(cost[row] * row[3] * 40.0),
        }
        for row in rows
        if not row[1].endswith("_again")
    ]
    run["memory"] = [
        {
            "allocator": allocator,
            "sizes": sizes,
            "n": n,
            "regions": 10,
            "asked_bytes": 640 * n,
            "virtual_bytes": 1000 * n + 4096,
            "resident_bytes": 700 * n + 4096,
            "kept_bytes": 0 if allocator == "pool" else 8192,
        }
        for allocator, sizes, n in sorted({row[1:] for row in rows})
        if not allocator.endswith("_again")
    ]
    run["instructions"] = [
        dict(zip(keys, row))
        | {
            "instructions": cost[row] * 3.0,
            "branches": cost[row] / 2.0,
            "mispredictions": 0.012,
        }
        for row in rows
    ]
    run["complexity"] = [
        dict(zip(keys, row)) | {"big_o": "N", "coefficient_ns": 4.2, "rms": 0.03}
        for row in sorted({row[:3] for row in rows})
    ]
    return run


def fail(run: Object, name: str, reason: str) -> None:
    """Make the row of that name fail; if it ends in "/", all rows that begin so."""
    for row in run["benchmarks"]:
        if row["name"] == name or name[-1] == "/" and row["name"].startswith(name):
            row["error_occurred"] = True
            row["error_message"] = reason
            del row["items_per_second"], row["layout"]


def write(folder: Path, run: Object, machine: Object = MACHINE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    (folder / "machine.json").write_text(json.dumps(machine), encoding="utf-8")
    (folder / "command").write_text("./run bench --test-data\n", encoding="utf-8")
    return folder


def great(is_quick: bool) -> tuple[Object, Object]:
    """run.json and machine.json as large as a quick or a full run's."""
    costs = {"pool": 4.0, "pool_again": 4.0}
    costs |= {f"peer_{index}": 4.0 + 2.0 * index for index in range(1, 23)}
    machine = dict(MACHINE["allocators"])
    for index, name in enumerate(costs):
        kind = "inlined" if index > 20 else "archive" if index > 18 else "shared"
        machine.setdefault(name, MACHINE["allocators"]["pool"] | {"class": kind})
    workloads = ["fill", "fill_reset"]
    workloads += [f"workload_{index}" for index in range(3 if is_quick else 7)]
    run = document(
        costs,
        sizes=["lognormal"] if is_quick else ["lognormal", "nginx_request", "fleet"],
        ns=[10, 100, 1000] if is_quick else [25, 100, 1000, 10000, 100000],
        workloads=workloads,
        rounds=9 if is_quick else 16,
        layouts=7 if is_quick else 12,
        layout_noise=0.05,
        noise=0.05,
        warm_up={"peer_3": 0.8},
    )
    return add_measures(run), MACHINE | {"allocators": machine}


if __name__ == "__main__":
    write(Path(sys.argv[1]), *great(sys.argv[2:] == ["quick"]))
