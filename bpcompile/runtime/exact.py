"""A Numba dispatcher with one exact signature, which never compiles for a call from Python.

An ordinary dispatcher compiles for whatever it is called with, and once a signature exists it is
there for all. This one shares the machine code of a module's dispatcher but not its table: from
Python only the exact types are fast, whatever the user's own compiled code asked for meanwhile,
and two functions that share a module keep their own slow paths.

From the user's compiled code it takes other layouts and read-only arrays, which Numba compiles
when they are first met, and refuses another dtype or rank with the argument's name.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from bpcompile.errors import CompileError, TypeMismatchError
from bpcompile.runtime.linking import compile_entry
from bpcompile.runtime.load import load_module
from bpcompile.runtime.signature import describe, type_of

SlowPath = Callable[..., Callable[..., object]]


def exact_dispatcher(source: Any, signature: tuple[Any, ...], slow_path: SlowPath) -> Any:
    """Compile one signature of a module's dispatcher and return an exact dispatcher of it.

    Args:
        source: the dispatcher of a loaded module.
        signature: Numba types.
        slow_path: called with the positional arguments of a call that does not match; it raises,
            or returns a callable, which is then called with the same arguments.
    """
    compiled = compile_entry(source, signature)
    return _dispatcher_class()(source, compiled, slow_path)


@functools.cache
def _dispatcher_class() -> Callable[..., Any]:
    """Derive our dispatcher from Numba's; Numba is imported here, so that importing us is fast."""
    from numba.core import errors
    from numba.core import types as numba_types
    from numba.core.registry import CPUDispatcher

    types: Any = numba_types

    def fits(given: Any, expected: Any) -> bool:
        """Tell whether a type may be passed from compiled code: any layout, same dtype and rank."""
        if isinstance(expected, types.Array):
            return (
                isinstance(given, types.Array)
                and given.dtype == expected.dtype
                and given.ndim == expected.ndim
            )
        return bool(given == expected)

    # Numba's class has no types that mypy could check against.
    class ExactDispatcher(CPUDispatcher):  # type: ignore[misc]
        def __init__(self, source: Any, compiled: Any, slow_path: SlowPath) -> None:
            # Without `nopython` among its options, values that have no type for Numba (such as an
            # empty list) go to the slow path too, instead of raising Numba's error.
            super().__init__(source.py_func)
            self._source = source
            self._slow_path = slow_path
            self._exact = tuple(compiled.signature.args)
            self.add_overload(compiled)

        def _compile_for_args(self, *args: object) -> Callable[..., object]:
            """Answer a call that matches no signature; Numba made keywords positions."""
            return self._slow_path(*args)

        def _make_finalizer(self) -> Callable[[], None]:
            # The machine code belongs to the source, and lives on when this dispatcher is gone.
            return _nothing

        def get_call_template(self, args: Any, kws: Any) -> Any:
            """Answer a call from compiled code."""
            _, given = self.fold_argument_types(args, kws)
            given = tuple(types.unliteral(t) for t in given)
            names = self.py_func.__code__.co_varnames
            for name, got, expected in zip(names, given, self._exact, strict=False):
                if not fits(got, expected):
                    raise errors.TypingError(
                        f"argument {name} of {self.py_func.__name__} is {got}, and it was "
                        f"compiled for {expected}; convert it before the call"
                    )
            return self._source.get_call_template(given, {})

        def compile(self, sig: Any) -> Any:
            return self._source.compile(sig)

        def get_overload(self, sig: Any) -> Any:
            return self._source.get_overload(sig)

        def get_compile_result(self, sig: Any) -> Any:
            return self._source.get_compile_result(sig)

        def __reduce__(self) -> tuple[Any, ...]:
            """Travel as the module's text, so that the same function always has the same bytes."""
            recipe = getattr(self._source._cache, "recipe", None)
            if recipe is None:
                raise CompileError(f"{self.py_func.__name__} is of no loaded module")
            described = tuple(describe(t) for t in self._exact)
            return _rebuild, (*recipe.arguments, self.py_func.__name__, described)

    return ExactDispatcher


def _nothing() -> None:
    """Do nothing."""


def _rebuild(
    text: str,
    options: tuple[tuple[str, object], ...],
    public: tuple[str, ...],
    cache: bool,
    name: str,
    signature: tuple[tuple[str, int, bool], ...],
) -> Any:
    loaded = load_module(text, target="numba", options=dict(options), public=public, cache=cache)
    types = tuple(type_of(dtype, rank, array=array) for dtype, rank, array in signature)
    return exact_dispatcher(getattr(loaded.module, name), types, functools.partial(_refuse, name))


def _refuse(name: str, *args: object) -> Callable[..., object]:
    raise TypeMismatchError(
        f"{name} was sent from another process and takes exactly the types that it was compiled "
        f"for, not ({', '.join(type(a).__name__ for a in args)}); send the compiled function "
        "itself, which converts its arguments"
    )
