"""Write sizes for reading: polynomials with fractions, in lengths of at least 1.

In: a `Size`. Out: text. Sums over triangles, limits that are never reached and maxima with 0 make
sizes long that are short where no length is 0, which is how a reader thinks of them:

    >>> from bpcompile.ir.dims import parse_dim
    >>> figure(parse_dim("6*((n*n + n) // 2) + 4*((n*n - n) // 2) + max(0, n - 1)*n"))
    '6*n**2'
    >>> written(leading(parse_dim("4*n*n*d + 31*n + d + 5"), 2), MATHEMATICAL)
    '4 d n² + 31 n'
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import NamedTuple

from bpcompile.ir.dims import Atom, Dim, Monomial, Size, evaluate, size_names

Polynomial = Mapping[Monomial, Fraction]

_ONE: Polynomial = {(): Fraction(1)}
_MOST_TERMS = 512
_MOST_POINTS = 300
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


class Style(NamedTuple):
    """Hold how products, powers and atoms other than names are written."""

    times: str
    power: Callable[[str, int], str]
    atom: Callable[[Atom], str]


def polynomial(size: Size) -> Polynomial:
    """Return a size in lengths of at least 1, with fractions where a division is exact.

    What stays a division, a maximum or the like stands in it as one factor.
    """
    total: dict[Monomial, Fraction] = {}
    if isinstance(size, int):
        return {(): Fraction(size)} if size else {}
    for monomial, coefficient in size.terms:
        product: Polynomial = {(): Fraction(coefficient)}
        for atom in monomial:
            product = _product(product, _of_atom(atom))
        _include(total, product, 1)
    return total


def figure(size: Size) -> str:
    """Return a size as text."""
    return written(polynomial(size), PLAIN)


def written(terms: Polynomial, style: Style) -> str:
    """Return a polynomial as text, the terms of highest degree first."""
    order = sorted(terms, key=lambda m: (-len(m), [style.atom(atom) for atom in m]))
    if not order:
        return "0"
    lead = next((m for m in order if terms[m] > 0), order[0])
    parts: list[str] = []
    for monomial in (lead, *(m for m in order if m is not lead)):
        coefficient = terms[monomial]
        text = _term(monomial, abs(coefficient), style)
        sign = "-" if coefficient < 0 else ""
        parts.append(f"{'- ' if sign else '+ '}{text}" if parts else f"{sign}{text}")
    return " ".join(parts)


def _term(monomial: Monomial, coefficient: Fraction, style: Style) -> str:
    """Return a product of a positive number and factors."""
    factors = [
        style.power(text, len(list(group)))
        for text, group in itertools.groupby(style.atom(atom) for atom in monomial)
    ]
    above = coefficient.numerator
    if above != 1 or not factors:
        factors.insert(0, str(above))
    text = style.times.join(factors)
    return text if coefficient.denominator == 1 else f"{text}/{coefficient.denominator}"


def _plain_power(base: str, exponent: int) -> str:
    return base if exponent == 1 else f"{base}**{exponent}"


def _raised(base: str, exponent: int) -> str:
    return base if exponent == 1 else base + str(exponent).translate(_SUPERSCRIPTS)


def atom_text(atom: Atom) -> str:
    """Return a factor as Python writes it, what stands in it written for reading too."""
    return _factor(atom, PLAIN)


def _factor(atom: Atom, style: Style) -> str:
    """Return a factor in a style."""
    if isinstance(atom, str):
        return atom
    kind, *operands = atom
    left, right = (written(polynomial(size), style) for size in operands)
    if kind == "//":
        return f"({_wrapped(left)} // {_wrapped(right)})"
    return f"{kind}({left}, {right})" if kind in ("max", "min") else f"{kind}({left})"


def _wrapped(text: str) -> str:
    return text if text.isidentifier() or text.isdigit() else f"({text})"


def _mathematical(atom: Atom) -> str:
    return _factor(atom, MATHEMATICAL)


PLAIN = Style("*", _plain_power, atom_text)
MATHEMATICAL = Style(" ", _raised, _mathematical)


def _of_atom(atom: Atom) -> Polynomial:
    """Return a factor as a polynomial."""
    if isinstance(atom, str):
        return {(atom,): Fraction(1)}
    kind, left, right = atom
    if kind in ("max", "min"):
        first, second = polynomial(left), polynomial(right)
        difference = dict(first)
        _include(difference, second, -1)
        if _is_never_negative(difference):
            return first if kind == "max" else second
        if _is_never_negative({m: -c for m, c in difference.items()}):
            return second if kind == "max" else first
    if kind == "//" and isinstance(right, int) and right > 0 and _divides(left, right):
        return {m: c / right for m, c in polynomial(left).items()}
    return {(atom,): Fraction(1)}


def _divides(left: Size, right: int) -> bool:
    """Tell whether a polynomial in names is a multiple of a number at all integers.

    Its remainders repeat with the number, so one period in each name decides.
    """
    if isinstance(left, int):
        return left % right == 0
    if any(not isinstance(atom, str) for monomial, _ in left.terms for atom in monomial):
        return False
    names = sorted(size_names(left))
    if right ** len(names) > _MOST_POINTS:
        return False
    points = itertools.product(range(right), repeat=len(names))
    return all(evaluate(left, dict(zip(names, p, strict=True))) % right == 0 for p in points)


def _is_never_negative(terms: Polynomial) -> bool:
    """Tell whether a polynomial is clearly not negative where each length is at least 1.

    With 1 more than something of each length, no coefficient is negative then. What only a run
    tells, and what is no name, is taken to be 0 or more.
    """
    total: dict[Monomial, Fraction] = {}
    for monomial, coefficient in terms.items():
        product: Polynomial = {(): coefficient}
        for atom in monomial:
            known = isinstance(atom, str) and not atom.startswith("%")
            shifted: Polynomial = {(atom,): Fraction(1), **(_ONE if known else {})}
            product = _product(product, shifted)
            if len(product) > _MOST_TERMS:
                return False
        _include(total, product, 1)
    return all(coefficient >= 0 for coefficient in total.values())


def _product(left: Polynomial, right: Polynomial) -> Polynomial:
    """Return a product."""
    total: dict[Monomial, Fraction] = {}
    for first, a in left.items():
        for second, b in right.items():
            monomial = tuple(sorted(first + second, key=_order))
            total[monomial] = total.get(monomial, Fraction(0)) + a * b
    return {m: c for m, c in total.items() if c}


def _order(atom: Atom) -> str:
    return atom if isinstance(atom, str) else str(Dim({(atom,): 1}))


def _include(total: dict[Monomial, Fraction], terms: Polynomial, sign: int) -> None:
    """Add terms to a sum, or take them away."""
    for monomial, coefficient in terms.items():
        total[monomial] = total.get(monomial, Fraction(0)) + sign * coefficient
        if not total[monomial]:
            del total[monomial]


def leading(size: Size, most: int) -> Polynomial:
    """Return about what a size is: its terms of highest degree, divisions as if they were exact."""
    about: dict[Monomial, Fraction] = {}
    for monomial, coefficient in polynomial(size).items():
        product: Polynomial = {(): coefficient}
        for atom in monomial:
            product = _product(product, _about(atom))
        _include(about, product, 1)
    order = sorted(about, key=lambda m: (-len(m), -abs(about[m])))
    return {monomial: about[monomial] for monomial in order[:most]}


def _about(atom: Atom) -> Polynomial:
    """Return about what a factor is."""
    if isinstance(atom, str):
        return {(atom,): Fraction(1)}
    kind, left, right = atom
    if kind == "//" and isinstance(right, int):
        return {m: c / right for m, c in polynomial(left).items()}
    if kind in ("max", "min"):
        first, second = polynomial(left), polynomial(right)
        difference = dict(first)
        _include(difference, second, -1)
        degree = max(map(len, difference), default=0)
        signs = {c > 0 for m, c in difference.items() if len(m) == degree}
        if len(signs) == 1:  # of long lengths the terms of highest degree decide
            return first if signs == {kind == "max"} else second
    return {(atom,): Fraction(1)}
