"""Slide kernels over signals, images and volumes: convolutions, their transposes, pooling.

Arrays are laid out as PyTorch has them: a batch, channels, then the axes in space. What is called
a convolution is a correlation, the kernel not turned, as everywhere in networks. All windows are
gathered as rows of a matrix, so that one matrix product does the work (K. Chellapilla, S. Puri and
P. Simard, "High Performance Convolutional Neural Networks for Document Processing", 2006).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bpcompile.errors import ArgumentError, ShapeError
from bpcompile.frontend.functions.creation import is_traced
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES
from bpcompile.nn.shapes import shown

Array = Any
Sizes = int | Sequence[int]


def conv1d(
    x: Array, weight: Array, bias: Array | None = None, stride: Sizes = 1,
    padding: Sizes | str = 0, dilation: Sizes = 1, groups: int = 1,
) -> Array:  # fmt: skip
    """Correlate signals with kernels.

    Args:
        x: f64[batch, channels, length].
        weight: f64[outputs, channels // groups, width].
        bias: f64[outputs], or None.
        stride: how far apart windows begin.
        padding: how many zeros are added at each end, ``"valid"`` for none, ``"same"`` for so many
            that with stride 1 the length stays.
        dilation: how far apart the places of a window are.
        groups: into how many parts channels and outputs are split; each sees its own part.

    Returns:
        f64[batch, outputs, (length + 2 padding - dilation (width - 1) - 1) // stride + 1].

    Raises:
        ShapeError: where the shapes do not fit.
        ArgumentError: for sizes that are no positive ints.

    Example:
        >>> conv1d(np.ones((1, 1, 4)), np.ones((1, 1, 2)))
        array([[[2., 2., 2.]]])
    """
    return _convolved("conv1d", 1, x, weight, bias, stride, padding, dilation, groups)


def conv2d(
    x: Array, weight: Array, bias: Array | None = None, stride: Sizes = 1,
    padding: Sizes | str = 0, dilation: Sizes = 1, groups: int = 1,
) -> Array:  # fmt: skip
    """Correlate images with kernels; sizes may be given for height and width apart.

    Args:
        x: f64[batch, channels, height, width].
        weight: f64[outputs, channels // groups, rows, columns].
        bias: f64[outputs], or None.
        stride: see `conv1d`.
        padding: see `conv1d`.
        dilation: see `conv1d`.
        groups: see `conv1d`.

    Returns:
        f64[batch, outputs, ..., ...], the lengths as in `conv1d`.

    Raises:
        ShapeError: where the shapes do not fit.
        ArgumentError: for sizes that are no positive ints.

    Example:
        >>> conv2d(np.ones((2, 3, 8, 8)), np.ones((4, 3, 3, 3)), padding="same").shape
        (2, 4, 8, 8)
    """
    return _convolved("conv2d", 2, x, weight, bias, stride, padding, dilation, groups)


def conv3d(
    x: Array, weight: Array, bias: Array | None = None, stride: Sizes = 1,
    padding: Sizes | str = 0, dilation: Sizes = 1, groups: int = 1,
) -> Array:  # fmt: skip
    """Correlate volumes with kernels; sizes may be given for each axis apart.

    Args:
        x: f64[batch, channels, depth, height, width].
        weight: f64[outputs, channels // groups, layers, rows, columns].
        bias: f64[outputs], or None.
        stride: see `conv1d`.
        padding: see `conv1d`.
        dilation: see `conv1d`.
        groups: see `conv1d`.

    Returns:
        f64[batch, outputs, ..., ..., ...], the lengths as in `conv1d`.

    Raises:
        ShapeError: where the shapes do not fit.
        ArgumentError: for sizes that are no positive ints.

    Example:
        >>> conv3d(np.ones((1, 1, 4, 4, 4)), np.ones((2, 1, 2, 2, 2)), stride=2).shape
        (1, 2, 2, 2, 2)
    """
    return _convolved("conv3d", 3, x, weight, bias, stride, padding, dilation, groups)


def _shape(x: Array) -> str:
    """Return the shape of an array for a message."""
    return shown(np.shape(x))


def _sizes(function: str, name: str, given: Sizes, count: int, least: int) -> tuple[int, ...]:
    """Return one int for each axis in space."""
    sizes = (given,) * count if isinstance(given, (int, np.integer)) else tuple(given)
    fits = len(sizes) == count and all(isinstance(n, (int, np.integer)) for n in sizes)
    if not fits or any(n < least for n in sizes):
        raise ArgumentError(
            f"{name}={given!r} of bp.nn.{function}{where()}: write an int from {least} on, or "
            f"{count} of them"
        )
    return tuple(int(n) for n in sizes)


def _require(function: str, x: Array, rank: int, name: str) -> None:
    """Check the number of axes."""
    if np.ndim(x) != rank:
        axes = "batch, channels" if name == "x" else "outputs, channels"
        raise ShapeError(
            f"{name} of bp.nn.{function} is {_shape(x)}{where()}: give {rank} axes, {axes} "
            "and those in space"
        )


def _paddings(function: str, given: Sizes | str, extents: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return how many zeros stand before and behind each axis in space."""
    if given == "same":
        return [((n - 1) // 2, n - 1 - (n - 1) // 2) for n in extents]
    if isinstance(given, str) and given != "valid":
        raise ArgumentError(
            f"padding={given!r} of bp.nn.{function}{where()}: write 'valid', 'same' or an int"
        )
    widths: Sizes = 0 if isinstance(given, str) else given
    return [(n, n) for n in _sizes(function, "padding", widths, len(extents), 0)]


def _kernel_sizes(function: str, weight: Array, count: int) -> tuple[int, ...]:
    """Return the lengths of a kernel, which from here on are known."""
    _require(function, weight, count + 2, "weight")
    return tuple(int(n) for n in weight.shape[2:])


def _in_windows(
    x: Array, first: int, kernel: tuple[int, ...], strides: tuple[int, ...],
    dilations: tuple[int, ...],
) -> Array:  # fmt: skip
    """Return the windows of axes from `first` on: their places, and then the places in them."""
    count = len(kernel)
    axes = tuple(range(first, first + count))
    if is_traced(x):
        return RULES["moving_windows"](x, axes, kernel, strides, dilations)
    extents = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True))
    windows: Array = sliding_window_view(x, extents, axis=axes)
    steps = tuple(slice(None, None, step) for step in strides)
    inner = tuple(slice(None, None, step) for step in dilations)
    windows = windows[(*(slice(None),) * first, *steps, ..., *inner)]
    return np.moveaxis(
        windows, tuple(range(-count, 0)), tuple(range(axes[-1] + 1, axes[-1] + 1 + count))
    )


def _convolved(
    function: str, count: int, x: Array, weight: Array, bias: Array | None, stride: Sizes,
    padding: Sizes | str, dilation: Sizes, groups: int,
) -> Array:  # fmt: skip
    """Correlate along `count` axes."""
    _require(function, x, count + 2, "x")
    kernel = _kernel_sizes(function, weight, count)
    strides = _sizes(function, "stride", stride, count, 1)
    dilations = _sizes(function, "dilation", dilation, count, 1)
    (parts,) = _sizes(function, "groups", groups, 1, 1)
    outputs, channels = int(weight.shape[0]), int(weight.shape[1])
    if outputs % parts or x.shape[1] != channels * parts:
        raise ShapeError(
            f"bp.nn.{function} of x {_shape(x)} with weight {_shape(weight)} in {parts} groups"
            f"{where()}: the weight needs channels // groups input channels, and outputs that the "
            "groups divide"
        )
    extents = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True))
    widths = _paddings(function, padding, extents)
    padded = np.pad(x, ((0, 0), (0, 0), *widths)) if any(map(any, widths)) else x
    # With the channels last a window lies in one row, and the rows are a matrix as they are.
    windows = _in_windows(np.moveaxis(padded, 1, -1), 1, kernel, strides, dilations)
    found = _product(windows, weight, count, parts)
    return found if bias is None else found + np.reshape(bias, (-1, *(1,) * count))


def _product(windows: Array, weight: Array, count: int, groups: int) -> Array:
    """Return the sums of products of windows and kernels, the outputs as the second axis.

    Windows have the axes batch, their places, the places in them, channels.
    """
    batch, places = windows.shape[0], windows.shape[1 : 1 + count]
    outputs, size = int(weight.shape[0]), math.prod(int(n) for n in weight.shape[1:])
    kernels = np.reshape(np.moveaxis(weight, 1, -1), (outputs, size))
    if groups == 1:
        found = np.reshape(windows, (-1, size)) @ kernels.T
        return np.moveaxis(np.reshape(found, (batch, *places, outputs)), -1, 1)
    apart = np.reshape(windows, (*windows.shape[:-1], groups, -1))
    rows = np.reshape(np.moveaxis(apart, -2, 0), (groups, -1, size))
    parts = np.reshape(kernels, (groups, outputs // groups, size))
    found = np.matmul(rows, np.swapaxes(parts, 1, 2))
    found = np.reshape(found, (groups, batch, *places, outputs // groups))
    turned = np.moveaxis(found, (0, -1), (1, 2))
    return np.reshape(turned, (batch, outputs, *places))


# Transposed convolutions


def _transposed(function: str, count: int) -> Callable[..., Array]:
    """Return the function that spreads kernels: the transpose of a convolution."""

    def call(
        x: Array, weight: Array, bias: Array | None = None, stride: Sizes = 1, padding: Sizes = 0,
        output_padding: Sizes = 0, groups: int = 1, dilation: Sizes = 1,
    ) -> Array:  # fmt: skip
        _require(function, x, count + 2, "x")
        kernel = _kernel_sizes(function, weight, count)
        strides = _sizes(function, "stride", stride, count, 1)
        dilations = _sizes(function, "dilation", dilation, count, 1)
        widths = _sizes(function, "padding", padding, count, 0)
        more = _sizes(function, "output_padding", output_padding, count, 0)
        (parts,) = _sizes(function, "groups", groups, 1, 1)
        inputs, outputs = int(weight.shape[0]), int(weight.shape[1])
        if inputs % parts or x.shape[1] != inputs:
            raise ShapeError(
                f"bp.nn.{function} of x {_shape(x)} with weight {_shape(weight)} in {parts} groups"
                f"{where()}: the weight needs as many input channels, and groups that divide them"
            )
        spread = x
        for axis, step in enumerate(strides):
            spread = _with_gaps(spread, 2 + axis, step)
        lengths = [d * (k - 1) for k, d in zip(kernel, dilations, strict=True)]
        ends = [(n - w, n - w + m) for n, w, m in zip(lengths, widths, more, strict=True)]
        padded = np.pad(spread, ((0, 0), (0, 0), *((max(a, 0), max(b, 0)) for a, b in ends)))
        crops = (slice(max(-a, 0), -max(-b, 0) or None) for a, b in ends)
        padded = padded[(slice(None), slice(None), *crops)]
        turned = np.flip(weight, axis=tuple(range(2, 2 + count)))
        grouped = np.reshape(turned, (parts, inputs // parts, outputs, *kernel))
        kernels = np.reshape(np.swapaxes(grouped, 1, 2), (parts * outputs, -1, *kernel))
        return _convolved(function, count, padded, kernels, bias, 1, 0, dilation, groups)

    call.__name__ = call.__qualname__ = function
    space = ("length", "height, width", "depth, height, width")[count - 1]
    call.__doc__ = f"""Spread kernels over an array: the transpose of `conv{count}d`.

    Args:
        x: f64[batch, channels, {space}].
        weight: f64[channels, outputs // groups, {space}].
        bias: f64[outputs], or None.
        stride: how far apart the kernels are laid.
        padding: how many places are cut off at each end.
        output_padding: how many more places there are at the end.
        groups: see `conv1d`.
        dilation: see `conv1d`.

    Returns:
        f64[batch, outputs, ...], of (n - 1) stride - 2 padding + dilation (width - 1) +
        output_padding + 1 places along each axis in space.

    Raises:
        ShapeError: where the shapes do not fit.
        ArgumentError: for sizes that are no ints in range.
    """
    return call


def _with_gaps(x: Array, axis: int, step: int) -> Array:
    """Return an array with zeros between the places of an axis."""
    if step == 1:
        return x
    apart = np.expand_dims(x, axis + 1)
    widths = [(0, step - 1) if k == axis + 1 else (0, 0) for k in range(np.ndim(apart))]
    filled = np.pad(apart, widths)
    shape = tuple(-1 if k == axis else n for k, n in enumerate(x.shape))
    joined = np.reshape(filled, shape)
    return joined[(*(slice(None),) * axis, slice(None, 1 - step))]


conv_transpose1d = _transposed("conv_transpose1d", 1)
conv_transpose2d = _transposed("conv_transpose2d", 2)
conv_transpose3d = _transposed("conv_transpose3d", 3)


# Pooling


def _pooled(
    function: str, x: Array, size: Sizes, stride: Sizes | None, padding: Sizes, fill: float,
    fold: Callable[..., Array],
) -> Array:  # fmt: skip
    """Fold each window of the axes in space."""
    count = np.ndim(x) - 2
    if count not in (1, 2, 3):
        raise ShapeError(
            f"x of bp.nn.{function} is {_shape(x)}{where()}: give a batch, channels, and 1 to "
            "3 axes in space"
        )
    sizes = _sizes(function, "size", size, count, 1)
    strides = sizes if stride is None else _sizes(function, "stride", stride, count, 1)
    widths = [(n, n) for n in _sizes(function, "padding", padding, count, 0)]
    if any(2 * width[0] > n for width, n in zip(widths, sizes, strict=True)):
        raise ArgumentError(
            f"padding={padding!r} of bp.nn.{function}{where()} is more than half of the window: "
            "write less"
        )
    padded = x
    if any(map(any, widths)):
        padded = np.pad(x, ((0, 0), (0, 0), *widths), constant_values=fill)
    windows = _in_windows(padded, 2, sizes, strides, (1,) * count)
    return fold(windows, axis=tuple(range(2 + count, 2 + 2 * count)))


def max_pool(x: Array, size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> Array:
    """Return the largest element of each window; ties share the derivative evenly.

    Args:
        x: f64[batch, channels, ...], with 1 to 3 axes in space.
        size: the lengths of a window.
        stride: how far apart windows begin; their length if not given.
        padding: how many places of -inf are added at each end.

    Returns:
        f64[batch, channels, ...].

    Raises:
        ShapeError: where the shapes do not fit.
        ArgumentError: for sizes that are no ints in range.

    Example:
        >>> max_pool(np.array([[[1.0, 3.0, 2.0, 0.0]]]), 2)
        array([[[3., 2.]]])
    """
    return _pooled("max_pool", x, size, stride, padding, -np.inf, np.max)


def avg_pool(x: Array, size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> Array:
    """Return the mean of each window, zeros of the padding counted.

    Args:
        x: f64[batch, channels, ...], with 1 to 3 axes in space.
        size: the lengths of a window.
        stride: how far apart windows begin; their length if not given.
        padding: how many zeros are added at each end.

    Returns:
        f64[batch, channels, ...].

    Raises:
        ShapeError: where the shapes do not fit.
        ArgumentError: for sizes that are no ints in range.

    Example:
        >>> avg_pool(np.array([[[1.0, 3.0, 2.0, 0.0]]]), 2)
        array([[[2., 1.]]])
    """
    return _pooled("avg_pool", x, size, stride, padding, 0.0, np.mean)
