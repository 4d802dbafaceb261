"""Elementwise functions that are made of others give what NumPy gives."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.errors import ArgumentError, TypeMismatchError
from tests.tracing import agrees, traced

X = np.array([-np.inf, -2.5, -1.0, -0.0, 0.0, 0.5, 1.0, 3.75, np.inf, np.nan])
Y = np.array([1.0, -2.5, np.nan, 0.0, -0.0, 2.0, -1.0, np.inf, np.inf, np.nan])
V = np.array([0.3, -1.2, 2.0])
K = np.array([3, -2, 0])


def test_steps_and_signs():
    agrees(lambda x: np.heaviside(x, 0.5), X)
    agrees(lambda x, h: np.heaviside(x, h), X, Y)
    for function in (np.signbit, np.isposinf, np.isneginf, np.fix):
        agrees(lambda x, f=function: f(x), X)
    agrees(lambda x: np.modf(x), X)


def test_choices():
    for function in (np.fmax, np.fmin):
        agrees(lambda x, y, f=function: f(x, y), X, Y)
        agrees(lambda x, f=function: f(x, 1.0), V.astype(np.float32))
        agrees(lambda k, f=function: f(k, 1), K)
    agrees(lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda v: -v, lambda v: v * v]), V)
    agrees(lambda x: np.piecewise(x, [x < 0], [0.0, lambda v, s: v * s], 3.0), V)
    agrees(lambda k, a, b: np.choose(k, [a, b]), np.array([0, 1, 0]), V, V + 1)
    with pytest.raises(ArgumentError, match="2 conditions and 1 functions"):
        traced(lambda x: np.piecewise(x, [x < 0, x > 0], [1.0]), V)


def test_parts():
    agrees(lambda x, k: np.ldexp(x, k), V, K)
    agrees(lambda x: np.ldexp(x, 1030), V * 1e-300)
    with pytest.raises(TypeMismatchError, match=r"np\.exp2"):
        traced(lambda x: np.ldexp(x, x), V)


def test_comparisons():
    agrees(lambda x, y: np.isclose(x, y), X, Y)
    agrees(lambda x, y: np.isclose(x, y, equal_nan=True), X, Y)
    agrees(lambda x, y: np.isclose(x, y, rtol=0.1, atol=0.5), V, V + 0.3)
    agrees(lambda x: np.allclose(x, x + 1e-12), V)
    agrees(lambda x, y: (np.array_equal(x, y), np.array_equal(x, x)), V, V + 1)


def test_functions_of_turns():
    agrees(lambda x: np.sinc(x), np.linspace(-2.9, 2.8, 41), rtol=1e-11)
    agrees(lambda x, y: np.logaddexp2(x, y), V, V[::-1].copy())


def test_parts_of_real_numbers():
    for function in (np.imag, np.isreal, np.iscomplex, np.angle):
        agrees(lambda x, f=function: f(x), V)


def test_membership():
    agrees(lambda a: np.isin(a, [1, 3]), np.array([[1, 2], [3, 4]]))
    agrees(lambda a: np.isin(a, [1, 3], invert=True), np.array([1, 2, 3]))
