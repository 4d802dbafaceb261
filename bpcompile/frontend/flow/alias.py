"""Say which arrays may be the same memory where control flow decides what a variable is.

``for i in range(n): a, b = b, a`` carries two arrays: after each step `a` is one of both, never the
same as `b`. ``b = a`` in a body makes `b` an array that was there before the loop, or `a`. What may
be the same must not be written to while both are alive: see `may_share` of
`bpcompile.frontend.places.memory`.
"""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations

from bpcompile.frontend.flow.carried import Given, Start
from bpcompile.frontend.flow.past import Key
from bpcompile.frontend.places.memory import is_known_outside, may_be, may_share
from bpcompile.frontend.session import Frame
from bpcompile.frontend.tracer import Tracer


@dataclass
class End:
    """Say which memory a carried array has after a step: that of one of some arrays.

    `params` are the carried arrays that it may have been at the beginning of the step, `outer` are
    those that were there before the loop, and `made` the ids of those that the step made.
    """

    params: set[Key] = field(default_factory=set)
    outer: dict[int, weakref.ref[Tracer]] = field(default_factory=dict)
    made: set[int] = field(default_factory=set)
    known: bool = False  # it may be an array outside of the trace


_NOTHING = End()


def end_of(leaf: Tracer, params: Mapping[int, Key], frame: Frame) -> End:
    """Return which memory a leaf has at the end of a body; `params` are its parameters by id."""
    found = End(known=is_known_outside(leaf))
    for array in may_be(leaf):
        if id(array) in params:
            found.params.add(params[id(array)])
        elif is_outer(frame, array):
            found.outer[id(array)] = weakref.ref(array)
        else:
            found.made.add(id(array))
    return found


def steps_of(
    frame: Frame, leaves: Iterable[tuple[Key, Start, Given, Tracer]]
) -> tuple[dict[Key, Start], dict[Key, End]]:
    """Return what carried arrays are before the first step and after each, at the end of a body.

    Each leaf comes with its start and its parameter.
    """
    starts: dict[Key, Start] = {}
    found: dict[Key, Tracer] = {}
    params: dict[int, Key] = {}
    for key, start, given, leaf in leaves:
        starts[key], found[key] = start, leaf
        tracer = given.tracer()
        if tracer is not None:
            params[id(tracer)] = key
    return starts, {key: end_of(leaf, params, frame) for key, leaf in found.items()}


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
    """Return what arrays that a loop carries may be at the beginning of a step.

    Of the first step, where nothing is said of the ends of steps.
    """
    found = Sharing()
    for key, start in starts.items():
        alive = start.others
        end = ends.get(key, _NOTHING)
        found.outer[key] = {id(root): weakref.ref(root) for root in alive} | end.outer
        if start.is_known or end.known:
            found.known.add(key)
    for one, other in combinations(sorted(starts), 2):
        if not starts[one].ids.isdisjoint(starts[other].ids):
            found.pairs.add((one, other))
    while _step(found, ends):
        pass
    return found


def after_steps(before: Sharing, ends: Mapping[Key, End]) -> Sharing:
    """Return what arrays that a loop carries may be after it, if it runs at least once."""
    found = Sharing()
    for key, end in ends.items():
        found.outer[key] = dict(end.outer)
        for param in end.params:
            found.outer[key] |= before.outer[param]
        if end.known or not before.known.isdisjoint(end.params):
            found.known.add(key)
    found.pairs = {pair for pair in combinations(sorted(ends), 2) if _may_meet(before, ends, *pair)}
    return found


def _step(found: Sharing, ends: Mapping[Key, End]) -> bool:
    """Add what follows from what is found so far; tell whether there was anything."""
    news = False
    for key, end in ends.items():
        for param in end.params:
            news |= not found.outer[param].keys() <= found.outer[key].keys()
            found.outer[key] |= found.outer[param]
        if key not in found.known and not found.known.isdisjoint(end.params):
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
    if not (left.made.isdisjoint(right.made) and left.outer.keys().isdisjoint(right.outer)):
        return True
    if not left.params.isdisjoint(right.params):
        return True
    if any((low, high) in found.pairs for low in left.params for high in right.params):
        return True
    if any((low, high) in found.pairs for low in right.params for high in left.params):
        return True
    return any(
        not found.outer[param].keys().isdisjoint(end.outer)
        for params, end in ((left.params, right), (right.params, left))
        for param in params
    )
