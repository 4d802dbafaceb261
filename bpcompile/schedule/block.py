"""Analyse one block, a graph or the body of a loop: what is a task, what it reads, and when.

The result is a tree of placed tasks, each with the number of loops within which all its readers
stay (`Task.share`), and the decision for each ``update`` and ``accumulate`` whether it writes in
place.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping

from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Graph, Node, users
from bpcompile.ir.op import OPS, Kind
from bpcompile.ops.index import is_static
from bpcompile.schedule.forced import forced
from bpcompile.schedule.nest import Index, Read, Task, Tree
from bpcompile.schedule.ownership import WRITES, state_operands
from bpcompile.schedule.rows import is_row
from bpcompile.schedule.tasks import (
    AXES,
    UNKNOWN,
    Work,
    mapped_index,
    rank_of,
    viewed_index,
    work_of,
)

_CHEAP = 2.0  # additions below which recomputing beats storing


class Block:
    """Hold the analysis of one graph.

    `carried` are the parameters whose variables and arrays this block may overwrite: the state of
    a loop, or what a branch makes its own.
    """

    def __init__(
        self, graph: Graph, carried: Iterable[Node] = (), depth: int = 0, fuse: bool = True
    ) -> None:
        """Analyse a graph that stands inside of `depth` loops; `fuse` says to join its loops."""
        self.graph = graph
        self._cheap = _CHEAP if fuse else 0.0
        self.users: dict[Node, list[Node]] = dict(users(graph))
        self.carried = frozenset(carried)
        self.outputs = frozenset(graph.outputs)
        self.weight: dict[Node, float] = {}
        self.order = {node: k for k, node in enumerate(graph.nodes)}
        self.forced = forced(graph)
        self.tasks: dict[Node, Task] = {}
        self.in_place: set[Node] = set()
        self.taken: dict[Node, dict[int, Node]] = {}  # for results of a region: where they lie
        self.written: dict[Node, set[Node]] = {}  # values that are overwritten, and by whom
        self.copied: dict[Node, Node] = {}  # for a write that must not: a copy of its base
        self.tree = Tree(depth, fuse)
        self._before: dict[Node, list[Node]] = {}
        self._analyse()

    def _analyse(self) -> None:
        """Run the steps in order."""
        for node in self.graph.nodes:
            self.weight[node] = self._weigh(node)
        self._decide_writes()
        for node in self._ordered():
            if not self.is_transparent(node):
                self._make_task(node)
        self._find_shares()

    def is_transparent(self, node: Node) -> bool:
        """Tell whether reading a node reads through it."""
        return self.weight[node] < float("inf") and node not in self.forced

    def _weigh(self, node: Node) -> float:
        """Return the cost of reading through a node, infinite where it must be a task."""
        kind, task = node.op.kind, float("inf")
        if node.op.name == "replay" and not node.array_type.rank:
            return task
        if kind is Kind.LEAF or (kind is Kind.VIEW and node not in self.forced):
            return self._operand_weight(node.args[0]) if kind is Kind.VIEW else 0.0
        if node.op.name == "index" and is_static(node.attrs["spec"]):
            return self._operand_weight(node.args[0])
        if kind is not Kind.ELEMENTWISE or node.array_type.rank == 0:
            return task
        total = node.op.cost + sum(self._operand_weight(arg) for arg in node.args)
        made = {arg for arg in node.args if not self.is_transparent(arg)}
        return total if total <= self._cheap and len(made) <= 1 else task

    def _operand_weight(self, node: Node) -> float:
        """Return what reading an operand adds: nothing for a value that a task makes."""
        return self.weight[node] if self.is_transparent(node) else 0.0

    # Reads

    def reads(self, node: Node, index: Index) -> list[Read]:
        """Return what reading an element of a node comes down to: elements of tasks and params."""
        found: list[Read] = []
        stack: list[tuple[Node, Index]] = [(node, index)]
        while stack:
            current, at = stack.pop()
            if not self.is_transparent(current) or current.op.name == "param":
                found.append(Read(current, at))
            elif current.op.name == "item":
                found.append(Read(current.args[0], at))
            else:
                stack.extend(through(current, at))
        return found

    def _make_task(self, node: Node) -> None:
        """Describe, order and place the task of a node."""
        copies = node in self.forced and node.op.kind is not Kind.ELEMENTWISE
        work = Work.COPY if copies else Work.ROW if self._is_row(node) else work_of(node)
        task = Task(node, work)
        task.reads = self._task_reads(task)
        task.order = _loop_order(task)
        task.after = [self.tasks[n] for n in self._before.get(node, ()) if n in self.tasks]
        if work is Work.WRITE:
            self._join_chain(task)
        self.tasks[node] = task
        self.tree.place(task)

    def _task_reads(self, task: Task) -> list[Read]:
        """Return what a task reads in one iteration."""
        node = task.node
        if task.work is Work.COPY:
            at = AXES[: len(task.sizes)]
            return [r for arg, index in through(node, at) for r in self.reads(arg, index)]
        if task.work in (Work.OPAQUE, Work.ROW):
            return [
                read for arg in node.args for read in self.reads(arg, (UNKNOWN,) * rank_of(arg))
            ]
        pairs = list(task.operands(AXES[: len(task.sizes)]))
        return [read for arg, index in pairs for read in self.reads(arg, index)]

    def _is_row(self, node: Node) -> bool:
        """Tell whether a node may be read from the array that it takes rows of."""
        if not is_row(node, self.users, self.outputs):
            return False
        table = self.reads(node.args[0], (UNKNOWN,) * rank_of(node.args[0]))
        return all(read.source not in self.written for read in table)

    def _join_chain(self, task: Task) -> None:
        """Let a write follow what made its array, without waiting for other additions to it."""
        base = task.node.args[0]
        if task.node not in self.in_place and base.op.name not in ("const", "empty"):
            base = self._copy_first(task.node, base)
        made = self.tasks.get(base)
        if made is None:
            task.after.extend(self._base_tasks(base))
            return
        adds = task.node.op.name == made.node.op.name == "accumulate"
        if adds and task.node in self.in_place:
            task.chain = [*made.chain, task]
            task.after.extend(made.after)
            if made.work is Work.WRITE:
                return
        task.after.extend(made.chain)

    def _copy_first(self, node: Node, base: Node) -> Node:
        """Place a copy of an array that a write must leave as it is."""
        copy = Node(OPS["copy"], (base,), {}, base.type, node.origin)
        self.users[copy] = [node]
        self.weight[copy] = float("inf")
        self.copied[node] = copy
        self._make_task(copy)
        return copy

    def _base_tasks(self, base: Node) -> list[Task]:
        """Return the tasks behind a transparent base array."""
        if not self.is_transparent(base):
            return []
        sources = self.reads(base, (UNKNOWN,) * base.array_type.rank)
        return [t for r in sources if (t := self.tasks.get(r.source)) is not None]

    # Writes in place

    def _decide_writes(self) -> None:
        """Decide which writes and regions may overwrite a value, its other readers before them."""
        order = self.order
        for node in self.graph.nodes:
            if node.op.name in WRITES:
                if self._overwrites(node, node.args[0], order):
                    self.in_place.add(node)
            elif node.op.kind is Kind.REGION:
                self.taken[node] = self._taken(node, order)

    def _taken(self, node: Node, order: Mapping[Node, int]) -> dict[int, Node]:
        """Return the operands that results of a region may lie in; not where nobody reads them."""
        read = {user.attrs["index"] for user in self.users[node] if user.op.name == "item"}
        homes = [(k, node.args[operand]) for k, operand in state_operands(node).items()]
        if node.op.name == "branch":
            homes = [(k, base) for k, base in homes if k in read]
        return {k: base for k, base in homes if self._overwrites(node, base, order)}

    def _overwrites(self, node: Node, base: Node, order: Mapping[Node, int]) -> bool:
        """Tell whether a node may overwrite a value that it is given, and note that it does."""
        if not self._is_own(base) or base in self.outputs or node.args.count(base) > 1:
            return False
        if node.op.name in WRITES and self._reads_elsewhere(node, base):
            return False
        readers = [r for r in self._all_readers(base) if r is not node]
        if any(self._depends(r, node, order) for r in readers):
            return False
        source = base.args[0] if base.op.name == "item" else base  # as `reads` names it
        self.written.setdefault(source, set()).add(node)
        self._before.setdefault(node, []).extend(readers)
        return True

    def _reads_elsewhere(self, node: Node, base: Node) -> bool:
        """Tell whether what a write writes reads other elements of its array in the same loop."""
        value, spec = node.args[1], node.attrs["spec"]
        at = AXES[: rank_of(value)]
        place = mapped_index(spec, (), at, ()) if is_static(spec) else None
        return any(r.source is base and r.index != place for r in self.reads(value, at))

    def taken_by(self, item: Node) -> Node | None:
        """Return the operand where a region leaves a result, if it may overwrite it."""
        return self.taken.get(item.args[0], {}).get(item.attrs["index"])

    def comes_before(self, node: Node, other: Node) -> bool:
        """Tell whether a node must be computed before another."""
        return self._depends(other, node, self.order)

    def _is_own(self, base: Node) -> bool:
        """Tell whether the variable or array of a value belongs to this block."""
        if base.op.name == "param":
            return base in self.carried
        if base.op.name == "item":
            return True
        return base.op.name in WRITES or not self.is_transparent(base)

    def _all_readers(self, base: Node) -> list[Node]:
        """Return the nodes that read an array, directly or through transparent ones."""
        found: list[Node] = []
        stack, seen = list(self.users[base]), set()
        while stack:
            reader = stack.pop()
            if reader in seen:
                continue
            seen.add(reader)
            if reader.op.name in WRITES or not self.is_transparent(reader):
                found.append(reader)
            else:
                stack.extend(self.users[reader])
        return found

    def _depends(self, node: Node, on: Node, order: Mapping[Node, int]) -> bool:
        """Tell whether `node` comes after `on`, by operands or by an order decided before."""
        limit = order[on]
        stack, seen = [node], {node}
        while stack:
            current = stack.pop()
            if current is on:
                return True
            for before in (*current.args, *self._before.get(current, ())):
                if before not in seen and (order[before] >= limit or before in self._before):
                    seen.add(before)
                    stack.append(before)
        return False

    def _ordered(self) -> list[Node]:
        """Return the nodes with each reader of an overwritten array before its writer."""
        if not self._before:
            return list(self.graph.nodes)
        position = {node: k for k, node in enumerate(self.graph.nodes)}
        waiting = {n: len(n.args) + len(self._before.get(n, ())) for n in position}
        followers: dict[Node, list[Node]] = {}
        for node in position:
            for before in (*node.args, *self._before.get(node, ())):
                followers.setdefault(before, []).append(node)
        ready = [position[n] for n, count in waiting.items() if not count]
        heapq.heapify(ready)
        result: list[Node] = []
        while ready:
            node = self.graph.nodes[heapq.heappop(ready)]
            result.append(node)
            for follower in followers.get(node, ()):
                waiting[follower] -= 1
                if not waiting[follower]:
                    heapq.heappush(ready, position[follower])
        return result

    # Where values are read

    def _find_shares(self) -> None:
        """Find within how many loops all readers of each task stay."""
        for task in self.tasks.values():
            for read in task.reads:
                made = self.tasks.get(read.source)
                if made is not None:
                    made.share = min(made.share, _shared_loops(made, task, read.index))
            if task.work is Work.WRITE:
                self._share_nothing(self.copied.get(task.node, task.node.args[0]))
        for out in self.graph.outputs:
            if out.array_type.rank:
                self._share_nothing(out)
            else:
                for read in self.reads(out, ()):
                    self._limit(read.source, 0)

    def _share_nothing(self, node: Node) -> None:
        """Ask for the whole array of a value."""
        self._limit(node, 0)

    def _limit(self, node: Node, share: int) -> None:
        """Lower the share of a node's task."""
        task = self.tasks.get(node)
        if task is not None:
            task.share = min(task.share, share)


