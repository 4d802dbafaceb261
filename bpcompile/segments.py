"""Fold rows by the segment that each belongs to, as graph networks and grouped models need it.

In: rows, and an int for each. Out: one row for each segment. Works on plain arrays as in a model.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bpcompile.errors import ShapeError
from bpcompile.frontend import tracing as _tracing  # noqa: F401 - enters the rules
from bpcompile.frontend.functions.creation import is_traced
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES

Array = Any


def segment_sum(data: Array, segment_ids: Array, num_segments: int) -> Array:
    """Return the sum of the rows of each segment; zeros where a segment has none.

    Args:
        data: f64[rows, ...].
        segment_ids: i64[rows]; negative ones count from the last segment.
        num_segments: how many segments there are, an int.

    Returns:
        f64[num_segments, ...].

    Raises:
        ShapeError: where there is not one number for each row.
        TypeMismatchError: for numbers that are no ints.
        IndexError: for a number that is no segment.

    Example:
        >>> segment_sum(np.array([1.0, 2.0, 4.0]), np.array([0, 2, 0]), 3)
        array([5., 0., 2.])
    """
    if is_traced([data, segment_ids, num_segments]):
        return RULES["segment_sum"](data, segment_ids, num_segments)
    rows, numbers = np.asarray(data), np.asarray(segment_ids)
    if numbers.ndim != 1 or not rows.ndim or len(rows) != len(numbers):
        raise ShapeError(
            f"segment_ids of shape {numbers.shape} do not number rows of shape {rows.shape}"
            f"{where()}: give one int for each row"
        )
    total = np.zeros((num_segments, *rows.shape[1:]), rows.dtype)
    np.add.at(total, numbers, rows)
    return total
