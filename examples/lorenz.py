"""A chaotic system: how the end of a long orbit depends on its start, by one backward sweep.

The Lorenz system is integrated by a plain loop of classical Runge-Kutta steps. A small change of
the start grows as exp(λ t), with Lyapunov's exponent λ = 0.9056 (D. Viswanath, Lyapunov Exponents
from Random Fibonacci Sequences to the Lorenz Equations, 1998): the gradient of the end must have
that length. The backward sweep needs the states of the orbit in reverse order. It keeps them all,
or with `checkpoint="sqrt"` about √n of them and runs stretches of the orbit a second time.

    python examples/lorenz.py
"""

from __future__ import annotations

import numpy as np

import bpcompile as bp

STEPS, H = 20_000, 0.01
START = np.array([1.0, 2.0, 20.0])
EXPONENT = 0.9056


def slope(u):
    """Return the time derivative of a state, with Lorenz's own parameters."""
    x, y, z = u
    return np.array([10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z])


def end(u, steps, checkpoint):
    """Return the first coordinate after so many steps of the classical Runge-Kutta method."""
    for _ in bp.range(steps, checkpoint=checkpoint):
        a = slope(u)
        b = slope(u + H / 2 * a)
        c = slope(u + H / 2 * b)
        d = slope(u + H * c)
        u = u + H / 6 * (a + 2 * b + 2 * c + d)
    return u[0]


def main() -> None:
    """Compare the two ways with each other, with a tangent and with Lyapunov's exponent."""
    kept, gradients = {}, {}
    for checkpoint in (None, "sqrt"):
        fn = bp.value_and_grad(end, static_argnames="checkpoint")
        gradients[checkpoint] = fn(START, STEPS, checkpoint)[1]
        kept[checkpoint] = fn.cost(START, STEPS, checkpoint).workspace.value
        print(f"checkpoint={checkpoint!r:<7} keeps {kept[checkpoint]:>9,} bytes for {STEPS} steps")
    full, less = gradients.values()
    print(f"largest difference between the gradients {np.max(np.abs(full / less - 1)):.0e}")
    assert np.allclose(full, less, rtol=1e-12)
    assert kept["sqrt"] < kept[None] / 20

    tangent = bp.jvp(end, static_argnames="checkpoint")(START, STEPS, None, full)[1]
    assert np.isclose(tangent, full @ full, rtol=1e-6)

    exponent = np.log(np.linalg.norm(full)) / (STEPS * H)
    print(f"the end moves {np.linalg.norm(full):.1e} times as far as the start")
    print(f"which is exp({exponent:.3f} t) after a time t; Lyapunov's exponent is {EXPONENT}")
    assert abs(exponent - EXPONENT) < 0.03


if __name__ == "__main__":
    main()
