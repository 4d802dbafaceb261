"""Give the error function's family, entropies, exponential integrals and Lambert's in mpmath."""

from __future__ import annotations

import math

import numpy as np

from tests.ops.references import ANY, FAR, POSITIVE, Reference, mp, near, near_up, unary


def _erfcx(x):
    """Return exp(x²) erfc(x), far out by its asymptotic series."""
    if x < 100:
        return mp.exp(max(-FAR, min(FAR, x)) ** 2) * mp.erfc(x) if x > -FAR else mp.inf
    total = term = mp.mpf(1)
    for k in range(1, 30):
        term *= -(2 * k - 1) / (2 * x * x)
        total += term
    return total / (x * mp.sqrt(mp.pi))


def _erfcx_slope(x):
    """Return 2 x erfcx(x) - 2/√π, far out by its asymptotic series."""
    if x < 100:
        return 2 * x * _erfcx(x) - 2 / mp.sqrt(mp.pi)
    total, term = mp.mpf(0), mp.mpf(1)
    for k in range(1, 30):
        term *= -(2 * k - 1) / (2 * x * x)
        total += term
    return 2 * total / mp.sqrt(mp.pi)


def _log_ndtr(x):
    if x < 0:
        return mp.log(_erfcx(-x / mp.sqrt(2)) / 2) - x * x / 2
    return mp.log1p(-mp.ncdf(-min(x, FAR)))


def _hazard(x):
    """Return φ(x)/Φ(x)."""
    if x < 0:
        return mp.sqrt(2 / mp.pi) / _erfcx(-x / mp.sqrt(2))
    return mp.npdf(min(x, FAR)) / mp.ncdf(min(x, FAR))


def _quantile(p):
    """Return where the normal distribution has the probability p <= 1/2, by Newton's method."""
    y = -mp.sqrt(-2 * mp.log(p)) if p < 0.05 else mp.mpf(0)
    for _ in range(60):
        step = mp.log(2 * p / mp.erfc(-y / mp.sqrt(2))) / _hazard(y)
        y += step
        if abs(step) < mp.mpf(2) ** -140 * abs(y):
            break
    return y


def _erfcinv(x):
    return -_quantile(x / 2) / mp.sqrt(2) if x <= 1 else _quantile(1 - x / 2) / mp.sqrt(2)


def _erfinv(x):
    if abs(x) < 0.5:
        return _polished_erfinv(x)
    return mp.sign(x) * _erfcinv(1 - abs(x))


def _polished_erfinv(x):
    """Return the inverse of erf near 0."""
    y = x * mp.sqrt(mp.pi) / 2
    for _ in range(8):
        y -= (mp.erf(y) - x) * mp.sqrt(mp.pi) / 2 * mp.exp(y * y)
    return y


def _ndtri(p):
    if abs(p - 0.5) < 0.25:
        return mp.sqrt(2) * _polished_erfinv(2 * p - 1)
    return _quantile(p) if p < 0.5 else -_quantile(1 - p)


def _inverse_slope(y):
    """Return √π/2 exp(y²)."""
    return mp.sqrt(mp.pi) / 2 * mp.exp(y * y)


def _log_ratio(x, y):
    return mp.log1p((x - y) / y) if abs(x - y) < y / 2 else mp.log(x) - mp.log(y)


def _expi_near(x):
    return abs(mp.euler + mp.log(abs(x))) if abs(x) < 2 else mp.mpf(0)


def _exprel_slope(x):
    if abs(x) < mp.mpf(10) ** -10:
        return mp.mpf(1) / 2 + x / 3 + x * x / 8
    return (1 - (1 - x) * mp.exp(x)) / x**2


