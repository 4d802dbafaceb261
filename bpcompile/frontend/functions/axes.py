"""Read the arguments by which NumPy functions name axes."""

from __future__ import annotations

import operator
from typing import Any

from bpcompile.errors import ShapeError, TypeMismatchError
from bpcompile.frontend.origins import where
from bpcompile.frontend.tracer import Tracer, describe


def one_axis(axis: Any, rank: int, x: Tracer) -> int:
    """Return an axis counted from the front.

    Raises `ShapeError` for one that the array does not have.
    """
    try:
        number = operator.index(axis)
    except TypeError:
        if isinstance(axis, Tracer):
            raise
        number = None
    if number is None or isinstance(axis, bool):
        raise TypeMismatchError(f"{axis!r} is no axis of {describe(x)}{where()}: write an int")
    if not -rank <= number < rank:
        raise ShapeError(
            f"axis {number} is out of range for {describe(x)} of {rank} axes{where()}: "
            + (f"write one from {-rank} to {rank - 1}" if rank else "leave it out")
        )
    return number % rank


def whole_number(value: Any, what: str, least: int | None = None) -> int:
    """Return an int that is known while the function is traced, such as a diagonal's number.

    Raises `TypeMismatchError` for what is no int, and `ShapeError` for one below `least`.
    """
    try:
        number = operator.index(value)
    except TypeError:
        if isinstance(value, Tracer):
            raise
        raise TypeMismatchError(f"{what} is {value!r}{where()}: write an int") from None
    if least is not None and number < least:
        raise ShapeError(f"{what} is {number}{where()}: write an int from {least} on")
    return number


def at_axis(x: Any, axis: int, index: Any) -> Any:
    """Return an array indexed on one axis, all of the others, by an int, slice or int array."""
    return x[(*(slice(None),) * axis, index)]


def some_axes(axis: Any, rank: int, x: Tracer) -> tuple[int, ...]:
    """Return the axes that an int or a tuple names, sorted; all of them for None.

    Raises `ShapeError` for one that the array does not have or that is named twice.
    """
    if axis is None:
        return tuple(range(rank))
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    found = tuple(sorted(one_axis(a, rank, x) for a in given))
    if len(set(found)) != len(found):
        raise ShapeError(f"an axis of {describe(x)} is named twice{where()}: name it once")
    return found
