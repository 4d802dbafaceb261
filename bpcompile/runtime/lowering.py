"""Lower what emitted functions write by the shortest code that does it.

Numba's own lowering is for any program: `a.reshape(shape)` may get a shape with a -1 in it,
`y[:] = x` may broadcast, overlap, or fail with a message that shows both shapes, and a product may
get matrices that do not fit. Each of these compiles functions of Numba's own beside the function
that is asked for, up to twenty of them for one line, and they take longer than it does, as those of
`a.fill(x)` and `a.view(dtype)` do. Emitted
functions need none: their lengths are tested at their beginning, and all shapes follow from these.
Here are direct forms of six things that they write. The results are the same bit by bit, and a
saved module, which Numba compiles alone, means the same.

The private names of Numba used here are listed in `tests/runtime/test_numba_hooks.py`.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from bpcompile.runtime.views import (
    copy_whole,
    element,
    is_alike,
    is_element,
    is_recast,
    is_reshape,
    is_stretch,
    is_whole,
    recast,
    reshaped,
    stretch,
)

# -- products --------------------------------------------------------------------------------------


@functools.cache
def products_pass() -> Any:
    """Derive the pass that lets `np.dot(a, b, out=c)` call BLAS without a function around it."""
    from numba.core import ir
    from numba.core.compiler_machinery import FunctionPass, register_pass

    @register_pass(mutates_CFG=False, analysis_only=False)
    class DirectProducts(FunctionPass):  # type: ignore[misc]  # Numba's class has no types
        """Put `product` in the place of `np.dot`."""

        _name = "bpcompile_products"

        def __init__(self) -> None:
            FunctionPass.__init__(self)

        def run_pass(self, state: Any) -> bool:
            blocks, definitions = state.func_ir.blocks.values(), state.func_ir._definitions
            filling = {
                call.func.name
                for block in blocks
                for call in block.find_exprs("call")
                if dict(call.kws).keys() == {"out"}
            }
            found = [
                statement
                for block in blocks
                for statement in block.find_insts(ir.Assign)
                if statement.target.name in filling and _is_dot(state.func_ir, statement.value)
            ]
            for statement in found:
                statement.value = ir.Global("dot", product(), statement.value.loc)
                definitions[statement.target.name] = [statement.value]
            if found:
                state.typingctx.refresh()  # which sees `product` from here on
            return bool(found)

    return DirectProducts


def _is_dot(func_ir: Any, value: Any) -> bool:
    """Tell whether an expression is `np.dot`."""
    from numba.core import ir

    if not (isinstance(value, ir.Expr) and value.op == "getattr" and value.attr == "dot"):
        return False
    owner = func_ir.get_definition(value.value)
    return isinstance(owner, ir.Global) and owner.value is np


@functools.cache
def product() -> Any:
    """Return Numba's lowering of a product into a given array, without its tests of shapes."""
    from numba.core import types
    from numba.core.typing import signature
    from numba.extending import intrinsic
    from numba.np import linalg

    arrays: Any = types  # which do not say that `Array` has an `ndim`

    @intrinsic  # type: ignore[untyped-decorator]  # Numba's types it so
    def dot(_: Any, a: Any, b: Any, out: Any) -> Any:
        given = (a, b, out)
        if not all(isinstance(x, arrays.Array) and x.ndim == 2 for x in given):
            return None

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            linalg.ensure_blas()
            with linalg.make_contiguous(context, builder, sig, args) as (made, values):
                return linalg.dot_3_mm(context, builder, made, values)

        return signature(out, *given), codegen

    return dot


# -- what Numba compiles beside an operation -------------------------------------------------------


def is_needless(implementation: Any) -> bool:
    """Tell whether a function that Numba compiles for a test can only find that all is right.

    Those are the shapes of a product, and the size of what is reshaped.
    """
    return (implementation.__module__, implementation.__name__) in _NEEDLESS


_NEEDLESS = {
    ("numba.np.linalg", "check_args"),
    ("numba.np.arrayobj", "normalize_reshape_value"),
}


# -- elements and whole arrays ---------------------------------------------------------------------


@functools.cache
def lowering_pass() -> Any:
    """Derive the pass that lowers emitted functions from Numba's."""
    from numba.core.compiler_machinery import register_pass
    from numba.core.typed_passes import NativeLowering

    @register_pass(mutates_CFG=True, analysis_only=False)
    class DirectLowering(NativeLowering):  # type: ignore[misc]  # Numba's class has no types
        """Lower by `DirectLower`."""

        _name = "bpcompile_lowering"

        @property
        def lowering_class(self) -> Any:
            return _direct_lower()

    return DirectLowering


