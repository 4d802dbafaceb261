"""Answer the functions that run along an axis: cumsum, cumprod, trapezoid, gradient and their like.

What is made of other NumPy functions is written in them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bpcompile.errors import ShapeError, UnsupportedError
from bpcompile.frontend.elementwise import as_float, cast
from bpcompile.frontend.functions.axes import at_axis, one_axis, some_axes
from bpcompile.frontend.lift import lift, required_dtype
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, refuse_keywords, rule
from bpcompile.frontend.session import current
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType


def _accumulated(op: str, a: Any, axis: Any, dtype: Any, **attrs: Any) -> Tracer:
    """Return what an op of the table makes of an array along one axis, None for all elements."""
    x: Any = lift(a)
    if axis is None or not x.ndim:
        x, axis = RULES["ravel"](x), 0 if axis is None else axis
    along = one_axis(axis, x.ndim, x)
    own = DType.I64 if x.expr.dtype is DType.BOOL else x.expr.dtype
    frame = current()
    frame.mark()
    value = cast(frame.expr(x.expr), own if dtype is None else required_dtype(dtype))
    return Tracer(OPS[op](value, axis=along, **attrs))


@rule("cumsum")
def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Tracer:
    """Return the sums of all elements up to each."""
    refuse_keywords("cumsum", {"out": out}, out=None)
    return _accumulated("cumsum", a, axis, dtype, reverse=False)


@rule("cumprod")
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Tracer:
    """Return the products of all elements up to each."""
    refuse_keywords("cumprod", {"out": out}, out=None)
    return _accumulated("cumprod", a, axis, dtype)


def _with_initial(op: str, x: Any, axis: Any, dtype: Any, first: float, rest: Any) -> Any:
    """Return a running fold as the array API names it, from its initial value on if asked for."""
    initial = rest.pop("include_initial", False)
    refuse_keywords(f"cumulative_{'sum' if op == 'cumsum' else 'prod'}", rest, out=None)
    value: Any = lift(x)
    if axis is None:
        if value.ndim != 1:
            raise ShapeError(
                f"a running fold of {describe(value)} needs an axis{where()}: write axis="
            )
        axis = 0
    found = RULES[op](value, axis, dtype)
    if not initial:
        return found
    along = one_axis(axis, value.ndim, value)
    start = np.full_like(np.take(found, np.zeros(1, int), axis=along), first)
    return np.concatenate([start, found], axis=along)


@rule("cumulative_sum")
def cumulative_sum(x: Any, /, *, axis: Any = None, dtype: Any = None, **_: Any) -> Any:
    """Return the sums of all elements up to each."""
    return _with_initial("cumsum", x, axis, dtype, 0.0, _)


@rule("cumulative_prod")
def cumulative_prod(x: Any, /, *, axis: Any = None, dtype: Any = None, **_: Any) -> Any:
    """Return the products of all elements up to each."""
    return _with_initial("cumprod", x, axis, dtype, 1.0, _)


@rule("nancumsum")
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Return the running sums with NaN taken for 0."""
    return np.cumsum(np.where(np.isnan(a), 0, a), axis, dtype, out)


@rule("nancumprod")
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Return the running products with NaN taken for 1."""
    return np.cumprod(np.where(np.isnan(a), 1, a), axis, dtype, out)


@rule("trapezoid")
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: Any = -1) -> Any:
    """Return the integral by the trapezoidal rule."""
    values: Any = lift(y)
    along = one_axis(axis, values.ndim, values)
    if x is None:
        width = dx
    else:
        places: Any = lift(x)
        if places.ndim not in (1, values.ndim):
            raise ShapeError(
                f"the places {describe(places)} of np.trapezoid do not fit {describe(values)}"
                f"{where()}: give a vector, or an array of its shape"
            )
        width = np.diff(places, axis=0 if places.ndim == 1 else along)
        if places.ndim == 1:
            width = np.reshape(width, (-1, *(1,) * (values.ndim - 1 - along)))
    left, right = at_axis(values, along, slice(-1)), at_axis(values, along, slice(1, None))
    return np.sum(width * ((left + right) / 2.0), axis=along)


@rule("ediff1d")
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Return the differences of neighbours among all elements, with what goes around them."""
    found = np.diff(np.ravel(ary))
    around = [np.ravel(part) for part in (to_begin,) if part is not None]
    behind = [np.ravel(part) for part in (to_end,) if part is not None]
    return np.concatenate([*around, found, *behind]) if around or behind else found


