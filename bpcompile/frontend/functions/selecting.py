"""Answer the functions that choose: where, clip, take, take_along_axis, select, diff, trace."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bpcompile.errors import ArgumentError, ShapeError, TraceError, TypeMismatchError
from bpcompile.frontend.elementwise import (
    broadcast,
    broadcast_all,
    cast,
    common_shape,
    counting,
    explain_operands,
    loop_of,
    weak_result,
)
from bpcompile.frontend.functions.axes import at_axis, one_axis, whole_number
from bpcompile.frontend.lift import copied, lift, lift_all
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, refuse_keywords, rule
from bpcompile.frontend.session import current
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type
from bpcompile.ops.index import At

_INT64 = np.iinfo(np.int64)
_NOT_GIVEN = object()


@rule("where")
def where_(condition: Any, *choices: Any) -> Tracer:
    """Return the first choice where the condition is true, else the second."""
    if len(choices) != 2:
        raise TraceError(
            f"np.where of {describe(lift(condition))} alone gives arrays whose length is not known "
            f"while the function is traced{where()}: write np.where(condition, a, b)"
        )
    test, *values = lift_all((condition, *choices))
    dtype = loop_of(np.maximum, values)[0][0]
    frame = current()
    frame.mark()
    exprs = broadcast_all(frame, (test, *values))
    operands = (cast(exprs[0], DType.BOOL), *(cast(expr, dtype) for expr in exprs[1:]))
    found = frame.builder.apply(OPS["select"], operands, {})
    return Tracer(found, weak_result(values, found))


@rule("select")
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """Return the choice of the first condition that is true, else the default."""
    if len(condlist) != len(choicelist) or not condlist:
        raise ShapeError(f"np.select needs as many choices as conditions, at least one{where()}")
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = where_(condition, choice, result)
    return result


@rule("clip")
def clip(
    a: Any, a_min: Any = _NOT_GIVEN, a_max: Any = _NOT_GIVEN, out: Any = None, **rest: Any
) -> Tracer:
    """Return values kept between two bounds, each of which may be None."""
    given = (a_min is not _NOT_GIVEN) + (a_max is not _NOT_GIVEN)
    if given == 1 or (given and ("min" in rest or "max" in rest)):
        raise ArgumentError(
            f"np.clip takes both bounds by place, or min= and max=, not some of each{where()}: "
            "write np.clip(x, low, high), with None for no bound"
        )
    low, high = (a_min, a_max) if given else (rest.pop("min", None), rest.pop("max", None))
    refuse_keywords("clip", {"out": out, **rest}, out=None, where=True, casting="same_kind")
    return clipped(a, low, high)


@rule("ndarray.clip")
def clipped(a: Any, min: Any = None, max: Any = None, out: Any = None) -> Tracer:
    """Return values kept between two bounds, each of which may be left out."""
    refuse_keywords("clip", {"out": out}, out=None)
    a_min, a_max = min, max
    given = [bound for bound in (a_min, a_max) if bound is not None]
    args = lift_all((a, *given))
    dtype = args[0].expr.dtype
    for bound in args[1:]:
        dtype = loop_of(np.maximum, (args[0], bound))[1] if dtype is args[0].expr.dtype else dtype
    if not given:
        return Tracer(args[0].expr, args[0].weak)
    low, high = (-math.inf, math.inf) if dtype.is_float else (_INT64.min, _INT64.max)
    frame = current()
    frame.mark()
    exprs = [cast(expr, dtype) for expr in broadcast_all(frame, args)]
    shape = exprs[0].shape
    bounds = iter(exprs[1:])
    least = next(bounds) if a_min is not None else frame.const(low, Type(dtype, shape))
    most = next(bounds) if a_max is not None else frame.const(high, Type(dtype, shape))
    found = frame.builder.apply(OPS["clip"], (exprs[0], least, most), {})
    return Tracer(found, weak_result(args, found))


@rule("take")
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    """Return the places that indices name along an axis."""
    refuse_keywords("take", {"out": out, "mode": mode}, out=None, mode="raise")
    x = lift(a)
    if indices is None or lift(indices).expr.dtype is DType.BOOL:
        shown = "None" if indices is None else describe(lift(indices))
        raise TypeMismatchError(
            f"{shown} cannot be the indices of np.take{where()}: give ints, or write x[mask]"
        )
    if axis is None:
        return RULES["__getitem__"](RULES["ravel"](x), indices)
    place = one_axis(axis, x.ndim, x)
    return at_axis(x, place, indices)


@rule("take_along_axis")
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Tracer:
    """Return at each place the element whose index along an axis stands there in `indices`."""
    x, places = lift(arr), lift(indices)
    if places.expr.dtype is not DType.I64:
        raise TypeMismatchError(
            f"{describe(places)} cannot be indices{where()}: convert them with .astype(int)"
        )
    if axis is None:
        x, axis = RULES["ravel"](x), 0
    if x.ndim != places.ndim:
        raise ShapeError(
            f"{describe(x)} and the indices {describe(places)} have different numbers of axes"
            f"{where()}: give as many"
        )
    frame = current()
    frame.mark()
    along = one_axis(axis, x.ndim, x)
    # All axes but one broadcast against each other.
    explain = explain_operands((x, places))
    own, theirs = list(x.sizes), list(places.sizes)
    length, count = own[along], theirs[along]
    own[along] = theirs[along] = 1
    both = common_shape((tuple(own), tuple(theirs)), explain)
    shared = frame.session.sizes.resolve_shape(both)
    whole_shape = tuple(length if k == along else n for k, n in enumerate(shared))
    result_shape = tuple(count if k == along else n for k, n in enumerate(shared))
    source = broadcast(frame.expr(x.expr), whole_shape)
    index = broadcast(frame.expr(places.expr), result_shape)
    operands = [
        index if k == along else counting(index, result_shape, k) for k in range(len(result_shape))
    ]
    spec = tuple(At(k) for k in range(len(result_shape)))
    return Tracer(OPS["index"](source, *operands, spec=spec), x.weak)


@rule("round", "around")
def round_(a: Any, decimals: Any = 0, out: Any = None) -> Any:
    """Return values rounded to the nearest, halves to even."""
    refuse_keywords("round", {"out": out}, out=None)
    x = lift(a)
    decimals = whole_number(0 if decimals is None else decimals, "decimals of np.round")
    if x.expr.dtype is DType.I64 and decimals < 0:
        tens = 10**-decimals
        return RULES["astype"](RULES["rint"](RULES["divide"](x, tens)), np.int64) * tens
    if not x.expr.dtype.is_float:
        return copied(x)
    if decimals == 0:
        return RULES["rint"](x)
    scale = 10.0 ** abs(decimals)
    up, down = ("multiply", "divide") if decimals > 0 else ("divide", "multiply")
    return RULES[down](RULES["rint"](RULES[up](x, scale)), scale)


@rule("__round__")
def python_round(x: Tracer, digits: int | None = None) -> Any:
    """Return what `round(x)` gives: an int without digits, as Python's numbers do."""
    return _as_int("rint", x) if digits is None else round_(x, digits)


