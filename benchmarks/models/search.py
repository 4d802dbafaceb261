"""A table of knots fitted to data: piecewise linear interpolation with a binary search."""

from __future__ import annotations

import numpy as np

from benchmarks.models.model import Arguments, Model, generator

KNOTS = 33


def loss(heights, x, y, knots):
    """Return the squared misfit of the interpolated heights at places x."""
    total = 0.0
    for k in range(x.shape[0]):
        low = 0
        high = knots.shape[0] - 1
        while high - low > 1:
            middle = (low + high) // 2
            if knots[middle] <= x[k]:
                low = middle
            else:
                high = middle
        w = (x[k] - knots[low]) / (knots[high] - knots[low])
        d = (1.0 - w) * heights[low] + w * heights[high] - y[k]
        total += d * d
    return total


def arguments(n: int) -> Arguments:
    """Return heights, places, values there, and sorted knots from 0 to 1."""
    rng = generator(37)
    knots = np.sort(np.concatenate([[0.0, 1.0], rng.uniform(0.0, 1.0, KNOTS - 2)]))
    x = rng.uniform(0.0, 1.0, n)
    heights = np.sin(6.0 * knots) + 0.1 * rng.normal(size=KNOTS)
    return heights, x, np.sin(6.0 * x), knots


def jax_scan(jax, jnp):
    """Return the loss as a `scan` over places, with the search as a `while_loop` of ints."""

    def objective(heights, x, y, knots):
        def search(place):
            def halve(bounds):
                low, high = bounds
                middle = (low + high) // 2
                left = knots[middle] <= place
                return jnp.where(left, middle, low), jnp.where(left, high, middle)

            start = jnp.array(0), jnp.array(knots.shape[0] - 1)
            return jax.lax.while_loop(lambda b: b[1] - b[0] > 1, halve, start)

        def step(total, given):
            place, value = given
            low, high = search(jax.lax.stop_gradient(place))
            w = (place - knots[low]) / (knots[high] - knots[low])
            d = (1.0 - w) * heights[low] + w * heights[high] - value
            return total + d * d, None

        return jax.lax.scan(step, 0.0, (x, y))[0]

    return objective


def jax_library(jax, jnp):
    """Return the loss with the library's search, all places at once."""

    def objective(heights, x, y, knots):
        places = jax.lax.stop_gradient(x)
        low = jnp.clip(jnp.searchsorted(knots, places, side="right") - 1, 0, knots.shape[0] - 2)
        w = (x - knots[low]) / (knots[low + 1] - knots[low])
        return jnp.sum(((1.0 - w) * heights[low] + w * heights[low + 1] - y) ** 2)

    return objective


MODEL = Model(
    name="search",
    title="interpolation with a binary search, 33 knots, 1000 places",
    function=loss,
    arguments=arguments,
    tiny=6,
    full=1000,
    argnums=(0, 1),
    loops={"JAX": jax_scan},
    library={"JAX library": jax_library},
)
