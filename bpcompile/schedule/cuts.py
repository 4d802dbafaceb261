"""Cut the outermost loops of a plan into parts that threads may run at the same time.

In: a plan for one thread. Out: a plan in which a loop whose steps do not wait for each other is a
loop over parts around a loop over the steps of one part. Where the steps touch what others touch,
each part has its own:

1. A number that all steps fold into is folded within a part, and the parts' results are folded in
   order after the loop.
2. So is an array that the steps only add to, as the gradient of weights that all rows share.
3. An array that one step fills and reads, and nothing else does, is there once for each part.

The number of parts follows from the lengths alone, never from the number of threads, so that a
result has the same bits for any number of threads, and for one. A part is so long that the time to
hand it to a thread does not count, and there are at most 64: what is there once for each part stays
small. A loop stays whole that prints, that calls BLAS or a routine, that adds to elements which it
looks up, or whose steps wait for each other.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from bpcompile.ir.dims import Size, dim_max, dim_min, evaluate, floor_div, product, size_names
from bpcompile.ir.type import DType
from bpcompile.schedule.accesses import Steps, accesses
from bpcompile.schedule.effort import effort
from bpcompile.schedule.folds import start_value
from bpcompile.schedule.mentions import mentions
from bpcompile.schedule.parting import steps_of
from bpcompile.schedule.private import each_element, renamed
from bpcompile.schedule.ranges import Facts
from bpcompile.schedule.statements import (
    Buffer,
    CheckedIndex,
    Fold,
    For,
    If,
    Lit,
    Load,
    Move,
    Plan,
    Set,
    SizeValue,
    Statement,
    Store,
    Var,
    size_of,
)

MOST_PARTS = 64
_GRAIN = 2**20  # additions in a part: 60 to 250 us, where to share a loop takes 90
_LONG = 2**40  # as a length: what is not cut then is never cut
_ROWS = 16  # steps of a part for each array of its own: clearing and adding it up stays cheap


def cut(plan: Plan, facts: Facts) -> Plan:
    """Return a plan with its loops cut; the same plan where none can be."""
    cutter = _Cutter(plan, facts)
    for statement in plan.statements:
        cutter.add(statement)
    if not cutter.parts:
        return plan
    scalars = dict(plan.scalars)
    for position, value in scalars.items():
        if not isinstance(value, (Var, Lit, SizeValue)):
            dtype = value.array.dtype if isinstance(value, Load) else value.node.array_type.dtype
            named = Var(None, dtype)
            cutter.made.append(Set(named, value))
            scalars[position] = named
    buffers = [*plan.buffers, *cutter.buffers]
    return Plan(plan.params, plan.outs, scalars, buffers, cutter.made, tuple(cutter.parts))


@dataclasses.dataclass(frozen=True, slots=True)
class _Needs:
    """Say what each part of a loop has of its own: folded numbers, folded arrays, scratch."""

    numbers: Mapping[Var, str]
    arrays: Mapping[Var, str]
    scratch: Sequence[Var]


class _Cutter:
    """Build the statements of a cut plan."""

    def __init__(self, plan: Plan, facts: Facts) -> None:
        self.facts = facts
        self.by_var = {buffer.var: buffer for buffer in plan.buffers}
        self.shapes = {buffer.var: buffer.shape for buffer in plan.buffers}
        tokens = {var.token: var for var in plan.params if not var.rank}
        self.uses: Counter[Var] = Counter()
        for statement in plan.statements:
            self.uses.update(mentions([statement], tokens).vars.keys())
        self.uses.update(mentions(plan.scalars.values(), tokens).vars.keys())
        self.made: list[Statement] = []
        self.buffers: list[Buffer] = []
        self.parts: list[Size] = []

    def add(self, statement: Statement) -> None:
        """Add a statement of the plan, cut where that can be."""
        steps = _steps(statement)
        needs = self._needs(statement) if steps is not None else None
        if steps is None or needs is None:
            self.made.append(statement)
            return
        assert isinstance(statement, For)
        work = effort([statement], self.shapes)
        if not all(self._is_swept(v, steps, work) for v in (*needs.arrays, *needs.scratch)):
            self.made.append(statement)
            return
        number = dim_min(dim_min(MOST_PARTS, steps), floor_div(work, _GRAIN) + 1)
        if needs.arrays or needs.scratch:
            number = dim_min(_rows(steps), number)
        if evaluate(number, dict.fromkeys(size_names(number), _LONG)) < 2:
            self.made.append(statement)
        else:
            self._cut(statement, steps, number, needs)

    def _needs(self, loop: Statement) -> _Needs | None:
        """Return what each part of a loop needs for itself, None where it cannot be cut."""
        assert isinstance(loop, For)
        numbers = self._numbers(loop)
        touched = accesses(loop.body, may_raise=True)
        if numbers is None or touched is None:
            return None
        steps, folded = Steps(loop, self.facts), _folded_arrays(loop.body)
        arrays: dict[Var, str] = {}
        scratch: list[Var] = []
        for array in {access.array: None for access in touched if access.changes}:
            own = [access for access in touched if access.array is array]
            if not any(
                steps.may_meet(one, other)
                for k, one in enumerate(own)
                for other in own[k:]
                if one.changes or other.changes
            ):
                continue
            ops = folded.get(array, [])
            if any(access.index is None for access in own):
                return None
            if len(ops) == len(own) and len(set(ops)) == 1:
                arrays[array] = ops[0]
            elif self._is_scratch(array, loop):
                scratch.append(array)
            else:
                return None
        return _Needs(numbers, arrays, scratch)

    def _numbers(self, loop: For) -> dict[Var, str] | None:
        """Return the numbers that the steps of a loop fold into, with the fold.

        None where they carry another number, or leave one that is read after the loop.
        """
        folded: dict[Var, set[str]] = {}
        assigned: set[Var] = set()
        rest: list[Statement] = []
        values = []
        for statement in _flat(loop.body):
            match statement:
                case Fold(target=Var() as var, op=op, value=value):
                    folded.setdefault(var.itself(), set()).add(op)
                    values.append(value)
                case Set(var=var) | CheckedIndex(var=Var() as var):
                    assigned.add(var.itself())
                    rest.append(statement)
                case Move(targets=targets):
                    assigned.update(var.itself() for var in targets)
                    rest.append(statement)
                case _:
                    rest.append(statement)
        if any(self.uses[var] > 1 for var in assigned):
            return None
        read = mentions([*rest, *values], {}).vars
        carried = {var: ops for var, ops in folded.items() if var not in assigned}
        if any(var in read or len(ops) > 1 for var, ops in carried.items()):
            return None
        return {var: ops.pop() for var, ops in carried.items()}

    def _is_scratch(self, array: Var, loop: For) -> bool:
        """Tell whether a loop alone uses an array, and each step fills what it reads."""
        buffer = self.by_var.get(array)
        if buffer is None or buffer.role != "temp" or self.uses[array] > 1:
            return False
        return not any(isinstance(statement, If) for statement in _flat(loop.body))

    def _is_swept(self, array: Var, steps: Size, work: Size) -> bool:
        """Tell whether each step does more than to go through all of an array.

        Else a part would be sooner done with its own work than with an array of its own.
        """
        return self.facts.never_negative(work - steps * product(self.shapes[array]))

    def _cut(self, loop: For, steps: Size, number: Size, needs: _Needs) -> None:
        """Add a loop in parts, and what brings the parts' results together."""
        parts = Var("parts", DType.I64)
        part, again = Var("part", DType.I64), Var("part", DType.I64)
        rows = {
            array: self._row(array, (_rows(steps), *self.shapes[array]))
            for array in (*needs.arrays, *needs.scratch)
        }
        sums = {var: self._row(var, (MOST_PARTS,)) for var in needs.numbers}
        begin, step = Var("begin", DType.I64), Var("step", DType.I64)
        inner = _of_part(loop, steps, (part.size, parts.size), begin, step)
        inner.body += renamed(loop.body, rows, part.size)
        cleared = [
            self._each(rows[array], array, part, Lit(start_value(op, array.dtype), array.dtype))
            for array, op in needs.arrays.items()
        ]
        started = [
            Set(var, Lit(start_value(op, var.dtype), var.dtype))
            for var, op in needs.numbers.items()
        ]
        stored = [Store(row, (part.size,), var) for var, row in sums.items()]
        before = self._put_off(needs.numbers)
        self.parts.append(number)
        self.made.append(Set(parts, SizeValue(number), counts=True))
        zero = Lit(0, DType.I64)
        begun = Set(begin, SizeValue(dim_max(0, floor_div(part.size * steps, parts.size))))
        statements = [*cleared, *started, begun, inner, *stored]
        self.made.append(For(part, zero, SizeValue(parts.size), statements, parts=parts))
        self.made += before
        gathered: list[Statement] = [
            Fold(var, op, Load(sums[var], (again.size,))) for var, op in needs.numbers.items()
        ]
        gathered += [
            self._each(rows[array], array, again, None, op) for array, op in needs.arrays.items()
        ]
        if gathered:
            self.made.append(For(again, zero, SizeValue(parts.size), gathered))

    def _row(self, var: Var, shape: tuple[Size, ...]) -> Var:
        """Return an array that has something once for each part."""
        row = Var(f"{var.hint}_parts" if var.hint else None, var.dtype, len(shape))
        self.buffers.append(Buffer(row, shape, "temp"))
        return row

    def _each(self, row: Var, array: Var, part: Var, start: Lit | None, op: str = "") -> Statement:
        """Return the loops that start a part's own array, or fold it into the shared one."""

        def write(index: tuple[Size, ...]) -> Statement:
            own = (part.size, *index)
            if start is not None:
                return Store(row, own, start)
            return Fold(Load(array, index), op, Load(row, own))

        return each_element(self.shapes[array], write)

    def _put_off(self, numbers: Iterable[Var]) -> list[Statement]:
        """Take away the statements that start some folds, which belong after the loop now."""
        found: list[Statement] = []
        for var in numbers:
            for k in range(len(self.made) - 1, -1, -1):
                statement = self.made[k]
                if isinstance(statement, Set) and statement.var.itself() is var:
                    if isinstance(statement.value, Lit):
                        found.append(self.made.pop(k))
                    break
                if var in mentions([statement], {}).vars:
                    break
        return found


