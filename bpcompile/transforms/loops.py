"""Differentiate loops in reverse: the adjoint of a loop is a counted loop that runs backwards.

With the body s' = B(i, s, c), the cotangents run s̄ = Bₛᵀ s̄' and c̄ += B_cᵀ s̄'. A sweep over the
body gives its joint graph: the seeds are the cotangents of the next states, and the cotangents of
constants start from an accumulator, so that an element read by ``index(c, i)`` adds to that element
alone. `bpcompile.transforms.tape` makes a forward loop of it that also writes a tape and takes the
original's place, and `bpcompile.transforms.backward` a backward one that reads it. A ``while`` is
made to count its iterations, and then is a loop like any other.

Masks go through a loop as values beside their cotangents, where an unsafe op makes them useful.

In derivatives of derivatives a loop may keep rows on tapes, or replay tapes of another loop. The
cotangent of a tape is again a tape, of the cotangents of its rows: the loop that replays makes a
row in each of its iterations, and the loop that keeps starts from it in its iteration.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from bpcompile.errors import UnsupportedError
from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.graph import Node
from bpcompile.ir.type import DType, Type
from bpcompile.transforms.activity import active_nodes, carries_derivative, states_activity
from bpcompile.transforms.backward import backward_loop
from bpcompile.transforms.checkpoint import in_stretches, keeps_states_alone, split, unmarked
from bpcompile.transforms.counts import Counts, Linear
from bpcompile.transforms.finals import View, new_views, read_finally, views_inside
from bpcompile.transforms.inductions import inductions
from bpcompile.transforms.keep import iterations
from bpcompile.transforms.regions import Loop, counting
from bpcompile.transforms.reverse import REGION_RULES, Cotangent, Sweep, TapeBar, gradient
from bpcompile.transforms.revolve import is_binomial, revolve
from bpcompile.transforms.tape import Joint, RowSlot, Seed, Slot, forward_loop
from bpcompile.transforms.writes import changed_by_elements, covers, outside, written_once


def reverse_loop(sweep: Sweep, node: Node, bars: list[Cotangent | None]) -> None:
    """Add the cotangents of a loop's initial values and constants, through a backward loop."""
    counted = node if node.op.name == "loop" else counting(sweep.builder, node)
    loop = Loop(in_stretches(sweep.builder, sweep.counts, counted))
    task = _Task(sweep, node, loop, bars)
    joint = _joint_body(sweep, task)
    kept = joint.kept()
    if keeps_states_alone(loop) and not set(loop.params).issuperset(kept):
        # A state is an array of which a step changes elements: a tape of scalars takes less.
        task.undo(sweep)
        loop = Loop(unmarked(counted))
        joint = _joint_body(sweep, _Task(sweep, node, loop, bars))
        kept = joint.kept()
    if is_binomial(loop):
        values, tapes = revolve(sweep, joint, kept)
    else:
        values, tapes = backward_loop(sweep, joint, forward_loop(sweep, joint, kept))
    results = list(zip(joint.slots, values, strict=True))
    masks = {slot.operand: value for slot, value in results if slot.mask}
    for slot, value in results:
        if not slot.mask:
            sweep.accumulate(loop.operands[slot.operand], value, masks.get(slot.operand))
    for k, bar in tapes:
        sweep.tape_bars.setdefault(loop.operands[k], []).append(bar)


REGION_RULES["loop"] = reverse_loop
REGION_RULES["while"] = reverse_loop


