"""Hold one compiled form of a function, and run calls that it fits.

In: the flattened arguments of a first call, and what the compiler made for them. Out: a
`Specialization`, which says whether further arguments fit, runs them with or without ``out=``, and
makes the closures that hot calls and `bind` use.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bpcompile.compiler import Compilation
from bpcompile.errors import ArgumentError, ShapeError, TypeMismatchError
from bpcompile.frontend.arguments.closures import OtherStructure, put_together, take_apart
from bpcompile.frontend.arguments.inputs import Arguments, Statics
from bpcompile.frontend.arguments.leaves import Exact, exact, fitted
from bpcompile.frontend.arguments.trees import leaves_up_to
from bpcompile.ir.graph import Node
from bpcompile.ir.type import DType, Type
from bpcompile.runtime.binding import Bound, make_bound
from bpcompile.runtime.buffers import call_into
from bpcompile.runtime.calling import Layout, Slow, Take, make_call, native_of
from bpcompile.runtime.faults import explain
from bpcompile.runtime.lengths import Misfit, Place, bind_lengths, length_of, shape_of
from bpcompile.runtime.program import Program
from bpcompile.runtime.work import short_up_to


class Record(NamedTuple):
    """Say when something was compiled, in seconds since 1970, and why."""

    when: float
    reason: str


class Specialization:
    """Hold the code for one kind of arguments.

    `record` says when and why it was compiled, `program` runs it, and `compilation` is what the
    stages made. `calls` counts those that took the slow path.
    """

    def __init__(self, arguments: Arguments, compilation: Compilation, record: Record) -> None:
        """Put the call together; nothing is run yet."""
        self.compilation = compilation
        self.record = record
        self.calls = 0
        self.pattern = arguments.pattern
        self._asked = tuple(x if isinstance(x, Type) else None for x in arguments.leaves)
        self.names = tuple(entry.name for entry in arguments.entries)
        self.statics = Statics(arguments.statics, compilation.task.name)
        self._entry_statics = _statics_by_entry(arguments, compilation.task.name)
        joint = compilation.joint
        self.extras = joint.extras
        self.results = joint.results
        self.result_paths = self.results.paths("out")
        hidden = compilation.traced.captured
        given = len(joint.graph.params) - len(hidden)
        paths = arguments.paths()
        self.own = len(paths)
        for extra in self.extras:
            paths += extra.structure.paths(extra.name)
        params = compilation.lowered.params
        self.program = Program(
            compilation.loaded,
            [_place(path, node) for path, node in zip(paths, params[:given], strict=True)],
            hidden,
            [node.array_type for node in compilation.lowered.outputs],
            compilation.lowered.guards,
            compilation.emitted,
            compilation.threads,
        )
        self._finish = self._finisher()

    def prepare(self) -> None:
        """Compile the machine code now, or load it, so that the first call is like the others."""
        started = time.perf_counter()
        if self.program.parts:
            self.program.shared  # noqa: B018 - made when first looked at
        if self._is_native:
            self.program.fill  # noqa: B018 - made when first looked at
        else:
            self.program.fresh  # noqa: B018 - the same
        if self.program.is_compiled:
            self.compilation.seconds["compile"] = time.perf_counter() - started

    @property
    def signature(self) -> str:
        """Return the types of the arguments: ``w: f64[d], X: f64[n, d]``."""
        return ", ".join(f"{place.path}: {place.type}" for place in self.program.places)

    def summary(self) -> dict[str, Any]:
        """Return what was compiled, when, why, its guards, how long it took, and cache hits."""
        loaded = self.compilation.loaded
        return {
            "types": self.signature,
            "when": self.record.when,
            "reason": self.record.reason,
            "guards": [str(guard) for guard in self.program.guards],
            "seconds": dict(self.compilation.seconds),
            "target": loaded.target,
            "cache": "hit" if loaded.hits and not loaded.misses else "miss",
        }

    # -- arguments -----------------------------------------------------------------------------

    def was_asked(self, arguments: Arguments) -> bool:
        """Tell whether this was compiled for the very types that are asked for again."""
        asked = tuple(x if isinstance(x, Type) else None for x in arguments.leaves)
        same = self.pattern == arguments.pattern and self._asked == asked
        return same and self.statics.equal(arguments.statics, self.compilation.task.name)

    def misfit(self, arguments: Arguments) -> str | None:
        """Return why the code was not made for these arguments of the same pattern, or None."""
        if not self.statics.equal(arguments.statics, self.compilation.task.name):
            return "another static argument"
        places = self.program.places[: self.own]
        try:
            bind_lengths(places, arguments.leaves, self.program.guards)
        except Misfit as misfit:
            return str(misfit)
        return None

    def leaves(self, arguments: Arguments, extras: Sequence[Any]) -> list[Exact]:
        """Return the exact leaves of a call that fits, those of the transform's own included.

        Raises `ArgumentError`, `TypeMismatchError` or `ShapeError` where a cotangent or tangent is
        not like its output or input.
        """
        found: list[Any] = list(arguments.leaves)
        if not self.extras:
            return found
        name, places = self.compilation.task.name, self.program.places
        lengths = bind_lengths(places[: self.own], found)
        for extra, value in zip(self.extras, extras, strict=True):
            paths = extra.structure.paths(extra.name)
            values = leaves_up_to(extra.structure, value, f"{name}: {extra.name}")
            for leaf, path in zip(values, paths, strict=True):
                place = places[len(found)]
                try:
                    found.append(_seed(leaf, place.type, lengths, path))
                except (ArgumentError, ShapeError, TypeMismatchError) as error:
                    raise type(error)(f"{name}: {error}") from error.__cause__
        return found

    # -- calls ---------------------------------------------------------------------------------

    def call(self, leaves: Sequence[Any], out: Any) -> Any:
        """Return the results of exact leaves, in the arrays of `out` where it has some.

        Raises `OutOfRangeError` where an index that the model computes or takes is out of range,
        and the exception of an `assert` or `raise` in the model.
        """
        return self._explained(leaves, lambda: self._run(leaves, out))

    def _explained(self, leaves: Sequence[Any], run: Callable[[], Any]) -> Any:
        """Return what a call gives; what the model raises names the user's line."""
        made = self.compilation
        try:
            return run()
        except Exception as error:
            given = [*leaves, *self.program.hidden]
            found = explain(error, made.emitted.tested, made.lowered, given)
            if found is error:
                raise
        raise found from None

    def _run(self, leaves: Sequence[Any], out: Any) -> Any:
        """Return the results of exact leaves."""
        given: list[Any] = [None] * len(self.program.outputs)
        name = self.compilation.task.name
        if out is not None:
            given = leaves_up_to(self.results, out, f"{name}: out")
        if self._is_native or any(array is not None for array in given):
            lengths = self.program.lengths(leaves)
            paths = [f"{name}: {path}" for path in self.result_paths]
            return self.results.unflatten(call_into(self.program, leaves, given, paths, lengths))
        found = self.program.run(leaves)
        return found if self._finish is None else self._finish(found)

    @functools.cached_property
    def layout(self) -> Layout:
        """Return how calls lie in their arguments and results."""
        structures = [*self.pattern.structures, *(extra.structure for extra in self.extras)]
        plain = [s for s in structures if s is not None]
        static = len(plain) < len(structures) or None in self.pattern.codes
        return Layout(self._take(), self._finish, None if static else tuple(plain), self.results)

    @functools.cached_property
    def _is_native(self) -> bool:
        """Tell whether calls make the results, and not `NAME`, which makes its own."""
        return self.program.is_compiled and (self._has_hot_code or bool(self.program.parts))

    @functools.cached_property
    def _has_hot_code(self) -> bool:
        """Tell whether the arguments and results are few enough for a builtin function."""
        return native_of(self.layout, len(self.program.places)) is not None

    @functools.cached_property
    def _limit(self) -> int:
        """Return up to which lengths a call keeps Python's lock."""
        return short_up_to(self.compilation.lowered, self.program.dims)

    def hot(self, slow: Slow) -> Callable[..., Any] | None:
        """Return the function of hot calls, or None where every call takes the slow path."""
        if any(isinstance(key, str) for key in self.pattern.keys):
            return None
        if self.program.parts and not self._has_hot_code:
            return None
        return make_call(self.program, self.layout, self._limit, slow)

    # -- arguments to leaves -------------------------------------------------------------------

    def _take(self) -> Take | None:
        """Return the function from positional arguments to leaves, None where they are leaves."""
        structures = [*self.pattern.structures, *(extra.structure for extra in self.extras)]
        codes = iter(self.pattern.codes)
        parts: list[Take | None] = []
        for index, structure in enumerate(structures):
            if structure is None:
                parts.append(_take_static(self._entry_statics[index]))
                continue
            if index >= len(self.pattern.structures):
                dynamic = [True] * structure.count
            else:
                dynamic = [next(codes) is not None for _ in range(structure.count)]
            part = None if structure.is_leaf else take_apart(structure)
            if not all(dynamic):
                part = _take_dynamic(part, dynamic, self._entry_statics[index])
            parts.append(part)
        if all(part is None for part in parts):
            return None
        if parts[0] is not None and all(part is None for part in parts[1:]):
            first = parts[0]
            return lambda args: (*first(args[0]), *args[1:])
        return _take_parts(parts)

    # -- leaves to results ---------------------------------------------------------------------

    def _finisher(self) -> Callable[[Any], Any] | None:
        """Return the function from the code's nested results to the user's, None if they agree.

        Machine code gives a Python float for a float32 scalar.
        """
        narrow = self.program.is_compiled
        convert = [
            np.float32 if narrow and type.dtype is DType.F32 and not type.rank else None
            for type in self.program.outputs
        ]
        return put_together(self.results, convert)

    # -- bind ----------------------------------------------------------------------------------

    def bind(self, leaves: Sequence[Any], flatten: Flatten) -> Callable[..., Any]:
        """Return the bound form of a call with these exact leaves.

        `flatten` turns the arguments of a further call into exact leaves of this specialization.
        """
        bound = Bound(self.program, leaves, self.results)

        def slow(*args: Any, **kwargs: Any) -> Any:
            given = flatten(args, kwargs)
            self._require_lengths(given, bound.lengths)
            return self._explained(given, lambda: bound.fill(given))

        if not self.program.is_compiled or any(isinstance(k, str) for k in self.pattern.keys):
            return slow
        return make_bound(bound, self.layout, self._limit, slow)

    def _require_lengths(self, leaves: Sequence[Any], lengths: Mapping[str, int]) -> None:
        """Refuse leaves of other lengths than those that a call is bound for."""
        for leaf, place in zip(leaves, self.program.places, strict=True):
            shape: Any = shape_of(place.type, lengths)
            given: Any = np.shape(leaf)
            if place.size is not None:
                given, shape = leaf, length_of(place.size, lengths)
            if given != shape:
                raise ShapeError(
                    f"{self.compilation.task.name}: {place.path} has the length {given}, and the "
                    f"call is bound for {shape}: call bind again with an example of this length"
                )


