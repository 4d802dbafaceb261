"""Give the Bessel functions by their series, and their amplitude, for errors near a zero.

mpmath's own take up to 15 ms a value, so that ten thousand points of all are half an hour. These
sum the power series (DLMF 10.8, 10.25, 10.31) in integers of 400 bits up to 60, and Hankel's
expansions (DLMF 10.17, 10.40) beyond, where they go on to 2⁻¹⁷⁰. `test_references.py` holds them
to mpmath's.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

import mpmath

from tests.ops.references import mp, unary

_BITS = 400  # enough for exp(x) K: e⁻⁶⁰ left of terms of e⁶⁰
_FROM = 60
_LEAST = mp.mpf(2) ** -170


class Four(NamedTuple):
    """Hold J₀ J₁ Y₀ Y₁, or I₀ I₁ K₀ K₁ without their exponentials, and the differences of those."""

    zero: mpmath.mpf
    one: mpmath.mpf
    second_zero: mpmath.mpf
    second_one: mpmath.mpf
    less: mpmath.mpf = mp.mpf(0)  # exp(-x) (I₀ - I₁)
    second_less: mpmath.mpf = mp.mpf(0)  # exp(x) (K₁ - K₀)


def _power_series(x, sign):
    """Return Σ zᵏ/(k! k!) and Σ zᵏ/(k! (k+1)!), and both times Hₖ or Hₖ + Hₖ₊₁, of z = ±x²/4."""
    unit = 1 << _BITS
    z = sign * int(mp.ldexp(x * x / 4, _BITS))
    zero = one = term = other = with_one = unit
    harmonic = with_zero = k = 0
    while abs(term) > 1:
        k += 1
        term = (term * z >> _BITS) // (k * k)
        other = term // (k + 1)
        harmonic += unit // k
        zero += term
        one += other
        with_zero += harmonic * term >> _BITS
        with_one += (2 * harmonic + unit // (k + 1)) * other >> _BITS
    return [mp.ldexp(mp.mpf(total), -_BITS) for total in (zero, one, with_zero, with_one)]


def _hankel(order, x) -> Iterator[mpmath.mpf]:
    """Yield the terms of Hankel's expansions, (4ν² - 1) (4ν² - 9) … / (k! (8x)ᵏ)."""
    term = mp.mpf(1)
    k = 0
    while k < 3 or abs(term) > _LEAST:
        yield term
        k += 1
        term *= (4 * order - (2 * k - 1) ** 2) / (8 * k * x)


@functools.lru_cache(maxsize=32768)
def circular(x) -> Four:
    """Return J₀, J₁, Y₀ and Y₁ for x > 0."""
    if x < _FROM:
        with mp.workprec(_BITS):
            zero, one, with_zero, with_one = _power_series(x, -1)
            log, first = mp.log(x / 2) + mp.euler, x / 2 * one
            second_one = (2 * log * first - 2 / x - x / 2 * with_one) / mp.pi
            return Four(zero, first, 2 / mp.pi * (log * zero - with_zero), second_one)
    root = 1 / mp.sqrt(mp.pi * x)
    s, c = mp.sin(x), mp.cos(x)
    found = []
    for order, (cosine, sine) in enumerate([(s + c, s - c), (s - c, -s - c)]):
        p = q = mp.mpf(0)
        for k, term in enumerate(_hankel(order, x)):
            signed = -term if k % 4 > 1 else term
            p, q = (p, q + signed) if k % 2 else (p + signed, q)
        found.append((root * (p * cosine - q * sine), root * (p * sine + q * cosine)))
    return Four(found[0][0], found[1][0], found[0][1], found[1][1])


