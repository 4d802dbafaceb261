"""Refuse emitted text that contains anything but what our templates can mean.

The boundary between data and code (see `.github/SECURITY.md`): the text is parsed, and every
node and every free name must be on the list before the text is compiled.

Nearly every line of a long module assigns plain arithmetic: names, dotted names, numbers, operators
and brackets. Such a line can mean nothing but what its words mean, so its words are looked at, and
the syntax tree, which takes five times as long, is made of the other lines.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from typing import Any

import bpcompile.ops  # noqa: F401 - fills the table
from bpcompile.emit.signals import INTERRUPTED, SYMBOLS
from bpcompile.errors import CompileError
from bpcompile.ir.op import OPS
from bpcompile.ops.checks import KINDS

# The syntax that may stand in a module, each with the fields that hold further syntax. Operators
# and the contexts of names carry nothing and are not looked at.
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {
    ast.Module: ("body",),
    ast.Import: ("names",),
    ast.ImportFrom: ("names",),
    ast.alias: (),
    ast.ClassDef: (),
    ast.FunctionDef: ("args", "body", "decorator_list", "returns"),
    ast.arguments: (
        "posonlyargs",
        "args",
        "vararg",
        "kwonlyargs",
        "kw_defaults",
        "kwarg",
        "defaults",
    ),
    ast.arg: ("annotation",),
    ast.Return: ("value",),
    ast.Assign: ("targets", "value"),
    ast.AugAssign: ("target", "value"),
    ast.Expr: ("value",),
    ast.For: ("target", "iter", "body", "orelse"),
    ast.While: ("test", "body", "orelse"),
    ast.If: ("test", "body", "orelse"),
    ast.Raise: ("exc", "cause"),
    ast.Break: (),
    ast.Pass: (),
    ast.With: ("items", "body"),
    ast.withitem: ("context_expr", "optional_vars"),
    ast.Name: (),
    ast.Constant: (),
    ast.Tuple: ("elts",),
    ast.List: ("elts",),
    ast.Set: ("elts",),
    ast.Subscript: ("value", "slice"),
    ast.Slice: ("lower", "upper", "step"),
    ast.Attribute: ("value",),
    ast.Call: ("func", "args", "keywords"),
    ast.keyword: ("value",),
    ast.BinOp: ("left", "right"),
    ast.UnaryOp: ("operand",),
    ast.BoolOp: ("values",),
    ast.Compare: ("left", "comparators"),
    ast.IfExp: ("test", "body", "orelse"),
}
_IMPORTS = frozenset({"math", "numpy", "numba", "scipy.special"})
_BUILTINS = frozenset(
    {"range", "float", "int", "bool", "abs", "max", "min", "len", "print", *KINDS}
)
# What a module takes from np and math beside the functions that the texts of the ops name.
_FUNCTIONS = frozenset(
    {"array", "arange", "ascontiguousarray", "broadcast_to", "dot", "empty", "full", "reshape",
     "transpose", "zeros", "add", "logical_or", "s_", "errstate", "inf", "nan", "copysign",
     "float64", "float32", "int64", "uint64", "bool", "float_power", "vectorize",
     "sum", "prod", "max", "min", "any", "all", "argmax", "argmin",
     "argsort", "searchsorted", "tril", "triu", "swapaxes", "stack", "zeros_like", "eye", "sign",
     "log", "cbrt", "pi", "real", "imag", "result_type", "complex64"}
)  # fmt: skip
_LINALG = frozenset(
    {"cholesky", "det", "eigh", "inv", "LinAlgError", "qr", "slogdet", "solve", "svd"}
)  # what it takes from np.linalg
_FFT = frozenset({"fft", "ifft", "rfft", "irfft"})  # and from np.fft
_CLASS = ast.dump(ast.parse(INTERRUPTED).body[0])  # the one class that a module may define
_PLAIN = frozenset({bool, int, float, str, type(None), type(...)})
_METHODS = frozenset(
    {"shape", "size", "reshape", "copy", "astype", "view", "T", "mT", "item", "at", "sum",
     "transpose", "accumulate", "fill", "ravel", "dtype", "ctypes", "data", "nbytes", "append",
     "flat"}
)  # fmt: skip


# A docstring, or a line `name = arithmetic  # comment`. The line has no quote or backslash even in
# its comment, so it begins and ends no text of several lines; before a star stands an operand.
_PLAIN_LINE = re.compile(
    r'"""[\s\S]*?"""|'
    r"^( *)([A-Za-z_]\w*) = ([\w.+\-/%(), <>]+(?:(?<=[\w)] )\*{1,2}[\w.+\-/%(), <>]+)*)"
    r"(?:  # [^\"'\\\x00-\x1f]*)?$",
    re.MULTILINE | re.ASCII,
)
_NUMBER_OR_WORD = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])|([\w.]+)", re.ASCII)
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
_WORDS = frozenset({"if", "else", "and", "or", "not", "True", "False", "None"})


def check_module(text: str) -> None:
    """Raise `CompileError` where a module's text steps outside of the allow-list."""
    rest, bound, loaded = _without_plain_lines(text)
    dotted = sorted(word for word in loaded if "." in word)
    try:
        tree = ast.parse("\n".join((rest, *dotted)))
    except SyntaxError as error:
        raise CompileError(f"the emitted module does not parse: {error}") from error
    defined, found = _names(tree)
    unknown = loaded.union(found).difference(bound, defined, dotted, _BUILTINS)
    if unknown:
        raise _fault(f"the name {min(unknown)}")


