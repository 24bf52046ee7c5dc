"""The rules of OSS-Fuzz for each target, and for the target's folder."""

import configparser
import os
import re
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

from builder import SOURCE, Broken, Build, run

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from campaign import targets  # noqa: E402

# As OSS-Fuzz's base-runner sets them for a run.
OPTIONS = {
    "ASAN_OPTIONS": "alloc_dealloc_mismatch=0:allocator_may_return_null=1:"
                    "check_malloc_usable_size=0:detect_leaks=1:"
                    "detect_odr_violation=0:detect_stack_use_after_return=1:"
                    "handle_abort=1:handle_segv=1:handle_sigill=1:"
                    "quarantine_size_mb=10:strict_memcmp=1:symbolize=1:"
                    "use_sigaltstack=1",
    "MSAN_OPTIONS": "symbolize=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:silence_unsigned_overflow=1",
}
RUNNER_ARGS = ["-rss_limit_mb=2560", "-timeout=25"]
AFL_ENVIRONMENT = {
    "AFL_FAST_CAL": "1",
    "AFL_FORKSRV_INIT_TMOUT": "30000",
    "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES": "1",
    "AFL_NO_AFFINITY": "1",
    "AFL_NO_UI": "1",
    "AFL_SKIP_CPUFREQ": "1",
}

# The least and the greatest number of calls of each sanitizer's functions in a
# program, by the sanitizer of the build: OSS-Fuzz's bad_build_check counts them.
CALLS: dict[str, dict[str, tuple[int, int | None]]] = {
    "address": {"asan": (1000, None), "msan": (0, 3), "ubsan": (0, 200)},
    "undefined": {"asan": (0, 0), "msan": (0, 3), "ubsan": (168, None)},
    "memory": {"asan": (0, 0), "msan": (1000, None), "ubsan": (0, 200)},
    "coverage": {"asan": (0, 0), "msan": (0, 3), "ubsan": (0, 200)},
}
# With fewer edges, OSS-Fuzz takes a target for one without instrumentation. AFL++
# counts only reached edges, and instruments only the code under test.
EDGES_MIN = {"libfuzzer": 100, "afl": 10, "honggfuzz": 100}
# A user replaces these before OSS-Fuzz gets the files. ClusterFuzzLite needs none of
# them.
PLACEHOLDER = re.compile(r"\b(OWNER|NAME@EXAMPLE\.ORG)\b")
LINES_AT = 7  # the column of llvm-cov's report; that of missed lines is the next

ENTRY = b"LLVMFuzzerTestOneInput"
NAME = re.compile(r"[A-Za-z0-9_-]+")
NEEDS_NGINX = "pool_mixed"
# The libraries of the runner. A C++ library is needed only if the build's is not
# OSS-Fuzz's.
LIBRARIES = re.compile(
    r"(ld-linux-.*|lib(c|dl|gcc_s|m|pthread|resolv|rt|stdc\+\+))\.so\.\d+")

OPENED = re.compile(r'\b(open|openat|creat)\((?:[^,"]*, )?"([^"]*)", (\S+).*\)\s+= \d')
CHANGED = re.compile(r'\b(?:mkdir|mkdirat|rename|renameat2?|unlink|unlinkat|rmdir|'
                     r'symlink|symlinkat|link|linkat|truncate)\(.*"([^"]*)".*\)\s+= 0')
WRITES = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC")


def placeholders(folder: Path) -> list[str]:
    """Returns the placeholders in the files for OSS-Fuzz: file, line, text."""
    return [f"{path.name}:{number}: {match[1]}"
            for path in sorted(folder.iterdir())
            for number, line in enumerate(path.read_text().splitlines(), start=1)
            for match in PLACEHOLDER.finditer(line)]


class Done(NamedTuple):
    """A run: the number of inputs, and the edges or lines that it counts."""

    runs: int
    edges: int
    unit: str = "edges"


def targets_of(build: Build) -> list[Path]:
    """Returns the executable files with the entry in them, as OSS-Fuzz finds them."""
    return sorted(path for path in build.out.iterdir()
                  if path.is_file() and os.access(path, os.X_OK)
                  and ENTRY in path.read_bytes())


def check_names(build: Build, programs: list[Path]) -> None:
    """Check that each source of a target is built, and that each file in $OUT is a
    target or belongs to one."""
    names = {path.name for path in programs}
    for source in sorted((SOURCE / "fuzz/targets").glob("*.c")):
        if source.stem not in names and not (
                source.stem == NEEDS_NGINX and "NGINX_SRC" not in os.environ):
            raise Broken(f"{source.stem} was not built; see what meson said")
    for path in build.out.iterdir():
        owner = re.sub(r"(_seed_corpus\.zip|\.dict|\.options)$", "", path.name)
        if owner not in names:
            raise Broken(f"{path.name} belongs to no target")
        if not NAME.fullmatch(owner):
            raise Broken(f"{path.name}: found a name with other characters, "
                         "expected A-Z, a-z, 0-9, _ and -")


