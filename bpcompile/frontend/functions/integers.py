"""Answer functions of whole numbers and of places: gcd, lcm, flat places, indices of triangles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bpcompile.errors import ShapeError, TypeMismatchError, UnsupportedError
from bpcompile.frontend.flow.conditions import Cell
from bpcompile.frontend.flow.loops import repeat
from bpcompile.frontend.functions.axes import one_axis, whole_number
from bpcompile.frontend.lift import lift, lift_all
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, refuse_keywords, rule
from bpcompile.frontend.session import current
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.type import DType


def _ints(function: str, *values: Any) -> list[Any]:
    """Return traced ints of one shape.

    Raises `TypeMismatchError` for other numbers.
    """
    found = lift_all(values)
    for value in found:
        if value.expr.dtype is not DType.I64:
            raise TypeMismatchError(
                f"np.{function} of {describe(value)}{where()}: convert it with .astype(int)"
            )
    return list(RULES["broadcast_arrays"](*found)) if len(found) > 1 else found


@rule("gcd")
def gcd(x1: Any, x2: Any) -> Any:
    """Return the greatest common divisors, by Euclid's algorithm on all places at once."""
    cell = Cell(tuple(np.abs(x) for x in _ints("gcd", x1, x2)))

    def is_left() -> Any:
        return np.any(cell.value[1] != 0)

    for _ in repeat(is_left, cell.get, cell.put, ("pair",), "np.gcd"):
        a, b = cell.value
        some = b != 0
        cell.value = np.where(some, b, a), np.where(some, a % np.where(some, b, 1), 0)
    return cell.value[0]


