"""Refuse changes of Python objects inside traced control flow, where they would happen once.

A list that a loop appends to, a known array, dict or attribute that an arm sets, an iterator that
it takes a value of, a global variable: the body is traced once for all steps, so such a change
would be wrong without a word. What a region itself makes may change inside of it. What was there
before is found among the variables of the functions that run, when the region begins.
"""

from __future__ import annotations

import collections
import types
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from bpcompile.errors import TraceError
from bpcompile.frontend.complex_pairs import Complex
from bpcompile.frontend.creation import is_traced
from bpcompile.frontend.length import Length
from bpcompile.frontend.origins import is_inner, user_frame, where
from bpcompile.frontend.session import Frame, current, is_tracing
from bpcompile.frontend.tracer import Tracer

_CONTAINERS = (list, dict, set, collections.deque, bytearray, np.ndarray)
_METHODS = frozenset(
    {"append", "add", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "reverse"}
    | {"setdefault", "sort", "update", "difference_update", "intersection_update"}
    | {"symmetric_difference_update", "appendleft", "extendleft", "popleft", "rotate"}
    | {"fill", "itemset", "partition", "put", "resize", "setfield", "setflags"}
)
_FIXED = (
    *(type, types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType),
    *(
        Tracer,
        Complex,
        Length,
        str,
        bytes,
        int,
        float,
        complex,
        type(None),
        range,
        np.generic,
        np.dtype,
    ),
)
_DEPTH = 8
_MOST = 10_000


def objects_before() -> dict[int, Any]:
    """Return the objects that can change and that running functions of the user know, by id."""
    found: dict[int, Any] = {}
    frame = user_frame()
    while frame is not None and not is_inner(frame.f_code.co_filename):
        pending = [(value, 0) for value in frame.f_locals.values()]
        while pending and len(found) < _MOST:
            value, depth = pending.pop()
            if isinstance(value, _FIXED) or id(value) in found:
                continue
            found[id(value)] = value
            if depth < _DEPTH:
                pending.extend((part, depth + 1) for part in _parts(value))
        frame = frame.f_back
    return found


def _parts(value: Any) -> Iterator[Any]:
    """Yield what an object contains."""
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, (list, tuple, set, frozenset, collections.deque)):
        yield from value
    elif isinstance(getattr(value, "__dict__", None), dict):
        yield value.__dict__


def check_change(target: Any, what: str = "changed") -> None:
    """Refuse to change an object that was there before the region that is being traced.

    Raises `TraceError` with the user's line.
    """
    if not is_tracing() or isinstance(target, (Tracer, Complex)):
        return
    frame: Frame | None = current()
    while frame is not None and frame.journal is not None:
        if id(target) in frame.before or _is_global(target):
            raise TraceError(
                f"{_called(target)} is {what}{where()} inside control flow on traced values, which "
                "is traced once for all steps: keep what changes in variables, in arrays "
                "(np.zeros(n), then y[i] = v), or bind the variable to a new tuple, list or dict"
            )
        frame = frame.parent


def check_global(name: str, value: Any = None) -> None:
    """Refuse to bind a global variable inside control flow on traced values, or to such a value."""
    if is_traced(value):
        raise TraceError(
            f"the global variable `{name}` is bound to a traced value{where()}, which has no "
            "meaning after the trace: use a local variable, and return it"
        )
    if is_tracing() and current().journal is not None:
        raise TraceError(
            f"the global variable `{name}` is bound{where()} inside control flow on traced values, "
            "which is traced once for all steps: use a local variable, and return it"
        )


def check_method(function: Any) -> None:
    """Refuse a method that changes its list, dict, set or array where `check_change` does."""
    owner = getattr(function, "__self__", None)
    if isinstance(owner, _CONTAINERS) and function.__name__ in _METHODS:
        check_change(owner, f"changed by .{function.__name__}()")


def check_iterators(values: Iterable[Any]) -> None:
    """Refuse to take the next values of an iterator that was there before, as `check_change`."""
    for value in values:
        if hasattr(type(value), "__next__"):
            check_change(value, "advanced")


def _is_global(target: Any) -> bool:
    """Tell whether an object is the value of a global variable of the user's function."""
    frame = user_frame()
    return frame is not None and any(value is target for value in frame.f_globals.values())


def _called(target: Any) -> str:
    """Return how a message calls an object: by its variable, if it has one."""
    frame = user_frame()
    scopes = () if frame is None else (frame.f_locals, frame.f_globals)
    names = (name for scope in scopes for name, value in scope.items() if value is target)
    name = next((name for name in names if not name.startswith("__bp_")), None)
    kind = type(target).__name__
    return f"`{name}` ({kind})" if name else f"a {kind}"