def _steps(statement: Statement) -> Size | None:
    """Return how many steps a loop has, None where lengths alone do not tell."""
    if not isinstance(statement, For):
        return None
    first, end = size_of(statement.lower), size_of(statement.upper)
    if first is None or end is None:
        return None
    if any(name.startswith("%") for size in (first, end) for name in size_names(size)):
        return None
    return steps_of(statement)


def _rows(steps: Size) -> Size:
    """Return in how many parts a loop may be cut that each have arrays of their own."""
    return dim_min(MOST_PARTS, floor_div(steps, _ROWS) + 1)


def _of_part(loop: For, steps: Size, share: tuple[Size, Size], begin: Var, step: Var) -> For:
    """Return the loop over the steps of one part, which have their old numbers in it.

    It counts from 0, and where it begins is plainly not negative: else LLVM would have to ask of
    each index whether it counts from the end, and make no vector code.
    """
    part, parts = share
    first = size_of(loop.lower)
    assert first is not None
    number = floor_div((part + 1) * steps, parts) - begin.size
    same = Set(loop.var, SizeValue(first + begin.size + step.size), counts=True)
    return For(step, Lit(0, DType.I64), SizeValue(number), [same], loop.note, ordered=loop.ordered)


def _flat(statements: Sequence[Statement]) -> list[Statement]:
    """Return statements and all below them; of a loop or branch its head and its body."""
    found: list[Statement] = []
    stack = list(reversed(statements))
    while stack:
        statement = stack.pop()
        match statement:
            case For(body=body):
                found.append(dataclasses.replace(statement, body=[]))
                stack += reversed(body)
            case If(then=then, otherwise=otherwise):
                found.append(dataclasses.replace(statement, then=[], otherwise=[]))
                stack += [*reversed(otherwise), *reversed(then)]
            case _:
                found.append(statement)
    return found


def _folded_arrays(body: Sequence[Statement]) -> dict[Var, list[str]]:
    """Return the folds into elements of each array."""
    found: dict[Var, list[str]] = {}
    for statement in _flat(body):
        if isinstance(statement, Fold) and isinstance(statement.target, Load):
            found.setdefault(statement.target.array.itself(), []).append(statement.op)
    return found
