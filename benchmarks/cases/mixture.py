"""The log-likelihood of a Gaussian mixture with a Wishart prior, as in ADBench.

F. Srajer, Z. Kukelova, A. Fitzgibbon, "A benchmark of selected algorithmic differentiation tools",
2018, the objective GMM: each part has the lower triangle of the root of its precision, with the
logarithms of the diagonal in `q` and what lies below it, column by column, in `below`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy.special import gammaln, logsumexp, softmax

from benchmarks import forms, peers
from benchmarks.case import Call, Case, Contender, faster

POINTS = 1000
GAMMA, MORE = 1.0, 0
"""The prior's scale, and its degrees of freedom above d + 1."""

Size = tuple[int, int]
"""Dimensions d and parts k."""

SLOPES = (0, 1, 2, 3)


def arguments(size: Size) -> tuple[Any, ...]:
    """Return weights, means, logarithms of diagonals, what is below them, and points."""
    d, k = size
    rng = np.random.default_rng(0)
    below = 0.1 * rng.normal(size=(k, d * (d - 1) // 2))
    means, x = rng.normal(size=(k, d)), rng.normal(size=(POINTS, d))
    return rng.normal(size=k), means, 0.1 * rng.normal(size=(k, d)), below, x


def triangle(d: int) -> tuple[Any, Any]:
    """Return the rows and columns below the diagonal, column by column."""
    columns, rows = np.triu_indices(d, 1)
    return rows, columns


def constant(size: Size) -> float:
    """Return what the log-likelihood has that depends on no argument, the prior's part included."""
    d, k = size
    degrees = d + MORE + 1
    gammas = sum(float(gammaln(0.5 * (degrees - j))) for j in range(d))
    multivariate = 0.25 * d * (d - 1) * math.log(math.pi) + gammas
    normaliser = degrees * d * (math.log(GAMMA) - 0.5 * math.log(2.0)) - multivariate
    return -0.5 * POINTS * d * math.log(2.0 * math.pi) - k * normaliser


def likelihood(
    size: Size, library: Any, lower: Callable[[Any], Any], lse: Callable[..., Any], *, batched: bool
) -> Any:
    """Return the log-likelihood in the functions of a library.

    `lower(below)` gives the matrices with zeros on and above their diagonals. They are applied as
    one product with the points, less the image of the means, or, `batched`, each by itself.
    """
    d, k = size
    rest = constant(size)

    def quadratics(means: Any, diagonal: Any, roots: Any, x: Any) -> Any:
        if batched:
            centred = x - means[:, None, :]
            z = centred @ roots.swapaxes(1, 2) + diagonal[:, None, :] * centred
            return library.sum(z * z, axis=2).swapaxes(0, 1)
        images = (x @ roots.reshape(k * d, d).T).reshape(POINTS, k, d)
        z = images - library.einsum("kij,kj->ki", roots, means) + diagonal * (x[:, None, :] - means)
        return library.sum(z * z, axis=2)

    def model(alphas: Any, means: Any, q: Any, below: Any, x: Any) -> Any:
        diagonal = library.exp(q)
        logs = library.sum(q, axis=1)
        terms = alphas + logs - 0.5 * quadratics(means, diagonal, lower(below), x)
        frobenius = library.sum(diagonal * diagonal) + library.sum(below * below)
        prior = 0.5 * GAMMA**2 * frobenius - MORE * library.sum(logs)
        return library.sum(lse(terms, 1)) - POINTS * lse(alphas, 0) + prior + rest

    return model


def numpy_lower(size: Size) -> Any:
    """Return the function that lays out the lower triangles, in NumPy."""
    d, k = size
    rows, columns = triangle(d)

    def lower(below: Any) -> Any:
        roots = np.zeros((k, d, d))
        roots[:, rows, columns] = below
        return roots

    return lower


def by_hand(size: Size) -> Call:
    """Compute the value and the gradient in array expressions, each root by itself."""
    rows, columns = triangle(size[0])
    lower, rest = numpy_lower(size), constant(size)

    def call(alphas: Any, means: Any, q: Any, below: Any, x: Any) -> Any:
        diagonal, roots = np.exp(q), lower(below)
        centred = x - means[:, None, :]
        z = centred @ roots.swapaxes(1, 2) + diagonal[:, None, :] * centred
        logs = np.sum(q, axis=1)
        terms = alphas + logs - 0.5 * np.sum(z * z, axis=2).T
        prior = 0.5 * GAMMA**2 * (np.sum(diagonal**2) + np.sum(below**2)) - MORE * np.sum(logs)
        value = np.sum(logsumexp(terms, axis=1)) - POINTS * logsumexp(alphas) + prior + rest

        shares = softmax(terms, axis=1)
        counts = np.sum(shares, axis=0)
        z *= -shares.T[:, :, None]
        slopes = (z.swapaxes(1, 2) @ centred)[:, rows, columns] + GAMMA**2 * below
        towards = np.sum(z, axis=1)
        moved = (roots.swapaxes(1, 2) @ towards[:, :, None])[:, :, 0] + diagonal * towards
        widened = (np.sum(z * centred, axis=1) + GAMMA**2 * diagonal) * diagonal
        dq = widened + counts[:, None] - MORE
        return value, (counts - POINTS * softmax(alphas), -moved, dq, slopes)

    return Call(call, arguments(size))


def bpcompile_call(size: Size, *, batched: bool = False) -> Call:
    """Compile the model with bpcompile; each call returns fresh gradients."""
    model = likelihood(size, np, numpy_lower(size), logsumexp, batched=batched)
    return forms.bpcompile_fresh(model, arguments(size), SLOPES)


def jax_call(size: Size, *, batched: bool = False) -> Call:
    """Jit the model with JAX."""
    jax, jnp = peers.jax()
    d, k = size
    rows, columns = triangle(d)

    def lower(below: Any) -> Any:
        return jnp.zeros((k, d, d)).at[:, rows, columns].set(below)

    model = likelihood(size, jnp, lower, jax.scipy.special.logsumexp, batched=batched)
    return forms.jax_call(model, arguments(size), SLOPES)


def torch_call(size: Size, *, batched: bool = False) -> Call:
    """Run the model with PyTorch."""
    torch = peers.torch()
    d, k = size
    rows, columns = (torch.from_numpy(indices) for indices in triangle(d))

    def lower(below: Any) -> Any:
        roots = torch.zeros((k, d, d), dtype=below.dtype)
        roots[:, rows, columns] = below
        return roots

    model = likelihood(size, torch, lower, torch.logsumexp, batched=batched)
    return forms.torch_call(model, arguments(size), SLOPES)


def case(size: Size, times: float) -> Case:
    """Return the case of a size, with the bar against the fastest peer."""
    rivals = ("JAX", "JAX batched", "PyTorch", "PyTorch batched")
    return Case(
        name=f"mixture_{size[0]}",
        title=f"Gaussian mixture with Wishart prior, d = {size[0]}, {size[1]} parts, 1000 points",
        contenders=(
            Contender("bpcompile", "bpcompile", partial(bpcompile_call, size)),
            Contender(
                "bpcompile batched", "bpcompile", partial(bpcompile_call, size, batched=True)
            ),
            Contender("NumPy by hand", "hand", partial(by_hand, size)),
            Contender("JAX", "JAX", partial(jax_call, size), "jax"),
            Contender("JAX batched", "JAX", partial(jax_call, size, batched=True), "jax"),
            Contender("PyTorch", "PyTorch", partial(torch_call, size), "torch"),
            Contender(
                "PyTorch batched", "PyTorch", partial(torch_call, size, batched=True), "torch"
            ),
        ),
        bars=(faster(times, "bpcompile", *rivals),),
        reference="NumPy by hand",
        rounds=20,
    )


CASES = {
    "10": case((10, 25), 1.5),
    "32": case((32, 50), 1.5),
    "64": case((64, 100), 1.2),
}
