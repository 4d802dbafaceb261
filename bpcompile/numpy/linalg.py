"""Offer the functions of `numpy.linalg` that are known for traced values.

>>> import numpy as np
>>> float(norm(np.array([3.0, 4.0])))
5.0
"""

from __future__ import annotations

from numpy.linalg import (
    diagonal,
    matmul,
    matrix_transpose,
    multi_dot,
    norm,
    outer,
    tensordot,
    trace,
    vecdot,
    vector_norm,
)

__all__ = [
    "diagonal",
    "matmul",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "tensordot",
    "trace",
    "vecdot",
    "vector_norm",
]
