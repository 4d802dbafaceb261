"""Write the reverse-mode adjoint of a graph: the chain rule, node by node, last node first.

A cotangent is a pair `(value, where)`. `where` is None, or a bool value of the graph that is
false at structural zeros: places that a branch not taken, a lost maximum or an unread index keep
from the result. The sweep wraps each contribution of an elementwise rule in
``select(where, c, 0)``, so that such a place contributes nothing even where a partial is infinite
or NaN, while a cotangent that is zero by value annihilates nothing: `sqrt(x)**2` at 0 stays what
it is. Contributions add up, and their masks are joined by or; contractions drop masks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from bpcompile.errors import NotDifferentiableError
from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.graph import Graph, Node, Origin
from bpcompile.ir.op import OPS
from bpcompile.ir.type import TupleType
from bpcompile.passes.dce import drop_dead
from bpcompile.transforms.activity import active_nodes, masked_nodes
from bpcompile.transforms.counts import Counts
from bpcompile.transforms.finals import View
from bpcompile.transforms.regions import finish, reaching, renamed_results
from bpcompile.transforms.total import Total, is_zero

RegionRule = Callable[["Sweep", Node, list["Cotangent | None"]], None]
REGION_RULES: dict[str, RegionRule] = {}


class Cotangent(NamedTuple):
    """Hold the cotangent of a value, and where it can be other than a structural zero."""

    value: Expr
    where: Expr | None = None


class TapeBar(NamedTuple):
    """Hold a part of the cotangent of a tape: a tape with a row for each of its rows.

    `flipped` tells that the rows stand in the other order.
    """

    tape: Expr
    where: Expr | None = None
    flipped: bool = False


class Sweep:
    """Run the chain rule backwards over the nodes that a builder holds.

    `accumulate(node, contribution)` adds to a cotangent; `run` visits the nodes; `finish` returns
    the joint graph. Region rules receive the sweep, add the cotangents of the region's operands,
    and may `replace` the region by one that keeps more.
    """

    def __init__(
        self,
        builder: Builder,
        graph: Graph,
        wrt: Sequence[Node],
        *,
        masked: Collection[Node] = (),
        once: Collection[Node] = (),
        counts: Counts | None = None,
        in_loop: bool = False,
        passing: Iterable[Node] = (),
        shared: Mapping[Node, int] | None = None,
        views: Sequence[View] = (),
    ) -> None:
        """Prepare a sweep over `graph`, whose nodes `builder` holds, towards `wrt`.

        For a region, `masked` are the parameters whose masks are of use outside, `once` the arrays
        whose places are written once, so that nobody reads a place of their cotangent after its
        write, and `counts` knows the integers. `in_loop` tells that an overwritten element is no
        reason to start a mask, which would cost a bool beside each element of a carried array.
        `passing` are parameters that hold other values when the reverse sweep comes by: it has them
        only where they are kept. `shared` says how many runs of the region typically see the same
        value of a parameter. `views` know the arrays that the reverse sweep reads as loops leave
        them.
        """
        self.builder = builder
        self.graph = graph
        self.active = active_nodes(graph, wrt)
        self.masked = masked_nodes(graph, self.active, masked)
        self.once = frozenset(once)
        self.counts = counts or Counts(graph)
        self.in_loop = in_loop
        self.passing = reaching(graph, passing)
        self.shared = shared or {}
        self.views = views
        self.replaced: dict[Node, Node] = {}
        self.tape_bars: dict[Node, list[TapeBar]] = {}
        self._found: dict[Node, Total] = {}
        self._items: dict[Node, dict[int, Node]] = {}

    def cotangent(self, node: Node) -> Cotangent | None:
        """Return what has been added up for a node, or None where nothing has."""
        found = self._found.get(node)
        if found is None:
            return None
        value = found.value()
        name_cotangent(node, value.node)
        return Cotangent(value, found.where())

    def take(self, node: Node) -> Cotangent | None:
        """Return the cotangent of a node and forget it, to go on adding to it elsewhere."""
        found = self.cotangent(node)
        self._found.pop(node, None)
        return found

    def accumulate(self, node: Node, value: Expr, where: Expr | None = None) -> None:
        """Add a contribution to the cotangent of a node; inactive nodes take none."""
        if node not in self.active or is_zero(value.node):
            return
        total = self._found.get(node)
        if total is None:
            total = self._found[node] = Total(masked=node in self.masked)
        total.add(value, where)

    def replace(self, node: Node, new: Node) -> None:
        """Let a new node take the place of one that the graph has."""
        self.replaced[node] = new

    def replace_results(self, node: Node, results: Mapping[int, Expr]) -> None:
        """Let new values take the place of results of a node, and of their names."""
        self.replaced.update(renamed_results(self.builder, node, results))

    def finish(self, outputs: Iterable[Expr]) -> Graph:
        """Return the joint graph with these outputs."""
        return finish(self.builder, outputs, self.replaced)

    def run(self) -> None:
        """Visit the nodes, last first."""
        with self.builder.at(None):
            for node in reversed(self.graph.nodes):
                if node in self.active and node.op.name != "param":
                    self.builder.origin = adjoint_origin(node)
                    self._visit(node)

    def _visit(self, node: Node) -> None:
        """Add the contributions of one node to the cotangents of its operands."""
        if isinstance(node.type, TupleType):
            self._visit_region(node)
        elif node in self._found or node in self.tape_bars:
            if node.op.name == "item":
                self._items.setdefault(node.args[0], {})[node.attrs["index"]] = node
            else:
                self._apply_rule(node)

    def _visit_region(self, node: Node) -> None:
        """Hand an op with several results to its rule, with the cotangents that arrived."""
        found = self._items.get(node)
        if not found:
            return
        assert isinstance(node.type, TupleType)
        count = len(node.type.items)
        bars = [self.cotangent(found[k]) if k in found else None for k in range(count)]
        rule = REGION_RULES.get(node.op.name)
        if rule is not None:
            rule(self, node, bars)
        elif node.op.vjp is not None:
            self._apply_joint_rule(node, bars)
        else:
            raise no_rule(node)

    def _apply_joint_rule(self, node: Node, bars: Sequence[Cotangent | None]) -> None:
        """Apply the rule of an op with several results that are found together."""
        assert node.op.vjp is not None
        wrap = self.builder.wrap
        given = tuple(None if bar is None else bar.value for bar in bars)
        xs = tuple(wrap(arg) for arg in node.args)
        values = node.op.vjp(given, wrap(node).items(), *xs, **node.attrs)
        for arg, value in zip(node.args, values, strict=True):
            if value is not None:
                self.accumulate(arg, value)

    def tape_cotangents(self, node: Node, k: int) -> list[TapeBar]:
        """Return the parts of the cotangent of a tape, which is result `k` of a node."""
        item = self._items[node].get(k)
        return [] if item is None else self.tape_bars.get(item, [])

    def _apply_rule(self, node: Node) -> None:
        """Apply the rule of an ordinary op."""
        op = node.op
        bar = self.cotangent(node)
        assert bar is not None
        wrap = self.builder.wrap
        y, xs = wrap(node), tuple(wrap(arg) for arg in node.args)
        if op.partials is not None:
            for arg, partial in zip(node.args, op.partials, strict=True):
                if partial is not None and arg in self.active:
                    value = scaled(bar.value, partial(y, *xs, **node.attrs))
                    if bar.where is not None and not op.finite:
                        value = OPS["select"](bar.where, value, 0.0)
                    self.accumulate(arg, value, bar.where)
            return
        if op.name == "replay":  # in a body, the cotangent of a tape is that of its row
            self.accumulate(node.args[0], bar.value, bar.where)
            return
        if op.vjp is None:
            raise no_rule(node)
        values = op.vjp(bar.value, y, *xs, **node.attrs)
        masks: tuple[Expr | None, ...] = (None,) * len(xs)
        if op.mask is not None and any(arg in self.masked for arg in node.args):
            masks = op.mask(bar.where, *xs, **node.attrs)
        if op.name == "update" and node in self.once:
            values, masks = (bar.value, *values[1:]), (bar.where, *masks[1:])
        elif op.name == "update" and self.in_loop and bar.where is None:
            masks = (None,) * len(xs)
        for arg, value, where in zip(node.args, values, masks, strict=True):
            if value is not None:
                self.accumulate(arg, value, where)


def name_cotangent(node: Node, bar: Node) -> None:
    """Call the cotangent of `v` ``v_bar``, unless it has a name or is a forward value."""
    differentiates = bar.origin is not None and bar.origin.adjoint_of is not None
    if bar.name is None and node.name is not None and differentiates:
        bar.name = f"{node.name}_bar"


def scaled(g: Expr, partial: Expr | float) -> Expr:
    """Return the product of a cotangent or tangent and a partial, which may be a plain number."""
    if not isinstance(partial, (int, float)):
        return g * partial
    if partial == 1:
        return g
    return -g if partial == -1 else g * partial


def adjoint_origin(node: Node) -> Origin:
    """Return the origin of the nodes that differentiate `node`."""
    if node.origin is None:
        return Origin("", 0, node)
    return Origin(node.origin.file, node.origin.line, node)


def no_rule(node: Node) -> NotDifferentiableError:
    """Return the error for an op without a derivative."""
    where = f" at {node.origin}" if node.origin else ""
    return NotDifferentiableError(
        f"{node.op.name}{where} has no derivative: wrap its operand in bp.stop_gradient, or write "
        "the function with operations that have one"
    )


def reverse(graph: Graph, wrt: Sequence[int], seeds: str = "one") -> Graph:
    """Return the joint graph: the outputs of `graph`, then the cotangents of the inputs `wrt`.

    With `seeds` ``"one"`` the first output is a float scalar and its cotangent is 1; the others
    have none. With ``"input"`` each float output gets a new last parameter that holds its
    cotangent, named after the output with ``_bar`` behind.

    Raises `NotDifferentiableError` where an active op has no rule.

        >>> from bpcompile import ops
        >>> from bpcompile.ir.interpret import interpret
        >>> from bpcompile.ir.type import f64
        >>> builder = Builder("f")
        >>> x, y = builder.param("x", f64[()]), builder.param("y", f64[()])
        >>> interpret(reverse(builder.finish((x * x * y,)), [0, 1]), [3.0, 2.0])
        (array(18.), array(12.), array(9.))
    """
    builder = Builder.extending(graph)
    sweep = Sweep(builder, graph, [graph.params[k] for k in wrt])
    outputs = [builder.wrap(node) for node in graph.outputs]
    if seeds == "one":
        with builder.at(adjoint_origin(outputs[0].node)):
            sweep.accumulate(outputs[0].node, builder.const(1, outputs[0].type))
    else:
        for number, out in enumerate(outputs):
            if out.dtype.is_float:
                name = f"{out.node.name or f'out_{number}'}_bar"
                sweep.accumulate(out.node, builder.param(name, out.type))
    sweep.run()
    joint = sweep.finish((*outputs, *(gradient(sweep, graph.params[k]) for k in wrt)))
    # An inner loop may write a tape that the loop around it found cheaper to make again.
    return drop_dead(joint) if sweep.replaced else joint


def gradient(sweep: Sweep, node: Node) -> Expr:
    """Return the cotangent of a node after a sweep: zeros where nothing reached it."""
    with sweep.builder.at(adjoint_origin(node)):
        found = sweep.cotangent(node)
        return sweep.builder.const(0, node.array_type) if found is None else found.value
