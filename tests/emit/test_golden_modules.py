"""Hold the emitted modules to the committed ones: what a change does to the product is seen there.

Run ``make test ARGS="tests/emit/test_golden_modules.py --update-golden"`` to write them anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bpcompile as bp


def product_of_sums(x, y, z):
    return (x + y) * z


def perceptron(w, x, b):
    return 1 / (1 + np.exp(-(np.dot(w, x) + b)))


def logistic_loss(w, b, X, y):
    z = X @ w + b
    return np.mean(np.log(1 + np.exp(-y * z)))


def two_layers(params, x, labels):
    h = np.tanh(x @ params["W1"] + params["b1"])
    logits = h @ params["W2"] + params["b2"]
    return -np.mean(np.take_along_axis(bp.nn.log_softmax(logits), labels[:, None], axis=1))


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def lorenz(sigma, rho, beta, start):
    def step(i, state):
        x, y, z = state
        h = 0.01
        return x + h * sigma * (y - x), y + h * (x * (rho - z) - y), z + h * (x * y - beta * z)

    x, y, z = bp.fori_loop(0, 100, step, start)
    return x * x + y * y + z * z


def looked_up(table, rows):
    return np.sum(table[rows] ** 2)


LAYERS = {
    "W1": np.ones((4, 3)),
    "b1": np.ones(3),
    "W2": np.ones((3, 2)),
    "b2": np.ones(2),
}
LABELS = np.array([0, 1, 1])
NARROW = np.ones(5, np.float32)

MODELS: dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]] = {
    "product_of_sums": (product_of_sums, (1.0, 2.0, 3.0), {"argnums": (0, 1, 2)}),
    "perceptron": (perceptron, (np.ones(2), np.ones(2), 1.0), {"argnums": ("w", "b")}),
    "logistic": (
        logistic_loss,
        (np.ones(2), 0.5, np.ones((5, 2)), np.ones(5)),
        {"argnums": (0, 1)},
    ),
    "logistic_in_parts": (
        logistic_loss,
        (np.ones(2), 0.5, np.ones((5, 2)), np.ones(5)),
        {"argnums": (0, 1), "threads": 2},
    ),
    "two_layers": (two_layers, (LAYERS, np.ones((3, 4)), LABELS), {}),
    "rosenbrock": (rosenbrock, (np.ones(8),), {}),
    "lorenz": (lorenz, (10.0, 28.0, 8 / 3, (1.0, 1.0, 1.0)), {"argnums": (0, 3)}),
    "looked_up": (looked_up, (np.ones((5, 2)), LABELS), {}),
    "narrow": (rosenbrock, (NARROW,), {}),
}


def emitted(model: str, target: str) -> str:
    """Return the module of a model's value and gradient."""
    function, example, options = MODELS[model]
    made = bp.value_and_grad(function, target=target, cache=False, **options).compile(*example)
    return made.source


@pytest.mark.parametrize("model", MODELS)
def test_numba(model, golden):
    golden(emitted(model, "numba"), model)


@pytest.mark.parametrize("model", ["logistic", "two_layers", "lorenz"])
def test_numpy(model, golden):
    golden(emitted(model, "numpy"), f"{model}_with_numpy")
