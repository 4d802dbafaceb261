"""Four small computational graphs, from a product to a layer of a network, and their adjoints.

(a) z = x y; (b) p = sigmoid(x·w + b); (c) H = max(0, X W + b) for a batch X; (d) a linear
prediction and its weight decay, p = x·w and d = λ Σ w², which both read w, so that its adjoint is
the sum of what comes back from each. I. Goodfellow, Y. Bengio and A. Courville, "Deep Learning"
(2016), figure 6.8, draw these four.

    python examples/four_graphs.py
"""

from __future__ import annotations

import numpy as np

import bpcompile as bp
from bpcompile.data import load_digits


def product(x, y):
    """Return x y."""
    z = x * y
    return z


def logistic(x, w, b):
    """Return the sigmoid of x·w + b."""
    s = x @ w + b
    p = 1.0 / (1.0 + np.exp(-s))
    return p


def rectified(X, W, b):
    """Return max(0, X W + b)."""
    Z = X @ W + b
    H = np.maximum(0.0, Z)
    return H


def linear_with_decay(x, w, lam):
    """Return x·w and λ Σ w²."""
    p = x @ w
    d = lam * np.sum(w**2)
    return p, d


def show(title, fn):
    """Print a graph, and the same graph after the adjoint pass."""
    print(f"\n{title}\n")
    print(fn.graph)
    print("\nwith its adjoint:\n")
    print(fn.adjoint)


def main() -> None:
    """Differentiate the four graphs on images of digits, and check each against its formula.

    A graph is the same for every target; that of plain NumPy code spares the compiler.
    """
    images, _ = load_digits()
    rng = np.random.default_rng(0)
    X = images[:8] / 16.0
    x = X[0]
    w = rng.normal(scale=0.1, size=64)

    fn = bp.value_and_grad(product, argnums=("x", "y"), target="numpy")
    z, (x_bar, y_bar) = fn(3.0, -4.0)
    assert (z, x_bar, y_bar) == (-12.0, -4.0, 3.0)  # x̄ = y, ȳ = x
    show("(a) z = x y", fn)

    fn = bp.value_and_grad(logistic, argnums=("w", "b"), target="numpy")
    p, (w_bar, b_bar) = fn(x, w, 0.5)
    assert np.isclose(p, 1 / (1 + np.exp(-(x @ w + 0.5))), rtol=1e-14)
    assert np.isclose(b_bar, p * (1 - p), rtol=1e-13)
    assert np.allclose(w_bar, p * (1 - p) * x, rtol=1e-13)
    show("(b) p = sigmoid(x·w + b)", fn)

    fn = bp.vjp(rectified, argnums=("X", "W", "b"), target="numpy")
    W = rng.normal(scale=0.1, size=(64, 3))
    H, (X_bar, W_bar, b_bar) = fn(X, W, np.zeros(3), np.ones((8, 3)))
    Z_bar = (X @ W > 0) * 1.0  # where H is not cut off, an adjoint of 1 for each element
    assert np.allclose(H, np.maximum(0, X @ W), rtol=1e-13)
    assert np.allclose(X_bar, Z_bar @ W.T, rtol=1e-13)
    assert np.allclose(W_bar, X.T @ Z_bar, rtol=1e-13)
    assert np.array_equal(b_bar, Z_bar.sum(axis=0))
    show("(c) H = max(0, X W + b), for H̄ = 1", fn)

    fn = bp.vjp(linear_with_decay, argnums="w", target="numpy")
    lam = 0.01
    (p, d), w_bar = fn(x, w, lam, (1.0, 1.0))
    assert np.isclose(p, x @ w, rtol=1e-13)
    assert np.isclose(d, lam * np.sum(w**2), rtol=1e-13)
    assert np.allclose(w_bar, x + 2 * lam * w, rtol=1e-13)  # both uses of w add up
    show("(d) p = x·w and d = λ Σ w², for adjoints of 1", fn)


if __name__ == "__main__":
    main()
