"""Logistic regression on a real data set, fitted by SciPy with the compiled value and gradient.

The data are 30 measurements of the cell nuclei of 569 tumours, benign or malignant (UCI "Breast
Cancer Wisconsin (Diagnostic)", shipped with bpcompile). `scipy.optimize.minimize` takes the fused
function as it is: with `jac=True` it wants the pair of value and gradient.

    python examples/logistic_regression.py
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

import bpcompile as bp
from bpcompile.data import load_breast_cancer

DECAY = 0.01


def negative_log_likelihood(theta, X, y, decay):
    """Return the mean of log(1 + exp(-y z)) for z = X w + b, y = ±1, and the decay of w."""
    w, b = theta[:-1], theta[-1]
    z = X @ w + b
    return np.mean(np.log1p(np.exp(-y * z))) + 0.5 * decay * np.sum(w**2)


def split(seed: int = 0):
    """Return standardised measurements and labels ±1, for training and for testing."""
    X, benign, _ = load_breast_cancer()
    order = np.random.default_rng(seed).permutation(len(X))
    train, test = order[:400], order[400:]
    mean, deviation = X[train].mean(axis=0), X[train].std(axis=0)
    Z, y = (X - mean) / deviation, np.where(benign == 1, 1.0, -1.0)
    return (Z[train], y[train]), (Z[test], y[test])


def main() -> None:
    """Fit, and compare with scikit-learn where it is installed."""
    (X, y), (X_test, y_test) = split()
    fn = bp.value_and_grad(negative_log_likelihood)
    found = minimize(
        fn, np.zeros(31), args=(X, y, DECAY), jac=True, method="BFGS", options={"gtol": 1e-8}
    )
    slope = np.max(np.abs(found.jac))
    accuracy = np.mean(np.sign(X_test @ found.x[:-1] + found.x[-1]) == y_test)
    print(f"minimum {found.fun:.12f} after {found.nit} steps and {found.nfev} calls")
    print(f"largest entry of the gradient there {slope:.1e}")
    print(f"accuracy on the {len(y_test)} tumours kept for testing {accuracy:.1%}")
    assert found.success
    assert slope < 1e-8
    assert accuracy >= 0.95
    assert fn.check(found.x, X, y, DECAY)
    compare(found.x, X, y)


def compare(theta, X, y) -> None:
    """Print how far scikit-learn's coefficients are from ours, where it is installed."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        print("scikit-learn is not installed: nothing to compare with")
        return
    # Its loss is C Σ log(1 + exp(-y z)) + |w|² / 2: ours times C n.
    theirs = LogisticRegression(C=1 / (DECAY * len(y)), tol=1e-10, max_iter=10_000).fit(X, y)
    coefficients = np.append(theirs.coef_[0], theirs.intercept_)
    difference = np.max(np.abs(theta - coefficients))
    print(f"largest difference from scikit-learn's coefficients {difference:.1e}")
    assert difference < 1e-5


if __name__ == "__main__":
    main()
