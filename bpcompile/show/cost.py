"""Hold what a call costs, and print it: operations, bytes moved, workspace.

Each figure is a formula in the lengths and, for a call, its value. The text has the values first,
and below them the formulas, what is too long in them under letters of their own.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from bpcompile.ir.dims import Size, size_names
from bpcompile.ir.figures import figure
from bpcompile.ir.picture import html_table
from bpcompile.show.folding import WIDTH, Folder, shortened
from bpcompile.show.tables import text_table


@dataclass(frozen=True, slots=True)
class Amount:
    """Hold a count: as a size in the dimensions, and what the lengths of a call make of it.

    `found` is an int but where it depends on what only a run can tell.
    """

    size: Size
    found: Size

    @property
    def formula(self) -> str:
        """Return the formula, for lengths of at least 1."""
        return figure(self.size)

    @property
    def value(self) -> int | None:
        """Return the value for the call, None where only a run can tell."""
        return self.found if isinstance(self.found, int) else None

    def __add__(self, other: Amount) -> Amount:
        """Return the sum of two counts of one call."""
        return Amount(self.size + other.size, self.found + other.found)

    def __str__(self) -> str:
        """Return the value with its formula, where that says more."""
        if self.value is None:
            return self.formula
        shown = grouped(self.value)
        return shown if isinstance(self.size, int) else f"{shown} = {self.formula}"


_Cells: TypeAlias = tuple[str | Amount, ...]


def grouped(number: int) -> str:
    """Return a number with its digits in threes."""
    return f"{number:,}".replace(",", " ")


@dataclass(frozen=True, slots=True)
class ArrayCost:
    """Hold what happens to one array.

    Attributes:
        name: the array.
        role: ``"input"``, ``"result"``, ``"temporary"`` or, outside of the workspace, ``"tape"``.
        dtype: of its elements, such as ``"f64"``.
        lengths: its shape.
        bytes: its size.
        read: the bytes read of it, by all kernels.
        written: the bytes written to it.
    """

    name: str
    role: str
    dtype: str
    lengths: tuple[Size, ...]
    bytes: Amount
    read: Amount
    written: Amount

    @property
    def shape(self) -> str:
        """Return dtype and shape as text: ``f64[n, d]``."""
        return f"{self.dtype}[{', '.join(map(figure, self.lengths))}]"

    @property
    def amounts(self) -> tuple[Amount, ...]:
        """Return its size and what is read and written."""
        return self.bytes, self.read, self.written


@dataclass(frozen=True, slots=True)
class KernelCost:
    """Hold what one kernel or matrix product does.

    Attributes:
        name: what it computes.
        kind: ``"loops"``, ``"product"`` or ``"routine"``.
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

    @property
    def amounts(self) -> tuple[Amount, ...]:
        """Return operations and what is read and written."""
        return self.operations, self.read, self.written


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
        notes: what the names in figures stand for that are no lengths.

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
    notes: tuple[str, ...] = ()

    @property
    def temporaries(self) -> tuple[ArrayCost, ...]:
        """Return the arrays that are neither inputs nor results."""
        return tuple(array for array in self.arrays if array.role == "temporary")

    def __str__(self) -> str:
        """Return the values for kernels and arrays, and the formulas below them."""
        folder = Folder(self._names())
        kernels: list[_Cells] = [(shortened(k.name, 30), k.kind, *k.amounts) for k in self._rows()]
        parts = [*textwrap.wrap(self._title(), WIDTH), ""]
        parts.append(text_table(_KERNELS, _valued(kernels, folder, 16), "llrrr"))
        if self.arrays:
            arrays: list[_Cells] = [
                (shortened(name, 18), array.role, _shape(array, folder), *amounts)
                for name, array, amounts in _merged(self.arrays)
            ]
            parts += ["", text_table(_ARRAYS, _valued(arrays, folder, 12), "lllrrr")]
        if self.schedules:
            loops: list[_Cells] = [
                (shortened(s.loop, 30), s.kind, s.kept, s.tape, _runs(s)) for s in self.schedules
            ]
            parts += ["", text_table(_SCHEDULES, _valued(loops, folder, 16), "llrrr")]
        parts += self._formulas(folder)
        for note in self.notes:
            parts += textwrap.wrap(note, WIDTH, subsequent_indent="    ")
        return "\n".join(parts)

    def _formulas(self, folder: Folder) -> list[str]:
        """Return the figures as formulas, and what the letters in all tables stand for."""
        rows = self._rows() if len(self.kernels) <= _MOST_FORMULAS else [self.total]
        if any(size_names(a.size) for row in rows for a in row.amounts):
            cells = [
                (shortened(row.name, 30), *(folder.cell(a.size, 20) for a in row.amounts))
                for row in rows
            ]
            if size_names(self.workspace.size):
                cells.append(("bytes of workspace", folder.cell(self.workspace.size, 20), "", ""))
            head = ("in the lengths", "operations", "bytes read", "bytes written")
            table = ["", text_table(head, [cells], "llll")]
        else:
            table = []
        explained = folder.lines()
        return [*table, *([""] if explained or self.notes else []), *explained]

    def _names(self) -> set[str]:
        """Return the names that figures use."""
        amounts = [self.workspace, *self.total.amounts]
        amounts += [amount for array in self.arrays for amount in array.amounts]
        amounts += [amount for s in self.schedules for amount in (s.kept, s.tape)]
        sizes = [*(a.size for a in amounts), *(size for a in self.arrays for size in a.lengths)]
        return {*self.dims, *(name for size in sizes for name in size_names(size))}

    def _rows(self) -> list[KernelCost]:
        """Return the kernels, and their sum where they are several."""
        return [*self.kernels, *([self.total] if len(self.kernels) > 1 else [])]

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
        words = self.workspace.value
        size = self.workspace.formula if words is None else grouped(words)
        return f"Cost of {self.name}{where}: workspace {size} bytes"

    def _kernel_cells(self) -> list[list[tuple[str, ...]]]:
        """Return the lines of the kernels' table, with formulas."""
        return [[(k.name, k.kind, *map(str, k.amounts))] for k in self._rows()]

    def _array_cells(self) -> list[list[tuple[str, ...]]]:
        """Return the lines of the arrays' table, with formulas."""
        return [[(a.name, a.role, a.shape, *map(str, a.amounts))] for a in self.arrays]

    def _schedule_cells(self) -> list[list[tuple[str, ...]]]:
        """Return the lines of the schedules' table, with formulas."""
        return [[(s.loop, s.kind, str(s.kept), str(s.tape), _runs(s))] for s in self.schedules]


