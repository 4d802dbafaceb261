"""two_layers_value_and_grad: the value and gradient of `two_layers` in params.

    h = tanh(x params_W1 + params_b1)
    logits = h params_W2 + params_b2
    two_layers = -mean(log_softmax(logits)[iota(), labels])

params_W1: f64[n, d]   params_W2: f64[d, m]   params_b1: f64[d]   params_b2: f64[m]   x: f64[r, n]   labels: i64[r]

Written by bpcompile for NumPy.
"""

import numpy as np


def _main(params_W1, params_W2, params_b1, params_b2, x, labels):
    """Return every result, in order."""
    n, d = params_W1.shape
    m = params_W2.shape[1]
    r = x.shape[0]
    if params_W2.shape[0] != d:
        raise ValueError("expected params_W2.shape[0] == d")
    if params_b1.shape[0] != d:
        raise ValueError("expected params_b1.shape[0] == d")
    if params_b2.shape[0] != m:
        raise ValueError("expected params_b2.shape[0] == m")
    if x.shape[1] != n:
        raise ValueError("expected x.shape[1] == n")
    if labels.shape[0] != r:
        raise ValueError("expected labels.shape[0] == r")
    with np.errstate(all="ignore"):
        v0 = x @ params_W1 + (params_b1)
        v1 = np.exp(-np.abs(2.0 * v0))
        h = np.where(np.abs(v0) < 0.55, np.tanh(v0), np.copysign((1.0 - v1) / (1.0 + v1), v0))
        logits = h @ params_W2 + (params_b2)
        v2 = np.max(logits, 1)[:, None]
        v3 = np.where(logits == v2, 0.0, logits - v2)
        v4 = np.exp(v3)
        v5 = np.sum(v4, 1)
        v6 = np.reshape(labels, (r, 1))
        v7 = np.broadcast_to(np.arange(r)[:, None], (r, 1))
        v8 = np.float64(np.int64(r))
        two_layers = -(np.sum((v3 - np.log(v5)[:, None])[v7, v6]) / v8)
        v9 = np.zeros((r, m), np.float64)
        np.add.at(v9, np.s_[v7, v6], np.broadcast_to(-1.0 / v8, (r, 1)))  # from log_softmax(logits)[iota(), labels]  test_golden_modules.py:32
        logits_bar = v9 - v4 / v5[:, None] * np.sum(v9, 1)[:, None]  # logits_bar = sub(...), from two_layers = -mean(log_softmax(logits)[iota(), labels])  test_golden_modules.py:32
        params_b2_bar = np.sum(logits_bar, 0)  # params_b2_bar = Σ logits_bar, from logits = h params_W2 + params_b2  test_golden_modules.py:31
        h_bar = logits_bar @ params_W2.T  # h̄ = logits_bar params_W2ᵀ, from logits = h params_W2 + params_b2  test_golden_modules.py:31
        params_W2_bar = h.T @ logits_bar  # params_W2_bar = hᵀ logits_bar, from logits = h params_W2 + params_b2  test_golden_modules.py:31
        v10 = h_bar * (4.0 * (v1 / (1.0 + v1 * (2.0 + v1))))  # from h = tanh(x params_W1 + params_b1)  test_golden_modules.py:30
        params_b1_bar = np.sum(v10, 0)  # params_b1_bar = Σ h̄ (4 (exp(-|2 (x params_W1 + params_b1)|) / (1 + mul(...)))), from h = tanh(x params_W1 + params_b1)  test_golden_modules.py:30
        params_W1_bar = x.T @ v10  # params_W1_bar = xᵀ (h̄ (4 (exp(-|2 (x params_W1 + params_b1)|) / (1 + mul(...))))), from h = tanh(x params_W1 + params_b1)  test_golden_modules.py:30
        return (two_layers, params_W1_bar, params_W2_bar, params_b1_bar, params_b2_bar)


def two_layers_value_and_grad(params_W1, params_W2, params_b1, params_b2, x, labels):
    """The value and gradient of `two_layers` in params."""
    (r0, r1, r2, r3, r4) = _main(params_W1, params_W2, params_b1, params_b2, x, labels)
    return (float(r0), (np.ascontiguousarray(r1), np.ascontiguousarray(r2), r3, r4))


def two_layers_value_and_grad_fill(
    params_W1, params_W2, params_b1, params_b2, x, labels, out_1, out_2, out_3, out_4, workspace,
):
    """Fill the array results and return the scalar ones."""
    (r0, r1, r2, r3, r4) = _main(params_W1, params_W2, params_b1, params_b2, x, labels)
    out_1[...] = r1
    out_2[...] = r2
    out_3[...] = r3
    out_4[...] = r4
    return float(r0)


def two_layers_value_and_grad_into(
    params_W1, params_W2, params_b1, params_b2, x, labels, out_0, out_1, out_2, out_3, out_4,
    workspace,
):
    """Fill one array per result, of shape () for a scalar."""
    (r0, r1, r2, r3, r4) = _main(params_W1, params_W2, params_b1, params_b2, x, labels)
    out_0[...] = r0
    out_1[...] = r1
    out_2[...] = r2
    out_3[...] = r3
    out_4[...] = r4


def two_layers_value_and_grad_workspace(n, d, m, r):
    """Return the length of the workspace: this target takes none."""
    return 0
