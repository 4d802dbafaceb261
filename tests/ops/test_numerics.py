"""What each op and its derivative are at kinks, limits, overflow and NaN: the contract, row by row.

Every model runs as written and written out, since both must agree at these points.
"""

from __future__ import annotations

import functools
import math
import operator
import types

import mpmath
import numpy as np
import pytest

from bpcompile.ir.build import Builder
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS
from bpcompile.ir.type import f64
from bpcompile.ops.index import At, Slice
from bpcompile.passes.pipeline import LOWER, run
from bpcompile.transforms.reverse import reverse
from tests.emit import running
from tests.ops.support import apply, gradient, params, value

INF, NAN = math.inf, math.nan
TINY = 5e-324


# The ops as attributes: o.exp(x).
o = types.SimpleNamespace(**OPS)

mp = mpmath.MPContext()
mp.prec = 200


def value_at(name, *points):
    meant, written = (
        float(value(apply(OPS[name]), list(points), expanded=flag)) for flag in (False, True)
    )
    np.testing.assert_allclose(written, meant, rtol=1e-15)
    return written


def slopes(model, *points):
    """Return the gradient at a point, with composites as they mean and as they are written out."""
    if isinstance(model, str):
        model = apply(OPS[model])
    meant = [g.tolist() for g in gradient(model, *points, expanded=False)]
    written = [g.tolist() for g in gradient(model, *points)]
    np.testing.assert_allclose(written, meant, rtol=1e-13)
    return written if len(written) > 1 else written[0]


def near(exact, ulps=4):
    return pytest.approx(float(exact), rel=ulps * 2.0**-53, abs=0.0)


def constant(x, number):
    return x.builder.const(number, x.type)


# A branch that is not taken contributes nothing.


BRANCHES = {
    "log": (lambda x: o.log(x), 0.0),
    "log of -1": (lambda x: o.log(x), -1.0),
    "sqrt": (lambda x: o.sqrt(x), 0.0),
    "exp": (lambda x: o.exp(x), 1000.0),
    "reciprocal": (lambda x: 1 / x, 0.0),
    "power": (lambda x: o.power(x, -1.5), 0.0),
    "arcsin": (lambda x: o.arcsin(x), 1.0),
    "cbrt": (lambda x: o.cbrt(x), 0.0),
    "square": (lambda x: o.square(o.exp(x)), 1000.0),
    "deep": (lambda x: o.sin(o.tanh(o.exp(o.sqrt(x)))), 0.0),
}


@pytest.mark.parametrize(("branch", "at"), BRANCHES.values(), ids=BRANCHES)
def test_branch_not_taken_contributes_nothing(branch, at):
    def chosen(x):
        return o.select(x > at, branch(x), 3 * x)

    assert slopes(chosen, at) == 3.0
    assert slopes(chosen, np.array([at, at])) == [3.0, 3.0]


def test_losers_contribute_nothing():
    assert slopes(lambda x: o.maximum(o.sqrt(x), x + 1), 0.0) == 1.0
    assert slopes(lambda x: o.minimum(o.sqrt(x), x - 1), 0.0) == 1.0
    assert slopes(lambda x: o.relu(-1 - o.sqrt(x)), 0.0) == 0.0
    assert slopes(lambda x: o.clip(o.sqrt(x), constant(x, 1), constant(x, 2)), 0.0) == 0.0
    assert slopes(lambda x: o.clip(o.exp(x), constant(x, 0), constant(x, 9)), 1000.0) == 0.0
    two = np.array([0.0, 4.0])
    assert slopes(lambda x: o.max(o.sqrt(x), axes=(0,)), two) == [0.0, 0.25]
    assert slopes(lambda x: o.min(o.log(x) * -1, axes=(0,)), two) == [0.0, -0.25]
    assert slopes(lambda x: o.softmax(o.select(x > 1, o.log(x), 0.0), axes=(0,)), two) == [0.0, 0.0]