class _Task:
    """Hold what a backward loop has to carry: found before its body is differentiated.

    Operands are counted through initial values and constants.
    """

    def __init__(
        self, sweep: Sweep, node: Node, loop: Loop, bars: Sequence[Cotangent | None]
    ) -> None:
        """Find the active operands, the states that a cotangent reaches, and the useful masks."""
        self.node, self.loop = node, loop
        given = [arg in sweep.active for arg in loop.operands]
        states = states_activity(loop.body, loop.params, loop.outputs, given)
        self.active = [
            k
            for k, param in enumerate(loop.params)
            if carries_derivative(param.type) and (states[k] if k < loop.carried else given[k])
        ]
        constants = [k for k in self.active if k >= loop.carried]
        self.constants = [k for k in constants if isinstance(loop.params[k].type, Type)]
        self.tapes = [k for k in constants if k not in self.constants]
        first: int = node.attrs["carried"]
        self.rows = {
            k: sweep.tape_cotangents(node, first + k)
            for k, row in enumerate(loop.rows)
            if carries_derivative(row.type)
        }
        self.arrived = {k: bars[place] for k, place in enumerate(loop.places)}
        reached = {k for k, bar in self.arrived.items() if bar is not None}
        for k in self.constants:
            self.arrived[k] = sweep.take(loop.operands[k])
        self.states = self._reached(reached)
        pairs = zip(loop.states, loop.outputs, strict=True)
        self.changed = [state for state, out in pairs if out is not state]
        self.counts = sweep.counts.inside(loop)
        self.exact = sweep.counts.is_exact(loop)
        self.once = self._once(sweep)
        self.useful = self._useful(sweep)
        self.masked = {
            k for k in self.useful if (bar := self.arrived[k]) is None or bar.where is not None
        }
        self.settled: set[int] = set()  # operands whose mask turned out to be of no use

    def undo(self, sweep: Sweep) -> None:
        """Give the cotangents that were taken from a sweep back to it."""
        for k in self.constants:
            bar = self.arrived[k]
            if bar is not None:
                sweep.accumulate(self.loop.operands[k], bar.value, bar.where)

    def _reached(self, states: set[int]) -> list[int]:
        """Return the active states that a cotangent reaches in some iteration."""
        loop = self.loop
        active = active_nodes(loop.body, [loop.params[k] for k in self.active])
        while True:
            ends = [loop.outputs[k] for k in states]
            ends += [loop.rows[k] for k, bars in self.rows.items() if bars]
            found = _through(active, ends)
            more = {k for k in self.active if k < loop.carried and loop.params[k] in found} - states
            if not more:
                return sorted(states)
            states |= more

    def _once(self, sweep: Sweep) -> set[Node]:
        """Return the nodes on the way of arrays whose places are written once in this loop.

        After its write a place of the cotangent is never read again, where nobody asks for the
        cotangent of what was overwritten.
        """
        found: set[Node] = set()
        for k in self.states:
            operand = self.loop.operands[k]
            if operand not in sweep.active or operand in sweep.once:
                found |= written_once(self.loop, k, self.counts)
        return found

    def _useful(self, sweep: Sweep) -> set[int]:
        """Return the operands of which a mask is of use further back.

        An array changed by elements has one only if it came from outside and no iteration changes
        it: else each of its elements would cost a bool, and a branch where the loop is innermost.
        """
        states = self.states if self.node in sweep.masked else []
        constants = (k for k in self.constants if self.loop.operands[k] in sweep.masked)
        return {
            *(k for k in states if not changed_by_elements(self.loop, k)),
            *(k for k in states if self._is_once(k) and self._has_mask(k)),
            *constants,
        }

    def _is_once(self, k: int) -> bool:
        """Tell whether each place of a state is written once."""
        return self.loop.params[k] in self.once

    def _has_mask(self, k: int) -> bool:
        """Tell whether a mask came from outside."""
        bar = self.arrived[k]
        return bar is not None and bar.where is not None

    def revise(self, k: int, attempt: _Attempt) -> None:
        """Let an operand have a mask or none, as a sweep with the present masks shows.

        A state gets one when the body narrows it. A mask goes that every iteration fills, or all
        of them together.
        """
        found = attempt.sweep.cotangent(self.loop.params[k])
        if found is None or k in self.settled:
            return
        where = found.where
        if k not in self.masked:
            if k < self.loop.carried and where is not None:
                self.masked.add(k)
            return
        before = attempt.masks[k].node
        if k >= self.loop.carried:
            drops = where is None or (
                self.exact and covers(self.loop, self.counts, where.node, before)
            )
        elif self._is_once(k):
            drops = where is None or where.node is not before
        else:
            drops = where is None and not self._has_mask(k)
        if drops:
            self.masked.discard(k)
            self.settled.add(k)