def _without_plain_lines(text: str) -> tuple[str, set[str], set[str]]:
    """Return a text without its plain lines, the names that they bind, and the words in them.

    A `pass` is in the place of the first of several, which may be all of a block.
    """
    bound: set[str] = set()
    values: list[str] = []
    end = -1

    def taken(match: re.Match[str]) -> str:
        nonlocal end
        indent, name, value = match.groups()
        if name is None or ")." in value or value.count("(") != value.count(")"):
            return match[0]
        bound.add(name)
        values.append(value)
        follows, end = match.start() == end + 1, match.end()
        return "" if follows else f"{indent}pass"

    rest = _PLAIN_LINE.sub(taken, text)
    words = set(_NUMBER_OR_WORD.findall("\n".join(values))).difference(_WORDS, {""})
    for word in words:
        if not _DOTTED.fullmatch(word):
            raise _fault(f"the word {word}")
    return rest, bound, words


def _fault(problem: str) -> CompileError:
    """Return the error for a module that says what no template can mean."""
    return CompileError(f"the emitted module has {problem}: this is a fault of bpcompile")


def _names(tree: ast.Module) -> tuple[set[str], set[str]]:
    """Return the names that a module binds and those that it reads; refuse what is not listed."""
    defined: set[str] = set()
    loaded: set[str] = set()
    stack: list[Any] = [tree]
    while stack:
        node = stack.pop()
        kind = node.__class__
        # Five kinds are nearly all nodes of a long module: they are written out.
        if kind is ast.Name:
            (defined if node.ctx.__class__ is ast.Store else loaded).add(node.id)
        elif kind is ast.BinOp:
            stack.append(node.left)
            stack.append(node.right)
        elif kind is ast.Constant:
            if node.value.__class__ not in _PLAIN:
                raise _fault(f"a constant of type {type(node.value).__name__}")
        elif kind is ast.Attribute:
            _check_attribute(node)
            stack.append(node.value)
        elif kind is ast.Call:
            if not _is_external(node):
                stack.append(node.func)
            stack.extend(node.args)
            stack.extend(node.keywords)
        else:
            _look_at(node, defined)
            stack.extend(_parts(node))
    return defined, loaded


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the syntax inside of a node; refuse what is not listed."""
    fields = _FIELDS.get(node.__class__)
    if fields is None:
        raise _fault(f"the syntax {node.__class__.__name__}")
    for field in fields:
        value = getattr(node, field)
        if value.__class__ is list:
            yield from (part for part in value if part is not None)
        elif value is not None:
            yield value


@functools.cache
def _functions() -> frozenset[str]:
    """Return every name that may follow np, math or scipy.special: no files, no submodules."""
    texts = (text for op in OPS.values() for text in (op.numba, op.numpy) if text is not None)
    named = (re.findall(r"(?:np|math|special)\.(\w+)", text.pattern) for text in texts)
    return _FUNCTIONS.union(*named)


def _is_external(node: ast.Call) -> bool:
    """Tell whether a call declares a C function; refuse any but those that look for signals."""
    func = node.func
    if not isinstance(func, ast.Attribute) or func.attr != "ExternalFunction":
        return False
    match node.args[:1]:
        case [ast.Constant(value=name)] if name in SYMBOLS:
            return True
    raise _fault("a C function that no module needs")


def _check_attribute(node: ast.Attribute) -> None:
    """Refuse an attribute that is neither of a module nor a known one of arrays."""
    value, attr = node.value, node.attr
    root = value.id if isinstance(value, ast.Name) else None
    if root == "scipy":
        known = attr == "special"
    elif root == "np" and attr in ("linalg", "fft"):
        known = True
    elif isinstance(value, ast.Attribute) and value.attr == "linalg":
        known = attr in _LINALG
    elif isinstance(value, ast.Attribute) and value.attr == "fft":
        known = attr in _FFT
    elif root in ("np", "math") or (isinstance(value, ast.Attribute) and value.attr == "special"):
        known = attr in _functions()
    elif root == "types":
        known = attr in ("int32", "void")
    else:
        known = attr in _METHODS
    if not known:
        raise _fault(f"the attribute {attr}")


def _look_at(node: ast.AST, defined: set[str]) -> None:
    """Check what a node says itself, and note the names that it binds."""
    match node:
        case ast.Import(names=names):
            for alias in names:
                if alias.name not in _IMPORTS:
                    raise _fault(f"the import of {alias.name}")
                defined.add((alias.asname or alias.name).partition(".")[0])
        case ast.ImportFrom(module=module, names=names):
            taken = {(a.name, a.asname) for a in names}
            if module != "numba" or not taken <= {("njit", None), ("types", None)}:
                raise _fault(f"an import from {module}")
            defined.update(name for name, _ in taken)
        case ast.ClassDef(name=name):
            if ast.dump(node) != _CLASS:
                raise _fault(f"the class {name}")
            defined.add(name)
        case ast.keyword(arg=None):
            raise _fault("arguments by two stars")
        case ast.FunctionDef(name=name) | ast.arg(arg=name):
            defined.add(name)
