"""Take regions apart and put them together: what the rules of all region ops share.

A rule that extends a graph may replace a node that the graph has already, as a loop is replaced by
one that also writes a tape. `finish` then puts the new node where the old one was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type


class Loop:
    """Name the parts of a ``loop`` node: operands by role, and the body's parameters alike."""

    def __init__(self, node: Node) -> None:
        """Take the node apart."""
        self.node = node
        self.body: Graph = node.attrs["body"]
        self.carried: int = node.attrs["carried"]
        self.lower, self.upper = node.args[:2]
        self.operands: tuple[Node, ...] = node.args[2:]  # initial values, then constants
        self.index = self.body.params[0]
        self.params: tuple[Node, ...] = self.body.params[1:]  # states, then constants
        self.outputs: tuple[Node, ...] = self.body.outputs

    @property
    def states(self) -> tuple[Node, ...]:
        """Return the body's parameters for the carried values."""
        return self.params[: self.carried]

    @property
    def constants(self) -> tuple[Node, ...]:
        """Return the body's parameters for what it reads from outside."""
        return self.params[self.carried :]


class LoopBuilder:
    """Build a loop in an outer graph, with the values that its body reads captured on the way."""

    def __init__(self, outer: Builder, name: str, index: Node | str) -> None:
        """Start a body with an index, which may be a parameter that exists already."""
        self.outer = outer
        self.body = Builder(name)
        self.body.origin = outer.origin
        self.index = self._param(index, Type(DType.I64))
        self._carried: list[tuple[Expr, Expr]] = []
        self._captured: list[tuple[Expr, Expr]] = []

    def _param(self, given: Node | str, type: Type) -> Expr:
        """Return a parameter of the body, of a name or as it exists."""
        if isinstance(given, str):
            return self.body.param(given, type)
        return self.body.wrap(self.body.adopt(given))

    def carry(self, start: Expr, param: Node | str) -> Expr:
        """Return the parameter for a carried value with this initial value."""
        inside = self._param(param, start.type)
        self._carried.append((inside, start))
        return inside

    def capture(self, value: Expr, param: Node | str) -> Expr:
        """Return the parameter for a value from outside."""
        inside = self._param(param, value.type)
        self._captured.append((inside, value))
        return inside

    def number(self, value: Expr, size: Size | None, by: int = 0) -> Expr:
        """Return an integer from outside plus `by`: a length where it is one, else captured."""
        if size is not None:
            return self.body.dim(size + by)
        known = [inside for inside, outside in self._captured if outside.node is value.node]
        inside = known[0] if known else self.capture(value, value.node.name or "count")
        return inside + by if by else inside

    def finish(
        self,
        lower: Expr,
        upper: Expr,
        outputs: Sequence[Expr],
        note: str = "",
        replaced: Mapping[Node, Node] | None = None,
    ) -> tuple[Expr, ...]:
        """Append the loop to the outer graph and return its results; `outputs` go around."""
        found = _needed([out.node for out in outputs], replaced or {})
        captured = [(inside, value) for inside, value in self._captured if inside.node in found]
        params = [self.index, *(p for p, _ in self._carried), *(p for p, _ in captured)]
        self.body.params = [param.node for param in params]
        body = finish(self.body, outputs, replaced or {})
        starts = [start for _, start in (*self._carried, *captured)]
        attrs = {"body": body, "carried": len(outputs), **({"note": note} if note else {})}
        return self.outer.apply(OPS["loop"], (lower, upper, *starts), attrs).items()


def finish(builder: Builder, outputs: Iterable[Expr], replaced: Mapping[Node, Node]) -> Graph:
    """Return the graph that computes `outputs`, with new nodes in the place of those `replaced`.

    Nodes keep their order as far as that is possible, and are the same objects where nothing that
    they depend on is replaced.
    """
    if not replaced:
        return builder.finish(outputs)
    results = [replaced.get(out.node, out.node) for out in outputs]
    rebuilt = empty_copy(builder)
    place: dict[Node, Node] = {param: rebuilt.adopt(param) for param in builder.params}
    needed = _needed(results, replaced)
    for node in builder.nodes:
        if node in needed:
            _place(node, rebuilt, replaced, place)
    return rebuilt.finish([Expr(rebuilt, place[node]) for node in results])


def empty_copy(graph: Graph | Builder) -> Builder:
    """Return a builder with the name, parameters and guards of a graph, and no nodes yet."""
    builder = Builder(graph.name)
    builder.params = list(graph.params)
    builder.guards = list(graph.guards)
    return builder


def _needed(results: Sequence[Node], replaced: Mapping[Node, Node]) -> set[Node]:
    """Return what the results depend on after the replacement."""
    seen = {replaced.get(node, node) for node in results}
    stack = list(seen)
    while stack:
        for arg in stack.pop().args:
            node = replaced.get(arg, arg)
            if node not in seen:
                seen.add(node)
                stack.append(node)
    return seen


def _place(
    node: Node, builder: Builder, replaced: Mapping[Node, Node], place: dict[Node, Node]
) -> None:
    """Append a node after what it depends on; operands that come later in order move forward."""
    stack = [node]
    while stack:
        top = stack[-1]
        args = [replaced.get(arg, arg) for arg in top.args]
        missing = [arg for arg in args if arg not in place]
        if missing:
            stack += reversed(missing)
            continue
        stack.pop()
        if top not in place:
            place[top] = builder.adopt(moved(top, tuple(place[arg] for arg in args)))


def moved(node: Node, args: tuple[Node, ...]) -> Node:
    """Return a node with other operands: itself where they are the same."""
    if args == node.args:
        return node
    return Node(node.op, args, node.attrs, node.type, node.origin, node.name)


def copy_nodes(
    nodes: Iterable[Node],
    wanted: set[Node],
    builder: Builder,
    place: dict[Node, Node],
    special: Callable[[Node], Node] | None = None,
) -> None:
    """Copy those of `nodes` that are `wanted` into a builder; `place` says where operands are.

    `special` makes something else of a copy before it is put there.
    """
    for node in nodes:
        if node in wanted and node not in place:
            args = tuple(place[arg] for arg in node.args)
            copy = Node(node.op, args, node.attrs, node.type, node.origin, node.name)
            place[node] = builder.adopt(special(copy) if special else copy)


def reached(outputs: Iterable[Node], known: Iterable[Node]) -> set[Node]:
    """Return what `outputs` depend on, themselves included, without looking behind `known`."""
    stop = set(known)
    seen = set(outputs)
    stack = list(seen)
    while stack:
        node = stack.pop()
        if node in stop:
            continue
        for arg in node.args:
            if arg not in seen:
                seen.add(arg)
                stack.append(arg)
    return seen


def reaching(graph: Graph, starts: Iterable[Node]) -> set[Node]:
    """Return the nodes of a graph that depend on `starts`, themselves included."""
    found = set(starts)
    for node in graph.nodes:
        if any(arg in found for arg in node.args):
            found.add(node)
    return found
