"""Write a builtin function of Python, in terms of CPython's and NumPy's C interfaces.

In: calls of the methods of `Builtin`, which append instructions. Out: a Python callable that runs
them. Numba makes such a function for each signature too; ours is for one caller and knows what it
is given, so it compares classes by address, reads arrays where they lie and takes no references.

The layouts are those that each compiled extension has built in: an object begins with its count
and its class, a tuple holds its items in line, and an array's first fields are data, rank, lengths,
strides, base, dtype and flags; a dtype's are its class, three characters, of which the third is
the order of bytes, and the number of its type. NumPy's functions have had their places in its
table since 1.x.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from bpcompile.frontend.arguments.trees import Node
from bpcompile.ir.type import DType, Type
from bpcompile.runtime.machine import Machine, Value

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
_ORDER, _NUMBER = _HEAD + _WORD + 2, _HEAD + _WORD + 4  # of a dtype
_CONTIGUOUS, _ALIGNED, _WRITEABLE = 0x1, 0x100, 0x400
_EMPTY, _SCALAR = 184, 60  # PyArray_Empty and PyArray_Scalar in NumPy's table
Extent = tuple[Value, Value]  # where an array begins and ends
_FAST_WITH_KEYWORDS = 0x0080 | 0x0002  # METH_FASTCALL | METH_KEYWORDS


class Builtin(Machine):
    """Append the instructions of ``f(self, args, count, names)``, a vectorcall function.

    What it refuses goes to the first item of `self`, with the same arguments, unless an error is
    set by then.
    """

    def __init__(self, name: str) -> None:
        """Begin a function; what it does is still to be written."""
        super().__init__(name)
        self._comparison: Value = None
        arguments = [self.pointer, self.pointer.as_pointer(), self.word, self.pointer]
        self.own, self.args, self.count, self.names = self.begin(self.pointer, arguments)
        with self.builder.goto_block(self.refused):
            with self.where(
                self.builder.not_(self.is_null(self.call("PyErr_Occurred", self.pointer, [])))
            ):
                self.builder.ret(self.null)
            given = [self.item(self.own, 0), self.args, self.count, self.names]
            self.builder.ret(self.call("PyObject_Vectorcall", self.pointer, given))

    # -- objects -------------------------------------------------------------------------------

    def object(self, value: Any) -> Value:
        """Return the address of an object, which the callable keeps alive."""
        self.kept.append(value)
        return self.builder.inttoptr(self.integer(id(value)), self.pointer)

    def item(self, tuple_: Value, k: int) -> Value:
        """Return an item of a tuple, borrowed."""
        return self.field(tuple_, _ITEMS + k * _WORD, self.pointer)

    def argument(self, k: int | Value) -> Value:
        """Return an argument of the call, borrowed."""
        place = self.integer(k) if isinstance(k, int) else k
        return self.builder.load(self.builder.gep(self.args, [place]))

    def list_item(self, tree: Value, k: int) -> Value:
        """Return an item of a list, borrowed."""
        return self.field(self.field(tree, _ITEMS, self.pointer), k * _WORD, self.pointer)

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

    def created(self, value: Value) -> Value:
        """Return a new object; a call that has no memory for it ends with its error."""
        with self.where(self.is_null(value)):
            self.builder.ret(self.null)
        return value

    def forgive(self, failed: Value) -> None:
        """Forget an error, where there is one: the slow path says it better."""
        with self.where(failed):
            self.call("PyErr_Clear", self.ir.VoidType(), [])

    def stop(self, interrupted: Value) -> None:
        """Set KeyboardInterrupt, with which the call ends, where Ctrl-C stopped the code."""
        with self.where(interrupted):
            kind = self.object(KeyboardInterrupt)
            self.call("PyErr_SetNone", self.ir.VoidType(), [kind])

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

    def boxed(self, value: Value, dtype: DType) -> Value:
        """Return a number of machine code as a new object."""
        if dtype is DType.BOOL:
            true = self.builder.icmp_unsigned("!=", value, self.ir.Constant(value.type, 0))
            return self.retain(self.builder.select(true, self.object(True), self.object(False)))
        if dtype is DType.I64:
            return self.created(self.call("PyLong_FromLongLong", self.pointer, [value]))
        if dtype is DType.F64:
            return self.created(self.call("PyFloat_FromDouble", self.pointer, [value]))
        if value.type == self.ir.DoubleType():
            value = self.builder.fptrunc(value, self.ir.FloatType())
        return self.created(self.numpy_scalar(value, np.dtype(np.float32)))

    def numpy_scalar(self, value: Value, dtype: Any) -> Value:
        """Return a new NumPy scalar of a value."""
        space = self.builder.bitcast(self.cell(value), self.pointer)
        return self.numpy_call(_SCALAR, [space, self.object(dtype), self.null])

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

    # -- arrays --------------------------------------------------------------------------------

    def require_array(self, value: Value, dtype: Any, rank: int, *, writeable: bool) -> None:
        """Go on where an object is an array that machine code can use as it lies."""
        flags = _CONTIGUOUS | _ALIGNED | (_WRITEABLE if writeable else 0)
        wanted = [dtype.num, rank, flags]
        given = [value, self.integer(ord(dtype.byteorder), self.i8)]
        given += [self.integer(number, self.i32) for number in wanted]
        self.require(self.builder.call(self._fits(), given))

    def _fits(self) -> Value:
        """Return the function that compares an array with what it must be, written once."""
        if self._comparison is None:
            i32, builder = self.i32, self.builder
            kind = self.ir.FunctionType(self.i1, [self.pointer, self.i8, i32, i32, i32])
            function = self.ir.Function(self.module, kind, name=f"{self.name}.fits")
            value, order, number, rank, flags = function.args
            self.builder = self.ir.IRBuilder(function.append_basic_block())
            other = function.append_basic_block()
            array = function.append_basic_block()
            same = self.equal(self.field(value, _WORD, self.pointer), self.object(np.ndarray))
            self.builder.cbranch(same, array, other)
            self.builder.position_at_end(array)
            # Not by address: an array that was unpickled has a dtype of its own.
            dtype = self.field(value, _FIELDS["dtype"], self.pointer)
            set_flags = self.builder.and_(self.field(value, _FIELDS["flags"], i32), flags)
            fit = self.equal(set_flags, flags)
            for found, wanted in (
                (self.field(dtype, _NUMBER, i32), number),
                (self.field(dtype, _ORDER, self.i8), order),
                (self.field(value, _FIELDS["rank"], i32), rank),
            ):
                fit = self.builder.and_(fit, self.equal(found, wanted))
            self.builder.ret(fit)
            self.builder.position_at_end(other)
            self.builder.ret(self.integer(0, self.i1))
            self.builder, self._comparison = builder, function
        return self._comparison

    def data(self, array: Value) -> Value:
        """Return the address of an array's elements."""
        return self.field(array, _FIELDS["data"], self.pointer)

    def lengths(self, array: Value, rank: int) -> list[Value]:
        """Return the lengths of an array's axes."""
        base = self.field(array, _FIELDS["lengths"], self.pointer)
        return [self.field(base, k * _WORD, self.word) for k in range(rank)]

    def read(self, array: Value, dtype: Any, rank: int) -> list[Value]:
        """Return a C-contiguous array as Numba's functions take it."""
        return self.array(self.data(array), self.lengths(array, rank), dtype.itemsize)

    def extent(self, array: Value, type: Type) -> Extent:
        """Return where a C-contiguous array begins and ends."""
        size: Value = self.integer(type.dtype.itemsize)
        for length in self.lengths(array, type.rank):
            size = self.builder.mul(size, length)
        start = self.builder.ptrtoint(self.data(array), self.word)
        return start, self.builder.add(start, size)

    def extent_given(self, array: Value, type: Type) -> Extent:
        """Return where an array begins and ends, which is nowhere where it is null."""
        low, high = self.cell(self.integer(0)), self.cell(self.integer(0))
        with self.where(self.builder.not_(self.is_null(array))):
            first, last = self.extent(array, type)
            self.builder.store(first, low)
            self.builder.store(last, high)
        return self.builder.load(low), self.builder.load(high)

    def require_apart(self, pairs: Iterable[tuple[Extent, Extent]]) -> None:
        """Go on where no pair of arrays shares memory."""
        builder = self.builder
        apart: Value = self.integer(1, self.i1)
        for (low, high), (first, last) in pairs:
            before = builder.icmp_unsigned("<=", high, first)
            after = builder.icmp_unsigned("<=", last, low)
            apart = builder.and_(apart, builder.or_(before, after))
        self.require(apart)

    def empty(self, lengths: Sequence[Value], dtype: Any) -> Value:
        """Return a new array, or null where there is no memory."""
        space = self.cells(max(len(lengths), 1))
        for k, length in enumerate(lengths):
            self.store(length, space, k * _WORD)
        kind = self.retain(self.object(dtype))  # the function takes the reference
        rank, order = self.integer(len(lengths), self.i32), self.integer(0, self.i32)
        return self.numpy_call(_EMPTY, [rank, space, kind, order])

    # -- the end -------------------------------------------------------------------------------

    def finish(self) -> Callable[[tuple[Any, ...]], Callable[..., Any]]:
        """Compile, and return what makes callables: each with the tuple that is its `self`."""
        definition = _Definition(b"call", self.address(), _FAST_WITH_KEYWORDS, None)
        kept = (definition, *self.kept)
        new = _new_function()

        def make(own: tuple[Any, ...]) -> Callable[..., Any]:
            made: Callable[..., Any] = new(ctypes.byref(definition), (*own, kept), None)
            return made

        return make


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
