"""Carry the variables of a function around a loop.

A variable that the body binds is carried: its tree is taken apart into leaves, each of which is a
parameter of the body's graph and its next value a result. Python numbers are carried as values of
the graph; what is neither number nor array stays what it is, and must not change. Arrays that the
body writes to are carried too, found by the first run of the body.

The body is run again, with other start values, until its types stay: a number that turns into a
float starts as one, and an array that is written to is carried from then on. So it is where a
variable turns out to stay an array that other variables know too, or where two of them may be the
same one: see `bpcompile.frontend.flow.alias`.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from bpcompile.errors import BpcompileError, LimitError, TraceError, TypeMismatchError
from bpcompile.frontend.arguments.trees import flatten, leaves_of
from bpcompile.frontend.elementwise import cast, promoted
from bpcompile.frontend.flow.alias import Sharing, after_steps, before_steps, steps_of
from bpcompile.frontend.flow.carried import (
    FIXED,
    Carried,
    Given,
    Next,
    Opened,
    Start,
    are_carried,
    has_leaves,
    hold_shared,
    is_read,
    is_same,
    short,
    shown,
    why_unbound,
    zero,
)
from bpcompile.frontend.flow.past import Key, Result, Settled, arrays_at, places_of, site
from bpcompile.frontend.flow.region import FlowRegion, Variables
from bpcompile.frontend.flow.unbound import NO_RESULT, UNSET, Unbound, Wanted
from bpcompile.frontend.lengths.length import Length
from bpcompile.frontend.lift import lift_all
from bpcompile.frontend.places.memory import forget_old_variables, hold, memory_of
from bpcompile.frontend.rewriting.exits import RESULT, RESULTS
from bpcompile.frontend.session import Frame, current, entered
from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.build import Expr
from bpcompile.ir.type import Type

_START = "start it with np.zeros or np.full of the later shape, and keep its structure"
_MOST_STEPS = 100


class State:
    """Hold what a loop carries."""

    def __init__(self, variables: Variables) -> None:
        """Take the variables as they are before the loop, and unset those that are carried."""
        past, last = current().past, current().session.last
        self.settled: Settled = Settled() if past is None else past.settled()
        self._is_inner = past is not None
        self.variables = variables
        here = site() if last else None
        self._wanted: dict[int, Wanted] = {}  # by variable: which inner loops must carry it, too
        self._late = {k for k, name in enumerate(variables.names) if (here, name) in last}
        self.arrays: list[Tracer] = []  # those from outside that the body writes to
        self.carried: dict[int, Carried] = {}
        self.reasons: dict[int, str] = {}  # why a variable has no value after the loop
        self._steps = 0
        self.count: Any = 0  # how many steps are known to run; or a length
        self._sharing = Sharing()  # of what steps read
        self._sharing_after = Sharing(), Sharing()  # where no step runs, and where some do
        self._before = list(variables.values())
        for number, (name, value) in enumerate(zip(variables.names, self._before, strict=True)):
            if isinstance(value, (Unbound, type(NO_RESULT))):
                continue
            leaves, paths, structure = flatten(value, name, FIXED)
            if are_carried(leaves):
                self.carried[number] = Carried(paths, structure, [Start(leaf) for leaf in leaves])
                self._before[number] = UNSET
            del leaves
        value = None
        hold_shared(self._starts())
        variables.set(self._before)
        forget_old_variables()
        for start in self._starts():
            start.settle()
        self._all = dict(self.carried)
        self._begin_as_last_time()

    @property
    def before(self) -> list[Any]:
        """Return the variables as they were before the loop."""
        values = list(self._before)
        for number, one in self._all.items():
            values[number] = one.structure.unflatten(start.value() for start in one.start)
        return values

    def _begin_as_last_time(self) -> None:
        """Start from what the loop carried in the end when it was traced before."""
        last = self.settled
        for number, (paths, structure, types) in last.results.items():
            late = isinstance(self._before[number], Unbound) and number in self._late
            if late or self._before[number] is NO_RESULT:
                self.carried[number] = Carried(paths, structure, list(map(zero, types)), late)
        starts = self._by_key()
        for key, start in starts.items():
            if key in last.dtypes:
                start.widen(last.dtypes[key])
            start.bound_anew = key in last.anew
            if key in last.keeps and start.kept is not None:
                start.keeps = start.stays = True
        self.arrays.extend(arrays_at(last.arrays))
        self._sharing = before_steps(starts, {}).among(last.shared)

    def _by_key(self) -> dict[Key, Start]:
        """Return the leaves of all that is carried by variable and number."""
        return {(n, k): s for n, one in self.carried.items() for k, s in enumerate(one.start)}

    def _starts(self) -> list[Start]:
        """Return the leaves of all that is carried."""
        return [start for one in self.carried.values() for start in one.start]

    # -- into a graph --------------------------------------------------------------------------

    def open(self, region: FlowRegion) -> Opened:
        """Give a graph its parameters; the variables and arrays stand for them from now on."""
        builder = region.frame.builder
        opened = Opened({}, [])
        values = [UNSET if isinstance(value, Unbound) else value for value in self._before]
        made: dict[Key, Tracer] = {}
        for number, one in self.carried.items():
            leaves: list[Any] = []
            given: list[Given | None] = []
            for path, start in zip(one.paths, one.start, strict=True):
                if start.keeps:
                    leaves.append(start.kept)
                    given.append(None)
                    continue
                leaf = Tracer(builder.param(shown(path), start.expr.type), start.weak)
                leaves.append(leaf)
                memory = memory_of(leaf) if leaf.ndim else None
                given.append(Given(leaf.expr, weakref.ref(leaf), memory))
                if leaf.ndim and not one.late:
                    made[number, len(given) - 1] = leaf
            opened.leaves[number] = given
            values[number] = UNSET if one.late else one.structure.unflatten(leaves)
        for target in self.arrays:
            inside = builder.param(target.expr.node.name or "array", target.type)
            opened.arrays.append(inside)
            hold(region.frame, target, inside)
        self._sharing.note(made, self.variables.what)
        self.variables.set(values)
        opened.mark = len(region.frame.session.writes)
        return opened

    def params(self, opened: Opened) -> list[Expr]:
        """Return the parameters of what is carried in the end."""
        leaves = [g.expr for k in self.carried for g in opened.leaves[k] if g is not None]
        return [*leaves, *opened.arrays]

    # -- out of the body -----------------------------------------------------------------------

    def close(self, region: FlowRegion, opened: Opened) -> list[list[Next]] | None:
        """Return the next leaves of each carried variable; None where the body must run again.

        To be called inside the region, at the end of the body.
        """
        after = self.variables.values()
        again = False
        found: dict[int, list[Tracer]] = {}
        for number, name in enumerate(self.variables.names):
            before, value = self._before[number], after[number]
            if number in self.carried:
                leaves = self._next(region.frame, number, value, opened)
                if leaves is not None:
                    again |= self._widened(number, leaves)
                    found[number] = leaves
            elif isinstance(before, Unbound) and number in self._late and self._lasts(value):
                again |= self._resulted(number, name, value, late=True)
            elif isinstance(before, Unbound):
                self._wanted[number] = value.wanted if isinstance(value, Unbound) else frozenset()
                runs = isinstance(self.count, int) and self.count > 0
                self.reasons[number] = why_unbound(name, self.variables.what, runs=runs)
            elif before is NO_RESULT:
                again |= self._resulted(number, name, value)
            elif not is_same(before, value):
                raise TraceError(
                    f"`{name}` is {short(before)} before {self.variables.what} and "
                    f"{short(value)} after one step of it: only numbers, arrays and trees of them "
                    "change from step to step"
                )
        known = {id(array) for array in self.arrays}
        written = [array for array in region.arrays_written() if id(array) not in known]
        if written:
            self.arrays.extend(written)
            if self._is_inner:
                self.settled.arrays.update(dict.fromkeys(places_of(written)))
            again = True
        writes = len(region.frame.session.writes) > opened.mark
        again |= self._kept(found, opened, writes)
        again = again or self._shared(region, found, opened, writes)
        if again:
            self._steps += 1
            if self._steps > _MOST_STEPS:
                raise LimitError(
                    f"{self.variables.what} was traced {_MOST_STEPS} times, and what it carries "
                    "still changes: give its variables their types and arrays before it"
                )
            return None
        self.carried = {number: self.carried[number] for number in found}
        return [[Next(leaf, leaf.expr) for leaf in found[number]] for number in self.carried]

    def _kept(self, found: dict[int, list[Tracer]], opened: Opened, writes: bool) -> bool:
        """Find out which variables stay the array that they are; tell whether that is news."""
        news = False
        for number, leaves in found.items():
            group = zip(self.carried[number].start, opened.leaves[number], leaves, strict=True)
            for k, (start, given, leaf) in enumerate(group):
                if given is None:
                    if leaf is not start.kept:
                        start.keeps, start.bound_anew, news = False, True, True
                        self.settled.anew.add((number, k))
                elif not start.bound_anew:
                    start.stays = given.stays(leaf)
                    # What it shares its memory with may be written to, or be read after a write.
                    start.keeps = start.stays and writes and start.kept is not None
                    news |= start.keeps
                    if start.keeps:
                        self.settled.keeps.add((number, k))
        return news

    def _shared(
        self, region: FlowRegion, found: dict[int, list[Tracer]], opened: Opened, writes: bool
    ) -> bool:
        """Find out what the carried arrays may be; tell whether the writes must be seen again."""
        leaves = [
            ((number, k), start, given, leaf)
            for number, group in found.items()
            if self.variables.names[number] != RESULT  # after `return` nothing reads or writes it
            for k, (start, given, leaf) in enumerate(
                zip(self.carried[number].start, opened.leaves[number], group, strict=True)
            )
            if given is not None and leaf.ndim
        ]
        starts, ends = steps_of(region.frame, leaves)
        before = before_steps(starts, ends)
        self._sharing_after = before, after_steps(before, ends)
        nodes = {arg for node in region.frame.builder.nodes for arg in node.args}
        nodes.update(before.node for _, before in region.frame.session.writes[opened.mark :])
        read = {key for key, _, given, _ in leaves if given.expr.node in nodes}
        read.update(param for end in ends.values() for param in end.params)
        known, self._sharing = self._sharing, before.among(read)
        news = writes and not self._sharing.is_within(known)
        if news:
            self.settled.shared |= read
        return news

    def _next(self, frame: Frame, number: int, value: Any, opened: Opened) -> list[Tracer] | None:
        """Return the next leaves of a variable; None where it changes and nobody reads it."""
        one = self.carried[number]
        name = self.variables.names[number]
        try:
            leaves, structure = leaves_of(value, FIXED)
            if structure != one.structure:
                advice = "it is nested alike, with the same texts in it, in all steps"
                raise self._changed(name, repr(one.structure), repr(structure), advice)
            following = lift_all(leaves)
            for path, start, leaf in zip(one.paths, one.start, following, strict=True):
                self._check_shape(path, start.tracer(), leaf)
        except BpcompileError as error:
            if is_read(frame, opened.leaves[number]):
                raise
            self.reasons[number] = str(error)
            return None
        return following

    def _check_shape(self, path: str, start: Tracer, leaf: Tracer) -> None:
        """Check that a leaf keeps its shape."""
        sizes = current().session.sizes
        same = start.ndim == leaf.ndim and all(map(sizes.equal, start.sizes, leaf.sizes))
        if not same:
            raise self._changed(path, str(start.type), str(leaf.type))

    def _changed(
        self, path: str, before: str, after: str, advice: str = _START
    ) -> TypeMismatchError:
        """Return the error for a variable that changes its type."""
        change = f"is {before} before {self.variables.what} and {after} after one step of it"
        return TypeMismatchError(f"`{path}` {change}: {advice}")

    def _widened(self, number: int, leaves: list[Tracer]) -> bool:
        """Give start values the dtypes that the body gives them; tell whether any changed."""
        one = self.carried[number]
        changed = False
        for k, (path, start, leaf) in enumerate(zip(one.paths, one.start, leaves, strict=True)):
            dtype = promoted((start.tracer(), leaf))
            if leaf.expr.dtype is start.expr.dtype or dtype is start.expr.dtype:
                continue
            if not (start.weak and not start.expr.shape):
                raise TypeMismatchError(
                    f"`{path}` is {start.expr.type} before {self.variables.what} and "
                    f"{leaf.type} after one step of it: start it with .astype({dtype.numpy_name})"
                )
            start.widen(dtype)
            self.settled.dtypes[number, k] = dtype
            changed = True
        return changed

    def _resulted(self, number: int, name: str, value: Any, *, late: bool = False) -> bool:
        """Let a result that is returned from inside start as zeros; tell whether there is one."""
        if value is NO_RESULT:
            return False
        leaves, paths, structure = flatten(value, "result" if name in RESULTS else name, FIXED)
        types = [(Type(t.expr.dtype, t.sizes), t.weak) for t in lift_all(leaves)]
        outer = current().parent
        assert outer is not None
        with entered(outer):
            self.carried[number] = Carried(paths, structure, list(map(zero, types)), late)
        self.settled.results[number] = Result(paths, structure, types)
        return True

    # -- after the loop ------------------------------------------------------------------------

    def starts(self, outer: Frame) -> list[Expr]:
        """Return the start values in the order of the carried values."""
        found = [outer.expr(start.expr) for start in self._starts() if not start.keeps]
        return found + [outer.expr(target.expr) for target in self.arrays]

    def outputs(self, region: FlowRegion, last: Sequence[Sequence[Next]]) -> list[Expr]:
        """Return the next values of what is carried, in the body's graph, and the body's token."""
        frame = region.frame
        found = []
        for one, leaves in zip(self.carried.values(), last, strict=True):
            for start, (_, value) in zip(one.start, leaves, strict=True):
                if not start.keeps:
                    found.append(cast(frame.expr(value), start.expr.dtype))
        for target in self.arrays:
            found.append(frame.expr(region.written[id(target)][1]))
        token = frame.token()
        return found if token is None else [*found, token]

    def finish(self, outer: Frame, results: Sequence[Expr], last: Sequence[list[Next]]) -> None:
        """Let the variables and arrays stand for the results of the loop."""
        values = self.before
        items = iter(results)
        arrays: dict[Key, Tracer] = {}
        for (number, one), leaves in zip(self.carried.items(), last, strict=True):
            made: list[Any] = []
            for start, (leaf, _) in zip(one.start, leaves, strict=True):
                if start.keeps:
                    made.append(start.kept)
                    continue
                result = Tracer(next(items), start.weak and leaf.weak)
                if start.stays:
                    result.memory = start.memory
                made.append(start.kept if start.stays and start.kept is not None else result)
                if leaf.ndim and not start.stays:
                    arrays[number, len(made) - 1] = result
            values[number] = one.structure.unflatten(made)
        for target in self.arrays:
            hold(outer, target, next(items))
        self._note_after(arrays)
        for number, reason in self.reasons.items():
            if number not in self.carried:
                values[number] = Unbound(reason, self._asked(number))
        self.variables.set(values)

    def _asked(self, number: int) -> Wanted:
        """Return how to ask for the last value of a variable; nothing where no step may run."""
        count = self.count
        sizes = current().session.sizes
        steps = sizes.value(count.dim) if isinstance(count, Length) else count
        if number not in self._wanted or not (isinstance(steps, int) and steps > 0):
            return frozenset()
        return self._wanted[number] | {(site(), self.variables.names[number])}

    def _lasts(self, value: Any) -> bool:
        """Tell whether a variable that has no value before has one after the last step."""
        return has_leaves(value) and self._runs()

    def _note_after(self, arrays: Mapping[Key, Tracer]) -> None:
        """Note what arrays may be after the loop: those from before too, if no step may run."""
        may_not_run, runs = self._sharing_after
        runs = runs.among(arrays)
        runs.note(arrays, self.variables.what)
        if not may_not_run.among(arrays).is_within(runs) and not self._runs():
            may_not_run.note(arrays, self.variables.what)

    def _runs(self) -> bool:
        """Tell whether at least one step runs; a length that is not zero may become a guard."""
        if isinstance(self.count, Length):
            sizes = current().session.sizes
            return sizes.value(self.count.dim) is not None and sizes.decide(
                self.count.dim, ">=", 1, "a loop that binds an array anew"
            )
        return isinstance(self.count, int) and self.count > 0
