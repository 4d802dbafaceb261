"""Writes by function give what NumPy gives."""

from __future__ import annotations

import numpy as np

from tests.tracing import agrees

A = np.random.default_rng(41).normal(size=(3, 5))


def test_writes():
    def model(x, v):
        y = x * 1.0
        np.put(y, [0, 7], v)
        np.putmask(y, y > 1, 0.5)
        z = np.zeros_like(y)
        np.copyto(z, y, where=y < 0)
        return y, z

    agrees(model, A, A[0, :2])


def test_writes_along_an_axis():
    def model(x, v):
        y = x * 1.0
        np.put_along_axis(y, np.array([[1], [0], [2]]), v, axis=1)
        np.fill_diagonal(y, 0.5)
        return y

    agrees(model, A, A[:, :1])
