"""The likelihood of a GARCH(1, 1) model of returns.

T. Bollerslev, Generalized Autoregressive Conditional Heteroskedasticity (1986).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from benchmarks.case import Call
from benchmarks.models.model import Arguments, Model, generator


def loss(theta, returns):
    """Return the negative log-likelihood, up to its constant; theta holds omega, alpha, beta."""
    omega, alpha, beta = theta
    variance = omega / (1.0 - alpha - beta)
    total = 0.0
    for r in returns:
        total += 0.5 * (math.log(variance) + r * r / variance)
        variance = omega + alpha * r * r + beta * variance
    return total


def arguments(n: int) -> Arguments:
    """Return parameters and returns of that kind."""
    rng = generator(47)
    returns = np.empty(n)
    variance = 1.0
    for t in range(n):
        returns[t] = math.sqrt(variance) * rng.normal()
        variance = 0.1 + 0.08 * returns[t] ** 2 + 0.85 * variance
    return np.array([0.12, 0.1, 0.8]), returns


def jax_scan(jax, jnp):
    """Return the likelihood as a `scan` over the returns."""

    def objective(theta, returns):
        omega, alpha, beta = theta

        def step(carried, r):
            variance, total = carried
            total = total + 0.5 * (jnp.log(variance) + r * r / variance)
            return (omega + alpha * r * r + beta * variance, total), None

        return jax.lax.scan(step, (omega / (1.0 - alpha - beta), 0.0), returns)[0][1]

    return objective


@njit(error_model="numpy", boundscheck=False)
def by_hand(theta, returns, tape, theta_bar):
    """Fill the gradient and return the loss; the tape holds the variances."""
    omega, alpha, beta = theta
    share = 1.0 / (1.0 - alpha - beta)
    variance = omega * share
    total = 0.0
    for t in range(returns.shape[0]):
        tape[t] = variance
        squared = returns[t] * returns[t]
        total += 0.5 * (math.log(variance) + squared / variance)
        variance = omega + alpha * squared + beta * variance

    bar = omega_bar = alpha_bar = beta_bar = 0.0
    for t in range(returns.shape[0] - 1, -1, -1):
        squared = returns[t] * returns[t]
        omega_bar += bar
        alpha_bar += bar * squared
        beta_bar += bar * tape[t]
        inverse = 1.0 / tape[t]
        bar = bar * beta + 0.5 * inverse * (1.0 - squared * inverse)
    slope = bar * omega * share * share
    theta_bar[0] = omega_bar + bar * share
    theta_bar[1] = alpha_bar + slope
    theta_bar[2] = beta_bar + slope
    return total


def hand(theta, returns) -> Call:
    """Return the call of the likelihood written by hand; the caller owns tape and gradient."""
    bar = np.empty(3)
    return Call(by_hand, (theta, returns, np.empty(returns.shape[0]), bar), filled=(bar,))


MODEL = Model(
    name="garch",
    title="GARCH(1, 1) likelihood, 5000 returns",
    function=loss,
    arguments=arguments,
    tiny=12,
    full=5000,
    argnums=(0,),
    loops={"JAX": jax_scan},
    hand=hand,
)
