#!/usr/bin/env python3
"""Fuzz targets for a while, and say what was found.

Builds with the engine's compiler in BUILD/fuzz-ENGINE, runs each target, shows
its speed and coverage, and on a finding makes the input small and says how to
replay it. A crash is a finding, and so is an input without an end. With --plant,
the code has a bug of fuzz/mutants/, and the campaign succeeds if it is found.
The target pool_mixed needs nginx's source: NGINX_SRC, or what BUILD was
configured with. Exit: 0 as expected, 1 not, 2 cannot run.
"""

import argparse
import hashlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "mutants"))

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
    "exact": "pool_ops",
    "hardened": "pool_ops",
    "mixed": "pool_mixed",
}

# Whose ops a target's mutator draws, fuzz/mutator.h, where AFL++ loads it.
MUTATORS = {
    "pool_ops": "mutator_pool",
    "pool_mixed": "mutator_mixed",
    "trace_reader": "mutator_trace",
}
DICTIONARY = "ops.dict"

# Targets with the corpus, and the printer, of another one.
FAMILIES = {
    "pool_mixed": "pool_ops",
    "pool_ops_hardened": "pool_ops",
    "pool_ops_inline": "pool_ops",
    "pool_ops_ubsan": "pool_ops",
    "pool_threads_tsan": "pool_threads",
}

# What a target's input is: a program, which is cut down op by op; a program
# whose bytes matter too; or no program, for which there are no seeds in text.
PROGRAMS = ("pool_ops", "pool_oom", "pool_threads", "arena_ops")
OTHERS = ("log_lines", "run_json", "sizes_csv")

# Longer inputs say nothing new about a pool and are slower.
INPUT_SIZE_MAX = 256
EMPTY = b"\x02"  # a program without ops, pool/ops/program.h

RUN_TIMEOUT = 20  # of one input, in seconds; then it has no end
CUT_SECONDS = 1  # of processor time, while an input without an end is cut
NO_END = "no end within"
STABLE = "100.00%"  # as AFL++ writes it
SHOW_EVERY = 2  # seconds
NAME_SIZE = 16  # of a kept input's: digits of its hash
REPORT_LINES = 12
REPORT_SIZE = 2000  # of a report that has no such lines

# So that a machine that others use, or a container, can run it.
AFL_ENVIRONMENT = {
    "AFL_CMPLOG_ONLY_NEW": "1",
    "AFL_FAST_CAL": "1",
    "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES": "1",
    "AFL_NO_AFFINITY": "1",
    "AFL_NO_UI": "1",
    "AFL_SKIP_CPUFREQ": "1",
}


class Refused(Exception):
    """The campaign cannot run as asked."""


class Task(NamedTuple):
    """What an engine runs."""

    binary: Path
    work: Path  # its folder, with corpus/ in it
    seconds: int
    dictionary: Path | None = None
    mutator: Path | None = None  # AFL++'s; libFuzzer's is part of the binary
    is_calibrated: bool = False  # AFL++ runs each new input often, not quickly


class Finding:
    """An input on which a target fails, and what it said."""

    def __init__(self, path: Path, report: str) -> None:
        self.path = path
        self.report = report


class Progress:
    """One line on a terminal, else a line now and then."""

    def __init__(self) -> None:
        self.shown = 0.0
        self.is_open = False

    def show(self, text: str) -> None:
        now = time.monotonic()
        if now - self.shown < SHOW_EVERY:
            return
        self.shown = now
        if sys.stdout.isatty():
            print(f"\r\033[K{text}", end="", flush=True)
            self.is_open = True
        else:
            print(text, flush=True)

    def close(self) -> None:
        if self.is_open:
            print(flush=True)
        self.is_open = False


def mutants(source: Path) -> dict[str, dict]:
    return plant.load(source / "fuzz/mutants/mutants.toml")


