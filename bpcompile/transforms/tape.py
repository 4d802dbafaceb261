"""Choose the tape of a loop, and make the forward loop that writes it.

The tape of a value is an array with a place for each iteration, carried by the forward loop, which
takes the place of the original one. Where nothing bounds the number of iterations before the loop
starts, the forward loop is a ``while`` that keeps rows, and its tapes grow.
`bpcompile.transforms.backward` makes the loop that reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bpcompile.ir.build import Expr
from bpcompile.ir.dims import Size, dim_max
from bpcompile.ir.graph import Graph, Node, reachable
from bpcompile.ir.op import OPS
from bpcompile.ir.type import Type
from bpcompile.ops.index import At, Slice, whole
from bpcompile.transforms.building import LoopBuilder, Test
from bpcompile.transforms.checkpoint import keeps_states_alone
from bpcompile.transforms.counts import Counts
from bpcompile.transforms.deepen import can_deepen, deepened
from bpcompile.transforms.keep import Region, choose, made_in_passing
from bpcompile.transforms.notes import forward_note, stem
from bpcompile.transforms.regions import Loop, reached, reaching
from bpcompile.transforms.reverse import Sweep, TapeBar
from bpcompile.transforms.writes import writes_few


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


class RowSlot(NamedTuple):
    """Hold the cotangent of a tape that the loop replays: a row of it, made by each iteration.

    `flipped` tells that the backward loop makes the last row first.
    """

    operand: int
    output: Node
    where: Node | None
    flipped: bool


class Seed(NamedTuple):
    """Hold parameters of the joint graph for the cotangent of a row, and where its values are."""

    value: Node
    where: Node | None
    bar: TapeBar


@dataclass
class Joint:
    """Hold the joint graph of a body.

    Its outputs are the next states, the rows that the loop keeps already, the next values of the
    slots, and the rows of the cotangents of tapes. `original` is the node that `loop` views, or one
    that does the same without counting. `distant` are parameters for arrays that a loop around this
    one changes, and may not have any more when the backward loop runs; with each goes the number of
    iterations that see the same value. `ends` are parameters for arrays as they are left by the
    nest of loops that changes them, with the values outside, and `left` gives for forward values
    the ``index`` that reads them there, and for states what they are in terms of the loop's index.
    """

    original: Node
    loop: Loop
    graph: Graph
    slots: list[Slot]
    row_slots: list[RowSlot]
    seeds: list[Seed]
    distant: dict[Node, int]
    ends: dict[Node, Node] = field(default_factory=dict)
    left: dict[Node, Node] = field(default_factory=dict)
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
            if not out.shape
            and out in depends
            and out.op.name != "param"
            and state not in self.left
        }

    @property
    def results(self) -> tuple[Node, ...]:
        """Return the next states."""
        return self.graph.outputs[: self.loop.carried]

    @property
    def rows(self) -> tuple[Node, ...]:
        """Return what the loop keeps already."""
        return self.graph.outputs[self.loop.carried :][: len(self.loop.rows)]

    @property
    def backward_outputs(self) -> list[Node]:
        """Return what the backward loop makes in each iteration."""
        found = [slot.output for slot in self.slots]
        for row in self.row_slots:
            found += [row.output] if row.where is None else [row.output, row.where]
        return found

    def kept(self) -> list[Node]:
        """Choose what goes on the tape."""
        loop = self.loop
        forward = reachable((*self.results, *self.rows))
        if not keeps_states_alone(loop):  # else what is computed again is not what was computed
            forward = forward | made_in_passing(self.graph, forward)
        region = Region(
            self.graph,
            free={loop.index, *loop.constants, *self.unchanged, *self.ends} - set(self.distant),
            history=set(loop.states) - self.unchanged - self.left.keys(),
            forward=forward,
            later=self.later,
            moving={loop.index},
            distant=self.distant,
            sparse={p for k, p in enumerate(loop.states) if writes_few(loop, k)},
            left=self.left,
        )
        bars = [slot.param for slot in self.slots]
        for seed in self.seeds:
            bars += [seed.value] if seed.where is None else [seed.value, seed.where]
        kept = choose(region, read_by(self.graph, bars, self.backward_outputs))
        return [node for node in kept if node not in self.distant]


def read_by(graph: Graph, bars: Iterable[Node], outputs: Sequence[Node]) -> list[Node]:
    """Return the forward values that an adjoint reads: those that do not depend on cotangents."""
    dependent = reaching(graph, bars)
    read: dict[Node, None] = {}
    for node in graph.nodes:
        if node in dependent:
            read.update(dict.fromkeys(arg for arg in node.args if arg not in dependent))
    read.update(dict.fromkeys(output for output in outputs if output not in dependent))
    return list(read)


@dataclass
class Tape:
    """Hold the values that are kept, the arrays or tapes in which they are, and how it ended."""

    kept: list[Node]
    arrays: list[Expr]
    finals: list[Expr]
    upper: Expr  # the index behind the last one


def forward_loop(sweep: Sweep, joint: Joint, kept: list[Node]) -> Tape:
    """Let a loop that writes a tape of what is kept take the place of the original one."""
    loop = joint.loop
    if not kept and loop.upper is not None:
        return Tape([], [], [], sweep.builder.wrap(loop.upper))
    if not kept and loop.node is joint.original:
        assert loop.counter is not None
        results = sweep.builder.wrap(loop.node).items()
        return Tape([], [], [results[k] for k in loop.places], results[loop.counter])
    return _Forward(sweep, joint, kept).write()


class _Forward:
    """Build the loop that writes a tape."""

    def __init__(self, sweep: Sweep, joint: Joint, kept: list[Node]) -> None:
        """Start with the body as it was."""
        self.sweep, self.joint, self.kept = sweep, joint, kept
        self.outer = sweep.builder
        loop = self.loop = joint.loop
        self.build = LoopBuilder(self.outer, loop.body.name, loop.index)
        for k, (param, operand) in enumerate(zip(loop.params, loop.operands, strict=True)):
            add = self.build.carry if k < loop.carried else self.build.capture
            add(self.outer.wrap(operand), param)
        wanted = reached((*joint.results, *joint.rows, *kept), ())
        for node in joint.graph.nodes:
            if node in wanted and node.op.name != "param":
                self.build.body.adopt(node)

    def write(self) -> Tape:
        """Append the loop."""
        loop, inside = self.loop, self.build.body
        length = tape_length(self.sweep.counts, loop)
        outputs = [inside.wrap(node) for node in self.joint.results]
        rows = [inside.wrap(node) for node in self.joint.rows]
        replaced: dict[Node, Node] = {}
        if length is None:
            rows += [inside.wrap(node) for node in self.kept]
        else:
            replaced = self._write_places(length, outputs)
        note = forward_note(self.kept, loop.node.attrs.get("checkpoint"))
        lower = self.outer.wrap(loop.lower)
        if loop.upper is not None and length is not None:
            upper = self.outer.wrap(loop.upper)
            asked = {k: v for k, v in loop.node.attrs.items() if k in ("checkpoint", "limit")}
            results = self.build.finish(lower, upper, outputs, note, replaced, asked)
            self.sweep.replace(self.joint.original, results[0].node.args[0])
        else:
            limit = loop.node.attrs.get("limit", 0)
            test = self._test()
            upper, *found = self.build.repeat(lower, test, outputs, rows, note, replaced, limit)
            results = tuple(found)
            self._replace(upper, results, len(outputs))
        arrays = list(results[len(results) - len(self.kept) :])
        for node, array in zip(self.kept, arrays, strict=True):
            array.node.name = f"{stem(node)}_tape"
        return Tape(self.kept, arrays, list(results[: loop.carried]), upper)

    def _replace(self, upper: Expr, results: Sequence[Expr], carried: int) -> None:
        """Let the results take the place of the original ones."""
        loop, given = self.loop, len(self.loop.rows)
        new = dict(zip(loop.places, results, strict=False))
        first = self.joint.original.attrs["carried"]
        new.update(zip(range(first, first + given), results[carried:], strict=False))
        if loop.counter is not None and loop.node is self.joint.original:
            new[loop.counter] = upper
        self.sweep.replace_results(self.joint.original, new)

    def _test(self) -> Test:
        """Return what writes the test of the ``while``."""
        loop = self.loop
        if loop.test is not None:
            test, params = loop.test, loop.body.params
            return lambda inside: _inlined(test, [inside(param) for param in params])
        assert loop.upper is not None
        upper = self.build.capture(self.outer.wrap(loop.upper), loop.upper.name or "count")
        return lambda inside: inside(loop.index) < inside(upper.node)

    def _write_places(self, length: Size, outputs: list[Expr]) -> dict[Node, Node]:
        """Write what is kept into arrays; return the inner loops that do so themselves."""
        loop, build, outer = self.loop, self.build, self.outer
        place = build.index
        lower = self.sweep.counts.linear(loop.lower).size
        if lower != 0:
            place = place - build.number(outer.wrap(loop.lower), lower)
        tapes: dict[Node, Expr] = {}
        for node in self.kept:
            type = Type(node.array_type.dtype, (length, *node.shape))
            places = outer.node(OPS["empty"], (), {}, type)
            tapes[node] = build.carry(places, f"{stem(node)}_tape")
        read = {arg for node in build.body.nodes for arg in node.args}
        alone = {n: tape for n, tape in tapes.items() if n not in read.union(self.joint.results)}
        replaced = _through_inner_loops(alone, place)
        for node, tape in tapes.items():
            if node.args and node.args[0] in replaced and tape.node in replaced[node.args[0]].args:
                attrs = {"index": node.attrs["index"]}
                made = build.body.node(node.op, (replaced[node.args[0]],), attrs, tape.type)
            else:
                value = build.body.wrap(node)
                made = OPS["update"](tape, value, place, spec=place_spec(node))
            outputs.append(made)
        return replaced


def _inlined(test: Graph, params: Sequence[Expr]) -> Expr:
    """Append a test to that of another loop."""
    (result,) = params[0].builder.inline(test, params)
    return result


def _through_inner_loops(tapes: Mapping[Node, Expr], place: Expr) -> dict[Node, Node]:
    """Let inner loops write their tapes into those of this loop; return the loops that do.

    Nothing but this loop's tape may read what an inner loop so writes.
    """
    arrays: dict[Node, dict[int, Node]] = {}
    for node, tape in tapes.items():
        if node.op.name == "item" and node.args[0].op.name == "loop":
            inner, k = Loop(node.args[0]), int(node.attrs["index"])
            if inner.operands[k].op.name == "empty" and can_deepen(inner, k):
                arrays.setdefault(inner.node, {})[k] = tape.node
    return {
        node: deepened(Loop(node), found, node.args[2:], [place.node])
        for node, found in arrays.items()
    }


def place_spec(node: Node) -> tuple[At | Slice, ...]:
    """Return the index of one place of a tape."""
    return (At(0), *(whole(size) for size in node.shape))


def tape_length(counts: Counts, loop: Loop) -> Size | None:
    """Return a size that is at least the number of iterations, None where none is known."""
    limit = loop.node.attrs.get("limit", 0)
    if loop.upper is None or limit != 0:
        return limit or None
    steps = counts.linear(loop.upper).plus(counts.linear(loop.lower), -1)
    most = counts.range(steps).high
    if most is None:
        return None
    return most if counts.never_negative(most) else dim_max(most, 0)
