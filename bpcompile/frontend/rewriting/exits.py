"""Write `return`, `break` and `continue` inside control flow as assignments.

In: the statements of a function. Out: statements that leave a block at its end alone, so that
what control flow on traced values runs is always a whole block. `return v` becomes `RESULT = v`,
with a flag where something still follows; `break` and `continue` set flags. What follows a
statement that may leave moves into the arm that goes on, where there is one such arm:

    if c:                          if c:
        return a                       RESULT = a
    b = f(a)              ->       else:
    return b                           b = f(a)
                                       RESULT = b
                                   return RESULT

and is guarded by `if not flag` where there are two. A loop that may be left is told by its flags,
which the loop's form in `bpcompile.frontend.rewriting.flow` tests.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bpcompile.frontend.rewriting.syntax import at, binds_or_waits, inside, load

RESULT = "__bp_result__"
KEPT_RESULT = "__bp_result_kept__"  # where a `finally` runs after `return`, and may write to it
RESULTS = (RESULT, KEPT_RESULT)
DONE = "__bp_done__"
PENDING = "__bp_pending__"

_LOOPS = (ast.For, ast.While)
_TRIES: tuple[type[ast.stmt], ...] = (ast.Try,)
if hasattr(ast, "TryStar"):
    _TRIES = (*_TRIES, ast.TryStar)


def without_exits(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Return the body of a function without exits from inside its control flow."""
    result = KEPT_RESULT if _returns_before_finally(body) else RESULT
    rewriting = _Exits(returns=_returns_nested(body), result=result)
    if not rewriting.returns:
        return rewriting.block(body, None)
    last = body[-1]
    given = [*body] if _always_leaves(body) else [*body, at(last, ast.Return(None))]
    first = given[0]
    flags = [_set(first, DONE, value=False), _keep(first, rewriting.result, load(first, PENDING))]
    found = rewriting.block(given, None)
    made = [*flags, *found, at(last, ast.Return(load(last, rewriting.result)))]
    return _without_unread(made, {DONE})


@dataclass
class _Loop:
    """Name the flags of the loop that a statement stands in."""

    broken: str
    skipped: str
    ended: str  # by its test, where that stands in the body

    def flag(self, node: ast.stmt) -> str:
        """Return the flag that a `break` or `continue` sets."""
        if isinstance(node, ast.Continue):
            return self.skipped
        return self.ended if isinstance(node, _End) else self.broken


class _End(ast.Break):
    """Stand for the end of a `while` whose test is false, after which its `else` runs."""


