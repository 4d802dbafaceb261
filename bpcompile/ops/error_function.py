"""Declare the error function and the normal distribution: erf, erfc, ndtr and their derivatives.

Rounding x² alone costs exp(-x²) a relative error of x² ε/2, hundreds of units beyond 5. So x is
split in two, as in W. J. Cody, "Rational Chebyshev approximations for the error function",
Math. Comp. 23 (1969): h has so few bits that h² is exact, and

    exp(-x²) = exp(-h²) exp((h - x)(h + x)).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from bpcompile.ir.op import REAL, Level, call, pattern
from bpcompile.ops import meaning
from bpcompile.ops.arithmetic import abs_, rint
from bpcompile.ops.choice import maximum, minimum
from bpcompile.ops.elementwise import elementwise, is_single
from bpcompile.ops.exponential import exp

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr

_FAR = 40.0  # exp(-x²/2) is 0 from 38.6 on, in float64
_PER_SQRT_2PI = 1 / math.sqrt(2 * math.pi)
_TWO_PER_SQRT_PI = 2 / math.sqrt(math.pi)


def _head(x: Expr) -> Expr:
    """Return x, at most 40 in magnitude, rounded to so few bits that its square is exact."""
    grid = 2.0**6 if is_single(x) else 2.0**20
    return rint(x * grid) * (1 / grid)


def _expand_gaussian(x: Expr) -> Expr:
    """Return exp(-x²)."""
    near = minimum(abs_(x), _FAR)
    h = _head(near)
    return exp(-(h * h)) * exp((h - near) * (h + near))


gaussian = elementwise(
    "gaussian",
    lambda x: np.exp(-np.square(x)),
    (lambda y, x: -2 * y * x,),
    expand=_expand_gaussian,
    math=pattern("exp(-{0}²)", Level.ATOM, Level.ATOM),
    latex="e^{{-{0}^2}}",
    domain=REAL,
    finite=True,
    cost=30.0,
    doc="exp(-x²), the derivative of erf but for its factor.",
)


def _expand_norm_pdf(x: Expr) -> Expr:
    """Return exp(-x²/2)/sqrt(2π)."""
    near = minimum(abs_(x), _FAR)
    h = _head(near)
    return _PER_SQRT_2PI * exp(-0.5 * (h * h)) * exp(0.5 * ((h - near) * (h + near)))


norm_pdf = elementwise(
    "norm_pdf",
    lambda x: np.exp(-np.square(x) / 2) * _PER_SQRT_2PI,
    (lambda y, x: -y * x,),
    expand=_expand_norm_pdf,
    math=call("φ"),
    latex="\\varphi\\left({0}\\right)",
    domain=REAL,
    finite=True,
    cost=30.0,
    doc="The density of the standard normal distribution, the derivative of ndtr.",
)


erf = elementwise(
    "erf",
    meaning.erf,
    (lambda y, x: _TWO_PER_SQRT_PI * gaussian(x),),
    call("math.erf"),
    call("scipy.special.erf"),
    vector=call("_erf"),
    math=call("erf"),
    domain=REAL,
    finite=True,
    cost=25.0,
    doc="The error function.",
)
erfc = elementwise(
    "erfc",
    meaning.erfc,
    (lambda y, x: -_TWO_PER_SQRT_PI * gaussian(x),),
    call("math.erfc"),
    call("_erfc"),
    vector=call("_erfc"),
    math=call("erfc"),
    domain=REAL,
    finite=True,
    cost=25.0,
    doc="One less the error function, right where that is tiny.",
)


def _root_half(bits: int) -> tuple[float, float]:
    """Return √½ as a number of `bits` bits and the rest, with no digit lost: (½ - c²)/(√½ + c)."""
    coarse = round(math.sqrt(0.5) * 2.0**bits) / 2.0**bits
    return coarse, (0.5 - coarse * coarse) / (math.sqrt(0.5) + coarse)


def _expand_ndtr(x: Expr) -> Expr:
    """Return erfc(-x/√2)/2, corrected for the rounding of x/√2, which its tail multiplies by x².

    The rest of the product is exact: h and the coarse part of √½ have few bits.
    """
    coarse, fine = _root_half(10 if is_single(x) else 24)
    near = maximum(minimum(x, _FAR), -_FAR)
    h = _head(near)
    z = near * math.sqrt(0.5)
    rest = (h * coarse - z) + (h * fine + (near - h) * math.sqrt(0.5))
    return 0.5 * erfc(-z) + math.sqrt(2.0) * norm_pdf(x) * rest


ndtr = elementwise(
    "ndtr",
    meaning.ndtr,
    (lambda y, x: norm_pdf(x),),
    expand=_expand_ndtr,
    math=call("Φ"),
    latex="\\Phi\\left({0}\\right)",
    domain=REAL,
    finite=True,
    cost=60.0,
    doc="The distribution function of the standard normal distribution.",
)
