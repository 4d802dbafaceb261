"""Declare the ops that fold axes away: sum, max, min, any, all, argmax, argmin.

Every reduction has the attribute `axes`, a sorted tuple of the axes that disappear. The transpose
of ``sum`` is ``broadcast`` (in `ops.shape`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bpcompile.ir.dims import Size
from bpcompile.ir.op import OPS, Kind, Op, declare
from bpcompile.ir.type import DType, Type
from bpcompile.ops.shape import broadcast_to

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr


def kept_axes(rank: int, axes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axes that a reduction keeps."""
    return tuple(k for k in range(rank) if k not in axes)


def kept_shape(x: Type, axes: tuple[int, ...]) -> tuple[Size, ...]:
    """Return the shape that a reduction leaves."""
    return tuple(x.shape[k] for k in kept_axes(x.rank, axes))


def _same_dtype(x: Type, *, axes: tuple[int, ...]) -> Type:
    """Return the type of a reduction that keeps the dtype."""
    return Type(x.dtype, kept_shape(x, axes))


def _as(dtype: DType) -> Callable[..., Type]:
    """Return the type rule of a reduction with a dtype of its own."""
    return lambda x, *, axes: Type(dtype, kept_shape(x, axes))


def spread(value: Expr, x: Expr, axes: tuple[int, ...]) -> Expr:
    """Return the result of a reduction repeated over the axes that it folded."""
    return broadcast_to(value, x.shape, kept_axes(len(x.shape), axes))


def _sum(x: Any, axes: tuple[int, ...]) -> Any:
    """Sum in float64 and round once, so that float32 sums are accurate."""
    x = np.asarray(x)
    wide = np.float64 if x.dtype == np.float32 else x.dtype
    return np.sum(x, axis=axes, dtype=wide).astype(x.dtype)


sum_ = declare(
    Op(
        "sum",
        Kind.REDUCE,
        infer=_same_dtype,
        evaluate=_sum,
        vjp=lambda g, y, x, axes: (spread(g, x, axes),),
        mask=lambda where, x, axes: (where and spread(where, x, axes),),
        linear=(0,),
        latex="\\sum {0}",
        doc="The sum over `axes`.",
    )
)


def _extreme_vjp(g: Expr, y: Expr, x: Expr, axes: tuple[int, ...]) -> tuple[Expr]:
    """Share the cotangent evenly among the places that reach the extreme value."""
    wins = x.equals(spread(y, x, axes))
    count = sum_(OPS["select"](wins, x.builder.const(1, x.type), 0.0), axes=axes)
    return (OPS["select"](wins, spread(g / count, x, axes), 0.0),)


def _extreme_mask(op: str) -> Callable[..., tuple[Expr]]:
    """Return the mask rule of max or min: the losers contribute nothing."""

    def mask(where: Expr | None, x: Expr, axes: tuple[int, ...]) -> tuple[Expr]:
        wins = x.equals(spread(OPS[op](x, axes=axes), x, axes))
        return (wins if where is None else wins & spread(where, x, axes),)

    return mask


max_ = declare(
    Op(
        "max",
        Kind.REDUCE,
        infer=_same_dtype,
        evaluate=lambda x, axes: np.max(x, axis=axes),
        vjp=_extreme_vjp,
        mask=_extreme_mask("max"),
        latex="\\max {0}",
        doc="The largest value over `axes`; NaN where there is one.",
    )
)

min_ = declare(
    Op(
        "min",
        Kind.REDUCE,
        infer=_same_dtype,
        evaluate=lambda x, axes: np.min(x, axis=axes),
        vjp=_extreme_vjp,
        mask=_extreme_mask("min"),
        latex="\\min {0}",
        doc="The smallest value over `axes`; NaN where there is one.",
    )
)


any_ = declare(
    Op(
        "any",
        Kind.REDUCE,
        infer=_as(DType.BOOL),
        evaluate=lambda x, axes: np.any(x, axis=axes),
        derivative="zero",
        latex="\\operatorname{{any}} {0}",
        doc="Whether any value over `axes` is true.",
    )
)

all_ = declare(
    Op(
        "all",
        Kind.REDUCE,
        infer=_as(DType.BOOL),
        evaluate=lambda x, axes: np.all(x, axis=axes),
        derivative="zero",
        latex="\\operatorname{{all}} {0}",
        doc="Whether all values over `axes` are true.",
    )
)

argmax = declare(
    Op(
        "argmax",
        Kind.REDUCE,
        infer=_as(DType.I64),
        evaluate=lambda x, axes: np.argmax(x, axis=axes[0]),
        derivative="zero",
        latex="\\arg\\max {0}",
        doc="The first index of the largest value along the one axis in `axes`.",
    )
)

argmin = declare(
    Op(
        "argmin",
        Kind.REDUCE,
        infer=_as(DType.I64),
        evaluate=lambda x, axes: np.argmin(x, axis=axes[0]),
        derivative="zero",
        latex="\\arg\\min {0}",
        doc="The first index of the smallest value along the one axis in `axes`.",
    )
)
