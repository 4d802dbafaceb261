"""Special functions at their edges: zeros of both signs, infinities, NaN, poles, branch points.

Each point is held on the emitted text of both targets; the slope is that of the reverse sweep, in
the first operand and the second.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from bpcompile.ir.op import OPS
from tests.emit import running
from tests.ops.limits import REFERENCES, graph_of

INF, NAN = math.inf, math.nan
HALF_PI = math.pi / 2
ROOT_PI = math.sqrt(math.pi)
ROOT = 0.37250741078136663  # the float next to the root of Ei
EDGE = -0.36787944117144233  # the float next to -1/e

# The op: the operands, the value, and the partials that are promised (None promises nothing).
POINTS = {
    "erfcx": [
        ((0.0,), 1.0, (-2 / ROOT_PI,)),
        ((-0.0,), 1.0, (-2 / ROOT_PI,)),
        ((INF,), 0.0, (-0.0,)),
        ((-INF,), INF, (-INF,)),
        ((-27.0,), INF, (-INF,)),
        ((1e308,), 1e-308 / ROOT_PI, (-0.0,)),
    ],
    "log_ndtr": [
        ((0.0,), -math.log(2), (math.sqrt(2 / math.pi),)),
        ((INF,), -0.0, (0.0,)),
        ((-INF,), -INF, (INF,)),
        ((-1e10,), -5e19, (1e10,)),
        ((50.0,), -0.0, (0.0,)),
    ],
    "erfinv": [
        ((0.0,), 0.0, (ROOT_PI / 2,)),
        ((-0.0,), -0.0, (ROOT_PI / 2,)),
        ((1.0,), INF, (None,)),
        ((-1.0,), -INF, (None,)),
        ((1.5,), NAN, (None,)),
        ((INF,), NAN, (None,)),
    ],
    "erfcinv": [
        ((1.0,), 0.0, (-ROOT_PI / 2,)),
        ((0.0,), INF, (None,)),
        ((2.0,), -INF, (None,)),
        ((-0.5,), NAN, (None,)),
        ((2.5,), NAN, (None,)),
    ],
    "ndtri": [
        ((0.5,), 0.0, (math.sqrt(2 * math.pi),)),
        ((0.0,), -INF, (None,)),
        ((1.0,), INF, (None,)),
        ((-0.5,), NAN, (None,)),
        ((1.5,), NAN, (None,)),
    ],
    "dawsn": [
        ((0.0,), 0.0, (1.0,)),
        ((-0.0,), -0.0, (1.0,)),
        ((INF,), 0.0, (-0.0,)),
        ((-INF,), -0.0, (-0.0,)),
        ((1e-310,), 1e-310, (1.0,)),
        ((1e308,), 5e-309, (-0.0,)),
    ],
    "erfi": [
        ((0.0,), 0.0, (2 / ROOT_PI,)),
        ((-0.0,), -0.0, (2 / ROOT_PI,)),
        ((INF,), INF, (INF,)),
        ((-INF,), -INF, (INF,)),
        ((26.7,), 8.499867261268985e307, (INF,)),
        ((27.0,), INF, (INF,)),
    ],
    "spence": [
        ((1.0,), -0.0, (-1.0,)),
        ((0.0,), math.pi**2 / 6, (-INF,)),
        ((2.0,), -(math.pi**2) / 12, (-math.log(2),)),
        ((INF,), -INF, (-0.0,)),
        ((-1.0,), NAN, (None,)),
    ],
    "expn": [
        ((2.0, 0.0), 1.0, (None, -INF)),
        ((5.0, 0.0), 0.25, (None, -1 / 3)),
        ((1.0, 0.0), INF, (None, -INF)),
        ((0.0, 0.0), INF, (None, -INF)),
        ((3.0, INF), 0.0, (None, -0.0)),
        ((3.0, -1.0), NAN, (None, None)),
    ],
    "entr": [
        ((0.0,), 0.0, (INF,)),
        ((-1.0,), -INF, (None,)),
        ((1.0,), -0.0, (-1.0,)),
        ((INF,), -INF, (-INF,)),
    ],
    "rel_entr": [
        ((0.0, 2.0), 0.0, (-INF, 0.0)),
        ((0.0, 0.0), 0.0, (INF, 0.0)),
        ((2.0, 0.0), INF, (INF, -INF)),
        ((-1.0, 1.0), INF, (None, None)),
        ((1.0, -1.0), INF, (None, None)),
        ((3.0, 3.0), 0.0, (1.0, -1.0)),
        ((1e300, 1e-300), 1e300 * 600 * math.log(10), (1 + 600 * math.log(10), -INF)),
        ((NAN, 0.0), NAN, (None, None)),
        ((0.0, NAN), NAN, (None, None)),
    ],
    "kl_div": [
        ((0.0, 2.0), 2.0, (-INF, 1.0)),
        ((0.0, 0.0), 0.0, (INF, 1.0)),
        ((2.0, 0.0), INF, (INF, -INF)),
        ((-1.0, 1.0), INF, (None, None)),
        ((3.0, 3.0), 0.0, (0.0, 0.0)),
    ],
    "xlog1py": [
        ((0.0, -1.0), 0.0, (-INF, 0.0)),
        ((0.0, NAN), NAN, (None, None)),
        ((2.0, -1.0), -INF, (-INF, INF)),
    ],
    "expi": [
        ((0.0,), -INF, (INF,)),
        ((INF,), INF, (None,)),
        ((-INF,), -0.0, (None,)),
        ((ROOT,), -5.1196989365556847e-17, (math.exp(ROOT) / ROOT,)),
    ],
    "exp1": [((0.0,), INF, (-INF,)), ((INF,), 0.0, (None,)), ((-1.0,), NAN, (None,))],
    "exprel": [
        ((0.0,), 1.0, (0.5,)),
        ((-0.0,), 1.0, (0.5,)),
        ((INF,), INF, (INF,)),
        ((-INF,), 0.0, (0.0,)),
        ((5e-324,), 1.0, (0.5,)),
    ],
    "si": [
        ((0.0,), 0.0, (1.0,)),
        ((-0.0,), -0.0, (1.0,)),
        ((INF,), HALF_PI, (None,)),
        ((-INF,), -HALF_PI, (None,)),
    ],
    "ci": [((0.0,), -INF, (INF,)), ((INF,), 0.0, (None,)), ((-INF,), NAN, (None,))],
    "lambertw_upper": [
        ((0.0,), 0.0, (1.0,)),
        ((-0.0,), -0.0, (1.0,)),
        ((INF,), INF, (None,)),
        ((EDGE,), -1.0, (INF,)),
        ((-0.4,), NAN, (None,)),
        ((math.e,), 1.0, (0.5 / math.e,)),
    ],
    "lambertw_lower": [
        ((-0.0,), -INF, (-INF,)),
        ((EDGE,), -1.0, (-INF,)),
        ((-0.4,), NAN, (None,)),
        ((0.5,), NAN, (None,)),
    ],
}


# Where SciPy gives other values: digits lost at the root, an early overflow, NaN for -inf.
SCIPY_MISSES = [("expi", (ROOT,)), ("erfi", (26.7,)), ("spence", (INF,))]


def same(found, expected, label):
    """Hold a number to another: bit for bit where it is 0, infinite or NaN."""
    if expected is None:
        return
    if expected == 0 or not math.isfinite(expected):
        np.testing.assert_array_equal(found, expected, label)
        assert expected != 0 or np.signbit(found) == np.signbit(expected), label
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-15, err_msg=label)


@pytest.mark.parametrize("how", ["numpy", "python"])
@pytest.mark.parametrize("name", POINTS)
def test_edges(name, how):
    rows = [*POINTS[name], ((NAN,) * len(REFERENCES[name].slopes), NAN, (None, None))]
    at = [np.array(column) for column in zip(*(row[0] for row in rows), strict=True)]
    text = running.emit(graph_of([name]), running.TARGETS[how])
    value, *slopes = running.run(text, at, how=how)
    for k, (point, expected, partials) in enumerate(rows):
        same(value[k], expected, f"{name}{point}")
        for j, slope in enumerate(slopes):
            same(slope[k], partials[j], f"partial {j} of {name}{point}")


def test_meaning_agrees_at_the_edges():
    """SciPy's own values, which the interpreter gives, are ours but for what it leaves open."""
    for name, rows in POINTS.items():
        for point, expected, _ in rows:
            if point == (EDGE,) or (name, point) in SCIPY_MISSES:
                continue
            with np.errstate(all="ignore"):
                found = OPS[name].evaluate(*(np.array([x]) for x in point))[0]
            np.testing.assert_allclose(found, expected, rtol=1e-14, err_msg=f"{name}{point}")
