from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import sympy
from sympy import MatrixSymbol, Piecewise, Sum, exp, log, sin, symbols, tanh
from sympy.abc import x, y

import bpcompile as bp
from bpcompile.errors import ArgumentError, TypeMismatchError, UnsupportedError
from bpcompile.frontend.tracing import Leaf, trace
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS
from bpcompile.ir.type import f32, f64
from bpcompile.passes.expand import expand_composites
from bpcompile.transforms import primitive as module
from bpcompile.transforms.primitive import primitive
from bpcompile.transforms.reverse import reverse


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    """Take what a test declares out of the table of all ops."""
    before = set(OPS)
    monkeypatch.setattr(module, "_known", {})
    yield
    for name in set(OPS) - before:
        del OPS[name]


def swish():
    return primitive("test_swish", x / (1 + exp(-y * x)), [x, y])


def test_a_primitive_is_one_op_of_the_model():
    f = swish()
    graph = trace(lambda a: f(a, 2.0) * a, [Leaf(f64["n"], "a")]).graph
    assert [node.op.name for node in graph] == ["param", "const", "test_swish", "mul"]
    a = np.linspace(-1, 1, 5)
    np.testing.assert_allclose(interpret(graph, [a])[0], a * a / (1 + np.exp(-2 * a)), rtol=1e-14)


def test_arrays_and_numbers_outside_of_a_model():
    f = swish()
    assert f(1.0, 2.0) == pytest.approx(1 / (1 + math.exp(-2)), rel=1e-15)
    assert type(f(1, 2)) is float
    assert f(np.ones((2, 1)), [1.0, 2.0, 3.0]).shape == (2, 3)
    assert f(np.float32(1.0), 1.0).dtype == np.float32
    assert f(np.arange(3), 1).dtype == np.float64


@pytest.mark.parametrize(
    "expr",
    [
        x / (1 + exp(-y * x)),
        sin(x) ** 2 * log(y),
        tanh(x * y) + x,
        Piecewise((x**2, x > y), (y**3, True)),
        sympy.Max(x, y) * sympy.Abs(x),
        sympy.erf(x) * sympy.floor(10 * y),
        sympy.Integer(2) * y,
    ],
    ids=str,
)
def test_partials_are_those_of_sympy(expr):
    f = primitive("test_partial", expr, [x, y])
    graph = trace(lambda a, b: f(a, b), [Leaf(f64["n"], "a"), Leaf(f64["n"], "b")]).graph
    points = np.random.default_rng(3).uniform(0.3, 2.0, (2, 4))
    joint = reverse(graph, [0, 1], "input")
    expanded = expand_composites(joint)
    assert "test_partial" not in {node.op.name for node in expanded}
    expected = [
        [float(form.subs({x: a, y: b}).evalf(20)) for a, b in points.T]
        for form in (expr, _real_diff(expr, x), _real_diff(expr, y))
    ]
    for found in (joint, expanded):
        values = interpret(found, [*points, np.ones(4)])
        np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-14)


def _real_diff(expr, symbol):
    """Differentiate with real symbols, and take a floor for the step function that it is."""
    real = {s: sympy.Symbol(s.name, real=True) for s in (x, y)}
    slope = expr.xreplace(real).diff(real[symbol])
    slope = slope.replace(sympy.Derivative, lambda *_: sympy.S.Zero)
    slope = slope.replace(sympy.Subs, lambda *_: sympy.S.Zero)
    return slope.xreplace({new: old for old, new in real.items()})


def test_second_derivatives_and_complex_steps():
    f = primitive("test_second", sin(x) * exp(x), [x])
    graph = trace(lambda a: f(a), [Leaf(f64[()], "a")]).graph
    slope = reverse(graph, [0])
    second = reverse(slope.with_outputs(slope.outputs[1:]), [0])
    at = 0.7
    _, curvature = interpret(second, [at])
    assert curvature == pytest.approx(2 * math.cos(at) * math.exp(at), rel=1e-14)
    (stepped,) = interpret(graph, [at + 1e-30j], complex_step=True)
    assert stepped.imag / 1e-30 == pytest.approx(interpret(slope, [at])[1], rel=1e-14)


