"""Turn the arguments of a call into leaves of known type, and say what is special about them.

In: the entries of a call. Out: `Arguments`, the dynamic leaves in order, the static values beside
them, and a `Pattern` that two calls share where they differ only in values, lengths and statics.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from bpcompile.errors import ArgumentError, TypeMismatchError
from bpcompile.frontend.arguments.leaves import (
    Exact,
    code_of,
    exact,
    fitted,
    is_static,
    not_differentiable,
)
from bpcompile.frontend.arguments.signature import Entry, Selector
from bpcompile.frontend.arguments.trees import Structure, leaves_of
from bpcompile.frontend.lengths.length import Length
from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.type import DType, Type

Leaf = Exact | Type | Tracer | Length
Code = tuple[DType, int]
_PLAIN = (int, float, bool)


class Pattern(NamedTuple):
    """Hold what decides, apart from values and lengths, which compiled code a call needs.

    `structures` has None for a static argument, and `codes` None for a static leaf.
    """

    keys: tuple[Selector, ...]
    structures: tuple[Structure | None, ...]
    codes: tuple[Code | None, ...]


class Arguments:
    """Hold the flattened arguments of one call.

    `leaves` are the dynamic leaves, in order; `statics` the static arguments and leaves, in order.
    """

    __slots__ = ("entries", "leaves", "pattern", "statics")

    def __init__(
        self,
        entries: Sequence[Entry],
        pattern: Pattern,
        leaves: tuple[Leaf, ...],
        statics: tuple[Any, ...],
    ) -> None:
        """Hold the parts."""
        self.entries = entries
        self.pattern = pattern
        self.leaves = leaves
        self.statics = statics

    @property
    def traced(self) -> bool:
        """Tell whether a leaf stands for a value of a trace."""
        return any(isinstance(leaf, (Tracer, Length)) for leaf in self.leaves)

    def paths(self) -> list[str]:
        """Return the path of each dynamic leaf."""
        found: list[str] = []
        codes = iter(self.pattern.codes)
        for entry, structure in zip(self.entries, self.pattern.structures, strict=True):
            if structure is not None:
                paths = structure.paths(entry.name)
                found += [path for path in paths if next(codes) is not None]
        return found

    def span(self, index: int) -> range:
        """Return the positions among the dynamic leaves of one entry's."""
        if self.pattern.structures[index] is None:
            return range(0)
        own, codes = self._own_codes(index), self.pattern.codes
        start = sum(code is not None for code in codes[: own.start])
        return range(start, start + sum(codes[k] is not None for k in own))

    def structure(self, index: int) -> Structure:
        """Return the structure of one entry, which is not static."""
        structure = self.pattern.structures[index]
        assert structure is not None
        return structure

    def rebuild(self, leaves: Iterable[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return positions and keywords with other values for the dynamic leaves."""
        rest, statics, codes = iter(leaves), iter(self.statics), iter(self.pattern.codes)
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        for key, structure in zip(self.pattern.keys, self.pattern.structures, strict=True):
            if structure is None:
                value = next(statics)
            else:
                value = structure.unflatten(
                    next(statics) if next(codes) is None else next(rest)
                    for _ in range(structure.count)
                )
            if isinstance(key, str):
                kwargs[key] = value
            else:
                args.append(value)
        return tuple(args), kwargs

    def _all_floats(self, index: int) -> bool:
        """Tell whether every leaf of an entry is a float, as the leaves are after conversion."""
        codes = [self.pattern.codes[k] for k in self._own_codes(index)]
        return all(code is not None and code[0].is_float for code in codes)

    def _own_codes(self, index: int) -> range:
        """Return the positions of one entry's leaves among all codes, static leaves included."""
        structures = self.pattern.structures
        before = sum(s.count for s in structures[:index] if s is not None)
        return range(before, before + self.structure(index).count)

    def check_differentiable(self, indices: Iterable[int], what: str) -> None:
        """Refuse leaves of these entries that have no derivative.

        Raises `TypeMismatchError` with the leaf's path; `what` names the transform.
        """
        for index in indices:
            entry = self.entries[index]
            if not entry.static and self._all_floats(index):
                continue
            if entry.static:
                raise TypeMismatchError(
                    f"{what}: {entry.name} is static and differentiated; name it in static_argnums "
                    "or static_argnames, or in argnums, not in both"
                )
            leaves, structure = leaves_of(entry.value)
            for leaf, path in zip(leaves, structure.paths(entry.name), strict=True):
                reason = _why_not(leaf, path, entry.spec)
                if reason is not None:
                    raise TypeMismatchError(f"{what}: {reason}")


def _why_not(leaf: Any, path: str, spec: Type | None) -> str | None:
    """Return why a leaf cannot be differentiated, or None if it can."""
    if isinstance(leaf, Tracer):
        leaf_type: Type | None = leaf.type
    else:
        leaf_type = leaf if isinstance(leaf, Type) else spec
    if leaf_type is not None:
        if leaf_type.dtype.is_float:
            return None
        return f"{path} is {leaf_type}, and a derivative needs floats: leave it out of argnums"
    if isinstance(leaf, Length):
        return f"{path} is a length, an int: write float({path}), or leave it out of argnums"
    return not_differentiable(leaf if is_static(leaf) else exact(leaf, path), path)


def flatten_entries(entries: Sequence[Entry], name: str) -> Arguments:
    """Return the leaves of a call's arguments, each exactly what compiled code takes.

    `name` is the function's, for messages. Raises `TypeMismatchError` for a leaf that is no data
    of ours, `ShapeError` and `TypeMismatchError` where an annotation says otherwise.
    """
    structures: list[Structure | None] = []
    codes: list[Code | None] = []
    leaves: list[Leaf] = []
    statics: list[Any] = []
    for entry in entries:
        if entry.static:
            structures.append(None)
            statics.append(entry.value)
            continue
        values, structure = leaves_of(entry.value)
        structures.append(structure)
        paths: list[str] | None = None
        for k, value in enumerate(values):
            if value.__class__ in _PLAIN and entry.spec is None and -(2**63) <= value < 2**63:
                codes.append(code_of(value))
                leaves.append(value)
            elif is_static(value):
                codes.append(None)
                statics.append(value)
            else:
                paths = paths or structure.paths(entry.name)
                leaf = _leaf(value, paths[k], entry.spec, name)
                codes.append(_code(leaf))
                leaves.append(leaf)
    pattern = Pattern(tuple(e.key for e in entries), tuple(structures), tuple(codes))
    return Arguments(entries, pattern, tuple(leaves), tuple(statics))


def _leaf(value: Any, path: str, spec: Type | None, name: str) -> Leaf:
    """Return one dynamic leaf in its exact form."""
    if isinstance(value, (Tracer, Length, Type)):
        return value
    try:
        leaf = exact(value, path)
        if spec is None:
            return leaf
        rank = code_of(leaf)[1]
        if rank == spec.rank:
            return fitted(leaf, spec.dtype, path)
    except TypeMismatchError as error:
        raise TypeMismatchError(f"{name}: {error}") from error.__cause__
    wanted = f"an array of {spec.rank}" if spec.rank else "a number, or call it for each element"
    raise TypeMismatchError(
        f"{name}: {path} has {rank} axes, and its annotation is {spec}: pass {wanted}"
    )


def _code(leaf: Leaf) -> Code:
    """Return dtype and rank of a dynamic leaf."""
    if isinstance(leaf, (Tracer, Type)):
        leaf_type = leaf if isinstance(leaf, Type) else leaf.expr.type
        return leaf_type.dtype, leaf_type.rank
    if isinstance(leaf, Length):
        return DType.I64, 0
    return code_of(leaf)


class Statics:
    """Keep the static values of a compilation, to be compared with those of later calls by `==`.

    Values that can be changed are kept as deep copies, so that a change is seen.
    """

    __slots__ = ("_kept",)

    def __init__(self, values: Sequence[Any], names: str) -> None:
        """Keep the values; `names` is what messages say where two cannot be compared."""
        self._kept = tuple(_snapshot(value) for value in values)
        self.equal(values, names)

    def equal(self, values: Sequence[Any], names: str) -> bool:
        """Tell whether a call has equal static values, of the same classes.

        Raises `ArgumentError` where `==` gives no bool, as for arrays.
        """
        for kept, value in zip(self._kept, values, strict=True):
            if kept is value:
                continue
            if type(kept) is not type(value):
                return False
            try:
                if not bool(kept == value):
                    return False
            except ValueError as error:
                raise ArgumentError(
                    f"{names}: a static {type(value).__name__} cannot be compared by == ({error}): "
                    "pass it as an ordinary argument, or as a tuple"
                ) from error
        return True


def _snapshot(value: Any) -> Any:
    """Return a value that later changes of the caller's do not reach."""
    try:
        hash(value)
    except TypeError:
        return copy.deepcopy(value)
    return value
