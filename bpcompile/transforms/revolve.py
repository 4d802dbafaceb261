"""Run a loop again from a few states, in the order that takes the fewest steps: Revolve.

The forward sweep and the backward one keep at most c states, each with its position. For each step,
last one first, the backward loop takes the state that is kept nearest before it and advances from
there; on the way it keeps states in the places that are free, where the schedule says. A state goes
when the step that starts from it is done.

With m steps ahead and s places free, that of the present state among them, the next state to keep
is k steps ahead, k = max(β(s, r - 2), m - β(s - 1, r)), where β(s, r) = C(s + r, s) and r is the
least with m <= β(s, r). In all, n steps and c places take t(n, c) = r n - β(c + 1, r - 1) steps,
which is the least possible, and no step is run more than r times. See A. Griewank and A. Walther,
"Algorithm 799: revolve", ACM Transactions on Mathematical Software 26 (2000), theorem 6.1 and
section 2; the last run of each step, that of its adjoint, is not counted.

The place behind the c places is for the state that a step starts from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.dims import Size, dim_log2, dim_max
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type
from bpcompile.ops.index import At
from bpcompile.transforms.backward import Backward
from bpcompile.transforms.building import LoopBuilder
from bpcompile.transforms.counts import Counts
from bpcompile.transforms.notes import names, stem
from bpcompile.transforms.regions import Loop, reached
from bpcompile.transforms.reverse import Sweep, TapeBar
from bpcompile.transforms.schedules import Schedule
from bpcompile.transforms.tape import Joint, Tape, place_spec

_INTEGER = Type(DType.I64)
_UNKNOWN = 24  # places for a number of steps that nothing bounds before the code runs


def is_binomial(loop: Loop) -> bool:
    """Tell whether a loop asks for a binomial schedule."""
    asked = loop.node.attrs.get("checkpoint")
    return asked == "binomial" or (isinstance(asked, tuple) and asked[0] == "binomial")


def fewest_steps(steps: int, places: int) -> int:
    """Return t(n, c), the number of steps that are run before those of the adjoint.

    >>> fewest_steps(3, 1), fewest_steps(10, 3), fewest_steps(10**6, 21)
    (3, 15, 6623260)
    """
    repetitions = 0
    while math.comb(places + repetitions, places) < steps:
        repetitions += 1
    less = math.comb(places + repetitions, places + 1) if repetitions else 0
    return repetitions * steps - less


def revolve(
    sweep: Sweep, joint: Joint, kept: Sequence[Node]
) -> tuple[list[Expr], list[tuple[int, TapeBar]]]:
    """Append the loop that keeps states in the place of a loop, and the one that runs backwards.

    `kept` are the states that the adjoint of a step reads. Returns the last value of each slot, and
    the cotangents of tapes with the numbers of the operands that they belong to.
    """
    plan = _plan(sweep, joint, kept)
    return _Backward(sweep, joint, _forward(sweep, joint, plan)).write()


@dataclass
class _Plan:
    """Hold which states are kept, in how many places, and the body that makes the next ones."""

    loop: Loop
    states: list[Node]
    places: Size
    step: Graph
    constants: list[Node]  # the parameters of the body that `step` reads, but for the states


def _plan(sweep: Sweep, joint: Joint, kept: Sequence[Node]) -> _Plan:
    """Return the states that `kept` ones are made from, and the body without the others."""
    loop = joint.loop
    following = dict(zip(loop.states, loop.outputs, strict=True))
    moving = set(loop.states) - joint.unchanged
    chosen = set(kept)
    while True:
        found = reached([following[state] for state in chosen], ())
        more = moving.intersection(found) - chosen
        if not more:
            break
        chosen |= more
    states = [state for state in loop.states if state in chosen]
    constants = [p for p in loop.params if p in found and p not in chosen] if states else []
    params = (loop.index, *states, *constants)
    nodes = (n for n in loop.body.nodes if n in found and n.op.name != "param")
    outputs = tuple(following[state] for state in states)
    step = Graph(loop.body.name, params, (*params, *nodes), outputs, loop.body.guards)
    return _Plan(loop, states, _places(sweep.counts, loop), step, constants)


def _places(counts: Counts, loop: Loop) -> Size:
    """Return how many states are kept."""
    asked = loop.node.attrs["checkpoint"]
    if asked != "binomial":
        return int(asked[1])
    assert loop.upper is not None
    steps = counts.range(counts.linear(loop.upper).plus(counts.linear(loop.lower), -1)).high
    if steps is None:
        return _UNKNOWN
    return dim_log2((steps if counts.never_negative(steps) else dim_max(steps, 0)) + 1) + 2


@dataclass
class _Snapshots(Tape):
    """Hold, beside the arrays of states, what tells which of them is where."""

    plan: _Plan
    positions: Expr
    top: Expr


def _forward(sweep: Sweep, joint: Joint, plan: _Plan) -> _Snapshots:
    """Append the loop that runs all steps and keeps the first states."""
    loop, outer = joint.loop, sweep.builder
    assert loop.upper is not None
    build = LoopBuilder(outer, f"{loop.body.name}_advance", "slot")
    zero = outer.const(0, _INTEGER)
    position = build.carry(zero, "position")
    inside = []
    for k, (param, operand) in enumerate(zip(loop.params, loop.operands, strict=True)):
        add = build.carry if k < loop.carried else build.capture
        inside.append(add(outer.wrap(operand), param.name or "value"))
    now = dict(zip(loop.params, inside, strict=True))
    held = _carry(build, plan, [_empty(outer, plan, state.array_type) for state in plan.states])
    places = build.carry(_empty(outer, plan, _INTEGER), "positions")
    count = _captured(build, sweep.counts, outer.wrap(loop.upper), loop.upper)
    first = _captured(build, sweep.counts, outer.wrap(loop.lower), loop.lower)
    ahead = count - first - position
    pace = _pace(build.body, ahead, build.body.dim(plan.places) - build.index)
    attrs = {"body": loop.body, "carried": loop.carried}
    start = first + position
    after = build.body.apply(OPS["loop"], (start, start + pace, *inside), attrs).items()
    arrays = _put_all(held, [now[state] for state in plan.states], build.index)
    outputs = [position + pace, *after, *arrays, _put(places, position, build.index)]
    found = build.repeat(
        zero,
        lambda inside: inside(first.node) + inside(position.node) < inside(count.node),
        outputs,
        note=f"keeps {names(plan.states)} at up to {plan.places} steps, as Revolve places them",
    )
    slot, _, *results = found
    finals = results[: loop.carried]
    sweep.replace_results(joint.original, dict(zip(loop.places, finals, strict=True)))
    arrays = results[loop.carried : -1]
    upper = outer.wrap(loop.upper)
    return _Snapshots(plan.states, arrays, finals, upper, plan, results[-1], slot - 1)


def _captured(build: LoopBuilder, counts: Counts, value: Expr, bound: Node) -> Expr:
    """Return a bound of the loop inside of another, as a parameter that a test can read."""
    size = counts.linear(bound).size
    return build.capture(value if size is None else build.outer.dim(size), bound.name or "bound")


def _empty(outer: Builder, plan: _Plan, type: Type) -> Expr:
    """Return an array with a row for each place, and one more."""
    return outer.node(OPS["empty"], (), {}, type.with_shape((plan.places + 1, *type.shape)))


def _put(array: Expr, value: Expr, slot: Expr) -> Expr:
    """Return an array with a value in a place."""
    return OPS["update"](array, value, slot, spec=place_spec(value.node))


def _carry(build: LoopBuilder, plan: _Plan, starts: Sequence[Expr]) -> list[Expr]:
    """Carry the arrays of states through a loop."""
    pairs = zip(starts, plan.states, strict=True)
    return [build.carry(start, f"{stem(state)}_kept") for start, state in pairs]


def _put_all(arrays: Sequence[Expr], states: Sequence[Expr], slot: Expr) -> list[Expr]:
    """Return the arrays with states in a place."""
    return [_put(array, state, slot) for array, state in zip(arrays, states, strict=True)]


def _read(arrays: Sequence[Expr], plan: _Plan, slot: Expr) -> list[Expr]:
    """Return the states in a place."""
    pairs = zip(arrays, plan.states, strict=True)
    return [OPS["index"](array, slot, spec=place_spec(state)) for array, state in pairs]


def _pace(builder: Builder, ahead: Expr, free: Expr) -> Expr:
    """Return how many steps ahead the next state is kept, with so many steps and places.

    The loop finds the least r with ahead <= β(free, r), together with β(free, r - 1).
    """
    one, zero = builder.const(1, _INTEGER), builder.const(0, _INTEGER)
    build = LoopBuilder(builder, "repetitions", "r")
    reach, before = build.carry(one, "reach"), build.carry(zero, "reach_before")
    steps, slots = build.capture(ahead, "ahead"), build.capture(free, "free")
    following = build.index + 1
    r, reach, before = build.repeat(
        zero,
        lambda inside: inside(reach.node) < inside(steps.node),
        [_quotient(reach * (slots + following), following), reach],
    )
    least = _quotient(before * (r - 1), OPS["maximum"](free + r - 1, 1))
    fewer = _quotient(reach * free, OPS["maximum"](free + r, 1))
    return OPS["maximum"](OPS["maximum"](least, ahead - fewer), 1)


def _quotient(a: Expr, b: Expr) -> Expr:
    """Return a quotient rounded down."""
    return OPS["floor_divide"](a, b)


class _Backward(Backward):
    """Build the loop that runs backwards from kept states."""

    tape: _Snapshots

    def _read_tape(self) -> dict[Node, Node]:
        """Build the index of the iteration, and advance to the state that it starts from."""
        build, tape, plan = self.build, self.tape, self.tape.plan
        step = self._step()
        self._read_seeds(step)
        held = _carry(build, plan, tape.arrays)
        positions = build.carry(tape.positions, "positions")
        top = build.carry(tape.top, "top")
        done = OPS["index"](positions, top, spec=(At(0),)).equals(step + 1)
        slot = OPS["select"](done, top - 1, top)
        slot, positions, *held = self._advanced(step, held, positions, slot)
        states = _read(held, plan, slot)
        self.place.update(zip(plan.states, (state.node for state in states), strict=True))
        self._carried = [*held, positions, slot]
        return {}

    def _further(self) -> dict[str, Any]:
        """Return nothing: each step changes elements of the arrays that hold states."""
        return {}

    def _described(self, asked: Any, total: Size) -> Schedule:  # noqa: ARG002 - the plan knows
        """Return the schedule, whose states take so many bytes."""
        loop, counts = self.loop, self.counts
        assert loop.upper is not None
        steps = counts.linear(loop.upper).plus(counts.linear(loop.lower), -1).size
        return Schedule("binomial", -1 if steps is None else steps, self.tape.plan.places, total)

    def _more(self) -> list[Expr]:
        """Return the arrays of states, their positions, and the place that was filled last."""
        return self._carried

    def _advanced(
        self, step: Expr, held: Sequence[Expr], positions: Expr, slot: Expr
    ) -> list[Expr]:
        """Append the loop that advances; return the place of the state, then what it carries."""
        inside, plan, loop = self.build.body, self.tape.plan, self.loop
        build = LoopBuilder(inside, f"{loop.body.name}_again", "slot")
        start = OPS["index"](positions, slot, spec=(At(0),))
        position = build.carry(start, "position")
        places = build.carry(positions, "positions")
        own = _carry(build, plan, held)
        now = _read(own, plan, build.index)
        constants = [
            build.capture(inside.wrap(self.place[param]), param.name or "value")
            for param in plan.constants
        ]
        last = build.capture(step, "last")
        size = self.counts.linear(loop.lower).size
        lower = self.build.number(self.outer.wrap(loop.lower), size)
        first = build.number(lower, size) + position
        free = build.body.dim(plan.places) - build.index
        pace = _pace(build.body, last + 1 - position, free)
        attrs = {"body": plan.step, "carried": len(now)}
        operands = (first, first + pace, *now, *constants)
        after = build.body.apply(OPS["loop"], operands, attrs).items()
        following, there = build.index + 1, position + pace
        outputs = [there, _put(places, there, following), *_put_all(own, after, following)]
        slot, _, *found = build.repeat(
            slot,
            lambda inside: inside(position.node) < inside(last.node),
            outputs,
            note=f"runs steps again, and keeps {names(plan.states)} where Revolve says",
        )
        return [slot, *found]
