"""Differentiate calls of functions that have a derivative rule of their own.

The rule's regions take the place of the call, so that what it computes is fused, kept and
differentiated again like everything else. In reverse mode a ``custom_vjp`` becomes its `forward`,
whose residuals its `backward` reads. A ``custom_jvp`` becomes its `tangent`; reverse mode
transposes that: it is linear in the tangents, so that the sweep over it towards them, seeded with
the cotangents of the results, gives the cotangents of the operands (R. Frostig and others,
"Decomposing reverse-mode automatic differentiation", 2021, section 3).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bpcompile.errors import NotDifferentiableError
from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.graph import Graph, Node, Origin, reachable, regions
from bpcompile.ir.op import Kind
from bpcompile.ops.call import float_results
from bpcompile.passes.dce import drop_dead
from bpcompile.transforms.activity import carries_derivative
from bpcompile.transforms.forward import TANGENT_RULES, Push
from bpcompile.transforms.regions import reaching
from bpcompile.transforms.reverse import REGION_RULES, Cotangent, Sweep


def reverse_custom_vjp(sweep: Sweep, node: Node, bars: list[Cotangent | None]) -> None:
    """Add the cotangents of a call's operands, as its rule says."""
    _require_given(node, sweep.active)
    builder, attrs = sweep.builder, node.attrs
    forward, backward = _rule(node, "forward"), _rule(node, "backward")
    operands = [builder.wrap(arg) for arg in node.args]
    before = len(builder.nodes)
    values = builder.inline(forward, operands[: len(forward.params)])
    _replace_results(sweep, node, values, before)
    count = len(attrs["primal"].outputs)
    given = _given_bars(builder, node, bars)
    found = _copied(builder, backward, [*operands, *values[count:], *given], node, backward.nodes)
    for number, value in zip(attrs["given"], found, strict=True):
        sweep.accumulate(node.args[number], value)


def push_custom_vjp(push: Push, node: Node) -> list[Expr | None]:
    """Refuse a call whose rule goes backward only."""
    if any(push.tangent(arg) is not None for arg in node.args):
        raise NotDifferentiableError(
            f"{node.attrs['name']}{_at(node)} has a rule for reverse mode only, bp.custom_vjp, and "
            "forward mode needs its tangent: write the rule with bp.custom_jvp, which serves both"
        )
    return [None] * len(node.attrs["primal"].outputs)


def push_custom_jvp(push: Push, node: Node) -> list[Expr | None]:
    """Return the tangents of a call's results, as its rule says."""
    _require_given(node, push.active)
    builder, attrs = push.builder, node.attrs
    tangent = _rule(node, "tangent")
    operands = [builder.wrap(arg) for arg in node.args]
    dots = [push.tangent_or_zero(node.args[k]) for k in attrs["given"]]
    moving = reaching(tangent, tangent.params[len(operands) :])
    before = len(builder.nodes)
    values = _copied(builder, tangent, [*operands, *dots], node, moving)
    count = len(attrs["primal"].outputs)
    _replace_results(push, node, values[:count], before)
    found: list[Expr | None] = [None] * count
    for k, value in zip(float_results(attrs["primal"]), values[count:], strict=True):
        found[k] = value
    return found


def reverse_custom_jvp(sweep: Sweep, node: Node, bars: list[Cotangent | None]) -> None:
    """Add the cotangents of a call's operands, by transposing its rule."""
    _require_given(node, sweep.active)
    builder, attrs = sweep.builder, node.attrs
    tangent = _rule(node, "tangent")
    inner = Builder.extending(tangent)
    dots = tangent.params[len(node.args) :]
    count = len(attrs["primal"].outputs)
    transposed = Sweep(inner, tangent, dots)
    seeds: list[Node] = []
    given: list[Expr] = []
    for k, out in zip(float_results(attrs["primal"]), tangent.outputs[count:], strict=True):
        bar = bars[k]
        if bar is not None:
            seed = inner.param(f"{out.name or 'result'}_bar", out.array_type)
            transposed.accumulate(out, seed)
            seeds.append(seed.node)
            given.append(bar.value)
    transposed.run()
    found = {dot: bar for dot in dots if (bar := transposed.cotangent(dot)) is not None}
    primal = [inner.wrap(out) for out in tangent.outputs[:count]]
    # A loop of the rule may carry values and tangents together, and only the former are needed.
    graph = drop_dead(transposed.finish([*primal, *(bar.value for bar in found.values())]))
    if not reachable(graph.outputs).isdisjoint(dots):
        raise NotDifferentiableError(
            f"the rule of {attrs['name']}{_at(node)} is not linear in its tangents, and reverse "
            "mode needs it to be: let the rule multiply tangents by values alone, and return the "
            "function's value as the primal does"
        )
    operands = [builder.wrap(arg) for arg in node.args]
    nothing = [builder.const(0, dot.array_type) for dot in dots]
    before = len(builder.nodes)
    backward = reaching(graph, seeds)
    values = _copied(builder, graph, [*operands, *nothing, *given], node, backward)
    _replace_results(sweep, node, values[:count], before)
    numbers = dict(zip(dots, attrs["given"], strict=True))
    for dot, value in zip(found, values[count:], strict=True):
        sweep.accumulate(node.args[numbers[dot]], value)


