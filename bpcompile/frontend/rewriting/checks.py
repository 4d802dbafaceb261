"""Write `assert` and `raise` as calls of ours, which put them into the graph where they must be.

    assert x > 0, f"x is {x}"     ->    ASSERT(x > 0, source, lambda: TEXT("x is ", ...))

    raise ValueError("no")        ->    if RAISE(lambda: ValueError("no")):
                                            raise ValueError("no")

RAISE tells whether Python is to raise now. TEXT shows the fields of an f-string, a traced value as
its source. What messages quote is noted before anything else is rewritten.
"""

from __future__ import annotations

import ast

from bpcompile.frontend.rewriting.syntax import at, binds_or_waits, call, constant, thunk, tuple_of

ASSERT, RAISE = "__bp_assert__", "__bp_raise__"
TEXT, TRIED = "__bp_text__", "__bp_tried__"
CHECK_HOOKS = (ASSERT, RAISE, TEXT, TRIED)


def note_source(node: ast.Assert | ast.Raise) -> None:
    """Note on the nodes of a statement what its message quotes: the user's own source."""
    if isinstance(node, ast.Assert):
        said = _text(node) if node.msg is None else _text(node.msg)
        node.source = said  # type: ignore[attr-defined]  # a note for `checked_assert`
    for inner in ast.walk(node):
        if isinstance(inner, ast.FormattedValue):
            shown = "{" + _text(inner.value) + "}"
            inner.source = shown  # type: ignore[attr-defined]  # a note for `_Texts`


def _text(node: ast.AST) -> str:
    """Return the source of a node, unless it is as deep as no message needs to be."""
    try:
        return ast.unparse(node)
    except RecursionError:
        return "..."


def checked_assert(node: ast.Assert) -> list[ast.stmt]:
    """Return what an `assert` becomes; its expressions are rewritten already."""
    source = constant(node, getattr(node, "source", "assert"))
    message = [] if node.msg is None else [thunk(node, _Texts().visit(node.msg))]
    return [at(node, ast.Expr(call(node.test, ASSERT, node.test, source, *message)))]


def checked_raise(node: ast.Raise) -> list[ast.stmt]:
    """Return what a `raise` becomes; its expressions are rewritten already."""
    if node.exc is None or node.cause is not None or binds_or_waits(node.exc):
        return [at(node, ast.Expr(call(node, RAISE))), node]
    made = thunk(node, _Texts().visit(node.exc))
    return [at(node, ast.If(call(node, RAISE, made), [node], []))]


def tried(node: ast.Try | ast.TryStar) -> list[ast.stmt]:
    """Return a `try` that says so while its body is traced, if it catches anything."""
    if node.handlers:
        around = ast.withitem(call(node, TRIED))
        node.body = [at(node, ast.With([around], node.body))]
    return [node]


class _Texts(ast.NodeTransformer):
    """Write f-strings as calls that give their texts."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        """Return the call for an f-string."""
        return call(node, TEXT, *(_part(part) for part in node.values))


def _part(part: ast.expr) -> ast.expr:
    """Return a field of an f-string as its value, source, conversion and format."""
    if not isinstance(part, ast.FormattedValue):
        return part
    source = constant(part, getattr(part, "source", "{...}"))
    convert = constant(part, chr(part.conversion) if part.conversion > 0 else "")
    spec = part.format_spec or constant(part, "")
    return tuple_of(part, [thunk(part, part.value), source, convert, thunk(part, spec)])
