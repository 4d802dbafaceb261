"""Make arrays inside a model: zeros, array, arange, linspace, eye and their like.

NumPy does not dispatch these, so the source rewriting calls them in place of NumPy's, and
`bpcompile.numpy` offers them under the same names. Where nothing is traced and nothing is being
traced, each is NumPy's own. Within a trace, `zeros`, `ones`, `full` and `empty` give traced
arrays, so that they can be written to; the others do so where an argument is traced or a length,
or the array is one of floats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bpcompile.errors import ArgumentError, LimitError, ShapeError, TraceError, TypeMismatchError
from bpcompile.frontend.complex.pairs import Complex
from bpcompile.frontend.elementwise import as_float, broadcast, cast, counting, promoted
from bpcompile.frontend.functions.axes import whole_number
from bpcompile.frontend.functions.joining import stacked
from bpcompile.frontend.functions.shapes import shape_of
from bpcompile.frontend.lengths.length import Length, length
from bpcompile.frontend.lengths.runtime import required_size
from bpcompile.frontend.lift import copied, dtype_of, lift, required_dtype
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, refuse_keywords, rule
from bpcompile.frontend.session import current, is_tracing
from bpcompile.frontend.tracer import MOST_UNROLLED, Tracer, describe
from bpcompile.ir.build import Expr
from bpcompile.ir.dims import Size, floor_div
from bpcompile.ir.type import Type

_MOST_NESTED = 32


def is_traced(value: Any) -> bool:
    """Tell whether a value is traced, or a list or tuple with a traced value in it."""
    stack = [(value, 0)]
    while stack:
        found, depth = stack.pop()
        if isinstance(found, (Tracer, Length, Complex)):
            return True
        if isinstance(found, (list, tuple)) and depth < _MOST_NESTED:
            stack.extend((part, depth + 1) for part in found)
    return False


def _made(shape: Any, value: Any, dtype: Any, rest: dict[str, Any]) -> Tracer:
    """Return an array of one value."""
    refuse_keywords("full", rest, order="C", device=None, like=None)
    sizes = shape_of(shape)
    if any(isinstance(n, int) and n < 0 for n in sizes):
        raise ShapeError(f"the shape {sizes} has a negative length{where()}: write 0 or more")
    frame = current()
    frame.mark()
    tracer = lift(value)
    wanted = tracer.expr.dtype if dtype is None else required_dtype(dtype)
    sizes = frame.session.sizes.resolve_shape(sizes)
    return Tracer(cast(broadcast(frame.expr(tracer.expr), sizes), wanted))


def zeros(shape: Any, dtype: Any = float, **_: Any) -> Any:
    """Return an array of zeros."""
    return _made(shape, 0, dtype, _) if is_tracing() else np.zeros(shape, dtype, **_)


def ones(shape: Any, dtype: Any = None, **_: Any) -> Any:
    """Return an array of ones."""
    dtype = float if dtype is None else dtype
    return _made(shape, 1, dtype, _) if is_tracing() else np.ones(shape, dtype, **_)


def full(shape: Any, fill_value: Any, dtype: Any = None, **_: Any) -> Any:
    """Return an array of one value."""
    if is_tracing():
        return _made(shape, fill_value, dtype, _)
    return np.full(shape, fill_value, dtype, **_)


def empty(shape: Any, dtype: Any = float, **_: Any) -> Any:
    """Return an array whose values do not matter: zeros."""
    return _made(shape, 0, dtype, _) if is_tracing() else np.empty(shape, dtype, **_)


def _like(value: Any, name: str) -> Callable[..., Any]:
    """Return the rule of `zeros_like` or `ones_like`."""

    def answer(a: Any, dtype: Any = None, *_: Any, shape: Any = None, **rest: Any) -> Any:
        refuse_keywords(name, rest, order="K", subok=True)
        x = lift(a)
        return _made(x.shape if shape is None else shape, value, dtype or x.dtype, {})

    answer.__name__ = name
    return answer


for _name, _value in (("zeros_like", 0), ("empty_like", 0), ("ones_like", 1)):
    RULES[_name] = _like(_value, _name)


@rule("full_like")
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, *_: Any, shape: Any = None, **rest: Any
) -> Any:
    """Return an array of one value, of the shape and dtype of another."""
    refuse_keywords("full_like", rest, order="K", subok=True)
    x = lift(a)
    wanted = x.shape if shape is None else shape
    value = lift(fill_value)
    if value.ndim:
        value = RULES["broadcast_to"](value, wanted)
    return _made(wanted, value, dtype or x.dtype, {})


def _own(known: Any) -> Any:
    """Return a known array that a model made: floats are traced, so that they can be written to.

    Ints and bools stay known, since they may be indices, masks or shapes.
    """
    is_float = isinstance(known, np.ndarray) and known.dtype.kind == "f" and known.ndim
    return copied(lift(known)) if is_float and is_tracing() else known


# -- from values -------------------------------------------------------------------------------


@rule("asarray")
def asarray(a: Any, dtype: Any = None, *rest: Any, **_: Any) -> Any:
    """Return a value as an array: a traced one, or a list with traced values in it."""
    if not is_traced(a):
        return np.asarray(a, dtype, *rest, **_)
    refuse_keywords("array", _, order=None, copy=None, device=None, like=None)
    found = _nested(a)
    if dtype is None:
        return found
    frame = current()
    frame.mark()
    return Tracer(cast(frame.expr(found.expr), required_dtype(dtype)))


def array(object: Any, dtype: Any = None, *rest: Any, **_: Any) -> Any:
    """Return a new array of a value: a traced one, or a list with traced values in it."""
    if not is_traced(object):
        return _own(np.array(object, dtype, *rest, **_))
    least = _.pop("ndmin", 0)
    if _.get("copy") is True:
        _.pop("copy")
    refuse_keywords("array", _, order="K", subok=False, like=None)
    found = asarray(object, dtype)
    if found.ndim < least:
        found = RULES["reshape"](found, (1,) * (least - found.ndim) + found.shape)
    return copied(found)


def _nested(value: Any, depth: int = 0) -> Tracer:
    """Return nested lists of values as one array."""
    if not isinstance(value, (list, tuple)):
        return lift(value)
    if depth > _MOST_NESTED or len(value) > MOST_UNROLLED:
        raise LimitError(
            f"np.array of a list with {len(value)} traced parts{where()}: write at most "
            f"{MOST_UNROLLED}, or build it from arrays"
        )
    if not is_traced(value):
        return lift(np.asarray(value))
    parts = [_nested(part, depth + 1) for part in value]
    return stacked(parts, 0, promoted(parts))


# -- counting ----------------------------------------------------------------------------------


def iota(size: Size) -> Expr:
    """Return 0, 1, ..., size - 1 as i64."""
    frame = current()
    frame.mark()
    return counting(frame, (frame.session.sizes.resolve(size),))


def arange(*bounds: Any, step: Any = None, dtype: Any = None, **_: Any) -> Any:
    """Return evenly spaced ints: up to a stop, or from a start to a stop by a step."""
    named = [_.pop(name) for name in ("start", "stop") if name in _]
    bounds = (*bounds, *named)
    if not is_traced((*bounds, step)):
        given = bounds if step is None else (*bounds, *([step] if len(bounds) > 1 else []))
        if step is not None and len(bounds) == 1:
            given = (0, bounds[0], step)
        return _own(np.arange(*given, dtype=dtype, **_))
    refuse_keywords("arange", _, device=None, like=None)
    if len(bounds) == 3:
        step = bounds[2]
    start, stop = (0, bounds[0]) if len(bounds) == 1 else bounds[:2]
    pace = 1 if step is None else step
    if not isinstance(pace, int) or pace == 0:
        raise TraceError(
            f"the step {pace!r} of np.arange over traced bounds must be a known int{where()}: "
            "write one, and multiply the result"
        )
    count = _count(required_size(stop, "a bound of np.arange"), start, pace)
    frame = current()
    found = iota(count)
    if pace != 1:
        found = found * pace
    if not (isinstance(start, int) and start == 0):
        found = found + broadcast(frame.expr(lift(start).expr), found.shape)
    return Tracer(found if dtype is None else cast(found, required_dtype(dtype)))


def _count(stop: Size, start: Any, pace: int) -> Size:
    """Return the number of steps from a start to a stop."""
    first = required_size(start, "a bound of np.arange")
    sizes = current().session.sizes
    distance = stop - first if pace > 0 else first - stop
    if not sizes.decide(distance, ">=", 0, "np.arange"):
        return 0
    return floor_div(distance + (abs(pace) - 1), abs(pace))


@rule("linspace")
def linspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True, **rest: Any) -> Any:
    """Return evenly spaced values from a start to a stop, both of them scalars."""
    if not is_traced((start, stop, num)):
        plain: Any = np.linspace
        return _own(plain(start, stop, num, endpoint, **rest))
    dtype = rest.pop("dtype", None)
    refuse_keywords("linspace", rest, retstep=False, axis=0, device=None)
    a, b = as_float(start), as_float(stop)
    if a.ndim or b.ndim:
        raise TypeMismatchError(
            f"np.linspace takes scalar bounds here{where()}: broadcast the result"
        )
    count = required_size(num, "the length of np.linspace")
    kind = promoted((a, b)).numpy_name
    steps = RULES["astype"](Tracer(iota(count)), kind)
    intervals = length(count - 1 if endpoint else count)
    pace = RULES["subtract"](b, a)
    if intervals:
        pace = RULES["divide"](pace, RULES["astype"](RULES["maximum"](intervals, 1), kind))
    found = RULES["add"](RULES["multiply"](steps, pace), a)
    if endpoint and current().session.sizes.decide(count, ">", 1, "np.linspace"):
        # The last value is the stop itself, as in NumPy, not a rounded sum.
        found = RULES["where"](RULES["equal"](steps, intervals), b, found)
    return found if dtype is None else RULES["astype"](found, dtype)


def eye(N: Any, M: Any = None, k: int = 0, dtype: Any = float, **_: Any) -> Any:
    """Return ones on a diagonal and zeros elsewhere."""
    if not is_traced((N, M)):
        return _own(np.eye(N, M, k, dtype, **_))
    refuse_keywords("eye", _, order="C", device=None, like=None)
    rows = required_size(N, "the length of np.eye")
    columns = rows if M is None else required_size(M, "the length of np.eye")
    on = _offset(rows, columns, k, "equal")
    return RULES["astype"](on, dtype)


def identity(n: Any, dtype: Any = None, **_: Any) -> Any:
    """Return the identity matrix."""
    return eye(n, dtype=float if dtype is None else dtype, **_)


def _offset(rows: Size, columns: Size, k: Any, relation: str) -> Tracer:
    """Return where the column compares like this with the row plus k."""
    row = RULES["expand_dims"](Tracer(iota(rows)), 1)
    found: Tracer = RULES[relation](Tracer(iota(columns)), RULES["add"](row, k) if k else row)
    return found


@rule("tril")
def tril(m: Any, k: int = 0) -> Any:
    """Return a matrix with zeros above a diagonal."""
    x = lift(m)
    k = k if is_traced(k) else whole_number(k, "k of np.tril")
    return RULES["where"](_offset(*_matrix(x), k, "less_equal"), x, _zero(x))


@rule("triu")
def triu(m: Any, k: int = 0) -> Any:
    """Return a matrix with zeros below a diagonal."""
    x = lift(m)
    k = k if is_traced(k) else whole_number(k, "k of np.triu")
    return RULES["where"](_offset(*_matrix(x), k, "greater_equal"), x, _zero(x))


def _matrix(x: Tracer) -> tuple[Size, Size]:
    """Return the lengths of the last two axes.

    Raises `ShapeError` where there are none.
    """
    if x.ndim < 2:
        raise ShapeError(f"{describe(x)} is no matrix{where()}: write at least two axes")
    return x.sizes[-2], x.sizes[-1]


def _zero(x: Tracer) -> Tracer:
    """Return zero in the dtype of a value."""
    return Tracer(current().const(0, Type(x.expr.dtype)))


@rule("meshgrid")
def meshgrid(*xi: Any, sparse: bool = False, indexing: str = "xy", **_: Any) -> Any:
    """Return coordinate arrays of the grid that vectors span."""
    _.pop("copy", None)  # a traced array is its own copy
    refuse_keywords("meshgrid", _)
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"indexing={indexing!r} of np.meshgrid{where()}: write 'xy' or 'ij'")
    vectors: Sequence[Tracer] = [RULES["ravel"](x) for x in xi]
    rank = len(vectors)
    order = list(range(rank))
    if indexing == "xy" and rank > 1:
        order[:2] = [1, 0]
    placed = []
    for vector, axis in zip(vectors, order, strict=True):
        shape = tuple(vector.shape[0] if k == axis else 1 for k in range(rank))
        placed.append(RULES["reshape"](vector, shape))
    return tuple(placed) if sparse else RULES["broadcast_arrays"](*placed)


# What the source rewriting calls in place of NumPy's function.
REPLACED: dict[Any, Callable[..., Any]] = {
    np.zeros: zeros,
    np.ones: ones,
    np.full: full,
    np.empty: empty,
    np.array: array,
    np.asarray: asarray,
    np.asanyarray: asarray,
    np.ascontiguousarray: asarray,
    np.asfortranarray: asarray,
    np.arange: arange,
    np.eye: eye,
    np.identity: identity,
    np.linspace: linspace,
}


def scalar_type(dtype: Any) -> Callable[..., Any]:
    """Return what stands for a call of a NumPy scalar type, such as ``np.float32(x)``."""

    def convert(value: Any = 0, *rest: Any) -> Any:
        if not is_traced(value):
            return dtype(value, *rest)
        return RULES["astype"](asarray(value), dtype)

    return convert


for _dtype in (np.float64, np.float32, np.int64, np.intp, np.int32, np.bool_):
    if dtype_of(_dtype) is not None:
        REPLACED[_dtype] = scalar_type(_dtype)
