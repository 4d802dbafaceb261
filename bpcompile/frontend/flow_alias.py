"""Say which arrays may be the same memory where control flow decides what a variable is.

``for i in range(n): a, b = b, a`` carries two arrays: after each step `a` is one of both, never the
same as `b`. ``b = a`` in a body makes `b` an array that was there before the loop, or `a`. What may
be the same must not be written to while both are alive (`bpcompile.frontend.memory.may_share`).
"""

from __future__ import annotations

import weakref
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import combinations

from bpcompile.frontend.flow_carried import Start
from bpcompile.frontend.memory import may_share, root_of
from bpcompile.frontend.session import Frame
from bpcompile.frontend.tracer import Tracer

Key = tuple[int, int]  # of a carried array: its variable and leaf


@dataclass
class End:
    """Say which memory a carried array has after a step.

    `root` is the array; `param` is the carried array that it was at the beginning of the step, and
    `outer` tells whether it was there before the loop.
    """

    root: Tracer
    param: Key | None
    outer: bool


def is_outer(frame: Frame, root: Tracer) -> bool:
    """Tell whether an array was there before the region of a frame, which is not left yet."""
    return root.expr.builder is not frame.builder or id(root) in (frame.journal or {})


@dataclass
class Sharing:
    """Hold what some arrays may be: arrays from before the loop, and each other.

    `known` are those that may be NumPy arrays outside of the trace.
    """

    outer: dict[Key, dict[int, weakref.ref[Tracer]]] = field(default_factory=dict)
    pairs: set[tuple[Key, Key]] = field(default_factory=set)
    known: set[Key] = field(default_factory=set)

    def is_within(self, other: Sharing) -> bool:
        """Tell whether another one says all that this one says."""
        return (
            self.pairs <= other.pairs
            and self.known <= other.known
            and all(set(roots) <= set(other.outer.get(k, {})) for k, roots in self.outer.items())
        )

    def among(self, keys: Collection[Key]) -> Sharing:
        """Return what this says of some arrays."""
        return Sharing(
            {key: roots for key, roots in self.outer.items() if key in keys},
            {pair for pair in self.pairs if pair[0] in keys and pair[1] in keys},
            self.known.intersection(keys),
        )

    def note(self, arrays: Mapping[Key, Tracer], reason: str) -> None:
        """Note it for arrays."""
        for key, array in arrays.items():
            if key in self.known:
                may_share(array, None, reason)
            for root in self.outer.get(key, {}).values():
                alive = root()
                if alive is not None:
                    may_share(array, alive, reason)
        for one, other in sorted(self.pairs):
            if one in arrays and other in arrays:
                may_share(arrays[one], arrays[other], reason)


def before_steps(starts: Mapping[Key, Start], ends: Mapping[Key, End]) -> Sharing:
    """Return what arrays that a loop carries may be at the beginning of a step."""
    found = Sharing()
    for key, start in starts.items():
        roots = [] if start.kept is None else [root_of(start.kept)]
        roots += [ends[key].root] if ends[key].outer else []
        found.outer[key] = _weakly(roots)
        if start.is_known:
            found.known.add(key)
    for one, other in combinations(sorted(starts), 2):
        first, second = starts[one].kept, starts[other].kept
        if first is not None and second is not None and root_of(first) is root_of(second):
            found.pairs.add((one, other))
    while _step(found, ends):
        pass
    return found


def after_steps(before: Sharing, ends: Mapping[Key, End]) -> Sharing:
    """Return what arrays that a loop carries may be after it, if it runs at least once."""
    found = Sharing()
    for key, end in ends.items():
        found.outer[key] = _weakly([end.root]) if end.outer else {}
        if end.param is not None:
            found.outer[key] = before.outer[end.param]
            if end.param in before.known:
                found.known.add(key)
    found.pairs = {pair for pair in combinations(sorted(ends), 2) if _may_meet(before, ends, *pair)}
    return found


def _weakly(roots: list[Tracer]) -> dict[int, weakref.ref[Tracer]]:
    """Return arrays by id."""
    return {id(root): weakref.ref(root) for root in roots}


def _step(found: Sharing, ends: Mapping[Key, End]) -> bool:
    """Add what follows from what is found so far; tell whether there was anything."""
    news = False
    for key, end in ends.items():
        if end.param is None:
            continue
        added = found.outer[end.param].keys() - found.outer[key].keys()
        found.outer[key] |= found.outer[end.param]
        news |= bool(added)
        if end.param in found.known and key not in found.known:
            found.known.add(key)
            news = True
    for pair in combinations(sorted(ends), 2):
        if pair not in found.pairs and _may_meet(found, ends, *pair):
            found.pairs.add(pair)
            news = True
    return news


def _may_meet(found: Sharing, ends: Mapping[Key, End], one: Key, other: Key) -> bool:
    """Tell whether two carried arrays may be one after a step, by what is found so far."""
    left, right = ends[one], ends[other]
    if left.root is right.root:
        return True
    if left.param is not None and right.param is not None:
        low, high = sorted((left.param, right.param))
        return (low, high) in found.pairs
    if left.param is not None and right.outer:
        return id(right.root) in found.outer[left.param]
    if right.param is not None and left.outer:
        return id(left.root) in found.outer[right.param]
    return False
