"""The compiled backward pass of a network with one hidden layer, beside the one written by hand.

By hand, backpropagation is a recursion over the layers, the last one first. With E the mean
cross-entropy of softmax outputs, Y the labels as one-hot rows, and H = tanh(X W1 + b1):

    output layer   D2 = (softmax(H W2 + b2) - Y) / n       W2' = Hᵀ D2    b2' = Σ rows of D2
    hidden layer   D1 = (D2 W2ᵀ) (1 - H²), elementwise     W1' = Xᵀ D1    b1' = Σ rows of D1

bpcompile finds the same from the forward function alone.

    python examples/two_layer_by_hand.py
"""

from __future__ import annotations

import numpy as np

import bpcompile as bp
from bpcompile.data import load_digits


def loss(W1, b1, W2, b2, X, labels):
    """Return the mean cross-entropy of a network with one hidden layer."""
    H = np.tanh(X @ W1 + b1)
    scores = H @ W2 + b2
    shifted = scores - np.max(scores, axis=1, keepdims=True)
    logs = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.mean(np.take_along_axis(logs, labels[:, None], axis=1))


def by_hand(W1, b1, W2, b2, X, labels):
    """Return the loss and the gradients by the recursion above."""
    n = len(X)
    Y = np.eye(len(b2))[labels]
    H = np.tanh(X @ W1 + b1)
    scores = H @ W2 + b2
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    P = e / e.sum(axis=1, keepdims=True)
    E = -np.mean(np.log(P[np.arange(n), labels]))
    D2 = (P - Y) / n
    D1 = (D2 @ W2.T) * (1 - H**2)
    return E, (X.T @ D1, D1.sum(axis=0), H.T @ D2, D2.sum(axis=0))


def main() -> None:
    """Compare both on 64 images of digits, and print the emitted lines that do it."""
    images, labels = load_digits()
    X, labels = images[:64] / 16.0, labels[:64]
    rng = np.random.default_rng(1)
    W1, b1 = rng.normal(scale=0.1, size=(64, 32)), np.zeros(32)
    W2, b2 = rng.normal(scale=0.2, size=(32, 10)), np.zeros(10)

    names = ("W1", "b1", "W2", "b2")
    fn = bp.value_and_grad(loss, argnums=names)
    value, gradients = fn(W1, b1, W2, b2, X, labels)
    expected, recursion = by_hand(W1, b1, W2, b2, X, labels)

    print(f"loss compiled {value:.15f}\n     by hand  {expected:.15f}\n")
    assert np.isclose(value, expected, rtol=1e-13)
    for name, compiled, hand in zip(names, gradients, recursion, strict=True):
        worst = np.max(np.abs(compiled - hand)) / np.max(np.abs(hand))
        print(f"{name}': f64{list(hand.shape)}, differs by {worst:.1e} of its largest entry")
        assert worst < 1e-13

    print("\nthe same recursion in the emitted source, each adjoint with the line it comes from:\n")
    for line in fn.source.splitlines():
        if ", from " in line:
            print(line.strip())


if __name__ == "__main__":
    main()
