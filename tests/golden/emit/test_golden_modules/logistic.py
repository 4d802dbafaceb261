"""logistic_loss_value_and_grad: the value and gradient of `logistic_loss` in w and b.

    z = X w + b
    logistic_loss = mean(log(1 + exp(-y z)))

w: f64[n]   b: f64[]   X: f64[d, n]   y: f64[d]

A call takes about 4 d n + 47 d operations, 8 d n + 32 n bytes read and written.
Written by bpcompile for Numba: _log1p of its own.
"""

import math

import numpy as np
from numba import njit


@njit(error_model="numpy", nogil=True, boundscheck=False, fastmath={"reassoc", "contract"})
def _add(total, value):
    """Return the sum; the only place where additions may be reordered."""
    return total + value


@njit(error_model="numpy", nogil=True, boundscheck=False, fastmath={"reassoc", "contract"})
def _fma(total, left, right):
    """Return total + left * right; may be reordered and rounded once."""
    return total + left * right


@njit(error_model="numpy", nogil=True, boundscheck=False, fastmath={"contract"}, forceinline=True)
def _log1p(x):
    """Return log(1 + x) within 1 ulp, without a branch, so that loops become vector code.

    As `_log` of u = 1 + x, with what the rounding of u lost added back (FDLIBM's s_log1p.c, Sun
    Microsystems, 1993).
    """
    u = 1.0 + x
    bits = np.float64(u).view(np.int64) + 2638147582215219
    k = np.int64(((bits >> 52) & 4095) | 4841369599423283200).view(np.float64) - 4503599627371519.0
    m = np.int64((bits & 4503599627370495) + 4604544271217802189).view(np.float64)
    lost = (1.0 - (u - x) if x > 1.0 else x - (u - 1.0)) / u
    f = x if k == 0.0 else m - 1.0
    lost = 0.0 if k == 0.0 else lost
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * (0.3999999999940942 + w * (0.22222198432149784 + w * 0.15313837699209373))
    odd = z * (
        0.6666666666666735
        + w * (0.2857142874366239 + w * (0.1818357216161805 + w * 0.14798198605116586))
    )
    h = 0.5 * f * f
    small = s * (h + (even + odd)) + (k * 1.9082149292705877e-10 + lost)
    y = k * 0.6931471803691238 - ((h - small) - f)
    y = y if x < math.inf else x
    y = math.nan if x < -1.0 else y
    y = -math.inf if x == -1.0 else y
    return x if x == 0.0 else y


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
def _main(w, b, X, y, w_bar):
    """Fill the array results and return the scalar ones."""
    n = w.shape[0]
    d = X.shape[0]
    if X.shape[1] != n:
        raise ValueError("expected X.shape[1] == n")
    if y.shape[0] != d:
        raise ValueError("expected y.shape[0] == d")
    v0 = np.float64(d)
    v1 = 1.0 / v0  # from logistic_loss = mean(softplus(-(y z)))  test_golden_modules.py:26
    v2 = 0.0
    b_bar = 0.0
    w_bar.fill(0.0)
    for i in range(d):
        v3 = 0.0
        for j in range(n):
            v3 = _fma(v3, X[i, j], w[j])
        z = v3 + b
        v4 = y[i] * z
        v5 = -v4
        v6 = abs(v4)
        v7 = math.exp(-v6)
        v8 = _log1p(v7)
        v2 = _add(v2, np.maximum(v5, 0.0) + v8)
        v9 = (1.0 if v5 >= 0.0 else v7) / (1.0 + v7)  # from softplus(-(y z))  test_golden_modules.py:26
        z_bar = -(v1 * v9 * y[i])  # z̄ = -mul(...) y, from logistic_loss = mean(softplus(-(y z)))  test_golden_modules.py:26
        b_bar = _add(b_bar, z_bar)  # b̄ = Σ z̄, from z = X w + b  test_golden_modules.py:25
        for j in range(n):
            w_bar[j] = _fma(w_bar[j], X[i, j], z_bar)  # w̄ = Xᵀ z̄, from z = X w + b  test_golden_modules.py:25
    logistic_loss = v2 / v0
    return (logistic_loss, b_bar)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def logistic_loss_value_and_grad(w, b, X, y):
    """Return the value and gradient of `logistic_loss` in w and b."""
    n = w.shape[0]
    w_bar = np.empty(n)
    logistic_loss_2, b_bar_2 = _main(w, b, X, y, w_bar)
    return (logistic_loss_2, (w_bar, b_bar_2))


@njit(error_model="numpy", nogil=True, boundscheck=False)
def logistic_loss_value_and_grad_fill(w, b, X, y, w_bar):
    """Fill the array results and return the scalar ones."""
    n = w.shape[0]
    if w_bar.shape[0] != n:
        raise ValueError("expected w_bar.shape[0] == n")
    spans = (_span(w), _span(X), _span(y))
    if _meets(_span(w_bar), spans):
        raise ValueError("w_bar overlaps an argument")
    return _main(w, b, X, y, w_bar)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def logistic_loss_value_and_grad_into(w, b, X, y, logistic_loss_2_out, w_bar, b_bar_2_out):
    """Fill one array per result, of shape () for a scalar."""
    n = w.shape[0]
    if w_bar.shape[0] != n:
        raise ValueError("expected w_bar.shape[0] == n")
    spans = (_span(w), _span(X), _span(y))
    if _meets(_span(w_bar), spans):
        raise ValueError("w_bar overlaps an argument")
    logistic_loss_2, b_bar_2 = _main(w, b, X, y, w_bar)
    logistic_loss_2_out[()] = logistic_loss_2
    b_bar_2_out[()] = b_bar_2


@njit(error_model="numpy", nogil=True, boundscheck=False)
def logistic_loss_value_and_grad_workspace(n, d):
    """Return the length of the workspace in float64 words."""
    return 0
