"""Say where the results of region ops may lie: in which operand's variable or array.

A loop leaves a carried value where it started. An arm of a branch that gives an operand back, or
writes elements of it, leaves it where it is; if the other arm makes something else, that is copied
there.
"""

from __future__ import annotations

import itertools

from bpcompile.ir.graph import Graph, Node

WRITES = ("update", "accumulate")
FIRST_STATE = {"loop": 2, "while": 0}
_MOST_STEPS = 10_000  # writes looked through one after the other


def state_operands(node: Node) -> dict[int, int]:
    """Return for each result of a region op the number of the operand that it may overwrite."""
    return _Homes().of_region(node)


class _Homes:
    """Find homes, each region's once."""

    def __init__(self) -> None:
        self._known: dict[Node, dict[int, int]] = {}

    def of_region(self, node: Node) -> dict[int, int]:
        """Return the operand of each result that has one."""
        if node not in self._known:
            self._known[node] = self._of_branch(node) if node.op.name == "branch" else _states(node)
        return self._known[node]

    def _of_branch(self, node: Node) -> dict[int, int]:
        """Return the operand of each result: one that an arm changes, else one that it hands on.

        Among equals it is the one that stands where the result stands, else that of `otherwise`: a
        statement ``if`` without ``else`` leaves there what was. No operand is that of two results.
        """
        arms: tuple[Graph, Graph] = (node.attrs["otherwise"], node.attrs["then"])
        found: dict[int, int] = {}
        for k in range(len(arms[0].outputs)):
            homes: list[tuple[bool, bool, int]] = []
            for arm in arms:
                root, out = self._root(arm.outputs[k]), arm.outputs[k]
                if root in arm.params:
                    operand = 1 + arm.params.index(root)
                    homes.append((root is out, operand != 1 + k, operand))
            homes.sort(key=lambda home: home[:2])
            free = (operand for *_, operand in homes if operand not in found.values())
            found.update((k, operand) for operand in itertools.islice(free, 1))
        return found

    def _root(self, out: Node) -> Node:
        """Return the value whose array a result lies in if all writes to it are in place."""
        node = out
        for _ in range(_MOST_STEPS):
            if node.op.name in WRITES:
                node = node.args[0]
            elif node.op.name == "item":
                operand = self.of_region(node.args[0]).get(node.attrs["index"])
                if operand is None:
                    return node
                node = node.args[0].args[operand]
            else:
                return node
        return node


def _states(node: Node) -> dict[int, int]:
    """Return the operand of each carried value of a loop."""
    first = FIRST_STATE[node.op.name]
    return {k: first + k for k in range(node.attrs["carried"])}
