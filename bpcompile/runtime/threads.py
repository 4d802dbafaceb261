"""Run the parts of a loop in several threads of Python's, with no threading layer of Numba's.

Emitted functions release Python's lock, so threads of Python's own compute at the same time. That
is why there is no `prange` here: the layer that Numba always has aborts the process when two
threads enter it at once, the one of OpenMP kills forked children, and both leave how a sum is cut
to the number of threads. Here the caller takes parts from a queue of its own and computes them;
helpers that are free take from the same queue. So a call needs no helper to end, any number of
threads may call at once, and nothing waits for what a fork has taken away.

Helpers belong to the process and are as many as it has processors, less one: however many threads
call, and whatever they ask for, no more than these are added to the callers. Where callers alone
are as many as the processors, each computes alone. No setting of Numba's or BLAS's is touched, and
BLAS is only called between such loops, by the caller, while the helpers sleep.
"""

from __future__ import annotations

import itertools
import operator
import os
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue

_SHARES = 4  # ranges for each thread, so that one that is interrupted does not keep the rest
_Range = tuple[int, int]


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Job:
    """Hold the ranges of parts that are not begun, and which helpers have come and gone.

    All that is shared are queues, whose steps are whole: Ctrl-C between any two loses nothing.
    """

    __slots__ = ("_come", "_compute", "_failed", "_gone", "_ranges", "_wake")

    def __init__(self, compute: Callable[[int, int], object], ranges: list[_Range]) -> None:
        self._compute = compute
        self._ranges = deque(ranges)
        self._come: deque[None] = deque()
        self._gone: deque[None] = deque()
        self._failed: deque[tuple[int, BaseException]] = deque()
        self._wake: SimpleQueue[None] = SimpleQueue()

    def help(self) -> None:
        """Compute ranges until none is left."""
        self._come.append(None)  # before a range is taken: the caller waits for who has come
        try:
            self._work()
        finally:
            self._gone.append(None)
            self._wake.put(None)

    def finish(self) -> None:
        """Compute ranges until none is left, and wait for those that helpers have begun.

        Raises what the first range that failed has raised, once all have ended: ranges are begun
        in order, so that is what the parts one after the other would raise.
        """
        interrupted: BaseException | None = None
        while True:
            try:
                self._work()
                while len(self._gone) < len(self._come):
                    self._wake.get()
                break
            except BaseException as error:  # noqa: BLE001  (raised below: helpers still compute)
                self._ranges.clear()
                interrupted = error
        if interrupted is not None:
            raise interrupted
        if self._failed:
            raise min(self._failed, key=operator.itemgetter(0))[1]

    def _work(self) -> None:
        """Compute ranges until none is left."""
        while True:
            try:
                first, last = self._ranges.popleft()
            except IndexError:
                return
            try:
                self._compute(first, last)
            except Exception as error:  # noqa: BLE001  (the caller raises it)
                self._ranges.clear()
                self._failed.append((first, error))


class _Team:
    """Hold the helpers of this process, who sleep until there is a job."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._lock = threading.Lock()
        self._started = 0
        self._callers: deque[None] = deque()

    def run(self, compute: Callable[[int, int], object], parts: int, threads: int) -> None:
        """Compute all parts; see `run_parts`."""
        self._callers.append(None)
        try:
            free = processors() - len(self._callers)
            helpers = self._ready(min(threads - 1, free, parts - 1))
            if not helpers:
                compute(0, parts)
                return
            job = _Job(compute, _ranges(parts, _SHARES * (helpers + 1)))
            for _ in range(helpers):
                self._jobs.put(job)
            job.finish()
        finally:
            self._callers.pop()

    def _ready(self, wanted: int) -> int:
        """Return how many helpers there are, at most as many as wanted; start what is missing."""
        if wanted > self._started:
            with self._lock:
                while wanted > self._started:
                    helper = threading.Thread(
                        target=_serve, args=(self._jobs,), name="bpcompile-parts", daemon=True
                    )
                    try:
                        helper.start()
                    except RuntimeError:  # no more threads, or the program is ending
                        break
                    self._started += 1
        return max(0, min(wanted, self._started))


def _serve(jobs: SimpleQueue[_Job]) -> None:
    """Help with one job after the other."""
    while True:
        jobs.get().help()


def _ranges(parts: int, most: int) -> list[_Range]:
    """Return ranges of parts, about equally long."""
    count = min(parts, most)
    ends = [parts * k // count for k in range(count + 1)]
    return list(itertools.pairwise(ends))


def run_parts(compute: Callable[[int, int], object], parts: int, threads: int) -> None:
    """Compute the parts of a loop, in as many threads as are given and free.

    Args:
        compute: takes the first part and the end of those to compute; it must release Python's
            lock for anything to be gained.
        parts: how many there are.
        threads: how many may compute at the same time, the calling one included.

    Raises what `compute` raises, when no thread computes any more.

        >>> found = []
        >>> run_parts(lambda first, last: found.extend(range(first, last)), 5, threads=1)
        >>> found
        [0, 1, 2, 3, 4]
    """
    _team.run(compute, parts, threads)


_team = _Team()


def _after_fork() -> None:
    global _team
    _team = _Team()  # the helpers are not in the child


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
