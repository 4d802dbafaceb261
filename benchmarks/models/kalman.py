"""The log-likelihood of a local linear trend by the Kalman filter, in scalars.

Level and slope are a random walk each, the level is observed with noise; the three variances are
the parameters, as logarithms. The recursion is that of J. Durbin and S. J. Koopman, Time Series
Analysis by State Space Methods (2nd edition), section 3.2.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from benchmarks.case import Call
from benchmarks.models.model import Arguments, Model, generator


def log_likelihood(theta, y):
    """Return the log-likelihood of the observations y, up to its constant."""
    q_level = math.exp(theta[0])
    q_slope = math.exp(theta[1])
    noise = math.exp(theta[2])
    level = 0.0
    slope = 0.0
    p11 = 10.0
    p12 = 0.0
    p22 = 1.0
    total = 0.0
    for t in range(y.shape[0]):
        level = level + slope
        p11 = p11 + 2.0 * p12 + p22 + q_level
        p12 = p12 + p22
        p22 = p22 + q_slope
        error = y[t] - level
        f = p11 + noise
        k1 = p11 / f
        k2 = p12 / f
        total -= 0.5 * (math.log(f) + error * error / f)
        level += k1 * error
        slope += k2 * error
        p22 -= k2 * p12
        p12 -= k1 * p12
        p11 -= k1 * p11
    return total


def arguments(steps: int) -> Arguments:
    """Return the logarithms of three variances and a series with a trend."""
    rng = generator(3)
    slopes = 0.05 + np.cumsum(0.01 * rng.normal(size=steps))
    levels = np.cumsum(slopes + 0.1 * rng.normal(size=steps))
    return np.log([0.02, 0.0004, 0.2]), levels + 0.5 * rng.normal(size=steps)


def jax_scan(jax, jnp):
    """Return the filter as a `scan` that carries scalars."""

    def loss(theta, y):
        q_level, q_slope, noise = jnp.exp(theta)

        def step(carried, seen):
            level, slope, p11, p12, p22, total = carried
            level = level + slope
            p11 = p11 + 2.0 * p12 + p22 + q_level
            p12 = p12 + p22
            p22 = p22 + q_slope
            error = seen - level
            f = p11 + noise
            k1, k2 = p11 / f, p12 / f
            total = total - 0.5 * (jnp.log(f) + error * error / f)
            state = level + k1 * error, slope + k2 * error
            return (*state, p11 - k1 * p11, p12 - k1 * p12, p22 - k2 * p12, total), None

        return jax.lax.scan(step, (0.0, 0.0, 10.0, 0.0, 1.0, 0.0), y)[0][-1]

    return loss


def jax_matrices(jax, jnp):
    """Return the filter as a `scan` that carries the state's vector and matrix."""

    def loss(theta, y):
        q = jnp.exp(theta)
        shift, added = jnp.array([[1.0, 1.0], [0.0, 1.0]]), jnp.diag(q[:2])

        def step(carried, seen):
            state, P, total = carried
            state = shift @ state
            P = shift @ P @ shift.T + added
            error = seen - state[0]
            f = P[0, 0] + q[2]
            gain = P[:, 0] / f
            total = total - 0.5 * (jnp.log(f) + error * error / f)
            return (state + gain * error, P - jnp.outer(gain, P[0]), total), None

        start = jnp.zeros(2), jnp.diag(jnp.array([10.0, 1.0])), 0.0
        return jax.lax.scan(step, start, y)[0][-1]

    return loss


@njit(error_model="numpy", boundscheck=False)
def by_hand(theta, y, tape, theta_bar, y_bar):
    """Fill both gradients and return the loss; the tape holds predictions: error, P and f."""
    q_level, q_slope, noise = math.exp(theta[0]), math.exp(theta[1]), math.exp(theta[2])
    level, slope = 0.0, 0.0
    p11, p12, p22 = 10.0, 0.0, 1.0
    total = 0.0
    for t in range(y.shape[0]):
        level += slope
        p11 = p11 + 2.0 * p12 + p22 + q_level
        p12 = p12 + p22
        p22 = p22 + q_slope
        error = y[t] - level
        f = p11 + noise
        tape[t, 0], tape[t, 1], tape[t, 2] = error, p11, p12
        share = 1.0 / f
        k1, k2 = p11 * share, p12 * share
        total -= 0.5 * (math.log(f) + error * error * share)
        level += k1 * error
        slope += k2 * error
        p22 -= k2 * p12
        p12 -= k1 * p12
        p11 -= k1 * p11

    level_bar = slope_bar = p11_bar = p12_bar = p22_bar = 0.0
    ql_bar = qs_bar = noise_bar = 0.0
    for t in range(y.shape[0] - 1, -1, -1):
        error, p11, p12 = tape[t, 0], tape[t, 1], tape[t, 2]
        share = 1.0 / (p11 + noise)
        k1, k2 = p11 * share, p12 * share
        k1_bar = level_bar * error - p12_bar * p12 - p11_bar * p11
        k2_bar = slope_bar * error - p22_bar * p12
        error_bar = level_bar * k1 + slope_bar * k2 - error * share
        f_bar = -0.5 * share + 0.5 * (error * share) ** 2 - (k1_bar * k1 + k2_bar * k2) * share
        p12_bar = p12_bar * (1.0 - k1) - p22_bar * k2 + k2_bar * share
        p11_bar = p11_bar * (1.0 - k1) + k1_bar * share + f_bar
        noise_bar += f_bar
        y_bar[t] = error_bar
        level_bar -= error_bar
        qs_bar += p22_bar
        ql_bar += p11_bar
        p22_bar += p12_bar + p11_bar
        p12_bar += 2.0 * p11_bar
        slope_bar += level_bar
    theta_bar[0] = ql_bar * q_level
    theta_bar[1] = qs_bar * q_slope
    theta_bar[2] = noise_bar * noise
    return total


def hand(theta, y) -> Call:
    """Return the call of the filter written by hand; the caller owns tape and gradients."""
    bars = np.empty(3), np.empty(y.shape[0])
    return Call(by_hand, (theta, y, np.empty((y.shape[0], 3)), *bars), filled=bars)


MODEL = Model(
    name="kalman",
    title="Kalman filter, 10^4 steps",
    function=log_likelihood,
    arguments=arguments,
    tiny=12,
    full=10_000,
    argnums=(0, 1),
    loops={"JAX": jax_scan, "JAX, matrices": jax_matrices},
    hand=hand,
)
