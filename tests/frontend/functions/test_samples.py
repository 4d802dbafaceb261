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
