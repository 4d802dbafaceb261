"""perceptron_value_and_grad: the value and gradient of `perceptron` in w and b.

    perceptron = 1 / (1 + exp(-(w x + b)))

w: f64[n]   x: f64[n]   b: f64[]

Written by bpcompile for Numba: mathematics by libm.
"""

import math

import numpy as np
from numba import njit


@njit(error_model="numpy", nogil=True, boundscheck=False, fastmath={"reassoc", "contract"})
def _fma(total, left, right):
    """Return total + left * right; may be reordered and rounded once."""
    return total + left * right


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _overlap(left, right):
    """Tell whether two C-contiguous arrays share memory."""
    first = np.int64(left.ctypes.data)
    second = np.int64(right.ctypes.data)
    return first < second + right.nbytes and second < first + left.nbytes


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _main(w, x, b, w_bar):
    """Fill the array results and return the scalar ones."""
    n = w.shape[0]
    if x.shape[0] != n:
        raise ValueError("expected x.shape[0] == n")
    v0 = 0.0
    for i in range(n):
        v0 = _fma(v0, w[i], x[i])
    v1 = v0 + b
    v2 = math.exp(-abs(v1))
    perceptron = (1.0 if v1 >= 0.0 else v2) / (1.0 + v2)
    b_bar = v2 / (1.0 + v2 * (2.0 + v2))  # b̄ = perceptron_bar div(...), from perceptron = sigmoid(w x + b)  test_golden_modules.py:21
    for i in range(n):
        w_bar[i] = b_bar * x[i]  # w̄ = b̄ x, from perceptron = sigmoid(w x + b)  test_golden_modules.py:21
    return (perceptron, b_bar)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def perceptron_value_and_grad(w, x, b):
    """Return the value and gradient of `perceptron` in w and b."""
    n = w.shape[0]
    w_bar = np.empty(n)
    perceptron_2, b_bar_2 = _main(w, x, b, w_bar)
    return (perceptron_2, (w_bar, b_bar_2))


@njit(error_model="numpy", nogil=True, boundscheck=False)
def perceptron_value_and_grad_fill(w, x, b, w_bar):
    """Fill the array results and return the scalar ones."""
    n = w.shape[0]
    if w_bar.shape[0] != n:
        raise ValueError("expected w_bar.shape[0] == n")
    if _overlap(w, w_bar):
        raise ValueError("w_bar overlaps w")
    if _overlap(x, w_bar):
        raise ValueError("w_bar overlaps x")
    return _main(w, x, b, w_bar)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def perceptron_value_and_grad_into(w, x, b, perceptron_2_out, w_bar, b_bar_2_out):
    """Fill one array per result, of shape () for a scalar."""
    n = w.shape[0]
    if w_bar.shape[0] != n:
        raise ValueError("expected w_bar.shape[0] == n")
    if _overlap(w, w_bar):
        raise ValueError("w_bar overlaps w")
    if _overlap(x, w_bar):
        raise ValueError("w_bar overlaps x")
    perceptron_2, b_bar_2 = _main(w, x, b, w_bar)
    perceptron_2_out[()] = perceptron_2
    b_bar_2_out[()] = b_bar_2


@njit(error_model="numpy", nogil=True, boundscheck=False)
def perceptron_value_and_grad_workspace(n):
    """Return the length of the workspace in float64 words."""
    return 0
