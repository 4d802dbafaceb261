"""Declare the circular functions and their inverses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from bpcompile.ir.op import REAL, Domain, Op, call
from bpcompile.ops import meaning
from bpcompile.ops.arithmetic import abs_, copysign, rint
from bpcompile.ops.choice import equal, maximum, select
from bpcompile.ops.elementwise import elementwise, latex_call
from bpcompile.ops.powers import sqrt

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr

_UNIT = Domain(((-0.9, 0.9),))

sin = elementwise(
    "sin",
    np.sin,
    (lambda y, x: cos(x),),
    call("math.sin"),
    call("np.sin"),
    math=call("sin"),
    latex=latex_call("\\sin"),
    domain=REAL,
    finite=True,
    cost=15.0,
    doc="The sine.",
)
cos: Op = elementwise(
    "cos",
    np.cos,
    (lambda y, x: -sin(x),),
    call("math.cos"),
    call("np.cos"),
    math=call("cos"),
    latex=latex_call("\\cos"),
    domain=REAL,
    finite=True,
    cost=15.0,
    doc="The cosine.",
)
tan = elementwise(
    "tan",
    np.tan,
    (lambda y, x: 1 + y * y,),
    call("math.tan"),
    call("np.tan"),
    math=call("tan"),
    latex=latex_call("\\tan"),
    domain=Domain(((-1.2, 1.2),)),
    finite=True,
    cost=20.0,
    doc="The tangent.",
)


def _arcsin_slope(x: Expr) -> Expr:
    """Return 1/sqrt(1 - x²), the difference as a product, which is right near ±1."""
    return 1 / sqrt((1 - x) * (1 + x))


arcsin = elementwise(
    "arcsin",
    np.arcsin,
    (lambda y, x: _arcsin_slope(x),),
    call("math.asin"),
    call("np.arcsin"),
    vector=call("_arcsin"),
    math=call("arcsin"),
    latex=latex_call("\\arcsin"),
    domain=_UNIT,
    cost=20.0,
    doc="The inverse sine.",
)
arccos = elementwise(
    "arccos",
    np.arccos,
    (lambda y, x: -_arcsin_slope(x),),
    call("math.acos"),
    call("np.arccos"),
    vector=call("_arccos"),
    math=call("arccos"),
    latex=latex_call("\\arccos"),
    domain=_UNIT,
    cost=20.0,
    doc="The inverse cosine.",
)


def _arctan_slope(x: Expr) -> Expr:
    """Return 1/(1 + x²); beyond 1e9 the 1 is lost and x² might overflow."""
    return select(abs_(x) < 1e9, 1 / (1 + x * x), 1 / x / x)


arctan = elementwise(
    "arctan",
    np.arctan,
    (lambda y, x: _arctan_slope(x),),
    call("math.atan"),
    call("np.arctan"),
    vector=call("_arctan"),
    math=call("arctan"),
    latex=latex_call("\\arctan"),
    domain=REAL,
    finite=True,
    cost=20.0,
    doc="The inverse tangent.",
)


def _arctan2_slope(part: Expr, a: Expr, b: Expr) -> Expr:
    """Return part/(a² + b²), scaled by the larger magnitude; 0 at the origin."""
    largest = maximum(abs_(a), abs_(b))
    u, v = a / largest, b / largest
    return select(equal(largest, 0.0), 0.0, part / largest / (u * u + v * v) / largest)


arctan2 = elementwise(
    "arctan2",
    meaning.arctan2,
    (lambda y, a, b: _arctan2_slope(b, a, b), lambda y, a, b: -_arctan2_slope(a, a, b)),
    call("math.atan2", 2),
    call("np.arctan2", 2),
    math=call("arctan2", 2),
    domain=Domain(((-2.0, 2.0), (0.2, 2.0))),
    cost=30.0,
    doc="The angle of the vector with coordinates y and x; at 0 its derivative is 0.",
)


def _folded(x: Expr) -> tuple[Expr, Expr]:
    """Return x less the nearest even number, and the same folded to [-1/2, 1/2] by sin's symmetry.

    Both are exact, so that sin(πx) keeps its digits beside whole numbers.
    """
    r = x - 2 * rint(x * 0.5)
    return r, select(abs_(r) > 0.5, copysign(1.0, r) - r, r)


def _expand_sinc(x: Expr) -> Expr:
    """Return sin(πx)/(πx)."""
    _, folded = _folded(x)
    at_zero = equal(x, 0.0)
    return select(at_zero, 1.0, sin(math.pi * folded) / select(at_zero, 1.0, math.pi * x))


# Coefficients of sinc'(x)/(π² x) in powers of (πx)², which cancel nothing up to |x| = 1/2.
_SINC_SLOPE = tuple((-1) ** k * 2 * k / math.factorial(2 * k + 1) for k in range(1, 13))


def _sinc_slope(y: Expr, x: Expr) -> Expr:
    """Return (cos(πx) - sinc(x))/x, near 0 by its series."""
    square = (math.pi * x) * (math.pi * x)
    total: Expr | float = 0.0
    for coefficient in reversed(_SINC_SLOPE):
        total = total * square + coefficient
    r, folded = _folded(x)
    cosine = cos(math.pi * folded)
    turned = select(abs_(r) > 0.5, -cosine, cosine)
    near = abs_(x) < 0.5
    return select(near, math.pi**2 * x * total, (turned - y) / select(near, 1.0, x))


sinc = elementwise(
    "sinc",
    meaning.sinc,
    (_sinc_slope,),
    expand=_expand_sinc,
    math=call("sinc"),
    latex=latex_call("\\operatorname{sinc}"),
    domain=REAL,
    finite=True,
    cost=25.0,
    doc="sin(πx)/(πx), 1 at 0.",
)
