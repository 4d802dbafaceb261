"""Functions of samples and small arrays give what NumPy gives."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.errors import ShapeError
from tests.tracing import agrees, traced

RNG = np.random.default_rng(41)
A = RNG.normal(size=(3, 5))
T = RNG.normal(size=(2, 3, 4))
V = RNG.normal(size=5)


def test_covariances():
    agrees(lambda x: np.cov(x), A)
    agrees(lambda x: np.cov(x, bias=True), A)
    agrees(lambda x: np.cov(x, rowvar=False, ddof=0), A, rtol=1e-11)
    agrees(lambda x, y: np.cov(x, y), V, V[::-1].copy())
    agrees(lambda x: np.cov(x), V)
    agrees(lambda x: np.corrcoef(x), A, rtol=1e-11)
    agrees(lambda x, y: np.corrcoef(x, y), V, V**2, rtol=1e-11)
    with pytest.raises(ShapeError, match="a vector or a matrix"):
        traced(lambda x: np.cov(x), T)


def test_arrays_of_arrays():
    agrees(lambda a, v: np.block([[a, a], [a * 2, a * 3]]), A, V)
    agrees(lambda a, v: np.block([v, v]), A, V)
    agrees(lambda a: np.apply_along_axis(lambda r: r * r.sum(), 1, a), A)
    agrees(lambda t: np.apply_along_axis(np.sum, 0, t), T)
    agrees(lambda a: np.isin(a, [1, 3]), np.array([[1, 2], [3, 4]]))
    agrees(lambda a: np.isin(a, [1, 3], invert=True), np.array([1, 2, 3]))


def test_writes():
    def model(x, v):
        y = x * 1.0
        np.put(y, [0, 7], v)
        np.putmask(y, y > 1, 0.5)
        z = np.zeros_like(y)
        np.copyto(z, y, where=y < 0)
        return y, z

    agrees(model, A, V[:2])


def test_parts_of_real_numbers():
    for function in (np.imag, np.isreal, np.iscomplex, np.angle):
        agrees(lambda x, f=function: f(x), V)


def test_polynomials():
    p, q = np.array([1.0, -2.0, 3.0]), np.array([0.5, 4.0])
    for function in (np.polyadd, np.polysub, np.polymul):
        agrees(lambda p, q, f=function: f(p, q), p, q)
    agrees(lambda p: np.polyint(p), p)
    agrees(lambda p: np.polyint(p, 2), p)


def test_products_by_name():
    agrees(lambda t, v: np.matvec(t, v), T, V[:4])
    agrees(lambda t, v: np.vecmat(v, t), T, V[:3])
