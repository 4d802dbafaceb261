"""Functions written in instructions: lengths, refusals, and what they need of Numba."""

from __future__ import annotations

import ctypes
import itertools

import pytest
from numba import njit, types
from numba.core import callconv
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target

from bpcompile.ir.dims import Dim, dim_log2, dim_max, dim_min, dim_sqrt, evaluate
from bpcompile.runtime.machine import Machine

n, m = Dim.named("n"), Dim.named("m")


@pytest.mark.parametrize(
    "size",
    [
        *(7, n, n * m - 2 * n + 1, (n + m) // 3, n // m, dim_max(n, m - 1), dim_min(n * n, m)),
        *(dim_sqrt(n * m) + n, dim_log2(n + 1) * m),
    ],
)
def test_lengths_are_computed_as_python_does(size):
    with global_compiler_lock:
        machine = Machine("size")
        a, b = machine.begin(machine.word, [machine.word, machine.word])
        machine.builder.ret(machine.size(size, {"n": a, "m": b}))
        machine.builder.position_at_end(machine.refused)
        machine.builder.ret(machine.integer(-99))
        function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(
            machine.address()
        )
    for values in itertools.product((0, 1, 2, 5), (0, 1, 3)):
        try:
            expected = evaluate(size, dict(zip(("n", "m"), values, strict=True)))
        except (ValueError, ZeroDivisionError):
            expected = -99
        assert function(*values) == expected


def test_numba_has_what_a_call_of_its_code_needs():
    """Private names of Numba: the layout of arrays, and how its functions are called."""
    context = cpu_target.target_context
    model = context.data_model_manager[types.Array(types.float64, 2, "C")]
    fields = ("meminfo", "parent", "nitems", "itemsize", "data", "shape", "strides")
    assert [model.get_field_position(name) for name in fields] == list(range(7))
    assert isinstance(context.call_conv, callconv.CPUCallConv)
    array, flag = types.Array(types.float64, 2, "C"), types.boolean
    kind = context.call_conv.get_function_type(types.UniTuple(types.float64, 2), (array, flag))
    assert len(kind.args) == 2 + 5 + 2 + 2 + 1
    assert [str(arg) for arg in kind.args[4:6]] == ["i64", "i64"]
    assert [str(arg) for arg in kind.args[7:]] == ["i64"] * 4 + ["i8"]

    @njit
    def refuse(x):
        if x < 0.0:
            raise ValueError("negative")
        return 2.0 * x

    refuse.compile((types.float64,))
    (compiled,) = refuse.overloads.values()
    assert compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
    with global_compiler_lock:
        machine = Machine("refuse")
        (x,) = machine.begin(machine.ir.DoubleType(), [machine.ir.DoubleType()])
        failed, value = machine.numba_call(compiled, [x])
        machine.require(machine.builder.not_(failed))
        machine.builder.ret(machine.builder.load(value))
        machine.builder.position_at_end(machine.refused)
        machine.builder.ret(machine.ir.Constant(machine.ir.DoubleType(), -1.0))
        function = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(machine.address())
    assert [function(3.0), function(-3.0)] == [6.0, -1.0]
