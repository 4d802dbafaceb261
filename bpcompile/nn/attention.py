"""Look things up: attention, embeddings, and dropout with a mask that is given."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bpcompile.errors import ShapeError, TypeMismatchError
from bpcompile.frontend.lift import as_ndarray
from bpcompile.frontend.origins import where
from bpcompile.nn import functions
from bpcompile.nn.shapes import shown

Array = Any


def dot_product_attention(
    query: Array, key: Array, value: Array, mask: Array | None = None, *, is_causal: bool = False,
    scale: float | None = None,
) -> Array:  # fmt: skip
    """Return softmax(q kᵀ scale) v (A. Vaswani and others, "Attention is all you need", 2017).

    What the mask leaves out has weight 0 and contributes nothing, whatever it holds.

    Args:
        query: f64[..., queries, d].
        key: f64[..., keys, d].
        value: f64[..., keys, e].
        mask: bool[..., queries, keys], true where a query may look, or None.
        is_causal: whether query i may look at the keys up to number i alone.
        scale: the factor; 1/√d if None.

    Returns:
        f64[..., queries, e].

    Raises:
        ShapeError: where the shapes do not fit.

    Example:
        >>> x = np.eye(2)
        >>> dot_product_attention(x, x, x, is_causal=True)[0]
        array([1., 0.])
    """
    if np.ndim(query) < 2 or query.shape[-1] != key.shape[-1]:
        raise ShapeError(
            f"query {shown(np.shape(query))} and key {shown(np.shape(key))} of "
            f"bp.nn.dot_product_attention{where()} need the same last axis, behind one of places"
        )
    factor = 1.0 / math.sqrt(int(query.shape[-1])) if scale is None else scale
    scores = np.matmul(query, np.swapaxes(key, -1, -2)) * factor
    allowed = mask
    if is_causal:
        early = np.tril(np.ones_like(scores)) > 0
        allowed = early if mask is None else np.logical_and(mask, early)
    if allowed is not None:
        scores = np.where(allowed, scores, -np.inf)
    return np.matmul(functions.softmax(scores, axis=-1), value)


def embedding(table: Array, indices: Array) -> Array:
    """Return the row of a table that each index names.

    Args:
        table: f64[rows, d].
        indices: i64[...].

    Returns:
        f64[..., d].

    Raises:
        TypeMismatchError: where the indices are no ints.
        IndexError: for an index that is no row.

    Example:
        >>> embedding(np.eye(3), np.array([2, 0]))
        array([[0., 0., 1.],
               [1., 0., 0.]])
    """
    places = indices if hasattr(indices, "dtype") else as_ndarray(indices)
    if places.dtype.kind not in "iu":
        raise TypeMismatchError(
            f"the indices of bp.nn.embedding are {places.dtype}{where()}: convert with .astype(int)"
        )
    return table[places] if hasattr(table, "dtype") else np.asarray(table)[places]


def dropout(x: Array, mask: Array, rate: float = 0.5) -> Array:
    """Return x/(1 - rate) where a mask is true, and 0 elsewhere (N. Srivastava and others, 2014).

    A model draws no random numbers: make the mask outside, as in
    ``rng.uniform(size=x.shape) >= rate``, and pass it in.

    Args:
        x: f64[...].
        mask: bool, of a shape that broadcasts with x.
        rate: the share that the mask leaves out.

    Returns:
        An array of the shape of x.

    Example:
        >>> dropout(np.array([1.0, 2.0]), np.array([True, False]))
        array([2., 0.])
    """
    return np.where(mask, np.divide(x, 1.0 - rate), 0.0)
