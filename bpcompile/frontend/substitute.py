"""Write a graph in its final dimensions, once the whole function has been traced.

While tracing, one length may go by two names, and a reshape stands between values that are equal
in all but the name. Here each replaced name is written out, in one pass over the nodes; those
reshapes then change nothing and go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bpcompile.ir.build import Builder
from bpcompile.ir.dims import Dim, Size, substitute
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.type import AnyType, TapeType, TupleType, Type
from bpcompile.ops.index import Slice


class Substitution:
    """Replace names of dimensions in graphs, types and attributes."""

    def __init__(self, names: Mapping[str, Size]) -> None:
        """Hold what each name stands for."""
        self.names = names
        self._graphs: dict[int, Graph] = {}

    def graph(self, graph: Graph) -> Graph:
        """Return a graph without the replaced names; the same one where it has none."""
        if not self.names:
            return graph
        found = self._graphs.get(id(graph))
        if found is None:
            found = self._graphs[id(graph)] = self._rebuilt(graph)
        return found

    def _rebuilt(self, graph: Graph) -> Graph:
        """Return a graph with each node in final terms."""
        builder = Builder(graph.name)
        place: dict[Node, Node] = {}
        for node in graph.nodes:
            type = self.type(node.type)
            attrs = self._attrs(node)
            args = tuple(place[arg] for arg in node.args)
            if node.op.name == "param":
                moved = Node(node.op, (), attrs, type, node.origin, node.name)
                builder.params.append(moved)
                place[node] = builder.adopt(moved)
            elif node.op.name == "reshape" and args[0].type == type:
                place[node] = args[0]
                if args[0].name is None:
                    args[0].name = node.name
            elif node.op.name == "dim" and isinstance(attrs["size"], int):
                place[node] = builder.const(attrs["size"], node.array_type).node
            else:
                built = Node(node.op, args, attrs, type, node.origin, node.name)
                place[node] = builder.adopt(built)
                if place[node].name is None:
                    place[node].name = node.name
        outputs = tuple(builder.wrap(place[out]) for out in graph.outputs)
        finished = builder.finish(outputs)
        return Graph(finished.name, finished.params, finished.nodes, finished.outputs, graph.guards)

    def type(self, type: AnyType) -> AnyType:
        """Return a type in final terms."""
        if isinstance(type, TupleType):
            return TupleType(tuple(self.item_type(item) for item in type.items))
        return self.item_type(type)

    def item_type(self, type: Type | TapeType) -> Type | TapeType:
        """Return the type of an array or of a tape in final terms."""
        if isinstance(type, TapeType):
            return TapeType(self.array_type(type.row))
        return self.array_type(type)

    def array_type(self, type: Type) -> Type:
        """Return the type of an array in final terms."""
        if all(isinstance(size, int) for size in type.shape):
            return type
        shape = tuple(substitute(size, self.names) for size in type.shape)
        return type if shape == type.shape else Type(type.dtype, shape, type.weak)

    def _attrs(self, node: Node) -> dict[str, Any]:
        """Return the attributes of a node in final terms."""
        if node.op.name == "param":
            return dict(node.attrs)  # it goes on binding the name that it binds
        return {key: self._value(value) for key, value in node.attrs.items()}

    def _value(self, value: Any) -> Any:
        """Return an attribute's value in final terms."""
        if isinstance(value, Dim):
            return substitute(value, self.names)
        if isinstance(value, Graph):
            return self.graph(value)
        if isinstance(value, tuple):
            parts = [self._value(part) for part in value]
            if isinstance(value, Slice) and parts[2] == 0:
                return Slice(0, 1, 0)  # its start was inside for the lengths of other names only
            return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
        return value
