"""A linear system solved by an LU factor written as three nested loops, in place."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.models.model import Arguments, Model, generator


def loss(A, b):
    """Return log |det A| + sum(x^2) for A x = b; A needs no pivots."""
    n = A.shape[0]
    U = A.copy()
    x = b.copy()
    for k in range(n):
        for i in range(k + 1, n):
            U[i, k] /= U[k, k]
            for j in range(k + 1, n):
                U[i, j] -= U[i, k] * U[k, j]
    for i in range(n):
        for k in range(i):
            x[i] -= U[i, k] * x[k]
    value = 0.0
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            x[i] -= U[i, k] * x[k]
        x[i] /= U[i, i]
        value += x[i] * x[i] + math.log(abs(U[i, i]))
    return value


def arguments(n: int) -> Arguments:
    """Return a matrix with a heavy diagonal and a right-hand side."""
    rng = generator(19)
    return rng.normal(size=(n, n)) + 2.0 * n * np.eye(n), n * rng.normal(size=n)


def jax_columns(jax, jnp):
    """Return the factor pivot by pivot in a `fori_loop`, with masks for the triangle."""

    def objective(A, b):
        n = A.shape[0]
        rows = jnp.arange(n)

        def eliminate(k, U):
            factors = jnp.where(rows > k, U[:, k] / U[k, k], 0.0)
            U = U - jnp.outer(factors, jnp.where(rows > k, U[k], 0.0))
            return U.at[:, k].set(jnp.where(rows > k, factors, U[:, k]))

        U = jax.lax.fori_loop(0, n, eliminate, A)
        lower, upper = jnp.tril(U, -1), jnp.triu(U)

        def forward(i, x):
            return x.at[i].add(-(lower[i] @ x))

        def backward(k, x):
            i = n - 1 - k
            above = jnp.where(rows > i, upper[i], 0.0)
            return x.at[i].set((x[i] - above @ x) / upper[i, i])

        x = jax.lax.fori_loop(0, n, backward, jax.lax.fori_loop(0, n, forward, b))
        return jnp.sum(x * x) + jnp.sum(jnp.log(jnp.abs(jnp.diag(U))))

    return objective


def jax_library(jax, jnp):
    """Return the loss with the library's factor (with pivots) and its solve."""

    def objective(A, b):
        factor = jax.scipy.linalg.lu_factor(A)
        x = jax.scipy.linalg.lu_solve(factor, b)
        return jnp.sum(x * x) + jnp.sum(jnp.log(jnp.abs(jnp.diag(factor[0]))))

    return objective


MODEL = Model(
    name="lu",
    title="linear system by an LU factor in three loops, n = 64",
    function=loss,
    arguments=arguments,
    tiny=4,
    full=64,
    argnums=(0, 1),
    loops={"JAX": jax_columns},
    library={"JAX library": jax_library},
)
