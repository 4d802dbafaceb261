"""Find the nodes that lie between the differentiated inputs and the result."""

from __future__ import annotations

from collections.abc import Iterable

from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.types import AnyType, TupleType


def carries_derivative(type: AnyType) -> bool:
    """Tell whether a value of this type can have a cotangent."""
    if isinstance(type, TupleType):
        return any(item.dtype.is_float for item in type.items)
    return type.dtype.is_float


def active_nodes(graph: Graph, wrt: Iterable[Node]) -> set[Node]:
    """Return the float nodes that depend on `wrt` through ops with a derivative."""
    active = set(wrt)
    for node in graph.nodes:
        if node.op.derivative == "zero" or not carries_derivative(node.type):
            continue
        if any(arg in active for arg in node.args):
            active.add(node)
    return active


def masked_nodes(graph: Graph, active: set[Node]) -> set[Node]:
    """Return the active nodes whose cotangent must carry its mask.

    A mask is of use only where the rule of some op further back could turn a structural zero into
    NaN, that is, where a partial may be infinite; everything between needs to pass it on.
    """
    useful: set[Node] = set()
    for node in graph.nodes:
        if node not in active:
            continue
        unsafe = node.op.partials is not None and not node.op.finite
        passes = node.op.mask is not None or node.op.partials is not None
        if unsafe or (passes and any(arg in useful for arg in node.args)):
            useful.add(node)
    return useful
