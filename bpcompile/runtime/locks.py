"""Lock what threads share, so that a forked child never waits for a thread that it has not."""

from __future__ import annotations

import os
import threading
import weakref
from types import TracebackType


class ForkLock:
    """Hold a lock that its owner may take again, and that is free in a forked child.

    What a thread of the parent was making under it is made again in the child.

        >>> lock = ForkLock()
        >>> with lock, lock:
        ...     pass
    """

    __slots__ = ("__weakref__", "_lock")

    def __init__(self) -> None:
        """Make a free lock."""
        self._lock = threading.RLock()
        _all.add(self)

    def __enter__(self) -> None:
        """Wait for the lock."""
        self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the lock back."""
        self._lock.release()

    def renew(self) -> None:
        """Forget who holds the lock."""
        self._lock = threading.RLock()


_all: weakref.WeakSet[ForkLock] = weakref.WeakSet()


def _after_fork() -> None:
    for lock in list(_all):
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
