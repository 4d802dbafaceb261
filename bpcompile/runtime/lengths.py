"""Bind the named dimensions of a compiled function to the lengths of a call, and test its guards.

The compiled code does the same in its prologue; this is what Python asks when the code has
refused a call, to choose other code for it or to say what is wrong with it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from bpcompile.ir.dims import Dim, Size, evaluate
from bpcompile.ir.graph import Guard
from bpcompile.ir.type import Type

_RELATIONS: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Place(NamedTuple):
    """Hold what compiled code expects of one argument: its path, its type, the size that it is."""

    path: str
    type: Type
    size: Size | None = None
    """The dimension whose length the value of an int argument is, if it is one."""


class Misfit(Exception):  # a signal inside the package; what the user sees is made of its text
    """Signal lengths that compiled code was not made for."""


def bare_name(size: Size | None) -> str | None:
    """Return the name of a size that is a bare name."""
    if isinstance(size, Dim) and len(size.terms) == 1:
        monomial, coefficient = size.terms[0]
        if coefficient == 1 and len(monomial) == 1 and isinstance(monomial[0], str):
            return monomial[0]
    return None


def bind_lengths(
    places: Sequence[Place], leaves: Sequence[Any], guards: Sequence[Guard] = ()
) -> dict[str, int]:
    """Return the length of each named dimension in a call.

    Raises `Misfit`, whose text names the argument or the guard, where the lengths do not fit.
    """
    lengths: dict[str, int] = {}
    pending: list[tuple[str, Size, int]] = []
    for place, leaf in zip(places, leaves, strict=True):
        if place.size is not None:
            _bind(lengths, pending, place.path, place.size, int(leaf))
        for axis, size in enumerate(place.type.shape):
            text = f"axis {axis} of {place.path}"
            _bind(lengths, pending, text, size, leaf.shape[axis])
    for text, size, given in pending:
        expected = length_of(size, lengths)
        if expected != given:
            raise Misfit(f"{text} is {given} and must be {_shown(size, expected)}")
    for guard in guards:
        left, right = length_of(guard.left, lengths), length_of(guard.right, lengths)
        if not _RELATIONS[guard.relation](left, right):
            reason = f" ({guard.reason})" if guard.reason else ""
            raise Misfit(f"{guard}{reason} does not hold for {_values(lengths)}")
    return lengths


def _bind(
    lengths: dict[str, int],
    pending: list[tuple[str, Size, int]],
    text: str,
    size: Size,
    given: int,
) -> None:
    """Bind a bare name where it is first met; remember what must be tested."""
    name = bare_name(size)
    if name is not None and name not in lengths:
        lengths[name] = given
    else:
        pending.append((text, size, given))


def length_of(size: Size, lengths: Mapping[str, int]) -> int:
    """Return the value of a size.

    Raises `Misfit` where a division by a length of zero leaves it without one.
    """
    if isinstance(size, int):
        return size
    name = bare_name(size)
    if name is not None:
        return lengths[name]
    try:
        return evaluate(size, lengths)
    except (ValueError, ZeroDivisionError) as error:
        raise Misfit(f"{size} has no value for {_values(lengths)}: {error}") from error


def shape_of(type: Type, lengths: Mapping[str, int]) -> tuple[int, ...]:
    """Return the shape that a type has for these lengths."""
    return tuple(length_of(size, lengths) for size in type.shape)


def _shown(size: Size, expected: int) -> str:
    """Return a size with its value."""
    return str(expected) if isinstance(size, int) else f"{size} = {expected}"


def _values(lengths: Mapping[str, int]) -> str:
    """Return the lengths as text."""
    return ", ".join(f"{name} = {value}" for name, value in lengths.items()) or "no dimensions"
