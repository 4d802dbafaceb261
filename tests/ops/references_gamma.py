"""Give the gamma function, what is made of it, and the zeta functions in mpmath."""

from __future__ import annotations

import math

from tests.ops.references import POSITIVE, Reference, mp, unary

_TERMS = 40  # of Euler's and Maclaurin's sum
_BERNOULLI = [mp.bernoulli(2 * k) / mp.factorial(2 * k) for k in range(1, _TERMS)]


def _gamma(x):
    return mp.inf if x > 200 else mp.gamma(x)


def _digamma_term(x):
    """Return the larger of the terms by which ψ is written from 1 on."""
    if x >= 1:
        return mp.mpf(0)
    if x > 0:
        return max(1 / x, abs(mp.digamma(1 + x)))
    return max(abs(mp.pi * mp.cot(mp.pi * x)), abs(mp.digamma(1 - x)))


def _log_gamma(x):
    return mp.loggamma(x) if x > 0 else mp.log(abs(mp.gamma(x)))


def _log_gamma_term(x):
    """Return the larger of the terms of the reflection."""
    if x > 0:
        return mp.mpf(0)
    return max(abs(mp.log(abs(x * mp.sinpi(x) / mp.pi))), abs(mp.loggamma(-x)))


def _gamma_slope(x):
    return mp.inf if x > 200 else mp.gamma(x) * mp.digamma(x)


def _rgamma_slope(x):
    return mp.mpf(0) if x > 200 else -mp.rgamma(x) * mp.digamma(x)


def hurwitz(s, q):
    """Return Σ (q + k)⁻ˢ: mpmath's zeta is wrong in the twelfth digit at (22.6, 40.6)."""
    if s > 1100:
        return mp.mpf(0) if q >= 2 else q**-s + (q + 1) ** -s
    if q < 0:
        return q**-s + hurwitz(s, q + 1)
    count = max(0, int(mp.ceil(s + 60 - q)))
    total = mp.fsum((q + k) ** -s for k in range(count))
    a = q + count
    total += a ** (1 - s) / (s - 1) + a**-s / 2
    factor = s * a ** (-s - 1)
    for k, b in enumerate(_BERNOULLI):
        total += b * factor
        factor *= (s + 2 * k + 1) * (s + 2 * k + 2) / a**2
    return total


GAMMA = {
    "gamma": unary(
        _gamma,
        _gamma_slope,
        -180.0,
        slope_term=lambda x: mp.mpf(0) if x > 200 else mp.gamma(x) * _digamma_term(x),
    ),
    "gammaln": unary(_log_gamma, mp.digamma, -1e4, term=_log_gamma_term, slope_term=_digamma_term),
    "digamma": unary(mp.digamma, lambda x: hurwitz(mp.mpf(2), x), -1e3, term=_digamma_term),
    "rgamma": unary(
        lambda x: mp.mpf(0) if x > 200 else mp.rgamma(x),
        _rgamma_slope,
        -165.0,
        slope_term=lambda x: mp.mpf(0) if x > 200 else mp.rgamma(x) * _digamma_term(x),
    ),
    "hurwitz_zeta": Reference(
        hurwitz,
        (None, lambda s, q: -s * hurwitz(s + 1, q)),
        ((1.0, math.inf), POSITIVE),
    ),
    "riemann_zeta": Reference(mp.zeta, (None,), ((-170.0, math.inf),)),
}
