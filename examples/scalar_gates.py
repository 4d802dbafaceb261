"""Backpropagation through single gates: f = (x + y) z, z = (x + y)², and a perceptron.

Each gate sends back to its inputs its own adjoint times its local derivative. The ledger of
`fn.explain` shows it gate by gate, though what runs is one stable sigmoid. The first and the last
function, with these numbers, are those of A. Karpathy's notes for the Stanford course CS231n,
"Backpropagation, Intuitions".

    python examples/scalar_gates.py
"""

from __future__ import annotations

import math

import bpcompile as bp


def sum_times(x, y, z):
    """Return (x + y) z."""
    q = x + y
    f = q * z
    return f


def squared_sum(x, y):
    """Return (x + y)²."""
    z = (x + y) ** 2
    return z


def perceptron(w0, x0, w1, x1, w2):
    """Return the sigmoid of w0 x0 + w1 x1 + w2, one gate to a line."""
    p = w0 * x0
    q = w1 * x1
    dot = p + q + w2
    negative = -dot
    power = math.exp(negative)
    below = power + 1.0
    f = 1.0 / below
    return f


def main() -> None:
    """Differentiate the three, and check every number of the perceptron's ledger."""
    fn = bp.value_and_grad(sum_times, argnums=("x", "y", "z"))
    assert fn(-2.0, 5.0, -4.0) == (-12.0, (-4.0, -4.0, 3.0))
    print(fn.explain(-2.0, 5.0, -4.0), "\n")

    fn = bp.value_and_grad(squared_sum, argnums=("x", "y"))
    assert fn(1.5, 2.0) == (12.25, (7.0, 7.0))  # 2 (x + y) for both
    print(fn.explain(1.5, 2.0), "\n")

    fn = bp.value_and_grad(perceptron, argnums=("w0", "x0", "w1", "x1", "w2"))
    point = {"w0": 2.0, "x0": -1.0, "w1": -3.0, "x1": -2.0, "w2": -3.0}
    value, gradients = fn(*point.values())
    ledger = fn.explain(*point.values())
    print(ledger)

    f = 1 / (1 + math.exp(-1.0))
    slope = f * (1 - f)  # of the sigmoid at 1
    assert math.isclose(value, f, rel_tol=1e-15)
    assert math.isclose(slope, 0.1966119332414818, rel_tol=1e-15)
    # forward value and adjoint of each gate, the last one first
    gates = {
        "f": (f, 1.0),
        "below": (1 + math.exp(-1.0), -(f**2)),  # the gate 1/x sends back -0.53
        "power": (math.exp(-1.0), -(f**2)),  # the gate x + 1 passes it on
        "negative": (-1.0, -slope),  # the gate exp sends back -0.20
        "dot": (1.0, slope),  # the gate -x turns the sign: +0.20
        "p": (-2.0, slope),  # the gates + pass 0.20 to every summand
        "q": (6.0, slope),
        "w0": (2.0, -1.0 * slope),  # a product sends to each factor the other one's multiple:
        "x0": (-1.0, 2.0 * slope),  # -0.20 to w0, 0.39 to x0
        "w1": (-3.0, -2.0 * slope),
        "x1": (-2.0, -3.0 * slope),
        "w2": (-3.0, slope),
    }
    for name, (forward, adjoint) in gates.items():
        assert math.isclose(ledger[name].value, forward, rel_tol=1e-14), name
        assert math.isclose(ledger[name].adjoint, adjoint, rel_tol=1e-14), name
    for name, gradient in zip(point, gradients, strict=True):
        assert math.isclose(gradient, gates[name][1], rel_tol=1e-14), name
    rounded = {name: round(ledger[name].adjoint, 2) for name in gates}
    assert (rounded["below"], rounded["negative"], rounded["dot"]) == (-0.53, -0.2, 0.2)
    assert (rounded["w0"], rounded["x0"]) == (-0.2, 0.39)


if __name__ == "__main__":
    main()
