"""Remember what inner loops carried, for the next time that the loop around them is traced.

A body is traced until the types of what it carries stay. If each loop inside began anew each time,
d nested loops would be traced 2ᵈ times and more. So an inner loop starts from what it carried in
the end the last time: a guess, which is checked as any start is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, NamedTuple

from bpcompile.errors import BpcompileError
from bpcompile.frontend.arguments.trees import Structure, leaves_of
from bpcompile.frontend.origins import user_frame
from bpcompile.frontend.places.memory import root_of
from bpcompile.frontend.session import Frame, current
from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.type import DType, Type

Key = tuple[int, int]  # of a carried array: its variable and leaf
Site = tuple[CodeType | None, int]


def site() -> Site:
    """Return what tells one loop of the user's code from others: the code object and the line."""
    frame = user_frame()
    return (None, 0) if frame is None else (frame.f_code, frame.f_lineno)


class Result(NamedTuple):
    """Say what a variable is that gets its first value inside of a loop: a result to return."""

    paths: list[str]
    structure: Structure
    types: list[tuple[Type, bool]]


@dataclass
class Settled:
    """Hold what one loop carried in the end.

    `dtypes` are those that start values were widened to, `keeps` the leaves that stay an array that
    others know, `anew` those that do not, `shared` those that may share their memory, and `arrays`
    say where the arrays are that the body writes to (see `places_of`).
    """

    dtypes: dict[Key, DType] = field(default_factory=dict)
    keeps: set[Key] = field(default_factory=set)
    anew: set[Key] = field(default_factory=set)
    shared: set[Key] = field(default_factory=set)
    results: dict[int, Result] = field(default_factory=dict)
    arrays: dict[Place, None] = field(default_factory=dict)
    inner: Past = field(default_factory=lambda: Past())


@dataclass
class Past:
    """Hold what the loops in one body carried, in the order in which they are met."""

    known: dict[tuple[Site, int], Settled] = field(default_factory=dict)
    met: Counter[Site] = field(default_factory=Counter)

    def begin(self) -> Past:
        """Return it as it is at the beginning of the body."""
        self.met.clear()
        return self

    def settled(self) -> Settled:
        """Return what is known of the loop that is met now."""
        here = site()
        self.met[here] += 1
        return self.known.setdefault((here, self.met[here]), Settled())


class Place(NamedTuple):
    """Say where an array is found: in a variable of the user's function, as the k-th leaf of it."""

    variable: str
    leaf: int


def places_of(arrays: Sequence[Tracer]) -> list[Place]:
    """Return where those arrays are that variables of the user's function know."""
    wanted = {id(array) for array in arrays}
    return [place for place, found in _known_arrays() if id(found) in wanted]


def arrays_at(places: dict[Place, None]) -> list[Tracer]:
    """Return the arrays that are at places now; not what a variable has left of another body."""
    if not places:
        return []
    builders = []
    frame: Frame | None = current()
    while frame is not None:
        builders.append(frame.builder)
        frame = frame.parent
    found = {id(array): array for place, array in _known_arrays() if place in places}
    return [array for array in found.values() if array.expr.builder in builders]


def _known_arrays() -> Iterator[tuple[Place, Tracer]]:
    """Yield the arrays that variables of the user's function know, or see a view of."""
    frame = user_frame()
    for name, value in (frame.f_locals if frame is not None else {}).items():
        for number, leaf in enumerate(_leaves(value)):
            if isinstance(leaf, Tracer) and leaf.ndim:
                yield Place(name, number), root_of(leaf)


def _leaves(value: Any) -> Sequence[Any]:
    """Return the leaves of a tree, or nothing for what is none."""
    if isinstance(value, Tracer):
        return (value,)
    try:
        return leaves_of(value)[0] if isinstance(value, (tuple, list, dict)) else ()
    except BpcompileError:
        return ()
