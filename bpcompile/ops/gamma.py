"""Declare the gamma function and what is made of it: its logarithm, inverse and derivatives.

The derivative of log Γ is ψ, and those of ψ are Hurwitz's zeta function of whole numbers,

    ψ⁽ⁿ⁾(x) = (-1)ⁿ⁺¹ n! ζ(n + 1, x)        (DLMF 25.11.12),

so every order of derivative is there. The emitted helpers name the methods that they follow.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bpcompile.ir.op import Domain, Op, call
from bpcompile.ops import scipy_meaning as meaning
from bpcompile.ops.arithmetic import abs_, floor
from bpcompile.ops.choice import equal, select
from bpcompile.ops.elementwise import NoClosedForm, by_helper, elementwise, latex_call
from bpcompile.ops.trigonometric import cos

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr

hurwitz_zeta: Op = elementwise(
    "hurwitz_zeta",
    meaning.zeta,
    (NoClosedForm("zeta", "x"), lambda y, s, q: -s * hurwitz_zeta(s + 1, q)),
    *by_helper("_zeta", 2),
    math=call("ζ", 2),
    latex=latex_call("\\zeta", 2),
    domain=Domain(((1.5, 4.0), (0.4, 3.0))),
    cost=400.0,
    doc="Hurwitz's zeta function, Σ (q + k)⁻ˢ over k = 0, 1, ...",
)
riemann_zeta = elementwise(
    "riemann_zeta",
    meaning.riemann_zeta,
    (NoClosedForm("zeta", "x"),),
    *by_helper("_riemann_zeta"),
    math=call("ζ"),
    latex=latex_call("\\zeta"),
    domain=Domain(((1.5, 4.0),)),
    cost=400.0,
    doc="Riemann's zeta function of a real number.",
)
digamma = elementwise(
    "digamma",
    meaning.digamma,
    (lambda y, x: hurwitz_zeta(2.0, x),),
    *by_helper("_digamma"),
    math=call("ψ"),
    latex=latex_call("\\psi"),
    domain=Domain(((0.4, 4.0),)),
    cost=40.0,
    doc="The logarithmic derivative of Γ.",
)
gammaln = elementwise(
    "gammaln",
    meaning.gammaln,
    (lambda y, x: digamma(x),),
    *by_helper("_gammaln"),
    math=call("log Γ"),
    latex="\\log\\left|\\Gamma\\left({0}\\right)\\right|",
    domain=Domain(((0.4, 4.0),)),
    cost=60.0,
    doc="The logarithm of the absolute value of Γ.",
)
gamma = elementwise(
    "gamma",
    meaning.gamma,
    (lambda y, x: y * digamma(x),),
    *by_helper("_gamma"),
    math=call("Γ"),
    latex=latex_call("\\Gamma"),
    domain=Domain(((0.4, 4.0),)),
    cost=80.0,
    doc="The gamma function, NaN at its poles -1, -2, ...",
)


def _rgamma_slope(y: Expr, x: Expr) -> Expr:
    """Return -ψ/Γ, at the zeros of 1/Γ its limit (-1)ⁿ n! at -n, also where that is rounded."""
    zero = (x <= 0.0) & equal(x, floor(x)) | (abs_(x) < 1e-20)
    return select(zero, cos(math.pi * x) * gamma(1 - x), -(y * digamma(x)))


rgamma = elementwise(
    "rgamma",
    meaning.rgamma,
    (_rgamma_slope,),
    *by_helper("_rgamma"),
    math=call("1/Γ"),
    latex="\\frac{{1}}{{\\Gamma\\left({0}\\right)}}",
    domain=Domain(((0.4, 4.0),)),
    cost=80.0,
    doc="The inverse of Γ, which has no poles.",
)