@functools.cache
def _direct_lower() -> Any:
    """Derive from Numba's class what writes elements by their address."""
    from numba.core import ir
    from numba.np.arrayobj import load_item, store_item

    usual: Any = _repeating_lower()

    class DirectLower(usual):  # type: ignore[misc]  # Numba's class has no types
        """Write elements by their address, and copies of whole arrays as such."""

        def lower_inst(self, inst: Any) -> Any:
            if not isinstance(inst, ir.StaticSetItem):
                return super().lower_inst(inst)
            target, value = self.typeof(inst.target.name), self.typeof(inst.value.name)
            if is_whole(inst.index) and is_alike(target, value):
                into, source = (self.loadvar(x.name) for x in (inst.target, inst.value))
                return copy_whole(self.context, self.builder, (target, into), (value, source))
            if not is_element(target, self.fndesc.typemap.get(inst.index_var.name)):
                return super().lower_inst(inst)
            signature = self.fndesc.calltypes[inst]
            return self.lower_setitem(inst.target, inst.index_var, inst.value, signature)

        def lower_setitem(self, target: Any, index: Any, value: Any, signature: Any) -> Any:
            type = self.typeof(target.name)
            if not is_element(type, self.typeof(index.name)):
                return super().lower_setitem(target, index, value, signature)
            given = self.loadvar(value.name)
            given = self.context.cast(self.builder, given, self.typeof(value.name), type.dtype)
            return store_item(self.context, self.builder, type, given, self._place(target, index))

        def lower_expr(self, type: Any, expr: Any) -> Any:
            if expr.op == "static_getitem" and expr.index_var is not None:
                kind = self.fndesc.typemap.get(expr.index_var.name)
                if is_element(self.typeof(expr.value.name), kind):
                    return self.lower_getitem(type, expr, expr.value, expr.index_var, None)
            return super().lower_expr(type, expr)

        def lower_getitem(
            self, type: Any, expr: Any, value: Any, index: Any, signature: Any
        ) -> Any:
            array = self.typeof(value.name)
            if not is_element(array, self.typeof(index.name)):
                return super().lower_getitem(type, expr, value, index, signature)
            found = load_item(self.context, self.builder, array, self._place(value, index))
            return self.context.cast(self.builder, found, array.dtype, type)

        def _place(self, array: Any, index: Any) -> Any:
            """Write the address of an element."""
            type, kind = self.typeof(array.name), self.typeof(index.name)
            given = self.loadvar(index.name)
            return element(
                self.context, self.builder, (type, self.loadvar(array.name)), kind, given
            )

    return DirectLower


@functools.cache
def _repeating_lower() -> Any:
    """Derive from Numba's class what looks for the form of an operation of numbers once."""
    from numba.core import ir
    from numba.core import types as numba_types

    usual: Any = _viewing_lower()
    types: Any = numba_types
    numbers = (types.Number, types.Boolean)

    class RepeatingLower(usual):  # type: ignore[misc]  # Numba's class has no types
        """Write an operation of two numbers as the one before with the same types."""

        known: dict[Any, Any]

        def lower_function_body(self) -> Any:
            self.known = {}
            return super().lower_function_body()

        def lower_binop(self, type: Any, expr: Any, op: Any) -> Any:
            operands = [(self.typeof(x.name), x.name) for x in (expr.lhs, expr.rhs)]
            is_known = any(x is not ir.UNDEFINED for x in (expr.static_lhs, expr.static_rhs))
            if is_known or not all(isinstance(kind, numbers) for kind, _ in operands):
                return super().lower_binop(type, expr, op)
            signature = self.fndesc.calltypes[expr]
            write = self.known.get((op, signature))
            if write is None:
                write = self.known[op, signature] = self._form(op, signature.args)
            values = [
                self.context.cast(self.builder, self.loadvar(name), kind, wanted)
                for (kind, name), wanted in zip(operands, signature.args, strict=True)
            ]
            result = write(self.builder, values)
            return self.context.cast(self.builder, result, signature.return_type, type)

        def _form(self, op: Any, args: Any) -> Any:
            """Return what writes an operation of values of some types."""
            typing = self.context.typing_context
            function = typing.resolve_value_type(op)
            return self.context.get_function(function, function.get_call_type(typing, args, {}))

    return RepeatingLower


