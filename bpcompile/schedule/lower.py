"""Write a block's tree of tasks as statements, and give buffers to values that outlive their loop.

Every value is read through `Lowering.read`: as a scalar where the same iteration made it, as an
element of its buffer where it has one, and else through its operands. A cheap value with several
readers is computed once in each loop that reads it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from bpcompile.errors import CompileError
from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Node
from bpcompile.ir.op import Kind
from bpcompile.ir.types import DType, Type
from bpcompile.schedule.block import Block, through
from bpcompile.schedule.nest import Index, Loop, Scope, Task
from bpcompile.schedule.places import ArrayPlace, Cursor, OuterPlace, Place, Workshop
from bpcompile.schedule.ranges import extremes
from bpcompile.schedule.statements import (
    Apply,
    Expression,
    Fill,
    Fold,
    FoldIndex,
    For,
    Lit,
    Load,
    Product,
    Set,
    SizeValue,
    Store,
    Var,
)
from bpcompile.schedule.tasks import Work, mapped_index, pointer_indices

_INLINE_OPS = 4
_LETTERS = "ijkpqrstuvw"
_IDENTITY = {"sum": 0.0, "prod": 1.0, "max": -math.inf, "min": math.inf, "any": False, "all": True}
_INT_EXTREMES = {"max": -(2**63), "min": 2**63 - 1}


class Lowering:
    """Lower one block. Regions inside it are lowered by `regions`, through `open_region`."""

    def __init__(self, block: Block, shop: Workshop, places: dict[Node, Place], cursor: Cursor):
        """Prepare to lower a block whose parameters stand at `places`."""
        self.block = block
        self.shop = shop
        self.places = places
        self.top = cursor
        self.claims: dict[Node, Var] = {}  # arrays that values are asked to be made in
        self._arrays: dict[Node, ArrayPlace] = {}

    # Running the tree

    def run(self) -> None:
        """Write all statements of the block."""
        self._scope(self.block.tree.root, self.top)

    def _scope(self, scope: Scope, cursor: Cursor) -> None:
        """Write the items of a scope."""
        for item in scope.items:
            if isinstance(item, Loop):
                self._loop(item, cursor)
            else:
                self._task(item, cursor)

    def _loop(self, loop: Loop, cursor: Cursor) -> None:
        """Write a loop, with what its folds need before and after it."""
        folds = [task for task in _tasks_in(loop) if task.folds and _folded_loop(task) is loop]
        for task in folds:
            self._start_fold(task, cursor)
        inner = cursor.nested()
        self.shop.bounds[loop.var.token] = (0, loop.size - 1)
        self._scope(loop, inner)
        cursor.add(For(loop.var, Lit(0, DType.I64), SizeValue(loop.size), inner.statements))
        for task in folds:
            self._finish_fold(task, cursor)

    def _task(self, task: Task, cursor: Cursor) -> None:
        """Write the statement of one task at its innermost place."""
        match task.work:
            case Work.WRITE:
                self._write(task, cursor)
            case Work.OPAQUE if task.node.op.name == "matmul":
                self._product(task, cursor)
            case Work.OPAQUE:
                self.shop.lower_region(self, task.node, cursor)
            case Work.REDUCE | Work.CONTRACT:
                self._fold(task, cursor)
            case _:
                self._element(task, cursor)

    # Reading

    def read(self, node: Node, at: Index, cursor: Cursor) -> Expression:
        """Return the expression of one element of a value."""
        known = cursor.known(node, at)
        if known is not None:
            return known
        place = self._place(node)
        if place is not None:
            return place.element(at, cursor)
        if not self.block.is_transparent(node):
            raise CompileError(f"{node!r} is read before it is made")
        return self._through(node, at, cursor)

    def _place(self, node: Node) -> Place | None:
        """Return where a value lies, if it lies anywhere."""
        place = self.places.get(node)
        return place if place is not None else self._arrays.get(node)

    def _through(self, node: Node, at: Index, cursor: Cursor) -> Expression:
        """Return the expression of a transparent value."""
        match node.op.name:
            case "const":
                return Lit(node.attrs["value"], node.array_type.dtype)
            case "empty":
                return Lit(0, node.array_type.dtype)
            case "dim":
                return SizeValue(node.attrs["size"])
            case "iota":
                return SizeValue(at[node.attrs["axis"]])
            case "table":
                return self._array_of_table(node).element(at, cursor)
        if node.op.kind is not Kind.ELEMENTWISE:
            ((operand, index),) = through(node, at)
            return self.read(operand, index, cursor)
        value = Apply(node, tuple(self.read(arg, i, cursor) for arg, i in through(node, at)))
        if len(self.block.users[node]) < 2 and node.name is None:
            return value
        return self._named(node, at, value, cursor)

    def array_of(self, node: Node) -> ArrayPlace | None:
        """Return the whole array that a value lies in, or None where it lies in none."""
        place = self._place(node)
        if isinstance(place, OuterPlace):
            return place.lowering.array_of(place.node)
        if node.op.name == "table":
            return self._array_of_table(node)
        return place if isinstance(place, ArrayPlace) else None

    def _array_of_table(self, node: Node) -> ArrayPlace:
        """Return the place of a small constant array."""
        if node not in self._arrays:
            self._arrays[node] = self.shop.table(node)
        return self._arrays[node]

    def _named(self, node: Node, at: Index, value: Expression, cursor: Cursor) -> Var:
        """Assign a value to a variable and remember it for this iteration."""
        var = Var(node.name, node.array_type.dtype)
        if node.array_type == Type(DType.I64) and self._is_countable(node):
            size = self.index_value(node, at, cursor)
            found = extremes(size, self.shop.bounds)
            if found is not None:
                self.shop.bounds[var.token] = found
            value = SizeValue(size)
        cursor.add(Set(var, value, node))
        cursor.remember(node, at, var)
        return var

    def index_value(self, node: Node, at: Index, cursor: Cursor) -> Size:
        """Return an i64 value as a size, so that it can stand in an index."""
        known = cursor.known(node, at)
        if isinstance(known, Var):
            return known.size
        if node.op.name in ("add", "sub", "mul", "neg") and self._is_countable(node):
            parts = [self.index_value(arg, i, cursor) for arg, i in through(node, at)]
            match node.op.name:
                case "add":
                    return parts[0] + parts[1]
                case "sub":
                    return parts[0] - parts[1]
                case "mul":
                    return parts[0] * parts[1]
            return -parts[0]
        if node.op.kind is Kind.VIEW and self.block.is_transparent(node):
            ((operand, index),) = through(node, at)
            return self.index_value(operand, index, cursor)
        value = self.read(node, at, cursor)
        if isinstance(value, SizeValue):
            return value.size
        if isinstance(value, Lit):
            return int(value.value)
        if not isinstance(value, Var):
            value = self._named(node, at, value, cursor)
        return value.size

    def _is_countable(self, node: Node) -> bool:
        """Tell whether integer arithmetic can be done on sizes: on counters, not on data."""
        stack, steps = [node], 0
        while stack:
            current = stack.pop()
            steps += 1
            if steps > 16:
                return False
            if current.op.name in ("add", "sub", "mul", "neg"):
                stack.extend(current.args)
            elif current.op.kind is Kind.VIEW:
                stack.append(current.args[0])
            elif current.op.name not in ("const", "dim", "iota", "param"):
                return False
            elif current.op.name == "param" and current.array_type.rank:
                return False
        return True

    def pointed(self, task_node: Node, at: Sequence[Size], cursor: Cursor) -> list[Size]:
        """Return the values of the index operands of a read or write, tested where need be."""
        skip = 1 if task_node.op.name == "index" else 2
        spec, x = task_node.attrs["spec"], task_node.args[0]
        pointers = task_node.args[skip:]
        lengths: dict[int, Size] = {
            entry.operand: x.shape[axis]
            for axis, entry in enumerate(spec)
            if hasattr(entry, "operand")
        }
        values: list[Size] = []
        for number, (pointer, index) in enumerate(pointer_indices(spec, pointers, at)):
            value = self.index_value(pointer, index, cursor)
            values.append(self.shop.tested(value, lengths[number], pointer, cursor))
        return values

    # Tasks

    def _at(self, task: Task) -> list[Size]:
        """Return the canonical index of the current iteration of a task."""
        at: list[Size] = [0] * len(task.sizes)
        for axis, loop in zip(task.order, task.path, strict=True):
            at[axis] = loop.var.size
        return at

    def _value(self, task: Task, at: Sequence[Size], cursor: Cursor) -> Expression:
        """Return the expression that a task computes in one iteration."""
        node = task.node
        if task.work is Work.COPY:
            return self._through(node, tuple(at), cursor)
        if node.op.name == "index":
            pointers = node.args[1:]
            pointed = self.pointed(node, at, cursor)
            index = mapped_index(node.attrs["spec"], pointers, at, pointed)
            return self.read(node.args[0], index, cursor)
        parts = tuple(self.read(arg, index, cursor) for arg, index in task.operands(at))
        return Apply(node, parts)

    def _element(self, task: Task, cursor: Cursor) -> None:
        """Write a value of one iteration: a variable, an element of its buffer, or both."""
        node, at = task.node, self._at(task)
        value = self._value(task, at, cursor)
        result = tuple(at)
        local = task.share >= task.ready_depth()
        if local and self._stays_inline(task, value):
            cursor.remember(node, result, value)
            return
        if local:
            self._named(node, result, value, cursor)
            return
        array = self._buffer(task)
        if self._read_here(task) and not isinstance(value, (Var, Lit)):
            var = Var(_element_name(node), node.array_type.dtype)
            cursor.add(Set(var, value, node))
            cursor.remember(node, result, var)
            cursor.add(Store(array.var, array.kept(result), var))
        else:
            cursor.add(Store(array.var, array.kept(result), value, node))

    def _stays_inline(self, task: Task, value: Expression) -> bool:
        """Tell whether a value may be written inside the expression of its only reader."""
        node = task.node
        if node.name is not None or node in self.block.outputs:
            return False
        readers = self.block.users[node]
        if len(readers) != 1 or any(read.source in self.block.written for read in task.reads):
            return False
        reader = self.block.tasks.get(readers[0])
        if reader is None or reader.home is not task.home or reader.work is Work.OPAQUE:
            return False
        text = readers[0].op.numba
        repeats = text.repeats if text else frozenset()
        if any(readers[0].args[k] is node for k in repeats):
            return False
        return _operations(value) <= _INLINE_OPS

    def _read_here(self, task: Task) -> bool:
        """Tell whether the same iteration also reads a value that is stored."""
        for reader in self.block.users[task.node]:
            other = self.block.tasks.get(reader)
            if other is None or (other.path[: len(task.path)] == task.path and task.path):
                return True
        return False

    def _buffer(self, task: Task) -> ArrayPlace:
        """Return the array of a task's value, with the axes that its readers need."""
        node = task.node
        if node not in self._arrays:
            axes = self._kept_axes(task)
            claimed = self.claims.get(node)
            shape = tuple(node.shape[k] for k in axes)
            dtype = node.array_type.dtype
            var = claimed or self.shop.temporary(node.name, dtype, shape)
            self._arrays[node] = ArrayPlace(var, axes)
        return self._arrays[node]

    def _kept_axes(self, task: Task) -> tuple[int, ...]:
        """Return the result axes whose loop not all readers are inside of."""
        if task.work is Work.OPAQUE:
            return tuple(range(task.node.array_type.rank))
        depth = {axis: d for d, axis in enumerate(task.order)}
        return tuple(k for k, axis in enumerate(task.result) if depth[axis] >= task.share)

    # Folds

    def _inner_axes(self, task: Task) -> tuple[int, ...]:
        """Return the result axes whose loops stand inside of the folded one."""
        depth = {axis: d for d, axis in enumerate(task.order)}
        ready = task.ready_depth()
        return tuple(k for k, axis in enumerate(task.result) if depth[axis] > ready)

    def _start_fold(self, task: Task, cursor: Cursor) -> None:
        """Write the start value of an accumulator."""
        node = task.node
        op = fold_name(node)
        dtype = node.array_type.dtype
        wide = DType.F64 if dtype is DType.F32 and op == "sum" else dtype
        start = _start_value(op, wide)
        if op in ("argmax", "argmin"):
            best = Var(None, node.args[0].array_type.dtype)
            where = Var(node.name, DType.I64)
            first = _start_value(op[3:], best.dtype)
            cursor.add(Set(best, Lit(first, best.dtype)))
            cursor.add(Set(where, Lit(0, DType.I64)))
            self.shop.folds[task] = (best, where)
            return
        inner = self._inner_axes(task)
        if not inner:
            var = Var(node.name, wide)
            cursor.add(Set(var, Lit(start, wide)))
            self.shop.folds[task] = var
            return
        place = self._fold_array(task, inner, wide)
        self.shop.folds[task] = place
        if len(place.axes) == len(inner):
            cursor.add(Fill(place.var, start))
        else:
            self._fill_inner(task, place, inner, Lit(start, wide), cursor)

    def _fold_array(self, task: Task, inner: tuple[int, ...], wide: DType) -> ArrayPlace:
        """Return the array of accumulators: the result's own where no wider type is needed."""
        node = task.node
        if wide is node.array_type.dtype:
            return self._buffer_with(task, inner)
        shape = tuple(node.shape[k] for k in inner)
        return ArrayPlace(self.shop.temporary(None, wide, shape), inner)

    def _buffer_with(self, task: Task, inner: tuple[int, ...]) -> ArrayPlace:
        """Return the array of a fold's value, which has at least the inner axes."""
        axes = tuple(sorted({*self._kept_axes(task), *inner}))
        node = task.node
        if node not in self._arrays:
            shape = tuple(node.shape[k] for k in axes)
            var = self.claims.get(node) or self.shop.temporary(
                node.name, node.array_type.dtype, shape
            )
            self._arrays[node] = ArrayPlace(var, axes)
        return self._arrays[node]

    def _fill_inner(
        self, task: Task, place: ArrayPlace, inner: tuple[int, ...], value: Lit, cursor: Cursor
    ) -> None:
        """Set the accumulators of the current outer iteration."""
        at = self._result_at(task)
        body, loops = cursor, []
        for k in inner:
            loop = Loop(task.node.shape[k], len(task.path))
            nested = body.nested()
            loops.append((body, loop, nested))
            at[k] = loop.var.size
            body = nested
        body.add(Store(place.var, place.kept(tuple(at)), value))
        for outer, loop, nested in reversed(loops):
            outer.add(For(loop.var, Lit(0, DType.I64), SizeValue(loop.size), nested.statements))

    def _result_at(self, task: Task) -> list[Size]:
        """Return the result index of the current iteration of a task."""
        at = self._at(task)
        return [at[axis] for axis in task.result]

    def _fold(self, task: Task, cursor: Cursor) -> None:
        """Write one step of a fold."""
        at = self._at(task)
        kept = self.shop.folds[task]
        if isinstance(kept, tuple):
            (axis,) = task.folded_axes()
            value = self._operand(task, at, cursor)
            op = task.node.op.name[3:]
            cursor.add(FoldIndex(kept[0], kept[1], op, value, at[axis], task.node))
            return
        value = self._operand(task, at, cursor)
        target: Var | Load = (
            kept
            if isinstance(kept, Var)
            else Load(kept.var, kept.kept(tuple(at[a] for a in task.result)))
        )
        cursor.add(Fold(target, fold_name(task.node), value, task.node))

    def _operand(self, task: Task, at: Sequence[Size], cursor: Cursor) -> Expression:
        """Return what one step of a fold adds: an element, or a product of two."""
        parts = tuple(self.read(arg, index, cursor) for arg, index in task.operands(at))
        return parts[0] if len(parts) == 1 else Apply(task.node, parts)

    def _finish_fold(self, task: Task, cursor: Cursor) -> None:
        """Round a finished fold, store it where it is read from an array, and make it known."""
        node, kept = task.node, self.shop.folds.pop(task)
        at = tuple(self._result_at(task))
        dtype = node.array_type.dtype
        if isinstance(kept, ArrayPlace):
            if node not in self._arrays:
                self._narrow(task, kept, cursor)
            return
        var = kept[1] if isinstance(kept, tuple) else kept
        if var.dtype is not dtype:
            narrow = Var(node.name, dtype)
            cursor.add(Set(narrow, Apply(self.shop.conversion(dtype), (var,))))
            var = narrow
        if task.share < task.ready_depth() or node in self.claims:
            array = self._buffer(task)
            cursor.add(Store(array.var, array.kept(at), var))
        cursor.remember(node, at, var)

    def _narrow(self, task: Task, wide: ArrayPlace, cursor: Cursor) -> None:
        """Round accumulators of a wider type into the array of the result."""
        inner = wide.axes
        place = self._buffer_with(task, inner)
        at = self._result_at(task)
        body, loops = cursor, []
        for k in inner:
            loop = Loop(task.node.shape[k], len(task.path))
            nested = body.nested()
            loops.append((body, loop, nested))
            at[k] = loop.var.size
            body = nested
        index = tuple(at)
        conversion = self.shop.conversion(task.node.array_type.dtype)
        value = Apply(conversion, (Load(wide.var, wide.kept(index)),))
        body.add(Store(place.var, place.kept(index), value))
        for outer, loop, nested in reversed(loops):
            outer.add(For(loop.var, Lit(0, DType.I64), SizeValue(loop.size), nested.statements))

    # Writes and products

    def _write(self, task: Task, cursor: Cursor) -> None:
        """Write or add one element of an ``update`` or ``accumulate``."""
        node, at = task.node, self._at(task)
        array = self._arrays[node]
        pointed = self.pointed(node, at, cursor)
        index = mapped_index(node.attrs["spec"], node.args[2:], at, pointed)
        value = self.read(node.args[1], tuple(at), cursor)
        if node.op.name == "update":
            cursor.add(Store(array.var, index, value, node))
        else:
            adds = "any" if node.array_type.dtype is DType.BOOL else "sum"
            cursor.add(Fold(Load(array.var, index), adds, value, node))

    def prepare_writes(self) -> None:
        """Give every written value its array before any loop runs.

        A write in place takes the array of its base; any other gets one that is filled or copied
        first. The end of a chain of writes decides where the chain's array is.
        """
        for node in reversed(self.block.graph.nodes):
            if node in self.block.in_place and node in self.claims:
                self.claims.setdefault(node.args[0], self.claims[node])
            elif node in self.block.copied and node in self.claims:
                self.claims.setdefault(self.block.copied[node], self.claims[node])
        for node, task in self.block.tasks.items():
            if task.work is Work.WRITE:
                self._prepare_write(node)

    def _prepare_write(self, node: Node) -> None:
        """Give one written value its array."""
        base = self.block.copied.get(node, node.args[0])
        if node in self.block.in_place or node in self.block.copied:
            self._arrays[node] = self.shared_array(base)
            return
        type = node.array_type
        var = self.claims.get(node) or self.shop.temporary(node.name, type.dtype, type.shape)
        self._arrays[node] = ArrayPlace(var, tuple(range(type.rank)))
        if base.op.name == "const":
            self.top.add(Fill(var, base.attrs["value"]))

    def shared_array(self, node: Node) -> ArrayPlace:
        """Return the whole array of a value that somebody writes into."""
        place = self._place(node)
        if isinstance(place, ArrayPlace):
            return place
        task = self.block.tasks.get(node)
        if task is None:
            raise CompileError(f"{node!r} has no array to write into")
        return self._buffer(task)

    def _matrix(self, node: Node) -> tuple[Var, bool]:
        """Return the array of a matrix and whether it must be read transposed."""
        source, flipped = node, False
        while source.op.name == "transpose" and self.block.is_transparent(source):
            source, flipped = source.args[0], not flipped
        place = self._place(source)
        if isinstance(place, OuterPlace):
            var, outer_flipped = place.lowering._matrix(place.node)
            return var, outer_flipped is not flipped
        if not isinstance(place, ArrayPlace):
            raise CompileError(f"{source!r} has no array to multiply")
        return place.var, flipped

    def _product(self, task: Task, cursor: Cursor) -> None:
        """Write a matrix product by BLAS."""
        left, right = (self._matrix(arg) for arg in task.node.args)
        out = self._buffer(task)
        cursor.add(Product(out.var, left[0], left[1], right[0], right[1], task.node))


