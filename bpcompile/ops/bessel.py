"""Declare the Bessel functions of order 0 and 1: J, Y, and the modified I and K, scaled and not.

Their derivatives close among them (DLMF 10.6, 10.29). Those of exp(-|x|) I₀(x) and exp(x) K₀(x)
are differences of nearly equal values for large x, so that exp(-x) (I₀(x) - I₁(x)) and
exp(x) (K₁(x) - K₀(x)) are ops of their own, and so are those of the functions of order 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpcompile.ir.op import Domain, Op, call
from bpcompile.ops import scipy_meaning as meaning
from bpcompile.ops.arithmetic import abs_, sign
from bpcompile.ops.choice import isinf, select
from bpcompile.ops.elementwise import by_helper, elementwise, latex_call

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr

_POSITIVE = Domain(((0.3, 12.0),))
_BOTH = Domain(((-6.0, 6.0),))


def _over(y: Expr, x: Expr) -> Expr:
    """Return y / x for J₁ or I₁, at 0 their slope there."""
    return select(abs_(x) < 1e-9, 0.5, y / x)


def _i1_slope(y: Expr, x: Expr) -> Expr:
    """Return I₀ - I₁/x, also where both are infinite."""
    zero = i0(x)
    return select(isinf(zero), zero, zero - _over(y, x))


def _i1e_curve(y: Expr, x: Expr) -> Expr:
    """Return the second derivative of exp(-|x|) I₁(x) from the first one y."""
    size = abs_(x)
    at_zero = size < 1e-9
    ratio = select(at_zero, 0.5 - 0.5 * size, i1e(size) / size)
    rest = select(at_zero, -0.5, (y - ratio) / size)
    return sign(x) * (ratio - 2 * i0e_less_i1e(size) - rest)


def _k1e_curve(y: Expr, x: Expr) -> Expr:
    """Return the second derivative of exp(x) K₁(x) from the first one y (DLMF 10.25.1)."""
    return 2 * y - y / x + k1e(x) * ((1 + x) / x) / x


j0: Op = elementwise(
    "j0",
    meaning.j0,
    (lambda y, x: -j1(x),),
    *by_helper("_j0"),
    math=call("J₀"),
    latex=latex_call("J_0"),
    domain=_BOTH,
    finite=True,
    cost=60.0,
    doc="The Bessel function of the first kind of order 0.",
)
j1: Op = elementwise(
    "j1",
    meaning.j1,
    (lambda y, x: j0(x) - _over(y, x),),
    *by_helper("_j1"),
    math=call("J₁"),
    latex=latex_call("J_1"),
    domain=_BOTH,
    finite=True,
    cost=60.0,
    doc="The Bessel function of the first kind of order 1.",
)
y0: Op = elementwise(
    "y0",
    meaning.y0,
    (lambda y, x: -y1(x),),
    *by_helper("_y0"),
    math=call("Y₀"),
    latex=latex_call("Y_0"),
    domain=_POSITIVE,
    cost=80.0,
    doc="The Bessel function of the second kind of order 0.",
)
y1: Op = elementwise(
    "y1",
    meaning.y1,
    (lambda y, x: y0(x) - y / x,),
    *by_helper("_y1"),
    math=call("Y₁"),
    latex=latex_call("Y_1"),
    domain=_POSITIVE,
    cost=80.0,
    doc="The Bessel function of the second kind of order 1.",
)
i0: Op = elementwise(
    "i0",
    meaning.i0,
    (lambda y, x: i1(x),),
    *by_helper("_i0"),
    math=call("I₀"),
    latex=latex_call("I_0"),
    domain=_BOTH,
    cost=40.0,
    doc="The modified Bessel function of the first kind of order 0.",
)
i1: Op = elementwise(
    "i1",
    meaning.i1,
    (_i1_slope,),
    *by_helper("_i1"),
    math=call("I₁"),
    latex=latex_call("I_1"),
    domain=_BOTH,
    cost=40.0,
    doc="The modified Bessel function of the first kind of order 1.",
)
i0e_less_i1e: Op = elementwise(
    "i0e_less_i1e",
    meaning.i0e_less_i1e,
    (lambda y, x: i1e(x) / x - 2 * y,),
    *by_helper("_i0e_less_i1e"),
    latex="e^{{-{0}}} \\left(I_0\\left({0}\\right) - I_1\\left({0}\\right)\\right)",
    domain=_POSITIVE,
    cost=40.0,
    doc="exp(-x) (I₀(x) - I₁(x)) for x >= 0, without cancellation.",
)
i0e: Op = elementwise(
    "i0e",
    meaning.i0e,
    (lambda y, x: -sign(x) * i0e_less_i1e(abs_(x)),),
    *by_helper("_i0e"),
    latex="e^{{-\\left|{0}\\right|}} I_0\\left({0}\\right)",
    domain=_POSITIVE,
    finite=True,
    cost=40.0,
    doc="exp(-|x|) I₀(x); its derivative at its edge at 0 is 0.",
)
i1e_slope: Op = elementwise(
    "i1e_slope",
    meaning.i1e_slope,
    (_i1e_curve,),
    *by_helper("_i1e_slope"),
    latex="\\left(e^{{-\\left|{0}\\right|}} I_1\\right)'\\left({0}\\right)",
    domain=Domain(((0.3, 1.5),)),
    finite=True,
    cost=60.0,
    doc="The derivative of exp(-|x|) I₁(x), without cancellation for large x.",
)
i1e: Op = elementwise(
    "i1e",
    meaning.i1e,
    (lambda y, x: i1e_slope(x),),
    *by_helper("_i1e"),
    latex="e^{{-\\left|{0}\\right|}} I_1\\left({0}\\right)",
    domain=_POSITIVE,
    finite=True,
    cost=40.0,
    doc="exp(-|x|) I₁(x).",
)
k0: Op = elementwise(
    "k0",
    meaning.k0,
    (lambda y, x: -k1(x),),
    *by_helper("_k0"),
    math=call("K₀"),
    latex=latex_call("K_0"),
    domain=_POSITIVE,
    cost=60.0,
    doc="The modified Bessel function of the second kind of order 0.",
)
k1: Op = elementwise(
    "k1",
    meaning.k1,
    (lambda y, x: -k0(x) - y / x,),
    *by_helper("_k1"),
    math=call("K₁"),
    latex=latex_call("K_1"),
    domain=_POSITIVE,
    cost=60.0,
    doc="The modified Bessel function of the second kind of order 1.",
)
k1e_less_k0e: Op = elementwise(
    "k1e_less_k0e",
    meaning.k1e_less_k0e,
    (lambda y, x: 2 * y - k1e(x) / x,),
    *by_helper("_k1e_less_k0e"),
    latex="e^{{{0}}} \\left(K_1\\left({0}\\right) - K_0\\left({0}\\right)\\right)",
    domain=_POSITIVE,
    cost=60.0,
    doc="exp(x) (K₁(x) - K₀(x)), without cancellation.",
)
k0e: Op = elementwise(
    "k0e",
    meaning.k0e,
    (lambda y, x: -k1e_less_k0e(x),),
    *by_helper("_k0e"),
    latex="e^{{{0}}} K_0\\left({0}\\right)",
    domain=_POSITIVE,
    cost=60.0,
    doc="exp(x) K₀(x).",
)
k1e_slope: Op = elementwise(
    "k1e_slope",
    meaning.k1e_slope,
    (_k1e_curve,),
    *by_helper("_k1e_slope"),
    latex="\\left(e^{{x}} K_1\\right)'\\left({0}\\right)",
    domain=_POSITIVE,
    cost=60.0,
    doc="The derivative of exp(x) K₁(x), without cancellation for large x.",
)
k1e: Op = elementwise(
    "k1e",
    meaning.k1e,
    (lambda y, x: k1e_slope(x),),
    *by_helper("_k1e"),
    latex="e^{{{0}}} K_1\\left({0}\\right)",
    domain=_POSITIVE,
    cost=60.0,
    doc="exp(x) K₁(x).",
)
