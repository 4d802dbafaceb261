"""Soft dynamic time warping of two series.

M. Cuturi and M. Blondel, Soft-DTW: a Differentiable Loss Function for Time-Series (2017),
algorithm 1.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from benchmarks.models.model import Arguments, Model, generator

GAMMA = 0.5


@njit
def softmin(a, b, c, gamma):
    """Return -gamma log(exp(-a / gamma) + exp(-b / gamma) + exp(-c / gamma))."""
    least = min(a, b, c)
    total = math.exp((least - a) / gamma)
    total += math.exp((least - b) / gamma)
    total += math.exp((least - c) / gamma)
    return least - gamma * math.log(total)


def distance(x, y, gamma):
    """Return the soft distance of two series; a cell outside the table costs infinity."""
    n = x.shape[0]
    m = y.shape[0]
    table = np.full((n + 1, m + 1), np.inf)
    table[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            d = x[i - 1] - y[j - 1]
            least = softmin(table[i - 1, j], table[i, j - 1], table[i - 1, j - 1], gamma)
            table[i, j] = d * d + least
    return table[n, m]


def arguments(length: int) -> Arguments:
    """Return two series and the softness."""
    rng = generator(13)
    time = np.linspace(0.0, 3.0, length)
    x = np.sin(2.0 * time) + 0.1 * rng.normal(size=length)
    y = np.sin(2.0 * time + 0.6) + 0.1 * rng.normal(size=length)
    return x, y, GAMMA


def jax_scan(jax, jnp):
    """Return the table as a `scan` over rows of a `scan` over columns.

    Its borders are a large number: infinity makes NaN of the gradient of its logarithm.
    """

    def soft(a, b, c, gamma):
        least = jax.lax.stop_gradient(jnp.minimum(jnp.minimum(a, b), c))
        parts = jnp.exp((least - a) / gamma) + jnp.exp((least - b) / gamma)
        return least - gamma * jnp.log(parts + jnp.exp((least - c) / gamma))

    def loss(x, y, gamma):
        far = 1e10

        def row(above, given):
            xi, first = given

            def column(carried, pair):
                left, corner = carried
                yj, up = pair
                value = (xi - yj) ** 2 + soft(up, left, corner, gamma)
                return (value, up), value

            cells = jax.lax.scan(column, (far, first), (y, above))[1]
            return cells, None

        corners = jnp.where(jnp.arange(x.shape[0]) == 0, 0.0, far)
        return jax.lax.scan(row, jnp.full(y.shape[0], far), (x, corners))[0][-1]

    return loss


def jax_diagonals(jax, jnp):
    """Return the table as a `scan` over its antidiagonals, each one array."""

    def loss(x, y, gamma):
        n, m = x.shape[0], y.shape[0]
        far = 1e10
        rows = jnp.arange(n)

        def diagonal(carried, k):
            before, last = carried
            columns = k - rows
            inside = (columns >= 0) & (columns < m)
            d = x - y[jnp.clip(columns, 0, m - 1)]
            corner_edge = jnp.where(k == 0, 0.0, far)
            up = jnp.concatenate([jnp.full(1, far), last[:-1]])
            corner = jnp.concatenate([corner_edge[None], before[:-1]])
            stacked = jnp.stack([up, last, corner])
            value = d * d - gamma * jax.scipy.special.logsumexp(-stacked / gamma, axis=0)
            return (last, jnp.where(inside, value, far)), None

        start = jnp.full(n, far), jnp.full(n, far)
        return jax.lax.scan(diagonal, start, jnp.arange(n + m - 1))[0][1][-1]

    return loss


MODEL = Model(
    name="dtw",
    title="soft dynamic time warping, 100 x 100",
    function=distance,
    arguments=arguments,
    tiny=4,
    full=100,
    argnums=(0, 1),
    loops={"JAX": jax_scan, "JAX, diagonals": jax_diagonals},
)
