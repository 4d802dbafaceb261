from __future__ import annotations

from sympy import Idx, IndexedBase, Sum, floor, symbols

from bpcompile.frontend.symbolic.extents import Equation, Extents, solved
from bpcompile.frontend.symbolic.forms import Forms
from bpcompile.frontend.symbolic.survey import Root, Survey
from bpcompile.ir.dims import Dim, substitute

n, m, i, j = symbols("n m i j", integer=True)
N, M = Dim.named("n"), Dim.named("m")
X, Y = IndexedBase("X"), IndexedBase("Y")


def test_equations_are_solved_bare_symbols_first():
    d, k = Dim.named("d"), Dim.named("k")
    equations = [Equation(N + 1, d, "a"), Equation(N, k, "b"), Equation(2 - M, 5, "c")]
    found, checks = solved(equations, {})
    assert found == {"n": k, "m": -3}
    assert checks == [Equation(k + 1, d, "a")]
    found, checks = solved([Equation(2 * N, d, "a"), Equation(N * M, d, "b")], {})
    assert (found, checks) == ({}, [])
    found, checks = solved([Equation(N, d, "a")], {"n": k})
    assert checks == [Equation(k, d, "a")]


def shapes(expr, *arrays):
    survey = Survey([Root("expr", expr)])
    forms = Forms(survey)
    extents = Extents(survey, forms)
    names = {forms.name(n): N, forms.name(m): M}
    return [
        tuple(
            None if s is None else substitute(s, names) for s in extents.shape(a, extents.ranks[a])
        )
        for a in arrays
    ]


def test_arrays_are_as_long_as_the_last_index_needs():
    assert shapes(Sum(X[i], (i, 0, n - 1)), X) == [(N,)]
    assert shapes(Sum(X[i] * X[i + 2], (i, 0, n - 1)), X) == [(N + 2,)]
    assert shapes(Sum(X[n - i], (i, 0, n)), X) == [(N + 1,)]
    assert shapes(Sum(X[2 * i + 1], (i, 0, n - 1)), X) == [(2 * N,)]
    assert shapes(Sum(X[i, j] * Y[j], (i, 0, n), (j, 1, m)), X, Y) == [(N + 1, M + 1), (M + 1,)]
    assert shapes(Sum(X[i], (i, 0, n)) + Sum(X[i], (i, 0, m)), X) == [(None,)]
    assert shapes(Sum(X[i + j], (i, 0, n), (j, 0, m)), X) == [(None,)]
    assert shapes(X[n - 1] * X[3], X) == [(None,)]


def test_numbers_say_how_long_an_array_is_at_least():
    survey = Survey([Root("expr", X[3] * Sum(X[i], (i, 0, 7)) * Y[n])])
    extents = Extents(survey, Forms(survey))
    assert extents.least(X, 0) == 8
    assert extents.least(Y, 0) == 0
    assert extents.sized == {n}


def test_an_index_of_a_sum_is_no_length_elsewhere():
    survey = Survey([Root("expr", Sum(X[i] * j, (i, 0, j)) + i)])
    assert Extents(survey, Forms(survey)).sized == {j}
    survey = Survey([Root("expr", Sum(X[i], (i, 0, 3)) + Y[i])])
    assert Extents(survey, Forms(survey)).sized == {i}


def test_the_symbols_of_lengths_are_known():
    index = Idx("k", n)
    survey = Survey([Root("expr", Sum(X[index] * m, (index, 0, n - 1)) + Y[floor(m / 2)])])
    assert Extents(survey, Forms(survey)).sized == {n, m}
