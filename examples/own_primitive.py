"""An operation of your own: an activation declared by its formula, and trained with.

`bp.primitive` makes an elementwise op of a SymPy expression. Its derivative needs no rule: it
follows from the expression, in stable form. This one is mish, x tanh(log(1 + exp x)), by D. Misra,
"Mish: A Self Regularized Non-Monotonic Activation Function" (2020). As an activation it trains the
network that reads handwritten digits (UCI "Optical Recognition of Handwritten Digits", shipped
with bpcompile).

    python examples/own_primitive.py
"""

from __future__ import annotations

import numpy as np
import sympy

import bpcompile as bp
from bpcompile.data import load_digits

X = sympy.Symbol("x")
MISH = X * sympy.tanh(sympy.log(1 + sympy.exp(X)))

mish = bp.primitive("mish", MISH, [X])
MODEL = bp.nn.Sequential(bp.nn.Dense(64, 32), bp.nn.Activation(mish, "he"), bp.nn.Dense(32, 10))


@bp.value_and_grad
def step(params, X, labels):
    """Return the mean cross-entropy of the network's softmax."""
    return bp.nn.softmax_cross_entropy(MODEL(params, X), labels)


def check_derivative() -> None:
    """Hold the derivative to SymPy's, in 30 digits, also where exp(x) overflows."""
    points = np.array([-30.0, -2.0, -0.5, 0.0, 1.0, 10.0, 800.0])
    _, slopes = bp.vjp(mish, target="numpy")(points, np.ones(7))
    print(f"{'x':>7} {'mish(x)':>22} {'its derivative':>22}")
    for x, value, slope in zip(points, mish(points), slopes, strict=True):
        exact = MISH.subs(X, sympy.Rational(x)).evalf(30), MISH.diff(X).evalf(30, {X: x})
        print(f"{x:7} {value:22.16g} {slope:22.16g}")
        assert np.isclose(value, float(exact[0]), rtol=1e-14, atol=0)
        assert np.isclose(slope, float(exact[1]), rtol=1e-13, atol=0)


def main() -> None:
    """Check the op, and train with it."""
    check_derivative()

    images, labels = load_digits()
    images = images / 16.0
    rng = np.random.default_rng(0)
    order = rng.permutation(len(images))
    seen, unseen = order[:1437], order[1437:]
    params = MODEL.init(rng)
    optimizer = bp.nn.adam(0.01)
    state = optimizer.init(params)
    for _ in range(400):
        batch = rng.choice(seen, 64, replace=False)
        loss, gradients = step(params, images[batch], labels[batch])
        params, state = optimizer.update(params, gradients, state)
    found = np.argmax(MODEL(params, images[unseen]), axis=1)
    reached = np.mean(found == labels[unseen])
    print(f"\nloss of the last batch {loss:.4f}; {reached:.1%} of unseen images are read right")
    assert reached >= 0.95

    print("\nthe op in the graph of the model as written:\n")
    print(next(line for line in str(step.graph).splitlines() if "mish(" in line))


if __name__ == "__main__":
    main()
