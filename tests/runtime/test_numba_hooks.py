"""Name each private part of Numba that the runtime uses, so that a new minor fails here first."""

from __future__ import annotations

import inspect

import numba
import pytest
from numba import _dynfunc, _helperlib, njit
from numba.core import (
    caching,
    codegen,
    compiler,
    cpu,
    errors,
    funcdesc,
    lowering,
    registry,
    runtime,
    serialize,
    typed_passes,
    types,
)
from numba.core.dispatcher import Dispatcher
from numba.np import arrayobj, linalg

from bpcompile.runtime import linking
from bpcompile.runtime.numba_cache import StoreCache

TESTED = ((0, 66), (0, 67), (0, 68))


def parameters(function) -> list[str]:
    return list(inspect.signature(function).parameters)


@pytest.fixture(scope="module")
def compiled():
    @njit
    def double(x):
        return 2.0 * x

    double.compile((types.float64,))
    return double


def test_this_minor_is_tested():
    minor = tuple(int(part) for part in numba.__version__.split(".")[:2])
    assert minor in TESTED, "run all of tests/runtime with it, then list it here and in pyproject"


def test_a_dispatcher_asks_its_cache(compiled):
    """`Dispatcher.compile` loads before it compiles and saves afterwards."""
    source = inspect.getsource(Dispatcher.compile)
    assert "self._cache.load_overload(sig, self.targetctx)" in source
    assert "self._cache.save_overload(sig, cres)" in source
    assert "with ExitStack() as scope" in source
    assert "global_compiler_lock" in source
    assert isinstance(compiled._cache, caching.NullCache)
    wanted = {name for name in vars(caching._Cache) if not name.startswith("_")}
    assert wanted <= set(vars(StoreCache)), "a method that Numba expects of a cache"


def test_compile_results_are_taken_apart_and_rebuilt(compiled):
    (result,) = compiled.overloads.values()
    assert parameters(compiler.CompileResult._rebuild)[0] == "target_context"
    assert parameters(compiler.CompileResult._find_referenced_environments) == ["self"]
    reduced = result._reduce()
    context = compiled.targetctx
    runtime.rtsys.initialize(context)
    rebuilt = compiler.CompileResult._rebuild(context, *serialize.loads(serialize.dumps(reduced)))
    assert rebuilt.signature == result.signature
    assert rebuilt.entry_point(1.5) == 3.0
    assert result.library.has_dynamic_globals is False
    assert not result.lifted
    assert result.codegen.magic_tuple() == context.codegen().magic_tuple()


def test_calls_without_a_match_ask_compile_for_args(compiled):
    compiled._compile_for_args = lambda *args: lambda *args: ("slow", *args)
    try:
        assert compiled(1.5) == 3.0
        assert compiled(1) == ("slow", 1)
        assert compiled(x=1) == ("slow", 1)
    finally:
        del compiled._compile_for_args


def test_dispatchers_have_what_ours_overrides():
    cls = registry.CPUDispatcher
    assert parameters(cls.__init__)[:2] == ["self", "py_func"]
    assert "can_fallback = not targetoptions.get('nopython', False)" in inspect.getsource(
        Dispatcher.__init__
    )
    assert parameters(cls._make_finalizer) == ["self"]
    assert parameters(cls.get_call_template) == ["self", "args", "kws"]
    assert parameters(cls.fold_argument_types) == ["self", "args", "kws"]
    for name in ("compile", "get_overload", "get_compile_result"):
        assert parameters(getattr(cls, name)) == ["self", "sig"]
    assert parameters(cls.add_overload) == ["self", "cres"]


def test_compile_results_have_what_ours_reads(compiled):
    (result,) = compiled.overloads.values()
    assert tuple(result.signature.args) == (types.float64,)
    assert result.entry_point(1.5) == 3.0
    assert types.unliteral(types.literal(1)) == types.int64
    assert issubclass(errors.TypingError, errors.NumbaError)


def test_a_cached_function_that_cannot_be_read_is_a_miss():
    """What `load._OnlyLoaded` raises for a model that has changed must not reach the user."""
    source = inspect.getsource(caching.IndexDataCacheFile.load)
    assert "except OSError" in source
    assert issubclass(FileNotFoundError, OSError)


def test_compiling_refreshes_what_loading_does_without():
    """`StoreCache` imports nothing for the compiler, which must see to that itself."""
    source = inspect.getsource(compiler.CompilerBase.__init__)
    assert "targetctx.refresh()" in source
    assert "typingctx.refresh()" in source


def test_libraries_and_contexts_have_what_waiting_replaces():
    """`linking` puts its own in their place while it compiles an entry point."""
    context = registry.cpu_target.target_context
    cls = codegen.JITCodeLibrary
    assert type(context) is cpu.CPUContext
    assert "copy.copy(self)" in inspect.getsource(cpu.CPUContext.subtarget)
    assert parameters(cpu.CPUContext.get_executable) == ["self", "library", "fndesc", "env"]
    for name in ("create_cpython_wrapper", "create_cfunc_wrapper"):
        assert parameters(getattr(cpu.CPUContext, name))[:3] == ["self", "library", "fndesc"]
    assert callable(_dynfunc.make_function)
    assert parameters(cls.add_linking_library) == ["self", "library"]
    assert "self._library_class(self, name" in inspect.getsource(codegen.Codegen.create_library)
    assert "library._get_module_for_linking()" in inspect.getsource(cls.finalize)
    assert "self._ensure_finalized()" in inspect.getsource(cls._get_module_for_linking)
    source = inspect.getsource(typed_passes.BaseNativeLowering.run_pass)
    assert "targetctx.get_executable(library, fndesc, env)" in source
    assert "lower.create_cpython_wrapper" in source
    assert "lower.create_cfunc_wrapper" in source


