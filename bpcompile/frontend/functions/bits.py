"""Answer shifts and bits of ints; as arithmetic where they are: ``n & 1``, ``n >> 1``, ``~n``.

On two bools the operators are logic, as in NumPy.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from bpcompile.errors import TypeMismatchError
from bpcompile.frontend.elementwise import elementwise
from bpcompile.frontend.functions.ufuncs import apply_ufunc
from bpcompile.frontend.lift import copied, lift, lift_all
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, refuse_keywords, rule
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.type import DType

_WIDTH = 63


def _known(value: Tracer) -> int | None:
    """Return the value of a constant int without axes, or None."""
    node = value.expr.node
    is_int = node.op.name == "const" and value.expr.dtype is DType.I64 and not value.ndim
    return int(node.attrs["value"]) if is_int else None


def _low_bits(x: Tracer, y: Tracer) -> Tracer:
    """Return ``x & y``, by arithmetic where one of them is known to be a run of low bits."""
    for value, mask in ((x, _known(y)), (y, _known(x))):
        if mask == -1:
            return copied(value)
        if mask is not None and 0 <= mask < 2**_WIDTH - 1 and mask & (mask + 1) == 0:
            found: Tracer = RULES["remainder"](value, mask + 1)
            return found
    return _of_bits("bit_and", x, y)


def _of_bits(op: str, x: Any, y: Any) -> Tracer:
    """Return what an op on bits makes of two ints."""
    return elementwise(op, lift_all((x, y)), lambda args: ((DType.I64,) * len(args), DType.I64))


def _shift_left(x: Tracer, y: Tracer) -> Any:
    """Return ``x << y``: 0 for places that ints do not have, as NumPy gives."""
    places = _known(y)
    if places is not None and 0 <= places < _WIDTH:
        return RULES["multiply"](x, 2**places)
    inside, shift = _places(y)
    return RULES["where"](inside, _of_bits("shift_left", x, shift), 0)


def _shift_right(x: Tracer, y: Tracer) -> Any:
    """Return ``x >> y``: the sign alone for places that ints do not have, as NumPy gives."""
    places = _known(y)
    if places is not None and 0 <= places < _WIDTH:
        return RULES["floor_divide"](x, 2**places)
    inside, shift = _places(y)
    return _of_bits("shift_right", x, RULES["where"](inside, shift, _WIDTH))


def _places(y: Tracer) -> tuple[Any, Any]:
    """Return where a number of places is one that ints have, and one that they have in any case."""
    inside = RULES["logical_and"](RULES["greater_equal"](y, 0), RULES["less_equal"](y, _WIDTH))
    return inside, RULES["where"](inside, y, 0)


_ON_INTS: dict[str, Callable[[Tracer, Tracer], Any]] = {
    "bitwise_and": _low_bits,
    "bitwise_or": functools.partial(_of_bits, "bit_or"),
    "bitwise_xor": functools.partial(_of_bits, "bit_xor"),
    "left_shift": _shift_left,
    "right_shift": _shift_right,
}


def _rule(name: str) -> Callable[..., Any]:
    """Return the rule of an operator on bits."""

    def answer(*values: Any, **keywords: Any) -> Any:
        refuse_keywords(name, keywords, out=None, where=True)
        args = lift_all(values)
        if [arg.expr.dtype for arg in args] != [DType.I64, DType.I64]:
            return apply_ufunc(name, *args)
        return _ON_INTS[name](args[0], args[1])

    answer.__name__ = name
    return answer


for _name in _ON_INTS:
    RULES[_name] = _rule(_name)


@rule("invert", "bitwise_not", "bitwise_invert")
def invert(x: Any, **keywords: Any) -> Tracer:
    """Return ``~x``: of an int it is ``-1 - x``."""
    refuse_keywords("invert", keywords, out=None, where=True)
    tracer = lift(x)
    is_int = tracer.expr.dtype is DType.I64
    return apply_ufunc("subtract", -1, tracer) if is_int else apply_ufunc("invert", tracer)


@rule("bitwise_count")
def bitwise_count(x: Any, **keywords: Any) -> Any:
    """Return how many bits of the absolute value are set.

    Source: H. S. Warren, "Hacker's Delight", section 5-1: pairs, nibbles and bytes are added up
    side by side.
    """
    refuse_keywords("bitwise_count", keywords, out=None, where=True)
    tracer = lift(x)
    if tracer.expr.dtype is DType.BOOL:
        return RULES["astype"](tracer, int)
    if tracer.expr.dtype is not DType.I64:
        raise TypeMismatchError(
            f"np.bitwise_count of {describe(tracer)}{where()}: convert it with .astype(int)"
        )
    value: Any = RULES["absolute"](tracer)
    for width, mask in zip((1, 2, 4), (0x5555, 0x3333, 0x0F0F), strict=True):
        whole = mask * 0x0001_0001_0001_0001
        high: Any = _of_bits("bit_and", _of_bits("shift_right", value, width), whole)
        value = _of_bits("bit_and", value, whole) + high
    for width in (8, 16, 32):
        value = value + _of_bits("shift_right", value, width)
    return _of_bits("bit_and", value, 0x7F)
