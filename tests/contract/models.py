"""Functions that other processes import: compiled at their first call there, from the cache."""

from __future__ import annotations

import numpy as np

import bpcompile as bp

rng = np.random.default_rng(0)
W, B, V = rng.normal(size=(3, 4)), np.zeros(4), rng.normal(size=4)
TABLE = np.linspace(0.0, 1.0, 40)


@bp.value_and_grad
def network(params, X, y):
    hidden = np.tanh(X @ params["W"] + params["b"])
    r = hidden @ params["v"] - y
    return np.mean(r * r)


@bp.grad(target="numpy")
def slope(x):
    return np.sum(TABLE * np.sin(x) * x)


PARAMS = {"W": W, "b": B, "v": V}


def data(k):
    """Return rows for one of many calls, a different number for each."""
    rows = np.random.default_rng(k)
    n = 5 + 3 * k
    return rows.normal(size=(n, 3)), rows.normal(size=n)


def step(k):
    """Return the flat results of one call."""
    value, gradient = network(PARAMS, *data(k))
    return value, [gradient[name].tolist() for name in ("W", "b", "v")], slope(0.1 * k)


def step_and_cache(k):
    """Return the results of one call, and whether its machine code came from the cache."""
    return step(k), network.compilations[0]["cache"]