Flatten = Callable[[tuple[Any, ...], dict[str, Any]], Sequence[Any]]


def _place(path: str, node: Node) -> Place:
    """Return what the code expects of one argument."""
    return Place(path, node.array_type, node.attrs.get("size"))


def _statics_by_entry(arguments: Arguments, name: str) -> list[Statics]:
    """Return the static values of each argument."""
    rest, codes = iter(arguments.statics), iter(arguments.pattern.codes)
    found: list[Statics] = []
    for structure in arguments.pattern.structures:
        if structure is None:
            values = [next(rest)]
        else:
            values = [next(rest) for _ in range(structure.count) if next(codes) is None]
        found.append(Statics(values, name))
    return found


def _take_static(statics: Statics) -> Take:
    """Return the function that compares a static argument and has no leaves."""

    def take(value: Any) -> tuple[Any, ...]:
        if not statics.equal((value,), "a static argument"):
            raise OtherStructure
        return ()

    return take


def _take_dynamic(part: Take | None, dynamic: list[bool], statics: Statics) -> Take:
    """Return the function that compares the static leaves of an argument and keeps the others."""
    chosen = [k for k, is_dynamic in enumerate(dynamic) if is_dynamic]
    fixed = [k for k, is_dynamic in enumerate(dynamic) if not is_dynamic]

    def take(value: Any) -> tuple[Any, ...]:
        leaves = (value,) if part is None else part(value)
        if not statics.equal([leaves[k] for k in fixed], "a static leaf"):
            raise OtherStructure
        return tuple(leaves[k] for k in chosen)

    return take


def _take_parts(parts: Sequence[Take | None]) -> Take:
    """Return the function that takes apart every argument."""

    def take(args: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(args) != len(parts):
            raise OtherStructure
        leaves: list[Any] = []
        for part, value in zip(parts, args, strict=True):
            if part is None:
                leaves.append(value)
            else:
                leaves += part(value)
        return tuple(leaves)

    return take


def _seed(leaf: Any, type: Type, lengths: dict[str, int], path: str) -> Exact:
    """Return a cotangent or tangent as exactly what its place takes."""
    if leaf is None:
        if type.dtype.is_float:
            raise ArgumentError(f"{path} is None: give an array or number like what it belongs to")
        # What is no float has no cotangent; its place is there, and not read.
        zeros = np.zeros(shape_of(type, lengths), type.dtype.numpy_name)
        return zeros if type.rank else exact(zeros, path)
    value = fitted(exact(leaf, path), type.dtype, path)
    shape = shape_of(type, lengths)
    if np.shape(value) != shape:
        raise ShapeError(f"{path} has shape {np.shape(value)} and must have {shape}")
    return value
