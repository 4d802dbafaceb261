"""Place tasks into a tree of loops: the fusion of forward and backward.

The tree is a list of items, each a task or a loop with items of its own. Tasks arrive in an order
that respects their dependencies, and join the first loop of their size that comes late enough:

* a dependency whose value of this very iteration is read may stand in the same loop;
* any other dependency must be complete: its loop comes before.

The search descends as long as loops match, so that a row-wise softmax becomes one loop over rows
with a few loops over columns inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias, Union

from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Node
from bpcompile.ir.type import DType
from bpcompile.schedule.statements import Var
from bpcompile.schedule.tasks import AXES, Work, iteration_sizes, operand_indices, result_axes

Index: TypeAlias = tuple[Size, ...]
Item: TypeAlias = Union["Task", "Loop"]


class Read:
    """Say that a task reads a source at an index written in the task's axis tokens."""

    __slots__ = ("index", "source")

    def __init__(self, source: Node, index: Index) -> None:
        """Hold the source and the index."""
        self.source = source
        self.index = index


class Task:
    """Hold the work of one node and its place in the tree.

    `order` lists the canonical axes in the order of the loops; `path` the loops once placed.
    `share` is the number of outer loops within which every reader stays; see `lower`.
    """

    __slots__ = (
        "after", "chain", "home", "node", "order", "path", "position", "reads", "result", "share",
        "sizes", "work",
    )  # fmt: skip

    def __init__(self, node: Node, work: Work) -> None:
        """Describe the work of a node."""
        self.node = node
        self.work = work
        self.sizes = iteration_sizes(node, work)
        self.result = result_axes(node, work)
        self.order: tuple[int, ...] = tuple(range(len(self.sizes)))
        self.reads: list[Read] = []
        self.after: list[Task] = []  # must be complete before this one starts
        self.chain: list[Task] = [self]  # all that must be complete before the value is read
        self.path: list[Loop] = []
        self.home: Scope | None = None
        self.position = 0
        self.share = len(self.sizes)

    @property
    def folds(self) -> bool:
        """Tell whether the task folds values into an accumulator."""
        return self.work in (Work.REDUCE, Work.CONTRACT)

    def folded_axes(self) -> set[int]:
        """Return the canonical axes that do not appear in the result."""
        return set(range(len(self.sizes))) - set(self.result) if self.folds else set()

    def ready_depth(self) -> int:
        """Return the number of loops around the place where the value is complete."""
        if not self.folds:
            return len(self.order)
        folded = self.folded_axes()
        return next((d for d, axis in enumerate(self.order) if axis in folded), len(self.order))

    def operands(self, at: Sequence[Size]) -> Iterable[tuple[Node, Index]]:
        """Yield each operand with its index at the canonical iteration `at`."""
        return operand_indices(self.node, self.work, at)


class Scope:
    """Hold an ordered list of tasks and loops."""

    def __init__(self) -> None:
        """Start empty."""
        self.first: list[Task] = []  # scalars that need nothing made here, before all items
        self.items: list[Item] = []
        self.by_size: dict[Size, list[Loop]] = {}

    def append(self, item: Item) -> None:
        """Append an item, which keeps its position for good."""
        item.position = len(self.items)
        self.items.append(item)
        if isinstance(item, Loop):
            self.by_size.setdefault(item.size, []).append(item)


_LETTERS = "ijklmn"


class Loop(Scope):
    """Hold a loop from 0 up to `size` and its items."""

    def __init__(self, size: Size, depth: int) -> None:
        """Start an empty loop at a depth of the tree."""
        super().__init__()
        self.size = size
        self.var = Var(_LETTERS[min(depth, len(_LETTERS) - 1)], DType.I64, ours=True)
        self.position = 0
        self.touched: set[Node] = set()

    @property
    def counter(self) -> Size:
        """Return the value of the counter: a loop of one step is not written and has it at 0."""
        return 0 if self.size == 1 else self.var.size


