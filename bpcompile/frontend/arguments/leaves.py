"""Say what the leaves of arguments are, and make each exactly what compiled code takes.

In: one leaf of the user's arguments and its path. Out: a Python `float`, `int` or `bool`, an
`np.float32`, or an ndarray of one of our four dtypes that is C-contiguous, aligned, writable and
in the native byte order; or a `TypeMismatchError` that names the path and says what to write.
"""

from __future__ import annotations

import enum
import re
from typing import Any

import numpy as np

from bpcompile.errors import TypeMismatchError
from bpcompile.ir.type import DType, Type

Exact = float | int | bool | np.float32 | np.ndarray

_DTYPES = {
    np.dtype(np.float64): DType.F64,
    np.dtype(np.float32): DType.F32,
    np.dtype(np.int64): DType.I64,
    np.dtype(np.bool_): DType.BOOL,
}
_INT64 = np.iinfo(np.int64)


def is_static(value: Any) -> bool:
    """Tell whether a leaf is no data but a choice: text, an enum, a callable or a dtype."""
    if isinstance(value, (str, enum.Enum, np.dtype)):
        return True
    return callable(value) and not hasattr(value, "__array__")


def exact(value: Any, path: str) -> Exact:
    """Return a leaf as compiled code takes it; arrays are copied only where they must be.

    Raises `TypeMismatchError` for a dtype or class that is not one of ours.

        >>> exact(np.arange(3, dtype=np.int8)[::-1], "x")
        array([2, 1, 0])
        >>> exact(np.array(2.5), "x")
        2.5
    """
    kind = value.__class__
    if kind is float or kind is bool or kind is np.float32:
        scalar: Exact = value
        return scalar
    if kind is int:
        return _int(value, path)
    if isinstance(value, np.generic):
        return _scalar(value, path)
    return _array(value, path)


def _int(value: int, path: str) -> int:
    """Return an int that fits 64 bits."""
    if not _INT64.min <= value <= _INT64.max:
        raise TypeMismatchError(
            f"{path} is an int of {value.bit_length()} bits, and integers have 64: write "
            f"float({path})"
        )
    return value


def _scalar(value: Any, path: str) -> Exact:
    """Return a NumPy scalar as the number that it is."""
    if isinstance(value, (np.bool_, np.float64)):
        number: Exact = value.item()
        return number
    if isinstance(value, np.integer):
        return _int(int(value), path)
    if isinstance(value, np.float32):
        return value
    raise _refused(value.dtype, "a scalar", path)


def _array(value: Any, path: str) -> Exact:
    """Return an array, or anything that NumPy can make one of."""
    if value.__class__ is not np.ndarray:  # the import of `np.ma` takes as long as a trace
        _require_no_mask(value, path)
    if not isinstance(value, np.ndarray):
        value = _as_array(value, path)
    elif value.__class__ is not np.ndarray:
        value = np.asarray(value)
    array: np.ndarray = value
    dtype = _DTYPES.get(array.dtype)
    if dtype is None:
        array = _converted(array, path)
    if array.ndim == 0:
        return _scalar(array[()], path)
    if array.flags.carray and array.dtype.isnative:
        return array
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="C", copy=True, ndmin=1)


