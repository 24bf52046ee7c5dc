"""Programs that may loop, crash or use too much memory, run within limits."""

import os
import signal
import subprocess
import tempfile
import threading
from dataclasses import dataclass

# Of a process, unless a sanitizer reserves more. The heap of fuzz/fixed.c reserves
# 4 GiB of addresses in addition to its own size.
MEMORY_SIZE = 8 << 30
WALL_FACTOR = 10  # of the CPU seconds: a machine may be busy
WALL_LEAST = 60
OUTPUT_SIZE = 1 << 20  # that is kept, from the end


@dataclass
class Done:
    status: int  # exit status, or less than 0: the signal
    seconds: float  # of CPU, with all children that were waited for
    output: str

    @property
    def is_out_of_time(self) -> bool:
        return self.status in (-signal.SIGXCPU, -signal.SIGKILL)


class Runner:
    """Runs programs, from several threads, until it is stopped."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.running: set[int] = set()
        self.is_stopped = False

    def stop(self) -> None:
        with self.lock:
            self.is_stopped = True
            for group in self.running:
                kill(group)

    def run(self, command: list[str], environment: dict[str, str], folder: str,
            cpu: int, bounds_memory: bool = True) -> Done:
        """Run command in folder; each of its processes may use cpu seconds."""
        limits = [f"--cpu={cpu}:{cpu + 1}", "--core=0"]
        if bounds_memory:
            limits.append(f"--as={MEMORY_SIZE}")
        with tempfile.TemporaryFile() as output:
            with self.lock:
                if self.is_stopped:
                    raise KeyboardInterrupt
                process = subprocess.Popen(
                    ["prlimit", *limits, *command],
                    cwd=folder, env=dict(os.environ, **environment),
                    start_new_session=True, stdin=subprocess.DEVNULL,
                    stdout=output, stderr=subprocess.STDOUT,
                )
                self.running.add(process.pid)
            wall = max(WALL_LEAST, WALL_FACTOR * cpu)
            timer = threading.Timer(wall, kill, [process.pid])
            timer.start()
            try:
                _, status, usage = os.wait4(process.pid, 0)
            finally:
                timer.cancel()
                with self.lock:
                    self.running.discard(process.pid)
            process.returncode = os.waitstatus_to_exitcode(status)
            if self.is_stopped:
                raise KeyboardInterrupt
            size = output.seek(0, os.SEEK_END)
            output.seek(max(size - OUTPUT_SIZE, 0))
            text = output.read().decode(errors="replace")
        return Done(process.returncode, usage.ru_utime + usage.ru_stime, text)


def kill(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