_SCHEDULES = ("loop", "schedule", "bytes kept", "bytes of tape", "runs of a step")
_KERNELS = ("kernel", "kind", "operations", "bytes read", "bytes written")
_ARRAYS = ("array", "role", "shape", "bytes", "bytes read", "bytes written")
_MOST_FORMULAS = 12


def _valued(rows: Iterable[_Cells], folder: Folder, most: int) -> list[list[tuple[str, ...]]]:
    """Return rows as cells of a table, amounts by what is known of them."""
    return [[tuple(c if isinstance(c, str) else _known(c, folder, most) for c in r)] for r in rows]


def _known(amount: Amount, folder: Folder, most: int) -> str:
    """Return the value of an amount, or its formula with the lengths of the call in it."""
    return folder.cell(amount.found, most) if amount.value is None else grouped(amount.value)


def _runs(schedule: ScheduleCost) -> str:
    """Return how often a step runs, where that is known."""
    return "" if schedule.runs is None else f"{schedule.runs:.2f}"


def _shape(array: ArrayCost, folder: Folder) -> str:
    """Return the shape of an array with long lengths by letters."""
    if len(array.shape) <= _SHAPE:
        return array.shape
    lengths = ", ".join(folder.cell(size, _LENGTH) for size in array.lengths)
    return shortened(f"{array.dtype}[{lengths}]", _SHAPE)


_SHAPE = 26
_LENGTH = 6


def _merged(
    arrays: Iterable[ArrayCost],
) -> Iterable[tuple[str, ArrayCost, tuple[Amount, ...]]]:
    """Return name, array and figures of each array; arrays alike in one row, with their number."""
    alike: dict[tuple[str, str, str], list[ArrayCost]] = {}
    for array in arrays:
        alike.setdefault((array.name, array.role, array.shape), []).append(array)
    for (name, _, _), group in alike.items():
        amounts = group[0].amounts
        for other in group[1:]:
            amounts = tuple(a + b for a, b in zip(amounts, other.amounts, strict=True))
        many = f"{len(group)} x " if len(group) > 1 else ""
        yield many + name, group[0], amounts
