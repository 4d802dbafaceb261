"""Answer `scipy.signal`'s convolutions of any rank, and `scipy.fft` by the rules of `numpy.fft`.

A convolution is a sum of products over moving windows, or by ``method="fft"`` a product of Fourier
transforms. ``"auto"`` is the first: which is faster depends on lengths that a call may change.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bpcompile.errors import ArgumentError, ShapeError, UnsupportedError
from bpcompile.frontend.complex.pairs import as_complex, is_complex
from bpcompile.frontend.lengths.length import length
from bpcompile.frontend.lift import lift
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, refuse_keywords, rule
from bpcompile.frontend.session import current
from bpcompile.frontend.tracer import describe
from bpcompile.ir.dims import Size, floor_div

_MODES = ("full", "same", "valid")


def _operands(a: Any, b: Any, function: str, mode: Any) -> tuple[Any, Any]:
    """Return two arrays of one rank without an axis of length 0.

    Raises `ShapeError` for any other, and `ArgumentError` for another mode.
    """
    if mode not in _MODES:
        raise ArgumentError(f"mode={mode!r} of {function}{where()}: write 'full', 'same', 'valid'")
    x, y = (as_complex(v) if is_complex(v) else lift(v) for v in (a, b))
    if x.ndim != y.ndim:
        raise ShapeError(
            f"{function} of {x.ndim} and {y.ndim} axes{where()}: give both arrays as many, as in "
            "h[:, None]"
        )
    sizes = current().session.sizes
    for value, k in itertools.product((x, y), range(x.ndim)):
        if not sizes.decide(value.sizes[k], ">", 0, function):
            raise ShapeError(f"{function} of an array without elements{where()}")
    return x, y


def _wider(x: Any, y: Any, function: str) -> bool:
    """Tell whether the first of two arrays is as long as the second along each axis.

    Raises `ShapeError` where neither is.
    """
    sizes = current().session.sizes
    pairs = list(zip(x.sizes, y.sizes, strict=True))
    if all(sizes.decide(n, ">=", m, function) for n, m in pairs):
        return True
    if all(sizes.decide(m, ">=", n, function) for n, m in pairs):
        return False
    raise ShapeError(
        f"{function} with mode='valid' of {describe(x.real)} and {describe(y.real)}{where()}: one "
        "must be as long as the other along each axis"
    )


def _slid(x: Any, y: Any) -> Any:
    """Return the sums of products of the windows of an array with another that is turned."""
    rank = x.ndim
    ones = (1,) * rank
    windows = RULES["moving_windows"](x, range(rank), y.sizes, ones, ones)
    return np.sum(windows * np.flip(y), axis=tuple(range(rank, 2 * rank)))


def _around(x: Any, widths: Sequence[tuple[Size, Size]]) -> Any:
    """Return an array with zeros around it."""
    for axis, (before, behind) in enumerate(widths):
        zeros = [
            np.zeros_like(x, shape=tuple(length(n) for n in (*x.sizes[:axis], count,
                                                             *x.sizes[axis + 1 :])))
            for count in (before, behind)
        ]  # fmt: skip
        x = np.concatenate([zeros[0], x, zeros[1]], axis=axis)
    return x


def _direct(x: Any, y: Any, mode: str, function: str) -> Any:
    """Return a convolution of real arrays as sums over windows."""
    if mode == "valid":
        return _slid(x, y) if _wider(x, y, function) else _slid(y, x)
    if mode == "full":
        return _slid(_around(x, [(m - 1, m - 1) for m in y.sizes]), y)
    widths = [(m - 1 - floor_div(m - 1, 2), floor_div(m - 1, 2)) for m in y.sizes]
    return _slid(_around(x, widths), y)


def _by_transforms(x: Any, y: Any, mode: str, axes: Any, function: str) -> Any:
    """Return a convolution as a product of Fourier transforms along axes."""
    rank = x.ndim
    named = range(rank) if axes is None else axes if np.ndim(axes) else (axes,)
    along = [axis % rank for axis in named]
    fulls = [x.sizes[k] + y.sizes[k] - 1 for k in along]
    known = [n for n in fulls if isinstance(n, int)]
    counts = [_fast(n) for n in known] if len(known) == len(fulls) else list(map(length, fulls))
    is_real = not (is_complex(x) or is_complex(y))
    names = ("rfftn", "irfftn") if is_real else ("fftn", "ifftn")
    forward, back = (RULES[f"fft.{name}"] for name in names)
    spectra = [forward(value, s=counts, axes=along) for value in (x, y)]
    found = back(spectra[0] * spectra[1], s=counts, axes=along)
    swaps = mode == "valid" and not _wider(x, y, function)
    for k, full in zip(along, fulls, strict=True):
        n, m = (y.sizes[k], x.sizes[k]) if swaps else (x.sizes[k], y.sizes[k])
        count = {"full": full, "same": n, "valid": n - m + 1}[mode]
        first = floor_div(full - count, 2)
        place = slice(length(first), length(first + count))
        found = found[(slice(None),) * k + (place,)]
    return found


def _fast(n: int) -> int:
    """Return the next length whose prime factors are 2, 3 and 5."""
    while True:
        rest = n
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return n
        n += 1


@rule("scipy.signal.convolve")
def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """Return Σⱼ x[k - j] y[j] of arrays of any rank."""
    x, y = _operands(in1, in2, "scipy.signal.convolve", mode)
    if method not in ("auto", "direct", "fft"):
        raise ArgumentError(
            f"method={method!r} of scipy.signal.convolve{where()}: write 'auto', 'direct' or 'fft'"
        )
    if not x.ndim:
        return x * y
    if method == "fft":
        return _by_transforms(x, y, mode, None, "scipy.signal.convolve")
    return _bilinear(x, y, lambda a, b: _direct(a, b, mode, "scipy.signal.convolve"))


def _bilinear(x: Any, y: Any, real: Callable[[Any, Any], Any]) -> Any:
    """Return what is linear in each of two arrays, which may be complex."""
    if is_complex(x) or is_complex(y):
        a, b = as_complex(x), as_complex(y)
        re = real(a.real, b.real) - real(a.imag, b.imag)
        return re + 1j * (real(a.real, b.imag) + real(a.imag, b.real))
    return real(x, y)


def _turned(y: Any) -> Any:
    """Return the conjugate in the opposite order along each axis."""
    return np.conj(np.flip(as_complex(y) if is_complex(y) else lift(y)))


@rule("scipy.signal.correlate")
def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """Return Σⱼ x[k + j] y[j]* of arrays of any rank."""
    return convolve(in1, _turned(in2), mode, method)


@rule("scipy.signal.fftconvolve", "scipy.signal.oaconvolve")
def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """Return a convolution by Fourier transforms."""
    x, y = _operands(in1, in2, "scipy.signal.fftconvolve", mode)
    return _by_transforms(x, y, mode, axes, "scipy.signal.fftconvolve") if x.ndim else x * y


_BOUNDARIES = {"fill": "constant", "wrap": "wrap", "symm": "symmetric"}


@rule("scipy.signal.convolve2d")
def convolve2d(
    in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0
) -> Any:
    """Return the convolution of two matrices, the first of which goes on as its boundary says."""
    x, y = _operands(in1, in2, "scipy.signal.convolve2d", mode)
    if x.ndim != 2 or boundary not in _BOUNDARIES:
        raise UnsupportedError(
            f"scipy.signal.convolve2d of {x.ndim} axes with boundary={boundary!r}{where()}: give "
            "matrices, and 'fill', 'wrap' or 'symm'"
        )
    if mode == "valid" or (boundary == "fill" and fillvalue == 0):
        return convolve(x, y, mode)
    ends = [(m - 1, floor_div(m - 1, 2)) for m in y.sizes]
    widths = [(m, m) if mode == "full" else (m - half, half) for m, half in ends]
    given = {"constant_values": fillvalue} if boundary == "fill" else {}
    places = [tuple(int(length(n)) for n in pair) for pair in widths]  # which are known from now on
    around = RULES["pad"](x, places, _BOUNDARIES[boundary], **given)
    return convolve(around, y, "valid")


# scipy.fft


def _as_numpy(name: str) -> Callable[..., Any]:
    """Return the rule of a transform of SciPy's, which has keywords about how to compute it."""

    def answer(
        x: Any, n: Any = None, axis: Any = None, norm: Any = None, overwrite_x: bool = False,
        workers: Any = None, *, plan: Any = None, **rest: Any,
    ) -> Any:  # fmt: skip
        del overwrite_x, workers
        refuse_keywords(f"fft.{name}", {"plan": plan}, plan=None)
        given = {"norm": norm, **rest}
        if axis is not None:
            given["axes" if name[-1] in "2n" else "axis"] = axis
        if n is not None:
            given["s" if name[-1] in "2n" else "n"] = n
        return RULES[f"fft.{name}"](x, **given)

    return answer


for _name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
    for _ending in ("", "2", "n") if "hf" not in _name else ("",):
        RULES[f"scipy.fft.{_name}{_ending}"] = _as_numpy(f"{_name}{_ending}")
for _name in ("fftshift", "ifftshift"):
    RULES[f"scipy.fft.{_name}"] = lambda x, axes=None, _name=_name: RULES[f"fft.{_name}"](x, axes)
