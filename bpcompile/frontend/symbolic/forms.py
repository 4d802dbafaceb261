"""Read whole numbers out of SymPy as sizes: limits of sums, indices, sizes of matrices.

A whole number becomes a `Size` over place-holder names, one for each symbol: the symbols' own
names are data and never name anything here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from bpcompile.errors import LimitError, UnsupportedError
from bpcompile.frontend.origins import where
from bpcompile.frontend.symbolic.survey import Survey
from bpcompile.ir.dims import Dim, Size, dim_max, dim_min, floor_div, size_names

_MOST_BITS = 62
_MOST_POWER = 8

Ratio = tuple[Size, int]


class Forms:
    """Read whole numbers as sizes over place-holders."""

    def __init__(self, survey: Survey) -> None:
        """Start without place-holders."""
        self._survey = survey
        self._names: dict[Any, str] = {}
        self._atoms: dict[str, Any] = {}
        self._known: dict[int, tuple[Any, Ratio]] = {}  # the node keeps its identity taken

    def name(self, atom: Any) -> str:
        """Return the place-holder of a symbol; it is no identifier."""
        found = self._names.get(atom)
        if found is None:
            found = self._names[atom] = f"<{len(self._names)}>"
            self._atoms[found] = atom
        return found

    def atom(self, name: str) -> Any:
        """Return the symbol that a place-holder stands for."""
        return self._atoms[name]

    def atoms(self, size: Size) -> list[Any]:
        """Return the symbols that a form depends on."""
        return [self._atoms[name] for name in sorted(size_names(size))]

    def form(self, expr: Any) -> Size:
        """Return a whole number as a size.

        Raises `UnsupportedError` for what is no polynomial of symbols with whole coefficients,
        floors, maxima and minima of such.
        """
        stack = [expr]
        while stack:
            node = stack[-1]
            waiting = [a for a in node.args if id(a) not in self._known] if _compound(node) else []
            if waiting:
                stack.extend(waiting)
            else:
                stack.pop()
                if id(node) not in self._known:
                    self._known[id(node)] = node, self._ratio(node)
        top, bottom = self._known[id(expr)][1]
        if bottom != 1 and not _divides(top, bottom):
            raise self._refusal(expr)
        return floor_div(top, bottom) if bottom != 1 else top

    def _ratio(self, node: Any) -> Ratio:
        """Return a node as a polynomial over a whole number."""
        import sympy

        if isinstance(node, (sympy.Symbol, sympy.Idx)):
            return Dim.named(self.name(node)), 1
        if isinstance(node, sympy.Rational) and node.q != 0:
            if max(int(node.p).bit_length(), int(node.q).bit_length()) > _MOST_BITS:
                raise LimitError(f"an index or length of over {_MOST_BITS} bits{where()}")
            return int(node.p), int(node.q)
        if not _compound(node):
            raise self._refusal(node)
        return self._combined(node, [self._known[id(part)][1] for part in node.args])

    def _combined(self, node: Any, parts: list[Ratio]) -> Ratio:
        """Return a sum, product or the like of ratios."""
        import sympy

        kind = type(node)
        if kind is sympy.Add:
            return _folded(_added, parts)
        if kind is sympy.Mul:
            return _folded(lambda a, b: (a[0] * b[0], a[1] * b[1]), parts)
        if kind is sympy.floor:
            return floor_div(*parts[0]), 1
        if kind is sympy.ceiling:
            return -floor_div(-parts[0][0], parts[0][1]), 1
        if kind in (sympy.Max, sympy.Min) and all(bottom == 1 for _, bottom in parts):
            choose = dim_max if kind is sympy.Max else dim_min
            return _folded(lambda a, b: (choose(a[0], b[0]), 1), parts)
        if kind is sympy.Pow:
            base, (exponent, bottom) = parts
            if isinstance(exponent, int) and bottom == 1 and 0 <= exponent <= _MOST_POWER:
                return _folded(
                    lambda a, b: (a[0] * b[0], a[1] * b[1]), [(1, 1), *[base] * exponent]
                )
        raise self._refusal(node)

    def _refusal(self, node: Any) -> UnsupportedError:
        """Return the error for what is no whole number."""
        return self._survey.refusal(
            node,
            "cannot be an index or a length: write a polynomial of whole numbers and integer "
            "symbols, such as n - 1 or 2*i + 1",
        )


def _compound(node: Any) -> bool:
    """Tell whether a node is read by way of its parts."""
    import sympy

    kinds = (sympy.Add, sympy.Mul, sympy.Pow, sympy.floor, sympy.ceiling, sympy.Max, sympy.Min)
    return type(node) in kinds


def _folded(operation: Callable[[Ratio, Ratio], Ratio], parts: list[Ratio]) -> Ratio:
    """Return what an operation makes of several ratios, in lowest terms as far as is plain."""
    found = parts[0]
    for part in parts[1:]:
        top, bottom = operation(found, part)
        found = (floor_div(top, bottom), 1) if _divides(top, bottom) else (top, bottom)
    return found


def _added(left: Ratio, right: Ratio) -> Ratio:
    """Return the sum of two ratios."""
    bottom = math.lcm(left[1], right[1])
    return left[0] * (bottom // left[1]) + right[0] * (bottom // right[1]), bottom


def _divides(top: Size, bottom: int) -> bool:
    """Tell whether every coefficient of a form is a multiple of a number."""
    if isinstance(top, int):
        return top % bottom == 0
    return all(coefficient % bottom == 0 for _, coefficient in top.terms)


def linear(size: Size, name: str) -> tuple[Size, Size] | None:
    """Return a and b of a form a·name + b, or None where it is not of that form."""
    slope: Size = 0
    rest: Size = 0
    if isinstance(size, int):
        return 0, size
    for monomial, coefficient in size.terms:
        piece = Dim({monomial: coefficient}) if monomial else coefficient
        if name not in size_names(piece):
            rest = rest + piece
            continue
        others = list(monomial)
        if name not in others:
            return None  # inside a floor, a maximum or a minimum
        others.remove(name)
        factor: Size = Dim({tuple(others): coefficient}) if others else coefficient
        if name in size_names(factor):
            return None
        slope = slope + factor
    return slope, rest
