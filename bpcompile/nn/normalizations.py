"""Bring activations to mean 0 and variance 1: batch, layer, group and root-mean-square.

The variance is that of the population, its mean subtracted first, and `epsilon` is added to it
before the root is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bpcompile.errors import ArgumentError, ShapeError
from bpcompile.frontend.origins import where
from bpcompile.nn.shapes import shown

Array = Any


def standardize(
    x: Array, axis: int | Sequence[int] = -1, mean: Array | None = None,
    variance: Array | None = None, epsilon: float = 1e-5,
) -> Array:  # fmt: skip
    """Return (x - mean)/√(variance + epsilon), both along axes where they are not given.

    Args:
        x: f64[...].
        axis: the axes of mean and variance.
        mean: of a shape that broadcasts with x, or None.
        variance: likewise.
        epsilon: what is added to the variance.

    Returns:
        An array of the shape of x.

    Example:
        >>> standardize(np.array([1.0, 3.0]), epsilon=0.0)
        array([-1.,  1.])
    """
    axes = tuple(axis) if isinstance(axis, Sequence) else axis
    centre = np.mean(x, axis=axes, keepdims=True) if mean is None else mean
    centred = x - centre
    if variance is None:
        variance = np.mean(centred * centred, axis=axes, keepdims=True)
    return centred / np.sqrt(variance + epsilon)


def _scaled(x: Array, scale: Array | None, shift: Array | None) -> Array:
    """Return x times a scale plus a shift, where they are given."""
    if scale is not None:
        x = x * scale
    return x if shift is None else x + shift


def _along(parameter: Array | None, axis: int, rank: int) -> Array | None:
    """Return a vector as an array that broadcasts along one of several axes."""
    if parameter is None or np.ndim(parameter) != 1:
        return parameter
    return np.reshape(parameter, tuple(-1 if k == axis else 1 for k in range(rank)))


def layer_norm(
    x: Array, scale: Array | None = None, shift: Array | None = None, epsilon: float = 1e-5,
    axis: int | Sequence[int] = -1,
) -> Array:  # fmt: skip
    """Standardise each row of the last axes (J. L. Ba, J. R. Kiros and G. E. Hinton, 2016).

    Args:
        x: f64[..., n].
        scale: f64[n], or None.
        shift: f64[n], or None.
        epsilon: what is added to the variance.
        axis: the axes of a row.

    Returns:
        An array of the shape of x.

    Example:
        >>> layer_norm(np.array([[1.0, 3.0], [2.0, 2.0]]), epsilon=0.0 + 1e-12).round(3)
        array([[-1.,  1.],
               [ 0.,  0.]])
    """
    return _scaled(standardize(x, axis, epsilon=epsilon), scale, shift)


def rms_norm(
    x: Array, scale: Array | None = None, epsilon: float = 1e-5, axis: int | Sequence[int] = -1
) -> Array:
    """Divide each row of the last axes by its root mean square (B. Zhang and R. Sennrich, 2019).

    Args:
        x: f64[..., n].
        scale: f64[n], or None.
        epsilon: what is added to the mean square.
        axis: the axes of a row.

    Returns:
        An array of the shape of x.

    Example:
        >>> rms_norm(np.array([3.0, -3.0]), epsilon=0.0)
        array([ 1., -1.])
    """
    axes = tuple(axis) if isinstance(axis, Sequence) else axis
    size = np.sqrt(np.mean(x * x, axis=axes, keepdims=True) + epsilon)
    return _scaled(x / size, scale, None)


def group_norm(
    x: Array, groups: int, scale: Array | None = None, shift: Array | None = None,
    epsilon: float = 1e-5,
) -> Array:  # fmt: skip
    """Standardise groups of channels in each example (Y. Wu and K. He, 2018).

    Args:
        x: f64[batch, channels, ...].
        groups: into how many parts the channels are split; 1 for all together, as many as there
            are channels for each alone (instance normalisation).
        scale: f64[channels], or None.
        shift: f64[channels], or None.
        epsilon: what is added to the variance.

    Returns:
        An array of the shape of x.

    Raises:
        ShapeError: where there are no channels that the groups divide.

    Example:
        >>> group_norm(np.array([[[1.0], [3.0]]]), 1, epsilon=0.0)
        array([[[-1.],
                [ 1.]]])
    """
    if groups < 1:
        raise ArgumentError(f"groups={groups!r} of bp.nn.group_norm{where()}: write an int from 1")
    if np.ndim(x) < 2 or x.shape[1] % groups != 0:
        raise ShapeError(
            f"bp.nn.group_norm of x {shown(np.shape(x))} in {groups} groups{where()}: the second "
            "axis is that of the channels, and the groups must divide it"
        )
    rank = np.ndim(x)
    parts = np.reshape(x, (x.shape[0], int(groups), -1))
    found = np.reshape(standardize(parts, -1, epsilon=epsilon), x.shape)
    return _scaled(found, _along(scale, 1, rank), _along(shift, 1, rank))


def batch_norm(
    x: Array, scale: Array | None = None, shift: Array | None = None, mean: Array | None = None,
    variance: Array | None = None, epsilon: float = 1e-5, axis: int = 1,
) -> Array:  # fmt: skip
    """Standardise each channel over the batch (S. Ioffe and C. Szegedy, 2015).

    With `mean` and `variance`, such as running ones, the batch is not looked at.

    Args:
        x: f64[batch, channels, ...].
        scale: f64[channels], or None.
        shift: f64[channels], or None.
        mean: f64[channels], or None.
        variance: f64[channels], or None.
        epsilon: what is added to the variance.
        axis: the axis of the channels.

    Returns:
        An array of the shape of x.

    Example:
        >>> batch_norm(np.array([[1.0], [3.0]]), epsilon=0.0)
        array([[-1.],
               [ 1.]])
    """
    rank = np.ndim(x)
    channel = axis % rank
    others = tuple(k for k in range(rank) if k != channel)
    given = [_along(v, channel, rank) for v in (mean, variance, scale, shift)]
    found = standardize(x, others, given[0], given[1], epsilon)
    return _scaled(found, given[2], given[3])
