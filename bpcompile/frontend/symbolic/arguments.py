"""Hold the arguments of a symbolic model: their names, types, and what their lengths say.

The names of symbols are data. Here they only find an argument; a dimension is called as its symbol
where that is a plain identifier, and gets a name of ours where it is not.
"""

from __future__ import annotations

import inspect
import keyword
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bpcompile.errors import ArgumentError, ShapeError
from bpcompile.frontend.elementwise import as_float
from bpcompile.frontend.lengths.runtime import required_size
from bpcompile.frontend.lengths.sizes import bare_name
from bpcompile.frontend.lift import lift
from bpcompile.frontend.origins import where
from bpcompile.frontend.session import current
from bpcompile.frontend.symbolic.extents import Equation, Extents, solved
from bpcompile.frontend.symbolic.forms import Forms
from bpcompile.frontend.symbolic.sums import require
from bpcompile.frontend.symbolic.survey import Survey, is_named
from bpcompile.frontend.symbolic.values import Value
from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.dims import Dim, Size, size_names, substitute
from bpcompile.ir.type import DType, Type

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_NOT_A_NAME = frozenset(keyword.kwlist) | {"max", "min"}
_KIND = inspect.Parameter.POSITIONAL_OR_KEYWORD
_LETTERS = ("n", "d", "k", "m", "p", "q", "r", "s", "t")

Specs = Mapping[Any, Type] | Sequence[Type] | None


def name_of(atom: Any) -> str:
    """Return the user's name of a symbol or array."""
    return str(atom.name)


def _safe(name: str) -> bool:
    """Tell whether a name may be that of a dimension."""
    return bool(_PLAIN.fullmatch(name)) and name not in _NOT_A_NAME


def _usable(name: str) -> bool:
    """Tell whether a name can be written as a keyword; Python writes some letters otherwise."""
    stable = unicodedata.normalize("NFKC", name) == name
    return name.isidentifier() and stable and not keyword.iskeyword(name)


