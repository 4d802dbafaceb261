"""perceptron_value_and_grad: the value and gradient of `perceptron` in w and b.

    perceptron = 1 / (1 + exp(-(w x + b)))

w: f64[n]   x: f64[n]   b: f64[]

A call takes about 3 n + 29 operations, 32 n bytes read and written.
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
def _meets(span, others):
    """Tell whether a stretch of memory shares a byte with one of the others."""
    for other in others:
        if span[0] < other[1] and other[0] < span[1]:
            return True
    return False


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _span(array):
    """Return the addresses where a C-contiguous array begins and ends."""
    first = np.int64(array.ctypes.data)
    return first, first + array.nbytes


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
    spans = (_span(w), _span(x))
    if _meets(_span(w_bar), spans):
        raise ValueError("w_bar overlaps an argument")
    return _main(w, x, b, w_bar)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def perceptron_value_and_grad_into(w, x, b, perceptron_2_out, w_bar, b_bar_2_out):
    """Fill one array per result, of shape () for a scalar."""
    n = w.shape[0]
    if w_bar.shape[0] != n:
        raise ValueError("expected w_bar.shape[0] == n")
    spans = (_span(w), _span(x))
    if _meets(_span(w_bar), spans):
        raise ValueError("w_bar overlaps an argument")
    perceptron_2, b_bar_2 = _main(w, x, b, w_bar)
    perceptron_2_out[()] = perceptron_2
    b_bar_2_out[()] = b_bar_2


@njit(error_model="numpy", nogil=True, boundscheck=False)
def perceptron_value_and_grad_workspace(n):
    """Return the length of the workspace in float64 words."""
    return 0
