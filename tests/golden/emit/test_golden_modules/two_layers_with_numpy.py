"""two_layers_value_and_grad: the value and gradient of `two_layers` in params.

    h = tanh(x params_W1 + params_b1)
    logits = h params_W2 + params_b2
    two_layers = -mean(log_softmax(logits)[arange(r), labels])

params_W1: f64[n, d]   params_W2: f64[d, m]   params_b1: f64[d]   params_b2: f64[m]   x: f64[r, n]   labels: i64[r]

A call takes about 6 d m r + 4 d n r operations.
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
        v2 = np.max(logits, 1)
        v3 = v2[:, None]
        v4 = logits == v3
        v5 = np.where(v4, 0.0, logits - v3)
        v6 = np.exp(v5)
        v7 = np.sum(v6, 1)
        v8 = np.reshape(labels, (r, 1))
        v9 = np.broadcast_to(np.arange(r)[:, None], (r, 1))
        v10 = np.float64(np.int64(r))
        two_layers = -(np.sum((v5 - np.log(v7)[:, None])[v9, v8]) / v10)
        v11 = np.zeros((r, m), np.float64)
        np.add.at(v11, np.s_[v9, v8], np.broadcast_to(-1.0 / v10, (r, 1)))  # from log_softmax(logits)[arange(r), labels]  test_golden_modules.py:32
        v12 = np.sum(np.where(v4, 0.0, v6), 1)  # from log_softmax(logits)  test_golden_modules.py:32
        v13 = v11 * v12[:, None] - np.sum(np.where(v4, 0.0, v11), 1)[:, None]  # from log_softmax(logits)  test_golden_modules.py:32
        v14 = v7[:, None]  # from log_softmax(logits)  test_golden_modules.py:32
        v15 = logits == np.where(v7 - v12 < 1.5, v2, np.nan)[:, None]  # from log_softmax(logits)  test_golden_modules.py:32
        logits_bar = np.where(v15, v13 / v14, v11 - v6 / v14 * np.sum(v11, 1)[:, None])  # logits_bar = select(...), from two_layers = -mean(log_softmax(logits)[arange(r), labels])  test_golden_modules.py:32
        params_b2_bar = np.sum(logits_bar, 0)  # params_b2_bar = Σ logits_bar, from logits = h params_W2 + params_b2  test_golden_modules.py:31
        h_bar = logits_bar @ params_W2.T  # h̄ = logits_bar params_W2ᵀ, from logits = h params_W2 + params_b2  test_golden_modules.py:31
        params_W2_bar = h.T @ logits_bar  # params_W2_bar = hᵀ logits_bar, from logits = h params_W2 + params_b2  test_golden_modules.py:31
        v16 = h_bar * (4.0 * (v1 / (1.0 + v1 * (2.0 + v1))))  # from h = tanh(x params_W1 + params_b1)  test_golden_modules.py:30
        params_b1_bar = np.sum(v16, 0)  # params_b1_bar = Σ h̄ (4 (exp(-|2 (x params_W1 + params_b1)|) / (1 + mul(...)))), from h = tanh(x params_W1 + params_b1)  test_golden_modules.py:30
        params_W1_bar = x.T @ v16  # params_W1_bar = xᵀ (h̄ (4 (exp(-|2 (x params_W1 + params_b1)|) / (1 + mul(...))))), from h = tanh(x params_W1 + params_b1)  test_golden_modules.py:30
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
