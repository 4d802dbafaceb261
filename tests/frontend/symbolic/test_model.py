from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
import sympy
from sympy import IndexedBase, Matrix, MatrixSymbol, Piecewise, Sum, Symbol, exp, log, sin, symbols
from sympy.abc import x, y, z

import bpcompile as bp
from bpcompile.errors import ArgumentError, ShapeError, TraceError
from bpcompile.frontend.symbolic import SymbolicModel, lower
from bpcompile.frontend.tracing import Leaf, trace
from bpcompile.ir.type import f64

i, n = symbols("i n", integer=True)
X = IndexedBase("X")
numpy_target = {"target": "numpy", "cache": False}


def test_sympy_is_imported_for_an_expression_only():
    code = (
        "import sys, numpy, bpcompile as bp\n"
        "bp.grad(lambda x: x * x, target='numpy', cache=False)(2.0)\n"
        "assert 'sympy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nodes_stand_on_no_line():
    graph = lower(x * y + x, [x, y]).graph
    assert all(node.origin is None for node in graph if node.op.name != "param")
    model = SymbolicModel(x * y, [x, y])
    inside = trace(lambda a: model(a + a, 2.0), [Leaf(f64[()], "a")]).graph
    assert {node.origin.file for node in inside if node.op.name == "mul"} == {__file__}


def test_a_model_is_called_in_a_trace_only():
    with pytest.raises(TraceError, match="not compiled"):
        SymbolicModel(x, [x])(1.0)
    with pytest.raises(ArgumentError, match="1 arguments for x, y"):
        trace(SymbolicModel(x * y, [x, y]), [Leaf(f64[()], "x")])


def test_a_model_travels_as_its_expressions():
    model = SymbolicModel([x * sin(y), Matrix([x])], [x, y], name="wave")
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert other.__name__ == "wave"
        leaves = [Leaf(f64[()], "x"), Leaf(f64[()], "y")]
        assert str(trace(other, leaves).graph) == str(trace(model, leaves).graph)


def test_equal_expressions_give_equal_graphs():
    first = lower((x + y) * exp(-x), [x, y]).graph
    assert str(lower((x + y) * exp(-x), [x, y]).graph) == str(first)


# -- through the transforms ----------------------------------------------------------------------


def test_value_and_gradient_by_names_symbols_and_places():
    f = bp.value_and_grad((x + y) * z, args=[x, y, z], argnums=("x", y, 2), **numpy_target)
    assert f(-2, 5, -4) == (-12.0, (-4.0, -4.0, 3.0))
    assert f(x=-2.0, y=5.0, z=-4.0) == (-12.0, (-4.0, -4.0, 3.0))
    assert bp.grad(x * y, args=[x, y], argnums="y", **numpy_target)(2.0, 3.0) == 2.0
    assert bp.grad(x * y, args=[x, y], argnums=x, **numpy_target)(2.0, 3.0) == 3.0


def test_compiled_by_numba():
    quadratic = Piecewise((log(x) * y, x > 0), (x**2, True))
    f = bp.value_and_grad(quadratic, args=[x, y], argnums=(0, 1))
    assert f(-3.0, 2.0) == (9.0, (-6.0, 0.0))
    assert f(1.0, 2.0) == (0.0, (2.0, 0.0))


def test_sums_take_any_length():
    spread = Sum((X[i] - Sum(X[i], (i, 0, n - 1)) / n) ** 2, (i, 0, n - 1)) / n
    f = bp.value_and_grad(spread, args=[X], **numpy_target)
    for length in (3, 5):
        data = np.random.default_rng(length).normal(size=length)
        value, slope = f(data)
        np.testing.assert_allclose(value, np.var(data), rtol=1e-13)
        np.testing.assert_allclose(slope, 2 * (data - data.mean()) / length, rtol=1e-12, atol=1e-15)
    assert len(f.compilations) == 1


def test_lengths_of_several_arrays_must_fit():
    A, v = MatrixSymbol("A", n, n), MatrixSymbol("v", n, 1)
    f = bp.compile(A * v, args=[A, v], **numpy_target)
    np.testing.assert_array_equal(f(np.eye(2), np.ones((2, 1))), np.ones((2, 1)))
    with pytest.raises(ShapeError, match="axis 0 of v has the length 3, and its symbol says 2"):
        f(np.eye(2), np.ones((3, 1)))
    with pytest.raises(ShapeError, match=r"v is given as .* has 2 axes in the expression"):
        f(np.eye(2), np.ones(2))


def test_a_length_may_be_an_argument():
    f = bp.value_and_grad(Sum(X[i] ** 2, (i, 0, n - 1)), args=[X, n], **numpy_target)
    value, slope = f(np.arange(5.0), 3)
    assert value == 5.0
    assert slope.tolist() == [0, 2, 4, 0, 0]
    with pytest.raises(IndexError, match="the axis has the length"):
        f(np.arange(2.0), 3)


def test_arrays_broadcast_as_lambdify_does():
    f = bp.compile(sin(x) * y, args=[x, y], **numpy_target)
    a, b = np.ones((2, 1)), np.arange(3.0)
    np.testing.assert_allclose(f(a, b), sympy.lambdify([x, y], sin(x) * y)(a, b))
    assert f(1, 2) == pytest.approx(2 * np.sin(1))
    single = f(np.float32(1), np.ones(2, np.float32))
    assert single.dtype == np.float32


def test_a_gradient_takes_numbers():
    f = bp.grad(sin(x) * y, args=[x, y], **numpy_target)
    with pytest.raises(TypeError, match=r"x has 1 axes.*pass a number"):
        f(np.ones(3), 2.0)


def test_several_results():
    f = bp.compile([x * y, [x, Matrix([x, y])]], args=[x, y], **numpy_target)
    product, (same, column) = f(2.0, 3.0)
    assert (product, same) == (6.0, 2.0)
    assert column.tolist() == [[2.0], [3.0]]


def test_specs_are_annotations():
    f = bp.compile(x * y, args=[x, y], specs={x: bp.f64["n"]}, **numpy_target)
    assert f(np.arange(3), 2.0).tolist() == [0.0, 2.0, 4.0]
    with pytest.raises(TypeError, match="annotation"):
        f(1.0, 2.0)


def test_wrong_keywords_are_refused():
    with pytest.raises(ArgumentError, match=r"write args=\[x, ...\]"):
        bp.grad(x * y)
    with pytest.raises(ArgumentError, match="depends on y"):
        bp.grad(x * y, args=[x])
    with pytest.raises(ArgumentError, match="is none of the arguments"):
        bp.grad(x * y, args=[x, y], argnums="z")
    with pytest.raises(ArgumentError, match="there is no option args"):
        bp.grad(lambda a: a, args=[x])
    with pytest.raises(ArgumentError, match="takes a function"):
        bp.grad("x * y", **numpy_target)


HOSTILE = [
    "__import__('os').system('x')", "x; import os", "a\nb", "a\tb", "{{ 7*7 }}", "{% raw %}",
    "lambda", "def", "None", "import", "\ufb01", "\U0001d431", "x'y", 'x"y', "'''", '"""', "\\",
    "\\n", "#", "# noqa", "x.y", "x[0]", "f(x)", "1x", " ", "", "\u202e", "a b", "x-1", "$", "%s",
    "{0}", "\x00", "\xe9 \xe8",
]  # fmt: skip


def source(first: str, second: str) -> str:
    a, b = Symbol(first), Symbol(second, real=True)
    f = bp.value_and_grad(sin(a) * b + a, args=[a, b], argnums=(0, 1), **numpy_target)
    text: str = f.compile(bp.f64[()], bp.f64[()]).source
    return text


def test_hostile_names_never_reach_the_source():
    plain = source("v0", "v1")
    for name in HOSTILE:
        assert source(name, name) == plain, repr(name)


def test_hostile_sizes_never_reach_the_source():
    def text(name: str) -> str:
        size = Symbol(name, integer=True)
        matrix = MatrixSymbol(name, size, 2)
        f = bp.value_and_grad(sympy.Trace(matrix.T * matrix), args=[matrix], **numpy_target)
        return f(np.ones((3, 2))) and f.source

    plain = text("v0")
    for name in HOSTILE[:12]:
        assert text(name) == plain, repr(name)
