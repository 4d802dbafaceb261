"""Carry the variables of a function around a loop.

A variable that the body binds is carried: its tree is taken apart into leaves, each of which is a
parameter of the body's graph and its next value a result. Python numbers are carried as values of
the graph; what is neither number nor array stays what it is, and must not change. Arrays that the
body writes to are carried too, found by the first run of the body.

The body is run again, with other start values, until its types stay: a number that turns into a
float starts as one, and an array that is written to is carried from then on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from bpcompile.errors import BpcompileError, TraceError, TypeMismatchError
from bpcompile.frontend.elementwise import cast, promoted
from bpcompile.frontend.exits import DONE, RESULT
from bpcompile.frontend.flow_region import FlowRegion, Variables
from bpcompile.frontend.length import Length
from bpcompile.frontend.lift import lift_all
from bpcompile.frontend.memory import has_other_name, hold, root_of
from bpcompile.frontend.session import Frame, current
from bpcompile.frontend.tracer import Memory, Tracer
from bpcompile.frontend.trees import Structure, flatten, leaves_of
from bpcompile.frontend.unbound import NO_RESULT, UNSET, Unbound
from bpcompile.ir.build import Expr
from bpcompile.ir.type import Type

_NUMBERS = (bool, int, float, np.generic, Length)


@dataclass
class _Carried:
    """Hold a variable whose leaves are carried; `start` are those before the loop.

    `own` has the array that a leaf is, which the body may write to in place, or None.
    """

    paths: list[str]
    structure: Structure
    start: list[Tracer]
    own: list[Tracer | None]


class Next(NamedTuple):
    """Hold the next value of a leaf, and the tracer that it is, which may hold another later."""

    leaf: Tracer
    expr: Expr


@dataclass
class Opened:
    """Hold the parameters that a graph of the loop has: of variables by number, and of arrays."""

    leaves: dict[int, list[Tracer]]
    arrays: list[Tracer]
    values: list[Any]

    def params(self) -> list[Expr]:
        """Return the parameters in the order of the carried values."""
        return [t.expr for leaves in self.leaves.values() for t in leaves] + [
            t.expr for t in self.arrays
        ]


class State:
    """Hold what a loop carries."""

    def __init__(self, variables: Variables) -> None:
        """Take the variables as they are before the loop."""
        self.variables = variables
        self.before = variables.values()
        self.arrays: list[Tracer] = []  # those from outside that the body writes to
        self.carried: dict[int, _Carried] = {}
        self.reasons: dict[int, str] = {}  # why a variable has no value after the loop
        for number, (name, value) in enumerate(zip(variables.names, self.before, strict=True)):
            if isinstance(value, (Unbound, type(NO_RESULT))):
                continue
            leaves, paths, structure = flatten(value, name)
            if leaves and all(isinstance(leaf, (Tracer, np.ndarray, *_NUMBERS)) for leaf in leaves):
                own = [self._own(leaf) for leaf in leaves]
                self.carried[number] = _Carried(paths, structure, lift_all(leaves), own)

    def _own(self, leaf: Any) -> Tracer | None:
        """Return a leaf that is an array with memory of its own, which no other variable is."""
        if not isinstance(leaf, Tracer) or not leaf.ndim or root_of(leaf) is not leaf:
            return None
        return None if any(leaf is other for other in self._owned()) else leaf

    def _owned(self) -> list[Tracer]:
        """Return the arrays that carried variables are."""
        return [t for one in self.carried.values() for t in one.own if t is not None]

    # -- into a graph --------------------------------------------------------------------------

    def open(self, region: FlowRegion) -> Opened:
        """Give a graph its parameters; the variables and arrays stand for them from now on."""
        frame = region.frame
        leaves: dict[int, list[Tracer]] = {}
        values = [UNSET if isinstance(value, Unbound) else value for value in self.before]
        for number, one in self.carried.items():
            params = [
                Tracer(frame.builder.param(shown(path), start.type), start.weak)
                for path, start in zip(one.paths, one.start, strict=True)
            ]
            leaves[number] = params
            given = []
            for param, own in zip(params, one.own, strict=True):
                if own is None:
                    param.memory = Memory(stale=self._stale()) if param.ndim else None
                else:
                    hold(frame, own, param.expr)
                given.append(param if own is None else own)
            values[number] = one.structure.unflatten(given)
        arrays = [
            Tracer(frame.builder.param(target.expr.node.name or "array", target.type))
            for target in self.arrays
        ]
        for target, inside in zip(self.arrays, arrays, strict=True):
            hold(frame, target, inside.expr)
        self.variables.set(values)
        return Opened(leaves, arrays, values)

    # -- out of the body -----------------------------------------------------------------------

    def close(self, region: FlowRegion, opened: Opened) -> list[list[Next]] | None:
        """Return the next leaves of each carried variable; None where the body must run again.

        To be called inside the region, at the end of the body.
        """
        after = self.variables.values()
        again = False
        found: dict[int, list[Tracer]] = {}
        for number, name in enumerate(self.variables.names):
            before, value = self.before[number], after[number]
            if number in self.carried:
                leaves = self._next(region.frame, number, value, opened)
                if leaves is not None:
                    again |= self._widened(number, leaves)
                    found[number] = leaves
            elif isinstance(before, Unbound):
                self.reasons[number] = (
                    f"`{name}` gets its value inside {self.variables.what} only, which may run no "
                    "time: give it a value before"
                )
            elif before is NO_RESULT:
                again |= self._resulted(number, name, value)
            elif not _same(before, value):
                raise TraceError(
                    f"`{name}` is {_shown(before)} before {self.variables.what} and "
                    f"{_shown(value)} after one step of it: only numbers, arrays and trees of them "
                    "change from step to step"
                )
        written = [t for t in self._written(region) if not any(t is a for a in self.arrays)]
        if written:
            self.arrays.extend(written)
            again = True
        if again:
            return None
        self.carried = {number: self.carried[number] for number in found}
        return [[Next(leaf, leaf.expr) for leaf in found[number]] for number in self.carried]

    def _stale(self) -> str:
        """Return why an array that the loop carries must not be written to."""
        return f"may share its memory with another array since {self.variables.what}"

    def _written(self, region: FlowRegion) -> Iterator[Tracer]:
        """Yield the outer arrays that were written to and are no views of others."""
        owned = self._owned()
        for target, _ in (region.frame.journal or {}).values():
            if root_of(target) is target and not any(target is own for own in owned):
                yield target

    def _next(self, frame: Frame, number: int, value: Any, opened: Opened) -> list[Tracer] | None:
        """Return the next leaves of a variable; None where it changes and nobody reads it."""
        one = self.carried[number]
        name = self.variables.names[number]
        try:
            leaves, structure = leaves_of(value)
            if structure != one.structure:
                raise self._changed(name, repr(one.structure), repr(structure))
            following = lift_all(leaves)
            for path, start, leaf in zip(one.paths, one.start, following, strict=True):
                self._check_shape(path, start, leaf)
            self._check_memory(name, one, following, opened.leaves[number])
        except BpcompileError:
            if _is_read(frame, opened.leaves[number]):
                raise
            self.reasons[number] = f"`{name}` changes its type in {self.variables.what}"
            return None
        return following

    def _check_memory(
        self, name: str, one: _Carried, following: list[Tracer], params: list[Tracer]
    ) -> None:
        """Refuse an array with two names that is written to and then bound anew."""
        for own, leaf, param in zip(one.own, following, params, strict=True):
            if own is None or leaf is own or own.expr.node is param.expr.node:
                continue
            if has_other_name(own, self.variables.names):
                raise TraceError(
                    f"`{name}` is written to in place and then bound anew in {self.variables.what}"
                    ", while another variable shares its memory: take a .copy() before the loop"
                )

    def _check_shape(self, path: str, start: Tracer, leaf: Tracer) -> None:
        """Check that a leaf keeps its shape."""
        sizes = current().session.sizes
        same = start.ndim == leaf.ndim and all(map(sizes.equal, start.sizes, leaf.sizes))
        if not same:
            raise self._changed(path, str(start.type), str(leaf.type))

    def _changed(self, path: str, before: str, after: str) -> TypeMismatchError:
        """Return the error for a variable that changes its type."""
        return TypeMismatchError(
            f"`{path}` is {before} before {self.variables.what} and {after} after one step of it: "
            "start it with np.zeros or np.full of the later shape, and keep its structure"
        )

    def _widened(self, number: int, leaves: list[Tracer]) -> bool:
        """Give start values the dtypes that the body gives them; tell whether any changed."""
        one = self.carried[number]
        changed = False
        for k, (start, leaf) in enumerate(zip(one.start, leaves, strict=True)):
            dtype = promoted((start, leaf))
            if leaf.expr.dtype is start.expr.dtype or dtype is start.expr.dtype:
                continue
            if not (start.weak and not start.ndim):
                raise TypeMismatchError(
                    f"`{one.paths[k]}` is {start.type} before {self.variables.what} and "
                    f"{leaf.type} after one step of it: start it with .astype({dtype.numpy_name})"
                )
            one.start[k] = Tracer(cast(start.expr, dtype))
            changed = True
        return changed

    def _resulted(self, number: int, name: str, value: Any) -> bool:
        """Let a result that is returned from inside start as zeros; tell whether there is one."""
        if value is NO_RESULT:
            return False
        leaves, paths, structure = flatten(value, "result" if name == RESULT else name)
        frame = current()
        assert frame.parent is not None
        starts = [
            Tracer(frame.parent.const(0, Type(t.expr.dtype, t.sizes)), t.weak)
            for t in lift_all(leaves)
        ]
        self.carried[number] = _Carried(paths, structure, starts, [None] * len(starts))
        return True

    # -- after the loop ------------------------------------------------------------------------

    def starts(self, outer: Frame) -> list[Expr]:
        """Return the start values in the order of the carried values."""
        found = [outer.expr(t.expr) for one in self.carried.values() for t in one.start]
        return found + [outer.expr(target.expr) for target in self.arrays]

    def finish(self, outer: Frame, results: Sequence[Expr], last: Sequence[list[Next]]) -> None:
        """Let the variables and arrays stand for the results of the loop."""
        values = list(self.before)
        items = iter(results)
        memories = self._memories(last)
        for (number, one), leaves in zip(self.carried.items(), last, strict=True):
            made = []
            for start, own, (leaf, _) in zip(one.start, one.own, leaves, strict=True):
                result = Tracer(next(items), start.weak and leaf.weak)
                if own is not None and leaf is own:
                    hold(outer, own, result.expr)
                    result = own
                else:
                    result.memory = memories.get(id(leaf))
                made.append(result)
            values[number] = one.structure.unflatten(made)
        for target in self.arrays:
            hold(outer, target, next(items))
        for number, reason in self.reasons.items():
            if number not in self.carried:
                values[number] = Unbound(reason)
        self.variables.set(values)

    def _memories(self, last: Sequence[list[Next]]) -> dict[int, Memory]:
        """Return what forbids writes to results that may share memory after the loop."""
        owners: dict[int, int] = {}
        leaves = [leaf for group in last for leaf, _ in group if leaf.ndim]
        roots = [root_of(leaf) for leaf in (*leaves, *self.arrays)]
        for root in roots:
            owners[id(root)] = owners.get(id(root), 0) + 1
        return {
            id(leaf): Memory(stale=self._stale())
            for leaf in leaves
            if owners[id(root_of(leaf))] > 1
        }


def _is_read(frame: Frame, params: Sequence[Tracer]) -> bool:
    """Tell whether a graph under construction reads any of some parameters."""
    nodes = {param.expr.node for param in params}
    return any(arg in nodes for node in frame.builder.nodes for arg in node.args)


def shown(name: str) -> str:
    """Return what a variable of ours is called in a graph."""
    if name.startswith("__bp_break_"):
        return "stop"
    return {DONE: "returned", RESULT: "result"}.get(name, name)


def _same(before: Any, after: Any) -> bool:
    """Tell whether a known value is the same before and after."""
    if before is after:
        return True
    plain = (str, bytes, int, float, type(None), tuple)
    return type(before) is type(after) and isinstance(before, plain) and bool(before == after)


def _shown(value: Any) -> str:
    """Return a value's short text."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
