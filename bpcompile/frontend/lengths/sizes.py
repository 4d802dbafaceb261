"""Decide what is true of lengths while a function is traced, and remember what was relied on.

A length is a `Size`. Where an operation needs two of them equal and they are so in the example,
one is written in terms of the other from then on (`equal`). Any other question, such as `n >= 3`
for `x[2]`, is answered by the example and becomes a guard (`decide`). Without an example, which
is the case when specs were given, a question that the specs leave open is a `ShapeError`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from bpcompile.errors import ShapeError
from bpcompile.frontend.origins import where
from bpcompile.ir.bounds import lower_bound
from bpcompile.ir.dims import Dim, Size, evaluate, size_names, substitute
from bpcompile.ir.graph import Guard

_LETTERS = ("n", "d", "k", "m", "p", "q", "r", "s", "t")

_MOST_TRIED = 9  # the largest number that a simpler question is looked for with
_NONE: Mapping[str, int] = MappingProxyType({})

_RELATIONS: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Sizes:
    """Hold what one trace knows of its named dimensions."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        """Start without dimensions; names in `taken` are never given to one."""
        self.values: dict[str, int] = {}
        self.guards: dict[tuple[Size, str, Size], str] = {}
        self._taken = set(taken)
        self._rank: dict[str, int] = {}  # the order in which names came up
        self._replaced: dict[str, Size] = {}
        self._resolved: dict[Size, Size] = {}
        # What guards say of lengths without their constant: at least, at most.
        self._bounds: dict[Size, tuple[int | None, int | None]] = {}
        self._counts: dict[str, str] = {}  # names bound by a run-time int, with the line
        self._ours: set[str] = set()  # names that we chose, and may choose better
        self._wishes: dict[str, str] = {}

    # -- names ---------------------------------------------------------------------------------

    def _free_names(self) -> Iterator[str]:
        """Yield the names that dimensions without one of the user's are given."""
        yield from _LETTERS
        number = 2
        while True:
            yield f"n{number}"
            number += 1

    def fresh(self, value: int) -> Dim:
        """Return a new dimension whose length in the example is `value`."""
        name = next(n for n in self._free_names() if n not in self._taken)
        self._ours.add(name)
        return self.named(name, value)

    def named(self, name: str, value: int | None) -> Dim:
        """Return the dimension of this name; `value` is its length in the example, if known."""
        self._taken.add(name)
        self._rank.setdefault(name, len(self._rank))
        if value is not None:
            self.values.setdefault(name, value)
        return Dim.named(name)

    def take(self, name: str) -> None:
        """Keep a name from being given to a dimension."""
        self._taken.add(name)

    def is_taken(self, name: str) -> bool:
        """Tell whether a name belongs to a parameter or a dimension."""
        return name in self._taken

    def wish(self, size: Size, name: str) -> None:
        """Note that the user called a dimension `name`, as in ``n = len(x)``."""
        size = self.resolve(size)
        bare = bare_name(size)
        if bare in self._ours and bare not in self._wishes and name not in self._taken:
            assert bare is not None
            self._wishes[bare] = name
            self._taken.add(name)

    def final(self) -> dict[str, Size]:
        """Return what each name that must not remain in the graph stands for."""
        wishes: dict[str, Size] = {}
        for old, new in self._wishes.items():
            name = bare_name(self.resolve(Dim.named(old)))
            if name in self._ours and name is not None:
                wishes.setdefault(name, Dim.named(new))
        replaced = self.replaced()
        return {**wishes, **{name: substitute(size, wishes) for name, size in replaced.items()}}

    def replaced(self) -> dict[str, Size]:
        """Return what each replaced name stands for, as far as is known now."""
        return {name: self.resolve(Dim.named(name)) for name in self._replaced}

    # -- equality ------------------------------------------------------------------------------

    @property
    def settled(self) -> bool:
        """Tell whether no name has been replaced, so that every size is what it says."""
        return not self._replaced

    def resolve(self, size: Size) -> Size:
        """Return a size in terms of the names that have not been replaced."""
        if isinstance(size, int) or not self._replaced:
            return size
        found = self._resolved.get(size)
        if found is None:
            found = size
            while not size_names(found).isdisjoint(self._replaced):
                found = substitute(found, self._replaced)
            self._resolved[size] = found
        return found

    def resolve_shape(self, shape: tuple[Size, ...]) -> tuple[Size, ...]:
        """Return a shape in terms of the names that have not been replaced."""
        if not self._replaced:
            return shape
        return tuple(self.resolve(size) for size in shape)

    def value(self, size: Size) -> int | None:
        """Return the length in the example, or None without one."""
        try:
            return evaluate(self.resolve(size), self.values)
        except KeyError:
            return None

    def equal(self, left: Size, right: Size) -> bool:
        """Tell whether two lengths are equal; where the example says so, make them the same.

        Raises `ShapeError` where only specs are given and they leave it open.
        """
        left, right = self.resolve(left), self.resolve(right)
        if left == right:
            return True
        difference = left - right
        if isinstance(difference, int):
            return False
        a, b = self.value(left), self.value(right)
        if a is None or b is None:
            raise ShapeError(_open(left, "==", right))
        if a == b:
            self._make_equal(difference)
        return a == b

    def _make_equal(self, difference: Dim) -> None:
        """Replace a name so that a difference of lengths becomes zero."""
        name = self._eliminable(difference)
        if name is not None:
            coefficient = dict(difference.terms)[(name,)]
            self._replace(name, Dim.named(name) - difference * coefficient)
            return
        for name in sorted(difference.names()):
            self._replace(name, self.values[name])

    def _eliminable(self, difference: Dim) -> str | None:
        """Return the newest name in which a difference is linear with coefficient one."""
        candidates: list[str] = []
        for monomial, coefficient in difference.terms:
            if len(monomial) == 1 and isinstance(monomial[0], str) and abs(coefficient) == 1:
                name = monomial[0]
                rest = difference - Dim.named(name) * coefficient
                if name not in size_names(rest):
                    candidates.append(name)
        return max(
            candidates,
            key=lambda name: (name not in self._counts, self._rank.get(name, 0)),
            default=None,
        )

    def _replace(self, name: str, size: Size) -> None:
        """Let `size` stand for a name from now on."""
        self._replaced[name] = size
        self._resolved.clear()

    # -- questions -----------------------------------------------------------------------------

    def decide(self, left: Size, relation: str, right: Size, reason: str = "") -> bool:
        """Tell whether a relation holds; what only the example says becomes a guard.

        `reason` names the user's value; the line is added. Raises `ShapeError` where only specs
        are given and they leave it open.
        """
        left, right = self.resolve(left), self.resolve(right)
        proved = _proved(left, relation, right)
        if proved is None and self._bounds:
            proved = _proved(left, relation, right, *self._name_bounds())
        if proved is not None:
            return proved
        if relation == "==":
            return not self.decide(left, "!=", right, reason)
        left, relation, right = _simpler(left, relation, right)
        if isinstance(left, int):
            left, relation, right = right, _MIRRORED[relation], left
        known = self._known(left - right, relation)
        if known is not None:
            return known
        a, b = self.value(left), self.value(right)
        if a is None or b is None:
            raise ShapeError(_open(left, relation, right))
        holds = _RELATIONS[relation](a, b)
        if not holds and relation == "!=":
            self.equal(left, right)
            return False
        kept = relation if holds else _OPPOSITE[relation]
        self.guards.setdefault((left, kept, right), f"{reason}{where()}".strip())
        self._learn(left - right, kept)
        return holds

    def _known(self, difference: Size, relation: str) -> bool | None:
        """Return what earlier guards say of a difference against 0, or None."""
        core, constant = _parted(difference)
        low, high = self._bounds.get(core, (None, None))
        return _by_bounds(
            relation,
            None if low is None else low + constant,
            None if high is None else high + constant,
        )

    def _name_bounds(self) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """Return what earlier guards say of bare names: at least, at most."""
        named = [(bare_name(core), *bounds) for core, bounds in self._bounds.items()]
        floors = {name: low for name, low, _ in named if name is not None and low is not None}
        ceilings = {name: high for name, _, high in named if name is not None and high is not None}
        return floors, ceilings

    def _learn(self, difference: Size, relation: str) -> None:
        """Keep what a guard says of a difference against 0."""
        core, constant = _parted(difference)
        low, high = self._bounds.get(core, (None, None))
        if relation in (">", ">="):
            least = (1 if relation == ">" else 0) - constant
            low = least if low is None else max(low, least)
        elif relation in ("<", "<="):
            most = (-1 if relation == "<" else 0) - constant
            high = most if high is None else min(high, most)
        self._bounds[core] = low, high
        if low is not None and low == high:
            self.equal(core, low)  # two guards leave one length

    def bind_count(self, name: str) -> None:
        """Note that a run-time int is the length called `name`, kept from below 0 by a guard."""
        self._counts.setdefault(name, f"{name}{where()}")

    def fit(self, count: Size, size: Size, reason: str) -> None:
        """Let it be known that a loop of `count` steps stays inside an axis, where it does so.

        An axis as long as the loop in the example is taken for one of the same length, unless a
        run-time int counts the loop, which may have another value at each call.
        """
        count, size = self.resolve(count), self.resolve(size)
        steps, length = self.value(count), self.value(size)
        if count == size or steps is None or length is None or steps > length:
            return
        if steps == length and self._counts.keys().isdisjoint(size_names(count)):
            self.equal(count, size)
        else:
            self.decide(count, "<=", size, reason)

    def concrete(self, size: Size) -> int:
        """Return the length as an int; from now on the graph is for this length alone.

        Raises `ShapeError` where only specs are given and they leave it open.
        """
        size = self.resolve(size)
        if isinstance(size, int):
            return size
        value = self.value(size)
        if value is None:
            raise ShapeError(
                f"the length {size} must be known{where()}: write an integer in its place in the "
                "spec, or compile with an example array"
            )
        self.equal(size, value)
        return value

    def all_guards(self, names: Mapping[str, Size]) -> tuple[Guard, ...]:
        """Return the guards that still say something, under the final names."""
        guards: dict[Guard, None] = {}
        for name, reason in self._counts.items():
            # The parameter goes on binding its name, whatever replaced it in the types.
            count = Dim.named(name)
            guards.setdefault(Guard(count, ">=", 0, reason))
            if name in self._replaced:
                same = substitute(self.resolve(count), names)
                guards.setdefault(Guard(count, "==", same, reason))
        for (left, relation, right), reason in self.guards.items():
            sides = (substitute(self.resolve(side), names) for side in (left, right))
            guard = Guard(next(sides), relation, next(sides), reason)
            if _proved(guard.left, relation, guard.right) is None:
                guards.setdefault(guard)
        return tuple(guards)


_MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "!=": "=="}


def bare_name(size: Size) -> str | None:
    """Return the name of a size that is a bare name."""
    if isinstance(size, Dim) and len(size.terms) == 1:
        monomial, coefficient = size.terms[0]
        if coefficient == 1 and len(monomial) == 1 and isinstance(monomial[0], str):
            return monomial[0]
    return None


def _proved(
    left: Size,
    relation: str,
    right: Size,
    floors: Mapping[str, int] = _NONE,
    ceilings: Mapping[str, int] = _NONE,
) -> bool | None:
    """Return whether a relation holds for every length within bounds, or None if that is open."""
    difference = left - right
    if isinstance(difference, int):
        return _RELATIONS[relation](difference, 0)
    negated = lower_bound(-difference, floors, ceilings)
    least = lower_bound(difference, floors, ceilings)
    return _by_bounds(relation, least, None if negated is None else -negated)


def _simpler(left: Size, relation: str, right: Size) -> tuple[Size, str, Size]:
    """Return a question as one of a bare name where it is the same: n // 2 < n is n >= 1."""
    difference = left - right
    names = size_names(difference)
    if len(names) == 1 and relation in _MIRRORED and not _is_polynomial(difference):
        (name,) = names
        for least in range(1, _MOST_TRIED):
            above, below = {name: least}, {name: least - 1}
            holds = _proved(left, relation, right, above)
            if holds is not None and _proved(left, relation, right, _NONE, below) is (not holds):
                return Dim.named(name), ">=" if holds else "<", least
    return left, relation, right


