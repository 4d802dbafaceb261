"""Chains of elementwise functions over a million points: what fusion and vector kernels are for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import erf, ndtr

from benchmarks import forms, peers
from benchmarks.case import Call, Case, Contender, faster

N = 1_000_000
ROOT2 = math.sqrt(2.0)
GREEKS = (0, 2, 3, 4)
"""Delta, theta (with its sign turned), rho and vega: the slopes in these arguments."""


def points() -> tuple[Any, ...]:
    """Return the points of the chain of activations."""
    return (np.random.default_rng(0).normal(size=N),)


def activations(x: Any) -> Any:
    """Return the mean of gelu(softplus(tanh(x)))."""
    s = np.logaddexp(0.0, np.tanh(x))
    return np.mean(0.5 * s * (1.0 + erf(s / ROOT2)))


def activations_by_hand() -> Call:
    """Compute the chain and its gradient in array expressions, with the caller's SciPy."""

    def call(x: Any) -> Any:
        t = np.tanh(x)
        s = np.logaddexp(0.0, t)
        upper = ndtr(s)
        slope = upper + s * np.exp(-0.5 * s * s) / math.sqrt(2.0 * math.pi)
        return np.mean(s * upper), slope / (1.0 + np.exp(-t)) * (1.0 - t * t) / x.size

    return Call(call, points())


def activations_jax() -> Call:
    """Jit the chain with JAX's own activations."""
    jax, jnp = peers.jax()

    def model(x: Any) -> Any:
        return jnp.mean(jax.nn.gelu(jax.nn.softplus(jnp.tanh(x)), approximate=False))

    return forms.jax_call(model, points(), (0,))


def activations_torch() -> Call:
    """Run the chain with PyTorch's own activations."""
    torch = peers.torch()
    f = torch.nn.functional
    return forms.torch_call(lambda x: f.gelu(f.softplus(torch.tanh(x))).mean(), points(), (0,))


def options() -> tuple[Any, ...]:
    """Return prices, strikes, times to maturity, rates and volatilities."""
    rng = np.random.default_rng(0)
    bounds = ((80.0, 120.0), (80.0, 120.0), (0.1, 2.0), (0.0, 0.05), (0.1, 0.5))
    return tuple(rng.uniform(low, high, N) for low, high in bounds)


def black_scholes(spot: Any, strike: Any, time: Any, rate: Any, sigma: Any) -> Any:
    """Return the sum of the prices of European calls, and the prices (Black, Scholes, 1973)."""
    spread = sigma * np.sqrt(time)
    d1 = (np.log(spot / strike) + (rate + 0.5 * sigma**2) * time) / spread
    price = spot * ndtr(d1) - strike * np.exp(-rate * time) * ndtr(d1 - spread)
    return np.sum(price), price


def black_scholes_by_hand() -> Call:
    """Compute the prices and the Greeks by their textbook formulas in array expressions."""

    def call(spot: Any, strike: Any, time: Any, rate: Any, sigma: Any) -> Any:
        root = np.sqrt(time)
        d1 = (np.log(spot / strike) + (rate + 0.5 * sigma**2) * time) / (sigma * root)
        delta = ndtr(d1)
        paid = strike * np.exp(-rate * time) * ndtr(d1 - sigma * root)
        price = spot * delta - paid
        density = spot * np.exp(-0.5 * d1**2) / math.sqrt(2.0 * math.pi)
        later = density * sigma / (2.0 * root) + rate * paid
        return (np.sum(price), price), (delta, later, time * paid, density * root)

    return Call(call, options())


def black_scholes_jax() -> Call:
    """Jit the model with JAX's normal distribution."""
    jax, jnp = peers.jax()
    cdf = jax.scipy.stats.norm.cdf

    def model(spot: Any, strike: Any, time: Any, rate: Any, sigma: Any) -> Any:
        spread = sigma * jnp.sqrt(time)
        d1 = (jnp.log(spot / strike) + (rate + 0.5 * sigma**2) * time) / spread
        price = spot * cdf(d1) - strike * jnp.exp(-rate * time) * cdf(d1 - spread)
        return jnp.sum(price), price

    return forms.jax_call(model, options(), GREEKS, has_aux=True)


def black_scholes_torch() -> Call:
    """Run the model with PyTorch's normal distribution."""
    torch = peers.torch()
    cdf = torch.special.ndtr

    def model(spot: Any, strike: Any, time: Any, rate: Any, sigma: Any) -> Any:
        spread = sigma * torch.sqrt(time)
        d1 = (torch.log(spot / strike) + (rate + 0.5 * sigma**2) * time) / spread
        price = spot * cdf(d1) - strike * torch.exp(-rate * time) * cdf(d1 - spread)
        return price.sum(), price

    return forms.torch_call(model, options(), GREEKS, has_aux=True)


def activations_bpcompile() -> Call:
    """Compile the chain with bpcompile."""
    return forms.bpcompile_out(activations, points(), (0,))


def black_scholes_bpcompile() -> Call:
    """Compile the model with bpcompile; the prices go beside the sum, into the caller's array."""
    return forms.bpcompile_out(black_scholes, options(), GREEKS, aux=np.empty(N))


BARS = (faster(4.0, "bpcompile", "JAX", "PyTorch"), forms.lean(1.3, "bpcompile"))

CASES = {
    "activations": Case(
        name="chain_activations",
        title="gelu(softplus(tanh(x))) over 10^6, mean and gradient",
        contenders=(
            Contender("bpcompile", "bpcompile", activations_bpcompile),
            Contender("NumPy by hand", "hand", activations_by_hand),
            Contender("JAX", "JAX", activations_jax, "jax"),
            Contender("PyTorch", "PyTorch", activations_torch, "torch"),
        ),
        bars=BARS,
        reference="NumPy by hand",
        rounds=40,
    ),
    "black_scholes": Case(
        name="chain_black_scholes",
        title="Black-Scholes prices of 10^6 options with four Greeks each",
        contenders=(
            Contender("bpcompile", "bpcompile", black_scholes_bpcompile),
            Contender("NumPy by hand", "hand", black_scholes_by_hand),
            Contender("JAX", "JAX", black_scholes_jax, "jax"),
            Contender("PyTorch", "PyTorch", black_scholes_torch, "torch"),
        ),
        bars=BARS,
        reference="NumPy by hand",
        rounds=40,
    ),
}