def test_element_that_is_not_read_contributes_nothing():
    two = np.array([4.0, 0.0])
    assert slopes(lambda x: o.index(o.log(x), spec=(Slice(0, 1, 1),)), two) == [0.25, 0.0]
    builder = Builder("f")
    x, i = builder.param("x", f64[2]), builder.dim(0)
    graph = builder.finish((o.index(o.log(x), i, spec=(At(0),)),))
    np.testing.assert_array_equal(interpret(reverse(graph, [0]), [two])[1], [0.25, 0.0])


def test_zero_by_value_annihilates_nothing():
    """sqrt(x)**2 is x, whose slope at 0 is 1: NaN is an answer, 0 would be a lie."""
    for model in (
        lambda x: o.square(o.sqrt(x)),
        lambda x: o.power(o.sqrt(x), 2.0),
        lambda x: o.sqrt(x) * o.sqrt(x),
    ):
        assert math.isnan(slopes(model, 0.0))
    assert math.isnan(slopes(lambda x: x * o.sqrt(x), 0.0))


# Kinks and ties.


def test_kinks():
    assert slopes("abs", 0.0) == slopes("abs", -0.0) == 0.0
    assert slopes("relu", 0.0) == slopes("relu", -0.0) == 0.0
    assert slopes("maximum", 2.0, 2.0) == slopes("minimum", 2.0, 2.0) == [0.5, 0.5]
    assert slopes(lambda x: o.maximum(x, 0.0), 0.0) == 0.5
    assert slopes(lambda x: o.clip(x, constant(x, -1), constant(x, 1)), np.array([-1.0, 1.0])) == [
        1.0,
        1.0,
    ]
    ties = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    shares = [[0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]]
    assert slopes(lambda x: o.max(x, axes=(1,)), ties) == shares
    assert slopes(lambda x: -o.min(-x, axes=(1,)), ties) == shares


def test_clip_hands_a_bound_its_cotangent():
    assert slopes("clip", -3.0, -1.0, 1.0) == [0.0, 1.0, 0.0]
    assert slopes("clip", 3.0, -1.0, 1.0) == [0.0, 0.0, 1.0]
    assert slopes("clip", 0.0, -1.0, 1.0) == [1.0, 0.0, 0.0]
    for x in (-3.0, 0.0, 3.0):  # crossed bounds: the upper one is the result
        assert value_at("clip", x, 1.0, -1.0) == -1.0
        assert slopes("clip", x, 1.0, -1.0) == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("name", ["sign", "floor", "ceil", "rint", "trunc"])
def test_steps_have_slope_zero(name):
    for point in (0.0, 0.5, -1.0, 1e300):
        assert slopes(name, point) == 0.0


def test_roots_at_zero():
    assert value_at("sqrt", -0.0) == 0.0
    assert slopes("sqrt", 0.0) == slopes("sqrt", -0.0) == INF
    assert slopes("cbrt", 0.0) == slopes("cbrt", -0.0) == INF
    assert value_at("cbrt", -8.0) == -2.0
    for point in (0.0, -0.0, INF, -INF):
        assert value_at("cbrt", point) == point
    assert slopes("cbrt", INF) == 0.0


def test_remainders():
    assert slopes("remainder", 7.0, -3.0) == [1.0, 3.0]
    assert slopes("fmod", 7.0, -3.0) == [1.0, 2.0]
    assert slopes("fmod", -7.0, 3.0) == [1.0, 2.0]
    assert slopes("fmod", 69.9, 0.3) == [1.0, -233.0]  # (69.9 - y)/0.3 is 232.99999999999997
    # 3 * 0.1 rounds up: the quotient is 2.99..., whose floor is 2 although 0.3/0.1 rounds to 3.
    assert value_at("floor_divide", 0.3, 0.1) == 2.0
    assert slopes("remainder", 0.3, 0.1) == [1.0, -2.0]


# Norms and angles.


