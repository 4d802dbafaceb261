"""Find the syntax tree of a function that is already running, at its true lines.

A function is found by the line of its code object, a lambda by the columns of its instructions.
What is found is compiled again and compared with the code that runs, so that an edited file is
never taken for the function. Where there is no source (a prompt, `exec`) or it differs, the answer
is None, and the function is traced as it is.
"""

from __future__ import annotations
import __future__ as futures

import ast
import dis
import inspect
import itertools
import linecache
import operator
import sys
import tokenize
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType

_FUTURES = 0
for _name in futures.all_feature_names:
    _FUTURES |= getattr(futures, _name).compiler_flag
_JUMPS = frozenset((*dis.hasjrel, *dis.hasjabs))
_NO_SOURCE = (OSError, SyntaxError, ValueError, RecursionError, tokenize.TokenError, MemoryError)

_CLOSING = 4
Definition = ast.FunctionDef | ast.Lambda
_files: dict[str, tuple[list[str], list[ast.Lambda]]] = {}


def definition_of(function: FunctionType) -> Definition | None:
    """Return the syntax tree of a function, or None where its source is not at hand."""
    code = function.__code__
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename, function.__globals__)
    if not 0 < code.co_firstlineno <= len(lines):
        return None
    try:
        if code.co_name == "<lambda>":
            lambda_ = _lambda(code, lines)
            every: Iterable[Definition] = () if lambda_ is None else (lambda_,)
        else:
            every = _blocks(code, lines)
        return next((found for found in every if _is_source_of(found, function)), None)
    except _NO_SOURCE:
        return None


def _blocks(code: CodeType, lines: list[str]) -> Iterator[ast.FunctionDef]:
    """Yield what may be the definition that begins at a code object's first line.

    The shortest is not it where the function ends in statements that never run.
    """
    start = code.co_firstlineno - 1
    for text in _texts(code, lines, start):
        # An indented definition becomes the body of a statement, so that columns stay true.
        indented = text[:1].isspace()
        before = "\n" * (start - 1) + "if 1:\n" if indented else "\n" * start
        try:
            body = ast.parse(before + text).body
        except SyntaxError:
            continue
        if indented and body and isinstance(body[0], ast.If):
            body = body[0].body
        if body and isinstance(body[0], ast.FunctionDef):
            yield body[0]


def _texts(code: CodeType, lines: list[str], start: int) -> Iterator[str]:
    """Yield texts that may be a whole definition, the likeliest first.

    The last instruction begins on the last line or a few closing brackets before it; only where
    that fails are the lines read token by token, which is slow.
    """
    last = max(
        (line for inner in every_code(code) for _, _, line in inner.co_lines() if line),
        default=start + 1,
    )
    for end in range(last, min(last + _CLOSING, len(lines)) + 1):
        yield "".join(lines[start:end])
    yield "".join(inspect.getblock(lines[start:]))


def _lambda(code: CodeType, lines: list[str]) -> ast.Lambda | None:
    """Return the lambda expression of a code object, told from others by its columns."""
    known = _files.get(code.co_filename)
    if known is None or known[0] is not lines:
        every = [n for n in ast.walk(ast.parse("".join(lines))) if isinstance(n, ast.Lambda)]
        known = _files[code.co_filename] = (lines, every)
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    found = [
        node
        for node in known[1]
        if node.lineno == code.co_firstlineno and _argument_names(node) == names
    ]
    if len(found) > 1:
        span = _span(code)
        found = [node for node in found if _body_span(node) == span]
    return _again(found[0], lines) if len(found) == 1 else None


def _again(node: ast.Lambda, lines: list[str]) -> ast.Lambda | None:
    """Return a new tree of a lambda expression, at the same lines and columns."""
    text = ast.get_source_segment("".join(lines), node)
    if text is None:
        return None
    tree = ast.parse(f"(\n{' ' * node.col_offset}{text})", mode="eval")
    ast.increment_lineno(tree, node.lineno - 2)
    return tree.body if isinstance(tree.body, ast.Lambda) else None


