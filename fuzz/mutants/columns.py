"""The columns of the report: the checks that may kill a mutant, and their commands.

A column is a list of checks, cheapest first. A check is a program of a Tree's
build. It kills a mutant if it fails.
"""

import concurrent.futures
import dataclasses
import math
import re
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from process import Done, Runner
from trees import Failed, Tree

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from campaign import engine, finding, targets  # noqa: E402

COLUMNS = {
    "unit": "the unit tests of pool/test",
    "corpus": "replay of the corpus",
    "exhaustion": "every short program (fuzz/exhaust.c)",
    "campaign": "libFuzzer from nothing",
}

# Tests that report nothing about a mutant, or that take too long: the
# installed library, nginx's own build, valgrind, which reports what
# AddressSanitizer does, another alignment, where the same tests fail, and each
# test by itself, as it has a process of its own among the others, too
# (pool/test/group.h).
SUITES_LEFT_OUT = {"aligned", "alone", "install", "nginx"}
TESTS_LEFT_OUT = {"misuse valgrind"}

# Of each process: many times what the original needs, and as much at least.
CPU_FACTOR = 4
CPU_LEAST = 1
CPU_MOST = 600  # of the original

# In this order, most mutants fall to the first; and the folders of corpus/ that
# each is given, after the seeds.
REPLAYS = {
    "replay_pool_ops": ["pool_ops"],
    "replay_log_lines": ["log_lines"],
    "replay_pool_ops_debug": ["pool_ops"],
    "replay_pool_ops_debug_palloc": ["pool_ops"],
    "replay_pool_ops_keyless": ["pool_ops"],
    "replay_pool_ops_setspecific": ["pool_ops"],
    "replay_pool_threads": ["pool_threads"],
    "replay_pool_mixed": ["pool_ops", "pool_mixed"],
    "replay_pool_ops_inline": ["pool_ops"],
    "replay_pool_ops_hardened": ["pool_ops"],
    "replay_pool_ops_asan": ["pool_ops"],
    "replay_pool_oom": ["pool_oom"],
    "replay_asan_pool_threads": ["pool_threads"],
    "replay_asan_log_lines": ["log_lines"],
}
# Where a planted bug of the pool is looked for first, by what its row says that it
# runs in: the tests of the suite mutants look nowhere else.
OWN_REPLAYS = {
    "debug": "replay_pool_ops_debug",
    "exact": "replay_pool_ops",
    "hardened": "replay_pool_ops_hardened",
    "mixed": "replay_pool_mixed",
}
SEEDLESS = ("log_lines", "run_json", "sizes_csv")  # whose input is no program

# Other code than the pool's, or the pool in another harness: each
# name is a value of runs in mutants.toml, and the name of a replay and of a campaign.
ATTACKS = ("adapters", "arena_ops", "log_lines", "pool_oom", "pool_threads",
           "pool_threads_tsan", "run_json", "sizes_csv")
SHARED_CORPUS = {"pool_threads_tsan": "pool_threads"}
READERS = ("ops_decoder", "trace_reader")
READER_TESTS = ("ops", "trace", "run")

# The campaigns of a bug of the pool. The first one's marks take the place of the
# fast path of allocations, so a bug there is for the second one.
EXACT, INLINE = "exact", "inline"
IN_POOL = {EXACT: "pool_ops", INLINE: "pool_ops_inline"}

CAMPAIGN_SEED = 1
HANG_SECONDS = 1  # of one input, which takes less than a millisecond
EXHAUSTION_OPS = 4