def test_norms_at_zero():
    assert slopes("hypot", 0.0, 0.0) == [0.0, 0.0]
    assert slopes("arctan2", 0.0, 0.0) == [0.0, 0.0]
    for ddof in (0, 1):
        for x in (np.zeros(3), np.full(3, 2.5)):
            assert slopes(lambda x, d=ddof: o.std(x, axes=(0,), ddof=d), x) == [0.0] * 3


def test_norms_and_angles_are_scaled():
    assert slopes("hypot", 3e200, 4e200) == [near(0.6), near(0.8)]
    assert slopes("hypot", 3e-200, 4e-200) == [near(0.6), near(0.8)]
    assert slopes("arctan2", 3e200, 4e200) == [near(0.16e-200), near(-0.12e-200)]
    assert slopes("arctan2", 3e-200, 4e-200) == [near(0.16e200), near(-0.12e200)]
    assert slopes("arctan2", 0.0, -1.0) == [-1.0, 0.0]
    assert slopes("div", 1e200, 1e200) == [near(1e-200), near(-1e-200)]


# Powers.


def power_slopes(a, b):
    """Return the slopes with the exponent a variable, and that in `a` with it a constant."""
    over_a, over_b = slopes("power", a, b)
    assert slopes(lambda x: o.power(x, b), a) == pytest.approx(over_a, nan_ok=True, rel=1e-15)
    return over_a, over_b


def test_powers():
    assert value_at("power", 0.0, 0.0) == 1.0
    assert power_slopes(0.0, 0.0) == (0.0, 0.0)
    assert power_slopes(2.0, 0.0) == (0.0, near(math.log(2)))
    assert power_slopes(0.0, 1.0) == (1.0, 0.0)
    assert power_slopes(0.0, 2.0) == (0.0, 0.0)
    assert power_slopes(0.0, 0.5) == (INF, 0.0)
    assert power_slopes(0.0, -1.0) == (-INF, -INF)
    over_a, over_b = power_slopes(-2.0, 3.0)
    assert over_a == 12.0
    assert math.isnan(over_b)
    assert value_at("power", -INF, 0.5) == INF
    assert power_slopes(INF, -1.0) == (0.0, 0.0)
    assert power_slopes(INF, 2.0) == (INF, INF)
    assert power_slopes(INF, 0.5)[0] == 0.0


@pytest.mark.parametrize(
    ("a", "b"), [(1e300, 0.1), (1e-300, 0.3), (1e200, 1.6), (1e-200, 1.6), (3.0, 600.5)]
)
def test_power_slope_where_the_power_is_no_extreme_and_where_it_is(a, b):
    """A rounded b - 1 would cost |log a| units, and b y/a alone overflows with y."""
    exact = mp.mpf(b) * mp.mpf(a) ** (mp.mpf(b) - 1)
    moderate = 1e-288 < float(mp.mpf(a) ** mp.mpf(b)) < 1e288
    assert power_slopes(a, b)[0] == near(exact, 4 if moderate else 1000)


@pytest.mark.parametrize("exponent", [-3.0, -1.0, 1.0, 2.0, 3.0, 4.0, 7.0])
def test_constant_integer_powers_need_no_logarithm(exponent):
    builder = Builder("f")
    x = builder.param("x", f64[()])
    joint = reverse(builder.finish((o.power(x, exponent),)), [0])
    assert "log" not in {node.op.name for node in joint.nodes}
    for point in (-2.0, -0.5, 3.0):
        assert slopes(lambda x: o.power(x, exponent), point) == near(
            exponent * mp.mpf(point) ** (exponent - 1)
        )


# Saturation.


