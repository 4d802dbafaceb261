"""Offer the entry points of a loaded module for arguments that are exactly what it takes.

In: a loaded module, and what its arguments and results are. Out: a `Program`. For the numba
target each entry point is compiled, or loaded from the cache, when it is first asked for.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from bpcompile.emit.emitted import Emitted
from bpcompile.errors import TypeMismatchError
from bpcompile.ir.dims import evaluate
from bpcompile.ir.graph import Guard
from bpcompile.ir.type import Type
from bpcompile.runtime.dispatch import Exact, compile_exact, type_of
from bpcompile.runtime.lengths import Place, bare_name, bind_lengths, shape_of
from bpcompile.runtime.load import LoadedModule
from bpcompile.runtime.locks import ForkLock
from bpcompile.runtime.stages import in_threads

MAIN = "_main"


class Inexact(TypeMismatchError):
    """Signal a call whose arguments are not exactly what compiled code takes."""


def _inexact(*_: Any) -> Any:
    """Answer a call that the dispatcher does not take: the slow path catches this."""
    raise Inexact(
        "a dispatcher takes exactly the types that it was compiled for: call the compiled "
        "function itself, which converts its arguments"
    )


class Program:
    """Hold one compiled function: `NAME`, `_main` and `NAME_into` of an emitted module.

    `places` describes the caller's arguments, `hidden` holds the captured arrays that follow them,
    and `outputs` are the types of the result leaves in order. A call works in `size` words beside
    its arguments and results. `parts` are the numbers of parts into which loops are cut, if any
    are, and up to `threads` threads share these. `pool` has workspaces that no call is using;
    taking one and putting it back are each one step, so that threads may share it.
    `makers` keeps what is made of the code beside its entry points, and `lock` is held while code
    is made.
    """

    def __init__(
        self,
        loaded: LoadedModule,
        places: Sequence[Place],
        hidden: Sequence[np.ndarray],
        outputs: Sequence[Type],
        guards: Sequence[Guard],
        emitted: Emitted,
        threads: int = 1,
    ) -> None:
        """Hold the parts; nothing is compiled yet."""
        self.loaded = loaded
        self.name = emitted.name
        self.places = tuple(places)
        self.hidden = tuple(hidden)
        self.outputs = tuple(outputs)
        self.dims = emitted.dims
        self.guards = tuple(guards)
        self.size = emitted.words
        self.stages = emitted.stages
        self.parts = emitted.parts
        self.threads = threads
        self.pool: list[np.ndarray] = []
        self.makers: dict[Any, Any] = {}
        self.lock = ForkLock()

    @property
    def is_compiled(self) -> bool:
        """Tell whether the target is machine code."""
        return self.loaded.target == "numba"

    def function(self, suffix: str = "") -> Any:
        """Return a public function of the module: a dispatcher or a plain function."""
        return getattr(self.loaded.module, self.name + suffix)

    # -- entry points --------------------------------------------------------------------------

    @functools.cached_property
    def inputs(self) -> list[Any]:
        """Return the Numba types of the arguments and the captured arrays."""
        types = [place.type for place in self.places]
        given = [type_of(t.dtype.value, t.rank) for t in types]
        return given + [type_of(a.dtype.name, a.ndim, array=True) for a in self.hidden]

    @functools.cached_property
    def fresh(self) -> Exact:
        """Return the function with fresh results."""
        with self.lock:
            if not self.is_compiled:
                function = self.function()
                return Exact(function, function, function)
            return compile_exact(self.function(), self.inputs, _inexact)

    @functools.cached_property
    def fill(self) -> Exact:
        """Return the function that fills given arrays and returns the scalars.

        Machine code tests the lengths of the arguments, and nothing of the arrays and workspace:
        callers see to their lengths, and that they overlap nothing.
        """
        with self.lock:
            if not self.is_compiled:
                function = self.function("_fill")
                return Exact(function, function, function)
            function = getattr(self.loaded.module, MAIN)
            types = list(self.inputs)
            types += [type_of(t.dtype.value, t.rank) for t in self.outputs if t.rank]
            return compile_exact(function, [*types, *self._scratch(function)], _inexact)

    @functools.cached_property
    def shared(self) -> Callable[..., Any]:
        """Return what fills arrays as `fill` does, with parts of its loops in several threads."""
        with self.lock:
            return in_threads(self.loaded.module, MAIN, self.stages, self.threads)

    def filling(self, lengths: Mapping[str, int]) -> Callable[..., Any]:
        """Return what fills given arrays at these lengths."""
        if any(evaluate(size, lengths) > 1 for size in self.parts):
            return self.shared
        entry: Callable[..., Any] = self.fill.entry
        return entry

    @functools.cached_property
    def into(self) -> Exact:
        """Return the function that fills one array per result, of shape () for a scalar."""
        with self.lock:
            function = self.function("_into")
            if not self.is_compiled:
                return Exact(function, function, function)
            types = list(self.inputs)
            types += [type_of(t.dtype.value, t.rank, array=True) for t in self.outputs]
            return compile_exact(function, [*types, *self._scratch(function)], _inexact)

    def _scratch(self, function: Any) -> list[Any]:
        """Return the Numba type of the workspace where a function takes one."""
        code = plain_function(function).__code__
        names = code.co_varnames[: code.co_argcount]
        return [type_of("f64", 1)] if names[-1:] == ("workspace",) else []

    # -- workspaces ----------------------------------------------------------------------------

    def words(self, lengths: Mapping[str, int]) -> int:
        """Return the number of float64 words that a call with these lengths works in."""
        return evaluate(self.size, lengths)

    @functools.cached_property
    def takes_workspace(self) -> bool:
        """Tell whether `fill` has a last argument for scratch memory."""
        code = plain_function(self.function("_fill")).__code__
        return bool(code.co_varnames[: code.co_argcount][-1:] == ("workspace",))

    def take_workspace(self, words: int) -> np.ndarray:
        """Return a workspace that nobody else uses; put it into `pool` after the call."""
        try:
            found = self.pool.pop()
        except IndexError:
            return np.empty(words)
        return found if found.size >= words else np.empty(words)

    # -- calls ---------------------------------------------------------------------------------

    def lengths(self, leaves: Sequence[Any]) -> dict[str, int]:
        """Return the length of each dimension; raises `Misfit` where the code was made for others.

        The captured arrays have the lengths that they had, so only the caller's are looked at.
        """
        return bind_lengths(self.places, leaves, self.guards)

    def source_of(self, name: str) -> tuple[int, int | None]:
        """Return which argument a length is that of, and which axis; None where it is its value."""
        for position, place in enumerate(self.places):
            if bare_name(place.size) == name:
                return position, None
            for axis, size in enumerate(place.type.shape):
                if bare_name(size) == name:
                    return position, axis
        raise KeyError(name)

    def shapes(self, lengths: Mapping[str, int]) -> list[tuple[int, ...]]:
        """Return the shape of each result leaf."""
        return [shape_of(type, lengths) for type in self.outputs]

    def run(self, leaves: Sequence[Any]) -> Any:
        """Return the results of exact arguments, nested as tuples."""
        return self.fresh.entry(*leaves, *self.hidden)

    def run_filling(
        self, leaves: Sequence[Any], arrays: Sequence[np.ndarray], lengths: Mapping[str, int]
    ) -> list[Any]:
        """Fill exact arrays, one per result of rank 1 or more, and return the scalars in order."""
        entry = self.filling(lengths)
        if not self.takes_workspace:
            return self.scalars(entry(*leaves, *self.hidden, *arrays))
        workspace = self.take_workspace(self.words(lengths))
        try:
            return self.scalars(entry(*leaves, *self.hidden, *arrays, workspace))
        finally:
            self.pool.append(workspace)

    def scalars(self, returned: Any) -> list[Any]:
        """Return the scalars that `fill` gave back, each of the class that users get."""
        types = [type for type in self.outputs if not type.rank]
        values = [] if not types else [returned] if len(types) == 1 else returned
        return [as_scalar(value, type) for value, type in zip(values, types, strict=True)]


def as_scalar(value: Any, type: Type) -> Any:
    """Return a rank-0 result as the user gets it: machine code gives a Python float for float32."""
    return np.float32(value) if type.dtype.itemsize == 4 else value


def plain_function(function: Any) -> Any:
    """Return the Python function behind a dispatcher."""
    return getattr(function, "py_func", function)
