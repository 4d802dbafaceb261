"""Plant faults in derivative rules: read the source of each rule, change one thing, swap it in.

A rule is a Python function that an entry of the op table names (a partial, `vjp`, `mask`, `expand`)
or that such a one calls. `rules` finds them alive, and the place in the syntax tree that each was
made from. `faults` lists what a tired author gets wrong in one expression. A `Mutant` swaps the
function's code in place, so that whoever holds the function meets the fault, and `planted` puts
the code back.

Every changed expression stands beside its original in ``changed if True else original``: the
compiler drops the original, but the names that it reads stay those of the function.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import gc
import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import bpcompile.ops
from bpcompile.ir.dims import dim_max, dim_min
from bpcompile.ir.op import OPS, Op

HIT = "_note_hit"  # the name by which instrumented rules find the recorder
TABLE = "_op_table"  # and mutants the ops that a fault puts in
# The rules of regions, the sweeps that apply all rules, and what adds cotangents up.
SWEEPS = ("reverse", "total", "forward", "forward_regions", "branches", "loops", "backward", "tape")
_INNER = "_planted"  # not the function's own name: a method may call a function of that name
# Functions of theirs that return these have no part in a value.
_REMARKS = {"str", "str | None", "Origin", "Schedule", "NotDifferentiableError", "dict[str, Any]"}
ROLES = ("vjp", "mask", "expand")


# Rules and their source


@dataclass(eq=False)
class Rule:
    """Hold the live functions that one place of the source made, and that place."""

    module: str
    name: str
    node: ast.Lambda | ast.FunctionDef
    functions: list[FunctionType]
    makes_values: bool = True  # a sign can be put before its results
    path: Path = field(default_factory=Path)

    def compiled(self) -> CodeType:
        """Return the code of the present tree, with the same free names."""
        free = self.functions[0].__code__.co_freevars
        node, stripped = self.node, ast.arguments([], [], None, [], [], None, [])
        inner = ast.Return(node) if isinstance(node, ast.Lambda) else node
        args = ast.arguments([], [ast.arg(name) for name in free], None, [], [], None, [])
        kept = node.args.defaults, node.args.kw_defaults
        if isinstance(node, ast.FunctionDef):
            name, node.name = node.name, _INNER
        node.args.defaults, node.args.kw_defaults = [], [None] * len(node.args.kwonlyargs)
        outer = ast.FunctionDef("outer", args, [inner], [], None, None)
        outer.type_params = stripped.defaults  # Python 3.12 looks for them
        future = ast.ImportFrom("__future__", [ast.alias("annotations")], 0)
        module = ast.fix_missing_locations(ast.Module([future, outer], []))
        try:
            code = compile(module, str(self.path), "exec", dont_inherit=True)
        finally:
            node.args.defaults, node.args.kw_defaults = kept
            if isinstance(node, ast.FunctionDef):
                node.name = name
        wanted = "<lambda>" if isinstance(node, ast.Lambda) else _INNER
        (around,) = (c for c in code.co_consts if isinstance(c, CodeType))
        found = next(c for c in around.co_consts if isinstance(c, CodeType) and c.co_name == wanted)
        assert found.co_freevars == free, (self.name, found.co_freevars, free)
        return found

    def noting(self) -> CodeType:
        """Return the code that first notes that it is called."""
        place = ast.Subscript(ast.Name(HIT, ast.Load()), ast.Constant(id(self)), ast.Load())
        note, node = ast.Call(place, [], []), self.node
        if isinstance(node, ast.FunctionDef):
            node.body.insert(0, ast.Expr(note))
            try:
                return self.compiled()
            finally:
                del node.body[0]
        body = node.body
        both = ast.Tuple([note, body], ast.Load())
        node.body = ast.Subscript(both, ast.Constant(1), ast.Load())
        try:
            return self.compiled()
        finally:
            node.body = body


def rules() -> list[Rule]:
    """Return all rules of the op table, what they call in `bpcompile.ops`, and the sweeps."""
    modules = [
        importlib.import_module(f"bpcompile.ops.{found.name}")
        for found in pkgutil.iter_modules(bpcompile.ops.__path__)
    ]
    roots = _roots()
    # Helpers that type rules call too are no part of a derivative.
    reached = _reached(roots) - _reached(op.infer for op in OPS.values())
    found = []
    sweeps = [importlib.import_module(f"bpcompile.transforms.{name}") for name in SWEEPS]
    alive = _functions()
    for module in modules:
        own = alive.get(str(module.__file__), ())
        found += _placed(module, [f for f in own if f in reached], roots)
    for module in sweeps:
        placed = _placed(module, alive[str(module.__file__)], {})
        found += [rule for rule in placed if _returned(rule.node) not in _REMARKS]
    return found


def _returned(node: ast.Lambda | ast.FunctionDef) -> str:
    """Return how a function says what it returns."""
    told = None if isinstance(node, ast.Lambda) else node.returns
    return ast.unparse(told) if told is not None else ""


def _roots() -> dict[FunctionType, tuple[str, str]]:
    """Return the functions that the table names: the op and the role of each."""
    roots: dict[FunctionType, tuple[str, str]] = {}
    for op in OPS.values():
        for k, partial in enumerate(op.partials or ()):
            if isinstance(partial, FunctionType):
                roots.setdefault(partial, (f"{op.name}.partials[{k}]", "partial"))
        for role in ROLES:
            rule = getattr(op, role)
            if isinstance(rule, FunctionType):
                roots.setdefault(rule, (f"{op.name}.{role}", role))
    return roots


def _reached(roots: Iterable[object]) -> set[FunctionType]:
    """Return the functions of `bpcompile.ops` that some functions are or call."""
    found: set[FunctionType] = set()
    stack: list[object] = list(roots)
    while stack:
        function = stack.pop()
        if not isinstance(function, FunctionType) or function in found:
            continue
        if not function.__module__.startswith("bpcompile.ops."):
            continue
        found.add(function)
        known = {**function.__globals__, **_captured(function)}
        stack += [known.get(name) for name in _names(function.__code__)]
    return found


def _captured(function: FunctionType) -> dict[str, object]:
    """Return what a function's free names hold."""
    cells = function.__closure__ or ()
    return dict(zip(function.__code__.co_freevars, (c.cell_contents for c in cells), strict=True))


