"""Make arrays and fill them with a number without functions of Numba's around it.

`array.fill(value)` and `np.empty(shape)` are functions that Numba compiles for each rank and dtype,
through all of its passes. A pass over the emitted function puts intrinsics in their places, which
append the loop and the call that takes memory.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np


@functools.cache
def fills_pass() -> Any:
    """Derive the pass that puts `filled` and `fresh` where `array.fill` and `np.empty` are."""
    from numba.core import ir
    from numba.core.compiler_machinery import FunctionPass, register_pass

    @register_pass(mutates_CFG=False, analysis_only=False)
    class DirectFills(FunctionPass):  # type: ignore[misc]  # Numba's class has no types
        """Call `filled(array, value)` instead of `array.fill(value)`, and `fresh(shape)`."""

        _name = "bpcompile_fills"

        def __init__(self) -> None:
            FunctionPass.__init__(self)

        def run_pass(self, state: Any) -> bool:
            blocks = state.func_ir.blocks.values()
            named = {
                statement.target.name: statement
                for block in blocks
                for statement in block.find_insts(ir.Assign)
                if _is_attribute(statement.value, "fill") or _is_empty(state, statement.value)
            }
            calls = [c for block in blocks for c in block.find_exprs("call")]
            calls = [c for c in calls if c.func.name in named and not c.kws]
            for call in calls:
                name = call.func.name
                statement = named[name]
                if statement.value.attr == "fill":
                    call.args, made = (statement.value.value, *call.args), filled()
                else:
                    made = fresh(len(call.args))
                statement.value = ir.Global(statement.value.attr, made, statement.value.loc)
                state.func_ir._definitions[name] = [statement.value]
            if calls:
                state.typingctx.refresh()  # which sees the intrinsics from here on
            return bool(calls)

    return DirectFills


def _is_attribute(value: Any, name: str) -> bool:
    """Tell whether an expression reads an attribute of this name."""
    from numba.core import ir

    return isinstance(value, ir.Expr) and value.op == "getattr" and value.attr == name


def _is_empty(state: Any, value: Any) -> bool:
    """Tell whether an expression is `np.empty`."""
    from numba.core import ir

    if not _is_attribute(value, "empty"):
        return False
    owner = state.func_ir.get_definition(value.value)
    return isinstance(owner, ir.Global) and owner.value is np


@functools.cache
def filled() -> Any:
    """Return the intrinsic that sets each element of an array to a number."""
    from numba.core import cgutils, types
    from numba.core.typing import signature
    from numba.extending import intrinsic
    from numba.np.arrayobj import make_array, store_item

    arrays: Any = types  # which do not say that `Array` has an `ndim`

    @intrinsic  # type: ignore[untyped-decorator]  # Numba's types it so
    def fill(_: Any, array: Any, value: Any) -> Any:
        if not isinstance(array, arrays.Array):
            return None

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            own = make_array(array)(context, builder, args[0])
            given = context.cast(builder, args[1], sig.args[1], array.dtype)
            shape = cgutils.unpack_tuple(builder, own.shape, array.ndim)
            strides = cgutils.unpack_tuple(builder, own.strides, array.ndim)
            with cgutils.loop_nest(builder, shape, own.nitems.type) as place:
                data, layout = own.data, array.layout
                address = cgutils.get_item_pointer2(
                    context, builder, data, shape, strides, layout, place
                )
                store_item(context, builder, array, given, address)
            return context.get_dummy_value()

        return signature(types.none, array, value), codegen

    return fill


@functools.cache
def fresh(count: int) -> Any:
    """Return the intrinsic that makes an array: of a shape, and with 2 arguments of a dtype."""
    from numba.core import types
    from numba.core.imputils import impl_ret_new_ref
    from numba.core.typing import signature
    from numba.extending import intrinsic
    from numba.np.arrayobj import _empty_nd_impl, _parse_shape

    arrays: Any = types

    def allocation(shape: Any, element: Any, *given: Any) -> Any:
        """Return the signature of such a call, and what writes it."""
        made = arrays.Array(element, shape.count if hasattr(shape, "count") else 1, "C")

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            lengths = _parse_shape(context, builder, sig.args[0], args[0])
            array = _empty_nd_impl(context, builder, made, lengths)
            return impl_ret_new_ref(context, builder, made, array._getvalue())

        return signature(made, shape, *given), codegen

    @intrinsic  # type: ignore[untyped-decorator]  # Numba's types it so
    def empty(_: Any, shape: Any) -> Any:
        return allocation(shape, types.float64)

    @intrinsic  # type: ignore[untyped-decorator]  # Numba's types it so
    def empty_as(_: Any, shape: Any, dtype: Any) -> Any:
        return allocation(shape, dtype.dtype, dtype)

    return empty if count == 1 else empty_as
