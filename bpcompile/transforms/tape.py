"""Make two loops of the joint graph of a loop's body: one that writes a tape, one that reads it.

The tape of a value is an array with a place for each iteration, carried by the forward loop, which
takes the place of the original one. The backward loop counts j = 0, 1, ... and works on the
iteration i = upper - 1 - j; what it does not find on the tape it computes again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bpcompile.errors import UnsupportedError
from bpcompile.ir.build import Expr
from bpcompile.ir.dims import Size, dim_max
from bpcompile.ir.graph import Graph, Node, reachable
from bpcompile.ir.op import OPS
from bpcompile.ir.types import Type
from bpcompile.ops.index import At, Slice, whole
from bpcompile.transforms.counts import Counts, Linear
from bpcompile.transforms.keep import Region, choose
from bpcompile.transforms.regions import Loop, LoopBuilder, copy_nodes, reached
from bpcompile.transforms.reverse import Sweep

_MOST_NAMES = 6  # how many kept values a note names


@dataclass
class Slot:
    """Hold one value that the backward loop passes from iteration to iteration.

    It is the cotangent, or with `mask` the mask, of initial value or constant number `operand`:
    `start` before the loop, `param` and `output` in the joint graph.
    """

    operand: int
    mask: bool
    start: Expr
    param: Node
    output: Node

    @property
    def stays(self) -> bool:
        """Tell whether no iteration changes it."""
        return self.param is self.output


@dataclass
class Joint:
    """Hold the joint graph of a body: its outputs are the next states, then those of the slots."""

    loop: Loop
    graph: Graph
    slots: list[Slot]
    unchanged: set[Node] = field(init=False)

    def __post_init__(self) -> None:
        """Find the states that no iteration changes."""
        pairs = zip(self.loop.states, self.loop.outputs, strict=True)
        self.unchanged = {state for state, out in pairs if state is out}

    @property
    def results(self) -> tuple[Node, ...]:
        """Return the next states."""
        return self.graph.outputs[: self.loop.carried]

    def kept(self) -> list[Node]:
        """Choose what goes on the tape."""
        loop = self.loop
        region = Region(
            self.graph,
            free={loop.index, *loop.constants, *self.unchanged},
            history=set(loop.states) - self.unchanged,
            forward=reachable(self.results),
        )
        return choose(region, self._read_by_adjoint())

    def _read_by_adjoint(self) -> list[Node]:
        """Return the values that the adjoint reads and does not depend upon cotangents."""
        dependent = {slot.param for slot in self.slots}
        read: dict[Node, None] = {}
        for node in self.graph.nodes:
            if any(arg in dependent for arg in node.args):
                dependent.add(node)
                read.update(dict.fromkeys(arg for arg in node.args if arg not in dependent))
        read.update(dict.fromkeys(s.output for s in self.slots if s.output not in dependent))
        return list(read)


@dataclass
class Tape:
    """Hold the values that are kept, and the arrays in which they are."""

    kept: list[Node]
    arrays: list[Expr]


def forward_loop(sweep: Sweep, joint: Joint) -> Tape:
    """Choose the tape, and let a loop that writes it take the place of the original one."""
    loop, outer, kept = joint.loop, sweep.builder, joint.kept()
    if not kept:
        return Tape([], [])
    length = _tape_length(sweep.counts, loop, kept)
    build = LoopBuilder(outer, loop.body.name, loop.index)
    for k, (param, operand) in enumerate(zip(loop.params, loop.operands, strict=True)):
        add = build.carry if k < loop.carried else build.capture
        add(outer.wrap(operand), param)
    wanted = reached((*joint.results, *kept), ())
    for node in joint.graph.nodes:
        if node in wanted and node.op.name != "param":
            build.body.adopt(node)
    place = build.index
    lower = sweep.counts.linear(loop.lower).size
    if lower != 0:
        place = place - build.number(outer.wrap(loop.lower), lower)
    outputs = [build.body.wrap(node) for node in joint.results]
    for node in kept:
        type = Type(node.array_type.dtype, (length, *node.shape))
        places = outer.node(OPS["empty"], (), {}, type)
        tape = build.carry(places, f"{_stem(node)}_tape")
        value = build.body.wrap(node)
        outputs.append(OPS["update"](tape, value, place, spec=_place_spec(node)))
    bounds = outer.wrap(loop.lower), outer.wrap(loop.upper)
    results = build.finish(*bounds, outputs, f"keeps {_names(kept)} of each step on the tape")
    sweep.replace(loop.node, results[0].node.args[0])
    arrays = list(results[loop.carried :])
    for node, array in zip(kept, arrays, strict=True):
        array.node.name = f"{_stem(node)}_tape"
    return Tape(kept, arrays)


def _stem(node: Node) -> str:
    """Return what the tape of a value is called after."""
    array = node.args[0].name if node.op.name == "index" else None
    return (node.name or array or "kept").removesuffix("_tape")


def _place_spec(node: Node) -> tuple[At | Slice, ...]:
    """Return the index of one place of a tape."""
    return (At(0), *(whole(size) for size in node.shape))


def _tape_length(counts: Counts, loop: Loop, kept: Sequence[Node]) -> Size:
    """Return a size that is at least the number of iterations.

    Raises `UnsupportedError` where none is known before the loop starts.
    """
    steps = counts.linear(loop.upper).plus(counts.linear(loop.lower), -1)
    most = counts.range(steps).high
    if most is not None:
        return most if counts.never_negative(most) else dim_max(most, 0)
    where = f" at {loop.node.origin}" if loop.node.origin else ""
    raise UnsupportedError(
        f"the loop over {loop.index.name}{where} runs a number of times that is computed inside "
        f"the model, and its gradient needs {_names(kept)} of every step: let the number be an int "
        "argument or a length, or loop over a larger range that is one and leave the steps beyond "
        "it out with np.where"
    )


def backward_loop(sweep: Sweep, joint: Joint, tape: Tape) -> list[Expr]:
    """Append the loop that runs backwards; return the last value of each slot."""
    loop, outer = joint.loop, sweep.builder
    build = LoopBuilder(outer, f"{loop.body.name}_adjoint", f"{loop.index.name}_back")
    place: dict[Node, Node] = {}
    changing = [slot for slot in joint.slots if not slot.stays]
    for slot in changing:
        place[slot.param] = build.carry(slot.start, slot.param.name or "bar").node
    for slot in joint.slots:
        if slot.stays:
            place[slot.param] = build.capture(slot.start, slot.param.name or "bar").node
    for param, operand in zip(loop.params, loop.operands, strict=True):
        if param in loop.constants or param in joint.unchanged:
            place[param] = build.capture(outer.wrap(operand), param.name or "value").node
    steps = _place_step(sweep, joint, tape, build, place)
    wanted = reached([slot.output for slot in changing], place)
    copy_nodes(joint.graph.nodes, wanted, build.body, place)
    if not changing:
        return [slot.start for slot in joint.slots]
    outputs = [build.body.wrap(place[slot.output]) for slot in changing]
    count = outer.wrap(loop.upper)
    if sweep.counts.linear(loop.lower).size != 0:
        size = steps.size
        count = count - outer.wrap(loop.lower) if size is None else outer.dim(size)
    results = iter(
        build.finish(outer.const(0, count.type), count, outputs, _note(joint, tape, wanted))
    )
    return [slot.start if slot.stays else next(results) for slot in joint.slots]


def _place_step(
    sweep: Sweep, joint: Joint, tape: Tape, build: LoopBuilder, place: dict[Node, Node]
) -> Linear:
    """Build the index of the iteration and read its place of the tape; return the step count."""
    loop, counts = joint.loop, sweep.counts
    lower, upper = counts.linear(loop.lower), counts.linear(loop.upper)
    last = build.number(sweep.builder.wrap(loop.upper), upper.size, -1)
    index = last - build.index
    index.node.name = index.node.name or loop.index.name
    place[loop.index] = index.node
    step = index
    if lower.size != 0:
        step = index - build.number(sweep.builder.wrap(loop.lower), lower.size)
    for node, array in zip(tape.kept, tape.arrays, strict=True):
        inside = build.capture(array, f"{_stem(node)}_tape")
        value = OPS["index"](inside, step, spec=_place_spec(node))
        value.node.name = value.node.name or node.name
        place[node] = value.node
    return upper.plus(lower, -1)


def _note(joint: Joint, tape: Tape, wanted: set[Node]) -> str:
    """Say what the backward loop reads and what it computes again."""
    forward = reachable(joint.results)
    again = sum(1 for n in wanted if n in forward and n not in tape.kept and n.args)
    reads = f"reads {_names(tape.kept)} from the tape" if tape.kept else "needs no tape"
    repeats = f" and computes {again} value{'s' * (again > 1)} again" if again else ""
    return f"runs the steps backwards: {reads}{repeats}"


def _names(kept: Sequence[Node]) -> str:
    """Return the names of kept values as one phrase; those without a name are counted."""
    names = [_shown(node) for node in kept]
    named = list(dict.fromkeys(name for name in names if name))[:_MOST_NAMES]
    rest = len(kept) - sum(name in named for name in names)
    if rest:
        named.append(f"{rest} {'more ' if named else ''}value{'s' * (rest > 1)}")
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


def _shown(node: Node) -> str:
    """Return how a note calls a kept value: by its name, or as an element of a named array."""
    stem = _stem(node)
    if stem == "kept":
        return ""
    element = node.op.name == "index" or (node.name or "").endswith("_tape")
    return f"{stem}[...]" if element else (node.name or "")
