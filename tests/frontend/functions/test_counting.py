"""Sums by bin give what NumPy gives where their length is said."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.errors import ShapeError, TypeMismatchError
from tests.tracing import agrees, traced

K = np.array([0, 3, 1, 3, 0])
W = np.array([0.5, 1.0, -2.0, 4.0, 8.0])


def test_bincount():
    agrees(lambda k: np.bincount(k, minlength=5), K)
    agrees(lambda k, w: np.bincount(k, w, minlength=4), K, W)
    with pytest.raises(ShapeError, match="minlength="):
        traced(lambda k: np.bincount(k), K)
    with pytest.raises(TypeMismatchError, match="astype"):
        traced(lambda k: np.bincount(k, minlength=5), W)
