"""Keep the start of a program short.

Most of the first call in a new process that finds its machine code in the cache is the import of
modules. `Deferred` leaves out those that the call does not need, such as the reports of `show`, and
`uncollected` keeps the garbage collector from walking all that Numba and we have just made.
"""

from __future__ import annotations

import gc
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector away while objects are made that last.

    Modules and graphs only grow, and walking them again and again takes a third of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class Deferred:
    """Stand in for a module of ours until one of its names is asked for.

    Made by `import_module`, whose name lets the test of the layers see the import:

        if TYPE_CHECKING:
            from bpcompile import showing
        else:
            showing = startup.import_module("bpcompile.showing")
    """

    def __init__(self, name: str) -> None:
        """Hold the module's name."""
        self.__name__ = name

    def __getattr__(self, name: str) -> Any:
        """Import the module, and remember what was asked for."""
        with uncollected():
            module = importlib.import_module(self.__name__)
        value = getattr(module, name)
        setattr(self, name, value)
        return value


def import_module(name: str) -> Any:
    """Return what stands for a module, which is imported when one of its names is used.

    >>> operators = import_module("operator")
    >>> operators.add(1, 2)
    3
    """
    return Deferred(name)
