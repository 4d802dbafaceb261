from __future__ import annotations

import numpy as np
import pytest
from sympy import (
    Eq,
    Idx,
    IndexedBase,
    KroneckerDelta,
    Mod,
    Piecewise,
    Product,
    Sum,
    exp,
    floor,
    log,
    oo,
    sin,
    symbols,
)  # fmt: skip
from sympy.abc import a

from bpcompile.errors import ArgumentError, LimitError, ShapeError, UnsupportedError
from bpcompile.frontend.symbolic import lower
from bpcompile.ir.interpret import interpret
from tests.frontend.symbolic.checks import agrees_with_complex_steps, lowered, value

i, j, k, n, m = symbols("i j k n m", integer=True)
X, Y, A = IndexedBase("X"), IndexedBase("Y"), IndexedBase("A")
SHAPED, STATED = IndexedBase("S", shape=(n, m)), IndexedBase("T", shape=(n,))

RNG = np.random.default_rng(5)
U, V, M = RNG.uniform(0.5, 2.0, 6), RNG.uniform(0.5, 2.0, 6), RNG.uniform(0.5, 2.0, (6, 4))

CASES = [
    (Sum(X[i] ** 2, (i, 0, n - 1)), [X], [U], U @ U),
    (Sum(X[i] * Y[i], (i, 0, n - 1)), [X, Y], [U, V], U @ V),
    (
        Sum(A[i, j] * Y[j] * X[i], (i, 0, n - 1), (j, 0, m - 1)),
        [A, X, Y],
        [M, U, V[:4]],
        U @ M @ V[:4],
    ),
    (Sum(X[i + 1] - X[i] ** 2, (i, 0, n - 2)), [X], [U], np.sum(U[1:] - U[:-1] ** 2)),
    (Sum(X[i] * X[i - 1], (i, 1, n - 1)), [X], [U], U[1:] @ U[:-1]),
    (Sum(X[n - 1 - i] * Y[i], (i, 0, n - 1)), [X, Y], [U, V], U[::-1] @ V),
    (Sum(X[2 * i] * X[2 * i + 1], (i, 0, 2)), [X], [U], U[::2] @ U[1::2]),
    (Sum(X[i], (i, 1, 3)), [X], [U[:4]], np.sum(U[1:4])),
    (Sum(i * X[i] + a, (i, 1, n)), [X, a], [U, 2.0], np.arange(1, 6) @ U[1:] + 10),
    (Sum(a, (i, 0, n)) + Sum(X[i], (i, 0, n)), [X, a], [U, 2.0], 12 + np.sum(U)),
    (Product(X[i] + 1, (i, 0, n - 1)), [X], [U], np.prod(U + 1)),
    (Product(a, (i, 1, n)) * STATED[n - 1], [STATED, a], [U, 2.0], 64 * U[5]),
    (X[0] * X[2] - X[-1], [X], [U[:3]], U[0] * U[2] - U[2]),
    (Sum(A[i, i], (i, 0, 3)), [A], [M[:4]], np.trace(M[:4])),
    (Sum(A[j, i] * A[i, j], (i, 0, 3), (j, 0, 3)), [A], [M[:4]], np.sum(M[:4].T * M[:4])),
    (Sum(X[i] * Sum(X[j], (j, 0, n - 1)), (i, 0, n - 1)), [X], [U], U.sum() ** 2),
    (Sum(X[i] * Sum(X[i], (i, 0, n - 1)), (i, 0, n - 1)), [X], [U], U.sum() ** 2),
    (log(Sum(exp(X[i]), (i, 0, n - 1))), [X], [U], np.log(np.sum(np.exp(U)))),
    (
        Sum((X[i] - Sum(X[j], (j, 0, n - 1)) / n) ** 2, (i, 0, n - 1)) / n,
        [X],
        [U],
        np.var(U),
    ),
    (Sum(sin(X[i] - Y[j]), (i, 0, n - 1), (j, 0, m - 1)), [X, Y], [U, V[:3]], None),
    (Sum(SHAPED[i, j] ** 2, (i, 0, n - 1), (j, 0, m - 1)), [SHAPED], [M], np.sum(M**2)),
    (Sum(SHAPED[i, 1] * X[i], (i, 0, n - 1)), [SHAPED, X], [M, U], M[:, 1] @ U),
    (Sum(X[i + j] * Y[j], (i, 0, 3), (j, 0, 2)), [X, Y], [U, V[:3]], None),
    (Sum(X[m * i + j], (i, 0, n - 1), (j, 0, m - 1)), [X, n, m], [U, 2, 3], np.sum(U)),
    (Sum(X[i], (i, 0, k - 1)), [X, k], [U, 3], np.sum(U[:3])),
    (Sum(X[i] * k, (i, 0, floor(k / 2) - 1)), [X, k], [U, 5], 5 * np.sum(U[:2])),
    (Sum(X[i] * KroneckerDelta(i, 2), (i, 0, n - 1)), [X], [U], U[2]),
    (Sum(Piecewise((X[i], Eq(Mod(i, 2), 0)), (0, True)), (i, 0, n - 1)), [X], [U], np.sum(U[::2])),
    (Sum(Piecewise((log(X[i] - 1), X[i] > 1), (0, True)), (i, 0, n - 1)), [X], [U], None),
    (Sum(i**2 + j, (i, 1, 4), (j, 1, 2)), [X], [U], 2 * 30 + 4 * 3),
]


