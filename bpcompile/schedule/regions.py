"""Write a counted loop: its carried values are variables and arrays that live across iterations."""

from __future__ import annotations

from bpcompile.errors import CompileError
from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Graph, Node
from bpcompile.schedule.block import Block
from bpcompile.schedule.lower import Lowering
from bpcompile.schedule.places import ArrayPlace, Cursor, OuterPlace, Place, ScalarPlace
from bpcompile.schedule.statements import (
    CopyArray,
    Expression,
    Fill,
    For,
    Lit,
    Move,
    Set,
    SizeValue,
    Var,
)


def lower_region(outer: Lowering, node: Node, cursor: Cursor) -> None:
    """Write a region op at a cursor of the block around it."""
    if node.op.name != "loop":
        raise CompileError(f"the schedule knows no region op {node.op.name}")
    _Loop(outer, node, cursor).write()


class _Loop:
    """Write one ``loop`` node."""

    def __init__(self, outer: Lowering, node: Node, cursor: Cursor) -> None:
        self.outer = outer
        self.cursor = cursor
        self.node = node
        self.body: Graph = node.attrs["body"]
        self.count: int = node.attrs["carried"]
        self.carried = self.body.params[1 : 1 + self.count]
        self.items = {u.attrs["index"]: u for u in outer.block.users[node] if u.op.name == "item"}

    def write(self) -> None:
        """Write the start values, the loop, and where its results lie."""
        lower, upper, *rest = self.node.args
        state = [self._start(k, init) for k, init in enumerate(rest[: self.count])]
        counter = Var(self.body.params[0].name or "i", self.body.params[0].array_type.dtype)
        places: dict[Node, Place] = {self.body.params[0]: ScalarPlace(counter)}
        for param, var in zip(self.carried, state, strict=True):
            places[param] = _place_of(param, var)
        for param, arg in zip(self.body.params[1 + self.count :], rest[self.count :], strict=True):
            places[param] = self._constant(arg)
        first, last = self._bound(lower), self._bound(upper)
        known_first, known_last = _as_size(first), _as_size(last)
        if known_first is not None and known_last is not None:
            self.outer.shop.bounds[counter.token] = (known_first, known_last - 1)
        inner_cursor = self.cursor.nested()
        block = Block(self.body, (p for p in self.carried if p.array_type.rank), depth=1)
        inner = Lowering(block, self.outer.shop, places, inner_cursor)
        inner.prepare_writes()
        inner.run()
        self._step(inner, state, inner_cursor)
        note = str(self.node.attrs.get("note", ""))
        self.cursor.add(For(counter, first, last, inner_cursor.statements, note))
        for k, item in self.items.items():
            self.outer.places[item] = _place_of(item, state[k])

    def _bound(self, node: Node) -> Expression:
        """Return the expression of a bound."""
        return SizeValue(self.outer.index_value(node, (), self.cursor))

    def _constant(self, arg: Node) -> Place:
        """Return where a value that the body only reads lies."""
        if arg.array_type.rank:
            return OuterPlace(self.outer, arg)
        value = self.outer.read(arg, (), self.cursor)
        if not isinstance(value, (Lit, SizeValue, Var)):
            var = Var(arg.name, arg.array_type.dtype)
            self.cursor.add(Set(var, value, arg))
            value = var
        return ScalarPlace(value)

    def _start(self, k: int, init: Node) -> Var:
        """Return the variable of a carried value, set to its start."""
        param, type = self.carried[k], self.carried[k].array_type
        if not type.rank:
            var = Var(param.name or init.name, type.dtype)
            self.cursor.add(Set(var, self.outer.read(init, (), self.cursor), None))
            return var
        if k in self.outer.block.taken[self.node]:
            return self.outer.shared_array(init).var
        item = self.items.get(k)
        claimed = self.outer.claims.get(item) if item is not None else None
        array = claimed or self.outer.shop.temporary(param.name, type.dtype, type.shape)
        copy_into(self.outer, array, init, self.cursor)
        return array

    def _step(self, inner: Lowering, state: list[Var], cursor: Cursor) -> None:
        """Write how the next iteration's values take the place of this one's."""
        targets: list[Var] = []
        values: list[Expression] = []
        copies: list[tuple[Var, Node]] = []
        for var, out in zip(state, self.body.outputs, strict=True):
            if var.rank:
                place = inner.array_of(out)
                if place is None or place.var is not var:
                    copies.append((var, out))
            else:
                value = inner.read(out, (), cursor)
                if value is not var:
                    targets.append(var)
                    values.append(value)
        held = [(var, self._held(inner, out, state, cursor)) for var, out in copies]
        for var, source in held:
            if isinstance(source, Var):
                cursor.add(CopyArray(var, source))
            else:
                copy_into(inner, var, source, cursor)
        if targets:
            cursor.add(Move(targets, values))

    def _held(self, inner: Lowering, out: Node, state: list[Var], cursor: Cursor) -> Var | Node:
        """Return what to copy from, saved first where it is itself a carried array."""
        place = inner.array_of(out)
        if place is None or place.var not in state:
            return out
        type = out.array_type
        saved = self.outer.shop.temporary(None, type.dtype, type.shape)
        cursor.add(CopyArray(saved, place.var))
        return saved


def _place_of(node: Node, var: Var) -> Place:
    """Return the place of a carried value."""
    if var.rank:
        return ArrayPlace(var, tuple(range(node.array_type.rank)))
    return ScalarPlace(var)


def _as_size(value: Expression) -> Size | None:
    """Return an expression as a size, where it is one."""
    if isinstance(value, SizeValue):
        return value.size
    return int(value.value) if isinstance(value, Lit) else None


def copy_into(lowering: Lowering, target: Var, source: Node, cursor: Cursor) -> None:
    """Write the copy of a whole value into an array; an empty array needs none."""
    if source.op.name == "empty":
        return
    if source.op.name == "const":
        cursor.add(Fill(target, source.attrs["value"]))
        return
    place = lowering.array_of(source)
    if place is None:
        raise CompileError(f"{source!r} has no array to copy from")
    if place.var is not target:
        cursor.add(CopyArray(target, place.var))
