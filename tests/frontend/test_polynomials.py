"""Polynomials by their coefficients give what NumPy gives."""

from __future__ import annotations

import numpy as np

from tests.tracing import agrees

P, Q = np.array([1.0, -2.0, 3.0]), np.array([0.5, 4.0])


def test_values_and_derivatives():
    agrees(lambda p, x: np.polyval(p, x), P, np.linspace(-2.0, 2.0, 7), rtol=1e-12)
    agrees(lambda x: np.polyval([1.0, 2.0, 3.0], x), 0.5)
    agrees(lambda p: np.polyder(p), P)


def test_arithmetic_and_integrals():
    for function in (np.polyadd, np.polysub, np.polymul):
        agrees(lambda p, q, f=function: f(p, q), P, Q)
    agrees(lambda p: np.polyint(p), P)
    agrees(lambda p: np.polyint(p, 2), P)
