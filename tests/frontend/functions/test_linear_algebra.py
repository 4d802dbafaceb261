"""Functions of `np.linalg` and `scipy.linalg` mean in a trace what they mean to NumPy and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

import bpcompile as bp
from bpcompile.errors import ShapeError, TypeMismatchError, UnsupportedError
from tests.tracing import agrees, run, traced

RNG = np.random.default_rng(7)


def normal(*shape):
    return RNG.normal(size=shape)


A, B, V = normal(4, 4), normal(4, 3), normal(4)
MANY, TALL, WIDE = normal(5, 4, 4), normal(6, 4), normal(4, 6)
S = A @ A.T + np.eye(4)

MODELS = {
    "solve": (lambda a, b, v: (np.linalg.solve(a, b), np.linalg.solve(a, v)), A, B, V),
    "solve, batches": (
        lambda a, b, v: (np.linalg.solve(a, b), np.linalg.solve(a, v), np.linalg.solve(a[:1], a)),
        MANY, B, V,
    ),
    "solve, one matrix": (lambda a, b: np.linalg.solve(a, b), A, normal(2, 5, 4, 3)),
    "inv": (lambda a, m: (np.linalg.inv(a), np.linalg.inv(m)), A, MANY),
    "det": (lambda a, m: (np.linalg.det(a), np.linalg.det(m)), A, MANY),
    "slogdet": (
        lambda a, m: (tuple(np.linalg.slogdet(a)), np.linalg.slogdet(m).logabsdet),
        A, MANY,
    ),
    "cholesky": (lambda s: (np.linalg.cholesky(s), np.linalg.cholesky(s).T), S),
    "qr": (
        lambda t, w, a: (
            tuple(np.linalg.qr(t)), tuple(np.linalg.qr(w)), np.linalg.qr(a, "complete").R,
            np.linalg.qr(w, "r"),
        ),
        TALL, WIDE, A,
    ),
    "eigh": (
        lambda s: (
            tuple(np.linalg.eigh(s)), np.linalg.eigvalsh(s), np.linalg.eigh(s, UPLO="U")[0],
            np.linalg.eigvalsh(s + np.triu(s, 1), "L"),
        ),
        S,
    ),
    "svd": (
        lambda t, a, m: (
            tuple(np.linalg.svd(t, full_matrices=False)), np.linalg.svd(a).S,
            np.linalg.svd(m, compute_uv=False), np.linalg.svdvals(t),
        ),
        TALL, A, MANY,
    ),
    "pinv": (
        lambda t, w, m: (
            np.linalg.pinv(t), np.linalg.pinv(w), np.linalg.pinv(m, rcond=0.5),
            np.linalg.pinv(t, rtol=None), np.linalg.pinv(t, hermitian=False, rtol=0.3),
        ),
        TALL, WIDE, MANY,
    ),
    "lstsq": (
        lambda t, b, w, v: (
            np.linalg.lstsq(t, b), np.linalg.lstsq(t, b[:, 0], rcond=0.1),
            np.linalg.lstsq(w, v, rcond=-1),
        ),
        TALL, normal(6, 2), WIDE, V,
    ),
    "matrix_power": (
        lambda a, m: (
            *(np.linalg.matrix_power(a, n) for n in (-3, -1, 0, 1, 2, 7)),
            np.linalg.matrix_power(m, 0),
        ),
        A, MANY,
    ),
    "matrix_power of integers": (
        lambda k: np.linalg.matrix_power(k, 5), np.array([[1, 1], [1, 0]]),
    ),
    "norm": (
        lambda a, m: (
            *(np.linalg.norm(a, p) for p in (2, -2, "nuc", "fro", 1, -1, np.inf, -np.inf)),
            np.linalg.norm(m, 2, axis=(0, 2), keepdims=True), np.linalg.norm(m, 1, axis=(2, 0)),
            np.linalg.norm(m, axis=(0, 1)), np.linalg.norm(a, axis=(0,)), np.linalg.norm(m),
        ),
        A, MANY,
    ),
    "vector_norm": (
        lambda m: (
            np.linalg.vector_norm(m), np.linalg.vector_norm(m, axis=(0, 2), ord=3, keepdims=True),
            np.linalg.vector_norm(m, axis=1, ord=np.inf), np.linalg.vector_norm(m, ord=0),
            np.linalg.vector_norm(m, axis=-1, ord=0.5, keepdims=True),
        ),
        MANY,
    ),
    "matrix_norm": (
        lambda m: (
            np.linalg.matrix_norm(m), np.linalg.matrix_norm(m, ord="nuc", keepdims=True),
            np.linalg.matrix_norm(m, ord=-np.inf),
        ),
        MANY,
    ),
    "cond": (
        lambda a, m: (*(np.linalg.cond(a, p) for p in (None, 2, -2, 1, "fro")), np.linalg.cond(m)),
        A, MANY,
    ),
    "matrix_rank": (
        lambda a, m, v: (
            np.linalg.matrix_rank(a), np.linalg.matrix_rank(m * 1.0, tol=0.5),
            np.linalg.matrix_rank(a, rtol=0.9), np.linalg.matrix_rank(v),
        ),
        TALL @ np.diag([1.0, 0.0, 1.0, 1.0]), MANY, V,
    ),
    "tensors": (
        lambda a, b: (
            np.linalg.tensorsolve(a, b), np.linalg.tensorinv(a),
            np.linalg.tensorsolve(np.moveaxis(a, -1, 0), b, axes=(0,)),
        ),
        normal(2, 3, 6), normal(2, 3),
    ),
    "kron": (
        lambda a, v, m: (np.kron(a, v), np.kron(v, v), np.kron(m, a), np.kron(v, 2.0)), B, V, MANY,
    ),
    "cross": (
        lambda a, b: (np.cross(a, b), np.linalg.cross(a, b), np.cross(a.T, b, axisa=0, axisc=0)),
        normal(5, 3), normal(3),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MODELS.values(), ids=MODELS)
def test_values(case):
    agrees(*case, rtol=1e-9)


FAMILIES = {
    "solve inv det": lambda a: (
        np.linalg.solve(a, a + 1), np.linalg.inv(a), np.linalg.det(a), *np.linalg.slogdet(a),
    ),
    "factors": lambda a: (
        np.linalg.cholesky(a @ a.T + np.eye(4, dtype=a.dtype)), *np.linalg.qr(a),
        np.linalg.svdvals(a), np.linalg.eigvalsh(a + a.T), np.linalg.pinv(a, 1e-5),
    ),
    "functions": lambda a: (
        scipy.linalg.expm(a), np.linalg.norm(a, 2), np.linalg.matrix_power(a, 3), np.kron(a, a),
    ),
}  # fmt: skip


@pytest.mark.parametrize("model", FAMILIES.values(), ids=FAMILIES)
def test_float32_stays_float32(model):
    single = A.astype(np.float32)
    agrees(model, single, rtol=2e-3)


SCIPY = {
    "expm": (lambda a, m: (scipy.linalg.expm(a), scipy.linalg.expm(m * 4.0)), A, MANY),
    "solve_triangular": (
        lambda s, v, b: (
            scipy.linalg.solve_triangular(s, v), scipy.linalg.solve_triangular(s, b, lower=True),
            scipy.linalg.solve_triangular(s, b, trans="T", lower=True),
            scipy.linalg.solve_triangular(s, v, trans=1),
        ),
        S, V, B,
    ),
    "cholesky": (
        lambda s, b: (
            scipy.linalg.cholesky(s), scipy.linalg.cholesky(s, lower=True),
            scipy.linalg.cho_solve(scipy.linalg.cho_factor(s), b),
            scipy.linalg.cho_solve(scipy.linalg.cho_factor(s, lower=True), b),
        ),
        S, B,
    ),
    "the rest": (
        lambda s, v: (
            scipy.linalg.solve(s, v, assume_a="pos"), scipy.linalg.solve(s, v, transposed=True),
            scipy.linalg.inv(s), scipy.linalg.det(s), scipy.linalg.norm(s, 1),
            scipy.linalg.eigh(s, eigvals_only=True), scipy.linalg.svdvals(s),
            scipy.linalg.svd(s, compute_uv=False), scipy.linalg.pinv(s),
        ),
        S, V,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SCIPY.values(), ids=SCIPY)
def test_scipy(case):
    agrees(*case, rtol=1e-9)


def test_scipy_on_plain_arrays_stays_scipy():
    found = traced(lambda v: v * scipy.linalg.det(S), V)
    np.testing.assert_allclose(run(found, V), V * scipy.linalg.det(S))


@pytest.mark.parametrize("norm", [1e-9, 1.0, 5.0, 60.0])
def test_expm_of_any_size_with_its_derivative(norm):
    x = A / np.linalg.norm(A, 1) * norm
    e = RNG.normal(size=x.shape)
    expm = bp.jvp(lambda a: scipy.linalg.expm(a), target="numpy")
    value, slope = expm(x, e)
    wanted, slopes = scipy.linalg.expm_frechet(x, e)
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(value, wanted, atol=1e-12 * scale)
    np.testing.assert_allclose(slope, slopes, atol=1e-11 * np.abs(slopes).max())


def test_expm_of_what_is_not_finite_ends():
    found = traced(lambda a: scipy.linalg.expm(a), A)
    for bad in (np.inf, np.nan):
        assert not np.isfinite(run(found, np.full((4, 4), bad))).any()


def test_empty_and_single_matrices():
    def model(a, v):
        return (
            np.linalg.solve(a, v), np.linalg.inv(a), np.linalg.det(a), *np.linalg.slogdet(a),
            np.linalg.cholesky(a), *np.linalg.qr(a), *np.linalg.eigh(a), np.linalg.svdvals(a),
            np.linalg.pinv(a), scipy.linalg.expm(a),
        )  # fmt: skip

    for n in (0, 1):
        agrees(model, np.full((n, n), 2.0), np.ones(n), rtol=1e-12)


def test_run_time_lengths():
    g = bp.value_and_grad(lambda a, v: np.sum(np.linalg.solve(a, v) ** 2), target="numpy")
    for n in (2, 5, 3):
        value, _ = g(np.eye(n) * 2.0, np.ones(n))
        assert value == pytest.approx(n / 4)
    assert len(g.compilations) == 1


# Derivatives at special points, by numerics.md


def gradient(model, x):
    return bp.grad(model, target="numpy")(np.asarray(x, dtype=float))


@pytest.mark.parametrize("ord", [None, "fro"])
def test_the_norm_of_zeros_has_derivative_0(ord):
    np.testing.assert_array_equal(
        gradient(lambda a: np.linalg.norm(a, ord), np.zeros((2, 3))), np.zeros((2, 3))
    )


def test_norms_share_ties_evenly():
    x = np.array([[1.0, -1.0], [1.0, 1.0]])
    for ord in (np.inf, -np.inf, 1, -1):
        np.testing.assert_array_equal(
            gradient(lambda a, ord=ord: np.linalg.norm(a, ord), x), np.sign(x) / 2
        )


def test_the_frobenius_norm_neither_overflows_nor_vanishes():
    for scale in (1e200, 1e-200):
        x = np.array([[3.0, 0.0], [0.0, 4.0]]) * scale
        found = gradient(np.linalg.norm, x)
        np.testing.assert_allclose(found, [[0.6, 0.0], [0.0, 0.8]], rtol=1e-15)


def test_gradients_of_symmetric_functions_are_symmetric():
    for model in (
        lambda a: np.sum(np.linalg.cholesky(a)),
        lambda a: np.linalg.eigvalsh(a)[0],
        lambda a: np.sum(np.linalg.eigh(a)[1][:, 0] ** 3),
    ):
        found = gradient(model, S)
        np.testing.assert_allclose(found, found.T, atol=1e-12)


def test_a_named_triangle_gets_the_gradient():
    found = gradient(lambda a: np.linalg.eigvalsh(a, UPLO="L")[0], S)
    assert not np.triu(found, 1).any()


def test_det_and_its_gradient_at_a_singular_matrix():
    found = gradient(np.linalg.det, [[1.0, 2.0], [2.0, 4.0]])
    np.testing.assert_allclose(found, [[4.0, -2.0], [-2.0, 1.0]])


def test_rank_has_no_derivative():
    np.testing.assert_allclose(gradient(lambda a: np.linalg.matrix_rank(a) * a[0, 0], A)[0, 0], 4.0)


# Errors


@pytest.mark.parametrize("target", ["numpy", "numba"])
def test_singular_and_indefinite_matrices_are_numpys_errors(target):
    def model(a):
        return np.sum(np.linalg.solve(a, a)) + np.sum(np.linalg.cholesky(a + 1.0 - a[0, 0]))

    g = bp.compile(model, target=target)
    g(np.eye(3))
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        g(np.ones((3, 3)))
    with pytest.raises(np.linalg.LinAlgError, match="positive definite"):
        g(np.diag([1.0, -1.0, 1.0]))


BAD = {
    "no matrix": (lambda v: np.linalg.inv(v), V, ShapeError, "`v`.*at least two axes"),
    "not square": (lambda b: np.linalg.det(b), B, ShapeError, "`b`.*4 by .*3.*lstsq or pinv"),
    "rows": (lambda b: np.linalg.solve(b @ b.T, b.T), B, ShapeError, "takes right sides of"),
    "a number": (lambda a: np.linalg.solve(a, 2.0), A, ShapeError, "write a vector"),
    "batches": (
        lambda m: np.linalg.solve(m[:2], m[:3]), MANY, ShapeError, "do not fit together"
    ),
    "power": (
        lambda a: np.linalg.matrix_power(a, a[0, 0]), A, TypeMismatchError, "static_argnames"
    ),
    "full matrices": (lambda b: np.linalg.svd(b), B, UnsupportedError, "full_matrices=False"),
    "complete": (lambda b: np.linalg.qr(b, "complete"), B, UnsupportedError, "mode='reduced'"),
    "triangle": (lambda a: np.linalg.eigh(a, UPLO="X"), A, UnsupportedError, "'L' or 'U'"),
    "eig": (lambda a: np.linalg.eig(a), A, UnsupportedError, "linalg.eigh"),
    "order": (lambda a: np.linalg.norm(a, 3), A, UnsupportedError, "'nuc'"),
    "axes": (lambda m: np.linalg.norm(m, 2), MANY, ShapeError, "two for matrices"),
    "no matrix norm": (lambda v: np.linalg.matrix_norm(v), V, ShapeError, "vector_norm"),
    "tolerances": (
        lambda m: np.linalg.pinv(m, rcond=m[:, 0, 0]), MANY, UnsupportedError, "write a number"
    ),
    "lstsq": (lambda m: np.linalg.lstsq(m, m), MANY, ShapeError, "one matrix"),
    "plane": (lambda a: np.cross(a[:, :2], a[:, :2]), A, ShapeError, "in the plane"),
    "tensorinv": (lambda a: np.linalg.tensorinv(a, 5), A, ShapeError, "ind"),
    "scipy": (
        lambda a: scipy.linalg.solve_triangular(a, a, unit_diagonal=True), A, UnsupportedError,
        "unit_diagonal",
    ),
    "one triangle": (
        lambda a: scipy.linalg.solve(a, a, lower=True), A, UnsupportedError, "solve_triangular"
    ),
    "sqrtm": (lambda a: scipy.linalg.sqrtm(a), A, UnsupportedError, "scipy.linalg.sqrtm"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_what_does_not_fit_says_what_to_write(case):
    model, value, error, message = case
    with pytest.raises(error, match=message) as caught:
        traced(model, value)
    assert "test_linear_algebra.py" in str(caught.value)
