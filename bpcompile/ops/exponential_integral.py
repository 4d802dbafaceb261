"""Declare the exponential, sine and cosine integrals, and exprel, the relative exponential.

Of the exponential integrals of whole order each is the derivative of the next, but for its sign.

exp(x)/x is written as a product of two roots of it: it is a number where exp(x) overflows already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpcompile.ir.op import POSITIVE, REAL, Domain, Op, call
from bpcompile.ops import meaning, scipy_meaning
from bpcompile.ops.arithmetic import abs_
from bpcompile.ops.choice import equal, select
from bpcompile.ops.elementwise import NoClosedForm, by_helper, elementwise, latex_call
from bpcompile.ops.exponential import exp
from bpcompile.ops.trigonometric import cos, sin

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr


def _exp_over(x: Expr, sign: float) -> Expr:
    """Return exp(sign x)/x."""
    root = exp(0.5 * sign * x)
    return root / x * root


expi = elementwise(
    "expi",
    meaning.expi,
    (lambda y, x: _exp_over(x, 1.0),),
    call("_expi"),
    math=call("Ei"),
    latex=latex_call("\\operatorname{Ei}"),
    domain=Domain(((0.6, 3.0),)),
    cost=120.0,
    doc="The exponential integral Ei(x), the principal value of that of exp(t)/t up to x.",
)
exp1 = elementwise(
    "exp1",
    meaning.exp1,
    (lambda y, x: -_exp_over(x, -1.0),),
    call("_exp1"),
    math=call("E1"),
    latex=latex_call("E_1"),
    domain=POSITIVE,
    cost=80.0,
    doc="The exponential integral E1(x), that of exp(-t)/t from x on.",
)
expn: Op = elementwise(
    "expn",
    scipy_meaning.expn,
    (NoClosedForm("expn", "n"), lambda y, n, x: -expn(n - 1, x)),
    *by_helper("_expn", 2),
    math=call("E", 2),
    latex="E_{{{0}}}\\left({1}\\right)",
    domain=Domain(((2.0, 2.0), (0.1, 5.0))),
    cost=400.0,
    doc="The exponential integral of whole order n, that of exp(-x t)/tⁿ from 1 on.",
)


def _exprel_curve(y: Expr, x: Expr) -> Expr:
    """Return the second derivative of exprel, from the first one y; near 0 by the power series."""
    series: Expr | float = 1 / 15
    for k in range(11, -1, -1):
        series = series * x / (k + 1) + 1 / (k + 3)
    near = abs_(x) < 0.5
    return select(near, series, (exp(x) - 2 * y) / select(near, 1.0, x))


exprel_slope: Op = elementwise(
    "exprel_slope",
    meaning.exprel_slope,
    (_exprel_curve,),
    call("_exprel_slope"),
    math=call("exprel'"),
    latex=latex_call("\\operatorname{exprel}'"),
    domain=REAL,
    cost=50.0,
    doc="The derivative of exprel, right near 0.",
)
exprel = elementwise(
    "exprel",
    meaning.exprel,
    (lambda y, x: exprel_slope(x),),
    call("_exprel"),
    latex="\\frac{{e^{{{0}}} - 1}}{{{0}}}",
    domain=REAL,
    cost=25.0,
    doc="(exp(x) - 1)/x, 1 at 0.",
)
si = elementwise(
    "si",
    meaning.si,
    (lambda y, x: select(equal(x, 0.0), 1.0, sin(x) / x),),
    call("_si"),
    math=call("Si"),
    latex=latex_call("\\operatorname{Si}"),
    domain=REAL,
    cost=120.0,
    doc="The sine integral, that of sin(t)/t from 0 to x.",
)
ci = elementwise(
    "ci",
    meaning.ci,
    (lambda y, x: cos(x) / x,),
    call("_ci"),
    math=call("Ci"),
    latex=latex_call("\\operatorname{Ci}"),
    domain=Domain(((0.7, 3.0),)),
    cost=120.0,
    doc="The cosine integral of |x|, that of cos(t)/t from there on, negated.",
)
