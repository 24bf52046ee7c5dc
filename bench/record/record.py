#!/usr/bin/env python3
"""Record what a program allocates, as a program of ops (pool/ops/).

The command runs with a recorder preloaded. Its own trace is written to FILE,
those of the processes that it starts to FILE.PID, as far as they allocate that
way. Processes that go on after the command, as daemons do, are waited for;
Ctrl-C ends that. Exits with the command's status, or with 125 if the command
succeeded and a trace could not be written.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import ctypes
import errno
import fcntl
import json
import mmap
import os
import pathlib
import secrets
import select
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

MIB = 1024 * 1024
SHARED_MEMORY = pathlib.Path("/dev/shm")
FAILED = 125  # the status, as env's and timeout's

# raw.h
LIMIT_MAX = 4096  # MiB: RAW_WINDOWS
HEAD = struct.Struct("=8s10Q168s")
HEAD_STOPPED = 32  # offset of the word
NOTES_SIZE = 64 * 1024
NOTE = struct.Struct("=QII168s")
NOTES_START = 8
NOTES_MAX = 356
WHY = {
    1: "no file could be made for it",
    2: "the kernel is too old: Linux 5.14 is needed",
    3: "it has a sanitizer's malloc()",
    4: "it is linked statically",
    5: "it is setuid or setgid",
    6: "it is for another machine",
    7: "it was started without the recorder's variables",
    8: "the recorder cannot be reached from where it was started",
}

# Libraries to preload; None: the program has the recorder inside (pool.c).
RECORDERS = {"malloc": "record_malloc", "apr": "record_apr",
             "talloc": "record_talloc", "pool": None}

POLL_MS = 50      # between two looks at the files
BATCH = 64        # files that are converted by one process
SETTLE_SECONDS = 1  # a file without a head is given up after that
EXEC_SECONDS = 0.2  # that a process may take to execute a program


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./run record", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true",
                        help="say what was recorded as JSON, a line a trace,"
                        " on standard error")
    parser.add_argument("--build", type=pathlib.Path, default="build",
                        help=argparse.SUPPRESS)
    parser.add_argument("--api", choices=sorted(RECORDERS), default="malloc",
                        help="whose calls: malloc's family, APR's pools,"
                        " talloc's chunks, or those of this project's pool in a"
                        " program that was built to be recorded")
    parser.add_argument("-o", dest="out", type=pathlib.Path, metavar="FILE",
                        default="recorded.trace",
                        help="default: %(default)s")
    parser.add_argument("--limit", type=int, metavar="MIB", default=256,
                        help="of what is kept of each process while it runs,"
                        " 4 to 24 bytes an event; default: %(default)s")
    parser.add_argument("--wait", type=float, metavar="SECONDS",
                        help="for processes that go on after the command;"
                        " default: until they end")
    parser.add_argument("--raw", type=pathlib.Path, metavar="FOLDER",
                        help="where events are kept meanwhile; default:"
                        " shared memory, where there is enough")
    parser.add_argument("--from", dest="made", type=pathlib.Path,
                        metavar="FOLDER",
                        help="no command: convert what was recorded there, by"
                        " hand or by a ./run record that was killed")
    parser.add_argument("command", nargs="*", metavar="COMMAND")
    arguments = parser.parse_args()
    if (arguments.made is None) == (not arguments.command):
        parser.error("the following arguments are required: COMMAND"
                     if not arguments.command else "--from: expected no COMMAND")
    if not 0 < arguments.limit <= LIMIT_MAX:
        parser.error(f"--limit: found {arguments.limit}, expected MiB from 1 to"
                     f" {LIMIT_MAX}")
    for option, folder in (("-o", arguments.out.parent), ("--raw", arguments.raw),
                           ("--from", arguments.made)):
        if folder is not None and not folder.is_dir():
            parser.error(f"{option}: found no folder {folder}")
    return arguments


class Raw:
    """The folder where each process makes a file, and its notes."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder

    @classmethod
    def make(cls, top: pathlib.Path) -> "Raw":
        """Processes of other users write there too, if the command, run by
        root, becomes theirs: they know the name from their environment."""
        is_root = os.geteuid() == 0
        folder = top / secrets.token_hex(16)
        folder.mkdir()
        folder.chmod(0o1733 if is_root else 0o700)
        top.chmod(0o711 if is_root else 0o700)
        notes = folder / "notes"
        notes.write_bytes(bytes(NOTES_SIZE))
        notes.chmod(0o666 if is_root else 0o600)
        return cls(folder)

    def files(self) -> list[pathlib.Path]:
        with os.scandir(self.folder) as entries:
            return [self.folder / entry.name for entry in entries
                    if entry.name != "notes"]

    def notes(self) -> collections.Counter[tuple[str, str]]:
        """Counts of programs that were not recorded, with the reason."""
        try:
            data = (self.folder / "notes").read_bytes()
        except OSError:
            return collections.Counter()
        (count,) = struct.unpack_from("=Q", data)
        found: collections.Counter[tuple[str, str]] = collections.Counter()
        for index in range(min(count, NOTES_MAX)):
            _, why, err, program = NOTE.unpack_from(
                data, NOTES_START + index * NOTE.size)
            reason = WHY.get(why, f"reason {why}")
            if err:
                reason += f" ({os.strerror(err)})"
            found[name_of(program), reason] += 1
        if count > NOTES_MAX:
            found["others", "there was no space for more notes"] = (
                count - NOTES_MAX)
        return found


