"""Write the reverse-mode adjoint of a graph: the chain rule, node by node, last node first.

A cotangent is a pair `(value, where)`. `where` is None, or a bool value of the graph that is
false at structural zeros: places that a branch not taken, a lost maximum or an unread index keep
from the result. The sweep wraps each contribution of an elementwise rule in
``select(where, c, 0)``, so that such a place contributes nothing even where a partial is infinite
or NaN, while a cotangent that is zero by value annihilates nothing: `sqrt(x)**2` at 0 stays what
it is. Contributions add up, and their masks are joined by or; contractions drop masks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bpcompile.errors import NotDifferentiableError
from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.graph import Graph, Node, Origin
from bpcompile.ir.op import OPS
from bpcompile.ir.types import TupleType
from bpcompile.transforms.activity import active_nodes, masked_nodes

RegionRule = Callable[["Sweep", Node, list["Cotangent | None"]], None]
REGION_RULES: dict[str, RegionRule] = {}


class Cotangent:
    """Hold the cotangent of a value, and where it can be other than a structural zero."""

    __slots__ = ("value", "where")

    def __init__(self, value: Expr, where: Expr | None = None) -> None:
        """Hold the pair."""
        self.value = value
        self.where = where


class Sweep:
    """Run the chain rule backwards over the nodes that a builder holds.

    `accumulate(node, contribution)` adds to a cotangent; `run` visits the nodes. Region rules
    receive the sweep and add the cotangents of the region's operands.
    """

    def __init__(self, builder: Builder, graph: Graph, wrt: Sequence[Node]) -> None:
        """Prepare a sweep over `graph`, whose nodes `builder` holds, towards `wrt`."""
        self.builder = builder
        self.graph = graph
        self.active = active_nodes(graph, wrt)
        self.masked = masked_nodes(graph, self.active)
        self._found: dict[Node, Cotangent] = {}
        self._items: dict[Node, dict[int, Node]] = {}

    def cotangent(self, node: Node) -> Cotangent | None:
        """Return what has been added up for a node, or None where nothing has."""
        return self._found.get(node)

    def accumulate(self, node: Node, value: Expr, where: Expr | None = None) -> None:
        """Add a contribution to the cotangent of a node; inactive nodes take none."""
        if node not in self.active:
            return
        if node not in self.masked:
            where = None
        before = self._found.get(node)
        if before is None:
            self._found[node] = Cotangent(value, where)
            return
        total = _plus(before.value, value)
        both = None if before.where is None or where is None else before.where | where
        self._found[node] = Cotangent(total, both)

    def run(self) -> None:
        """Visit the nodes, last first."""
        for node in reversed(self.graph.nodes):
            if node not in self.active or node.op.name == "param":
                continue
            with self.builder.at(_adjoint_origin(node)):
                self._visit(node)

    def _visit(self, node: Node) -> None:
        """Add the contributions of one node to the cotangents of its operands."""
        if node.op.name == "item":
            found = self._found.get(node)
            if found is not None:
                self._items.setdefault(node.args[0], {})[node.attrs["index"]] = node
            return
        if isinstance(node.type, TupleType):
            self._visit_region(node)
            return
        found = self._found.get(node)
        if found is not None:
            name_cotangent(node, found.value.node)
            self._apply_rule(node, found)

    def _visit_region(self, node: Node) -> None:
        """Hand an op with several results to its rule, with the cotangents that arrived."""
        found = self._items.get(node, {})
        if not found:
            return
        rule = REGION_RULES.get(node.op.name)
        if rule is None:
            raise _no_rule(node)
        assert isinstance(node.type, TupleType)
        count = len(node.type.items)
        rule(self, node, [self._found[found[k]] if k in found else None for k in range(count)])

    def _apply_rule(self, node: Node, bar: Cotangent) -> None:
        """Apply the rule of an ordinary op."""
        op = node.op
        wrap = self.builder.wrap
        y, xs = wrap(node), tuple(wrap(arg) for arg in node.args)
        if op.partials is not None:
            for arg, x, partial in zip(node.args, xs, op.partials, strict=True):
                if partial is not None and arg in self.active:
                    value = _scaled(bar.value, partial(y, *xs, **node.attrs))
                    if bar.where is not None and not op.finite:
                        value = OPS["select"](bar.where, value, 0.0)
                    self.accumulate(arg, value, bar.where)
            return
        if op.vjp is None:
            raise _no_rule(node)
        values = op.vjp(bar.value, y, *xs, **node.attrs)
        masks: tuple[Expr | None, ...] = (None,) * len(xs)
        if op.mask is not None and any(arg in self.masked for arg in node.args):
            masks = op.mask(bar.where, *xs, **node.attrs)
        for arg, value, where in zip(node.args, values, masks, strict=True):
            if value is not None:
                self.accumulate(arg, value, where)


def name_cotangent(node: Node, bar: Node) -> None:
    """Call the cotangent of `v` ``v_bar``, unless it has a name or is a forward value."""
    differentiates = bar.origin is not None and bar.origin.adjoint_of is not None
    if bar.name is None and node.name is not None and differentiates:
        bar.name = f"{node.name}_bar"


def _scaled(g: Expr, partial: Expr | float) -> Expr:
    """Return the product of a cotangent and a partial, which may be a plain number."""
    if isinstance(partial, Expr):
        return g * partial
    if partial == 1:
        return g
    return -g if partial == -1 else g * partial


def _plus(before: Expr, value: Expr) -> Expr:
    """Return the sum; what is added at places goes into the array that is there already."""
    for base, other in ((value.node, before), (before.node, value)):
        if base.op.name == "accumulate" and _is_zero(base.args[0]):
            rest = tuple(value.builder.wrap(arg) for arg in base.args[1:])
            return OPS["accumulate"](other, *rest, **base.attrs)
    return before + value


def _is_zero(node: Node) -> bool:
    """Tell whether a node is the constant zero."""
    return node.op.name == "const" and node.attrs["value"] == 0


def _adjoint_origin(node: Node) -> Origin:
    """Return the origin of the nodes that differentiate `node`."""
    if node.origin is None:
        return Origin("", 0, node)
    return Origin(node.origin.file, node.origin.line, node)


def _no_rule(node: Node) -> NotDifferentiableError:
    """Return the error for an op without a derivative."""
    where = f" at {node.origin}" if node.origin else ""
    return NotDifferentiableError(
        f"{node.op.name}{where} has no derivative: wrap its operand in bp.stop_gradient, or give "
        "the function one with bp.custom_vjp"
    )


def reverse(graph: Graph, wrt: Sequence[int], seeds: str = "one") -> Graph:
    """Return the joint graph: the outputs of `graph`, then the cotangents of the inputs `wrt`.

    With `seeds` ``"one"`` the only output is a float scalar and its cotangent is 1. With
    ``"input"`` each float output gets a new last parameter that holds its cotangent, named after
    the output with ``_bar`` behind.

    Raises `NotDifferentiableError` where an active op has no rule.
    """
    builder = Builder.extending(graph)
    sweep = Sweep(builder, graph, [graph.params[k] for k in wrt])
    outputs = [builder.wrap(node) for node in graph.outputs]
    for number, out in enumerate(outputs):
        if not out.dtype.is_float:
            continue
        if seeds == "one":
            with builder.at(_adjoint_origin(out.node)):
                sweep.accumulate(out.node, builder.const(1, out.type))
        else:
            name = f"{out.node.name or f'out_{number}'}_bar"
            sweep.accumulate(out.node, builder.param(name, out.type))
    sweep.run()
    return builder.finish((*outputs, *(gradient(sweep, graph.params[k]) for k in wrt)))


def gradient(sweep: Sweep, node: Node) -> Expr:
    """Return the cotangent of a node after a sweep: zeros where nothing reached it."""
    found = sweep.cotangent(node)
    if found is None:
        return sweep.builder.const(0, node.array_type)
    name_cotangent(node, found.value.node)
    return found.value
