"""Tell how places are read in source, and write an index as an expression."""

from __future__ import annotations

import ast
from typing import TypeGuard

from bpcompile.frontend.rewriting.syntax import at

SLICE = "__bp_slice__"


def is_read(node: ast.AST) -> TypeGuard[ast.Subscript]:
    """Tell whether a node reads places."""
    return isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load)


def is_known(index: ast.expr) -> bool:
    """Tell whether an index is written out: a number, a text, a slice of numbers."""
    stack: list[ast.expr] = [index]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Tuple):
            stack.extend(node.elts)
        elif isinstance(node, ast.Slice):
            stack.extend(part for part in (node.lower, node.upper, node.step) if part is not None)
        elif isinstance(node, ast.UnaryOp):
            stack.append(node.operand)
        elif not isinstance(node, ast.Constant):
            return False
    return True


def index_of(node: ast.expr) -> ast.expr:
    """Return the index of a subscript as an expression: slices become calls of `slice`."""
    if isinstance(node, ast.Slice):
        bounds = (node.lower, node.upper, node.step)
        parts = [part or at(node, ast.Constant(None)) for part in bounds]
        return at(node, ast.Call(at(node, ast.Name(SLICE, ast.Load())), parts, []))
    if isinstance(node, ast.Tuple):
        node.elts = [index_of(part) for part in node.elts]
    return node