def name_of(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode(errors="surrogateescape")


class RawFile:
    """A process's file, as it is now."""

    def __init__(self, path: pathlib.Path) -> None:
        """FileNotFoundError: the process could not begin it, and removed it."""
        self.path = path
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            # Whether no process has it mapped any more: raw.c.
            self.is_finished = is_unlocked(descriptor)
            data = os.pread(descriptor, HEAD.size, 0)
            self.modified = os.fstat(descriptor).st_mtime
        finally:
            os.close(descriptor)
        magic, *words, program = HEAD.unpack(data.ljust(HEAD.size, b"\0"))
        # False: the process ended, or is, before it had written one; or the
        # file is not a process's.
        self.has_head = magic != bytes(8)
        self.pid, self.pid_namespace, self.started_ns = words[5:8]
        self.program = name_of(program)


def is_unlocked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def stop(path: pathlib.Path) -> None:
    """Have the process give the file no more memory."""
    with path.open("r+b") as file:
        os.pwrite(file.fileno(), struct.pack("=Q", errno.ECANCELED),
                  HEAD_STOPPED)


Pair = tuple[pathlib.Path, pathlib.Path]  # a raw file, and its trace
Batch = tuple[list[Pair], concurrent.futures.Future[dict[str, dict]]]


def converted(tool: pathlib.Path, batch: list[Pair]) -> dict[str, dict]:
    """Converts and removes raw files; a file that could not be converted is
    not among the results."""
    done = subprocess.run(
        [tool, *[path for pair in batch for path in pair]],
        check=False, stdout=subprocess.PIPE, text=True,
        errors="surrogateescape", start_new_session=True)
    for path, _ in batch:
        path.unlink(missing_ok=True)
    return {said["raw"]: said
            for said in map(json.loads, done.stdout.splitlines())}


class Traces:
    """The traces of one recording, and counts of files without one."""

    def __init__(self, arguments: argparse.Namespace, tool: pathlib.Path,
                 raw: Raw) -> None:
        self.arguments = arguments
        self.tool = tool
        self.raw = raw
        self.pid = 0  # of the command, whose trace is FILE
        self.is_running = True  # the command
        self.names: set[str] = set()
        self.written = 0
        self.silent = 0  # processes without an event
        self.failed = 0
        self.converters = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
        self.batches: collections.deque[Batch] = collections.deque()
        self.in_batches: set[pathlib.Path] = set()  # raw files

    def is_own(self, file: RawFile) -> bool:
        return (file.pid == self.pid and file.pid_namespace in (
            0, os.stat("/proc/self/ns/pid").st_ino))

    def look(self, is_over: bool) -> list[RawFile]:
        """Has the files of processes that have ended converted; if is_over,
        all. Returns those of which a process is still there."""
        alive, ready, own = [], [], []
        is_own_alive = False
        for path in self.raw.files():
            if path in self.in_batches:
                continue
            try:
                file = RawFile(path)
            except FileNotFoundError:
                continue
            if not file.has_head:
                if is_over or (file.is_finished and
                               time.time() > file.modified + SETTLE_SECONDS):
                    self.silent += 1
                    path.unlink(missing_ok=True)
                else:
                    alive.append(file)
            elif file.is_finished or is_over:
                if not file.is_finished:
                    stop(path)
                (own if self.is_own(file) else ready).append(file)
            else:
                alive.append(file)
                is_own_alive = is_own_alive or self.is_own(file)
        own.sort(key=lambda file: file.started_ns)
        # The command's last program is FILE.
        last = own.pop() if own and not is_own_alive else None
        self.convert([(file.path, self.name(file.pid)) for file in sorted(
            ready + own, key=lambda file: file.started_ns)])
        if last is not None and (is_over or not self.is_running):
            self.convert([(last.path, self.arguments.out)])
        self.take(is_over=False)
        return alive

    def name(self, pid: int) -> pathlib.Path:
        """Several programs, or processes of several namespaces, have an id."""
        name = f"{self.arguments.out}.{pid}"
        nth = 1
        while name in self.names:
            nth += 1
            name = f"{self.arguments.out}.{pid}.{nth}"
        self.names.add(name)
        return pathlib.Path(name)

    def convert(self, pairs: list[Pair]) -> None:
        """Begins it: take() has the results."""
        for first in range(0, len(pairs), BATCH):
            batch = pairs[first:first + BATCH]
            self.in_batches.update(path for path, _ in batch)
            self.batches.append(
                (batch, self.converters.submit(converted, self.tool, batch)))

    def take(self, is_over: bool) -> None:
        """Counts and prints what was converted; if is_over, waits for all."""
        while self.batches and (is_over or self.batches[0][1].done()):
            batch, result = self.batches.popleft()
            said = result.result()
            for path, out in batch:
                self.in_batches.remove(path)
                self.note(said.get(str(path)), out)

    def note(self, said: dict | None, out: pathlib.Path) -> None:
        if said is None:
            self.failed += 1
        elif said["ops"] == 0 and said["lost"] == 0:
            self.silent += 1
            out.unlink()
            self.names.discard(str(out))
        else:
            self.written += 1
            del said["raw"]
            if self.arguments.json:
                print(json.dumps(said), file=sys.stderr, flush=True)
            else:
                print(line_of(said), file=sys.stderr, flush=True)

    def summary(self) -> None:
        self.take(is_over=True)
        for (program, reason), count in sorted(self.raw.notes().items()):
            times = f" ({count} times)" if count > 1 else ""
            print(f"record: not recorded: {program}: {reason}{times}",
                  file=sys.stderr)
        if self.written + self.failed != 1:
            print(f"record: {self.written} traces;"
                  f" {self.silent} processes allocated nothing that way"
                  + (f"; {self.failed} files could not be converted"
                     if self.failed else ""), file=sys.stderr)


def line_of(said: dict) -> str:
    line = (f"record: {said['file']}: process {said['pid']},"
            f" {said['program']}: {said['ops']} ops in {said['bytes']} bytes:"
            f" {said['allocations']} allocations of {said['asked']} bytes,"
            f" {said['frees']} freed")
    if said["unknown"]:
        line += f", {said['unknown']} calls about memory from before"
    if said["torn"]:
        line += f", {said['torn']} calls cut short"
    if said["cut"]:
        line += f", {said['cut']} words missing at the file's end"
    if said["lost"]:
        why = {errno.EFBIG: "the limit was reached",
               errno.ENOSPC: "no memory or disk was left",
               errno.ECANCELED: "recording was ended"}.get(
                   said["stopped"], os.strerror(said["stopped"]))
        line += f"; {why}: {said['lost']} calls are missing"
    return line


def keeps_locks(folder: pathlib.Path) -> bool:
    """Whether a file that is mapped and closed stays locked there, as it is
    not on every stack of file systems."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int,
                          ctypes.c_int, ctypes.c_int, ctypes.c_long]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            path = pathlib.Path(file.name)
            descriptor = os.open(path, os.O_RDWR)
            os.truncate(path, mmap.PAGESIZE)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            address = libc.mmap(None, mmap.PAGESIZE, 3, mmap.MAP_SHARED,
                                descriptor, 0)
            os.close(descriptor)
            with path.open("rb") as other:
                kept = not is_unlocked(other.fileno())
            libc.munmap(address, mmap.PAGESIZE)
            return kept
    except OSError:
        return False


def raw_folder(arguments: argparse.Namespace) -> pathlib.Path:
    """Memory, where there is enough for several processes; else out's disk."""
    folders = [arguments.out.parent.resolve(), SHARED_MEMORY]
    if arguments.raw is not None:
        folders = [arguments.raw.resolve()]
    elif (SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free
          > 8 * arguments.limit * MIB):
        folders.reverse()
    for folder in folders:
        if keeps_locks(folder):
            return folder
    sys.exit(f"record: {folders[0]}: expected a folder where mapped files stay"
             " locked; --raw FOLDER names another")


def preloadable(library: pathlib.Path, top: pathlib.Path) -> pathlib.Path:
    """LD_PRELOAD is a list: spaces and colons separate its names, and $ starts a
    variable. So the path must have none of these, and other users must be able to
    reach the library."""
    is_plain = not set(str(library)) & set(" :$\t\n")
    is_open = os.geteuid() != 0 or all(
        parent.stat().st_mode & stat.S_IXOTH for parent in library.parents)
    if is_plain and is_open:
        return library
    place = top / library.name
    if os.statvfs(top).f_flag & os.ST_NOEXEC:
        place.symlink_to(library)
    else:
        shutil.copy(library, place)
        place.chmod(0o755)
    return place


def environment(arguments: argparse.Namespace, folder: pathlib.Path,
                recorder: pathlib.Path | None) -> dict[str, str]:
    env = os.environ | {
        "NGXPOOL_RECORD_FOLDER": str(folder),
        "NGXPOOL_RECORD_LIMIT": str(arguments.limit * MIB),
    }
    if recorder is not None:
        others = os.environ.get("LD_PRELOAD", "")
        env["LD_PRELOAD"] = f"{recorder}:{others}".rstrip(":")
    return env


def run(arguments: argparse.Namespace, env: dict[str, str],
        traces: Traces) -> int:
    """Returns the command's status; signals are the command's."""
    try:
        process = subprocess.Popen(arguments.command, env=env)
    except OSError as error:
        sys.exit(f"record: {arguments.command[0]}: {error.strerror}")
    traces.pid = process.pid
    is_over = False

    def pass_on(number: int, _: object) -> None:
        nonlocal is_over
        if process.returncode is None:
            process.send_signal(number)
        else:
            is_over = True

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)

    poll = select.poll()
    poll.register(os.pidfd_open(process.pid), select.POLLIN)
    while not poll.poll(POLL_MS):
        traces.look(is_over=False)
    status = process.wait()
    traces.is_running = False

    wait_for_others(arguments, traces, lambda: is_over)
    return status


