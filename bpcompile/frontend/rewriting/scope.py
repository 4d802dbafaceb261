"""Let functions say which variables they share with functions inside and around them.

    def outer(x):                     def outer(x):
        n = 0                             OWN(lambda: (n,))
        def inner():                      n = 0
            nonlocal n            ->      def inner():
            n += 1                            nonlocal n
                                              NONLOCAL(lambda: (n,))
                                              n += 1

The functions that are passed are never called: only their closures are looked at (see
`bpcompile.frontend.flow.scopes`).
"""

from __future__ import annotations

import ast

from bpcompile.frontend.rewriting.syntax import at, call, load, thunk, tuple_of

OWN, NONLOCAL = "__bp_own__", "__bp_nonlocal__"
SCOPE_HOOKS = (OWN, NONLOCAL)


def scope_statements(
    function: ast.FunctionDef | ast.AsyncFunctionDef,
    bound: set[str],
    outer: set[str],
    set_inside: set[str],
) -> list[ast.stmt]:
    """Return what a function begins with.

    `bound` are the names that it binds, `outer` those of them that it declares `nonlocal`, and
    `set_inside` the names of other functions that functions defined in it bind.
    """
    found: list[ast.stmt] = []
    first = _declaration(function) if outer else function  # which walks all of it
    for hook, names in ((OWN, (set_inside & bound) - outer), (NONLOCAL, outer)):
        if names:
            like = first if hook == NONLOCAL else function
            get = thunk(like, tuple_of(like, [load(like, name) for name in sorted(names)]))
            found.append(at(like, ast.Expr(call(like, hook, get))))
    return found


def _declaration(function: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.stmt:
    """Return the first `nonlocal` statement of a function, or the function."""
    every = (node for node in ast.walk(function) if isinstance(node, ast.Nonlocal))
    return next(every, function)