def _lambertw(branch):
    """Return a real branch of Lambert's function, by Newton's method after mpmath's value."""

    def value(x):
        if branch == 0 and abs(x) < mp.mpf(10) ** -30:
            return x - x * x
        w = mp.lambertw(x, branch).real
        for _ in range(3):
            w -= (w * mp.exp(w) - x) / (mp.exp(w) * (1 + w)) if w != -1 else 0
        return w

    return unary(
        value,
        lambda x: mp.exp(-value(x)) / (1 + value(x)),
        -float(np.exp(-1)),
        math.inf if branch == 0 else 0.0,
    )


def _auxiliary(x):
    """Return f and g of the sine and cosine integrals by their asymptotic series."""
    f = g = mp.mpf(0)
    term = mp.mpf(1)
    for k in range(30):
        f += term
        g += term * (2 * k + 1)
        term *= -(2 * k + 1) * (2 * k + 2) / (x * x)
    return f / x, g / (x * x)


def _si(x):
    if abs(x) < 500:
        return mp.si(x)
    f, g = _auxiliary(abs(x))
    return mp.sign(x) * (mp.pi / 2 - f * mp.cos(x) - g * mp.sin(abs(x)))


def _ci(x):
    if abs(x) < 500:
        return mp.ci(abs(x))
    f, g = _auxiliary(abs(x))
    return f * mp.sin(abs(x)) - g * mp.cos(x)


def _ci_term(x):
    """Return the largest of Euler's constant + log(x), each of them, and the rest."""
    if abs(x) > 4:
        return 1 / x
    log = mp.log(abs(x))
    return max(mp.euler, abs(log), abs(mp.euler + log), abs(mp.ci(abs(x)) - mp.euler - log))


_QUADRANT = (POSITIVE, POSITIVE)

SPECIAL = {
    "xlog1py": Reference(
        lambda x, y: x * mp.log1p(y),
        (lambda x, y: mp.log1p(y), lambda x, y: x / (1 + y)),
        (ANY, (-1.0, math.inf)),
    ),
    "log_ratio": Reference(_log_ratio, (lambda x, y: 1 / x, lambda x, y: -1 / y), _QUADRANT),
    "entr": unary(
        lambda x: -x * mp.log(x), lambda x: -1 - mp.log(x), 0.0, slope_term=lambda x: mp.mpf(1)
    ),
    "rel_entr": Reference(
        lambda x, y: x * _log_ratio(x, y),
        (lambda x, y: 1 + _log_ratio(x, y), lambda x, y: -x / y),
        _QUADRANT,
        slope_terms=(lambda x, y: mp.mpf(1), None),
    ),
    "kl_div": Reference(
        lambda x, y: x * _log_ratio(x, y) - x + y,
        (_log_ratio, lambda x, y: 1 - x / y),
        _QUADRANT,
        term=lambda x, y: max(abs(x * _log_ratio(x, y)), abs(x - y)),
    ),
    "erfcx": unary(_erfcx, _erfcx_slope),
    "erfinv": unary(_erfinv, lambda x: _inverse_slope(_erfinv(x)), -1.0, 1.0),
    "erfcinv": unary(_erfcinv, lambda x: -_inverse_slope(_erfcinv(x)), 0.0, 2.0),
    "ndtri": unary(_ndtri, lambda p: mp.sqrt(2 * mp.pi) * mp.exp(_ndtri(p) ** 2 / 2), 0.0, 1.0),
    "expi": unary(
        lambda x: mp.ei(max(-FAR, min(FAR, x))), near(lambda x: mp.exp(x) / x), term=_expi_near
    ),
    "exp1": unary(lambda x: mp.e1(min(FAR, x)), near(lambda x: -mp.exp(-x) / x), 0.0),
    "exprel": unary(lambda x: mp.expm1(min(x, FAR)) / x, near_up(_exprel_slope)),
    "si": unary(_si, lambda x: mp.sin(x) / x),
    "ci": unary(_ci, lambda x: mp.cos(x) / x, term=_ci_term),
    "lambertw_upper": _lambertw(0),
    "lambertw_lower": _lambertw(-1),
    "log_ndtr": unary(_log_ndtr, _hazard),
}
