"""Compile an entry point together with all that it calls, as one piece of machine code.

Numba makes each function that it meets ready to run: it optimises it, writes machine code and two
wrappers for calls from outside, and then optimises it again inside of each of its callers. What an
emitted module holds beside its entry points, and Numba's own helpers that it calls, only ever run
inside of an entry point. Here they are typed and lowered, and wait; the entry point links them in
and all of it is optimised and translated once. That halves the time of a first call. The rest is
less: functions of ours skip the passes for what they never hold, a literal number is an argument
like any other instead of a reason to compile again, and the garbage collector rests.

A function that waits is made ready as Numba does it when the user's own compiled code links it.
Python cannot call one: it raises TypeError. The private names of Numba used here are listed in
`tests/runtime/test_numba_hooks.py`.
"""

from __future__ import annotations

import ctypes
import functools
import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from bpcompile.runtime import lowering, straight
from bpcompile.runtime.blas import at_hand
from bpcompile.runtime.fills import fills_pass
from bpcompile.runtime.inference import remembering


def compile_entry(dispatcher: Any, signature: tuple[Any, ...]) -> Any:
    """Compile one signature of a module's public function and return its compile result.

    Raises:
        numba.core.errors.TypingError: when Numba cannot compile the function for these types.
    """
    known = dispatcher.overloads.get(signature)
    if known is None or waits(known):
        dispatcher.overloads.pop(signature, None)
        entry = dispatcher.py_func
        emitted = entry.__globals__.values()
        width = getattr(dispatcher._cache, "vector_width", None)
        with _uncollected(), _waiting_for(entry, width), _plain(emitted), remembering(), at_hand():
            dispatcher.compile(signature)
        # A function that waits has had no machine code whose environment Numba could set, and
        # an exception that it raises with values needs it; Numba's cache does the same.
        made = dispatcher.overloads[signature]
        for environment in made._find_referenced_environments():
            made.codegen.set_env(environment.env_name, environment)
    return dispatcher.overloads[signature]


def waits(compiled: Any) -> bool:
    """Tell whether a compile result is only there to be linked: Python cannot call it."""
    return getattr(compiled.library, "waits", False)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector from walking what Numba builds, a tenth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _plain(values: Iterable[Any]) -> Iterator[None]:
    """Let the dispatchers among some values compile as what they are: plain emitted functions."""
    from numba.core.dispatcher import Dispatcher

    found = [value for value in values if issubclass(type(value), Dispatcher)]
    usual = [function._compiler.pipeline_class for function in found]
    for function in found:
        function._compiler.pipeline_class = _plain_pipeline()
        function.get_call_template = functools.partial(_call_template, function)
    try:
        yield
    finally:
        for function, pipeline in zip(found, usual, strict=True):
            function._compiler.pipeline_class = pipeline
            del function.get_call_template


def _call_template(function: Any, args: Any, keywords: Any) -> Any:
    """Answer a call from compiled code: for Numba each literal integer is a type of its own."""
    from numba.core import types

    numba_types: Any = types  # which do not say that `unliteral` is there
    plain = tuple(numba_types.unliteral(type) for type in args)
    if not keywords and plain not in function.overloads:
        made = straight.translated(function, plain)
        if made is not None:
            function.add_overload(made)
    return type(function).get_call_template(function, plain, keywords)


# What emitted functions never hold: `with`, closures, tests of types, tuples of several types to
# unroll, functions to inline before they are typed, array expressions, variables of several types
# (whose assignments Numba tells apart in a time that grows with the square of the lines; LLVM tells
# them apart anyway).
_NEEDLESS = (
    "WithLifting",
    "InlineClosureLikes",
    "RewriteSemanticConstants",
    "DeadBranchPrune",
    "MakeFunctionToJitFunction",
    "InlineInlinables",
    "FindLiterallyCalls",
    "LiteralUnroll",
    "LiteralPropagationSubPipelinePass",
    "ReconstructSSA",
    "PreLowerStripPhis",
    "InlineOverloads",
    "NopythonRewrites",
    "NoPythonSupportedFeatureValidation",
    "DumpParforDiagnostics",
)


@functools.cache
def _plain_pipeline() -> Any:
    """Derive our pipeline from Numba's; Numba is imported here, so that importing us is fast."""
    from numba.core.compiler import Compiler, DefaultPassBuilder
    from numba.core.typed_passes import NativeLowering
    from numba.core.untyped_passes import IRProcessing

    exchanged = {NativeLowering: lowering.lowering_pass()}

    # Numba's classes have no types that mypy could check against.
    class PlainPipeline(Compiler):  # type: ignore[misc]
        """Compile a function in Numba's passes but those that it has no need of."""

        def define_pipelines(self) -> list[Any]:
            passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
            wanted = [p for p in passes.passes if p[0].__name__ not in _NEEDLESS]
            passes.passes = [(exchanged.get(p[0], p[0]), *p[1:]) for p in wanted]
            passes.add_pass_after(lowering.products_pass(), IRProcessing)
            passes.add_pass_after(fills_pass(), IRProcessing)
            passes.finalize()
            return [passes]

    return PlainPipeline


