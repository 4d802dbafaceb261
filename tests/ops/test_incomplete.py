"""The beta and the incomplete functions at the edges of their domains, and against SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

import bpcompile as bp
from bpcompile.errors import NotDifferentiableError
from bpcompile.ir.build import Builder
from bpcompile.ir.op import OPS
from bpcompile.ir.type import f64
from tests.emit import running
from tests.ops.references import errors, exactly
from tests.ops.references_incomplete import lower_tail, upper_tail
from tests.ops.test_gamma import values

INF, NAN = math.inf, math.nan
SAME_BOTH = {
    "gammainc": [
        (0.0, 0.0, NAN), (0.0, 1.0, 1.0), (1.0, 0.0, 0.0), (-1.0, 1.0, NAN), (INF, 1.0, 0.0),
        (1.0, INF, 1.0), (INF, INF, NAN), (1.0, -1.0, NAN), (NAN, 1.0, NAN), (1e-20, 1e-5, 1.0),
        (500.0, 300.0, special.gammainc(500.0, 300.0)), (2e4, 2e4, special.gammainc(2e4, 2e4)),
    ],
    "gammaincc": [
        (0.0, 0.0, NAN), (0.0, 1.0, 0.0), (1.0, 0.0, 1.0), (INF, 1.0, 1.0), (1.0, INF, 0.0),
        (1e-20, 1e-5, 1.0935719800043694e-19), (500.0, 700.0, special.gammaincc(500.0, 700.0)),
    ],
    "beta": [
        (0.0, 1.0, INF), (1e-20, 2.0, 1e20), (1e300, 2.0, 0.0), (INF, 2.0, 0.0), (-0.5, 2.0, -4.0),
        (-0.5, -0.5, 0.0), (NAN, 1.0, NAN), (200.0, 300.0, special.beta(200.0, 300.0)),
    ],
    "betaln": [
        (1e-20, 2.0, 46.0517018598809), (1e5, 2e5, special.betaln(1e5, 2e5)), (INF, 2.0, -INF),
        (-0.5, 2.0, math.log(4.0)), (1e300, 2.0, -1381.5510557964276), (NAN, 1.0, NAN),
    ],
}  # fmt: skip
BETAINC = [
    (0.0, 1.0, 0.5, 1.0), (1.0, 0.0, 0.5, 0.0), (0.0, 0.0, 0.5, NAN), (1.0, 2.0, 0.0, 0.0),
    (1.0, 2.0, 1.0, 1.0), (1.0, 2.0, -0.1, NAN), (-1.0, 2.0, 0.1, NAN), (INF, 2.0, 0.1, 0.0),
    (2.0, INF, 0.1, 1.0), (2000.0, 3000.0, 0.41, special.betainc(2000.0, 3000.0, 0.41)),
]  # fmt: skip


@pytest.mark.parametrize("how", ["numpy", "python", "numba"])
def test_values_at_edges(how):
    for name, points in SAME_BOTH.items():
        a, x, wanted = zip(*points, strict=True)
        found = values(name, [a, x], how)
        np.testing.assert_allclose(found, wanted, rtol=3e-10, err_msg=name)
    a, b, x, wanted = zip(*BETAINC, strict=True)
    np.testing.assert_allclose(values("betainc", [a, b, x], how), wanted, rtol=1e-12)


@pytest.mark.parametrize(("name", "count"), [("gammainc", 1), ("gammaincc", 1), ("betainc", 2)])
def test_only_the_last_argument_has_a_derivative(name, count):
    function = getattr(special, name)
    at = (*(1.3, 2.1)[:count], 0.7)
    slope = bp.grad(lambda *xs: function(*xs), argnums=count, target="numpy")(*at)
    step = 1e-6
    wanted = (function(*at[:-1], 0.7 + step) - function(*at[:-1], 0.7 - step)) / (2 * step)
    assert slope == pytest.approx(wanted, rel=1e-8)
    for k in range(count):
        with pytest.raises(NotDifferentiableError, match=f"{name}.* in its argument {'ab'[k]}"):
            bp.grad(lambda *xs: function(*xs), argnums=k, target="numpy")(*at)


def test_densities_are_differentiated_again_in_every_argument():
    def model(a, b, x):
        return bp.grad(lambda x: special.betainc(a, b, x) + special.gammainc(a, x))(x)

    found = bp.grad(model, argnums=(0, 1, 2), target="numpy")
    assert found.check(1.3, 2.1, 0.7)


def tails(count):
    """Return operands from one to some 36 standard deviations below and above the mean."""
    rng = np.random.default_rng(5)
    a, far = 10 ** rng.uniform(-3, 5, count), rng.uniform(1, 36, count)
    root = np.sqrt(a)
    less = np.where(a > 1, a * np.exp(-far / root), a * 10 ** -rng.uniform(0, 20, count))
    more = a + far * np.maximum(root, 1) * (1 + far / (6 * np.sqrt(a + 1)))
    return a, less, more


@pytest.mark.parametrize(
    "count", [40, pytest.param(1000, marks=pytest.mark.nightly)], ids=["sample", "many"]
)
def test_far_tails(count):
    a, less, more = tails(count)
    builder = Builder("f")
    b, x, y = (builder.param(name, f64["n"]) for name in "axy")
    graph = builder.finish([OPS["gammainc"](b, x), OPS["gammaincc"](b, y)])
    found = running.run(running.emit(graph, "numba"), [a, less, more], how="python")
    for result, x, function in zip(found, (less, more), (lower_tail, upper_tail), strict=True):
        wanted = exactly([a, x], function)
        off = np.where(result > 1e-300, errors(result, wanted), 0.0)
        k = int(np.argmax(off))
        assert off[k] <= 5.7, (function.__name__, off[k], a[k], x[k])