@rule("gradient")
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Return second-order central differences, one-sided at the ends: one array per axis."""
    values: Any = as_float(f)
    axes = some_axes(axis, values.ndim, values)
    spacings = list(varargs) or [1.0]
    if len(spacings) == 1 and not np.ndim(spacings[0]):
        spacings *= len(axes)
    if len(spacings) != len(axes):
        raise ShapeError(
            f"np.gradient of {describe(values)} along {len(axes)} axes got {len(spacings)} "
            f"spacings{where()}: give one, or one for each axis"
        )
    if edge_order not in (1, 2):
        raise UnsupportedError(f"edge_order={edge_order} of np.gradient{where()}: write 1 or 2")
    found = [
        _slope(values, along, spacing, edge_order)
        for along, spacing in zip(axes, spacings, strict=True)
    ]
    return found[0] if len(found) == 1 else tuple(found)


def _slope(y: Any, axis: int, spacing: Any, order: int) -> Any:
    """Return the differences along one axis, for even or uneven spacing."""
    sizes = current().session.sizes
    if not sizes.decide(y.sizes[axis], ">", order, "np.gradient"):
        raise ShapeError(
            f"axis {axis} of {describe(y)} is too short for np.gradient{where()}: it needs at "
            f"least {order + 1} places"
        )
    along = 0 if np.ndim(spacing) else axis
    if np.ndim(spacing) > 1:
        raise ShapeError(
            f"the spacing of np.gradient has {np.ndim(spacing)} axes{where()}: give a number, or "
            "a vector of places for each axis"
        )
    if np.ndim(spacing):
        steps = np.reshape(np.diff(lift(spacing)), (-1, *(1,) * (y.ndim - 1 - axis)))
    else:
        steps = np.ones_like(at_axis(y, axis, slice(1, None))) * spacing
    before, behind = at_axis(steps, along, slice(None, -1)), at_axis(steps, along, slice(1, None))
    rise = np.diff(y, axis=axis)
    left, right = at_axis(rise, axis, slice(None, -1)), at_axis(rise, axis, slice(1, None))
    inner = (left / before * behind + right / behind * before) / (before + behind)
    first = at_axis(rise, axis, slice(None, 1)) / at_axis(steps, along, slice(None, 1))
    last = at_axis(rise, axis, slice(-1, None)) / at_axis(steps, along, slice(-1, None))
    if order == 2:
        h0, h1 = at_axis(steps, along, slice(None, 1)), at_axis(steps, along, slice(1, 2))
        second = at_axis(rise, axis, slice(1, 2)) / h1
        first = first + (first - second) * h0 / (h0 + h1)
        h0, h1 = at_axis(steps, along, slice(-1, None)), at_axis(steps, along, slice(-2, -1))
        second = at_axis(rise, axis, slice(-2, -1)) / h1
        last = last + (last - second) * h0 / (h0 + h1)
    return np.concatenate([first, inner, last], axis=axis)


@rule("unwrap")
def unwrap(p: Any, discont: Any = None, axis: Any = -1, *, period: Any = 2 * np.pi) -> Any:
    """Return angles with jumps of more than half a turn taken back."""
    x: Any = as_float(p)
    along = one_axis(axis, x.ndim, x)
    step = np.diff(x, axis=along)
    half = period / 2
    least = half if discont is None else np.maximum(discont, half)
    folded = np.mod(step + half, period) - half
    folded = np.where(np.logical_and(folded == -half, step > 0), half, folded)
    back = np.where(np.abs(step) < least, 0.0, folded - step)
    first, rest = at_axis(x, along, slice(0, 1)), at_axis(x, along, slice(1, None))
    return np.concatenate([first, rest + np.cumsum(back, axis=along)], axis=along)
