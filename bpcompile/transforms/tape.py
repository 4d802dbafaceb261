"""Make two loops of the joint graph of a loop's body: one that writes a tape, one that reads it.

The tape of a value is an array with a place for each iteration, carried by the forward loop, which
takes the place of the original one. The backward loop counts j = 0, 1, ... and works on the
iteration i = upper - 1 - j; what it does not find on the tape it computes again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bpcompile.errors import UnsupportedError
from bpcompile.ir.build import Expr
from bpcompile.ir.dims import Size, dim_max
from bpcompile.ir.graph import Graph, Node, reachable, users
from bpcompile.ir.op import OPS
from bpcompile.ir.type import Type
from bpcompile.ops.index import At, Slice, whole
from bpcompile.transforms.counts import Counts
from bpcompile.transforms.deepen import can_deepen, deepened
from bpcompile.transforms.keep import Region, choose
from bpcompile.transforms.regions import Loop, LoopBuilder, copy_nodes, reached, reaching
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
    later: dict[Node, Node] = field(init=False)

    def __post_init__(self) -> None:
        """Find the states that no iteration changes, and the next values of the scalar ones."""
        pairs = list(zip(self.loop.states, self.results, strict=True))
        self.unchanged = {state for state, out in pairs if state is out}
        history = [state for state, _ in pairs if state not in self.unchanged]
        depends = reaching(self.graph, history)
        self.later = {
            out: state
            for state, out in reversed(pairs)
            if not out.shape and out in depends and out.op.name != "param"
        }

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
            later=self.later,
        )
        return choose(region, self._read_by_adjoint())

    def _read_by_adjoint(self) -> list[Node]:
        """Return the values that the adjoint reads and does not depend upon cotangents."""
        dependent = reaching(self.graph, [slot.param for slot in self.slots])
        read: dict[Node, None] = {}
        for node in self.graph.nodes:
            if node in dependent:
                read.update(dict.fromkeys(arg for arg in node.args if arg not in dependent))
        read.update(dict.fromkeys(s.output for s in self.slots if s.output not in dependent))
        return list(read)


@dataclass
class Tape:
    """Hold the values that are kept, the arrays in which they are, and the last states."""

    kept: list[Node]
    arrays: list[Expr]
    finals: list[Expr]


def forward_loop(sweep: Sweep, joint: Joint) -> Tape:
    """Choose the tape, and let a loop that writes it take the place of the original one."""
    loop, outer, kept = joint.loop, sweep.builder, joint.kept()
    if not kept:
        return Tape([], [], [])
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
    tapes: dict[Node, Expr] = {}
    for node in kept:
        type = Type(node.array_type.dtype, (length, *node.shape))
        places = outer.node(OPS["empty"], (), {}, type)
        tapes[node] = build.carry(places, f"{_stem(node)}_tape")
    replaced = _through_inner_loops(tapes, place)
    for node, tape in tapes.items():
        if node.args and node.args[0] in replaced and tape.node in replaced[node.args[0]].args:
            attrs = {"index": node.attrs["index"]}
            outputs.append(build.body.node(node.op, (replaced[node.args[0]],), attrs, tape.type))
        else:
            value = build.body.wrap(node)
            outputs.append(OPS["update"](tape, value, place, spec=_place_spec(node)))
    bounds = outer.wrap(loop.lower), outer.wrap(loop.upper)
    note = f"keeps {_names(kept)} of each step on the tape"
    results = build.finish(*bounds, outputs, note, replaced)
    sweep.replace(loop.node, results[0].node.args[0])
    arrays = list(results[loop.carried :])
    for node, array in zip(kept, arrays, strict=True):
        array.node.name = f"{_stem(node)}_tape"
    return Tape(kept, arrays, list(results[: loop.carried]))


def _through_inner_loops(tapes: Mapping[Node, Expr], place: Expr) -> dict[Node, Node]:
    """Let inner loops write their tapes into those of this loop; return the loops that do."""
    arrays: dict[Node, dict[int, Node]] = {}
    for node, tape in tapes.items():
        if node.op.name == "item":
            inner, k = Loop(node.args[0]), int(node.attrs["index"])
            if inner.operands[k].op.name == "empty" and can_deepen(inner, k):
                arrays.setdefault(inner.node, {})[k] = tape.node
    return {
        node: deepened(Loop(node), found, node.args[2:], [place.node])
        for node, found in arrays.items()
    }


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
    return _Backward(sweep, joint, tape).write()


class _Backward:
    """Build the loop that runs backwards; `place` says where values of the joint graph are."""

    def __init__(self, sweep: Sweep, joint: Joint, tape: Tape) -> None:
        """Start with what the body is given."""
        self.counts, self.outer = sweep.counts, sweep.builder
        self.joint, self.tape = joint, tape
        loop = self.loop = joint.loop
        name = f"{loop.body.name}_adjoint"
        self.build = LoopBuilder(self.outer, name, f"{loop.index.name}_back")
        self.place: dict[Node, Node] = {}
        self.changing = [slot for slot in joint.slots if not slot.stays]
        for slot in joint.slots:
            add = self.build.capture if slot.stays else self.build.carry
            self.place[slot.param] = add(slot.start, slot.param.name or "bar").node
        for param, operand in zip(loop.params, loop.operands, strict=True):
            if param in loop.constants or param in joint.unchanged:
                value = self.outer.wrap(operand)
                self.place[param] = self.build.capture(value, param.name or "value").node
        known = (*self.place, loop.index, *tape.kept, *joint.later)
        self.wanted = reached([slot.output for slot in self.changing], known)

    def write(self) -> list[Expr]:
        """Append the loop; return the last value of each slot."""
        if not self.changing:
            return [slot.start for slot in self.joint.slots]
        rows = self._read_tape()
        later = [o for o in self.joint.later if o in self.wanted and o not in self.place]
        for out in later:
            self.place[out] = self._met_before(out).node
        nodes, inside = self.joint.graph.nodes, self.build.body
        copy_nodes(nodes, self.wanted, inside, self.place, lambda copy: self._in_rows(copy, rows))
        results = [slot.output for slot in self.changing] + [self.joint.later[o] for o in later]
        outputs = [inside.wrap(self.place[node]) for node in results]
        count = self._count()
        note = _note(self.joint, self.tape, self.wanted - set(later))
        found = iter(self.build.finish(self.outer.const(0, count.type), count, outputs, note))
        return [slot.start if slot.stays else next(found) for slot in self.joint.slots]

    def _count(self) -> Expr:
        """Return the number of iterations."""
        lower, upper = self.loop.lower, self.loop.upper
        if self.counts.linear(lower).size == 0:
            return self.outer.wrap(upper)
        size = self.counts.linear(upper).plus(self.counts.linear(lower), -1).size
        if size is not None:
            return self.outer.dim(size)
        return self.outer.wrap(upper) - self.outer.wrap(lower)

    def _read_tape(self) -> dict[Node, Node]:
        """Build the index of the iteration and read its place of the tape.

        Returns the tapes of which inner loops read the place themselves, with the place.
        """
        loop, build = self.loop, self.build
        last = build.number(self.outer.wrap(loop.upper), self.counts.linear(loop.upper).size, -1)
        index = last - build.index
        index.node.name = index.node.name or loop.index.name
        self.place[loop.index] = index.node
        step, lower = index, self.counts.linear(loop.lower).size
        if lower != 0:
            step = index - build.number(self.outer.wrap(loop.lower), lower)
        rows: dict[Node, Node] = {}
        readers = users(self.joint.graph)
        read_whole = {*(slot.output for slot in self.changing), *self.joint.later.values()}
        for node, array in zip(self.tape.kept, self.tape.arrays, strict=True):
            inside = build.capture(array, f"{_stem(node)}_tape")
            reading = [user for user in readers[node] if user in self.wanted]
            by_elements = reading and all(_reads_by_elements(user, node) for user in reading)
            if by_elements and node not in read_whole:
                rows[inside.node] = step.node
                self.place[node] = inside.node
                continue
            value = OPS["index"](inside, step, spec=_place_spec(node))
            value.node.name = value.node.name or node.name
            self.place[node] = value.node
        return rows

    def _in_rows(self, copy: Node, rows: Mapping[Node, Node]) -> Node:
        """Return a node, or the loop that reads its tapes at the place of this iteration."""
        if copy.op.name != "loop":
            return copy
        arrays = {k: arg for k, arg in enumerate(copy.args[2:]) if arg in rows}
        if not arrays:
            return copy
        place = rows[next(iter(arrays.values()))]
        return deepened(Loop(copy), arrays, copy.args[2:], [place])

    def _met_before(self, out: Node) -> Expr:
        """Return the next value of a state, which was the state of the iteration before."""
        state = self.joint.later[out]
        last = self.tape.finals[self.loop.states.index(state)]
        return self.build.carry(last, f"{state.name}_next")


def _reads_by_elements(user: Node, node: Node) -> bool:
    """Tell whether a node is a loop that reads single places of an array."""
    if user.op.name != "loop" or not node.shape:
        return False
    loop = Loop(user)
    places = [k for k, operand in enumerate(loop.operands) if operand is node]
    return len(places) == 1 and places[0] >= loop.carried and can_deepen(loop, places[0])


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
