"""Answer functions of `scipy.special` that are made of others: boxcox, sindg, huber, ...

Each is written in functions that are right themselves, with its own form where terms would cancel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bpcompile.frontend.elementwise import as_floats
from bpcompile.frontend.functions.linear_algebra import stop_gradient
from bpcompile.frontend.registry import RULES, rule

_NEAR = 0.125  # below it log(1 + u)/u is its series


def _floats(*values: Any) -> Any:
    """Return operands as floats of one dtype."""
    return as_floats(*values)


# Powers and exponentials


@rule("special.exp10")
def exp10(x: Any) -> Any:
    """Return 10ˣ."""
    (x,) = _floats(x)
    return np.power(10.0, x)


@rule("special.powm1")
def powm1(x: Any, y: Any) -> Any:
    """Return xʸ - 1, where that is small by expm1, also of negative x to an even power."""
    x, y = _floats(x, y)
    power = np.power(x, y)
    exponent = y * np.log(np.abs(x))
    small = np.expm1(exponent)
    # Of negative x the power alone knows the derivatives: that in y is NaN.
    even = stop_gradient(small) + (power - stop_gradient(power))
    is_small = np.logical_and(np.abs(exponent) < 0.5, power > 0.0)
    return np.where(is_small, np.where(x > 0.0, small, even), power - 1.0)


@rule("special.cosm1")
def cosm1(x: Any) -> Any:
    """Return cos(x) - 1, without cancellation -2 sin²(x/2)."""
    (x,) = _floats(x)
    half = np.sin(0.5 * x)
    return -2.0 * (half * half)


def _near(log: Any, power: Any) -> tuple[Any, Any]:
    """Return whether λ L is small, and (exp(λ L) - 1)/λ where it is: L for λ = 0."""
    at_zero = np.logical_and(power == 0, log == -math.inf)
    exponent = np.where(at_zero, 0.0, power * log)
    return np.abs(exponent) < 1.0, log * RULES["special.exprel"](exponent)


@rule("special.boxcox")
def boxcox(x: Any, lmbda: Any) -> Any:
    """Return (x^λ - 1)/λ, and log(x) where λ is 0."""
    x, lmbda = _floats(x, lmbda)
    is_near, near = _near(np.log(x), lmbda)
    far = (np.power(x, lmbda) - 1.0) / np.where(is_near, 1.0, lmbda)
    return np.where(x < 0, math.nan, np.where(is_near, near, far))


@rule("special.boxcox1p")
def boxcox1p(x: Any, lmbda: Any) -> Any:
    """Return ((1 + x)^λ - 1)/λ, and log1p(x) where λ is 0."""
    x, lmbda = _floats(x, lmbda)
    log = np.log1p(x)
    is_near, near = _near(log, lmbda)
    return np.where(is_near, near, np.expm1(lmbda * log) / np.where(is_near, 1.0, lmbda))


def _log_over(y: Any, power: Any) -> Any:
    """Return log(1 + λ y)/λ, and y where λ is 0."""
    u = power * y
    is_near = np.abs(u) < _NEAR
    total: Any = 0.0
    for k in reversed(range(18)):
        total = total * u + (-1.0) ** k / (k + 1)
    return np.where(is_near, y * total, np.log1p(u) / np.where(is_near, 1.0, power))


@rule("special.inv_boxcox")
def inv_boxcox(y: Any, lmbda: Any) -> Any:
    """Return (1 + λ y)^(1/λ), and exp(y) where λ is 0."""
    y, lmbda = _floats(y, lmbda)
    return np.exp(_log_over(y, lmbda))


@rule("special.inv_boxcox1p")
def inv_boxcox1p(y: Any, lmbda: Any) -> Any:
    """Return (1 + λ y)^(1/λ) - 1, and expm1(y) where λ is 0."""
    y, lmbda = _floats(y, lmbda)
    return np.expm1(_log_over(y, lmbda))


# Degrees


def _quarters(x: Any) -> tuple[Any, Any]:
    """Return the nearest count of right angles, from 0 to 3, and the rest in radians."""
    turn = np.fmod(x, 360.0)
    count = np.rint(turn / 90.0)
    return np.remainder(count, 4.0), (turn - 90.0 * count) * (math.pi / 180)


def _in_degrees(shift: int) -> Callable[[Any], Any]:
    """Return the rule of the sine of an angle in degrees and so many right angles."""

    def answer(x: Any) -> Any:
        """Return the sine or cosine of an angle in degrees, which right angles make exact."""
        (x,) = _floats(x)
        count, rest = _quarters(x)
        count = np.remainder(count + shift, 4.0)
        found = np.where(np.remainder(count, 2.0) == 0, np.sin(rest), np.cos(rest))
        return np.where(count >= 2, -found, found)

    return answer


RULES["special.sindg"], RULES["special.cosdg"] = _in_degrees(0), _in_degrees(1)


@rule("special.tandg")
def tandg(x: Any) -> Any:
    """Return the tangent of an angle in degrees, at odd right angles inf."""
    (x,) = _floats(x)
    count, rest = _quarters(x)
    found = np.where(np.remainder(count, 2.0) == 0, np.tan(rest), -1.0 / np.tan(rest))
    return np.where(np.isinf(found), math.inf, found)


# The incomplete beta function


@rule("special.betaincc")
def betaincc(a: Any, b: Any, x: Any) -> Any:
    """Return 1 - I(a, b, x), by the other tail where that is small."""
    a, b, x = _floats(a, b, x)
    below = RULES["special.betainc"](a, b, x)
    return np.where(below < 0.5, 1.0 - below, RULES["special.betainc"](b, a, 1.0 - x))


# Losses


@rule("special.huber")
def huber(delta: Any, r: Any) -> Any:
    """Return r²/2 up to δ, beyond it δ (|r| - δ/2); inf where δ is negative."""
    delta, r = _floats(delta, r)
    size = np.abs(r)
    found = np.where(size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta))
    return np.where(delta < 0, math.inf, found)


@rule("special.pseudo_huber")
def pseudo_huber(delta: Any, r: Any) -> Any:
    """Return δ² (√(1 + (r/δ)²) - 1), without cancellation; inf where δ is negative."""
    delta, r = _floats(delta, r)
    found = r * r / (1.0 + np.hypot(1.0, r / delta))
    found = np.where(np.logical_or(delta == 0, r == 0), 0.0, found)
    return np.where(delta < 0, math.inf, found)
