"""Build graphs: a `Builder` appends nodes and makes equal ones the same, an `Expr` writes them.

>>> from bpcompile import ops
>>> from bpcompile.ir.type import f64
>>> builder = Builder("f")
>>> x = builder.param("x", f64[()])
>>> graph = builder.finish((x * x + 1.0,))
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np

from bpcompile.errors import CompileError
from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Graph, Guard, Node, Origin
from bpcompile.ir.op import OPS, Kind, Op
from bpcompile.ir.type import AnyType, DType, Type

Number = float | int | bool


class Expr:
    """Write graph as arithmetic: a node together with the builder that extends its graph."""

    __slots__ = ("builder", "node")

    def __init__(self, builder: Builder, node: Node) -> None:
        """Hold the builder and the node."""
        self.builder = builder
        self.node = node

    @property
    def type(self) -> Type:
        """Return the type of the value."""
        return self.node.array_type

    @property
    def shape(self) -> tuple[Size, ...]:
        """Return the shape of the value."""
        return self.node.shape

    @property
    def dtype(self) -> DType:
        """Return the element type of the value."""
        return self.node.array_type.dtype

    def _with(self, name: str, *args: Expr | Number) -> Expr:
        return self.builder.apply(OPS[name], args, {})

    def __add__(self, other: Expr | Number) -> Expr:
        """Return the sum."""
        return self._with("add", self, other)

    def __radd__(self, other: Number) -> Expr:
        """Return the sum."""
        return self._with("add", other, self)

    def __sub__(self, other: Expr | Number) -> Expr:
        """Return the difference."""
        return self._with("sub", self, other)

    def __rsub__(self, other: Number) -> Expr:
        """Return the difference."""
        return self._with("sub", other, self)

    def __mul__(self, other: Expr | Number) -> Expr:
        """Return the product."""
        return self._with("mul", self, other)

    def __rmul__(self, other: Number) -> Expr:
        """Return the product."""
        return self._with("mul", other, self)

    def __truediv__(self, other: Expr | Number) -> Expr:
        """Return the quotient."""
        return self._with("div", self, other)

    def __rtruediv__(self, other: Number) -> Expr:
        """Return the quotient."""
        return self._with("div", other, self)

    def __neg__(self) -> Expr:
        """Return the negative."""
        return self._with("neg", self)

    def __lt__(self, other: Expr | Number) -> Expr:
        """Return where this is less."""
        return self._with("less", self, other)

    def __le__(self, other: Expr | Number) -> Expr:
        """Return where this is less or equal."""
        return self._with("less_equal", self, other)

    def __gt__(self, other: Expr | Number) -> Expr:
        """Return where this is greater."""
        return self._with("greater", self, other)

    def __ge__(self, other: Expr | Number) -> Expr:
        """Return where this is greater or equal."""
        return self._with("greater_equal", self, other)

    def equals(self, other: Expr | Number) -> Expr:
        """Return where the values are equal; `==` compares the Python objects."""
        return self._with("equal", self, other)

    def __and__(self, other: Expr | Number) -> Expr:
        """Return where both are true."""
        return self._with("logical_and", self, other)

    def __or__(self, other: Expr | Number) -> Expr:
        """Return where either is true."""
        return self._with("logical_or", self, other)

    def __invert__(self) -> Expr:
        """Return where this is false."""
        return self._with("logical_not", self)

    def __iter__(self) -> Iterator[Expr]:
        """Refuse iteration, which Python would else try by indexing."""
        raise CompileError("a value of a graph cannot be iterated over in a rule")

    def items(self) -> tuple[Expr, ...]:
        """Return the values of a tuple, each taken out by an ``item`` node."""
        types = cast("Any", self.node.type).items
        return tuple(
            self.builder.apply(OPS["item"], (self,), {"index": k}) for k in range(len(types))
        )

    def __repr__(self) -> str:
        """Return a short text for debugging."""
        return f"Expr({self.node!r})"


def attribute_key(value: Any) -> Any:
    """Return what makes two attributes equal: the bits of floats, the identity of regions."""
    if isinstance(value, float):
        return ("float", value.hex() if math.isfinite(value) else repr(value))
    if isinstance(value, (tuple, list)):
        return tuple(attribute_key(v) for v in value)
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, Graph):
        return id(value)
    return (type(value).__name__, value)


class Builder:
    """Append nodes to a graph under construction; equal nodes become one.

    `origin` is what new nodes say about where they come from; set it with `at`.
    """

    def __init__(self, name: str = "main") -> None:
        """Start an empty graph."""
        self.name = name
        self.params: list[Node] = []
        self.nodes: list[Node] = []
        self.guards: list[Guard] = []
        self.origin: Origin | None = None
        self._known: dict[Any, Node] = {}

    @classmethod
    def extending(cls, graph: Graph) -> Builder:
        """Start from a finished graph, whose nodes are kept as they are."""
        builder = cls(graph.name)
        builder.params = list(graph.params)
        builder.guards = list(graph.guards)
        for node in graph.nodes:
            builder.adopt(node)
        return builder

    def adopt(self, node: Node) -> Node:
        """Append a node that exists already, or return the equal one that is here."""
        if node.op.name == "param":
            self.nodes.append(node)
            return node
        return self._known_or_new(node)

    def _known_or_new(self, node: Node) -> Node:
        found = self._known.setdefault(node_key(node), node)
        if found is node:
            self.nodes.append(node)
        return found

    @contextmanager
    def at(self, origin: Origin | None) -> Iterator[None]:
        """Give the nodes built inside the block this origin."""
        before, self.origin = self.origin, origin
        try:
            yield
        finally:
            self.origin = before

    def wrap(self, node: Node) -> Expr:
        """Return the expression of a node of this graph."""
        return Expr(self, node)

    def param(self, name: str, type: Type) -> Expr:
        """Append a parameter."""
        node = Node(OPS["param"], (), {"name": name}, type, self.origin, name)
        self.params.append(node)
        self.nodes.append(node)
        return Expr(self, node)

    def const(self, value: Number, type: Type) -> Expr:
        """Append a constant, the same at every index of `type`."""
        kept: Number = (
            float(value)
            if type.dtype.is_float
            else bool(value)
            if type.dtype is DType.BOOL
            else int(value)
        )
        if type.dtype is DType.F32:
            kept = float(np.float32(kept))
        return self.node(OPS["const"], (), {"value": kept}, type)

    def dim(self, size: Size) -> Expr:
        """Append the value of a size as an i64 scalar."""
        if isinstance(size, int):
            return self.const(size, Type(DType.I64))
        return self.node(OPS["dim"], (), {"size": size}, Type(DType.I64))

    def apply(self, op: Op, args: Iterable[Expr | Number], attrs: dict[str, Any]) -> Expr:
        """Append an operation; a Python number becomes a constant of the other operands' type.

        A number beside operands takes the dtype and shape of the first operand that is not a
        condition, as in ``select(where, g, 0.0)``.
        """
        given = tuple(args)
        nodes: list[Node] = []
        for arg in given:
            if not isinstance(arg, Expr):
                nodes.append(self.const(arg, _type_beside(given)).node)
            elif arg.builder is self:
                nodes.append(arg.node)
            else:
                raise CompileError(f"{op.name}: an operand belongs to another graph")
        type = op.infer(*[node.type for node in nodes], **attrs)
        return self.node(op, tuple(nodes), attrs, type)

    def node(self, op: Op, args: tuple[Node, ...], attrs: dict[str, Any], type: AnyType) -> Expr:
        """Append a node of known type, or return the equal one."""
        return Expr(self, self._known_or_new(Node(op, args, attrs, type, self.origin)))

    def inline(self, graph: Graph, args: Iterable[Expr]) -> tuple[Expr, ...]:
        """Append the nodes of another graph with `args` in place of its parameters.

        Names and origins are kept; returns the values of the graph's outputs.
        """
        place: dict[Node, Node] = dict(zip(graph.params, (arg.node for arg in args), strict=True))
        for node in graph.nodes:
            if node not in place:
                moved = tuple(place[arg] for arg in node.args)
                copy = Node(node.op, moved, node.attrs, node.type, node.origin, node.name)
                place[node] = self._known_or_new(copy)
        return tuple(Expr(self, place[out]) for out in graph.outputs)

    def finish(self, outputs: Iterable[Expr]) -> Graph:
        """Return the graph that computes `outputs`, without the nodes that they do not need."""
        results = tuple(expr.node for expr in outputs)
        needed = set(results)
        for node in reversed(self.nodes):
            if node in needed:
                needed.update(node.args)
        needed.difference_update(self.params)
        nodes = (*self.params, *[node for node in self.nodes if node in needed])
        return Graph(self.name, tuple(self.params), nodes, results, tuple(self.guards))


def _type_beside(args: Iterable[Expr | Number]) -> Type:
    """Return the type that a number takes among operands."""
    like: Type | None = None
    for arg in args:
        type = arg.node.type if isinstance(arg, Expr) else None
        if isinstance(type, Type) and (like is None or like.dtype is DType.BOOL):
            like = type
    assert like is not None
    return like


def node_key(node: Node) -> Any:
    """Return what makes two nodes equal; operands and attributes decide the type of most."""
    attrs = node.attrs
    if not attrs and node.args:
        return (node.op, node.args)
    pairs = [(key, attribute_key(attrs[key])) for key in sorted(attrs)]
    return (node.op, node.args, node.type, *pairs)


def is_composite(op: Op) -> bool:
    """Tell whether an op must be expanded before it is scheduled."""
    return op.kind is Kind.COMPOSITE
