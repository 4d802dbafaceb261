"""A soft edit distance of two sequences, in two rows as Levenshtein's is written.

The cost of a substitution grows with the distance of the entries, the costs of insertion and
deletion are parameters, and the least of the three is soft.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from benchmarks.models.model import Arguments, Model, generator

SOFTNESS = 0.3


@njit
def softmin(a, b, c):
    """Return the soft minimum of three costs."""
    least = min(a, min(b, c))
    total = math.exp((least - a) / SOFTNESS) + math.exp((least - b) / SOFTNESS)
    total += math.exp((least - c) / SOFTNESS)
    return least - SOFTNESS * math.log(total)


def distance(costs, a, b):
    """Return the soft edit distance; `costs` holds those of insertion and of deletion."""
    insertion = costs[0]
    deletion = costs[1]
    n = a.shape[0]
    m = b.shape[0]
    before = np.empty(m + 1)
    row = np.empty(m + 1)
    for j in range(m + 1):
        before[j] = j * insertion
    for i in range(n):
        row[0] = (i + 1) * deletion
        for j in range(m):
            d = a[i] - b[j]
            change = 1.0 - math.exp(-d * d)
            row[j + 1] = softmin(before[j + 1] + deletion, row[j] + insertion, before[j] + change)
        before, row = row, before
    return before[m]


def arguments(n: int) -> Arguments:
    """Return two costs and two sequences of which the second is longer by one."""
    rng = generator(53)
    a = rng.normal(size=n)
    return np.array([0.6, 0.7]), a, np.concatenate([a[: n // 2], [0.5], a[n // 2 :]]) + 0.1


def jax_scan(jax, jnp):
    """Return the table as a `scan` over rows of a `scan` over columns."""

    def soft(a, b, c):
        least = jax.lax.stop_gradient(jnp.minimum(a, jnp.minimum(b, c)))
        parts = jnp.exp((least - a) / SOFTNESS) + jnp.exp((least - b) / SOFTNESS)
        return least - SOFTNESS * jnp.log(parts + jnp.exp((least - c) / SOFTNESS))

    def objective(costs, a, b):
        insertion, deletion = costs

        def row(before, given):
            ai, first = given

            def cell(left, triple):
                bj, up, corner = triple
                change = 1.0 - jnp.exp(-((ai - bj) ** 2))
                value = soft(up + deletion, left + insertion, corner + change)
                return value, value

            cells = jax.lax.scan(cell, first, (b, before[1:], before[:-1]))[1]
            return jnp.concatenate([first[None], cells]), None

        firsts = jnp.arange(1, a.shape[0] + 1) * deletion
        start = jnp.arange(b.shape[0] + 1) * insertion
        return jax.lax.scan(row, start, (a, firsts))[0][-1]

    return objective


MODEL = Model(
    name="edit",
    title="soft edit distance, 100 x 101",
    function=distance,
    arguments=arguments,
    tiny=4,
    full=100,
    argnums=(0, 1, 2),
    loops={"JAX": jax_scan},
)
