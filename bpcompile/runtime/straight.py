"""Translate long stretches of scalar assignments to LLVM's language without Numba's passes.

Numba takes some milliseconds for each line of a function: it infers types, rewrites, and lowers one
bytecode at a time. A function whose lines only assign numbers and elements of arrays needs none of
that, and a model of ten thousand lines is made of nothing else. Here its text is parsed and written
as LLVM text, an instruction for each operation, and stands for Numba among the functions that its
callers link in. What a line calls, Numba lowers as ever: so the results are the same bit by bit.

In a vast module the stretches are not optimised: LLVM takes most of the time then.

Anything that is not known here is left to Numba (a None). The private names of Numba used here are
listed in `tests/runtime/test_numba_hooks.py`.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Sequence
from typing import Any

from bpcompile.runtime.llvm_text import Array, Callee, Lines, UnknownError, Value

LONG = 100  # lines from which on a function is translated here
_VAST = 10_000  # lines of a module from which on to compile fast matters more


def translated(dispatcher: Any, arguments: Sequence[Any]) -> Any:
    """Return Numba's compile result of a long stretch for types of arguments, or None.

    It is for `compile_entry`, in whose context the machine code waits to be linked in.
    """
    definition = _definition(dispatcher.py_func)
    if definition is None or len(definition.body) < LONG:
        return None
    try:
        return _Function(dispatcher, tuple(arguments)).compiled(definition)
    except UnknownError:
        return None


def _definition(function: Any) -> ast.FunctionDef | None:
    """Return the syntax tree of an emitted function, from the text of its module."""
    code, lines = function.__code__, _lines_of(function)
    last = max(line for _, _, line in code.co_lines() if line)
    try:
        (found,) = ast.parse("\n".join(lines[code.co_firstlineno - 1 : last])).body
    except SyntaxError:
        return None
    return found if isinstance(found, ast.FunctionDef) else None


def _lines_of(function: Any) -> list[str]:
    """Return the lines of an emitted function's module; none where that is no emitted one."""
    loader = function.__globals__.get("__loader__")
    source = loader.get_source(function.__module__) if hasattr(loader, "get_source") else None
    return _lines(source or "")


@functools.lru_cache(maxsize=2)
def _lines(text: str) -> list[str]:
    """Return the lines of a text."""
    return text.split("\n")


