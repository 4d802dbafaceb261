"""Make the fastest form of a call: the same buffers at each call, and nothing looked up twice.

In: a `Program` and the exact leaves of an example. Out: a function for arguments of the example's
types and lengths. The compiled prologue compares lengths with those of the buffers, and refuses an
argument that overlaps one. What differs goes to the slow path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bpcompile.frontend.arguments.trees import Structure
from bpcompile.runtime.calling import Layout, Slow, around, native_of
from bpcompile.runtime.forms import Form, Part, steps_of
from bpcompile.runtime.program import Program
from bpcompile.runtime.vectorcall import Make, make_bound_call


class Bound:
    """Hold the buffers of a bound call, and fill them for exact leaves."""

    def __init__(self, program: Program, leaves: Sequence[Any], structure: Structure) -> None:
        """Make the buffers; `structure` is that of the results."""
        lengths = program.lengths(leaves)
        shapes = program.shapes(lengths)
        self.program = program
        self.lengths = lengths
        self.buffers = [
            np.empty(shape, type.dtype.numpy_name)
            for shape, type in zip(shapes, program.outputs, strict=True)
            if type.rank
        ]
        words = program.words(lengths)
        self.scratch = (np.empty(words),) if program.takes_workspace else ()
        self.entry = program.filling(lengths)
        self.structure = structure

    @property
    def is_shared(self) -> bool:
        """Tell whether several threads compute at these lengths."""
        return self.program.filling(self.lengths) is not self.program.fill.entry

    def fill(self, leaves: Sequence[Any]) -> Any:
        """Fill the buffers for leaves of the example's types and lengths; return the results.

        What overlaps a buffer, such as a result of the call before, is copied first.
        """
        apart = [
            leaf.copy() if isinstance(leaf, np.ndarray) and self._touches(leaf) else leaf
            for leaf in leaves
        ]
        return self.results(self.entry(*apart, *self.program.hidden, *self.buffers, *self.scratch))

    def tail(self, results: Structure) -> tuple[Any, ...]:
        """Return what a bound call holds: arrays, and the parts of its result without scalars."""
        outputs = self.program.outputs
        arrays = iter(self.buffers)
        leaves = [next(arrays) if type.rank else None for type in outputs]
        steps = steps_of(results, outputs, bound=True)
        parts = [
            step.structure.unflatten([leaves[k] for k in step.leaves])
            for step in steps
            if isinstance(step, Part)
        ]
        return (*self.program.hidden, *self.buffers, *self.scratch, *parts)

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


def make_bound(bound: Bound, layout: Layout, limit: int, slow: Slow) -> Callable[..., Any]:
    """Return the function of a bound call; `slow` takes what is not exact."""
    program = bound.program
    arrays = all(type.rank for type in program.outputs)
    native = native_of(layout, len(program.places), fixed=arrays)
    if native is None or bound.is_shared:
        return slow
    make = _maker(program, native.form, limit)
    return around(native, lambda slow: make((slow, *bound.tail(native.form.results))), slow)


def _maker(program: Program, form: Form, limit: int) -> Make:
    """Return what makes bound calls of a program; all of them share their machine code."""
    with program.lock:
        found = program.makers.get(form)
        if found is None:
            found = program.makers[form] = make_bound_call(program, form, limit)
        return found
