"""logistic_loss_value_and_grad: the value and gradient of `logistic_loss` in w and b.

    z = X w + b
    logistic_loss = mean(log(1 + exp(-y z)))

w: f64[n]   b: f64[]   X: f64[d, n]   y: f64[d]

A call takes about 4 d n + 47 d operations.
Written by bpcompile for NumPy.
"""

import numpy as np


def _main(w, b, X, y):
    """Return every result, in order."""
    n = w.shape[0]
    d = X.shape[0]
    if X.shape[1] != n:
        raise ValueError("expected X.shape[1] == n")
    if y.shape[0] != d:
        raise ValueError("expected y.shape[0] == d")
    with np.errstate(all="ignore"):
        b = np.float64(b)
        z = X @ w + (b)
        v0 = y * z
        v1 = -v0
        v2 = np.exp(-np.abs(v0))
        v3 = np.float64(np.int64(d))
        logistic_loss = np.sum(np.maximum(v1, 0.0) + np.log1p(v2)) / v3
        v4 = (1.0 / v3) * (np.where(v1 >= 0.0, 1.0, v2) / (1.0 + v2))  # from softplus(-(y z))  test_golden_modules.py:26
        z_bar = -(v4 * y)  # z̄ = -mul(...) y, from logistic_loss = mean(softplus(-(y z)))  test_golden_modules.py:26
        b_bar = np.sum(z_bar)  # b̄ = Σ z̄, from z = X w + b  test_golden_modules.py:25
        w_bar = X.T @ z_bar  # w̄ = Xᵀ z̄, from z = X w + b  test_golden_modules.py:25
        return (logistic_loss, w_bar, b_bar)


def logistic_loss_value_and_grad(w, b, X, y):
    """The value and gradient of `logistic_loss` in w and b."""
    (r0, r1, r2) = _main(w, b, X, y)
    return (float(r0), (r1, float(r2)))


def logistic_loss_value_and_grad_fill(w, b, X, y, out_1, workspace):
    """Fill the array results and return the scalar ones."""
    (r0, r1, r2) = _main(w, b, X, y)
    out_1[...] = r1
    return (float(r0), float(r2))


def logistic_loss_value_and_grad_into(w, b, X, y, out_0, out_1, out_2, workspace):
    """Fill one array per result, of shape () for a scalar."""
    (r0, r1, r2) = _main(w, b, X, y)
    out_0[...] = r0
    out_1[...] = r1
    out_2[...] = r2


def logistic_loss_value_and_grad_workspace(n, d):
    """Return the length of the workspace: this target takes none."""
    return 0
