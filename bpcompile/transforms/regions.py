"""Take regions apart and put them together: what the rules of all region ops share.

A rule that extends a graph may replace a node that the graph has already, as a loop is replaced by
one that also writes a tape. `finish` then puts the new node where the old one was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.type import DType, TupleType, Type

_INTEGER = Type(DType.I64)


class Loop:
    """Name the parts of a loop by their role: of a ``loop``, or of a ``while`` that counts.

    `params` are the body's parameters for states, then constants, and `operands` what they are
    given first; `outputs` are the next states and `rows` what goes on tapes. `index` goes up by one
    from `lower`; in a ``while`` it is a state of which the node's result number `counter` is the
    last value, and `upper` is None. `places` are the numbers of the states among the results.
    """

    def __init__(self, node: Node) -> None:
        """Take the node apart."""
        self.node = node
        self.body: Graph = node.attrs["body"]
        self.test: Graph | None = node.attrs.get("test")
        count: int = node.attrs["carried"]
        self.counter = None if self.test is None else counting_state(node)
        self.places = tuple(k for k in range(count) if k != self.counter)
        self.carried = len(self.places)
        self.lower: Node
        self.upper: Node | None
        self.operands: tuple[Node, ...]
        self.params: tuple[Node, ...]
        if self.test is None:
            self.lower, self.upper = node.args[:2]
            self.index, self.operands = self.body.params[0], node.args[2:]
            self.params = self.body.params[1:]
        else:
            assert self.counter is not None
            self.lower, self.upper = node.args[self.counter], None
            self.index = self.body.params[self.counter]
            numbers = [*self.places, *range(count, len(node.args))]
            self.operands = tuple(node.args[k] for k in numbers)
            self.params = tuple(self.body.params[k] for k in numbers)
        self.outputs = tuple(self.body.outputs[k] for k in self.places)
        self.rows = self.body.outputs[count:]

    @property
    def states(self) -> tuple[Node, ...]:
        """Return the body's parameters for the carried values."""
        return self.params[: self.carried]

    @property
    def constants(self) -> tuple[Node, ...]:
        """Return the body's parameters for what it reads from outside."""
        return self.params[self.carried :]


def counting_state(node: Node) -> int | None:
    """Return the number of a state of a ``while`` to which each iteration adds one."""
    body: Graph = node.attrs["body"]
    for k, (param, out) in enumerate(zip(body.params, body.outputs, strict=False)):
        if k < node.attrs["carried"] and out.op.name == "add" and param.type == _INTEGER:
            a, b = out.args
            if any(x is param and y.attrs.get("value") == 1 for x, y in ((a, b), (b, a))):
                return k
    return None


def counting(builder: Builder, node: Node) -> Node:
    """Return a ``while`` with a state that counts its iterations, the last one if it is new."""
    if counting_state(node) is not None:
        return node
    place = node.attrs["carried"]
    regions = {}
    for key in ("test", "body"):
        region: Graph = node.attrs[key]
        inside = Builder.extending(region)
        step = inside.param("step", _INTEGER)
        inside.params.insert(place, inside.params.pop())
        outputs = [inside.wrap(out) for out in region.outputs]
        if key == "body":
            outputs.insert(place, step + 1)
        regions[key] = inside.finish(outputs)
    assert isinstance(node.type, TupleType)
    types = node.type.items
    args = (*node.args[:place], builder.const(0, _INTEGER).node, *node.args[place:])
    attrs = {**node.attrs, **regions, "carried": place + 1}
    type = TupleType((*types[:place], _INTEGER, *types[place:]))
    return Node(node.op, args, attrs, type, node.origin, node.name)


class Branch:
    """Name the parts of a ``branch`` node."""

    def __init__(self, node: Node) -> None:
        """Take the node apart."""
        self.node = node
        self.condition, *rest = node.args
        self.operands = tuple(rest)
        self.arms: tuple[Graph, Graph] = (node.attrs["then"], node.attrs["otherwise"])


def finish(builder: Builder, outputs: Iterable[Expr], replaced: Mapping[Node, Node]) -> Graph:
    """Return the graph that computes `outputs`, with new nodes in the place of those `replaced`.

    Nodes keep their order as far as that is possible, and are the same objects where nothing that
    they depend on is replaced.
    """
    if not replaced:
        return builder.finish(outputs)
    replaced = _settled(replaced)
    results = [replaced.get(out.node, out.node) for out in outputs]
    rebuilt = empty_copy(builder)
    place: dict[Node, Node] = {param: rebuilt.adopt(param) for param in builder.params}
    needed = needed_nodes(results, replaced)
    for node in builder.nodes:
        if node in needed:
            _place(node, rebuilt, replaced, place)
    return rebuilt.finish([Expr(rebuilt, place[node]) for node in results])


def _settled(replaced: Mapping[Node, Node]) -> dict[Node, Node]:
    """Return what replaces each node in the end, where what replaces it is itself replaced."""
    found = dict(replaced)
    for old, new in found.items():
        while new in replaced:
            new = replaced[new]
        found[old] = new
    return found


def renamed_results(
    builder: Builder, node: Node, results: Mapping[int, Expr]
) -> Iterator[tuple[Node, Node]]:
    """Yield what takes the place of each result of a node, with the name and origin of that."""
    for k, old in enumerate(builder.wrap(node).items()):
        if k in results:
            new = results[k].node
            new.name, new.origin = new.name or old.node.name, old.node.origin
            yield old.node, new


def empty_copy(graph: Graph | Builder) -> Builder:
    """Return a builder with the name, parameters and guards of a graph, and no nodes yet."""
    builder = Builder(graph.name)
    builder.params = list(graph.params)
    builder.guards = list(graph.guards)
    return builder


def needed_nodes(results: Sequence[Node], replaced: Mapping[Node, Node]) -> set[Node]:
    """Return what the results depend on after the replacement."""
    replaced = _settled(replaced)
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
    instead: Mapping[Node, Node] = MappingProxyType({}),
) -> None:
    """Copy those of `nodes` that are `wanted` into a builder; `place` says where operands are.

    `special` makes something else of a copy before it is put there. A node of `instead` is copied
    in the place of another; what it depends on comes before it.
    """
    for node in nodes:
        stack = [node] if node in wanted and node not in place else []
        while stack:
            top = stack[-1]
            model = instead.get(top, top)
            missing = [arg for arg in model.args if arg not in place]
            if missing:
                stack += reversed(missing)
                continue
            stack.pop()
            if top not in place:
                args = tuple(place[arg] for arg in model.args)
                copy = Node(model.op, args, model.attrs, model.type, model.origin, model.name)
                place[top] = builder.adopt(special(copy) if special else copy)


def reached(
    outputs: Iterable[Node],
    known: Iterable[Node],
    instead: Mapping[Node, Node] = MappingProxyType({}),
) -> set[Node]:
    """Return what `outputs` depend on, themselves included, without looking behind `known`.

    Nodes of `instead` take the places of others, and depend on something else.
    """
    stop = set(known)
    seen = set(outputs)
    stack = list(seen)
    while stack:
        node = stack.pop()
        if node in stop:
            continue
        for arg in instead.get(node, node).args:
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