class SymbolicArguments:
    """Bind the arguments of a model to its symbols.

    Raises `ArgumentError` for an argument that is no symbol, stands twice, or is missing.
    """

    def __init__(self, args: Iterable[Any], survey: Survey) -> None:
        """Check the arguments against the symbols of the expressions."""
        self.atoms = _checked(args)
        self.forms = Forms(survey)
        self._extents = Extents(survey, self.forms)
        ranks = self._extents.ranks
        self._ranks = [_rank(atom, ranks.get(atom)) for atom in self.atoms]
        self._sized = self._extents.sized | self._in_stated_shapes()
        self._sizes = frozenset(atom for atom in self.atoms if atom in self._sized)
        self._forms = self._shapes()
        self._refuse_missing(survey)

    def _in_stated_shapes(self) -> set[Any]:
        """Return the symbols that the shapes of matrices and arrays depend on."""
        stated = [atom.shape for atom in self.atoms if self._extents.is_stated(atom)]
        forms = [self.forms.form(size) for shape in stated for size in shape]
        return {atom for form in forms for atom in self.forms.atoms(form)}

    # -- names ---------------------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """Return the user's names."""
        return [name_of(atom) for atom in self.atoms]

    def signature(self, specs: Specs, scalars: bool) -> inspect.Signature:
        """Return the parameters; one whose name is no identifier is called ``v0``, ``v1``.

        Annotated are those that `specs` says something of, and with `scalars` all symbols.
        """
        given = self._given(specs)
        taken: set[str] = set()
        parameters = []
        for position, name in enumerate(self.names):
            found = name if _usable(name) and name not in taken else f"v{position}"
            while found in taken:
                found += "_"
            taken.add(found)
            spec = given.get(position)
            if spec is None and scalars and self._ranks[position] is None:
                spec = self._own_type(position, self.atoms[position], {})
            annotation = inspect.Parameter.empty if spec is None else spec
            parameters.append(inspect.Parameter(found, _KIND, annotation=annotation))
        return inspect.Signature(parameters)

    def position(self, selector: Any) -> int:
        """Return the place of an argument given by its place, its name or its symbol.

        Raises `ArgumentError` where there is none, or where two have the name.
        """
        count = len(self.atoms)
        if isinstance(selector, int) and not isinstance(selector, bool):
            if -count <= selector < count:
                return selector % count
            found = []
        elif isinstance(selector, str):
            found = [k for k, name in enumerate(self.names) if name == selector]
        else:
            found = [k for k, atom in enumerate(self.atoms) if atom == selector]
        if len(found) == 1:
            return found[0]
        listed = ", ".join(self.names)
        problem = "is the name of two arguments" if found else "is none of the arguments"
        raise ArgumentError(f"{selector} {problem} {listed}{where()}: write one of their symbols")

    # -- types ---------------------------------------------------------------------------------

    def types(self, specs: Specs = None) -> list[Type]:
        """Return the type of each argument: that of `specs`, or the symbol's own.

        A symbol is a real float64 scalar, or an int64 where it is a length; the lengths of arrays
        are named as their symbols are.
        """
        given = self._given(specs)
        labels = self._labels(given.values())
        return [
            given[k] if k in given else self._own_type(k, atom, labels)
            for k, atom in enumerate(self.atoms)
        ]

    def _given(self, specs: Specs) -> dict[int, Type]:
        """Return the specs by position."""
        if specs is None:
            return {}
        if isinstance(specs, Mapping):
            return {self.position(key): _spec(key, spec) for key, spec in specs.items()}
        if len(specs) != len(self.atoms):
            raise ArgumentError(
                f"{len(specs)} specs for {len(self.atoms)} arguments{where()}: write one each, or "
                "a dict from symbol to spec"
            )
        pairs = zip(self.names, specs, strict=True)
        return {k: _spec(name, spec) for k, (name, spec) in enumerate(pairs)}

    def _labels(self, given: Iterable[Type]) -> dict[str, Size]:
        """Return the dimension for each place-holder that some axis is by itself."""
        taken = {name for spec in given for size in spec.shape for name in size_names(size)}
        labels: dict[str, Size] = {}
        bare = {bare_name(form) for forms in self._forms for form in forms if form is not None}
        bare |= {self.forms.name(atom) for atom in self._sizes}
        for name in sorted(n for n in bare if n is not None):
            wanted = name_of(self.forms.atom(name))
            free = _safe(wanted) and wanted not in taken
            label = wanted if free else _unused(taken)
            taken.add(label)
            labels[name] = Dim.named(label)
        return labels

    def _own_type(self, position: int, atom: Any, labels: dict[str, Size]) -> Type:
        """Return the type of an argument without a spec."""
        rank = self._ranks[position]
        if rank is None:
            return Type(DType.I64 if atom in self._sizes else DType.F64, weak=True)
        shape: list[Size] = []
        for axis, form in enumerate(self._forms[position]):
            if form is not None and size_names(form) <= labels.keys():
                shape.append(substitute(form, labels))
            elif form is None and self._extents.least(atom, axis):
                shape.append(self._extents.least(atom, axis))
            else:
                taken = {str(label) for label in labels.values()}
                label = _unused(taken | {name_of(a) for a in self._sized})
                labels[f"{position} {axis}"] = Dim.named(label)
                shape.append(Dim.named(label))
        return Type(DType.F64, tuple(shape))

    def _shapes(self) -> list[tuple[Size | None, ...]]:
        """Return the shape of each array as forms; nothing for a scalar.

        What follows from a range whose end is an argument is left out: the array may be longer.
        """
        found: list[tuple[Size | None, ...]] = []
        for atom, rank in zip(self.atoms, self._ranks, strict=True):
            shape = () if rank is None else self._extents.shape(atom, rank)
            if not self._extents.is_stated(atom):
                shape = tuple(None if self._is_given(form) else form for form in shape)
            found.append(shape)
        return found

    def _is_given(self, form: Size | None) -> bool:
        """Tell whether arguments alone give a length."""
        return form is not None and all(atom in self._sizes for atom in self.forms.atoms(form))

    # -- binding -------------------------------------------------------------------------------

    def bind(self, values: Sequence[Any]) -> tuple[dict[Any, Value], dict[str, Size]]:
        """Return the value of each symbol, and the length of each place-holder.

        Raises `ArgumentError` for another number of values, and `ShapeError` where one has the
        wrong rank or length.
        """
        if len(values) != len(self.atoms):
            raise ArgumentError(
                f"{len(values)} arguments for {', '.join(self.names)}{where()}: write "
                f"{len(self.atoms)}"
            )
        found: dict[Any, Value] = {}
        known: dict[str, Size] = {}
        equations: list[Equation] = []
        for k, (atom, value) in enumerate(zip(self.atoms, values, strict=True)):
            tracer = lift(value)
            if atom in self._sizes:
                known[self.forms.name(atom)] = required_size(tracer, f"the length {name_of(atom)}")
                found[atom] = Value(_real(tracer))
            else:
                _check_rank(atom, self._ranks[k], tracer)
                found[atom] = Value(_real(tracer))
                equations += self._equations(k, tracer.sizes)
        sizes, checks = solved(equations, known)
        for check in checks:
            if not require(check.form, "==", check.length, check.what):
                raise _misfit(check)
        self._wish(sizes)
        return found, sizes

    def _equations(self, position: int, lengths: Sequence[Size]) -> list[Equation]:
        """Return what the symbol of an argument says of its lengths."""
        name = name_of(self.atoms[position])
        pairs = zip(self._forms[position], lengths, strict=False)
        return [
            Equation(form, length, f"axis {axis} of {name}")
            for axis, (form, length) in enumerate(pairs)
            if form is not None
        ]

    def _wish(self, sizes: Mapping[str, Size]) -> None:
        """Call dimensions as their symbols are called, where that is a plain name."""
        for name, size in sizes.items():
            wanted = name_of(self.forms.atom(name))
            if _safe(wanted):
                current().session.sizes.wish(size, wanted)

    def _refuse_missing(self, survey: Survey) -> None:
        """Refuse expressions with symbols that no argument gives."""
        import sympy

        known: dict[str, Size] = {self.forms.name(atom): 0 for atom in self._sizes}
        lengths = [Dim.named("n")] * max((rank or 0 for rank in self._ranks), default=0)
        equations = [e for k in range(len(self.atoms)) for e in self._equations(k, lengths)]
        sizes, _ = solved(equations, known)
        given = {*self.atoms, *(self.forms.atom(name) for name in sizes)}
        missing = [atom for atom in survey.unbound if atom not in given]
        if not missing:
            return
        listed = ", ".join(sorted(name_of(atom) for atom in missing))
        if any(isinstance(atom, sympy.Idx) for atom in missing):
            raise ArgumentError(
                f"the index {listed} is bound by no Sum or Product{where()}: write "
                "Sum(term, (i, low, high))"
            )
        raise ArgumentError(
            f"the expression depends on {listed}, which no argument gives{where()}: add "
            f"{'it' if len(missing) == 1 else 'them'} to args"
        )