def _require_no_mask(value: Any, path: str) -> None:
    """Refuse masked arrays and `np.matrix`, whose operators mean something else."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeMismatchError(
            f"{path} is a masked array, and its mask would be ignored: write {path}.filled(value), "
            "or pass the data and the mask as two arguments"
        )
    if isinstance(value, np.matrix):
        raise TypeMismatchError(
            f"{path} is an np.matrix, whose * is not that of arrays: write np.asarray({path})"
        )


def _as_array(value: Any, path: str) -> np.ndarray:
    """Return the array that an object with `__array__` stands for."""
    if not hasattr(value, "__array__"):
        raise TypeMismatchError(_no_array(value, path))
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeMismatchError(
            f"{path}, a {type(value).__name__}, gives no array ({error}): convert it to a NumPy "
            "array before the call"
        ) from error


def _no_array(value: Any, path: str) -> str:
    """Return the message for an object that is neither number nor array."""
    kind = type(value).__name__
    if isinstance(value, complex):
        return (
            f"{path} is complex: pass {path}.real and {path}.imag as two arguments, and write "
            "`re + 1j * im` in the model"
        )
    if hasattr(value, "__float__"):
        return f"{path} is a {kind}: write float({path})"
    return (
        f"{path} is a {kind}, which is no array, number or tree of them: convert it, or name the "
        "argument in static_argnames if the model only chooses by it"
    )


def _converted(array: np.ndarray, path: str) -> np.ndarray:
    """Return an array of a foreign dtype in ours where nothing is lost."""
    dtype = array.dtype
    if dtype.newbyteorder("=") in _DTYPES:
        return array.astype(dtype.newbyteorder("="))
    if dtype.kind in "iu":
        if dtype.kind == "u" and dtype.itemsize == 8 and array.size and array.max() > _INT64.max:
            raise TypeMismatchError(
                f"{path} has dtype {dtype} with values above {_INT64.max}, and integers are int64: "
                f"write {path}.astype(float)"
            )
        return array.astype(np.int64)
    raise _refused(dtype, "an array" if array.ndim else "a scalar", path)


def _refused(dtype: np.dtype[Any], what: str, path: str) -> TypeMismatchError:
    """Return the error for a dtype that is not one of ours."""
    if dtype.kind == "c":
        advice = (
            f"pass {path}.real and {path}.imag as two arguments, for `re + 1j * im` in the model"
        )
    elif dtype.kind == "f":
        better = "np.float32" if dtype.itemsize < 4 else "np.float64"
        advice = f"write {path}.astype({better})"
    elif dtype.kind == "O":
        advice = f"write {path}.astype(float) if its entries are numbers"
    elif dtype.names:
        advice = "pass its fields as separate arguments"
    else:
        advice = "convert it to float64, float32, int64 or bool"
    return TypeMismatchError(f"{path} is {what} of dtype {dtype}: {advice}")


def type_of(value: Exact) -> Type:
    """Return the type of an exact leaf; its shape is literal.

    A rank-0 value is weak unless it is an `np.float32`: it never widens what it meets.
    """
    if isinstance(value, np.ndarray):
        return Type(_DTYPES[value.dtype], value.shape)
    if isinstance(value, bool):
        return Type(DType.BOOL, weak=True)
    if isinstance(value, int):
        return Type(DType.I64, weak=True)
    if isinstance(value, np.float32):
        return Type(DType.F32)
    return Type(DType.F64, weak=True)


def code_of(value: Exact) -> tuple[DType, int]:
    """Return the dtype and rank of an exact leaf."""
    if isinstance(value, np.ndarray):
        return _DTYPES[value.dtype], value.ndim
    return type_of(value).dtype, 0


def fitted(value: Exact, dtype: DType, path: str) -> Exact:
    """Return an exact leaf in the dtype that its place has, where that loses nothing.

    Integers and bools become floats, float32 becomes float64, and a Python number takes the dtype
    of its place. Raises `TypeMismatchError` for anything else.
    """
    found = code_of(value)[0]
    if found is dtype:
        return value
    weak = not isinstance(value, (np.ndarray, np.float32))
    safe = np.can_cast(found.numpy_name, dtype.numpy_name, "safe")
    if not safe and not (weak and dtype.is_float):
        raise TypeMismatchError(
            f"{path} has dtype {found.numpy_name}, and its place takes {dtype.numpy_name}: write "
            f"{path}.astype(np.{dtype.numpy_name})"
            if isinstance(value, np.ndarray)
            else f"{path} is {_kind(value)}, and its place takes {dtype.numpy_name}: write a "
            f"{'float' if dtype.is_float else dtype.numpy_name}"
        )
    if isinstance(value, np.ndarray):
        return value.astype(dtype.numpy_name)
    if dtype is DType.F32:
        return np.float32(value)
    return float(value) if dtype is DType.F64 else int(value)


def _kind(value: Any) -> str:
    """Return the class of a number with its article."""
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def not_differentiable(value: Any, path: str) -> str | None:
    """Return why a leaf cannot be differentiated and what to write instead, or None if it can."""
    if is_static(value):
        return (
            f"{path} is {_kind(value)}, which has no derivative: pass it as another argument, "
            "which argnums leaves out"
        )
    if not isinstance(value, np.ndarray):
        if isinstance(value, (float, np.float32)):
            return None
        return (
            f"{path} is {_kind(value)} ({value!r}), and a derivative needs a float: write "
            f"{float(value)!r}, or leave it out of argnums"
        )
    if value.dtype.kind == "f":
        return None
    return (
        f"{path} has dtype {value.dtype}, and a derivative needs floats: write "
        f"{path}.astype(float), or leave it out of argnums"
    )


def identifier(path: str) -> str:
    """Return the path of a leaf as a name: ``params['w'][0]`` is ``params_w_0``."""
    return re.sub(r"\W+", "_", path).strip("_")