class _Exits:
    """Rewrite the blocks of one function."""

    def __init__(self, *, returns: bool, result: str) -> None:
        """Say whether `return` is rewritten too, and to which variable."""
        self.returns = returns
        self.result = result
        self._count = 0

    def block(self, body: Sequence[ast.stmt], loop: _Loop | None) -> list[ast.stmt]:
        """Return the statements of a block, which stands in `loop`."""
        found: list[ast.stmt] = []
        for number, node in enumerate(body):
            if isinstance(node, (ast.Return, ast.Break, ast.Continue)):
                found.extend(self._exit(node, loop))
                return found
            flags = self._flags(node, loop)
            rest = body[number + 1 :] if flags and not _always_leaves([node]) else ()
            if isinstance(node, ast.If) and flags:
                found.extend(self._if(node, rest, loop, flags))
                return found
            found.extend(self._inside(node, loop))
            if rest:
                found.append(self._guarded(node, flags, rest, loop))
            if flags and number + 1 < len(body):
                return found
        return found

    def _exit(self, node: ast.stmt, loop: _Loop | None) -> list[ast.stmt]:
        """Return what an exit becomes."""
        if isinstance(node, ast.Return):
            if not self.returns:
                return [node]
            value = node.value or at(node, ast.Constant(None))
            return [_keep(node, self.result, value), _set(node, DONE, value=True)]
        if loop is None:
            return [node]
        return [_set(node, loop.flag(node), value=True)]

    def _flags(self, node: ast.stmt, loop: _Loop | None) -> list[str]:
        """Return the flags that a statement may set, so that what follows is not run."""
        found = []
        for inner in _own(node):
            if isinstance(inner, ast.Return):
                flag = DONE if self.returns else None
            elif loop is None:
                flag = None
            else:
                flag = loop.flag(inner)
            if flag is not None and flag not in found:
                found.append(flag)
        return found

    def _if(
        self, node: ast.If, rest: Sequence[ast.stmt], loop: _Loop | None, flags: list[str]
    ) -> list[ast.stmt]:
        """Return an `if` that may leave, with what follows it."""
        leaves, stays = _always_leaves(node.body), _always_leaves(node.orelse)
        body, orelse = list(node.body), list(node.orelse)
        if leaves != stays:
            (orelse if leaves else body).extend(rest)
        node.body = self.block(body, loop)
        node.orelse = self.block(orelse, loop)
        if leaves or stays or not rest:
            return [node]
        return [node, self._guarded(node, flags, rest, loop)]

    def _guarded(
        self, node: ast.stmt, flags: list[str], rest: Sequence[ast.stmt], loop: _Loop | None
    ) -> ast.stmt:
        """Return what follows a statement, run where no flag is set."""
        return at(node, ast.If(_none_of(node, flags), self.block(rest, loop), []))

    def _inside(self, node: ast.stmt, loop: _Loop | None) -> list[ast.stmt]:
        """Return a statement with the blocks inside it rewritten."""
        if isinstance(node, ast.If):
            node.body, node.orelse = self.block(node.body, loop), self.block(node.orelse, loop)
        elif isinstance(node, _LOOPS):
            return self._loop(node, loop)
        elif isinstance(node, _TRIES):
            self._try(node, loop)
        elif isinstance(node, ast.With):
            node.body = self.block(node.body, loop)
        elif isinstance(node, ast.Match):
            for case in node.cases:
                case.body = self.block(case.body, loop)
        return [node]

    def _try(self, node: Any, loop: _Loop | None) -> None:
        """Rewrite the blocks of a `try`; its `else` runs where the body was not left."""
        flags = []
        for inner in node.body:
            flags += [flag for flag in self._flags(inner, loop) if flag not in flags]
        node.body = self.block(node.body, loop)
        for handler in node.handlers:
            handler.body = self.block(handler.body, loop)
        orelse = self.block(node.orelse, loop)
        guarded = [at(node, ast.If(_none_of(node, flags), orelse, []))] if flags else orelse
        node.orelse = guarded if orelse else []
        node.finalbody = self.block(node.finalbody, loop)

    def _loop(self, node: ast.For | ast.While, outer: _Loop | None) -> list[ast.stmt]:
        """Return a loop whose exits are flags, with its `else` behind it.

        `node.leaves` tells `flow_syntax` which flags end the loop.
        """
        if isinstance(node, ast.While) and binds_or_waits(node.test):
            # A test that binds names stands in the body, since it becomes a function.
            leave = at(node, ast.If(at(node, ast.UnaryOp(ast.Not(), node.test)), [], []))
            leave.body = [at(node, _End())]
            node.body, node.test = [leave, *node.body], at(node, ast.Constant(True))
        exits = list(_exits_in_body(node))
        self._count += 1
        loop = _Loop(*(f"__bp_{what}_{self._count}__" for what in ("break", "skip", "end")))
        breaks = any(type(one) is ast.Break for one in exits)
        tests = any(isinstance(one, _End) for one in exits)
        skips = any(isinstance(one, ast.Continue) for one in exits)
        returns = self.returns and any(isinstance(one, ast.Return) for one in _exits_in(node))
        body = self.block(node.body, loop)
        orelse = self.block(node.orelse, outer)
        before = [_set(node, loop.broken, value=False)] if breaks else []
        before += [_set(node, loop.ended, value=False)] if tests else []
        node.body = [_set(node, loop.skipped, value=False), *body] if skips else body
        node.orelse = []
        ends = [loop.broken] if breaks else []
        if returns:
            ends.append(DONE)
        every = [*ends, loop.ended] if tests else ends
        node.leaves = every  # type: ignore[union-attr]  # a note for `flow_syntax`
        after: list[ast.stmt] = []
        if orelse:
            after = [at(node, ast.If(_none_of(node, ends), orelse, []))] if ends else orelse
        return _without_unread([*before, node, *after], {loop.broken, loop.skipped})


