"""What is proved to be in range is in range: by brute force over small lengths and counters."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpcompile.ir.dims import Dim, Size, dim_max, dim_min, evaluate, floor_div
from bpcompile.schedule.ranges import extremes, within

N, M = Dim.named("n"), Dim.named("m")
I, J = Dim.named("%1"), Dim.named("%2")
BOUNDS: dict[str, tuple[Size, Size]] = {"%1": (0, N - 1), "%2": (I, N + M - 1)}


@st.composite
def sizes(draw, atoms=(N, M, I, J), depth=2) -> Size:
    """Draw a size over some atoms."""
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from([*atoms, *atoms, 0, 1, 2, -1, -3]))
    left, right = draw(sizes(atoms, depth - 1)), draw(sizes(atoms, depth - 1))
    match draw(st.integers(0, 6)):
        case 0 | 1:
            return left + right
        case 2:
            return left - right
        case 3:
            return left * right
        case 4:
            return dim_max(left, right)
        case 5:
            return dim_min(left, right)
    return floor_div(left, draw(st.sampled_from([2, 3, -2])))


def points():
    """Yield every value of lengths and counters within their bounds."""
    for n, m in itertools.product(range(5), range(4)):
        for i in range(n):
            for j in range(i, n + m):
                yield {"n": n, "m": m, "%1": i, "%2": j}


POINTS = list(points())


@settings(max_examples=1500)
@given(sizes(), sizes(atoms=(N, M)))
def test_proved_indices_are_in_range(index, length):
    if within(index, length, BOUNDS):
        for point in POINTS:
            assert 0 <= evaluate(index, point) < evaluate(length, point), point


@settings(max_examples=500)
@given(sizes(atoms=(N, I, J)))
def test_extremes_enclose(index):
    found = extremes(index, BOUNDS)
    if found is not None:
        for point in POINTS:
            low, high = (evaluate(end, point) for end in found)
            assert low <= evaluate(index, point) <= high, point


@pytest.mark.parametrize(
    ("index", "length"),
    [
        (0, 1),
        (I, N),
        (N - 1 - I, N),
        (I + 1, N + 1),
        (2 * I + 1, 2 * N),
        (I * 3 + 2, N * 3 + 1),
        (J, N + M),
        (N, N + 1),
        (floor_div(N, 2), N + 1 + floor_div(N, 2)),
        (dim_max(N, M), dim_max(N, M) + 2),
    ],
    ids=str,
)
def test_what_is_proved(index, length):
    assert within(index, length, BOUNDS)


@pytest.mark.parametrize(
    ("index", "length"),
    [
        (0, N),
        (-1, N),
        (I, N - 1),
        (I + 1, N),
        (I * J, N * N),
        (Dim.named("%3"), N),
        (floor_div(N - 3, 2), N + 1 + floor_div(N - 3, 2)),
        (dim_min(N - 3, M), N + M + 9),
        (floor_div(N, -2), N),
    ],
    ids=str,
)
def test_what_is_not(index, length):
    assert not within(index, length, BOUNDS)
