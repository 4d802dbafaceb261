"""Functions of `scipy.special` that are made of others: values and derivatives by mpmath."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from scipy import special

import bpcompile as bp

INF, NAN = math.inf, math.nan
mp = mpmath.MPContext()
mp.dps = 60


def _box(log, power):
    return mp.expm1(power * log) / power if power else log


def _unbox(y, power):
    return mp.log1p(power * y) / power if power else y


def _huber(d, r):
    return r * r / 2 if abs(r) <= d else d * (abs(r) - d / 2)


# The exact function, points, and how far value and partials may be off, in units of 2⁻⁵².
CASES = {
    "exp10": (lambda x: mp.mpf(10) ** x, [(-300.25,), (0.3,), (17.0,)], 2, 4),
    "powm1": (
        lambda x, y: x**y - 1,
        [(1.0001, 1e-3), (0.5, 1e-12), (3.0, 2.0), (2.0, -40.0)],
        4,
        5,
    ),
    "cosm1": (lambda x: mp.cos(x) - 1, [(1e-9,), (0.7,), (-3.0,), (40.0,)], 3, 4),
    "boxcox": (
        lambda x, p: _box(mp.log(x), p),
        [(2.0, 0.0), (0.3, 1e-9), (5.0, -0.7), (1e-8, 3.0), (0.9, 2.0), (7.0, 0.5)],
        4,
        10,
    ),
    "boxcox1p": (
        lambda x, p: _box(mp.log1p(x), p),
        [(2.0, 0.0), (1e-9, 0.4), (-0.9, 1e-9), (5.0, -0.7), (100.0, 1.5)],
        8,
        20,
    ),
    "inv_boxcox": (
        lambda y, p: mp.exp(_unbox(y, p)),
        [(2.0, 0.0), (0.3, 1e-9), (-0.9, 0.7), (5.0, 3.0), (1.0, 0.12)],
        5,
        40,
    ),
    "inv_boxcox1p": (
        lambda y, p: mp.expm1(_unbox(y, p)),
        [(2.0, 0.0), (1e-9, 0.4), (-0.9, 0.7), (5.0, 3.0)],
        5,
        40,
    ),
    "sindg": (lambda x: mp.sin(x * mp.pi / 180), [(30.0,), (-271.0,), (1e6 + 0.5,)], 3, 4),
    "cosdg": (lambda x: mp.cos(x * mp.pi / 180), [(30.0,), (-271.0,), (1e6 + 0.5,)], 3, 4),
    "tandg": (lambda x: mp.tan(x * mp.pi / 180), [(30.0,), (-271.0,), (1e6 + 0.5,)], 4, 8),
    "huber": (_huber, [(1.0, 0.3), (1.0, -2.5), (2.0, 2.0)], 2, 2),
    "pseudo_huber": (
        lambda d, r: d * d * (mp.sqrt(1 + (r / d) ** 2) - 1),
        [(1.0, 1e-9), (2.0, -5.0), (1e-3, 1e3)],
        4,
        8,
    ),
}


def off(found, exact):
    """Return the error in units of 2⁻⁵²."""
    return float(abs(mp.mpf(float(found)) - exact) / abs(exact)) * 2.0**52 if exact else found


@pytest.mark.parametrize("name", CASES)
def test_value_and_partials(name):
    exact, points, value, slope = CASES[name]
    function, count = getattr(special, name), len(points[0])
    compiled = bp.value_and_grad(
        lambda *xs: function(*xs), argnums=tuple(range(count)), target="numpy"
    )
    for point in points:
        at = [mp.mpf(x) for x in point]
        found, slopes = compiled(*point)
        assert off(found, exact(*at)) <= value, point
        assert found == pytest.approx(function(*point), rel=1e-11)
        for k, one in enumerate(slopes):
            order = tuple(int(j == k) for j in range(count))
            if (name, point) == ("huber", (2.0, 2.0)):
                continue  # a kink of the second kind, which mp.diff does not see from one side
            assert off(one, mp.diff(exact, tuple(at), order)) <= slope, (point, k)


@pytest.mark.parametrize(("x", "y"), [(-1.00001, 6.0), (-0.999999999, -2.0), (-1.5, 3.0)])
def test_powm1_of_a_negative_number_and_a_whole_one(x, y):
    value, (of_x, of_y) = bp.value_and_grad(
        lambda x, y: special.powm1(x, y), argnums=(0, 1), target="numpy"
    )(x, y)
    assert off(value, mp.mpf(x) ** int(y) - 1) <= 4
    assert off(of_x, y * mp.mpf(x) ** int(y - 1)) <= 4
    assert math.isnan(of_y)


EDGES = {
    "boxcox": [(0.0, 2.0), (0.0, -2.0), (-1.0, 0.5), (0.0, 0.0), (NAN, 1.0)],
    "inv_boxcox": [(-1.0, 1.0), (-2.0, 1.0), (0.0, 0.0)],
    "cosdg": [(90.0,), (270.0,), (180.0,), (NAN,)],
    "sindg": [(180.0,), (90.0,), (-90.0,), (NAN,)],
    "tandg": [(180.0,), (45.0,), (90.0,), (135.0,)],
    "huber": [(-1.0, 2.0), (0.0, 0.0), (1.0, NAN)],
    "pseudo_huber": [(-1.0, 2.0), (0.0, 3.0), (1.0, 0.0)],
    "powm1": [(0.0, 0.5), (-2.0, 3.0), (2.0, 0.0), (-1.0, 2.0), (-1.0, 3.0), (-1.1, 0.5)],
    "betaincc": [(2.0, 3.0, 0.0), (2.0, 3.0, 1.0), (2.0, 3.0, 0.99), (0.5, 40.0, 0.3)],
}


@pytest.mark.parametrize("name", EDGES)
def test_edges_are_scipy_s(name):
    function = getattr(special, name)
    at = [np.array(column) for column in zip(*EDGES[name], strict=True)]
    found = bp.compile(lambda *xs: function(*xs), target="numpy")(*at)
    with np.errstate(all="ignore"):
        wanted = function(*at)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-15)


def test_precision_follows_the_operands():
    single = np.full(3, 1.5, np.float32)
    for name in ("exp10", "cosm1", "sindg", "gammasgn", "k0"):
        assert bp.compile(getattr(special, name), target="numpy")(single).dtype == np.float32
    for name in ("powm1", "boxcox", "binom", "poch", "huber"):
        function = getattr(special, name)
        mixed = bp.compile(lambda x, f=function: f(x, 0.5), target="numpy")
        assert mixed(single).dtype == np.float32
