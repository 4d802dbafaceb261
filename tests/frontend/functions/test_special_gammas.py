"""The gamma function's kin: values and derivatives by mpmath, at poles, zeros and next to them."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from scipy import special

import bpcompile as bp
from bpcompile.errors import ArgumentError
from tests.emit.running import agree
from tests.tracing import traced

INF, NAN = math.inf, math.nan
mp = mpmath.MPContext()
mp.dps = 80
STEP = mp.mpf(10) ** -25


def exact_binom(n, k):
    return mp.gammaprod([n + 1], [k + 1, n - k + 1])


def exact_poch(z, m):
    return mp.gammaprod([z + m], [z])


# One of each way in which the numbers lie left of 1/2, then whole numbers, where a sine is 0, and
# numbers next to them, where adding 1 to n - k as it is rounded loses half of the digits.
BINOM = [
    *((5.5, 2.25), (100.0, 50.0), (5.5, -3.25), (0.5, 3.25), (-5.5, 2.25), (-5.5, -7.25)),
    *((-5.5, -2.25), (-0.75, 2.5), (-0.75, -0.6), (300.5, 299.25), (5.0, 7.0), (5.0, -1.0)),
    *((-2.5, -1.0), (-2.5, 3.0), (5.0, 2.0), (-0.999999999, 1.0), (-1.00001, 3.0)),
    *((-3.000000001, 2.0), (5.0, 6.000000001), (2.499999999, 3.5), (-2.499999999, 3.5)),
    *((-50.499999999, 40.5), (1.0, 1e-10)),
]
POCH = [
    *((2.5, 3.0), (-1.5, 0.7), (50.0, 20.0), (0.25, 3.5), (3.5, -6.25), (-9.5, 3.25), (-3.0, 4.5)),
    *((-3.0, 4.0), (-3.0, 7.0), (-2.000000001, 2.0), (5.0, -5.000000001), (-0.999999999, -1.0)),
    *(
        (500.5, 3.25),
        (500.5, -3.25),
        (-500.25, 30.5),
        (-500.25, -30.5),
        (400.0, 0.0),
        (1e-300, -1.0),
    ),
]
FUNCTIONS = {
    "binom": (special.binom, exact_binom, BINOM),
    "poch": (special.poch, exact_poch, POCH),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_value_and_derivatives(name):
    """Values within 4 units of 2⁻⁵², derivatives within that of the terms that they are made of."""
    function, exact, points = FUNCTIONS[name]
    compiled = bp.value_and_grad(lambda *xs: function(*xs), argnums=(0, 1), target="numpy")
    for point in points:
        at = [mp.mpf(x) for x in point]
        found, slopes = compiled(*point)
        value = exact(*at)
        assert abs(mp.mpf(found) - value) <= 4 * 2.0**-52 * abs(value), point
        for k, slope in enumerate(slopes):
            move = [STEP * (j == k) for j in range(2)]
            above, below = (
                exact(*(x + s * dx for x, dx in zip(at, move, strict=True))) for s in (1, -1)
            )
            right = (above - below) / (2 * STEP)
            whole = abs(right) + abs(value) * mp.log(2 + abs(at[0]) + abs(at[1]))
            assert abs(mp.mpf(slope) - right) <= 16 * 2.0**-52 * whole, (point, k)


@pytest.mark.parametrize(("z", "m"), [(-1.0, -1.0), (-3.0, 2.0), (-3.0, -2.0), (0.0, 0.0)])
def test_poch_between_two_poles_is_a_polynomial_or_its_inverse(z, m):
    value, slope = bp.value_and_grad(lambda z: special.poch(z, m), target="numpy")(z)
    above, below = (exact_poch(mp.mpf(z) + s * STEP, mp.mpf(m)) for s in (1, -1))
    assert value == pytest.approx(float((above + below) / 2), rel=1e-15)
    assert slope == pytest.approx(float((above - below) / (2 * STEP)), rel=1e-15, abs=1e-300)


def test_binom_of_a_negative_whole_number_has_no_limit():
    value, slopes = bp.value_and_grad(
        lambda n, k: special.binom(n, k), argnums=(0, 1), target="numpy"
    )(-3.0, 2.0)
    assert np.isnan([value, *slopes]).all()


EDGES = {
    "gammasgn": [(2.0,), (0.0,), (-0.0,), (-0.5,), (-1.5,), (-2.0,), (INF,), (-INF,), (NAN,)],
    "binom": [(5.0, 0.0), (-3.0, 2.0), (-1.0, 0.5), (5.0, 5.0), (NAN, 1.0), (2.0, NAN)],
    "poch": [(2.0, 0.0), (200.0, 2.0), (-3.0, 203.0), (2.0, -2.0), (0.5, -0.5), (NAN, 1.0)],
}


@pytest.mark.parametrize("name", EDGES)
def test_edges_are_scipy_s(name):
    function = getattr(special, name)
    at = [np.array(column) for column in zip(*EDGES[name], strict=True)]
    found = bp.compile(lambda *xs: function(*xs), target="numpy")(*at)
    np.testing.assert_allclose(found, function(*at), rtol=1e-13)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_target(name):
    function, _, points = FUNCTIONS[name]
    at = [np.array(column, float) for column in zip(*points, strict=True)]
    graph = traced(lambda *xs: function(*xs), *at).graph
    for how in ("numpy", "python"):
        agree(graph, at, how)


def test_multigammaln_of_a_known_dimension():
    slope = bp.grad(lambda a: special.multigammaln(a, 3), target="numpy")(4.5)
    assert slope == pytest.approx(sum(special.psi(4.5 - k / 2) for k in range(3)), rel=1e-14)
    value = bp.compile(lambda a: bp.special.multigammaln(a, 3), target="numpy")(4.5)
    assert value == pytest.approx(special.multigammaln(4.5, 3), rel=1e-14)
    with pytest.raises(ArgumentError, match="whole number from 1"):
        bp.compile(lambda a, d: bp.special.multigammaln(a, d), target="numpy")(4.5, 3)
