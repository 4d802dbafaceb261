"""Declare Spence's function, the dilogarithm of 1 - x: the integral of log(t)/(1 - t) from 1 to x.

Its derivative is written with log1p near 1, where both terms of the quotient vanish.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpcompile.ir.op import POSITIVE, Op, call
from bpcompile.ops import scipy_meaning as meaning
from bpcompile.ops.arithmetic import abs_
from bpcompile.ops.choice import equal, isinf, select
from bpcompile.ops.elementwise import by_helper, elementwise
from bpcompile.ops.exponential import log, log1p

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr


def _slope(y: Expr, x: Expr) -> Expr:
    """Return log(x)/(1 - x), at 1 its limit -1 and at infinity 0."""
    d = x - 1
    at_one = equal(d, 0.0)
    near = -(log1p(d) / select(at_one, 1.0, d))
    far = select(isinf(x), -0.0, -(log(x) / d))
    return select(at_one, -1.0, select(abs_(d) < 0.5, near, far))


spence: Op = elementwise(
    "spence",
    meaning.spence,
    (_slope,),
    *by_helper("_spence"),
    math=call("spence"),
    latex="\\operatorname{{Li}}_2\\left(1 - {0}\\right)",
    domain=POSITIVE,
    cost=60.0,
    doc="Spence's function, the dilogarithm of 1 - x, NaN where x is negative.",
)
