"""Decide which values of a block share a name: what is overwritten, and what is computed in place.

NumPy statements run in the order of the nodes. A value may be overwritten under its name once every
other reader of the values under that name has run, unless one of them is a view of its array or a
result of the block.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from bpcompile.ir.graph import Graph, Node, users
from bpcompile.ir.op import Kind
from bpcompile.ir.type import TapeType, Type
from bpcompile.schedule.ownership import WRITES, state_operands

_END = 1 << 60  # the order of what is computed after everything else


class Storage:
    """Hold the decisions for one graph or region.

    `owned` are the parameters whose names may take other values, `holders` the parameter that has
    the name of each result (None where a result has a name of its own). With `together` either all
    results with a holder are computed under its name, or none but those that nothing else reads.
    Parameters whose `texts` are equal are one value.
    """

    def __init__(
        self,
        graph: Graph,
        owned: Collection[Node] = (),
        holders: Sequence[Node | None] = (),
        *,
        texts: Mapping[Node, str] | None = None,
        together: bool = False,
    ) -> None:
        """Analyse a block."""
        self.graph = graph
        self.owned = set(owned)
        self.holders = holders
        first: dict[str, Node] = {}
        self._same = {p: first.setdefault(text, p) for p, text in (texts or {}).items()}
        self.owned.update(self._same.get(param, param) for param in owned)
        self.users = users(graph)
        self.results = graph.outputs[: len(holders)] if holders else graph.outputs
        self.outputs = set(self.results)
        self.late: list[Node] = []  # results that are computed after everything else
        self.in_place: set[Node] = set()  # writes into the array of their base
        self.taken: dict[Node, dict[int, Node]] = {}  # for results of a region: whose name they get
        self.renamed: dict[Node, Node] = {}  # values computed under the name of a holder
        self.hints: dict[Node, str | None] = {}  # what regions call the values that they take
        self._root: dict[Node, Node] = {}
        self._members: dict[Node, list[Node]] = {}
        self._changes: dict[Node, list[float]] = {}  # when the values under a name are overwritten
        if holders or any(
            n.op.name in WRITES or (n.attrs and n.op.kind is Kind.REGION) for n in graph.nodes
        ):
            self._analyse(together=together)

    def _analyse(self, *, together: bool) -> None:
        """Decide with all results computed under their holders' names, or else with none."""
        self._decide([], {})
        places = self._result_places()
        if not places:
            return
        self._decide(self._find_late(), places)
        if together and not all(self._is_home(k) for k in range(len(self.holders))):
            alone = {root: holder for root, holder in places.items() if self._is_alone(holder)}
            self._decide([], alone)

    def _is_alone(self, holder: Node) -> bool:
        """Tell whether only its own next value reads a carried value: a sum, for the most part."""
        return self.users[holder] == [self.results[self.holders.index(holder)]]

    def _decide(self, late: list[Node], places: dict[Node, Node]) -> None:
        """Go through the nodes in order, some values being computed under a holder's name."""
        self.late = late
        self.order = {node: k for k, node in enumerate(self.graph.nodes)}
        self.order.update(dict.fromkeys(late, _END))
        self.order.update((node, -1) for node in self.graph.params)
        self.in_place.clear()
        for known in (self.taken, self.renamed, self._root, self._members, self._changes):
            known.clear()
        for node in sorted(self.order, key=self.order.__getitem__):
            if node.op.name in WRITES:
                if self._overwrites(node, node.args[0], {node}):
                    self.in_place.add(node)
            elif node.op.kind is Kind.REGION:
                self._decide_region(node)
            self._join(node, self._root_of_item(node))
            holder = places.get(node)
            if holder is not None and self._replaces(node, holder):
                self.renamed[node] = holder

    def _result_places(self) -> dict[Node, Node]:
        """Return the holders of what could be computed under their names."""
        places = zip(self.results, self.holders, strict=False)
        return {
            self._root[out]: holder
            for out, holder in places
            if holder is not None and self.has_own_line(out)
        }

    def root(self, out: Node) -> Node:
        """Return the first value under the name of a result."""
        return self._root[out]

    def has_own_line(self, out: Node) -> bool:
        """Tell whether a result begins with a statement that may assign it to any name."""
        root = self._root[out]
        leaf = root.op.kind is Kind.LEAF and root.op.name != "item"
        alias = bool(root.array_type.rank) and keeps_operand(root)
        return not leaf and not alias and self.results.count(out) == 1

    def _find_late(self) -> list[Node]:
        """Return the results that may as well be computed last: counters, for the most part."""
        found = []
        for out, holder in zip(self.results, self.holders, strict=False):
            stable = (holder, *(p for p in self.graph.params if p not in self.holders))
            if (
                holder is not None
                and out.op.kind is Kind.ELEMENTWISE
                and not out.array_type.rank
                and not self.users[out]
                and self.results.count(out) == 1
                and all(arg in stable or arg.op.name in ("const", "dim") for arg in out.args)
            ):
                found.append(out)
        return found

    # One name

    def _join(self, node: Node, root: Node) -> None:
        """Note that a value lies under the name of another, or under one of its own."""
        self._root[node] = root
        self._members.setdefault(root, []).append(node)

    def _root_of_item(self, node: Node) -> Node:
        """Return the first value under the name of a node."""
        if node in self._same:
            return self._same[node]
        if node in self.in_place:
            return self._root[node.args[0]]
        if node.op.name == "item":
            base = self.taken.get(node.args[0], {}).get(node.attrs["index"])
            if base is not None:
                return self._root[base]
        return node

    def _is_own(self, root: Node) -> bool:
        """Tell whether nobody else has a value: its array, or the name of a scalar."""
        if root.op.name in ("param", "item"):
            return root in self.owned or root.op.name == "item"
        if not isinstance(root.type, Type) or root.op.kind is Kind.LEAF:
            return False
        if not root.array_type.rank:
            return True
        if root.op.kind is Kind.ELEMENTWISE:
            return root.op.name != "stop_gradient"
        return root.op.kind in (Kind.REDUCE, Kind.CONTRACTION) or root.op.name in WRITES

    def _is_free(self, root: Node, at: int, by: Collection[Node]) -> bool:
        """Tell whether nothing but `by` needs the values under a name from some place on."""
        if not self._is_own(root):
            return False
        for member in self._members[root]:
            if member in self.outputs:
                return False
            for user in self.users[member]:
                if user not in by and (self.order[user] >= at or keeps_operand(user)):
                    return False
        return True

    def _overwrites(self, node: Node, base: Node, by: Collection[Node]) -> bool:
        """Tell whether a node may overwrite a value, and note that it does."""
        root, at = self._root[base], self.order[node]
        if base.op.kind is Kind.LEAF and base.op.name not in ("param", "item"):
            return False
        if node.args.count(base) > 1 or not self._is_free(root, at, by):
            return False
        self._changes.setdefault(root, []).append(at)
        return True

    def _decide_region(self, node: Node) -> None:
        """Find the results of a region that get the names of operands."""
        found: dict[int, Node] = {}
        read = {user.attrs["index"] for user in self.users[node] if user.op.name == "item"}
        for k, operand in state_operands(node).items():
            if k not in read and node.op.name == "branch":
                continue  # a result that nobody reads is not assigned
            base = node.args[operand]
            roots = [self._root[arg] for arg in node.args]
            if roots.count(self._root[base]) == 1 and self._overwrites(node, base, {node}):
                found[k] = base
                self.hints.setdefault(base, _state_name(node, operand))
        self.taken[node] = found

    def _replaces(self, node: Node, holder: Node) -> bool:
        """Tell whether a result may be computed under the name of its holder."""
        root, mine = self._root[holder], self._root[node]
        if root is mine or mine is not node:
            return False
        where, by = node, {node}
        if node.op.name == "item":
            where = node.args[0]
            k = node.attrs["index"]
            if k in self.taken[where]:
                return False
            by = {where}
            if any(self._root[base] is root for base in self.taken[where].values()):
                return False
            if where.op.name != "branch":
                start = state_operands(where)[k]
                if any(self._root[a] is root for i, a in enumerate(where.args) if i != start):
                    return False
        if not self._is_free(root, self.order[where], by):
            return False
        at: float = self.order[where]
        if node.op.name in WRITES:  # its array is made in a statement before the one that reads
            if any(self._root[arg] is root for arg in node.args[1:]):
                return False
            at -= 0.5
        self._changes.setdefault(root, []).append(at)
        self._members[mine].remove(node)
        self._join(node, root)
        return True

    def _is_home(self, k: int) -> bool:
        """Tell whether a result lies under the name of its holder, or has none."""
        holder, out = self.holders[k], self.results[k]
        return holder is None or self._root[out] is self._root[holder]

    # Reading

    def lasts(self, seen: Collection[Node], reader: Node) -> bool:
        """Tell whether an expression over some values still holds where a reader stands."""
        for value in seen:
            changes = self._changes.get(self._root[value], ())
            if any(self.order[value] < at < self.order[reader] for at in changes):
                return False
        return True

    @property
    def shares(self) -> bool:
        """Tell whether any name takes several values."""
        return bool(self._changes)

    def is_overwritten(self, node: Node) -> bool:
        """Tell whether the name of a value takes another one later on."""
        return any(at > self.order[node] for at in self._changes.get(self._root[node], ()))


def _state_name(node: Node, operand: int) -> str | None:
    """Return what a region calls an operand."""
    region: Graph = node.attrs["then" if node.op.name == "branch" else "body"]
    before = 0 if node.op.name == "while" else 1  # operands without parameters, less parameters
    return region.params[operand - before].name


def keeps_operand(node: Node) -> bool:
    """Tell whether the result of a node may be a view of its operand's array."""
    if isinstance(node.type, TapeType) or node.op.kind is Kind.VIEW:
        return True
    if node.op.name == "index":
        return bool(node.array_type.rank)
    return node.op.name in ("stop_gradient", "replay")
