"""Split a loop over many arrays into loops over few of them, so that vector code comes of each.

Before the vector code of a loop runs, LLVM compares at run time where each array that the loop
writes lies with all others, and it writes no vector code where more than eight comparisons are
needed. A step of a recurrent network that keeps a dozen numbers on tapes needs more than a hundred.
Where the steps may run in any order, its statements are cut into groups that need few, a loop for
each. What one group makes and a later one reads comes from the array that it is stored in anyway;
only where there is none it gets a row of its own. This is loop fission (K. Kennedy and J. R. Allen,
"Optimizing Compilers for Modern Architectures", 2001, section 5.7).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from bpcompile.ir.dims import Dim, Size, dim_max
from bpcompile.ir.type import DType
from bpcompile.schedule.parting import is_vector_code, steps_of
from bpcompile.schedule.places import Workshop
from bpcompile.schedule.renaming import parts_of, renamed, values_of
from bpcompile.schedule.statements import (
    Apply,
    Fold,
    For,
    Index,
    Load,
    Set,
    Statement,
    Store,
    Var,
    size_of,
)

_COMPARISONS = 8  # what LLVM compares at most; its RuntimeMemoryCheckThreshold
_DEAR = 40.0  # additions of exponentials and the like, for what more loops and rows cost
_STEPS = 8  # where there are less, and they are counted, no vector code comes of it
_LOOP = 8.0  # additions that a loop more costs in each step, and a row
_ROW = 4.0
_LONGEST = 64  # units of a group
_LOST = 0.75  # of the work, where no vector code comes of a group

_Pointer = tuple[Var, Index]


def strands(loop: For, shop: Workshop) -> list[For]:
    """Return the loops that one becomes whose steps may run in any order: itself, mostly."""
    steps = steps_of(loop)
    if steps is None or (isinstance(steps, int) and steps < _STEPS):
        return [loop]
    if (
        not is_vector_code(loop.body)
        or _work(loop.body) < _DEAR
        or _comparisons(loop.body) <= _COMPARISONS
    ):
        return [loop]
    made = [statement.var for statement in loop.body if isinstance(statement, Set)]
    if len(set(made)) < len(made) or any(var.dtype is DType.I64 for var in made):
        return [loop]  # an index of arrays may be made of it
    splitting = _Splitting(loop.body)
    cuts = splitting.cuts()
    return _Rewriting(loop, splitting, steps, shop).loops(cuts) if cuts is not None else [loop]


def _work(body: Sequence[Statement]) -> float:
    """Return the work in a step, in additions, of what is far slower one by one."""
    values = [value for statement in body for value in values_of(statement)]
    ops = [v.node.op for value in values for v in parts_of(value) if isinstance(v, Apply)]
    return sum(op.cost for op in ops if op.vector is not None)


def _comparisons(body: Sequence[Statement]) -> int:
    """Return how many pairs of pointers LLVM must compare for some statements."""
    written = {pointer for statement in body for pointer in _written(statement)}
    read = {pointer for statement in body for pointer in _loaded(statement)} - written
    return _pairs(len(written), len(read))


def _pairs(written: int, read: int) -> int:
    """Return the number of pairs of which at least one is written."""
    return written * (written - 1) // 2 + written * read


def _loaded(statement: Statement) -> Iterator[_Pointer]:
    """Iterate over what a statement reads from memory."""
    for value in values_of(statement):
        for part in parts_of(value):
            if isinstance(part, Load):
                yield _pointer(part.array, part.index)


def _written(statement: Statement) -> Iterator[_Pointer]:
    """Iterate over what a statement writes to memory."""
    match statement:
        case Store(array=array, index=index) | Fold(target=Load(array=array, index=index)):
            yield _pointer(array, index)


def _pointer(array: Var, index: Index) -> _Pointer:
    """Return what LLVM takes for one pointer: elements at a fixed distance are one."""
    if not index:
        return array.itself(), index
    last = index[-1]
    fixed = dict(last.terms).get((), 0) if isinstance(last, Dim) else last
    return array.itself(), (*index[:-1], last - fixed)


def _reads(statement: Statement) -> Iterator[Var]:
    """Iterate over the scalars that a statement reads."""
    for value in values_of(statement):
        yield from (part for part in parts_of(value) if isinstance(part, Var))


class _Splitting:
    """Order the statements of a step, and find where to cut them.

    A unit is a statement with the stores of what it makes: those stay together. `homes` has where
    scalars can be read again in memory, `again` those that are nothing else than an element which
    the loop never writes: each group that wants one reads it anew.
    """

    def __init__(self, body: Sequence[Statement]) -> None:
        """Put each store of a scalar behind what makes it, if nothing else touches its array."""
        self.homes: dict[Var, Load] = {}
        self.again: set[Var] = set()
        touched = Counter(p[0] for s in body for p in (*_loaded(s), *_written(s)))
        changed = {pointer[0] for s in body for pointer in _written(s)}
        made = {statement.var for statement in body if isinstance(statement, Set)}
        stores: dict[Var, list[Statement]] = {}
        order: list[Statement] = []
        for statement in body:
            match statement:
                case Store(array=array, value=Var() as var) if (
                    var in made and touched[array.itself()] == 1
                ):
                    stores.setdefault(var, []).append(statement)
                    if array.dtype is var.dtype:
                        self.homes.setdefault(var, Load(array, statement.index))
                case Set(var=var, value=Load(array=array) as value) if (
                    array.itself() not in changed
                ):
                    self.again.add(var)
                    self.homes[var] = value
                    order.append(statement)
                case _:
                    order.append(statement)
        self.units = [
            [s, *(stores.get(s.var, ()) if isinstance(s, Set) else ())]
            for s in order
            if not (isinstance(s, Set) and s.var in self.again)
        ]
        self.written = [frozenset(p for s in unit for p in _written(s)) for unit in self.units]
        self.loaded = [frozenset(p for s in unit for p in _loaded(s)) for unit in self.units]
        self.work = [_work(unit) + len(unit) for unit in self.units]
        self.makers: dict[Var, int] = {}
        self.last: dict[Var, int] = {}
        for k, unit in enumerate(self.units):
            self.makers.update((s.var, k) for s in unit if isinstance(s, Set))
            self.last.update((var, k) for s in unit for var in _reads(s))

    def group(self, first: int, end: int) -> list[Statement]:
        """Return the statements of a group."""
        return [statement for unit in self.units[first:end] for statement in unit]

    def cuts(self) -> list[tuple[int, int]] | None:
        """Return the groups as stretches of the units, the cheapest way; None for but one."""
        count = len(self.units)
        best = [(0.0, 0), *((float("inf"), 0) for _ in range(count))]
        for first in range(count):
            for end in range(first + 1, min(count, first + _LONGEST) + 1):
                cost = best[first][0] + self._cost(first, end)
                if cost < best[end][0]:
                    best[end] = cost, first
        if best[count][0] == float("inf"):
            return None
        found, end = [], count
        while end:
            first = best[end][1]
            found.append((first, end))
            end = first
        return found[::-1] if len(found) > 1 else None

    def _cost(self, first: int, end: int) -> float:
        """Return what a group costs beside its work as vector code."""
        rows = self.handed(first, end)
        if not all(var.dtype.is_float for var in rows):
            return float("inf")
        written = set().union(*self.written[first:end])
        read = set().union(*self.loaded[first:end])
        for var in self.given(first, end):
            home = self.homes.get(var)
            read.add(_pointer(home.array, home.index) if home else (var, ()))
        cost = _LOOP + _ROW * len(rows)
        if _pairs(len(written) + len(rows), len(read - written)) > _COMPARISONS:
            cost += _LOST * sum(self.work[first:end])
        return cost

    def given(self, first: int, end: int) -> list[Var]:
        """Return the scalars of the step that a group reads and does not make."""
        read = dict.fromkeys(v for s in self.group(first, end) for v in _reads(s))
        return [v for v in read if v in self.again or self.makers.get(v, first) < first]

    def handed(self, first: int, end: int) -> list[Var]:
        """Return the scalars that a group makes, later ones read, and no array holds."""
        made = [s.var for s in self.group(first, end) if isinstance(s, Set)]
        return [var for var in made if self.last.get(var, -1) >= end and var not in self.homes]


class _Rewriting:
    """Write the loops of a splitting."""

    def __init__(self, loop: For, splitting: _Splitting, steps: Size, shop: Workshop) -> None:
        """Hold the parts."""
        self.loop, self.splitting, self.shop = loop, splitting, shop
        first = size_of(loop.lower)
        assert first is not None
        self.place = (loop.var.size - first,)
        self.length = (steps if shop.facts.is_length(steps) else dim_max(0, steps),)
        self.homes = dict(splitting.homes)

    def loops(self, cuts: Sequence[tuple[int, int]]) -> list[For]:
        """Return one loop for each group."""
        loop, found = self.loop, []
        for k, (first, end) in enumerate(cuts):
            names = {v: Var(v.hint, v.dtype, ours=v.ours) for v in self.splitting.given(first, end)}
            body: list[Statement] = [Set(name, self.homes[v]) for v, name in names.items()]
            handed = self.splitting.handed(first, end)
            for statement in self.splitting.group(first, end):
                body.append(renamed(statement, names))
                if isinstance(statement, Set) and statement.var in handed:
                    body.append(self._row(statement.var))
            found.append(For(loop.var, loop.lower, loop.upper, body, "" if k else loop.note))
        return found

    def _row(self, var: Var) -> Store:
        """Return the store of a scalar into a row of its own."""
        row = self.shop.temporary(var.hint and f"{var.hint}_row", var.dtype, self.length)
        self.homes[var] = Load(row, self.place)
        return Store(row, self.place, var)
