"""The 1-D wave equation with variable speed, as a stencil in time."""

from __future__ import annotations

import numpy as np

from benchmarks.models.model import Arguments, Model, generator

STEPS = 500
RATIO = 0.5
"""Time step over cell width, squared: with speeds up to 1.2 the scheme is stable."""


def loss(speed, start, seen, steps):
    """Return the squared misfit of the wave after so many steps; both ends are held at zero."""
    n = start.shape[0]
    before = start.copy()
    now = start.copy()
    after = np.zeros(n)
    for _ in range(steps):
        for i in range(1, n - 1):
            bend = now[i - 1] - 2.0 * now[i] + now[i + 1]
            after[i] = 2.0 * now[i] - before[i] + RATIO * speed[i] * speed[i] * bend
        for i in range(n):
            before[i] = now[i]
            now[i] = after[i]
    total = 0.0
    for i in range(n):
        d = now[i] - seen[i]
        total += d * d
    return total


def arguments(cells: int) -> Arguments:
    """Return speeds, a first bump, a wave that was seen, and the number of steps."""
    rng = generator(31)
    place = np.linspace(0.0, 1.0, cells)
    start = np.exp(-200.0 * (place - 0.4) ** 2) * place * (1.0 - place)
    speed = 1.0 + 0.2 * np.sin(5.0 * place)
    return speed, start, 0.05 * rng.normal(size=cells), STEPS if cells > 20 else 6


def jax_scan(jax, jnp):
    """Return the stencil as a `fori_loop` over time with array steps."""

    def objective(speed, start, seen, steps):
        squared = RATIO * speed[1:-1] ** 2

        def step(_, carried):
            before, now = carried
            bend = now[:-2] - 2.0 * now[1:-1] + now[2:]
            inner = 2.0 * now[1:-1] - before[1:-1] + squared * bend
            return now, jnp.pad(inner, 1)

        return jnp.sum((jax.lax.fori_loop(0, steps, step, (start, start))[1] - seen) ** 2)

    return objective


MODEL = Model(
    name="wave",
    title="1-D wave equation, 200 cells, 500 steps",
    function=loss,
    arguments=arguments,
    tiny=8,
    full=200,
    argnums=(0, 1),
    loops={"JAX": jax_scan},
    static=(3,),
)
