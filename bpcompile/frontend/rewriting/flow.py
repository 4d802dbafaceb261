"""Write control flow as loops over what our functions give, so that values decide what runs.

    if c:                 def PUT_1(v): nonlocal y; y, = v
        y = a             for ARM_1 in BRANCH(c, lambda: (y,), PUT_1, ("y",)):
    else:            ->       if ARM_1:
        y = b                     y = a
                              else:
                                  y = b

BRANCH gives one truth for a known condition; for a traced one it gives both in turn, and joins the
variables that the arms bind. Likewise ``for t in values`` becomes ``for t in LOOP(values, ...)``
and ``while c`` becomes ``for _ in WHILE(lambda: c, ...)``: known ones run as Python runs them, and
the body of a traced one runs once. Exits from inside are assignments by then (see
`bpcompile.frontend.rewriting.exits`), so that a body always comes to its end.

A long chain of `elif` becomes one loop over the arms that ARMS gives the numbers of.

In expressions, ``a and b`` becomes ``AND(a, lambda: b)``, and ``or``, ``not``, ``x if c else y``
and ``a < b < c`` alike.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from bpcompile.frontend.rewriting.syntax import (
    assigned,
    at,
    binds_or_waits,
    call,
    constant,
    function,
    load,
    store,
    thunk,
    tuple_of,
)

BRANCH, LOOP, WHILE = "__bp_branch__", "__bp_loop__", "__bp_while__"
ARMS = "__bp_arms__"
AND, OR, NOT, CHOOSE, CHAIN = (
    "__bp_and__",
    "__bp_or__",
    "__bp_not__",
    "__bp_choose__",
    "__bp_chain__",
)
UNBOUND = "__bp_unbound__"
FLOW_HOOKS = (BRANCH, ARMS, LOOP, WHILE, AND, OR, NOT, CHOOSE, CHAIN, UNBOUND)

_COMPARISONS = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}


class FlowSyntax:
    """Rewrite the control flow of one function.

    `own` are its variables, `inside` those that functions defined in it bind, and `shared` the
    global ones that it binds.
    """

    def __init__(self, own: frozenset[str], inside: frozenset[str], shared: frozenset[str]) -> None:
        """Start with no piece of control flow met."""
        self.own = own
        self.inside = inside
        self.shared = shared
        self.bound: dict[str, None] = {}  # the variables that control flow binds, in order
        self._count = 0

    def branch(self, node: ast.If) -> list[ast.stmt]:
        """Return what an `if` becomes; its blocks are rewritten already."""
        before, variables = self._variables(node, [*node.body, *node.orelse])
        arm = f"__bp_arm_{self._count}__"
        chosen = at(node, ast.If(load(node, arm), node.body, node.orelse))
        arms = call(node.test, BRANCH, node.test, *variables)
        return [*before, at(node, ast.For(store(node, arm), arms, [chosen], []))]

    def chain(self, node: ast.If, arms: Sequence[ast.If]) -> list[ast.stmt]:
        """Return what a long chain of `elif` becomes; the blocks are rewritten already."""
        blocks = [*(arm.body for arm in arms), arms[-1].orelse]
        before, variables = self._variables(node, [part for block in blocks for part in block])
        name = f"__bp_arm_{self._count}__"
        tests = tuple_of(node, [thunk(arm.test, arm.test) for arm in arms])
        body: list[ast.stmt] = []
        for number, block in enumerate(blocks):
            place = block[0] if block else node
            is_it = ast.Compare(load(place, name), [ast.Eq()], [constant(place, number)])
            body.append(at(place, ast.If(at(place, is_it), block or [at(node, ast.Pass())], [])))
        given = call(node.test, ARMS, tests, *variables)
        return [*before, at(node, ast.For(store(node, name), given, body, []))]

    def loop(self, node: ast.For) -> list[ast.stmt]:
        """Return what a `for` becomes."""
        before, variables = self._variables(node, [node])
        stopped = [_stopped(node)] if getattr(node, "leaves", ()) else []
        node.iter = call(node, LOOP, node.iter, *variables, *stopped)
        return [*before, node]

    def repeat(self, node: ast.While) -> list[ast.stmt]:
        """Return what a `while` becomes."""
        test = node.test
        flags: Sequence[str] = getattr(node, "leaves", ())
        if flags:
            going = [call(node, NOT, load(node, flag)) for flag in flags]
            forever = isinstance(test, ast.Constant) and test.value is True
            parts = going[1:] if forever else [*going[1:], test]
            rest = [thunk(node, part) for part in parts]
            test = call(node, AND, going[0], *rest) if rest else going[0]
        before, variables = self._variables(node, node.body)
        steps = call(node.test, WHILE, thunk(node.test, test), *variables)
        name = f"__bp_step_{self._count}__"
        return [*before, at(node, ast.For(store(node, name), steps, node.body, []))]

    def _variables(
        self, node: ast.stmt, body: Sequence[ast.stmt]
    ) -> tuple[list[ast.stmt], list[ast.expr]]:
        """Return the definition that sets what a body binds, and how the variables are passed."""
        self._count += 1
        names = [name for name in assigned(body) if name in self.own and not _is_inner(name)]
        names += sorted(self.inside - set(names))
        self.bound.update(dict.fromkeys(names))
        if not names:
            return [], [constant(node, None), constant(node, None), constant(node, ())]
        put, given = f"__bp_put_{self._count}__", "__bp_given__"
        targets = at(node, ast.Tuple([store(node, name) for name in names], ast.Store()))
        body = [
            at(node, ast.Nonlocal(list(names))),
            at(node, ast.Assign([targets], load(node, given))),
        ]
        get = thunk(node, tuple_of(node, [load(node, name) for name in names]))
        shown = tuple_of(node, [constant(node, name) for name in names])
        return [function(node, put, (given,), body)], [get, load(node, put), shown]


def _is_inner(name: str) -> bool:
    """Tell whether a variable is one that the rewriting of control flow itself binds."""
    return name.startswith(("__bp_put_", "__bp_arm_", "__bp_step_", "__bp_given"))


def _stopped(node: ast.For) -> ast.expr:
    """Return the function that tells whether one of the flags that end a loop is set."""
    flags: Sequence[str] = getattr(node, "leaves", ())
    rest = [thunk(node, load(node, flag)) for flag in flags[1:]]
    first = load(node, flags[0])
    return thunk(node, call(node, OR, first, *rest) if rest else first)


LONG_CHAIN = 12


def long_chain(node: ast.If) -> list[ast.If]:
    """Return the arms of a chain of `elif` that is long, and whose tests bind no names; or none."""
    arms = [node]
    while len(arms[-1].orelse) == 1 and isinstance(arms[-1].orelse[0], ast.If):
        arms.append(arms[-1].orelse[0])
    long = len(arms) >= LONG_CHAIN and not any(binds_or_waits(arm.test) for arm in arms)
    return arms if long else []


def flow_expression(node: ast.AST) -> ast.AST:
    """Return what an expression that decides becomes; its operands are rewritten already."""
    match node:
        case ast.BoolOp(values=[first, *rest]) if not any(map(binds_or_waits, rest)):
            name = AND if isinstance(node.op, ast.And) else OR
            return call(node, name, first, *(thunk(part, part) for part in rest))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return call(node, NOT, operand)
        case ast.IfExp(test=test, body=yes, orelse=no) if not (
            binds_or_waits(yes) or binds_or_waits(no)
        ):
            match no:
                case ast.Call(func=ast.Name(id="__bp_choose__"), args=[other, *rest]):
                    others = [thunk(other, other), *rest]  # of a chain
                case _:
                    others = [thunk(no, no)]
            return call(node, CHOOSE, test, thunk(yes, yes), *others)
        case ast.Compare(ops=[_, _, *_], left=left, comparators=others):
            signs = [_COMPARISONS.get(type(op)) for op in node.ops]
            if None not in signs:
                shown = tuple_of(node, [constant(node, sign) for sign in signs])
                return call(node, CHAIN, shown, left, *others)
    return node


DECIDING = frozenset({ast.BoolOp, ast.UnaryOp, ast.IfExp, ast.Compare})
