"""Answer the functions that repeat, turn, shift and pad: tile, repeat, roll, rot90, pad and others.

All are written in indexing, joining and the functions of `bpcompile.frontend.functions.shapes`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bpcompile.errors import OutOfRangeError, ShapeError, TypeMismatchError, UnsupportedError
from bpcompile.frontend.calls import resolve
from bpcompile.frontend.functions.axes import at_axis, one_axis, whole_number
from bpcompile.frontend.functions.creation import iota
from bpcompile.frontend.functions.shapes import view_as
from bpcompile.frontend.lift import lift, lift_all
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, refuse_keywords, rule
from bpcompile.frontend.session import current
from bpcompile.frontend.tracer import Tracer, describe


def _is_known(value: Any) -> bool:
    """Tell whether a value is known while compiling."""
    return not isinstance(value, Tracer)


# Repeating


@rule("repeat")
def repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    """Return each element several times in a row."""
    x: Any = lift(a)
    if axis is None:
        x, axis = RULES["ravel"](x), 0
    along = one_axis(axis, x.ndim, x)
    if not _is_known(repeats):
        raise TypeMismatchError(
            f"the repeats {describe(repeats)} of np.repeat are not known{where()}: they decide the "
            "length of the result, so name what gives them in static_argnames"
        )
    counts = np.asarray(repeats)
    if counts.size == 1:
        spread = np.broadcast_to(
            np.expand_dims(x, along + 1),
            (*x.shape[: along + 1], int(counts.reshape(())), *x.shape[along + 1 :]),
        )
        shape = (*x.shape[:along], x.shape[along] * int(counts.reshape(())), *x.shape[along + 1 :])
        return np.reshape(spread, shape)
    count = current().session.sizes.concrete(x.sizes[along])
    if counts.shape != (count,):
        raise ShapeError(
            f"{len(counts)} repeats for the {count} places of {describe(x)}{where()}: give one for "
            "each, or a single one"
        )
    return np.take(x, np.repeat(np.arange(count), counts), axis=along)


@rule("tile")
def tile(A: Any, reps: Any) -> Any:
    """Return an array laid several times side by side."""
    x: Any = lift(A)
    times = tuple(reps) if isinstance(reps, (tuple, list)) else (reps,)
    rank = max(x.ndim, len(times))
    times = (*(1,) * (rank - len(times)), *times)
    shape = (*(1,) * (rank - x.ndim), *x.shape)
    apart = tuple(part for n in shape for part in (1, n))
    spread = tuple(part for n, m in zip(shape, times, strict=True) for part in (m, n))
    laid = np.broadcast_to(np.reshape(x, apart), spread)
    return np.reshape(laid, tuple(n * m for n, m in zip(shape, times, strict=True)))


# Turning and shifting


@rule("fliplr")
def fliplr(m: Any) -> Any:
    """Return the columns in reverse order."""
    return np.flip(lift(m), 1)


@rule("flipud")
def flipud(m: Any) -> Any:
    """Return the rows in reverse order."""
    return np.flip(lift(m), 0)


@rule("rot90")
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    """Return two axes turned by quarters."""
    x: Any = lift(m)
    first, second = (one_axis(axis, x.ndim, x) for axis in axes)
    if first == second:
        raise ShapeError(f"np.rot90 of {describe(x)} needs two axes{where()}: write different ones")
    match whole_number(k, "k of np.rot90") % 4:
        case 1:
            return np.swapaxes(np.flip(x, second), first, second)
        case 2:
            return np.flip(np.flip(x, first), second)
        case 3:
            return np.flip(np.swapaxes(x, first, second), second)
    return RULES["copy"](x)


@rule("roll")
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """Return the elements shifted along axes, those that leave at one end entering at the other."""
    x: Any = lift(a)
    if axis is None:
        return np.reshape(roll(np.ravel(x), shift, 0), x.shape)
    axes = tuple(one_axis(k, x.ndim, x) for k in (axis if np.ndim(axis) else (axis,)))
    shifts = tuple(shift) if np.ndim(shift) else (shift,) * len(axes)
    axes = axes * len(shifts) if len(axes) == 1 else axes
    for along, by in zip(axes, shifts, strict=True):
        x = _rolled(x, along, by)
    return x


def _rolled(x: Any, axis: int, by: Any) -> Any:
    """Return one axis rolled."""
    count = x.shape[axis]
    if _is_known(by) and isinstance(count, int):
        by = int(by) % max(count, 1)
        return np.concatenate([at_axis(x, axis, slice(count - by, None)),
                               at_axis(x, axis, slice(None, count - by))], axis=axis)  # fmt: skip
    places = np.mod(Tracer(iota(x.sizes[axis])) - by, count)
    return np.take(x, places, axis=axis)


@rule("rollaxis")
def rollaxis(a: Any, axis: Any, start: int = 0) -> Any:
    """Return one axis moved in front of another."""
    x: Any = lift(a)
    along = one_axis(axis, x.ndim, x)
    place = start + x.ndim if start < 0 else start
    return np.moveaxis(x, along, place - 1 if along < place else place)


# Joining and cutting


@rule("atleast_3d")
def atleast_3d(*arrays: Any) -> Any:
    """Return values with at least three axes."""
    found = []
    for x in lift_all(arrays):
        match x.ndim:
            case 0:
                found.append(view_as(x, (1, 1, 1)))
            case 1:
                found.append(view_as(x, (1, x.sizes[0], 1)))
            case 2:
                found.append(view_as(x, (*x.sizes, 1)))
            case _:
                found.append(x)
    return tuple(found) if len(found) > 1 else found[0]


@rule("dstack")
def dstack(tup: Any) -> Any:
    """Return arrays joined along the third axis."""
    return np.concatenate([atleast_3d(part) for part in tup], axis=2)


@rule("hsplit")
def hsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Return the parts of the second axis, or of a vector."""
    return np.split(ary, indices_or_sections, axis=1 if lift(ary).ndim > 1 else 0)