@functools.lru_cache(maxsize=32768)
def modified(x) -> Four:
    """Return exp(-x) I₀ and I₁, exp(x) K₀ and K₁, and their differences, for x > 0."""
    if x < _FROM:
        with mp.workprec(_BITS):
            zero, one, with_zero, with_one = _power_series(x, 1)
            log, first = mp.log(x / 2) + mp.euler, x / 2 * one
            k0, k1 = with_zero - log * zero, 1 / x + log * first - x / 4 * with_one
            e = mp.exp(x)
            return Four(zero / e, first / e, k0 * e, k1 * e, (zero - first) / e, (k1 - k0) * e)
    sums = [mp.mpf(0)] * 6
    for k, (a, b) in enumerate(zip(_hankel(0, x), _hankel(1, x), strict=False)):
        sign = -1 if k % 2 else 1
        terms = (sign * a, sign * b, a, b, sign * (a - b), b - a)
        sums = [total + term for total, term in zip(sums, terms, strict=True)]
    first, second = 1 / mp.sqrt(2 * mp.pi * x), mp.sqrt(mp.pi / (2 * x))
    scales = (first, first, second, second, first, second)
    return Four(*(total * scale for total, scale in zip(sums, scales, strict=True)))


def _j0(x):
    return circular(abs(x)).zero


def _j1(x):
    return mp.sign(x) * circular(abs(x)).one


def _y0(x):
    return circular(x).second_zero


def _y1(x):
    return circular(x).second_one


def _amplitude(order, start):
    """Return the amplitude of J and Y from a number on, below it nothing."""

    def value(x):
        found = circular(abs(x))
        if abs(x) <= start:
            return mp.mpf(0)
        return mp.hypot(found[order], found[2 + order])

    return value


_OVER = 800  # where exp(x) has long overflowed


def _i0(x):
    return mp.inf if abs(x) > _OVER else mp.exp(abs(x)) * modified(abs(x)).zero


def _i1(x):
    return mp.sign(x) * (mp.inf if abs(x) > _OVER else mp.exp(abs(x)) * modified(abs(x)).one)


def _i1_slope(x):
    return mp.inf if abs(x) > _OVER else _i0(x) - _i1(x) / x


def _i0e_slope(x):
    return -mp.sign(x) * modified(abs(x)).less


def _i1e(x):
    return mp.sign(x) * modified(abs(x)).one


def _i1e_slope(x):
    found = modified(abs(x))
    return found.less - found.one / abs(x)


def _i1e_slope_term(x):
    return modified(abs(x)).less if abs(x) < 2.25 else mp.mpf(0)


def _k(order):
    """Return a function K: mpmath's zero where it has long underflowed."""
    return lambda x: mp.mpf(0) if x > _OVER else mp.exp(-x) * modified(x)[2 + order]


_k0, _k1 = _k(0), _k(1)
BESSEL = {
    "j0": unary(_j0, lambda x: -_j1(x), term=_amplitude(0, 1.5), slope_term=_amplitude(1, 1.8)),
    "j1": unary(
        _j1, lambda x: _j0(x) - _j1(x) / x, term=_amplitude(1, 1.8), slope_term=_amplitude(0, 0.5)
    ),
    "y0": unary(_y0, lambda x: -_y1(x), 0.0, term=_amplitude(0, 0), slope_term=_amplitude(1, 0)),
    "y1": unary(
        _y1,
        lambda x: _y0(x) - _y1(x) / x,
        0.0,
        term=_amplitude(1, 0),
        slope_term=lambda x: max(_amplitude(0, 0)(x), abs(_y1(x) / x)),
    ),
    "i0": unary(_i0, _i1),
    "i1": unary(_i1, _i1_slope),
    "i0e": unary(lambda x: modified(abs(x)).zero, _i0e_slope),
    "i1e": unary(_i1e, _i1e_slope, slope_term=_i1e_slope_term),
    "k0": unary(_k0, lambda x: -_k1(x), 0.0),
    "k1": unary(_k1, lambda x: -_k0(x) - _k1(x) / x, 0.0),
    "k0e": unary(lambda x: modified(x).second_zero, lambda x: -modified(x).second_less, 0.0),
    "k1e": unary(
        lambda x: modified(x).second_one,
        lambda x: modified(x).second_less - modified(x).second_one / x,
        0.0,
    ),
}
