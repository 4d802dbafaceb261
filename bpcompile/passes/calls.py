"""Put the bodies of called functions in the place of the calls.

A function with a derivative rule of its own is one node until the adjoint pass has put its rule to
use; what is left of such nodes then only computes values. `map_calls` lets the passes before the
adjoint look into the regions of each call.
"""

from __future__ import annotations

from collections.abc import Callable

from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.graph import Graph, Node, regions
from bpcompile.ir.op import Kind
from bpcompile.ir.walk import all_graphs


def has_calls(graph: Graph) -> bool:
    """Tell whether a graph or a region in it calls a function with a rule of its own."""
    return any(node.op.kind is Kind.CALL for part in all_graphs(graph) for node in part.nodes)


def inline_calls(graph: Graph) -> Graph:
    """Return the graph with the values of each called function computed in place."""
    return _Inlining().graph(graph) if has_calls(graph) else graph


def map_calls(graph: Graph, change: Callable[[Graph], Graph]) -> Graph:
    """Return the graph with other regions in each call; the types of the regions stay."""
    return _Mapping(change).graph(graph) if has_calls(graph) else graph


class _Rebuilding:
    """Rebuild graphs node by node, regions first; a region is rebuilt once."""

    def __init__(self) -> None:
        """Start with no graph known."""
        self._known: dict[Graph, Graph] = {}

    def graph(self, graph: Graph) -> Graph:
        """Return what becomes of a graph or region."""
        if graph not in self._known:
            self._known[graph] = self._rebuilt(graph)
        return self._known[graph]

    def _rebuilt(self, graph: Graph) -> Graph:
        """Return a graph with each node in its new form."""
        builder = Builder(graph.name)
        builder.params = list(graph.params)
        builder.guards = list(graph.guards)
        place: dict[Node, Node] = {param: builder.adopt(param) for param in graph.params}
        own = {*graph.nodes, *graph.params}
        inside: dict[Node, tuple[Expr, ...]] = {}  # the values of calls that are written out
        for node in graph.nodes:
            if node in place:
                continue
            args = tuple(place[arg] for arg in node.args if arg not in inside)
            if node.op.name == "item" and node.args[0] in inside:
                place[node] = value = inside[node.args[0]][node.attrs["index"]].node
                # A value that the caller knows already keeps its own name.
                if node.name is not None and value not in own:
                    value.name = node.name
            elif node.op.kind is Kind.CALL and (found := self.call(builder, node, args)):
                inside[node] = found
            else:
                place[node] = builder.adopt(self._moved(node, args))
        return builder.finish([builder.wrap(place[out]) for out in graph.outputs])

    def call(self, builder: Builder, node: Node, args: tuple[Node, ...]) -> tuple[Expr, ...]:
        """Append what a call becomes, and return its values; nothing where it stays a node."""
        del builder, node, args
        return ()

    def region(self, node: Node, region: Graph) -> Graph:
        """Return what becomes of a region of a node."""
        del node
        return self.graph(region)

    def _moved(self, node: Node, args: tuple[Node, ...]) -> Node:
        """Return a node of new operands and regions, itself where nothing changed."""
        attrs = node.attrs
        inner = {key: self.region(node, region) for key, region in regions(node)}
        if any(inner[key] is not attrs[key] for key in inner):
            attrs = {**attrs, **inner}
        if attrs is node.attrs and args == node.args:
            return node
        return Node(node.op, args, attrs, node.type, node.origin, node.name)


class _Inlining(_Rebuilding):
    """Write out each call."""

    def call(self, builder: Builder, node: Node, args: tuple[Node, ...]) -> tuple[Expr, ...]:
        """Append the nodes of the function."""
        primal = self.graph(node.attrs["primal"])
        return builder.inline(primal, map(builder.wrap, args[: len(primal.params)]))


class _Mapping(_Rebuilding):
    """Change the regions of calls."""

    def __init__(self, change: Callable[[Graph], Graph]) -> None:
        """Hold what changes a region."""
        super().__init__()
        self._change = change
        self._changed: dict[Graph, Graph] = {}

    def region(self, node: Node, region: Graph) -> Graph:
        """Return what becomes of a region of a node."""
        if node.op.kind is not Kind.CALL:
            return self.graph(region)
        if region not in self._changed:
            self._changed[region] = self._change(region)
        return self._changed[region]
