"""Answer what looks through moving windows: sliding_window_view, convolve, correlate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bpcompile.errors import ShapeError, UnsupportedError
from bpcompile.frontend.elementwise import counting
from bpcompile.frontend.functions.axes import one_axis
from bpcompile.frontend.lengths.runtime import required_size
from bpcompile.frontend.lift import lift, lift_all
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, refuse_keywords, rule
from bpcompile.frontend.session import current
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.dims import Size, floor_div
from bpcompile.ops.index import At, Slice, index, whole


@rule("sliding_window_view")
def sliding_window_view(x: Any, window_shape: Any, axis: Any = None, **_: Any) -> Tracer:
    """Return the stretches of axes that begin at each place; windows stand behind the axes."""
    refuse_keywords("lib.stride_tricks.sliding_window_view", _, subok=False, writeable=False)
    value = lift(x)
    given = window_shape if isinstance(window_shape, (tuple, list)) else (window_shape,)
    lengths = [required_size(part, "the length of a window") for part in given]
    named = range(value.ndim) if axis is None else axis
    axes = [one_axis(k, value.ndim, value) for k in (named if np.ndim(named) else (named,))]
    if len(lengths) != len(axes):
        raise ShapeError(
            f"{len(lengths)} window lengths for {len(axes)} axes of {describe(value)}{where()}: "
            "give one for each axis"
        )
    ones = (1,) * len(axes)
    found: Any = moving_windows(value, axes, lengths, ones, ones)
    # The windows' axes stand where the first of the axes stood: counts go back, lengths go last.
    first, count = min(axes), len(axes)
    others = [k for k in range(value.ndim) if k not in axes]
    position = {axis: first + k for k, axis in enumerate(axes)}
    position |= {k: k for k in others[:first]}
    position |= {axis: first + 2 * count + k for k, axis in enumerate(others[first:])}
    order = [position[axis] for axis in range(value.ndim)]
    turned: Tracer = RULES["transpose"](found, (*order, *(first + count + k for k in range(count))))
    return turned


@rule("moving_windows")
def moving_windows(
    x: Tracer, axes: Sequence[int], lengths: Sequence[Size], strides: Sequence[int],
    dilations: Sequence[int],
) -> Tracer:  # fmt: skip
    """Return windows of axes, read in one go.

    In the place of the first axis stand those of the places where windows begin, `strides` apart,
    and then those inside of windows, `dilations` apart.
    """
    frame = current()
    frame.mark()
    value = frame.expr(x.expr)
    shape = frame.session.sizes.resolve_shape(value.shape)
    counts = []
    for axis, length, stride, dilation in zip(axes, lengths, strides, dilations, strict=True):
        extent = (length - 1) * dilation + 1
        if not frame.session.sizes.decide(shape[axis], ">=", extent, "the length of a window"):
            raise ShapeError(
                f"a window of {extent} places is longer than axis {axis} of {describe(x)}{where()}:"
                " write a shorter one"
            )
        counts.append(floor_div(shape[axis] - extent, stride) + 1)
    around = (*counts, *lengths)
    spec: list[At | Slice] = [whole(n) for n in shape]
    places = []
    for k, axis in enumerate(axes):
        spec[axis] = At(k)
        begin = counting(frame, around, k) * strides[k]
        places.append(begin + counting(frame, around, len(axes) + k) * dilations[k])
    found = index(value, *places, spec=tuple(spec))
    return Tracer(found, x.weak)


def _operands(a: Any, v: Any, function: str) -> list[Any]:
    """Return two vectors, the longer one first if `function` may exchange them."""
    found = lift_all((a, v))
    for x in found:
        if x.ndim > 1:
            raise ShapeError(f"np.{function} of {describe(x)}{where()}: give vectors")
    vectors: list[Any] = [RULES["atleast_1d"](x) for x in found]
    sizes = current().session.sizes
    for x in vectors:
        if not sizes.decide(x.sizes[0], ">", 0, f"np.{function}"):
            raise ShapeError(f"np.{function} of {describe(x)} without elements{where()}")
    return vectors


def _slid(a: Any, v: Any, mode: str, function: str) -> Any:
    """Return Σⱼ a[k + j] v[j] for the places k of a mode; `a` is the longer one."""
    m = v.shape[0]
    match mode:
        case "full":
            before = behind = m - 1
        case "same":
            before, behind = m // 2, m - 1 - m // 2
        case "valid":
            before = behind = 0
        case _:
            raise UnsupportedError(
                f"mode={mode!r} of np.{function}{where()}: write 'full', 'same' or 'valid'"
            )
    products = sliding_window_view(_padded(a, before, behind), m) * v
    return np.any(products, axis=1) if products.dtype == bool else np.sum(products, axis=1)


def _padded(x: Any, before: Any, behind: Any) -> Any:
    """Return a vector with zeros around it."""
    zero = RULES["zeros_like"](x[:1])
    parts = [np.broadcast_to(zero, (before,)), x, np.broadcast_to(zero, (behind,))]
    return np.concatenate(parts)


@rule("correlate")
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """Return the sums of products of a vector with another one that is moved along it."""
    if not (lift(a).ndim and lift(v).ndim):
        raise ShapeError(f"np.correlate of a number{where()}: give two vectors")
    first, second = _operands(a, v, "correlate")
    sizes = current().session.sizes
    if sizes.decide(first.sizes[0], ">=", second.sizes[0], "np.correlate"):
        return _slid(first, second, mode, "correlate")
    return _slid(second, first, mode, "correlate")[::-1]


@rule("convolve")
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """Return the sums of products of a vector with another one that is moved along it, turned."""
    first, second = _operands(a, v, "convolve")
    sizes = current().session.sizes
    if not sizes.decide(first.sizes[0], ">=", second.sizes[0], "np.convolve"):
        first, second = second, first
    return _slid(first, second[::-1], mode, "convolve")
