"""Tell which integers are counted rather than read as data, and do their arithmetic in sizes.

A counted integer is made from counters, lengths and numbers; it stands as a polynomial where it is
used, so that an index prints as ``x[i - k - 1]`` and is proved in range.
"""

from __future__ import annotations

from collections.abc import Sequence

from bpcompile.ir.dims import Size, dim_max, dim_min, floor_div
from bpcompile.ir.graph import Node
from bpcompile.ir.op import Kind
from bpcompile.ir.type import DType, Type

_ARITHMETIC = ("add", "sub", "mul", "neg", "maximum", "minimum")
_BY_NUMBER = ("floor_divide", "remainder")
_LEAVES = ("const", "dim", "iota")
_SCALARS = (*_LEAVES, "param", "item")
_MOST_NODES = 16
_LONG = 3  # terms


def is_counted(node: Node) -> bool:
    """Tell whether an i64 value is a polynomial of counters, lengths and numbers."""
    stack, steps = [node], 0
    while stack:
        current = stack.pop()
        steps += 1
        if steps > _MOST_NODES:
            return False
        if is_arithmetic(current):
            stack.extend(current.args)
        elif current.op.kind is Kind.VIEW:
            stack.append(current.args[0])
        elif current.op.name not in (_LEAVES if current.array_type.rank else _SCALARS):
            return False
    return True


def is_arithmetic(node: Node) -> bool:
    """Tell whether a node computes with integers what sizes can express."""
    if node.array_type.dtype is not DType.I64:
        return False
    if node.op.name in _BY_NUMBER:
        divisor = node.args[1]
        return divisor.op.name == "const" and divisor.attrs["value"] > 0
    return node.op.name in _ARITHMETIC


def is_written_out(node: Node, size: Size, readers: int) -> bool:
    """Tell whether a counted scalar stands as a polynomial where it is used, without a name."""
    if node.name is not None or node.array_type != Type(DType.I64) or node.op.name == "remainder":
        return False
    if isinstance(size, int) or readers < 2:
        return True
    plain = all(isinstance(atom, str) for monomial, _ in size.terms for atom in monomial)
    return plain and len(size.terms) <= _LONG


def calculated(node: Node, operands: Sequence[Size]) -> Size:
    """Return the size that a node of integer arithmetic computes from sizes."""
    first = operands[0]
    if node.op.name == "neg":
        return -first
    second = operands[1]
    match node.op.name:
        case "add":
            return first + second
        case "sub":
            return first - second
        case "mul":
            return first * second
        case "maximum":
            return dim_max(first, second)
        case "minimum":
            return dim_min(first, second)
    quotient = floor_div(first, second)
    return quotient if node.op.name == "floor_divide" else first - quotient * second
