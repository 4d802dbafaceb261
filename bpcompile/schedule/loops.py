"""Write a counted loop: its carried values are variables and arrays that live across iterations."""

from __future__ import annotations

from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.type import DType
from bpcompile.schedule.arrange import arranged
from bpcompile.schedule.block import Block
from bpcompile.schedule.counts import calculated, is_arithmetic, is_counted
from bpcompile.schedule.cursor import Count, Cursor
from bpcompile.schedule.effort import effort, has_loop
from bpcompile.schedule.handover import copy_into, hand_over
from bpcompile.schedule.lower import Lowering
from bpcompile.schedule.places import ArrayPlace, OuterPlace, Place, ScalarPlace
from bpcompile.schedule.statements import (
    Expression,
    For,
    Lit,
    Poll,
    Set,
    SizeValue,
    Var,
    size_of,
)
from bpcompile.schedule.tasks import rank_of

POLL_WORK = 2**26  # additions between two looks for Ctrl-C: some 50 ms


class Carrier:
    """Hold what loops share: the variables and arrays of the values that they carry.

    `params` are the parameters of a region for the carried values and the constants, `operands`
    what the node takes for them.
    """

    def __init__(
        self, outer: Lowering, node: Node, cursor: Cursor, first_param: int, first_operand: int
    ) -> None:
        """Hold the node, and where its carried values begin."""
        self.outer = outer
        self.cursor = cursor
        self.node = node
        self.body: Graph = node.attrs["body"]
        self.count: int = node.attrs["carried"]
        self.params = self.body.params[first_param:]
        self.operands = node.args[first_operand:]
        self.items = {u.attrs["index"]: u for u in outer.block.users[node] if u.op.name == "item"}
        self.state: list[Var] = []
        self.starts: dict[int, Size | None] = {}  # of scalars; None for what is no known size
        self.constants: list[Place] = []

    def start(self) -> None:
        """Write the start values, and the scalars that are computed once."""
        self.state = [self._start(k) for k in range(self.count)]
        self.constants = [self._constant(arg) for arg in self.operands[self.count :]]

    def given(self, params: tuple[Node, ...]) -> dict[Node, Place]:
        """Return where the carried values and the constants lie for a region's parameters."""
        states = zip(params, self.state, strict=False)
        places = {param: place_of(param, var) for param, var in states}
        places.update(zip(params[self.count :], self.constants, strict=True))
        return places

    def inner(
        self, region: Graph, places: dict[Node, Place], cursor: Cursor, kept: Node | None = None
    ) -> Lowering:
        """Return a region's lowering; it may overwrite what it carries, but for one parameter."""
        own = (param for param in self.params[: self.count] if param is not kept)
        block = Block(region, own, 1, self.outer.shop.fuse)
        return Lowering(block, self.outer.shop, places, cursor, self.outer.lower_region)

    def finish(self) -> None:
        """Say where the last values lie."""
        for k, item in self.items.items():
            if k < self.count:
                self.outer.places[item] = place_of(item, self.state[k])
        for var in self.state:
            if not var.rank:
                var.renew()

    def outermost(self) -> Cursor:
        """Return the statements around all loops."""
        cursor = self.cursor
        while cursor.parent is not None:
            cursor = cursor.parent
        return cursor

    def poll(self, each: Size) -> Poll:
        """Return the look for Ctrl-C of an iteration that takes so much work.

        The work is counted from before the loops around: many short runs of this one are a long
        time together.
        """
        work = Var("work", DType.I64, ours=True)
        self.outermost().add(Set(work, Lit(0, DType.I64)))
        return Poll(work, each)

    def _constant(self, arg: Node) -> Place:
        """Return where a value that the body only reads lies."""
        if rank_of(arg):
            return OuterPlace(self.outer, arg)
        value = self.outer.read(arg, (), self.cursor)
        if not isinstance(value, (Lit, SizeValue, Var)):
            var = Var(arg.name, arg.array_type.dtype)
            self.cursor.add(Set(var, value, arg))
            value = var
        return ScalarPlace(value)

    def _start(self, k: int) -> Var:
        """Return the variable of a carried value, set to its start."""
        param, init = self.params[k], self.operands[k]
        type = param.array_type
        taken = k in self.outer.block.taken[self.node]
        if not type.rank:
            value = self.outer.read(init, (), self.cursor)
            self.starts[k] = size_of(value)
            if taken and isinstance(value, Var):
                value.renew()  # an index that was computed from it is another one in the loop
                value.hint = value.hint or param.name
                return value
            var = Var(param.name or init.name, type.dtype)
            self.cursor.add(Set(var, value, None))
            var.renew()
            return var
        if taken:
            return self.outer.shared_array(init).var
        array = result_array(self.outer, self.items.get(k), param)
        copy_into(self.outer, array, init, self.cursor)
        if init.op.name == "empty" and init.origin and init.origin.adjoint_of:
            self.outer.shop.keeps(array)
        return array


