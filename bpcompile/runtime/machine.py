"""Write a function in terms of CPython's and NumPy's C interfaces, as a C compiler would.

In: calls of the methods of `Machine`, which append instructions. Out: a Python callable that runs
them. Numba makes such a function for each signature too; ours is for one caller and knows what it
is given, so it compares classes by address, reads arrays where they lie and takes no references.

The layouts are those that each compiled extension has built in: an object begins with its count
and its class, a tuple holds its items in line, and an array's first fields are data, rank, lengths,
strides, base, dtype and flags. NumPy's functions have had their places in its table since 1.x. No
address is kept on disk: these functions are made in the process that calls them.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from bpcompile.frontend.trees import Node
from bpcompile.ir.type import DType, Type

_HEAD = object.__basicsize__
_WORD = ctypes.sizeof(ctypes.c_void_p)
_ITEMS = tuple.__basicsize__
_FIELDS = {  # of an array
    "data": _HEAD,
    "rank": _HEAD + _WORD,
    "lengths": _HEAD + 2 * _WORD,
    "dtype": _HEAD + 5 * _WORD,
    "flags": _HEAD + 6 * _WORD,
}
_CONTIGUOUS, _ALIGNED, _WRITEABLE = 0x1, 0x100, 0x400
_EMPTY, _SCALAR = 184, 60  # PyArray_Empty and PyArray_Scalar in NumPy's table
_FAST_WITH_KEYWORDS = 0x0080 | 0x0002  # METH_FASTCALL | METH_KEYWORDS
_numbers = itertools.count()

Value = Any  # llvmlite's values have no types that mypy could check


class Machine:
    """Append the instructions of ``f(self, args, count, names)``, a vectorcall function.

    Whatever a method compares and finds otherwise leads to the block `slow`, which calls the first
    item of `self` with the same arguments.
    """

    def __init__(self, name: str) -> None:
        """Begin a function; what it does is still to be written.

        Hold Numba's compiler lock from here to the end of `finish`.
        """
        from llvmlite import ir
        from numba.core.registry import cpu_target

        self.ir = ir
        self.context = cpu_target.target_context
        self.name = f"bpcompile.{name}.{next(_numbers)}"
        self.module = ir.Module(self.name, context=ir.Context())
        self.i8, self.i32, self.word = ir.IntType(8), ir.IntType(32), ir.IntType(8 * _WORD)
        self.pointer = self.i8.as_pointer()
        arguments = [self.pointer, self.pointer.as_pointer(), self.word, self.pointer]
        self.function = ir.Function(
            self.module, ir.FunctionType(self.pointer, arguments), name=self.name
        )
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.own, self.args, self.count, self.names = self.function.args
        self.null = ir.Constant(self.pointer, None)
        self.kept: list[Any] = []
        self.code: dict[str, int] = {}  # addresses of Numba's functions, by their names here
        self.slow = self.function.append_basic_block("slow")
        with self.builder.goto_block(self.slow):
            given = [self.item(self.own, 0), self.args, self.count, self.names]
            self.builder.ret(self.call("PyObject_Vectorcall", self.pointer, given))

    # -- values --------------------------------------------------------------------------------

    def integer(self, value: int, type: Any = None) -> Value:
        """Return a constant, of a word's width where no type is given."""
        return self.ir.Constant(type or self.word, value)

    def object(self, value: Any) -> Value:
        """Return the address of an object, which the callable keeps alive."""
        self.kept.append(value)
        return self.builder.inttoptr(self.integer(id(value)), self.pointer)

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

    def item(self, tuple_: Value, k: int) -> Value:
        """Return an item of a tuple, borrowed."""
        return self.field(tuple_, _ITEMS + k * _WORD, self.pointer)

    def argument(self, k: int | Value) -> Value:
        """Return an argument of the call, borrowed."""
        place = self.integer(k) if isinstance(k, int) else k
        return self.builder.load(self.builder.gep(self.args, [place]))

    def call(self, name: str, result: Any, args: Sequence[Value]) -> Value:
        """Return what a function of CPython's returns."""
        from numba.core.cgutils import get_or_insert_function

        kind = self.ir.FunctionType(result, [arg.type for arg in args])
        return self.builder.call(get_or_insert_function(self.module, kind, name), args)

    def numpy_call(self, place: int, args: Sequence[Value]) -> Value:
        """Return the new object that a function of NumPy's table returns."""
        kind = self.ir.FunctionType(self.pointer, [arg.type for arg in args]).as_pointer()
        address = self.integer(_numpy_functions()[place] or 0)
        return self.builder.call(self.builder.inttoptr(address, kind), args)

    def retain(self, value: Value) -> Value:
        """Take a reference, and return the object."""
        self.call("Py_IncRef", self.ir.VoidType(), [value])
        return value

    def release(self, value: Value) -> None:
        """Give a reference back; null is none."""
        self.call("Py_DecRef", self.ir.VoidType(), [value])

    # -- control -------------------------------------------------------------------------------

    def require(self, condition: Value, otherwise: Any = None) -> None:
        """Go on where a condition holds, else to a block: `slow` where none is given."""
        onward = self.function.append_basic_block("fits")
        self.builder.cbranch(condition, onward, otherwise or self.slow)
        self.builder.position_at_end(onward)

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

    def require_class(self, value: Value, kind: Any) -> None:
        """Go on where an object is of exactly this class."""
        self.require(self.equal(self.field(value, _WORD, self.pointer), self.object(kind)))

    def require_size(self, value: Value, size: int) -> None:
        """Go on where a tuple or list has so many items."""
        self.require(self.equal(self.field(value, _HEAD, self.word), self.integer(size)))

    # -- numbers and trees ---------------------------------------------------------------------

    def number(self, value: Value, dtype: DType) -> Value:
        """Go on where an object is a number of exactly this dtype's class; return the number."""
        ir, builder = self.ir, self.builder
        if dtype is DType.BOOL:
            true = self.equal(value, self.object(True))
            self.require(builder.or_(true, self.equal(value, self.object(False))))
            return true
        if dtype is DType.I64:
            self.require_class(value, int)
            over = self.cell(self.integer(0, self.i32))
            found = self.call("PyLong_AsLongLongAndOverflow", ir.IntType(64), [value, over])
            self.require(self.equal(builder.load(over), self.integer(0, self.i32)))
            return found
        self.require_class(value, np.float32 if dtype is DType.F32 else float)
        return self.field(value, _HEAD, ir.FloatType() if dtype is DType.F32 else ir.DoubleType())

    def boxed(self, value: Value, kind: Any, dtype: DType) -> Value:
        """Return a number of machine code as a new object; `kind` is Numba's type of it."""
        if dtype is DType.BOOL:
            return self.retain(self.builder.select(value, self.object(True), self.object(False)))
        if dtype is DType.I64:
            return self.created(self.call("PyLong_FromLongLong", self.pointer, [value]))
        if dtype is DType.F64:
            return self.created(self.call("PyFloat_FromDouble", self.pointer, [value]))
        if kind.bitwidth == 64:
            value = self.builder.fptrunc(value, self.ir.FloatType())
        return self.created(self.numpy_scalar(value, np.dtype(np.float32)))

    def created(self, value: Value) -> Value:
        """Return a new object; a call that has no memory for it ends with its error."""
        with self.where(self.is_null(value)):
            self.builder.ret(self.null)
        return value

    def list_item(self, tree: Value, k: int) -> Value:
        """Return an item of a list, borrowed."""
        return self.field(self.field(tree, _ITEMS, self.pointer), k * _WORD, self.pointer)

    def node(self, node: Node, children: Sequence[Value]) -> Value:
        """Return a new tuple, list or dict; references to the children are given away."""
        if node.style == "none":
            return self.retain(self.object(None))
        if node.style == "dict":
            return self._dict(node, children)
        name = "PyTuple_New" if node.kind is tuple else "PyList_New"
        made = self.created(self.call(name, self.pointer, [self.integer(len(children))]))
        base = made if node.kind is tuple else self.field(made, _ITEMS, self.pointer)
        for k, child in enumerate(children):
            self.store(child, base, k * _WORD + (_ITEMS if node.kind is tuple else 0))
        return made

    def _dict(self, node: Node, children: Sequence[Value]) -> Value:
        """Return a new dict."""
        made = self.created(self.call("PyDict_New", self.pointer, []))
        for key, child in zip(node.keys, children, strict=True):
            self.call("PyDict_SetItem", self.i32, [made, self.object(key), child])
            self.release(child)
        return made

    # -- the code ------------------------------------------------------------------------------

    def numba_call(self, compiled: Any, values: Sequence[Value]) -> tuple[Value, Value]:
        """Call a function that Numba compiled; return whether it failed, and what it returned."""
        described, convention = compiled.fndesc, self.context.call_conv
        kind = convention.get_function_type(described.restype, described.argtypes)
        function = self.ir.Function(self.module, kind, name=f"{self.name}.code{len(self.code)}")
        self.code[function.name] = compiled.library.get_pointer_to_function(
            described.llvm_func_name
        )
        self.kept.append(compiled)
        status, returned = convention.call_function(
            self.builder, function, described.restype, described.argtypes, values
        )
        return status.is_error, returned

    def forgive(self, failed: Value) -> None:
        """Forget an error, where there is one: the slow path says it better."""
        with self.where(failed):
            self.call("PyErr_Clear", self.ir.VoidType(), [])

    # -- arrays --------------------------------------------------------------------------------

    def require_array(self, value: Value, dtype: Any, rank: int, *, writeable: bool) -> None:
        """Go on where an object is an array that machine code can use as it lies."""
        self.require_class(value, np.ndarray)
        builder = self.builder
        same = self.equal(self.field(value, _FIELDS["dtype"], self.pointer), self.object(dtype))
        flat = self.equal(
            self.field(value, _FIELDS["rank"], self.i32), self.integer(rank, self.i32)
        )
        wanted = _CONTIGUOUS | _ALIGNED | (_WRITEABLE if writeable else 0)
        mask = self.integer(wanted, self.i32)
        flags = builder.and_(self.field(value, _FIELDS["flags"], self.i32), mask)
        fit = builder.and_(builder.and_(same, flat), self.equal(flags, mask))
        self.require(fit)

    def data(self, array: Value) -> Value:
        """Return the address of an array's elements."""
        return self.field(array, _FIELDS["data"], self.pointer)

    def lengths(self, array: Value, rank: int) -> list[Value]:
        """Return the lengths of an array's axes."""
        base = self.field(array, _FIELDS["lengths"], self.pointer)
        return [self.field(base, k * _WORD, self.word) for k in range(rank)]

    def struct(self, array: Value, numba_type: Any) -> Value:
        """Return a C-contiguous array as Numba's functions take it, without an owner."""
        builder, model = self.builder, self.context.data_model_manager[numba_type]
        kind = model.get_value_type()
        lengths = self.lengths(array, numba_type.ndim)
        itemsize = np.dtype(str(numba_type.dtype)).itemsize
        strides: list[Value] = []
        count: Value = self.integer(1)
        for length in reversed(lengths):
            strides.insert(0, builder.mul(count, self.integer(itemsize)))
            count = builder.mul(count, length)
        place = model.get_field_position
        data = builder.bitcast(self.data(array), kind.elements[place("data")])
        fields = {
            "nitems": count,
            "itemsize": self.integer(itemsize),
            "data": data,
            "shape": self._packed(lengths),
            "strides": self._packed(strides),
        }
        made: Value = self.ir.Constant(kind, None)
        for name, value in fields.items():
            made = builder.insert_value(made, value, place(name))
        return made

    def _packed(self, values: Sequence[Value]) -> Value:
        """Return words as one value."""
        made: Value = self.ir.Constant(self.ir.ArrayType(self.word, len(values)), None)
        for k, value in enumerate(values):
            made = self.builder.insert_value(made, value, k)
        return made

    def require_apart(self, one: tuple[Value, Type], other: tuple[Value, Type]) -> None:
        """Go on where two C-contiguous arrays share no memory, or one of them is null."""
        builder = self.builder
        apart = self.cell(self.integer(1, self.ir.IntType(1)))
        null = builder.or_(self.is_null(one[0]), self.is_null(other[0]))
        with self.where(builder.not_(null)):
            (low, high), (first, last) = self._extent(*one), self._extent(*other)
            before = builder.icmp_unsigned("<=", high, first)
            after = builder.icmp_unsigned("<=", last, low)
            builder.store(builder.or_(before, after), apart)
        self.require(builder.load(apart))

    def _extent(self, array: Value, type: Type) -> tuple[Value, Value]:
        """Return where a C-contiguous array begins and ends."""
        size: Value = self.integer(type.dtype.itemsize)
        for length in self.lengths(array, type.rank):
            size = self.builder.mul(size, length)
        start = self.builder.ptrtoint(self.data(array), self.word)
        return start, self.builder.add(start, size)

    def empty(self, lengths: Sequence[Value], dtype: Any) -> Value:
        """Return a new array, or null where there is no memory."""
        space = self.cell_of(max(len(lengths), 1))
        for k, length in enumerate(lengths):
            self.store(length, space, k * _WORD)
        kind = self.retain(self.object(dtype))  # the function takes the reference
        rank, order = self.integer(len(lengths), self.i32), self.integer(0, self.i32)
        return self.numpy_call(_EMPTY, [rank, space, kind, order])

    def cell_of(self, words: int) -> Value:
        """Return the address of so many words on the stack."""
        with self.builder.goto_entry_block():
            return self.builder.bitcast(self.builder.alloca(self.word, words), self.pointer)

    def numpy_scalar(self, value: Value, dtype: Any) -> Value:
        """Return a new NumPy scalar of a value."""
        space = self.builder.bitcast(self.cell(value), self.pointer)
        return self.numpy_call(_SCALAR, [space, self.object(dtype), self.null])

    # -- the end -------------------------------------------------------------------------------

    def finish(self) -> Callable[[tuple[Any, ...]], Callable[..., Any]]:
        """Compile, and return what makes callables: each with the tuple that is its `self`."""
        from llvmlite import binding

        engine = _engine()
        module = binding.parse_assembly(str(self.module))
        engine.add_module(module)
        for name, address in self.code.items():
            engine.add_global_mapping(module.get_function(name), address)
        engine.finalize_object()
        place = engine.get_function_address(self.name)
        definition = _Definition(b"call", place, _FAST_WITH_KEYWORDS, None)
        kept = (definition, *self.kept)
        new = _new_function()

        def make(own: tuple[Any, ...]) -> Callable[..., Any]:
            made: Callable[..., Any] = new(ctypes.byref(definition), (*own, kept), None)
            return made

        return make


@functools.cache
def _engine() -> Any:
    """Return the compiler: without optimisation, which gains 10 ns of a call and takes 10 ms."""
    from llvmlite import binding

    target = binding.Target.from_triple(binding.get_process_triple())
    machine = target.create_target_machine(opt=0, jit=True)
    return binding.create_mcjit_compiler(binding.parse_assembly(""), machine)


class _Definition(ctypes.Structure):
    """Lay out CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


def _new_function() -> Any:
    """Return CPython's function that makes a builtin function with a `self`."""
    kind = ctypes.PYFUNCTYPE(
        ctypes.py_object, ctypes.POINTER(_Definition), ctypes.py_object, ctypes.c_void_p
    )
    return kind(("PyCFunction_NewEx", ctypes.pythonapi))


def _numpy_functions() -> Any:
    """Return the table of NumPy's C interface."""
    from numpy._core import _multiarray_umath  # type: ignore[attr-defined]  # no stubs for it

    get = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", ctypes.pythonapi)
    )
    table = get(_multiarray_umath._ARRAY_API, None)
    return ctypes.cast(table, ctypes.POINTER(ctypes.c_void_p))
