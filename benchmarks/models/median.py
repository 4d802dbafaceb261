"""A line fitted by the least median of squares, the squares sorted by bubbles.

P. J. Rousseeuw, Least Median of Squares Regression (1984).
"""

from __future__ import annotations

import numpy as np

from benchmarks.models.model import Arguments, Model, generator


def loss(line, x, y):
    """Return the median of the squared residuals of a line (offset, slope)."""
    n = x.shape[0]
    r = np.empty(n)
    for i in range(n):
        d = y[i] - line[0] - line[1] * x[i]
        r[i] = d * d
    for last in range(n - 1, 0, -1):
        for i in range(last):
            if r[i] > r[i + 1]:
                r[i], r[i + 1] = r[i + 1], r[i]
    return r[n // 2]


def arguments(n: int) -> Arguments:
    """Return a line, places, and values with a few far from the line."""
    rng = generator(23)
    x = rng.uniform(-1.0, 1.0, n)
    y = 0.4 + 1.3 * x + 0.1 * rng.normal(size=n)
    y[::5] += 3.0
    return np.array([0.5, 1.0]), x, y


def jax_bubbles(jax, jnp):
    """Return the same bubbles in nested `fori_loop`s, of fixed length."""

    def objective(line, x, y):
        n = x.shape[0]
        r = (y - line[0] - line[1] * x) ** 2

        def compare(i, r):
            pair = jax.lax.dynamic_slice(r, (i,), (2,))
            swapped = jnp.where(pair[0] > pair[1], pair[::-1], pair)
            return jax.lax.dynamic_update_slice(r, swapped, (i,))

        def walk(_, r):
            return jax.lax.fori_loop(0, n - 1, compare, r)

        return jax.lax.fori_loop(0, n - 1, walk, r)[n // 2]

    return objective


def jax_library(jax, jnp):
    """Return the loss with the library's sort."""

    def objective(line, x, y):
        return jnp.sort((y - line[0] - line[1] * x) ** 2)[x.shape[0] // 2]

    return objective


MODEL = Model(
    name="median",
    title="least median of squares, bubble sort, n = 63",
    function=loss,
    arguments=arguments,
    tiny=7,
    full=63,
    argnums=(0, 2),
    loops={"JAX": jax_bubbles},
    library={"JAX library": jax_library},
)
