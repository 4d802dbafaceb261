from __future__ import annotations

import pytest
import sympy
from sympy import Add, Derivative, Function, IndexedBase, Integral, Sum, symbols
from sympy.abc import t, x, y

from bpcompile.errors import LimitError, UnsupportedError
from bpcompile.frontend.symbolic import lower, model, survey
from bpcompile.frontend.symbolic.survey import Root, Survey, shown
from bpcompile.ir.interpret import interpret
from tests.frontend.symbolic.checks import gradients, lowered, value

i, j, n = symbols("i j n", integer=True)
X = IndexedBase("X")


def test_a_shared_expression_is_walked_as_a_graph():
    expr = x
    for _ in range(60):
        expr = expr * expr + x
    graph = lowered(expr, [x])
    assert len(graph) == 121
    assert interpret(graph, [0.1])[0] == pytest.approx(0.11270166537925832)
    assert gradients(expr, [x], 0.1) == [pytest.approx(1.2909944487358056)]


def test_a_chain_of_many_nodes_needs_no_recursion():
    depth = 20_000
    expr = x
    for _ in range(depth):
        expr = Add(expr, y, evaluate=False)
    graph = lower(expr, [x, y]).graph
    assert len(graph) == depth + 2
    assert interpret(graph, [1.0, 2.0]) == (1.0 + 2.0 * depth,)


def test_more_nodes_than_the_limit_are_refused(monkeypatch):
    monkeypatch.setattr(survey, "MOST_NODES", 100)
    with pytest.raises(LimitError, match="more than 100 nodes"):
        lower(sum(symbols("a:200")), symbols("a:200"))


def test_recursion_of_sympys_own_is_a_limit(monkeypatch):
    def deep(*_):
        raise RecursionError

    monkeypatch.setattr(model, "Results", deep)
    with pytest.raises(LimitError, match="nested deeper"):
        lower(x, [x])


def test_sums_shared_at_every_level_are_lowered_once_each():
    expr = y
    for number in range(8):
        index = symbols(f"i{number}", integer=True)
        expr = Add(expr, Sum(expr * X[index], (index, 0, n - 1)), evaluate=False)
    assert len(lowered(expr, [X, y])) < 60


def test_an_index_hides_an_argument_of_the_same_name():
    expr = Sum(i * X[i], (i, 0, n - 1)) + i
    assert value(expr, [X, i], [1.0, 2.0, 3.0], 0.5) == 8.5


@pytest.mark.parametrize(
    ("expr", "message"),
    [
        (Integral(sympy.exp(-(t**2)), (t, 0, x)), "the Integral .* at expr is not known.*doit"),
        (x + 2 * Derivative(sympy.gamma(x) * y, x), r"the Derivative .* at expr\.args\[\d\]"),
        (sympy.Limit(x / y, y, 0), "the Limit .* is not known.*doit"),
        (
            Function("g")(x) + 1,
            r"the g `g\(x\)` at expr\.args\[\d\] is not known: it has no definition",
        ),
        (sympy.I * x, "values are real"),
        (sympy.zoo, "values are real"),
        (sympy.besselj(0, x), "the besselj .* is not known: write it with functions that are"),
        ([x, [y, sympy.airyai(x)]], r"the airyai `airyai\(x\)` at expr\[1\]\[1\]"),
        (sympy.Matrix([[x, 1], [sympy.fresnels(x), 0]]), r"the fresnels .* at expr\[1, 0\]"),
        (sympy.Array([x, sympy.airyai(x)]), r"the airyai .* at expr\.flat\[1\]"),
        (sympy.Matrix([[1, 2], [3, sympy.airyai(x)]]) @ sympy.MatrixSymbol("S", 2, 2), r"\[1, 1\]"),
    ],
    ids=str,
)
def test_what_is_not_known_is_refused_with_its_path(expr, message):
    args = [x, y, sympy.MatrixSymbol("S", 2, 2)]
    with pytest.raises(UnsupportedError, match=message):
        lower(expr, args)


def test_long_paths_and_large_nodes_are_shortened():
    expr = sympy.airyai(x)
    for _ in range(20):
        expr = Add(y, sympy.sin(expr, evaluate=False), evaluate=False)
    with pytest.raises(UnsupportedError, match=r"\.args\[1\]\(and 34 more\)\.args\[0\]"):
        lower(expr, [x, y])
    assert shown(expr) == "a Add"
    assert shown(sympy.Integer(7) ** 500) == "a Integer"


def test_a_survey_knows_what_is_free():
    inner = X[i] * X[j]
    total = Sum(inner, (i, 0, j))
    found = Survey([Root("expr", total + j)])
    assert found.free(inner) == {i, j} & found.bound
    assert found.bound == {i}
    assert set(found.unbound) == {X, j}
    assert found.path(total).startswith("expr.args[")
