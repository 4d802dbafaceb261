from __future__ import annotations

import math

import numpy as np
import pytest
import sympy
from sympy import (
    ITE,
    Abs,
    Add,
    And,
    E,
    EulerGamma,
    Float,
    GoldenRatio,
    Heaviside,
    Integer,
    KroneckerDelta,
    Max,
    Min,
    Mod,
    Mul,
    Not,
    Or,
    Piecewise,
    Pow,
    Rational,
    acos,
    acosh,
    acot,
    acoth,
    acsc,
    acsch,
    asec,
    asech,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    ceiling,
    cos,
    cosh,
    cot,
    coth,
    csc,
    csch,
    erf,
    erfc,
    exp,
    floor,
    frac,
    log,
    pi,
    sec,
    sech,
    sign,
    sin,
    sinh,
    sqrt,
    symbols,
    tan,
    tanh,
)  # fmt: skip
from sympy.codegen import cfunctions

from bpcompile.errors import LimitError
from bpcompile.frontend.symbolic import lower
from bpcompile.ir.interpret import interpret
from bpcompile.ir.type import f32, f64
from tests.frontend.symbolic.checks import exact, gradients, lowered, value

x, y, z = ARGS = symbols("x y z", real=True)

SMOOTH = [
    (x + y) * z,
    -x - y,
    -(x - y) * z,
    -x / y,
    -2 * x + 3,
    (x - y) / (x + y),
    1 / (x * y * z**2),
    (x + y) ** 2 * (x - y) ** -2,
    x * (y - z) / -3,
    x**3 - 2 * x**2 + x / 3 - Rational(5, 7),
    0.1 * x - 0.25 * y,
    10**20 * x / 3,
    pi * x + E * y + EulerGamma * z + GoldenRatio,
    sqrt(2) * x,
    sqrt(x**2 + y**2),
    x / sqrt(y),
    x ** Rational(-3, 2),
    x ** Rational(1, 3),
    x**2.5,
    x ** Float(-1.0),
    x**y,
    2**x,
    E ** (x * y),
    Pow(E, x, evaluate=False),
    exp(-(x**2) / 2) / sqrt(2 * pi),
    exp(2) * x,
    log(x + 1) / log(y + 2),
    log(x, 3, evaluate=False),
    log(x) ** 2,
    sin(x) * cos(y) + tan(z),
    asin(x / 4) + acos(y / 4) + atan(x * y),
    atan2(x, y),
    sinh(x) * cosh(y) * tanh(z),
    asinh(x) + acosh(x + 2) + atanh(x / 9),
    sec(x) + csc(y) + cot(z),
    sech(x) + csch(y) + coth(z),
    1 / sec(x),
    acot(x) + asec(x + 1) + acsc(y + 1),
    asech(x / 5) + acsch(y) + acoth(z + 1),
    erf(x) * erfc(y),
    Mul(-1, Add(x, y, evaluate=False), evaluate=False),
    Add(-x, -y, 3, evaluate=False),
    Add(x, x, evaluate=False),
    cfunctions.exp2(x) + cfunctions.expm1(y) + cfunctions.log1p(z),
    cfunctions.log2(x) + cfunctions.log10(y) + cfunctions.hypot(x, y),
]
PIECES = [
    Abs(x - y),
    Max(x, y, z),
    Min(x, 2 * y),
    sign(x - 2) * x,
    Heaviside(x - y) * x,
    Piecewise((x**2, x > y), (y * x, x + y > 3), (z * x, True)),
    Piecewise((x, And(x > 0, y > 1)), (y * x, Or(x < 0, Not(y > 2))), (1, True)),
    Piecewise((x, x >= y), (y, x <= 1), (z, sympy.Ne(x, 2))),
    Piecewise((x, sympy.Xor(x > 1, y > 1)), (y, True)),
    Piecewise((x, ITE(x > y, x > 1, y > 1)), (y, True)),
    floor(x) * y,
    ceiling(x) * y,
    frac(x) * y,
    Mod(x, y),
]
# What SymPy leaves as an unevaluated derivative.
OWN_SLOPES = {
    floor(x) * y: (0, floor(x), 0),
    ceiling(x) * y: (0, ceiling(x), 0),
    frac(x) * y: (y, frac(x), 0),
    Mod(x, y): (1, -floor(x / y), 0),
}


@pytest.mark.parametrize("expr", [*SMOOTH, *PIECES], ids=str)
def test_value_and_gradient_are_those_of_sympy(expr):
    for seed in range(2):
        point = np.random.default_rng(seed).uniform(0.3, 3.5, 3)
        values = dict(zip(ARGS, point.tolist(), strict=True))
        np.testing.assert_allclose(value(expr, ARGS, *point), exact(expr, values), rtol=1e-13)
        written = expr.doit()  # SymPy forgets the base of an unevaluated logarithm
        slopes = OWN_SLOPES.get(expr) or [written.diff(symbol) for symbol in ARGS]
        for got, slope in zip(gradients(expr, ARGS, *point), slopes, strict=True):
            expected = exact(sympy.S(slope), values)
            np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(
    ("expr", "ops"),
    [
        (x - y, ["sub"]),
        (-x + y, ["sub"]),
        (-x, ["neg"]),
        (-2 * x, ["mul"]),
        (x - 2 * y, ["mul", "sub"]),
        (x / y, ["div"]),
        (x / 3, ["div"]),
        (x / 2, ["mul"]),
        (2 * x / 3, ["mul", "div"]),
        (x / (3 * y), ["mul", "div"]),
        (1 / x, ["div"]),
        (exp(-x) / sqrt(y), ["sqrt", "neg", "exp", "div"]),
        (x**2, ["square"]),
        (x**-2, ["square", "div"]),
        (sqrt(x), ["sqrt"]),
        (1 / sqrt(x), ["sqrt", "div"]),
        (exp(x), ["exp"]),
        (2**x, ["exp2"]),
        (x**3, ["power"]),
        (y / sec(x), ["cos", "div", "div"]),
    ],
    ids=str,
)
def test_arithmetic_is_as_it_is_written(expr, ops):
    nodes = [node.op.name for node in lowered(expr, ARGS)]
    assert sorted(n for n in nodes if n not in ("param", "const")) == sorted(ops)


