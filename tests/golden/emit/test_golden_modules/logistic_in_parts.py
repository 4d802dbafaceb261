"""logistic_loss_value_and_grad: the value and gradient of `logistic_loss` in w and b.

    z = X w + b
    logistic_loss = mean(log(1 + exp(-y z)))

w: f64[n]   b: f64[]   X: f64[d, n]   y: f64[d]

A call takes about 4 d n + 47 d operations, 16 d n + 40 d bytes read and written, 16 d + 512 n bytes
of workspace.
Written by bpcompile for Numba: _exp, _log1p of its own.

Functions that take `first, last` compute some of the parts of a loop. This module runs them
in order; bpcompile lets threads share them.
"""

import math

import numpy as np
from numba import njit


@njit(error_model="numpy", nogil=True, boundscheck=False, fastmath={"reassoc", "contract"})
def _add(total, value):
    """Return the sum; the only place where additions may be reordered."""
    return total + value


@njit(error_model="numpy", nogil=True, boundscheck=False, fastmath={"contract"}, forceinline=True)
def _exp(x):
    """Return e**x within 1.1 ulp, without a branch, so that loops over it become vector code.

    x = k log 2 + r with abs(r) <= log(2)/2; e**r - 1 - r = r**2 p(r) with p a Chebyshev fit of
    degree 9; 2**k in two factors, so that overflow and subnormals come out right.
    """
    y = 720.0 if x > 720.0 else x
    y = -760.0 if y < -760.0 else y
    t = y * 1.4426950408889634 + 6755399441055744.0
    k = t - 6755399441055744.0
    r = y - k * 0.6931471803691238
    r = r - k * 1.9082149292705877e-10
    s = r * r
    q = s * s
    low = (0.5000000000000001 + 0.16666666666666669 * r) + (
        0.041666666666623824 + 0.008333333333330039 * r
    ) * s
    mid = (0.0013888888917367081 + 0.00019841269863171557 * r) + (
        2.4801521057868204e-05 + 2.7557268276905696e-06 * r
    ) * s
    top = 2.7620201591031547e-07 + 2.5100472505694996e-08 * r
    e = 1.0 + (r + s * (low + mid * q + top * (q * q)))
    half = k * 0.5 + 6755399441055744.0
    rest = (k - (half - 6755399441055744.0)) + 6755399441055744.0
    first = np.int64((np.float64(half).view(np.int64) + 1023) << 52).view(np.float64)
    second = np.int64((np.float64(rest).view(np.int64) + 1023) << 52).view(np.float64)
    return (e * first) * second


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
def _kernel(w_bar, d):
    """Compute one stage."""
    v2 = np.float64(d)
    v3 = 1.0 / v2  # from logistic_loss = mean(softplus(-(y z)))  test_golden_modules.py:26
    w_bar.fill(0.0)
    return v2, v3


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _kernel_2(X, w, v0, parts, d, n, first, last):
    """Compute one stage."""
    for part in range(first, last):
        begin = max((d*part) // parts, 0)
        for step in range(((d*part + d) // parts) - begin):
            i = begin + step
            v4 = 0.0
            for j in range(n):
                v4 = _fma(v4, X[i, j], w[j])
            v0[i] = v4


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _z_to_b_bar(v0, b, y, v3, z_bar_row, v1, b_bar_parts, parts_2, d, first, last):
    """Compute z, z_bar, b_bar."""
    for part in range(first, last):
        v4 = 0.0
        b_bar = 0.0
        begin = max((d*part) // parts_2, 0)
        for step in range(((d*part + d) // parts_2) - begin):
            i = begin + step
            v5 = v0[i]
            z = v5 + b
            v6 = y[i] * z
            v7 = -v6
            v8 = abs(v6)
            v9 = _exp(-v8)
            v10 = _log1p(v9)
            v4 = _add(v4, np.maximum(v7, 0.0) + v10)
            v11 = (1.0 if v7 >= 0.0 else v9) / (1.0 + v9)  # from softplus(-(y z))  test_golden_modules.py:26
            z_bar = -(v3 * v11 * y[i])  # z̄ = -mul(...) y, from logistic_loss = mean(softplus(-(y z)))  test_golden_modules.py:26
            b_bar = _add(b_bar, z_bar)  # b̄ = Σ z̄, from z = X w + b  test_golden_modules.py:25
            z_bar_row[i] = z_bar
        v1[part] = v4
        b_bar_parts[part] = b_bar


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _compute_b_bar(parts_2, v1, b_bar_parts):
    """Compute b_bar."""
    v4 = 0.0
    b_bar = 0.0
    for part in range(parts_2):
        v4 = _add(v4, v1[part])
        b_bar = _add(b_bar, b_bar_parts[part])
    return v4, b_bar


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _compute_w_bar(w_bar_parts, z_bar_row, X, parts_3, n, d, first, last):
    """Compute w_bar."""
    for part in range(first, last):
        for i in range(n):
            w_bar_parts[part, i] = 0.0
        begin = max((d*part) // parts_3, 0)
        for step in range(((d*part + d) // parts_3) - begin):
            i = begin + step
            z_bar = z_bar_row[i]
            for j in range(n):
                w_bar_parts[part, j] = _fma(w_bar_parts[part, j], X[i, j], z_bar)  # w̄ = Xᵀ z̄, from z = X w + b  test_golden_modules.py:25


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _compute_logistic_loss(parts_3, w_bar, w_bar_parts, v4, v2, n):
    """Compute logistic_loss."""
    for part in range(parts_3):
        for i in range(n):
            w_bar[i] = _add(w_bar[i], w_bar_parts[part, i])
    logistic_loss = v4 / v2
    return logistic_loss


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _main(w, b, X, y, w_bar, workspace):
    """Fill the array results and return the scalar ones."""
    n = w.shape[0]
    d = X.shape[0]
    if X.shape[1] != n:
        raise ValueError("expected X.shape[1] == n")
    if y.shape[0] != d:
        raise ValueError("expected y.shape[0] == d")
    v0 = workspace[0:d]  # f64[d]
    z_bar_row = workspace[d:2*d]  # f64[d]
    v1 = workspace[2*d:2*d + 64]  # f64[64]
    b_bar_parts = workspace[2*d + 64:2*d + 128]  # f64[64]
    end = 2*d + 128 + min((d // 16) + 1, 64)*n
    w_bar_parts = workspace[2*d + 128:end].reshape((min((d // 16) + 1, 64), n))  # f64[min((d // 16) + 1, 64), n]
    v2, v3 = _kernel(w_bar, d)
    parts = min(((4*d*n + 2*d) // 1048576) + 1, min(64, d))
    _kernel_2(X, w, v0, parts, d, n, 0, parts)
    parts_2 = min(((60*d) // 1048576) + 1, min(64, d))
    _z_to_b_bar(v0, b, y, v3, z_bar_row, v1, b_bar_parts, parts_2, d, 0, parts_2)
    v4, b_bar = _compute_b_bar(parts_2, v1, b_bar_parts)
    parts_3 = min(min(((3*d*n + 2*d) // 1048576) + 1, min(64, d)), min((d // 16) + 1, 64))
    _compute_w_bar(w_bar_parts, z_bar_row, X, parts_3, n, d, 0, parts_3)
    logistic_loss = _compute_logistic_loss(parts_3, w_bar, w_bar_parts, v4, v2, n)
    return (logistic_loss, b_bar)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def logistic_loss_value_and_grad(w, b, X, y):
    """Return the value and gradient of `logistic_loss` in w and b."""
    n = w.shape[0]
    d = X.shape[0]
    w_bar = np.empty(n)
    workspace = np.empty(min((d // 16) + 1, 64)*n + 2*d + 128)
    logistic_loss_2, b_bar_2 = _main(w, b, X, y, w_bar, workspace)
    return (logistic_loss_2, (w_bar, b_bar_2))


@njit(error_model="numpy", nogil=True, boundscheck=False)
def logistic_loss_value_and_grad_fill(w, b, X, y, w_bar, workspace):
    """Fill the array results and return the scalar ones."""
    n = w.shape[0]
    d = X.shape[0]
    if w_bar.shape[0] != n:
        raise ValueError("expected w_bar.shape[0] == n")
    if workspace.shape[0] < min((d // 16) + 1, 64)*n + 2*d + 128:
        raise ValueError("expected workspace.shape[0] >= min((d // 16) + 1, 64)*n + 2*d + 128")
    spans = (_span(w), _span(X), _span(y))
    if _meets(_span(w_bar), spans):
        raise ValueError("w_bar overlaps an argument")
    return _main(w, b, X, y, w_bar, workspace)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def logistic_loss_value_and_grad_into(
    w, b, X, y, logistic_loss_2_out, w_bar, b_bar_2_out, workspace,
):
    """Fill one array per result, of shape () for a scalar."""
    n = w.shape[0]
    d = X.shape[0]
    if w_bar.shape[0] != n:
        raise ValueError("expected w_bar.shape[0] == n")
    if workspace.shape[0] < min((d // 16) + 1, 64)*n + 2*d + 128:
        raise ValueError("expected workspace.shape[0] >= min((d // 16) + 1, 64)*n + 2*d + 128")
    spans = (_span(w), _span(X), _span(y))
    if _meets(_span(w_bar), spans):
        raise ValueError("w_bar overlaps an argument")
    logistic_loss_2, b_bar_2 = _main(w, b, X, y, w_bar, workspace)
    logistic_loss_2_out[()] = logistic_loss_2
    b_bar_2_out[()] = b_bar_2


@njit(error_model="numpy", nogil=True, boundscheck=False)
def logistic_loss_value_and_grad_workspace(n, d):
    """Return the length of the workspace in float64 words."""
    return min((d // 16) + 1, 64)*n + 2*d + 128
