"""Volatility of returns: a GARCH(1, 1) model written as a loop, fitted by SciPy with its gradient.

The variance of each return follows from the one before, so that the likelihood is a plain `for`
that carries two scalars: bpcompile compiles it as it stands, and writes the loop that runs it
backwards. The model is T. Bollerslev's (Generalized Autoregressive Conditional Heteroskedasticity,
Journal of Econometrics 31, 1986); the 5000 returns are drawn from it with a known seed, so that the
fit can be held to the parameters that made them.

    python examples/garch.py
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy.optimize import minimize

import bpcompile as bp

TRUE = np.array([0.1, 0.1, 0.8])


def negative_log_likelihood(theta, returns):
    """Return the negative log-likelihood, up to its constant; theta holds ω, α and β."""
    omega, alpha, beta = theta
    variance = omega / (1 - alpha - beta)
    total = 0.0
    for r in returns:
        total += 0.5 * (np.log(variance) + r * r / variance)
        variance = omega + alpha * r * r + beta * variance
    return total


def parameters(free):
    """Return ω > 0 and α, β > 0 with α + β < 1, for three numbers that may be anything."""
    persistence = 1 / (1 + np.exp(-free[1]))
    share = 1 / (1 + np.exp(-free[2]))
    return np.array([np.exp(free[0]), persistence * share, persistence * (1 - share)])


def loss(free, returns):
    """Return the negative log-likelihood of one return, for an optimiser without bounds."""
    return negative_log_likelihood(parameters(free), returns) / len(returns)


def simulate(steps: int, seed: int):
    """Return so many returns of the model with the true parameters."""
    omega, alpha, beta = TRUE
    returns = np.random.default_rng(seed).standard_normal(steps)
    variance = omega / (1 - alpha - beta)
    for t in range(steps):
        returns[t] *= np.sqrt(variance)
        variance = omega + alpha * returns[t] ** 2 + beta * variance
    return returns


def backward_loop(source: str) -> str:
    """Return the loop of an emitted module that runs the model's steps backwards."""
    lines = source.splitlines()
    start = next(k for k, line in enumerate(lines) if "runs the steps backwards" in line)
    body = itertools.takewhile(lambda line: line.startswith(" " * 8), lines[start + 2 :])
    shown = [lines[start], lines[start + 1], *(line.partition("  # ")[0] for line in body)]
    return "\n".join(line[4:] for line in shown)


def main() -> None:
    """Fit the series, and give each parameter its standard error."""
    returns = simulate(5000, seed=1986)
    fn = bp.value_and_grad(loss)
    start = np.array([np.log(0.1 * np.var(returns)), 2.0, -1.0])
    found = minimize(fn, start, args=(returns,), jac=True, method="BFGS", options={"gtol": 1e-7})
    theta = parameters(found.x)

    # The curvature of the likelihood, a column at a time: a derivative of the compiled gradient.
    column = bp.jvp(bp.grad(negative_log_likelihood))
    information = np.stack([column(theta, returns, unit)[1] for unit in np.eye(3)])
    errors = np.sqrt(np.diag(np.linalg.inv(information)))

    print(f"minimum {found.fun:.12f} after {found.nit} steps and {found.nfev} calls")
    for name, fitted, error, true in zip(
        ("omega", "alpha", "beta"), theta, errors, TRUE, strict=True
    ):
        print(f"{name:<5} = {fitted:.4f} ± {error:.4f}   drawn with {true}")
    assert found.success
    assert np.max(np.abs(found.jac)) < 1e-7
    assert np.allclose(information, information.T, rtol=1e-9)
    assert np.all(np.abs(theta - TRUE) < 2 * errors)
    assert np.isclose(found.fun, loss(found.x, returns), rtol=1e-12)
    assert fn.check(found.x, returns)

    print("\nthe emitted loop that differentiates the model's:\n")
    print(backward_loop(fn.source))


if __name__ == "__main__":
    main()