def wait_for_others(arguments: argparse.Namespace, traces: Traces,
                    is_over: Callable[[], bool]) -> None:
    """Until all that write have ended, or the time is over."""
    start = time.monotonic()
    limit = arguments.wait if arguments.wait is not None else float("inf")
    quiet = start  # no process has had a file since
    carried = start  # when a process last had the folder in its environment
    is_said = False
    while True:
        over = is_over() or time.monotonic() >= start + limit
        alive = traces.look(over)
        now = time.monotonic()
        if alive:
            quiet = carried = now
        elif is_carried(traces.raw.folder):
            carried = now
        if over or now > min(quiet + SETTLE_SECONDS, carried + EXEC_SECONDS):
            return
        if (alive and not is_said and arguments.wait is None
                and now > start + SETTLE_SECONDS):
            is_said = True
            print("record: the command has ended, and processes go on:"
                  f" {', '.join(programs(alive))}. End them, or press Ctrl-C to"
                  " have what is recorded so far", file=sys.stderr, flush=True)
        time.sleep(POLL_MS / 1000)


def is_carried(folder: pathlib.Path) -> bool:
    """Whether a process has the folder in its environment. One that has just
    executed a program has no file yet; while it does so, it may seem to have no
    environment."""
    for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if os.fsencode(folder) in path.read_bytes():
                return True
    return False


