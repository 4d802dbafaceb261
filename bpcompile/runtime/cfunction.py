"""Offer compiled code to C: one function pointer, which neither needs Python nor raises.

In: a `Program` of the numba target. Out: a `CFunction`. It takes what the code takes: pointers to
C-contiguous arrays, scalars by value, the lengths, and a pointer for each result.
"""

from __future__ import annotations

import ctypes
from typing import Any

from bpcompile.ir.dims import size_names
from bpcompile.ir.type import DType, Type
from bpcompile.runtime.machine import Machine, Parts, Value
from bpcompile.runtime.native import require_numba
from bpcompile.runtime.program import Program
from bpcompile.runtime.signature import type_of

_C_TYPES = {
    DType.F64: ctypes.c_double,
    DType.F32: ctypes.c_float,
    DType.I64: ctypes.c_int64,
    DType.BOOL: ctypes.c_bool,
}
_C_NAMES = {DType.F64: "double", DType.F32: "float", DType.I64: "int64_t", DType.BOOL: "bool"}
REFUSED, NO_MEMORY = 1, 2


class CFunction:
    """Hold a C function, ``int32_t f(leaves..., int64_t dims..., outs...)``.

    Arrays are pointers to their first elements in C order, scalars go by value, and each result,
    a scalar too, is a pointer to where it is written. It returns 0, or `REFUSED` (1) where lengths
    or values are not those that the code was made for, or `NO_MEMORY` (2); results are then
    undefined. It takes no lock of Python's, and may be called from any thread.

    Attributes:
        address: the function's address, for as long as the process lives.
        prototype: its declaration in C.
        ctypes: it as a ctypes function, which `scipy.LowLevelCallable` takes too.
    """

    def __init__(self, address: int, prototype: str, function: Any, kept: Any) -> None:
        """Hold the parts; `kept` is what the code reads."""
        self.address = address
        self.prototype = prototype
        self.ctypes = function
        self._kept = kept

    def __repr__(self) -> str:
        """Return the prototype."""
        return f"<CFunction {self.prototype}>"


def c_function(program: Program) -> CFunction:
    """Return the C function of a program; it is made when first asked for.

    Raises `UnsupportedError` for the numpy target.
    """
    require_numba(program, "cfunc")
    with program.lock:
        if "c" not in program.makers:
            from numba.core.compiler_lock import global_compiler_lock

            with global_compiler_lock:
                program.makers["c"] = _Writer(program).finish()
        found: CFunction = program.makers["c"]
        return found


class _Writer:
    """Write the function."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.machine = Machine(program.name)
        self.types = [place.type for place in program.places]

    def finish(self) -> CFunction:
        """Return the C function."""
        m, program = self.machine, self.program
        inputs = [m.pointer if type.rank else self._scalar(type) for type in self.types]
        outs = [m.pointer] * len(program.outputs)
        arguments = list(m.begin(m.i32, [*inputs, *[m.word] * len(program.dims), *outs]))
        cut = len(inputs) + len(program.dims)
        given = arguments[len(inputs) : cut]
        lengths = dict(zip(program.dims, given, strict=True))
        values = [
            self._value(value, type, lengths)
            for value, type in zip(arguments, self.types, strict=False)
        ]
        self._require_sizes(values, lengths)
        hidden = [self._hidden(array) for array in program.hidden]
        results = [
            self._array(value, type, lengths)
            for value, type in zip(arguments[cut:], program.outputs, strict=True)
        ]
        failed = self._run([*values, *hidden, *results], given)
        m.builder.ret(m.builder.zext(failed, m.i32))
        m.builder.position_at_end(m.refused)
        m.builder.ret(m.integer(REFUSED, m.i32))
        address = m.address()
        function = ctypes.CFUNCTYPE(ctypes.c_int32, *self._c_types())(address)
        return CFunction(address, self._prototype(), function, (program, m.kept))

    def _scalar(self, type: Type) -> Any:
        """Return LLVM's type of a scalar argument."""
        ir = self.machine.ir
        return {
            DType.F64: ir.DoubleType(),
            DType.F32: ir.FloatType(),
            DType.I64: ir.IntType(64),
            DType.BOOL: self.machine.i1,
        }[type.dtype]

    def _value(self, value: Value, type: Type, lengths: dict[str, Value]) -> Parts:
        """Return an argument as the code takes it."""
        return self._array(value, type, lengths) if type.rank else value

    def _array(self, data: Value, type: Type, lengths: dict[str, Value]) -> Parts:
        """Return the array at an address."""
        m = self.machine
        shape = [m.size(size, lengths) for size in type.shape]
        return m.array(data, shape, type.dtype.itemsize)

    def _hidden(self, array: Any) -> Parts:
        """Return a captured array, which the program keeps."""
        m = self.machine
        data = m.builder.inttoptr(m.integer(array.ctypes.data), m.pointer)
        shape = [m.integer(length) for length in array.shape]
        return m.array(data, shape, array.itemsize)

    def _require_sizes(self, values: list[Parts], lengths: dict[str, Value]) -> None:
        """Refuse lengths that are negative, or differ from an int argument that says the same."""
        m = self.machine
        for length in lengths.values():
            m.require(m.builder.icmp_signed(">=", length, m.integer(0)))
        for place, value in zip(self.program.places, values, strict=True):
            if place.size is not None and size_names(place.size) <= lengths.keys():
                m.require(m.equal(value, m.size(place.size, lengths)))

    def _run(self, values: list[Parts], lengths: list[Value]) -> Value:
        """Write the call, in a workspace of its own where one is needed; returns if it failed."""
        m, program = self.machine, self.program
        (compiled,) = program.into.dispatcher.overloads.values()
        if not program.takes_workspace:
            return m.numba_call(compiled, values)[0]
        sizer = program.function("_workspace")
        signature = (type_of("i64", 0),) * len(lengths)
        sizer.compile(signature)
        failed, place = m.numba_call(sizer.overloads[signature], lengths)
        m.require(m.builder.not_(failed))
        words = m.builder.load(place)
        size = m.builder.mul(m.builder.add(words, m.integer(1)), m.integer(8))
        space = m.call("malloc", m.pointer, [size])
        starved = m.block("starved")
        m.require(m.builder.not_(m.is_null(space)), starved)
        workspace = m.array(space, [words], 8)
        failed, _ = m.numba_call(compiled, [*values, workspace])
        m.call("free", m.ir.VoidType(), [space])
        with m.builder.goto_block(starved):
            m.builder.ret(m.integer(NO_MEMORY, m.i32))
        return failed

    def _c_types(self) -> list[Any]:
        """Return the arguments for ctypes."""
        inputs = [ctypes.c_void_p if t.rank else _C_TYPES[t.dtype] for t in self.types]
        dims = [ctypes.c_int64] * len(self.program.dims)
        return [*inputs, *dims, *[ctypes.c_void_p] * len(self.program.outputs)]

    def _prototype(self) -> str:
        """Return the declaration."""
        parts = [
            f"const {_C_NAMES[type.dtype]} *" if type.rank else _C_NAMES[type.dtype]
            for type in self.types
        ]
        parts += [f"int64_t {name}" for name in self.program.dims]
        parts += [f"{_C_NAMES[type.dtype]} *" for type in self.program.outputs]
        return f"int32_t {self.program.name}({', '.join(parts)})"
