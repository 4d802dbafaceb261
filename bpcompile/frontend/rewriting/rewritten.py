"""Give the form of a function that is run while tracing: the same function, rewritten.

It keeps the file, lines, globals, defaults and closure of the original, so that tracebacks and
breakpoints show the user's code and changed globals are seen. Cached by code object.
"""

from __future__ import annotations

import functools
import linecache
from types import CellType, CodeType, FunctionType
from typing import Any

from bpcompile.frontend.rewriting.rewrite import HOOKS, NAME, Rewriter
from bpcompile.frontend.rewriting.source import (
    bare,
    compiled,
    definition_of,
    every_code,
    in_factory,
    mangled,
)

_cells: dict[str, CellType] = {}
_known: dict[int, tuple[CodeType, CodeType | None]] = {}  # by id; the code is kept alive
_ours: dict[int, CodeType] = {}


def install(hooks: dict[str, Any]) -> None:
    """Say what the names of `rewrite.HOOKS` stand for in rewritten code.

    What NAME stands for takes first what tells a function's names from those of its helpers.
    """
    for name in HOOKS:
        _cells[name] = CellType(hooks[name])


def rewritten(function: FunctionType) -> FunctionType:
    """Return the rewritten form of a function, or the function itself where it has no source."""
    code = function.__code__
    if id(code) in _ours:
        return function
    known = _known.get(id(code))
    if known is None:
        known = _known[id(code)] = (code, _rewritten_code(function))
    new = known[1]
    if new is None:
        return function
    closure = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
    names = functools.partial(_cells[NAME].cell_contents, _scope(function))
    closure |= {**_cells, NAME: CellType(names)}
    cells = tuple([closure[name] for name in new.co_freevars])
    made = FunctionType(new, function.__globals__, function.__name__, function.__defaults__, cells)
    made.__kwdefaults__ = function.__kwdefaults__
    made.__qualname__ = function.__qualname__
    made.__module__ = function.__module__
    made.__dict__.update(function.__dict__)
    return made


def _scope(function: FunctionType) -> str:
    """Return what tells a function's names from those that its helpers give."""
    return f"{function.__qualname__}:{function.__code__.co_firstlineno}"


def is_rewritten(code: CodeType) -> bool:
    """Tell whether a code object is one that was made here."""
    return id(code) in _ours


def has_source(function: FunctionType) -> bool:
    """Tell whether a function could be rewritten."""
    return is_rewritten(function.__code__) or rewritten(function) is not function


def _rewritten_code(function: FunctionType) -> CodeType | None:
    """Return the code of the rewritten function, or None where it has no usable source."""
    found = _made(function)
    if found is None and linecache.getlines(function.__code__.co_filename):
        from concurrent.futures import ThreadPoolExecutor  # which few models need

        # Python reads and compiles less deep code the deeper it is called: a thread begins anew.
        with ThreadPoolExecutor(1) as thread:
            found = thread.submit(_made, function).result()
    return found


def _made(function: FunctionType) -> CodeType | None:
    """Return the code of the rewritten function, or None where it has no source or is too deep."""
    definition = definition_of(function)
    if definition is None:
        return None
    code = function.__code__
    definition = mangled(bare(definition), function)
    try:
        Rewriter().rewrite(definition)
        module = in_factory(definition, (*code.co_freevars, *HOOKS), "factory")
        new = compiled(module, code)
    except RecursionError:
        return None  # an expression deeper than Python compiles twice over
    new = new.replace(co_qualname=code.co_qualname)
    for inner in every_code(new):
        _ours[id(inner)] = inner
    return new
