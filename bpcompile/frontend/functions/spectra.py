"""Answer the functions of `np.linalg` about eigenvalues, singular values and orthonormal columns.

Eigenvalues are those of the symmetric part, so that gradients are symmetric; where `UPLO` names a
triangle, it is that triangle which is read, as NumPy does, and which gets the gradient.
"""

from __future__ import annotations

from typing import Any

from bpcompile.errors import UnsupportedError
from bpcompile.frontend.elementwise import describe_operand
from bpcompile.frontend.functions.matrices import (
    apply_all,
    call,
    is_wide,
    matrices,
    squares,
    symmetric,
)
from bpcompile.frontend.functions.systems import inv, result_type
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, rule
from bpcompile.frontend.session import current
from bpcompile.frontend.tracer import Tracer
from bpcompile.ops.matrices import mirrored


def _symmetric(a: Any, uplo: Any, function: str) -> Tracer:
    """Return the symmetric matrices whose eigenvalues are asked for."""
    x = squares(a, function)
    if uplo is None:
        return symmetric(x)
    if str(uplo).upper() not in ("L", "U"):
        raise UnsupportedError(
            f"{function} with UPLO={uplo!r}{where()}: write 'L' or 'U', or leave it out"
        )
    frame = current()
    frame.mark()
    return Tracer(mirrored(frame.expr(x.expr), lower=str(uplo).upper() == "L"))


@rule("linalg.eigh")
def eigh(a: Any, UPLO: Any = None) -> Any:
    """Return the eigenvalues of symmetric matrices in ascending order, and the vectors."""
    return result_type("eigh")(*apply_all("eigh", _symmetric(a, UPLO, "np.linalg.eigh")))


@rule("linalg.eigvalsh")
def eigvalsh(a: Any, UPLO: Any = None) -> Tracer:
    """Return the eigenvalues of symmetric matrices in ascending order."""
    return apply_all("eigh", _symmetric(a, UPLO, "np.linalg.eigvalsh"))[0]


# Singular values


def parts(x: Tracer, function: str) -> tuple[Tracer, ...]:
    """Return U, the singular values, and Vᵀ."""
    return apply_all("svd", x, wide=is_wide(x, function))


@rule("linalg.svd")
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """Return U, the singular values, and Vᵀ, of which U and V have as few columns as needed."""
    del hermitian  # which says how to compute the same
    x = matrices(a, "np.linalg.svd")
    if not compute_uv:
        return parts(x, "np.linalg.svd")[1]
    if full_matrices:
        sizes = current().session.sizes
        rows, columns = x.sizes[-2:]
        if not sizes.decide(rows, "==", columns, "np.linalg.svd"):
            raise UnsupportedError(
                f"np.linalg.svd of {describe_operand(x)}{where()} has vectors outside of the "
                "matrix, which no derivative decides: write full_matrices=False"
            )
    return result_type("svd")(*parts(x, "np.linalg.svd"))


@rule("linalg.svdvals")
def svdvals(x: Any, /) -> Tracer:
    """Return the singular values in descending order."""
    return parts(matrices(x, "np.linalg.svdvals"), "np.linalg.svdvals")[1]


@rule("linalg.cond")
def cond(x: Any, p: Any = None) -> Tracer:
    """Return the condition number in a norm."""
    value = matrices(x, "np.linalg.cond")
    if p not in (None, 2, -2):
        norm = RULES["linalg.norm"]
        axes = (-2, -1)
        return call("multiply", norm(value, p, axes), norm(inv(value), p, axes))
    values = svdvals(value)
    largest, smallest = (call("__getitem__", values, (..., k)) for k in (0, -1))
    return call("divide", smallest, largest) if p == -2 else call("divide", largest, smallest)


def spectral_norm(x: Tracer, ord: Any) -> Tracer:
    """Return the norm 2, -2 or nuc of matrices in the last two axes."""
    values = svdvals(x)
    if ord == "nuc":
        return call("sum", values, axis=-1)
    return call("__getitem__", values, (..., 0 if ord == 2 else -1))


# QR


@rule("linalg.qr")
def qr(a: Any, mode: str = "reduced") -> Any:
    """Return orthonormal columns Q and a triangle R with a = Q R, or R alone."""
    x = matrices(a, "np.linalg.qr")
    wide = is_wide(x, "np.linalg.qr")
    if mode == "complete" and not wide:
        sizes = current().session.sizes
        rows, columns = x.sizes[-2:]
        wide_enough = sizes.decide(rows, "==", columns, "np.linalg.qr")
    else:
        wide_enough = True
    if mode not in ("reduced", "complete", "r") or not wide_enough:
        raise UnsupportedError(
            f"np.linalg.qr with mode={mode!r} of {describe_operand(x)}{where()} is not known for "
            "traced values: write mode='reduced' or mode='r'"
        )
    q, r = apply_all("qr", x, wide=wide)
    return r if mode == "r" else result_type("qr")(q, r)
