"""Join what the two arms of a branch leave in variables and arrays.

A variable that both arms leave as it was stays so; one that holds known equal values keeps them;
one that holds numbers, arrays or trees of them in both becomes a result of the branch. Any other
has no value afterwards, and says so when it is used. An arm that always raises leaves nothing: what
follows has the values of the other one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from bpcompile.errors import BpcompileError, TypeMismatchError
from bpcompile.frontend.arguments.trees import Structure, leaves_of
from bpcompile.frontend.elementwise import cast, promoted
from bpcompile.frontend.flow.carried import FIXED
from bpcompile.frontend.flow.region import FlowRegion, Variables
from bpcompile.frontend.flow.unbound import NO_RESULT, Unbound
from bpcompile.frontend.lengths.length import Length
from bpcompile.frontend.lift import lift_all
from bpcompile.frontend.places.memory import hold, is_known_outside, may_be, may_share, root_of
from bpcompile.frontend.rewriting.exits import RESULT, RESULTS
from bpcompile.frontend.session import Frame, entered
from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.build import Expr


@dataclass
class _Joined:
    """Hold a variable that is a result of the branch, and how many results it has."""

    structure: Structure
    leaves: list[Tracer | bool]  # one that both arms leave, or whether the result is weak


class Join:
    """Hold the results of a branch: `outputs` of each arm, and what they are for."""

    def __init__(self, reason: str) -> None:
        """Start with no result; `reason` is what a message calls the branch."""
        self.outputs: list[list[Expr]] = [[], []]
        self.kept: list[Any] = []  # by variable: its value, or a `_Joined`
        self.arrays: list[Tracer] = []
        self.roots: list[list[list[_Root]]] = []  # by result: which arrays it may be in each arm
        self._reason = reason
        self._results: Iterator[Expr] = iter(())

    def assign(self, outer: Frame, results: Sequence[Expr]) -> None:
        """Take the results of the branch; arrays that were written to hold theirs from now on."""
        count = len(results) - len(self.arrays)
        for target, result in zip(self.arrays, results[count:], strict=True):
            hold(outer, target, result)
        self._results = iter(results[:count])

    def values(self, _: Sequence[Any]) -> list[Any]:
        """Return the values of the variables after the branch."""
        found = []
        made: list[Tracer] = []
        for value in self.kept:
            if isinstance(value, _Joined):
                leaves = []
                for leaf in value.leaves:
                    if isinstance(leaf, bool):
                        made.append(Tracer(next(self._results), leaf))
                        leaf = made[-1]
                    leaves.append(leaf)
                found.append(value.structure.unflatten(leaves))
            else:
                found.append(value)
        self._note(made)
        return found

    def _note(self, made: Sequence[Tracer]) -> None:
        """Note which arrays the results may be, and which of them may be the same."""
        owners: dict[tuple[int, int], Tracer] = {}
        for result, roots in zip(made, self.roots, strict=True):
            for arm, root in ((arm, root) for arm, found in enumerate(roots) for root in found):
                if root.array is None or root.outer:
                    may_share(result, root.array, self._reason)
                if root.array is not None:
                    other = owners.setdefault((arm, id(root.array)), result)
                    if other is not result:
                        may_share(result, other, self._reason)


class _Root(NamedTuple):
    """Hold an array that a value may be or be a view of, and whether it is older than the branch.

    None is one outside of the trace.
    """

    array: Tracer | None
    outer: bool


def joined(
    regions: Sequence[FlowRegion],
    afters: Sequence[tuple[Any, ...]],
    variables: Variables,
) -> Join:
    """Return how the variables and arrays after two arms are joined."""
    join = Join(variables.what)
    outputs = join.outputs
    for name, *pair in zip(variables.names, *afters, strict=True):
        join.kept.append(_variable(name, pair, regions, variables, join))
    written = {k: t for region in regions for k, (t, _) in region.written.items()}
    for key, target in written.items():
        if root_of(target) is not target:
            continue  # read again from the array that it is a view of
        join.arrays.append(target)
        for region, out in zip(regions, outputs, strict=True):
            value = region.written[key][1] if key in region.written else target.expr
            out.append(region.frame.expr(value))
    return join


def _variable(
    name: str,
    pair: Sequence[Any],
    regions: Sequence[FlowRegion],
    variables: Variables,
    join: Join,
) -> Any:
    """Return what a variable is after a branch, and add its results to those of the arms."""
    one, other = pair
    if one is other or _is_equal(one, other):
        return one
    going = [value for value, region in zip(pair, regions, strict=True) if not region.frame.ended]
    if len(going) == 1:
        if not _is_traced(going[0]):
            return going[0]
        pair = [NO_RESULT if region.frame.ended else going[0] for region in regions]
    for value in pair:
        if isinstance(value, Unbound):
            missing = f"`{name}` gets its value in one arm of {variables.what} only"
            return Unbound(value.reason or f"{missing}: give it one in both, or before")
    known = [value for value in pair if value is not NO_RESULT]
    try:
        found = [_leaves(value, region) for value, region in zip(pair, regions, strict=True)]
        given = next(part for part in found if part is not None)
        structure = given[1]
        if any(part is not None and part[1] != structure for part in found):
            shown = " and ".join(repr(leaves_of(value, FIXED)[1]) for value in known)
            raise TypeMismatchError(f"{_called(name)} is nested as {shown}")
        return _results(name, found, structure, regions, join)
    except BpcompileError as error:
        reason = f"{_called(name)} has different types in the arms of {variables.what}: {error}"
        if name in (*RESULTS, "value"):
            raise TypeMismatchError(f"{reason}; give both the same structure and shape") from None
        return Unbound(reason)


def _is_traced(value: Any) -> bool:
    """Tell whether a value is made of traced ones, and so differs from call to call."""
    try:
        return any(isinstance(leaf, Tracer) for leaf in leaves_of(value, FIXED)[0])
    except BpcompileError:
        return False


def _called(name: str) -> str:
    """Return how a message calls a variable."""
    if name in RESULTS:
        return "what the function returns"
    return "the value" if name == "value" else f"`{name}`"


def _leaves(value: Any, region: FlowRegion) -> tuple[list[Tracer], Structure] | None:
    """Return the leaves of a value in the graph of its arm; None where it has no result yet."""
    if value is NO_RESULT:
        return None
    with entered(region.frame):
        leaves, structure = leaves_of(value, FIXED)
        return lift_all(leaves), structure


def _results(
    name: str,
    found: Sequence[tuple[list[Tracer], Structure] | None],
    structure: Structure,
    regions: Sequence[FlowRegion],
    join: Join,
) -> _Joined:
    """Add the leaves of both arms to their results, in one dtype; a missing one is zero.

    An array that was there before and that no arm replaces stays itself.
    """
    sizes = regions[0].outer.session.sizes
    paths = structure.paths(_called(name))
    added: list[tuple[Expr, Expr]] = []
    roots: list[list[list[_Root]]] = []
    leaves: list[Tracer | bool] = []
    for k in range(structure.count):
        pair = [None if part is None else part[0][k] for part in found]
        known = [leaf for leaf in pair if leaf is not None]
        first = known[0]
        for leaf in known[1:]:
            same = leaf.ndim == first.ndim and all(map(sizes.equal, leaf.sizes, first.sizes))
            if not same:
                raise TypeMismatchError(f"{paths[k]} is {first.type} in one and {leaf.type}")
        if first.ndim and all(leaf is first for leaf in known) and _is_older(first, regions):
            leaves.append(first)
            continue
        dtype = promoted(known)
        exprs = []
        for given, region in zip(pair, regions, strict=True):
            frame = region.frame
            if given is None:
                exprs.append(frame.const(0, first.type.with_dtype(dtype)))
            else:
                _, value = region.written.get(id(given), (given, given.expr))
                exprs.append(cast(frame.expr(value), dtype))
        added.append((exprs[0], exprs[1]))
        leaves.append(all(leaf.weak for leaf in known))
        # Nothing that runs after a `return` reads or writes what it returns.
        roots.append([[] if name == RESULT else _roots(leaf, regions) for leaf in pair])
    for one, other in added:
        join.outputs[0].append(one)
        join.outputs[1].append(other)
    join.roots.extend(roots)
    return _Joined(structure, leaves)


def _roots(leaf: Tracer | None, regions: Sequence[FlowRegion]) -> list[_Root]:
    """Return the arrays that a leaf of an arm may be or be a view of."""
    if leaf is None or not leaf.ndim:
        return []
    found = [_Root(array, _is_older(array, regions)) for array in may_be(leaf)]
    return [*found, _Root(None, True)] if is_known_outside(leaf) else found


def _is_older(array: Tracer, regions: Sequence[FlowRegion]) -> bool:
    """Tell whether an array was there before the branch."""
    return all(array.expr.builder is not region.frame.builder for region in regions)


def _is_equal(one: Any, other: Any) -> bool:
    """Tell whether two known values are the same, so that the branch does not change them."""
    if type(one) is not type(other):
        return False
    if isinstance(one, Length):
        return bool(one.dim == other.dim)
    if isinstance(one, (str, bytes, bool, int, type(None))):
        return bool(one == other)
    if isinstance(one, (float, np.generic)):
        return bool(one == other) and np.signbit(one) == np.signbit(other)
    if isinstance(one, tuple) and len(one) == len(other):
        return all(map(_is_equal, one, other))
    return False