def _names(code: CodeType) -> set[str]:
    """Return the names that code reads from outside, inner functions included."""
    inner = (c for c in code.co_consts if isinstance(c, CodeType))
    return {*code.co_names, *code.co_freevars}.union(*map(_names, inner))


def _functions() -> dict[str, list[FunctionType]]:
    """Return the live functions of the package by the file that they were written in."""
    found: dict[str, list[FunctionType]] = {}
    for value in gc.get_objects():
        if type(value) is FunctionType and str(value.__module__).startswith("bpcompile."):
            found.setdefault(value.__code__.co_filename, []).append(value)
    return found


def _placed(
    module: ModuleType,
    functions: Iterable[FunctionType],
    roots: dict[FunctionType, tuple[str, str]],
) -> list[Rule]:
    """Return the rules that functions are, by the places of their source."""
    assert module.__file__ is not None
    path, short = Path(module.__file__), module.__name__.removeprefix("bpcompile.")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Lambda | ast.FunctionDef)]
    found: dict[ast.AST, Rule] = {}
    for function in sorted(functions, key=lambda f: roots.get(f, (f.__qualname__,))):
        node = _source(function.__code__, nodes)
        if node is None:  # written by `dataclass`, or made by a test
            continue
        if node in found:
            found[node].functions.append(function)
            continue
        own, role = roots.get(function, (function.__qualname__, ""))
        name = own if isinstance(node, ast.Lambda) else function.__qualname__
        annotated = isinstance(node, ast.Lambda) or "Expr" in _returned(node)
        values = role != "mask" and annotated and not name.endswith("_mask")
        found[node] = Rule(short, name, node, [function], values, path)
    return sorted(found.values(), key=lambda rule: (rule.node.lineno, rule.node.col_offset))


def _source(code: CodeType, nodes: Iterable[ast.AST]) -> ast.Lambda | ast.FunctionDef | None:
    """Return the smallest place that all instructions of code stand in."""
    spots = [
        ((line, column), (last, end))
        for line, last, column, end in code.co_positions()
        if line is not None and last is not None and column is not None and end
    ]
    if not spots:
        return None
    first, last = min(start for start, _ in spots), max(end for _, end in spots)
    best = None
    for node in nodes:
        named = "<lambda>" if isinstance(node, ast.Lambda) else node.name
        start, end = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
        if named == code.co_name and start <= first and last <= end:
            best = node  # inner ones come later in `ast.walk`
    return best


# Faults


