"""Refuse emitted text that contains anything but what our templates can mean.

The boundary between data and code (see `.github/SECURITY.md`): the text is parsed, and every
node and every free name must be on the list before the text is compiled.
"""

from __future__ import annotations

import ast

from bpcompile.errors import CompileError

_NODES: tuple[type[ast.AST], ...] = (
    ast.Module, ast.Import, ast.ImportFrom, ast.alias, ast.FunctionDef, ast.arguments, ast.arg,
    ast.Return, ast.Assign, ast.AugAssign, ast.Expr, ast.For, ast.While, ast.If, ast.Raise,
    ast.Break, ast.Pass, ast.With, ast.withitem, ast.Name, ast.Load, ast.Store, ast.Constant,
    ast.Tuple, ast.List, ast.Subscript, ast.Slice, ast.Attribute, ast.Call, ast.keyword,
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.operator, ast.unaryop,
    ast.boolop, ast.cmpop, ast.Set,
)  # fmt: skip
_IMPORTS = frozenset({"math", "numpy", "numba", "scipy.special"})
_BUILTINS = frozenset(
    {"range", "float", "int", "bool", "abs", "max", "min", "ValueError", "IndexError", "len"}
)
_ROOTS = frozenset({"np", "math", "scipy"})
_METHODS = frozenset(
    {"shape", "size", "reshape", "copy", "astype", "view", "T", "item", "at", "sum", "transpose",
     "accumulate", "fill", "ravel", "dtype", "ctypes", "data", "nbytes"}
)  # fmt: skip


def check_module(text: str) -> None:
    """Raise `CompileError` where a module's text steps outside of the allow-list."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise CompileError(f"the emitted module does not parse: {error}") from error
    defined = _defined(tree)
    for node in ast.walk(tree):
        problem = _problem(node, defined)
        if problem:
            raise CompileError(f"the emitted module has {problem}: this is a fault of bpcompile")


def _defined(tree: ast.Module) -> set[str]:
    """Return the names that the module binds."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def _problem(node: ast.AST, defined: set[str]) -> str | None:
    """Return what is wrong with a node, or None."""
    if not isinstance(node, _NODES):
        return f"the syntax {type(node).__name__}"
    match node:
        case ast.Import(names=names):
            bad = [alias.name for alias in names if alias.name not in _IMPORTS]
            return f"the import of {bad[0]}" if bad else None
        case ast.ImportFrom(module=module):
            return None if module == "numba" else f"an import from {module}"
        case ast.Name(id=name, ctx=ast.Load()):
            known = name in defined or name in _BUILTINS
            return None if known and not name.startswith("__") else f"the name {name}"
        case ast.Attribute(value=value, attr=attr):
            rooted = isinstance(value, ast.Name) and value.id in _ROOTS
            special = isinstance(value, ast.Attribute) and value.attr == "special"
            if attr.startswith("_") or not (rooted or special or attr in _METHODS):
                return f"the attribute {attr}"
        case ast.Constant(value=value):
            plain = value is None or value is ... or isinstance(value, (bool, int, float, str))
            return None if plain else f"a constant of type {type(value).__name__}"
    return None