@rule("vsplit")
def vsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Return the parts of the first axis."""
    return np.split(ary, indices_or_sections, axis=0)


@rule("dsplit")
def dsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Return the parts of the third axis."""
    return np.split(ary, indices_or_sections, axis=2)


@rule("unstack")
def unstack(x: Any, /, *, axis: Any = 0) -> Any:
    """Return the arrays along an axis."""
    value: Any = lift(x)
    moved = np.moveaxis(value, one_axis(axis, value.ndim, value), 0)
    return tuple(moved)


@rule("delete")
def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    """Return an array without known places."""
    x: Any = lift(arr)
    if axis is None:
        x, axis = np.ravel(x), 0
    along = one_axis(axis, x.ndim, x)
    if not _is_known(obj):
        raise TypeMismatchError(
            f"the places {describe(obj)} of np.delete are not known{where()}: choose with "
            "np.where, or name what gives them in static_argnames"
        )
    count = current().session.sizes.concrete(x.sizes[along])
    return np.take(x, np.delete(np.arange(count), obj), axis=along)


@rule("insert")
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    """Return an array with values in front of one known place."""
    x: Any = lift(arr)
    if axis is None:
        x, axis = np.ravel(x), 0
    along = one_axis(axis, x.ndim, x)
    if not _is_known(obj) or np.ndim(obj):
        raise UnsupportedError(
            f"np.insert at {obj!r}{where()}: write one int, or join parts with np.concatenate"
        )
    place = whole_number(obj, "the place of np.insert")
    sizes, size = current().session.sizes, x.sizes[along]
    if not sizes.decide(size, ">=", place if place >= 0 else -place, "np.insert"):
        raise OutOfRangeError(
            f"place {place} of np.insert lies outside {describe(x)}{where()}: write one inside"
        )
    given: Any = lift(values)
    if not given.ndim:
        shape = tuple(1 if k == along else n for k, n in enumerate(x.shape))
        given = np.broadcast_to(given, shape)
    elif given.ndim < x.ndim:
        given = np.expand_dims(given, along)
    parts = [at_axis(x, along, slice(None, place)), given.astype(x.dtype)]
    return np.concatenate([*parts, at_axis(x, along, slice(place, None))], axis=along)


@rule("compress")
def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    """Return the places where a known condition is true."""
    refuse_keywords("compress", {"out": out}, out=None)
    x: Any = lift(a)
    if axis is None:
        x, axis = np.ravel(x), 0
    if not _is_known(condition):
        raise TypeMismatchError(
            f"the condition {describe(condition)} of np.compress is not known{where()}: its result "
            "would have a length that is not known; write np.where(condition, a, b)"
        )
    if np.ndim(condition) != 1:
        raise ShapeError(
            f"the condition {condition!r} of np.compress{where()} has {np.ndim(condition)} axes: "
            "write a vector of bools"
        )
    return np.take(x, np.flatnonzero(condition), axis=axis)


@rule("extract")
def extract(condition: Any, arr: Any) -> Any:
    """Return the elements where a known condition is true."""
    return compress(np.ravel(condition), arr)


# Diagonals and writing along axes


@rule("diagflat")
def diagflat(v: Any, k: int = 0) -> Any:
    """Return the matrix that has all elements on its diagonal."""
    return np.diag(np.ravel(lift(v)), k)


@rule("vander")
def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    """Return the matrix of the powers of a vector."""
    value: Any = lift(x)
    if value.ndim != 1:
        raise ShapeError(f"np.vander of {describe(value)}{where()}: give a vector")
    count = len(value) if N is None else whole_number(N, "N of np.vander", 0)
    powers = np.arange(count) if increasing else np.arange(count - 1, -1, -1)
    return value[:, None] ** powers


@rule("argwhere", "nonzero", "flatnonzero", "unique", "union1d", "intersect1d", "setdiff1d")
def of_unknown_length(a: Any, *_: Any, **__: Any) -> Any:
    """Refuse what gives arrays whose length is not known."""
    raise UnsupportedError(
        f"the result for {describe(lift(a))} has a length that is not known while the function is "
        f"traced{where()}: write np.where(condition, a, b), or compute it outside and pass it in"
    )


@rule("apply_along_axis")
def apply_along_axis(func1d: Callable[..., Any], axis: Any, arr: Any, *args: Any, **kw: Any) -> Any:
    """Return what a function makes of each vector along an axis."""
    x: Any = lift(arr)
    along = one_axis(axis, x.ndim, x)
    moved = np.moveaxis(x, along, -1)
    function = resolve(func1d)
    rows = np.reshape(moved, (-1, moved.shape[-1]))
    found = [lift(function(row, *args, **kw)) for row in rows]
    stacked: Any = np.stack(found)
    made = np.reshape(stacked, (*moved.shape[:-1], *stacked.shape[1:]))
    last = range(made.ndim - (stacked.ndim - 1), made.ndim)
    return np.moveaxis(made, tuple(last), tuple(along + k for k in range(len(last))))
