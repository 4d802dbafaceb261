"""Euler and Runge-Kutta integration of the Lorenz system.

The steps share a time of 10, so that the gradient of this chaotic system is still a
well-conditioned number (it grows by about exp(0.9 t)) that all implementations can agree on.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from benchmarks.case import Call
from benchmarks.models.model import Arguments, Model

TIME = 10.0
LARGEST = 0.01


@njit
def slope(s, r, b, x, y, z):
    """Return the time derivative of the state."""
    return s * (y - x), x * (r - z) - y, x * y - b * z


def euler(parameters, state, steps, h):
    """Return the squared norm of the state after so many steps of Euler's method."""
    s, r, b = parameters
    x, y, z = state
    for _ in range(steps):
        dx, dy, dz = slope(s, r, b, x, y, z)
        x = x + h * dx
        y = y + h * dy
        z = z + h * dz
    return x * x + y * y + z * z


def rk4(parameters, state, steps, h):
    """Return the squared norm of the state after so many classical Runge-Kutta steps."""
    s, r, b = parameters
    x, y, z = state
    half = h / 2
    for _ in range(steps):
        ax, ay, az = slope(s, r, b, x, y, z)
        bx, by, bz = slope(s, r, b, x + half * ax, y + half * ay, z + half * az)
        cx, cy, cz = slope(s, r, b, x + half * bx, y + half * by, z + half * bz)
        dx, dy, dz = slope(s, r, b, x + h * cx, y + h * cy, z + h * cz)
        x += h / 6 * (ax + 2 * bx + 2 * cx + dx)
        y += h / 6 * (ay + 2 * by + 2 * cy + dy)
        z += h / 6 * (az + 2 * bz + 2 * cz + dz)
    return x * x + y * y + z * z


def arguments(steps: int) -> Arguments:
    """Return parameters, a first state, the number of steps and the step."""
    return (
        np.array([10.0, 28.0, 8.0 / 3.0]),
        np.array([1.0, 2.0, 20.0]),
        steps,
        min(LARGEST, TIME / steps),
    )


def jax_euler(jax, jnp):
    """Return Euler's method in a `fori_loop` over three scalars."""

    def loss(parameters, state, steps, h):
        def body(_, u):
            d = slope.py_func(*parameters, *u)
            return tuple(a + h * b for a, b in zip(u, d, strict=True))

        x, y, z = jax.lax.fori_loop(0, steps, body, tuple(state))
        return x * x + y * y + z * z

    return loss


def jax_rk4(jax, jnp):
    """Return the Runge-Kutta method in a `fori_loop` over three scalars."""

    def loss(parameters, state, steps, h):
        def at(u, k, w):
            return slope.py_func(*parameters, *(a + w * b for a, b in zip(u, k, strict=True)))

        def body(_, u):
            k1 = slope.py_func(*parameters, *u)
            k2 = at(u, k1, h / 2)
            k3 = at(u, k2, h / 2)
            k4 = at(u, k3, h)
            listed = zip(u, k1, k2, k3, k4, strict=True)
            return tuple(v + h / 6 * (a + 2 * b + 2 * c + d) for v, a, b, c, d in listed)

        x, y, z = jax.lax.fori_loop(0, steps, body, tuple(state))
        return x * x + y * y + z * z

    return loss


def jax_rk4_array(jax, jnp):
    """Return the Runge-Kutta method in a `fori_loop` over one array."""

    def loss(parameters, state, steps, h):
        def field(u):
            return jnp.stack(slope.py_func(*parameters, u[0], u[1], u[2]))

        def body(_, u):
            k1 = field(u)
            k2 = field(u + h / 2 * k1)
            k3 = field(u + h / 2 * k2)
            k4 = field(u + h * k3)
            return u + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

        return jnp.sum(jax.lax.fori_loop(0, steps, body, state) ** 2)

    return loss


@njit(error_model="numpy")
def _pull(s, r, b, x, y, z, p, q, w):
    """Return the adjoint of the state in which the slope was taken, for the adjoint p, q, w."""
    return (r - z) * q + y * w - s * p, s * p - q + x * w, -x * q - b * w


@njit(error_model="numpy", boundscheck=False)
def euler_by_hand(parameters, state, steps, h, tape, parameters_bar, state_bar):
    """Fill both gradients and return the loss; the tape holds the state before each step."""
    s, r, b = parameters
    x, y, z = state
    for i in range(steps):
        tape[i, 0], tape[i, 1], tape[i, 2] = x, y, z
        dx, dy, dz = slope(s, r, b, x, y, z)
        x += h * dx
        y += h * dy
        z += h * dz
    loss = x * x + y * y + z * z

    xb, yb, zb = 2.0 * x, 2.0 * y, 2.0 * z
    sb = rb = bb = 0.0
    for i in range(steps - 1, -1, -1):
        x, y, z = tape[i, 0], tape[i, 1], tape[i, 2]
        p, q, w = h * xb, h * yb, h * zb
        sb += p * (y - x)
        rb += q * x
        bb -= w * z
        dx, dy, dz = _pull(s, r, b, x, y, z, p, q, w)
        xb += dx
        yb += dy
        zb += dz
    parameters_bar[0], parameters_bar[1], parameters_bar[2] = sb, rb, bb
    state_bar[0], state_bar[1], state_bar[2] = xb, yb, zb
    return loss


