"""Write a block's tree of tasks as statements; a value that outlives its loop gets a buffer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bpcompile.ir.dims import Dim, Size
from bpcompile.ir.graph import Node
from bpcompile.ir.type import DType
from bpcompile.schedule.block import Block
from bpcompile.schedule.counts import is_arithmetic, is_counted, is_written_out
from bpcompile.schedule.cursor import Count, Cursor
from bpcompile.schedule.distribution import distributed
from bpcompile.schedule.folds import Folds, folded_loop
from bpcompile.schedule.nest import Loop, Scope, Task
from bpcompile.schedule.places import ArrayPlace, Place, Workshop
from bpcompile.schedule.reading import Reader
from bpcompile.schedule.routines import write_routine
from bpcompile.schedule.rows import RowPlace
from bpcompile.schedule.statements import (
    Apply,
    Check,
    Expression,
    Fill,
    Fold,
    For,
    Lit,
    Load,
    Product,
    Set,
    SizeValue,
    Store,
    Var,
)
from bpcompile.schedule.tasks import Work, mapped_index

_INLINE_OPS = 4
_LETTERS = "ijkpqrstuvw"


class Lowering(Reader):
    """Lower one block: walk its tree and write each task where it stands."""

    def __init__(
        self,
        block: Block,
        shop: Workshop,
        places: dict[Node, Place],
        cursor: Cursor,
        lower_region: Callable[[Lowering, Node, Cursor], None],
    ) -> None:
        """Prepare to lower a block whose parameters stand at `places`.

        `lower_region` writes a region op, whose blocks are lowered in the same way.
        """
        super().__init__(block, shop, places, cursor)
        self.lower_region = lower_region
        self.folds = Folds(self)
        self.kept: dict[Node, ArrayPlace] = {}  # copies that go on a tape
        self._inlined: dict[Node, set[Node]] = {}  # what is overwritten and read by an inline value

    def run(self) -> None:
        """Write all statements of the block."""
        self._scope(self.block.tree.root, self.top)

    def _scope(self, scope: Scope, cursor: Cursor) -> None:
        """Write the items of a scope."""
        for task in scope.first:
            self._task(task, cursor)
        for item in scope.items:
            if isinstance(item, Loop):
                self._loop(item, cursor)
            else:
                self._task(item, cursor)

    def _loop(self, loop: Loop, cursor: Cursor) -> None:
        """Write a loop, with what its folds need before and after it."""
        folds = [task for task in _tasks_in(loop) if task.folds and folded_loop(task) is loop]
        for task in folds:
            self.folds.start(task, cursor)
        inner = cursor.nested(Count(loop.var.token, 0, loop.size))
        with self.shop.facts.counting(loop.var.token, 0, loop.size):
            self._scope(loop, inner)
        if loop.size == 1:
            for statement in inner.statements:
                cursor.add(statement)
        else:
            whole = For(loop.var, Lit(0, DType.I64), SizeValue(loop.size), inner.statements)
            for part in distributed(whole, self.shop):
                cursor.add(part)
        for task in folds:
            self.folds.finish(task, cursor)

    def _task(self, task: Task, cursor: Cursor) -> None:
        """Write the statement of one task at its innermost place."""
        match task.work:
            case Work.WRITE:
                self._write(task, cursor)
            case Work.OPAQUE if task.node.op.name == "matmul":
                self._product(task, cursor)
            case Work.OPAQUE if task.node.op.routine is not None:
                write_routine(self, task, cursor)
            case Work.OPAQUE:
                self.lower_region(self, task.node, cursor)
            case Work.ROW:
                pointed = self.pointed(task.node, (), cursor)
                self.places[task.node] = RowPlace(self, task.node, pointed)
            case Work.CHECK:
                condition, *values = (self.read(arg, (), cursor) for arg in task.node.args)
                cursor.add(Check(condition, task.node, tuple(values)))
            case Work.REDUCE | Work.CONTRACT:
                self.folds.step(task, cursor)
            case _:
                self._element(task, cursor)

    def _value(self, task: Task, at: Sequence[Size], cursor: Cursor) -> Expression:
        """Return the expression that a task computes in one iteration."""
        node = task.node
        if task.work is Work.COPY:
            return self.read_through(node, tuple(at), cursor)
        if node.op.name == "index":
            pointers = node.args[1:]
            pointed = self.pointed(node, at, cursor)
            index = mapped_index(node.attrs["spec"], pointers, at, pointed)
            return self.read(node.args[0], index, cursor)
        if node.op.name == "replay":
            return self.read_through(node, tuple(at), cursor)
        parts = tuple(self.read(arg, index, cursor) for arg, index in task.operands(at))
        return Apply(node, parts)

    def _element(self, task: Task, cursor: Cursor) -> None:
        """Write a value of one iteration: a variable, an element of its buffer, or both."""
        node, at = task.node, self.iteration(task)
        result = tuple(at)
        if node in self.kept:
            tape = self.kept[node]
            row = self.read(node.args[0], result, cursor)
            cursor.add(Store(tape.var, tape.kept(result), row))
            self.shop.wrote(tape.var, row)
            return
        local = task.share >= task.ready_depth()
        if local and self._is_written_out(task, cursor):
            return
        value = self._value(task, at, cursor)
        if local and self._stays_inline(task, value):
            cursor.remember(node, result, value)
            return
        if local:
            self.named(node, result, value, cursor)
            return
        array = self.buffer(task)
        if self._read_here(task) and not isinstance(value, (Var, Lit)):
            var = Var(_element_name(node), node.array_type.dtype)
            cursor.add(Set(var, value, node))
            cursor.remember(node, result, var)
            cursor.add(Store(array.var, array.kept(result), var))
        else:
            cursor.add(Store(array.var, array.kept(result), value, node))

    def _is_written_out(self, task: Task, cursor: Cursor) -> bool:
        """Remember a counted scalar as a size, where its readers may compute it; tell whether."""
        node, written = task.node, self.block.written
        if task.sizes or not is_arithmetic(node) or not is_counted(node):
            return False
        if node in self.block.outputs or node in written:
            return False
        if any(read.source in written for read in task.reads):
            return False
        size = self.index_value(node, (), cursor)
        is_counter = isinstance(size, Dim) and size == Dim.named(str(size))
        if not is_counter and not is_written_out(node, size, len(self.block.users[node])):
            return False
        cursor.remember(node, (), SizeValue(size))
        return True

    def _stays_inline(self, task: Task, value: Expression) -> bool:
        """Tell whether a value may be written inside the expression of its only reader."""
        node = task.node
        if node.name is not None or node in self.block.outputs:
            return False
        readers = self.block.users[node]
        if len(readers) != 1 or not self._lasts(task, readers[0]):
            return False
        reader = self.block.tasks.get(readers[0])
        if reader is None or reader.home is not task.home:
            return False
        if reader.work is Work.OPAQUE:
            return readers[0].op.name == "branch" and readers[0].args[0] is node
        text = readers[0].op.numba
        repeats = text.repeats if text else frozenset()
        if any(readers[0].args[k] is node for k in repeats):
            return False
        return _operations(value) <= _INLINE_OPS

    def _lasts(self, task: Task, reader: Node) -> bool:
        """Tell whether what a task reads is the same until a reader has read its value."""
        block = self.block
        sources = {read.source for read in task.reads}
        for arg in task.node.args:
            sources |= self._inlined.get(arg, set())
        overwriters = {node for source in sources for node in block.written.get(source, ())}
        overwriters.discard(reader)
        if not all(block.comes_before(reader, node) for node in overwriters):
            return False
        self._inlined[task.node] = {source for source in sources if source in block.written}
        return True

    def _read_here(self, task: Task) -> bool:
        """Tell whether the same iteration also reads a value that is stored."""
        for reader in self.block.users[task.node]:
            other = self.block.tasks.get(reader)
            if other is None or (other.path[: len(task.path)] == task.path and task.path):
                return True
        return False

    def _write(self, task: Task, cursor: Cursor) -> None:
        """Write or add one element of an ``update`` or ``accumulate``."""
        node, at = task.node, self.iteration(task)
        array = self.arrays[node]
        pointed = self.pointed(node, at, cursor)
        index = mapped_index(node.attrs["spec"], node.args[2:], at, pointed)
        value = self.read(node.args[1], tuple(at), cursor)
        if node.op.name == "update":
            cursor.add(Store(array.var, index, value, node))
            self.shop.wrote(array.var, value)
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
            elif node.op.name == "item" and node in self.claims:
                taken = self.block.taken_by(node)
                if taken is not None:
                    self.claims.setdefault(taken, self.claims[node])
        for node, task in self.block.tasks.items():
            if task.work is Work.WRITE:
                self._prepare_write(node)

    def _prepare_write(self, node: Node) -> None:
        """Give one written value its array."""
        base = self.block.copied.get(node, node.args[0])
        if node in self.block.in_place or node in self.block.copied:
            self.arrays[node] = self.shared_array(base)
            return
        type = node.array_type
        var = self.claims.get(node) or self.shop.temporary(node.name, type.dtype, type.shape)
        self.arrays[node] = ArrayPlace(var, tuple(range(type.rank)))
        if base.op.name == "const":
            self.top.add(Fill(var, base.attrs["value"]))

    def _product(self, task: Task, cursor: Cursor) -> None:
        """Write a matrix product by BLAS."""
        left, right = (self.matrix(arg) for arg in task.node.args)
        out = self.buffer(task)
        cursor.add(Product(out.var, left, right, task.node))


def _element_name(node: Node) -> str | None:
    """Return the name of one element of a named array: ``h_ij`` for ``h``."""
    return f"{node.name}_{_LETTERS[: node.array_type.rank]}" if node.name else None


def _tasks_in(loop: Loop) -> list[Task]:
    """Return the tasks inside a loop at any depth, in order."""
    found: list[Task] = []
    stack: list[Task | Loop] = [*reversed(loop.items), *reversed(loop.first)]
    while stack:
        item = stack.pop()
        if isinstance(item, Loop):
            stack.extend((*reversed(item.items), *reversed(item.first)))
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
