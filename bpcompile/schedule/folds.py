"""Write reductions: the start of an accumulator, one step of it, and its end.

An accumulator is a scalar where the folded loop is the innermost, and else an array with the
axes whose loops stand inside of the folded one. A float32 sum or product accumulates in float64
and is rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Node
from bpcompile.ir.op import Kind
from bpcompile.ir.type import DType
from bpcompile.schedule.cursor import Cursor
from bpcompile.schedule.nest import Index, Loop, Task
from bpcompile.schedule.places import ArrayPlace
from bpcompile.schedule.reading import Reader
from bpcompile.schedule.statements import (
    Apply,
    Expression,
    Fill,
    Fold,
    FoldIndex,
    For,
    Lit,
    Load,
    Set,
    SizeValue,
    Store,
    Var,
)

_IDENTITY = {"sum": 0.0, "prod": 1.0, "max": -math.inf, "min": math.inf, "any": False, "all": True}
_INT_EXTREMES = {"max": -(2**63), "min": 2**63 - 1}
_ARG = ("argmax", "argmin")


class Folds:
    """Write the reductions of one block."""

    def __init__(self, reader: Reader) -> None:
        """Hold what reads the block's values."""
        self.reader = reader
        self._open: dict[Task, Var | ArrayPlace | tuple[Var, Var]] = {}

    def start(self, task: Task, cursor: Cursor) -> None:
        """Write the start value of an accumulator."""
        node = task.node
        op, dtype = fold_name(node), node.array_type.dtype
        if op in _ARG:
            self._start_index(task, cursor)
            return
        wide = DType.F64 if dtype is DType.F32 and op in ("sum", "prod") else dtype
        first = Lit(start_value(op, wide), wide)
        inner = self.reader.inner_axes(task)
        if not inner:
            var = Var(node.name, wide)
            cursor.add(Set(var, first))
            self._open[task] = var
            return
        place = self._array(task, inner, wide)
        self._open[task] = place
        if len(place.axes) == len(inner):
            cursor.add(Fill(place.var, first.value))
        else:
            self._each(task, inner, cursor, lambda at: Store(place.var, place.kept(at), first))

    def _start_index(self, task: Task, cursor: Cursor) -> None:
        """Write the start of argmax or argmin: the extreme value so far and its position."""
        node = task.node
        best = Var(None, node.args[0].array_type.dtype)
        where = Var(node.name, DType.I64)
        first = start_value(node.op.name.removeprefix("arg"), best.dtype)
        cursor.add(Set(best, Lit(first, best.dtype)))
        cursor.add(Set(where, Lit(0, DType.I64)))
        self._open[task] = (best, where)

    def _array(self, task: Task, inner: tuple[int, ...], wide: DType) -> ArrayPlace:
        """Return the array of accumulators: the result's own where no wider type is needed."""
        node = task.node
        if wide is node.array_type.dtype:
            return self.reader.buffer_with(task, inner)
        shape = tuple(node.shape[k] for k in inner)
        return ArrayPlace(self.reader.shop.temporary(None, wide, shape), inner)

    def _each(
        self,
        task: Task,
        inner: tuple[int, ...],
        cursor: Cursor,
        statement: Callable[[Index], Store],
    ) -> None:
        """Write a statement for each inner index of the current outer iteration."""
        at: list[Size] = self.reader.result_at(task)
        loops = []
        for k in inner:
            loop = Loop(task.node.shape[k], len(task.path))
            at[k] = loop.counter
            loops.append(loop)
        nest: list[For | Store] = [statement(tuple(at))]
        for loop in reversed(loops):
            if loop.size != 1:
                nest = [For(loop.var, Lit(0, DType.I64), SizeValue(loop.size), [*nest])]
        cursor.add(nest[0])

    def step(self, task: Task, cursor: Cursor) -> None:
        """Write one step of a fold."""
        at = self.reader.iteration(task)
        kept = self._open[task]
        value = self._operand(task, at, cursor)
        if isinstance(kept, tuple):
            (axis,) = task.folded_axes()
            op = task.node.op.name.removeprefix("arg")
            cursor.add(FoldIndex(kept[0], kept[1], op, value, at[axis], task.node))
            return
        target: Var | Load = (
            kept
            if isinstance(kept, Var)
            else Load(kept.var, kept.kept(tuple(at[a] for a in task.result)))
        )
        cursor.add(Fold(target, fold_name(task.node), value, task.node))

    def _operand(self, task: Task, at: Sequence[Size], cursor: Cursor) -> Expression:
        """Return what one step of a fold adds: an element, or a product of two."""
        parts = tuple(self.reader.read(arg, index, cursor) for arg, index in task.operands(at))
        return parts[0] if len(parts) == 1 else Apply(task.node, parts)

    def finish(self, task: Task, cursor: Cursor) -> None:
        """Round a finished fold, store it where it is read from an array, and make it known."""
        node, kept = task.node, self._open.pop(task)
        if isinstance(kept, ArrayPlace):
            if kept.var.dtype is not node.array_type.dtype:
                self._round(task, kept, cursor)
            return
        at = tuple(self.reader.result_at(task))
        dtype = node.array_type.dtype
        var = kept[1] if isinstance(kept, tuple) else kept
        if var.dtype is not dtype:
            narrow = Var(node.name, dtype)
            cursor.add(Set(narrow, Apply(self.reader.shop.conversion(dtype), (var,))))
            var = narrow
        if task.share < task.ready_depth() or node in self.reader.claims:
            array = self.reader.buffer(task)
            cursor.add(Store(array.var, array.kept(at), var))
        cursor.remember(node, at, var)

    def _round(self, task: Task, wide: ArrayPlace, cursor: Cursor) -> None:
        """Round accumulators of a wider type into the array of the result."""
        place = self.reader.buffer_with(task, wide.axes)
        conversion = self.reader.shop.conversion(task.node.array_type.dtype)

        def rounded(at: Index) -> Store:
            value = Apply(conversion, (Load(wide.var, wide.kept(at)),))
            return Store(place.var, place.kept(at), value)

        self._each(task, wide.axes, cursor, rounded)


def fold_name(node: Node) -> str:
    """Return the fold of a task's node: products are summed."""
    return "sum" if node.op.kind is Kind.CONTRACTION else node.op.name


def start_value(op: str, dtype: DType) -> float | int | bool:
    """Return the neutral element of a fold."""
    name = op.removeprefix("arg")
    if dtype is DType.I64:
        return _INT_EXTREMES.get(name, int(_IDENTITY[name]) if name in ("sum", "prod") else 0)
    return _IDENTITY[name]


def folded_loop(task: Task) -> Loop | None:
    """Return the outermost loop over which a task folds."""
    depth = task.ready_depth()
    return task.path[depth] if depth < len(task.path) else None