def _argument_names(node: Definition) -> tuple[str, ...]:
    """Return the names of a definition's arguments, without those behind stars."""
    args = node.args
    return tuple(arg.arg for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs))


Span = tuple[int, int, int, int]


def _span(code: CodeType) -> Span | None:
    """Return where the instructions of a lambda's body stand: lines and columns."""
    starts, ends = [], []
    for line, end_line, column, end_column in code.co_positions():
        # The instructions that set the frame up have no column, or are one point.
        if None in (line, end_line, column, end_column):
            continue
        assert line is not None
        assert end_line is not None
        assert column is not None
        assert end_column is not None
        if (line, column) != (end_line, end_column):
            starts.append((line, column))
            ends.append((end_line, end_column))
    return (*min(starts), *max(ends)) if starts else None


def _body_span(node: ast.Lambda) -> Span:
    """Return where the body of a lambda expression stands."""
    body = node.body
    return body.lineno, body.col_offset, body.end_lineno or 0, body.end_col_offset or 0


def in_factory(definition: Definition, free: tuple[str, ...], name: str) -> ast.Module:
    """Return a module with a function that has `free` as arguments and defines the definition.

    Compiled inside of it, the definition has those names as free variables.
    """
    made: ast.stmt
    if isinstance(definition, ast.Lambda):
        made = ast.Return(definition)
    else:
        made = definition
    arguments = ast.arguments(
        posonlyargs=[],
        args=[ast.copy_location(ast.arg(one), definition) for one in free],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[],
    )
    body: list[ast.stmt] = [ast.copy_location(made, definition)]
    if isinstance(definition, ast.FunctionDef) and definition.name not in free:
        # A function that calls itself finds itself among the globals, as the original does.
        body.insert(0, ast.copy_location(ast.Global([definition.name]), definition))
    factory = ast.FunctionDef(name=name, args=arguments, body=body, decorator_list=[])
    if hasattr(ast, "TypeAlias"):  # from Python 3.12 on
        factory.type_params = []  # type: ignore[attr-defined]  # the same
    return ast.Module(body=[ast.copy_location(factory, definition)], type_ignores=[])


def bare(definition: Definition) -> Definition:
    """Return a definition without decorators, defaults and annotations."""
    args = definition.args
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    every += [one for one in (args.vararg, args.kwarg) if one is not None]
    for one in every:
        one.annotation = None
    args.defaults = []
    args.kw_defaults = [None] * len(args.kwonlyargs)
    if isinstance(definition, ast.FunctionDef):
        definition.decorator_list = []
        definition.returns = None
        if hasattr(definition, "type_params"):
            definition.type_params = []
    return definition


def compiled(module: ast.Module, code: CodeType) -> CodeType:
    """Compile a module of `in_factory`, and return the code of the definition in it.

    The file name and the future statements are those of the original code.
    """
    flags = code.co_flags & _FUTURES
    built = compile(module, code.co_filename, "exec", flags=flags, dont_inherit=True)
    factory = next(_inner_codes(built))
    return next(inner for inner in _inner_codes(factory) if inner.co_name == code.co_name)


def _inner_codes(code: CodeType) -> Iterator[CodeType]:
    """Yield the code objects among the constants of one."""
    return (const for const in code.co_consts if isinstance(const, CodeType))