def _through(active: Collection[Node], outputs: Iterable[Node]) -> set[Node]:
    """Return the active nodes that `outputs` depend on through active nodes."""
    found = {node for node in outputs if node in active}
    stack = list(found)
    while stack:
        for arg in stack.pop().args:
            if arg in active and arg not in found:
                found.add(arg)
                stack.append(arg)
    return found


@dataclass
class _Attempt:
    """Hold a sweep over the body, and the parameters that stand for cotangents and masks."""

    sweep: Sweep
    values: dict[int, Expr]
    masks: dict[int, Expr]
    seeds: list[Seed]
    ends: dict[Node, Node]
    known: dict[Node, Node]  # states in terms of the index


def _joint_body(sweep: Sweep, task: _Task) -> Joint:
    """Differentiate the body, with as few masks as are right: sweep until none is added or goes."""
    while True:
        attempt = _sweep_body(sweep, task)
        before = set(task.masked)
        for k in task.useful:
            task.revise(k, attempt)
        if task.masked == before:
            return _with_slots(sweep, task, attempt)


def _sweep_body(sweep: Sweep, task: _Task) -> _Attempt:
    """Sweep over the body towards the active parameters."""
    loop = task.loop
    builder = Builder.extending(loop.body)
    useful = [*task.useful, *(k for k in task.tapes if loop.operands[k] in sweep.masked)]
    views, ends = _views(sweep, task, builder)
    inner = Sweep(
        builder,
        loop.body,
        [loop.params[k] for k in task.active],
        masked=[loop.params[k] for k in useful],
        once=task.once,
        counts=task.counts,
        in_loop=True,
        passing=[*task.changed, *_distant(sweep, loop)],
        shared=_shared(sweep, loop),
        views=views,
    )
    known: dict[Node, Node] = {}
    if "checkpoint" not in loop.node.attrs:
        known, firsts = inductions(loop, builder)
        ends |= firsts
    attempt = _Attempt(inner, {}, {}, [], ends, known)
    with builder.at(sweep.builder.origin):
        for k in (*task.states, *task.constants):
            param = loop.params[k]
            attempt.values[k] = builder.param(f"{param.name}_bar", param.array_type)
        for k in sorted(task.masked):
            type = loop.params[k].array_type.with_dtype(DType.BOOL)
            attempt.masks[k] = builder.param(f"{loop.params[k].name}_where", type)
        for k, bars in task.rows.items():
            for bar in bars:
                attempt.seeds.append(_seed_row(inner, loop.rows[k], bar))
    for k, value in attempt.values.items():
        seeded = loop.outputs[k] if k < loop.carried else loop.params[k]
        inner.accumulate(seeded, value, attempt.masks.get(k))
    inner.run()
    return attempt


def _views(sweep: Sweep, task: _Task, builder: Builder) -> tuple[list[View], dict[Node, Node]]:
    """Return what the body knows of arrays as loops leave them, and parameters for these.

    Each parameter comes with the array outside. A loop that is to keep states alone, or that is not
    the one of the graph, is not looked into.
    """
    loop = task.loop
    if loop.node is not task.node or "checkpoint" in loop.node.attrs:
        return [], {}
    results = sweep.builder.wrap(loop.node).items()
    last = [results[k].node for k in loop.places]
    views = views_inside(sweep.views, loop)
    known = {node for view in views for node in view.after}
    views += (
        view
        for view in new_views(loop, sweep.counts, sweep.passing, last)
        if known.isdisjoint(view.after)
    )
    called = {array: state.name for array, state in zip(last, loop.states, strict=True)}
    arrays: dict[Node, Node] = {}
    for array in (view.array for view in views):
        if array not in arrays:
            name = array.name or called.get(array) or "array"
            arrays[array] = builder.param(name, array.array_type).node
    ends = {param: array for array, param in arrays.items()}
    return [view._replace(array=arrays[view.array]) for view in views], ends


def _shared(sweep: Sweep, loop: Loop) -> dict[Node, int]:
    """Return how many runs of the body see the same value of a constant."""
    steps = iterations(loop.node)
    pairs = zip(loop.constants, loop.operands[loop.carried :], strict=True)
    return {param: steps * sweep.shared.get(operand, 1) for param, operand in pairs}


