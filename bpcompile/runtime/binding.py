"""Make the fastest form of a call: the same buffers at each call, and nothing looked up twice.

In: a `Program` and the exact leaves of an example. Out: a closure for arguments of the example's
types and lengths. It calls machine code directly, past Numba's dispatcher, so it compares class,
dtype and strides of each array itself. The compiled prologue compares lengths with those of the
buffers, and refuses an argument that overlaps one. What differs goes to the slow path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bpcompile.frontend.trees import LEAF, Structure
from bpcompile.ir.type import DType, Type
from bpcompile.runtime.calling import MISSED, NUMBERS, Layout, Slow
from bpcompile.runtime.program import Program, as_scalar

_MISSING: Any = object()


class Bound:
    """Hold the buffers of a bound call, and fill them for exact leaves."""

    def __init__(self, program: Program, leaves: Sequence[Any], structure: Structure) -> None:
        """Make the buffers; `structure` is that of the results."""
        lengths = program.lengths(leaves)
        shapes = program.shapes(lengths)
        self.program = program
        self.lengths = lengths
        self.strides = [leaf.strides if isinstance(leaf, np.ndarray) else None for leaf in leaves]
        self.buffers = [
            np.empty(shape, type.dtype.numpy_name)
            for shape, type in zip(shapes, program.outputs, strict=True)
            if type.rank
        ]
        words = program.words(lengths)
        self.scratch = (np.empty(words),) if program.takes_workspace else ()
        self.entry = program.fill.entry
        self.structure = structure

    def fill(self, leaves: Sequence[Any]) -> Any:
        """Fill the buffers for leaves of the example's types and lengths; return the results.

        What overlaps a buffer, such as a result of the call before, is copied first.
        """
        apart = [
            leaf.copy() if isinstance(leaf, np.ndarray) and self._touches(leaf) else leaf
            for leaf in leaves
        ]
        return self.results(self.entry(*apart, *self.program.hidden, *self.buffers, *self.scratch))

    def _touches(self, leaf: np.ndarray) -> bool:
        """Tell whether an argument may share memory with a buffer."""
        return any(np.may_share_memory(leaf, buffer) for buffer in self.buffers)

    def results(self, returned: Any) -> Any:
        """Return the results: the buffers, and the scalars that machine code returned."""
        arrays, scalars = iter(self.buffers), iter(self.program.scalars(returned))
        outputs = self.program.outputs
        return self.structure.unflatten(
            [next(arrays) if type.rank else next(scalars) for type in outputs]
        )


def make_bound(bound: Bound, layout: Layout, slow: Slow) -> Callable[..., Any]:
    """Return the closure of a bound call; `slow` takes what is not exact."""
    program = bound.program
    ranks = [place.type.rank for place in program.places]
    if layout.take is None and len(ranks) == 1 and ranks[0] and not program.hidden:
        return _one_array(bound, layout, slow)
    return _general(bound, layout, slow)


def _one_array(bound: Bound, layout: Layout, slow: Slow) -> Callable[..., Any]:
    """Return the closure for one array, with one or more buffers."""
    entry, buffers = bound.entry, bound.buffers
    dtype = np.dtype(bound.program.places[0].type.dtype.numpy_name)
    ndarray, tail = np.ndarray, (*buffers, *bound.scratch)
    finish, (strides,) = _finisher(bound), bound.strides

    def call(x: Any = _MISSING, /, *rest: Any, **keywords: Any) -> Any:
        if (
            x.__class__ is ndarray
            and (x.dtype is dtype or x.dtype == dtype)
            and x.strides == strides
            and not rest
            and not keywords
        ):
            try:
                return finish(entry(x, *tail))
            except (ValueError, IndexError):
                pass
        return slow(() if x is _MISSING else (x, *rest), keywords)

    if layout.form != "pair" or layout.finish is not None or bound.scratch:
        return call
    (buffer,) = buffers

    def pair(x: Any = _MISSING, /, *rest: Any, **keywords: Any) -> Any:
        if (
            x.__class__ is ndarray
            and (x.dtype is dtype or x.dtype == dtype)
            and x.strides == strides
            and not rest
            and not keywords
        ):
            try:
                return entry(x, buffer), buffer
            except (ValueError, IndexError):
                pass
        return slow(() if x is _MISSING else (x, *rest), keywords)

    return pair


def _general(bound: Bound, layout: Layout, slow: Slow) -> Callable[..., Any]:
    """Return the closure for any other arguments."""
    entry, take = bound.entry, layout.take
    tail = (*bound.program.hidden, *bound.buffers, *bound.scratch)
    places = bound.program.places
    checks = [_check_of(place.type, s) for place, s in zip(places, bound.strides, strict=True)]
    finish = _finisher(bound)

    def call(*args: Any, **keywords: Any) -> Any:
        if not keywords:
            try:
                leaves = args if take is None else take(args)
                exact = len(leaves) == len(checks)
                for leaf, (kind, dtype, strides) in zip(leaves, checks, strict=False):
                    if leaf.__class__ is not kind or not (
                        strides is None or (leaf.dtype == dtype and leaf.strides == strides)
                    ):
                        exact = False
                        break
                if exact:
                    return finish(entry(*leaves, *tail))
            except MISSED:
                pass
        return slow(args, keywords)

    return call


def _check_of(type: Type, strides: Any) -> tuple[Any, Any, Any]:
    """Return the class of an exact leaf, and for an array its dtype and strides."""
    if strides is None:
        return NUMBERS[type.dtype], None, None
    return np.ndarray, np.dtype(type.dtype.numpy_name), strides


def _finisher(bound: Bound) -> Callable[[Any], Any]:
    """Return the function from what machine code returns to the results.

    Parts without scalars are the same objects at each call.
    """
    outputs, structure = bound.program.outputs, bound.structure
    if all(type.rank for type in outputs):
        result = bound.results(None)
        return lambda _: result
    root, first = structure.tokens[-1], outputs[0]
    pair = root is not LEAF and root.kind is tuple and len(root.keys) == 2
    if pair and structure.tokens[0] is LEAF and all(type.rank for type in outputs[1:]):
        rest = structure.unflatten([None, *bound.buffers])[1]
        if first.dtype is DType.F32:
            return lambda value: (as_scalar(value, first), rest)
        return lambda value: (value, rest)
    return bound.results
