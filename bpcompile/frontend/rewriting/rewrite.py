"""Rewrite the syntax tree of a model, so that tracing sees its names and its calls.

What is changed, and nothing else:

* a call `f(x)` becomes `CALL(f)(x)`, where CALL gives what stands for f while tracing: NumPy's
  `zeros`, `math.sin`, `max` and their like for traced values, a helper's own rewritten form;
* `z = value` becomes `z = NAME(value, "z")`, which names the value in the graph, and of the result
  of a call `z = NAME(value, "z", True)`;
* `a[i]` becomes `ITEM(a, i)`, where a known array may be read at a traced index, and
  `a[i] = v` becomes `STORE(v, a, i)`;
* control flow becomes loops over what our functions give: see `bpcompile.frontend.rewriting.flow`,
  and `bpcompile.frontend.rewriting.exits` for `return`, `break` and `continue`.

Expressions are walked with a list, never by recursion, since a sum of thousands of terms is as
deep. Statements nest at most a hundred deep in Python and are visited recursively.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from bpcompile.frontend.rewriting.checks import (
    CHECK_HOOKS,
    checked_assert,
    checked_raise,
    note_source,
    tried,
)
from bpcompile.frontend.rewriting.exits import PENDING, without_exits
from bpcompile.frontend.rewriting.flow import (
    DECIDING,
    FLOW_HOOKS,
    UNBOUND,
    FlowSyntax,
    flow_expression,
    long_chain,
)
from bpcompile.frontend.rewriting.index import SLICE, index_of, is_known, is_read
from bpcompile.frontend.rewriting.match import MATCH_HOOKS, is_subject, without_matches
from bpcompile.frontend.rewriting.outline import outlined
from bpcompile.frontend.rewriting.scope import SCOPE_HOOKS, scope_statements
from bpcompile.frontend.rewriting.syntax import (
    COMPOUND,
    DEFINING,
    WAITING,
    Place,
    assigned,
    at,
    bound_inside,
    constant,
    declared,
    inside,
    is_generator,
    load,
    places_below,
    store,
    targets,
)

CALL = "__bp_call__"
NAME = "__bp_name__"
ITEM = "__bp_item__"
STORE = "__bp_store__"
MUTATE = "__bp_mutate__"
GLOBAL = "__bp_global__"
RETURN = "__bp_return__"
_OWN_HOOKS = (CALL, NAME, ITEM, STORE, SLICE, MUTATE, GLOBAL, RETURN, PENDING)
HOOKS = (*_OWN_HOOKS, *FLOW_HOOKS, *CHECK_HOOKS, *MATCH_HOOKS, *SCOPE_HOOKS)


class Rewriter:
    """Rewrite one definition in place."""

    def __init__(self) -> None:
        """Start with nothing met."""
        self.flow: FlowSyntax | None = None  # of the function that is being rewritten
        self._generators: set[ast.AST] = set()
        self._kinds: set[type[ast.AST]] = set()  # of the nodes of the definition
        self._temporaries = 0

    def rewrite(self, definition: ast.FunctionDef | ast.Lambda) -> None:
        """Rewrite a definition: exits from inside control flow, expressions, statements."""
        places = list(places_below(definition))
        self._kinds = {node.__class__ for _, _, _, node in places}
        if self._kinds & _PREPARED:  # a model of ten thousand lines has none
            self._prepare(definition)
            places = list(places_below(definition))
        self._expressions(places)
        if isinstance(definition, ast.FunctionDef):
            self._function(definition)

    def _prepare(self, definition: ast.FunctionDef | ast.Lambda) -> None:
        """Note what is lost by rewriting, and write exits as assignments."""
        stack: list[ast.AST] = [definition]
        while stack:
            node = stack.pop()
            if isinstance(node, ast.FunctionDef):
                if is_generator(node.body):
                    self._generators.add(node)
                else:
                    node.body = without_exits(without_matches(node.body))
            elif isinstance(node, (ast.Assert, ast.Raise)):
                note_source(node)
            stack.extend(inside(node))

    # -- expressions ---------------------------------------------------------------------------

    def _expressions(self, places: Sequence[Place]) -> None:
        """Rewrite every expression among places, inner ones first."""
        for parent, field, index, node in reversed(places):
            if node.__class__ not in _CHANGED:
                continue
            replaced = self._expression(node)
            if replaced is not node:
                if index is None:
                    setattr(parent, field, replaced)
                else:
                    getattr(parent, field)[index] = replaced

    def _expression(self, node: ast.AST) -> ast.AST:
        """Return what an expression becomes."""
        if isinstance(node, ast.Call):
            node.func = at(node.func, ast.Call(self._hook(node.func, CALL), [node.func], []))
        elif isinstance(node, ast.NamedExpr):
            node.value = self._named(node.value, node.target.id)
        elif is_read(node) and not is_known(node.slice):
            return self._item(node, node.value, index_of(node.slice))
        elif node.__class__ in DECIDING:
            return flow_expression(node)
        return node

    def _item(self, like: ast.AST, value: ast.expr, index: ast.expr) -> ast.expr:
        """Return the expression that reads places."""
        return at(like, ast.Call(self._hook(like, ITEM), [value, index], []))

    def _hook(self, like: ast.AST, name: str) -> ast.Name:
        """Return a reference to one of our functions."""
        return at(like, ast.Name(name, ast.Load()))

    def _named(self, value: ast.expr, name: str) -> ast.expr:
        """Return an expression that names its value."""
        given = [value, constant(value, name)]
        if isinstance(value, ast.Call):
            given.append(constant(value, True))
        return at(value, ast.Call(self._hook(value, NAME), given, []))

    # -- statements ----------------------------------------------------------------------------

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Rewrite the body of a function; its arguments are named first."""
        args = node.args
        names = [arg.arg for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs)]
        starred = [arg.arg for arg in (args.vararg, args.kwarg) if arg is not None]
        own = {*assigned(node.body, expressions=ast.NamedExpr in self._kinds), *names, *starred}
        set_inside = bound_inside(node.body) if self._kinds & DEFINING else set()
        inner = declared(node.body, ast.Nonlocal) if ast.Nonlocal in self._kinds else set()
        outer, self.flow = self.flow, self._flow(node, own, set_inside)
        body = self._block(node.body)
        start = 1 if ast.get_docstring(node, clean=False) is not None else 0
        bound = dict.fromkeys(self.flow.bound) if self.flow else {}
        if self.flow is not None and self._kinds & COMPOUND:
            bound |= dict.fromkeys(sorted(outlined(body, self.flow.own, self.flow.shared)))
        # Those that another function owns or that are arguments have their values already.
        unbound = [n for n in bound if n not in inner and n not in names and n not in starred]
        if self.flow is not None:
            unbound = [name for name in unbound if name in self.flow.own]
        places = [at(node, ast.Name(name, ast.Store())) for name in unbound]
        first = [at(node, ast.Assign(list(places), load(node, UNBOUND)))] if places else []
        scope = scope_statements(node, own, inner, set_inside)
        body[start:start] = [*scope, *first, *(self._name_statement(node, name) for name in names)]
        node.body = body
        self.flow = outer

    def _flow(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef,
        own: set[str],
        set_inside: set[str],
    ) -> FlowSyntax | None:
        """Return what rewrites the control flow of a function; None for a generator."""
        if isinstance(node, ast.AsyncFunctionDef) or node in self._generators:
            return None
        shared = declared(node.body, ast.Global) if ast.Global in self._kinds else set()
        return FlowSyntax(frozenset(own - shared), frozenset(set_inside), frozenset(shared))

    def _block(self, body: Sequence[ast.stmt]) -> list[ast.stmt]:
        """Return the statements that a block becomes."""
        found: list[ast.stmt] = []
        for statement in body:
            found.extend(self._statement(statement))
        return found

    def _statement(self, node: ast.stmt) -> list[ast.stmt]:
        """Return the statements that one statement becomes."""
        match node:
            case ast.Assign():
                return self._assign(node)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                node.value = self._named(value, name)
                return [node]
            case ast.AugAssign(target=ast.Name(id=name)):
                check = self._check(node, MUTATE, load(node, name))
                before, after = self._globals(node, [name]), self._global_values(node, [name])
                return [*before, check, node, self._name_statement(node, name), *after]
            case ast.AugAssign(target=ast.Attribute(value=value)):
                return [self._check(node, MUTATE, value), node]
            case ast.AugAssign(target=ast.Subscript()):
                return self._augmented_store(node)
            case ast.Delete():
                return self._deleted(node)
            case ast.Return(value=ast.Name() | ast.Tuple() as value):
                node.value = at(value, ast.Call(self._hook(value, RETURN), [value], []))
                return [node]
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node)
                return [node]
            case ast.For() | ast.AsyncFor():
                self._inner_blocks(node)
                names = [self._name_statement(node.target, name) for name in targets(node.target)]
                node.body = [*names, *node.body]
                return self.flow.loop(node) if self.flow and isinstance(node, ast.For) else [node]
            case ast.If() if self.flow is not None and (arms := long_chain(node)):
                for arm in arms:
                    arm.body = self._block(arm.body)
                arms[-1].orelse = self._block(arms[-1].orelse)
                return self.flow.chain(node, arms)
        self._inner_blocks(node)
        return [node] if self.flow is None else _decided(node, self.flow)

    def _inner_blocks(self, node: ast.AST) -> None:
        """Rewrite the blocks that a statement contains."""
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                setattr(node, field, self._block(block))
        for inner in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            self._inner_blocks(inner)

    def _assign(self, node: ast.Assign) -> list[ast.stmt]:
        """Return an assignment that names its values; one to places is a call."""
        match node.targets:
            case [ast.Subscript() as target]:
                return [self._store(node, node.value, target.value, index_of(target.slice))]
            case [ast.Attribute(value=value)]:
                return [self._check(node, MUTATE, value), node]
            case [ast.Name(id=name)] if is_subject(name):
                return [node]
            case [ast.Name(id=name), *_]:
                node.value = self._named(node.value, name)
                return [*self._globals(node, [name]), node, *self._global_values(node, [name])]
        names = [name for target in node.targets for name in targets(target)]
        after: list[ast.stmt] = [
            at(node, ast.Assign([store(node, n)], self._named(load(node, n), n))) for n in names
        ]
        return [*self._globals(node, names), *self._several(node), *after]

    def _deleted(self, node: ast.Delete) -> list[ast.stmt]:
        """Return a `del`: a variable is left without a value, so that control flow may set it."""
        found: list[ast.stmt] = []
        own = self.flow.own if self.flow is not None else ()
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id in own:
                places: list[ast.expr] = [at(target, ast.Name(target.id, ast.Store()))]
                found.append(at(node, ast.Assign(places, load(node, UNBOUND))))
                continue
            if isinstance(target, (ast.Subscript, ast.Attribute)):
                found.append(self._check(node, MUTATE, target.value))
            found.append(at(node, ast.Delete([target])))
        return found

    def _several(self, node: ast.Assign) -> list[ast.stmt]:
        """Return an assignment to several targets, those to places one by one behind it.

        ``x[i], x[j] = a, b`` binds our own variables first, since Python evaluates all values
        before it writes any.
        """
        places: list[tuple[ast.Subscript, str]] = []

        def moved(target: ast.expr) -> ast.expr:
            if isinstance(target, (ast.Tuple, ast.List)):
                target.elts = [moved(part) for part in target.elts]
            elif isinstance(target, ast.Subscript):
                places.append((target, self._temporary()))
                return at(target, ast.Name(places[-1][1], ast.Store()))
            return target

        node.targets = [moved(target) for target in node.targets]
        stores = [
            self._store(place, load(place, name), place.value, index_of(place.slice))
            for place, name in places
        ]
        return [node, *stores]

    def _globals(self, like: ast.AST, names: Sequence[str]) -> list[ast.stmt]:
        """Return the statements that refuse to bind global variables inside traced control flow."""
        declared_here = self.flow.shared if self.flow is not None else ()
        return [
            self._check(like, GLOBAL, at(like, ast.Constant(name)))
            for name in names
            if name in declared_here
        ]

    def _global_values(self, like: ast.AST, names: Sequence[str]) -> list[ast.stmt]:
        """Return the statements that refuse traced values of global variables."""
        return [
            at(like, ast.Expr(at(like, ast.Call(self._hook(like, GLOBAL), arguments, []))))
            for name in names
            if self.flow is not None and name in self.flow.shared
            for arguments in [[at(like, ast.Constant(name)), load(like, name)]]
        ]

    def _check(self, like: ast.AST, hook: str, value: ast.expr) -> ast.stmt:
        """Return the statement that calls one of our functions on a value."""
        return at(like, ast.Expr(at(like, ast.Call(self._hook(like, hook), [value], []))))

    def _name_statement(self, like: ast.AST, name: str) -> ast.stmt:
        """Return a statement that names the value of a variable."""
        value = at(like, ast.Name(name, ast.Load()))
        return at(like, ast.Expr(self._named(value, name)))

    def _store(self, like: ast.AST, value: ast.expr, target: ast.expr, index: ast.expr) -> ast.stmt:
        """Return the statement that writes to places; Python evaluates the value first."""
        call = ast.Call(self._hook(like, STORE), [value, target, index], [])
        return at(like, ast.Expr(at(like, call)))

    def _augmented_store(self, node: ast.AugAssign) -> list[ast.stmt]:
        """Return `a[i] += v` in its steps, in Python's order: a, i, a[i], v, the operation."""
        assert isinstance(node.target, ast.Subscript)
        array, index, value = (self._temporary() for _ in range(3))

        def load(name: str) -> ast.expr:
            return at(node, ast.Name(name, ast.Load()))

        def keep(name: str, expression: ast.expr) -> ast.stmt:
            return at(node, ast.Assign([at(node, ast.Name(name, ast.Store()))], expression))

        place = self._item(node.target, load(array), load(index))
        changed = at(
            node, ast.AugAssign(at(node, ast.Name(value, ast.Store())), node.op, node.value)
        )
        return [
            keep(array, node.target.value),
            keep(index, index_of(node.target.slice)),
            keep(value, place),
            changed,
            self._store(node, load(value), load(array), load(index)),
        ]

    def _temporary(self) -> str:
        """Return a name that no model has."""
        self._temporaries += 1
        return f"__bp_{self._temporaries}__"


def _decided(node: ast.stmt, flow: FlowSyntax) -> list[ast.stmt]:
    """Return what a statement becomes by which values decide what runs."""
    match node:
        case ast.If():
            return flow.branch(node)
        case ast.While():
            return flow.repeat(node)
        case ast.Assert():
            return checked_assert(node)
        case ast.Raise():
            return checked_raise(node)
        case ast.Try() | ast.TryStar():
            return tried(node)
    return [node]


_CHANGED = frozenset({ast.Call, ast.NamedExpr, ast.Subscript}) | DECIDING
_PREPARED = COMPOUND | WAITING | {ast.Assert, ast.Raise}