@rule("lcm")
def lcm(x1: Any, x2: Any) -> Any:
    """Return the least common multiples; 0 where an operand is 0."""
    a, b = _ints("lcm", x1, x2)
    divisor = gcd(a, b)
    return np.abs(a // np.where(divisor == 0, 1, divisor) * b)


# -- places --------------------------------------------------------------------------------------


def _placed(function: str, given: Any, sizes: Any, mode: str) -> Any:
    """Return places along an axis, inside of it: checked, wrapped round or clipped."""
    (places,) = _ints(function, given)
    match mode:
        case "wrap":
            return places % sizes
        case "clip":
            return np.clip(places, 0, sizes - 1)
        case "raise":
            frame = current()
            inside: Any = np.all(np.logical_and(places >= 0, places < sizes))
            token = frame.apply(
                "require", frame.expr(inside.expr), kind="ValueError",
                text=f"a place of np.{function} is out of range",
            )  # fmt: skip
            frame.checks.append(token)
            return places
    raise UnsupportedError(
        f"mode={mode!r} of np.{function}{where()}: write 'raise', 'wrap' or 'clip'"
    )


def _strides(dims: Sequence[Any], order: str, function: str) -> list[Any]:
    """Return how far apart neighbours along each axis are, in elements."""
    if order not in ("C", "F"):
        raise UnsupportedError(f"order={order!r} of np.{function}{where()}: write 'C' or 'F'")
    found: list[Any] = []
    step: Any = 1
    for size in reversed(dims) if order == "C" else dims:
        found.append(step)
        step = step * size
    return found[::-1] if order == "C" else found


def _several(lengths: Any) -> list[Any]:
    """Return the lengths that a user gave: one, or several."""
    if isinstance(lengths, np.ndarray):
        return list(np.ravel(lengths).tolist())
    return list(lengths) if isinstance(lengths, (tuple, list)) else [lengths]


@rule("ravel_multi_index")
def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> Any:
    """Return the places in a flat array of those in one of `dims`."""
    sizes = _several(dims)
    modes = list(mode) if isinstance(mode, tuple) else [mode] * len(sizes)
    parts = list(multi_index)
    if not len(parts) == len(sizes) == len(modes):
        raise ShapeError(
            f"np.ravel_multi_index of {len(parts)} indices and {len(sizes)} lengths{where()}: give "
            "one of each for every axis"
        )
    total: Any = 0
    steps = _strides(sizes, order, "ravel_multi_index")
    for part, size, step, how in zip(parts, sizes, steps, modes, strict=True):
        total = total + _placed("ravel_multi_index", part, size, how) * step
    return total


@rule("unravel_index")
def unravel_index(indices: Any, shape: Any, order: str = "C") -> tuple[Any, ...]:
    """Return the places in an array of `shape` of those in a flat one."""
    sizes = _several(shape)
    count: Any = 1
    for size in sizes:
        count = count * size
    places = _placed("unravel_index", indices, count, "raise")
    steps = _strides(sizes, order, "unravel_index")
    return tuple(places // step % size for step, size in zip(steps, sizes, strict=True))


def _lengths(arr: Any, function: str) -> list[int]:
    """Return the lengths of an array as they are in the example, which the model then needs."""
    x = lift(arr)
    if x.ndim < 2:
        raise ShapeError(f"np.{function} of {describe(x)}{where()}: give at least two axes")
    sizes = current().session.sizes
    return [sizes.concrete(size) for size in x.sizes]


@rule("diag_indices_from")
def diag_indices_from(arr: Any) -> tuple[np.ndarray, ...]:
    """Return the places of the diagonal of an array with equal lengths."""
    lengths = _lengths(arr, "diag_indices_from")
    if len(set(lengths)) > 1:
        raise ShapeError(
            f"np.diag_indices_from of {describe(lift(arr))}{where()}: its lengths must be equal"
        )
    return np.diag_indices(lengths[0], len(lengths))


def _triangle(name: str) -> Any:
    """Return the rule for the places of a triangle."""

    def answer(arr: Any, k: int = 0) -> tuple[np.ndarray, ...]:
        lengths = _lengths(arr, f"{name}_from")
        if len(lengths) != 2:
            raise ShapeError(f"np.{name}_from of {describe(lift(arr))}{where()}: give a matrix")
        number = whole_number(k, f"k of np.{name}_from")
        found: tuple[np.ndarray, ...] = getattr(np, name)(lengths[0], number, lengths[1])
        return found

    return answer


for _name in ("tril_indices", "triu_indices"):
    RULES[f"{_name}_from"] = _triangle(_name)


@rule("lexsort")
def lexsort(keys: Any, axis: Any = -1) -> Any:
    """Return the places of elements in the order of the last key, ties by those before it."""
    parts: list[Any] = lift_all(keys)
    if not parts:
        raise ShapeError(f"np.lexsort of no keys{where()}: give one or more")
    along = one_axis(axis, parts[0].ndim, parts[0])
    places = np.argsort(parts[0], axis=along, kind="stable")
    for part in parts[1:]:
        inner = np.argsort(np.take_along_axis(part, places, along), axis=along, kind="stable")
        places = np.take_along_axis(places, inner, along)
    return places


@rule("place")
def place(arr: Any, mask: Any, vals: Any) -> None:
    """Write values one after the other where a mask is true, from the first again at their end."""
    x: Any = lift(arr)
    values: Any = np.ravel(lift(vals))
    chosen: Any = np.ravel(RULES["astype"](lift(mask), bool))
    count = current().session.sizes.concrete(values.sizes[0])
    if not count:
        raise ShapeError(f"np.place of no values{where()}: give one or more")
    if chosen.ndim and lift(mask).size != x.size:
        raise ShapeError(
            f"the mask {describe(lift(mask))} of np.place does not fit {describe(x)}{where()}: "
            "give one of its shape"
        )
    number = np.maximum(np.cumsum(chosen) - 1, 0) % count
    flat = np.where(chosen, values[number].astype(x.dtype), np.ravel(x))
    x[...] = np.reshape(flat, x.shape)


@rule("resize")
def resize(a: Any, new_shape: Any) -> Any:
    """Return an array of another shape, filled with the elements over and over."""
    flat: Any = np.ravel(lift(a))
    sizes = current().session.sizes
    shape = new_shape if isinstance(new_shape, (tuple, list)) else (new_shape,)
    lengths = [whole_number(n, "a length of np.resize", 0) for n in shape]
    known, total = sizes.concrete(flat.sizes[0]), int(np.prod(lengths))
    if not known or not total:
        return RULES["zeros_like"](flat, shape=tuple(lengths))
    return np.reshape(np.take(flat, np.arange(total) % known), lengths)


@rule("apply_over_axes")
def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    """Return what a function makes of an array along one axis after the other."""
    from_user: Any = func
    value: Any = lift(a)
    for axis in axes if isinstance(axes, (tuple, list)) else (axes,):
        along = one_axis(axis, value.ndim, value)
        found: Any = lift(from_user(value, along))
        if found.ndim != value.ndim:
            found = np.expand_dims(found, along)
        if found.ndim != value.ndim:
            raise ShapeError(
                f"the function of np.apply_over_axes makes {describe(found)} of {describe(value)}"
                f"{where()}: it must take away one axis or none"
            )
        value = found
    return value


@rule("array_equiv")
def array_equiv(a1: Any, a2: Any) -> Any:
    """Return whether two arrays are equal once they are broadcast."""
    try:
        same: Tracer = RULES["equal"](a1, a2)
    except ShapeError:
        return False
    return np.all(same)


@rule("frexp")
def frexp(x: Any, **keywords: Any) -> tuple[Any, Any]:
    """Return values as m 2ᵉ, with m from 0.5 on and below 1 and e an int."""
    refuse_keywords("frexp", keywords, out=None, where=True)
    value: Any = lift(x)
    value = value if value.expr.dtype.is_float else value.astype(np.float64)
    # Tiny numbers are made larger first, since 2 to the power of 1074 is no float.
    small = np.finfo(value.dtype).tiny
    lift_by = 64
    is_tiny = np.abs(value) < small
    raised = np.where(is_tiny, value * 2.0**lift_by, value)
    plain = np.logical_and(np.isfinite(value), value != 0.0)
    size = np.abs(np.where(plain, raised, 1.0))
    power = np.floor(np.log2(size)).astype(np.int64) + 1
    mantissa = np.ldexp(np.where(plain, raised, 0.5), -power)
    # The logarithm may round to the next whole number.
    over, under = np.abs(mantissa) >= 1.0, np.abs(mantissa) < 0.5
    mantissa = np.where(over, mantissa * 0.5, np.where(under, mantissa * 2.0, mantissa))
    power = power + np.where(over, 1, np.where(under, -1, 0)) - np.where(is_tiny, lift_by, 0)
    return np.where(plain, mantissa, value), np.where(plain, power, 0)
