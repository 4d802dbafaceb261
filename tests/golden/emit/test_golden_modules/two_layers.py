"""two_layers_value_and_grad: the value and gradient of `two_layers` in params.

    h = tanh(x params_W1 + params_b1)
    logits = h params_W2 + params_b2
    two_layers = -mean(log_softmax(logits)[arange(r), labels])

params_W1: f64[n, d]   params_W2: f64[d, m]   params_b1: f64[d]   params_b2: f64[m]   x: f64[r, n]   labels: i64[r]

A call takes about 6 d m r + 4 d n r operations, 88 d r + 90 m r bytes read and written, 24 d r + 33
m r bytes of workspace.
Written by bpcompile for Numba: _exp, _tanh_small of its own.
"""

import math

import numpy as np
from numba import njit


@njit(error_model="numpy", nogil=True, boundscheck=False, fastmath={"reassoc", "contract"})
def _add(total, value):
    """Return the sum; the only place where additions may be reordered."""
    return total + value


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _from_end(index, length, number):
    """Return an index from the end, counted from the front; raise IndexError for any other.

    The error carries the index, the length, and the number of the place in this module.
    """
    if index < -length or index >= length:
        raise IndexError("an index is out of range", index, length, number)
    return index + length


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _at(index, length, number):
    """Return an index counted from the front; raise IndexError where it is out of range.

    Most indices take one comparison and no arithmetic: the next load need not wait for any.
    """
    return index if 0 <= index < length else _from_end(index, length, number)


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


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _max(best, value):
    """Return the larger value, or NaN where either is NaN."""
    return value if value > best or value != value else best


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


