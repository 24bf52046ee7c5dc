"""The targets, by engine, and what belongs to each."""

import sys
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "mutants"))

import plant  # noqa: E402

COMPILERS = {"libfuzzer": "clang", "afl": "afl-clang-fast"}
TARGETS = {
    "libfuzzer": ["pool_ops", "pool_ops_hardened", "pool_ops_inline",
                  "pool_ops_ubsan", "pool_mixed", "pool_oom", "pool_threads",
                  "pool_threads_tsan", "ops_decoder", "trace_reader",
                  "arena_ops", "adapters", "log_lines", "sizes_csv",
                  "run_json"],
    "afl": ["pool_ops", "pool_mixed", "pool_oom", "pool_threads",
            "ops_decoder", "trace_reader", "arena_ops", "adapters",
            "log_lines", "sizes_csv", "run_json"],
}
NEEDS_NGINX = "pool_mixed"

# The target that finds a mutant, by what its row says of where it runs.
PLANTED_IN = {
    "debug": "pool_ops",
    "exact": "pool_ops",
    "hardened": "pool_ops",
    "mixed": "pool_mixed",
}

# Whose ops a target's mutator samples, fuzz/mutator.h, where AFL++ loads it.
MUTATORS = {
    "arena_ops": "mutator_threads",
    "pool_mixed": "mutator_mixed",
    "pool_oom": "mutator_pool",
    "pool_ops": "mutator_pool",
    "pool_threads": "mutator_threads",
    "trace_reader": "mutator_trace",
}
DICTIONARY = "ops.dict"  # of the ops; it is built

# Targets with the corpus, and the printer, of another one.
FAMILIES = {
    "pool_mixed": "pool_ops",
    "pool_ops_hardened": "pool_ops",
    "pool_ops_inline": "pool_ops",
    "pool_ops_ubsan": "pool_ops",
    "pool_threads_tsan": "pool_threads",
}

# After which libFuzzer's process starts again, from what it has learnt.
# ThreadSanitizer keeps a note of each thread that has ended: fuzz/tsan.c. A minute is
# short enough that its memory does not depend on how busy the machine is.
PROCESS_SECONDS = {"pool_threads_tsan": 60}

# Kinds of input: a program, which is cut down op by op; a program
# whose bytes matter too; or no program, for which there are no seeds in text.
PROGRAMS = ("pool_ops", "pool_oom", "pool_threads", "arena_ops")
OTHERS = ("log_lines", "run_json", "sizes_csv")


class Control(NamedTuple):
    """A mutant that a campaign from nothing finds soon, and how it says so."""

    mutant: str
    expected: str  # a part of what the report says


# By target. Who fuzzes runs one of them, to see that campaigns find anything.
CONTROLS = {
    "pool_ops": Control("palloc_packed", "ngx_palloc and ngx_pcalloc align"),
    "pool_oom": Control("oom_unlogged", "each failure is one line in the log"),
    "run_json": Control("json_comma", "commas part members"),
}


def mutants(source: Path) -> dict[str, dict]:
    return plant.load(source / "fuzz/mutants/mutants.toml")


def planted_target(source: Path, mutant: str) -> str:
    runs = mutants(source)[mutant]["runs"]
    return PLANTED_IN.get(runs, runs)


def family(target: str) -> str:
    """The target whose corpus, and whose printer, another one shares."""
    return FAMILIES.get(target, target)


def is_program(target: str) -> bool:
    """Whether ops say all of a target's input."""
    return family(target) in PROGRAMS


def options(target: str) -> list[str]:
    """Returns libFuzzer's options. A program's states already show how far it gets.
    With counts of edges as well, libFuzzer would keep three times as many inputs,
    and find less."""
    return ["-use_counters=0"] if is_program(target) else []


def dictionary(source: Path, built: Path, target: str) -> Path:
    """Of the target's input: the ops, or the pieces of its text."""
    if has_ops(target):
        return built / "fuzz" / DICTIONARY
    return source / "fuzz/oss-fuzz/texts" / f"{target}.dict"


def has_ops(target: str) -> bool:
    """Whether a target's input can be printed as ops."""
    return family(target) not in OTHERS


def corpora(source: Path, built: Path, target: str) -> list[Path]:
    """The folders of a target's inputs: the seeds, where it is built, and what
    engines found besides."""
    folders = [source / "corpus" / family(target)]
    if has_ops(target):
        folders.insert(0, built / "fuzz/seeds")
        if not is_program(target):
            folders.append(built / "fuzz/seeds_1")
    return folders
