"""Find the nodes that lie between the differentiated inputs and the result.

A loop's activity is a fixed point: a carried value is active where its initial value is, or where
its next value depends on an active one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from bpcompile.ir.graph import Graph, Node, regions
from bpcompile.ir.type import AnyType, TupleType, Type

# For each op with several results: which of them are active, given which operands are.
REGION_ACTIVITY: dict[str, Callable[[Node, Sequence[bool]], list[bool]]] = {}


def carries_derivative(type: AnyType) -> bool:
    """Tell whether a value of this type can have a cotangent."""
    if isinstance(type, TupleType):
        return any(map(carries_derivative, type.items))
    return isinstance(type, Type) and type.dtype.is_float


def active_nodes(graph: Graph, wrt: Iterable[Node]) -> set[Node]:
    """Return the float nodes that depend on `wrt` through ops with a derivative."""
    active = set(wrt)
    results: dict[Node, list[bool]] = {}
    for node in graph.nodes:
        if node.op.derivative == "zero" or not carries_derivative(node.type):
            continue
        if not any(arg in active for arg in node.args):
            continue
        if node.op.name in REGION_ACTIVITY:
            results[node] = REGION_ACTIVITY[node.op.name](
                node, [arg in active for arg in node.args]
            )
            reached = any(results[node])
        elif node.op.name == "item" and node.args[0] in results:
            reached = results[node.args[0]][node.attrs["index"]]
        else:
            reached = True
        if reached:
            active.add(node)
    return active


def loop_activity(node: Node, given: Sequence[bool]) -> list[bool]:
    """Return which carried values of a loop are active, given which operands are."""
    body: Graph = node.attrs["body"]
    carried: int = node.attrs["carried"]
    flags = [
        flag and carries_derivative(param.type)
        for flag, param in zip(given[2:], body.params[1:], strict=True)
    ]
    while True:
        wrt = [param for param, flag in zip(body.params[1:], flags, strict=True) if flag]
        active = active_nodes(body, wrt)
        found = [flag or out in active for flag, out in zip(flags, body.outputs, strict=False)]
        if found == flags[:carried]:
            return found
        flags[:carried] = found


REGION_ACTIVITY["loop"] = loop_activity


def masked_nodes(graph: Graph, active: set[Node], inputs: Collection[Node] = ()) -> set[Node]:
    """Return the active nodes whose cotangent must carry its mask.

    A mask is of use only where the rule of some op further back could turn a structural zero into
    NaN, that is, where a partial may be infinite; everything between needs to pass it on. `inputs`
    are the parameters of a region whose masks are of use outside of it.
    """
    useful: set[Node] = set(inputs)
    unsafe: dict[Graph, bool] = {}
    for node in graph.nodes:
        if node not in active:
            continue
        if is_unsafe(node, unsafe) or (passes_mask(node) and any(a in useful for a in node.args)):
            useful.add(node)
    return useful


def passes_mask(node: Node) -> bool:
    """Tell whether the rule of a node passes masks on."""
    op = node.op
    return (
        op.mask is not None
        or op.partials is not None
        or op.name == "item"
        or op.name in REGION_ACTIVITY
    )


def is_unsafe(node: Node, known: dict[Graph, bool]) -> bool:
    """Tell whether a node, or one in its regions, may have an infinite partial.

    `known` remembers the answers for regions.
    """
    if node.op.partials is not None and not node.op.finite:
        return True
    return any(_has_unsafe(region, known) for _, region in regions(node))


def _has_unsafe(graph: Graph, known: dict[Graph, bool]) -> bool:
    """Tell whether a region has a node that may have an infinite partial."""
    if graph not in known:
        known[graph] = any(
            carries_derivative(node.type) and is_unsafe(node, known) for node in graph.nodes
        )
    return known[graph]
