"""Compute before a loop what all its iterations would compute alike, where that is dear.

``for t: x = solve(A, x)`` factors A once, and so does the loop that runs it backwards. A loop that
takes no step then factors in vain, so that only what never raises goes out. What costs little is
left where LLVM sees it: an array of its own would cost more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from operator import is_
from typing import Any

from bpcompile.ir.build import node_key
from bpcompile.ir.dims import size_names
from bpcompile.ir.graph import Graph, Node, regions
from bpcompile.ir.op import Kind
from bpcompile.ir.type import TupleType, Type
from bpcompile.passes.dce import drop_dead
from bpcompile.passes.forms import FORMS, with_regions
from bpcompile.passes.outside import handed_in

_NEVER_RAISES = (Kind.LEAF, Kind.VIEW, Kind.ELEMENTWISE, Kind.REDUCE, Kind.CONTRACTION)


def lift(graph: Graph) -> Graph:
    """Return the graph with dear values before the loops that do not change them."""
    new = _lifted(graph)
    return graph if new is graph else drop_dead(new)


def _lifted(graph: Graph) -> Graph:
    """Return a graph or region with less in its loops, the inner ones first."""
    if not any(node.op.kind is Kind.REGION for node in graph.nodes):
        return graph
    known: dict[Any, Node] = {}
    place: dict[Node, Node] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        args = tuple([place[arg] for arg in node.args])
        new = node
        if node.op.kind is Kind.REGION:
            inner = {key: _lifted(region) for key, region in regions(node)}
            same = all(inner[key] is region for key, region in regions(node))
            attrs = node.attrs if same else with_regions(node, inner)
            if not same or args != node.args:
                new = Node(node.op, args, attrs, node.type, node.origin, node.name)
            if node.op.name in ("loop", "while"):
                new = _without_constants(new, known, nodes)
        elif not all(map(is_, args, node.args)):
            new = Node(node.op, args, node.attrs, node.type, node.origin, node.name)
        place[node] = new
        nodes.append(new)
    if all(map(is_, nodes, graph.nodes)) and len(nodes) == len(graph.nodes):
        return graph
    outputs = tuple([place[out] for out in graph.outputs])
    return Graph(graph.name, graph.params, tuple(nodes), outputs, graph.guards)


def _without_constants(loop: Node, known: dict[Any, Node], before: list[Node]) -> Node:
    """Return a loop that is handed what is dear and the same in each iteration.

    What computes that is appended to the nodes `before` the loop, unless it is `known` there.
    """
    body: Graph = loop.attrs["body"]
    form, carried = FORMS[loop.op.name], loop.attrs["carried"]
    operands = loop.args[form.first + carried :]
    outside = dict(zip(body.params[form.lead + carried :], operands, strict=True))
    needed = _needed(body, outside)
    for node in body.nodes:
        if node in needed:
            args = tuple([outside[arg] for arg in node.args])
            copy = Node(node.op, args, node.attrs, node.type, node.origin, node.name)
            outside[node] = known.setdefault(node_key(copy), copy)
            if outside[node] is copy:
                before.append(copy)
    read = set(body.outputs).union(*(node.args for node in body.nodes if node not in needed))
    twins = {
        node: outside[node] for node in body.nodes if node in read and _is_result(node, needed)
    }
    if not twins:
        return loop
    handed = list(dict.fromkeys(twins.values()))
    new = {
        key: handed_in(region, twins if region is body else {}, handed)
        for key, region in regions(loop)
    }
    attrs = with_regions(loop, new)
    return Node(loop.op, (*loop.args, *handed), attrs, loop.type, loop.origin, loop.name)


def _needed(body: Graph, constants: Collection[Node]) -> set[Node]:
    """Return what is dear and the same in each iteration, with what that is computed from."""
    sizes = {name for node in constants for name in _size_names(node)}
    same = set(constants)
    for node in body.nodes:
        fits = node not in same and node.op.name != "param" and _size_names(node) <= sizes
        if fits and _never_raises(node) and all(arg in same for arg in node.args):
            same.add(node)
    found = {node for node in same if _is_dear(node)}
    for node in reversed(body.nodes):
        if node in found:
            found.update(arg for arg in node.args if arg in same and arg not in constants)
    items = [n for n in body.nodes if n.op.name == "item" and n.args[0] in found]
    return found.union(items)


def _never_raises(node: Node) -> bool:
    """Tell whether a node has a value for whatever its operands are."""
    if node.op.routine is not None:
        return node.op.routine.is_total
    return node.op.kind in _NEVER_RAISES or node.op.name == "item"


def _is_dear(node: Node) -> bool:
    """Tell whether a node costs more than to read its value from an array."""
    return bool(node.args) and node.op.kind in (Kind.ROUTINE, Kind.CONTRACTION)


def _is_result(node: Node, needed: Collection[Node]) -> bool:
    """Tell whether a value is dear itself, or one of several of a node that is."""
    made = node.args[0] if node.op.name == "item" else node
    return node in needed and _is_dear(made) and not isinstance(node.type, TupleType)


def _size_names(node: Node) -> frozenset[str]:
    """Return the names in the lengths of a value."""
    types: Iterable[Any] = node.type.items if isinstance(node.type, TupleType) else (node.type,)
    shapes = (type.shape for type in types if isinstance(type, Type))
    return frozenset(name for shape in shapes for size in shape for name in size_names(size))