def _distant(sweep: Sweep, loop: Loop) -> list[Node]:
    """Return the parameters for constants of the loop that a loop around it changes."""
    pairs = zip(loop.constants, loop.operands[loop.carried :], strict=True)
    return [param for param, operand in pairs if operand in sweep.passing]


def _seed_row(inner: Sweep, row: Node, bar: TapeBar) -> Seed:
    """Let the cotangent of a kept row start from a parameter, and from another for its mask."""
    builder, name = inner.builder, row.name or "row"
    value = builder.param(f"{name}_bar", row.array_type)
    if bar.where is None:
        inner.accumulate(row, value)
        return Seed(value.node, None, bar)
    where = builder.param(f"{name}_where", row.array_type.with_dtype(DType.BOOL))
    inner.accumulate(row, value, where)
    return Seed(value.node, where.node, bar)


def _with_slots(sweep: Sweep, task: _Task, attempt: _Attempt) -> Joint:
    """Return the joint graph, and what the backward loop starts each of its values from."""
    inner, outer, loop = attempt.sweep, sweep.builder, task.loop
    results = [gradient(inner, loop.params[k]) for k in attempt.values]
    for k in attempt.masks:
        found = inner.cotangent(loop.params[k])
        where = None if found is None else found.where
        results.append(where or inner.builder.const(True, attempt.masks[k].type))
    rows = {k: found for k in task.tapes if (found := inner.cotangent(loop.params[k]))}
    for value, where in rows.values():
        results += [value] if where is None else [value, where]
    outputs = [*map(inner.builder.wrap, (*loop.outputs, *loop.rows)), *results]
    graph = inner.finish(outputs)
    if keeps_states_alone(loop):
        graph = split(loop, graph)
    made = iter(graph.outputs[loop.carried + len(loop.rows) :])
    slots = []
    given = [*attempt.values.items(), *attempt.masks.items()]
    for number, (k, param) in enumerate(given):
        mask = number >= len(attempt.values)
        start = _start(outer, task, k, param.type, mask=mask)
        slots.append(Slot(k, mask, start, param.node, next(made)))
    row_slots = []
    for k, (_, where) in rows.items():
        output = next(made)
        mask_output = None if where is None else next(made)
        row_slots.append(RowSlot(k, output, mask_output, _replays_upwards(loop, k, sweep.counts)))
    shared = attempt.sweep.shared
    passing = _distant(sweep, loop)
    distant = {p: shared[p] for p in passing if isinstance(p.type, Type) and p.shape}
    left = attempt.known | read_finally(loop.body, attempt.sweep.views)
    ends = attempt.ends
    return Joint(task.node, loop, graph, slots, row_slots, attempt.seeds, distant, ends, left)


def _replays_upwards(loop: Loop, k: int, counts: Counts) -> bool:
    """Tell whether a loop replays the tape of operand k from its first row on, or from its last.

    Raises `UnsupportedError` where it does neither.
    """
    inside = counts.inside(loop)
    tape = loop.params[k]
    places = {n.args[1] for n in loop.body.nodes if n.op.name == "replay" and n.args[0] is tape}
    form = inside.linear(places.pop())
    factor = form.terms.get(loop.index, 0)
    first = form.plus(Linear({loop.index: -factor}, 0))
    start = outside(first, loop, counts)
    lower = counts.linear(loop.lower)
    if not places and factor == 1 and start == Linear({}, 0).plus(lower, -1):
        return True
    end = counts.end(loop)
    if places or factor != -1 or end is None or start != end.shifted(-1):
        raise UnsupportedError(
            f"the derivative of a loop that reads a tape in another order{_at(loop.node)}: "
            "differentiate the function as a whole, not this part of it"
        )
    return False


def _at(node: Node) -> str:
    """Return where a node comes from, for a message."""
    return f" at {node.origin}" if node.origin else ""


def _start(builder: Builder, task: _Task, k: int, type: Type, *, mask: bool) -> Expr:
    """Return what a cotangent or mask is before the backward loop."""
    bar = task.arrived.get(k)
    if not mask:
        return builder.const(0, type) if bar is None else bar.value
    if bar is None:
        return builder.const(False, type)
    return builder.const(True, type) if bar.where is None else bar.where
