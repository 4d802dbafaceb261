"""Answer shifts, and bits of ints, where they are arithmetic: ``n & 1``, ``n >> 1``, ``~n``.

On two bools the operators are logic, as in NumPy. Where neither operand is known, and where the
known one is no run of low bits, there is no op for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bpcompile.errors import UnsupportedError
from bpcompile.frontend.lift import lift, lift_all
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, refuse_keywords, rule
from bpcompile.frontend.tracer import Tracer
from bpcompile.frontend.ufuncs import apply_ufunc
from bpcompile.ir.type import DType

_WIDTH = 63


def _known(value: Tracer) -> int | None:
    """Return the value of a constant int, or None."""
    node = value.expr.node
    is_int = node.op.name == "const" and value.expr.dtype is DType.I64
    return int(node.attrs["value"]) if is_int else None


def _refused(symbol: str) -> UnsupportedError:
    """Return the error for bits that are no arithmetic."""
    return UnsupportedError(
        f"{symbol} of traced ints is known for `n & (2**k - 1)`, `n << k` and `n >> k` with a "
        f"known k from 0 to {_WIDTH - 1}{where()}: write it with //, % and *, or compute it "
        "outside and pass it in"
    )


def _low_bits(x: Tracer, y: Tracer) -> Tracer:
    """Return ``x & y`` where one of them is known to be a run of low bits."""
    for value, mask in ((x, _known(y)), (y, _known(x))):
        if mask == -1:
            return value
        if mask is not None and 0 <= mask < 2**_WIDTH - 1 and mask & (mask + 1) == 0:
            found: Tracer = RULES["remainder"](value, mask + 1)
            return found
    raise _refused("&")


def _shifted(rule: str, symbol: str) -> Callable[[Tracer, Tracer], Tracer]:
    """Return a shift by a known number of places."""

    def answer(x: Tracer, y: Tracer) -> Tracer:
        places = _known(y)
        if places is None or not 0 <= places < _WIDTH:
            raise _refused(symbol)
        found: Tracer = RULES[rule](x, 2**places)
        return found

    return answer


_ON_INTS: dict[str, Callable[[Tracer, Tracer], Tracer]] = {
    "bitwise_and": _low_bits,
    "left_shift": _shifted("multiply", "<<"),
    "right_shift": _shifted("floor_divide", ">>"),
}


_SYMBOLS = {
    "bitwise_and": "&",
    "bitwise_or": "|",
    "bitwise_xor": "^",
    "left_shift": "<<",
    "right_shift": ">>",
}


def _rule(name: str) -> Callable[..., Tracer]:
    """Return the rule of an operator on bits."""

    def answer(*values: Any, **keywords: Any) -> Tracer:
        refuse_keywords(name, keywords, out=None, where=True)
        args = lift_all(values)
        if [arg.expr.dtype for arg in args] != [DType.I64, DType.I64]:
            return apply_ufunc(name, *args)
        if name not in _ON_INTS:
            raise _refused(_SYMBOLS[name])
        return _ON_INTS[name](args[0], args[1])

    answer.__name__ = name
    return answer


for _name in _SYMBOLS:
    RULES[_name] = _rule(_name)


@rule("invert", "bitwise_not", "bitwise_invert")
def invert(x: Any, **keywords: Any) -> Tracer:
    """Return ``~x``: of an int it is ``-1 - x``."""
    refuse_keywords("invert", keywords, out=None, where=True)
    tracer = lift(x)
    is_int = tracer.expr.dtype is DType.I64
    return apply_ufunc("subtract", -1, tracer) if is_int else apply_ufunc("invert", tracer)
