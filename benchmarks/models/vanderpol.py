"""Euler and Runge-Kutta integration of the Van der Pol oscillator, with a cost along the path."""

from __future__ import annotations

from numba import njit

from benchmarks.models.model import Arguments, Model

TIME = 10.0
LARGEST = 0.01


@njit
def force(mu, x, v):
    """Return the acceleration of the oscillator x'' = mu (1 - x^2) x' - x."""
    return mu * (1.0 - x * x) * v - x


def euler(mu, x, v, steps, h):
    """Return the time integral of x^2 along the path, by Euler's method."""
    cost = 0.0
    for _ in range(steps):
        cost += h * x * x
        x, v = x + h * v, v + h * force(mu, x, v)
    return cost


def rk4(mu, x, v, steps, h):
    """Return the time integral of x^2 along the path of the classical Runge-Kutta method."""
    cost = 0.0
    for _ in range(steps):
        cost += h * x * x
        x1, v1 = v, force(mu, x, v)
        x2, v2 = v + h / 2 * v1, force(mu, x + h / 2 * x1, v + h / 2 * v1)
        x3, v3 = v + h / 2 * v2, force(mu, x + h / 2 * x2, v + h / 2 * v2)
        x4, v4 = v + h * v3, force(mu, x + h * x3, v + h * v3)
        x += h / 6 * (x1 + 2 * x2 + 2 * x3 + x4)
        v += h / 6 * (v1 + 2 * v2 + 2 * v3 + v4)
    return cost


def arguments(steps: int) -> Arguments:
    """Return the damping, a first state, the number of steps and the step."""
    return 1.5, 0.5, -0.3, steps, min(LARGEST, TIME / steps)


def jax_euler(jax, jnp):
    """Return Euler's method in a `fori_loop` over scalars."""

    def loss(mu, x, v, steps, h):
        def body(_, carried):
            cost, x, v = carried
            return cost + h * x * x, x + h * v, v + h * force.py_func(mu, x, v)

        return jax.lax.fori_loop(0, steps, body, (0.0, x, v))[0]

    return loss


def jax_rk4(jax, jnp):
    """Return the Runge-Kutta method in a `fori_loop` over scalars."""

    def loss(mu, x, v, steps, h):
        def body(_, carried):
            cost, x, v = carried
            x1, v1 = v, force.py_func(mu, x, v)
            x2, v2 = v + h / 2 * v1, force.py_func(mu, x + h / 2 * x1, v + h / 2 * v1)
            x3, v3 = v + h / 2 * v2, force.py_func(mu, x + h / 2 * x2, v + h / 2 * v2)
            x4, v4 = v + h * v3, force.py_func(mu, x + h * x3, v + h * v3)
            moved = x + h / 6 * (x1 + 2 * x2 + 2 * x3 + x4), v + h / 6 * (v1 + 2 * v2 + 2 * v3 + v4)
            return cost + h * x * x, *moved

        return jax.lax.fori_loop(0, steps, body, (0.0, x, v))[0]

    return loss


EULER = Model(
    name="vanderpol_euler",
    title="Van der Pol, Euler, 10^5 steps",
    function=euler,
    arguments=arguments,
    tiny=20,
    full=100_000,
    argnums=(0, 1, 2),
    loops={"JAX": jax_euler},
    static=(3,),
)

RK4 = Model(
    name="vanderpol_rk4",
    title="Van der Pol, RK4, 10^5 steps",
    function=rk4,
    arguments=arguments,
    tiny=20,
    full=100_000,
    argnums=(0, 1, 2),
    loops={"JAX": jax_rk4},
    static=(3,),
)
