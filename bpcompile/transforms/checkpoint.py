"""Let the reverse sweep of a loop keep few states, and run its steps again from there.

A loop with the attribute ``checkpoint`` is looked at in another form before it is differentiated:

- an int k or ``"sqrt"``: a loop over stretches of k steps whose body is the loop of one stretch.
  The tape holds the states before each stretch; the tape of the steps in a stretch is made when
  the sweep comes to it, and its place is used for the next one. n steps take the memory of n/k
  states and of k steps, and each step runs twice; k = √n makes the sum small.
- ``"again"``: the loop as it is, whose tape holds states alone.

Where a step changes elements of an array and its adjoint needs the array from before, whole states
would take more than the tape of scalars: such a loop is differentiated as if it asked for nothing.

In derivatives of derivatives the forward loop still asks for what it did, and the backward loop for
``"again"``, so that they take no more memory. A binomial schedule ends with the first derivative:
each of its steps overwrites one of the kept states, and what was overwritten would go on a tape.

Both keep nothing but what an iteration starts from: `split` gives the adjoint of the body a body of
its own, in which nothing is shared with the one that the forward sweep runs.
"""

from __future__ import annotations

from typing import NamedTuple

from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.dims import Size, dim_max, dim_sqrt, floor_div
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type
from bpcompile.passes.dce import drop_dead
from bpcompile.transforms.building import LoopBuilder
from bpcompile.transforms.counts import Counts
from bpcompile.transforms.regions import Loop, reached

_INTEGER = Type(DType.I64)


class _Length(NamedTuple):
    """Hold a number of steps or stretches: its value, and the size that it is or does not exceed.

    `size` is None where nothing is known before the code runs.
    """

    value: Expr
    size: Size | None
    exact: bool


def in_stretches(builder: Builder, counts: Counts, node: Node) -> Node:
    """Return the loop over stretches that does what a loop does, or the loop itself.

    It is new, unless the loop asks for no stretches; its results are those of the loop.
    """
    asked = node.attrs.get("checkpoint")
    if node.op.name != "loop" or not (asked == "sqrt" or isinstance(asked, int)):
        return node
    with builder.at(node.origin):
        return _Stretches(builder, counts, Loop(node)).write()


class _Stretches:
    """Build the loop over stretches."""

    def __init__(self, builder: Builder, counts: Counts, loop: Loop) -> None:
        """Find how many steps there are, how many in a stretch, and how many stretches."""
        self.outer, self.counts, self.loop = builder, counts, loop
        steps = self._steps()
        self.pace = self._pace(steps)
        self.count = self._count(steps)

    def write(self) -> Node:
        """Append the loop."""
        loop, outer = self.loop, self.outer
        build = LoopBuilder(outer, f"{loop.body.name}_stretch", "stretch")
        inside = []
        for k, (param, operand) in enumerate(zip(loop.params, loop.operands, strict=True)):
            add = build.carry if k < loop.carried else build.capture
            inside.append(add(outer.wrap(operand), param.name or "value"))
        assert loop.upper is not None
        lower, upper = (
            build.number(outer.wrap(bound), self.counts.linear(bound).size)
            for bound in (loop.lower, loop.upper)
        )
        pace = build.number(self.pace.value, self.pace.size)
        first = lower + build.index * pace
        first.node.name = "first"
        last = OPS["minimum"](upper, first + pace)
        attrs = dict(unmarked(loop.node).attrs)
        if self.pace.size is not None:
            attrs["limit"] = self.pace.size
        found = build.body.apply(OPS["loop"], (first, last, *inside), attrs).items()
        size = self.pace.size
        marked = {"checkpoint": ("stretch", 0 if size is None else size)}
        zero = outer.const(0, _INTEGER)
        results = build.finish(zero, self.count.value, found[: loop.carried], attrs=marked)
        made: Node = results[0].node.args[0]
        return made

    def _steps(self) -> _Length:
        """Return the number of steps, which is not negative."""
        loop, counts, outer = self.loop, self.counts, self.outer
        assert loop.upper is not None
        form = counts.linear(loop.upper).plus(counts.linear(loop.lower), -1)
        most = form.size if form.size is not None else counts.range(form).high
        if most is not None and not counts.never_negative(most):
            most = dim_max(most, 0)
        if form.size is not None and most is not None:
            return _Length(outer.dim(most), most, exact=True)
        steps = OPS["maximum"](outer.wrap(loop.upper) - outer.wrap(loop.lower), 0)
        return _Length(steps, most, exact=False)

    def _pace(self, steps: _Length) -> _Length:
        """Return the number of steps in a stretch."""
        asked, outer = self.loop.node.attrs["checkpoint"], self.outer
        if asked == "sqrt" and steps.size is None:
            root = OPS["sqrt"](OPS["astype"](steps.value, dtype=DType.F64))
            return _Length(OPS["astype"](root, dtype=DType.I64) + 1, None, exact=False)
        pace: Size = (
            dim_sqrt(steps.size) + 1 if asked == "sqrt" and steps.size is not None else asked
        )
        return _Length(outer.dim(pace), pace, exact=True)

    def _count(self, steps: _Length) -> _Length:
        """Return the number of stretches."""
        pace, outer = self.pace, self.outer
        most: Size | None = None
        if steps.size is not None and pace.size is not None:
            most = floor_div(steps.size + pace.size - 1, pace.size)
            if self.loop.node.attrs["checkpoint"] == "sqrt":
                most = pace.size  # enough, and shorter to write; the last ones may have no step
            if steps.exact:
                return _Length(outer.dim(most), most, exact=True)
        count = OPS["floor_divide"](steps.value + (pace.value - 1), pace.value)
        if most is not None:
            count = OPS["minimum"](count, outer.dim(most))
        return _Length(count, most, exact=False)


def keeps_states_alone(loop: Loop) -> bool:
    """Tell whether the tape of a loop is to hold nothing but what an iteration starts from."""
    asked = loop.node.attrs.get("checkpoint")
    return asked in ("again", "binomial") or (isinstance(asked, tuple) and bool(asked))


def unmarked(node: Node) -> Node:
    """Return a loop without the choice of what is kept."""
    attrs = {key: value for key, value in node.attrs.items() if key != "checkpoint"}
    return Node(node.op, node.args, attrs, node.type, node.origin, node.name)


def split(loop: Loop, joint: Graph) -> Graph:
    """Return the joint graph of a body with an adjoint that shares nothing with the forward sweep.

    The outputs are the next states, then what the backward loop makes. The latter depend on the
    parameters through nodes of their own, with what only the next states need left out.
    """
    count = loop.carried
    backward = drop_dead(joint.with_outputs(joint.outputs[count:]))
    place: dict[Node, Node] = {param: param for param in joint.params}
    copies = []
    for node in backward.nodes:
        if node not in place:
            args = tuple(place[arg] for arg in node.args)
            place[node] = Node(node.op, args, node.attrs, node.type, node.origin, node.name)
            copies.append(place[node])
    wanted = reached(loop.outputs, ())
    forward = [n for n in loop.body.nodes if n in wanted and n.op.name != "param"]
    outputs = (*loop.outputs, *(place[out] for out in backward.outputs))
    return Graph(
        joint.name, joint.params, (*joint.params, *forward, *copies), outputs, joint.guards
    )
