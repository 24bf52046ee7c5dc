"""The recorder harms no program, and loses nothing without saying so.

usage: test_hostile.py BUILD HOSTILE     what is built, hostile.c among it
"""

import errno
import json
import os
import pathlib
import random
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent
RECORD = HERE.parent / "record.py"
BUILD, HOSTILE = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
CC = shlex.split(os.environ.get("CC", "cc"))

KILLS = 20  # at random moments
CHILDREN = 300
PAGE = os.sysconf("SC_PAGESIZE")
# raw.h
HEAD = struct.Struct("=8s10Q168s")
SHORT = 1 << 31 | 100 << 21  # malloc(100) by the first thread
LONG = 3 << 30
ALLOC, FREE = 1, 5


def is_root() -> bool:
    return os.geteuid() == 0


class Recorded(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.out = self.folder / "out.trace"

    def run_record(self, *words: object, build: pathlib.Path = BUILD,
                   before: tuple[str, ...] = (),
                   ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*before, RECORD, "--build", build, "--json", "-o", self.out,
             *map(str, words)],
            check=False, text=True, capture_output=True, timeout=100)

    def record(self, *command: object, options: tuple[object, ...] = (),
               status: int = 0, before: tuple[str, ...] = (),
               build: pathlib.Path = BUILD) -> list[dict]:
        """The JSON line of each trace. self.said has the other lines."""
        done = self.run_record(*options, "--", *command, build=build,
                               before=before)
        self.assertEqual(done.returncode, status, done.stderr)
        lines = done.stderr.splitlines()
        self.said = "\n".join(
            line for line in lines if not line.startswith("{"))
        self.stdout = done.stdout
        return [json.loads(line) for line in lines if line.startswith("{")]

    def check(self, said: dict, count: int) -> None:
        """That many pairs of malloc(100) and free(), and nothing else."""
        self.assertEqual(said["allocations"], count)
        self.assertEqual(said["asked"], 100 * count)
        self.assertEqual(said["frees"], count)
        self.assertEqual((said["unknown"], said["torn"], said["lost"],
                          said["cut"]), (0, 0, 0, 0))
        self.check_trace(said)

    def check_trace(self, said: dict) -> None:
        """The file is the program that was reported."""
        done = subprocess.run([BUILD / "fuzz" / "ngxops", "stats",
                               said["file"]], check=False, text=True,
                              capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def private_tmpfs(self, size: str) -> tuple[str, ...]:
        """Words that run a command where /mnt is a small disk."""
        words = ("unshare", "-m", "sh", "-c",
                 f'mount -t tmpfs -o size={size} none /mnt && exec "$@"', "sh")
        if subprocess.run([*words, "true"], check=False,
                          capture_output=True).returncode != 0:
            self.skipTest("no private mount namespace here")
        return words


class Harmless(Recorded):
    """A program does the same as without the recorder."""

    def test_closed_descriptors_stay_the_programs(self) -> None:
        log = self.folder / "log"
        said = self.record(HOSTILE, "closing", 1000, log)
        self.assertEqual(log.read_bytes(), b"parent\nchild\ndone\n")
        self.assertEqual(len(said), 2)
        for one in said:
            self.check(one, 1000)

    def test_file_size_limit_sends_no_signal(self) -> None:
        """In a child that sets it, what was begun goes on."""
        (said,) = self.record(HOSTILE, "file_size", 50_000)
        self.check(said, 50_000)
        self.assertNotIn("not recorded", self.said)

    def test_file_size_limit_of_a_shell_sends_no_signal(self) -> None:
        said = self.record("sh", "-c", f"ulimit -f 0; '{HOSTILE}' malloc 1000")
        self.assertEqual(
            [one["program"] for one in said if one["asked"] > 90_000], [])
        self.assertIn(f"not recorded: {HOSTILE}: no file could be made for it"
                      f" ({os.strerror(errno.EFBIG)})", self.said)

    def test_small_file_size_limit_is_the_files(self) -> None:
        said = self.record(
            "sh", "-c", f"ulimit -f 64; exec '{HOSTILE}' malloc 50000")
        self.assertEqual(said[-1]["stopped"], errno.EFBIG)
        self.assertGreater(said[-1]["lost"], 90_000)

    def test_calls_leave_errno(self) -> None:
        """hostile.c checks it in each free(), and 50,000 have the file grow."""
        (said,) = self.record(HOSTILE, "malloc", 50_000)
        self.check(said, 50_000)

    def test_forks_in_signal_handlers_do_no_harm(self) -> None:
        said = self.record(HOSTILE, "forking_handler", 100)
        self.assertGreater(said[-1]["allocations"], 100)
        for one in said:
            self.check_trace(one)

    def test_forks_beside_threads_do_no_harm(self) -> None:
        said = self.record(HOSTILE, "threads_fork", 2000)
        self.assertEqual(len(said), 21)
        for one in said[:-1]:
            self.check(one, 2000)
        self.assertGreaterEqual(said[-1]["allocations"], 3 * 2000)

    def test_locked_memory_is_little(self) -> None:
        said = self.record(
            "sh", "-c", f"ulimit -l 65536; exec '{HOSTILE}' lock_memory 1000")
        self.check(said[-1], 1000)

    def test_path_with_a_space(self) -> None:
        build = self.folder / "a b:c$d" / "build"
        self.folder.chmod(0o755)  # a closed one is a reason of its own
        shutil.copytree(BUILD / "bench" / "record", build / "bench" / "record",
                        ignore=shutil.ignore_patterns("*.p", "test"))
        (said,) = self.record(HOSTILE, "malloc", 10, build=build)
        self.check(said, 10)


class Foreign(Recorded):
    """Programs that cannot be recorded run as ever, and are named."""

    def build(self, name: str, *words: str) -> pathlib.Path:
        program = self.folder / name
        source = self.folder / "foreign.c"
        source.write_text(
            "#include <stdio.h>\n#include <stdlib.h>\n"
            "int main(void)\n{\n    char *volatile p = malloc(100);\n"
            '    free(p);\n    return puts("fine") < 0;\n}\n')
        if shutil.which(words[0]) is None:
            self.skipTest(f"no {words[0]}")
        done = subprocess.run([*words, "-o", program, source], check=False,
                              capture_output=True)
        if done.returncode != 0:
            self.skipTest(f"{words[0]} cannot build it here")
        return program

    def run_below_shell(self, program: pathlib.Path) -> list[dict]:
        said = self.record("sh", "-c", f"'{program}'; '{program}'")
        self.assertEqual(self.stdout, "fine\nfine\n")
        return [one for one in said if one["program"] == str(program)]

    def check_named(self, program: pathlib.Path, reason: str) -> None:
        self.assertEqual(self.run_below_shell(program), [])
        self.assertIn(f"not recorded: {program}: {reason} (2 times)", self.said)

    def test_static_program(self) -> None:
        self.check_named(self.build("static", *CC, "-static"),
                         "it is linked statically")

    def test_program_with_a_sanitizer(self) -> None:
        self.check_named(self.build("asan", *CC, "-fsanitize=address"),
                         "it has a sanitizer's malloc()")

    def test_program_of_another_libc(self) -> None:
        said = self.run_below_shell(self.build("musl", "musl-gcc"))
        self.assertEqual([one["asked"] for one in said], [100, 100])

    def test_setuid_program(self) -> None:
        if not is_root():
            self.skipTest("only root can make one")
        program = self.build("setuid", *CC)
        os.chown(program, 65534, 65534)
        program.chmod(0o6755)
        self.folder.chmod(0o711)
        self.check_named(program, "it is setuid or setgid")

    def test_program_of_another_machine(self) -> None:
        program = self.folder / "other"
        content = bytearray(HOSTILE.read_bytes()[:4096])
        content[18] ^= 0xff
        program.write_bytes(content)
        program.chmod(0o755)
        said = self.record("sh", "-c", f"'{program}' 2>/dev/null || echo no")
        self.assertEqual(self.stdout, "no\n")
        self.assertIn(f"not recorded: {program}: it is for another machine",
                      self.said)
        self.assertEqual(len(said), 1)

    def test_program_without_the_environment(self) -> None:
        self.record("env", "-i", HOSTILE, "malloc", 10)
        self.assertIn(f"not recorded: {HOSTILE}: it was started without the"
                      " recorder's variables", self.said)

    def test_program_in_another_root(self) -> None:
        """The dynamic linker there does not complain of the recorder."""
        if not is_root():
            self.skipTest("only root can change it")
        root = self.folder / "root"
        root.mkdir()
        for path in {HOSTILE, *map(pathlib.Path, re.findall(
                r"(/\S+) \(", subprocess.run(
                    ["ldd", HOSTILE], check=True, text=True,
                    capture_output=True).stdout))}:
            place = root / path.relative_to("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)
        done = self.run_record("--", "chroot", root, HOSTILE, "malloc", 10)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("ld.so", done.stderr)
        self.assertIn(f"not recorded: {HOSTILE}: the recorder cannot be"
                      " reached", done.stderr)


class Complete(Recorded):
    """Every process has a trace, or is named."""

    def test_children_by_all_means(self) -> None:
        for means in "bare_fork", "clone":
            said = self.record(HOSTILE, means, 500)
            self.assertEqual(len(said), 2, means)
            for one in said:
                self.check(one, 500)

    def test_child_of_vfork_is_its_parent(self) -> None:
        (said,) = self.record(HOSTILE, "vfork", 500)
        self.check(said, 1000)

    def test_daemon_is_waited_for(self) -> None:
        (said,) = self.record(HOSTILE, "daemon", 500)
        self.check(said, 500)

    def test_daemon_that_becomes_another_program_is_waited_for(self) -> None:
        (said,) = self.record(HOSTILE, "daemon_exec", 500, HOSTILE)
        self.check(said, 500)

    def test_daemon_that_is_long_about_it_is_waited_for(self) -> None:
        """A static program says nothing of itself before it goes on."""
        program = self.folder / "slow"
        source = self.folder / "slow.c"
        source.write_text(
            "#include <unistd.h>\nint main(int argc, char **argv)\n{\n"
            f'    usleep(200000);\n    execv("{HOSTILE}", argv);\n'
            "    return argc;\n}\n")
        if subprocess.run([*CC, "-static", "-o", program, source], check=False,
                          capture_output=True).returncode != 0:
            self.skipTest("no static programs here")
        (said,) = self.record(HOSTILE, "daemon_exec", 500, program)
        self.check(said, 500)

    def test_daemon_that_stays_is_named_and_left(self) -> None:
        command = [RECORD, "--build", BUILD, "--json", "-o", self.out, "--",
                   "sh", "-c", f"'{HOSTILE}' waiting 70 >/dev/null 2>&1 & echo $!"]
        with subprocess.Popen(command, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as record:
            assert record.stdout is not None and record.stderr is not None
            daemon = int(record.stdout.readline())
            line = record.stderr.readline()
            while line.startswith("{"):
                line = record.stderr.readline()
            self.assertIn(f"processes go on: {HOSTILE} ({daemon})", line)
            record.send_signal(signal.SIGINT)
            said = record.stderr.read()
            self.assertEqual(record.wait(), 0, said)
        os.kill(daemon, signal.SIGKILL)  # it is still there
        (found,) = [one for one in map(json.loads, filter(
            lambda one: one.startswith("{"), said.splitlines()))
            if one["pid"] == daemon and one["program"] == str(HOSTILE)]
        self.check(found, 70)

    def test_two_namespaces_with_the_same_ids(self) -> None:
        alone = f"unshare -p -f --kill-child '{HOSTILE}' malloc"
        if subprocess.run(["sh", "-c", f"{alone} 1"], check=False,
                          capture_output=True).returncode != 0:
            self.skipTest("no pid namespaces here")
        said = self.record("sh", "-c", f"{alone} 10 & {alone} 20; wait")
        inner = [one for one in said if one["program"] == str(HOSTILE)]
        self.assertEqual([one["pid"] for one in inner], [1, 1])
        self.assertEqual(sorted(one["allocations"] for one in inner), [10, 20])
        self.assertEqual(len({one["file"] for one in said}), len(said))

    def test_program_after_program_of_one_process(self) -> None:
        said = self.record("sh", "-c", f"exec '{HOSTILE}' malloc 10")
        self.assertEqual(len({one["pid"] for one in said}), 1)
        (last,) = [one for one in said if one["file"] == str(self.out)]
        self.check(last, 10)

    def test_children_of_other_users(self) -> None:
        if not is_root():
            self.skipTest("only root can become another user")
        (said,) = self.record(HOSTILE, "setuid", 10)
        self.check(said, 10)

    def test_children_in_another_root_are_noted(self) -> None:
        if not is_root():
            self.skipTest("only root can change it")
        (said,) = self.record(HOSTILE, "chroot", 10, self.folder)
        self.check(said, 10)
        self.assertIn(f"not recorded: {HOSTILE}: no file could be made",
                      self.said)

    def test_a_child_takes_a_page(self) -> None:
        self.record(HOSTILE, "children", CHILDREN)
        self.assertEqual(int(self.stdout), CHILDREN * PAGE)

    def test_every_call_for_aligned_memory(self) -> None:
        (said,) = self.record(HOSTILE, "aligned", 10)
        self.assertEqual(said["allocations"], 1 + 50)
        self.assertEqual(said["aligned"], 50)
        self.assertEqual(said["asked"], 100 + 10 * (3 * 100 + 128 + PAGE))
        self.assertEqual(said["unknown"], 0)

    def test_huge_sizes(self) -> None:
        done = self.run_record("--", HOSTILE, "huge")
        if done.returncode == 77:
            self.skipTest("not enough memory")
        self.assertEqual(done.returncode, 0, done.stderr)
        said = json.loads(done.stderr.splitlines()[0])
        self.assertEqual((said["allocations"], said["frees"]), (1, 1))
        self.assertEqual(said["asked"], 2**31 + 12345)

    def test_killed_at_any_moment(self) -> None:
        """A byte is written after each hundred allocations."""
        moments = random.Random(14)
        for _ in range(KILLS):
            command = [RECORD, "--build", BUILD, "--json", "-o", self.out,
                       "--", "sh", "-c",
                       f"echo $$; exec '{HOSTILE}' forever"]
            with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0,
                                  stderr=subprocess.PIPE) as record:
                assert record.stdout is not None
                pid = int(record.stdout.readline())
                head = record.stdout.read(moments.randrange(1, 300))
                os.kill(pid, signal.SIGKILL)
                out, err = record.communicate()
                self.assertEqual(record.returncode, 128 + 9)
            bytes_written = len(head) + len(out)
            (said,) = [one for one in map(json.loads, filter(
                lambda line: line.startswith(b"{"), err.splitlines()))
                if one["file"] == str(self.out)]
            self.assertGreaterEqual(said["allocations"], 100 * bytes_written)
            self.assertLess(said["allocations"], 100 * (bytes_written + 1) + 1)
            self.assertLessEqual(said["torn"], 1)
            self.check_trace(said)


class Space(Recorded):
    """Where there is too little."""

    def test_full_disk_ends_no_program(self) -> None:
        before = self.private_tmpfs("256k")
        (said,) = self.record(HOSTILE, "malloc", 100_000, before=before,
                              options=("--raw", "/mnt"))
        self.assertEqual(said["stopped"], errno.ENOSPC)
        self.assertGreater(said["allocations"], 5_000)
        self.assertEqual(said["lost"] + said["events"], 200_000)
        self.assertEqual(said["torn"], 0)
        self.check_trace(said)

    def test_full_disk_notes_those_that_have_no_file(self) -> None:
        before = self.private_tmpfs("128k")
        self.record("sh", "-c", f"'{HOSTILE}' forever | (head -c 100"
                    f" >/dev/null; exec '{HOSTILE}' malloc 10)",
                    before=before, options=("--raw", "/mnt"))
        self.assertIn(f"not recorded: {HOSTILE}: no file could be made for it"
                      f" ({os.strerror(errno.ENOSPC)})", self.said)

    def test_full_disk_of_the_trace_is_named(self) -> None:
        before = self.private_tmpfs("64k")
        self.out = pathlib.Path("/mnt/out.trace")
        self.record(HOSTILE, "malloc", 100_000, before=before, status=125,
                    options=("--raw", self.folder))
        self.assertIn(f"/mnt/out.trace: {os.strerror(errno.ENOSPC)}", self.said)

    def test_each_file_is_converted_by_itself(self) -> None:
        raw = self.folder / "raw"
        raw.mkdir()

        def head(pid: int, words: int, ready: int | None = None) -> bytes:
            return HEAD.pack(b"ngxraw4\0", HEAD.size // 4 + words,
                             ready or 1024, 0, 0, 1024, pid, 0, pid, 4096, 0,
                             b'/bin/a "b"')

        event = struct.pack("=I", SHORT | 1)
        (raw / "1.0").write_bytes(b"")
        (raw / "2.0").write_bytes(bytes(PAGE))
        (raw / "3.0").write_bytes(b"something else" * 100)
        (raw / "4.0").write_bytes(head(4, 1) + event + bytes(5000))
        (raw / "5.0").write_bytes(head(5, 9) + event)
        (raw / "6.0").write_bytes(head(6, 2**63, 2**62) + event)
        (raw / "7.0").write_bytes(head(7, 1)[:100])
        done = self.run_record("--from", raw)
        self.assertEqual(done.returncode, 125, done.stderr)
        said = {one["pid"]: one for one in map(json.loads, filter(
            lambda line: line.startswith("{"), done.stderr.splitlines()))}
        self.assertEqual(sorted(said), [4, 5, 6])
        self.assertEqual([said[pid]["allocations"] for pid in (4, 5, 6)],
                         [1, 1, 1])
        self.assertEqual(said[4]["program"], '/bin/a "b"')
        self.assertEqual([said[pid]["cut"] for pid in (4, 5)], [0, 8])
        self.assertIn("3.0: offset 0: found another text", done.stderr)
        self.assertIn("7.0: offset 0: found 100 bytes, expected a head of 256",
                      done.stderr)
        self.assertIn("2 files could not be converted", done.stderr)

    def test_long_events_are_read(self) -> None:
        """By hand, as raw.h has them: of thread 3, at two addresses that share
        a multiple of 8, of a size beyond 31 bits; and one that is cut short."""
        address, size = 0x7f1234567890, 5 * 2**30 + 7

        def first(code: int, thread: int, flags: int) -> list[int]:
            return [LONG | code << 26 | thread << 17 | flags << 14
                    | address >> 34, address >> 3 & (2**31 - 1)]

        words = []
        for low in 3, 4:
            words += [*first(ALLOC, 3, 0b110), low << 28 | size >> 31,
                      size & (2**31 - 1)]
        for low in 3, 4:
            words += [*first(FREE, 3, 0b100), low << 28]
        words += first(FREE, 1, 0b100)
        raw = self.folder / "raw"
        raw.mkdir()
        (raw / "1.0").write_bytes(
            HEAD.pack(b"ngxraw4\0", HEAD.size // 4 + len(words), 1024, 0, 0, 1024,
                      1, 0, 1, 0, 0, b"/bin/a")
            + struct.pack(f"={len(words)}I", *words))
        done = self.run_record("--from", raw)
        self.assertEqual(done.returncode, 0, done.stderr)
        said = json.loads(done.stderr.splitlines()[0])
        self.assertEqual(said["asked"], 2 * size)
        self.assertEqual((said["allocations"], said["frees"], said["unknown"],
                          said["threads"], said["events"]), (2, 2, 0, 3, 4))

    def test_growth_over_windows(self) -> None:
        """Several MiB of events, of one to five words."""
        (said,) = self.record(HOSTILE, "aligned", 40_000)
        self.assertGreater(said["events"], 384 * 1024)
        self.assertEqual(said["allocations"], 1 + 200_000)
        self.assertEqual(said["frees"], 1 + 200_000)
        self.assertEqual((said["torn"], said["unknown"], said["lost"]),
                         (0, 0, 0))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
