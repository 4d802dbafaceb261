"""The log-likelihood of a Gaussian through a Cholesky factor written as three nested loops."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.models.model import Arguments, Model, generator


def log_likelihood(A, y):
    """Return the log-density of y under N(0, A), up to its constant; reads A's lower triangle."""
    n = A.shape[0]
    L = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            total = A[i, j]
            for k in range(j):
                total -= L[i, k] * L[j, k]
            if i == j:
                L[i, i] = math.sqrt(total)
            else:
                L[i, j] = total / L[j, j]
    value = 0.0
    z = np.empty(n)
    for i in range(n):
        total = y[i]
        for k in range(i):
            total -= L[i, k] * z[k]
        z[i] = total / L[i, i]
        value -= 0.5 * z[i] * z[i] + math.log(L[i, i])
    return value


def arguments(n: int) -> Arguments:
    """Return a covariance matrix and an observation."""
    rng = generator(17)
    points = np.sort(rng.uniform(0.0, 4.0, n))
    A = np.exp(-((points[:, None] - points[None, :]) ** 2)) + 0.3 * np.eye(n)
    return A, rng.normal(size=n)


def jax_columns(jax, jnp):
    """Return the factor column by column in a `fori_loop`, with masks for the triangle."""

    def loss(A, y):
        n = A.shape[0]
        rows = jnp.arange(n)

        def column(j, L):
            c = A[:, j] - L @ L[j]
            pivot = jnp.sqrt(c[j])
            return L.at[:, j].set(jnp.where(rows > j, c / pivot, jnp.where(rows == j, pivot, 0.0)))

        L = jax.lax.fori_loop(0, n, column, jnp.zeros((n, n)))

        def solve(i, z):
            return z.at[i].set((y[i] - L[i] @ z) / L[i, i])

        z = jax.lax.fori_loop(0, n, solve, jnp.zeros(n))
        return -0.5 * jnp.sum(z * z) - jnp.sum(jnp.log(jnp.diag(L)))

    return loss


def jax_library(jax, jnp):
    """Return the likelihood with the library's factor and its triangular solve."""

    def loss(A, y):
        lower = jnp.tril(A)
        L = jnp.linalg.cholesky(lower + jnp.tril(A, -1).T, symmetrize_input=False)
        z = jax.scipy.linalg.solve_triangular(L, y, lower=True)
        return -0.5 * jnp.sum(z * z) - jnp.sum(jnp.log(jnp.diag(L)))

    return loss


MODEL = Model(
    name="cholesky",
    title="Gaussian likelihood by a Cholesky factor in three loops, n = 64",
    function=log_likelihood,
    arguments=arguments,
    tiny=4,
    full=64,
    argnums=(0, 1),
    loops={"JAX": jax_columns},
    library={"JAX library": jax_library},
)