class Tree:
    """Hold the loops of one block and place tasks into them."""

    def __init__(self, depth: int = 0, fuse: bool = True) -> None:
        """Start with an empty root; `depth` is that of the loops around the block.

        Without `fuse` each task gets loops of its own.
        """
        self.root = Scope()
        self._fuse = fuse
        self._depth = depth
        self._placed: dict[Node, Task] = {}

    def task(self, node: Node) -> Task | None:
        """Return the task of a node that is placed here."""
        return self._placed.get(node)

    def place(self, task: Task) -> None:
        """Place a task after all that it depends on."""
        scope: Scope = self.root
        depth = 0
        waits = self._dependencies(task)
        while depth < len(task.order):
            size = task.sizes[task.order[depth]]
            loop = self._joined(scope, task, depth, size, waits) if self._fuse else None
            if loop is None:
                loop = Loop(size, self._depth + depth)
                scope.append(loop)
            task.path.append(loop)
            scope = loop
            depth += 1
        if self._comes_first(scope, task, depth, waits):
            task.position = -1
            scope.first.append(task)
        else:
            scope.append(task)
        task.home = scope
        self._placed[task.node] = task
        self._touch(task)

    def _comes_first(
        self, scope: Scope, task: Task, depth: int, waits: list[tuple[Task, Index | None]]
    ) -> bool:
        """Tell whether a task may stand before the loops of its scope, out of their way."""
        if not scope.by_size or task.work is not Work.ELEMENT:
            return False
        children = (_child(scope, before, depth) for before, _ in waits)
        return all(child is None or child.position < 0 for child in children)

    def _touch(self, task: Task) -> None:
        """Remember what the loops of a task read and make."""
        for loop in task.path:
            loop.touched.add(task.node)
            loop.touched.update(read.source for read in task.reads)

    def _dependencies(self, task: Task) -> list[tuple[Task, Index | None]]:
        """Return the tasks that come before, with the index at which each is read.

        None for the index means that the whole value must be complete.
        """
        waits: list[tuple[Task, Index | None]] = [(before, None) for before in task.after]
        for read in task.reads:
            made = self._placed.get(read.source)
            if made is None:
                continue
            if len(made.chain) > 1 or made.work in (Work.WRITE, Work.OPAQUE):
                waits.extend((member, None) for member in made.chain)
            else:
                waits.append((made, read.index))
        return waits

    def _joined(
        self,
        scope: Scope,
        task: Task,
        depth: int,
        size: Size,
        waits: list[tuple[Task, Index | None]],
    ) -> Loop | None:
        """Return the first loop of a scope that a task may join at a depth, if any."""
        earliest = 0
        for before, index in waits:
            child = _child(scope, before, depth)
            if child is None:
                continue
            joins = index is not None and _same_iteration(before, index, task, depth, child)
            earliest = max(earliest, child.position + (0 if joins else 1))
        wanted = {read.source for read in task.reads}
        for loop in scope.by_size.get(size, ()):
            if loop.position >= earliest and not wanted.isdisjoint(loop.touched):
                return loop
        return None


def _child(scope: Scope, task: Task, depth: int) -> Item | None:
    """Return the item of a scope that contains a task, or None where it stands elsewhere."""
    if depth > len(task.path):
        return None
    holder = task.home if depth == len(task.path) else None
    if depth == len(task.path):
        return task if holder is scope else None
    item = task.path[depth]
    inside = item.position < len(scope.items) and scope.items[item.position] is item
    return item if inside else None


def _same_iteration(before: Task, index: Index, task: Task, depth: int, child: Item) -> bool:
    """Tell whether a task in a loop reads what the same iteration of that loop made."""
    if not isinstance(child, Loop) or depth >= len(task.order):
        return False
    axis = before.order[depth]
    if axis not in before.result:
        return False
    return index[before.result.index(axis)] == AXES[task.order[depth]]