class CountedLoop(Carrier):
    """Write one ``loop`` node."""

    def __init__(self, outer: Lowering, node: Node, cursor: Cursor) -> None:
        """Hold the node."""
        super().__init__(outer, node, cursor, first_param=1, first_operand=2)

    def write(self) -> None:
        """Write the start values, the loop, and where its results lie."""
        self.start()
        index = self.body.params[0]
        first, last = (self.outer.index_value(arg, (), self.cursor) for arg in self.node.args[:2])
        top, mirrored = self._mirrored() or (0, None)
        counter = Var((mirrored or index).name or "i", index.array_type.dtype)
        counted: Expression = counter
        if mirrored is not None:
            # i = top - index: the loop counts i itself, downwards.
            first, last = top - last + 1, top - first + 1
            counted = SizeValue(top - counter.size)
        places = {index: ScalarPlace(counted), **self.given(self.params)}
        cursor = self.cursor.nested(Count(counter.token, first, last))
        inner = self.inner(self.body, places, cursor)
        targets = list(zip(self.state, self.body.outputs, strict=True))
        with self.outer.shop.facts.counting(counter.token, first, last):
            inner.prepare_writes()
            inner.run()
            hand_over(inner, targets, self.state, cursor)
        note = str(self.node.attrs.get("note", ""))
        bounds = SizeValue(first), SizeValue(last)
        scalars = [var for var in self.state if not var.rank]
        body = cursor.statements
        loop = For(counter, *bounds, body, note, mirrored is not None)
        for statement in arranged(loop, self.outer.shop, scalars):
            if isinstance(statement, For) and self._may_take_long(statement, last - first):
                shapes = {buffer.var: buffer.shape for buffer in self.outer.shop.buffers}
                statement.body.append(self.poll(effort(statement.body, shapes)))
            self.cursor.add(statement)
        self.finish()

    def _may_take_long(self, loop: For, steps: Size) -> bool:
        """Tell whether a loop goes one step after the other, and no length bounds its steps."""
        if self.cursor.parent is not None or not (loop.ordered or has_loop(loop.body)):
            return False
        if isinstance(steps, int):
            return steps >= POLL_WORK
        return not self.outer.shop.facts.is_of_lengths(steps)

    def _mirrored(self) -> tuple[Size, Node] | None:
        """Return the one integer that the body makes of its index, where that counts downwards.

        With it goes what the index is taken away from.
        """
        index = self.body.params[0]
        readers = [node for node in self.body.nodes if index in node.args]
        if len(readers) != 1 or index in self.body.outputs:
            return None
        node = readers[0]
        if node.op.name != "sub" or node.args[1] is not index or not is_counted(node.args[0]):
            return None
        top = self._size(node.args[0])
        return None if top is None else (top, node)

    def _size(self, node: Node) -> Size | None:
        """Return a counted scalar that is the same in each step as a size."""
        match node.op.name:
            case "const":
                return int(node.attrs["value"])
            case "dim":
                size: Size = node.attrs["size"]
                return size
            case "param":
                fixed = dict(zip(self.params[self.count :], self.constants, strict=True))
                place = fixed.get(node)
                return size_of(place.value) if isinstance(place, ScalarPlace) else None
        operands = [self._size(arg) for arg in node.args] if is_arithmetic(node) else [None]
        known = [size for size in operands if size is not None]
        return calculated(node, known) if len(known) == len(operands) else None


def result_array(outer: Lowering, item: Node | None, like: Node) -> Var:
    """Return an array for a result of a region: the one it is asked for in, or a new one."""
    claimed = outer.claims.get(item) if item is not None else None
    type = like.array_type
    return claimed or outer.shop.temporary(like.name, type.dtype, type.shape)


def place_of(node: Node, var: Var) -> Place:
    """Return the place of a value that lies in a variable or array."""
    if var.rank:
        return ArrayPlace(var, tuple(range(rank_of(node))))
    return ScalarPlace(var)
