"""Answer functions of `scipy.special` that are made of others: boxcox, binom, huber, ...

Each is written in functions that are right themselves, with its own form where terms would cancel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bpcompile.errors import ArgumentError
from bpcompile.frontend.elementwise import as_floats
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, rule
from bpcompile.frontend.tracer import Tracer, describe

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
    """Return xʸ - 1, where that is small by expm1."""
    x, y = _floats(x, y)
    exponent = y * np.log(x)
    return np.where(np.abs(exponent) < 0.5, np.expm1(exponent), np.power(x, y) - 1.0)


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


# The gamma function's kin


@rule("special.gammasgn")
def gammasgn(x: Any) -> Any:
    """Return the sign of the gamma function: NaN at its poles but for 0."""
    (x,) = _floats(x)
    whole, one = np.floor(x), np.abs(np.copysign(1.0, x))
    left = np.where(np.remainder(whole, 2.0) == 0, one, -one)
    sign = np.where(x > 0, one, np.where(x == whole, math.nan, left))
    sign = np.where(x == 0, np.copysign(1.0, x), np.where(np.isnan(x), x, sign))
    return np.where(x == -math.inf, math.nan, sign)


def _is_pole(x: Any) -> Any:
    """Return whether the gamma function has a pole."""
    return np.logical_and(x <= 0, x == np.floor(x))


@rule("special.binom")
def binom(n: Any, k: Any) -> Any:
    """Return n over k, 1/((n + 1) B(n - k + 1, k + 1)); NaN where n is a negative whole number."""
    n, k = _floats(n, k)
    found = 1.0 / ((n + 1.0) * RULES["special.beta"](n - k + 1.0, k + 1.0))
    is_zero = np.logical_or(_is_pole(n - k + 1.0), _is_pole(k + 1.0))
    found = np.where(is_zero, 0.0, found)
    return np.where(np.logical_and(n < 0, n == np.floor(n)), math.nan, found)


@rule("special.poch")
def poch(z: Any, m: Any) -> Any:
    """Return Γ(z + m)/Γ(z); where gamma overflows, by the difference of logarithms."""
    z, m = _floats(z, m)
    gamma, gammaln = RULES["special.gamma"], RULES["special.gammaln"]
    is_near = np.logical_and(np.abs(z) < 160.0, np.abs(z + m) < 160.0)
    near = gamma(z + m) * RULES["special.rgamma"](z)
    sign = gammasgn(z + m) * gammasgn(z)
    return np.where(is_near, near, sign * np.exp(gammaln(z + m) - gammaln(z)))


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
    (a,) = _floats(a)
    gammaln = RULES["special.gammaln"]
    total: Any = d * (d - 1) / 4 * math.log(math.pi)
    for k in range(int(d)):
        total = total + gammaln(a - k / 2)
    return total


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
