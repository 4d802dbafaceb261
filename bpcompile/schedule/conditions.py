"""Read integers and conditions of a graph as sizes: what a value is, and what a condition says.

A condition says that sizes are 0 or more: ``i < n`` that ``n - i - 1`` is. An integer of which
nothing is known is a name of its own, and what a condition says of it is left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

from bpcompile.ir.dims import Dim, Size, size_names
from bpcompile.ir.graph import Node
from bpcompile.ir.type import DType, Type
from bpcompile.schedule.counts import calculated, is_arithmetic

INTEGER = Type(DType.I64)
_UNKNOWN = "%?"
_numbers = itertools.count(1)


class Sizes:
    """Know the integers of one region as sizes; `values` gives those of its parameters."""

    def __init__(self, values: Mapping[Node, Size]) -> None:
        """Start with what is known."""
        self._known: dict[Node, Size] = dict(values)

    def set(self, node: Node, size: Size) -> None:
        """Know what a node is."""
        self._known[node] = size

    def of(self, node: Node) -> Size:
        """Return what an i64 scalar is."""
        stack = [node]
        while stack:
            top = stack[-1]
            missing = [x for x in top.args if x not in self._known] if is_arithmetic(top) else []
            if missing and top not in self._known:
                stack += missing
                continue
            stack.pop()
            if top not in self._known:
                self._known[top] = self._size(top)
        return self._known[node]

    def inside(self, params: Iterable[Node], operands: Iterable[Node]) -> Sizes:
        """Return what is known in a region whose parameters are these values."""
        pairs = zip(params, operands, strict=True)
        return Sizes({p: self.of(operand) for p, operand in pairs if p.type == INTEGER})

    def _size(self, node: Node) -> Size:
        """Return what a node is whose operands are known."""
        match node.op.name:
            case "const" if node.type == INTEGER:
                return int(node.attrs["value"])
            case "dim":
                size: Size = node.attrs["size"]
                return size
        if node.type == INTEGER and is_arithmetic(node):
            return calculated(node, [self._known[arg] for arg in node.args])
        return Dim.named(f"{_UNKNOWN}{next(_numbers)}")


def told(sizes: Sizes, condition: Node, holds: bool) -> tuple[Size, ...]:
    """Return the sizes that are 0 or more where a condition holds, or where it does not."""
    found: list[Size] = []
    stack = [(sizes, condition, holds)]
    while stack:
        here, node, is_true = stack.pop()
        match node.op.name, is_true:
            case "logical_not", _:
                stack.append((here, node.args[0], not is_true))
            case ("logical_and", True) | ("logical_or", False):
                stack += [(here, arg, is_true) for arg in node.args]
            case "item", _ if node.args[0].op.name == "branch":
                stack += _of_the_only_arm(here, node, is_true)
            case _ if all(arg.type == INTEGER for arg in node.args):
                found += _compared(node.op.name, [here.of(arg) for arg in node.args], is_true)
    return tuple(size for size in found if not any(map(_is_unknown, size_names(size))))


def _of_the_only_arm(sizes: Sizes, item: Node, holds: bool) -> list[tuple[Sizes, Node, bool]]:
    """Return the conditions that hold where only one arm of a branch can give a result.

    ``a and b`` is a branch that looks at `b` only where `a` holds.
    """
    branch, k = item.args[0], item.attrs["index"]
    then, otherwise = branch.attrs["then"], branch.attrs["otherwise"]
    for taken, other in ((then, otherwise), (otherwise, then)):
        out = other.outputs[k]
        if out.op.name == "const" and bool(out.attrs["value"]) is not holds:
            inside = sizes.inside(taken.params, branch.args[1:])
            return [(sizes, branch.args[0], taken is then), (inside, taken.outputs[k], holds)]
    return []


def _compared(name: str, operands: list[Size], holds: bool) -> list[Size]:
    """Return what a comparison of two integers says, or its opposite."""
    opposite = {
        "less": "greater_equal",
        "less_equal": "greater",
        "greater": "less_equal",
        "greater_equal": "less",
        "equal": "not_equal",
        "not_equal": "equal",
    }
    if name not in opposite:
        return []
    more = operands[0] - operands[1]
    match name if holds else opposite[name]:
        case "less":
            return [-more - 1]
        case "less_equal":
            return [-more]
        case "greater":
            return [more - 1]
        case "greater_equal":
            return [more]
        case "equal":
            return [more, -more]
    return []


def _is_unknown(name: str) -> bool:
    """Tell whether a name stands for an integer of which nothing is known."""
    return name.startswith(_UNKNOWN)
