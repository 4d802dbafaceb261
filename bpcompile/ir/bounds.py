"""Bound lengths from below: what holds of ``n - n // 2`` for every n that is not negative.

A `Dim` is a polynomial over names and atoms. An atom other than a name gives way to what bounds
it: ``a // k`` lies between (a - k + 1)/k and a/k, a maximum or a minimum is one of its operands,
and a root or a logarithm lies between 0 and its operand. What is left is a polynomial over names,
of which the terms with a positive coefficient are at their least where the names are.

    >>> n = Dim.named("n")
    >>> lower_bound(n - n // 2), lower_bound(n - n // 2, {"n": 1})
    (0, 1)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import TypeAlias

from bpcompile.ir.dims import Atom, Dim, Monomial, Size, joined

Number: TypeAlias = int | Fraction
Form: TypeAlias = dict[Monomial, Number]

_MOST_STEPS = 60  # each maximum and minimum doubles the work
_NONE: Mapping[str, int] = MappingProxyType({})


def lower_bound(
    size: Size, floors: Mapping[str, int] = _NONE, ceilings: Mapping[str, int] = _NONE
) -> int | None:
    """Return what a size is never below, or None where nothing is found.

    Each name is a length, which is at least 0, at least its floor, and at most its ceiling.
    """
    if isinstance(size, int):
        return size
    found = _Bounds(floors, ceilings).least(_linear(size))
    return None if found is None else math.ceil(found)


class _Bounds:
    """Bound polynomials with the same floors and ceilings, in a limited number of steps."""

    def __init__(self, floors: Mapping[str, int], ceilings: Mapping[str, int]) -> None:
        """Start to count the steps."""
        self._floors, self._ceilings = floors, ceilings
        self._left = _MOST_STEPS

    def least(self, form: Form) -> Number | None:
        """Return a lower bound: the best that giving way of one compound atom leads to."""
        atom = next((a for m in form for a in m if not isinstance(a, str)), None)
        if atom is None:
            return self._of_names(form)
        if self._left <= 0:
            return None
        self._left -= 1
        kind, left, right = atom
        if kind in ("max", "min"):
            return self._of_extreme(form, atom, kind, left, right)
        return self._of_rounded(form, atom, kind, left, right)

    def _of_extreme(
        self, form: Form, atom: Atom, kind: str, left: Size, right: Size
    ) -> Number | None:
        """Let a maximum or minimum be each of its operands; one is enough where both bound it."""
        either = [self.least(_with(form, atom, _linear(operand))) for operand in (left, right)]
        signs = {coefficient > 0 for monomial, coefficient in form.items() if atom in monomial}
        linear = all(monomial.count(atom) <= 1 for monomial in form)
        if linear and signs == {kind == "max"} and self._beside(form, atom):
            known = [bound for bound in either if bound is not None]
            return max(known, default=None)
        first, second = either
        return None if first is None or second is None else min(first, second)

    def _of_rounded(
        self, form: Form, atom: Atom, kind: str, left: Size, right: Size
    ) -> Number | None:
        """Let a quotient, root or logarithm be what bounds it on the side that counts."""
        if any(monomial.count(atom) > 1 for monomial in form) or not self._beside(form, atom):
            return None
        below: list[Form] = [{}] if self._is_at_least(left, 0) else []
        if kind == "//" and isinstance(right, int) and right > 0:
            above = _linear(left, Fraction(1, right))
            below.append(_linear(left - (right - 1), Fraction(1, right)))
        elif below and (kind != "//" or self._is_at_least(right, 1)):
            above = _linear(left)
        else:
            return None
        bounds = [self.least(_between(form, atom, low, above)) for low in below]
        return max((bound for bound in bounds if bound is not None), default=None)

    def _beside(self, form: Form, atom: Atom) -> bool:
        """Tell whether the other factors beside an atom are never negative."""
        others = {a for m in form if atom in m for a in m if a != atom}
        return all(isinstance(a, str) or self._is_at_least(Dim({(a,): 1}), 0) for a in others)

    def _is_at_least(self, size: Size, number: int) -> bool:
        """Tell whether a size is never below a number."""
        if isinstance(size, int):
            return size >= number
        found = self.least(_linear(size))
        return found is not None and found >= number

    def _of_names(self, form: Form) -> Number | None:
        """Return the bound of a polynomial over names, each counted from its floor."""
        for name in {atom for monomial in form for atom in monomial if isinstance(atom, str)}:
            floor = self._floors.get(name, 0)
            if floor > 0:
                form = _with(form, name, {(name,): 1, (): floor})
        total: Number = 0
        for monomial, coefficient in form.items():
            if not monomial:
                total += coefficient
            elif coefficient < 0:
                (atom, *more) = monomial
                if more or not isinstance(atom, str) or atom not in self._ceilings:
                    return None
                total += coefficient * (self._ceilings[atom] - max(self._floors.get(atom, 0), 0))
        return total


def _linear(size: Size, scale: Number = 1) -> Form:
    """Return a size times a number, as a polynomial."""
    terms = size.terms if isinstance(size, Dim) else (((), size),)
    return {monomial: coefficient * scale for monomial, coefficient in terms}


def _with(form: Form, atom: Atom, factor: Form) -> Form:
    """Return a polynomial with another in the place of an atom, at each power."""
    result: Form = {}
    for monomial, coefficient in form.items():
        product: Form = {tuple(a for a in monomial if a != atom): coefficient}
        for _ in range(monomial.count(atom)):
            product = _product(product, factor)
        _add(result, product)
    return result


def _between(form: Form, atom: Atom, below: Form, above: Form) -> Form:
    """Return a polynomial with an atom replaced by the bound that makes a term smaller."""
    result: Form = {}
    for monomial, coefficient in form.items():
        bound = below if coefficient > 0 else above
        _add(result, _with({monomial: coefficient}, atom, bound))
    return result


def _product(left: Form, right: Form) -> Form:
    """Return the product of two polynomials."""
    result: Form = {}
    for a, x in left.items():
        for b, y in right.items():
            _add(result, {joined(a, b): x * y})
    return result


def _add(total: Form, form: Form) -> None:
    """Add a polynomial to another, in place."""
    for monomial, coefficient in form.items():
        total[monomial] = total.get(monomial, 0) + coefficient
        if not total[monomial]:
            del total[monomial]
