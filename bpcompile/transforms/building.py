"""Build region ops in an outer graph, and capture the values that their regions read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.op import OPS
from bpcompile.ir.type import AnyType, DType, Type
from bpcompile.transforms.regions import finish, needed_nodes

_INTEGER = Type(DType.I64)

Replaced = Mapping[Node, Node]
# Writes the test of a ``while``: given what stands in the test for a parameter of the body.
Test = Callable[[Callable[[Node], Expr]], Expr]


class LoopBuilder:
    """Build a ``loop`` or a ``while`` whose first parameter counts."""

    def __init__(self, outer: Builder, name: str, index: Node | str) -> None:
        """Start a body with an index, which may be a parameter that exists already."""
        self.outer = outer
        self.body = Builder(name)
        self.body.origin = outer.origin
        self.index = _param(self.body, index, _INTEGER)
        self._carried: list[tuple[Expr, Expr]] = []
        self._captured: list[tuple[Expr, Expr]] = []

    def carry(self, start: Expr, param: Node | str) -> Expr:
        """Return the parameter for a carried value with this initial value."""
        inside = _param(self.body, param, start.node.type)
        self._carried.append((inside, start))
        return inside

    def capture(self, value: Expr, param: Node | str) -> Expr:
        """Return the parameter for a value from outside."""
        inside = _param(self.body, param, value.node.type)
        self._captured.append((inside, value))
        return inside

    def number(self, value: Expr, size: Size | None, by: int = 0) -> Expr:
        """Return an integer from outside plus `by`: a length where it is one, else captured."""
        if size is not None:
            return self.body.dim(size + by)
        known = [inside for inside, outside in self._captured if outside.node is value.node]
        inside = known[0] if known else self.capture(value, value.node.name or "count")
        return inside + by if by else inside

    def finish(
        self,
        lower: Expr,
        upper: Expr,
        outputs: Sequence[Expr],
        note: str = "",
        replaced: Replaced | None = None,
        attrs: Mapping[str, Any] = MappingProxyType({}),
    ) -> tuple[Expr, ...]:
        """Append a ``loop`` to the outer graph and return its results; `outputs` go around."""
        found = needed_nodes([out.node for out in outputs], replaced or {})
        captured = [(inside, value) for inside, value in self._captured if inside.node in found]
        self._set_params(captured)
        body = finish(self.body, outputs, replaced or {})
        starts = [start for _, start in (*self._carried, *captured)]
        made = {"body": body, "carried": len(outputs), **_noted(note), **attrs}
        return self.outer.apply(OPS["loop"], (lower, upper, *starts), made).items()

    def repeat(
        self,
        lower: Expr,
        test: Test,
        outputs: Sequence[Expr],
        rows: Sequence[Expr] = (),
        note: str = "",
        replaced: Replaced | None = None,
        limit: Size = 0,
    ) -> tuple[Expr, ...]:
        """Append a ``while`` and return its results: the last index, the last states, the tapes."""
        self._set_params(self._captured)
        tested = self._test(test)
        results = [self.index + 1, *outputs, *rows]
        found = needed_nodes([out.node for out in results], replaced or {})
        reads = needed_nodes(tested.outputs, {})
        first = 1 + len(self._carried)
        pairs = list(zip(self._captured, tested.params[first:], strict=True))
        captured = [pair for pair, param in pairs if pair[0].node in found or param in reads]
        kept = [param for pair, param in pairs if pair in captured]
        self._set_params(captured)
        body = finish(self.body, results, replaced or {})
        params = (*tested.params[:first], *kept)
        nodes = (*params, *(n for n in tested.nodes if n.op.name != "param"))
        starts = [lower, *(start for _, start in (*self._carried, *captured))]
        attrs = {
            "test": Graph(tested.name, params, nodes, tested.outputs, tested.guards),
            "body": body,
            "carried": first,
            **({"kept": len(rows)} if rows else {}),
            **({"limit": limit} if limit != 0 else {}),
            **_noted(note),
        }
        return self.outer.apply(OPS["while"], starts, attrs).items()

    def _set_params(self, captured: Sequence[tuple[Expr, Expr]]) -> None:
        """Put the parameters of the body in order."""
        pairs = (*self._carried, *captured)
        self.body.params = [self.index.node, *(inside.node for inside, _ in pairs)]

    def _test(self, test: Test) -> Graph:
        """Return the test, with parameters like those of the body."""
        builder = Builder(f"{self.body.name}_test")
        builder.origin = self.body.origin
        inside = {p: _param(builder, p.name or "v", p.type) for p in self.body.params}
        builder.params = [param.node for param in inside.values()]
        return builder.finish([test(inside.__getitem__)])


def _param(builder: Builder, given: Node | str, type: AnyType) -> Expr:
    """Append a parameter of a name, or one that exists; its place among the others comes later."""
    if isinstance(given, str):
        given = Node(OPS["param"], (), {"name": given}, type, builder.origin, given)
    return builder.wrap(builder.adopt(given))


def _noted(note: str) -> dict[str, str]:
    """Return the attribute of a note, where there is one."""
    return {"note": note} if note else {}


class BranchBuilder:
    """Build a ``branch``; what one arm captures, both have."""

    def __init__(self, outer: Builder, condition: Expr, names: Sequence[str]) -> None:
        """Start two arms."""
        self.outer = outer
        self.condition = condition
        self.arms = tuple(Builder(name) for name in names)
        for arm in self.arms:
            arm.origin = outer.origin
        self._captured: list[tuple[Expr, ...]] = []  # the value, and what stands for it in each arm

    def capture(self, value: Expr, params: Sequence[Node | str]) -> tuple[Expr, ...]:
        """Return the parameters of both arms for a value, which may exist already."""
        inside = tuple(
            _param(arm, given, value.node.type)
            for arm, given in zip(self.arms, params, strict=True)
        )
        self._captured.append((value, *inside))
        return inside

    def finish(
        self,
        outputs: Sequence[Sequence[Expr]],
        replaced: Sequence[Replaced] = ({}, {}),
        note: str = "",
    ) -> tuple[Expr, ...]:
        """Append the branch to the outer graph and return its results."""
        found = [
            needed_nodes([out.node for out in results], new)
            for results, new in zip(outputs, replaced, strict=True)
        ]
        captured = [
            (value, *inside)
            for value, *inside in self._captured
            if any(param.node in nodes for param, nodes in zip(inside, found, strict=True))
        ]
        for k, arm in enumerate(self.arms):
            arm.params = [inside[k].node for _, *inside in captured]
        then, otherwise = (
            finish(arm, results, new)
            for arm, results, new in zip(self.arms, outputs, replaced, strict=True)
        )
        operands = (self.condition, *(value for value, *_ in captured))
        attrs = {"then": then, "otherwise": otherwise, **_noted(note)}
        return self.outer.apply(OPS["branch"], operands, attrs).items()
