"""Find the helper functions that emitted code calls, and call them at each precision.

A special function is one helper, `templates/numba/functions/_name.py.j2`, for both targets. It is
written without a branch, in NumPy's functions and `_where`, so that it takes a scalar or an array;
it computes in float64. One that needs loops and branches is written for a number, with `math`: the
numpy target hands it to `_each`, which goes through an array in Python. Where a helper must differ
on the numpy target, as `_where` does, that one is in `templates/numpy/functions`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

from bpcompile.emit.layout import FunctionText
from bpcompile.emit.printing import Piece, call_text, render
from bpcompile.emit.templates import function_text
from bpcompile.ir.op import Text
from bpcompile.ir.type import DType

_HELPER = re.compile(r"(?<![\w.])(_[a-z][a-z0-9_]*)[()]")  # called, or handed to `_each`


def is_helper(text: Text) -> bool:
    """Tell whether the text of an op calls one of our own functions."""
    return text.pattern.startswith("_")


def call_helper(text: Text, operands: Sequence[Piece], dtype: DType) -> Piece:
    """Return the call of a helper, which computes in float64."""
    if dtype is not DType.F32:
        return render(text, operands)
    wide = [Piece(call_text("np.float64", operand.text)) for operand in operands]
    return Piece(call_text("np.float32", render(text, wide).text))


def helpers_of(
    functions: Sequence[FunctionText],
    target: str,
    decorator: Callable[[str], str],
    given: Collection[str] = (),
) -> list[FunctionText]:
    """Return the helpers that functions call, each before those that call it.

    `given` are those that the module has already.
    """
    own = {function.name for function in functions}.union(given)
    text = "\n".join([line.code for function in functions for line in function.lines])
    found: dict[str, FunctionText] = {}
    order: list[str] = []
    stack = sorted(set(_HELPER.findall(text)) - own)
    while stack:
        name = stack.pop()
        if name in found:
            continue
        found[name] = function_text(name, decorator(name), target)
        order.append(name)
        called = {c for line in found[name].lines for c in _HELPER.findall(line.code)}
        called -= {name, *given}
        stack.extend(sorted(called))
    return [found[name] for name in reversed(order)]
