"""States in which an engine does not fuzz, each with what mends it.

A campaign that did not fuzz found nothing, but that says nothing of the code: it
is a failure. look_at() is asked before a campaign, diagnose() after it.
"""

import errno
import os
import re
import resource
from pathlib import Path
from typing import NamedTuple

from .engine import Outcome

FREE_SIZE_LEAST = 64 << 20  # for corpora, artefacts and logs of a campaign
CAUSE_LINES = 8  # of an engine's log, where nothing in it is known
SHADOW_SIZE = 20 << 40  # that AddressSanitizer reserves on x86-64

# Exit statuses after which an engine has done what it was asked for.
STATUS_GOOD = {"libfuzzer": {0, 72}, "afl": {0}}  # 72: interrupted
STATUS_FOUND = {70, 71, 77}  # libFuzzer's: timeout, out of memory, crash


class Refused(Exception):
    """The campaign cannot run as asked."""


class Problem(NamedTuple):
    """Why a campaign did not fuzz, and what mends it."""

    what: str
    cure: str

    def __str__(self) -> str:
        return f"{self.what}\n  cure: {self.cure}"


NO_SPACE = Problem(
    "the disk is full",
    "free some space, or name a folder elsewhere with --store or --build")
READ_ONLY = Problem(
    "the folder cannot be written to",
    "name a folder that can be written to with --store or --build, or mount it "
    "with -o remount,rw")
NO_MEMORY = Problem(
    "a limit of address space (ulimit -v) leaves no room for the sanitizer's "
    "shadow memory",
    "ulimit -v unlimited; to bound memory, use a control group")
RANDOM_LAYOUT = Problem(
    "addresses are more random than this compiler's sanitizers bear",
    "sysctl vm.mmap_rnd_bits=28, as root; or run the campaign under "
    "setarch --addr-no-randomize")
CORE_PATTERN = Problem(
    "AFL++ refuses a system that pipes core dumps to a program, as it could "
    "take a crash for a run without an end",
    "echo core >/proc/sys/kernel/core_pattern, as root; or set "
    "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1")
NO_SHARED_MEMORY = Problem(
    "AFL++ got no shared memory for its map of edges",
    "look at sysctl kernel.shmmax, kernel.shmall and kernel.shmmni, remove "
    "segments that nobody uses (ipcs -m, ipcrm), and in a container give it "
    "/dev/shm (docker run --shm-size=1g)")

# A pattern of an engine's words, and the problem that they mean. The first match
# counts, so causes come before their effects: shmget() fails with "No space left on
# device".
SAYINGS = (
    (r"shmget\(\) failed|shm_open\(\) failed|shmat\(\) failed", NO_SHARED_MEMORY),
    (r"No space left on device|Disk quota exceeded", NO_SPACE),
    (r"Read-only file system", READ_ONLY),
    (r"unexpected memory mapping|Shadow memory range interleaves",
     RANDOM_LAYOUT),
    (r"ulimit -v|ReserveShadowMemoryRange failed|failed to (allocate|mmap)|"
     r"cannot allocate memory for|Cannot allocate memory", NO_MEMORY),
    (r"core dump notifications|core_pattern", CORE_PATTERN),
    (r"Permission denied", READ_ONLY),
    (r"error while loading shared libraries", Problem(
        "a shared library is missing",
        "install it, and build again where the target was built elsewhere")),
    (r"All test cases time out|test cases time ?out or crash|"
     r"at least one valid input", Problem(
         "every input that the campaign starts from fails",
         "replay the corpus: the target, or its build, is broken")),
    (r"[Ff]ork server (handshake failed|crashed)|"
     r"Unable to execute target application", Problem(
         "the target does not start under AFL++",
         "run the target by hand on an empty file; see what it says")),
)


def of_error(error: OSError) -> Problem | None:
    """The problem for which a call of the system failed, where it is known."""
    return {
        errno.ENOSPC: NO_SPACE, errno.EDQUOT: NO_SPACE, errno.EROFS: READ_ONLY,
        errno.EACCES: READ_ONLY, errno.EPERM: READ_ONLY,
        errno.ENOMEM: NO_MEMORY,
    }.get(error.errno or 0)


def look_at(folder: Path, sanitizer: str) -> Problem | None:
    """The problem that keeps a target with this sanitizer from being fuzzed in
    folder."""
    probe = folder / f".probe-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"x")
        probe.unlink()
        space = os.statvfs(folder)
    except OSError as error:
        problem = of_error(error)
        if problem is None:
            raise
        return problem._replace(what=f"{problem.what}: {folder}")
    free = space.f_bavail * space.f_frsize
    if free < FREE_SIZE_LEAST:
        return NO_SPACE._replace(
            what=f"the disk is full: {folder} has {free >> 20} MiB left, "
            f"expected at least {FREE_SIZE_LEAST >> 20}")
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if sanitizer in ("address", "thread") and limit != resource.RLIM_INFINITY \
            and limit < SHADOW_SIZE:
        return NO_MEMORY
    return None


def is_slow(outcome: Outcome) -> bool:
    """Whether all of the time went by with the first inputs, as it does on a
    machine that is busy: twice as much may do."""
    return (outcome.status in STATUS_GOOD[outcome.engine] and outcome.runs > 0
            and not (outcome.has_started or outcome.is_stopped or outcome.found))


def diagnose(outcome: Outcome) -> Problem | None:
    """Why outcome's campaign did not fuzz; None: it did, or it found something."""
    if outcome.found:
        return None
    if outcome.status in STATUS_FOUND and outcome.engine == "libfuzzer":
        return known(outcome.log) or Problem(
            f"the engine ended with status {outcome.status}, which is that of a "
            "finding, and left no input",
            f"the log has the finding's report; is its folder writable?\n"
            f"{said(outcome.log)}")
    is_good = (outcome.status in STATUS_GOOD[outcome.engine]
               or outcome.is_stopped)
    if is_good and outcome.runs > 0 and outcome.has_started:
        return None
    if is_good and outcome.is_stopped:
        return None  # before it had the time
    problem = known(outcome.log)
    if problem is not None:
        return problem
    if not is_good:
        return Problem(f"the engine ended with {status_text(outcome.status)}",
                       f"its last words were:\n{said(outcome.log)}")
    if outcome.runs == 0:
        return Problem("the engine ran no input",
                       f"its last words were:\n{said(outcome.log)}")
    return Problem(
        f"the engine ran its {outcome.runs} first inputs and made no new one",
        "give it more seconds, or fewer inputs to start from")


def known(log: str) -> Problem | None:
    for pattern, problem in SAYINGS:
        if re.search(pattern, log):
            return problem
    return None


def said(log: str) -> str:
    lines = [line for line in log.splitlines() if line.strip()]
    return "\n".join(f"    {line}" for line in lines[-CAUSE_LINES:]) or "    nothing"


def status_text(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"status {status}"
