"""Declare mean, var and std in terms of sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bpcompile.ir.dims import Size, dim_max, product
from bpcompile.ir.op import Kind, Op, call, declare
from bpcompile.ir.type import Type
from bpcompile.ops.choice import astype, equal, select
from bpcompile.ops.elementwise import floats, latex_call
from bpcompile.ops.powers import sqrt
from bpcompile.ops.reduce import kept_shape, spread, sum_
from bpcompile.ops.shape import broadcast_to

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr


def _infer(x: Type, *, axes: tuple[int, ...], ddof: int = 0) -> Type:
    """Return the type of a moment."""
    return floats(x).with_shape(kept_shape(x, axes))


def _wide(x: Any) -> Any:
    """Return an array in float64 at least, since moments are rounded once, at the end."""
    return np.asarray(x, dtype=np.result_type(x, np.float64))


def _mean(x: Any, axes: tuple[int, ...]) -> Any:
    """Return the mean."""
    return np.sum(_wide(x), axis=axes) / _length(x, axes)


def _var(x: Any, axes: tuple[int, ...], ddof: int) -> Any:
    """Return the variance: NumPy's of complex values would take absolute values."""
    d = _wide(x) - np.expand_dims(_mean(x, axes), axes)
    return np.sum(d * d, axis=axes) / np.float64(max(_length(x, axes) - ddof, 0))


def _length(x: Any, axes: tuple[int, ...]) -> Any:
    """Return the number of elements that a reduction folds into one."""
    return np.prod([np.shape(x)[k] for k in axes], dtype=float)


def _over(total: Expr, size: Size) -> Expr:
    """Return a value divided by a length, which a run may find to be 0."""
    if isinstance(size, int):
        return total / float(size)
    length = astype(total.builder.dim(size), dtype=total.dtype)
    return total / broadcast_to(length, total.shape, ())


def _count(x: Expr, axes: tuple[int, ...]) -> Size:
    """Return the number of elements that a reduction folds into one."""
    return product(tuple(x.shape[k] for k in axes))


def _over_count(total: Expr, x: Expr, axes: tuple[int, ...]) -> Expr:
    """Return a sum divided by the number of its terms."""
    return _over(total, _count(x, axes))


mean = declare(
    Op(
        "mean",
        Kind.COMPOSITE,
        infer=_infer,
        evaluate=_mean,
        vjp=lambda g, y, x, axes: (spread(_over_count(g, x, axes), x, axes),),
        mask=lambda where, x, axes: (where and spread(where, x, axes),),
        linear=(0,),
        expand=lambda x, axes: _over_count(sum_(x, axes=axes), x, axes),
        math=call("mean"),
        latex=latex_call("\\operatorname{mean}"),
        doc="The mean over `axes`.",
    )
)


def _deviation(x: Expr, axes: tuple[int, ...]) -> Expr:
    """Return the distance of each element from the mean."""
    return x - spread(mean(x, axes=axes), x, axes)


def _freedom(x: Expr, axes: tuple[int, ...], ddof: int) -> Size:
    """Return the divisor of a variance."""
    return dim_max(_count(x, axes) - ddof, 0) if ddof else _count(x, axes)


def _pulled_to_mean(scale: Expr, x: Expr, axes: tuple[int, ...]) -> Expr:
    """Return u less its mean for u = scale (x - mean).

    The chain rule through the mean: in exact arithmetic the mean of u is 0, and in ours it takes
    up the rounding of the mean of x.
    """
    u = spread(scale, x, axes) * _deviation(x, axes)
    return u - spread(mean(u, axes=axes), x, axes)


def _var_vjp(g: Expr, y: Expr, x: Expr, axes: tuple[int, ...], ddof: int) -> tuple[Expr]:
    """Return 2 g (x - mean)/(n - ddof), through the mean."""
    return (_pulled_to_mean(_over(2 * g, _freedom(x, axes, ddof)), x, axes),)


def _expand_var(x: Expr, axes: tuple[int, ...], ddof: int) -> Expr:
    """Return the mean of the squared deviations."""
    d = _deviation(x, axes)
    return _over(sum_(d * d, axes=axes), _freedom(x, axes, ddof))


var = declare(
    Op(
        "var",
        Kind.COMPOSITE,
        infer=_infer,
        evaluate=_var,
        vjp=_var_vjp,
        mask=lambda where, x, axes, ddof: (where and spread(where, x, axes),),
        expand=_expand_var,
        math=call("var"),
        latex=latex_call("\\operatorname{var}"),
        doc="The variance over `axes`, its divisor the number of elements less `ddof`.",
    )
)


def _std_vjp(g: Expr, y: Expr, x: Expr, axes: tuple[int, ...], ddof: int) -> tuple[Expr]:
    """Return g (x - mean)/(y (n - ddof)), through the mean; 0 where all elements are equal."""
    scale = select(equal(y, 0.0), 0.0, g / y)
    return (_pulled_to_mean(_over(scale, _freedom(x, axes, ddof)), x, axes),)


std = declare(
    Op(
        "std",
        Kind.COMPOSITE,
        infer=_infer,
        evaluate=lambda x, axes, ddof: np.sqrt(_var(x, axes, ddof)),
        vjp=_std_vjp,
        mask=lambda where, x, axes, ddof: (where and spread(where, x, axes),),
        expand=lambda x, axes, ddof: sqrt(var(x, axes=axes, ddof=ddof)),
        math=call("std"),
        latex=latex_call("\\operatorname{std}"),
        doc="The standard deviation over `axes`, of the variance with `ddof`.",
    )
)