@dataclass(eq=False)
class Mutant:
    """Hold a rule with a fault; `key` says which, the same in each run."""

    rule: Rule
    key: str
    parent: ast.AST
    slot: str
    place: int | None
    replacement: ast.AST

    def code(self) -> CodeType:
        """Return the code with the fault."""
        held = getattr(self.parent, self.slot)
        original = held if self.place is None else held[self.place]
        new = _beside(self.replacement, original)
        self._set(new)
        try:
            return self.rule.compiled()
        finally:
            self._set(original)

    def _set(self, node: ast.AST) -> None:
        if self.place is None:
            setattr(self.parent, self.slot, node)
        else:
            getattr(self.parent, self.slot)[self.place] = node


def _beside(replacement: ast.AST, original: ast.AST) -> ast.AST:
    """Return what runs the replacement alone, and reads the names of both."""
    if isinstance(replacement, ast.stmt):
        assert isinstance(original, ast.stmt)
        return ast.If(ast.Constant(True), [replacement], [original])
    assert isinstance(replacement, ast.expr)
    assert isinstance(original, ast.expr)
    return ast.IfExp(ast.Constant(True), replacement, original)


def mutants(rule: Rule) -> list[Mutant]:
    """Return a rule with each fault that applies to it."""
    seen: Counter[str] = Counter()
    found = []
    for parent, slot, place, node in _slots(rule):
        for fault, replacement in _faults(node, parent, rule):
            before, after = ast.unparse(node), ast.unparse(replacement)
            if before == after:
                continue
            key = f"{rule.module}: {rule.name}: {fault}: {before} -> {after}"
            seen[key] += 1
            key += f" #{seen[key]}" if seen[key] > 1 else ""
            found.append(Mutant(rule, key, parent, slot, place, replacement))
    return found


Slot = tuple[ast.AST, str, "int | None", ast.AST]
_SKIPPED = (ast.Raise, ast.Assert, ast.JoinedStr, ast.pattern, ast.arguments)


def _slots(rule: Rule) -> Iterator[Slot]:
    """Return the expressions and statements of a rule, and where each stands."""
    node = rule.node
    stack: list[Slot] = []
    if isinstance(node, ast.Lambda):
        stack.append((node, "body", None, node.body))
    else:
        stack += [(node, "body", k, statement) for k, statement in enumerate(node.body)]
    while stack:
        parent, slot, place, inner = stack.pop(0)
        if isinstance(inner, _SKIPPED) or (slot == "annotation" and place is None):
            continue
        if isinstance(inner, ast.keyword) and inner.arg == "strict":  # of `zip`, for a reader
            continue
        if isinstance(inner, ast.expr | ast.stmt) and not (place is None and slot == "func"):
            yield parent, slot, place, inner
        for name, value in ast.iter_fields(inner):
            if isinstance(value, ast.AST):
                stack.append((inner, name, None, value))
            elif isinstance(value, list):
                stack += [
                    (inner, name, k, v) for k, v in enumerate(value) if isinstance(v, ast.AST)
                ]


Fault = tuple[str, ast.AST]


def _faults(node: ast.AST, parent: ast.AST, rule: Rule) -> Iterator[Fault]:
    """Return what can go wrong in one expression or statement."""
    is_op = rule.module.startswith("ops.")  # a sweep's conditions and calls only spare work
    match node:
        case ast.BinOp():
            yield from _in_operator(node)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield "flip a sign", operand
        case ast.UnaryOp(op=ast.Invert() | ast.Not(), operand=operand):
            yield "drop a not", operand
        case ast.BoolOp(values=values) if len(values) == 2 and is_op:
            yield from (("drop a condition", value) for value in values)
        case ast.Compare(left=left, ops=[ast.Lt() | ast.LtE() | ast.Gt() | ast.GtE()]):
            yield "swap operands", ast.Compare(node.comparators[0], node.ops, [left])
        case ast.IfExp():
            yield "swap operands", ast.IfExp(node.test, node.orelse, node.body)
        case ast.Call():
            yield from _in_call(node, rule)
        case ast.Constant(value=bool(value)):
            yield "change a constant", ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield "change a constant", ast.Constant(value + 1)
        case ast.Constant(value=float(value)):
            yield "change a constant", ast.Constant(2 * value if value else 1.0)
        case ast.Expr(value=ast.Call()):
            yield "drop a statement", ast.Pass()
        case ast.AugAssign():
            yield "drop a statement", ast.Pass()
    is_result = isinstance(parent, ast.Return) or (parent is rule.node and node is not None)
    if is_result and isinstance(node, ast.expr):
        yield from _in_result(node, rule)