def check_program(build: Build, target: Path) -> str:
    """Check that the entry is defined, and that only libraries of the runner are
    needed."""
    symbols = run(["nm", str(target)])
    if not re.search(rf" [TW] {ENTRY.decode()}$", symbols, re.MULTILINE):
        raise Broken(f"no {ENTRY.decode()} is defined")
    dynamic = run(["readelf", "-dW", str(target)])
    if re.search(r"\((RPATH|RUNPATH)\)", dynamic):
        raise Broken("found a path of libraries in it, expected none")
    for library in re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic):
        if not LIBRARIES.fullmatch(library):
            raise Broken(f"needs {library}, which the runner does not have")
    return ""


def check_calls(build: Build, target: Path) -> str:
    """Check that the program has the build's sanitizer, and no other one."""
    code = run(["objdump", "-dC", str(target)])
    said = []
    for runtime, (least, most) in CALLS[build.sanitizer].items():
        count = len(re.findall(rf"\b(?:callq?|bl)\s+(?:0x)?[0-9a-f]+ <__{runtime}",
                               code))
        if count < least or (most is not None and count > most):
            expected = f"at least {least}" if most is None else f"at most {most}"
            raise Broken(f"found {count} calls of {runtime}, expected {expected}")
        if least > 0:
            said.append(f"{count} calls of {runtime}")
    return ", ".join(said)


def seeds_of(build: Build, target: Path) -> Path:
    """Returns the folder of the target's seeds, which are unpacked below scratch."""
    seeds = build.scratch / f"{target.name}_corpus"
    seeds.mkdir(exist_ok=True)
    with zipfile.ZipFile(build.out / f"{target.name}_seed_corpus.zip") as packed:
        packed.extractall(seeds)
    return seeds


def check_companions(build: Build, target: Path) -> str:
    """Check that the target has seeds, a dictionary, and known options."""
    seeds = list(seeds_of(build, target).iterdir())
    if not seeds:
        raise Broken("found no seeds, expected at least one")
    words = (build.out / f"{target.name}.dict").read_text()
    lines = [line for line in words.splitlines()
             if line.strip() and not line.startswith("#")]
    if not lines:
        raise Broken("found no words in the dictionary, expected at least one")
    for line in lines:
        if not re.fullmatch(r'(\w+=)?"([^"\\]|\\["\\]|\\x[0-9a-fA-F]{2})+"', line):
            raise Broken(f"dictionary: found {line}, expected a word in quotes")
    options = options_of(build, target)
    own = arguments_of(options)
    for option in targets.options(target.name):
        if option not in own:
            raise Broken(f"options: found {own}, expected {option} as well")
    unknown = set(options.sections()) - {"libfuzzer", "asan", "msan", "ubsan"}
    if unknown:
        raise Broken(f"options: found [{unknown.pop()}], expected an engine or "
                     "a sanitizer")
    return f"{len(seeds)} seeds, {len(lines)} words"


def options_of(build: Build, target: Path) -> configparser.ConfigParser:
    text = (build.out / f"{target.name}.options").read_text()
    options = configparser.ConfigParser()
    options.read_string(text)
    return options


def arguments_of(options: configparser.ConfigParser) -> list[str]:
    """Returns libFuzzer's options as OSS-Fuzz's runner passes them."""
    return [f"-{key}={value}" for key, value in options.items("libfuzzer")]


def run_environment(build: Build, target: Path) -> dict[str, str]:
    """Returns the runner's environment. $OUT is not in it."""
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent",
           "LLVM_PROFILE_FILE": str(build.scratch / f"{target.name}.profraw")}
    options = options_of(build, target)
    for name, common in OPTIONS.items():
        section = name.removesuffix("_OPTIONS").lower()
        own = options.items(section) if options.has_section(section) else []
        env[name] = ":".join([common, *(f"{key}={value}" for key, value in own)])
    if build.engine == "afl":
        env["ASAN_OPTIONS"] += ":abort_on_error=1:symbolize=0"
        env["MSAN_OPTIONS"] += ":exit_code=86:symbolize=0"
        env["UBSAN_OPTIONS"] += ":symbolize=0"
        env |= AFL_ENVIRONMENT
    return env


