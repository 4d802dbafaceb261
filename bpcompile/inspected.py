"""Show what was compiled, and hand it out: source, graphs, stages, dispatchers, machine code.

In: the specializations of a function, the newest last. Out: the members of a compiled function
that do not run it. All but `compilations` and `specializations` are those of the newest one, and
`NotCompiledError` before the first.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpcompile import startup
from bpcompile.errors import ArgumentError, NotCompiledError
from bpcompile.frontend.arguments.inputs import Arguments
from bpcompile.ir.graph import Graph
from bpcompile.runtime.cfunction import CFunction, c_function
from bpcompile.runtime.native import asm_text, fresh_dispatcher, into_dispatcher, llvm_text
from bpcompile.runtime.saving import save_module
from bpcompile.specialization import Specialization

if TYPE_CHECKING:
    from bpcompile import showing
    from bpcompile.show.cost import Cost
    from bpcompile.show.ledger import Ledger
    from bpcompile.show.profiles import Profile
    from bpcompile.show.report import GradientReport
else:  # a program that only calls needs none of it
    showing = startup.import_module("bpcompile.showing")


class Inspected:
    """Hold the specializations of a function, and show the newest one."""

    def __init__(self, name: str) -> None:
        """Start with nothing compiled; `name` is the function's, for messages."""
        self._name = name
        self._all: list[Specialization] = []

    @property
    def specializations(self) -> tuple[Specialization, ...]:
        """Return what was compiled so far, the newest last."""
        return tuple(self._all)

    @property
    def compilations(self) -> list[dict[str, Any]]:
        """Return for each compilation its types, reason, time, guards, stages and cache hits."""
        return [made.summary() for made in self._all]

    @property
    def _newest(self) -> Specialization:
        """Return what was compiled last."""
        if not self._all:
            raise NotCompiledError(
                f"{self._name} is not compiled yet: call it, or call .compile with examples or "
                'types such as bp.f64["n d"]'
            )
        return self._all[-1]

    @property
    def source(self) -> str:
        """Return the emitted module of the newest specialization."""
        return self._newest.compilation.emitted.text

    @property
    def graph(self) -> Graph:
        """Return the graph of the model as written."""
        return self._newest.compilation.traced.graph

    @property
    def adjoint(self) -> Graph:
        """Return the joint graph after the adjoint pass."""
        return self._newest.compilation.joint.graph

    @property
    def stages(self) -> list[tuple[str, Graph]]:
        """Return name and graph after each stage and pass that changed it."""
        return self._newest.compilation.stages

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the results of a call."""
        raise NotImplementedError

    def _taken(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Specialization, Sequence[Any]]:
        """Return the code for a call, compiled now if need be, and the call's exact leaves."""
        raise NotImplementedError

    def _model_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Arguments]:
        """Return the function as its author wrote it, and what a call of it is given."""
        raise NotImplementedError

    def explain(self, *args: Any, **kwargs: Any) -> Ledger:
        """Return the backpropagation of a call, operation by operation: the ledger.

        It shows the model as written: for each operation the value, the adjoint, the local
        derivatives, what goes back to each operand, and the emitted line that computes it or the
        rewrite that absorbed it. `print` shows a table; ``.rows`` has the numbers.

            >>> import bpcompile as bp
            >>> fn = bp.grad(lambda x, y, z: (x + y) * z, argnums=(0, 1, 2), target="numpy")
            >>> [row.adjoint for row in fn.explain(-2.0, 5.0, -4.0)]
            [-4.0, -4.0, 3.0, -4.0, 1.0]
        """
        return showing.explain(*self._taken(args, kwargs))

    def check(self, *args: Any, **kwargs: Any) -> GradientReport:
        """Return how the results of a call compare with those of the interpreter.

        Derivatives are compared with complex steps, or with central differences where an operation
        has no complex form. The report is falsy where an entry is off by more than half of the
        digits, and has the worst entry of each argument. What the interpreter finds is compared in
        turn with what the function itself returns, run by Python on copies of the arguments, where
        it runs so: that would show a fault in how it was traced.

            >>> import bpcompile as bp
            >>> report = bp.grad(lambda x: x**3, target="numpy").check(2.0)
            >>> bool(report), report.worst["x"].expected
            (True, 12.0)
        """
        return showing.check(*self._taken(args, kwargs), *self._model_call(args, kwargs))

    def cost(self, *args: Any, **kwargs: Any) -> Cost:
        """Return what a call costs: operations, bytes read and written, workspace.

        The figures are those of the loops that the Numba target has, each as a formula in the
        lengths and as a number, for each kernel and in all.

            >>> import bpcompile as bp
            >>> import numpy as np
            >>> fn = bp.value_and_grad(lambda x: np.sum(np.exp(x)), target="numpy")
            >>> print(fn.cost(np.ones(1000)).total.read)
            8 000 = 8*n
        """
        return showing.cost(*self._taken(args, kwargs))

    def profile(self, *args: Any, repeat: int | None = None, **kwargs: Any) -> Profile:
        """Return where a call spends its time: seconds for each nest of loops, beside its cost.

        The clock is read inside of the compiled code, between its loops, matrix products and
        routines; the numpy target is timed line by line. `repeat` is the number of runs, by default
        as many as fit in half a second, and the figures are medians. `print` shows a table;
        ``.rows`` has the numbers, with the line in ``fn.source``.

            >>> import bpcompile as bp
            >>> import numpy as np
            >>> fn = bp.value_and_grad(lambda x: np.sum(np.exp(x)), target="numpy")
            >>> profile = fn.profile(np.ones(1000), repeat=20)
            >>> 0 < profile.seconds < 1
            True
        """
        call = functools.partial(self, *args, **kwargs)
        return showing.profile(*self._taken(args, kwargs), call, repeat)

    @property
    def njit(self) -> Any:
        """Return the Numba dispatcher of the newest specialization, for your own `@njit` code.

        ``fn.njit(*leaves)`` takes arrays of any layout, and returns the results nested as tuples.
        Another dtype or rank is a Numba `TypingError`, a broken guard a `ValueError`.
        """
        return fresh_dispatcher(self._newest.program)

    @property
    def njit_into(self) -> Any:
        """Return the dispatcher that fills arrays: ``fn.njit_into(*leaves, *outs)``.

        It takes one array per result leaf, of shape () for a scalar. A function that works in
        scratch memory also takes, last and by position, a float64 array of at least
        `workspace_size` elements; without it each call makes one.
        """
        return into_dispatcher(self._newest.program)

    @property
    def cfunc(self) -> CFunction:
        """Return a function pointer for C: ``int32_t f(leaves..., int64_t dims..., outs...)``.

        Arrays are pointers to C-contiguous elements, scalars go by value, `dims` are the lengths
        in the order of the arguments' axes, and each result is a pointer. It returns 0, or a
        number that is not where a guard fails, and raises nothing.
        """
        return c_function(self._newest.program)

    def workspace_size(self, *dims: int) -> int:
        """Return the length of a workspace for lengths in the order of the arguments' axes."""
        program = self._newest.program
        if len(dims) != len(program.dims):
            names = ", ".join(program.dims)
            raise ArgumentError(f"{self._name}: workspace_size takes the lengths ({names})")
        return program.words(dict(zip(program.dims, dims, strict=True)))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the newest specialization as a module that needs only NumPy, Numba and SciPy.

        Captured arrays are written beside it. Returns the path; raises `ArgumentError` where it
        does not end in ``.py``.
        """
        return save_module(self._newest.program, self.source, path)

    def llvm(self) -> str:
        """Return what LLVM made of the newest specialization."""
        return llvm_text(self._newest.program)

    def asm(self) -> str:
        """Return the assembly of the newest specialization."""
        return asm_text(self._newest.program)
