"""Do work in a thread of its own, for which a fork and the end of the program wait.

A child that is forked while a thread compiles would wait for ever for the locks that this thread
holds, and machine code must not be written while the interpreter is taken down.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

_T = TypeVar("_T")
_running: set[threading.Thread] = set()


def in_background(work: Callable[[], _T]) -> Future[_T]:
    """Start work in a thread of its own, and return what will have its result or its error.

    >>> in_background(lambda: 6 * 7).result()
    42
    """
    future: Future[_T] = Future()

    def run() -> None:
        try:
            found = work()
        except BaseException as error:  # noqa: BLE001  (whoever asks the future gets it)
            future.set_exception(error)
        else:
            future.set_result(found)
        finally:
            _running.discard(thread)

    thread = threading.Thread(target=run, name="bpcompile")
    _running.add(thread)
    thread.start()
    return future


def _before_fork() -> None:
    for thread in list(_running):
        if thread is not threading.current_thread():
            thread.join()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork)
