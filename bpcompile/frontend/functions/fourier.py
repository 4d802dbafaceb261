"""Answer `numpy.fft`: Fourier transforms of real values, and of the complex ones that they give.

Each is one of the three transforms of rows in `bpcompile.ops.fourier`, with its axis moved to the
end, cut or filled up with zeros to `n`, and divided as `norm` says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bpcompile.errors import ArgumentError, ShapeError
from bpcompile.frontend.complex.pairs import Complex, as_complex, is_complex, is_zero, refusal
from bpcompile.frontend.elementwise import as_float
from bpcompile.frontend.functions.axes import one_axis
from bpcompile.frontend.functions.creation import arange, is_traced
from bpcompile.frontend.functions.matrices import apply, apply_all
from bpcompile.frontend.lengths.length import length
from bpcompile.frontend.lengths.runtime import required_size
from bpcompile.frontend.lift import lift
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, refuse_keywords, rule
from bpcompile.frontend.session import current
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.dims import Size, floor_div, product

Value = Tracer | Complex


# Rows: the axis of a transform, moved to the end and as long as it shall be


def _float(a: Any) -> Value:
    """Return a value as complex floats where it is complex, else as real ones."""
    if is_complex(a):
        z = as_complex(a)
        return z.real if is_zero(z.imag) else z
    return as_float(a)


def _along(a: Value, axis: Any, function: str) -> int:
    """Return an axis of a value.

    Raises `ShapeError` for a scalar.
    """
    if not a.ndim:
        raise ShapeError(f"np.fft.{function} of a scalar{where()}: give an array")
    return one_axis(axis, a.ndim, a.real)


def _count(n: Any, known: Size, function: str) -> Size:
    """Return the number of places of a transform.

    Raises `ShapeError` where there are none.
    """
    found = known if n is None else required_size(n, f"n of np.fft.{function}")
    if not current().session.sizes.decide(found, ">=", 1, f"n of np.fft.{function}"):
        raise ShapeError(f"np.fft.{function} of {found} places{where()}: write at least one")
    return found


def _fitted(a: Any, axis: int, count: Size) -> Any:
    """Return a value cut, or filled up with zeros, to a number of places along an axis."""
    sizes = current().session.sizes
    own = a.sizes[axis]
    if sizes.decide(own, "==", count, "n of a Fourier transform"):
        return a
    if sizes.decide(own, ">", count, "n of a Fourier transform"):
        return a[(slice(None),) * axis + (slice(0, length(count)),)]
    shape = tuple(length(count - own) if k == axis else n for k, n in enumerate(a.shape))
    return np.concatenate([a, np.zeros_like(a.real, shape=shape)], axis=axis)


def _rows(x: Tracer, axis: int) -> Tracer:
    """Return the vectors along an axis as rows of a matrix."""
    moved = RULES["moveaxis"](x, axis, -1)
    *batch, n = moved.sizes
    found: Tracer = RULES["reshape"](moved, (length(product(tuple(batch))), length(n)))
    return found


def _back(rows: Tracer, like: Value, axis: int) -> Tracer:
    """Return the rows of a matrix as vectors along an axis, beside the other axes of a value."""
    others = [n for k, n in enumerate(like.shape) if k != axis]
    found: Tracer = RULES["reshape"](rows, (*others, length(rows.sizes[-1])))
    return RULES["moveaxis"](found, -1, axis)  # type: ignore[no-any-return]  # rules are untyped


def _scale(count: Size, norm: Any, *, inverse: bool) -> Any:
    """Return what a transform is multiplied by, None for 1.

    Raises `ArgumentError` for another norm than NumPy has.
    """
    if norm not in (None, "backward", "ortho", "forward"):
        raise ArgumentError(
            f"norm={norm!r} of a Fourier transform{where()}: write 'backward', 'ortho' or 'forward'"
        )
    if norm == "ortho":
        return RULES["divide"](1.0, RULES["sqrt"](lift(length(count))))
    divides = (norm == "forward") is not inverse
    return RULES["divide"](1.0, lift(length(count))) if divides else None


def _scaled(x: Any, scale: Any) -> Any:
    """Return a value times a number."""
    return x if scale is None else x * scale


# One axis


def _half(x: Tracer, axis: int) -> Complex:
    """Return the first half of the transform of real values."""
    parts = apply_all("rdft", _rows(x, axis), doubled=False)
    return Complex(*(_back(part, x, axis) for part in parts))


def _whole(half: Complex, axis: int, count: Size) -> Complex:
    """Return a transform whose other half is conjugate to the first, in the opposite order."""
    around = (slice(None),) * axis
    places = (*around, slice(1, length(count - floor_div(count, 2))))
    others = RULES["flip"](half[places], axis)
    re = np.concatenate([half.real, others.real], axis=axis)
    return Complex(re, np.concatenate([half.imag, -others.imag], axis=axis))


def _transform(a: Any, n: Any, axis: Any, norm: Any, function: str, inverse: bool) -> Complex:
    """Return the transform of all places, of real values by half of it."""
    value = _float(a)
    along = _along(value, axis, function)
    count = _count(n, value.sizes[along], function)
    value = _fitted(value, along, count)
    if isinstance(value, Complex):
        parts = (_rows(part, along) for part in (value.real, value.imag))
        found = apply_all("dft", *parts, inverse=inverse)
        z = Complex(*(_back(part, value, along) for part in found))
    else:
        z = _whole(_half(value, along), along, count)
        z = RULES["conjugate"](z) if inverse else z
    scaled: Complex = _scaled(z, _scale(count, norm, inverse=inverse))
    return scaled


@rule("fft.fft")
def fft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Complex:
    """Return Σⱼ aⱼ e^(-2πijk/n)."""
    refuse_keywords("fft.fft", {"out": out}, out=None)
    return _transform(a, n, axis, norm, "fft", False)


@rule("fft.ifft")
def ifft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Complex:
    """Return Σⱼ aⱼ e^(2πijk/n) / n."""
    refuse_keywords("fft.ifft", {"out": out}, out=None)
    return _transform(a, n, axis, norm, "ifft", True)


@rule("fft.rfft")
def rfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Complex:
    """Return the first half, k <= n/2, of the transform of real values."""
    refuse_keywords("fft.rfft", {"out": out}, out=None)
    value = _float(a)
    if isinstance(value, Complex):
        raise refusal(value, "np.fft.rfft takes real values, and ")
    along = _along(value, axis, "rfft")
    count = _count(n, value.sizes[along], "rfft")
    z = _half(_fitted(value, along, count), along)
    scaled: Complex = _scaled(z, _scale(count, norm, inverse=False))
    return scaled


@rule("fft.irfft")
def irfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Tracer:
    """Return the real values of which the first half of the transform is given."""
    refuse_keywords("fft.irfft", {"out": out}, out=None)
    value = as_complex(a)
    along = _along(value, axis, "irfft")
    count = _count(n, 2 * (value.sizes[along] - 1), "irfft")
    half = _fitted(value, along, floor_div(count, 2) + 1)
    parts = (_rows(part, along) for part in (half.real, half.imag))
    rows = apply("irdft", *parts, length=current().session.sizes.resolve(count), doubled=True)
    found: Tracer = _scaled(_back(rows, half, along), _scale(count, norm, inverse=True))
    return found


_OPPOSITE = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


@rule("fft.hfft")
def hfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Tracer:
    """Return the real transform of values of which the first half is given."""
    return irfft(RULES["conjugate"](a), n, axis, _OPPOSITE.get(norm, norm), out)


@rule("fft.ihfft")
def ihfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Complex:
    """Return the first half of the values of which the transform is given and real."""
    found: Complex = RULES["conjugate"](rfft(a, n, axis, _OPPOSITE.get(norm, norm), out))
    return found


# Several axes

One = Callable[..., Any]


def _axes_of(a: Any, s: Any, axes: Any, function: str) -> tuple[list[Any], list[int]]:
    """Return the number of places, or None, and the axis of each transform."""
    value = a if isinstance(a, Complex) else as_complex(a) if is_complex(a) else lift(a)
    count = value.ndim if s is None else len(s)
    chosen = range(-count, 0) if axes is None else axes
    places = [_along(value, axis, function) for axis in chosen]
    counts = [None] * len(places) if s is None else [None if n == -1 else n for n in s]
    if len(counts) != len(places):
        raise ShapeError(
            f"np.fft.{function} of {describe(value.real)}{where()} has {len(counts)} lengths for "
            f"{len(places)} axes: give one for each"
        )
    return counts, places


def _each(a: Any, one: One, counts: Sequence[Any], axes: Sequence[int], norm: Any) -> Any:
    """Return the transforms along axes, the last one first."""
    for n, axis in reversed(list(zip(counts, axes, strict=True))):
        a = one(a, n, axis, norm)
    return a


def _complex_axes(one: One, function: str, default: Any) -> One:
    """Return the transform of complex values along several axes."""

    def answer(
        a: Any, s: Any = None, axes: Any = default, norm: Any = None, out: Any = None
    ) -> Complex:
        refuse_keywords(f"fft.{function}", {"out": out}, out=None)
        counts, places = _axes_of(a, s, axes, function)
        return as_complex(_each(a, one, counts, places, norm))

    return answer


def _real_axes(function: str, default: Any, *, inverse: bool) -> One:
    """Return the transform of real values along several axes, or its inverse."""

    def answer(
        a: Any, s: Any = None, axes: Any = default, norm: Any = None, out: Any = None
    ) -> Any:
        refuse_keywords(f"fft.{function}", {"out": out}, out=None)
        counts, places = _axes_of(a, s, axes, function)
        if not places:
            raise ShapeError(f"np.fft.{function} over no axis{where()}: name at least one")
        last = counts[-1], places[-1], norm
        if inverse:
            for n, axis in zip(counts[:-1], places[:-1], strict=True):
                a = ifft(a, n, axis, norm)
            return irfft(a, *last)
        return _each(rfft(a, *last), fft, counts[:-1], places[:-1], norm)

    return answer


for _ending, _axes in (("2", (-2, -1)), ("n", None)):
    for _name, _one in (("fft", fft), ("ifft", ifft)):
        RULES[f"fft.{_name}{_ending}"] = _complex_axes(_one, f"{_name}{_ending}", _axes)
    for _name in ("rfft", "irfft"):
        _many = _real_axes(f"{_name}{_ending}", _axes, inverse=_name == "irfft")
        RULES[f"fft.{_name}{_ending}"] = _many


# Order and frequencies


def _shifted(x: Any, axes: Any, *, back: bool) -> Any:
    """Return a value rolled by half of each axis."""
    value = lift(x)
    chosen = range(value.ndim) if axes is None else axes if np.ndim(axes) else (axes,)
    places = [one_axis(axis, value.ndim, value) for axis in chosen]
    for axis in places:
        count = value.sizes[axis]
        cut = floor_div(count, 2) if back else count - floor_div(count, 2)
        around = (slice(None),) * axis
        parts = [value[(*around, part)] for part in (slice(length(cut), None),
                                                      slice(0, length(cut)))]  # fmt: skip
        value = RULES["concatenate"](parts, axis=axis)
    return value


@rule("fft.fftshift")
def fftshift(x: Any, axes: Any = None) -> Any:
    """Return a spectrum with frequency zero in the middle."""
    return _shifted(x, axes, back=False)


@rule("fft.ifftshift")
def ifftshift(x: Any, axes: Any = None) -> Any:
    """Return a spectrum with frequency zero first again."""
    return _shifted(x, axes, back=True)


def fftfreq(n: Any, d: Any = 1.0, **_: Any) -> Any:
    """Return the frequencies of `np.fft.fft`."""
    if not is_traced((n, d)):
        return np.fft.fftfreq(n, d, **_)
    refuse_keywords("fft.fftfreq", _, device=None)
    count = required_size(n, "n of np.fft.fftfreq")
    places: Any = arange(length(count))
    behind = RULES["greater_equal"](places, length(count - floor_div(count, 2)))
    places = RULES["where"](behind, places - length(count), places)
    return places * RULES["divide"](1.0, lift(length(count)) * d)


def rfftfreq(n: Any, d: Any = 1.0, **_: Any) -> Any:
    """Return the frequencies of `np.fft.rfft`."""
    if not is_traced((n, d)):
        return np.fft.rfftfreq(n, d, **_)
    refuse_keywords("fft.rfftfreq", _, device=None)
    count = required_size(n, "n of np.fft.rfftfreq")
    places: Any = arange(length(floor_div(count, 2) + 1))
    return places * RULES["divide"](1.0, lift(length(count)) * d)


# What the source rewriting calls in place of NumPy's functions, which do not dispatch.
FREQUENCIES: dict[Any, Callable[..., Any]] = {
    np.fft.fftfreq: fftfreq,
    np.fft.rfftfreq: rfftfreq,
}
