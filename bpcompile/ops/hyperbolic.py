"""Declare the hyperbolic functions and their inverses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bpcompile.ir.op import REAL, Domain, Op, call
from bpcompile.ops.arithmetic import abs_, copysign
from bpcompile.ops.choice import select
from bpcompile.ops.elementwise import elementwise, latex_call
from bpcompile.ops.exponential import bell, decay
from bpcompile.ops.powers import hypot, sqrt

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr

sinh = elementwise(
    "sinh",
    np.sinh,
    (lambda y, x: cosh(x),),
    call("math.sinh"),
    call("np.sinh"),
    vector=call("_sinh"),
    math=call("sinh"),
    latex=latex_call("\\sinh"),
    domain=REAL,
    cost=25.0,
    doc="The hyperbolic sine.",
)
cosh: Op = elementwise(
    "cosh",
    np.cosh,
    (lambda y, x: sinh(x),),
    call("math.cosh"),
    call("np.cosh"),
    vector=call("_cosh"),
    math=call("cosh"),
    latex=latex_call("\\cosh"),
    domain=REAL,
    cost=25.0,
    doc="The hyperbolic cosine.",
)


def _tanh_slope(y: Expr, x: Expr) -> Expr:
    """Return 1 - tanh(x)² as 4e/(1 + e)² for e = exp(-2|x|), which keeps its tiny values."""
    return 4 * bell(decay(2 * x))


def _expand_tanh(x: Expr) -> Expr:
    """Return tanh(x) = ±(1 - e)/(1 + e); below 0.55, where 1 - e cancels, the library's."""
    e = decay(2 * x)
    return select(abs_(x) < 0.55, tanh_near_zero(x), copysign((1 - e) / (1 + e), x))


tanh_near_zero = elementwise(
    "tanh_near_zero",
    np.tanh,
    (_tanh_slope,),
    call("math.tanh"),
    call("np.tanh"),
    vector=call("_tanh_small"),
    math=call("tanh"),
    latex=latex_call("\\tanh"),
    domain=Domain(((-0.6, 0.6),)),
    finite=True,
    cost=40.0,
    doc="The hyperbolic tangent of arguments within 0.625 of 0, as ``tanh`` is written with.",
)
tanh = elementwise(
    "tanh",
    np.tanh,
    (_tanh_slope,),
    expand=_expand_tanh,
    math=call("tanh"),
    latex=latex_call("\\tanh"),
    domain=REAL,
    finite=True,
    cost=30.0,
    doc="The hyperbolic tangent.",
)
arcsinh = elementwise(
    "arcsinh",
    np.arcsinh,
    (lambda y, x: 1 / hypot(x.builder.const(1, x.type), x),),
    call("math.asinh"),
    call("np.arcsinh"),
    vector=call("_arcsinh"),
    math=call("arcsinh"),
    domain=REAL,
    finite=True,
    cost=30.0,
    doc="The inverse hyperbolic sine.",
)
arccosh = elementwise(
    "arccosh",
    np.arccosh,
    (lambda y, x: 1 / (sqrt(x - 1) * sqrt(x + 1)),),
    call("math.acosh"),
    call("np.arccosh"),
    vector=call("_arccosh"),
    math=call("arccosh"),
    domain=Domain(((1.2, 3.0),)),
    cost=30.0,
    doc="The inverse hyperbolic cosine.",
)
arctanh = elementwise(
    "arctanh",
    np.arctanh,
    (lambda y, x: 1 / ((1 - x) * (1 + x)),),
    call("math.atanh"),
    call("np.arctanh"),
    vector=call("_arctanh"),
    math=call("arctanh"),
    domain=Domain(((-0.9, 0.9),)),
    cost=30.0,
    doc="The inverse hyperbolic tangent.",
)