@njit(error_model="numpy", nogil=True, boundscheck=False, fastmath={"contract"}, forceinline=True)
def _tanh_small(x):
    """Return tanh(x) for abs(x) < 0.625 within 1 ulp (Cephes tanh.c, S. L. Moshier, 1995)."""
    z = x * x
    p = (-0.9643991794250523 * z - 99.28772310019186) * z - 1614.6876844170845
    q = ((z + 112.81167849163293) * z + 2235.4883906010045) * z + 4844.0630532512555
    return x + x * (z * (p / q))


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _unsigned(index):
    """Return an index that is never negative as Numba must be told so: it counts none from the end.

    What a loop counts needs no such word, for LLVM sees there that it is not negative.
    """
    return np.uint64(index)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _compute_h(v1, params_b1, h, v2, r, d):
    """Compute h."""
    for i in range(r):
        for j in range(d):
            v15 = v1[i, j] + params_b1[j]
            v16 = abs(2.0 * v15)
            v17 = _exp(-v16)
            v18 = (1.0 - v17) / (1.0 + v17)
            h_ij = _tanh_small(v15) if abs(v15) < 0.55 else math.copysign(v18, v15)
            h[i, j] = h_ij
            v19 = v17 / (1.0 + v17 * (2.0 + v17))  # from h = tanh(x params_W1 + params_b1)  test_golden_modules.py:30
            v2[i, j] = v19


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _logits_to_params_b2_bar(
    v3, params_b2, v4, v5, v6, v7, v8, v9, v10, v11, labels, v0, v14, v13, params_b2_bar,
    logits_bar, r, m,
):
    """Compute logits, labels, two_layers, logits_bar, params_b2_bar."""
    for i in range(r):
        v15 = -math.inf
        for j in range(m):
            logits = v3[i, j] + params_b2[j]
            v15 = _max(v15, logits)
        v4[i] = v15
        v16 = 0.0
        v17 = 0.0
        for j in range(m):
            logits = v3[i, j] + params_b2[j]
            v18 = logits == v15
            v19 = 0.0 if v18 else logits - v15
            v5[i, j] = v19
            v20 = _exp(v19)
            v6[j] = v20
            v16 = _add(v16, v20)
            v17 = _add(v17, 0.0 if v18 else v20)  # from log_softmax(logits)  test_golden_modules.py:32
        v7[i] = v16
        v8[i] = v17
        v21 = math.log(v16)
        v9[i] = v21
        for j in range(m):
            v22 = v6[j] / v16  # from log_softmax(logits)  test_golden_modules.py:32
            v10[i, j] = v22
        v23 = v16 - v17  # from log_softmax(logits)  test_golden_modules.py:32
        for j in range(m):
            logits = v3[i, j] + params_b2[j]
            v11[i, j] = logits == (v15 if v23 < 1.5 else math.nan)  # from log_softmax(logits)  test_golden_modules.py:32
    v24 = 0.0
    for i in range(r):
        labels_2 = labels[i]
        at = _at(labels_2, m, 0)
        v24 = _add(v24, v5[i, _unsigned(at)] - v9[i])
        v0[i, _unsigned(at)] = _add(v0[i, _unsigned(at)], v14)  # from log_softmax(logits)[arange(r), labels]  test_golden_modules.py:32
    two_layers = -(v24 / v13)
    params_b2_bar.fill(0.0)
    for i in range(r):
        v25 = 0.0
        v26 = 0.0
        for j in range(m):
            logits = v3[i, j] + params_b2[j]
            v27 = logits == v4[i]
            v25 = _add(v25, 0.0 if v27 else v0[i, j])  # from log_softmax(logits)  test_golden_modules.py:32
            v26 = _add(v26, v0[i, j])  # from log_softmax(logits)  test_golden_modules.py:32
        for j in range(m):
            logits_bar_ij = (v0[i, j] * v8[i] - v25) / v7[i] if v11[i, j] else v0[i, j] - v10[i, j] * v26  # logits_bar = select(...), from two_layers = -mean(log_softmax(logits)[arange(r), labels])  test_golden_modules.py:32
            logits_bar[i, j] = logits_bar_ij
            params_b2_bar[j] = _add(params_b2_bar[j], logits_bar_ij)  # params_b2_bar = Σ logits_bar, from logits = h params_W2 + params_b2  test_golden_modules.py:31
    return two_layers


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _compute_params_b1_bar(params_b1_bar, h_bar, v2, v12, r, d):
    """Compute params_b1_bar."""
    params_b1_bar.fill(0.0)
    for i in range(r):
        for j in range(d):
            v15 = h_bar[i, j] * (4.0 * v2[i, j])  # from h = tanh(x params_W1 + params_b1)  test_golden_modules.py:30
            v12[i, j] = v15
            params_b1_bar[j] = _add(params_b1_bar[j], v15)  # params_b1_bar = Σ h̄ (4 (exp(-|2 (x params_W1 + params_b1)|) / (1 + mul(...)))), from h = tanh(x params_W1 + params_b1)  test_golden_modules.py:30


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _main(
    params_W1, params_W2, params_b1, params_b2, x, labels, params_W1_bar, params_W2_bar,
    params_b1_bar, params_b2_bar, workspace,
):
    """Fill the array results and return the scalar ones."""
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
    v0 = workspace[0:m*r].reshape((r, m))  # f64[r, m]
    v1 = workspace[m*r:d*r + m*r].reshape((r, d))  # f64[r, d]
    h = workspace[d*r + m*r:2*d*r + m*r].reshape((r, d))  # f64[r, d]
    v2 = workspace[2*d*r + m*r:3*d*r + m*r].reshape((r, d))  # f64[r, d]
    v3 = workspace[3*d*r + m*r:3*d*r + 2*m*r].reshape((r, m))  # f64[r, m]
    end = 3*d*r + 2*m*r + r
    v4 = workspace[3*d*r + 2*m*r:end]  # f64[r]
    end_2 = end + m*r
    v5 = workspace[end:end_2].reshape((r, m))  # f64[r, m]
    end_3 = end_2 + m
    v6 = workspace[end_2:end_3]  # f64[m]
    end_4 = end_3 + r
    v7 = workspace[end_3:end_4]  # f64[r]
    end_5 = end_4 + r
    v8 = workspace[end_4:end_5]  # f64[r]
    end_6 = end_5 + r
    v9 = workspace[end_5:end_6]  # f64[r]
    end_7 = end_6 + m*r
    v10 = workspace[end_6:end_7].reshape((r, m))  # f64[r, m]
    end_8 = end_7 + (m*r + 7) // 8
    v11 = workspace[end_7:end_8].view(np.bool)[:m*r].reshape((r, m))  # bool[r, m]
    logits_bar = workspace[end:end_2].reshape((r, m))  # f64[r, m]
    h_bar = workspace[m*r:d*r + m*r].reshape((r, d))  # f64[r, d]
    v12 = workspace[d*r + m*r:2*d*r + m*r].reshape((r, d))  # f64[r, d]
    v0.fill(0.0)
    v13 = np.float64(r)
    v14 = -1.0 / v13  # from mean(log_softmax(logits)[arange(r), labels])  test_golden_modules.py:32
    np.dot(x, params_W1, out=v1)
    _compute_h(v1, params_b1, h, v2, r, d)
    np.dot(h, params_W2, out=v3)
    two_layers = _logits_to_params_b2_bar(
        v3, params_b2, v4, v5, v6, v7, v8, v9, v10, v11, labels, v0, v14, v13, params_b2_bar,
        logits_bar, r, m
    )
    np.dot(logits_bar, params_W2.T, out=h_bar)  # h̄ = logits_bar params_W2ᵀ, from logits = h params_W2 + params_b2  test_golden_modules.py:31
    np.dot(h.T, logits_bar, out=params_W2_bar)  # params_W2_bar = hᵀ logits_bar, from logits = h params_W2 + params_b2  test_golden_modules.py:31
    _compute_params_b1_bar(params_b1_bar, h_bar, v2, v12, r, d)
    np.dot(x.T, v12, out=params_W1_bar)  # params_W1_bar = xᵀ (h̄ (4 (exp(-|2 (x params_W1 + params_b1)|) / (1 + mul(...))))), from h = tanh(x params_W1 + params_b1)  test_golden_modules.py:30
    return two_layers


