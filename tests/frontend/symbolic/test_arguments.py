from __future__ import annotations

import inspect

import pytest
from sympy import Dummy, Idx, IndexedBase, MatrixSymbol, Sum, Symbol, symbols
from sympy.abc import x, y

from bpcompile.errors import ArgumentError, ShapeError, TypeMismatchError
from bpcompile.frontend.symbolic import SymbolicModel, lower
from bpcompile.ir.type import f32, f64, i64

i, n, m = symbols("i n m", integer=True)
X = IndexedBase("X")
A = MatrixSymbol("A", n, m)


def types(expr, args, specs=None):
    return [str(param.type) for param in lower(expr, args, specs).graph.params]


def test_arguments_are_found_by_place_name_and_symbol():
    arguments = SymbolicModel(x + y, [x, y]).arguments
    assert [arguments.position(s) for s in (0, -1, "x", "y", x, y)] == [0, 1, 0, 1, 0, 1]
    for wrong in ("z", 2, -3, Symbol("z"), True, 1.0, None):
        with pytest.raises(ArgumentError, match="is none of the arguments x, y"):
            arguments.position(wrong)


def test_two_symbols_of_one_name_are_told_apart_by_themselves():
    positive = Symbol("x", positive=True)
    model = SymbolicModel(x - positive, [x, positive])
    assert model.arguments.position(positive) == 1
    with pytest.raises(ArgumentError, match="is the name of two arguments"):
        model.arguments.position("x")
    assert list(inspect.signature(model).parameters) == ["x", "v1"]
    dummies = Dummy("t"), Dummy("t")
    graph = lower(dummies[0] - 2 * dummies[1], dummies).graph
    assert [p.attrs["name"] for p in graph.params] == ["t", "t"]


def test_names_that_are_no_identifiers_are_numbered_in_the_signature():
    odd = [Symbol(name) for name in ("x-y", "lambda", "v0", "θ")]
    model = SymbolicModel(sum(odd), odd)
    assert list(inspect.signature(model).parameters) == ["v0", "v1", "v2", "θ"]
    assert model.arguments.position("x-y") == 0


@pytest.mark.parametrize(
    ("expr", "args", "message"),
    [
        (x + y, [x], "depends on y, which no argument gives.*add it"),
        (x + y, [], "depends on x, y, which no argument gives.*add them"),
        (x, [x, x], "args has x twice"),
        (x, [x + 1], "args has a Add"),
        (x, ["x"], "args has a str"),
        (x, [Idx("i")], "args has a Idx"),
        (X[0], [X[0]], "args has a Indexed"),
        (Sum(x, (i, 0, n)), [x], "depends on n"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(expr, args, message):
    with pytest.raises(ArgumentError, match=message):
        lower(expr, args)


def test_types_without_specs():
    assert types(x, [x, y]) == ["f64[]", "f64[]"]
    assert types(x * n + Sum(X[i], (i, 0, n - 1)), [x, n, X]) == ["f64[]", "i64[]", "f64[d]"]
    assert types(A.T * A, [A, n]) == ["f64[n, m]", "i64[]"]
    assert types(x, [x, X]) == ["f64[]", "f64[n]"]


def test_types_by_specs():
    assert types(x * y, [x, y], {x: f32["k"], "y": f32[()]}) == ["f32[k]", "f32[]"]
    assert types(x * y, [x, y], [i64[()], f64["k"]]) == ["i64[]", "f64[k]"]
    assert types(Sum(X[i], (i, 0, 4)), [X], {X: f64["n"]}) == ["f64[n]"]
    assert types(A * x, [A, x], {A: f64["q", 3]}) == ["f64[q, 3]", "f64[]"]


@pytest.mark.parametrize(
    ("specs", "error", "message"),
    [
        ([f64[()]], ArgumentError, "1 specs for 2 arguments"),
        ({"z": f64[()]}, ArgumentError, "z is none of the arguments"),
        ({x: "f64"}, ArgumentError, "the spec of x is 'f64'"),
        ({A: f64["n"]}, ShapeError, "A is given as .* has 2 axes in the expression"),
    ],
)
def test_specs_that_do_not_fit_are_refused(specs, error, message):
    with pytest.raises(error, match=message):
        lower(A * x, [A, x], specs)


def test_a_float_is_no_length():
    with pytest.raises(TypeMismatchError, match="cannot be the length n"):
        lower(Sum(x, (i, 1, n)), [x, n], {n: f64[()]})


def test_dimensions_are_called_as_their_symbols_where_those_are_plain():
    evil, word = Symbol("__import__('os')"), Symbol("lambda")
    matrix = MatrixSymbol("M", evil, word)
    graph = lower(matrix.T * matrix, [matrix]).graph
    assert str(graph.params[0].type) == "f64[n, d]"
    assert "import" not in str(graph)
    clash = MatrixSymbol("M", Symbol("n"), Symbol("n", positive=True))
    assert types(clash, [clash]) == ["f64[n, d]"]


def test_the_signature_says_what_specs_say():
    model = SymbolicModel(x * n + Sum(X[i], (i, 1, n)), [x, n, X], {X: f64["k"]}, scalars=True)
    annotations = [p.annotation for p in inspect.signature(model).parameters.values()]
    assert [str(a) for a in annotations] == ["f64[]", "i64[]", "f64[k]"]
    bare = inspect.signature(SymbolicModel(x, [x])).parameters["x"]
    assert bare.annotation is inspect.Parameter.empty
