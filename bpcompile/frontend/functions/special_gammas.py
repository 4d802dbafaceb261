"""Answer the gamma function's kin in `scipy.special`: gammasgn, binom, poch, multigammaln.

Left of 1/2 Γ(x) is π/(sin(πx) Γ(1 - x)), which leaves gamma and beta functions of positive numbers
and sines. The whole numbers of a sum are dropped before the fractions are added, so that a sine is
right next to its zeros, and there has the derivative that the function has at a zero or a pole.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bpcompile.errors import ArgumentError
from bpcompile.frontend.elementwise import as_floats
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, rule
from bpcompile.frontend.tracer import Tracer, describe

# What gamma and its inverse are normal numbers of.
_LARGEST, _LARGEST_SINGLE = 170.0, 34.0


@rule("special.gammasgn")
def gammasgn(x: Any) -> Any:
    """Return the sign of the gamma function: NaN at its poles but for 0."""
    (x,) = as_floats(x)
    whole, one = np.floor(x), np.abs(np.copysign(1.0, x))
    left = np.where(np.remainder(whole, 2.0) == 0, one, -one)
    sign = np.where(x > 0, one, np.where(x == whole, math.nan, left))
    sign = np.where(x == 0, np.copysign(1.0, x), np.where(np.isnan(x), x, sign))
    return np.where(x == -math.inf, math.nan, sign)


def _sine(x: Any, y: Any) -> Any:
    """Return sin(π (x + y)) to the last digits of its fraction."""
    near_x, near_y = np.rint(x), np.rint(y)
    f, g = x - near_x, y - near_y
    turn = np.trunc((f + g) / 0.75)
    rest = (f - 0.5 * turn) + (g - 0.5 * turn)
    sine = np.sin(math.pi * rest)
    is_even = np.remainder(near_x, 2.0) == np.remainder(near_y + turn, 2.0)
    return np.where(is_even, sine, -sine)


@rule("special.binom")
def binom(n: Any, k: Any) -> Any:
    """Return n over k, Γ(n + 1)/(Γ(k + 1) Γ(n - k + 1)), by one beta function.

    It is 1/((n + 1) B(k + 1, n - k + 1)). Each of the three numbers that is negative is reflected:
    B moves to the other side each time, of the two that are then on one side. Where n is a negative
    whole number n over k has another limit from each direction and is NaN, as in SciPy.
    """
    n, k = as_floats(n, k)
    is_low, is_high = k < -0.5, k - n > 0.5
    is_left = np.logical_and(n < -0.5, np.logical_or(is_low, is_high))
    at_n = np.where(is_left, -n, n + 1.0)
    at_k = np.where(is_low, -k, k + 1.0)
    at_rest = np.where(is_high, k - n, n - k + 1.0)
    both, same = is_low == is_high, is_low == is_left
    alone = np.where(both, at_n, np.where(same, at_k, at_rest))
    pair = np.where(both, at_k, at_n), np.where(np.logical_or(both, same), at_rest, at_k)
    beta = RULES["special.beta"](*pair)
    is_even = both != is_left
    size = np.where(is_even, 1.0 / (alone * beta), beta / -math.pi)
    sines = np.where(is_low, _sine(k, 0.0), 1.0) * np.where(is_high, _sine(n, -k), 1.0)
    found = size * (sines / np.where(is_left, _sine(n, 0.0), 1.0))
    return np.where(np.logical_and(n < 0, n == np.floor(n)), math.nan * found, found)


@rule("special.poch")
def poch(z: Any, m: Any) -> Any:
    """Return Γ(z + m)/Γ(z), for whole numbers m its limit in z where both have a pole.

    There it jumps as m moves, and the derivative with respect to m means nothing.
    """
    z, m = as_floats(z, m)
    w = z + m
    from_left, to_left = z < 0.5, w < 0.5
    sine_z, sine_w = _sine(z, 0.0), _sine(z, m)
    at_z, at_w = np.where(from_left, 1.0 - z, z), np.where(to_left, 1.0 - w, w)
    both = np.logical_and(sine_z == 0.0, sine_w == 0.0)
    sign = 1.0 - 2.0 * np.remainder(np.rint(m), 2.0)
    quotient = np.where(both, sign, sine_z / np.where(both, 1.0, sine_w))
    ratio = _ratio(np.where(from_left, at_w, at_z), np.where(from_left, at_z, at_w), m)
    within = np.where(from_left, quotient * ratio, ratio)
    return np.where(from_left == to_left, within, _across(from_left, at_z, at_w, sine_z, sine_w))


def _across(into_right: Any, at_z: Any, at_w: Any, sine_z: Any, sine_w: Any) -> Any:
    """Return Γ(w)/Γ(z) where 1/2 lies between them: 0 at a pole of Γ(z), inf at one of Γ(w)."""
    gamma, rgamma = RULES["special.gamma"], RULES["special.rgamma"]
    product = gamma(at_w) * gamma(at_z)
    right = np.where(
        np.logical_and(sine_z == 0.0, product == math.inf), 0.0, product * (sine_z / math.pi)
    )
    left = rgamma(at_w) * rgamma(at_z) * (math.pi / np.where(sine_w == 0.0, 1.0, sine_w))
    return np.where(into_right, right, np.where(sine_w == 0.0, math.inf, left))


def _ratio(a: Any, b: Any, m: Any) -> Any:
    """Return Γ(b)/Γ(a) of positive a and b = a + m: of large ones m!/(b B(a, m + 1))."""
    gamma, gammaln = RULES["special.gamma"], RULES["special.gammaln"]
    largest = _LARGEST_SINGLE if m.dtype == np.float32 else _LARGEST
    is_near = np.logical_and(a < largest, b < largest)
    near = gamma(b) * RULES["special.rgamma"](a)
    falls = m < 0.0
    low, high, steps = np.where(falls, b, a), np.where(falls, a, b), np.where(falls, -m, m)
    rise = gamma(steps + 1.0) / (high * RULES["special.beta"](low, steps + 1.0))
    by_beta = np.where(falls, 1.0 / rise, rise)
    far = np.where(steps < largest, by_beta, np.exp(gammaln(b) - gammaln(a)))
    return np.where(is_near, near, far)


@rule("special.multigammaln")
def multigammaln(a: Any, d: Any) -> Any:
    """Return the logarithm of the multivariate gamma function, of a dimension that is known.

    Raises `ArgumentError` where the dimension is no whole number from 1 on, or a traced value.
    """
    if isinstance(d, Tracer) or d != int(d) or d < 1:
        shown = describe(d) if isinstance(d, Tracer) else repr(d)
        raise ArgumentError(
            "the dimension of special.multigammaln must be a whole number from 1 on that is known "
            f"while the function is traced{where()}, not {shown}"
        )
    (a,) = as_floats(a)
    gammaln = RULES["special.gammaln"]
    total: Any = d * (d - 1) / 4 * math.log(math.pi)
    for k in range(int(d)):
        total = total + gammaln(a - k / 2)
    return total
