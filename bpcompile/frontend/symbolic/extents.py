"""Read lengths out of SymPy: sizes of matrices, ranges of indices, and what these say of arrays.

A whole number of a SymPy expression (a limit of a sum, an index, the size of a matrix) becomes a
`Size` over place-holder names, one for each symbol: the symbols' own names are data and never
name anything here. Lengths of arguments then give the place-holders their values, by solving
``n - 1 = length`` and the like.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from bpcompile.errors import LimitError, UnsupportedError
from bpcompile.frontend.origins import where
from bpcompile.frontend.sizes import bare_name
from bpcompile.frontend.symbolic.survey import Survey, binders, body_of
from bpcompile.ir.dims import Dim, Size, dim_max, dim_min, floor_div, size_names, substitute

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


class Extents:
    """Hold what the expressions say of the lengths of arrays.

    A `MatrixSymbol` and an `IndexedBase` with a shape state theirs. Those of any other
    `IndexedBase` follow from the ranges of its indices: it is as long as the last index needs.

    Attributes:
        sized: the symbols that a length, a limit or an index depends on.
        ranks: how many indices each `IndexedBase` has.
    """

    def __init__(self, survey: Survey, forms: Forms) -> None:
        """Find every index and the range that it runs over."""
        self._survey = survey
        self._forms = forms
        self._needs: dict[tuple[Any, int], list[Size]] = {}
        self.sized: set[Any] = set()
        self.ranks: dict[Any, int] = {}
        for node in survey.nodes:
            for part in _sized_parts(survey, node):
                self.sized.update(forms.atoms(forms.form(part)))
            self._note(node)

    @staticmethod
    def is_stated(array: Any) -> bool:
        """Tell whether an array has a shape of its own."""
        return getattr(array, "shape", None) is not None

    def shape(self, array: Any, rank: int) -> tuple[Size | None, ...]:
        """Return the length of each axis as a form; None where nothing states it."""
        if self.is_stated(array):
            return tuple(self._forms.form(size) for size in array.shape)
        return tuple(_largest(self._needs.get((array, axis), [])) for axis in range(rank))

    def least(self, array: Any, axis: int) -> int:
        """Return how long an axis must be at least, as far as numbers say so."""
        needs = self._needs.get((array, axis), [])
        return max((size for size in needs if isinstance(size, int)), default=0)

    def _note(self, node: Any) -> None:
        """Note what one node needs of the arrays in it."""
        forms, role = self._forms, _role(type(node))
        if role == "sum":
            for atom, limits in binders(node):
                self._note_range(body_of(node), atom, *map(forms.form, limits))
        elif role == "element":
            base, *indices = self._survey.parts(node)
            self.ranks.setdefault(base, len(indices))
            for axis, index in enumerate(indices):
                form = forms.form(index)
                if isinstance(form, int):
                    self._add(base, axis, form)

    def _note_range(self, body: Any, atom: Any, low: Size, high: Size) -> None:
        """Note the last place that an index reaches on each axis over which it runs."""
        name = self._forms.name(atom)
        for base, axis, form in _places(self._survey, self._forms, body, atom):
            pair = linear(form, name)
            if pair is None:
                continue
            slope, rest = pair
            if isinstance(slope, int):
                self._add(base, axis, slope * (high if slope > 0 else low) + rest)

    def _add(self, base: Any, axis: int, last: Size) -> None:
        """Note that an axis has this place, unless that depends on another index."""
        if self._survey.bound.isdisjoint(self._forms.atoms(last)):
            self._needs.setdefault((base, axis), []).append(last + 1)


def _sized_parts(survey: Survey, node: Any) -> list[Any]:
    """Return the parts of a node that are indices, limits or lengths."""
    match _role(type(node)):
        case "sum":
            return [part for _, limits in binders(node) for part in limits]
        case "element":
            return list(survey.parts(node)[1:])
        case "block":
            return [part for cut in survey.parts(node)[1:] for part in survey.parts(cut)]
        case "sizes":
            return list(survey.parts(node))
    return []


def _role(cls: type) -> str:
    """Return where the nodes of a class have lengths."""
    found = _ROLES.get(cls)
    if found is None:
        found = _ROLES[cls] = _role_of(cls)
    return found


_ROLES: dict[type, str] = {}


def _role_of(cls: type) -> str:
    """Return where the nodes of a class have lengths, by its bases."""
    import sympy
    from sympy.matrices.expressions.matexpr import MatrixElement
    from sympy.matrices.expressions.slice import MatrixSlice

    if issubclass(cls, (sympy.Sum, sympy.Product)):
        return "sum"
    if issubclass(cls, (sympy.Indexed, MatrixElement)):
        return "element"
    if issubclass(cls, MatrixSlice):
        return "block"
    return "sizes" if cls in (sympy.Identity, sympy.ZeroMatrix, sympy.OneMatrix) else ""


def _places(survey: Survey, forms: Forms, body: Any, atom: Any) -> list[tuple[Any, int, Size]]:
    """Return where an index runs over an axis: the array, the axis, and the index's form."""
    import sympy

    found: list[tuple[Any, int, Size]] = []
    stack, seen = [body], set()
    while stack:
        node = stack.pop()
        if id(node) in seen or atom not in survey.free(node):
            continue
        seen.add(id(node))
        parts = survey.parts(node)
        if isinstance(node, sympy.Indexed):
            for axis, part in enumerate(parts[1:]):
                if atom in survey.free(part):
                    found.append((parts[0], axis, forms.form(part)))
        else:
            stack.extend(parts)
    return found


def _largest(sizes: list[Size]) -> Size | None:
    """Return the largest of sizes that differ by numbers; None where symbols leave it open."""
    symbolic = [size for size in sizes if isinstance(size, Dim)]
    if not symbolic:
        return None
    found: Size = symbolic[0]
    for size in symbolic[1:]:
        difference = size - found
        if not isinstance(difference, int):
            return None
        found = size if difference > 0 else found
    return found


class Equation(NamedTuple):
    """State that a form is a length; `what` says of what, for messages."""

    form: Size
    length: Size
    what: str


def solved(
    equations: Iterable[Equation], known: Mapping[str, Size]
) -> tuple[dict[str, Size], list[Equation]]:
    """Return the values of place-holders, and what is left to be checked.

    That is each equation that was not used to solve for a place-holder, its form replaced by the
    size that it is. A bare symbol is solved first, then what is linear in one symbol.
    """
    found = dict(known)
    pending = list(equations)
    checks: list[Equation] = []
    bare_only = True
    while pending:
        rest: list[Equation] = []
        for equation in pending:
            unknown = size_names(equation.form) - found.keys()
            if not unknown:
                size = substitute(equation.form, found)
                checks.append(equation._replace(form=size))
            elif not _solve(equation, unknown, found, bare_only):
                rest.append(equation)
        if len(rest) == len(pending) and not bare_only:
            break
        bare_only = bare_only and len(rest) != len(pending)
        pending = rest
    return found, checks


def _solve(
    equation: Equation, unknown: frozenset[str], found: dict[str, Size], bare_only: bool
) -> bool:
    """Give the one unknown of an equation its value, if it can be solved for that."""
    if len(unknown) != 1 or (bare_only and bare_name(equation.form) is None):
        return False
    (name,) = unknown
    pair = linear(equation.form, name)
    if pair is None or pair[0] not in (1, -1):
        return False
    slope = 1 if pair[0] == 1 else -1
    found[name] = slope * (equation.length - substitute(pair[1], found))
    return True