def choose(kind: str, name: str, known: list[str]) -> None:
    if name not in known:
        raise Refused(f"unknown {kind} '{name}'; known: {' '.join(known)}")


def planted_target(source: Path, mutant: str) -> str:
    runs = mutants(source)[mutant]["runs"]
    return PLANTED_IN.get(runs, runs)


def family(target: str) -> str:
    """The target whose corpus, and whose printer, another one shares."""
    return FAMILIES.get(target, target)


def nginx_source(parent: Path) -> str:
    """The folder of nginx's source, as meson.build finds it, or ''."""
    kept = parent / "nginx_src"
    named = os.environ.get("NGINX_SRC", "")
    if not named and kept.exists():
        named = kept.read_text()
    return named if (Path(named) / "src/core/ngx_palloc.c").exists() else ""


def build(
    source: Path, folder: Path, engine: str, names: list[str], nginx: str
) -> None:
    """Configure folder where it is not yet and build names there."""
    compiler = COMPILERS[engine]
    if shutil.which(compiler) is None:
        raise Refused(f"{compiler} is not installed")
    environment = dict(os.environ, CC=compiler, CXX=compiler + "++")
    if engine == "afl":
        environment["AFL_LLVM_ALLOWLIST"] = str(source / "fuzz/afl-allowlist.txt")
        environment["AFL_QUIET"] = "1"
    configured = (folder / "build.ninja").exists()
    if nginx and nginx_source_of(folder) != nginx:
        environment["NGINX_SRC"] = nginx
        run_quietly(["meson", "setup", str(folder), str(source),
                     *(["--reconfigure"] if configured else [])], environment)
    elif not configured:
        run_quietly(["meson", "setup", str(folder), str(source)], environment)
    targets = [f"fuzz/{name}"
               for name in [*names, "ngxops", "seeds.stamp", DICTIONARY]]
    run_quietly(["ninja", "-C", str(folder), *targets], environment)


def nginx_source_of(folder: Path) -> str:
    kept = folder / "nginx_src"
    return kept.read_text() if kept.exists() else ""


def run_quietly(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(
        command, env=environment, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    if done.returncode != 0:
        raise Refused(f"{' '.join(command)} failed:\n{done.stdout[-4000:]}")


def fails(binary: Path, path: Path, cpu_seconds: int = 0) -> str | None:
    """What binary says when it fails on the input at path; None: it does not.
    It fails if it has no end within RUN_TIMEOUT, or within cpu_seconds of the
    processor's time, which do not depend on what else runs; 0: no limit."""

    def limit() -> None:
        if cpu_seconds:
            resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))

    try:
        done = subprocess.run(
            [str(binary), str(path)], text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=RUN_TIMEOUT, preexec_fn=limit,
        )
    except subprocess.TimeoutExpired:
        return f"{NO_END} {RUN_TIMEOUT} s"
    if cpu_seconds and -done.returncode in (signal.SIGXCPU, signal.SIGKILL):
        return f"{NO_END} {cpu_seconds} s"
    return None if done.returncode == 0 else done.stdout


def signature(report: str) -> str:
    """What makes two reports the same finding."""
    for pattern in (
        NO_END,
        r"broken promise(?: \d+)?: .*",
        r"SUMMARY: \w+: [\w-]+",
        r"runtime error: [^0-9\n]*",
    ):
        match = re.search(pattern, report)
        if match:
            return match.group(0)
    return report[:40]


def headline(report: str) -> str:
    """The lines of a report that say what is wrong, and where in the pool."""
    told = [
        line for line in report.splitlines()
        if re.search(r"broken promise|^  (live|\d+ bytes)|\w+: \w+Sanitizer|"
                     r"CHECK failed|runtime error|in ngx_", line)
        or line.startswith(NO_END)
    ]
    return "\n".join(told[:REPORT_LINES]) or report.strip()[-REPORT_SIZE:]


