"""Fill arrays with a number without a function of Numba's around it.

`array.fill(value)` is a function that Numba compiles for each rank and dtype, through all of its
passes. A pass over the emitted function puts an intrinsic in its place, which appends the loop.
"""

from __future__ import annotations

import functools
from typing import Any


@functools.cache
def fills_pass() -> Any:
    """Derive the pass that puts `filled` in the place of `array.fill`."""
    from numba.core import ir
    from numba.core.compiler_machinery import FunctionPass, register_pass

    @register_pass(mutates_CFG=False, analysis_only=False)
    class DirectFills(FunctionPass):  # type: ignore[misc]  # Numba's class has no types
        """Call `filled(array, value)` instead of `array.fill(value)`."""

        _name = "bpcompile_fills"

        def __init__(self) -> None:
            FunctionPass.__init__(self)

        def run_pass(self, state: Any) -> bool:
            blocks, definitions = state.func_ir.blocks.values(), state.func_ir._definitions
            methods = {
                statement.target.name: statement
                for block in blocks
                for statement in block.find_insts(ir.Assign)
                if _is_method(statement.value)
            }
            calls = [c for block in blocks for c in block.find_exprs("call")]
            calls = [c for c in calls if c.func.name in methods and len(c.args) == 1]
            for call in calls:
                method = methods[call.func.name]
                call.args = (method.value.value, *call.args)
            for name in {call.func.name for call in calls}:
                statement = methods[name]
                statement.value = ir.Global("fill", filled(), statement.value.loc)
                definitions[name] = [statement.value]
            if calls:
                state.typingctx.refresh()  # which sees `filled` from here on
            return bool(calls)

    return DirectFills


def _is_method(value: Any) -> bool:
    """Tell whether an expression is a method `fill`."""
    from numba.core import ir

    return isinstance(value, ir.Expr) and value.op == "getattr" and value.attr == "fill"


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
