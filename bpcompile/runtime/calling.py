"""Make the function that a hot call runs: exact arguments go to machine code, the rest to Python.

In: a `Program`, how its leaves lie in the arguments, and the slow path. Out: a closure. What a
call costs beyond Numba's own is spent here, so the common shapes of a call (numbers alone, one
array with its result given by `out`, up to three arrays) are written out, without loops. Against
a call of hand-written Numba, which is 1: three numbers 1.5, one array with `out` 2.2 to 2.4.

Numba's dispatcher compares number types, rank, contiguity and writability. It takes a subclass of
ndarray for an ndarray, whose mask would be ignored, and may take a byte-swapped array for a native
one; so the class and dtype of each array are compared here.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bpcompile.frontend.trees import OtherStructure
from bpcompile.runtime.program import Inexact, Program

Slow = Callable[[tuple[Any, ...], dict[str, Any]], Any]
Take = Callable[[tuple[Any, ...]], tuple[Any, ...]]
Finish = Callable[[Any], Any]
Arrays = Sequence[tuple[int, np.dtype[Any]]]

# What a call that is not exact raises on the way; the slow path then does it, or says what is
# wrong. A ValueError is a broken guard, a TypeError a wrong number of arguments.
MISSED = (ValueError, TypeError, IndexError, KeyError, AttributeError, OtherStructure, Inexact)
NO_WORKSPACE = np.empty(0)

# Past NumPy's dispatch to other array classes, which these arrays are not.
may_share: Callable[[np.ndarray, np.ndarray], bool] = getattr(
    np.may_share_memory, "_implementation", np.may_share_memory
)
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
    arrays = array_leaves(program)
    dispatcher = program.fresh.dispatcher
    fill = _make_fill(program, layout, arrays)
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
    ndarray = np.ndarray
    if fill is None:
        return _one_array(dispatcher, [(0, dtype)], slow, slow)
    pair, target, measure, scratch = fill.pair, fill.dtype, fill.measure, fill.scratch
    if scratch or fill.like is None:
        return _one_array(dispatcher, [(0, dtype)], _keywords(fill, slow), slow)
    filling: Any = None

    def call(x: Any = _MISSING, /, *rest: Any, out: Any = None, **keywords: Any) -> Any:
        nonlocal filling
        try:
            if x.__class__ is ndarray and (x.dtype is dtype or x.dtype == dtype):
                if out is None:
                    if not keywords:
                        return dispatcher(x, *rest)
                else:
                    nothing, buffer = out if pair else (None, out)
                    if (
                        nothing is None
                        and buffer.__class__ is ndarray
                        and (buffer.dtype is target or buffer.dtype == target)
                        and measure(buffer) == measure(x)
                        and (
                            (x.base is None and buffer.base is None and x is not buffer)
                            or not may_share(x, buffer)
                        )
                        and not rest
                        and not keywords
                    ):
                        if filling is None:
                            filling = fill.start()
                        value = filling(x, buffer)
                        return (value, buffer) if pair else buffer
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
                if x.__class__ is not ndarray or x.dtype != dtype:
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


class Fill(NamedTuple):
    """Hold what a fast call with ``out=`` needs.

    The buffer must be of `dtype` and have the shape of the argument `like`, or `shape`.
    """

    start: Callable[[], Any]
    pair: bool
    dtype: np.dtype[Any]
    like: int | None
    shape: tuple[int, ...]
    measure: Callable[[Any], Any]
    scratch: tuple[np.ndarray, ...]


def _make_fill(program: Program, layout: Layout, arrays: Arrays) -> Fill | None:
    """Return what a fast call with ``out=`` needs, or None where only the slow path has it.

    That is where the result is neither one array nor a scalar and an array, or works in scratch
    memory, or has a shape that is not simply that of an argument.
    """
    plain = layout.take is None and layout.finish is None and not program.hidden
    if not (plain and layout.form and program.fixed_words == 0):
        return None
    result = next(type for type in program.outputs if type.rank)
    places = program.places
    like = next((k for k, _ in arrays if places[k].type.shape == result.shape), None)
    fixed = tuple(size for size in result.shape if isinstance(size, int))
    if like is None and len(fixed) != result.rank:
        return None
    return Fill(
        lambda: program.fill.dispatcher,
        layout.form == "pair",
        np.dtype(result.dtype.numpy_name),
        like,
        fixed,
        len if result.rank == 1 else operator.attrgetter("shape"),
        (NO_WORKSPACE,) if program.takes_workspace else (),
    )


def _keywords(fill: Fill | None, slow: Slow) -> Slow:
    """Return the function of a call with keywords; a function's own take the slow path."""
    if fill is None:
        return slow
    ndarray, filling = np.ndarray, None
    start, pair, dtype, like, shape, _, scratch = fill

    def keywords(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        nonlocal filling
        try:
            nothing, buffer = kwargs["out"] if pair else (None, kwargs["out"])
            exact = (
                len(kwargs) == 1
                and nothing is None
                and buffer.__class__ is ndarray
                and buffer.dtype == dtype
                and buffer.shape == (shape if like is None else args[like].shape)
            )
            for x in args:
                if x.__class__ is ndarray:
                    if not x.dtype.isnative or overlap(x, buffer):
                        exact = False
                elif isinstance(x, ndarray):
                    exact = False
            if exact:
                if filling is None:
                    filling = start()
                value = filling(*args, buffer, *scratch)
                return (value, buffer) if pair else buffer
        except MISSED:
            pass
        return slow(args, kwargs)

    return keywords


def overlap(x: np.ndarray, y: np.ndarray) -> bool:
    """Tell whether two arrays may share memory; two that own theirs are told apart at once."""
    if x is y:
        return True
    if x.base is None and y.base is None:
        return False
    return may_share(x, y)
