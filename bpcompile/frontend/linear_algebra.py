"""Answer the functions of `np.linalg` that are known so far: norm, and products by name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bpcompile.errors import UnsupportedError
from bpcompile.frontend.elementwise import as_float
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, refuse_keywords, rule
from bpcompile.frontend.session import current
from bpcompile.frontend.tracer import Tracer, describe


def _call(name: str, *args: Any, **keywords: Any) -> Tracer:
    """Return what a rule makes of its arguments."""
    found: Tracer = RULES[name](*args, **keywords)
    return found


def stop_gradient(x: Tracer) -> Tracer:
    """Return a value that every derivative takes as a constant."""
    frame = current()
    return Tracer(frame.apply("stop_gradient", frame.expr(x.expr)), x.weak)


def _unit(largest: Tracer) -> Tracer:
    """Return what elements are divided by before they are squared.

    That is 1 in the normal range of squares, and outside of it the largest magnitude, so that
    neither (3e200, 4e200) overflows nor (3e-200, 4e-200) vanishes.
    """
    single = largest.dtype == np.float32
    low, high = (1e-15, 1e15) if single else (1e-140, 1e140)
    extreme = _call("logical_or", _call("less", largest, low), _call("greater", largest, high))
    usable = _call("logical_and", _call("greater", largest, 0), _call("isfinite", largest))
    return _call("where", _call("logical_and", extreme, usable), largest, 1)


def euclidean(x: Tracer, axis: Any, keepdims: bool) -> Tracer:
    """Return the square root of the sum of squares; its derivative at 0 is 0."""
    count = _call("size", x) if axis is None else x.shape[axis] if isinstance(axis, int) else 1
    if count == 0:
        return _call("sum", x, axis, keepdims=keepdims)  # the norm of nothing is 0
    largest = _call("max", _call("absolute", stop_gradient(x)), axis, keepdims=True)
    unit = _unit(largest)
    total = _call("sum", _call("square", _call("divide", x, unit)), axis, keepdims=True)
    zero = _call("equal", total, 0)
    found = _call("where", zero, 0, _call("multiply", unit, _call("sqrt", total)))
    if keepdims:
        return found
    return _call("squeeze", found, tuple(range(x.ndim)) if axis is None else axis)


@rule("linalg.norm")
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tracer:
    """Return a vector norm, or the Frobenius, 1 or infinity norm of a matrix."""
    value = as_float(x)
    if ord is None or (ord in (2, "fro") and _is_euclidean(value, ord, axis)):
        if not value.ndim:
            return _call("absolute", value)
        return euclidean(value, axis, keepdims)
    axes = tuple(range(value.ndim)) if axis is None else axis
    if isinstance(axes, tuple) and len(axes) == 1:
        axes = axes[0]
    if isinstance(axes, int):
        return _vector_norm(value, ord, axes, keepdims)
    magnitudes = _call("absolute", value)
    if ord in (1, -1, math.inf, -math.inf) and len(axes) == 2:
        rows, columns = axes
        folded, rest = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = _call("sum", magnitudes, axis=folded, keepdims=True)
        found = _call("max" if ord > 0 else "min", sums, axis=rest, keepdims=True)
        return found if keepdims else _call("squeeze", found, axes)
    raise _unknown(value, ord)


def _is_euclidean(x: Tracer, ord: Any, axis: Any) -> bool:
    """Tell whether this order is the root of the sum of squares for these axes."""
    count = x.ndim if axis is None else len(axis) if isinstance(axis, tuple) else 1
    is_vector_order = bool(ord == 2)
    return (count == 1) == is_vector_order


def _unknown(x: Tracer, ord: Any) -> UnsupportedError:
    """Return the error for an order that is not known."""
    return UnsupportedError(
        f"np.linalg.norm of {describe(x)} with ord={ord!r} is not known for traced values"
        f"{where()}: vectors have any number, matrices 'fro', 1, -1, inf and -inf"
    )


def _vector_norm(x: Tracer, ord: Any, axis: int, keepdims: bool) -> Tracer:
    """Return a norm along one axis."""
    if not isinstance(ord, (int, float)):
        raise _unknown(x, ord)
    magnitudes = _call("absolute", x)
    if math.isinf(ord):
        return _call("max" if ord > 0 else "min", magnitudes, axis, keepdims=keepdims)
    if ord == 0:
        nonzero = RULES["astype"](_call("not_equal", x, 0), x.dtype)
        return _call("sum", nonzero, axis, keepdims=keepdims)
    if ord == 1:
        return _call("sum", magnitudes, axis, keepdims=keepdims)
    total = _call("sum", _call("power", magnitudes, ord), axis, keepdims=keepdims)
    zero = _call("equal", total, 0)
    return _call("where", zero, 0, _call("power", total, 1.0 / ord))


@rule("linalg.vector_norm")
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Tracer:
    """Return a vector norm over all elements or along axes."""
    if axis is None and not keepdims:
        return norm(_call("ravel", x), ord, 0)
    return norm(x, ord, axis, keepdims)


@rule("linalg.multi_dot")
def multi_dot(arrays: Any, **_: Any) -> Tracer:
    """Return the product of matrices, left to right."""
    refuse_keywords("multi_dot", _, out=None)
    found = arrays[0]
    for other in arrays[1:]:
        found = _call("matmul", found, other)
    result: Tracer = found
    return result