REGION_RULES["custom_vjp"] = reverse_custom_vjp
REGION_RULES["custom_jvp"] = reverse_custom_jvp
TANGENT_RULES["custom_vjp"] = push_custom_vjp
TANGENT_RULES["custom_jvp"] = push_custom_jvp


def _at(node: Node) -> str:
    """Return the place of a call for a message."""
    return f" at {node.origin}" if node.origin else ""


def _require_given(node: Node, active: set[Node]) -> None:
    """Refuse a derivative in what the rule of a call says nothing about."""
    for k, (arg, param) in enumerate(zip(node.args, node.attrs["primal"].params, strict=False)):
        if k not in node.attrs["given"] and arg in active and carries_derivative(arg.type):
            name = arg.name or param.name or "a value"
            raise NotDifferentiableError(
                f"`{name}` is differentiated and {node.attrs['name']}{_at(node)} reads it beside "
                "the arguments that its rule is for: pass it as an argument that nondiff_argnums "
                "does not name, or wrap it in bp.stop_gradient"
            )


def _given_bars(builder: Builder, node: Node, bars: list[Cotangent | None]) -> list[Expr]:
    """Return the cotangent of each float result, zeros where none arrived."""
    primal: Graph = node.attrs["primal"]
    found = []
    for k in float_results(primal):
        bar = bars[k]
        found.append(builder.const(0, primal.outputs[k].array_type) if bar is None else bar.value)
    return found


def _replace_results(walk: Sweep | Push, node: Node, values: Iterable[Expr], before: int) -> None:
    """Let the values that a rule computes take the place of those of the call, and its names.

    A value that stands among the first nodes of the builder, as many as there were `before` the
    rule, keeps its own name.
    """
    made = set(walk.builder.nodes[before:])
    for old, value in zip(walk.builder.wrap(node).items(), values, strict=False):
        new = value.node
        if new in made:
            new.name = old.node.name or new.name
        walk.replace(old.node, new)


def _copied(
    builder: Builder, graph: Graph, args: Iterable[Expr], call: Node, derived: Iterable[Node]
) -> tuple[Expr, ...]:
    """Append the nodes of a rule; those `derived` are shown as differentiating the call."""
    place = dict(zip(graph.params, (arg.node for arg in args), strict=True))
    marked = set(derived)
    for node in graph.nodes:
        if node in place:
            continue
        origin = node.origin
        if node in marked:
            origin = Origin(*((origin.file, origin.line) if origin else ("", 0)), call)
        with builder.at(origin):
            moved = tuple(place[arg] for arg in node.args)
            made = builder.node(node.op, moved, node.attrs, node.type).node
        place[node] = made
        if made.name is None and made.op.name != "param":
            made.name = node.name
    return tuple(builder.wrap(place[out]) for out in graph.outputs)


def _rule(node: Node, key: str) -> Graph:
    """Return a region of a call's rule, where calls of the same function have the rule again."""
    region: Graph = node.attrs[key]
    mark = node.attrs.get("mark")
    return region if mark is None else _Unfolding(node, mark).graph(region)


class _Unfolding:
    """Give the calls of a function inside its own rule that rule."""

    def __init__(self, call: Node, mark: int) -> None:
        """Hold the call whose rule it is."""
        self._call = call
        self._mark = mark
        self._known: dict[Graph, Graph] = {}

    def graph(self, graph: Graph) -> Graph:
        """Return a graph or region with rules in it; itself where it has no such call."""
        if graph not in self._known:
            self._known[graph] = self._unfolded(graph)
        return self._known[graph]

    def _unfolded(self, graph: Graph) -> Graph:
        """Return a graph with rules in it."""
        place: dict[Node, Node] = {}
        for node in graph.nodes:
            args = tuple(place[arg] for arg in node.args)
            attrs = self._attrs(node)
            same = attrs is node.attrs and args == node.args
            place[node] = (
                node if same else Node(node.op, args, attrs, node.type, node.origin, node.name)
            )
        if all(old is new for old, new in place.items()):
            return graph
        outputs = tuple(place[out] for out in graph.outputs)
        return Graph(graph.name, graph.params, tuple(place.values()), outputs, graph.guards)

    def _attrs(self, node: Node) -> dict[str, Any]:
        """Return the attributes of a node with the rule in them, or the same ones."""
        if node.op.kind is Kind.CALL:
            if node.attrs.get("again") == self._mark:
                # Another level, or it would be one with the call that its rule replaces.
                level = self._call.attrs.get("level", 0) + 1
                return {**self._call.attrs, "primal": node.attrs["primal"], "level": level}
            if node.attrs.get("mark") == self._mark:
                return node.attrs  # inside, the number means that call
        inner = {key: self.graph(region) for key, region in regions(node)}
        same = all(inner[key] is node.attrs[key] for key in inner)
        return node.attrs if same else {**node.attrs, **inner}
