"""Give Dawson's integral, erfi, Spence's function and the integrals Eₙ in mpmath."""

from __future__ import annotations

import functools

from tests.ops.references import FAR, POSITIVE, Reference, mp, near, unary

_LEAST = mp.mpf(2) ** -170


@functools.lru_cache(maxsize=32768)
def dawsn(x):
    """Return F(x) and 1 - 2 x F(x), from 12 on by the asymptotic series of 2 x F(x)."""
    if abs(x) < 12:
        with mp.workprec(240):
            found = mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x)
            return found, 1 - 2 * x * found
    less, term, k = mp.mpf(0), mp.mpf(1), 0
    while k < 3 or abs(term) > _LEAST:
        k += 1
        term *= (2 * k - 1) / (2 * x * x)
        less -= term
    return (1 - less) / (2 * x), less


def spence(x):
    """Return the dilogarithm of 1 - x, from 2 on by inversion."""
    if x > 2:
        return -spence(1 / x) - mp.log(x) ** 2 / 2
    return mp.re(mp.polylog(2, 1 - x))


def _spence_slope(x):
    return -mp.log(x) / (x - 1)


def expn(n, x):
    """Return Eₙ(x) of whole order: mpmath's is wrong in 120 bits at (100, 100).

    By the power series (DLMF 8.19.8) in 400 bits, from 2 on by the continued fraction (8.19.17).
    """
    if x > FAR:
        return mp.mpf(0)
    n = int(n)
    if n == 0:
        return mp.exp(-x) / x
    if x > 2:
        levels = int(800 / x) + 60
        f = x + n + 2 * levels
        for k in range(levels, 0, -1):
            f = x + n + 2 * k - 2 - k * (n + k - 1) / f
        return mp.exp(-x) / f
    with mp.workprec(400):
        total, term, k = mp.mpf(0), mp.mpf(1), 0
        while abs(term) > mp.mpf(2) ** -380 or k < n:
            if k > 500:
                break  # the term k = n - 1 is nothing either
            if k == n - 1:
                total += term * (mp.psi(0, n) - mp.log(x))
            else:
                total -= term / (k - n + 1)
            k += 1
            term *= -x / k
        return total


INTEGRALS = {
    "dawsn": unary(
        lambda x: dawsn(x)[0],
        lambda x: dawsn(x)[1],
        slope_term=lambda x: mp.mpf(abs(x) < 1),
    ),
    "erfi": unary(near(mp.erfi), near(lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(x * x))),
    "spence": unary(spence, lambda x: _spence_slope(x) if x != 1 else mp.mpf(-1), 0.0),
    "expn": Reference(
        expn,
        (None, lambda n, x: -expn(n - 1, x)),
        ((1.5, 1000.0), POSITIVE),
        whole=(0,),
    ),
}