def _element_name(node: Node) -> str | None:
    """Return the name of one element of a named array: ``h_ij`` for ``h``."""
    return f"{node.name}_{_LETTERS[: node.array_type.rank]}" if node.name else None


def fold_name(node: Node) -> str:
    """Return the fold of a task's node: products are summed."""
    return "sum" if node.op.kind is Kind.CONTRACTION else node.op.name


def _start_value(op: str, dtype: DType) -> float | int | bool:
    """Return the neutral element of a fold."""
    name = op.removeprefix("arg")
    if dtype is DType.I64:
        return _INT_EXTREMES.get(name, int(_IDENTITY[name]) if name in ("sum", "prod") else 0)
    return _IDENTITY[name]


def _folded_loop(task: Task) -> Loop | None:
    """Return the outermost loop over which a task folds."""
    depth = task.ready_depth()
    return task.path[depth] if depth < len(task.path) else None


def _tasks_in(loop: Loop) -> list[Task]:
    """Return the tasks inside a loop at any depth, in order."""
    found: list[Task] = []
    stack = list(reversed(loop.items))
    while stack:
        item = stack.pop()
        if isinstance(item, Loop):
            stack.extend(reversed(item.items))
        else:
            found.append(item)
    return found


def _operations(value: Expression) -> int:
    """Return the number of ops in an expression."""
    count, stack = 0, [value]
    while stack:
        current = stack.pop()
        if isinstance(current, Apply):
            count += 1
            stack.extend(current.args)
    return count

