"""Write a function as a C compiler would, and run it: what Numba's machine code is called by.

In: calls of the methods of `Machine`, which append instructions. Out: the address of a function.
No address is kept on disk: these functions are made in the process that calls them.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from bpcompile.ir.dims import Atom, Size

_WORD = np.dtype(np.intp).itemsize
_numbers = itertools.count()

Value = Any  # llvmlite's values have no types that mypy could check
Parts = Value | list[Value]


class Machine:
    """Append the instructions of one function.

    What a method compares and finds otherwise leads to the block `refused`, whose end is the
    writer's.
    """

    def __init__(self, name: str) -> None:
        """Make a module; the function in it is still to be begun.

        Hold Numba's compiler lock from here to the end of `address`.
        """
        from llvmlite import ir
        from numba.core.registry import cpu_target

        self.ir = ir
        self.context = cpu_target.target_context
        self.name = f"bpcompile.{name}.{next(_numbers)}"
        self.module = ir.Module(self.name, context=ir.Context())
        self.i1, self.i8, self.i32 = ir.IntType(1), ir.IntType(8), ir.IntType(32)
        self.word, self.pointer = ir.IntType(8 * _WORD), self.i8.as_pointer()
        self.null = ir.Constant(self.pointer, None)
        self.code: dict[str, int] = {}  # addresses of Numba's functions, by their names here
        self.kept: list[Any] = []
        self._outcome: tuple[Value, Value] = (None, None)  # of the last call of Numba's code

    def begin(self, result: Any, arguments: Sequence[Any]) -> Sequence[Value]:
        """Begin the function, and return its arguments."""
        kind = self.ir.FunctionType(result, arguments)
        self.function = self.ir.Function(self.module, kind, name=self.name)
        self.builder = self.ir.IRBuilder(self.function.append_basic_block("entry"))
        self.refused = self.function.append_basic_block("refused")
        found: Sequence[Value] = self.function.args
        return found

    # -- values --------------------------------------------------------------------------------

    def integer(self, value: int, type: Any = None) -> Value:
        """Return a constant, of a word's width where no type is given."""
        return self.ir.Constant(type or self.word, value)

    def field(self, base: Value, offset: int, type: Any) -> Value:
        """Return what is so many bytes behind an address."""
        return self.builder.load(self._place(base, offset, type))

    def store(self, value: Value, base: Value, offset: int) -> None:
        """Write a value so many bytes behind an address."""
        self.builder.store(value, self._place(base, offset, value.type))

    def _place(self, base: Value, offset: int, type: Any) -> Value:
        """Return a typed address."""
        moved = self.builder.gep(base, [self.integer(offset)])
        return self.builder.bitcast(moved, type.as_pointer())

    def call(self, name: str, result: Any, args: Sequence[Value]) -> Value:
        """Return what a function of CPython's returns."""
        from numba.core.cgutils import get_or_insert_function

        kind = self.ir.FunctionType(result, [arg.type for arg in args])
        return self.builder.call(get_or_insert_function(self.module, kind, name), args)

    def cells(self, words: int) -> Value:
        """Return the address of so many words on the stack."""
        with self.builder.goto_entry_block():
            place = self.builder.alloca(self.word, words)
        return self.builder.bitcast(place, self.pointer)

    # -- control -------------------------------------------------------------------------------

    def require(self, condition: Value, otherwise: Any = None) -> None:
        """Go on where a condition holds, else to a block: `refused` where none is given."""
        onward = self.function.append_basic_block("fits")
        self.builder.cbranch(condition, onward, otherwise or self.refused)
        self.builder.position_at_end(onward)

    def require_at_most(
        self, most: int, sizes: Iterable[Size], lengths: Mapping[str, Value]
    ) -> None:
        """Go on where no length of some that follow from others is larger."""
        for size in sizes:
            length = self.size(size, lengths)
            self.require(self.builder.icmp_signed("<=", length, self.integer(most)))

    @contextmanager
    def where(self, condition: Value) -> Iterator[None]:
        """Write what is done where a condition holds."""
        with self.builder.if_then(condition):
            yield

    def block(self, name: str) -> Any:
        """Return a new block."""
        return self.function.append_basic_block(name)

    def cell(self, value: Value) -> Value:
        """Return a place on the stack that holds a value at first."""
        with self.builder.goto_entry_block():
            place = self.builder.alloca(value.type)
        self.builder.store(value, place)
        return place

    def equal(self, left: Value, right: Value) -> Value:
        """Compare two addresses or integers."""
        return self.builder.icmp_unsigned("==", left, right)

    def is_null(self, value: Value) -> Value:
        """Compare an address with null."""
        return self.equal(value, self.null)

    # -- Numba's functions ---------------------------------------------------------------------

    def numba_call(self, compiled: Any, values: Sequence[Parts]) -> tuple[Value, Value]:
        """Call a function that Numba compiled.

        Returns whether it failed, and the address of what it returned. The parts of arrays are
        passed as they are: packing them into structures and out again took most of the time that
        a function takes to be made.
        """
        from numba.core.callconv import RETCODE_NONE, RETCODE_OK

        builder, described = self.builder, compiled.fndesc
        kind = self.context.call_conv.get_function_type(described.restype, described.argtypes)
        function = self.ir.Function(self.module, kind, name=f"{self.name}.code{len(self.code)}")
        self.code[function.name] = compiled.library.get_pointer_to_function(
            described.llvm_func_name
        )
        self.kept.append(compiled)
        flat = [
            part for value in values for part in (value if isinstance(value, list) else [value])
        ]
        result, error, *wanted = kind.args
        with builder.goto_entry_block():
            returned, raised = builder.alloca(result.pointee), builder.alloca(error.pointee)
        code = builder.call(function, [returned, raised, *map(self._as, flat, wanted)])
        self._outcome = (code, raised)
        fine = builder.or_(self.equal(code, RETCODE_OK), self.equal(code, RETCODE_NONE))
        return builder.not_(fine), returned

    def is_raised(self, name: str) -> Value:
        """Tell whether the last called code raised an exception of a class of this name.

        Numba leaves a record of what is raised, which begins with the address and the length of
        the class pickled.
        """
        text = self.ir.Constant(self.ir.ArrayType(self.i8, len(name)), bytearray(name.encode()))
        needle = self.ir.GlobalVariable(self.module, text.type, f"{self.name}.{name}")
        needle.global_constant, needle.initializer = True, text
        code, raised = self._outcome
        found = self.cell(self.null)
        with self.where(self.builder.icmp_signed(">", code, code.type(0))):
            record = self.builder.bitcast(self.builder.load(raised), self.pointer)
            data = self.field(record, 0, self.pointer)
            size = self.builder.zext(self.field(record, _WORD, self.i32), self.word)
            place = self.builder.bitcast(needle, self.pointer)
            where = [data, size, place, self.integer(len(name))]
            self.builder.store(self.call("memmem", self.pointer, where), found)
        return self.builder.not_(self.is_null(self.builder.load(found)))

    def _as(self, value: Value, type: Any) -> Value:
        """Return an argument with the type that Numba gives it."""
        if value.type == type:
            return value
        if value.type.is_pointer:
            return self.builder.bitcast(value, type)
        return self.builder.zext(value, type)  # a bool, which is a byte in arguments

    def array(self, data: Value, lengths: Sequence[Value], itemsize: int) -> list[Value]:
        """Return a C-contiguous array as Numba's functions take it: in parts, without an owner."""
        strides: list[Value] = []
        size: Value = self.integer(itemsize)
        for length in reversed(lengths):
            strides.insert(0, size)
            size = self.builder.mul(size, length)
        count: Value = self.integer(1)
        for length in lengths:
            count = self.builder.mul(count, length)
        return [self.null, self.null, count, self.integer(itemsize), data, *lengths, *strides]

    # -- lengths -------------------------------------------------------------------------------

    def size(self, size: Size, lengths: Mapping[str, Value]) -> Value:
        """Return the value of a length that follows from others.

        One that cannot be, because the code would refuse the call, leads to `refused`.
        """
        if isinstance(size, int):
            return self.integer(size)
        total: Value = self.integer(0)
        for monomial, coefficient in size.terms:
            term: Value = self.integer(coefficient)
            for atom in monomial:
                term = self.builder.mul(term, self._atom(atom, lengths))
            total = self.builder.add(total, term)
        return total

    def _atom(self, atom: Atom, lengths: Mapping[str, Value]) -> Value:
        """Return the value of a name, a division, a root, a maximum or a minimum."""
        if isinstance(atom, str):
            return lengths[atom]
        kind, left, right = atom[0], self.size(atom[1], lengths), self.size(atom[2], lengths)
        builder = self.builder
        if kind == "//":
            # Both are lengths here: where one is negative the code refuses the call.
            self.require(builder.icmp_signed(">=", left, self.integer(0)))
            self.require(builder.icmp_signed(">", right, self.integer(0)))
            return builder.sdiv(left, right)
        if kind == "sqrt":
            root = self.module.declare_intrinsic("llvm.sqrt", [self.ir.DoubleType()])
            number = builder.sitofp(left, self.ir.DoubleType())
            return builder.fptosi(builder.call(root, [number]), self.word)
        if kind == "log2":
            zeros = builder.ctlz(left, self.ir.Constant(self.ir.IntType(1), 0))
            return builder.sub(self.integer(63), zeros)
        over = builder.icmp_signed(">" if kind == "max" else "<", left, right)
        return builder.select(over, left, right)

    # -- the end -------------------------------------------------------------------------------

    def address(self) -> int:
        """Compile the function and return its address, which holds for the life of the process."""
        from llvmlite import binding

        engine = _engine()
        module = binding.parse_assembly(str(self.module))
        engine.add_module(module)
        for name, address in self.code.items():
            engine.add_global_mapping(module.get_function(name), address)
        engine.finalize_object()
        found: int = engine.get_function_address(self.name)
        return found


@functools.cache
def _engine() -> Any:
    """Return the compiler: without optimisation, which gains 10 ns of a call and takes 10 ms."""
    from llvmlite import binding

    target = binding.Target.from_triple(binding.get_process_triple())
    machine = target.create_target_machine(opt=0, jit=True)
    return binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
