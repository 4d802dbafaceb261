"""Make the function that a hot call runs: exact arguments go to machine code, the rest to Python.

In: a `Program`, how its leaves lie in the arguments, and the slow path. Out: a closure. What a
call costs beyond Numba's own is spent here, so the common shapes of a call (numbers alone, one
array with its result given by `out`, up to three arrays) are written out, without loops. Against
a call of hand-written Numba, which is 1: three numbers 1.2 to 1.5, one array with `out` 2.1.

Numba's dispatcher compares number types, rank, contiguity and writability. It takes a subclass of
ndarray for an ndarray, whose mask would be ignored, and may take a byte-swapped array for a native
one; so the class and dtype of each array are compared here. The compiled prologue compares lengths
and refuses buffers that overlap an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bpcompile.frontend.tree_closures import OtherStructure
from bpcompile.ir.type import DType
from bpcompile.runtime.program import Inexact, Program

Slow = Callable[[tuple[Any, ...], dict[str, Any]], Any]
Take = Callable[[tuple[Any, ...]], tuple[Any, ...]]
Finish = Callable[[Any], Any]
Arrays = Sequence[tuple[int, np.dtype[Any]]]

# What a call that is not exact raises on the way; the slow path then does it, or says what is
# wrong. A ValueError is a broken guard, a TypeError a wrong number of arguments.
MISSED = (ValueError, TypeError, IndexError, KeyError, AttributeError, OtherStructure, Inexact)
NUMBERS = {DType.F64: float, DType.F32: np.float32, DType.I64: int, DType.BOOL: bool}
_MISSING: Any = object()


class Layout(NamedTuple):
    """Say how a call's arguments become leaves, and its results what the user gets.

    `take` is None where each positional argument is one leaf, `finish` None where the results are
    right as they come. `form` is ``"array"`` where the result is one array, ``"pair"`` where it is
    a tuple of a scalar and an array, else empty.
    """

    take: Take | None
    finish: Finish | None
    form: str


def make_call(program: Program, layout: Layout, slow: Slow) -> Callable[..., Any]:
    """Return the function that a hot call runs."""
    if not program.is_compiled:
        return _interpreted(program, layout, slow)
    arrays = array_leaves(program)
    dispatcher = program.fresh.dispatcher
    fill = _make_fill(program, layout)
    if layout.take is None and layout.finish is None and not program.hidden:
        if len(arrays) == len(program.places) == 1:
            return _only_array(dispatcher, arrays[0][1], fill, slow)
        if len(arrays) <= 3:
            return _FLAT[len(arrays)](dispatcher, arrays, _keywords(fill, slow), slow)
    return _general(program, layout, arrays, _keywords(fill, slow), slow)


def array_leaves(program: Program) -> list[tuple[int, np.dtype[Any]]]:
    """Return the position and dtype of each leaf that is an array."""
    return [
        (k, np.dtype(place.type.dtype.numpy_name))
        for k, place in enumerate(program.places)
        if place.type.rank
    ]


def _only_array(
    dispatcher: Any, dtype: np.dtype[Any], fill: Fill | None, slow: Slow
) -> Callable[..., Any]:
    """Return the call of a function of one array; ``out=`` is written out for a pair."""
    if fill is None or not fill.pair or fill.pool is not None:
        return _one_array(dispatcher, [(0, dtype)], _keywords(fill, slow), slow)
    ndarray, target, start = np.ndarray, fill.dtype, fill.start
    filling: Any = None

    def call(x: Any = _MISSING, /, *rest: Any, out: Any = None, **keywords: Any) -> Any:
        nonlocal filling
        try:
            if x.__class__ is ndarray and (x.dtype is dtype or x.dtype == dtype) and not keywords:
                if out is None:
                    return dispatcher(x, *rest)
                nothing, buffer = out
                if (
                    nothing is None
                    and buffer.__class__ is ndarray
                    and (buffer.dtype is target or buffer.dtype == target)
                    and out.__class__ is tuple
                    and not rest
                ):
                    if filling is None:
                        filling = start()
                    return filling(x, buffer), buffer
        except MISSED:
            pass
        args = () if x is _MISSING else (x, *rest)
        return slow(args, keywords if out is None else {**keywords, "out": out})

    return call


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
            if x.__class__ is ndarray and (x.dtype is dtype or x.dtype == dtype):
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
                and (x.dtype is first or x.dtype == first)
                and (y.dtype is second or y.dtype == second)
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
                and (x.dtype is first or x.dtype == first)
                and (y.dtype is second or y.dtype == second)
                and (z.dtype is third or z.dtype == third)
            ):
                return dispatcher(*args)
        except MISSED:
            pass
        return slow(args, kwargs)

    return call


_FLAT = (_numbers, _one_array, _two_arrays, _three_arrays)


def _general(
    program: Program, layout: Layout, arrays: Arrays, keywords: Slow, slow: Slow
) -> Callable[..., Any]:
    """Return the call of any other function."""
    dispatcher, hidden = program.fresh.dispatcher, program.hidden
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
                if x.__class__ is not ndarray or (x.dtype is not dtype and x.dtype != dtype):
                    exact = False
                    break
            if exact:
                return finish(dispatcher(*leaves, *hidden))
        except MISSED:
            pass
        return slow(args, kwargs)

    return call


def _interpreted(program: Program, layout: Layout, slow: Slow) -> Callable[..., Any]:
    """Return the call of a function of the numpy target, with no dispatcher to compare types."""
    function, hidden = program.function(), program.hidden
    take, finish = layout.take or _themselves, layout.finish or _unchanged
    ndarray = np.ndarray
    checks: list[tuple[Any, int, Any]] = [
        (ndarray if type.rank else NUMBERS[type.dtype], type.rank, np.dtype(type.dtype.numpy_name))
        for type in (place.type for place in program.places)
    ]

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            return slow(args, kwargs)
        try:
            leaves: Any = take(args)
            exact = len(leaves) == len(checks)
            for leaf, (kind, rank, dtype) in zip(leaves, checks, strict=False):
                if leaf.__class__ is not kind or not (
                    rank == 0 or (leaf.ndim == rank and leaf.dtype == dtype and leaf.flags.carray)
                ):
                    exact = False
                    break
            if exact:
                return finish(function(*leaves, *hidden))
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


class Fill(NamedTuple):
    """Hold what a fast call with ``out=`` needs: the dtype of the buffer, and workspaces."""

    start: Callable[[], Any]
    pair: bool
    dtype: np.dtype[Any]
    pool: list[np.ndarray] | None


def _make_fill(program: Program, layout: Layout) -> Fill | None:
    """Return what a fast call with ``out=`` needs, or None where only the slow path has it.

    That is where the arguments are no leaves, or the result is neither one array nor a scalar and
    an array.
    """
    if layout.take is not None or layout.finish is not None or program.hidden or not layout.form:
        return None
    result = next(type for type in program.outputs if type.rank)
    return Fill(
        lambda: program.fill.dispatcher,
        layout.form == "pair",
        np.dtype(result.dtype.numpy_name),
        program.pool if program.takes_workspace else None,
    )


def _keywords(fill: Fill | None, slow: Slow) -> Slow:
    """Return the function of a call with keywords; a function's own take the slow path."""
    if fill is None:
        return slow
    ndarray, filling = np.ndarray, None
    start, pair, dtype, pool = fill

    def keywords(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        nonlocal filling
        try:
            out = kwargs["out"]
            nothing, buffer = out if pair else (None, out)
            exact = (
                len(kwargs) == 1
                and nothing is None
                and buffer.__class__ is ndarray
                and buffer.dtype == dtype
                and (not pair or out.__class__ is tuple)
            )
            for x in args:
                if isinstance(x, ndarray) and not (x.__class__ is ndarray and x.dtype.isnative):
                    exact = False
            if exact:
                if filling is None:
                    filling = start()
                if pool is None:
                    value = filling(*args, buffer)
                else:
                    workspace = pool.pop()  # too short a one is refused like anything inexact
                    try:
                        value = filling(*args, buffer, workspace)
                    finally:
                        pool.append(workspace)
                return (value, buffer) if pair else buffer
        except MISSED:
            pass
        return slow(args, kwargs)

    return keywords
