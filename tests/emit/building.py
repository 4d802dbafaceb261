"""Build graphs with loops, branches and tapes by hand, in a few words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bpcompile import ops  # noqa: F401 - fills the table
from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.graph import Graph, Origin
from bpcompile.ir.op import OPS
from bpcompile.ir.type import AnyType, f64, i64
from bpcompile.ops.index import At

F, I, V = f64[()], i64[()], f64["n"]


def region(
    params: Sequence[tuple[str, AnyType]],
    build: Callable[..., Sequence[Expr]],
    name: str = "body",
) -> Graph:
    """Return a closed graph of what `build` makes of a builder and the parameters."""
    builder = Builder(name)
    given = [builder.param(own, type) for own, type in params]
    return builder.finish(build(builder, *given))


def named(value: Expr, name: str) -> Expr:
    """Give a value a name."""
    value.node.name = name
    return value


def at(x: Expr, i: Expr) -> Expr:
    """Return an element."""
    return OPS["index"](x, i, spec=(At(0),))


def put(x: Expr, value: Expr, i: Expr) -> Expr:
    """Return an array with another element."""
    return OPS["update"](x, value, i, spec=(At(0),))


Named = Expr | tuple[str, Expr]


def taken_apart(operands: Sequence[Named]) -> tuple[list[str], list[Expr]]:
    """Return the names and values of operands; equal constants are one value of several names."""
    pairs = [
        operand if isinstance(operand, tuple) else (operand.node.name or f"p{k}", operand)
        for k, operand in enumerate(operands)
    ]
    return [name for name, _ in pairs], [value for _, value in pairs]


def branch(
    condition: Expr, operands: Sequence[Expr], then: Any, otherwise: Any, line: int = 3, **more: Any
) -> tuple[Expr, ...]:
    """Return the results of a branch on a line of the model."""
    params = [(e.node.name or f"p{k}", e.node.type) for k, e in enumerate(operands)]
    arms = {
        "then": region(params, then, "then"),
        "otherwise": region(params, otherwise, "otherwise"),
    }
    with condition.builder.at(Origin("model.py", line)):
        return OPS["branch"](condition, *operands, **arms, **more).items()


def loop(
    upper: Expr, carried: Sequence[Named], constants: Sequence[Named], body: Any
) -> tuple[Expr, ...]:
    """Return the results of a loop from 0."""
    names, operands = taken_apart([*carried, *constants])
    types = (operand.node.type for operand in operands)
    params = [("i", I), *zip(names, types, strict=True)]
    start = upper.builder.const(0, I)
    graph = region(params, body)
    return OPS["loop"](start, upper, *operands, body=graph, carried=len(carried)).items()


def repeat(
    carried: Sequence[Named], constants: Sequence[Named], test: Any, body: Any, **more: Any
) -> tuple[Expr, ...]:
    """Return the results of a loop with a test, on a line of the model."""
    names, operands = taken_apart([*carried, *constants])
    params = [(name, e.node.type) for name, e in zip(names, operands, strict=True)]
    graphs = {"test": region(params, lambda b, *p: [test(b, *p)], "test")}
    graphs["body"] = region(params, body)
    with operands[0].builder.at(Origin("model.py", 14)):
        return OPS["while"](*operands, **graphs, carried=len(carried), **more).items()


def abs_(x: Expr) -> Expr:
    """Return the absolute value."""
    return OPS["abs"](x)


def replay(tape: Expr, k: Expr) -> Expr:
    """Return a row of a tape."""
    return OPS["replay"](tape, k)
