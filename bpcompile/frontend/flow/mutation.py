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
from typing import Any, NoReturn

import numpy as np

from bpcompile.errors import TraceError
from bpcompile.frontend.complex.pairs import Complex
from bpcompile.frontend.flow.unbound import LastValueNeededError
from bpcompile.frontend.functions.creation import is_traced
from bpcompile.frontend.lengths.length import Length
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


def objects_before(but: str | None = None) -> dict[int, Any]:
    """Return the objects that can change and that running functions of the user know, by id.

    The variable `but` of the innermost one is left out.
    """
    found: dict[int, Any] = {}
    frame = user_frame()
    while frame is not None and not is_inner(frame.f_code.co_filename):
        pending = [(value, 0) for name, value in frame.f_locals.items() if name != but]
        but = None
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
            message = (
                f"{_called(target)} is {what}{where()} inside control flow on traced values, which "
                "is traced once for all steps: keep what changes in variables, in arrays "
                "(np.zeros(n), then y[i] = v), or bind the variable to a new tuple, list or dict"
            )
            if isinstance(target, np.ndarray):
                ask_for_traced(target, message)
            raise TraceError(message)
        frame = frame.parent


def ask_for_traced(target: np.ndarray, message: str) -> None:
    """Ask for a trace in which a known array is a value of the graph, if a variable could be one.

    Raises `LastValueNeededError` with the message then; it is a `TraceError` the second time.
    """
    root = memory_root(target)
    places = [place for array, place in current().session.arrays if memory_root(array) is root]
    if places:
        error = LastValueNeededError(message)
        error.wanted = frozenset(places[:1])
        raise error


def refuse_known(target: Any, what: str) -> NoReturn:
    """Refuse to write traced values to a known array, unless a trace is left in which it is not.

    Raises `TraceError` with the user's line; `what` says how it is written to.
    """
    message = (
        f"{what} a NumPy array{where()}, whose values are known: bind a copy of it to a variable, "
        "as in y = a.copy(), and write to that"
    )
    if isinstance(target, np.ndarray):
        ask_for_traced(target, message)
    raise TraceError(message)


def memory_root(array: np.ndarray) -> np.ndarray:
    """Return the array in whose memory a NumPy array is."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def check_kept(owner: Any, values: Any) -> None:
    """Refuse to keep a traced value in a container that lives on after the trace.

    Raises `TraceError` with the user's line.
    """
    if isinstance(owner, _CONTAINERS) and is_traced(values) and _is_global(owner):
        raise TraceError(
            f"{_called(owner)} is a global variable, and a traced value is put into it{where()}, "
            "which has no meaning after the trace: use a local variable, and return it"
        )


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


def checked_method(function: Any) -> Any:
    """Return the form of a method to call, which refuses to change what `check_change` does."""
    owner = getattr(function, "__self__", None)
    if not isinstance(owner, _CONTAINERS) or function.__name__ not in _METHODS:
        return function
    check_change(owner, f"changed by .{function.__name__}()")
    if not is_tracing() or not _is_global(owner):
        return function

    def call(*args: Any, **keywords: Any) -> Any:
        check_kept(owner, [*args, *keywords.values()])
        return function(*args, **keywords)

    return call


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
