from __future__ import annotations

import pytest
from sympy import IndexedBase, Integer, Max, Min, Pow, Rational, ceiling, floor, sin, symbols

from bpcompile.errors import LimitError, UnsupportedError
from bpcompile.frontend.symbolic.forms import Forms, linear
from bpcompile.frontend.symbolic.survey import Survey
from bpcompile.ir.dims import Dim, dim_max, dim_min, floor_div, substitute

n, m = symbols("n m", integer=True)
N, M = Dim.named("n"), Dim.named("m")
X = IndexedBase("X")


def form(expr):
    forms = Forms(Survey([]))
    names = {forms.name(n): N, forms.name(m): M}
    return substitute(forms.form(expr), names)


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (Integer(7), 7),
        (n, N),
        (2 * n * m - n + 3, 2 * N * M - N + 3),
        (n**3, N * N * N),
        (Pow(n, 0, evaluate=False), 1),
        (floor(n / 2), floor_div(N, 2)),
        (ceiling((n + 1) / 3), -floor_div(-N - 1, 3)),
        (Max(n, m), dim_max(N, M)),
        (Min(n, 4), dim_min(N, 4)),
        ((2 * n + 4) / 2, N + 2),
        (n / 2 + n / 2, N),
        (Rational(1, 2) * (2 * n), N),
    ],
    ids=str,
)
def test_whole_numbers_are_sizes(expr, expected):
    assert form(expr) == expected


@pytest.mark.parametrize("expr", [n / 2, sin(n), n**m, Pow(n, -1), Pow(n, 9), X[n], Rational(1, 2)])
def test_other_numbers_are_refused(expr):
    with pytest.raises(UnsupportedError, match="cannot be an index or a length"):
        form(expr)


def test_a_length_of_many_bits_is_refused():
    with pytest.raises(LimitError, match="62 bits"):
        form(n + 2**70)


def test_place_holders_are_no_names():
    forms = Forms(Survey([]))
    assert not forms.name(n).isidentifier()
    assert forms.name(n) == forms.name(n) != forms.name(m)
    assert forms.atom(forms.name(n)) is n
    assert forms.atoms(forms.form(n * m + 1)) == [n, m]


def test_linear_parts():
    assert linear(2 * N + M * N - 1, "n") == (2 + M, -1)
    assert linear(M + 3, "n") == (0, M + 3)
    assert linear(4, "n") == (0, 4)
    assert linear(N * N, "n") is None
    assert linear(floor_div(N, 2) + N, "n") is None
