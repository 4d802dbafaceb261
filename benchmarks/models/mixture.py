"""The log-likelihood of a Gaussian mixture with diagonal covariances, as loops and as arrays."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.models.model import Arguments, Model, generator

PARTS = 8
DIMENSIONS = 4


def loops(alphas, means, log_scales, x):
    """Return the log-likelihood of the points x, up to its constant; alphas are not normalised."""
    n, d = x.shape
    parts = alphas.shape[0]
    terms = np.empty(parts)
    total = 0.0
    for i in range(n):
        largest = -np.inf
        for k in range(parts):
            value = alphas[k]
            for j in range(d):
                z = (x[i, j] - means[k, j]) * math.exp(-log_scales[k, j])
                value -= 0.5 * z * z + log_scales[k, j]
            terms[k] = value
            if value > largest:
                largest = value
        inner = 0.0
        for k in range(parts):
            inner += math.exp(terms[k] - largest)
        total += largest + math.log(inner)
    largest = alphas[0]
    for k in range(1, parts):
        largest = max(largest, alphas[k])
    inner = 0.0
    for k in range(parts):
        inner += math.exp(alphas[k] - largest)
    return total - n * (largest + math.log(inner))


def arrays(alphas, means, log_scales, x):
    """Return the same as `loops`, in array expressions."""
    z = (x[:, None, :] - means) * np.exp(-log_scales)
    terms = alphas - np.sum(0.5 * z * z + log_scales, axis=2)
    largest = np.max(terms, axis=1)
    inner = np.sum(np.exp(terms - largest[:, None]), axis=1)
    top = np.max(alphas)
    normaliser = top + np.log(np.sum(np.exp(alphas - top)))
    return np.sum(largest + np.log(inner)) - x.shape[0] * normaliser


def arguments(n: int) -> Arguments:
    """Return weights, means, logarithms of scales, and points."""
    rng = generator(41)
    alphas = rng.normal(size=PARTS)
    means = rng.normal(size=(PARTS, DIMENSIONS))
    log_scales = 0.2 * rng.normal(size=(PARTS, DIMENSIONS)) - 0.5
    return alphas, means, log_scales, rng.normal(size=(n, DIMENSIONS))


def jax_scan(jax, jnp):
    """Return the likelihood as a `scan` over the points."""

    def objective(alphas, means, log_scales, x):
        lse = jax.scipy.special.logsumexp

        def step(total, point):
            z = (point - means) * jnp.exp(-log_scales)
            return total + lse(alphas - jnp.sum(0.5 * z * z + log_scales, axis=1)), None

        return jax.lax.scan(step, 0.0, x)[0] - x.shape[0] * lse(alphas)

    return objective


def jax_arrays(jax, jnp):
    """Return the likelihood in array expressions."""

    def objective(alphas, means, log_scales, x):
        lse = jax.scipy.special.logsumexp
        z = (x[:, None, :] - means) * jnp.exp(-log_scales)
        terms = alphas - jnp.sum(0.5 * z * z + log_scales, axis=2)
        return jnp.sum(lse(terms, axis=1)) - x.shape[0] * lse(alphas)

    return objective


LOOPS = Model(
    name="mixture_loops",
    title="Gaussian mixture as loops, n = 64, 8 parts, 4 dimensions",
    function=loops,
    arguments=arguments,
    tiny=3,
    full=64,
    argnums=(0, 1, 2),
    loops={"JAX": jax_scan},
    library={"JAX library": jax_arrays},
)

ARRAYS = Model(
    name="mixture_arrays",
    title="Gaussian mixture as arrays, n = 64, 8 parts, 4 dimensions",
    function=arrays,
    arguments=arguments,
    tiny=3,
    full=64,
    argnums=(0, 1, 2),
    loops={},
    library={"JAX library": jax_arrays},
    forward=loops,
)
