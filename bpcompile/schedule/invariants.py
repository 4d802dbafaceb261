"""Find what holds of the integers that a loop carries, in each of its iterations and after it.

Bounds that hold of the first values are guessed: those values themselves, the order among them,
what the test of a loop says. Of the guesses are kept those that each way through the body keeps,
where all of them, the test, and the conditions on the way hold: this is the algorithm of C.
Flanagan and K. R. M. Leino, "Houdini, an annotation assistant", FME 2001. A size that the test
keeps at 0 or more, and that each way makes less, bounds the number of iterations.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bpcompile.ir.dims import Dim, Size, substitute
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.type import TupleType
from bpcompile.schedule.conditions import INTEGER, Sizes, told
from bpcompile.schedule.ranges import Facts, factor_of

_MOST_CARRIED = 4
_MOST_WAYS = 8  # through a body with branches
_MOST_FACTS = 40

_Facts = tuple[Size, ...]


@dataclass(frozen=True, slots=True)
class Carried:
    """Say what a loop with a test does with the integers that it carries.

    Attributes:
        test: the region that tells whether an iteration follows.
        body: the region that an iteration runs.
        places: the numbers of the integers among what the loop carries.
        starts: what they are before the loop, None where that is not known.
        tokens: their names at the start of an iteration.
        constants: the sizes of what the regions only read, by the number of the parameter.
    """

    test: Graph
    body: Graph
    places: Sequence[int]
    starts: Sequence[Size | None]
    tokens: Sequence[str]
    constants: Mapping[int, Size]

    def sizes(self, region: Graph) -> Sizes:
        """Return the integers of a region at the start of an iteration."""
        here = zip(self.places, map(Dim.named, self.tokens), strict=True)
        known = {**self.constants, **dict(here)}
        return Sizes({region.params[k]: size for k, size in known.items()})

    def at(self, values: Sequence[Size | None], size: Size) -> Size:
        """Return what a size of the integers is for other values of them, where they are known."""
        pairs = zip(self.tokens, values, strict=True)
        return substitute(size, {token: value for token, value in pairs if value is not None})


@dataclass(frozen=True, slots=True)
class Invariants:
    """Hold sizes that are 0 or more: before each test, in each iteration, and after the loop.

    `turns` is what the number of iterations does not exceed, None where nothing is known.
    """

    before: _Facts = ()
    inside: _Facts = ()
    after: _Facts = ()
    turns: Size | None = None


@dataclass(frozen=True, slots=True)
class _Way:
    """Say what holds on a way through a body, and what the integers are at its end."""

    told: _Facts
    ends: tuple[Size, ...]


def invariants(loop: Carried, facts: Facts) -> Invariants:
    """Return what holds of the integers that a loop carries."""
    ways = _ways(loop) if 0 < len(loop.places) <= _MOST_CARRIED else None
    if ways is None:
        return Invariants()
    out = loop.test.outputs[0]
    tested, ended = (told(loop.sizes(loop.test), out, holds) for holds in (True, False))
    kept = _guesses(loop, tested, facts)
    while True:
        proof = _Proof(loop, facts, [(closed((*kept, *tested, *w.told), loop), w) for w in ways])
        stays = [guess for guess in kept if proof.is_kept(guess)]
        if len(stays) == len(kept):
            break
        kept = stays
    rank = next(filter(proof.falls, tested), None)
    turns = None if rank is None else loop.at(loop.starts, rank) + 1
    before, inside, after = (closed((*kept, *more), loop) for more in ((), tested, ended))
    return Invariants(before, inside, after, turns)


@dataclass(frozen=True, slots=True)
class _Proof:
    """Prove what an iteration does, on each way through it with what holds there."""

    loop: Carried
    facts: Facts
    cases: Sequence[tuple[_Facts, _Way]]

    def is_kept(self, size: Size) -> bool:
        """Tell whether a size is 0 or more after an iteration."""
        return self._always(0, size)

    def falls(self, size: Size) -> bool:
        """Tell whether an iteration makes a size less."""
        return self._always(size - 1, -size)

    def _always(self, before: Size, after: Size) -> bool:
        """Tell whether a size before an iteration and one after it are together 0 or more."""
        for known, way in self.cases:
            with self.facts.holding(known, self.loop.tokens):
                if not self.facts.never_negative(before + self.loop.at(way.ends, after)):
                    return False
        return True


def _guesses(loop: Carried, tested: _Facts, facts: Facts) -> list[Size]:
    """Return sizes that are 0 or more before the first iteration, and may stay so."""
    here = [Dim.named(token) for token in loop.tokens]
    bounds = [*(start for start in loop.starts if start is not None), *here]
    guesses = [size for one in here for other in bounds for size in (one - other, other - one)]
    guesses += [one - other - 1 for one in here for other in here if one is not other]
    guesses += [size + 1 for size in tested]
    unlike = (size for size in dict.fromkeys(guesses) if not isinstance(size, int))
    return [size for size in unlike if facts.never_negative(loop.at(loop.starts, size))]


def closed(facts: Iterable[Size], loop: Carried) -> _Facts:
    """Return facts with those that follow from two of them without one of the loop's integers.

    A proof takes away one name after the other, and would not find them.
    """
    found = dict.fromkeys(facts)
    for token in loop.tokens:
        for one, other in itertools.combinations(list(found), 2):
            left, right = factor_of(one, token), factor_of(other, token)
            if not isinstance(left, int) or not isinstance(right, int) or left * right >= 0:
                continue
            follows = one * abs(right) + other * abs(left)
            if not isinstance(follows, int) and len(found) < _MOST_FACTS:
                found[follows] = None
    return tuple(found)


def _ways(loop: Carried) -> list[_Way] | None:
    """Return the ways through a body, None where they are many."""
    found: list[_Way] = []
    pending: list[tuple[bool, ...]] = [()]
    while pending:
        if len(found) + len(pending) > _MOST_WAYS:
            return None
        choices = pending.pop()
        walk = _Walk(loop, choices)
        found.append(walk.way())
        for k in range(len(choices), walk.asked):
            pending.append((*choices, *[True] * (k - len(choices)), False))
    return found


class _Walk:
    """Go through a body one way: `choices` are the arms to take, the first ones after those."""

    def __init__(self, loop: Carried, choices: Sequence[bool]) -> None:
        """Hold the loop."""
        self.loop = loop
        self.choices = choices
        self.asked = 0
        self.told: list[Size] = []

    def way(self) -> _Way:
        """Return what holds on the way, and what the integers are at its end."""
        body = self.loop.body
        sizes = self.loop.sizes(body)
        self._walk(body, sizes)
        ends = tuple(sizes.of(body.outputs[k]) for k in self.loop.places)
        return _Way(tuple(self.told), ends)

    def _walk(self, body: Graph, sizes: Sizes) -> None:
        """Find the integers of a region, and go through the arms of branches that make some."""
        made: dict[Node, list[Size]] = {}
        stack: list[tuple[Graph, Iterator[Node], Sizes, Node | None]]
        stack = [(body, iter(body.nodes), sizes, None)]
        while stack:
            region, nodes, here, branch = stack[-1]
            for node in nodes:
                if node.op.name == "item" and node.args[0] in made:
                    here.set(node, made[node.args[0]][node.attrs["index"]])
                elif node.op.name == "select" and node.type == INTEGER:
                    here.set(node, here.of(node.args[1 if self._holds(node, here) else 2]))
                elif node.op.name == "branch" and _makes_integers(node):
                    arm: Graph = node.attrs["then" if self._holds(node, here) else "otherwise"]
                    inside = here.inside(arm.params, node.args[1:])
                    stack.append((arm, iter(arm.nodes), inside, node))
                    break
            else:
                stack.pop()
                if branch is not None:
                    made[branch] = [here.of(out) for out in region.outputs]

    def _holds(self, node: Node, here: Sizes) -> bool:
        """Tell which way to go where a node chooses, and know what its condition says."""
        holds = self.choices[self.asked] if self.asked < len(self.choices) else True
        self.asked += 1
        self.told += told(here, node.args[0], holds)
        return holds


def _makes_integers(branch: Node) -> bool:
    """Tell whether a branch makes integers."""
    return isinstance(branch.type, TupleType) and INTEGER in branch.type.items
