from __future__ import annotations

import numpy as np
import pytest
import sympy
from sympy import (
    Adjoint,
    HadamardPower,
    HadamardProduct,
    Identity,
    ImmutableSparseMatrix,
    Lambda,
    MatAdd,
    Matrix,
    MatrixSymbol,
    OneMatrix,
    Sum,
    Trace,
    Transpose,
    ZeroMatrix,
    exp,
    sin,
    symbols,
)
from sympy.abc import a, t

from bpcompile.errors import LimitError, ShapeError, UnsupportedError
from bpcompile.frontend.symbolic import lower
from bpcompile.ir.type import f64
from tests.frontend.symbolic.checks import agrees_with_complex_steps, lowered, value

n, m, i, j = symbols("n m i j", integer=True)
A, B, C = MatrixSymbol("A", n, n), MatrixSymbol("B", n, m), MatrixSymbol("C", m, n)
x, S = MatrixSymbol("x", n, 1), MatrixSymbol("S", 2, 3)

RNG = np.random.default_rng(7)
P, Q, R = RNG.normal(size=(4, 4)), RNG.normal(size=(4, 3)), RNG.normal(size=(3, 4))
U, W = RNG.normal(size=(4, 1)), RNG.normal(size=(2, 3))

CASES = [
    (A * B, [A, B], [P, Q], P @ Q),
    (B * C - 2 * A, [A, B, C], [P, Q, R], Q @ R - 2 * P),
    (a * B * C / 3, [B, C, a], [Q, R, 0.5], Q @ R / 6),
    (x.T * A * x, [A, x], [P, U], U.T @ P @ U),
    (A * B * C * x, [A, B, C, x], [P, Q, R, U], P @ Q @ R @ U),
    (Transpose(B), [B], [Q], Q.T),
    (Adjoint(B), [B], [Q], Q.T),
    (Trace(A), [A], [P], np.trace(P)),
    (Trace(2 * B * C), [B, C], [Q, R], 2 * np.trace(Q @ R)),
    (Trace(a * B * C * A), [A, B, C, a], [P, Q, R, 3.0], 3 * np.trace(Q @ R @ P)),
    (A**5, [A], [P], np.linalg.matrix_power(P, 5)),
    (HadamardProduct(A, A.T, B * C), [A, B, C], [P, Q, R], P * P.T * (Q @ R)),
    (HadamardPower(A, 2), [A], [P], P**2),
    (HadamardPower(HadamardPower(A, 2), a), [A, a], [P, 1.5], (P**2) ** 1.5),
    ((A * x).applyfunc(sin), [A, x], [P, U], np.sin(P @ U)),
    (B.applyfunc(Lambda(t, t * exp(t) + a)), [B, a], [Q, 2.0], Q * np.exp(Q) + 2),
    (B.applyfunc(Lambda(t, 2)), [B], [Q], np.full((4, 3), 2.0)),
    (A + Identity(n), [A], [P], P + np.eye(4)),
    (A * OneMatrix(n, m) + B, [A, B], [P, Q], P @ np.ones((4, 3)) + Q),
    (MatAdd(B, ZeroMatrix(n, m)), [B], [Q], Q),
    (A[0, 1] * A[1, 0] - A[n - 1, 0], [A], [P], P[0, 1] * P[1, 0] - P[-1, 0]),
    ((A * B)[0, 1], [A, B], [P, Q], (P @ Q)[0, 1]),
    (B[1:3, :2], [B], [Q], Q[1:3, :2]),
    (B[::2, 1:m], [B], [Q], Q[::2, 1:]),
    (Sum(A[i, j] * x[j, 0], (i, 0, n - 1), (j, 0, n - 1)), [A, x], [P, U], np.sum(P @ U)),
    (S + Matrix([[1, a, 0], [0, 2, a]]), [S, a], [W, 3.0], np.add(W, [[1, 3, 0], [0, 2, 3]])),
    (
        S + ImmutableSparseMatrix(2, 3, {(0, 1): a}),
        [S, a],
        [W, 3.0],
        np.add(W, [[0, 3, 0], [0, 0, 0]]),
    ),
    (Trace(Identity(3) * a + S.T * S), [S, a], [W, 2.0], 6 + np.sum(W**2)),
    (S.as_explicit() * 2, [S], [W], 2 * W),
]


@pytest.mark.parametrize(("expr", "args", "point", "expected"), CASES, ids=lambda c: str(c)[:40])
def test_value_and_gradient(expr, args, point, expected):
    np.testing.assert_allclose(value(expr, args, *point), expected, rtol=1e-12, atol=1e-14)
    agrees_with_complex_steps(expr, args, *point)


def test_sizes_are_dimensions():
    graph = lowered(A * B, [A, B])
    assert [str(param.type) for param in graph.params] == ["f64[n, n]", "f64[n, m]"]
    assert str(graph.outputs[0].type) == "f64[n, m]"
    graph = lowered(MatrixSymbol("D", n + 1, 2 * n).T, [MatrixSymbol("D", n + 1, 2 * n)])
    assert [str(param.type) for param in graph.params] == ["f64[d, k]"]


def test_a_product_that_ends_in_a_column_is_done_from_there():
    for expr in (A * B * C * x, A**3 * x):
        products = [node for node in lowered(expr, [A, B, C, x]) if node.op.name == "matmul"]
        assert [str(node.type)[-2:] for node in products] == ["1]"] * 3


def test_the_trace_of_a_product_makes_no_product():
    assert "matmul" not in [node.op.name for node in lowered(Trace(B * C), [B, C])]


def test_explicit_products_are_lowered_entry_by_entry():
    graph = lowered(Matrix([[a, 0], [1, a**2]]) * Matrix([a, 1]), [a])
    assert str(graph.outputs[0].type) == "f64[2, 1]"


@pytest.mark.parametrize(
    "expr",
    [
        A.I,
        A**-2,
        sympy.Determinant(A),
        sympy.KroneckerProduct(A, A),
        sympy.BlockMatrix([[A, A]]),
        A**m,
        sympy.Inverse(A) * x,
    ],
    ids=str,
)
def test_what_has_no_op_is_refused_with_its_path(expr):
    with pytest.raises(UnsupportedError, match="at expr"):
        lower(expr, [A, x, m])


def test_a_large_power_is_refused():
    with pytest.raises(LimitError, match="above 1024"):
        lower(A**2000, [A])


def test_a_block_beyond_its_matrix_is_refused():
    with pytest.raises(UnsupportedError, match="reaches beyond the length 3"):
        lower(B[0:5, :], [B], {B: f64[3, 2]})


def test_matrices_that_depend_on_an_index_are_refused():
    inner = HadamardPower(A, i) * x
    with pytest.raises(UnsupportedError, match="depends on the index of a sum"):
        lower(Sum(inner[0, 0], (i, 1, 2)) + Sum(Trace(inner * x.T), (i, 1, 2)), [A, x])


def test_lengths_that_differ_are_refused():
    with pytest.raises(ShapeError, match="axis 1 of A has the length 3, and its symbol says 2"):
        lower(A * B, [A, B], {A: f64[2, 3]})
    with pytest.raises(ShapeError, match="2 axes"):
        lower(A * B, [A, B], {A: f64["n"]})
