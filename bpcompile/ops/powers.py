"""Declare powers and roots: sqrt, cbrt, power, hypot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bpcompile.ir.op import POSITIVE, Domain, Level, call, pattern
from bpcompile.ops import meaning
from bpcompile.ops.arithmetic import abs_
from bpcompile.ops.choice import equal, select
from bpcompile.ops.elementwise import (
    constant_value,
    elementwise,
    is_single,
    numbers,
)
from bpcompile.ops.exponential import log

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr

sqrt = elementwise(
    "sqrt",
    np.sqrt,
    # The root of -0.0 is -0.0, and the derivative there is +inf, from the right.
    (lambda y, x: 0.5 / abs_(y),),
    call("math.sqrt"),
    call("np.sqrt"),
    math=call("sqrt"),
    latex="\\sqrt{{{0}}}",
    domain=POSITIVE,
    cost=4.0,
    doc="The square root; its derivative at 0 is inf.",
)


cbrt = elementwise(
    "cbrt",
    meaning.cbrt,
    (lambda y, x: 1 / (y * y) / 3,),
    call("_cbrt"),
    call("_cbrt"),
    math=call("cbrt"),
    latex="\\sqrt[3]{{{0}}}",
    domain=Domain(((0.1, 3.0),)),
    cost=30.0,
    doc="The real cube root.",
)


def _moderate(y: Expr) -> Expr:
    """Return where y is so far from overflow and underflow that y b/a rounds well."""
    low, high = (1e-28, 1e28) if is_single(y) else (1e-288, 1e288)
    return (abs_(y) > low) & (abs_(y) < high)


def _power_slope(y: Expr, a: Expr, b: Expr) -> Expr | float:
    """Return ∂(aᵇ)/∂a = b aᵇ⁻¹, which is 0 wherever b is 0.

    A constant integer exponent less one is exact. Any other is rounded, and the error of aᵇ⁻¹ is
    |log a| times that: so b y/a stands wherever y is no extreme, which also saves the power.
    """
    exponent = constant_value(b)
    if exponent == 0:
        return 0.0
    if exponent == 1:
        return 1.0
    if exponent == 2:
        return 2 * a
    if exponent is not None and exponent.is_integer():
        return exponent * power(a, exponent - 1)
    slope = select(_moderate(y), b * y / a, b * power(a, b - 1))
    return slope if exponent is not None else select(equal(b, 0.0), 0.0, slope)


def _power_growth(y: Expr, a: Expr, b: Expr) -> Expr:
    """Return ∂(aᵇ)/∂b = aᵇ log a, which is 0 where aᵇ is, and at 0⁰."""
    at_zero = equal(y, 0.0) | (equal(a, 0.0) & equal(b, 0.0))
    return select(at_zero, 0.0, y * log(a))


power = elementwise(
    "power",
    meaning.power,
    (_power_slope, _power_growth),
    pattern("{0}**{1}", Level.POWER, Level.ATOM, Level.NEGATE),
    call("np.power", 2),
    infer=numbers,
    vector=call("_pow", 2),
    math=pattern("{0}^{1}", Level.POWER, Level.ATOM, Level.POWER),
    latex="{{{0}}}^{{{1}}}",
    domain=Domain(((0.2, 2.0), (-2.0, 2.0))),
    cost=40.0,
    doc="The first operand raised to the second.",
)


def _ratio(part: Expr, y: Expr) -> Expr:
    """Return ∂y/∂part = part/y, 0 at the origin."""
    return select(equal(y, 0.0), 0.0, part / y)


hypot = elementwise(
    "hypot",
    meaning.hypot,
    (lambda y, a, b: _ratio(a, y), lambda y, a, b: _ratio(b, y)),
    call("math.hypot", 2),
    call("np.hypot", 2),
    math=call("hypot", 2),
    latex="\\sqrt{{{0}^2 + {1}^2}}",
    domain=Domain(((0.2, 2.0), (-2.0, 2.0))),
    commutative=True,
    finite=True,
    cost=15.0,
    doc="The length of the vector of two coordinates, without overflow; at 0 its derivative is 0.",
)
