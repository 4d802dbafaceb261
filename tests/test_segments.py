"""Sums of segments: plain, traced, differentiated, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.errors import ShapeError, TypeMismatchError
from tests.tracing import agrees, traced

IDS = np.array([2, 0, 2, 3])
ROWS = np.arange(8.0).reshape(4, 2)


def test_segment_sum():
    want = np.array([[2.0, 3.0], [0.0, 0.0], [4.0, 6.0], [6.0, 7.0]])
    np.testing.assert_array_equal(bp.segment_sum(ROWS, IDS, 4), want)
    agrees(lambda d, i: bp.segment_sum(d, i, 4), ROWS, IDS)
    agrees(lambda d, i: bp.segment_sum(d, i, 6), ROWS[:, 0].copy(), IDS)


def test_gradient_goes_back_to_the_rows():
    fn = bp.grad(lambda d, i: np.sum(bp.segment_sum(d, i, 4) ** 2), target="numpy")
    want = 2 * bp.segment_sum(ROWS, IDS, 4)[IDS]
    np.testing.assert_array_equal(fn(ROWS, IDS), want)


def test_what_does_not_fit():
    with pytest.raises(ShapeError, match="one int for each row"):
        bp.segment_sum(ROWS, IDS[:3], 4)
    with pytest.raises(ShapeError, match="one int for each row"):
        traced(lambda d, i: bp.segment_sum(d, i, 4), ROWS, IDS[:3])
    with pytest.raises(TypeMismatchError, match="astype"):
        traced(lambda d, i: bp.segment_sum(d, i, 4), ROWS, IDS * 1.0)
