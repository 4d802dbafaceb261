"""Hand out what Numba made: dispatchers for the user's own compiled code, and machine code as text.

In: a `Program` of the numba target. Captured arrays are bound into the dispatchers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bpcompile.errors import UnsupportedError
from bpcompile.runtime.linking import compile_entry
from bpcompile.runtime.load import load_module
from bpcompile.runtime.program import Program


def fresh_dispatcher(program: Program) -> Any:
    """Return the dispatcher with fresh results, called with the user's leaves.

    Raises `UnsupportedError` for the numpy target.
    """
    require_numba(program, "njit")
    return _with_hidden(program, program.fresh.dispatcher)


def into_dispatcher(program: Program) -> Any:
    """Return the dispatcher that fills one array per result leaf, and may last get a workspace.

    Raises `UnsupportedError` for the numpy target.
    """
    require_numba(program, "njit_into")
    if not program.takes_workspace:
        return _with_hidden(program, program.into.dispatcher)
    with program.lock:
        if "into" not in program.makers:
            program.makers["into"] = _with_workspace(program, program.into.dispatcher)
    return program.makers["into"]


def _with_hidden(program: Program, dispatcher: Any) -> Any:
    """Return a dispatcher with the captured arrays bound."""
    if not program.hidden:
        return dispatcher
    from numba import njit

    hidden, own = program.hidden, len(program.places)

    @njit(error_model="numpy", nogil=True)  # type: ignore[untyped-decorator]  # Numba's types it so
    def bound(*args: Any) -> Any:
        return dispatcher(*args[:own], *hidden, *args[own:])

    return bound


def _with_workspace(program: Program, dispatcher: Any) -> Any:
    """Return a dispatcher with the captured arrays bound, which makes a workspace if none is given.

    Numba types a function of any number of arguments for the number that it is called with.
    """
    from numba import njit
    from numba.extending import overload

    hidden, own = program.hidden, len(program.places)
    count = own + len(program.outputs)
    words, lengths = program.function("_workspace"), _lengths(program)

    def filled(*args: Any) -> Any:
        raise NotImplementedError  # never run: Numba takes what is chosen below

    def given(*args: Any) -> Any:
        return dispatcher(*args[:own], *hidden, *args[own:])

    def made(*args: Any) -> Any:
        workspace = np.empty(words(*lengths(args)))
        return dispatcher(*args[:own], *hidden, *args[own:], workspace)

    @overload(filled)  # type: ignore[untyped-decorator]  # Numba's types it so
    def chosen(*args: Any) -> Any:
        return made if len(args) == count else given

    @njit(error_model="numpy", nogil=True)  # type: ignore[untyped-decorator]  # the same
    def into(*args: Any) -> Any:
        return filled(*args)

    return into


def _lengths(program: Program) -> Any:
    """Return a compiled function from the arguments to the lengths, in the order of `dims`."""
    from numba import njit

    def none(_: Any) -> Any:
        return ()

    found = njit(none)
    for name in reversed(program.dims):
        found = njit(_before(*program.source_of(name), found))
    return found


def _before(position: int, axis: int | None, rest: Any) -> Any:
    """Return the function that puts one length before others."""

    def value(args: Any) -> Any:
        return (args[position], *rest(args))

    def length(args: Any) -> Any:
        return (args[position].shape[axis], *rest(args))

    return value if axis is None else length


def llvm_text(program: Program) -> str:
    """Return LLVM's optimised code of the function.

    Raises `UnsupportedError` for the numpy target.
    """
    require_numba(program, "llvm()")
    return "\n".join(_compiled_here(program).inspect_llvm().values())


def asm_text(program: Program) -> str:
    """Return the assembly of the function.

    Raises `UnsupportedError` for the numpy target.
    """
    require_numba(program, "asm()")
    return "\n".join(_compiled_here(program).inspect_asm().values())


def _compiled_here(program: Program) -> Any:
    """Return the dispatcher compiled in this process: what comes from a cache has no text."""
    known = program.loaded
    loaded = load_module(
        known.text, target="numba", options=dict(known.options), public=known.public, cache=False
    )
    dispatcher: Any = getattr(loaded.module, program.name)
    compile_entry(dispatcher, tuple(program.inputs))
    return dispatcher


def require_numba(program: Program, what: str) -> None:
    """Refuse what only compiled code has."""
    if not program.is_compiled:
        raise UnsupportedError(
            f"{what} is machine code, and this function was made for the target numpy: leave out "
            'target="numpy", and unset NUMBA_DISABLE_JIT'
        )
