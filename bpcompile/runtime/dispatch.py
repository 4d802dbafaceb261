"""Call compiled code with exact types at the price of one Numba call; send the rest to Python.

Numba's dispatcher is asked to compare types, and never to compile or convert for a call from
Python: an `int64` signature called with 2.7 would compute with 2. It compares number types,
rank, contiguity and writability exactly. Three things it does not see, and a guard in Python does:

- A subclass of ndarray counts as an ndarray: the mask of a masked array would be ignored, and
  `np.matrix` taken for an array.
- Byte-swapped arrays share a table entry with unaligned ones. Once any unaligned array of that
  dtype and rank was passed to any Numba function of the process, a big-endian array matches and
  its bytes are read in the wrong order.

Unaligned arrays match, and are read correctly: the machine code makes no use of alignment beyond
the element's, which the CPUs that Numba supports do not require.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bpcompile.runtime.exact import SlowPath, exact_dispatcher
from bpcompile.runtime.signature import describe, type_of

__all__ = ["Exact", "SlowPath", "compile_exact", "type_of"]


@dataclass(frozen=True, slots=True)
class Exact:
    """Offer one exact signature of a function in three forms."""

    call: Callable[..., Any]
    """For callers with anything in hand: exact types run at once, the rest takes the slow path."""
    dispatcher: Any
    """For the user's own `@njit` code. Calling it from Python leaves out the guard."""
    entry: Callable[..., Any]
    """The machine code itself, for arguments that are known to be exact. Nothing is checked: a
    strided or byte-swapped array gives wrong results."""


def compile_exact(dispatcher: Any, signature: Sequence[Any], slow_path: SlowPath) -> Exact:
    r"""Compile one signature of a function, or load it from the cache.

    The module's dispatcher stays as it was: it is shared by all who loaded the same module, so
    each call of this function makes a dispatcher of its own around the shared machine code.

    Args:
        dispatcher: a public function of a module loaded for the target `"numba"`.
        signature: types made by `type_of`.
        slow_path: takes the positional arguments of a call that does not match exactly. It raises,
            or returns a callable, which is called with the same arguments and gives the result;
            usually `lambda *_: entry(*converted)`.

    Raises:
        CompileError: when a type is none that `type_of` makes.
        numba.core.errors.TypingError: when Numba cannot compile the function for these types.

    Example:
        >>> from bpcompile.runtime.load import load_module
        >>> text = "from numba import njit\n@njit\ndef double(x):\n    return 2.0 * x\n"
        >>> loaded = load_module(text, target="numba", options={}, public=["double"])
        >>> def slow_path(x):
        ...     return lambda x: double.entry(float(x))
        >>> double = compile_exact(loaded.module.double, [type_of("f64", 0)], slow_path)
        >>> double.call(1.5), double.call(3)
        (3.0, 6.0)
    """
    types = tuple(signature)
    described = [describe(t) for t in types]
    exact = exact_dispatcher(dispatcher, types, slow_path)
    arrays = [
        (position, np.dtype(dtype))
        for position, (dtype, _, is_array) in enumerate(described)
        if is_array
    ]
    call = exact if not arrays else _guarded(exact, arrays, len(types), slow_path)
    return Exact(call, exact, exact.overloads[types].entry_point)


def _guarded(
    exact: Callable[..., Any],
    arrays: list[tuple[int, np.dtype[Any]]],
    arity: int,
    slow_path: SlowPath,
) -> Callable[..., Any]:
    """Return a call that lets nothing pass but ndarrays themselves, in the native byte order."""
    ndarray = np.ndarray

    def refused(args: tuple[Any, ...]) -> Any:
        # NumPy's dtypes are mostly, not always, singletons: one that was unpickled is a copy.
        if len(args) != arity or all(
            args[position].__class__ is ndarray and args[position].dtype == dtype
            for position, dtype in arrays
        ):
            return exact(*args)
        return slow_path(*args)(*args)

    if len(arrays) == arity and len({dtype for _, dtype in arrays}) == 1:
        only = arrays[0][1]

        def call(*args: Any) -> Any:
            for value in args:
                if value.__class__ is not ndarray or value.dtype is not only:
                    return refused(args)
            return exact(*args)

    else:

        def call(*args: Any) -> Any:
            for position, dtype in arrays:
                value = args[position] if position < len(args) else None
                if value.__class__ is not ndarray or value.dtype is not dtype:
                    return refused(args)
            return exact(*args)

    return call