# No answer names a function, and a symbolizer takes 0.2 s to start. (A suppression
# of ThreadSanitizer needs it.)
ASAN_OPTIONS = "symbolize=0:hard_rss_limit_mb=4096"
# The memory that was freed last and is not used again. More takes more pages.
QUARANTINE = ":quarantine_size_mb=16"
# Each unit test is a process, and page faults take most of its time. So the heap keeps
# its pages, little is in quarantine, and leaks are not searched for, which reads all
# pages. Nearly all tests count what they leave, and no mutant falls to that search alone.
UNIT_TESTS = {
    "ASAN_OPTIONS": f"{ASAN_OPTIONS}:quarantine_size_mb=1:detect_leaks=0",
    "MALLOC_MMAP_THRESHOLD_": str(64 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
}
SKIPPED = 77  # a test's exit status, as Meson's
# The variables by which a program runs some of its tests, and names them (group.h).
ONLY = "TEST_ONLY"
LIST = "TEST_LIST"
# How cmocka names a test that fails, or that leaves memory; and how group.c names one
# that ends by a signal.
FAILED_TEST = re.compile(
    r"^\[  (?:FAILED|ERROR ) +\] (?!\d)(\w+)|^(\w+): ended by signal", re.M)
TEST_NAME = re.compile(r"test_\w+")


@dataclass
class Check:
    """A program that may kill mutants."""

    name: str
    kind: str  # test, replay or campaign: what its exit status means
    build: str
    targets: list[str]
    command: list[str]  # with the tree's build folder as {build}
    environment: dict[str, str] = field(default_factory=dict)
    cpu: int = 2 * CPU_LEAST
    seconds: float = 0.0  # that the original took
    has_asan: bool = False
    test: str = ""  # of the program, which runs alone, and whose failure counts


def has_failed(check: Check, done: Done) -> bool:
    """Whether check's result shows a mutant."""
    if check.kind == "replay":
        return done.status != 1
    if check.kind == "campaign":
        return done.status != 0 and not done.is_out_of_time
    if done.status == SKIPPED:
        return False
    if check.test:  # a name that is no test's fails, too
        return found_by(check, done) == f"{check.name}: {check.test}"
    return done.status != 0 or re.search(r"^not ok", done.output, re.M) is not None


def found_by(check: Check, done: Done) -> str:
    """The test or program that failed, if the output names it."""
    if check.kind == "replay":
        match = re.search(r"^not ok \d+ - (?:.*/)?([^/\n]+/[^/\n]+)$", done.output,
                          re.M)
        return match[1] if match else check.name
    if check.kind == "test":
        match = FAILED_TEST.search(done.output)
        return f"{check.name}: {match[1] or match[2]}" if match else check.name
    if done.is_out_of_time:
        return f"{check.name}: no end"
    return f"{check.name}: {finding.signature(done.output)}"


def with_input(check: Check, path: Path) -> Check:
    """A replay of path alone."""
    return dataclasses.replace(check, command=[*check.command[:2], str(path)])


def with_tests(check: Check, names: list[str]) -> Check:
    """These tests of check's program alone."""
    return dataclasses.replace(
        check, environment={**check.environment, ONLY: ",".join(names)})


def part_that_kills(checks: list[Check], killer: str) -> Check | None:
    """The test or the file that killer, an answer of found_by(), names, as a check of
    its own. None: killer names a whole program, or a file that none of the checks
    replays. A test that is no longer there kills nothing: see has_failed()."""
    program, _, test = killer.partition(": ")
    folder, _, file = killer.partition("/")
    for check in checks:
        if check.kind == "test" and check.name == program and test:
            return dataclasses.replace(with_tests(check, [test]), test=test)
        for word in check.command:
            path = Path(word) / file
            if check.kind == "replay" and Path(word).name == folder and path.is_file():
                return with_input(check, path)
    return None


def run_check(check: Check, tree: Tree, runner: Runner,
              environment: dict[str, str],
              moved: dict[str, str] | None = None) -> Done:
    """moved: the new paths of files that differ from the build's (relink.py)."""
    build = str(tree.build_folder(check.build))
    with tempfile.TemporaryDirectory() as work:
        command = [(moved or {}).get(word.removeprefix("{build}/"), word)
                   for word in check.command]
        command = [word.replace("{build}", build).replace("{work}", work)
                   for word in command]
        asan = ASAN_OPTIONS + ("" if check.kind == "campaign" else QUARANTINE)
        variables = {"ASAN_OPTIONS": asan, "TEST_FAIL_FAST": "1",
                     **check.environment, **environment}
        return runner.run(command, variables, build, check.cpu, not check.has_asan)


def tests_of(check: Check, tree: Tree, runner: Runner) -> list[str]:
    """The names of the tests of check's program; none: it is no program of group.h."""
    if check.kind != "test" or len(check.command) != 1:
        return []
    listing = dataclasses.replace(
        check, environment={**check.environment, LIST: "1"}, cpu=CPU_MOST)
    done = run_check(listing, tree, runner, {})
    names = done.output.split()
    is_listing = done.status == 0 and all(TEST_NAME.fullmatch(name) for name in names)
    return names if is_listing else []


def unit_checks(tree: Tree, only: tuple[str, ...] = ()) -> list[Check]:
    """The tests of suite pool that a mutant can fail; or those of these names."""
    build = "checks"
    folder = str(tree.build_folder(build))
    built = {str(Path(file).relative_to(folder))
             for target in tree.introspect(build, "targets")
             for file in target["filename"] if Path(file).is_relative_to(folder)}
    checks = []
    for test in tree.introspect(build, "tests"):
        name = test["name"]
        suites = {suite.split(":")[-1] for suite in test["suite"]}
        if only:
            if name not in only or suites != {"fuzz"}:
                continue
        elif ("pool" not in suites or suites & SUITES_LEFT_OUT
              or name in TESTS_LEFT_OUT):
            continue
        needed = [word.removeprefix(f"{folder}/") for word in test["cmd"]
                  if word.removeprefix(f"{folder}/") in built]
        checks.append(Check(
            name=name, kind="test", build=build, targets=needed,
            command=[word.replace(folder, "{build}") for word in test["cmd"]],
            environment={**UNIT_TESTS, **test["env"]},
            has_asan="hardened" in name or "san" in name,
        ))
    return checks


def replay_check(tree: Tree, name: str, corpus: list[str]) -> Check:
    folders = [tree.root / "corpus" / each for each in corpus]
    inputs = [str(folder) for folder in folders if folder.is_dir()]
    if not name.endswith(SEEDLESS):
        # It is not there before the first build.
        inputs.insert(0, str(tree.build_folder("checks") / "fuzz/seeds"))
    return Check(
        name=name, kind="replay", build="checks",
        targets=[f"fuzz/{name}", "fuzz/seeds.stamp"],
        command=[f"{{build}}/fuzz/{name}", "--broken", *inputs],
        has_asan="hardened" in name or "inline" in name or "san" in name,
    )


def target_names(tree: Tree, build: str) -> set[str]:
    return {target["name"] for target in tree.introspect(build, "targets")}


def corpus_checks(tree: Tree) -> list[Check]:
    known = target_names(tree, "checks")
    return [replay_check(tree, name, corpus) for name, corpus in REPLAYS.items()
            if name in known]


def target_checks(tree: Tree, name: str) -> list[Check]:
    """The replays of a target, without and with AddressSanitizer, as far as they are
    built."""
    known = target_names(tree, "checks")
    corpus = [SHARED_CORPUS.get(name, name)]
    return [replay_check(tree, replay, corpus)
            for replay in (f"replay_{name}", f"replay_asan_{name}")
            if replay in known]


def exhaustion_checks(tree: Tree, ops: int) -> list[Check]:
    if "exhaust" not in target_names(tree, "checks"):
        return []
    return [Check(
        name="exhaust", kind="test", build="checks", targets=["fuzz/exhaust"],
        command=["{build}/fuzz/exhaust", "--ops", str(ops), "--jobs", "1"],
    )]


def campaign_check(tree: Tree, target: str, seconds: int) -> Check:
    name = target.split("/")[-1]
    words = []
    if not targets.has_ops(name):  # ops have a mutator of their own
        words = [f"-dict={targets.dictionary(tree.source, tree.folder, name)}"]
    return Check(
        name=name, kind="campaign", build="campaign",
        targets=[f"fuzz/{target}"],
        command=[
            f"{{build}}/fuzz/{target}", f"-seed={CAMPAIGN_SEED}",
            f"-max_len={engine.INPUT_SIZE_MAX}", f"-timeout={HANG_SECONDS}",
            f"-max_total_time={10 * seconds}", "-verbosity=0",
            "-artifact_prefix={work}/", *words, *targets.options(name),
        ],
        cpu=seconds, has_asan=True,
    )


@dataclass
class Checks:
    """All checks, by what is mutated and by column."""

    pool: dict[str, list[Check]]
    others: dict[str, dict[str, list[Check]]]  # by a planted bug's row's runs
    campaigns: dict[str, Check]  # by the row's runs


def list_checks(tree: Tree, columns: list[str], seconds: int, ops: int) -> Checks:
    builds = {"campaign" if column == "campaign" else "checks" for column in columns}
    with concurrent.futures.ThreadPoolExecutor(tree.jobs) as pool:
        list(pool.map(tree.configure, builds))
    campaigns = {}
    if "campaign" in columns:
        known = target_names(tree, "campaign")
        for runs, target in (*targets.PLANTED_IN.items(), *IN_POOL.items(),
                             ("debug", "pool_ops_ubsan"),
                             ("hardened", "pool_ops_hardened"),
                             *((name, name) for name in (*READERS, *ATTACKS))):
            if target in known:
                campaigns[runs] = campaign_check(tree, target, seconds)
    pool: dict[str, list[Check]] = {}
    others: dict[str, dict[str, list[Check]]] = {
        name: {} for name in (*READERS, *ATTACKS)}
    if "unit" in columns:
        pool["unit"] = unit_checks(tree)
        for name in READERS:
            others[name]["unit"] = unit_checks(tree, READER_TESTS)
    if "corpus" in columns:
        pool["corpus"] = corpus_checks(tree)
        for name in (*READERS, *ATTACKS):
            others[name]["corpus"] = target_checks(tree, name)
    if "exhaustion" in columns:
        pool["exhaustion"] = exhaustion_checks(tree, ops)
    return Checks(pool, others, campaigns)


def cpu_limit(seconds: float) -> int:
    """Of a process which takes seconds with the original."""
    return CPU_LEAST + math.ceil(CPU_FACTOR * seconds)


def measure(check: Check, tree: Tree, runner: Runner) -> None:
    """Run check on the original, which must pass, for the limits of mutants."""
    if check.kind == "campaign":
        return
    # A replay has as many seconds as with a mutant.
    cpu = check.cpu if check.kind == "replay" else CPU_MOST
    done = run_check(dataclasses.replace(check, cpu=cpu), tree, runner, {})
    passes = done.status == 1 if check.kind == "replay" else (
        not has_failed(check, done))
    if check.kind == "replay" and not re.search(r"^1\.\.[1-9]", done.output, re.M):
        passes = False
    if not passes:
        raise Failed(f"{check.name} fails without a mutant "
                     f"(status {done.status}):\n{done.output[-3000:]}")
    check.seconds = done.seconds
    if check.kind == "test":  # else each program has a process of its own
        check.cpu = cpu_limit(done.seconds)
