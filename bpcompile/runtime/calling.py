"""Make the function that a hot call runs: exact arguments go to machine code, the rest to Python.

In: a `Program`, how its leaves lie in the arguments, and the slow path. Out: a builtin function
where arguments and results are tuples, lists and dicts; where classes of the user's or static
values are among them, a closure around one.

Neither converts anything. A subclass of ndarray, whose mask would be ignored, a byte-swapped
array, an int for a float: all of these take the slow path, as do lengths that the code refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bpcompile.frontend.arguments.trees import LEAF, Structure, leaves_of
from bpcompile.ir.type import DType
from bpcompile.runtime.forms import Form, can_put, can_take, is_small
from bpcompile.runtime.program import Program
from bpcompile.runtime.vectorcall import make_hot

Slow = Callable[..., Any]
Take = Callable[[tuple[Any, ...]], tuple[Any, ...]]
Finish = Callable[[Any], Any]

# What a call that is not exact raises on the way; the slow path then does it, or says what is
# wrong. A ValueError is a broken guard or a check of the model, a TypeError a wrong number of
# arguments. Ctrl-C, which compiled code signals by a subclass of Exception, goes out as it is.
MISSED = Exception
NUMBERS = {DType.F64: float, DType.F32: np.float32, DType.I64: int, DType.BOOL: bool}
_LEAF_TREE = Structure((LEAF,))
_NOTHING: Any = object()


class Layout(NamedTuple):
    """Say how a call's arguments become leaves, and its results what the user gets.

    `take` is None where each positional argument is one leaf, and `finish`, which takes the
    results nested as tuples, where these are right as they come. `arguments` has the structure of
    each positional argument, and is None where one of them is static.
    """

    take: Take | None
    finish: Finish | None
    arguments: tuple[Structure, ...] | None
    results: Structure


class Native(NamedTuple):
    """Say what of a layout machine code does, and what is left for Python."""

    form: Form
    take: Take | None
    finish: Finish | None


def native_of(layout: Layout, leaves: int, *, fixed: bool = False) -> Native | None:
    """Return what machine code does of a call, or None where there is too much of it.

    `leaves` is how many leaves the arguments have. Results that are `fixed` are made beforehand,
    so that any class will do.
    """
    arguments, take = layout.arguments, None
    if arguments is None or not all(can_take(structure) for structure in arguments):
        arguments, take = (_LEAF_TREE,) * leaves, layout.take
    results, finish = layout.results, None
    if not (fixed or can_put(results)):
        results, finish = leaves_of(results.nest(range(results.count)))[1], layout.finish
    form = Form(arguments, results)
    return Native(form, take, finish) if is_small(form) else None


def make_call(program: Program, layout: Layout, limit: int, slow: Slow) -> Callable[..., Any]:
    """Return the function that a hot call runs; up to lengths of `limit` it keeps Python's lock."""
    if not program.is_compiled:
        return _interpreted(program, layout, slow)
    native = native_of(layout, len(program.places))
    if native is None:
        return _large(program, layout, slow)
    make = make_hot(program, native.form, limit)
    return around(native, lambda slow: make((slow, *program.hidden, program.pool)), slow)


def around(
    native: Native, make: Callable[[Slow], Callable[..., Any]], slow: Slow
) -> Callable[..., Any]:
    """Return a builtin function with the rest that is Python's around it, if there is any."""
    take, finish = native.take, native.finish
    if take is None and finish is None:
        return make(slow)
    call, take = make(_nothing), take or _themselves

    def outer(*args: Any, **kwargs: Any) -> Any:
        if not kwargs or finish is None:
            try:
                result = call(*take(args), **kwargs)
            except KeyboardInterrupt:
                raise
            except MISSED:
                result = _NOTHING
            if result is not _NOTHING:
                return result if finish is None else finish(result)
        return slow(*args, **kwargs)

    return outer


def _nothing(*_: Any, **__: Any) -> Any:
    """Stand for the slow path of a builtin function that has Python around it."""
    return _NOTHING


def _large(program: Program, layout: Layout, slow: Slow) -> Callable[..., Any]:
    """Return the call of a function with very many leaves, by Numba's dispatcher.

    It compares number types, rank, contiguity and writability, but takes a subclass of ndarray
    for an ndarray, and may take a byte-swapped array for a native one.
    """
    dispatcher, hidden = program.fresh.dispatcher, program.hidden
    take, finish = layout.take or _themselves, layout.finish or _unchanged
    count, ndarray = len(program.places), np.ndarray
    arrays = [
        (k, np.dtype(place.type.dtype.numpy_name))
        for k, place in enumerate(program.places)
        if place.type.rank
    ]

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            return slow(*args, **kwargs)
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
        except KeyboardInterrupt:
            raise
        except MISSED:
            pass
        return slow(*args, **kwargs)

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
            return slow(*args, **kwargs)
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
        except KeyboardInterrupt:
            raise
        except MISSED:
            pass
        return slow(*args, **kwargs)

    return call


def _themselves(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the leaves of arguments that are leaves."""
    return args


def _unchanged(result: Any) -> Any:
    """Return a result that is right as it comes."""
    return result
