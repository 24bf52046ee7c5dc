"""An engine's task and its outcome; how its processes start and end."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

# Enough bytes for a loop of some ops with 64 rounds: the memory that a thread keeps
# depends on its last 64 regions.
INPUT_SIZE_MAX = 1024
LOG_SIZE = 20000  # of an engine's log, from the end
SHOW_EVERY = 2  # seconds
POLL_SECONDS = 0.2
STOP_SECONDS = 20  # that an engine has to end by itself
SETTLED_SECONDS = 300  # after which an engine's memory should grow no more
MINUTE = 60  # seconds
WARM_SECONDS = 10  # after which a process that starts again has read its inputs
WINDOW_MINUTES = 5  # of two windows, whose least memory is compared
MIB = 1 << 20


class Task(NamedTuple):
    """A campaign that an engine is to run."""

    binary: Path
    work: Path  # its folder, with corpus/ in it
    seconds: int
    dictionary: Path | None = None
    options: list[str] = []  # libFuzzer's
    mutator: Path | None = None  # AFL++'s; libFuzzer's is part of the binary
    is_calibrated: bool = False  # AFL++ runs each new input often, not quickly
    jobs: int = 1  # instances
    seed: int = 0  # of the random generator; 0: the engine chooses
    variants: dict[str, Path] = {}  # AFL++'s other builds of binary
    process_seconds: int = 0  # after which libFuzzer's starts again; 0: never

    def elapsed(self, start: float) -> str:
        """How far the campaign is that began at start, for a line of progress."""
        elapsed = min(time.monotonic() - start, self.seconds)
        return f"{self.binary.name}: {elapsed:.0f} of {self.seconds} s"


@dataclass
class Outcome:
    """The figures and findings of a campaign."""

    engine: str
    status: int  # exit status; less than 0: the signal that ended it
    runs: int = 0
    edges: int = 0
    corpus: int = 0  # inputs at the end
    seconds: float = 0.0
    stability: str = ""  # AFL++'s
    varying: str = ""  # edges that vary, and of how many
    found: list[Path] = field(default_factory=list)
    log: str = ""
    has_started: bool = False  # it made inputs of its own
    is_stopped: bool = False  # by this program
    memory: tuple[int, int] = (0, 0)  # libFuzzer's: see Memory.mib()


class Memory:
    """The resident memory of an engine's processes: whether a campaign leaks.

    It rises and falls, by 30 MiB at times, since sanitizers keep freed memory for a
    while. What leaks is in the least memory of some minutes, too.
    """

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.noted_from = self.start
        self.least: list[int] = []  # bytes, of each minute

    def restart(self) -> None:
        """Other processes follow, which take less memory at their start."""
        self.noted_from = time.monotonic() + WARM_SECONDS

    def note(self, processes: list[subprocess.Popen]) -> None:
        """Note the memory of all processes of the engine."""
        if time.monotonic() < self.noted_from:
            return
        sizes = [resident(process.pid) for process in processes]
        if not all(sizes):
            return  # one has ended
        minute = int((time.monotonic() - self.start) // MINUTE)
        while len(self.least) <= minute:
            self.least.append(sum(sizes))
        self.least[minute] = min(self.least[minute], sum(sizes))

    def mib(self) -> tuple[int, int]:
        """The least memory of up to WINDOW_MINUTES after SETTLED_SECONDS, and of as
        many at the end; the first is 0 where a campaign is shorter."""
        settled = self.least[SETTLED_SECONDS // MINUTE:]
        window = min(WINDOW_MINUTES, len(settled) // 2)
        if window == 0:
            return 0, round(self.least[-1] / MIB) if self.least else 0
        return round(min(settled[:window]) / MIB), round(min(settled[-window:]) / MIB)


class Progress:
    """One line on a terminal, else a line now and then. With others, lines."""

    def __init__(self, is_alone: bool = True) -> None:
        self.shown = 0.0
        self.is_open = False
        self.is_alone = is_alone

    def show(self, text: str) -> None:
        now = time.monotonic()
        if now - self.shown < SHOW_EVERY:
            return
        self.shown = now
        if sys.stdout.isatty() and self.is_alone:
            print(f"\r\033[K{text}", end="", flush=True)
            self.is_open = True
        else:
            # At once, with its end: other threads print, too.
            print(f"{text}\n", end="", flush=True)

    def close(self) -> None:
        if self.is_open:
            print(flush=True)
        self.is_open = False


class Instance(NamedTuple):
    """A process of an engine."""

    command: list[str]
    log: Path
    environment: dict[str, str]


class Ended(NamedTuple):
    """How a campaign's instances ended."""

    status: int  # of the first one that failed, or 0
    log: str  # that instance's
    is_stopped: bool


class Running:
    """The processes of engines, of several threads, until all are stopped."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.processes: set[subprocess.Popen] = set()
        self.is_stopped = False

    def run(
        self, instances: list[Instance], has_found: Callable[[], bool],
        show: Callable[[], None], memory: Memory | None = None,
    ) -> Ended:
        """Start instances, and show what they do, until all ended. Once one has
        found something, or failed, the others are stopped."""
        processes: list[subprocess.Popen] = []
        stops = False
        try:
            for instance in instances:
                processes.append(self.start(instance))
            while any(process.poll() is None for process in processes):
                time.sleep(POLL_SECONDS)
                stops = has_found()
                if stops or any(process.returncode for process in processes):
                    break
                if memory is not None:
                    memory.note(processes)
                show()
        finally:
            stops |= self.is_stopped
            ended = [process.poll() for process in processes]
            statuses = [self.end(process) for process in processes]
        # An instance that failed by itself, before it was stopped, says why.
        failed = next((i for i, status in enumerate(ended) if status), 0)
        status = ended[failed] or next((s for s in statuses if s), 0)
        return Ended(status, tail(instances[failed].log), stops)

    def start(self, instance: Instance) -> subprocess.Popen:
        """In a session of its own. It ends when this program does, and writes no
        core dumps; what it says goes to its log."""
        with self.lock, instance.log.open("wb") as output:
            process = subprocess.Popen(
                ["prlimit", "--core=0", "setpriv", "--pdeathsig", "INT",
                 *instance.command],
                env=dict(os.environ, **instance.environment),
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            )
            self.processes.add(process)
            if self.is_stopped:
                interrupt(process)
        return process

    def stop(self) -> None:
        with self.lock:
            self.is_stopped = True
            for process in self.processes:
                interrupt(process)

    def end(self, process: subprocess.Popen) -> int:
        """Stop process where it runs. Returns its exit status."""
        if process.poll() is None:
            interrupt(process)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                pass
        kill(process)
        with self.lock:
            self.processes.discard(process)
        return process.wait()


def resident(pid: int) -> int:
    """Bytes; 0 where the process has ended, or the system does not say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def interrupt(process: subprocess.Popen) -> None:
    signal_group(process, signal.SIGINT)


def kill(process: subprocess.Popen) -> None:
    """With all that it started."""
    signal_group(process, signal.SIGKILL)


def signal_group(process: subprocess.Popen, number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def tail(log: Path) -> str:
    """The end of a log, without colours."""
    try:
        with log.open("rb") as text:
            size = text.seek(0, os.SEEK_END)
            text.seek(max(size - LOG_SIZE, 0))
            data = text.read()
    except FileNotFoundError:
        return ""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", data.decode(errors="replace"))
