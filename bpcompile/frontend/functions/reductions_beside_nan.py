"""Answer the reductions that pass over NaN: nansum, nanmean, nanmax and their like."""

from __future__ import annotations

from typing import Any

import numpy as np

from bpcompile.errors import ArgumentError
from bpcompile.frontend.elementwise import as_float
from bpcompile.frontend.functions.reductions import require_truths
from bpcompile.frontend.lift import lift
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, refuse_keywords, rule


def _there(x: Any, choice: Any) -> Any:
    """Return where an array has a number, among the places that are chosen."""
    if choice is True:
        return ~np.isnan(x)
    require_truths("a fold beside NaN", choice)
    return np.logical_and(choice, ~np.isnan(x))


def _fold(name: str, a: Any, axis: Any, dtype: Any, keepdims: bool, rest: dict[str, Any]) -> Any:
    """Return a reduction of the numbers in an array."""
    choice, initial = rest.pop("where", True), rest.pop("initial", None)
    refuse_keywords(f"nan{name}", rest, out=None)
    x: Any = lift(a)
    return RULES[name](x, axis, dtype, keepdims=keepdims, initial=initial, where=_there(x, choice))


@rule("nansum")
def nansum(a: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, **_: Any) -> Any:
    """Return the sum of what is a number."""
    return _fold("sum", a, axis, dtype, keepdims, _)


@rule("nanprod")
def nanprod(a: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False, **_: Any) -> Any:
    """Return the product of what is a number."""
    return _fold("prod", a, axis, dtype, keepdims, _)


@rule("nanmean")
def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False,
    *, where: Any = True,
) -> Any:  # fmt: skip
    """Return the mean of what is a number."""
    x: Any = lift(a)
    return np.mean(x, axis, dtype, out, keepdims, where=_there(x, where))


@rule("nanvar")
def nanvar(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: int = 0,
    keepdims: bool = False, *, where: Any = True, **_: Any,
) -> Any:  # fmt: skip
    """Return the variance of what is a number."""
    x: Any = lift(a)
    return np.var(x, axis, dtype, out, ddof, keepdims, where=_there(x, where), **_)


@rule("nanstd")
def nanstd(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: int = 0,
    keepdims: bool = False, *, where: Any = True, **_: Any,
) -> Any:  # fmt: skip
    """Return the standard deviation of what is a number."""
    x: Any = lift(a)
    return np.std(x, axis, dtype, out, ddof, keepdims, where=_there(x, where), **_)


def _extreme(name: str, a: Any, axis: Any, keepdims: bool, rest: dict[str, Any]) -> Any:
    """Return the largest or smallest number, NaN where there is none."""
    choice, initial = rest.pop("where", True), rest.pop("initial", None)
    refuse_keywords(f"nan{name}", rest, out=None)
    if choice is not True and initial is None:
        raise ArgumentError(f"np.nan{name} with where= needs initial={where()}: write initial=")
    x: Any = as_float(a)
    there = _there(x, choice)
    worst = -np.inf if name == "max" else np.inf
    found = RULES[name](np.where(there, x, worst), axis, keepdims=keepdims, initial=initial)
    if initial is not None:
        return found
    return np.where(np.any(there, axis=axis, keepdims=keepdims), found, np.nan)


@rule("nanmax")
def nanmax(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, **_: Any) -> Any:
    """Return the largest number."""
    if not lift(a).expr.dtype.is_float:
        return RULES["max"](a, axis, out, keepdims, **_)
    return _extreme("max", a, axis, keepdims, {"out": out, **_})


@rule("nanmin")
def nanmin(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, **_: Any) -> Any:
    """Return the smallest number."""
    if not lift(a).expr.dtype.is_float:
        return RULES["min"](a, axis, out, keepdims, **_)
    return _extreme("min", a, axis, keepdims, {"out": out, **_})


def _place(name: str, a: Any, axis: Any, out: Any, keepdims: bool) -> Any:
    """Return the place of the largest or smallest number."""
    x: Any = as_float(a)
    worst = -np.inf if name == "argmax" else np.inf
    return RULES[name](np.where(np.isnan(x), worst, x), axis, out, keepdims=keepdims)


@rule("nanargmax")
def nanargmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
    """Return the place of the largest number."""
    return _place("argmax", a, axis, out, keepdims)


@rule("nanargmin")
def nanargmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
    """Return the place of the smallest number."""
    return _place("argmin", a, axis, out, keepdims)
