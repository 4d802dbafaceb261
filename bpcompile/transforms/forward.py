"""Write the forward-mode derivative of a graph: tangents beside values, first node first.

The tangent of y = f(x₁, x₂, ...) is ẏ = Σ ∂f/∂xₖ ẋₖ. Operands without a tangent cost nothing. A
linear op is applied to the tangents themselves, a product once for each operand. What declares a
`vjp` alone has its tangent by transposing that: the vjp is linear in its cotangent u, so the sweep
of `bpcompile.transforms.reverse` over u -> Jᵀu towards u, seeded with ẋ, gives J ẋ (R. Frostig and
others, "Decomposing reverse-mode automatic differentiation", 2021, section 3, the other way round).

A choice takes the tangent of what it chooses; the losers' tangents, infinite or NaN as they may
be, are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from bpcompile.errors import CompileError
from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.graph import Graph, Node, reachable
from bpcompile.ir.type import TupleType, Type
from bpcompile.transforms.activity import active_nodes, carries_derivative
from bpcompile.transforms.regions import finish, renamed_results
from bpcompile.transforms.reverse import Sweep, adjoint_origin, no_rule, scaled

TangentRule = Callable[["Push", Node], "list[Expr | None]"]
TANGENT_RULES: dict[str, TangentRule] = {}

Tangents = Sequence["Expr | None"]


def forward(graph: Graph, wrt: Sequence[int]) -> Graph:
    """Return the joint graph: the outputs of `graph`, then a tangent for each of them.

    Each input in `wrt` gets a new last parameter for its tangent, named after it with ``_dot``
    behind. The tangent of an output that no such input reaches, or that is no float, is zero.

    Raises `NotDifferentiableError` where an active op has no rule.

        >>> from bpcompile import ops
        >>> from bpcompile.ir.interpret import interpret
        >>> from bpcompile.ir.type import f64
        >>> builder = Builder("f")
        >>> x = builder.param("x", f64[()])
        >>> interpret(forward(builder.finish((x * x,)), [0]), [3.0, 1.0])
        (array(9.), array(6.))
    """
    builder = Builder.extending(graph)
    params = [graph.params[k] for k in wrt]
    dots = {p: builder.param(f"{p.name}_dot", p.array_type) for p in params}
    push = Push(builder, graph, dots)
    push.run()
    outputs = [builder.wrap(node) for node in graph.outputs]
    return finish(builder, (*outputs, *map(push.tangent_or_zero, graph.outputs)), push.replaced)


class Push:
    """Carry tangents forward over the nodes that a builder holds."""

    def __init__(self, builder: Builder, graph: Graph, dots: Mapping[Node, Expr]) -> None:
        """Start from the tangents of some parameters of `graph`, whose nodes `builder` holds."""
        self.builder = builder
        self.graph = graph
        self.active = active_nodes(graph, dots)
        self.replaced: dict[Node, Node] = {}
        self._dots: dict[Node, Expr] = dict(dots)
        self._items: dict[Node, list[Expr | None]] = {}

    def tangent(self, node: Node) -> Expr | None:
        """Return the tangent of a node, or None where it has none."""
        return self._dots.get(node)

    def tangent_or_zero(self, node: Node) -> Expr:
        """Return the tangent of a node, zeros where it has none."""
        found = self._dots.get(node)
        return self.builder.const(0, node.array_type) if found is None else found

    def replace(self, node: Node, new: Node) -> None:
        """Let a new node take the place of one that the graph has."""
        self.replaced[node] = new

    def replace_results(self, node: Node, results: Mapping[int, Expr]) -> None:
        """Let new values take the place of results of a node, and of their names."""
        self.replaced.update(renamed_results(self.builder, node, results))

    def run(self) -> None:
        """Visit the nodes, first first."""
        for node in self.graph.nodes:
            if node not in self.active or node.op.name == "param":
                continue
            with self.builder.at(adjoint_origin(node)):
                self._visit(node)

    def _visit(self, node: Node) -> None:
        """Find the tangent of one node."""
        if isinstance(node.type, TupleType):
            rule = TANGENT_RULES.get(node.op.name)
            if rule is not None:
                self._items[node] = rule(self, node)
            elif node.op.vjp is not None:
                dots = [self._dots.get(arg) for arg in node.args]
                self._items[node] = self._transposed(
                    node, cast("Sequence[Type]", node.type.items), dots
                )
            else:
                raise no_rule(node)
            return
        if node.op.name == "item":
            found = self._items[node.args[0]][node.attrs["index"]]
        else:
            found = self._pushed(node, [self._dots.get(arg) for arg in node.args])
        if found is not None:
            self._dots[node] = found
            differentiates = found.node.origin is not None and found.node.origin.adjoint_of
            if node.name is not None and found.node.name is None and differentiates:
                found.node.name = f"{node.name}_dot"

    def _pushed(self, node: Node, dots: Tangents) -> Expr | None:
        """Return the tangent of an op with one result."""
        op = node.op
        given = {k for k, dot in enumerate(dots) if dot is not None}
        if not given:
            return None
        if op.partials is not None:
            return self._by_partials(node, dots)
        if given.issubset(op.linear):
            return self._linear(node, dots)
        if given.issubset(op.multilinear):
            return self._multilinear(node, dots)
        if op.vjp is None:
            raise no_rule(node)
        return self._transposed(node, (node.array_type,), dots)[0]

    def _by_partials(self, node: Node, dots: Tangents) -> Expr | None:
        """Return the sum of the partials times the tangents."""
        op, wrap = node.op, self.builder.wrap
        assert op.partials is not None
        y, xs = wrap(node), tuple(wrap(arg) for arg in node.args)
        terms = [
            scaled(dot, partial(y, *xs, **node.attrs))
            for dot, partial in zip(dots, op.partials, strict=True)
            if dot is not None and partial is not None
        ]
        return _sum(terms)

    def _linear(self, node: Node, dots: Tangents) -> Expr:
        """Return the op of the tangents, with zeros for operands that have none."""
        args = [
            (dot or self.builder.const(0, arg.array_type))
            if k in node.op.linear
            else self.builder.wrap(arg)
            for k, (arg, dot) in enumerate(zip(node.args, dots, strict=True))
        ]
        return self.builder.apply(node.op, args, node.attrs)

    def _multilinear(self, node: Node, dots: Tangents) -> Expr | None:
        """Return the sum of the products with one factor replaced by its tangent."""
        terms = []
        for k, dot in enumerate(dots):
            if dot is not None:
                args = [dot if k == m else self.builder.wrap(x) for m, x in enumerate(node.args)]
                terms.append(self.builder.apply(node.op, args, node.attrs))
        return _sum(terms)

    def _transposed(self, node: Node, types: Sequence[Type], dots: Tangents) -> list[Expr | None]:
        """Return the tangent of each result by transposing the vjp; `types` are the results'."""
        scratch = Builder(node.op.name)
        several = isinstance(node.type, TupleType)
        ys = [scratch.param(f"y{k}", type) for k, type in enumerate(types)]
        xs = [scratch.param(f"x{k}", arg.array_type) for k, arg in enumerate(node.args)]
        carries = [carries_derivative(type) for type in types]
        bars = [
            scratch.param(f"bar{k}", type) if carries[k] else None for k, type in enumerate(types)
        ]
        assert node.op.vjp is not None
        given = (tuple(bars), tuple(ys)) if several else (bars[0], ys[0])
        values = node.op.vjp(*given, *xs, **node.attrs)
        pulled = [
            (value, scratch.param(f"dot{k}", dot.type), dot)
            for k, (value, dot) in enumerate(zip(values, dots, strict=True))
            if value is not None and dot is not None
        ]
        linear = scratch.finish([value for value, _, _ in pulled])
        builder = Builder.extending(linear)
        seeds = [bar.node for bar in bars if bar is not None]
        sweep = Sweep(builder, linear, seeds)
        for value, seed, _ in pulled:
            sweep.accumulate(value.node, builder.wrap(seed.node))
        sweep.run()
        found = {seed: sweep.cotangent(seed) for seed in seeds}
        reached = {seed: bar for seed, bar in found.items() if bar is not None}
        graph = sweep.finish([bar.value for bar in reached.values()])
        results = [self.builder.wrap(node)] if not several else self.builder.wrap(node).items()
        place = {y.node: result.node for y, result in zip(ys, results, strict=True)}
        place.update(zip((x.node for x in xs), node.args, strict=True))
        place.update((seed.node, dot.node) for _, seed, dot in pulled)
        if not reachable(graph.outputs).isdisjoint(seeds):
            raise CompileError(f"the vjp of {node.op.name} is not linear in its cotangent")
        copies = dict(zip(reached, self._copied(graph, place), strict=True))
        return [None if bar is None else copies.get(bar.node) for bar in bars]

    def _copied(self, graph: Graph, place: dict[Node, Node]) -> list[Expr]:
        """Append the nodes of a graph as belonging to the present node; return its outputs."""
        for node in graph.nodes:
            if node not in place and node.op.name != "param":
                args = tuple(place[arg] for arg in node.args)
                place[node] = self.builder.node(node.op, args, node.attrs, node.type).node
        return [self.builder.wrap(place[out]) for out in graph.outputs]


def _sum(terms: Sequence[Expr]) -> Expr | None:
    """Return the sum of the terms, None of no terms."""
    total: Expr | None = None
    for term in terms:
        total = term if total is None else total + term
    return total
