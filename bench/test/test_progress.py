"""A run under way: what ends it, what it keeps, how it goes on, what it shows.

usage: test_progress.py BENCH
"""

import contextlib
import os
import pty
import re
import shlex
import signal
import subprocess
import time

from bench_case import (
    BENCH, PATIENCE, SHOWN, Folder, bench, children, is_alive, main,
)


class Interrupt(Folder):
    def interrupt(self, process: subprocess.Popen[str]) -> str:
        """The text on stderr after a Ctrl-C, which all processes of the terminal get."""
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
        return err

    def test_complete_rounds_are_kept(self) -> None:
        process = self.start(
            "--filter", "^fill/(pool|arena)/fixed16/10$", "--rounds", "1000",
            start_new_session=True,
        )
        self.wait(process, self.round_path(1))
        err = self.interrupt(process)
        self.assertEqual(process.returncode, 0, err)
        run = self.run_json()
        complete = int(run["context"]["rounds"])
        self.assertEqual(run["context"]["interrupted"], "yes")
        self.assertEqual(run["context"]["rounds_wanted"], "1000")
        self.assertGreater(complete, 0)
        self.assertLess(complete, 1000)
        self.assertEqual(len(run["benchmarks"]), 3 * complete)

    def test_no_row_is_at_fault_for_it(self) -> None:
        """Not those of memory and of instructions either, which come last."""
        process = self.start(
            "--filter", "^(fill|memory)/pool/lognormal/100$", "--rounds", "1000",
            start_new_session=True,
        )
        self.wait(process, self.round_path(0))
        err = self.interrupt(process)
        self.assertEqual(process.returncode, 0, err)
        (row,) = self.run_json()["memory"]
        self.assertEqual(row["error_message"], "interrupted")

    def test_a_round_that_crashes_costs_its_row_alone(self) -> None:
        """Each round is a process of its own."""
        process = self.start(
            "--rounds", "6", "--filter", "^fill/(pool|arena)/fixed16/10$"
        )
        self.wait(process, self.round_path(0))
        (child,) = self.child_of(process)
        os.kill(child, signal.SIGKILL)
        _, err = process.communicate()
        self.assertEqual(process.returncode, 1, err)
        self.assertIn("the process was ended by signal 9", err)
        rows = self.run_json()["benchmarks"]
        failed = [row for row in rows if row.get("error_occurred")]
        self.assertEqual(len(failed), 1)
        self.assertIn("signal 9", failed[0]["error_message"])
        self.assertEqual(len(rows), 1 + 2 * 6)

    def child_of(self, process: subprocess.Popen[str]) -> list[int]:
        while not (found := children(process.pid)):
            self.assertIsNone(process.poll())
        return found

    def test_nothing_is_written_before_the_first_round(self) -> None:
        process = self.start("--rounds", "2", start_new_session=True)
        self.wait(process, self.folder / "a" / "rounds" / "run")
        time.sleep(0.2)
        err = self.interrupt(process)
        self.assertEqual(process.returncode, 130, err)
        self.assertIn("no round is complete", err)
        self.assertEqual(list(self.folder.iterdir()), [])


class Label(Folder):
    """A label has one run."""

    ROWS = "--filter", "^fill/pool/lognormal/10$"

    def test_complete_run_is_replaced_on_request_only(self) -> None:
        first = self.measure(*self.ROWS, "--rounds", "1", "--label", "a")
        self.assertEqual(first.returncode, 0, first.stderr)
        before = self.run_json()
        again = self.measure(*self.ROWS, "--rounds", "1", "--label", "a")
        self.assertEqual(again.returncode, 1)
        self.assertIn(f"{self.folder}/a: found an earlier run", again.stderr)
        self.assertEqual(self.run_json(), before)
        forced = self.measure(*self.ROWS, "--rounds", "1", "--label", "a", "--force")
        self.assertEqual(forced.returncode, 0, forced.stderr)
        self.assertNotEqual(self.run_json(), before)

    def test_one_run_at_a_time(self) -> None:
        process = self.start(*self.ROWS, "--rounds", "1000", start_new_session=True)
        self.wait(process, self.round_path(0))
        for word in (), ("--force",):
            second = self.measure(*self.ROWS, "--rounds", "1", "--label", "a", *word)
            self.assertEqual(second.returncode, 1)
            self.assertIn("found a run under way", second.stderr)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        third = self.measure(*self.ROWS, "--rounds", "1", "--label", "a")
        self.assertIn("--resume where it was ended early", third.stderr)
        self.assertEqual(third.returncode, 1)

    def test_few_rounds_are_told_at_the_start(self) -> None:
        done = self.measure(*self.ROWS, "--rounds", "5", "--label", "a")
        self.assertIn("--rounds 5: the report will have no intervals", done.stderr)
        done = self.measure(*self.ROWS, "--rounds", "6", "--label", "b")
        self.assertNotIn("intervals", done.stderr)


