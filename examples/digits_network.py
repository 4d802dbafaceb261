"""A network that reads handwritten digits, made of layers and trained by Adam and by SGD.

The data are 1797 images of 8 x 8 pixels (UCI "Optical Recognition of Handwritten Digits", shipped
with bpcompile). Value and gradient come from one compiled function, for the last, shorter batch of
an epoch too.

    python examples/digits_network.py
"""

from __future__ import annotations

import numpy as np

import bpcompile as bp
from bpcompile.data import load_digits

MODEL = bp.nn.Sequential(bp.nn.Dense(64, 32), bp.nn.Tanh(), bp.nn.Dense(32, 10))
BATCH = 64


@bp.value_and_grad
def step(params, X, labels):
    """Return the mean cross-entropy of the network's softmax."""
    scores = MODEL(params, X)
    return bp.nn.softmax_cross_entropy(scores, labels)


def accuracy(params, X, labels) -> float:
    """Return the share of images whose highest score is that of their digit."""
    return float(np.mean(np.argmax(MODEL(params, X), axis=1) == labels))


def train(optimizer, X, labels, epochs: int, seed: int = 0):
    """Return trained parameters, and the mean loss of each epoch."""
    rng = np.random.default_rng(seed)
    params = MODEL.init(rng)
    state = optimizer.init(params)
    history = []
    for _ in range(epochs):
        order = rng.permutation(len(X))
        losses = []
        for start in range(0, len(X), BATCH):
            batch = order[start : start + BATCH]
            value, gradients = step(params, X[batch], labels[batch])
            params, state = optimizer.update(params, gradients, state)
            losses.append(value)
        history.append(np.mean(losses))
    return params, history


def main() -> None:
    """Train twice from the same parameters, and test on images that training did not see."""
    images, labels = load_digits()
    images = images / 16.0
    order = np.random.default_rng(0).permutation(len(images))
    seen, unseen = order[:1437], order[1437:]

    for name, optimizer in (
        ("Adam", bp.nn.adam(0.01)),
        ("SGD with momentum", bp.nn.sgd(0.1, momentum=0.9)),
    ):
        params, history = train(optimizer, images[seen], labels[seen], epochs=20)
        reached = accuracy(params, images[unseen], labels[unseen])
        shown = ", ".join(f"{value:.3f}" for value in history[::5])
        print(f"{name}: loss every fifth epoch {shown}, at last {history[-1]:.4f}")
        print(f"{name}: {reached:.1%} of {len(unseen)} unseen images are read right")
        assert history[-1] < 0.05 < history[0]
        assert reached >= 0.95

    print("\nwhat was compiled:\n")
    print(step.graph)
    assert len(step.specializations) == 1


if __name__ == "__main__":
    main()
