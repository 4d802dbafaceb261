"""Declare logsumexp, softmax and log_softmax in terms of the shares exp(x - max).

Where an element reaches the maximum its exponent is 0, infinite or not: then the softmax of
(inf, 0) is (1, 0), and equal infinities share evenly.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from bpcompile.ir.op import OPS, Kind, Op, call, declare
from bpcompile.ir.type import Type
from bpcompile.ops.choice import equal, less, select, stop_gradient
from bpcompile.ops.elementwise import floats, latex_call
from bpcompile.ops.exponential import exp, log
from bpcompile.ops.reduce import kept_shape, max_, spread, sum_

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr

Axes = tuple[int, ...]


def _infer_folded(x: Type, *, axes: Axes) -> Type:
    """Return the type of logsumexp."""
    return floats(x).with_shape(kept_shape(x, axes))


def _infer_same(x: Type, *, axes: Axes) -> Type:
    """Return the type of a softmax."""
    return floats(x)


def _exponents(x: Expr, axes: Axes) -> Expr:
    """Return x less its maximum, 0 where it reaches that."""
    largest = spread(max_(x, axes=axes), x, axes)
    return select(equal(x, largest), 0.0, x - largest)


def _numpy_exponents(x: Any, axes: Axes) -> Any:
    """Return the same of NumPy arrays, in float64 at least."""
    x = np.asarray(x)
    x = x.astype(np.result_type(x.dtype, np.float64))
    largest = np.max(x, axis=axes, keepdims=True)
    return np.where(x == largest, 0, x - largest)


def _logsumexp(x: Any, axes: Axes) -> Any:
    """Return log Σ exp x."""
    total = np.sum(np.exp(_numpy_exponents(x, axes)), axis=axes)
    return np.max(x, axis=axes) + np.log(total)


def _softmax(x: Any, axes: Axes) -> Any:
    """Return exp x / Σ exp x."""
    e = np.exp(_numpy_exponents(x, axes))
    return e / np.sum(e, axis=axes, keepdims=True)


def _log_softmax(x: Any, axes: Axes) -> Any:
    """Return x - log Σ exp x."""
    t = _numpy_exponents(x, axes)
    return t - np.log(np.sum(np.exp(t), axis=axes, keepdims=True))


def _any_in_row(where: Expr | None, x: Expr, axes: Axes) -> tuple[Expr | None]:
    """Activate each row of which any place is active."""
    return (where and spread(OPS["any"](where, axes=axes), x, axes),)


def _softmax_vjp(g: Expr, y: Expr, x: Expr, axes: Axes) -> tuple[Expr]:
    """Return y (h - Σ h y) for h = g less g at the largest element.

    The shift changes nothing but the rounding: without it the largest element, whose share is all
    but 1, would get g - g = 0 in place of its tiny derivative.
    """
    wins = equal(x, spread(max_(x, axes=axes), x, axes))
    at_largest = stop_gradient(max_(select(wins, g, -math.inf), axes=axes))
    h = g - spread(at_largest, x, axes)
    return (y * (h - spread(sum_(h * y, axes=axes), x, axes)),)


def _expand_softmax(x: Expr, axes: Axes) -> Expr:
    """Return the shares over their sum."""
    e = exp(_exponents(x, axes))
    return e / spread(sum_(e, axes=axes), x, axes)


softmax = declare(
    Op(
        "softmax",
        Kind.COMPOSITE,
        infer=_infer_same,
        evaluate=_softmax,
        vjp=_softmax_vjp,
        mask=_any_in_row,
        expand=_expand_softmax,
        math=call("softmax"),
        latex=latex_call("\\operatorname{softmax}"),
        cost=16.0,
        doc="The exponentials over their sum along `axes`.",
    )
)


def _logsumexp_vjp(g: Expr, y: Expr, x: Expr, axes: Axes) -> tuple[Expr]:
    """Return g times the softmax, nothing where every element is -inf."""
    share = select(equal(y, -math.inf), 0.0, g)
    return (spread(share, x, axes) * softmax(x, axes=axes),)


logsumexp = declare(
    Op(
        "logsumexp",
        Kind.COMPOSITE,
        infer=_infer_folded,
        evaluate=_logsumexp,
        vjp=_logsumexp_vjp,
        mask=lambda where, x, axes: (where and spread(where, x, axes),),
        expand=lambda x, axes: max_(x, axes=axes) + log(sum_(exp(_exponents(x, axes)), axes=axes)),
        math=call("logsumexp"),
        latex="\\log \\sum e^{{{0}}}",
        cost=16.0,
        doc="The logarithm of the sum of exponentials over `axes`.",
    )
)


def _log_softmax_vjp(g: Expr, y: Expr, x: Expr, axes: Axes) -> tuple[Expr]:
    """Return g - p Σ g, and where one element is the largest, there (g Σ e - Σ g) / total.

    The sums of the second form go over the other elements. Both are the same but for rounding: a
    share that is all but 1 would leave g - g = 0 of the tiny derivative. Shares of elements that
    tie are at most a half, and lose nothing.
    """
    largest, e = max_(x, axes=axes), exp(_exponents(x, axes))
    wins = equal(x, spread(largest, x, axes))
    total = sum_(e, axes=axes)
    others = sum_(select(wins, 0.0, e), axes=axes)
    at_others = sum_(select(wins, 0.0, g), axes=axes)
    at_winner = (g * spread(others, x, axes) - spread(at_others, x, axes)) / spread(total, x, axes)
    elsewhere = g - softmax(x, axes=axes) * spread(sum_(g, axes=axes), x, axes)
    # The largest elements have e = 1, so that total - others counts them; nothing equals NaN.
    winner = select(less(total - others, 1.5), largest, math.nan)
    return (select(equal(x, spread(winner, x, axes)), at_winner, elsewhere),)


def _expand_log_softmax(x: Expr, axes: Axes) -> Expr:
    """Return the exponents less the logarithm of the sum of their exponentials."""
    t = _exponents(x, axes)
    return t - spread(log(sum_(exp(t), axes=axes)), x, axes)


log_softmax = declare(
    Op(
        "log_softmax",
        Kind.COMPOSITE,
        infer=_infer_same,
        evaluate=_log_softmax,
        vjp=_log_softmax_vjp,
        mask=_any_in_row,
        expand=_expand_log_softmax,
        math=call("log_softmax"),
        latex=latex_call("\\operatorname{log\\,softmax}"),
        cost=16.0,
        doc="The logarithm of the softmax along `axes`.",
    )
)
