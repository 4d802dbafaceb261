"""Differentiate branches in reverse: the adjoint of a branch is a branch of the arms' adjoints.

A sweep over an arm gives its joint graph. The seeds are the cotangents of the results, and the
cotangents of the operands start from what has arrived for them already, so that an arm which reads
an element of an array adds to that element, and an arm which does not touch it hands it on.

What an adjoint arm reads it computes again from the operands, or the forward branch returns it as
one more result, which is a filler where the other arm runs. `keep` decides. The adjoint of the arm
that was not taken is not run, so that it contributes nothing; the masks of the operands' cotangents
say so further back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.graph import Graph, Node, reachable
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType
from bpcompile.transforms.activity import carries_derivative
from bpcompile.transforms.building import BranchBuilder
from bpcompile.transforms.keep import Region, choose, made_in_passing
from bpcompile.transforms.notes import kept_name, names, stem
from bpcompile.transforms.regions import Branch, copy_nodes, reached
from bpcompile.transforms.reverse import REGION_RULES, Cotangent, Sweep
from bpcompile.transforms.tape import read_by
from bpcompile.transforms.writes import arm_chains


def reverse_branch(sweep: Sweep, node: Node, bars: list[Cotangent | None]) -> None:
    """Add the cotangents of a branch's operands, through a branch of the arms' adjoints."""
    task = _Task(sweep, node, bars)
    arms = [_swept_arm(sweep, task, arm) for arm in task.branch.arms]
    _Backward(sweep, task, arms, _forward_branch(sweep, task, arms)).write()


REGION_RULES["branch"] = reverse_branch


class _Task:
    """Hold what flows into the adjoint branch: cotangents of results, and of active operands."""

    def __init__(self, sweep: Sweep, node: Node, bars: Sequence[Cotangent | None]) -> None:
        """Take the cotangents of the operands, which the adjoint branch adds to."""
        self.branch = Branch(node)
        self.bars = {k: bar for k, bar in enumerate(bars) if bar is not None}
        operands = self.branch.operands
        self.active = [
            k
            for k, operand in enumerate(operands)
            if operand in sweep.active and carries_derivative(operand.type)
        ]
        self.arrived = {k: bar for k in self.active if (bar := sweep.take(operands[k])) is not None}
        self.masked = [k for k in self.active if operands[k] in sweep.masked]

    def called(self, k: int) -> str:
        """Return the name of a result, as the first arm calls it that does."""
        names = (arm.outputs[k].name for arm in self.branch.arms)
        return next(filter(None, names), "result")


class _Given(NamedTuple):
    """Hold the parameters of an arm for a cotangent that flows in."""

    bar: Cotangent
    value: Node
    where: Node | None


class _Bar(NamedTuple):
    """Hold the nodes of a joint graph that are the cotangent of an operand, and its mask."""

    value: Node
    where: Node | None


class _Arm(NamedTuple):
    """Hold the joint graph of an arm: its outputs are those of the arm, then the cotangents.

    `bars` are the cotangents of the active operands by number, and `kept` the forward values that
    its adjoint does not compute again.
    """

    arm: Graph
    graph: Graph
    given: list[_Given]
    bars: dict[int, _Bar]
    kept: list[Node]

    @property
    def forward(self) -> tuple[Node, ...]:
        """Return the results of the arm."""
        return self.graph.outputs[: len(self.arm.outputs)]

    @property
    def extra(self) -> list[Node]:
        """Return the kept values that are no results of the arm."""
        return [node for node in self.kept if node not in self.forward]


def _swept_arm(sweep: Sweep, task: _Task, arm: Graph) -> _Arm:
    """Sweep over an arm towards the active operands, and choose what is kept."""
    builder, operands = Builder.extending(arm), task.branch.operands
    inner = Sweep(
        builder,
        arm,
        [arm.params[k] for k in task.active],
        masked=[arm.params[k] for k in task.masked],
        once=arm_chains(task.branch, arm, sweep.once),
        counts=sweep.counts.inside_arm(task.branch, arm),
        in_loop=sweep.in_loop,
        passing=[p for p, x in zip(arm.params, operands, strict=True) if x in sweep.passing],
        shared={p: sweep.shared.get(x, 1) for p, x in zip(arm.params, operands, strict=True)},
    )
    given: list[_Given] = []
    with builder.at(sweep.builder.origin):
        for k, bar in task.bars.items():
            given.append(_seeded(inner, arm.outputs[k], bar, task.called(k)))
        for k, bar in task.arrived.items():
            given.append(_seeded(inner, arm.params[k], bar, arm.params[k].name))
    inner.run()
    cotangents = {k: inner.cotangent(arm.params[k]) for k in task.active}
    found = {k: bar for k, bar in cotangents.items() if bar is not None}
    parts = [part for bar in found.values() for part in bar if part is not None]
    graph = inner.finish((*map(builder.wrap, arm.outputs), *parts))
    made = iter(graph.outputs[len(arm.outputs) :])
    made_bars = {
        k: _Bar(next(made), None if where is None else next(made))
        for k, (_, where) in found.items()
    }
    distant = {p: inner.shared[p] for p in arm.params if p in inner.passing and p.shape}
    return _Arm(arm, graph, given, made_bars, _kept(arm, graph, given, distant))


def _seeded(inner: Sweep, node: Node, bar: Cotangent, name: str | None) -> _Given:
    """Let the cotangent of a node of an arm start from parameters."""
    type = node.array_type
    value = inner.builder.param(f"{name}_bar", type)
    if bar.where is None:
        inner.accumulate(node, value)
        return _Given(bar, value.node, None)
    where = inner.builder.param(f"{name}_where", type.with_dtype(DType.BOOL))
    inner.accumulate(node, value, where)
    return _Given(bar, value.node, where.node)


def _kept(
    arm: Graph, graph: Graph, given: Sequence[_Given], distant: dict[Node, int]
) -> list[Node]:
    """Choose what the adjoint of an arm does not compute again.

    Arrays among the operands that a loop around the branch changes are `distant`.
    """
    forward, cotangents = graph.outputs[: len(arm.outputs)], graph.outputs[len(arm.outputs) :]
    params, made = set(arm.params), reachable(forward)
    region = Region(
        graph,
        free=params.difference(distant),
        history=(),
        forward=made | made_in_passing(graph, made),
        later={},
        moving=params,
        stored=set(forward) - params - {out for out in forward if out.shape},
        distant=distant,
    )
    bars = [param for part in given for param in (part.value, part.where) if param is not None]
    kept = choose(region, read_by(graph, bars, cotangents))
    return [node for node in kept if node not in params]


class _Slot(NamedTuple):
    """Hold what each arm returns as a further result; a value of the same type stands for it."""

    values: tuple[Node | None, Node | None]
    example: Node


def _slots(arms: Sequence[_Arm]) -> list[_Slot]:
    """Return the further results of the forward branch: arms share those of one type."""
    then, otherwise = ([*arm.extra] for arm in arms)
    slots: list[_Slot] = []
    for node in then:
        partner = next((other for other in otherwise if other.type == node.type), None)
        if partner is not None:
            otherwise.remove(partner)
        slots.append(_Slot((node, partner), node))
    return slots + [_Slot((None, node), node) for node in otherwise]


def _forward_branch(sweep: Sweep, task: _Task, arms: Sequence[_Arm]) -> list[dict[Node, Expr]]:
    """Let the forward branch return what is kept; return where each arm's kept values are."""
    slots = _slots(arms)
    results = sweep.builder.wrap(task.branch.node).items()
    extra = _with_slots(sweep, task.branch, arms, slots) if slots else ()
    places: list[dict[Node, Expr]] = []
    for k, arm in enumerate(arms):
        place = {out: results[m] for m, out in enumerate(arm.forward)}
        for slot, value in zip(slots, extra, strict=True):
            node = slot.values[k]
            place |= {} if node is None else {node: value}
        places.append({node: place[node] for node in arm.kept})
    return places


