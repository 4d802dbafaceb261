"""Functions of `scipy.special` whose rule is more than an op of the same name."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import sympy
from scipy import special

import bpcompile as bp
from bpcompile.errors import ArgumentError, NotDifferentiableError, UnsupportedError

X = np.array([0.3, 1.7, 4.2])


def on_numpy(function):
    return bp.compile(function, target="numpy")


def test_derivatives_of_digamma_of_any_order():
    def model(x):
        return sum(special.polygamma(n, x) for n in range(4)) + special.psi(x)

    np.testing.assert_allclose(on_numpy(model)(X), model(X), rtol=1e-14)
    slope = bp.grad(lambda x: special.polygamma(3, x), target="numpy")
    assert slope(1.7) == pytest.approx(special.polygamma(4, 1.7), rel=1e-14)
    assert on_numpy(lambda x: bp.special.polygamma(0, x))(1.7) == special.psi(1.7)


def test_the_order_must_be_known():
    for order in (-1, 1.5, True):
        with pytest.raises(ArgumentError, match="whole number"):
            on_numpy(lambda x, n=order: special.polygamma(n, x))(2.0)
    with pytest.raises(ArgumentError, match="static_argnames"):
        on_numpy(lambda n, x: bp.special.polygamma(n, x))(2, 2.0)
    with pytest.raises(UnsupportedError, match="170"):
        on_numpy(lambda x: special.polygamma(171, x))(2.0)
    found = bp.compile(lambda n, x: special.polygamma(n, x), static_argnames="n", target="numpy")
    assert found(2, 1.5) == pytest.approx(special.polygamma(2, 1.5), rel=1e-14)


def test_exponential_integrals_of_any_order():
    def model(x):
        return sum(special.expn(n, x) for n in range(4)) + bp.special.expn(np.float64(7), x)

    np.testing.assert_allclose(on_numpy(model)(X), model(X), rtol=1e-14)
    for order in range(4):
        curve = bp.grad(bp.grad(lambda x, n=order: special.expn(n, x)), target="numpy")
        wanted = special.expn(1, 1.7) if order == 3 else mpmath.expint(order - 2, 1.7)
        assert curve(1.7) == pytest.approx(float(wanted), rel=1e-14)
    with pytest.raises(ArgumentError, match="whole number"):
        on_numpy(lambda x: special.expn(-1, x))(2.0)
    with pytest.raises(ArgumentError, match="static_argnames"):
        on_numpy(lambda n, x: bp.special.expn(n, x))(2, 2.0)


def test_zeta_has_one_argument_or_two():
    def model(x):
        return special.zeta(x + 1) + special.zeta(3, x) + bp.special.zeta(x + 1, 2.0)

    np.testing.assert_allclose(on_numpy(model)(X), model(X), rtol=1e-14)
    slope = bp.grad(lambda q: special.zeta(2.5, q), target="numpy")
    assert slope(1.3) == pytest.approx(-2.5 * special.zeta(3.5, 1.3), rel=1e-14)
    for refused in (lambda x: special.zeta(x), lambda x: special.zeta(x, 2.0)):
        with pytest.raises(NotDifferentiableError, match=r"zeta.* in its argument x"):
            bp.grad(refused, target="numpy")(2.5)


def test_loggamma_is_real():
    found = on_numpy(special.loggamma)(np.array([-1.5, 0.0, 2.5, math.nan]))
    np.testing.assert_allclose(found, [math.nan, math.inf, math.lgamma(2.5), math.nan])


def test_gamma_and_lgamma_of_math():
    def model(x):
        return math.gamma(x) * math.lgamma(x)

    slope = math.gamma(2.5) * (special.psi(2.5) * math.lgamma(2.5) + special.psi(2.5))
    assert bp.grad(model, target="numpy")(2.5) == pytest.approx(slope, rel=1e-14)


def test_both_real_branches_of_lambertw():
    def model(x):
        return special.lambertw(x).real + bp.special.lambertw(-0.1 * x, -1)

    expected = special.lambertw(X).real + special.lambertw(-0.1 * X, -1).real
    expected[X > 3.6] = math.nan
    np.testing.assert_allclose(on_numpy(model)(X), expected, rtol=1e-14)
    w = special.lambertw(1.7).real
    slope = bp.grad(lambda x: special.lambertw(x), target="numpy")(1.7)
    assert slope == pytest.approx(w / (1.7 * (1 + w)), rel=1e-14)
    assert bp.special.lambertw(1.7) == w
    assert math.isnan(bp.special.lambertw(-1.0))
    for branch in (1, 0.5):
        with pytest.raises(ArgumentError, match="0 or -1"):
            on_numpy(lambda x, k=branch: bp.special.lambertw(x, k))(2.0)


def test_the_sine_and_cosine_integrals_are_a_pair():
    def model(x):
        si, ci = special.sici(x)
        return si * ci

    np.testing.assert_allclose(on_numpy(model)(X), np.prod(special.sici(X), axis=0), rtol=1e-13)
    si, ci = special.sici(1.7)
    slope = (math.sin(1.7) * ci + math.cos(1.7) * si) / 1.7
    assert bp.grad(model, target="numpy")(1.7) == pytest.approx(slope, rel=1e-13)


def test_bessel_function_of_numpy():
    assert on_numpy(np.i0)(2.5) == pytest.approx(np.i0(2.5), rel=1e-14)
    assert bp.grad(lambda x: np.i0(x), target="numpy")(2.5) == pytest.approx(special.i1(2.5))


def test_expressions_of_sympy():
    x = sympy.Symbol("x")
    model = sympy.digamma(x) + sympy.polygamma(2, x) + sympy.zeta(3, x) + sympy.zeta(x)
    model += sympy.Ei(x) * sympy.LambertW(x) + sympy.Si(x) * sympy.Ci(x) + sympy.erfinv(x / 3)
    found = bp.compile(model, args=[x], target="numpy")(2.5)
    assert found == pytest.approx(float(model.subs(x, 2.5).evalf()), rel=1e-13)
