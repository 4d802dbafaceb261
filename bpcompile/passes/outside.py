"""Read in a region what was computed before it, instead of computing it again.

In ``if x[i] > 0: x[i] = sin(x[i])`` the element is read once: the arm gets it as an operand. An arm
knows the operands of its branch, the body of a loop what is no state. Only scalars are handed in,
and only of a graph without dead nodes, so that nothing is computed that nobody asked for.
"""

from __future__ import annotations

from operator import is_
from typing import Any

from bpcompile.ir.build import attribute_key
from bpcompile.ir.graph import Graph, Node, regions
from bpcompile.ir.op import OPS, Kind
from bpcompile.ir.type import DType, Type
from bpcompile.passes.dce import drop_dead
from bpcompile.passes.forms import FORMS, with_regions


def share_outside(graph: Graph) -> Graph:
    """Return the graph with scalars that are known outside of regions handed into them."""
    new = _shared(graph)
    return graph if new is graph else drop_dead(new)


def _shared(graph: Graph) -> Graph:
    """Return a graph or region whose regions read what is known."""
    if not any(node.attrs and node.op.kind is Kind.REGION for node in graph.nodes):
        return graph
    known: dict[Any, Node] = {}
    place: dict[Node, Node] = {}
    for node in graph.nodes:
        args = tuple([place[arg] for arg in node.args])
        new = node
        if node.op.kind is Kind.REGION:
            new = _with_known(node, args, known)
        elif not all(map(is_, args, node.args)):
            new = Node(node.op, args, node.attrs, node.type, node.origin, node.name)
        place[node] = new
        if node.op.name != "param":
            known[_key(new, args)] = new
    nodes, outputs = (tuple([place[n] for n in part]) for part in (graph.nodes, graph.outputs))
    if all(map(is_, nodes, graph.nodes)):
        return graph
    return Graph(graph.name, graph.params, nodes, outputs, graph.guards)


def _key(node: Node, args: tuple[Node, ...]) -> Any:
    """Return what makes two nodes with these operands compute the same."""
    attrs = tuple((key, attribute_key(node.attrs[key])) for key in sorted(node.attrs))
    return (node.op, args, node.type, attrs)


def _with_known(node: Node, args: tuple[Node, ...], known: dict[Any, Node]) -> Node:
    """Return a region op whose regions are handed what they would compute again."""
    form = FORMS[node.op.name]
    carried: int = node.attrs.get("carried", 0)
    constants = args[form.first + carried :]
    found = {}
    for key, region in regions(node):
        params = region.params[form.lead + carried :]
        found[key] = _twins(region, dict(zip(params, constants, strict=True)), known)
    handed = list(dict.fromkeys(twin for twins in found.values() for twin in twins.values()))
    new = {
        key: _shared(handed_in(region, found[key], handed) if handed else region)
        for key, region in regions(node)
    }
    same = all(map(is_, args, node.args)) and all(new[k] is region for k, region in regions(node))
    if same:
        return node
    attrs = with_regions(node, new)
    return Node(node.op, (*args, *handed), attrs, node.type, node.origin, node.name)


def _twins(region: Graph, outside: dict[Node, Node], known: dict[Any, Node]) -> dict[Node, Node]:
    """Return the scalars of a region that are known outside; `outside` has its parameters.

    Those that only others among them read are left out.
    """
    found = dict(outside)
    for node in region.nodes:
        if node.op.name == "param" or not all(arg in found for arg in node.args):
            continue
        twin = known.get(_key(node, tuple([found[arg] for arg in node.args])))
        if twin is not None:
            found[node] = twin
    read = set(region.outputs)
    for node in region.nodes:
        if node not in found:
            read.update(node.args)
    return {node: twin for node, twin in found.items() if node in read and _is_computed(node)}


def _is_computed(node: Node) -> bool:
    """Tell whether a node is a scalar that costs something.

    Sums of integers cost nothing, and an index is known to be in range where they are seen.
    """
    if not isinstance(node.type, Type) or node.shape or not node.args:
        return False
    return node.op.kind is not Kind.ELEMENTWISE or node.type.dtype is not DType.I64


def handed_in(region: Graph, twins: dict[Node, Node], handed: list[Node]) -> Graph:
    """Return a region with a parameter for each value that is handed in."""
    names = {twin: node.name for node, twin in twins.items() if node.name}
    params = {}
    for value in handed:
        name = names.get(value) or value.name or "value"
        params[value] = Node(OPS["param"], (), {"name": name}, value.type, value.origin, name)
    place = {node: params[twin] for node, twin in twins.items()}
    nodes: list[Node] = [*region.params, *params.values()]
    for node in region.nodes:
        if node in place or node.op.name == "param":
            continue
        args = tuple([place.get(arg, arg) for arg in node.args])
        if not all(map(is_, args, node.args)):
            place[node] = Node(node.op, args, node.attrs, node.type, node.origin, node.name)
        nodes.append(place.get(node, node))
    outputs = tuple([place.get(out, out) for out in region.outputs])
    given = (*region.params, *params.values())
    return Graph(region.name, given, tuple(nodes), outputs, region.guards)