class Bytes:
    """An input as the bytes that it consists of."""

    def pieces(self, path: Path) -> list[bytes]:
        return [bytes([byte]) for byte in path.read_bytes()]

    def write(self, pieces: list[bytes], path: Path) -> None:
        path.write_bytes(b"".join(pieces))


class Ops:
    """An input as the ops that it consists of, each a line of text."""

    def __init__(self, replay: Path, ngxops: Path) -> None:
        self.replay = replay  # prints whatever an engine came to
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
    cpu_seconds = CUT_SECONDS if wanted == NO_END else 0
    trial = out.with_suffix(".trial")

    def still_fails(pieces: list[bytes]) -> str | None:
        parts.write(pieces, trial)
        said = fails(binary, trial, cpu_seconds)
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
    if wanted == NO_END:
        report = fails(binary, out) or ""
        if signature(report) != wanted:
            shutil.copy(finding.path, out)
            report = finding.report
    return Finding(out, report)


def copy_corpus(corpus: Path, folders: list[Path]) -> None:
    """Make corpus anew from folders: an engine writes into what it is given."""
    shutil.rmtree(corpus, ignore_errors=True)
    corpus.mkdir(parents=True)
    for folder in folders:
        for number, path in enumerate(files_of(folder)):
            shutil.copy(path, corpus / f"{folder.name}_{number}")


