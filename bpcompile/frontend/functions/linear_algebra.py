"""Answer the norms of `np.linalg`, and products of several matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bpcompile.errors import ShapeError, UnsupportedError
from bpcompile.frontend.elementwise import as_float
from bpcompile.frontend.functions.axes import one_axis, some_axes
from bpcompile.frontend.functions.spectra import spectral_norm
from bpcompile.frontend.lengths.length import length
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, refuse_keywords, rule
from bpcompile.frontend.session import current
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.dims import product


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
    """Return a vector norm, or a matrix norm over two axes."""
    value = as_float(x)
    if ord is None and (axis is None or isinstance(axis, int)):
        return _call("absolute", value) if not value.ndim else euclidean(value, axis, keepdims)
    axes = some_axes(axis, value.ndim, value)
    if len(axes) == 1:
        return _vector_norm(value, ord, axes[0], keepdims)
    if isinstance(axis, (tuple, list)):
        axes = tuple(one_axis(k, value.ndim, value) for k in axis)  # rows first
    if len(axes) != 2:
        raise ShapeError(
            f"np.linalg.norm of {describe(value)}{where()} over {len(axes)} axes: name one axis "
            "for vectors or two for matrices"
        )
    return _over_two(value, ord, axes, keepdims)


def _over_two(x: Tracer, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Tracer:
    """Return a matrix norm over two axes."""
    if ord is None or ord == "fro":
        return euclidean(x, axes, keepdims)
    rows, columns = axes
    if ord in (2, -2, "nuc"):
        found = spectral_norm(_call("moveaxis", x, axes, (-2, -1)), ord)
    elif ord in (1, -1, math.inf, -math.inf):
        folded, rest = (rows, columns) if abs(ord) == 1 else (columns, rows)
        sums = _call("sum", _call("absolute", x), axis=folded, keepdims=True)
        kept = _call("max" if ord > 0 else "min", sums, axis=rest, keepdims=True)
        return kept if keepdims else _call("squeeze", kept, axes)
    else:
        raise _unknown(x, ord)
    return _call("expand_dims", found, axes) if keepdims else found


def _unknown(x: Tracer, ord: Any) -> UnsupportedError:
    """Return the error for an order that is not known."""
    return UnsupportedError(
        f"np.linalg.norm of {describe(x)} with ord={ord!r} is not known for traced values"
        f"{where()}: vectors have any number, matrices 'fro', 'nuc', 1, -1, 2, -2, inf and -inf"
    )


def _vector_norm(x: Tracer, ord: Any, axis: int, keepdims: bool) -> Tracer:
    """Return a norm along one axis."""
    if ord is None or ord == 2:
        return euclidean(x, axis, keepdims)
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
    value = as_float(x)
    axes = some_axes(axis, value.ndim, value)
    if len(axes) == 1:
        return _vector_norm(value, ord, axes[0], keepdims)
    # All elements along the axes lie along one.
    rest = tuple(k for k in range(value.ndim) if k not in axes)
    lengths = tuple(value.shape[k] for k in rest)
    count = length(product(tuple(value.sizes[k] for k in axes)))
    flat = _call("reshape", _call("transpose", value, (*rest, *axes)), (*lengths, count))
    found = _vector_norm(flat, ord, len(rest), False)
    return _call("expand_dims", found, axes) if keepdims else found


@rule("linalg.matrix_norm")
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Tracer:
    """Return a norm of the matrices in the last two axes."""
    value = as_float(x)
    if value.ndim < 2:
        raise ShapeError(
            f"np.linalg.matrix_norm of {describe(value)}{where()} needs a matrix: for vectors "
            "there is np.linalg.vector_norm"
        )
    return _over_two(value, ord, (value.ndim - 2, value.ndim - 1), keepdims)


@rule("linalg.multi_dot")
def multi_dot(arrays: Any, **_: Any) -> Tracer:
    """Return the product of matrices, left to right."""
    refuse_keywords("multi_dot", _, out=None)
    found = arrays[0]
    for other in arrays[1:]:
        found = _call("matmul", found, other)
    result: Tracer = found
    return result
