"""Test the functions of our own that loops call in place of libm's."""

from __future__ import annotations

import mpmath
import numpy as np

import bpcompile as bp

mp = mpmath.MPContext()
mp.prec = 200


def points():
    """Return points over the domain of log1p, dense where 1 + x is rounded."""
    rng = np.random.default_rng(0)
    return np.concatenate(
        [
            10.0 ** rng.uniform(-17, 300, 500),
            -(10.0 ** rng.uniform(-17, -0.001, 500)),
            10.0 ** rng.uniform(-16.3, -15.3, 500),
            -(10.0 ** rng.uniform(-16.3, -15.3, 500)),
            2.0**-53 * np.array([0.5, 1.0, 1.5, 2.0, -0.5, -1.0, -1.5, -2.0]),
            2.0 ** np.array([52.0, 53.0, 54.0, 1000.0]),
        ]
    )


def test_log1p_by_libms_log():
    call = bp.compile(np.log1p, math="libm", cache=False)
    x = points()
    found = call(x)
    assert "_log1p_by_log(x[i])" in call.source
    assert "math.log1p" not in call.source
    exact = np.array([float(mp.log1p(mp.mpf(point))) for point in x])
    errors = [
        abs(mp.mpf(got) - mp.log1p(mp.mpf(point))) / mp.mpf(np.spacing(abs(right)))
        for got, point, right in zip(found.tolist(), x.tolist(), exact, strict=True)
    ]
    assert max(errors) < 2
    ends = np.array([-1.0, -0.0, 0.0, 5e-324, np.inf, np.nan, -1.5, -np.inf])
    expected = [-np.inf, -0.0, 0.0, 5e-324, np.inf, np.nan, np.nan, np.nan]
    np.testing.assert_array_equal(call(ends), expected)
    np.testing.assert_array_equal(np.signbit(call(ends)[1:3]), [True, False])
    narrow = np.array([1e-9, 0.5, -0.75, 3e30], np.float32)
    assert call(narrow).dtype == np.float32
    np.testing.assert_allclose(call(narrow), np.log1p(narrow), rtol=2e-7)
