"""Declare the beta function, and the incomplete gamma and beta functions with their densities.

The derivative of an incomplete function with respect to x is a density in closed form; those with
respect to its parameters are not. The densities have closed derivatives in every argument.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpcompile.ir.op import Domain, Op, call
from bpcompile.ops import scipy_meaning as meaning
from bpcompile.ops.elementwise import NoClosedForm, by_helper, elementwise, latex_call
from bpcompile.ops.exponential import log, log1p
from bpcompile.ops.gamma import digamma, hurwitz_zeta

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr

_GAMMA = Domain(((0.5, 5.0), (0.3, 6.0)))
_BETA = Domain(((0.5, 5.0), (0.5, 5.0), (0.1, 0.9)))


digamma_rise: Op = elementwise(
    "digamma_rise",
    meaning.digamma_rise,
    (
        lambda y, a, b: hurwitz_zeta(2.0, a + b) - hurwitz_zeta(2.0, a),
        lambda y, a, b: hurwitz_zeta(2.0, a + b),
    ),
    *by_helper("_digamma_rise", 2),
    latex="\\left(\\psi\\left({0} + {1}\\right) - \\psi\\left({0}\\right)\\right)",
    domain=Domain(((0.4, 4.0), (0.4, 4.0))),
    cost=200.0,
    doc="ψ(a + b) - ψ(a), without cancellation for positive numbers.",
)


def _share(a: Expr, b: Expr) -> Expr:
    """Return the derivative of log B(a, b) in a."""
    return -digamma_rise(a, b)


beta: Op = elementwise(
    "beta",
    meaning.beta,
    (lambda y, a, b: y * _share(a, b), lambda y, a, b: y * _share(b, a)),
    *by_helper("_beta", 2),
    math=call("B", 2),
    latex=latex_call("\\mathrm{B}", 2),
    domain=Domain(((0.4, 4.0), (0.4, 4.0))),
    commutative=True,
    cost=200.0,
    doc="The beta function, Γ(a) Γ(b) / Γ(a + b).",
)
betaln: Op = elementwise(
    "betaln",
    meaning.betaln,
    (lambda y, a, b: _share(a, b), lambda y, a, b: _share(b, a)),
    *by_helper("_betaln", 2),
    math=call("log B", 2),
    latex=latex_call("\\log\\mathrm{B}", 2),
    domain=Domain(((0.4, 4.0), (0.4, 4.0))),
    commutative=True,
    cost=200.0,
    doc="The logarithm of the absolute value of the beta function.",
)
gamma_density: Op = elementwise(
    "gamma_density",
    meaning.gamma_density,
    (
        lambda y, a, x: y * (log(x) - digamma(a)),
        lambda y, a, x: y * ((a - 1) / x - 1),
    ),
    *by_helper("_gamma_density", 2),
    latex="\\frac{{{1}^{{{0} - 1}} e^{{-{1}}}}}{{\\Gamma\\left({0}\\right)}}",
    domain=_GAMMA,
    cost=150.0,
    doc="xᵃ⁻¹ exp(-x) / Γ(a), the derivative of `gammainc` with respect to x.",
)
gammainc: Op = elementwise(
    "gammainc",
    meaning.gammainc,
    (NoClosedForm("gammainc", "a"), lambda y, a, x: gamma_density(a, x)),
    *by_helper("_gammainc", 2),
    math=call("P", 2),
    latex=latex_call("P", 2),
    domain=_GAMMA,
    cost=500.0,
    doc="The regularised lower incomplete gamma function.",
)
gammaincc: Op = elementwise(
    "gammaincc",
    meaning.gammaincc,
    (NoClosedForm("gammaincc", "a"), lambda y, a, x: -gamma_density(a, x)),
    *by_helper("_gammaincc", 2),
    math=call("Q", 2),
    latex=latex_call("Q", 2),
    domain=_GAMMA,
    cost=500.0,
    doc="The regularised upper incomplete gamma function.",
)
beta_density: Op = elementwise(
    "beta_density",
    meaning.beta_density,
    (
        lambda y, a, b, x: y * (log(x) - _share(a, b)),
        lambda y, a, b, x: y * (log1p(-x) - _share(b, a)),
        lambda y, a, b, x: y * ((a - 1) / x - (b - 1) / (1 - x)),
    ),
    *by_helper("_beta_density", 3),
    domain=_BETA,
    cost=300.0,
    doc="xᵃ⁻¹ (1 - x)ᵇ⁻¹ / B(a, b), the derivative of `betainc` with respect to x.",
)
betainc: Op = elementwise(
    "betainc",
    meaning.betainc,
    (
        NoClosedForm("betainc", "a"),
        NoClosedForm("betainc", "b"),
        lambda y, a, b, x: beta_density(a, b, x),
    ),
    *by_helper("_betainc", 3),
    math=call("I", 3),
    latex="I_{{{2}}}\\left({0}, {1}\\right)",
    domain=_BETA,
    cost=800.0,
    doc="The regularised incomplete beta function.",
)