def test_saturated_slopes_are_kept():
    e = mp.exp(-40)
    assert slopes("sigmoid", 40.0) == slopes("sigmoid", -40.0) == near(e / (1 + e) ** 2)
    t = mp.exp(-40)
    assert slopes("tanh", 20.0) == slopes("tanh", -20.0) == near(4 * t / (1 + t) ** 2)
    assert slopes("tanh", -25.0) == near(mp.sech(25) ** 2)
    assert slopes("expm1", -40.0) == near(e)
    for weights in ([1.0, 0.0], [0.0, 1.0]):
        w = np.array(weights)

        def weighed(x, w=w):
            picked = o.softmax(x, axes=(0,))
            return o.index(picked, spec=(Slice(int(w[1]), 1, 1),))

        sign = 1 - 2 * w[1]
        assert slopes(weighed, np.array([40.0, 0.0])) == [
            near(sign * e / (1 + e) ** 2, 8),
            near(-sign * e / (1 + e) ** 2, 8),
        ]
    assert slopes("erf", 6.0) == near(2 / mp.sqrt(mp.pi) * mp.exp(-36))
    assert slopes("erfc", 26.0) == near(-2 / mp.sqrt(mp.pi) * mp.exp(-676))
    assert slopes("ndtr", -37.0) == near(mp.npdf(-37))
    for point in (-3.0, -37.0):  # SciPy's own is hundreds of units off there
        assert float(value(apply(OPS["ndtr"]), [point], expanded=True)) == near(mp.ncdf(point))


def cross_entropy_slopes(logits, target):
    """Return the slopes of -Σ t log softmax(z) as we give them and as mpmath does."""

    def loss(z):
        shares = o.log_softmax(z, axes=(0,))
        weighted = [
            o.index(shares, spec=(Slice(k, 1, 1),)) * float(-t) for k, t in enumerate(target)
        ]
        return o.sum(functools.reduce(operator.add, weighted), axes=(0,))

    e = [mp.exp(mp.mpf(z) - mp.mpf(max(logits))) for z in logits]
    t = [mp.mpf(weight) for weight in target]
    exact = [
        mp.fsum(share * other - own * e[j] for j, other in enumerate(t) if j != k) / mp.fsum(e)
        for k, (share, own) in enumerate(zip(e, t, strict=True))
    ]  # without the terms that cancel: 200 bits are not enough for them
    return slopes(loss, np.array(logits)), exact


@pytest.mark.parametrize("winner", [0, 1, 2])
def test_a_saturated_cross_entropy_keeps_the_tiny_slope_of_the_right_class(winner):
    for far in (2.0, 20.0, 36.0, 40.0, 300.0, 700.0):
        logits = [-far, -far - 1.5, -far - 0.25]
        logits[winner] = 0.5
        for kind in range(3):
            target = [float(k == kind) for k in range(3)]
            found, exact = cross_entropy_slopes(logits, target)
            assert found == [near(slope, 16) for slope in exact]


def test_a_saturated_cross_entropy_with_soft_targets():
    """A teacher's shares are as extreme as the student's: their difference is what is learnt."""
    for target in ([1.0, 3e-18, 2e-20], [1.0, 0.0, 5e-17], [0.9, 0.05, 0.05]):
        found, exact = cross_entropy_slopes([0.0, -41.0, -43.0], target)
        assert found == [near(slope, 32) for slope in exact]


def test_log_softmax_at_ties_and_infinities():
    for logits, target, expected in (
        ([1.0, 1.0], [1.0, 0.0], [-0.5, 0.5]),
        ([1.0, 1.0, -INF], [0.25, 0.75, 0.0], [0.25, -0.25, 0.0]),
        ([INF, 0.0], [0.0, 1.0], [1.0, -1.0]),
        ([3.0], [1.0], [0.0]),
    ):
        assert cross_entropy_slopes(logits, target)[0] == expected


def test_saturated_ends():
    for name in ("sigmoid", "tanh", "erf", "erfc", "ndtr", "softplus", "log_sigmoid"):
        for point in (INF, -INF, 1e300, -1e300, 800.0, -800.0):
            assert not math.isnan(value_at(name, point)), (name, point)
            slope = slopes(name, point)
            assert abs(slope) in (0.0, 1.0), (name, point)


