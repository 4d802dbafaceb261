"""Declare the inverses of the error function and of the normal distribution's: erfinv, ndtri.

The derivative 1/φ(y) at y = ndtri(p) would have y² times the error of y in the tails. But φ(y) is
the probability of the tail times a function of y that hardly changes, so that

    dy/dp = 1 / (λ(|y|) min(p, 1 - p)),   λ = φ/(1 - Φ),

where 1 - p is exact; likewise for the error function, with erfcx. In the centre the density stands
as it is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bpcompile.ir.op import Domain, Level, Op, call, pattern
from bpcompile.ops import meaning
from bpcompile.ops.arithmetic import abs_
from bpcompile.ops.choice import minimum, select
from bpcompile.ops.elementwise import elementwise, latex_call
from bpcompile.ops.exponential import exp
from bpcompile.ops.scaled_error import erfcx, normal_hazard

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr

_HALF_ROOT_PI = math.sqrt(math.pi) / 2
_ROOT_2PI = math.sqrt(2 * math.pi)


def _erf_slope(y: Expr, tail: Expr) -> Expr:
    """Return √π/2 exp(y²), far out as √π/2 erfcx(|y|) over the tail erfc(|y|)."""
    size = abs_(y)
    return select(size < 0.5, _HALF_ROOT_PI * exp(y * y), _HALF_ROOT_PI * erfcx(size) / tail)


def _ndtri_slope(y: Expr, p: Expr) -> Expr:
    """Return √(2π) exp(y²/2), far out as 1 over the hazard and the tail min(p, 1 - p)."""
    tail = 1 / normal_hazard(abs_(y)) / minimum(p, 1 - p)
    return select(abs_(y) < 0.7, _ROOT_2PI * exp(0.5 * (y * y)), tail)


erfinv: Op = elementwise(
    "erfinv",
    meaning.erfinv,
    (lambda y, x: _erf_slope(y, 1 - abs_(x)),),
    call("_erfinv"),
    math=pattern("erf⁻¹({0})", Level.ATOM, Level.CONDITION),
    latex=latex_call("\\operatorname{erf}^{-1}"),
    domain=Domain(((-0.9, 0.9),)),
    cost=120.0,
    doc="The inverse of the error function.",
)
erfcinv: Op = elementwise(
    "erfcinv",
    meaning.erfcinv,
    (lambda y, x: -_erf_slope(y, minimum(x, 2 - x)),),
    call("_erfcinv"),
    math=pattern("erfc⁻¹({0})", Level.ATOM, Level.CONDITION),
    latex=latex_call("\\operatorname{erfc}^{-1}"),
    domain=Domain(((0.1, 1.9),)),
    cost=120.0,
    doc="The inverse of erfc, right where that is tiny.",
)
ndtri: Op = elementwise(
    "ndtri",
    meaning.ndtri,
    (_ndtri_slope,),
    call("_ndtri"),
    math=pattern("Φ⁻¹({0})", Level.ATOM, Level.CONDITION),
    latex=latex_call("\\Phi^{-1}"),
    domain=Domain(((0.05, 0.95),)),
    cost=120.0,
    doc="The point below which the normal distribution has a given probability.",
)