class _Function(Lines):
    """Write one function as LLVM text, and make of it what Numba keeps of a compiled one."""

    def __init__(self, dispatcher: Any, arguments: tuple[Any, ...]) -> None:
        from numba.core.registry import cpu_target

        super().__init__(dispatcher.py_func.__globals__, self._called)
        self.is_vast = len(_lines_of(dispatcher.py_func)) > _VAST
        self.given = arguments
        self.context = cpu_target.target_context
        self.typing = cpu_target.typing_context
        self.described = _described(dispatcher.py_func, arguments)
        self.library = self.context.codegen().create_library(self.described.qualname)
        self.module = self.library.create_ir_module(self.described.unique_name)
        self.room: list[str] = []  # for the results of helpers, at the beginning

    def compiled(self, definition: ast.FunctionDef) -> Any:
        """Return the compile result of the function."""
        header = self._header()
        with self.context.push_code_library(self.library):
            for statement in definition.body:
                self.statement(statement)
        body = [*self.room, *self.lines, "store ptr null, ptr %result", "ret i32 0"]
        text = f"{self.module}\n{header} {{\nbegin:\n" + "\n".join(body) + "\n}\n"
        return self._result(text)

    # -- the function --------------------------------------------------------------------------

    def _header(self) -> str:
        """Return the first line of the function, and know its arguments from here on."""
        convention = self.context.call_conv
        kind = convention.get_function_type(self.described.restype, self.given)
        given = iter([str(one) for one in kind.args[2:]])
        parts = [f"{kind.args[0]} %result", f"{kind.args[1]} %raised"]

        def take() -> str:
            name = f"%a{len(parts)}"
            parts.append(f"{next(given)} {name}")
            return name

        for name, type in zip(self.described.args, self.given, strict=True):
            if isinstance(type, self.types.Array):
                fields = [take() for _ in range(5 + 2 * type.ndim)]
                self.values[name] = Array(fields[4], tuple(fields[5 + type.ndim :]), type)
            elif type is self.types.boolean:
                self.values[name] = Value(self.new(f"trunc i8 {take()} to i1"), type)
            elif type in self.names:
                self.values[name] = Value(take(), type)
            else:
                raise UnknownError
        name = self.described.llvm_func_name
        attributes = "noinline nounwind"
        if self.is_vast:  # three times as fast to compile, and half as long again to run
            attributes += " optnone"
        return f'define i32 @"{name}"({", ".join(parts)}) {attributes}'

    def _result(self, text: str) -> Any:
        """Return what Numba keeps of a compiled function."""
        from llvmlite import binding
        from numba.core import typing
        from numba.core.compiler import compile_result
        from numba.core.environment import Environment

        module = binding.parse_assembly(text)
        self.library.add_llvm_module(module)
        environment = Environment.from_fndesc(self.described)
        entry = self.context.get_executable(self.library, self.described, environment)
        self.context.insert_user_function(entry, self.described, [self.library])
        return compile_result(
            typing_context=self.typing,
            target_context=self.context,
            entry_point=entry,
            typing_error=None,
            type_annotation=None,
            signature=typing.signature(self.described.restype, *self.given),
            objectmode=False,
            lifted=(),
            fndesc=self.described,
            library=self.library,
            call_helper=None,
            environment=environment,
            metadata={},
            reload_init=[],
            referenced_envs=(),
        )

    # -- calls ---------------------------------------------------------------------------------

    def _called(self, function: Any, types: tuple[Any, ...]) -> Callee:
        """Return what writes the call of a function."""
        kind = self.typing.resolve_value_type(function)
        if isinstance(kind, self.types.NumberClass):
            return lambda values: self.converted(values[0], kind.instance_type)
        signature = kind.get_call_type(self.typing, types, {})
        if signature is None or signature.return_type not in self.names:
            raise UnknownError
        if isinstance(kind, self.types.Dispatcher):
            return self._of_ours(function.overloads[signature.args], signature)
        return self._of_numbas(self.context.get_function(kind, signature), signature)

    def _of_ours(self, made: Any, signature: Any) -> Callee:
        """Return what calls a helper of the module; what it raises is raised here."""
        self.library.add_linking_library(made.library)
        callee = self.context.declare_function(self.module, made.fndesc)
        kinds = [str(kind) for kind in callee.function_type.args]
        held = self.names[signature.return_type]
        if self.types.boolean in (*signature.args, signature.return_type):
            raise UnknownError
        self.count += 1
        room = f"%room{self.count}"
        self.room.append(f"{room} = alloca {held}")

        def write(values: Sequence[Value]) -> Value:
            given = [self.cast(v, type) for v, type in zip(values, signature.args, strict=True)]
            texts = [f"{kinds[0]} {room}", f"{kinds[1]} %raised"]
            texts += [f"{kind} {v.text}" for kind, v in zip(kinds[2:], given, strict=True)]
            status = self.new(f'call i32 @"{callee.name}"({", ".join(texts)})')
            fails = self.new(f"icmp ne i32 {status}, 0")
            self.count += 1
            failed, after = f"failed{self.count}", f"after{self.count}"
            self.lines.append(f"br i1 {fails}, label %{failed}, label %{after}")
            self.begin(failed)
            self.lines.append(f"ret i32 {status}")
            self.begin(after)
            return Value(self.new(f"load {held}, ptr {room}"), signature.return_type)

        return write

    def _of_numbas(self, lower: Any, signature: Any) -> Callee:
        """Return what calls a function that Numba lowers: in a small one, which LLVM dissolves."""
        from llvmlite import ir

        context = self.context
        kinds = [context.get_value_type(type) for type in signature.args]
        result = context.get_value_type(signature.return_type)
        name = f"{self.described.unique_name}.{len(self.callees)}"
        small = ir.Function(self.module, ir.FunctionType(result, kinds), name)
        small.linkage = "internal"
        small.attributes.add("alwaysinline")
        builder = ir.IRBuilder(small.append_basic_block())
        builder.ret(lower(builder, small.args))
        for library in getattr(lower, "libs", ()):
            self.library.add_linking_library(library)

        def write(values: Sequence[Value]) -> Value:
            given = [self.cast(v, type) for v, type in zip(values, signature.args, strict=True)]
            texts = [f"{kind} {v.text}" for kind, v in zip(kinds, given, strict=True)]
            made = self.new(f'call {result} @"{name}"({", ".join(texts)})')
            return Value(made, signature.return_type)

        return write


def _described(function: Any, arguments: tuple[Any, ...]) -> Any:
    """Return Numba's description of a function that returns nothing."""
    from numba.core import funcdesc, types

    code = function.__code__
    return funcdesc.FunctionDescriptor(
        native=True,
        modname=function.__module__,
        qualname=function.__qualname__,
        unique_name=f"{function.__module__}.{function.__qualname__}",
        doc=function.__doc__,
        typemap={},
        restype=types.none,
        calltypes={},
        args=code.co_varnames[: code.co_argcount],
        kws=(),
        argtypes=arguments,
    )
