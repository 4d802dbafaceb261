"""The yardstick of a warm start: the smallest function that Numba caches."""

from __future__ import annotations

from numba import njit


@njit(cache=True)
def three_lines(x):
    """Return x (x + 1)."""
    y = x + 1.0
    return x * y