@pytest.mark.parametrize(
    ("expr", "args", "point", "expected"), CASES, ids=lambda case: str(case)[:40]
)
def test_value_and_gradient(expr, args, point, expected):
    if expr.atoms(IndexedBase):
        agrees_with_complex_steps(expr, args, *point)
    if expected is None:  # the arrays are literal: SymPy writes the sum out
        lengths = dict(zip((n, m), map(len, point), strict=False))
        elements = {
            base[place]: float(array[place])
            for base, array in zip(args, point, strict=True)
            for place in np.ndindex(array.shape)
        }
        expected = float(expr.subs(lengths).doit().subs(elements).evalf())
    np.testing.assert_allclose(value(expr, args, *point), expected, rtol=1e-13)


def test_a_range_gives_a_dimension():
    graph = lowered(Sum(X[i] ** 2, (i, 0, n - 1)) / n, [X])
    assert [str(param.type) for param in graph.params] == ["f64[n]"]
    assert [node.op.name for node in graph] == ["param", "dim", "astype", "square", "sum", "div"]
    assert graph.guards == ()


def test_lengths_follow_from_the_last_index():
    shifted = lowered(Sum(X[i] * Y[i + 1], (i, 0, n - 1)), [X, Y])
    assert [str(param.type) for param in shifted.params] == ["f64[n]", "f64[n + 1]"]
    alone = lowered(Sum(X[i + 1], (i, 0, n - 1)), [X])
    assert [str(param.type) for param in alone.params] == ["f64[d]"]
    assert interpret(alone, [U])[0] == pytest.approx(U[1:].sum())
    stated = lowered(Sum(SHAPED[i, 0], (i, 0, n - 1)), [SHAPED])
    assert [str(param.type) for param in stated.params] == ["f64[n, m]"]
    literal = lowered(X[4] + Sum(X[i], (i, 0, 2)), [X])
    assert [str(param.type) for param in literal.params] == ["f64[5]"]


def test_empty_ranges():
    assert value(Sum(X[i], (i, 0, n - 1)), [X], np.zeros(0)) == 0.0
    assert value(Product(X[i], (i, 0, n - 1)), [X], np.zeros(0)) == 1.0
    assert value(Sum(X[i], (i, 3, 2)) + a, [X, a], np.zeros(3), 2.0) == 2.0
    assert value(Product(X[i], (i, 3, 2)) + a, [X, a], np.zeros(3), 2.0) == 3.0


def test_what_the_types_leave_open_is_guarded():
    graph = lowered(Sum(X[i + 1] - X[i], (i, 0, n - 2)), [X])
    assert [str(guard) for guard in graph.guards] == ["n - 1 >= 0"]
    graph = lowered(Sum(X[i], (i, 0, k - 1)), [X, k])
    assert [str(guard) for guard in graph.guards] == ["k >= 0", "k - 1 < n"]
    with pytest.raises(ShapeError, match="k - 1 < n does not hold: 6 against 6"):
        interpret(graph, [U, 7])


def test_indices_out_of_range_are_refused():
    for expr in (SHAPED[0, 0] + Sum(SHAPED[i, 0], (i, -1, n - 1)), Sum(SHAPED[i, 0], (i, 0, n))):
        with pytest.raises(IndexError, match="has the index"):
            lower(expr, [SHAPED])
    with pytest.raises(ShapeError, match=r"X\[3\].*has the index 3, and the axis has the length 3"):
        lower(X[3], [X], {X: lowered(X[2], [X]).params[0].type})


@pytest.mark.parametrize(
    ("expr", "message"),
    [
        (Sum(X[i] * Sum(Y[j], (j, 0, i)), (i, 0, 3)), "range that depends on another index"),
        (Sum(X[i] * Y[j], (j, 0, i), (i, 0, 3)), "range that depends on another index"),
        (Sum(X[i**2], (i, 0, 3)), "not linear"),
        (Sum(X[floor(i / 2)], (i, 0, 3)), "not linear"),
        (Sum(X[i], (i, 0, oo)), "cannot be an index or a length"),
        (Sum(X[Y[i]], (i, 0, 3)), "cannot be an index or a length"),
        (Sum(X[i / 2], (i, 0, 3)), "cannot be an index or a length"),
        (A[0, 0] + A[1], "has 1 indices for an array of 2 axes"),
    ],
    ids=str,
)
def test_what_is_no_axis_is_refused(expr, message):
    with pytest.raises(UnsupportedError, match=message):
        lower(expr, [X, Y, A])


def test_unbound_indices_and_lengths_are_refused():
    with pytest.raises(ArgumentError, match="the index i is bound by no Sum"):
        lower(X[Idx(i)] * Y[Idx(i)], [X, Y])
    with pytest.raises(ArgumentError, match="depends on k, which no argument gives"):
        lower(X[k], [X])
    with pytest.raises(ArgumentError, match="depends on i, which no argument gives"):
        lower(Sum(X[i], (i, 0, 3)) + i, [X])


def test_sums_within_each_other_have_a_limit():
    expr = a
    for number in range(17):
        expr = Sum(expr, (symbols(f"i{number}"), 0, 1))
    with pytest.raises(LimitError, match="16 sums within each other"):
        lower(expr, [a])


def test_indices_with_a_range_of_their_own():
    index = Idx("i", n)
    expr = Sum(X[index] ** 2, (index, index.lower, index.upper))
    np.testing.assert_allclose(value(expr, [X], U), U @ U)
    bare = Sum(X[index] ** 2, index)
    np.testing.assert_allclose(value(bare, [X], U), U @ U)


def test_shared_sums_are_lowered_once():
    inner = Sum(X[j], (j, 0, n - 1))
    total = sum((Sum(inner * X[i], (i, 0, n - 1)) * inner for _ in range(3)), start=inner)
    assert sum(node.op.name == "sum" for node in lowered(total, [X])) == 2
