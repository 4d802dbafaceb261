"""Trace calls of functions with a derivative rule of their own into one node each.

The function and its rule become closed regions: what they read from outside are further operands,
in the order in which the regions came upon them. Only traced arguments are operands; known ones
stay known inside. Where the rule calls the function itself with values of the same types, that
call refers to the rule that is being traced, so that it can be differentiated as often as asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bpcompile.errors import LimitError, ShapeError, TraceError, TypeMismatchError
from bpcompile.frontend.arguments.leaves import identifier
from bpcompile.frontend.arguments.trees import Structure, leaves_of
from bpcompile.frontend.calls import resolve
from bpcompile.frontend.elementwise import cast
from bpcompile.frontend.lift import lift
from bpcompile.frontend.origins import where
from bpcompile.frontend.region import Region, RegionParam
from bpcompile.frontend.session import Frame, current
from bpcompile.frontend.substitute import Substitution
from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.build import Expr
from bpcompile.ir.graph import Graph
from bpcompile.ir.op import OPS
from bpcompile.ir.type import Type

MOST_NESTED = 16


class Rule(NamedTuple):
    """Hold a function, and the functions that say how it is differentiated.

    `kind` is the op, and `regions` traces its regions from `parts`: the rule's functions.
    `fixed` are the numbers of the arguments without a derivative. `whole` is what the user calls.
    """

    kind: str
    regions: Callable[[Call], dict[str, Any]]
    name: str
    function: Callable[..., Any]
    parts: tuple[Callable[..., Any], ...]
    fixed: frozenset[int]
    names: tuple[str, ...]
    whole: Any

    def fixed_of(self, args: Sequence[Any]) -> list[Any]:
        """Return the arguments without a derivative."""
        return [arg for k, arg in enumerate(args) if k in self.fixed]

    def others_of(self, args: Sequence[Any]) -> list[Any]:
        """Return the arguments with a derivative."""
        return [arg for k, arg in enumerate(args) if k not in self.fixed]

    def path(self, number: int) -> str:
        """Return the name of an argument."""
        return self.names[number] if number < len(self.names) else f"argument_{number}"


def call_with_rule(rule: Rule, args: Sequence[Any]) -> Any:
    """Append a call of a function with a rule to the current graph; return its values.

    Raises:
        ArgumentError: where a part of the rule returns another structure than it must.
        ShapeError, TypeMismatchError: where a value of the rule has the wrong type.
        LimitError: where rules and functions call each other without end.
    """
    trees = [leaves_of(arg) for arg in args]
    leaves = [leaf for found, _ in trees for leaf in found]
    if not any(isinstance(leaf, Tracer) for leaf in leaves):
        return resolve(rule.function)(*args)
    session = current().session
    for call in reversed(session.calls):
        if call.is_same(rule, trees):
            return call.again(leaves)
    if session.nested_calls >= MOST_NESTED:
        raise LimitError(
            f"{rule.name} and functions with rules of their own call each other more than "
            f"{MOST_NESTED} levels deep{where()}: call plain functions inside"
        )
    session.nested_calls += 1
    try:
        return Call(rule, trees).append()
    finally:
        session.nested_calls -= 1


class Inside(NamedTuple):
    """Hold a region, its parameters for the operands, and the arguments of the function."""

    region: Region
    params: list[Tracer]
    args: list[Any]


class Call:
    """Trace one call: the function first, then its rule."""

    def __init__(self, rule: Rule, trees: Sequence[tuple[list[Any], Structure]]) -> None:
        """Hold the arguments, taken apart."""
        self.rule = rule
        self.trees = trees
        self.frame = current()
        self.session = self.frame.session
        self.mark = len(self.session.calls)
        self.paths = [
            path
            for number, (_, structure) in enumerate(trees)
            for path in structure.paths(rule.path(number))
        ]
        self.leaves = [leaf for found, _ in trees for leaf in found]
        self.place = [k for k, leaf in enumerate(self.leaves) if isinstance(leaf, Tracer)]
        self.given = self._given()
        self.captured: list[Expr] = []
        self.called_again = False

    def _given(self) -> list[int]:
        """Return which of the leaves have a derivative."""
        found, start = [], 0
        for number, (leaves, _) in enumerate(self.trees):
            for k, leaf in enumerate(leaves, start):
                has = isinstance(leaf, Tracer) and leaf.expr.dtype.is_float
                if has and number not in self.rule.fixed:
                    found.append(k)
            start += len(leaves)
        return found

    # -- a call inside its own rule ------------------------------------------------------------

    def is_same(self, rule: Rule, trees: Sequence[tuple[list[Any], Structure]]) -> bool:
        """Tell whether a call is of this function, with values of these types."""
        if rule.whole is not self.rule.whole or len(trees) != len(self.trees):
            return False
        pairs = zip(trees, self.trees, strict=True)
        if any(mine[1] != theirs[1] for theirs, mine in pairs):
            return False
        leaves = [leaf for found, _ in trees for leaf in found]
        return all(map(_alike, leaves, self.leaves))

    def again(self, leaves: Sequence[Any]) -> Any:
        """Append the call that has this rule, while the rule is being traced."""
        self.called_again = True
        frame = current()
        attrs = {"name": self.rule.name, "again": self.mark, "given": self._numbers()}
        operands = [leaves[k].expr for k in self.place]
        return self._appended(frame, [*operands, *self.captured], attrs)

    # -- the call itself -----------------------------------------------------------------------

    def append(self) -> Any:
        """Trace the regions and append the node; return the values of the function."""
        while True:
            known = len(self.captured)
            self.called_again = False
            attrs = self._traced()
            if not self.called_again or len(self.captured) == known:
                break  # a call inside must have the operands that the rule turned out to read
        if self.called_again:
            attrs["mark"] = self.mark
        final = Substitution(self.session.sizes.replaced())
        attrs = {k: final.graph(v) if isinstance(v, Graph) else v for k, v in attrs.items()}
        attrs |= {"name": self.rule.name, "given": self._numbers()}
        operands = [self.leaves[k].expr for k in self.place]
        return self._appended(self.frame, [*operands, *self.captured], attrs)

    def _numbers(self) -> tuple[int, ...]:
        """Return which of the operands have a derivative."""
        return tuple(self.place.index(k) for k in self.given)

    def _appended(self, frame: Frame, operands: Sequence[Expr], attrs: dict[str, Any]) -> Any:
        """Append a call to a graph; return its values."""
        final = Substitution(self.session.sizes.replaced())
        attrs.setdefault("primal", final.graph(self.primal))
        frame.mark()
        node = OPS[self.rule.kind](*(frame.expr(x) for x in operands), **attrs)
        items = node.items()
        frame.checks.extend(items[len(self.weak) :])
        pairs = zip(items, self.weak, strict=False)
        return self.structure.unflatten(Tracer(item, weak) for item, weak in pairs)

    def _traced(self) -> dict[str, Any]:
        """Return the regions of the call."""
        inside = self.inside(self.rule.name)
        outputs = inside.region.run(self._run_function, inside)
        token = inside.region.frame.token()
        inside.region.frame.checks.clear()
        self.tokens = [] if token is None else [token.type]
        self.primal = self.finished(inside, [], outputs if token is None else [*outputs, token])
        self.results = [out.array_type for out in self.primal.outputs][: len(self.weak)]
        self.session.calls.append(self)
        try:
            found = self.rule.regions(self)
        finally:
            self.session.calls.pop()
        return {"primal": self.primal, **found}

    def _run_function(self, inside: Inside) -> list[Expr]:
        """Return the values of the function."""
        before = [param.expr for param in inside.params]
        found = resolve(self.rule.function)(*inside.args)
        for param, expr in zip(inside.params, before, strict=True):
            if param.expr is not expr:
                raise TraceError(
                    f"{self.rule.name} writes to its argument `{expr.node.name}`{where()}, and a "
                    "function with a derivative rule must leave its arguments as they are: write "
                    "to a copy, x = x.copy()"
                )
        leaves, self.structure = leaves_of(found)
        values = [lift(leaf) for leaf in leaves]
        self.weak = [value.weak for value in values]
        return [current().expr(value.expr) for value in values]

    def inside(self, name: str) -> Inside:
        """Start a region that has the operands as its first parameters."""
        region = Region(identifier(name) or "rule")
        leaves, params = list(self.leaves), []
        for k in self.place:
            value = self.leaves[k]
            param = RegionParam(identifier(self.paths[k]), value.type, value.weak)
            leaves[k] = region.param(param)
            params.append(leaves[k])
        rest, args = iter(leaves), []
        for found, structure in self.trees:
            args.append(structure.unflatten([next(rest) for _ in found]))
        return Inside(region, params, args)

    def finished(self, inside: Inside, more: Sequence[Tracer], outputs: Sequence[Expr]) -> Graph:
        """Return the graph of a region: its operands, what is captured, then `more` parameters."""
        frame = inside.region.frame
        for outer, _ in frame.captures:
            if all(outer.node is not known.node for known in self.captured):
                self.captured.append(outer)
        pairs = {outer.node: (outer, inner) for outer, inner in frame.captures}
        for outer in self.captured:
            if outer.node not in pairs:
                frame.expr(outer)
                pairs[outer.node] = frame.captures[-1]
        frame.captures[:] = []
        captured = [Tracer(pairs[outer.node][1]) for outer in self.captured]
        return inside.region.finish([*inside.params, *captured, *more], outputs)[0]

    # -- for the rule's regions --------------------------------------------------------------

    def token(self) -> list[Expr]:
        """Return the token of the checks of a rule, where the function has one."""
        if not self.tokens:
            return []
        frame = current()
        token = frame.token()
        frame.checks.clear()
        return [frame.const(1, self.tokens[0]) if token is None else token]

    def fitted(self, value: Any, type: Type, what: str) -> Expr:
        """Return a value as one of a type; None is zero.

        Raises `ShapeError` or `TypeMismatchError` where it cannot be.
        """
        frame, sizes = current(), self.session.sizes
        if value is None:
            return frame.const(0, type)
        found = lift(value)
        made = found.expr.node.origin
        place = f" at {made}" if made is not None and isinstance(value, Tracer) else where()
        same = found.ndim == type.rank
        if not same or not all(map(sizes.equal, found.sizes, type.shape)):
            raise ShapeError(
                f"{what} for {self.rule.name} has the type {found.type} and must have {type}{place}"
                f": {'sum it' if found.ndim > type.rank else 'broadcast it'} to that shape"
            )
        expr = frame.expr(found.expr)
        if expr.dtype is type.dtype:
            return expr
        wide = found.expr.dtype.is_float and np.can_cast(found.dtype, type.dtype.numpy_name, "safe")
        if not found.weak and not wide:
            raise TypeMismatchError(
                f"{what} for {self.rule.name} has the type {found.type} and must have {type}{place}"
                f": write .astype(np.{type.dtype.numpy_name})"
            )
        return cast(expr, type.dtype)


def _alike(mine: Any, other: Any) -> bool:
    """Tell whether a call with one leaf is traced as that with the other."""
    if isinstance(mine, Tracer) or isinstance(other, Tracer):
        both = isinstance(mine, Tracer) and isinstance(other, Tracer)
        return both and mine.type == other.type and mine.weak == other.weak
    if mine is other:
        return True
    plain = isinstance(mine, (int, float, str, np.generic))
    return plain and type(mine) is type(other) and bool(mine == other)