def files_of(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def run_libfuzzer(
    task: Task, progress: Progress
) -> tuple[Finding | None, int]:
    """Returns the finding, if any, and how many inputs were run."""
    binary, work = task.binary, task.work
    crashes = work / "crashes"  # timeouts are written there too
    crashes.mkdir(exist_ok=True)
    command = [
        str(binary), f"-max_len={INPUT_SIZE_MAX}",
        f"-max_total_time={task.seconds}", f"-timeout={RUN_TIMEOUT}",
        f"-artifact_prefix={crashes}/",
    ]
    if task.dictionary is not None:
        command.append(f"-dict={task.dictionary}")
    command.append(str(work / "corpus"))
    runs = 0
    process = subprocess.Popen(
        command, text=True, errors="replace",
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            match = re.match(
                r"#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+).*?exec/s: (\d+)", line
            )
            if match:
                runs = int(match.group(1))
                progress.show(
                    f"{binary.name}: {match.group(4)} exec/s, "
                    f"{match.group(2)} edges, {match.group(3)} features"
                )
            match = re.match(r"Done (\d+) runs", line)
            if match:
                runs = int(match.group(1))
    finally:
        stop(process)
        process.stderr.close()
    found = sorted(p for p in crashes.iterdir() if p.is_file())
    return first_finding(binary, found), runs


def run_afl(task: Task, progress: Progress) -> tuple[Finding | None, int]:
    """As run_libfuzzer()."""
    binary, work = task.binary, task.work
    corpus = work / "corpus"
    if not any(corpus.iterdir()):
        # AFL++ refuses an empty folder; this is an empty program.
        (corpus / "empty").write_bytes(EMPTY)
    # The mutator reads the limit in the environment as AFL++ does.
    environment = dict(os.environ, **AFL_ENVIRONMENT,
                       AFL_INPUT_LEN_MAX=str(INPUT_SIZE_MAX))
    if task.is_calibrated:
        del environment["AFL_FAST_CAL"]
    if task.mutator is not None:
        environment["AFL_CUSTOM_MUTATOR_LIBRARY"] = str(task.mutator)
    command = [
        "afl-fuzz", "-S", "main", "-V", str(task.seconds),
        "-t", str(1000 * RUN_TIMEOUT),
        "-i", str(corpus), "-o", str(work / "afl"),
    ]
    if task.dictionary is not None:
        command += ["-x", str(task.dictionary)]
    command += ["--", str(binary)]
    log = (work / "afl.log").open("w")
    process = subprocess.Popen(
        command, env=environment, stdout=log, stderr=subprocess.STDOUT
    )
    found: list[Path] = []
    try:
        while process.poll() is None and not found:
            time.sleep(0.2)
            found = afl_found(work)
            stats = afl_stats(work)
            if stats:
                # AFL++ counts anew once a minute; until then it says inf.
                rate = stats["execs_per_sec"].replace("inf", "...")
                progress.show(
                    f"{binary.name}: {rate} exec/s, "
                    f"{stats['edges_found']} of {stats['total_edges']} edges, "
                    f"stability {stats['stability']}"
                )
    finally:
        stop(process)
        log.close()
    stats = afl_stats(work)
    found = found or afl_found(work)
    if not stats and not found:
        raise Refused(f"afl-fuzz did not start; see {work / 'afl.log'}")
    return first_finding(binary, found), int(stats.get("execs_done", 0))


def afl_found(work: Path) -> list[Path]:
    """Inputs that crashed, then those without an end."""
    return [path for kind in ("crashes", "hangs")
            for path in sorted((work / "afl/main" / kind).glob("id:*"))]


def afl_stats(work: Path) -> dict[str, str]:
    path = work / "afl/main/fuzzer_stats"
    if not path.exists():
        return {}
    lines = (line.partition(":") for line in path.read_text().splitlines())
    stats = {key.strip(): value.strip() for key, _, value in lines}
    return stats if "execs_per_sec" in stats else {}


def stop(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(RUN_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def first_finding(binary: Path, found: list[Path]) -> Finding | None:
    for path in found:
        report = fails(binary, path)
        if report is not None:
            return Finding(path, report)
    if found:
        return Finding(found[0], "fails only after other inputs")
    return None


def keep(work: Path, engine: str, known: list[Path], kept: Path) -> int:
    """Copy what the engine learnt beyond known into kept. Returns how many."""
    folder = work / ("afl/main/queue" if engine == "afl" else "corpus")
    contents = {path.read_bytes() for path in known}
    kept.mkdir(exist_ok=True)
    new = 0
    for path in filter(Path.is_file, files_of(folder)):
        data = path.read_bytes()
        if data not in contents:
            contents.add(data)
            name = hashlib.sha256(data).hexdigest()[:NAME_SIZE]
            (kept / name).write_bytes(data)
            new += 1
    return new


def report_finding(
    binary: Path, finding: Finding, folder: Path, replay: Path, parts: Bytes | Ops
) -> None:
    out = folder / f"{binary.name}.reproducer"
    small = minimise(binary, finding, out, parts)
    print(headline(small.report))
    if replay.name.removeprefix("replay_") not in OTHERS:
        subprocess.run([str(replay), "--print", str(small.path)], check=False)
    print(f"reproducer: {small.path}")
    print(f"replay:     {binary} {small.path}")


def campaign(
    arguments: argparse.Namespace, source: Path, folder: Path, name: str
) -> bool:
    """Fuzz one target. Returns whether it went as expected."""
    engine, mutant = arguments.engine, arguments.plant
    binary_name = name if mutant is None else f"mutants/{name}_{mutant}"
    replay = f"replay_{family(name)}"
    mutator = f"{MUTATORS[name]}.so" if engine == "afl" and name in MUTATORS else ""
    build(source, folder, engine,
          [binary_name, replay, *([mutator] if mutator else [])],
          nginx_source(folder.parent))
    binary = folder / "fuzz" / binary_name

    work = folder / "campaigns" / binary.name
    task = Task(binary, work, arguments.seconds,
                folder / "fuzz" / DICTIONARY,
                folder / "fuzz" / mutator if mutator else None,
                arguments.stability)
    shutil.rmtree(work, ignore_errors=True)
    kept = source / "corpus" / family(name)
    folders = [kept]
    if family(name) not in OTHERS:
        folders.insert(0, folder / "fuzz/seeds")
    if family(name) not in PROGRAMS + OTHERS:
        folders.append(folder / "fuzz/seeds_1")
    copy_corpus(work / "corpus", [] if arguments.empty else folders)

    progress = Progress()
    start = time.monotonic()
    run = run_afl if engine == "afl" else run_libfuzzer
    interrupted = False
    try:
        finding, runs = run(task, progress)
    except KeyboardInterrupt:
        finding, runs, interrupted = None, 0, True
    elapsed = time.monotonic() - start
    progress.close()

    if interrupted:
        print(f"{binary.name}: interrupted after {elapsed:.0f} s, nothing found")
        raise KeyboardInterrupt
    rate = f", {runs / elapsed:.0f} exec/s" if runs else ""
    said = "nothing found" if finding is None else "FOUND a failure"
    print(f"{binary.name}: {said} in {elapsed:.1f} s{rate}")
    if finding is not None:
        printer = folder / "fuzz" / replay
        # A reader's bug may be in how bytes become ops.
        parts = (Ops(printer, folder / "fuzz/ngxops")
                 if family(name) in PROGRAMS else Bytes())
        report_finding(binary, finding, folder / "campaigns", printer, parts)
    is_stable = engine != "afl" or show_stability(binary, afl_stats(work))
    if arguments.keep and finding is None:
        known = [path for each in folders for path in files_of(each)]
        print(f"{keep(work, engine, known, kept)} new inputs in {kept}")
    if arguments.stability and not is_stable:
        return False
    return (finding is not None) == (mutant is not None)


def show_stability(binary: Path, stats: dict[str, str]) -> bool:
    """Print how much of what an input does is the same each time that it is
    run, by edges. Returns whether that is all."""
    found = stats.get("stability", "unknown")
    print(f"{binary.name}: stability {found}, "
          f"{stats.get('var_byte_count', 'unknown')} of "
          f"{stats.get('edges_found', 'unknown')} edges vary")
    return found == STABLE


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="fuzz", description="Fuzz the pool, and its ops, for a while."
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET",
                        help="which, by default all of the engine's")
    parser.add_argument("--seconds", type=int, default=60, metavar="N",
                        help="for each target (default: %(default)s)")
    parser.add_argument("--engine", default="libfuzzer",
                        help=f"one of: {' '.join(COMPILERS)}")
    parser.add_argument("--keep", action="store_true",
                        help="add new inputs to corpus/")
    parser.add_argument("--empty", action="store_true",
                        help="start from an empty corpus")
    parser.add_argument("--plant", metavar="MUTANT",
                        help="plant this bug of fuzz/mutants/, and find it")
    parser.add_argument("--stability", action="store_true",
                        help="with AFL++: fail where a target's stability is "
                        "below 100 %%")
    parser.add_argument("--build", type=Path, metavar="FOLDER",
                        help="where to build (default: build)")
    return parser.parse_args(argv)


def main() -> int:
    source = Path(__file__).resolve().parent.parent
    arguments = parse(sys.argv[1:])
    if arguments.stability:
        arguments.engine = "afl"
    engine = arguments.engine
    parent = (arguments.build or source / "build").resolve()
    try:
        choose("engine", engine, list(COMPILERS))
        for name in arguments.targets:
            choose("target", name, TARGETS[engine])
        if arguments.plant is not None:
            choose("mutant", arguments.plant, sorted(mutants(source)))
        targets = arguments.targets or TARGETS[engine]
        if arguments.plant is not None:
            targets = [planted_target(source, arguments.plant)]
        if NEEDS_NGINX in targets and not nginx_source(parent):
            if arguments.targets or arguments.plant is not None:
                raise Refused(f"{NEEDS_NGINX} needs NGINX_SRC, the folder of "
                              "nginx's unpacked source")
            print(f"{NEEDS_NGINX}: left out, as there is no NGINX_SRC")
            targets = [name for name in targets if name != NEEDS_NGINX]
        results = [
            campaign(arguments, source, parent / f"fuzz-{engine}", name)
            for name in targets
        ]
    except Refused as error:
        print(f"fuzz: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
