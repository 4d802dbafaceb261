"""Declare discrete Fourier transforms of rows, on pairs of real arrays: there are no complex ones.

Xₖ = Σⱼ xⱼ e^(-2πijk/n) for k below n, not divided by anything. Three linear maps are enough, which
are one another's transposes in the real inner product of both parts:

- ``dft`` of n complex numbers. The matrix is symmetric, so its transpose is the one with e^(+...):
  ``inverse=True``.
- ``rdft`` gives Xₖ for k <= n/2 of n real numbers; the other half is conjugate. Its transpose is
  ``irdft(..., doubled=False)``, xⱼ = Re Σ Xₖ e^(2πijk/n) over that half alone.
- ``irdft(..., doubled=True)`` is that sum over both halves, so it counts each k twice but for 0 and
  n/2, whose imaginary parts count for nothing. Its transpose is ``rdft(..., doubled=True)``.

The algorithm is `_fourier` among the templates, with its sources.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bpcompile.errors import CompileError
from bpcompile.ir.dims import Size, floor_div, product
from bpcompile.ir.op import Kind, Op, Routine, declare
from bpcompile.ir.type import TupleType, Type

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr

Parts = tuple[Any, Any]
Bars = tuple["Expr | None", "Expr | None"]
_PARTS = ("re", "im")


def _rows(*types: Type) -> Type:
    """Check that types are of rows of floats, all alike."""
    first = types[0]
    if first.rank < 2 or not first.dtype.is_float or any(other != first for other in types):
        raise CompileError(f"a Fourier transform of {' and '.join(map(str, types))}")
    return first


def _with_last(x: Type, length: Size) -> Type:
    """Return the type of rows of another length."""
    return x.with_shape((*x.shape[:-1], length))


def _work(shape: tuple[Size, ...]) -> Size:
    """Return about 4 n log n additions, with the logarithm of a usual length."""
    return 40 * product(shape)


def _by_parts(map: Callable[..., Any], *args: Any) -> Any:
    """Return a real-linear map of arrays, continued to complex ones by linearity."""
    if not any(np.iscomplexobj(arg) for arg in args):
        return map(*args)
    real = map(*(np.real(arg) for arg in args))
    imaginary = map(*(np.imag(arg) for arg in args))
    if isinstance(real, tuple):
        return tuple(a + 1j * b for a, b in zip(real, imaginary, strict=True))
    return real + 1j * imaginary


def paired(re: Any, im: Any) -> Any:
    """Return complex numbers of two parts; 1j * inf would be NaN in the other one."""
    z = np.empty(np.shape(re), np.result_type(re, np.complex64))
    z.real, z.imag = re, im
    return z


def _zeros_for(bars: Bars, like: Expr) -> tuple[Expr, Expr]:
    """Return the cotangents of both parts, zeros for one that there is none of."""
    re, im = (like.builder.const(0, like.type) if bar is None else bar for bar in bars)
    return re, im


# Of complex numbers


def _dft(re: Any, im: Any, inverse: bool) -> Any:
    """Return both parts of the transform."""

    def transformed(re: Any, im: Any) -> Parts:
        z = paired(re, im)
        found = np.fft.ifft(z, norm="forward") if inverse else np.fft.fft(z)
        return found.real.copy(), found.imag.copy()

    return _by_parts(transformed, re, im)


def _dft_vjp(g: Bars, y: tuple[Expr, ...], re: Expr, im: Expr, inverse: bool) -> tuple[Expr, ...]:
    """Return the transform of the cotangents with the other sign."""
    return dft(*_zeros_for(g, y[0]), inverse=not inverse).items()


dft = declare(
    Op(
        "dft",
        Kind.ROUTINE,
        infer=lambda re, im, inverse: TupleType((_rows(re, im), im)),
        evaluate=_dft,
        vjp=_dft_vjp,
        routine=Routine(
            "_dft",
            lambda inverse: f"_dft({{0}}, {{1}}, {inverse})",
            (2, 2),
            (2, 2),
            literals=("inverse",),
            work=_work,
            names=_PARTS,
            is_total=True,
        ),
        cost=100.0,
        doc="The Fourier transform of rows of complex numbers in two parts: Σⱼ xⱼ e^(-2πijk/n), or"
        " with e^(+2πijk/n) if `inverse`.",
    )
)


# Of real numbers


def _twice(length: int) -> Any:
    """Return how often each place of a half stands in the whole transform."""
    factor = np.full(length // 2 + 1, 2.0)
    factor[0] = 1.0
    if length % 2 == 0:
        factor[-1] = 1.0
    return factor


def _rdft(x: Any, doubled: bool) -> Any:
    """Return both parts of the first half of the transform."""

    def transformed(x: Any) -> Parts:
        found = np.fft.rfft(x)
        factor = (_twice(x.shape[-1]) if doubled else np.float64(1)).astype(x.dtype)
        return found.real * factor, found.imag * factor

    return _by_parts(transformed, x)


def _infer_rdft(x: Type, *, doubled: bool) -> TupleType:
    """Return the types of both parts of the first half."""
    half = _with_last(_rows(x), floor_div(x.shape[-1], 2) + 1)
    return TupleType((half, half))


def _rdft_vjp(g: Bars, y: tuple[Expr, ...], x: Expr, doubled: bool) -> tuple[Expr]:
    """Return Re Σ ȳₖ e^(2πijk/n) over the first half, each place as often as it was counted."""
    return (irdft(*_zeros_for(g, y[0]), length=x.shape[-1], doubled=doubled),)


rdft = declare(
    Op(
        "rdft",
        Kind.ROUTINE,
        infer=_infer_rdft,
        evaluate=_rdft,
        vjp=_rdft_vjp,
        routine=Routine(
            "_rdft",
            lambda doubled: f"_rdft({{0}}, {doubled})",
            (2,),
            (2, 2),
            literals=("doubled",),
            work=_work,
            names=_PARTS,
            is_total=True,
        ),
        cost=100.0,
        doc="The first half, k <= n/2, of the Fourier transform of rows of real numbers. If"
        " `doubled`, what stands in the other half, too, is doubled.",
    )
)


def _irdft(re: Any, im: Any, length: int, doubled: bool) -> Any:
    """Return the real rows."""

    def transformed(re: Any, im: Any) -> Any:
        factor = (np.float64(1) if doubled else 1 / _twice(length)).astype(re.dtype)
        return np.fft.irfft(paired(re * factor, im * factor), length, norm="forward")

    return _by_parts(transformed, re, im)


def _infer_irdft(re: Type, im: Type, *, length: Size, doubled: bool) -> Type:
    """Return the type of the real rows."""
    if _rows(re, im).shape[-1] != floor_div(length, 2) + 1:
        raise CompileError(f"rows of {length} from half a Fourier transform of {re}")
    return _with_last(re, length)


def _irdft_vjp(
    g: Expr, y: Expr, re: Expr, im: Expr, length: Size, doubled: bool
) -> tuple[Expr, ...]:
    """Return the first half of the transform, each place as often as it was counted."""
    return rdft(g, doubled=doubled).items()


irdft = declare(
    Op(
        "irdft",
        Kind.ROUTINE,
        infer=_infer_irdft,
        evaluate=_irdft,
        vjp=_irdft_vjp,
        linear=(0, 1),
        routine=Routine(
            "_irdft",
            lambda length, doubled: f"_irdft({{0}}, {{1}}, {length}, {doubled})",
            (2, 2),
            (2,),
            literals=("doubled",),
            work=_work,
            is_total=True,
        ),
        cost=100.0,
        doc="Rows of `length` real numbers, Re Σₖ Xₖ e^(2πijk/n) over the first half of their"
        " Fourier transform; if `doubled`, over its conjugate other half, too.",
    )
)