def _with_slots(
    sweep: Sweep, branch: Branch, arms: Sequence[_Arm], slots: Sequence[_Slot]
) -> list[Expr]:
    """Let a branch with further results take the place of the forward one; return these results."""
    outer = sweep.builder
    build = BranchBuilder(outer, outer.wrap(branch.condition), [arm.arm.name for arm in arms])
    for operand, *params in zip(branch.operands, *(arm.arm.params for arm in arms), strict=True):
        build.capture(outer.wrap(operand), params)
    outputs = []
    for k, (arm, inside) in enumerate(zip(arms, build.arms, strict=True)):
        values = [*arm.forward, *(node for slot in slots if (node := slot.values[k]) is not None)]
        wanted = reached(values, arm.arm.params)
        for node in arm.graph.nodes:
            if node in wanted and node.op.name != "param":
                inside.adopt(node)
        further = [_value_or_filler(inside, slot, k) for slot in slots]
        outputs.append([*map(inside.wrap, arm.forward), *further])
    kept = [slot.example for slot in slots]
    results = build.finish(outputs, note=f"also returns {names(kept)} for the gradient")
    sweep.replace(branch.node, results[0].node.args[0])
    found = list(results[len(results) - len(slots) :])
    for node, value in zip(kept, found, strict=True):
        value.node.name = kept_name(node)
    return found


