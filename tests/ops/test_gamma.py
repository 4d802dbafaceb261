"""The gamma and zeta functions at poles, zeros, infinities and NaN, on each target."""

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
POINTS = {
    "gamma": [
        (0.0, INF),
        (-0.0, -INF),
        (1.0, 1.0),
        (5.0, 24.0),
        (-1.0, NAN),
        (-1e300, NAN),
        (INF, INF),
        (-INF, NAN),
        (NAN, NAN),
        (172.0, INF),
        (-190.5, -0.0),
        (1e-320, INF),
        (-1e-320, -INF),
    ],
    "gammaln": [
        (0.0, INF),
        (-0.0, INF),
        (1.0, 0.0),
        (2.0, 0.0),
        (-1.0, INF),
        (-1e300, INF),
        (INF, INF),
        (NAN, NAN),
        (1e306, INF),
        (1e305, 7.01288453363184e307),
        (5e-324, 744.4400719213812),
    ],
    "digamma": [
        (0.0, -INF),
        (-0.0, INF),
        (-1.0, NAN),
        (INF, INF),
        (-INF, NAN),
        (NAN, NAN),
        (1e300, 690.7755278982137),
    ],
    "rgamma": [
        (0.0, 0.0),
        (-0.0, -0.0),
        (-1.0, 0.0),
        (1.0, 1.0),
        (INF, 0.0),
        (-INF, NAN),
        (NAN, NAN),
        (180.5, 0.0),
        (-200.5, -INF),
        (5e-324, 5e-324),
    ],
    "riemann_zeta": [
        (0.0, -0.5),
        (-0.0, -0.5),
        (1.0, INF),
        (-2.0, 0.0),
        (-1e300, 0.0),
        (INF, 1.0),
        (-INF, NAN),
        (NAN, NAN),
        (-1.0, -1 / 12),
        (2.0, math.pi**2 / 6),
    ],
}
ZETA = {
    (2.0, 0.0): INF, (2.0, -3.0): INF, (1.0, 2.0): INF, (0.5, 2.0): NAN, (2.5, -0.5): NAN,
    (INF, 0.5): INF, (INF, 1.0): 1.0, (INF, 2.0): 0.0, (INF, -0.5): NAN, (2.0, INF): 0.0,
    (NAN, 1.0): NAN, (2.0, NAN): NAN, (2.0, 1e-200): INF, (2.0, 1e200): 1e-200,
    (3.0, -0.5): -8 + 8.414398322117159, (1e10, 50.0): 0.0,
}  # fmt: skip


def values(name, operands, how):
    """Return the values of an op at operands."""
    builder = Builder("f")
    xs = [builder.param(f"x{k}", f64["n"]) for k in range(len(operands))]
    text = running.emit(builder.finish((OPS[name](*xs),)), running.TARGETS[how])
    return running.run(text, [np.array(x) for x in operands], how=how)[0]


@pytest.mark.parametrize("how", ["numpy", "python", "numba"])
def test_values_where_something_happens(how):
    for name, points in POINTS.items():
        found = values(name, [[x for x, _ in points]], how)
        np.testing.assert_allclose(found, [y for _, y in points], rtol=1e-13, err_msg=name)
        for value, (x, wanted) in zip(found, points, strict=True):
            assert wanted != 0.0 or math.copysign(1, value) == math.copysign(1, wanted), (name, x)
    found = values("hurwitz_zeta", list(zip(*ZETA, strict=True)), how)
    np.testing.assert_allclose(found, list(ZETA.values()), rtol=1e-13)


def test_the_slope_of_the_inverse_at_its_zeros_and_beside_them():
    zeros = [0.0, -0.0, -1.0, -2.0, -3.0, -4.0]
    (found,) = gradient(apply(OPS["rgamma"]), np.array(zeros))
    np.testing.assert_allclose(found, [1.0, 1.0, -1.0, 2.0, -6.0, 24.0], rtol=1e-15)
    (found,) = gradient(apply(OPS["rgamma"]), np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(
        found, [np.euler_gamma, np.euler_gamma - 1, np.euler_gamma / 2 - 0.75]
    )
