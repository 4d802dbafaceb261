"""Carry tangents through loops and branches: beside each active value goes its tangent."""

from __future__ import annotations

from collections.abc import Callable

from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.type import TupleType
from bpcompile.transforms.activity import branch_activity, states_activity
from bpcompile.transforms.building import BranchBuilder, LoopBuilder
from bpcompile.transforms.forward import TANGENT_RULES, Push
from bpcompile.transforms.regions import Branch, Loop, counting


def push_loop(push: Push, node: Node) -> list[Expr | None]:
    """Return the tangents of a loop's results: the loop carries them beside the values."""
    return _Loop(push, node).write()


class _Loop:
    """Build the loop that carries tangents."""

    def __init__(self, push: Push, node: Node) -> None:
        """Start with the body as it was, and carry and capture what it needs."""
        self.push, self.node, outer = push, node, push.builder
        self.outer = outer
        loop = self.loop = Loop(node if node.op.name == "loop" else counting(outer, node))
        flags = [arg in push.active for arg in loop.operands]
        active = states_activity(loop.body, loop.params, loop.outputs, flags)
        self.moving = [k for k, moves in enumerate(active) if moves]
        build = self.build = LoopBuilder(outer, loop.body.name, loop.index)
        dots: dict[Node, Expr] = {}
        for param, operand in zip(loop.states, loop.operands, strict=False):
            build.carry(outer.wrap(operand), param)
        for k in self.moving:
            start = push.tangent_or_zero(loop.operands[k])
            dots[loop.params[k]] = build.carry(start, f"{loop.params[k].name}_dot")
        constants = list(zip(loop.constants, loop.operands[loop.carried :], strict=True))
        for param, operand in constants:
            build.capture(outer.wrap(operand), param)
        for param, operand in constants:
            dot = push.tangent(operand)
            if dot is not None:
                dots[param] = build.capture(dot, f"{param.name}_dot")
        self.inner = _pushed(build.body, loop.body, dots)

    def write(self) -> list[Expr | None]:
        """Append the loop in the place of the original one; return the tangents of its results."""
        loop, inner, wrap = self.loop, self.inner, self.build.body.wrap
        outputs = [wrap(out) for out in loop.outputs]
        outputs += [inner.tangent_or_zero(loop.outputs[k]) for k in self.moving]
        found: list[Expr | None] = [None] * _count(self.node)
        if loop.upper is None:
            states = self._repeat(outputs, found)
        else:
            note = str(self.node.attrs.get("note", ""))
            bounds = self.outer.wrap(loop.lower), self.outer.wrap(loop.upper)
            asked = {k: v for k, v in self.node.attrs.items() if k == "checkpoint"}
            states = self.build.finish(*bounds, outputs, note, inner.replaced, asked)
            self.push.replace(self.node, states[0].node.args[0])
        for k, dot in zip(self.moving, states[loop.carried :], strict=True):
            found[loop.places[k]] = dot
        return found

    def _repeat(self, outputs: list[Expr], found: list[Expr | None]) -> tuple[Expr, ...]:
        """Append a ``while``; enter the tangents of its tapes, and return its last states."""
        loop, inner, node = self.loop, self.inner, self.node
        rows = [self.build.body.wrap(row) for row in loop.rows]
        kept = [k for k, row in enumerate(loop.rows) if inner.tangent(row) is not None]
        rows += [inner.tangent_or_zero(loop.rows[k]) for k in kept]
        index, *results = self.build.repeat(
            self.outer.wrap(loop.lower),
            self._test,
            outputs,
            rows,
            str(node.attrs.get("note", "")),
            inner.replaced,
            loop.node.attrs.get("limit", 0),
        )
        tapes, first = results[len(outputs) :], int(node.attrs["carried"])
        new = dict(zip(loop.places, results, strict=False))
        new.update(zip(range(first, first + len(loop.rows)), tapes, strict=False))
        if loop.counter is not None and loop.node is node:
            new[loop.counter] = index
        self.push.replace_results(node, new)
        for k, tape in zip(kept, tapes[len(loop.rows) :], strict=True):
            found[first + k] = tape
        return tuple(results[: len(outputs)])

    def _test(self, inside: Callable[[Node], Expr]) -> Expr:
        """Write the test."""
        assert self.loop.test is not None
        params = [inside(param) for param in self.loop.body.params]
        return params[0].builder.inline(self.loop.test, params)[0]


def _pushed(builder: Builder, region: Graph, dots: dict[Node, Expr]) -> Push:
    """Carry tangents over the nodes of a region, whose parameters the builder has."""
    for node in region.nodes:
        if node.op.name != "param":
            builder.adopt(node)
    inner = Push(builder, region, dots)
    inner.run()
    return inner


def _count(node: Node) -> int:
    """Return the number of results of a node."""
    assert isinstance(node.type, TupleType)
    return len(node.type.items)


def push_branch(push: Push, node: Node) -> list[Expr | None]:
    """Return the tangents of a branch's results: each arm returns them beside the values."""
    branch, outer = Branch(node), push.builder
    active = branch_activity(node, [arg in push.active for arg in node.args])
    moving = [k for k, moves in enumerate(active) if moves]
    then, otherwise = branch.arms
    build = BranchBuilder(outer, outer.wrap(branch.condition), [then.name, otherwise.name])
    for operand, *params in zip(branch.operands, then.params, otherwise.params, strict=True):
        build.capture(outer.wrap(operand), params)
    dots: tuple[dict[Node, Expr], ...] = ({}, {})
    for operand, *params in zip(branch.operands, then.params, otherwise.params, strict=True):
        dot = push.tangent(operand)
        if dot is not None:
            names = [f"{param.name}_dot" for param in params]
            for into, param, inside in zip(dots, params, build.capture(dot, names), strict=True):
                into[param] = inside
    pushes = [
        _pushed(builder, arm, given)
        for builder, arm, given in zip(build.arms, branch.arms, dots, strict=True)
    ]
    outputs = []
    for arm, inner in zip(branch.arms, pushes, strict=True):
        values = [inner.builder.wrap(out) for out in arm.outputs]
        outputs.append(values + [inner.tangent_or_zero(arm.outputs[k]) for k in moving])
    replaced = [inner.replaced for inner in pushes]
    results = build.finish(outputs, replaced, str(node.attrs.get("note", "")))
    push.replace(node, results[0].node.args[0])
    found: list[Expr | None] = [None] * len(active)
    for k, dot in zip(moving, results[len(active) :], strict=True):
        found[k] = dot
    return found


TANGENT_RULES["loop"] = push_loop
TANGENT_RULES["while"] = push_loop
TANGENT_RULES["branch"] = push_branch
