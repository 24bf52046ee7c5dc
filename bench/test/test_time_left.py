"""The time that a run under way has left, on a machine that does nothing else.

usage: test_time_left.py BENCH
"""

import os
import pty
import time
from collections.abc import Iterator

from bench_case import SHOWN, Folder, main


class TimeLeft(Folder):
    LEAST = 3  # seconds: below, whole seconds are too coarse

    def test_it_is_right_from_round_1_on(self) -> None:
        """Within a factor of two, except for a few of those that are shown: a busy
        machine may hold up any turn."""
        shown = []
        terminal, stderr = pty.openpty()
        start = time.monotonic()
        process = self.start(
            "--sizes", "fixed16", "--allocators", "pool,arena,obstack",
            "--workloads", "fill", "--ns", "10,100", "--rounds", "12",
            preexec_fn=lambda: os.dup2(stderr, 2),
        )
        os.close(stderr)
        for when, line in self.lines(terminal):
            match = SHOWN.search(line)
            if match:
                number, rounds, turn, turns, minutes, seconds = map(int, match.groups())
                self.assertEqual(rounds, 12)
                self.assertLessEqual(turn, turns)
                if number > 0:
                    shown.append((when - start, minutes * 60 + seconds))
        self.assertEqual(process.wait(), 0)
        end = float(self.run_json()["context"]["elapsed_seconds"])
        judged = [(end - when, left) for when, left in shown if left >= self.LEAST]
        self.assertGreater(len(judged), 5)
        wrong = [
            (expected, left) for expected, left in judged
            if not expected / 2 <= left + 1 or not left - 1 <= 2 * expected
        ]
        self.assertLessEqual(len(wrong), len(judged) / 5, judged)

    def lines(self, terminal: int) -> Iterator[tuple[float, str]]:
        """Each line with the time at which it came, until no process writes any more."""
        while True:
            try:
                text = os.read(terminal, 4096).decode()
            except OSError:
                break
            if not text:
                break
            for line in text.split("\r"):
                yield time.monotonic(), line
        os.close(terminal)


if __name__ == "__main__":
    main()