@functools.cache
def _viewing_lower() -> Any:
    """Derive from Numba's class what cuts arrays out of a workspace."""
    usual: Any = _uncounting_lower()

    class ViewingLower(usual):  # type: ignore[misc]  # Numba's class has no types
        """Write the places and shapes of temporary arrays, which are known to be right."""

        def lower_getitem(
            self, type: Any, expr: Any, value: Any, index: Any, signature: Any
        ) -> Any:
            array, kind = self.typeof(value.name), self.typeof(index.name)
            if value.name != "workspace" or not is_stretch(array, kind):
                return super().lower_getitem(type, expr, value, index, signature)
            given = self.loadvar(value.name), self.loadvar(index.name)
            return stretch(self.context, self.builder, array, kind, given)

        def _lower_call_normal(self, called: Any, expr: Any, signature: Any) -> Any:
            if is_recast(called, signature):
                array, made = self.loadvar(expr.func.name), signature.return_type
                return recast(self.context, self.builder, called.this, made, array)
            if not is_reshape(called, signature):
                return super()._lower_call_normal(called, expr, signature)
            (shape,) = self.fold_call_args(called, signature, expr.args, expr.vararg, expr.kws)
            given = self.loadvar(expr.func.name), shape
            return reshaped(self.context, self.builder, called.this, signature.return_type, given)

    return ViewingLower


@functools.cache
def _wide_lower() -> Any:
    """Derive from Numba's class what asks LLVM for vector registers of a width."""
    from numba.core.lowering import Lower

    class WideLower(Lower):  # type: ignore[misc]  # Numba's class has no types
        """Give a function the width of vector registers that it shall use."""

        def lower_function_body(self) -> Any:
            width = getattr(self.context, "vector_width", None)
            if width is not None:
                # llvmlite lists the attributes that it knows, and refuses this one of LLVM's.
                set.add(self.function.attributes, f'"prefer-vector-width"="{width}"')
            return super().lower_function_body()

    return WideLower


@functools.cache
def _uncounting_lower() -> Any:
    """Derive from Numba's class what counts references only where there is a need."""
    usual: Any = _wide_lower()

    class UncountingLower(usual):  # type: ignore[misc]  # Numba's class has no types
        """Count no references in a function that only looks at the arrays that it is given."""

        context: Any

        def lower_function_body(self) -> Any:
            if only_looks(self.func_ir, self.fndesc):
                self.context = self.context.subtarget(enable_nrt=False)
                vars(self.context).pop("nrt", None)  # what would allocate
            return super().lower_function_body()

        def delvar(self, name: str) -> None:
            type = self.typeof(name)
            if self.context.enable_nrt and is_counted(self.context, type):
                super().delvar(name)
            elif name not in self._blk_local_varmap:
                # Numba writes a zero here, so that nothing is released twice.
                self._singly_assigned_vars.discard(name)
                self._alloca_var(name, type)

    return UncountingLower


# -- references ------------------------------------------------------------------------------------

_VIEWS = ("array.reshape", "array.view")


def is_counted(context: Any, type: Any) -> bool:
    """Tell whether Numba counts references to values of a type."""
    found: bool = context.data_model_manager[type].contains_nrt_meminfo()
    return found


def only_looks(func_ir: Any, described: Any) -> bool:
    """Tell whether all arrays of a function are its arguments and views of these.

    Whoever calls it holds them as long as it runs, and so it needs to count no references. What it
    returns is numbers, and what it raises carries none of its values.
    """
    from numba.core import ir
    from numba.core.registry import cpu_target

    context, types = cpu_target.target_context, described.typemap
    if is_counted(context, described.restype):
        return False
    for block in func_ir.blocks.values():
        if any(block.find_insts((ir.DynamicRaise, ir.DynamicTryRaise))):
            return False
        for statement in block.find_insts(ir.Assign):
            type = types[statement.target.name]
            if is_counted(context, type) and not _is_view(func_ir, types, statement.value):
                return False
            if getattr(type, "layout", "C") not in "CF":
                return False
        for statement in block.find_insts((ir.SetItem, ir.StaticSetItem)):
            target, value = types[statement.target.name], types[statement.value.name]
            ours = is_whole(getattr(statement, "index", None)) and is_alike(target, value)
            if is_counted(context, value) and not ours:
                return False  # Numba copies an array by means that count
    return True


def _is_view(func_ir: Any, types: Any, value: Any) -> bool:
    """Tell whether an expression is an argument, a name, or a view of an array."""
    from numba.core import ir

    if isinstance(value, (ir.Arg, ir.Var)):
        return True
    if not isinstance(value, ir.Expr):
        return False
    if value.op == "call":
        called = types[value.func.name]
        if getattr(called, "typing_key", None) in _VIEWS:
            return True
        definition = func_ir.get_definition(value.func)
        return isinstance(definition, ir.Global) and definition.value is product()
    return value.op in ("cast", "getattr", "getitem", "static_getitem")
