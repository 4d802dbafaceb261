from __future__ import annotations

import numpy as np
import pytest

import bpcompile as bp


def test_a_choice_among_numbers_is_as_wide_as_what_it_meets():
    f = bp.grad(lambda a: np.sum(np.where(a > 0, np.log(a), 0.0)), target="numpy", cache=False)
    assert f(np.array([2.0, -1.0], np.float32)).dtype == np.float32
    assert f(np.array([2.0, -1.0])).tolist() == [0.5, 0.0]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_power_of_a_half_is_no_square_root(dtype):
    """C's pow is inf at -inf and 0.0 at -0.0; NumPy's shortcut for the one exponent 0.5 is not."""
    points = np.array([-np.inf, -0.0, 4.0, -1.0], dtype)
    expected = np.array([np.inf, 0.0, 2.0, np.nan], dtype)
    half = points.dtype.type(0.5)

    def fixed(x):
        return x**0.5

    def given(x, p):
        return x**p

    def of_columns(x, p):
        return x.reshape(2, 2) ** p[None, :]

    compiled = [bp.compile(f, target="numpy", cache=False) for f in (fixed, given, of_columns)]
    both = np.array([half, half])
    for found in (compiled[0](points), compiled[1](points, half), compiled[2](points, both)):
        assert found.dtype == dtype
        np.testing.assert_array_equal(found.ravel(), expected)
        assert not np.signbit(found.ravel()[1])
    for point, root in zip(points, expected, strict=True):
        for found in (compiled[0](point), compiled[1](point, half)):
            np.testing.assert_array_equal(found, root)
            assert isinstance(found, np.float32) is (dtype == "float32")