def _as_int(rule_name: str, x: Tracer) -> Any:
    """Return a scalar rounded to an int.

    Raises `TypeMismatchError` for an array, as Python does.
    """
    if x.ndim:
        raise TypeMismatchError(
            f"{describe(x)} is no number to round{where()}: write np.round, np.floor or np.ceil"
        )
    return RULES["astype"](RULES[rule_name](x), np.int64)


for _name in ("floor", "ceil", "trunc"):
    RULES[f"__{_name}__"] = functools.partial(_as_int, _name)


@rule("diff")
def diff(a: Any, n: int = 1, axis: Any = -1, prepend: Any = None, append: Any = None) -> Any:
    """Return the differences of neighbours along an axis, n times over."""
    x = lift(a)
    place = one_axis(axis, x.ndim, x)
    if prepend is not None or append is not None:
        around = [None if part is None else _beside(x, part, place) for part in (prepend, append)]
        parts = [part for part in (around[0], x, around[1]) if part is not None]
        x = RULES["concatenate"](parts, axis=place)
    for _k in range(whole_number(n, "n of np.diff", 0)):
        earlier, later = at_axis(x, place, slice(-1)), at_axis(x, place, slice(1, None))
        x = RULES["subtract"](later, earlier)
    return x


def _beside(x: Tracer, part: Any, axis: int) -> Tracer:
    """Return what stands before or behind an array along an axis: a number is repeated."""
    value = lift(part)
    if value.ndim:
        return value
    shape = tuple(1 if k == axis else n for k, n in enumerate(x.shape))
    spread: Tracer = RULES["broadcast_to"](value, shape)
    return spread


