"""Bounds of lengths hold for every length, and are found where a reader sees them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpcompile.ir.bounds import lower_bound
from bpcompile.ir.dims import evaluate, parse_dim


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("n", 0),
        ("n + 2*d*m + 3", 3),
        ("n - d", None),
        ("n // 2", 0),
        ("n - n // 2", 0),
        ("n - (n + 1) // 2", 0),
        ("(2*n) // 3 - n // 3", 0),
        ("min(n, 3)", 0),
        ("n - min(n, 3)", 0),
        ("3 - min(n, 3)", 0),
        ("max(n - 2, 0)", 0),
        ("n - max(n - 2, 0)", 0),
        ("max(n, d) - n", 0),
        ("d*(n // 2)", 0),
        ("d*n - d*(n // 2)", 0),
        ("max(n, d) - min(n, d)", 0),
        ("n - n // d", None),  # d may be 0
        ("n // 2 - 1", -1),
        ("n*n - n", None),
        ("(n + 1) // (d + 1)", 0),
        ("n + 1 - (n + 1) // (d + 1)", 0),
    ],
)
def test_a_bound_is_found(text, bound):
    assert lower_bound(parse_dim(text)) == bound


def test_floors_and_ceilings_tell_more():
    size = parse_dim("n - n // 2 - 1")
    assert lower_bound(size) == -1
    assert lower_bound(size, {"n": 1}) == 0
    assert lower_bound(parse_dim("n*d - n"), {"d": 1}) == 0
    assert lower_bound(parse_dim("n*n - n"), {"n": 1}) == 0
    assert lower_bound(parse_dim("5 - n"), {"n": 1}, {"n": 4}) == 1
    assert lower_bound(parse_dim("5 - n"), {"n": 1}) is None


def test_the_number_of_steps_is_limited():
    text = " + ".join(f"max(n{k}, d{k}) - min(n{k}, d{k})" for k in range(12))
    assert lower_bound(parse_dim(text)) in (0, None)


@st.composite
def dims(draw, depth=2):
    """Return the text of a dimension."""
    if depth == 0:
        return draw(st.sampled_from(["n", "d", "1", "2", "3", "n + 1", "2*n"]))
    left, right = draw(dims(depth - 1)), draw(dims(depth - 1))
    divisor = draw(st.sampled_from(["2", "3", "(d + 1)"]))
    form = draw(st.integers(0, 5))
    return (
        f"({left}) + ({right})",
        f"({left}) - ({right})",
        f"({left}) * ({right})",
        f"({left}) // {divisor}",
        f"max({left}, {right})",
        f"min({left}, {right})",
    )[form]


@settings(max_examples=150, derandomize=True, deadline=None, database=None)
@given(dims(), st.integers(0, 2))
def test_no_value_is_below_the_bound(text, floor):
    size = parse_dim(text)
    bound = lower_bound(size, {"n": floor}, {"d": 3})
    if bound is not None:
        values = itertools.product(range(floor, 9), range(4))
        assert all(evaluate(size, {"n": n, "d": d}) >= bound for n, d in values)
