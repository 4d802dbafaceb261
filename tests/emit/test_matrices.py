"""Helpers of matrices in machine code: by blocks where they are large, under any layout, alone."""

from __future__ import annotations

import numba
import numpy as np
import pytest

import bpcompile as bp

RNG = np.random.default_rng(3)


def solutions(a, b):
    """Return solutions with a matrix and its transpose, the inverse and the determinant."""
    return np.linalg.solve(a, b), np.linalg.solve(a.T, b), np.linalg.inv(a), np.linalg.det(a)


@pytest.fixture(scope="module")
def compiled():
    return bp.compile(solutions, target="numba")


@pytest.mark.parametrize("n", [0, 1, 2, 47, 50, 70, 101])
def test_systems_of_any_length(compiled, n):
    a, b = RNG.normal(size=(n, n)) + 3 * np.eye(n), RNG.normal(size=(n, 12))
    for found, wanted in zip(compiled(a, b), solutions(a, b), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11)


def test_any_layout_and_a_singular_matrix_inside_numba_code(compiled):
    a, b = RNG.normal(size=(5, 5)), RNG.normal(size=(10, 12))[::2]
    compiled(a, b.copy())
    inner = compiled.njit

    @numba.njit
    def outer(a, b):
        return inner(a, b)[0]

    np.testing.assert_allclose(outer(np.asfortranarray(a), b), np.linalg.solve(a, b), rtol=1e-9)
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        outer(np.asfortranarray(np.ones((5, 5))), b)


def test_gradients_in_float32():
    def model(a):
        found = np.linalg.det(a) + np.linalg.slogdet(a)[1] + np.sum(np.linalg.inv(a))
        return found + np.linalg.svdvals(a)[0] + np.linalg.cholesky(a @ a.T)[0, 0]

    wide = RNG.normal(size=(4, 4)) + 3 * np.eye(4)
    single = wide.astype(np.float32)
    value, gradient = bp.value_and_grad(model, target="numba")(single)
    assert gradient.dtype == np.float32
    assert value.dtype == np.float32
    wanted = bp.value_and_grad(model, target="numpy")(single.astype(float))
    np.testing.assert_allclose(value, wanted[0], rtol=1e-5)
    np.testing.assert_allclose(gradient, wanted[1], rtol=1e-4, atol=1e-4)


def test_singular_matrices_have_cofactors_in_machine_code():
    gradient = bp.grad(lambda a: np.linalg.det(a) * 2.0, target="numba")
    np.testing.assert_allclose(gradient(np.diag([2.0, 0.0, 3.0])), np.diag([0.0, 12.0, 0.0]))
    np.testing.assert_allclose(gradient([[1.0, 2.0], [2.0, 4.0]]), [[8.0, -4.0], [-4.0, 2.0]])
    np.testing.assert_array_equal(gradient(np.zeros((3, 3))), np.zeros((3, 3)))


def test_a_solution_and_its_adjoint_are_written_with_one_factorisation():
    def model(A, b):
        x = np.linalg.solve(A, b)
        return x @ x

    fn = bp.value_and_grad(model, argnums=(0, 1), target="numba").compile(np.eye(3), np.ones(3))
    work = fn.source[fn.source.index("def _main(") :]
    work = work[: work.index("\n\n\n")]
    assert work.count("_lu_factor(") == 1
    assert "_lu_factor(A, lu, pivots)" in work
    assert "_lu_solve_vector(lu, pivots, b, x, False)" in work
    assert "_lu_solve_vector(lu, pivots, x_bar, b_bar, True)  # b̄ = solve(Aᵀ, x̄)" in work
