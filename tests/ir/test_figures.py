"""Sizes as text for readers: equal to the size wherever each length is at least 1."""

from __future__ import annotations

from fractions import Fraction

import pytest

from bpcompile.ir.dims import Dim, dim_log2, evaluate, parse_dim
from bpcompile.ir.figures import MATHEMATICAL, figure, leading, polynomial, written

TEXTS = {
    "0": "0",
    "7": "7",
    "n": "n",
    "2*n*n - n": "2*n**2 - n",
    "-n + 3": "3 - n",
    "max(0, n - 1)": "n - 1",
    "min(n, n*d)": "n",
    "min(n, d)": "min(d, n)",
    "(n*n + n) // 2": "n**2/2 + n/2",
    "(n + 7) // 8": "(n + 7) // 8",
    "8*((n + 7) // 8)": "8*((n + 7) // 8)",
    "(n*n*n - n) // 6 + n": "n**3/6 + 5*n/6",
    "max(0, n - 1)*max(0, d - 1)": "d*n - d - n + 1",
    "max(0, n - 2)": "max(0, n - 2)",
}


@pytest.mark.parametrize("size", TEXTS)
def test_text(size):
    found = figure(parse_dim(size))
    assert found == TEXTS[size] or found == f"({TEXTS[size]})"


@pytest.mark.parametrize("size", TEXTS)
def test_it_is_the_size_for_lengths_of_at_least_1(size):
    whole = parse_dim(size)
    for n in (1, 2, 3, 8, 13):
        for d in (1, 2, 5):
            lengths = {"n": n, "d": d}
            total = Fraction(0)
            for monomial, coefficient in polynomial(whole).items():
                for atom in monomial:
                    coefficient *= evaluate(Dim({(atom,): 1}), lengths)
                total += coefficient
            assert total == evaluate(whole, lengths)


def test_mathematics():
    assert written(polynomial(parse_dim("4*n*n*d + 31*n")), MATHEMATICAL) == "4 d n² + 31 n"
    assert written(polynomial(parse_dim("3*min(n*m, d)")), MATHEMATICAL) == "3 min(d, m n)"
    assert figure(dim_log2(Dim.named("n"))) == "log2(n)"


def test_about():
    assert (
        written(leading(parse_dim("8*((n + 7) // 8) + 3*n*n + 5"), 2), MATHEMATICAL) == "3 n² + n"
    )
    assert written(leading(parse_dim("min(2*n - 2, n) + max(n*n - 5, d)"), 2), MATHEMATICAL) == (
        "n² + n"
    )
    assert written(leading(parse_dim("min(n, d)"), 2), MATHEMATICAL) == "min(d, n)"
