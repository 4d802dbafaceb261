"""What is proved to be in range is in range: by brute force over small lengths and counters."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpcompile.ir.dims import Dim, Size, dim_max, dim_min, evaluate, floor_div
from bpcompile.ir.graph import Guard
from bpcompile.schedule.ranges import Facts

N, M = Dim.named("n"), Dim.named("m")
I, J, K = Dim.named("%1"), Dim.named("%2"), Dim.named("%3")


@st.composite
def nests(draw) -> list[tuple[str, Size, Size]]:
    """Draw up to three counters, each with a bound from and a bound below which it goes."""
    inside: list[tuple[str, Size, Size]] = []
    atoms: tuple[Size, ...] = (N, M)
    for counter in (I, J, K)[: draw(st.integers(0, 3))]:
        inside.append((str(counter), draw(sizes(atoms)), draw(sizes(atoms))))
        atoms = (*atoms, counter)
    return inside


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


def points(nest, guards):
    """Return every value of lengths and counters, where the innermost statements run."""
    found = [
        {"n": n, "m": m}
        for n, m in itertools.product(range(4), range(3))
        if all(holds(guard, {"n": n, "m": m}) for guard in guards)
    ]
    for token, lower, upper in nest:
        found = [
            {**point, token: value}
            for point in found
            for value in range(evaluate(lower, point), min(evaluate(upper, point), 12))
        ]
    return found


def holds(guard, point):
    """Tell whether a guard holds for some lengths."""
    left, right = evaluate(guard.left, point), evaluate(guard.right, point)
    compare = {"==": left == right, "!=": left != right, "<": left < right, "<=": left <= right}
    return {**compare, ">": left > right, ">=": left >= right}[guard.relation]


GUARDS = st.builds(
    Guard,
    st.sampled_from([N, M, N - M]),
    st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
    st.sampled_from([0, 1, 2, M, floor_div(N, 2)]),
)


@contextlib.contextmanager
def facts(nest, guards=()):
    """Know what holds inside of a nest."""
    with contextlib.ExitStack() as stack:
        known = Facts(guards)
        for counting in nest:
            stack.enter_context(known.counting(*counting))
        yield known


@settings(max_examples=400, deadline=None)
@given(st.data(), nests(), st.lists(GUARDS, max_size=2))
def test_what_is_proved_holds(data, nest, guards):
    counters = tuple(Dim.named(token) for token, _, _ in nest)
    size = data.draw(sizes((N, M, *counters)))
    with facts(nest, guards) as known:
        proved = known.never_negative(size)
    if proved:
        for point in points(nest, guards):
            assert evaluate(size, point) >= 0, point


NEST: list[tuple[str, Size, Size]] = [("%1", 0, N), ("%2", I, N + M)]
STEPS = N - I - 1  # of a loop from i + 1 on


@pytest.mark.parametrize(
    ("index", "length"),
    [
        (0, 1),
        (0, N),  # inside of a loop over n
        (I, N),
        (N - 1 - I, N),
        (I + 1, N + 1),
        (2 * I + 1, 2 * N),
        (I * 3 + 2, N * 3 + 1),
        (I * M + M // 2, N * M + 1),
        (J, N + M),
        (J - I, N + M),
        (floor_div(I + J, 2), N + M),
        (I % 3, 3),
        (N, N + 1),
        (floor_div(N, 2), N),
        (floor_div(N, 2), N + 1 + floor_div(N, 2)),
        (floor_div(floor_div(I, 2), 3), N),
        (floor_div(N, M), N + 1 + floor_div(N, M)),
        (dim_max(N, M), dim_max(N, M) + 2),
        (dim_max(I - 1, 0), N),
        (dim_min(J, N - 1), N),
        (N - 1 - dim_min(J, N - 1), dim_max(N, M)),
    ],
    ids=str,
)
def test_what_is_proved(index, length):
    with facts(NEST) as known:
        assert known.within(index, length)


@pytest.mark.parametrize(
    ("index", "length"),
    [
        (0, M),
        (-1, N),
        (I, N - 1),
        (I + 1, N),
        (I * J, N * N),
        (I * I, N * N),
        (Dim.named("%9"), N),
        (floor_div(N, M) - 1, N),
        (floor_div(N - 3, 2), N + 1 + floor_div(N - 3, 2)),
        (dim_min(N - 3, M), N + M + 9),
        (dim_max(I, M), N),
        (floor_div(N, -2), N),
    ],
    ids=str,
)
def test_what_is_not(index, length):
    with facts(NEST) as known:
        assert not known.within(index, length)


def test_places_on_the_tapes_of_nests():
    k, i, j = (N - 1 - Dim.named(token) for token in ("%1", "%2", "%3"))
    room = dim_max(0, N - 1)
    with facts([("%1", 0, N), ("%2", 0, N - k - 1), ("%3", 0, N - k - 1)]) as known:
        assert known.within(i - k - 1, room)
        assert known.within(j - k - 1, room)
        assert known.within(i, N)
        assert not known.within(i + 1, N)
    with facts([("%1", 0, N), ("%2", 0, I)]) as known:
        assert known.within(J, room)
        assert not known.within(J + 1, room)
    with facts([("%1", 0, floor_div(N + 1, 3))]) as known:
        assert known.within(3 * I + 1, N)
        assert known.within(3 * (floor_div(N + 1, 3) - I - 1) + 1, N)
        assert not known.within(3 * I + 2, N)


def test_what_a_loop_says_ends_with_it():
    known = Facts()
    with known.counting("%1", 0, N):
        assert known.within(I, N)
        assert known.never_negative(N - 1)
    assert not known.within(I, N)
    assert not known.never_negative(N - 1)


def test_what_a_value_stands_for():
    known = Facts()
    with known.counting("%1", 0, N):
        known.define("%2", N - 1 - I)
        known.define("%3", J + I)
        assert known.within(J, N)
        assert known.within(K, N)
        assert not known.within(J + 1, N)


def test_guards_are_known():
    known = Facts([Guard(N, "<=", M), Guard(N, ">=", 3)])
    assert known.within(N - 3, M)
    assert known.within(N - 3, N)
    assert not known.within(N, M)
    assert Facts([Guard(N, "==", M + 2)]).within(M + 1, N)
    assert Facts([Guard(N, ">", 2), Guard(M, "<", N)]).within(M, N)
    assert not Facts([Guard(N, "!=", 0)]).within(0, N)


def test_a_run_time_number_may_be_negative():
    assert Facts().within(N, N + 1)
    assert not Facts(signed=["n"]).within(N, N + 1)
    assert Facts([Guard(N, ">=", 0)], ["n"]).within(N, N + 1)