def every_code(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and all that are nested in it."""
    stack = [code]
    while stack:
        found = stack.pop()
        yield found
        stack.extend(_inner_codes(found))


def _is_source_of(definition: Definition, function: FunctionType) -> bool:
    """Tell whether a definition compiles to the code that a function runs."""
    code = function.__code__
    module = in_factory(mangled(bare(definition), function), code.co_freevars, "factory")
    again = compiled(module, code)
    if _same_code(again, code):
        return True
    # pytest rewrites `assert` in test files: the names are then all that can be compared.
    rewritten = any(name.startswith("@py") for name in (*code.co_names, *code.co_varnames))
    return rewritten and set(again.co_names) <= {*code.co_names, "AssertionError"}


def _same_code(left: CodeType, right: CodeType) -> bool:
    """Tell whether two code objects do the same, wherever they stand in a file."""
    pairs = [(left, right)]
    while pairs:
        a, b = pairs.pop()
        if (a.co_varnames, a.co_freevars, a.co_cellvars) != (
            b.co_varnames,
            b.co_freevars,
            b.co_cellvars,
        ):
            return False
        if not _same_bytes(a, b) and list(_steps(a)) != list(_steps(b)):
            return False
        inner = list(_inner_codes(a)), list(_inner_codes(b))
        if len(inner[0]) != len(inner[1]) or _constants(a) != _constants(b):
            return False
        pairs.extend(zip(*inner, strict=True))
    return True


def _same_bytes(a: CodeType, b: CodeType) -> bool:
    """Tell from the bytes alone, which is fast, that two code objects take the same steps."""
    if a.co_code == b.co_code:
        return True
    return a.co_names == b.co_names and _raw_steps(a.co_code) == _raw_steps(b.co_code)


def _raw_steps(code: bytes) -> list[tuple[int, int]]:
    """Return each instruction and its argument as it stands, without how methods are called."""
    ops = code[::2]
    arguments = map(operator.or_, code[1::2], ops.translate(_CALL_BITS))
    steps = zip(ops.translate(_SHAPES), arguments, strict=True)
    return list(itertools.compress(steps, ops.translate(_IS_STEP)))


_CALL_SHAPES = {"LOAD_METHOD": "LOAD_ATTR"}
_NO_STEPS = frozenset({"PUSH_NULL", "PRECALL", "CACHE", "RESUME", "NOP"})
_SHAPES = bytes(
    dis.opmap.get(_CALL_SHAPES.get(name, name), op) for op, name in enumerate(dis.opname[:256])
)
_IS_STEP = bytes(name not in _NO_STEPS for name in dis.opname[:256])
# The lowest bit of these arguments says only how what is loaded will be called.
_CALL_LOADS = {"LOAD_GLOBAL", "LOAD_ATTR"} if sys.version_info >= (3, 12) else {"LOAD_GLOBAL"}
_CALL_BITS = bytes(name in _CALL_LOADS for name in dis.opname[:256])


def _steps(code: CodeType) -> Iterator[tuple[str, object]]:
    """Yield the instructions of a code object, apart from how methods of modules are called.

    Python compiles `np.sin(x)` otherwise where it sees `import numpy as np` in the same file.
    """
    for step in dis.get_instructions(code):
        if step.opname in _NO_STEPS:
            continue
        known = step.opcode not in _JUMPS and not isinstance(step.argval, CodeType)
        yield _CALL_SHAPES.get(step.opname, step.opname), repr(step.argval) if known else None


def _constants(code: CodeType) -> list[str]:
    """Return the constants that are no code, as text that tells 1 from 1.0 and from True."""
    return [repr(const) for const in code.co_consts if not isinstance(const, CodeType)]


def mangled(definition: Definition, function: FunctionType) -> Definition:
    """Return a method's definition with its private names as Python makes them in a class."""
    outer = function.__qualname__.rpartition(".")[0].rpartition(".")[2].lstrip("_")
    if not outer or outer == "<locals>":
        return definition
    for node in ast.walk(definition):
        if isinstance(node, ast.Name):
            node.id = _private(node.id, outer)
        elif isinstance(node, ast.Attribute):
            node.attr = _private(node.attr, outer)
        elif isinstance(node, ast.arg):
            node.arg = _private(node.arg, outer)
    return definition


def _private(name: str, outer: str) -> str:
    """Return the name that a private name has inside a class."""
    return f"_{outer}{name}" if name.startswith("__") and not name.endswith("__") else name