def test_a_branch_that_is_not_taken_contributes_nothing():
    f = primitive("test_guarded", Piecewise((log(x), x > 0), (0, True)), [x])
    graph = trace(lambda a: f(a), [Leaf(f64["n"], "a")]).graph
    _, slopes = interpret(reverse(graph, [0], "input"), [[0.0, -1.0, 2.0], [1.0, 1.0, 1.0]])
    assert slopes.tolist() == [0.0, 0.0, 0.5]


def test_float32_stays():
    f = swish()
    graph = trace(lambda a: f(a, 2.0), [Leaf(f32["n"], "a")]).graph
    expanded = expand_composites(reverse(graph, [0], "input"))
    assert {str(node.type) for node in expanded} <= {"f32[n]", "bool[n]"}


def test_compiled():
    f = swish()
    model = bp.value_and_grad(lambda a: np.sum(f(a, 2.0) * a))
    value, slope = model(np.array([0.5, -1.0]))
    inner = f(np.array([0.5, -1.0]), 2.0)
    assert value == pytest.approx(float(np.sum(inner * [0.5, -1.0])), rel=1e-14)
    steps = [
        (f(a + 1e-6, 2.0) * (a + 1e-6) - f(a - 1e-6, 2.0) * (a - 1e-6)) / 2e-6 for a in (0.5, -1)
    ]
    np.testing.assert_allclose(slope, steps, rtol=1e-8)


def test_latex_is_the_expression():
    assert swish().op.latex == "\\frac{{{0}}}{{1 + e^{{- {0} {1}}}}}"
    assert swish().op.latex.format("a", "b") == "\\frac{a}{1 + e^{- a b}}"
    long = primitive("test_long", sum(sin(k * x) for k in range(1, 80)), [x])
    assert long.op.latex.format("a") == "\\operatorname{test_long}\\left(a\\right)"


def test_hostile_symbols_do_not_reach_the_latex():
    evil = sympy.Symbol("\\input{/etc/passwd}")
    assert primitive("test_evil", evil**2, [evil]).op.latex == "{0}^{{2}}"


def test_the_same_declaration_is_the_same_function():
    f = swish()
    assert swish() is f
    assert pickle.loads(pickle.dumps(f)) is f
    assert repr(f) == "<primitive test_swish(x, y)>"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("test_swish", "that of another primitive"),
        ("sin", "an op or a function of NumPy"),
        ("erfc", "an op or a function of NumPy"),
        ("einsum", "an op or a function of NumPy"),
        ("a b", "cannot be the name"),
        ("lambda", "cannot be the name"),
        ("_hidden", "cannot be the name"),
        ("naïve", "cannot be the name"),
        ("x" * 65, "cannot be the name"),
        (3, "cannot be the name"),
    ],
)
def test_names_that_do_not_fit_are_refused(name, message):
    swish()
    with pytest.raises(ArgumentError, match=message):
        primitive(name, x + y, [x, y])


@pytest.mark.parametrize(
    ("expr", "args", "error", "message"),
    [
        (x * y, [x], ArgumentError, "depends on y"),
        (x, [], ArgumentError, "has no arguments"),
        (MatrixSymbol("A", 2, 2)[0, 0], [MatrixSymbol("A", 2, 2)], ArgumentError, "write Symbols"),
        ([x, y], [x, y], UnsupportedError, "no function of scalars"),
        (sympy.Matrix([x, y]), [x, y], UnsupportedError, "no function of scalars"),
        (Sum(x ** symbols("k"), (symbols("k"), 0, 3)), [x], UnsupportedError, "doit"),
        (x > 0, [x], TypeMismatchError, "is a condition"),
        (sympy.airyai(x), [x], UnsupportedError, "airyai"),
    ],
    ids=str,
)
def test_expressions_that_do_not_fit_are_refused(expr, args, error, message):
    with pytest.raises(error, match=message):
        primitive("test_wrong", expr, args)
    assert "test_wrong" not in OPS


def test_calls_that_do_not_fit_are_refused():
    with pytest.raises(ArgumentError, match="takes 2 values and was given 1"):
        swish()(1.0)
    with pytest.raises(TypeMismatchError, match="str"):
        swish()("a", 1.0)
