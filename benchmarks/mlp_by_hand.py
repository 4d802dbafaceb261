"""The networks of `mlp.py` with their gradients, written by hand in Numba.

Products go to BLAS with `out=`, all else is one loop over the rows between them.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(error_model="numpy", boundscheck=False)
def _softmax_rows(scores, b2, labels):
    """Turn products into adjoints of the scores, row by row; return the mean loss."""
    rows, classes = scores.shape
    total = 0.0
    share = scores.dtype.type(1.0) / scores.dtype.type(rows)
    for i in range(rows):
        largest = scores.dtype.type(-np.inf)
        for j in range(classes):
            scores[i, j] += b2[j]
            largest = max(largest, scores[i, j])
        total -= scores[i, labels[i]] - largest
        normaliser = scores.dtype.type(0.0)
        for j in range(classes):
            scores[i, j] = math.exp(scores[i, j] - largest)
            normaliser += scores[i, j]
        total += math.log(normaliser)
        for j in range(classes):
            scores[i, j] *= share / normaliser
        scores[i, labels[i]] -= share
    return total / rows


@njit(error_model="numpy", boundscheck=False)
def _sum_rows(matrix, out):
    """Fill `out` with the sum of the rows."""
    out[:] = 0.0
    for i in range(matrix.shape[0]):
        for j in range(matrix.shape[1]):
            out[j] += matrix[i, j]


@njit(error_model="numpy", boundscheck=False)
def _activate(relu, hidden, b1):
    """Turn the products into the hidden layer, in place."""
    zero = hidden.dtype.type(0.0)
    for i in range(hidden.shape[0]):
        for j in range(hidden.shape[1]):
            before = hidden[i, j] + b1[j]
            hidden[i, j] = max(before, zero) if relu else math.tanh(before)


@njit(error_model="numpy", boundscheck=False)
def _deactivate(relu, hidden, dhidden):
    """Turn the adjoint of the hidden layer into that of what was activated, in place."""
    zero, one = hidden.dtype.type(0.0), hidden.dtype.type(1.0)
    for i in range(hidden.shape[0]):
        for j in range(hidden.shape[1]):
            h = hidden[i, j]
            if relu:
                dhidden[i, j] = dhidden[i, j] if h > zero else zero
            else:
                dhidden[i, j] *= one - h * h


@njit(error_model="numpy", boundscheck=False)
def loss_and_gradient(relu, W1, b1, W2, b2, X, labels, dW1, db1, dW2, db2, hidden, dhidden, scores):
    """Fill the four gradients and return the loss; the last three arguments are workspace."""
    np.dot(X, W1, out=hidden)
    _activate(relu, hidden, b1)
    np.dot(hidden, W2, out=scores)
    value = _softmax_rows(scores, b2, labels)

    _sum_rows(scores, db2)
    np.dot(hidden.T, scores, out=dW2)
    np.dot(scores, W2.T, out=dhidden)
    _deactivate(relu, hidden, dhidden)
    _sum_rows(dhidden, db1)
    np.dot(X.T, dhidden, out=dW1)
    return value


@njit(error_model="numpy", boundscheck=False)
def deep_loss_and_gradient(
    W1, b1, W2, b2, W3, b3, X, labels, dW1, db1, dW2, db2, dW3, db3,
    first, dfirst, second, dsecond, scores,
):  # fmt: skip
    """Fill the six gradients of the deep network and return the loss; workspace comes last."""
    np.dot(X, W1, out=first)
    _activate(False, first, b1)
    np.dot(first, W2, out=second)
    _activate(False, second, b2)
    np.dot(second, W3, out=scores)
    value = _softmax_rows(scores, b3, labels)

    _sum_rows(scores, db3)
    np.dot(second.T, scores, out=dW3)
    np.dot(scores, W3.T, out=dsecond)
    _deactivate(False, second, dsecond)
    _sum_rows(dsecond, db2)
    np.dot(first.T, dsecond, out=dW2)
    np.dot(dsecond, W2.T, out=dfirst)
    _deactivate(False, first, dfirst)
    _sum_rows(dfirst, db1)
    np.dot(X.T, dfirst, out=dW1)
    return value