@contextmanager
def _waiting_for(entry: Any, width: int | None) -> Iterator[None]:
    """Let everything but one function wait, in Numba's own context and under its lock.

    LLVM uses vector registers of `width` bits; None: of as many as it finds best for the CPU.
    """
    from numba.core.compiler_lock import global_compiler_lock
    from numba.core.registry import cpu_target

    with global_compiler_lock:
        context = cpu_target.target_context
        codegen, usual = context.codegen(), type(context)
        codegen._library_class = _waiting_library()
        context.__class__ = _waiting_context()
        context.entry = entry.__module__, entry.__qualname__
        context.vector_width = width
        try:
            yield
        finally:
            context.__class__ = usual
            del context.entry, context.vector_width, codegen._library_class


@functools.cache
def _waiting_context() -> Any:
    """Derive our context from Numba's."""
    from numba import _dynfunc
    from numba.core import types as numba_types
    from numba.core.cpu import CPUContext

    types: Any = numba_types  # which do not say that `Array` is there

    class WaitingContext(CPUContext):  # type: ignore[misc]
        """Make nothing that could be called from outside but one entry point."""

        entry: tuple[str, str]
        vector_width: int | None

        def get_function(self, fn: Any, sig: Any, _firstcall: bool = True) -> Any:
            # Numba asks this of each array that it reads, and looks through all its registries for
            # an answer: half a millisecond each time. Only classes derived from `Array` have one.
            if fn == "__array__" and type(sig.args[0]) is types.Array:
                raise NotImplementedError("an array is one")
            return super().get_function(fn, sig, _firstcall)

        def compile_internal(
            self, builder: Any, impl: Any, sig: Any, args: Any, locals: Any = None
        ) -> Any:
            described = self.fndesc
            is_emitted = described is not None and described.modname == self.entry[0]
            if is_emitted and lowering.is_needless(impl):
                return self.get_dummy_value()
            return super().compile_internal(builder, impl, sig, args, locals)

        def is_entry(self, described: Any) -> bool:
            return (described.modname, described.qualname) == self.entry

        def create_cpython_wrapper(self, library: Any, fndesc: Any, *rest: Any, **by: Any) -> None:
            if self.is_entry(fndesc):
                super().create_cpython_wrapper(library, fndesc, *rest, **by)

        def create_cfunc_wrapper(self, library: Any, fndesc: Any, *rest: Any, **by: Any) -> None:
            if self.is_entry(fndesc):
                super().create_cfunc_wrapper(library, fndesc, *rest, **by)

        def get_executable(self, library: Any, fndesc: Any, env: Any) -> Any:
            if self.is_entry(fndesc):
                return super().get_executable(library, fndesc, env)
            library.waits = True
            name = fndesc.qualname.rpartition(".")[2]
            return _dynfunc.make_function(
                fndesc.lookup_module(), name, "", _refusal(), env, (library,)
            )

    return WaitingContext


def _refusal() -> int:
    """Return the address of what answers a call from Python of a function that waits."""
    # Takes any arguments, sets a TypeError and returns null.
    return ctypes.cast(ctypes.pythonapi.PyErr_BadArgument, ctypes.c_void_p).value or 0


@functools.cache
def _waiting_library() -> Any:
    """Derive our library from Numba's."""
    from llvmlite import binding
    from numba.core.codegen import JITCodeLibrary

    class WaitingLibrary(JITCodeLibrary):  # type: ignore[misc]
        """Hold a function that is made ready when its address is asked for, with all it calls."""

        waits = False
        _linkable: Any = None

        def add_linking_library(self, library: Any) -> None:
            self._raise_if_finalized()
            self._linking_libraries.append(library)

        def finalize(self) -> None:
            self._linking_libraries = self._callees()
            super().finalize()

        def _callees(self) -> list[Any]:
            """Return the libraries to link in: the callees of those that wait are not in them."""
            found: dict[Any, None] = {}
            stack = self._linking_libraries[::-1]
            while stack:
                library = stack.pop()
                if library not in found:
                    found[library] = None
                    if isinstance(library, WaitingLibrary) and not library._finalized:
                        stack += library._linking_libraries[::-1]
            return list(found)

        def _get_module_for_linking(self) -> Any:
            if self._finalized:
                return super()._get_module_for_linking()
            if self._linkable is None:
                self._linkable = self._final_module.clone()
                for function in self._linkable.functions:
                    external = function.linkage == binding.Linkage.external
                    if external and not function.is_declaration:
                        function.linkage = "linkonce_odr"  # once for all who link it, if they do
            return self._linkable

    return WaitingLibrary
