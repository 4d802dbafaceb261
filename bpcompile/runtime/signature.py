"""Name Numba's types by dtype and rank; only those that an emitted function takes exactly."""

from __future__ import annotations

from typing import Any

from bpcompile.errors import CompileError

# Our names of dtypes and NumPy's, as Numba's.
_DTYPES = {
    "f64": "float64",
    "f32": "float32",
    "i64": "int64",
    "bool": "boolean",
    "float64": "float64",
    "float32": "float32",
    "int64": "int64",
}


def type_of(dtype: str, rank: int, *, array: bool = False) -> Any:
    """Return the Numba type of an argument.

    Args:
        dtype: `"f64"`, `"f32"`, `"i64"`, `"bool"`, or NumPy's name of one of these.
        rank: the number of axes; 0 is a scalar.
        array: whether rank 0 is an array of shape `()` instead.

    Returns:
        A scalar type, or the type of a C-contiguous, aligned, writable array.

    Raises:
        CompileError: when emitted functions have no such dtype.

    Example:
        >>> type_of("f64", 2)
        Array(float64, 2, 'C', False, aligned=True)
        >>> type_of("i64", 0)
        int64
    """
    from numba.core import types

    if dtype not in _DTYPES:
        raise CompileError(f"emitted functions have no dtype {dtype!r}, only {sorted(_DTYPES)}")
    scalar = getattr(types, _DTYPES[dtype])
    return types.Array(scalar, rank, "C") if rank or array else scalar


def describe(numba_type: Any) -> tuple[str, int, bool]:
    """Return the arguments of `type_of` that make this type.

    Raises:
        CompileError: when none do.
    """
    from numba.core import types

    array = isinstance(numba_type, types.Array)
    scalar = numba_type.dtype if array else numba_type
    found = (str(scalar), numba_type.ndim if array else 0, array)
    if found[0] not in _DTYPES or type_of(*found[:2], array=array) != numba_type:
        raise CompileError(
            f"{numba_type} is no type of an exact signature: make it with type_of(dtype, rank)"
        )
    return found
