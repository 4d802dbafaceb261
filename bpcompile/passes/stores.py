"""Drop writes to a place of an array that the next write overwrites, where nobody reads between.

``x[i] = a`` and then ``x[i] = b`` is the second alone. Adjoints are full of such pairs: what is
added to the cotangent of an element is taken away again where the element was written.
"""

from __future__ import annotations

from operator import is_

from bpcompile.ir.graph import Graph, Node, regions, users
from bpcompile.ir.op import Kind

_WRITES = ("update", "accumulate")


def drop_overwritten(graph: Graph) -> Graph:
    """Return the graph, and its regions, without writes that the next one overwrites."""
    return _dropped(graph, {})


def _dropped(graph: Graph, known: dict[Graph, Graph]) -> Graph:
    """Return a graph or region without such writes."""
    if graph in known:
        return known[graph]
    new = graph
    if any(node.op.kind is Kind.REGION or node.op.name == "update" for node in graph.nodes):
        new = _rebuilt(graph, known)
    known[graph] = known[new] = new
    return new


def _rebuilt(graph: Graph, known: dict[Graph, Graph]) -> Graph:
    """Return a graph with other operands where a write is passed over."""
    readers = users(graph)
    outputs = set(graph.outputs)
    place: dict[Node, Node] = {}
    gone: set[Node] = set()
    for node in graph.nodes:
        args, attrs = node.args, node.attrs
        if node.op.name == "update":
            below = node.args[0]
            while (
                _is_overwritten(below, node) and len(readers[below]) == 1 and below not in outputs
            ):
                gone.add(below)
                below = below.args[0]
            args = (below, *node.args[1:])
        inner = {key: _dropped(region, known) for key, region in regions(node)}
        if any(inner[key] is not attrs[key] for key in inner):
            attrs = {**attrs, **inner}
        moved = tuple([place[arg] for arg in args])
        same = attrs is node.attrs and all(map(is_, moved, node.args))
        copy = Node(node.op, moved, attrs, node.type, node.origin, node.name)
        place[node] = node if same else copy
    if all(map(is_, place.values(), graph.nodes)):
        return graph
    nodes = tuple([new for node, new in place.items() if node not in gone])
    made = tuple([place[out] for out in graph.outputs])
    return Graph(graph.name, graph.params, nodes, made, graph.guards)


def _is_overwritten(first: Node, second: Node) -> bool:
    """Tell whether a write is to the places of another one."""
    return (
        first.op.name in _WRITES
        and first.args[2:] == second.args[2:]
        and first.attrs["spec"] == second.attrs["spec"]
    )