def _checked(args: Iterable[Any]) -> tuple[Any, ...]:
    """Return the arguments if each is a symbol or array, and stands once."""
    import sympy

    atoms: dict[Any, None] = {}
    for atom in args:
        if isinstance(atom, sympy.Idx) or not (isinstance(atom, sympy.Basic) and is_named(atom)):
            kind = type(atom).__name__
            raise ArgumentError(
                f"args has a {kind}{where()}: write a Symbol, MatrixSymbol or IndexedBase for each"
            )
        if atom in atoms:
            raise ArgumentError(f"args has {name_of(atom)} twice{where()}: write it once")
        atoms[atom] = None
    return tuple(atoms)


def _spec(name: Any, spec: Any) -> Type:
    """Return a spec if it is one."""
    if isinstance(spec, Type):
        return spec
    raise ArgumentError(f'the spec of {name} is {spec!r}{where()}: write bp.f64["n"] or the like')


def _rank(atom: Any, indices: int | None) -> int | None:
    """Return the number of axes of an argument; None for a symbol, which broadcasts."""
    import sympy

    if isinstance(atom, sympy.MatrixSymbol):
        return 2
    if isinstance(atom, sympy.IndexedBase):
        return len(atom.shape) if atom.shape is not None else indices or 1
    return None


def _check_rank(atom: Any, rank: int | None, tracer: Tracer) -> None:
    """Refuse an array with another number of axes than its symbol."""
    if rank is not None and tracer.ndim != rank:
        raise ShapeError(
            f"{name_of(atom)} is given as {tracer.type} and has {rank} "
            f"{'axis' if rank == 1 else 'axes'} in the expression{where()}: pass an array of {rank}"
        )


def _misfit(check: Equation) -> ShapeError:
    """Return the error for a length that is not as its symbol says."""
    sizes = current().session.sizes
    wanted, given = (
        size if sizes.value(size) is None else sizes.value(size)
        for size in (check.form, check.length)
    )
    return ShapeError(
        f"{check.what} has the length {given}, and its symbol says {wanted}{where()}: pass arrays "
        "whose lengths fit together"
    )


def _real(tracer: Tracer) -> Tracer:
    """Return a value as real; a truth stays one."""
    return as_float(tracer) if tracer.expr.dtype is DType.I64 else tracer


def _unused(taken: set[str]) -> str:
    """Return a name for a dimension that nothing else has."""
    number = 2
    for letter in _LETTERS:
        if letter not in taken:
            return letter
    while f"n{number}" in taken:
        number += 1
    return f"n{number}"
