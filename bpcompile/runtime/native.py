"""Hand out what Numba made: dispatchers for the user's own compiled code, and machine code as text.

In: a `Program` of the numba target. Captured arrays are bound into the dispatchers.
"""

from __future__ import annotations

from typing import Any

from bpcompile.errors import UnsupportedError
from bpcompile.runtime.linking import compile_entry
from bpcompile.runtime.load import load_module
from bpcompile.runtime.program import Program


def fresh_dispatcher(program: Program) -> Any:
    """Return the dispatcher with fresh results, called with the user's leaves.

    Raises `UnsupportedError` for the numpy target.
    """
    _require_numba(program, "njit")
    return _with_hidden(program, program.fresh.dispatcher)


def into_dispatcher(program: Program) -> Any:
    """Return the dispatcher that fills one array per result leaf, and last takes a workspace.

    Raises `UnsupportedError` for the numpy target.
    """
    _require_numba(program, "njit_into")
    return _with_hidden(program, program.into.dispatcher)


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


def llvm_text(program: Program) -> str:
    """Return LLVM's optimised code of the function.

    Raises `UnsupportedError` for the numpy target.
    """
    _require_numba(program, "llvm()")
    return "\n".join(_compiled_here(program).inspect_llvm().values())


def asm_text(program: Program) -> str:
    """Return the assembly of the function.

    Raises `UnsupportedError` for the numpy target.
    """
    _require_numba(program, "asm()")
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


def _require_numba(program: Program, what: str) -> None:
    """Refuse what only compiled code has."""
    if not program.is_compiled:
        raise UnsupportedError(
            f"{what} is machine code, and this function was made for the target numpy: leave out "
            'target="numpy", and unset NUMBA_DISABLE_JIT'
        )