@njit(error_model="numpy", nogil=True, boundscheck=False)
def two_layers_value_and_grad(params_W1, params_W2, params_b1, params_b2, x, labels):
    """Return the value and gradient of `two_layers` in params."""
    n, d = params_W1.shape
    m = params_W2.shape[1]
    r = x.shape[0]
    params_W1_bar = np.empty((n, d))
    params_W2_bar = np.empty((d, m))
    params_b1_bar = np.empty(d)
    params_b2_bar = np.empty(m)
    workspace = np.empty(3*d*r + 4*m*r + ((m*r + 7) // 8) + m + 4*r)
    two_layers_2 = _main(
        params_W1, params_W2, params_b1, params_b2, x, labels, params_W1_bar, params_W2_bar,
        params_b1_bar, params_b2_bar, workspace
    )
    return (two_layers_2, (params_W1_bar, params_W2_bar, params_b1_bar, params_b2_bar))


@njit(error_model="numpy", nogil=True, boundscheck=False)
def two_layers_value_and_grad_fill(
    params_W1, params_W2, params_b1, params_b2, x, labels, params_W1_bar, params_W2_bar,
    params_b1_bar, params_b2_bar, workspace,
):
    """Fill the array results and return the scalar ones."""
    n, d = params_W1.shape
    m = params_W2.shape[1]
    r = x.shape[0]
    if params_W1_bar.shape[0] != n:
        raise ValueError("expected params_W1_bar.shape[0] == n")
    if params_W1_bar.shape[1] != d:
        raise ValueError("expected params_W1_bar.shape[1] == d")
    if params_W2_bar.shape[0] != d:
        raise ValueError("expected params_W2_bar.shape[0] == d")
    if params_W2_bar.shape[1] != m:
        raise ValueError("expected params_W2_bar.shape[1] == m")
    if params_b1_bar.shape[0] != d:
        raise ValueError("expected params_b1_bar.shape[0] == d")
    if params_b2_bar.shape[0] != m:
        raise ValueError("expected params_b2_bar.shape[0] == m")
    if workspace.shape[0] < 3*d*r + 4*m*r + ((m*r + 7) // 8) + m + 4*r:
        raise ValueError("expected workspace.shape[0] >= 3*d*r + 4*m*r + ((m*r + 7) // 8) + m + 4*r")
    spans = (
        _span(params_W1), _span(params_W2), _span(params_b1), _span(params_b2), _span(x),
        _span(labels)
    )
    if _meets(_span(params_W1_bar), spans):
        raise ValueError("params_W1_bar overlaps an argument")
    if _meets(_span(params_W2_bar), spans):
        raise ValueError("params_W2_bar overlaps an argument")
    if _meets(_span(params_b1_bar), spans):
        raise ValueError("params_b1_bar overlaps an argument")
    if _meets(_span(params_b2_bar), spans):
        raise ValueError("params_b2_bar overlaps an argument")
    return _main(
        params_W1, params_W2, params_b1, params_b2, x, labels, params_W1_bar, params_W2_bar,
        params_b1_bar, params_b2_bar, workspace
    )


@njit(error_model="numpy", nogil=True, boundscheck=False)
def two_layers_value_and_grad_into(
    params_W1, params_W2, params_b1, params_b2, x, labels, two_layers_2_out, params_W1_bar,
    params_W2_bar, params_b1_bar, params_b2_bar, workspace,
):
    """Fill one array per result, of shape () for a scalar."""
    n, d = params_W1.shape
    m = params_W2.shape[1]
    r = x.shape[0]
    if params_W1_bar.shape[0] != n:
        raise ValueError("expected params_W1_bar.shape[0] == n")
    if params_W1_bar.shape[1] != d:
        raise ValueError("expected params_W1_bar.shape[1] == d")
    if params_W2_bar.shape[0] != d:
        raise ValueError("expected params_W2_bar.shape[0] == d")
    if params_W2_bar.shape[1] != m:
        raise ValueError("expected params_W2_bar.shape[1] == m")
    if params_b1_bar.shape[0] != d:
        raise ValueError("expected params_b1_bar.shape[0] == d")
    if params_b2_bar.shape[0] != m:
        raise ValueError("expected params_b2_bar.shape[0] == m")
    if workspace.shape[0] < 3*d*r + 4*m*r + ((m*r + 7) // 8) + m + 4*r:
        raise ValueError("expected workspace.shape[0] >= 3*d*r + 4*m*r + ((m*r + 7) // 8) + m + 4*r")
    spans = (
        _span(params_W1), _span(params_W2), _span(params_b1), _span(params_b2), _span(x),
        _span(labels)
    )
    if _meets(_span(params_W1_bar), spans):
        raise ValueError("params_W1_bar overlaps an argument")
    if _meets(_span(params_W2_bar), spans):
        raise ValueError("params_W2_bar overlaps an argument")
    if _meets(_span(params_b1_bar), spans):
        raise ValueError("params_b1_bar overlaps an argument")
    if _meets(_span(params_b2_bar), spans):
        raise ValueError("params_b2_bar overlaps an argument")
    two_layers_2 = _main(
        params_W1, params_W2, params_b1, params_b2, x, labels, params_W1_bar, params_W2_bar,
        params_b1_bar, params_b2_bar, workspace
    )
    two_layers_2_out[()] = two_layers_2


@njit(error_model="numpy", nogil=True, boundscheck=False)
def two_layers_value_and_grad_workspace(n, d, m, r):
    """Return the length of the workspace in float64 words."""
    return 3*d*r + 4*m*r + ((m*r + 7) // 8) + m + 4*r
