"""Find the nodes that lie between the differentiated inputs and the result.

A loop's activity is a fixed point: a carried value is active where its initial value is, or where
its next value depends on an active one. A result of a branch is active where either arm makes it
so. What decides (a test, a condition) is no float and active nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from bpcompile.ir.graph import Graph, Node, regions
from bpcompile.ir.type import AnyType, TapeType, TupleType

# For each op with several results: which of them are active, given which operands are.
REGION_ACTIVITY: dict[str, Callable[[Node, Sequence[bool]], list[bool]]] = {}


def carries_derivative(type: AnyType) -> bool:
    """Tell whether a value of this type can have a cotangent."""
    if isinstance(type, TupleType):
        return any(map(carries_derivative, type.items))
    return (type.row if isinstance(type, TapeType) else type).dtype.is_float


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


def states_activity(
    body: Graph, params: Sequence[Node], outputs: Sequence[Node], given: Sequence[bool]
) -> list[bool]:
    """Return which states of a loop are active, given which of its operands are.

    `params` are the body's parameters for states and then constants, `outputs` the next states.
    """
    count = len(outputs)
    flags = [
        flag and carries_derivative(param.type) for flag, param in zip(given, params, strict=True)
    ]
    while True:
        active = active_nodes(body, _flagged(params, flags))
        found = [flag or out in active for flag, out in zip(flags, outputs, strict=False)]
        if found == flags[:count]:
            return found
        flags[:count] = found


def _flagged(nodes: Sequence[Node], flags: Sequence[bool]) -> list[Node]:
    """Return the nodes whose flag is set and that can have a cotangent."""
    pairs = zip(nodes, flags, strict=True)
    return [node for node, flag in pairs if flag and carries_derivative(node.type)]


def loop_activity(node: Node, given: Sequence[bool]) -> list[bool]:
    """Return which carried values of a loop are active, given which operands are."""
    body: Graph = node.attrs["body"]
    return states_activity(body, body.params[1:], body.outputs, given[2:])


def while_activity(node: Node, given: Sequence[bool]) -> list[bool]:
    """Return which carried values and tapes of a ``while`` are active."""
    body: Graph = node.attrs["body"]
    carried: int = node.attrs["carried"]
    states = states_activity(body, body.params, body.outputs[:carried], given)
    active = active_nodes(body, _flagged(body.params, [*states, *given[carried:]]))
    return [*states, *(out in active for out in body.outputs[carried:])]


def branch_activity(node: Node, given: Sequence[bool]) -> list[bool]:
    """Return which results of a branch are active."""
    found = [False] * len(node.attrs["then"].outputs)
    for _, arm in regions(node):
        active = active_nodes(arm, _flagged(arm.params, given[1:]))
        found = [flag or out in active for flag, out in zip(found, arm.outputs, strict=True)]
    return found


REGION_ACTIVITY["loop"] = loop_activity
REGION_ACTIVITY["while"] = while_activity
REGION_ACTIVITY["branch"] = branch_activity


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
        or op.name in ("item", "replay")
        or op.name in REGION_ACTIVITY
    )


def is_unsafe(node: Node, known: dict[Graph, bool]) -> bool:
    """Tell whether a node, or one in its regions, may have an infinite partial.

    `known` remembers the answers for regions.
    """
    if node.op.partials is not None and not node.op.finite:
        return True
    return any(_has_unsafe(region, known) for key, region in regions(node) if key != "test")


def _has_unsafe(graph: Graph, known: dict[Graph, bool]) -> bool:
    """Tell whether a region has a node that may have an infinite partial."""
    if graph not in known:
        known[graph] = any(
            carries_derivative(node.type) and is_unsafe(node, known) for node in graph.nodes
        )
    return known[graph]
