"""Move blocks that Python would refuse to nest into functions of their own.

What control flow becomes (see `bpcompile.frontend.rewriting.flow`) are loops, of which Python nests
twenty; the user's `if` statements nest deeper. A block at the fifteenth level becomes

    def BLOCK_1():
        nonlocal y
        y = a * y
    BLOCK_1()

No exit leaves such a block: they are assignments by then.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence

from bpcompile.frontend.rewriting.syntax import assigned, at, call, function

_DEEPEST = 15
_BLOCKS = (ast.For, ast.While, ast.With, ast.Try)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def outlined(body: Sequence[ast.stmt], own: Collection[str], shared: Collection[str]) -> set[str]:
    """Move what is nested too deep in a function's body; return the variables set in there.

    `own` are the function's variables and `shared` the global ones that it binds.
    """
    found: set[str] = set()
    count = 0
    stack = [(node, 0) for node in body]
    while stack:
        node, depth = stack.pop()
        if isinstance(node, _SCOPES):
            continue
        inner = depth + isinstance(node, _BLOCKS)
        for holder in (node, *getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            for field in ("body", "orelse", "finalbody"):
                block: list[ast.stmt] = getattr(holder, field, None) or []
                if inner >= _DEEPEST and block:
                    count += 1
                    moved, names = _moved(block, f"__bp_block_{count}__", own, shared)
                    setattr(holder, field, moved)
                    found |= names
                    stack.extend((part, 0) for part in block)
                else:
                    stack.extend((part, inner) for part in block)
    return found


def _moved(
    block: list[ast.stmt], name: str, own: Collection[str], shared: Collection[str]
) -> tuple[list[ast.stmt], set[str]]:
    """Return a block as a function and its call, and the variables that it sets."""
    first, names = block[0], assigned(block)
    outer = [name for name in names if name in own]
    above = [name for name in names if name in shared]
    declared: list[ast.stmt] = [at(first, ast.Nonlocal(outer))] if outer else []
    declared += [at(first, ast.Global(above))] if above else []
    made = function(first, name, (), [*declared, *block])
    return [made, at(first, ast.Expr(call(first, name)))], set(outer)
