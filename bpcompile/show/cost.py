"""Say what a call costs: operations, bytes moved, workspace, for each kernel and in all.

In: the lowered graph and the values of a call. Out: a `Cost`, read off the plan that the Numba
target is printed from. Each figure is a formula in the dimensions and its value for the call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bpcompile.emit.names import safe_name
from bpcompile.ir.dims import Dim, Size, evaluate, product, size_names, substitute
from bpcompile.ir.graph import Graph
from bpcompile.ir.interpret import bind_dims
from bpcompile.ir.picture import html_table
from bpcompile.schedule.kernels import Kernel, split
from bpcompile.schedule.memory import lay_out
from bpcompile.schedule.plan import plan
from bpcompile.schedule.statements import Buffer, Plan, Product, Statement, Var
from bpcompile.show.schedules import schedules
from bpcompile.show.tables import text_table
from bpcompile.show.traffic import Counts, Shapes, count

_WORD = 8


@dataclass(frozen=True, slots=True)
class Amount:
    """Hold a count: its formula in the dimensions, and its value for a call.

    `value` is None where it depends on what only a run can tell.
    """

    formula: str
    value: int | None

    def __str__(self) -> str:
        """Return the value with its formula, where that says more."""
        if self.value is None:
            return self.formula
        shown = f"{self.value:,}".replace(",", " ")
        return shown if self.formula == str(self.value) else f"{shown} = {self.formula}"


@dataclass(frozen=True, slots=True)
class ArrayCost:
    """Hold what happens to one array.

    Attributes:
        name: the array.
        role: ``"input"``, ``"result"``, ``"temporary"`` or, outside of the workspace, ``"tape"``.
        shape: its shape, as text.
        bytes: its size.
        read: the bytes read of it, by all kernels.
        written: the bytes written to it.
    """

    name: str
    role: str
    shape: str
    bytes: Amount
    read: Amount
    written: Amount


@dataclass(frozen=True, slots=True)
class KernelCost:
    """Hold what one kernel or matrix product does.

    Attributes:
        name: what it computes.
        kind: ``"loops"`` or ``"product"``.
        operations: in units of an addition, as the op table weighs each op.
        calls: how often each op is computed, by name.
        read: the bytes read; an element counts once in each nest of loops.
        written: the bytes written.
    """

    name: str
    kind: str
    operations: Amount
    calls: Mapping[str, Amount]
    read: Amount
    written: Amount


@dataclass(frozen=True, slots=True)
class ScheduleCost:
    """Hold what reverse mode keeps of one loop that was asked, or made, to keep little.

    Attributes:
        loop: the line of the loop.
        kind: what is kept, such as ``"stretches of 1001 steps"`` or ``"binomial, 21 states"``.
        kept: the bytes of the states that are kept.
        tape: the bytes of the tape of one stretch or step, made again each time.
        runs: how often a step runs on average, in its own adjoint too; None where only a run tells.
    """

    loop: str
    kind: str
    kept: Amount
    tape: Amount
    runs: float | None


@dataclass(frozen=True, slots=True)
class Cost:
    """Hold the cost of a call.

    Attributes:
        name: the model.
        dims: the value of each dimension.
        kernels: in order of execution.
        arrays: inputs, results and temporaries.
        total: all kernels together.
        workspace: the bytes of scratch memory; temporaries share places.
        schedules: of loops with `checkpoint=`, or that `memory_budget=` gave one; others keep what
            they need of every step.

    Example:
        >>> import bpcompile as bp
        >>> import numpy as np
        >>> fn = bp.value_and_grad(lambda x: np.sum(x * x), target="numpy")
        >>> cost = fn.cost(np.ones(1000))
        >>> cost.total.read.value, cost.workspace.value, cost.temporaries
        (8000, 0, ())
    """

    name: str
    dims: Mapping[str, int]
    kernels: tuple[KernelCost, ...]
    arrays: tuple[ArrayCost, ...]
    total: KernelCost
    workspace: Amount
    schedules: tuple[ScheduleCost, ...] = ()

    @property
    def temporaries(self) -> tuple[ArrayCost, ...]:
        """Return the arrays that are neither inputs nor results."""
        return tuple(array for array in self.arrays if array.role == "temporary")

    def __str__(self) -> str:
        """Return the cost as two tables, for kernels and for arrays."""
        parts = [self._title(), "", text_table(_KERNELS, self._kernel_cells(), "llrrr")]
        if self.arrays:
            parts += ["", text_table(_ARRAYS, self._array_cells(), "lllrrr")]
        if self.schedules:
            parts += ["", text_table(_SCHEDULES, self._schedule_cells(), "llrrr")]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        """Return the cost as HTML tables."""
        kernels = html_table(self._title(), _KERNELS, self._kernel_cells())
        arrays = html_table("Arrays", _ARRAYS, self._array_cells())
        if not self.schedules:
            return kernels + arrays
        return kernels + arrays + html_table("Schedules", _SCHEDULES, self._schedule_cells())

    def _title(self) -> str:
        """Return the first line."""
        lengths = ", ".join(f"{name} = {value}" for name, value in self.dims.items())
        where = f" at {lengths}" if lengths else ""
        return f"Cost of {self.name}{where}: workspace {self.workspace} bytes"

    def _kernel_cells(self) -> list[list[tuple[str, ...]]]:
        """Return the lines of the kernels' table."""
        rows = [*self.kernels, *([self.total] if len(self.kernels) > 1 else [])]
        return [[(k.name, k.kind, str(k.operations), str(k.read), str(k.written))] for k in rows]

    def _array_cells(self) -> list[list[tuple[str, ...]]]:
        """Return the lines of the arrays' table."""
        return [
            [(a.name, a.role, a.shape, str(a.bytes), str(a.read), str(a.written))]
            for a in self.arrays
        ]

    def _schedule_cells(self) -> list[list[tuple[str, ...]]]:
        """Return the lines of the schedules' table."""
        return [
            [(s.loop, s.kind, str(s.kept), str(s.tape), "" if s.runs is None else f"{s.runs:.2f}")]
            for s in self.schedules
        ]


