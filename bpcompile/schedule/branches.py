"""Write a branch: its results are variables and arrays that both arms leave their values in.

A result that may lie in an operand's variable or array costs nothing in an arm that hands the
operand on, and one store in an arm that changes an element. What the arms only read is read where
they read it, so that nothing is computed for an arm that is not run.
"""

from __future__ import annotations

from collections.abc import Iterable

from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Graph, Node
from bpcompile.schedule.block import Block
from bpcompile.schedule.cursor import Cursor
from bpcompile.schedule.handover import hand_over
from bpcompile.schedule.loops import place_of, result_array
from bpcompile.schedule.lower import Lowering
from bpcompile.schedule.places import OuterPlace, Place, ScalarPlace
from bpcompile.schedule.statements import If, Lit, Set, SizeValue, Statement, Var
from bpcompile.schedule.tasks import rank_of


class Branch:
    """Write one ``branch`` node."""

    def __init__(self, outer: Lowering, node: Node, cursor: Cursor) -> None:
        """Hold the node."""
        self.outer = outer
        self.cursor = cursor
        self.node = node
        self.operands = node.args[1:]
        self.items = {u.attrs["index"]: u for u in outer.block.users[node] if u.op.name == "item"}
        self.shared: dict[int, Var] = {}  # by operand: what results may overwrite
        self.given: list[Place] = []
        self.targets: dict[int, Var] = {}  # of the results that somebody reads

    def write(self) -> None:
        """Write the branch, and where its results lie."""
        condition = self.outer.read(self.node.args[0], (), self.cursor)
        self._share()
        self.given = [self._operand(k, arg) for k, arg in enumerate(self.operands)]
        outputs = self.node.attrs["then"].outputs
        self.targets = {k: self._target(k, outputs[k]) for k in sorted(self.items)}
        then, otherwise = (
            self._arm(self.node.attrs[key], self.outer.told(self.node.args[0], holds, self.cursor))
            for key, holds in (("then", True), ("otherwise", False))
        )
        fresh = [v for v in self.targets.values() if not v.rank and v not in self.shared.values()]
        if then or otherwise:
            note = str(self.node.attrs.get("note", ""))
            self.cursor.add(If(condition, then, otherwise, fresh, self.node, note))
        for k, item in self.items.items():
            self.outer.places[item] = place_of(item, self.targets[k])
        for var in self.shared.values():
            if not var.rank:
                var.renew()  # an index that was computed from it is another one now

    def _share(self) -> None:
        """Find the variables and arrays of the operands that may be overwritten."""
        for base in self.outer.block.taken[self.node].values():
            number = self.operands.index(base)
            if base.array_type.rank:
                self.shared[number] = self.outer.shared_array(base).var
                continue
            value = self.outer.read(base, (), self.cursor)
            if isinstance(value, Var):
                value.hint = value.hint or self.node.attrs["then"].params[number].name
                self.shared[number] = value

    def _operand(self, k: int, arg: Node) -> Place:
        """Return where an operand lies; what would change under the arms' hands is read before."""
        if k in self.shared:
            return place_of(arg, self.shared[k])
        block = self.outer.block
        if rank_of(arg) or not block.is_transparent(arg):
            return OuterPlace(self.outer, arg)
        if not any(read.source in block.written for read in block.reads(arg, ())):
            return OuterPlace(self.outer, arg)
        value = self.outer.read(arg, (), self.cursor)
        if not isinstance(value, (Var, Lit, SizeValue)):
            var = Var(arg.name, arg.array_type.dtype)
            self.cursor.add(Set(var, value, arg))
            value = var
        return ScalarPlace(value)

    def _target(self, k: int, out: Node) -> Var:
        """Return the variable or array of a result."""
        base = self.outer.block.taken[self.node].get(k)
        shared = self.shared.get(self.operands.index(base)) if base is not None else None
        if shared is not None:
            return shared
        item = self.items.get(k)
        like = item if item is not None and item.name else out
        if out.array_type.rank:
            return result_array(self.outer, item, like)
        return Var(like.name, out.array_type.dtype)

    def _arm(self, arm: Graph, told: Iterable[Size]) -> list[Statement]:
        """Return the statements of an arm, where sizes are known to be 0 or more."""
        arm = arm.with_outputs(tuple(arm.outputs[k] for k in self.targets))
        targets = list(zip(self.targets.values(), arm.outputs, strict=True))
        cursor = self.cursor.nested()
        block = Block(arm, [arm.params[k] for k in self.shared], 1, self.outer.shop.fuse)
        places = dict(zip(arm.params, self.given, strict=True))
        inner = Lowering(block, self.outer.shop, places, cursor, self.outer.lower_region)
        kept = set(self.shared.values())
        for var, out in targets:
            made = out.op.name not in ("param", "const", "empty", "table")
            if var.rank and var not in kept and made:
                inner.claims.setdefault(out, var)
        with self.outer.shop.facts.holding(told):
            inner.prepare_writes()
            inner.run()
            hand_over(inner, targets, list(kept), cursor)
        return cursor.statements
