"""Bring any value that meets a traced one into the graph: numbers, arrays, lengths, lists.

Numbers and arrays of up to 16 elements become literals, frozen now. A larger array is copied once
and becomes a hidden parameter of the function.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from bpcompile.errors import TypeMismatchError
from bpcompile.frontend.lengths.length import Length
from bpcompile.frontend.origins import user_frame, where
from bpcompile.frontend.registry import apply
from bpcompile.frontend.session import Frame, current
from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.build import Expr
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type

MOST_LITERAL = 16
_INT64 = np.iinfo(np.int64)
_SCALAR_KINDS = (bool, int, float, np.generic)


def dtype_of(dtype: Any) -> DType | None:
    """Return our dtype for a NumPy one, or None where there is none.

    Smaller ints become i64, since every value of theirs is one.
    """
    dtype = np.dtype(dtype)
    if dtype == np.float64:
        return DType.F64
    if dtype == np.float32:
        return DType.F32
    if dtype == np.bool_:
        return DType.BOOL
    return DType.I64 if dtype.kind in "iu" else None


def required_dtype(dtype: Any) -> DType:
    """Return our dtype for what a user gave as `dtype=`.

    Raises `TypeMismatchError` for one that values of a graph cannot have.
    """
    try:
        found = dtype_of(dtype)
    except TypeError:
        raise TypeMismatchError(
            f"{_short(dtype)} is no dtype{where()}: write float64, float32, int64 or bool"
        ) from None
    if found is None:
        raise TypeMismatchError(
            f"values of dtype {np.dtype(dtype)} cannot be traced{where()}: write float64, float32, "
            "int64 or bool"
        )
    return found


def lift(value: Any) -> Tracer:
    """Return the tracer of a value.

    Raises `TypeMismatchError` for what is neither a number nor an array of numbers.
    """
    if isinstance(value, Tracer):
        return value
    frame = current()
    if isinstance(value, Length):
        frame.mark()
        return Tracer(frame.dim(value.dim), weak=True)
    if isinstance(value, _SCALAR_KINDS):
        return _number(frame, value)
    if isinstance(value, complex):
        raise _no_number(value)
    if isinstance(value, (list, tuple)):
        lifted: Tracer = apply("asarray", value)
        return lift(lifted)
    return _array(frame, as_ndarray(value))


def copied(x: Tracer) -> Tracer:
    """Return a value with memory of its own, made in the graph that is being built."""
    return Tracer(current().expr(x.expr), x.weak)


def lift_all(values: Iterable[Any]) -> list[Tracer]:
    """Return the tracers of values."""
    return [lift(value) for value in values]


def _number(frame: Frame, value: Any) -> Tracer:
    """Return the constant of a Python or NumPy number."""
    dtype = dtype_of(type(value)) if not isinstance(value, np.generic) else dtype_of(value.dtype)
    if dtype is None:
        raise _no_number(value)
    if dtype is DType.I64 and not _INT64.min <= value <= _INT64.max:
        raise TypeMismatchError(
            f"an int of {int(value).bit_length()} bits does not fit in int64{where()}: write it as "
            "a float"
        )
    frame.mark()
    # A NumPy int is as strong as in NumPy; a float64 scalar never widens float32.
    weak = dtype is DType.F64 or type(value) is int
    return Tracer(frame.const(value, Type(dtype)), weak)


def as_ndarray(value: Any) -> np.ndarray:
    """Return a value that NumPy can read, as an array.

    Raises `TypeMismatchError` for masked arrays and `np.matrix`, whose operators mean something
    else, and for what NumPy reads as objects.
    """
    if isinstance(value, (np.ma.MaskedArray, np.matrix)):
        raise TypeMismatchError(
            f"{type(value).__name__} is refused{where()}: its operators are not those of an array; "
            "pass np.asarray(a), or a.filled(0.0)"
        )
    if value is None or isinstance(value, (str, bytes, dict, set)) or callable(value):
        raise _no_number(value)
    array = np.asarray(value)
    if array.dtype == object:
        raise _no_number(value)
    return array


def _no_number(value: Any) -> TypeMismatchError:
    """Return the error for what cannot become a value of a graph."""
    kind = type(value).__name__
    dtype = getattr(value, "dtype", None)
    shown = f"{kind} of dtype {dtype}" if dtype is not None else f"{kind} {_short(value)}"
    return TypeMismatchError(
        f"{shown} cannot be used with traced values{where()}: write a real number, or an array of "
        "float64, float32, int64 or bool"
    )


def _short(value: Any) -> str:
    """Return the start of a value's text."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _array(frame: Frame, array: np.ndarray) -> Tracer:
    """Return a NumPy array as a literal or a hidden parameter."""
    dtype = dtype_of(array.dtype)
    if dtype is None:
        raise _no_number(array)
    if array.dtype.kind == "u" and array.size and int(array.max()) > _INT64.max:
        raise TypeMismatchError(f"a uint64 value does not fit in int64{where()}: write a float")
    given = array
    array = np.ascontiguousarray(array, dtype=dtype.numpy_name).reshape(array.shape)
    frame.mark()
    type = Type(dtype, array.shape)
    bits = array.view(np.uint8 if array.itemsize == 1 else f"u{array.itemsize}").ravel()
    if not array.size or (bits == bits[0]).all():
        value = array.flat[0].item() if array.size else 0
        return Tracer(frame.const(value, type), weak=not array.ndim and dtype is DType.F64)
    if array.size <= MOST_LITERAL:
        values = tuple(array.ravel().tolist())
        return Tracer(frame.builder.node(OPS["table"], (), {"values": values}, type))
    return Tracer(_hidden(frame.root, array, _name_of(given)))


def _hidden(root: Frame, array: np.ndarray, name: str | None) -> Expr:
    """Return the hidden parameter that holds an array as it is now."""
    session = root.session
    for copy, expr in session.hidden:
        if copy.dtype == array.dtype and copy.shape == array.shape and _equal_bits(copy, array):
            return expr
    dtype = dtype_of(array.dtype)
    assert dtype is not None
    copy = array.copy()
    expr = root.builder.param(session.unique(name or "captured"), Type(dtype, array.shape))
    session.hidden.append((copy, expr))
    return expr


def _equal_bits(left: np.ndarray, right: np.ndarray) -> bool:
    """Tell whether two arrays hold the same bits."""
    return bool((left.view(np.uint8) == right.view(np.uint8)).all())


def _name_of(array: np.ndarray) -> str | None:
    """Return the name by which the user's function knows an array."""
    frame = user_frame()
    if frame is None:
        return None
    for scope in (frame.f_locals, frame.f_globals):
        for name, value in scope.items():
            if value is array and name.isidentifier() and not name.startswith("_"):
                return name
    return None
