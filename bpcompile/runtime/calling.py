"""Make the function that a hot call runs: exact arguments go to machine code, the rest to Python.

In: a `Program`, how its leaves lie in the arguments, and the slow path. Out: a closure. What a
call costs beyond Numba's own is spent here, so the common shapes of a call (numbers alone, one to
three arrays, one array result given by `out`) are written out, without loops; measured on the
machine of design.md a closure with one check costs 1.4 Numba calls, a general one 2.

Numba's dispatcher compares number types, rank, contiguity and writability. It takes a subclass of
ndarray for an ndarray, whose mask would be ignored, and may take a byte-swapped array for a native
one; so the class and dtype of each array are compared here. NumPy's dtypes are singletons; a copy
made by unpickling merely takes the slow path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bpcompile.frontend.trees import OtherStructure
from bpcompile.runtime.program import Inexact, Program

Slow = Callable[[tuple[Any, ...], dict[str, Any]], Any]
Take = Callable[[tuple[Any, ...]], tuple[Any, ...]]
Finish = Callable[[Any], Any]

# What a call that is not exact raises on the way; the slow path then does it, or says what is
# wrong. A ValueError is a broken guard, a TypeError a wrong number of arguments.
MISSED = (ValueError, TypeError, IndexError, KeyError, AttributeError, OtherStructure, Inexact)
NO_WORKSPACE = np.empty(0)


class Layout(NamedTuple):
    """Say how a call's arguments become leaves, and its results what the user gets.

    `take` is None where each positional argument is one leaf, `finish` None where the results are
    right as they come. `single` tells that the result is one array, `pair` that it is a scalar and
    an array.
    """

    take: Take | None
    finish: Finish | None
    single: bool
    pair: bool


def make_call(program: Program, layout: Layout, slow: Slow) -> Callable[..., Any]:
    """Return the function that a hot call runs."""
    arrays = _arrays(program)
    keywords = _make_out(program, layout, arrays, slow)
    dispatcher = program.fresh.dispatcher
    if layout.take is None and layout.finish is None and not program.hidden and len(arrays) <= 3:
        return _FLAT[len(arrays)](dispatcher, arrays, keywords, slow)
    return _general(dispatcher, program, layout, keywords, slow)


def _arrays(program: Program) -> list[tuple[int, np.dtype[Any]]]:
    """Return the position and dtype of each leaf that is an array."""
    return [
        (k, np.dtype(place.type.dtype.numpy_name))
        for k, place in enumerate(program.places)
        if place.type.rank
    ]


Arrays = Sequence[tuple[int, np.dtype[Any]]]


def _numbers(dispatcher: Any, _: Arrays, keywords: Slow, slow: Slow) -> Callable[..., Any]:
    """Return the call of a function of numbers."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            return keywords(args, kwargs)
        try:
            return dispatcher(*args)
        except MISSED:
            pass
        return slow(args, kwargs)

    return call


def _one_array(dispatcher: Any, arrays: Arrays, keywords: Slow, slow: Slow) -> Callable[..., Any]:
    """Return the call of a function of one array, and numbers."""
    ((k, dtype),) = arrays
    ndarray = np.ndarray

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            return keywords(args, kwargs)
        try:
            x = args[k]
            if x.__class__ is ndarray and x.dtype is dtype:
                return dispatcher(*args)
        except MISSED:
            pass
        return slow(args, kwargs)

    return call


def _two_arrays(dispatcher: Any, arrays: Arrays, keywords: Slow, slow: Slow) -> Callable[..., Any]:
    """Return the call of a function of two arrays, and numbers."""
    (i, first), (j, second) = arrays
    ndarray = np.ndarray

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            return keywords(args, kwargs)
        try:
            x, y = args[i], args[j]
            if (
                x.__class__ is ndarray
                and y.__class__ is ndarray
                and x.dtype is first
                and y.dtype is second
            ):
                return dispatcher(*args)
        except MISSED:
            pass
        return slow(args, kwargs)

    return call


def _three_arrays(
    dispatcher: Any, arrays: Arrays, keywords: Slow, slow: Slow
) -> Callable[..., Any]:
    """Return the call of a function of three arrays, and numbers."""
    (i, first), (j, second), (k, third) = arrays
    ndarray = np.ndarray

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            return keywords(args, kwargs)
        try:
            x, y, z = args[i], args[j], args[k]
            if (
                x.__class__ is ndarray
                and y.__class__ is ndarray
                and z.__class__ is ndarray
                and x.dtype is first
                and y.dtype is second
                and z.dtype is third
            ):
                return dispatcher(*args)
        except MISSED:
            pass
        return slow(args, kwargs)

    return call


_FLAT = (_numbers, _one_array, _two_arrays, _three_arrays)


def _general(
    dispatcher: Any, program: Program, layout: Layout, keywords: Slow, slow: Slow
) -> Callable[..., Any]:
    """Return the call of any other function."""
    arrays, hidden = _arrays(program), program.hidden
    take, finish = layout.take or _themselves, layout.finish or _unchanged
    count, ndarray = len(program.places), np.ndarray

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            return keywords(args, kwargs)
        try:
            leaves = take(args)
            exact = len(leaves) == count
            for k, dtype in arrays:
                x = leaves[k]
                if x.__class__ is not ndarray or x.dtype is not dtype:
                    exact = False
                    break
            if exact:
                return finish(dispatcher(*leaves, *hidden))
        except MISSED:
            pass
        return slow(args, kwargs)

    return call


def _themselves(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the leaves of arguments that are leaves."""
    return args


def _unchanged(result: Any) -> Any:
    """Return a result that is right as it comes."""
    return result


# -- out= ----------------------------------------------------------------------------------------


def _make_out(program: Program, layout: Layout, arrays: Arrays, slow: Slow) -> Slow:
    """Return the function of a call with keywords.

    It is fast for ``out=buffer`` where the result is one array, and for ``out=(None, buffer)``
    where it is a scalar and an array; a function's own keywords take the slow path.
    """
    if layout.take is not None or not (layout.single or layout.pair):
        return slow
    target = next(type for type in program.outputs if type.rank)
    dtype = np.dtype(target.dtype.numpy_name)
    like = next((k for k, p in enumerate(program.places) if p.type.shape == target.shape), None)
    if like is None or program.hidden or program.fixed_words != 0 or layout.finish is not None:
        return slow
    single, ndarray, count = layout.single, np.ndarray, len(program.places)
    scratch = (NO_WORKSPACE,) if program.takes_workspace else ()
    fill: Any = None

    def keywords(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        nonlocal fill
        try:
            out = kwargs["out"]
            if single:
                buffer = out
            else:
                nothing, buffer = out
                if nothing is not None or out.__class__ is not tuple:
                    return slow(args, kwargs)
            exact = (
                len(kwargs) == 1
                and len(args) == count
                and buffer.__class__ is ndarray
                and buffer.dtype is dtype
                and buffer.shape == args[like].shape
            )
            for k, expected in arrays:
                x = args[k]
                if x.__class__ is not ndarray or x.dtype is not expected or overlap(x, buffer):
                    exact = False
            if exact:
                if fill is None:
                    fill = program.fill.dispatcher
                value = fill(*args, buffer, *scratch)
                return buffer if single else (value, buffer)
        except MISSED:
            pass
        return slow(args, kwargs)

    return keywords


def overlap(x: np.ndarray, y: np.ndarray) -> bool:
    """Tell whether two arrays may share memory; two that own theirs are told apart at once."""
    if x is y:
        return True
    if x.flags.owndata and y.flags.owndata:
        return False
    return bool(np.may_share_memory(x, y))
