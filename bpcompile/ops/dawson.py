"""Declare Dawson's integral, exp(-x²) ∫₀ˣ exp(t²) dt, and erfi, which is it without that factor.

The derivative of Dawson's, 1 - 2 x F(x), is a difference of nearly equal terms for large x: it is
an op of its own. That of erfi is 2/√π exp(x²), from 1 on the quotient of the two, which keeps the
digits that x² would lose.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bpcompile.ir.op import Domain, Op, call
from bpcompile.ops import scipy_meaning as meaning
from bpcompile.ops.arithmetic import abs_
from bpcompile.ops.choice import select
from bpcompile.ops.elementwise import by_helper, elementwise, latex_call
from bpcompile.ops.exponential import exp

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr

_BOTH = Domain(((-2.5, 2.5),))
_TWO_PER_ROOT_PI = 2 / math.sqrt(math.pi)

dawsn_slope: Op = elementwise(
    "dawsn_slope",
    meaning.dawsn_slope,
    (lambda y, x: -2 * (dawsn(x) + x * y),),
    *by_helper("_dawsn_slope"),
    math=call("F'"),
    latex=latex_call("F'"),
    domain=_BOTH,
    finite=True,
    cost=40.0,
    doc="The derivative of Dawson's integral F, 1 - 2 x F(x), without cancellation for large x.",
)
dawsn: Op = elementwise(
    "dawsn",
    meaning.dawsn,
    (lambda y, x: dawsn_slope(x),),
    *by_helper("_dawsn"),
    math=call("F"),
    latex=latex_call("F"),
    domain=_BOTH,
    finite=True,
    cost=40.0,
    doc="Dawson's integral, exp(-x²) times that of exp(t²) from 0 to x.",
)


def _erfi_slope(y: Expr, x: Expr) -> Expr:
    """Return 2/√π exp(x²), far out as erfi over Dawson's integral."""
    return select(abs_(x) < 1, _TWO_PER_ROOT_PI * exp(x * x), y / dawsn(x))


erfi: Op = elementwise(
    "erfi",
    meaning.erfi,
    (_erfi_slope,),
    *by_helper("_erfi"),
    math=call("erfi"),
    domain=_BOTH,
    cost=60.0,
    doc="The imaginary error function, 2/√π times the integral of exp(t²) from 0 to x.",
)