_SCHEDULES = ("loop", "schedule", "bytes kept", "bytes of tape", "runs of a step")
_KERNELS = ("kernel", "kind", "operations", "bytes read", "bytes written")
_ARRAYS = ("array", "role", "shape", "bytes", "bytes read", "bytes written")
_ROLES = {"param": "input", "out": "result", "temp": "temporary", "tape": "tape"}


def cost(graph: Graph, args: Sequence[Any], name: str) -> Cost:
    """Return what a call of a lowered graph costs.

    Args:
        graph: the graph that code is printed from.
        args: a value for each parameter; lengths and integers count.
        name: what the function is called.
    """
    return _Coster(graph, args, name).cost()


class _Coster:
    """Hold what the figures of one call share."""

    def __init__(self, graph: Graph, args: Sequence[Any], name: str) -> None:
        self.name, self.graph = name, graph
        self.plan: Plan = plan(graph)
        self.dims = bind_dims(graph, args)
        self.shapes: Shapes = {buffer.var: buffer.shape for buffer in self.plan.buffers}
        self.known: dict[str, int] = dict(self.dims)
        for var, arg in zip(self.plan.params, args, strict=True):
            if not var.rank and isinstance(arg, int):
                self.known[var.token] = arg
        self.called = _tokens(self.plan)

    def cost(self) -> Cost:
        """Return the cost."""
        total = Counts()
        kernels = []
        for name, kind, statements in self._parts():
            found = count(statements, self.shapes)
            total.include(found)
            kernels.append(self._kernel(name, kind, found))
        _, words = lay_out(self.plan)
        shown = (b for b in self.plan.buffers if b.role in _ROLES and self._is_used(b, total))
        return Cost(
            self.name,
            {name: value for name, value in self.dims.items() if not name.startswith("%")},
            tuple(kernels),
            tuple(self._array(number, buffer, total) for number, buffer in enumerate(shown)),
            self._kernel("in all", "", total),
            self._amount(words * _WORD),
            tuple(self._schedules()),
        )

    def _schedules(self) -> Iterator[ScheduleCost]:
        """Yield what loops keep that were asked to keep little."""
        for one in schedules(self.graph, self.known):
            kept, tape = self._amount(one.kept), self._amount(one.tape)
            yield ScheduleCost(one.place, one.kind, kept, tape, one.runs)

    def _parts(self) -> Iterator[tuple[str, str, list[Statement]]]:
        """Yield name, kind and statements of each kernel and product."""
        rest: list[Statement] = []
        for part in split(self.plan):
            if isinstance(part, Product):
                if rest:
                    yield "between kernels", "loops", rest
                    rest = []
                left, right, out = (self._title(v) for v in (part.left, part.right, part.out))
                yield f"{out} = {left} {right}", "product", [part]
            elif isinstance(part, Kernel):
                if rest:
                    yield "between kernels", "loops", rest
                    rest = []
                yield _title_of(part.made), "loops", part.statements
            else:
                rest.append(part)
        if rest:
            yield self.name, "loops", rest

    def _title(self, var: Var) -> str:
        """Return the name of an array."""
        return safe_name(var.hint) or "temporary"

    def _kernel(self, name: str, kind: str, found: Counts) -> KernelCost:
        """Return the figures of a kernel."""
        calls = {op: self._amount(found.calls[op]) for op in sorted(found.calls)}
        return KernelCost(
            name,
            kind,
            self._amount(found.operations),
            calls,
            self._amount(_bytes(found.read)),
            self._amount(_bytes(found.written)),
        )

    def _is_used(self, buffer: Buffer, total: Counts) -> bool:
        """Tell whether a temporary is ever touched; arguments and results always count."""
        touched = buffer.var in total.read or buffer.var in total.written
        return touched or buffer.role != "temp"

    def _array(self, number: int, buffer: Buffer, total: Counts) -> ArrayCost:
        """Return the figures of an array."""
        size, var = buffer.dtype.itemsize, buffer.var
        shape = ", ".join(str(self._named(length)) for length in buffer.shape)
        return ArrayCost(
            safe_name(var.hint) or f"v{number}",
            _ROLES[buffer.role],
            f"{buffer.dtype.value}[{shape}]",
            self._amount(product(buffer.shape) * size),
            self._amount(total.read.get(var, 0) * size),
            self._amount(total.written.get(var, 0) * size),
        )

    def _amount(self, size: Size) -> Amount:
        """Return a count with its value."""
        try:
            value: int | None = evaluate(size, self.known)
        except KeyError:
            value = None
        return Amount(str(self._named(size)), value)

    def _named(self, size: Size) -> Size:
        """Return a size with the names of run-time integers in place of their tokens."""
        tokens = {name for name in size_names(size) if name.startswith("%")}
        return substitute(size, {t: Dim.named(self.called.get(t, "count")) for t in tokens})


def _tokens(plan: Plan) -> dict[str, str]:
    """Return what run-time integers among the parameters are called in formulas."""
    return {var.token: safe_name(var.hint) or "count" for var in plan.params if not var.rank}


def _bytes(elements: Mapping[Var, Size]) -> Size:
    """Return the bytes of elements of several arrays."""
    total: Size = 0
    for var, number in elements.items():
        total = total + number * var.dtype.itemsize
    return total


def _title_of(made: Sequence[str]) -> str:
    """Return the name of a kernel: from its first to its last named value."""
    named = [name for name in map(safe_name, made) if name]
    if not named:
        return "kernel"
    return f"{named[0]} to {named[-1]}" if named[0] != named[-1] else named[0]
