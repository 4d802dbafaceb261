"""Say what those functions of `scipy.special` mean that are no elementwise op of the same name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bpcompile.errors import ArgumentError, UnsupportedError
from bpcompile.frontend.elementwise import Loop, elementwise, float_loop
from bpcompile.frontend.functions import ufuncs
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, rule
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.type import DType

_HIGHEST = 170  # the order whose factorial is the last that float64 holds

RULES["special.psi"] = RULES["special.digamma"]


@rule("special.zeta")
def zeta(x: Any, q: Any = None) -> Tracer:
    """Return Riemann's zeta function, or Hurwitz's where there is a second argument."""
    return elementwise("riemann_zeta", [x], float_loop) if q is None else _hurwitz(x, q)


def _hurwitz(x: Any, q: Any) -> Tracer:
    """Return Hurwitz's zeta function."""
    return elementwise("hurwitz_zeta", [x, q], float_loop)


def _order(name: str, n: Any) -> int:
    """Return the order of a function of `scipy.special` that has one.

    Raises `ArgumentError` where it is no whole number from 0 on that is known while the function is
    traced.
    """
    if isinstance(n, Tracer) and n.expr.node.op.name == "const" and not n.ndim:
        n = n.expr.node.attrs["value"]
    if isinstance(n, Tracer):
        raise ArgumentError(
            f"the order of special.{name} must be known while the function is traced{where()}, "
            f"not {describe(n)}: name it in static_argnames, or write a number"
        )
    if isinstance(n, bool) or (not hasattr(n, "__index__") and n != int(n)) or n < 0:
        raise ArgumentError(
            f"the order of special.{name} must be a whole number from 0 on, not {n!r}{where()}"
        )
    return int(n)


@rule("special.polygamma")
def polygamma(n: Any, x: Any) -> Tracer:
    """Return derivative n of the digamma function, (-1)ⁿ⁺¹ n! ζ(n + 1, x)."""
    order = _order("polygamma", n)
    if order == 0:
        return elementwise("digamma", [x], float_loop)
    if order > _HIGHEST:
        raise UnsupportedError(
            f"special.polygamma of order {n} is not known{where()}: the factorial of an order "
            f"above {_HIGHEST} is larger than any float64"
        )
    factor = math.factorial(order) * (-1.0) ** (order + 1)
    found = _hurwitz(order + 1.0, x)
    return found if factor == 1 else ufuncs.apply_ufunc("multiply", factor, found)


@rule("special.expn")
def expn(n: Any, x: Any) -> Tracer:
    """Return the exponential integral of order n."""
    order = _order("expn", n)
    if order == 1:
        return elementwise("exp1", [x], float_loop)
    return elementwise("expn", [float(order), x], float_loop)


@rule("special.softplus")
def softplus(x: Any) -> Tracer:
    """Return log(1 + exp(x))."""
    return elementwise("softplus", [x], float_loop)


@rule("special.sici")
def sici(x: Any) -> tuple[Tracer, Tracer]:
    """Return the sine and the cosine integral."""
    return elementwise("si", [x], float_loop), elementwise("ci", [x], float_loop)


_BRANCHES = {0: "lambertw_upper", -1: "lambertw_lower"}


@rule("special.lambertw", "special._lambertw")
def lambertw(z: Any, k: Any = 0, tol: float = 1e-8) -> Tracer:
    """Return a real branch of Lambert's function, NaN where it is not real.

    Raises `ArgumentError` where the branch is neither 0 nor -1, or not known.
    """
    del tol  # SciPy's, for its iteration
    branch = k.item() if isinstance(k, np.ndarray) and k.ndim == 0 else k
    if not isinstance(branch, int) or branch not in _BRANCHES:
        shown = describe(k) if isinstance(k, Tracer) else repr(branch)
        raise ArgumentError(
            f"the branch of special.lambertw must be 0 or -1, the real ones, not {shown}{where()}"
        )
    return elementwise(_BRANCHES[branch], [z], float_loop)


@rule("i0")
def i0(x: Any) -> Tracer:
    """Return the modified Bessel function of order 0, which NumPy has too."""
    return elementwise("i0", [x], float_loop)


@rule("special.loggamma")
def loggamma(z: Any) -> Tracer:
    """Return log Γ of real numbers, which is NaN where Γ may be negative, as SciPy's is."""
    found = elementwise("gammaln", [z], float_loop)
    return elementwise("select", [ufuncs.apply_ufunc("less", z, 0.0), math.nan, found], _choice)


def _choice(args: Sequence[Tracer]) -> Loop:
    """Return the dtypes of a choice between a number and a value."""
    return (DType.BOOL, args[2].expr.dtype, args[2].expr.dtype), args[2].expr.dtype
