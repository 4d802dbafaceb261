"""Write a loop with a test: it keeps rows of its iterations on tapes, and looks for Ctrl-C.

A tape for which a limit of the iterations is known lies in the workspace. Any other is an array of
its own that doubles its length whenever it is full.
"""

from __future__ import annotations

from bpcompile.ir.dims import Dim, Size, product, substitute
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type
from bpcompile.schedule.conditions import INTEGER
from bpcompile.schedule.cursor import Cursor
from bpcompile.schedule.effort import effort
from bpcompile.schedule.handover import hand_over
from bpcompile.schedule.invariants import Carried, Invariants, invariants
from bpcompile.schedule.loops import POLL_WORK, Carrier, place_of
from bpcompile.schedule.lower import Lowering
from bpcompile.schedule.places import ArrayPlace, ScalarPlace
from bpcompile.schedule.statements import (
    Buffer,
    Expression,
    Grow,
    Lit,
    Move,
    NewTape,
    Set,
    SizeValue,
    Statement,
    Var,
    While,
    size_of,
)

_ZERO = Lit(0, DType.I64)


class WhileLoop(Carrier):
    """Write one ``while`` node."""

    def __init__(self, outer: Lowering, node: Node, cursor: Cursor) -> None:
        """Hold the node."""
        super().__init__(outer, node, cursor, first_param=0, first_operand=0)
        self.limit: Size = node.attrs.get("limit", 0)
        self.rows = self.body.outputs[self.count :]
        self.tapes: list[Var] = []

    def write(self) -> None:
        """Write the start values, the loop, and where its results and tapes lie."""
        self.start()
        self.tapes = [self._tape(k, row) for k, row in enumerate(self.rows)]
        counter = self._counter()
        steps = counter or Var("steps", DType.I64, ours=True)
        if self.rows and counter is None:
            self.cursor.add(Set(steps, _ZERO))
        facts, tokens, found = self.outer.shop.facts, self._tokens(), self._invariants()
        with facts.holding(found.before, tokens):
            test, condition = self._test()
        cursor = self.cursor.nested()
        if self.rows and not self.limit:
            cursor.add(Grow(self.tapes, steps.size))
        with facts.holding(found.inside, tokens):
            self._body(steps, cursor)
        if self.rows and counter is None:
            cursor.add(Move([steps], [SizeValue(steps.size + 1)]))
        if found.turns is None or not facts.bounds(found.turns):
            self._poll(test, cursor)
        note = str(self.node.attrs.get("note", ""))
        self.cursor.add(While(test, condition, cursor.statements, self.node, note))
        self.finish()
        last = dict(zip(tokens, map(Dim.named, self._tokens()), strict=True))
        facts.know((substitute(fact, last) for fact in found.after), self._tokens())
        for k, tape in enumerate(self.tapes):
            item = self.items.get(self.count + k)
            if item is not None:
                self.outer.places[item] = place_of(item, tape)

    def _tokens(self) -> list[str]:
        """Return the names of the integers among what is carried."""
        return [self.state[k].token for k in self._integers()]

    def _integers(self) -> list[int]:
        """Return the numbers of the integers among what is carried."""
        return [k for k, param in enumerate(self.params[: self.count]) if param.type == INTEGER]

    def _invariants(self) -> Invariants:
        """Return what is known of the integers that the loop carries."""
        places = self._integers()
        starts = [self.starts[k] for k in places]
        given = (size_of(p.value) if isinstance(p, ScalarPlace) else None for p in self.constants)
        constants = {self.count + k: size for k, size in enumerate(given) if size is not None}
        loop = Carried(
            self.node.attrs["test"], self.body, places, starts, self._tokens(), constants
        )
        return invariants(loop, self.outer.shop.facts)

    def _test(self) -> tuple[list[Statement], Expression]:
        """Return the statements before the test, and the test."""
        test: Graph = self.node.attrs["test"]
        cursor = self.cursor.nested()
        inner = self.inner(test, self.given(test.params), cursor)
        inner.prepare_writes()
        inner.run()
        condition = inner.read(test.outputs[0], (), cursor)
        statements = cursor.statements
        last = statements[-1] if statements else None
        if isinstance(last, Set) and last.var is condition:
            return statements[:-1], last.value
        return statements, condition

    def _body(self, steps: Var, cursor: Cursor) -> None:
        """Write one iteration; each row is copied as soon as it is known."""
        body = self.body
        copies = [Node(OPS["copy"], (row,), {}, row.type) for row in self.rows]
        outputs = (*body.outputs[: self.count], *copies)
        nodes: list[Node] = []
        for node in body.nodes:
            nodes += [node, *(copy for copy in copies if copy.args[0] is node)]
        graph = Graph(body.name, body.params, tuple(nodes), outputs, body.guards)
        counter = self.params[self.state.index(steps)] if steps in self.state else None
        inner = self.inner(graph, self.given(self.params), cursor, counter if self.rows else None)
        for copy, tape in zip(copies, self.tapes, strict=True):
            axes = tuple(range(copy.array_type.rank))
            inner.kept[copy] = ArrayPlace(tape, axes, (steps.size,))
        inner.prepare_writes()
        inner.run()
        targets = list(zip(self.state, body.outputs, strict=False))
        hand_over(inner, targets, self.state, cursor)

    def _counter(self) -> Var | None:
        """Return the carried variable that counts the iterations from 0, if there is one."""
        for k, init in enumerate(self.operands[: self.count]):
            param, out = self.params[k], self.body.outputs[k]
            counts = param.type == Type(DType.I64) and out.op.name == "add" and param in out.args
            if counts and _is(init, 0) and any(_is(arg, 1) for arg in out.args):
                return self.state[k]
        return None

    def _tape(self, k: int, row: Node) -> Var:
        """Return a new tape for rows."""
        item = self.items.get(self.count + k)
        type = row.array_type
        hint = item.name if item is not None and item.name else row.name and f"{row.name}_tape"
        if self.limit:
            tape = self.outer.shop.temporary(hint, type.dtype, (self.limit, *type.shape))
            self.outer.shop.keeps(tape)
            return tape
        tape = Var(hint or "tape", type.dtype, 1 + type.rank, ours=not hint)
        self.outer.shop.keeps(tape)
        length = Var("length", DType.I64).size  # which nothing says in advance
        self.outer.shop.buffers.append(Buffer(tape, (length, *type.shape), "tape"))
        # Before the loops around: what has grown in one of their iterations serves the next one.
        self.outermost().add(NewTape(tape, type.shape))
        return tape

    def _poll(self, test: list[Statement], cursor: Cursor) -> None:
        """Write that an iteration looks for Ctrl-C, unless the whole loop is short."""
        shapes = {buffer.var: buffer.shape for buffer in self.outer.shop.buffers}
        each = effort([*test, *cursor.statements], shapes)
        total = product((each, self.limit))
        if self.limit and isinstance(total, int) and total < POLL_WORK:
            return
        cursor.add(self.poll(each))


def _is(node: Node, value: int) -> bool:
    """Tell whether a node is this constant."""
    return node.op.name == "const" and node.attrs["value"] == value
