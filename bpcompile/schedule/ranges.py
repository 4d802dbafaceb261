"""Prove that an index stays inside an array, so that no test of it needs to run.

What is known of counters and lengths are sizes that are 0 or more: ``i - low`` and ``high - i`` for
a counter, ``left - right`` for a guard. A size is proved to be 0 or more by Fourier's elimination:
a multiple of a fact is taken away from it so that one name falls out, until only products of
lengths are left, none of them taken away. Integers give a little more than that: from
``2*q + 1 >= n`` and ``n >= 0`` follows ``q >= 0``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from bpcompile.ir.dims import Atom, Dim, Monomial, Size, size_names, substitute
from bpcompile.ir.graph import Guard

_MOST_STEPS = 200  # a proof takes a few; what is out of range by data fails at once
_Facts = tuple[Size, ...]
_Compound = tuple[str, Size, Size]


class Facts:
    """Know what holds of the sizes in the statements that are being written."""

    def __init__(self, guards: Iterable[Guard] = (), signed: Iterable[str] = ()) -> None:
        """Know the relations that hold everywhere; names are lengths, unless they are `signed`."""
        self._signed = frozenset(signed)
        self._counters: dict[str, _Facts] = {}  # outermost first
        self._always: _Facts = tuple(fact for guard in guards for fact in guard.naturals)
        self._runs: dict[str, Size] = {}
        self._held: dict[str, _Facts] = {}  # by the innermost counter that they are known inside of
        self._values: dict[str, Size] = {}
        self._tested: list[tuple[Size, tuple[Size, ...]]] = []

    @contextmanager
    def counting(self, token: str, lower: Size, upper: Size) -> Iterator[None]:
        """Know within that a counter goes from `lower` to below `upper`, at least one step."""
        low, high = self.expanded(lower), self.expanded(upper) - 1
        counter = Dim.named(token)
        with self._scope():
            self._counters[token] = (counter - low, high - counter)
            self._runs[token] = high - low
            yield

    @contextmanager
    def holding(self, facts: Iterable[Size], tokens: Iterable[str] = ()) -> Iterator[None]:
        """Know within that sizes are 0 or more, some of integers that are known only within."""
        with self._scope():
            self.know(facts, tokens)
            yield

    def know(self, facts: Iterable[Size], tokens: Iterable[str] = ()) -> None:
        """Know from here to the end of what is around that sizes are 0 or more."""
        self._counters.update(dict.fromkeys(tokens, ()))
        inside = next(reversed(self._counters), "")
        expanded = tuple(self.expanded(fact) for fact in facts)
        self._held[inside] = (*self._held.get(inside, ()), *expanded)

    @contextmanager
    def before(self, token: str) -> Iterator[None]:
        """Know within only what holds before a loop, by the token of its counter."""
        with self._scope():
            for name in list(self._counters)[list(self._counters).index(token) :]:
                for known in (self._counters, self._runs, self._held):
                    known.pop(name, None)
            yield

    @contextmanager
    def _scope(self) -> Iterator[None]:
        """Forget afterwards what becomes known within."""
        counters, runs, held = self._counters, self._runs, self._held
        self._counters, self._runs, self._held = dict(counters), dict(runs), dict(held)
        yield
        self._counters, self._runs, self._held = counters, runs, held

    def define(self, token: str, size: Size) -> None:
        """Know what a token stands for."""
        self._values[token] = self.expanded(size)

    def learn(self, fact: Size, runs: tuple[Size, ...] = ()) -> None:
        """Know from here on that a size is 0 or more, where loops of so many steps run."""
        self._tested.append((self.expanded(fact), tuple(self.expanded(steps) for steps in runs)))

    def about(self, size: Size, name: str) -> tuple[Size, ...]:
        """Return what is known of an integer in terms of lengths alone, under another name."""
        if not isinstance(size, Dim) or size.names() != {str(size)}:
            return ()
        facts = itertools.chain.from_iterable(self._held.values())
        own = (fact for fact in facts if size.names() <= size_names(fact))
        lasting = (f for f in own if not any("%" in n for n in size_names(f) - size.names()))
        return tuple(substitute(fact, {str(size): Dim.named(name)}) for fact in lasting)

    def known(self) -> frozenset[str]:
        """Return the names of the integers that are known here."""
        return frozenset(self._counters)

    def expanded(self, size: Size) -> Size:
        """Return a size with each defined token replaced."""
        return substitute(size, self._values)

    def within(self, index: Size, length: Size) -> bool:
        """Tell whether ``0 <= index < length`` is proved; lengths are never negative."""
        return self.never_negative(index) and self.never_negative(length - 1 - index)

    def is_length(self, size: Size) -> bool:
        """Tell whether a size is plainly 0 or more, wherever it stands."""
        return _Proof({}, (), self._signed).is_length(size)

    def is_of_lengths(self, size: Size) -> bool:
        """Tell whether a size is made of lengths of arrays alone, and of no run-time number."""
        return self._signed.isdisjoint(size_names(self.expanded(size)))

    def never_negative(self, size: Size) -> bool:
        """Tell whether a size is proved to be 0 or more here."""
        size = self.expanded(size)
        if isinstance(size, int):
            return size >= 0
        unknown = (n for n in size.names() if n.startswith("%") and n not in self._counters)
        if next(unknown, None) is not None:
            return False
        running = set(self._runs.values())
        tested = (f for f, runs in self._tested if running.issuperset(r - 1 for r in runs))
        held = itertools.chain.from_iterable(self._held.values())
        facts = (*self._always, *self._runs.values(), *tested, *held)
        return _Proof(self._counters, facts, self._signed).holds(size)

    def bounds(self, size: Size) -> bool:
        """Tell whether a number of steps is made of lengths and the counters of loops alone."""
        names = {name for name in size_names(self.expanded(size)) if name not in self._runs}
        return self._signed.isdisjoint(names) and not any(n.startswith("%") for n in names)


class _Proof:
    """Search for one proof, for a bounded time."""

    def __init__(self, counters: dict[str, _Facts], facts: _Facts, signed: frozenset[str]) -> None:
        self.counters = counters
        self.facts = facts
        self.signed = signed
        self.order = {token: depth for depth, token in enumerate(counters)}
        self.steps = 0

    def holds(self, size: Size, more: _Facts = (), gone: frozenset[Atom] = frozenset()) -> bool:
        """Tell whether a size is proved to be 0 or more.

        `more` are facts of the present case, `gone` what has been eliminated on the way here.
        """
        if self.is_length(size):
            return True
        self.steps += 1
        if isinstance(size, int) or self.steps > _MOST_STEPS:
            return False
        atoms = {atom: None for monomial, _ in size.terms for atom in monomial}
        choice = next((a for a in atoms if not isinstance(a, str) and a[0] in ("max", "min")), None)
        if choice is not None:
            return self._holds_by_choice(size, choice, more, gone)
        atom = self._next(size, atoms)
        factor = None if atom is None else factor_of(size, atom)
        sign = None if factor is None else self._sign(factor)
        if atom is None or factor is None or sign is None:
            return False
        for fact in self._facts_of(atom, more):
            slope = factor_of(fact, atom)
            if not isinstance(slope, int) or slope * sign <= 0 or not gone.isdisjoint(_atoms(fact)):
                continue
            scale = abs(slope)
            rest = size * scale + (scale - 1) - fact * (factor * sign)
            if self.holds(rest, more, gone | {atom}):
                return True
        return False

    def _holds_by_choice(
        self, size: Dim, atom: _Compound, more: _Facts, gone: frozenset[Atom]
    ) -> bool:
        """Tell whether a size with a maximum or minimum is 0 or more: whichever operand it is."""
        kind, left, right = atom
        factor = factor_of(size, atom)
        sign = None if factor is None else self._sign(factor)
        first, second = _with(size, atom, left), _with(size, atom, right)
        if sign == (1 if kind == "max" else -1) and (
            self.holds(first, more, gone) or self.holds(second, more, gone)
        ):
            return True
        ahead = left - right if kind == "max" else right - left
        return self.holds(first, (*more, ahead), gone) and self.holds(second, (*more, -ahead), gone)

    def _next(self, size: Dim, atoms: Iterable[Atom]) -> Atom | None:
        """Return what to eliminate next: from the innermost counter to the lengths.

        A quotient goes before the counters in it, and after those that count up to it.
        """
        inner = [a for a in atoms if not isinstance(a, str) or a in self.order]
        if inner:
            return max(inner, key=lambda a: (self._depth(a), not isinstance(a, str), len(str(a))))
        names = [atom for atom in atoms if isinstance(atom, str)]
        taken = [name for name in names if (f := factor_of(size, name)) and self._sign(f) == -1]
        return min(taken or names, default=None)

    def _depth(self, atom: Atom) -> int:
        """Return the number of loops around the innermost counter in an atom."""
        names = [atom] if isinstance(atom, str) else size_names(atom[1]) | size_names(atom[2])
        return max((self.order.get(name, -1) for name in names), default=-1)

    def _facts_of(self, atom: Atom, more: _Facts) -> Iterator[Size]:
        """Yield what is known of an atom."""
        if isinstance(atom, str):
            name = Dim.named(atom)
            yield from self.counters.get(atom, (name,) if self.is_length(name) else ())
        else:
            kind, left, right = atom
            quotient = Dim({(atom,): 1})
            if kind == "//" and isinstance(right, int) and right > 0:
                yield left - quotient * right
                yield quotient * right + (right - 1) - left
            elif self.is_length(quotient):
                yield quotient
        for fact in (*more, *self.facts):
            if atom in _atoms(fact):
                yield fact

    def _sign(self, factor: Size) -> int | None:
        """Return 1 for a factor that is plainly 0 or more, -1 where its negative is, else None."""
        if self.is_length(factor):
            return 1
        return -1 if self.is_length(-factor) else None

    def is_length(self, size: Size) -> bool:
        """Tell whether a size is plainly 0 or more: a sum of products of lengths."""
        if isinstance(size, int):
            return size >= 0
        return all(
            coefficient >= 0 and all(self._is_long(atom) for atom in monomial)
            for monomial, coefficient in size.terms
        )

    def _is_long(self, atom: Atom) -> bool:
        """Tell whether an atom is plainly 0 or more: a length, or made of such."""
        if isinstance(atom, str):
            return not atom.startswith("%") and atom not in self.signed
        kind, left, right = atom
        known = self.is_length(left), self.is_length(right)
        return any(known) if kind == "max" else all(known)


def _atoms(size: Size) -> set[Atom]:
    """Return the atoms of a size."""
    return set() if isinstance(size, int) else {a for monomial, _ in size.terms for a in monomial}


def factor_of(size: Size, atom: Atom) -> Size | None:
    """Return what an atom is multiplied by in a size that is linear in it, else None."""
    if isinstance(size, int):
        return 0
    terms: dict[Monomial, int] = {}
    for monomial, coefficient in size.terms:
        others = tuple(other for other in monomial if other != atom)
        if len(others) < len(monomial) - 1 or any(_stands_in(atom, other) for other in others):
            return None
        if len(others) < len(monomial):
            terms[others] = coefficient
    return Dim(terms) + 0


def _stands_in(atom: Atom, other: Atom) -> bool:
    """Tell whether a name is hidden in another atom."""
    if not isinstance(atom, str) or isinstance(other, str):
        return False
    return atom in size_names(other[1]) | size_names(other[2])


def _with(size: Dim, atom: Atom, value: Size) -> Size:
    """Return a size with another in the place of an atom."""
    total: Size = 0
    for monomial, coefficient in size.terms:
        product: Size = coefficient
        for part in monomial:
            product = product * (value if part == atom else Dim({(part,): 1}))
        total = total + product
    return total
