"""Several sessions at a time."""

import concurrent.futures
from collections.abc import Callable, Sequence
from typing import TypeVar

from .engine import Running

T = TypeVar("T")


def run(
    tasks: Sequence[Callable[[], T]], jobs: int, running: Running,
    ends: Callable[[T], bool],
) -> list[T]:
    """Do tasks, jobs of them at a time. Once ends() holds of what one returned,
    the others are stopped, and those that have not begun are left out. Returns
    the results in the order of tasks."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=jobs) as pool:

        def do(task: Callable[[], T]) -> T | None:
            return None if running.is_stopped else task()

        futures = [pool.submit(do, task) for task in tasks]
        try:
            for future in concurrent.futures.as_completed(futures):
                result = future.result()
                if result is not None and ends(result):
                    running.stop()
        except BaseException:
            running.stop()
            raise
    results = [future.result() for future in futures]
    return [result for result in results if result is not None]


def share(count: int, jobs: int) -> int:
    """How many instances each of count sessions has, jobs being there for all."""
    return max(jobs // max(count, 1), 1)