def check_runs(build: Build, target: Path, runs: int) -> str:
    """Check that the target runs its seeds and more inputs, and writes only below
    /tmp."""
    trace = build.scratch / f"{target.name}.strace"
    watched = ["strace", "-f", "-qq", "--seccomp-bpf", "-o", str(trace), "-e",
               "trace=%file"]
    seeds = seeds_of(build, target)
    how = {"libfuzzer": run_libfuzzer, "afl": run_afl, "honggfuzz": run_stand_in}
    do = run_coverage if build.sanitizer == "coverage" else how[build.engine]
    before = contents(build.out)
    done = do(build, target, seeds, runs, watched)
    if contents(build.out) != before:
        raise Broken("a run changed the folder of the target")
    check_writes(build, trace)
    if done.runs < runs:
        raise Broken(f"found {done.runs} runs, expected {runs}")
    least = EDGES_MIN[build.engine]
    if done.edges < least:
        raise Broken(f"found {done.edges} edges, expected at least {least}")
    return f"{done.runs} runs, {done.edges} {done.unit}"


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    return {path.name: (path.stat().st_size, path.stat().st_mtime_ns)
            for path in folder.iterdir()}


def check_writes(build: Build, trace: Path) -> None:
    for line in trace.read_text(errors="replace").splitlines():
        opened, changed = OPENED.search(line), CHANGED.search(line)
        if opened and (opened[1] == "creat"
                       or any(word in opened[3] for word in WRITES)):
            path = opened[2]
        elif changed:
            path = changed[1]
        else:
            continue
        full = os.path.join(build.out, path)
        # The source and the build may be below /tmp themselves.
        if (not full.startswith(("/tmp/", "/dev/", "/proc/"))
                or Path(full).is_relative_to(SOURCE)
                or Path(full).is_relative_to(build.out)):
            raise Broken(f"a run writes {full}, expected only files below /tmp")


def run_libfuzzer(build: Build, target: Path, seeds: Path, runs: int,
                  watched: list[str]) -> Done:
    own = arguments_of(options_of(build, target))
    files = len(list(seeds.iterdir()))
    env = run_environment(build, target)
    said = run([*watched, str(target), *RUNNER_ARGS, *own, "-seed=1337",
                f"-runs={files + runs}", f"-dict={target}.dict", str(seeds)],
               cwd=build.out, env=env)
    done = re.search(r"Done (\d+) runs", said)
    edges = re.search(r"Loaded \d+ modules? .*\(.*counters\): (\d+)", said)
    return Done(int(done[1]) if done else 0, int(edges[1]) if edges else 0)


def run_coverage(build: Build, target: Path, seeds: Path, runs: int,
                 watched: list[str]) -> Done:
    """libFuzzer cannot fuzz without its instrumentation. It merges the seeds, as in
    OSS-Fuzz, and runs each of them several times."""
    empty = build.scratch / f"{target.name}_empty"
    empty.mkdir(exist_ok=True)
    env = run_environment(build, target)
    run([*watched, str(target), "-merge=1", "-timeout=100", str(empty), str(seeds)],
        cwd=build.out, env=env)
    files = sorted(map(str, seeds.iterdir()))
    times = runs // len(files) + 1
    said = run([str(target), f"-runs={times}", *files], cwd=build.out, env=env)
    return Done(times * len(re.findall(r"^Executed ", said, re.MULTILINE)),
                lines_covered(build, target), "lines covered")


def lines_covered(build: Build, target: Path) -> int:
    """Returns the covered lines, by the profile that the run wrote."""
    raw = build.scratch / f"{target.name}.profraw"
    merged = raw.with_suffix(".profdata")
    run(["llvm-profdata", "merge", "-sparse", str(raw), "-o", str(merged)])
    text = run(["llvm-cov", "report", str(target), f"-instr-profile={merged}"])
    total = text.splitlines()[-1].split()
    return int(total[LINES_AT]) - int(total[LINES_AT + 1])


def run_afl(build: Build, target: Path, seeds: Path, runs: int,
            watched: list[str]) -> Done:
    env = run_environment(build, target)
    run([*watched, str(target), *map(str, sorted(seeds.iterdir()))],
        cwd=build.out, env=env)
    work = build.scratch / f"{target.name}_afl"
    run(["afl-fuzz", "-m", "none", "-t", "5000+", "-E", str(runs), "-x",
         f"{target}.dict", "-i", str(seeds), "-o", str(work), "--", str(target)],
        cwd=build.out, env=env)
    stats = dict(re.findall(r"(\w+) *: (.*)",
                            (work / "default/fuzzer_stats").read_text()))
    if int(stats["saved_crashes"]) != 0:
        raise Broken(f"found {stats['saved_crashes']} crashes, expected none")
    return Done(int(stats["execs_done"]), int(stats["edges_found"]))


def run_stand_in(build: Build, target: Path, seeds: Path, runs: int,
                 watched: list[str]) -> Done:
    files = sorted(map(str, seeds.iterdir()))
    said = run([*watched, str(target), str(len(files) + runs), *files],
               cwd=build.out, env=run_environment(build, target))
    done = re.search(r"(\d+) runs, \d+ of (\d+) edges", said)
    return Done(int(done[1]), int(done[2])) if done else Done(0, 0)
