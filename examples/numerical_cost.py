"""What a gradient costs: differences of values, and backpropagation, as a network grows.

Central differences evaluate the loss twice for each weight, and each evaluation costs a time
proportional to the number of weights: the cost of a gradient grows with the square. Backpropagation
finds all derivatives in one forward and one backward pass. It is also exact, where differences lose
about half of the digits.

    python examples/numerical_cost.py [plot.svg]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

import bpcompile as bp
from bpcompile.data import load_digits

HIDDEN = (2, 4, 8, 16, 32)


def loss(W1, W2, X, Y):
    """Return the mean squared error of a network with one hidden layer."""
    H = np.tanh(X @ W1)
    return np.mean((H @ W2 - Y) ** 2)


class Counted:
    """Count how often a function is called."""

    def __init__(self, function):
        self.function = function
        self.calls = 0

    def __call__(self, *args):
        """Call it once more."""
        self.calls += 1
        return self.function(*args)


def central_differences(value, W1, W2, X, Y):
    """Return the derivative in each weight from two values of the loss, a step to either side."""
    gradients = []
    for W in (W1, W2):
        gradient = np.empty_like(W)
        for k in range(W.size):
            kept = W.flat[k]
            step = 1e-5 * max(1.0, abs(kept))
            W.flat[k] = kept + step
            above = value(W1, W2, X, Y)
            W.flat[k] = kept - step
            below = value(W1, W2, X, Y)
            W.flat[k] = kept
            gradient.flat[k] = (above - below) / (2 * step)
        gradients.append(gradient)
    return gradients


def timed(function, *args):
    """Return what a function returns, and the seconds that it took."""
    start = time.perf_counter()
    result = function(*args)
    return result, time.perf_counter() - start


def main(plot: str | Path | None = None) -> None:
    """Count evaluations of the loss for networks of several sizes; draw the cost where asked."""
    images, labels = load_digits()
    X, Y = images[:32] / 16.0, np.eye(10)[labels[:32]]
    rng = np.random.default_rng(0)
    value = bp.compile(loss)
    gradient = bp.value_and_grad(loss, argnums=("W1", "W2"))

    print("weights   differences: evaluations   seconds   backpropagation: calls   seconds   error")
    rows = []
    for hidden in HIDDEN:
        W1 = rng.normal(scale=0.1, size=(64, hidden))
        W2 = rng.normal(scale=0.1, size=(hidden, 10))
        value(W1, W2, X, Y), gradient(W1, W2, X, Y)  # so that no time below is the compiler's
        counted_value, counted_gradient = Counted(value), Counted(gradient)
        differences, slow = timed(central_differences, counted_value, W1, W2, X, Y)
        (_, exact), fast = timed(counted_gradient, W1, W2, X, Y)
        weights = W1.size + W2.size
        error = max(np.max(np.abs(d - g)) for d, g in zip(differences, exact, strict=True))
        rows.append((weights, counted_value.calls, slow, counted_gradient.calls, fast))
        print(
            f"{weights:7d} {counted_value.calls:26d} {slow:9.4f} {counted_gradient.calls:24d}"
            f" {fast:9.6f}   {error:.0e}"
        )
        assert counted_value.calls == 2 * weights
        assert counted_gradient.calls == 1
        assert error < 1e-9

    weights, evaluations, _, calls, _ = map(np.array, zip(*rows, strict=True))
    # An evaluation takes about two operations for each weight and image.
    print(f"\ngrowth of the work with the number of weights: differences as its power "
          f"{exponent(weights, evaluations * weights):.2f}, backpropagation as its power "
          f"{exponent(weights, calls * weights):.2f}")  # fmt: skip
    assert np.isclose(exponent(weights, evaluations * weights), 2.0)
    assert np.isclose(exponent(weights, calls * weights), 1.0)
    # Code for all sizes of the network: the lengths of an array are no part of what is compiled.
    assert len(gradient.specializations) == 1
    if plot is not None:
        draw(rows, Path(plot))
        print(f"drawn in {plot}")


def exponent(size, work):
    """Return the power of the size that the work grows as."""
    return np.polyfit(np.log(size), np.log(work), 1)[0]


def draw(rows, path: Path) -> None:
    """Draw the seconds for a gradient over the number of weights, as SVG, PNG or PDF."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    weights, _, slow, _, fast = zip(*rows, strict=True)
    figure = Figure(figsize=(6.0, 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.loglog(weights, slow, "o-", label="central differences")
    axes.loglog(weights, fast, "s-", label="backpropagation, value included")
    axes.set(xlabel="weights", ylabel="seconds for a gradient", title="The cost of a gradient")
    axes.legend()
    figure.savefig(path)


if __name__ == "__main__":
    main(*sys.argv[1:2])
