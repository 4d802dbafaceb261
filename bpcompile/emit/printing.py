"""Print expressions: each piece of text knows how strongly it binds, so brackets are right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from bpcompile.ir.dims import Size
from bpcompile.ir.op import Level, Text


class Piece(NamedTuple):
    """Hold the text of an expression and the strength with which it binds."""

    text: str
    level: Level = Level.ATOM

    def at(self, level: Level) -> str:
        """Return the text, in parentheses where it binds less strongly than `level`."""
        return self.text if self.level >= level else f"({self.text})"


def render(text: Text, operands: Sequence[Piece]) -> Piece:
    """Return the expression of an op's text with its operands in place."""
    pattern, strength, needs, _ = text
    if len(operands) == 2:  # as most have, of the hundred thousand of a long module
        (left, first), (right, second) = operands
        shown = pattern.format(
            left if first >= needs[0] else f"({left})",
            right if second >= needs[1] else f"({right})",
        )
    else:
        shown = pattern.format(
            *[
                own if level >= need else f"({own})"
                for (own, level), need in zip(operands, needs, strict=True)
            ]
        )
    return _new(Piece, (shown, strength))


# Piece(...) takes twice as long, and `render` makes one for each node.
_new = tuple.__new__


def number(value: float | int | bool, module: str) -> Piece:
    """Return a constant as Python text that reads back to the same bits.

    `module` is where infinities and NaN are found: ``math`` or ``np``.
    """
    if isinstance(value, float) and not math.isfinite(value):
        name = "nan" if math.isnan(value) else "inf"
        minus = value == -math.inf
        return Piece(
            f"{'-' if minus else ''}{module}.{name}", Level.NEGATE if minus else Level.ATOM
        )
    text = repr(value)
    return Piece(text, Level.NEGATE if text.startswith("-") else Level.ATOM)


def size_piece(size: Size) -> Piece:
    """Return the expression of a size."""
    if isinstance(size, int):
        return number(size, "math")
    if len(size.terms) > 1:
        return Piece(str(size), Level.ADD)
    monomial, coefficient = size.terms[0]
    if coefficient < 0:
        return Piece(str(size), Level.NEGATE)
    plain = coefficient == 1 and len(monomial) == 1
    atom = plain and (isinstance(monomial[0], str) or monomial[0][0] != "//")
    return Piece(str(size), Level.ATOM if atom else Level.MULTIPLY)


def call_text(function: str, *arguments: str) -> str:
    """Return the text of a call."""
    return f"{function}({', '.join(arguments)})"


def tuple_text(parts: Sequence[str]) -> str:
    """Return the text of a tuple, with the comma that a single element needs."""
    return f"({parts[0]},)" if len(parts) == 1 else f"({', '.join(parts)})"


def shape_text(shape: Sequence[Size]) -> str:
    """Return the text of a shape for `np.empty`: a bare length for one axis."""
    if len(shape) == 1:
        return str(shape[0])
    return tuple_text([str(size) for size in shape]) if shape else "()"
