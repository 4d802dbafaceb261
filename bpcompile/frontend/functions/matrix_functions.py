"""Answer what `scipy.linalg` has beside NumPy: triangles, Cholesky solutions, the exponential.

The exponential is by scaling and squaring with the Padé approximant of degree 13 (N. J. Higham,
"The scaling and squaring method for the matrix exponential revisited", 2005). The number of
squarings is found when the code runs: a loop of the graph, and its derivative is another.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bpcompile.errors import UnsupportedError
from bpcompile.frontend.flow.counted import Loop, Step
from bpcompile.frontend.functions.linear_algebra import stop_gradient
from bpcompile.frontend.functions.matrices import alike, apply, call, identity, squares, swapped
from bpcompile.frontend.functions.spectra import eigh, svd
from bpcompile.frontend.functions.systems import (
    cholesky,
    det,
    inv,
    pinv,
    right_side,
    solve,
    with_columns,
)
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, rule
from bpcompile.frontend.session import current
from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.dims import product

# The coefficients of the Padé approximant of degree 13, and the norm up to which it is exact to
# double precision; that of float32 takes fewer terms, which this one has.
_PADE = (
    64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0,
    129060195264000.0, 10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0,
    40840800.0, 960960.0, 16380.0, 182.0, 1.0,
)  # fmt: skip
_LARGEST = 5.371920351148152
_MOST_SQUARINGS = 1100.0  # of any finite number; inf and NaN are squared in vain


def _refuse(function: str, given: dict[str, Any], known: tuple[str, ...]) -> None:
    """Refuse keywords that change the result; those in `known` only change how it is found."""
    for name, value in given.items():
        if name not in known and value is not None and value is not False:
            raise UnsupportedError(
                f"scipy.linalg.{function} with {name}={value!r}{where()} is not known for traced "
                "values: leave it out"
            )


_HOW = (
    "overwrite_a", "overwrite_b", "overwrite_ab", "check_finite", "lwork", "driver",
    "lapack_driver",
)  # fmt: skip


@rule("scipy.linalg.expm")
def expm(A: Any) -> Tracer:
    """Return the matrix exponential."""
    x = squares(A, "scipy.linalg.expm")
    if current().session.sizes.decide(product(x.sizes), "==", 0, "scipy.linalg.expm"):
        return x
    sizes = call("max", call("sum", call("absolute", stop_gradient(x)), axis=-2))
    ratio = call("log2", call("divide", sizes, _LARGEST))
    usable = call("isfinite", ratio)
    steps = call("clip", call("ceil", call("where", usable, ratio, 0.0)), 0.0, _MOST_SQUARINGS)
    scaled = call("multiply", x, call("exp2", call("negative", steps)))
    count = call("astype", steps, np.int64)

    def squared(_: Any, carried: Any) -> Step:
        return Step(call("matmul", carried, carried))

    found: Tracer = Loop("scipy.linalg.expm", squared, ("k", "power"))(0, count, _pade(scaled))[0]
    return found


def _pade(x: Tracer) -> Tracer:
    """Return (V - U)⁻¹ (V + U), the Padé approximant of the exponential."""
    one = identity(x)
    two = call("matmul", x, x)
    four = call("matmul", two, two)
    six = call("matmul", four, two)
    powers = (one, two, four, six)

    def combined(*coefficients: float) -> Tracer:
        terms = [call("multiply", p, c) for p, c in zip(powers, coefficients, strict=False)]
        total = terms[0]
        for term in terms[1:]:
            total = call("add", total, term)
        return total

    b = _PADE
    high_odd = call("matmul", six, combined(0.0, b[9], b[11], b[13]))
    odd = call("matmul", x, call("add", high_odd, combined(b[1], b[3], b[5], b[7])))
    high_even = call("matmul", six, combined(0.0, b[8], b[10], b[12]))
    even = call("add", high_even, combined(b[0], b[2], b[4], b[6]))
    return apply("solve", call("subtract", even, odd), call("add", even, odd))


@rule("scipy.linalg.solve_triangular")
def solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False, **_: Any
) -> Tracer:
    """Return the solution with one triangle of a matrix."""
    _refuse("solve_triangular", {"unit_diagonal": unit_diagonal, **_}, _HOW)
    x = squares(a, "scipy.linalg.solve_triangular")
    x, y = alike(x, right_side(x, b, "scipy.linalg.solve_triangular"))
    turned = trans not in (0, "N")
    return with_columns(x, y, "triangular_solve", lower=bool(lower), transposed=turned)


@rule("scipy.linalg.cholesky")
def upper_cholesky(a: Any, lower: bool = False, **_: Any) -> Tracer:
    """Return the triangle U with Uᵀ U = a, or L with L Lᵀ = a."""
    _refuse("cholesky", _, _HOW)
    return cholesky(a, upper=not lower)


@rule("scipy.linalg.cho_factor")
def cho_factor(a: Any, lower: bool = False, **_: Any) -> tuple[Tracer, bool]:
    """Return a triangle for `cho_solve`, and which it is."""
    _refuse("cho_factor", _, _HOW)
    return cholesky(a, upper=not lower), bool(lower)


@rule("scipy.linalg.cho_solve")
def cho_solve(c_and_lower: Any, b: Any, **_: Any) -> Tracer:
    """Return the solution by a triangle from `cho_factor`."""
    _refuse("cho_solve", _, _HOW)
    triangle, lower = c_and_lower
    x = squares(triangle, "scipy.linalg.cho_solve")
    x, y = alike(x, right_side(x, b, "scipy.linalg.cho_solve"))
    for turned in (not lower, bool(lower)):
        y = with_columns(x, y, "triangular_solve", lower=bool(lower), transposed=turned)
    return y


@rule("scipy.linalg.solve")
def general_solve(a: Any, b: Any, **_: Any) -> Tracer:
    """Return the solution; what is assumed of the matrix does not change it."""
    given = dict(_)
    turned = given.pop("transposed", False)
    given.pop("assume_a", None)
    if given.pop("lower", False):
        raise UnsupportedError(
            f"scipy.linalg.solve with lower=True{where()} reads one triangle: write "
            "solve_triangular, or the whole matrix"
        )
    _refuse("solve", given, _HOW)
    x = squares(a, "scipy.linalg.solve")
    return solve(swapped(x) if turned else x, b)


@rule("scipy.linalg.inv")
def general_inv(a: Any, **_: Any) -> Tracer:
    """Return the inverse."""
    _refuse("inv", {k: v for k, v in _.items() if k not in ("assume_a", "lower")}, _HOW)
    return inv(a)


@rule("scipy.linalg.det")
def general_det(a: Any, **_: Any) -> Tracer:
    """Return the determinant."""
    _refuse("det", _, _HOW)
    return det(a)


@rule("scipy.linalg.norm")
def general_norm(
    a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, **_: Any
) -> Any:
    """Return a norm."""
    _refuse("norm", _, _HOW)
    return RULES["linalg.norm"](a, ord, axis, keepdims)


@rule("scipy.linalg.eigh")
def symmetric_eigh(
    a: Any, b: Any = None, *, lower: Any = None, eigvals_only: bool = False, **_: Any
) -> Any:
    """Return eigenvalues and vectors of symmetric matrices."""
    _refuse("eigh", {"b": b, **_}, _HOW)
    found = eigh(a, None if lower is None else "L" if lower else "U")
    return found[0] if eigvals_only else tuple(found)


@rule("scipy.linalg.svd")
def general_svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, **_: Any) -> Any:
    """Return singular values and vectors."""
    _refuse("svd", _, _HOW)
    found = svd(a, full_matrices, compute_uv)
    return tuple(found) if compute_uv else found


@rule("scipy.linalg.svdvals")
def general_svdvals(a: Any, **_: Any) -> Any:
    """Return singular values."""
    _refuse("svdvals", _, _HOW)
    return svd(a, compute_uv=False)


@rule("scipy.linalg.pinv")
def general_pinv(a: Any, *, atol: Any = None, rtol: Any = None, **_: Any) -> Tracer:
    """Return the pseudo-inverse."""
    _refuse("pinv", {"atol": atol, **_}, _HOW)
    return pinv(a, rtol=rtol)