@rule("diagonal")
def diagonal(a: Any, offset: int = 0, axis1: Any = 0, axis2: Any = 1) -> Tracer:
    """Return the diagonal of two axes, as the last axis of the result."""
    x = lift(a)
    offset = whole_number(offset, "the number of a diagonal")
    one, two = one_axis(axis1, x.ndim, x), one_axis(axis2, x.ndim, x)
    moved = RULES["moveaxis"](x, (one, two), (-2, -1))
    sizes = current().session.sizes
    rows, columns = moved.sizes[-2], moved.sizes[-1]
    down, right = max(-offset, 0), max(offset, 0)
    for start, length in ((down, rows), (right, columns)):
        if start and not sizes.decide(length, ">=", start, "the diagonal"):
            raise ShapeError(
                f"{describe(x)} has no diagonal {offset}{where()}: write one that lies inside"
            )
    height, width = rows - down, columns - right
    count = height if sizes.decide(height, "<=", width, "the diagonal") else width
    frame = current()
    frame.mark()
    steps = counting(frame, (count,))
    index = tuple(Tracer(steps if not start else steps + start) for start in (down, right))
    result: Tracer = RULES["__getitem__"](moved, (..., *index))
    return result


@rule("diag")
def diag(v: Any, k: int = 0) -> Tracer:
    """Return the diagonal of a matrix, or the matrix that has a vector on its diagonal."""
    x = lift(v)
    k = whole_number(k, "the number of a diagonal")
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ShapeError(f"np.diag takes a vector or a matrix, not {describe(x)}{where()}")
    frame = current()
    frame.mark()
    value = frame.expr(x.expr)
    n = value.shape[0]
    length = n + abs(k)
    steps = counting(frame, (n,))
    rows, columns = (steps + max(-k, 0)) if k < 0 else steps, (steps + k) if k > 0 else steps
    blank = frame.const(0, Type(value.dtype, (length, length)))
    return Tracer(OPS["update"](blank, value, rows, columns, spec=(At(0), At(1))))


@rule("trace")
def trace(
    a: Any, offset: int = 0, axis1: Any = 0, axis2: Any = 1, dtype: Any = None, **_: Any
) -> Any:
    """Return the sum of the diagonal."""
    refuse_keywords("trace", _, out=None)
    return RULES["sum"](diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@rule("linalg.diagonal")
def diagonal_of_matrices(x: Any, /, *, offset: int = 0) -> Tracer:
    """Return the diagonal of each matrix of a stack: of the last two axes, not of the first."""
    return diagonal(x, offset, -2, -1)


@rule("linalg.trace")
def trace_of_matrices(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """Return the trace of each matrix of a stack."""
    return trace(x, offset, -2, -1, dtype)


@rule("conj", "conjugate", "real", "real_if_close")
def real(x: Any) -> Tracer:
    """Return the value itself: there are no complex ones."""
    tracer = lift(x)
    return copied(tracer)


@rule("nan_to_num")
def nan_to_num(
    x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    """Return values with NaN and infinities replaced by numbers."""
    del copy  # a traced array is its own copy
    value = lift(x)
    if not value.expr.dtype.is_float:
        return real(value)
    most = float(np.finfo(value.dtype).max)
    found = where_(RULES["isnan"](value), nan, value)
    infinite = RULES["isinf"](value)
    positive = RULES["greater"](value, 0)
    above = RULES["logical_and"](infinite, positive)
    below = RULES["logical_and"](infinite, RULES["logical_not"](positive))
    found = where_(above, most if posinf is None else posinf, found)
    return where_(below, -most if neginf is None else neginf, found)