def test_numbers_are_the_nearest_floats():
    exprs = [
        Rational(1, 3),
        Integer(2) ** 70,
        Rational(10**400, 10**399 + 1),
        pi,
        sympy.oo,
        -sympy.oo,
    ]
    expected = [1 / 3, 2.0**70, 10.0, math.pi, math.inf, -math.inf]
    graph = lower(exprs, [x]).graph
    assert [float(v) for v in interpret(graph, [1.0])] == expected
    assert math.isnan(value(sympy.nan, [x], 1.0))
    assert math.copysign(1.0, value(Float("-0.0") * 1, [x], 1.0)) == 1.0  # SymPy has no -0.0


def test_results_are_real():
    graph = lower(
        [Integer(2), Piecewise((1, x > 0), (0, True)), symbols("k") * 2], [x, symbols("k")]
    )
    assert [str(node.type) for node in graph.graph.outputs] == ["f64[]"] * 3


def test_float32_is_never_widened():
    expr = x * (y + 1) / 3 + Heaviside(x) * pi + Piecewise((1, x > 0), (x, True)) - Mod(x, 2)
    assert str(lower(expr, [x, y], {x: f32["n"], y: f64[()]}).graph.outputs[0].type) == "f32[n]"
    array, k, n = sympy.IndexedBase("X"), *symbols("k n", integer=True)
    total = sympy.Sum((k + 1) * array[k] / n + Piecewise((1, k > 1), (0, True)), (k, 0, n - 1))
    assert str(lower(total, [array], {array: f32["n"]}).graph.outputs[0].type) == "f32[]"


def test_products_of_numbers_alone_are_floats():
    big = Mul(Integer(2**40), Integer(2**40), evaluate=False)
    assert value(big * x, [x], 1.0) == 2.0**80
    tower = Pow(Integer(9), Pow(Integer(9), Integer(9), evaluate=False), evaluate=False)
    assert value(tower * x, [x], 1.0) == math.inf


@pytest.mark.parametrize(
    "expr", [Integer(7) ** 2000 * x, Integer(7) ** 20000 * x, x / Integer(7) ** 20000]
)
def test_numbers_beyond_floats_are_refused(expr):
    with pytest.raises(LimitError, match="bits"):
        lower(expr, [x])


def test_a_branch_that_is_not_taken_contributes_nothing():
    expr = Piecewise((log(x), x > 0), (x**2, True))
    assert gradients(expr, [x], 0.0) == [0.0]
    assert gradients(expr, [x], -3.0) == [-6.0]
    assert gradients(expr, [x], 4.0) == [0.25]
    singular = Piecewise((sqrt(x) / x, x > 0), (0, True))
    assert gradients(singular, [x], 0.0) == [0.0]


def test_a_piecewise_without_a_last_piece_is_nan_elsewhere():
    expr = Piecewise((x, x > 0))
    assert value(expr, [x], 2.0) == 2.0
    assert math.isnan(value(expr, [x], -2.0))
    assert gradients(expr, [x], -2.0) == [0.0]


def test_kinks_are_those_of_the_contract():
    assert gradients(Abs(x), [x], 0.0) == [0.0]
    assert gradients(Max(x, y), [x, y], 1.0, 1.0) == [0.5, 0.5]
    assert value(Heaviside(x), [x], 0.0) == 0.5
    assert value(Heaviside(x, 1), [x], 0.0) == 1.0
    assert math.isnan(value(Heaviside(x), [x], math.nan))
    assert value(KroneckerDelta(x, y), [x, y], 1.0, 1.0) == 1.0


def test_conditions_are_results_too():
    found = value(sympy.Or(x > 0, sympy.Eq(x, -1)), [x], -1.0)
    assert found.dtype == bool
    assert found
    assert value(sympy.true, [x], 1.0)


def test_roots_of_c_are_numpys():
    expr = cfunctions.Sqrt(x) + cfunctions.Cbrt(y)
    assert value(expr, [x, y], 4.0, -27.0) == -1.0
    np.testing.assert_allclose(gradients(expr, [x, y], 4.0, -27.0), [1 / 4, 1 / 27])


def test_real_symbols_are_their_own_conjugates():
    plain = sympy.Symbol("p")
    expr = sympy.re(plain) * sympy.conjugate(plain)
    assert value(expr, [plain], 3.0) == 9.0
