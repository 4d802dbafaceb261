"""Moving windows, convolution and correlation give what NumPy gives."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from bpcompile.errors import ShapeError, UnsupportedError
from tests.tracing import agrees, traced

RNG = np.random.default_rng(23)
A = RNG.normal(size=(3, 7))
V = RNG.normal(size=9)
W = RNG.normal(size=4)


def test_windows():
    agrees(lambda x: sliding_window_view(x, 3), V)
    agrees(lambda x: sliding_window_view(x, (2, 3)), A)
    agrees(lambda x: sliding_window_view(x, 3, axis=1)[:, ::2], A)
    agrees(lambda x: sliding_window_view(x, (2, 2), axis=(1, 0)), A)
    agrees(lambda x: sliding_window_view(x, 9).sum(), V)
    with pytest.raises(ShapeError, match="longer than axis 0"):
        traced(lambda x: sliding_window_view(x, 10), V)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("function", [np.convolve, np.correlate])
def test_convolve_and_correlate(function, mode):
    for a, v in ((V, W), (W, V), (V, W[:1]), (V, V), (V, W[:3])):
        agrees(lambda a, v: function(a, v, mode=mode), a, v, rtol=1e-11)
    agrees(lambda a: function(a, np.array([1.0, 0.5]), mode), V, rtol=1e-11)


def test_convolve_refuses():
    with pytest.raises(ShapeError, match="give vectors"):
        traced(lambda x: np.convolve(x, x), A)
    with pytest.raises(UnsupportedError, match="mode='around'"):
        traced(lambda x: np.convolve(x, x, "around"), V)
    with pytest.raises(ShapeError, match="without elements"):
        traced(lambda x: np.convolve(x, x), V[:0])
