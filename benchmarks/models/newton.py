"""An orbit fitted to angles: Kepler's equation solved by Newton's method to a tolerance."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.models.model import Arguments, Model, generator

TOLERANCE = 1e-10
ITERATIONS = 12
"""More than the model ever takes at its data; JAX's loop must be bounded to be differentiated."""


def loss(orbit, times, seen):
    """Return the squared distance of the positions of an orbit from those that were seen.

    `orbit` holds the eccentricity e, the mean motion and the phase; E - e sin E = M is solved.
    """
    e = orbit[0]
    total = 0.0
    for k in range(times.shape[0]):
        M = orbit[1] * times[k] + orbit[2]
        E = M
        f = E - e * math.sin(E) - M
        while abs(f) > TOLERANCE:
            E -= f / (1.0 - e * math.cos(E))
            f = E - e * math.sin(E) - M
        dx = math.cos(E) - e - seen[k, 0]
        dy = math.sqrt(1.0 - e * e) * math.sin(E) - seen[k, 1]
        total += dx * dx + dy * dy
    return total


def arguments(n: int) -> Arguments:
    """Return an orbit, times, and places that a nearby orbit has then, with noise."""
    rng = generator(29)
    times = np.sort(rng.uniform(0.0, 10.0, n))
    M = 1.1 * times + 0.2
    E = M.copy()
    for _ in range(30):
        E -= (E - 0.35 * np.sin(E) - M) / (1.0 - 0.35 * np.cos(E))
    places = np.stack([np.cos(E) - 0.35, np.sqrt(1.0 - 0.35**2) * np.sin(E)], axis=1)
    return np.array([0.3, 1.12, 0.15]), times, places + 0.01 * rng.normal(size=(n, 2))


def _orbit_term(jax, jnp):
    """Return the term of one time, with Newton's method as a bounded loop that a mask ends."""

    def term(orbit, time, seen):
        e = orbit[0]
        M = orbit[1] * time + orbit[2]

        def refine(_, E):
            f = E - e * jnp.sin(E) - M
            return jnp.where(jnp.abs(f) > TOLERANCE, E - f / (1.0 - e * jnp.cos(E)), E)

        E = jax.lax.fori_loop(0, ITERATIONS, refine, M)
        place = jnp.stack([jnp.cos(E) - e, jnp.sqrt(1.0 - e * e) * jnp.sin(E)])
        return jnp.sum((place - seen) ** 2)

    return term


def jax_scan(jax, jnp):
    """Return the loss as a `scan` over the times."""
    term = _orbit_term(jax, jnp)

    def objective(orbit, times, seen):
        def step(total, given):
            return total + term(orbit, *given), None

        return jax.lax.scan(step, 0.0, (times, seen))[0]

    return objective


def jax_vmap(jax, jnp):
    """Return the loss with all times at once: one bounded loop over arrays."""
    term = _orbit_term(jax, jnp)

    def objective(orbit, times, seen):
        return jnp.sum(jax.vmap(term, in_axes=(None, 0, 0))(orbit, times, seen))

    return objective


MODEL = Model(
    name="newton",
    title="Kepler's equation by Newton to a tolerance, 1000 times",
    function=loss,
    arguments=arguments,
    tiny=5,
    full=1000,
    argnums=(0,),
    loops={"JAX": jax_scan},
    library={"JAX vmap": jax_vmap},
)