def test_pipelines_have_the_passes_that_ours_leaves_out(compiled):
    """A pass that is renamed would run again, which is slower; one that is new runs too."""
    assert isinstance(compiled._compiler.pipeline_class, type)
    assert "pipeline_class=self.pipeline_class" in inspect.getsource(
        type(compiled._compiler)._compile_core
    )
    source = inspect.getsource(compiler.DefaultPassBuilder)
    assert all(f"pm.add_pass({name}," in source for name in linking._NEEDLESS)
    passes = inspect.getsource(compiler.PassManager.finalize)
    assert "self._analysis" in passes


def test_calls_from_compiled_code_ask_the_dispatcher_itself():
    source = inspect.getsource(types.Dispatcher.get_call_type)
    assert "self.dispatcher.get_call_template(args, kws)" in source


def test_products_find_the_functions_that_are_looked_up_early():
    """`blas` calls them with nothing, so that Numba need not import all of `scipy.linalg`."""
    assert {"xxgemm", "xxgemv", "xxdot"} <= _helperlib.c_helpers.keys()
    assert "scipy.linalg.cython_blas" in inspect.getsource(linalg.ensure_blas)
    assert parameters(linalg.dot_3_mm) == ["context", "builder", "sig", "args"]
    assert parameters(linalg.make_contiguous) == ["context", "builder", "sig", "args"]
    assert "check_args" in inspect.getsource(linalg.dot_3_mm)


def test_lowering_has_what_ours_overrides():
    cls = lowering.Lower
    assert parameters(cls.lower_inst) == ["self", "inst"]
    assert parameters(cls.lower_expr) == ["self", "resty", "expr"]
    assert parameters(cls.lower_getitem)[2:] == ["expr", "value", "index", "signature"]
    assert parameters(cls.lower_setitem)[1:] == [
        "target_var",
        "index_var",
        "value_var",
        "signature",
    ]
    assert parameters(cls._lower_call_normal) == ["self", "fnty", "expr", "signature"]
    assert parameters(cls.lower_function_body) == ["self"]
    assert parameters(cls.lower_binop) == ["self", "resty", "expr", "op"]
    binop = inspect.getsource(cls.lower_binop)
    assert "op.get_call_type(self.context.typing_context, signature.args, {})" in binop
    assert "self._alloca_var(name, fetype)" in inspect.getsource(cls.delvar)
    assert "self.context.enable_nrt" in inspect.getsource(cls.decref)
    assert "lowering_class" in vars(typed_passes.NativeLowering)
    assert "normalize_reshape_value" in inspect.getsource(arrayobj.array_reshape)
    assert parameters(arrayobj.load_item) == ["context", "builder", "arrayty", "ptr"]
    assert parameters(arrayobj.store_item) == ["context", "builder", "arrayty", "val", "ptr"]
    assert parameters(arrayobj._empty_nd_impl) == ["context", "builder", "arrtype", "shapes"]
    assert parameters(arrayobj._parse_shape) == ["context", "builder", "ty", "val"]
    assert parameters(arrayobj.get_itemsize) == ["context", "array_type"]
    assert parameters(cpu.CPUContext.compile_internal)[:5] == [
        "self",
        "builder",
        "impl",
        "sig",
        "args",
    ]
    assert parameters(cpu.CPUContext.get_function) == ["self", "fn", "sig", "_firstcall"]


def test_types_are_asked_of_the_context_that_remembers():
    cls = type(registry.cpu_target.typing_context)
    assert parameters(cls.resolve_function_type) == ["self", "func", "args", "kws"]
    assert parameters(cls.resolve_setitem) == ["self", "target", "index", "value"]


def test_what_a_translated_stretch_stands_for():
    """`straight` makes a compile result by hand, of a library that it fills with text."""
    wanted = ["modname", "qualname", "unique_name", "typemap", "restype", "calltypes", "argtypes"]
    assert set(wanted) <= set(parameters(funcdesc.FunctionDescriptor.__init__))
    assert {"signature", "entry_point", "fndesc", "library"} <= set(compiler.CR_FIELDS)
    assert parameters(codegen.CPUCodeLibrary.add_llvm_module) == ["self", "ll_module"]
    context = registry.cpu_target.target_context
    kind = context.call_conv.get_function_type(types.none, (types.Array(types.float64, 2, "C"),))
    assert len(kind.args) == 2 + 5 + 2 * 2
    assert str(kind.args[6]) in ("double*", "ptr"), "where the elements begin"
    assert [str(one) for one in kind.args[7:]] == ["i64"] * 4, "shape and strides"