class Kept(Folder):
    """Each round is a file of its own until the run is complete."""

    ROWS = "--filter", "^fill/pool/lognormal/10$"
    ROUNDS = 6

    def begin(self, kept: int, number: int) -> str:
        """A run that is ended by the signal once kept rounds are complete."""
        process = self.start(
            *self.ROWS, "--rounds", str(self.ROUNDS), "--seed", "7",
            start_new_session=True,
        )
        self.wait(process, self.round_path(kept - 1))
        left = children(process.pid)
        process.send_signal(number)
        _, err = process.communicate()
        end = time.monotonic() + PATIENCE
        while any(map(is_alive, left)):
            self.assertLess(time.monotonic(), end, "its processes go on")
            time.sleep(0.01)
        return err

    def resume(self, **settings) -> subprocess.CompletedProcess[str]:
        return bench(
            "--resume", "--results", str(self.folder), "--label", "a", **settings
        )

    def kept(self) -> dict[tuple[str, int], list[str]]:
        """The figures in the rounds' files, by row and round."""
        return {
            (words[1], number): words[6:]
            for number in range(self.ROUNDS)
            if self.round_path(number).exists()
            for line in self.round_path(number).read_text().splitlines()
            if (words := line.split())[0] == "row"
        }

    def check_complete(self, kept: dict[tuple[str, int], list[str]]) -> dict:
        """All rounds once; those that were kept as they were."""
        run = self.run_json()
        self.assertEqual(run["context"]["interrupted"], "no")
        self.assertEqual(run["context"]["rounds"], str(self.ROUNDS))
        self.assertEqual(run["context"]["seed"], "7")
        entries = {
            (entry["name"], entry["repetition_index"]): entry
            for entry in run["benchmarks"]
        }
        self.assertEqual(len(run["benchmarks"]), len(entries))
        self.assertEqual(
            set(entries),
            {
                (f"fill/{name}/lognormal/10", number)
                for name in ("pool", "pool_again")
                for number in range(self.ROUNDS)
            },
        )
        for key, figures in kept.items():
            entry = entries[key]
            self.assertEqual(
                [float(word) for word in figures],
                [entry["iterations"], entry["real_time"], entry["cpu_time"],
                 entry["items_per_second"], entry["bytes_per_second"],
                 entry["first_half_ns"], entry["second_half_ns"],
                 entry["page_faults"]],
            )
        layouts = [entries["fill/pool/lognormal/10", n]["layout"] for n in range(self.ROUNDS)]
        self.assertEqual(len(set(layouts)), self.ROUNDS)
        self.assertEqual(
            {path.name for path in (self.folder / "a").iterdir()},
            {"run.json", "machine.json", "command"},
        )
        return run


