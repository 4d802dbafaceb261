"""Number the loops of a graph, and let some of them ask for what reverse mode is to keep.

Loops are numbered as one meets them in the text of the graph, those in regions after the loop or
branch that they stand in. Those that ask for something themselves, and those around or inside of
them, count like the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bpcompile.ir.graph import Graph, Node, regions

Marks = Mapping[int, Any]  # the attribute `checkpoint` of loops, by their numbers


def loops_of(graph: Graph) -> list[Node]:
    """Return the loops of a graph in the order of their numbers."""
    return list(_loops(graph))


def _loops(graph: Graph) -> Iterator[Node]:
    """Yield the loops of a graph."""
    for node in graph.nodes:
        if node.op.name == "loop":
            yield node
        for _, region in regions(node):
            yield from _loops(region)


def marked(graph: Graph, marks: Marks) -> Graph:
    """Return the graph whose loops ask for what `marks` says."""
    return _Marking(marks).graph(graph) if marks else graph


class _Marking:
    """Copy a graph and count its loops."""

    def __init__(self, marks: Marks) -> None:
        """Start before the first loop."""
        self._marks = marks
        self._next = 0

    def graph(self, graph: Graph) -> Graph:
        """Return the copy of a graph or region."""
        place: dict[Node, Node] = {}
        for node in graph.nodes:
            place[node] = self._node(node, tuple(place[arg] for arg in node.args))
        outputs = tuple(place[out] for out in graph.outputs)
        params = tuple(place[param] for param in graph.params)
        return Graph(graph.name, params, tuple(place.values()), outputs, graph.guards)

    def _node(self, node: Node, args: tuple[Node, ...]) -> Node:
        """Return the copy of a node."""
        attrs = dict(node.attrs)
        if node.op.name == "loop":
            if self._next in self._marks:
                attrs["checkpoint"] = self._marks[self._next]
            self._next += 1
        for key, region in regions(node):
            attrs[key] = self.graph(region)
        if not args and attrs == node.attrs:
            return node
        return Node(node.op, args, attrs, node.type, node.origin, node.name)
