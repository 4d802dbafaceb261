"""Make and inspect pieces of Python syntax, at the places of the user's own."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar

N = TypeVar("N", bound=ast.AST)

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def at(like: ast.AST, node: N) -> N:
    """Return a new node at the place of another one in the file, which has one."""
    new: Any = node
    old: Any = like
    new.lineno, new.col_offset = old.lineno, old.col_offset
    new.end_lineno, new.end_col_offset = old.end_lineno, old.end_col_offset
    return node


def load(like: ast.AST, name: str) -> ast.Name:
    """Return the expression that reads a variable."""
    return at(like, ast.Name(name, ast.Load()))


def store(like: ast.AST, name: str) -> ast.Name:
    """Return the target that binds a variable."""
    return at(like, ast.Name(name, ast.Store()))


def call(like: ast.AST, function: str, *args: ast.expr) -> ast.Call:
    """Return the call of a function of ours."""
    return at(like, ast.Call(load(like, function), list(args), []))


def constant(like: ast.AST, value: Any) -> ast.Constant:
    """Return a constant."""
    return at(like, ast.Constant(value))


def tuple_of(like: ast.AST, parts: Sequence[ast.expr]) -> ast.Tuple:
    """Return the expression of a tuple."""
    return at(like, ast.Tuple(list(parts), ast.Load()))


def arguments(like: ast.AST, *names: str) -> ast.arguments:
    """Return the parameters of a function that takes its arguments by position."""
    return ast.arguments([], [at(like, ast.arg(name)) for name in names], None, [], [], None, [])


def thunk(like: ast.AST, value: ast.expr) -> ast.Lambda:
    """Return a function without arguments that gives the value of an expression."""
    return at(like, ast.Lambda(arguments(like), value))


def function(like: ast.AST, name: str, parameters: Sequence[str], body: list[ast.stmt]) -> ast.stmt:
    """Return the definition of a function."""
    made = ast.FunctionDef(
        name=name, args=arguments(like, *parameters), body=body, decorator_list=[]
    )
    if hasattr(ast, "TypeAlias"):  # from Python 3.12 on
        made.type_params = []  # type: ignore[attr-defined]  # the same
    return at(like, made)


def targets(node: ast.expr) -> Iterator[str]:
    """Yield the names that an assignment to a target binds."""
    stack: list[ast.AST] = [node]
    while stack:
        found = stack.pop()
        if isinstance(found, ast.Name):
            yield found.id
        elif isinstance(found, (ast.Tuple, ast.List)):
            stack.extend(reversed(found.elts))
        elif isinstance(found, ast.Starred):
            stack.append(found.value)


def _kinds(*without: type[ast.AST]) -> frozenset[type[ast.AST]]:
    """Return the kinds of nodes that hold others or names, but for some."""
    empty = (ast.Constant, ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop)
    known = (k for k in vars(ast).values() if isinstance(k, type) and issubclass(k, ast.AST))
    return frozenset(kind for kind in known if not issubclass(kind, (*empty, *without)))


_NAMES_TOO = _kinds()
_HOLDERS = _kinds(ast.Name)
_STATEMENTS = _kinds(ast.expr)


def inside(node: ast.AST, kinds: Collection[type[ast.AST]] = _STATEMENTS) -> list[ast.AST]:
    """Return the nodes of some kinds right below one: without others, what is no expression.

    A function of ten thousand lines shows that `ast.iter_child_nodes` takes four times as long.
    """
    found: list[ast.AST] = []
    for field in node._fields:
        value: Any = getattr(node, field, None)
        if value.__class__ is list:
            found += [child for child in value if child.__class__ in kinds]
        elif value.__class__ in kinds:
            found.append(value)
    return found


def assigned(body: Sequence[ast.stmt], *, expressions: bool = True) -> list[str]:
    """Return the names that statements bind in their function's scope, in order.

    The values of assignments are left out without `expressions`: where no `:=` stands in them.
    """
    found: dict[str, None] = {}
    stack: list[ast.AST] = list(reversed(body))
    while stack:
        node = stack.pop()
        if node.__class__ is ast.Name:
            if node.ctx.__class__ is ast.Store:
                found[node.id] = None
            continue
        if node.__class__ is ast.Assign and not expressions:
            stack.extend(reversed(node.targets))
            continue
        if node.__class__ not in _BINDING:
            stack.extend(reversed(inside(node, _NAMES_TOO)))
            continue
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found[name] = None
                continue
            case ast.ClassDef(name=name):
                found[name] = None
                continue
            case ast.alias(name=name, asname=other):
                found[other or name.split(".")[0]] = None
            case ast.ExceptHandler(name=str(name)):
                found[name] = None
            case ast.Lambda():
                continue
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                # Its variables are its own, but `:=` inside binds outside.
                stack.extend(n for n in ast.walk(node) if isinstance(n, ast.NamedExpr))
                continue
            case ast.NamedExpr(target=ast.Name(id=name), value=value):
                found[name] = None
                stack.append(value)
                continue
        stack.extend(reversed(inside(node, _NAMES_TOO)))
    return list(found)


_BINDING = frozenset(
    {*_SCOPES, *_COMPREHENSIONS, ast.alias, ast.ExceptHandler, ast.NamedExpr}
)  # what `assigned` does not just look inside of


def declared(body: Sequence[ast.stmt], kind: type[ast.Global] | type[ast.Nonlocal]) -> set[str]:
    """Return the names that a function declares as global, or as nonlocal."""
    found: set[str] = set()
    stack: list[ast.AST] = list(body)
    while stack:
        node = stack.pop()
        if isinstance(node, kind):
            found.update(node.names)
        elif node.__class__ not in _SCOPES:
            stack.extend(inside(node))
    return found


def bound_inside(body: Sequence[ast.stmt]) -> set[str]:
    """Return the names of a function, or of one around it, that functions defined in it bind."""
    found: set[str] = set()
    stack: list[ast.AST] = list(body)
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            args = node.args
            every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
            outer = declared(node.body, ast.Nonlocal)
            own = {*assigned(node.body), *(arg.arg for arg in every if arg is not None)} - outer
            found |= outer | (bound_inside(node.body) - own)
        elif not isinstance(node, ast.Lambda):
            stack.extend(inside(node))
    return found


def binds_or_waits(node: ast.expr) -> bool:
    """Tell whether an expression cannot stand inside a function of its own.

    That is so where `:=` binds a name in it, or it awaits or yields.
    """
    kinds = (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)
    stack: list[ast.AST] = [node]
    while stack:
        found = stack.pop()
        if isinstance(found, kinds):
            return True
        if not isinstance(found, ast.Lambda):
            stack.extend(inside(found, _HOLDERS))
    return False


# Kinds of nodes: what makes a generator or coroutine of a function, what defines functions, and
# what holds blocks of statements.
WAITING = frozenset({ast.Yield, ast.YieldFrom, ast.Await, ast.AsyncFor, ast.AsyncWith})
DEFINING = frozenset({ast.FunctionDef, ast.AsyncFunctionDef})
COMPOUND = frozenset(
    {ast.If, ast.For, ast.While, ast.With, ast.Try, ast.TryStar, ast.Match, ast.AsyncFor,
     ast.AsyncWith}
)  # fmt: skip


def is_generator(body: Sequence[ast.stmt]) -> bool:
    """Tell whether a function with this body yields or awaits."""
    stack: list[ast.AST] = list(body)
    while stack:
        node = stack.pop()
        if node.__class__ in WAITING:
            return True
        if node.__class__ not in _SCOPES:
            stack.extend(inside(node, _HOLDERS))
    return False


Place = tuple[ast.AST, str, int | None, ast.AST]


def places_below(root: ast.AST) -> Iterator[Place]:
    """Yield each node below a root with its parent, the field and the index, parents first.

    Names, constants, operators and contexts, which are most nodes and have nothing below, are left
    out.
    """
    stack = [root]
    while stack:
        parent = stack.pop()
        for field in parent._fields:
            value = getattr(parent, field, None)
            if value.__class__ is list:
                for index, child in enumerate(value):
                    if child.__class__ in _PARENTS:
                        yield parent, field, index, child
                        stack.append(child)
            elif value.__class__ in _PARENTS:
                yield parent, field, None, value
                stack.append(value)


_NO_PARENTS = (
    ast.Name, ast.Constant, ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop
)  # fmt: skip
_PARENTS = frozenset(
    kind
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST) and not issubclass(kind, _NO_PARENTS)
)