@njit(error_model="numpy", boundscheck=False)
def rk4_by_hand(parameters, state, steps, h, tape, parameters_bar, state_bar):
    """Fill both gradients and return the loss; the tape holds the state before each step."""
    s, r, b = parameters
    x, y, z = state
    half = h / 2
    for i in range(steps):
        tape[i, 0], tape[i, 1], tape[i, 2] = x, y, z
        k1x, k1y, k1z = slope(s, r, b, x, y, z)
        k2x, k2y, k2z = slope(s, r, b, x + half * k1x, y + half * k1y, z + half * k1z)
        k3x, k3y, k3z = slope(s, r, b, x + half * k2x, y + half * k2y, z + half * k2z)
        k4x, k4y, k4z = slope(s, r, b, x + h * k3x, y + h * k3y, z + h * k3z)
        x += h / 6 * (k1x + 2.0 * (k2x + k3x) + k4x)
        y += h / 6 * (k1y + 2.0 * (k2y + k3y) + k4y)
        z += h / 6 * (k1z + 2.0 * (k2z + k3z) + k4z)
    loss = x * x + y * y + z * z

    xb, yb, zb = 2.0 * x, 2.0 * y, 2.0 * z
    sb = rb = bb = 0.0
    for i in range(steps - 1, -1, -1):
        x, y, z = tape[i, 0], tape[i, 1], tape[i, 2]
        k1x, k1y, k1z = slope(s, r, b, x, y, z)
        x2, y2, z2 = x + half * k1x, y + half * k1y, z + half * k1z
        k2x, k2y, k2z = slope(s, r, b, x2, y2, z2)
        x3, y3, z3 = x + half * k2x, y + half * k2y, z + half * k2z
        k3x, k3y, k3z = slope(s, r, b, x3, y3, z3)
        x4, y4, z4 = x + h * k3x, y + h * k3y, z + h * k3z

        p4, q4, w4 = h / 6 * xb, h / 6 * yb, h / 6 * zb
        dx4, dy4, dz4 = _pull(s, r, b, x4, y4, z4, p4, q4, w4)
        p3, q3, w3 = h / 3 * xb + h * dx4, h / 3 * yb + h * dy4, h / 3 * zb + h * dz4
        dx3, dy3, dz3 = _pull(s, r, b, x3, y3, z3, p3, q3, w3)
        p2, q2, w2 = h / 3 * xb + half * dx3, h / 3 * yb + half * dy3, h / 3 * zb + half * dz3
        dx2, dy2, dz2 = _pull(s, r, b, x2, y2, z2, p2, q2, w2)
        p1, q1, w1 = h / 6 * xb + half * dx2, h / 6 * yb + half * dy2, h / 6 * zb + half * dz2
        dx1, dy1, dz1 = _pull(s, r, b, x, y, z, p1, q1, w1)

        sb += p1 * (y - x) + p2 * (y2 - x2) + p3 * (y3 - x3) + p4 * (y4 - x4)
        rb += q1 * x + q2 * x2 + q3 * x3 + q4 * x4
        bb -= w1 * z + w2 * z2 + w3 * z3 + w4 * z4
        xb += dx1 + dx2 + dx3 + dx4
        yb += dy1 + dy2 + dy3 + dy4
        zb += dz1 + dz2 + dz3 + dz4
    parameters_bar[0], parameters_bar[1], parameters_bar[2] = sb, rb, bb
    state_bar[0], state_bar[1], state_bar[2] = xb, yb, zb
    return loss


def _call(function, parameters, state, steps, h) -> Call:
    """Return the call of a function written by hand; the caller owns tape and gradients."""
    bars = np.empty(3), np.empty(3)
    given = (parameters, state, steps, h, np.empty((steps, 3)), *bars)
    return Call(function, given, filled=bars)


def euler_hand(*given) -> Call:
    """Return the call of Euler's method written by hand."""
    return _call(euler_by_hand, *given)


def rk4_hand(*given) -> Call:
    """Return the call of the Runge-Kutta method written by hand."""
    return _call(rk4_by_hand, *given)


EULER = Model(
    name="lorenz_euler",
    title="Lorenz, Euler, 10^5 steps",
    function=euler,
    arguments=arguments,
    tiny=20,
    full=100_000,
    argnums=(0, 1),
    loops={"JAX": jax_euler},
    hand=euler_hand,
    static=(2,),
    rtol=1e-6,
)

RK4 = Model(
    name="lorenz_rk4",
    title="Lorenz, RK4, 10^5 steps",
    function=rk4,
    arguments=arguments,
    tiny=20,
    full=100_000,
    argnums=(0, 1),
    loops={"JAX": jax_rk4, "JAX, array state": jax_rk4_array},
    hand=rk4_hand,
    static=(2,),
    rtol=1e-6,
)
