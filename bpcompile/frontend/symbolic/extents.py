"""Find out how long arrays are: what matrices state, and what the ranges of indices say.

The lengths of arguments then give the place-holders their values, by solving ``n - 1 = length``
and the like.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from bpcompile.frontend.lengths.sizes import bare_name
from bpcompile.frontend.symbolic.forms import Forms, linear
from bpcompile.frontend.symbolic.survey import Survey, binders, body_of
from bpcompile.ir.dims import Dim, Size, size_names, substitute

_NOTHING: frozenset[Any] = frozenset()


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
        self.ranks: dict[Any, int] = {}
        for node in survey.nodes:
            self._note(node)
        self.sized = self._sized()

    def _sized(self) -> frozenset[Any]:
        """Return the symbols of lengths, limits and indices that no sum around them binds."""
        found: dict[int, frozenset[Any]] = {}
        for node in self._survey.nodes:
            inner = {id(part): found[id(part)] for part in self._survey.parts(node)}
            if _role(type(node)) == "sum":
                scoped = inner[id(body_of(node))]
                for atom, limits in binders(node):  # the innermost first
                    scoped = (scoped - {atom}).union(*map(self._atoms, limits))
            else:
                parts = _sized_parts(self._survey, node)
                scoped = _NOTHING.union(*inner.values(), *map(self._atoms, parts))
            found[id(node)] = scoped or _NOTHING
        return _NOTHING.union(*(found[id(root)] for root in self._survey.roots))

    def _atoms(self, expr: Any) -> list[Any]:
        """Return the symbols of a whole number."""
        return self._forms.atoms(self._forms.form(expr))

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
    """Return the parts of a node that are indices or lengths."""
    match _role(type(node)):
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