def test_softplus_has_no_threshold():
    e = mp.exp(-21)
    assert value_at("softplus", 21.0) == near(21 + mp.log1p(e), 2)
    assert slopes("softplus", 21.0) == near(1 / (1 + e))
    assert slopes("softplus", -21.0) == near(e / (1 + e))
    assert value_at("log_sigmoid", 40.0) == near(-mp.log1p(mp.exp(-40)), 2)
    assert slopes("log_sigmoid", 40.0) == near(mp.exp(-40))


def test_sums_of_exponentials():
    def model(x):
        return o.logsumexp(x, axes=(0,))

    assert slopes(model, np.array([1000.0, 1000.0])) == [0.5, 0.5]
    assert slopes(model, np.array([INF, 0.0])) == [1.0, 0.0]
    assert slopes(model, np.array([-INF, -INF])) == [0.0, 0.0]
    assert slopes(model, np.array([-INF, 3.0])) == [0.0, 1.0]
    assert slopes(model, np.array([INF, INF])) == [0.5, 0.5]
    assert value(model, [np.array([-INF, -INF])], expanded=True) == -INF
    assert value(model, [np.array([INF, 0.0])], expanded=True) == INF

    assert slopes("logaddexp", 1000.0, 1000.0) == [0.5, 0.5]
    assert slopes("logaddexp", INF, 0.0) == [1.0, 0.0]
    assert slopes("logaddexp", -INF, -INF) == [0.0, 0.0]
    assert slopes("logaddexp", -INF, 3.0) == [0.0, 1.0]
    assert value_at("logaddexp", -INF, -INF) == -INF
    assert value_at("logaddexp", INF, INF) == INF


def test_shares_of_infinities():
    for x, shares in (
        ([INF, 0.0], [1.0, 0.0]),
        ([INF, INF], [0.5, 0.5]),
        ([-INF, -INF], [0.5, 0.5]),
        ([-INF, 3.0], [0.0, 1.0]),
    ):
        found = value(lambda x: o.softmax(x, axes=(0,)), [np.array(x)], expanded=True)
        np.testing.assert_array_equal(found, shares)


# Products with a logarithm, inverses near their ends, large and tiny arguments.


def test_xlogy():
    assert value_at("xlogy", 0.0, 0.0) == 0.0
    assert slopes("xlogy", 0.0, 0.0) == [-INF, 0.0]
    assert math.isnan(value_at("xlogy", 0.0, NAN))


def test_inverses_near_their_ends():
    x = 1 - 2.0**-40
    exact = 1 / mp.sqrt(1 - mp.mpf(x) ** 2)
    assert slopes("arcsin", x) == slopes("arcsin", -x) == near(exact)
    assert slopes("arccos", x) == near(-exact)
    assert slopes("arcsinh", 1e200) == slopes("arcsinh", -1e200) == near(1e-200)
    assert slopes("arccosh", 1e200) == near(1e-200)
    assert slopes("arctanh", x) == near(1 / (1 - mp.mpf(x) ** 2))
    assert slopes("arctan", 1e160) == 1e-320
    assert slopes("arctan", INF) == 0.0


def test_the_curve_of_exprel_by_its_series_and_beyond():
    for point in (-2.0, -0.9, -0.51, -0.49, -0.3, 1e-3, 0.3, 0.49, 0.51, 0.9, 2.0):
        x = mp.mpf(point)
        exact = (mp.exp(x) * (x * x - 2 * x + 2) - 2) / x**3
        assert slopes("exprel_slope", point) == near(exact, 128)  # (exp(x) - 2 y)/x cancels
    assert slopes("exprel_slope", 0.0) == slopes("exprel_slope", -0.0) == near(mp.mpf(1) / 3)


