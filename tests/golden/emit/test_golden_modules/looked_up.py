"""looked_up_value_and_grad: the value and gradient of `looked_up` in table.

    looked_up = Σ table[rows, :]^2

table: f64[n, d]   rows: i64[k]

A call takes about 4 d k operations, 8 d n + 24 min(d k, d n) bytes read and written.
Written by bpcompile for Numba: mathematics by libm.
"""

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
def _unsigned(index):
    """Return an index that is never negative as Numba must be told so: it counts none from the end.

    What a loop counts needs no such word, for LLVM sees there that it is not negative.
    """
    return np.uint64(index)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _main(table, rows, table_bar):
    """Fill the array results and return the scalar ones."""
    n, d = table.shape
    k = rows.shape[0]
    table_bar.fill(0.0)
    looked_up = 0.0
    for i in range(k):
        for j in range(d):
            rows_2 = rows[i]
            at = _at(rows_2, n, 0)
            v0 = table[_unsigned(at), j]
            looked_up = _add(looked_up, v0 * v0)
            table_bar[_unsigned(at), j] = _add(table_bar[_unsigned(at), j], 2.0 * v0)  # table_bar = 2 table[rows, :] at [rows, :], from looked_up = Σ table[rows, :]²  test_golden_modules.py:50
    return looked_up


@njit(error_model="numpy", nogil=True, boundscheck=False)
def looked_up_value_and_grad(table, rows):
    """Return the value and gradient of `looked_up` in table."""
    n, d = table.shape
    table_bar = np.empty((n, d))
    looked_up_2 = _main(table, rows, table_bar)
    return (looked_up_2, table_bar)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def looked_up_value_and_grad_fill(table, rows, table_bar):
    """Fill the array results and return the scalar ones."""
    n, d = table.shape
    if table_bar.shape[0] != n:
        raise ValueError("expected table_bar.shape[0] == n")
    if table_bar.shape[1] != d:
        raise ValueError("expected table_bar.shape[1] == d")
    spans = (_span(table), _span(rows))
    if _meets(_span(table_bar), spans):
        raise ValueError("table_bar overlaps an argument")
    return _main(table, rows, table_bar)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def looked_up_value_and_grad_into(table, rows, looked_up_2_out, table_bar):
    """Fill one array per result, of shape () for a scalar."""
    n, d = table.shape
    if table_bar.shape[0] != n:
        raise ValueError("expected table_bar.shape[0] == n")
    if table_bar.shape[1] != d:
        raise ValueError("expected table_bar.shape[1] == d")
    spans = (_span(table), _span(rows))
    if _meets(_span(table_bar), spans):
        raise ValueError("table_bar overlaps an argument")
    looked_up_2 = _main(table, rows, table_bar)
    looked_up_2_out[()] = looked_up_2


@njit(error_model="numpy", nogil=True, boundscheck=False)
def looked_up_value_and_grad_workspace(n, d, k):
    """Return the length of the workspace in float64 words."""
    return 0
