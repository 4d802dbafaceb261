"""Euler and Runge-Kutta integration of ten bodies that attract each other.

The attraction is softened, so that no encounter makes the gradient an ill-conditioned number.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from benchmarks.models.model import Arguments, Model, generator

BODIES = 10
TIME = 10.0
LARGEST = 0.01
SOFTENING = 0.05


@njit
def attract(masses, q, a):
    """Fill `a` with the acceleration of each body."""
    for i in range(q.shape[0]):
        ax = 0.0
        ay = 0.0
        az = 0.0
        for j in range(q.shape[0]):
            dx = q[j, 0] - q[i, 0]
            dy = q[j, 1] - q[i, 1]
            dz = q[j, 2] - q[i, 2]
            r2 = dx * dx + dy * dy + dz * dz + SOFTENING
            w = masses[j] / (r2 * np.sqrt(r2))
            ax += w * dx
            ay += w * dy
            az += w * dz
        a[i, 0] = ax
        a[i, 1] = ay
        a[i, 2] = az


@njit
def spread(q):
    """Return the sum of the squared distances from the origin."""
    total = 0.0
    for i in range(q.shape[0]):
        for k in range(3):
            total += q[i, k] * q[i, k]
    return total


def euler(masses, positions, velocities, steps, h):
    """Return the spread of the bodies after so many steps of Euler's method."""
    q = positions.copy()
    v = velocities.copy()
    a = np.zeros(q.shape)
    for _ in range(steps):
        attract(masses, q, a)
        for i in range(q.shape[0]):
            for k in range(3):
                q[i, k] += h * v[i, k]
                v[i, k] += h * a[i, k]
    return spread(q)


@njit
def move(base, slope, h, out):
    """Fill `out` with the base moved along the slope."""
    for i in range(base.shape[0]):
        for k in range(3):
            out[i, k] = base[i, k] + h * slope[i, k]


def rk4(masses, positions, velocities, steps, h):
    """Return the spread of the bodies after so many classical Runge-Kutta steps."""
    q = positions.copy()
    v = velocities.copy()
    place = np.zeros(q.shape)
    a1 = np.zeros(q.shape)
    a2 = np.zeros(q.shape)
    a3 = np.zeros(q.shape)
    a4 = np.zeros(q.shape)
    v2 = np.zeros(q.shape)
    v3 = np.zeros(q.shape)
    v4 = np.zeros(q.shape)
    for _ in range(steps):
        attract(masses, q, a1)
        move(v, a1, h / 2, v2)
        move(q, v, h / 2, place)
        attract(masses, place, a2)
        move(v, a2, h / 2, v3)
        move(q, v2, h / 2, place)
        attract(masses, place, a3)
        move(v, a3, h, v4)
        move(q, v3, h, place)
        attract(masses, place, a4)
        for i in range(q.shape[0]):
            for k in range(3):
                q[i, k] += h / 6 * (v[i, k] + 2 * v2[i, k] + 2 * v3[i, k] + v4[i, k])
                v[i, k] += h / 6 * (a1[i, k] + 2 * a2[i, k] + 2 * a3[i, k] + a4[i, k])
    return spread(q)


def arguments(steps: int) -> Arguments:
    """Return masses, positions, velocities, the number of steps and the step."""
    rng = generator(11)
    masses = rng.uniform(0.05, 0.15, BODIES)
    positions = rng.normal(size=(BODIES, 3))
    velocities = 0.2 * rng.normal(size=(BODIES, 3))
    return masses, positions, velocities, steps, min(LARGEST, TIME / steps)


def _pull(jnp, masses, q):
    """Return the accelerations, with all pairs as one array."""
    d = q[None, :, :] - q[:, None, :]
    r2 = jnp.sum(d * d, axis=-1) + SOFTENING
    return jnp.einsum("ij,ijk->ik", masses / (r2 * jnp.sqrt(r2)), d)


def jax_euler(jax, jnp):
    """Return Euler's method in a `fori_loop` over arrays."""

    def loss(masses, positions, velocities, steps, h):
        def body(_, carried):
            q, v = carried
            return q + h * v, v + h * _pull(jnp, masses, q)

        return jnp.sum(jax.lax.fori_loop(0, steps, body, (positions, velocities))[0] ** 2)

    return loss


def jax_rk4(jax, jnp):
    """Return the Runge-Kutta method in a `fori_loop` over arrays.

    The step is a checkpoint: what a step computes, kept for each, would take gigabytes.
    """

    def loss(masses, positions, velocities, steps, h):
        @jax.checkpoint
        def step(q, v):
            a1 = _pull(jnp, masses, q)
            v2 = v + h / 2 * a1
            a2 = _pull(jnp, masses, q + h / 2 * v)
            v3 = v + h / 2 * a2
            a3 = _pull(jnp, masses, q + h / 2 * v2)
            v4 = v + h * a3
            a4 = _pull(jnp, masses, q + h * v3)
            moved = q + h / 6 * (v + 2 * v2 + 2 * v3 + v4)
            return moved, v + h / 6 * (a1 + 2 * a2 + 2 * a3 + a4)

        def body(_, carried):
            return step(*carried)

        return jnp.sum(jax.lax.fori_loop(0, steps, body, (positions, velocities))[0] ** 2)

    return loss


EULER = Model(
    name="nbody_euler",
    title="10 bodies, Euler, 10^5 steps",
    function=euler,
    arguments=arguments,
    tiny=3,
    full=100_000,
    argnums=(0, 1, 2),
    loops={"JAX": jax_euler},
    static=(3,),
    rtol=1e-6,
)

RK4 = Model(
    name="nbody_rk4",
    title="10 bodies, RK4, 10^5 steps",
    function=rk4,
    arguments=arguments,
    tiny=3,
    full=100_000,
    argnums=(0, 1, 2),
    loops={"JAX": jax_rk4},
    static=(3,),
    rtol=1e-6,
)
