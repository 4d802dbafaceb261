"""rosenbrock_value_and_grad: the value and gradient of `rosenbrock` in x.

    rosenbrock = Σ (100 (x[1:] - x[:-1]^2)^2 + (1 - x[:-1])^2)

x: f32[n]

A call takes about 17 n - 16 operations, 16 n bytes read and written.
Written by bpcompile for Numba: mathematics by libm.
"""

import numpy as np
from numba import njit


@njit(error_model="numpy", nogil=True, boundscheck=False, fastmath={"reassoc", "contract"})
def _add(total, value):
    """Return the sum; the only place where additions may be reordered."""
    return total + value


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
def _main(x, x_bar):
    """Fill the array results and return the scalar ones."""
    n = x.shape[0]
    if n < 1:
        raise ValueError("expected n >= 1")
    x_bar.fill(np.float32(0.0))
    rosenbrock = 0.0
    for i in range(n - 1):
        v0 = x[i + 1] - x[i] * x[i]
        v1 = v0 * v0
        v2 = np.float32(1.0) - x[i]
        rosenbrock = _add(rosenbrock, np.float64(np.float32(100.0) * v1 + v2 * v2))
        v3 = np.float32(2.0) * v0  # from (x[1:] - x[:-1]²)²  test_golden_modules.py:36
        v4 = np.float32(-2.0) * v2 + np.float32(-100.0) * v3 * (np.float32(2.0) * x[i])  # from x[:-1]²  test_golden_modules.py:36
        x_bar[i] = _add(x_bar[i], v4)  # from x[:-1]  test_golden_modules.py:36
        x_bar[i + 1] = _add(x_bar[i + 1], np.float32(100.0) * v3)  # x̄ = accumulate(...)
    rosenbrock_2 = np.float32(rosenbrock)
    return rosenbrock_2


@njit(error_model="numpy", nogil=True, boundscheck=False)
def rosenbrock_value_and_grad(x):
    """Return the value and gradient of `rosenbrock` in x."""
    n = x.shape[0]
    x_bar = np.empty(n, np.float32)
    rosenbrock_3 = _main(x, x_bar)
    return (rosenbrock_3, x_bar)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def rosenbrock_value_and_grad_fill(x, x_bar):
    """Fill the array results and return the scalar ones."""
    n = x.shape[0]
    if x_bar.shape[0] != n:
        raise ValueError("expected x_bar.shape[0] == n")
    spans = (_span(x),)
    if _meets(_span(x_bar), spans):
        raise ValueError("x_bar overlaps an argument")
    return _main(x, x_bar)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def rosenbrock_value_and_grad_into(x, rosenbrock_3_out, x_bar):
    """Fill one array per result, of shape () for a scalar."""
    n = x.shape[0]
    if x_bar.shape[0] != n:
        raise ValueError("expected x_bar.shape[0] == n")
    spans = (_span(x),)
    if _meets(_span(x_bar), spans):
        raise ValueError("x_bar overlaps an argument")
    rosenbrock_3 = _main(x, x_bar)
    rosenbrock_3_out[()] = rosenbrock_3


@njit(error_model="numpy", nogil=True, boundscheck=False)
def rosenbrock_value_and_grad_workspace(n):
    """Return the length of the workspace in float64 words."""
    return 0