def through(node: Node, at: Index) -> list[tuple[Node, Index]]:
    """Return the operands of a transparent node with the index at which each is read."""
    match node.op.kind:
        case Kind.LEAF if node.op.name == "replay":
            return [(node.args[0], (UNKNOWN, *at)), (node.args[1], ())]
        case Kind.LEAF:
            return []
        case Kind.VIEW:
            return [(node.args[0], viewed_index(node, at))]
        case Kind.INDEX:
            return [(node.args[0], mapped_index(node.attrs["spec"], (), at, ()))]
    return [(arg, at) for arg in node.args]


def _loop_order(task: Task) -> tuple[int, ...]:
    """Return the order of a task's loops: that in which its largest operand lies in memory."""
    if task.node.op.name in ("argmax", "argmin"):
        folded = task.folded_axes()
        return tuple(sorted(task.order, key=lambda axis: (axis in folded, axis)))
    if len(task.sizes) != 2 or task.work not in (Work.REDUCE, Work.CONTRACT):
        return task.order
    for read in task.reads:
        axes = tuple(_axis(size) for size in read.index)
        if len(axes) == 2 and set(axes) == {0, 1}:
            return tuple(a for a in axes if a is not None)
    return task.order


def _axis(size: Size) -> int | None:
    """Return the number of the axis whose token a size is."""
    return next((k for k, token in enumerate(AXES[:2]) if token == size), None)


def _shared_loops(made: Task, reader: Task, index: Index) -> int:
    """Return the number of loops that enclose both tasks at the same iteration."""
    shared = 0
    for mine, theirs in zip(made.path, reader.path, strict=False):
        if mine is not theirs:
            break
        axis = made.order[shared]
        if axis in made.result:
            if index[made.result.index(axis)] != AXES[reader.order[shared]]:
                break
        else:
            break
        shared += 1
    return shared
