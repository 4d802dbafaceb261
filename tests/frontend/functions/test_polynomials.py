"""Polynomials by their coefficients give what NumPy gives."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.errors import UnsupportedError
from tests.tracing import agrees, traced

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


def test_quotients_and_fits():
    u, v = np.array([2.0, -3.0, 0.5, 4.0]), np.array([1.0, -0.5, 2.0])
    agrees(np.polydiv, u, v)
    agrees(lambda u: np.polydiv(u, 2.0)[0], u)
    agrees(np.polydiv, v, u)
    x = np.linspace(-1.0, 2.0, 9)
    y = np.stack([np.cos(x), np.exp(x)], axis=1)
    agrees(lambda x, y: np.polyfit(x, y, 3), x, y, rtol=1e-9)
    agrees(lambda x, y: np.polyfit(x, y, 2, w=x + 2.0), x, y[:, 0], rtol=1e-9)
    with pytest.raises(UnsupportedError, match="full="):
        traced(lambda x, y: np.polyfit(x, y, 2, full=True), x, y)
