"""The Bessel functions at 0, infinity, NaN and beyond exp's range, on each target."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bpcompile.ir.build import Builder
from bpcompile.ir.op import OPS
from bpcompile.ir.type import f64
from tests.emit import running
from tests.ops.support import apply, gradient

INF, NAN = math.inf, math.nan
AT = [0.0, -0.0, INF, -INF, NAN, 720.0, -720.0, 1e-310]
VALUES = {
    "j0": [1.0, 1.0, 0.0, 0.0, NAN, -0.029080343457116083, -0.029080343457116083, 1.0],
    "j1": [0.0, -0.0, 0.0, -0.0, NAN, 0.0061868624460996325, -0.0061868624460996325, 5e-311],
    "y0": [-INF, -INF, 0.0, NAN, NAN, 0.00620705562263572, NAN, -454.4],
    "y1": [-INF, -INF, 0.0, NAN, NAN, 0.029084660922352415, NAN, -INF],
    "i0": [1.0, 1.0, INF, INF, NAN, INF, INF, 1.0],
    "i1": [0.0, -0.0, INF, -INF, NAN, INF, -INF, 5e-311],
    "i0e": [1.0, 1.0, 0.0, 0.0, NAN, 0.014870284185509173, 0.014870284185509173, 1.0],
    "i1e": [0.0, -0.0, 0.0, -0.0, NAN, 0.014859954008658149, -0.014859954008658149, 5e-311],
    "k0": [INF, INF, 0.0, NAN, NAN, 9.49054983e-315, NAN, 713.9173103438126],
    "k1": [INF, INF, 0.0, NAN, NAN, 9.497138207e-315, NAN, INF],
    "k0e": [INF, INF, 0.0, NAN, NAN, 0.04670015738977616, NAN, 713.9173103438126],
    "k1e": [INF, INF, 0.0, NAN, NAN, 0.046732576809588595, NAN, INF],
    "k1e_less_k0e": [INF, INF, 0.0, NAN, NAN, 3.2419419812437874e-05, NAN, INF],
    "k1e_slope": [-INF, -INF, -0.0, NAN, NAN, -3.2486936867546284e-05, NAN, -INF],
    "i1e_slope": [0.5, 0.5, -0.0, -0.0, NAN, -1.0308648160999308e-05, -1.0308648160999308e-05, 0.5],
}
SLOPES_AT_ZERO = {"j0": 0.0, "j1": 0.5, "i0": 0.0, "i1": 0.5, "i0e": 0.0, "i1e": 0.5}


@pytest.mark.parametrize("how", ["numpy", "python", "numba"])
def test_values_where_something_happens(how):
    builder = Builder("f")
    x = builder.param("x", f64["n"])
    text = running.emit(builder.finish([OPS[name](x) for name in VALUES]), running.TARGETS[how])
    found = running.run(text, [np.array(AT)], how=how)
    for name, result, wanted in zip(VALUES, found, VALUES.values(), strict=True):
        rtol = 1e-3 if name == "y0" else 1e-13
        np.testing.assert_allclose(result, wanted, rtol=rtol, atol=1e-322)  # subnormals
        np.testing.assert_array_equal(np.signbit(result[:2]), np.signbit(wanted[:2]))


@pytest.mark.parametrize("name", SLOPES_AT_ZERO)
def test_slopes_at_zero(name):
    found = gradient(apply(OPS[name]), np.zeros(1))[0]
    np.testing.assert_array_equal(found, SLOPES_AT_ZERO[name])
