"""Find the values that need an array of their own although they could be read through."""

from __future__ import annotations

from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.op import Kind
from bpcompile.ir.type import TupleType, Type
from bpcompile.ops.index import is_static
from bpcompile.schedule.ownership import WRITES
from bpcompile.schedule.tasks import Work, work_of


def forced(graph: Graph) -> frozenset[Node]:
    """Return the nodes that need an array although they could be read through."""
    found: set[Node] = set()
    for out in graph.outputs:
        of_array = out.op.kind in (Kind.VIEW, Kind.INDEX)  # which may be overwritten later
        made = out.op.name not in ("param", "const", "item", "empty")
        if made and (out.array_type.rank or of_array):
            found.add(out)
    for node in graph.nodes:
        if node.op.kind is Kind.ROUTINE:
            found.update(arg for arg in node.args if _is_rearranged(arg) or arg.op.name == "const")
        elif isinstance(node.type, TupleType):
            found.update(arg for arg in node.args if _is_rearranged(arg))
        elif node.op.kind is Kind.CONTRACTION and work_of(node) is Work.OPAQUE:
            matrices = [unreshaped(untransposed(arg)) for arg in node.args]
            found.update(m for m in matrices if _is_rearranged(m) or m.op.name == "const")
        elif node.op.name in WRITES and _is_rearranged(node.args[0]):
            found.add(node.args[0])
    return frozenset(n for n in found if _may_be_transparent(n))


def _may_be_transparent(node: Node) -> bool:
    """Tell whether a node could be read through at all."""
    return node.op.kind in (Kind.LEAF, Kind.VIEW, Kind.ELEMENTWISE) or (
        node.op.name == "index" and is_static(node.attrs["spec"])
    )


def _is_rearranged(node: Node) -> bool:
    """Tell whether a value has rank and no array of its own."""
    if not isinstance(node.type, Type) or not node.array_type.rank:
        return False
    return node.op.name not in ("param", "const", "item", "empty") and _may_be_transparent(node)


def untransposed(node: Node) -> Node:
    """Return the matrix behind transposes."""
    while node.op.name == "transpose" and node.attrs["order"] == (1, 0):
        node = node.args[0]
    return node


def unreshaped(node: Node) -> Node:
    """Return the array behind other shapes."""
    while node.op.name == "reshape":
        node = node.args[0]
    return node
