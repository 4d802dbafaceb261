"""Give the beta and the incomplete functions in mpmath, where it works them out in good time."""

from __future__ import annotations

from tests.ops.references import Reference, mp

_SHAPE, _UPTO, _SHARE = (0.01, 170.0), (0.001, 2e5), (1e-30, 1.0)
_LARGE = (0.01, 1e5)


def _share(a, b):
    """Return the derivative of log B(a, b) in a."""
    return mp.digamma(a) - mp.digamma(a + b)


def _gamma_density(a, x):
    return mp.exp((a - 1) * mp.log(x) - x - mp.loggamma(a))


def _beta_density(a, b, x):
    return x ** (a - 1) * (1 - x) ** (b - 1) / mp.beta(a, b)


def _lower(a, x):
    """Return the lower function, which mpmath cannot where the upper one is tiny."""
    return mp.gammainc(a, 0, x, regularized=True) if x <= a else 1 - _upper(a, x)


def _upper(a, x):
    return mp.gammainc(a, x, mp.inf, regularized=True) if x > a else 1 - _lower(a, x)


def lower_tail(a, x):
    """Return the lower function by its series (DLMF 8.7.1), for x < a."""
    term = total = 1 / a
    k = 0
    while term > total * mp.mpf(2) ** -130:
        k += 1
        term *= x / (a + k)
        total += term
    return x * _gamma_density(a, x) * total


def upper_tail(a, x):
    """Return the upper function by its continued fraction (DLMF 8.9.2), for x well above a."""
    found, before, levels = mp.mpf(1), mp.mpf(0), 200
    while abs(found - before) > abs(found) * mp.mpf(2) ** -100:
        before, levels = found, 2 * levels
        found = x + 2 * levels + 1 - a
        for k in range(levels, 0, -1):
            found = (x + 2 * k - 1 - a) - k * (k - a) / found
    return x * _gamma_density(a, x) / found


INCOMPLETE = {
    "beta": Reference(
        mp.beta,
        (
            lambda a, b: mp.beta(a, b) * _share(a, b),
            lambda a, b: mp.beta(a, b) * _share(b, a),
        ),
        (_SHAPE, _SHAPE),
    ),
    "betaln": Reference(
        lambda a, b: mp.log(mp.beta(a, b)),
        (_share, lambda a, b: _share(b, a)),
        (_SHAPE, _SHAPE),
        term=lambda a, b: max(abs(mp.loggamma(x)) for x in (a, b, a + b)) if a + b < 165 else 0,
    ),
    "gammainc": Reference(_lower, (None, _gamma_density), (_LARGE, _UPTO)),
    "gammaincc": Reference(_upper, (None, lambda a, x: -_gamma_density(a, x)), (_LARGE, _UPTO)),
    "betainc": Reference(
        lambda a, b, x: mp.betainc(a, b, 0, x, regularized=True),
        (None, None, _beta_density),
        (_SHAPE, _SHAPE, _SHARE),
    ),
}