def _is_polynomial(size: Size) -> bool:
    """Tell whether a size has no atoms but names."""
    terms = size.terms if isinstance(size, Dim) else ()
    return all(isinstance(atom, str) for monomial, _ in terms for atom in monomial)


def _parted(size: Size) -> tuple[Size, int]:
    """Return a length without its constant, and the constant."""
    constant = size if isinstance(size, int) else dict(size.terms).get((), 0)
    return size - constant, constant


def _by_bounds(relation: str, least: int | None, most: int | None) -> bool | None:
    """Return whether a value within bounds stands in a relation to 0, or None where open."""
    if relation in ("<", ">="):
        if least is not None and least >= 0:
            return relation == ">="
        if most is not None and most < 0:
            return relation == "<"
    if relation in (">", "<="):
        if least is not None and least > 0:
            return relation == ">"
        if most is not None and most <= 0:
            return relation == "<="
    if relation in ("==", "!=") and ((least or 0) > 0 or (most or 0) < 0):
        return relation == "!="
    return None


def _open(left: Size, relation: str, right: Size) -> str:
    """Return the message for a question that specs leave open, with the spec to write."""
    question = f"whether {left} {relation} {right} is not known from the specs{where()}"
    names = bare_name(left), bare_name(right)
    if relation == "==" and None not in names:
        return f"{question}: write the same name in both specs, such as {names[0]} for {names[1]}"
    for name, number in ((names[0], right), (names[1], left)):
        if relation == "==" and name is not None and isinstance(number, int):
            return f"{question}: write {number} in place of {name} in the spec"
    return f"{question}: write integers in the spec, or compile with an example array"