def test_sinc_at_zero_and_at_whole_numbers():
    assert value_at("sinc", 0.0) == value_at("sinc", -0.0) == 1.0
    assert slopes("sinc", 0.0) == slopes("sinc", -0.0) == 0.0
    for point in (1.0, -1.0, 2.0, 1e15):
        assert value_at("sinc", point) == 0.0
        assert slopes("sinc", point) == near((-1) ** (point % 2) / mp.mpf(point))


def test_cosh_near_overflow():
    assert slopes("sinh", 700.0) == value_at("cosh", 700.0) == near(mp.cosh(700), 2)


def test_underflow_is_gradual():
    assert value_at("log", TINY) == near(mp.log(mp.mpf(TINY)), 2)
    assert value_at("div", 1e-310, 1e-310) == 1.0
    assert slopes("log", 1e-310) == INF
    assert slopes("log2", 1e-308) == near(1 / (mp.mpf(1e-308) * mp.log(2)))


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("maximum", (NAN, 1.0)),
        ("maximum", (1.0, NAN)),
        ("minimum", (NAN, 1.0)),
        ("minimum", (1.0, NAN)),
        ("relu", (NAN,)),
        ("clip", (NAN, -1.0, 1.0)),
        ("sigmoid", (NAN,)),
        ("tanh", (NAN,)),
        ("softplus", (NAN,)),
        ("log_sigmoid", (NAN,)),
        ("ndtr", (NAN,)),
        ("cbrt", (NAN,)),
        ("logit", (NAN,)),
        ("logaddexp", (NAN, 1.0)),
    ],
)
def test_nan_stays_nan(name, points):
    assert math.isnan(value_at(name, *points))


def test_nan_in_a_row():
    row = np.array([1.0, NAN, 2.0])
    for name in ("max", "min", "logsumexp"):
        assert math.isnan(value(lambda x, n=name: OPS[n](x, axes=(0,)), [row], expanded=True))
    assert np.all(np.isnan(value(lambda x: o.softmax(x, axes=(0,)), [row], expanded=True)))


# Moments.


def test_variance_goes_through_its_mean():
    x = np.array([1e8 + 1, 1e8 + 2, 1e8 + 4])
    exact = [2 * (t - mp.mpf(7) / 3) / 3 for t in (1, 2, 4)]
    found = slopes(lambda x: o.var(x, axes=(0,), ddof=0), x)
    # The mean of x is rounded to 2**-27; the mean of the deviations takes that up.
    assert found == pytest.approx([float(t) for t in exact], rel=1e-15)
    assert abs(sum(found)) < 1e-15


def test_integer_results_carry_no_derivative():
    def model(x):
        return o.astype(o.argmax(x, axes=(0,)), dtype=f64.dtype) * o.sum(x, axes=(0,))

    assert slopes(model, np.array([1.0, 5.0, 2.0])) == [1.0, 1.0, 1.0]


def test_stopped_gradient():
    assert slopes(lambda x: x * o.stop_gradient(x), 3.0) == 3.0


def test_neighbours():
    x = np.array([1.0, 1.0, -2.0, 0.0, INF, NAN, 1.0])
    to = np.array([2.0, 0.0, -INF, -1.0, 0.0, 1.0, NAN])
    given = [a.astype(dtype) for dtype in ("float64", "float32") for a in (x, to)]
    builder = Builder("f")
    a, b, c, d = params(builder, given)
    outputs = [o.nextafter(a, b), o.spacing(a), o.nextafter(c, d), o.spacing(c)]
    graph = run(builder.finish(outputs), LOWER)
    for how in ("numpy", "python", "numba"):
        found = running.run(running.emit(graph, running.TARGETS[how]), given, how=how)
        with np.errstate(all="ignore"):
            wanted = [
                f for k in (0, 2) for f in (np.nextafter(*given[k : k + 2]), np.spacing(given[k]))
            ]
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(one, other, strict=True)
    assert gradient(o.nextafter, 1.5, 2.0) == [1.0, 0.0]
    assert gradient(o.spacing, 1.5) == [0.0]
