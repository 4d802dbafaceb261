"""Declare exponentials and logarithms, and what is made of them: logaddexp, sigmoid, softplus.

The functions of e = exp(-|x|) share it between value and derivative, and keep the tiny derivatives
of their saturated ends, where the textbook forms s (1 - s) and 1 - t² cancel to 0.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from bpcompile.ir.op import POSITIVE, REAL, REAL2, Domain, Level, Op, call, pattern
from bpcompile.ops import meaning
from bpcompile.ops.arithmetic import abs_
from bpcompile.ops.choice import equal, isfinite, isnan, maximum, minimum, select
from bpcompile.ops.elementwise import elementwise, latex_call

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr

_LN2 = math.log(2.0)
_PER_LN2 = 1.0 / math.log(2.0)
_PER_LN10 = 1.0 / math.log(10.0)

exp = elementwise(
    "exp",
    np.exp,
    (lambda y, x: y,),
    call("math.exp"),
    call("np.exp"),
    vector=call("_exp"),
    math=call("exp"),
    latex="e^{{{0}}}",
    domain=REAL,
    cost=12.0,
    doc="The exponential.",
)
exp2 = elementwise(
    "exp2",
    np.exp2,
    (lambda y, x: _LN2 * y,),
    call("math.exp2"),
    call("np.exp2"),
    vector=call("_exp2"),
    math=pattern("2^{0}", Level.POWER, Level.POWER),
    latex="2^{{{0}}}",
    domain=REAL,
    cost=12.0,
    doc="Two to a power.",
)
expm1 = elementwise(
    "expm1",
    np.expm1,
    (lambda y, x: exp(x),),  # y + 1 would be 0 at -40
    call("math.expm1"),
    call("np.expm1"),
    vector=call("_expm1"),
    math=call("expm1"),
    latex="e^{{{0}}} - 1",
    domain=REAL,
    cost=16.0,
    doc="The exponential less one, right near 0.",
)
log = elementwise(
    "log",
    np.log,
    (lambda y, x: 1 / x,),
    call("math.log"),
    call("np.log"),
    vector=call("_log"),
    math=call("log"),
    latex=latex_call("\\log"),
    domain=POSITIVE,
    cost=12.0,
    doc="The natural logarithm.",
)
log1p = elementwise(
    "log1p",
    np.log1p,
    (lambda y, x: 1 / (1 + x),),
    call("math.log1p"),
    call("np.log1p"),
    vector=call("_log1p"),
    math=call("log1p"),
    latex="\\log\\left(1 + {0}\\right)",
    domain=Domain(((-0.8, 2.0),)),
    cost=16.0,
    doc="The logarithm of one more, right near 0.",
)
log2 = elementwise(
    "log2",
    np.log2,
    (lambda y, x: _PER_LN2 / x,),
    call("math.log2"),
    call("np.log2"),
    vector=call("_log2"),
    math=call("log2"),
    latex=latex_call("\\log_2"),
    domain=POSITIVE,
    cost=12.0,
    doc="The logarithm to base 2.",
)
log10 = elementwise(
    "log10",
    np.log10,
    (lambda y, x: _PER_LN10 / x,),
    call("math.log10"),
    call("np.log10"),
    vector=call("_log10"),
    math=call("log10"),
    latex=latex_call("\\log_{10}"),
    domain=POSITIVE,
    cost=16.0,
    doc="The logarithm to base 10.",
)


def _gap(a: Expr, b: Expr, power: Op = exp, log_base: float = 1.0) -> Expr:
    """Return exp(-|a - b|), or another power of it; 1 where both are the same infinity.

    What the rounding of a - b loses is found again (D. E. Knuth, The Art of Computer Programming,
    volume 2, section 4.2.2): the exponential would make a relative error of it.
    """
    same = equal(a, b)
    difference = select(same, 0.0, a - b)
    back = difference - a
    lost = (a - (difference - back)) - (b + back)
    known = isfinite(difference) & ~same
    right = select(known, select(difference > 0.0, -lost, lost), 0.0)
    return power(-abs_(difference)) * (1 + log_base * right)


def _share(y: Expr, larger: Expr, e: Expr) -> Expr:
    """Return the share of an operand of logaddexp, 1/(1 + e) or e/(1 + e); 0 where both are 0."""
    return select(equal(y, -math.inf), 0.0, select(larger, 1.0, e) / (1 + e))


logaddexp = elementwise(
    "logaddexp",
    meaning.logaddexp,
    (
        lambda y, a, b: _share(y, a >= b, _gap(a, b)),
        lambda y, a, b: _share(y, b >= a, _gap(a, b)),
    ),
    expand=lambda a, b: maximum(a, b) + log1p(_gap(a, b)),
    math=call("logaddexp", 2),
    latex="\\log\\left(e^{{{0}}} + e^{{{1}}}\\right)",
    domain=REAL2,
    commutative=True,
    finite=True,
    cost=32.0,
    doc="The logarithm of the sum of two exponentials.",
)


def _gap2(a: Expr, b: Expr) -> Expr:
    """Return 2 to the power -|a - b|, 1 where both are the same infinity."""
    return _gap(a, b, exp2, _LN2)


logaddexp2 = elementwise(
    "logaddexp2",
    meaning.logaddexp2,
    (
        lambda y, a, b: _share(y, a >= b, _gap2(a, b)),
        lambda y, a, b: _share(y, b >= a, _gap2(a, b)),
    ),
    expand=lambda a, b: maximum(a, b) + log1p(_gap2(a, b)) * _PER_LN2,
    math=call("logaddexp2", 2),
    latex="\\log_2\\left(2^{{{0}}} + 2^{{{1}}}\\right)",
    domain=Domain(((0.1, 2.0), (0.1, 2.0))),
    commutative=True,
    finite=True,
    cost=32.0,
    doc="The logarithm to base 2 of the sum of two powers of 2.",
)


xlogy = elementwise(
    "xlogy",
    meaning.xlogy,
    (lambda _, x, y: log(y), lambda _, x, y: select(equal(x, 0.0), 0.0, x / y)),
    expand=lambda x, y: select(equal(x, 0.0) & ~isnan(y), 0.0, x * log(y)),
    math=pattern("{0} log({1})", Level.MULTIPLY, Level.MULTIPLY, Level.CONDITION),
    latex="{0} \\log\\left({1}\\right)",
    domain=Domain(((-2.0, 2.0), (0.2, 2.0))),
    cost=14.0,
    doc="The first operand times the logarithm of the second, 0 where the first is 0.",
)


def _expand_logit(x: Expr) -> Expr:
    """Return log(x/(1 - x)), near 1/2 by log1p."""
    central = log1p((2 * x - 1) / (1 - x))
    return select((x > 0.3) & (x < 0.65), central, log(x / (1 - x)))


logit = elementwise(
    "logit",
    meaning.logit,
    (lambda y, x: 1 / (x * (1 - x)),),
    expand=_expand_logit,
    domain=Domain(((0.1, 0.9),)),
    cost=20.0,
    doc="The inverse of the sigmoid.",
)


def decay(x: Expr) -> Expr:
    """Return exp(-|x|)."""
    return exp(-abs_(x))


def bell(e: Expr) -> Expr:
    """Return e/(1 + e)², with the square written so that it is rounded once where e is small."""
    return e / (1 + e * (2 + e))


def _expand_sigmoid(x: Expr) -> Expr:
    """Return 1/(1 + exp(-x)), without overflow."""
    e = decay(x)
    return select(x >= 0.0, 1.0, e) / (1 + e)


def _sigmoid_slope(y: Expr, x: Expr) -> Expr:
    """Return y (1 - y) as e/(1 + e)², which keeps its tiny values on both sides."""
    return bell(decay(x))


sigmoid = elementwise(
    "sigmoid",
    meaning.sigmoid,
    (_sigmoid_slope,),
    expand=_expand_sigmoid,
    latex=latex_call("\\sigma"),
    domain=REAL,
    finite=True,
    cost=18.0,
    doc="The logistic function 1/(1 + exp(-x)), `scipy.special.expit`.",
)


def _complement(y: Expr, x: Expr) -> Expr:
    """Return 1 - sigmoid(x)."""
    e = decay(x)
    return select(x >= 0.0, e, 1.0) / (1 + e)


softplus = elementwise(
    "softplus",
    meaning.softplus,
    (lambda y, x: _expand_sigmoid(x),),
    expand=lambda x: maximum(x, 0.0) + log1p(decay(x)),
    latex="\\log\\left(1 + e^{{{0}}}\\right)",
    domain=REAL,
    finite=True,
    cost=30.0,
    doc="The smooth positive part log(1 + exp(x)).",
)
log_sigmoid = elementwise(
    "log_sigmoid",
    meaning.log_sigmoid,
    (_complement,),
    expand=lambda x: minimum(x, 0.0) - log1p(decay(x)),
    latex="\\log\\sigma\\left({0}\\right)",
    domain=REAL,
    finite=True,
    cost=30.0,
    doc="The logarithm of the sigmoid.",
)
