"""model_value: the value of `model`.

    last = n - 1
    x = x
    for i from 0 below last:
        for i from 0 below last - i:
            left = x[i]
            right = x[i + 1]
            if left > right:
                x = x with right at [i] with left at [i + 1]

x: f64[n]

A call takes about n²/2 + n/2 operations, 32 n bytes read and written.
Written by bpcompile for Numba: mathematics by libm.
"""

import numpy as np
from numba import njit


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
def _main(x, y):
    """Fill the array results and return the scalar ones."""
    n = x.shape[0]
    for i in range(n):
        y[i] = x[i]
    for i in range(n - 1, 0, -1):
        for i_2 in range(i):
            left = y[i_2]
            right = y[i_2 + 1]
            if left > right:  # model.py:3
                y[i_2] = right
                y[i_2 + 1] = left
    return


@njit(error_model="numpy", nogil=True, boundscheck=False)
def model_value(x):
    """Return the value of `model`."""
    n = x.shape[0]
    y = np.empty(n)
    _main(x, y)
    return (y,)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def model_value_fill(x, y):
    """Fill the array results and return the scalar ones."""
    n = x.shape[0]
    if y.shape[0] != n:
        raise ValueError("expected y.shape[0] == n")
    spans = (_span(x),)
    if _meets(_span(y), spans):
        raise ValueError("y overlaps an argument")
    return _main(x, y)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def model_value_into(x, y):
    """Fill one array per result, of shape () for a scalar."""
    n = x.shape[0]
    if y.shape[0] != n:
        raise ValueError("expected y.shape[0] == n")
    spans = (_span(x),)
    if _meets(_span(y), spans):
        raise ValueError("y overlaps an argument")
    _main(x, y)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def model_value_workspace(n):
    """Return the length of the workspace in float64 words."""
    return 0
