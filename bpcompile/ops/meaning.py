"""Give the meaning of elementwise functions that NumPy has for real arrays alone, or not at all.

The interpreter also runs with complex arrays, to differentiate by the complex step. Every function
here is then its analytic continuation from the piece that the real parts lie on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np


def _analytic(real: Callable[..., Any], continued: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that is `continued` for complex operands and `real` for others."""

    def evaluate(*args: Any) -> Any:
        return (continued if any(map(np.iscomplexobj, args)) else real)(*args)

    return evaluate


def _special(name: str) -> Callable[..., Any]:
    """Return a function of `scipy.special`, imported when it is called."""

    def evaluate(*args: Any) -> Any:
        from scipy import special

        return getattr(special, name)(*args)

    return evaluate


def _in_float64(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that computes in float64 and rounds once."""

    def evaluate(*args: Any) -> Any:
        found = function(*(np.asarray(x, np.result_type(x, np.float64)) for x in args))
        kind = np.result_type(*args)
        return found if np.iscomplexobj(found) else np.asarray(found).astype(kind)

    return evaluate


def _sign(x: Any) -> Any:
    """Return the sign of the real part, 1 for both zeros unless it is negative."""
    return np.copysign(1.0, np.real(x))


def _where_larger(a: Any, b: Any, then: Any, otherwise: Any) -> Any:
    """Choose by real parts."""
    return np.where(np.real(a) >= np.real(b), then, otherwise)


def _power_real(a: Any, b: Any) -> Any:
    """Raise as C's pow does: NumPy takes the square root where the exponent is one 0.5."""
    a, b = np.broadcast_arrays(a, b)
    return np.power(np.atleast_1d(a), np.atleast_1d(b)).reshape(a.shape)


def _erfc_real(x: Any) -> Any:
    """Return the library's erfc: SciPy's is hundreds of units off beyond 8."""
    x = np.asarray(x)
    return np.vectorize(math.erfc, otypes=[np.float64])(x).astype(x.dtype)


def _logaddexp_continued(a: Any, b: Any) -> Any:
    """Return log(exp a + exp b)."""
    largest, least = _where_larger(a, b, a, b), _where_larger(a, b, b, a)
    return largest + np.log1p(np.exp(least - largest))


def _logaddexp2_continued(a: Any, b: Any) -> Any:
    """Return log2(2**a + 2**b)."""
    return _logaddexp_continued(a * math.log(2), b * math.log(2)) / math.log(2)


def sinc(x: Any) -> Any:
    """Return sin(πx)/(πx), its sine folded to a quarter turn, where no digit is lost."""
    turns = np.rint(np.real(x) / 2)
    r = x - 2 * turns
    sign = _sign(r)
    folded = np.where(np.abs(np.real(r)) > 0.5, sign - r, r)
    zero = np.real(x) == 0
    slope_at_zero = 1 + 0 * np.asarray(x)
    return np.where(zero, slope_at_zero, np.sin(np.pi * folded) / np.where(zero, 1, np.pi * x))


def _arctan2_continued(a: Any, b: Any) -> Any:
    """Return the angle, its imaginary part from the inverse tangent of the smaller quotient."""
    flat = np.abs(np.real(a)) <= np.abs(np.real(b))
    angle = np.where(flat, np.arctan(a / b), -np.arctan(b / a))
    return np.arctan2(np.real(a), np.real(b)) + 1j * np.imag(angle)


def _sigmoid_continued(x: Any) -> Any:
    """Return 1/(1 + exp(-x))."""
    e = np.exp(-x * _sign(x))
    return np.where(np.real(x) >= 0, 1, e) / (1 + e)


cbrt = _analytic(np.cbrt, lambda x: _sign(x) * np.exp(np.log(x * _sign(x)) / 3))
hypot = _analytic(np.hypot, lambda a, b: np.sqrt(a * a + b * b))
arctan2 = _analytic(np.arctan2, _arctan2_continued)
copysign = _analytic(np.copysign, lambda a, b: a * _sign(a) * _sign(b))
nextafter = _analytic(
    np.nextafter, lambda a, b: np.nextafter(np.real(a), np.real(b)) + 1j * np.imag(a)
)
remainder = _analytic(np.remainder, lambda a, b: a - b * np.floor_divide(np.real(a), np.real(b)))
fmod = _analytic(np.fmod, lambda a, b: a - b * np.trunc(np.real(a) / np.real(b)))
maximum = _analytic(np.maximum, lambda a, b: _where_larger(a, b, a, b))
minimum = _analytic(np.minimum, lambda a, b: _where_larger(a, b, b, a))
power = _analytic(_power_real, np.power)
logaddexp = _analytic(np.logaddexp, _logaddexp_continued)
logaddexp2 = _analytic(np.logaddexp2, _logaddexp2_continued)
sigmoid = _analytic(_special("expit"), _sigmoid_continued)
logit = _analytic(_special("logit"), lambda x: np.log(x / (1 - x)))
xlogy = _special("xlogy")
erf, ndtr = _special("erf"), _special("ndtr")
erfc = _analytic(_erfc_real, _special("erfc"))


def clip(x: Any, low: Any, high: Any) -> Any:
    """Return x between two bounds, the upper one where they cross."""
    return minimum(maximum(x, low), high)


def relu(x: Any) -> Any:
    """Return the positive part."""
    return maximum(x, np.zeros_like(x))


def softplus(x: Any) -> Any:
    """Return log(1 + exp x)."""
    return logaddexp(x, np.zeros_like(x))


def log_sigmoid(x: Any) -> Any:
    """Return -log(1 + exp(-x))."""
    return -softplus(-x)


def _to_first_order(name: str, slope: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return a function of `scipy.special`; complex operands move it by its slope at the value."""
    function = _special(name)

    def continued(x: Any) -> Any:
        y = function(np.real(x))
        return y + 1j * np.imag(x) * slope(y)

    return _analytic(_in_float64(function), continued)


def _erfcx_slope(x: Any) -> Any:
    """Return 2 x erfcx(x) - 2/√π, far out by its asymptotic series."""
    far = np.where(np.real(x) > 50, x, 50)
    z = 1 / (far * far)
    series = -z * (1 - z * (1.5 - z * (3.75 - z * 13.125))) / math.sqrt(math.pi)
    near = np.where(np.real(x) > 50, 0, x)
    return np.where(np.real(x) > 50, series, 2 * near * erfcx(near) - 2 / math.sqrt(math.pi))


erfcx, log_ndtr = _special("erfcx"), _special("log_ndtr")
erfcx_slope = _in_float64(_erfcx_slope)
log_ndtr_slope = _in_float64(lambda x: np.exp(-x * x / 2 - log_ndtr(x)) * math.sqrt(0.5 / math.pi))
normal_hazard = _in_float64(lambda x: math.sqrt(2 / math.pi) / erfcx(x * math.sqrt(0.5)))
erfinv = _to_first_order("erfinv", lambda y: np.exp(y * y) * math.sqrt(math.pi) / 2)
erfcinv = _to_first_order("erfcinv", lambda y: -np.exp(y * y) * math.sqrt(math.pi) / 2)
ndtri = _to_first_order("ndtri", lambda y: np.exp(y * y / 2) * math.sqrt(2 * math.pi))


def _log_ratio_real(x: Any, y: Any) -> Any:
    """Return log(x / y), by log1p where they are nearly equal."""
    near = np.abs(x - y) < 0.5 * np.abs(y)
    apart = np.where(y == 0, np.inf, np.log(x) - np.log(y))
    return np.where(near, np.log1p(np.where(near, (x - y) / y, 0)), apart)


def _quotient_continued(x: Any, y: Any) -> Any:
    """Return log(x / y)."""
    return np.log(x) - np.log(y)


log_ratio = _analytic(_in_float64(_log_ratio_real), _quotient_continued)
entr = _analytic(_special("entr"), lambda x: -x * np.log(x))
rel_entr = _analytic(_special("rel_entr"), lambda x, y: x * _quotient_continued(x, y))
kl_div = _analytic(_special("kl_div"), lambda x, y: x * _quotient_continued(x, y) - x + y)
xlog1py = _special("xlog1py")


def _exprel_slope(x: Any) -> Any:
    """Return the derivative of exprel, near 0 by its power series."""
    near = np.abs(x) < 0.5
    z = np.where(near, x, 0)
    series: Any = 0
    for k in range(14, -1, -1):
        series = series * z / (k + 1) + 1 / (k + 2)
    y = np.where(near, 1, x)
    return np.where(near, series, (1 - (1 - y) * np.exp(y)) / y / y)


def _lambertw(branch: int) -> Callable[..., Any]:
    """Return a real branch of Lambert's function, with a step of Newton's after SciPy's value."""

    def real(x: Any) -> Any:
        from scipy import special

        w = special.lambertw(x, branch)
        return np.where(np.imag(w) == 0, np.real(w), np.nan)

    def continued(x: Any) -> Any:
        w = real(np.real(x))
        return w + 1j * np.imag(x) * w / (np.real(x) * (1 + w))

    return _analytic(_in_float64(real), continued)


def _of_sici(k: int, slope: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return the sine or the cosine integral."""

    def real(x: Any) -> Any:
        from scipy import special

        return special.sici(x)[k]

    def continued(x: Any) -> Any:
        return real(np.real(x)) + 1j * np.imag(x) * slope(np.real(x)) / np.real(x)

    return _analytic(_in_float64(real), continued)


expi = _analytic(
    _special("expi"), lambda x: _special("expi")(np.real(x)) + 1j * np.imag(x) * np.exp(x) / x
)
exp1 = _special("exp1")
exprel = _analytic(_special("exprel"), lambda x: np.expm1(x) / x)
exprel_slope = _in_float64(_exprel_slope)
lambertw_upper, lambertw_lower = _lambertw(0), _lambertw(-1)
si, ci = _of_sici(0, np.sin), _of_sici(1, np.cos)
