"""Give the Bessel functions in mpmath, and their amplitude, by which errors near a zero count."""

from __future__ import annotations

from tests.ops.references import mp, unary

J, I = mp.besselj, mp.besseli


def Y(order, x):
    return mp.re(mp.bessely(order, x))


def _amplitude(order, start):
    """Return the amplitude of J and Y from a number on, below it nothing."""
    return lambda x: mp.hypot(J(order, x), Y(order, abs(x))) if abs(x) > start else mp.mpf(0)


def _scaled(order):
    """Return exp(-|x|) I(x), its asymptotic series where mpmath would take too long."""

    def value(x):
        a = abs(x)
        if a < 1e4:
            found = mp.exp(-a) * I(order, a)
        else:
            term = total = mp.mpf(1)
            for k in range(1, 20):
                term *= -(4 * order - (2 * k - 1) ** 2) / (8 * k * a)
                total += term
            found = total / mp.sqrt(2 * mp.pi * a)
        return mp.sign(x) * found if order else found

    return value


_i0e, _i1e = _scaled(0), _scaled(1)


def _difference(x):
    """Return exp(-x) (I0(x) - I1(x)) for x >= 0."""
    with mp.workprec(1400):  # i0e - i1e loses as many digits as x has
        return _i0e(x) - _i1e(x)


def _k(order, scaled):
    """Return K(x), or exp(x) K(x), by the asymptotic series where mpmath would take too long."""

    def value(x):
        if not scaled and x > 800:
            return mp.mpf(0)
        if x < 300:
            return mp.besselk(order, x) * (mp.exp(x) if scaled else 1)
        term = total = mp.mpf(1)
        for k in range(1, 30):
            term *= (4 * order - (2 * k - 1) ** 2) / (8 * k * x)
            total += term
        return total * mp.sqrt(mp.pi / (2 * x)) * (1 if scaled else mp.exp(-x))

    return value


_k0, _k1, _k0e, _k1e = _k(0, False), _k(1, False), _k(0, True), _k(1, True)


def _gap(x):
    """Return exp(x) (K1(x) - K0(x)) for x > 0."""
    return _k1e(x) - _k0e(x) if x < 300 else _far_gap(x)


def _far_gap(x):
    """Return the same by the difference of the series, term by term."""
    one = zero = mp.mpf(1)
    total = mp.mpf(0)
    for k in range(1, 30):
        one *= (4 - (2 * k - 1) ** 2) / (8 * k * x)
        zero *= -((2 * k - 1) ** 2) / (8 * k * x)
        total += one - zero
    return total * mp.sqrt(mp.pi / (2 * x))


def _i(order):
    return lambda x: I(order, x) if abs(x) < 800 else (mp.inf if x > 0 or not order else -mp.inf)


_i0, _i1 = _i(0), _i(1)
BESSEL = {
    "j0": unary(
        lambda x: J(0, x),
        lambda x: -J(1, x),
        -1e15,
        1e15,
        term=_amplitude(0, 1.5),
        slope_term=_amplitude(1, 1.8),
    ),
    "j1": unary(
        lambda x: J(1, x),
        lambda x: J(0, x) - J(1, x) / x,
        -1e15,
        1e15,
        term=_amplitude(1, 1.8),
        slope_term=_amplitude(0, 0.5),
    ),
    "y0": unary(
        lambda x: Y(0, x),
        lambda x: -Y(1, x),
        0.0,
        1e15,
        term=_amplitude(0, 0),
        slope_term=_amplitude(1, 0),
    ),
    "y1": unary(
        lambda x: Y(1, x),
        lambda x: Y(0, x) - Y(1, x) / x,
        0.0,
        1e15,
        term=_amplitude(1, 0),
        slope_term=lambda x: max(_amplitude(0, 0)(x), abs(Y(1, x) / x)),
    ),
    "i0": unary(_i0, _i1),
    "i1": unary(_i1, lambda x: mp.inf if abs(x) > 800 else I(0, x) - I(1, x) / x),
    "i0e": unary(_i0e, lambda x: -mp.sign(x) * _difference(abs(x))),
    "i1e": unary(
        _i1e,
        lambda x: _difference(abs(x)) - abs(_i1e(x) / x),
        slope_term=lambda x: _difference(abs(x)) if abs(x) < 10 else mp.mpf(0),
    ),
    "k0": unary(_k0, lambda x: -_k1(x), 0.0),
    "k1": unary(_k1, lambda x: -_k0(x) - _k1(x) / x, 0.0),
    "k0e": unary(_k0e, lambda x: -_gap(x), 0.0),
    "k1e": unary(_k1e, lambda x: _gap(x) - _k1e(x) / x, 0.0),
}