def programs(alive: list[RawFile]) -> list[str]:
    return sorted({f"{file.program} ({file.pid})"
                   for file in alive if file.has_head})


def record(arguments: argparse.Namespace) -> int:
    folder = arguments.build.resolve() / "bench" / "record"
    tool = folder / "record_convert"
    if arguments.made is not None:
        traces = Traces(arguments, tool, Raw(arguments.made))
        traces.look(is_over=True)
        traces.summary()
        return FAILED if traces.failed else 0

    name = RECORDERS[arguments.api]
    for path in (tool, *([folder / f"lib{name}.so"] if name else [])):
        if not path.exists():
            sys.exit(f"record: found no {path}, expected it to be built")
    top = pathlib.Path(tempfile.mkdtemp(prefix=".recording-",
                                        dir=raw_folder(arguments)))
    try:
        raw = Raw.make(top)
        recorder = preloadable(folder / f"lib{name}.so", top) if name else None
        traces = Traces(arguments, tool, raw)
        status = run(arguments, environment(arguments, raw.folder, recorder), traces)
        traces.summary()
    finally:
        shutil.rmtree(top, ignore_errors=True)
    if status < 0:
        status = 128 - status
    if traces.written == 0 and not traces.failed:
        print(f"record: nothing was recorded: no process called"
              f" {arguments.api}'s functions "
              + ("through a shared library" if name else
                 "in a pool that is built to be recorded"),
              file=sys.stderr)
        return status or 1
    return status or (FAILED if traces.failed else 0)


if __name__ == "__main__":
    sys.exit(record(parse()))
