"""Declare the checks of a model: `assert`, and `raise` where a traced condition decides.

``require(condition; kind, text)`` raises the exception `kind` with a text where the condition does
not hold. Its value is true: a token that the check has passed. ``checked(x, *tokens)`` is `x` once
the checks of some tokens have passed. So checks lie in the flow of data, and no pass or transform
drops or moves one: a region hands out a token of its checks as a result, and the results of a
function are `checked` by its tokens. The last pass, `bpcompile.passes.checks.settle`, takes the
tokens away; from then on a ``require`` that is in a graph is run.

``show(token, *values; text)`` prints, and is a token, too; it waits for the one before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bpcompile.errors import CompileError
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.op import Kind, Op, declare
from bpcompile.ir.type import DType, Type
from bpcompile.ir.walk import all_graphs

_BOOL = Type(DType.BOOL)
KINDS: Mapping[str, type[Exception]] = {
    kind.__name__: kind
    for kind in (
        ArithmeticError,
        AssertionError,
        AttributeError,
        Exception,
        FloatingPointError,
        IndexError,
        KeyError,
        LookupError,
        NotImplementedError,
        OSError,
        OverflowError,
        RuntimeError,
        TimeoutError,
        TypeError,
        ValueError,
        ZeroDivisionError,
    )
}


def _infer_require(condition: Type, *, kind: str, text: str) -> Type:
    """Check that a bool decides, and that the exception is one that code may raise."""
    if condition != _BOOL or kind not in KINDS or not isinstance(text, str):
        raise CompileError(f"require of {condition} with the exception {kind!r} and text {text!r}")
    return _BOOL


def _require(condition: Any, *, kind: str, text: str) -> bool:
    """Raise the exception where the condition does not hold."""
    if not np.real(condition):
        raise KINDS[kind](*([text] if text else []))
    return True


require = declare(
    Op(
        "require",
        Kind.CHECK,
        infer=_infer_require,
        evaluate=_require,
        derivative="zero",
        doc="Raise the exception `kind` with `text` where the operand is false; else true.",
    )
)


def _infer_show(before: Type, *values: Type, text: tuple[str, ...]) -> Type:
    """Check that a text stands before and after each value, which is a scalar."""
    if before != _BOOL or any(value.rank for value in values) or len(text) != len(values) + 1:
        raise CompileError(f"show of {values} with the texts {text!r}")
    return _BOOL


def _show(before: Any, *values: Any, text: tuple[str, ...]) -> bool:
    """Print the values, as compiled code does."""
    parts = shown_parts(text, [np.real(value).item() for value in values])
    print(*parts)  # noqa: T201 - it is what the op means
    return True


show = declare(
    Op(
        "show",
        Kind.CHECK,
        infer=_infer_show,
        evaluate=_show,
        derivative="zero",
        doc="Print scalars among texts, after what the first operand is the token of; then true.",
    )
)


def shown_parts(text: Sequence[str], values: Sequence[Any]) -> list[Any]:
    """Return texts and values in turn as they are printed, with a space between two.

    >>> shown_parts(("x is ", ", y is ", ""), [1.0, 2.0])
    ['x is', 1.0, ', y is', 2.0]
    """
    first, *rest = text
    parts: list[Any] = [first.removesuffix(" ") if rest else first]
    for k, (value, piece) in enumerate(zip(values, rest, strict=True), 1):
        end = piece if k == len(values) else piece.removesuffix(" ")
        parts += [value, end.removeprefix(" ")]
    return [part for part in parts if part != "" or type(part) is not str]


def _infer_checked(x: Type, *tokens: Type) -> Type:
    """Check that all but the first are tokens."""
    if any(token != _BOOL for token in tokens):
        raise CompileError(f"checked of {x} with the tokens {tokens}")
    return x


checked = declare(
    Op(
        "checked",
        Kind.CHECK,
        infer=_infer_checked,
        evaluate=lambda x, *_: x,
        vjp=lambda g, y, x, *tokens: (g, *(None for _ in tokens)),
        mask=lambda where, x, *tokens: (where, *(None for _ in tokens)),
        linear=(0,),
        doc="The first operand, once the checks have passed whose tokens the others are.",
    )
)


def unchecked(node: Node) -> Node:
    """Return the value behind the tokens that it waits for."""
    while node.op is checked:
        node = node.args[0]
    return node


def is_token(node: Node, readers: Mapping[Node, Sequence[Node]]) -> bool:
    """Tell whether a node is a check, waits for one, or is a token that a region hands out."""
    return node.op.kind is Kind.CHECK or (
        node.op.name == "item"
        and node.type == _BOOL
        and bool(readers[node])
        and all(reader.op.kind is Kind.CHECK for reader in readers[node])
    )


def raised(graph: Graph) -> dict[Node, tuple[str | int, ...]]:
    """Return with what arguments each check of a lowered graph raises its exception.

    That is its text; where checks at several lines would raise alike, all but the first have a
    number behind it.
    """
    found: dict[Node, tuple[str | int, ...]] = {}
    lines: dict[tuple[str, str], list[str]] = {}
    for inner in all_graphs(graph):
        for node in inner.nodes:
            if node.op is require:
                kind, text = node.attrs["kind"], node.attrs["text"]
                known, line = lines.setdefault((kind, text), []), repr(node.origin)
                if line not in known:
                    known.append(line)
                number = known.index(line)
                found[node] = (*([text] if text or number else []), *([number] if number else []))
    return found
