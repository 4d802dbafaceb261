"""Remember which types Numba has found while it compiles a module.

For each operation that it meets Numba goes through all that it knows of, to find the form whose
types fit, and asks again when it writes the operation down. An emitted module has many lines and
few types: what was found for an addition of two numbers, or for an element of a matrix, holds for
all of them. It is remembered while one entry point is compiled, and then forgotten.

The private names of Numba used here are listed in `tests/runtime/test_numba_hooks.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_UNKNOWN = object()


@contextmanager
def remembering() -> Iterator[None]:
    """Let Numba's typing context remember, under its compiler lock."""
    from numba.core.registry import cpu_target

    context = cpu_target.typing_context
    usual = type(context)
    context.__class__ = _context_class()
    context.known = {}
    try:
        yield
    finally:
        context.__class__ = usual
        del context.known


@functools.cache
def _context_class() -> Any:
    """Derive our context from Numba's."""
    from numba.core import types as numba_types
    from numba.core.registry import cpu_target

    types: Any = numba_types
    plain = (types.Number, types.Boolean, types.Array, types.BaseTuple, types.SliceType, int)

    usual: Any = type(cpu_target.typing_context)

    class RememberingContext(usual):  # type: ignore[misc]  # Numba's class has no types
        """Answer from what was found before, where types alone decide."""

        known: dict[Any, Any]

        def resolve_function_type(self, func: Any, args: Any, kws: Any) -> Any:
            if kws or not all(isinstance(arg, plain) for arg in args):
                return super().resolve_function_type(func, args, kws)
            return self._found((func, *args), super().resolve_function_type, func, args, kws)

        def resolve_setitem(self, target: Any, index: Any, value: Any) -> Any:
            key = "setitem", target, index, value
            return self._found(key, super().resolve_setitem, target, index, value)

        def _found(self, key: Any, find: Any, *args: Any) -> Any:
            """Return what was found for a key, found now if need be."""
            answer = self.known.get(key, _UNKNOWN)
            if answer is _UNKNOWN:
                answer = self.known[key] = find(*args)
            return answer

    return RememberingContext