def _exits_in(node: ast.stmt) -> Iterator[ast.stmt]:
    """Yield the exits inside a compound statement that leave it."""
    if isinstance(node, _LOOPS):
        yield from (e for e in _exits_in_body(node) if isinstance(e, ast.Return))
        for inner in node.orelse:
            yield from _own(inner)
        return
    if isinstance(node, (ast.If, ast.With, *_TRIES)):
        parts: list[Any] = [node, *getattr(node, "handlers", ())]
    elif isinstance(node, ast.Match):
        parts = [*node.cases]
    else:
        return
    for part in parts:
        for field in ("body", "orelse", "finalbody"):
            for inner in getattr(part, field, ()):
                yield from _own(inner)


def _own(node: ast.stmt) -> Iterator[ast.stmt]:
    """Yield a statement that is an exit, or those inside it."""
    if isinstance(node, (ast.Return, ast.Break, ast.Continue)):
        yield node
    else:
        yield from _exits_in(node)


def _exits_in_body(node: ast.For | ast.While) -> Iterator[ast.stmt]:
    """Yield the exits inside a loop's body, those of inner loops left out."""
    for inner in node.body:
        yield from _own(inner)


def _always_leaves(body: Sequence[ast.stmt]) -> bool:
    """Tell whether a block never reaches its end."""
    match body[-1] if body else None:
        case ast.If(body=yes, orelse=no):
            return _always_leaves(yes) and _always_leaves(no)
        case ast.With(body=inner):
            return _always_leaves(inner)
        case ast.While() | ast.For() as last:
            if any(isinstance(one, ast.Break) for one in _exits_in_body(last)):
                return False
            forever = isinstance(last, ast.While) and _is_true(last.test)
            return forever or _always_leaves(last.orelse)
        case last:
            return isinstance(last, (ast.Return, ast.Break, ast.Continue, ast.Raise))


def _is_true(test: ast.expr) -> bool:
    """Tell whether a test is written out and true."""
    return isinstance(test, ast.Constant) and bool(test.value)


def _returns_nested(body: Sequence[ast.stmt]) -> bool:
    """Tell whether a `return` stands inside control flow."""
    return any(isinstance(e, ast.Return) for node in body for e in _exits_in(node))


def _returns_before_finally(body: Sequence[ast.stmt]) -> bool:
    """Tell whether a `return` stands in a `try` with a `finally`, which runs after it."""
    stack: list[ast.AST] = list(body)
    while stack:
        node = stack.pop()
        whole: Any = node
        if isinstance(node, _TRIES) and whole.finalbody:
            handled = [inner for handler in whole.handlers for inner in handler.body]
            before = [*whole.body, *whole.orelse, *handled]
            if any(isinstance(e, ast.Return) for inner in before for e in _own(inner)):
                return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            stack.extend(inside(node))
    return False


def _none_of(like: ast.AST, flags: Sequence[str]) -> ast.expr:
    """Return the expression that no flag is set."""
    parts: list[ast.expr] = [at(like, ast.UnaryOp(ast.Not(), load(like, flag))) for flag in flags]
    return parts[0] if len(parts) == 1 else at(like, ast.BoolOp(ast.And(), parts))


def _set(like: ast.AST, name: str, *, value: bool) -> ast.stmt:
    """Return the statement that sets a flag."""
    return _keep(like, name, at(like, ast.Constant(value)))


def _keep(like: ast.AST, name: str, value: ast.expr) -> ast.stmt:
    """Return an assignment."""
    return at(like, ast.Assign([at(like, ast.Name(name, ast.Store()))], value))


def _without_unread(body: list[ast.stmt], flags: set[str]) -> list[ast.stmt]:
    """Return statements without the assignments to those flags that none of them reads."""
    nodes = [n for node in body for n in ast.walk(node)]
    read = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    read |= {flag for n in nodes for flag in getattr(n, "leaves", ())}
    return _dropped(body, flags - read)


def _dropped(body: Sequence[ast.stmt], names: set[str]) -> list[ast.stmt]:
    """Return statements without the assignments to some names."""
    found = []
    for node in body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) if name in names:
                continue
            case ast.If():
                node.body = _dropped(node.body, names) or [at(node, ast.Pass())]
                node.orelse = _dropped(node.orelse, names)
            case ast.For() | ast.While() | ast.With():
                node.body = _dropped(node.body, names) or [at(node, ast.Pass())]
        found.append(node)
    return found
