"""Run a module whose loops are cut: its `_main` in Python, the parts of its loops in threads.

Nothing but calls stands in the `_main` of such a module: it binds lengths, cuts the workspace, and
calls one compiled function after the other. So the same text is run once more as plain Python, with
each function that it calls exchanged for its machine code, and one that computes parts of a loop
for what hands these to threads. It takes some 20 us where Numba's `_main` takes none, and is used
where there is more than one part of some loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import FunctionType, ModuleType
from typing import Any

from bpcompile.emit.emitted import Stage
from bpcompile.runtime.dispatch import compile_exact, type_of
from bpcompile.runtime.threads import run_parts


def in_threads(
    module: ModuleType, main: str, stages: Sequence[Stage], threads: int
) -> Callable[..., Any]:
    """Return the function `main` of a module as plain Python that shares parts among threads."""
    known: dict[str, Any] = dict(vars(module))
    for stage in stages:
        types = [type_of(dtype, rank) for dtype, rank in stage.arguments]
        entry = compile_exact(getattr(module, stage.name), types, _refused).entry
        known[stage.name] = _shared(entry, threads) if stage.is_cut else entry
    written = getattr(module, main).py_func
    return FunctionType(written.__code__, known, main)


def _shared(entry: Callable[..., Any], threads: int) -> Callable[..., None]:
    """Return the call of a function that computes parts of a loop, from all of them on."""

    def call(*args: Any) -> None:
        *given, _, parts = args
        run_parts(lambda first, last: entry(*given, first, last), parts, threads)

    return call


def _refused(*_: Any) -> Any:
    """Answer a call that a dispatcher does not take; only the machine code is called here."""
    raise TypeError("a stage takes exactly the types that it was compiled for")