def _value_or_filler(inside: Builder, slot: _Slot, k: int) -> Expr:
    """Return the value of a slot in arm `k`: one that nobody reads where the arm has none."""
    own, type = slot.values[k], slot.example.array_type
    if own is not None:
        return inside.wrap(own)
    return inside.node(OPS["empty"], (), {}, type) if type.rank else inside.const(0, type)


class _Backward:
    """Build the adjoint branch; `places` say where values of the joint graphs are in its arms."""

    def __init__(
        self, sweep: Sweep, task: _Task, arms: Sequence[_Arm], kept: Sequence[dict[Node, Expr]]
    ) -> None:
        """Give the arms what they may read."""
        self.sweep, self.task, self.arms = sweep, task, arms
        outer, branch = sweep.builder, task.branch
        self.condition = outer.wrap(branch.condition)
        self.build = BranchBuilder(outer, self.condition, [f"{a.arm.name}_adjoint" for a in arms])
        self.places: tuple[dict[Node, Node], ...] = ({}, {})
        for operand, *params in zip(branch.operands, *(a.arm.params for a in arms), strict=True):
            self._capture(outer.wrap(operand), params)
        shared: dict[Node, tuple[Expr, ...]] = {}
        for place, values in zip(self.places, kept, strict=True):
            for node, value in values.items():
                if value.node not in shared:
                    called = [value.node.name or stem(node)] * 2
                    shared[value.node] = self.build.capture(value, called)
                place[node] = shared[value.node][self.places.index(place)].node
        for parts in zip(*(arm.given for arm in arms), strict=True):
            bar = parts[0].bar
            self._capture(bar.value, [part.value for part in parts])
            if bar.where is not None:
                self._capture(bar.where, [part.where for part in parts if part.where is not None])

    def _capture(self, value: Expr, nodes: Sequence[Node]) -> None:
        """Let the arms read a value, which stands for these parameters of their joint graphs."""
        inside = self.build.capture(value, [node.name or "value" for node in nodes])
        for place, node, param in zip(self.places, nodes, inside, strict=True):
            place[node] = param.node

    def write(self) -> None:
        """Append the branch, and add what it returns to the cotangents of the operands."""
        sweep, operands = self.sweep, self.task.branch.operands
        changed = []
        for k in self.task.active:
            if self._stays(k):
                start = self.task.arrived[k]
                sweep.accumulate(operands[k], *start)
            elif any(k in arm.bars for arm in self.arms):
                changed.append(k)
        masks = {k: self._mask(k) for k in changed}
        outputs = [
            [self._value(m, k) for k in changed]
            + [pair[m] for pair in masks.values() if isinstance(pair, tuple)]
            for m in range(len(self.arms))
        ]
        if not changed:
            return
        results = iter(self.build.finish(outputs))
        values = {k: next(results) for k in changed}
        for k, value in values.items():
            mask = masks[k]
            where = next(results) if isinstance(mask, tuple) else mask
            sweep.accumulate(operands[k], value, where)

    def _stays(self, k: int) -> bool:
        """Tell whether neither arm changes what had arrived for an operand."""
        if k not in self.task.arrived:
            return False
        number = len(self.task.bars) + list(self.task.arrived).index(k)
        return all(arm.bars[k].value is arm.given[number].value for arm in self.arms)

    def _value(self, m: int, k: int) -> Expr:
        """Return the cotangent of operand `k` in arm `m`."""
        bar = self.arms[m].bars.get(k)
        if bar is None:
            return self.build.arms[m].const(0, self.task.branch.operands[k].array_type)
        return self._copied(m, bar.value)

    def _mask(self, k: int) -> Expr | tuple[Expr, ...] | None:
        """Return the mask of the cotangent of operand `k`, or what each arm returns for it."""
        bars = [arm.bars.get(k) for arm in self.arms]
        if k not in self.task.masked or all(bar and bar.where is None for bar in bars):
            return None
        type = self.task.branch.operands[k].array_type.with_dtype(DType.BOOL)
        if all(bar is None or bar.where is None for bar in bars):
            taken = self.condition if bars[1] is None else ~self.condition
            return OPS["broadcast"](taken, shape=type.shape, axes=()) if type.rank else taken
        return tuple(
            inside.const(bar is not None, type)
            if bar is None or bar.where is None
            else self._copied(m, bar.where)
            for m, (inside, bar) in enumerate(zip(self.build.arms, bars, strict=True))
        )

    def _copied(self, m: int, node: Node) -> Expr:
        """Return what stands for a node of a joint graph in the adjoint arm."""
        place, inside = self.places[m], self.build.arms[m]
        copy_nodes(self.arms[m].graph.nodes, reached([node], place), inside, place)
        return inside.wrap(place[node])
