"""Say how far predictions are from what was wanted: scalar losses, each the mean over examples.

All take and give what NumPy functions do, with NumPy arrays or in a model. Shapes must agree: no
loss broadcasts its arguments, since predictions of shape (n, 1) against targets of shape (n,)
would give n² differences without a word.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bpcompile import special
from bpcompile.errors import ShapeError, TypeMismatchError
from bpcompile.frontend.origins import where
from bpcompile.nn import functions
from bpcompile.nn.shapes import shown

Array = Any


def mean_squared_error(predictions: Array, targets: Array) -> Array:
    """Return the mean of the squared differences.

    Args:
        predictions: f64[...].
        targets: of the same shape.

    Raises:
        ShapeError: where the shapes differ.

    Example:
        >>> float(mean_squared_error(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
        2.0
    """
    _require_same_shape("mean_squared_error", "predictions", predictions, "targets", targets)
    difference = _array(predictions) - _array(targets)
    return np.mean(difference * difference)


def softmax_cross_entropy(logits: Array, labels: Array) -> Array:
    """Return the mean of -log p of the labelled class, where p = softmax(logits).

    Computed as log Σ exp(z) - z[label], shifted by the largest z, so that no exponential
    overflows (C. M. Bishop, "Pattern Recognition and Machine Learning" (2006), 4.3.4).

    Args:
        logits: z, f64[..., classes].
        labels: either the classes as integers from 0, i64[...], or the probability of each class
            (one-hot rows among them), f64[..., classes].

    Raises:
        ShapeError: where the shapes do not fit.
        TypeMismatchError: where labels of shape [...] are no integers.
        IndexError: for an integer label that is no class; negative ones count from the last.

    Example:
        >>> logits = np.array([[0.0, 0.0], [1.0, 3.0]])
        >>> round(float(softmax_cross_entropy(logits, np.array([1, 1]))), 6)
        0.410038
        >>> round(float(softmax_cross_entropy(logits, np.array([[0.0, 1.0], [0.0, 1.0]]))), 6)
        0.410038
    """
    if np.ndim(labels) == np.ndim(logits):
        _require_same_shape("softmax_cross_entropy", "logits", logits, "labels", labels)
        logs = functions.log_softmax(_array(logits), axis=-1)
        return -np.mean(np.sum(_array(labels) * logs, axis=-1))
    z, classes = _array(logits), _array(labels)
    _require_classes(z, classes)
    chosen = np.take_along_axis(z, classes[..., None], axis=-1)[..., 0]
    return np.mean(special.logsumexp(z, axis=-1) - chosen)


def binary_cross_entropy(logits: Array, targets: Array) -> Array:
    """Return the mean of -t log p - (1 - t) log(1 - p), where p = sigmoid(logits).

    With log p = -softplus(-z) and log(1 - p) = -softplus(z), which neither overflow nor lose a
    small loss beside a large logit.

    Args:
        logits: z, f64[...].
        targets: t, of the same shape, from 0 to 1; bools are taken as 0 and 1.

    Raises:
        ShapeError: where the shapes differ.

    Example:
        >>> float(binary_cross_entropy(np.array([-40.0, 40.0]), np.array([0, 1])))
        4.248354255291589e-18
    """
    _require_same_shape("binary_cross_entropy", "logits", logits, "targets", targets)
    z, t = _array(logits), _array(targets)
    return np.mean(t * functions.softplus(-z) + (1 - t) * functions.softplus(z))


def mean_absolute_error(predictions: Array, targets: Array) -> Array:
    """Return the mean of the absolute differences; where one is 0 its derivative is 0.

    Args:
        predictions: f64[...].
        targets: of the same shape.

    Raises:
        ShapeError: where the shapes differ.

    Example:
        >>> float(mean_absolute_error(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
        1.0
    """
    _require_same_shape("mean_absolute_error", "predictions", predictions, "targets", targets)
    return np.mean(np.abs(_array(predictions) - _array(targets)))


def huber(predictions: Array, targets: Array, delta: float = 1.0) -> Array:
    """Return the mean of d²/2 for differences d up to `delta`, and delta (|d| - delta/2) beyond.

    P. J. Huber, "Robust estimation of a location parameter" (1964).

    Args:
        predictions: f64[...].
        targets: of the same shape.
        delta: where the square becomes a line.

    Raises:
        ShapeError: where the shapes differ.

    Example:
        >>> float(huber(np.array([0.5, 3.0]), np.array([0.0, 0.0])))
        1.3125
    """
    _require_same_shape("huber", "predictions", predictions, "targets", targets)
    size = np.abs(_array(predictions) - _array(targets))
    near = np.minimum(size, delta)
    return np.mean(0.5 * near * near + delta * (size - near))


def hinge(predictions: Array, targets: Array) -> Array:
    """Return the mean of max(0, 1 - t p) for targets t of -1 and 1.

    Args:
        predictions: f64[...].
        targets: of the same shape, -1 or 1.

    Raises:
        ShapeError: where the shapes differ.

    Example:
        >>> float(hinge(np.array([0.5, 2.0]), np.array([1.0, 1.0])))
        0.25
    """
    _require_same_shape("hinge", "predictions", predictions, "targets", targets)
    return np.mean(functions.relu(1.0 - _array(targets) * _array(predictions)))


def kl_divergence(log_predictions: Array, targets: Array) -> Array:
    """Return the mean over rows of Σ t (log t - log p), 0 where a target t is 0.

    Args:
        log_predictions: log p, f64[..., classes].
        targets: the probabilities t, of the same shape.

    Raises:
        ShapeError: where the shapes differ.

    Example:
        >>> t = np.array([[0.5, 0.5], [1.0, 0.0]])
        >>> round(float(kl_divergence(np.log(np.array([[0.5, 0.5], [0.5, 0.5]])), t)), 6)
        0.346574
    """
    _require_same_shape("kl_divergence", "log_predictions", log_predictions, "targets", targets)
    t, logs = _array(targets), _array(log_predictions)
    crossed = np.where(np.equal(t, 0), 0.0, t * logs)
    return np.mean(np.sum(special.xlogy(t, t) - crossed, axis=-1))


def _array(value: Any) -> Array:
    """Return a list or number as an array; arrays and traced values as they are."""
    return value if hasattr(value, "dtype") else np.asarray(value)


def _require_same_shape(loss: str, name: str, left: Array, other: str, right: Array) -> None:
    """Refuse two arrays of different shapes.

    Raises `ShapeError` naming the loss and both arguments.
    """
    shapes = np.shape(left), np.shape(right)
    if shapes[0] != shapes[1]:
        raise ShapeError(
            f"{loss} takes {name} and {other} of one shape, and is given {shown(shapes[0])} and "
            f"{shown(shapes[1])}{where()}: reshape one of them"
        )


def _require_classes(logits: Array, labels: Array) -> None:
    """Refuse labels that are not one integer for each row of logits."""
    shape, given = np.shape(logits), np.shape(labels)
    if given != shape[:-1]:
        raise ShapeError(
            f"softmax_cross_entropy with logits of shape {shown(shape)} takes labels of shape "
            f"{shown(shape[:-1])} (classes) or {shown(shape)} (probabilities), and is given "
            f"{shown(given)}{where()}"
        )
    if labels.dtype.kind not in "iu":
        raise TypeMismatchError(
            f"softmax_cross_entropy takes one integer class for each row, and is given labels of "
            f"dtype {labels.dtype}{where()}: write labels.astype(int), or a probability for each "
            "class"
        )
