"""Declare the operations on the bits of ints: and, or, exclusive or, and shifts.

They are steps: their derivative is zero. A shift takes places from 0 to 63; the frontend answers
for others, since processors do not agree on them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bpcompile.errors import CompileError
from bpcompile.ir.op import Domain, Level, Op, Text, pattern
from bpcompile.ir.type import DType, Type
from bpcompile.ops.elementwise import alike, elementwise

_WHOLE = Domain(((0.0, 60.0), (0.0, 60.0)))


def ints(*types: Type) -> Type:
    """Return the one type that all operands have: ints."""
    if types[0].dtype is not DType.I64:
        raise CompileError(f"bits of {', '.join(map(str, types))}, which must be ints")
    return alike(*types)


def _text(symbol: str, level: Level) -> Text:
    """Return the text of an operator that binds as some level does, among sums at the least."""
    return pattern(f"{{0}} {symbol} {{1}}", level, Level.ADD, Level.ADD)


def _declared(name: str, function: Any, symbol: str, latex: str, doc: str) -> Op:
    """Declare an operator."""
    level = {"|": Level.BIT_OR, "^": Level.BIT_OR}.get(symbol, Level.BIT_AND)
    return elementwise(
        name,
        function,
        None,
        _text(symbol, level),
        infer=ints,
        latex="{0} \\mathbin{{" + latex + "}} {1}",
        domain=_WHOLE,
        commutative=symbol in "&|^",
        doc=doc,
    )


bit_and = _declared("bit_and", np.bitwise_and, "&", "\\&", "The bits that both have.")
bit_or = _declared("bit_or", np.bitwise_or, "|", "|", "The bits that either has.")
bit_xor = _declared("bit_xor", np.bitwise_xor, "^", "\\oplus", "The bits that one alone has.")
shift_left = _declared("shift_left", np.left_shift, "<<", "\\ll", "Times a power of two.")
shift_right = _declared(
    "shift_right", np.right_shift, ">>", "\\gg", "Over a power of two, rounded down."
)