class Resume(Kept):
    def test_killed_run_goes_on(self) -> None:
        self.begin(3, signal.SIGKILL)
        kept = self.kept()
        self.assertGreaterEqual(len(kept), 2 * 3)
        self.assertFalse((self.folder / "a" / "run.json").exists())

        done = self.resume()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, f"{self.folder}/a\n")
        self.assertIn(f"goes on after {len(kept) // 2} of 6 rounds", done.stderr)
        run = self.check_complete(kept)
        self.assertGreater(run["latencies"][0]["regions"], 0)
        words = shlex.split((self.folder / "a" / "command").read_text())
        self.assertIn("--seed", words)
        self.assertNotIn("--resume", words)

        done = self.resume()
        self.assertEqual(done.returncode, 2)
        self.assertIn("a/rounds/run: No such file", done.stderr)

    def test_it_can_be_killed_again_and_in_the_first_pass(self) -> None:
        process = self.start(*self.ROWS, "--rounds", str(self.ROUNDS), "--seed", "7")
        self.wait(process, self.folder / "a" / "rounds" / "run")
        process.kill()
        process.wait()
        process = subprocess.Popen(
            [BENCH, "--resume", "--results", str(self.folder), "--label", "a"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.env(),
        )
        self.addCleanup(self.stop, process)
        self.wait(process, self.round_path(0))
        process.kill()
        process.wait()
        kept = self.kept()
        self.assertEqual(self.resume().returncode, 0)
        self.check_complete(kept)

    def test_interrupted_run_goes_on(self) -> None:
        err = self.begin(2, signal.SIGINT)
        before = self.run_json()
        self.assertEqual(before["context"]["interrupted"], "yes", err)
        kept = self.kept()
        self.assertEqual(len(kept), len(before["benchmarks"]))

        done = self.resume()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check_complete(kept)

    def test_what_does_not_belong_to_it_is_refused(self) -> None:
        self.begin(3, signal.SIGKILL)
        damages = {
            "run": [
                (r"(?m)^commit .*$", "commit 0123456", "commit 0123456.*expected what this"),
                (r"(?s)argument.*", "", "found the end"),
                (r"^.*", "ngxpool-rounds 0", "ngxpool-rounds 0"),
                (r"(?m)^layouts .*$", "layouts 0", "expected what this program wrote"),
            ],
            "0000": [
                (r"(?s)end\n$", "", "found the end"),
                (r"fill/pool/", "fill/arena/", "expected row fill/pool/lognormal/10"),
                (r"(?m)^row fill/pool_again.*\n", "", "expected row fill/pool_again"),
                (r"(?m)^latency .*\n", "", "expected latency fill/pool/"),
                (r"(?s)^.*", "", "found the end, expected the time"),
            ],
        }
        for name, changes in damages.items():
            path = self.folder / "a" / "rounds" / name
            text = path.read_text()
            for pattern, by, message in changes:
                path.write_text(re.sub(pattern, by, text, count=1))
                self.refused(f"a/rounds/{name}.*{message}")
            path.unlink()
            self.refused(f"a/rounds/{name}: No such file")
            path.write_text(text)
        self.assertEqual(self.resume().returncode, 0)

    def refused(self, message: str) -> None:
        before = {path: path.read_bytes() for path in (self.folder / "a").rglob("0*")}
        done = self.resume()
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(done.stderr, message)
        self.assertEqual(done.stdout, "")
        for path, content in before.items():
            self.assertEqual(path.read_bytes(), content)

    def test_label_that_was_never_run_is_refused(self) -> None:
        done = self.resume()
        self.assertEqual(done.returncode, 2)
        self.assertIn("a/rounds/run: No such file", done.stderr)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_new_run_does_not_go_on(self) -> None:
        self.begin(2, signal.SIGKILL)
        done = self.measure(
            *self.ROWS, "--rounds", "1", "--seed", "8", "--label", "a", "--force"
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.run_json()["context"]["rounds"], "1")
        self.assertFalse((self.folder / "a" / "rounds").exists())


class FullDisk(Kept):
    """At most the round under way is lost."""

    def test_round_that_cannot_be_kept_ends_it(self) -> None:
        """A link to a full device stands where a round's file is made."""
        process = self.start(*self.ROWS, "--rounds", str(self.ROUNDS), "--seed", "7")
        self.wait(process, self.folder / "a" / "rounds" / "run")
        self.round_path(3).with_suffix(".tmp").symlink_to("/dev/full")
        _, err = process.communicate()
        self.assertEqual(process.returncode, 1, err)
        self.assertIn("rounds/0003: No space left on device", err)
        kept = self.kept()
        self.assertEqual(len(kept), 2 * 3)
        self.assertEqual(self.resume().returncode, 0)
        self.check_complete(kept)

    def test_disk_that_fills_up_ends_it(self) -> None:
        """Needs root: a disk of 24 KiB is mounted, then made larger."""
        mount = ["mount", "-t", "tmpfs", "-o", "size=24k", "none", str(self.folder)]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
            self.skipTest("nothing can be mounted")
        self.addCleanup(subprocess.run, ["umount", str(self.folder)], check=True)
        words = *self.ROWS, "--rounds", str(self.ROUNDS), "--seed", "7"
        done = self.measure(*words, "--label", "a")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, r"a/rounds/000\d: No space left on device")
        self.assertEqual(done.stdout, "")
        kept = self.kept()
        self.assertGreater(len(kept), 0)
        self.assertLess(len(kept), 2 * self.ROUNDS)

        subprocess.run(["mount", "-o", "remount,size=4m", str(self.folder)], check=True)
        done = self.resume()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check_complete(kept)


class Shown(Folder):
    """The lines on a terminal. test_time_left.py checks the time left."""

    def test_a_line_has_round_turn_and_time_left(self) -> None:
        terminal, stderr = pty.openpty()
        process = self.start(
            "--filter", "^fill/(pool|arena)/fixed16/10$", "--rounds", "6",
            preexec_fn=lambda: os.dup2(stderr, 2),
        )
        os.close(stderr)
        text = written(terminal)
        self.assertEqual(process.wait(), 0)
        found = [tuple(map(int, match)) for match in SHOWN.findall(text)]
        self.assertGreater(len(found), 0, text)
        for number, rounds, turn, turns, _, _ in found:
            self.assertEqual(rounds, 6)
            self.assertLessEqual(number, rounds)
            self.assertLessEqual(turn, turns)
        self.assertEqual([of[0] for of in found], sorted(of[0] for of in found))


def written(terminal: int) -> str:
    """All bytes, until no process writes any more."""
    text = b""
    with contextlib.suppress(OSError):
        while more := os.read(terminal, 4096):
            text += more
    os.close(terminal)
    return text.decode()


if __name__ == "__main__":
    main()
