"""An input on which a target fails: what is wrong, and which findings are one."""

import hashlib
import re
import signal
import subprocess
from pathlib import Path
from typing import NamedTuple

RUN_TIMEOUT = 20  # of one input, in seconds; then it has no end
NO_END = "no end within"
STATE_LOST = "fails only after other inputs"
REPORT_LINES = 12
REPORT_SIZE = 2000  # of a report that has no such lines
SIGNATURE_SIZE = 40  # of a report that nothing is known of
BROKEN = "broken promise"
KEY_SIZE = 16  # digits of a hash
STACK_FRAMES = 3

# Functions that say who reports, not what is wrong.
REPORTERS = {"step_fail", "step_check", "fail", "run_fail", "LLVMFuzzerTestOneInput"}


# A report of a sanitizer or of an engine names no promise. Each row has a pattern
# of such reports, and the promise that is broken then. The first match counts.
UNWORDED = (
    (rf"^({NO_END})", "every call ends"),
    (r"runtime error: ([^0-9\n]*)", "defined behaviour"),
    (r"SUMMARY: ThreadSanitizer: ([a-z -]+?) [/(]", "threads do not race"),
    (r"SUMMARY: MemorySanitizer: ([\w-]+)", "memory is set before it is read"),
    (r"SUMMARY: (?:Address|Leak)Sanitizer: \d+ byte\(s\) (leaked)",
     "memory is given back"),
    (r"SUMMARY: AddressSanitizer: ([\w-]+)", "memory safety"),
    (r"Assertion `(.*)' failed", "the code's own assertions"),
    (r"SUMMARY: libFuzzer: (out-of-memory)", "memory has a bound"),
    (r"SUMMARY: libFuzzer: (timeout)", "every call ends"),
    (r"(?:SUMMARY: libFuzzer: |^ended by )(deadly signal|SIG\w+)", "memory safety"),
)


class Finding(NamedTuple):
    """An input on which a target fails, and what it said."""

    path: Path
    report: str


def fails(binary: Path, *paths: Path, cpu_seconds: int = 0) -> str | None:
    """The report of binary, if it fails on the inputs at paths; else None.
    It fails if it has no end within RUN_TIMEOUT, or within cpu_seconds of the
    processor's time, which do not depend on what else runs; 0: no limit."""
    limits = ["--core=0", *([f"--cpu={cpu_seconds}"] if cpu_seconds else [])]
    try:
        done = subprocess.run(
            ["prlimit", *limits, str(binary), *map(str, paths)],
            text=True, errors="replace", stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=RUN_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return f"{NO_END} {RUN_TIMEOUT} s"
    if cpu_seconds and -done.returncode in (signal.SIGXCPU, signal.SIGKILL):
        return f"{NO_END} {cpu_seconds} s"
    if done.returncode == 0:
        return None
    return done.stdout.strip() or f"ended by {status_text(done.returncode)}"


def status_text(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"status {status}"


def first_of(binary: Path, found: list[Path], log: str) -> Finding | None:
    """The first of these inputs that fails alone; else the first, with log: what was
    said when all of them ran."""
    for path in found:
        report = fails(binary, path)
        if report is not None:
            return Finding(path, report)
    if found:
        # libFuzzer's progress: "#4096 pulse ...", and a tab and "NEW_FUNC[1/2]: ...".
        # A stack's lines begin with spaces, then "#".
        said = [line for line in log.splitlines()
                if not line.startswith(("#", "\tNEW_FUNC"))]
        return Finding(found[0], "\n".join([STATE_LOST, *said]))
    return None


def signature(report: str) -> str:
    """The promise that is broken, in words and without an input's numbers."""
    match = re.search(rf"{BROKEN}(?: \d+)?: .*", report)
    if match:
        return match[0]
    for pattern, promise in UNWORDED:
        match = re.search(pattern, report, re.M)
        if match:
            return f"{BROKEN}: {promise}: {match[1].strip(' :')}"
    first = report.partition("\n")[0]
    return f"{BROKEN}: a run succeeds: {first[:SIGNATURE_SIZE]}"


def is_endless(report: str) -> bool:
    return report.startswith(NO_END)


def needs_others(report: str) -> bool:
    """Whether the input fails only after others."""
    return report.startswith(STATE_LOST)


def stack(report: str) -> list[str]:
    """The innermost functions of the project that the report's first stack
    names; none where no sanitizer made it."""
    frames = []
    for match in re.finditer(
        r"^ *#(\d+) 0x\w+ in (\S+) (\S+\.(?:c|cc|h)):\d+", report, re.M
    ):
        if match[1] == "0" and frames:
            break
        is_ours = re.search(r"/(pool|fuzz|bench)/", match[3])
        if is_ours and match[2] not in REPORTERS:
            frames.append(match[2])
    return frames[:STACK_FRAMES]


def key(report: str) -> str:
    """The same for findings that are one: by promise and stack."""
    text = "\n".join([signature(report), *stack(report)])
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_SIZE]


def headline(report: str) -> str:
    """The lines of a report that say what is wrong, and where in the pool."""
    lines = [
        line for line in report.splitlines()
        if re.search(r"broken promise|^  (live|\d+ bytes)|\w+: \w+Sanitizer|"
                     r"ERROR: libFuzzer|CHECK failed|runtime error|in ngx_", line)
        or is_endless(line) or needs_others(line)
    ]
    return "\n".join(lines[:REPORT_LINES]) or report.strip()[-REPORT_SIZE:]
