"""Make the loop that runs backwards over the tape of a forward loop.

It counts j = 0, 1, ... and works on the iteration i = upper - 1 - j; what it does not find on the
tape it computes again. Where the loop replays tapes of another, the cotangents of these are tapes
too: the backward loop is then a ``while`` that keeps their rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bpcompile.ir.build import Expr
from bpcompile.ir.dims import Size, product
from bpcompile.ir.graph import Node, reachable, users
from bpcompile.ir.op import OPS
from bpcompile.ir.type import TapeType, Type
from bpcompile.transforms.building import LoopBuilder
from bpcompile.transforms.deepen import can_deepen, deepened
from bpcompile.transforms.notes import backward_note, stem
from bpcompile.transforms.regions import Loop, copy_nodes, reached
from bpcompile.transforms.reverse import Sweep, TapeBar
from bpcompile.transforms.schedules import Schedule
from bpcompile.transforms.tape import Joint, Tape, place_spec, tape_length


def backward_loop(
    sweep: Sweep, joint: Joint, tape: Tape
) -> tuple[list[Expr], list[tuple[int, TapeBar]]]:
    """Append the loop that runs backwards.

    Returns the last value of each slot, and the cotangents of tapes with the numbers of the
    operands that they belong to.
    """
    return Backward(sweep, joint, tape).write()


class Backward:
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
        for param, array in joint.ends.items():
            value = self.outer.wrap(array)
            self.place[param] = self.build.capture(value, param.name or "array").node
        seeds = (node for seed in joint.seeds for node in (seed.value, seed.where) if node)
        known = (*self.place, loop.index, *tape.kept, *joint.later, *seeds)
        self.made = [slot.output for slot in self.changing]
        self.made += joint.backward_outputs[len(joint.slots) :]
        self.wanted = reached(self.made, known, joint.left)

    def write(self) -> tuple[list[Expr], list[tuple[int, TapeBar]]]:
        """Append the loop; return the last value of each slot, and the cotangents of tapes."""
        joint = self.joint
        if not self.made:
            return [slot.start for slot in joint.slots], []
        rows = self._read_tape()
        later = [o for o in joint.later if o in self.wanted and o not in self.place]
        for out in later:
            self.place[out] = self._met_before(out).node
        nodes, inside = joint.graph.nodes, self.build.body
        copy_nodes(
            nodes,
            self.wanted,
            inside,
            self.place,
            lambda copy: self._in_rows(copy, rows),
            joint.left,
        )
        made = [inside.wrap(self.place[node]) for node in self.made]
        states, kept = made[: len(self.changing)], made[len(self.changing) :]
        states += self._more()
        states += [inside.wrap(self.place[joint.later[out]]) for out in later]
        results = self._finish(states, kept, self._note(self.wanted - set(later)))
        found = iter(results)
        values = [slot.start if slot.stays else next(found) for slot in joint.slots]
        return values, self._tape_bars(results[len(states) :])

    def _finish(self, states: list[Expr], rows: list[Expr], note: str) -> tuple[Expr, ...]:
        """Append the loop, a ``while`` where it keeps rows; return the states and the tapes."""
        count = self._count()
        start = self.outer.const(0, count.type)
        if not rows:
            bound = {k: v for k, v in self.loop.node.attrs.items() if k == "limit"}
            attrs = {**self._schedule(), **bound}
            return self.build.finish(start, count, states, note, attrs=attrs)
        index, upper = self.build.index, self.build.capture(count, "count")
        limit = tape_length(self.counts, self.loop) or 0
        test = lambda inside: inside(index.node) < inside(upper.node)  # noqa: E731 - it is a value
        return self.build.repeat(start, test, states, rows, note, limit=limit)[1:]

    def _tape_bars(self, tapes: tuple[Expr, ...]) -> list[tuple[int, TapeBar]]:
        """Return the cotangents of tapes."""
        found = iter(tapes)
        bars = []
        for row in self.joint.row_slots:
            tape = next(found)
            where = None if row.where is None else next(found)
            bars.append((row.operand, TapeBar(tape, where, row.flipped)))
        return bars

    def _count(self) -> Expr:
        """Return the number of iterations."""
        lower, upper = self.loop.lower, self.loop.upper
        if self.counts.linear(lower).size == 0:
            return self.tape.upper
        if upper is not None:
            size = self.counts.linear(upper).plus(self.counts.linear(lower), -1).size
            if size is not None:
                return self.outer.dim(size)
        return self.tape.upper - self.outer.wrap(lower)

    def _read_tape(self) -> dict[Node, Node]:
        """Build the index of the iteration and read its place of the tape.

        Returns the tapes of which inner loops read the place themselves, with the place.
        """
        step = self._step()
        self._read_seeds(step)
        rows: dict[Node, Node] = {}
        readers = users(self.joint.graph)
        read_whole = {*self.made, *self.joint.later.values()}
        for node, array in zip(self.tape.kept, self.tape.arrays, strict=True):
            inside = self.build.capture(array, f"{stem(node)}_tape")
            reading = [user for user in readers[node] if user in self.wanted]
            by_elements = reading and all(_reads_by_elements(user, node) for user in reading)
            grows = isinstance(array.node.type, TapeType)
            if by_elements and node not in read_whole and not grows:
                rows[inside.node] = step.node
                self.place[node] = inside.node
                continue
            value = _row(inside, step, node)
            value.node.name = value.node.name or node.name
            self.place[node] = value.node
        return rows

    def _schedule(self) -> dict[str, Any]:
        """Say what states the loop starts from, where it was asked for a choice of them."""
        asked = self.loop.node.attrs.get("checkpoint")
        if asked is None:
            return {}
        total: Size = 0
        for array in self.tape.arrays:
            if isinstance(array.node.type, Type):
                total = total + product(array.shape) * array.dtype.itemsize
        return {"schedule": self._described(asked, total), **self._further()}

    def _further(self) -> dict[str, Any]:
        """Return what the loop asks for where it is differentiated itself."""
        return {"checkpoint": "again"}

    def _described(self, asked: Any, total: Size) -> Schedule:
        """Return the schedule, whose states take so many bytes."""
        if asked == "again":
            return Schedule("again", 1, 0, total)
        return Schedule("stretch", -1, asked[1], total)

    def _more(self) -> list[Expr]:
        """Return what is carried beside the cotangents, in the order in which it was added."""
        return []

    def _step(self) -> Expr:
        """Build the index of the iteration; return its number, counted from the first one."""
        index = self._index()
        self.place[self.loop.index] = index.node
        lower = self.counts.linear(self.loop.lower).size
        if lower == 0:
            return index
        return index - self.build.number(self.outer.wrap(self.loop.lower), lower)

    def _index(self) -> Expr:
        """Return the index of the iteration that the backward loop works on."""
        loop, build = self.loop, self.build
        size = None if loop.upper is None else self.counts.linear(loop.upper).size
        index = build.number(self.tape.upper, size, -1) - build.index
        index.node.name = index.node.name or loop.index.name
        return index

    def _read_seeds(self, step: Expr) -> None:
        """Read the cotangents of the rows that the loop kept already."""
        for seed in self.joint.seeds:
            place = self.build.index if seed.bar.flipped else step
            for param, tape in ((seed.value, seed.bar.tape), (seed.where, seed.bar.where)):
                if param is not None and tape is not None:
                    inside = self.build.capture(tape, f"{param.name}_tape")
                    self.place[param] = OPS["replay"](inside, place).node

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

    def _note(self, wanted: set[Node]) -> str:
        """Say what the loop reads and what it computes again."""
        forward = reachable((*self.joint.results, *self.joint.rows))
        kept, left = self.tape.kept, self.joint.left
        read = (left[n] for n in self.joint.graph.nodes if n in wanted and n in left)
        arrays = [node.args[0] for node in read if node.op.name == "index"]
        computed = (n for n in wanted if n in forward and n not in kept and n not in left)
        again = sum(1 for n in computed if n.args)
        return backward_note(kept, again, self.loop.node.attrs.get("checkpoint"), arrays)


def _row(tape: Expr, step: Expr, node: Node) -> Expr:
    """Return what one iteration put on a tape."""
    if isinstance(tape.node.type, TapeType):
        return OPS["replay"](tape, step)
    return OPS["index"](tape, step, spec=place_spec(node))


def _reads_by_elements(user: Node, node: Node) -> bool:
    """Tell whether a node is a loop that reads single places of an array."""
    if user.op.name != "loop" or not node.shape:
        return False
    loop = Loop(user)
    places = [k for k, operand in enumerate(loop.operands) if operand is node]
    return len(places) == 1 and places[0] >= loop.carried and can_deepen(loop, places[0])