def _in_operator(node: ast.BinOp) -> Iterator[Fault]:
    """Return the faults of a sum, a product, a quotient or a mask."""
    left, right = node.left, node.right
    match node.op:
        case ast.Add():
            yield "drop a term", left
            yield "drop a term", right
            yield "flip a sign", ast.BinOp(left, ast.Sub(), right)
        case ast.Sub():
            yield "drop a term", left
            yield "drop a term", ast.UnaryOp(ast.USub(), right)
            yield "flip a sign", ast.BinOp(left, ast.Add(), right)
            yield "swap operands", ast.BinOp(right, ast.Sub(), left)
        case ast.Mult():
            yield "drop a factor", left
            yield "drop a factor", right
        case ast.Div() | ast.FloorDiv() | ast.Mod() | ast.Pow():
            yield "drop a factor", left
            yield "swap operands", ast.BinOp(right, node.op, left)
            if isinstance(node.op, ast.Div) and not isinstance(left, ast.Constant):
                yield "drop a factor", ast.BinOp(ast.Constant(1.0), ast.Div(), right)
        case ast.BitAnd() | ast.BitOr():
            yield "drop a condition", left
            yield "drop a condition", right


def _in_call(node: ast.Call, rule: Rule) -> Iterator[Fault]:
    """Return the faults of the call of an op or of another rule."""
    callee = _callee(node.func, rule)
    if any(isinstance(arg, ast.Starred) for arg in node.args) or callee in _PLAIN:
        return
    args = node.args
    if isinstance(callee, Op) and callee.name in ("sum", "any", "prod"):
        other = {"sum": "max", "any": "all", "prod": "sum"}[callee.name]
        table = ast.Subscript(ast.Name(TABLE, ast.Load()), ast.Constant(other), ast.Load())
        yield "forget a sum", ast.Call(table, args, node.keywords)
    known = isinstance(callee, Op) or rule.module.startswith("ops.")
    if len(args) == 1 and known and not isinstance(callee, type):
        name = "forget a sum" if isinstance(callee, Op) and callee.name == "sum" else "drop a call"
        yield name, args[0]
    if len(args) == 2 and not (isinstance(callee, Op) and callee.commutative):
        yield "swap operands", ast.Call(node.func, args[::-1], node.keywords)
    if isinstance(callee, Op) and callee.name == "select":
        where, chosen, other_choice = args
        yield "swap operands", ast.Call(node.func, [where, other_choice, chosen], [])
        yield "drop a condition", chosen
        yield "drop a condition", other_choice


# Calls that are no part of a formula, or do the same with their operands swapped.
_PLAIN: set[object] = {dim_max, dim_min}
_PLAIN |= {value for value in vars(builtins).values() if callable(value)}


def _callee(func: ast.expr, rule: Rule) -> object:
    """Return what a call calls, as far as names tell, else None."""
    known = {**rule.functions[0].__globals__, **_captured(rule.functions[0])}
    match func:
        case ast.Name(id=name):
            found = known.get(name, vars(builtins).get(name))
        case ast.Subscript(value=ast.Name(id="OPS"), slice=ast.Constant(value=str(name))):
            found = OPS.get(name)
        case ast.Attribute(attr="items" | "append" | "get" | "setdefault" | "index" | "remove"):
            found = print  # a method of a container or a node: no rule
        case _:
            found = None
    try:
        hash(found)
    except TypeError:
        return None
    return found


def _in_result(node: ast.expr, rule: Rule) -> Iterator[Fault]:
    """Return the faults of what a rule returns: its sign, and the order of several results."""
    results = node.elts if isinstance(node, ast.Tuple) else [node]
    for k in range(len(results) - 1):
        swapped = [*results[:k], results[k + 1], results[k], *results[k + 2 :]]
        yield "swap results", ast.Tuple(swapped, ast.Load())
    if not rule.makes_values or not rule.module.startswith("ops."):
        return
    for k, result in enumerate(results):
        if isinstance(result, ast.Constant | ast.Starred):
            continue
        if isinstance(node, ast.Tuple):
            negated = [*results[:k], ast.UnaryOp(ast.USub(), result), *results[k + 1 :]]
            yield "flip a sign", ast.Tuple(negated, ast.Load())
        elif not isinstance(result, ast.UnaryOp):
            yield "flip a sign", ast.UnaryOp(ast.USub(), result)


@contextlib.contextmanager
def planted(rule: Rule, code: CodeType) -> Iterator[None]:
    """Let a rule's functions run other code for a while."""
    kept = [function.__code__ for function in rule.functions]
    try:
        for function in rule.functions:
            function.__globals__.setdefault(TABLE, OPS)
            function.__code__ = code
        yield
    finally:
        for function, own in zip(rule.functions, kept, strict=True):
            function.__code__ = own
