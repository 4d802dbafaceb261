"""Define the types of values: a dtype, a shape of sizes, tapes of rows, and tuples of them.

`f64`, `f32`, `i64` and `bool_` make types by indexing and serve as specs and annotations:

    >>> f64["n d"]
    f64[n, d]
    >>> f64[()], i64["n", 3]
    (f64[], i64[n, 3])
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TypeAlias

from bpcompile.errors import ShapeError
from bpcompile.ir.dims import Dim, Size, parse_dim


class DType(enum.Enum):
    """Name the element types; the value is the text in graphs."""

    F64 = "f64"
    F32 = "f32"
    I64 = "i64"
    BOOL = "bool"

    # Members are singletons: hashing by identity keeps graph building fast.
    __hash__ = object.__hash__

    @property
    def is_float(self) -> bool:
        """Tell whether the dtype can carry a derivative."""
        return self in _FLOATS

    @property
    def numpy_name(self) -> str:
        """Return the name of the dtype in NumPy."""
        return _NUMPY_NAMES[self]

    @property
    def itemsize(self) -> int:
        """Return the bytes of an element."""
        return _ITEMSIZES[self]


_NUMPY_NAMES = {
    DType.F64: "float64",
    DType.F32: "float32",
    DType.I64: "int64",
    DType.BOOL: "bool",
}
_ITEMSIZES = {DType.F64: 8, DType.F32: 4, DType.I64: 8, DType.BOOL: 1}
_FLOATS = frozenset({DType.F64, DType.F32})


@dataclass(frozen=True, slots=True, eq=False)
class Type:
    """Describe an array value: `dtype` and `shape`; rank 0 is a scalar.

    `weak` marks a rank-0 number that never widens the dtype of what it meets, as a Python float
    in NumPy 2; it takes no part in equality.
    """

    dtype: DType
    shape: tuple[Size, ...] = ()
    weak: bool = False
    _hash: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Keep the hash, since types are compared at each node."""
        object.__setattr__(self, "_hash", hash((self.dtype, self.shape)))

    def __hash__(self) -> int:
        """Return the kept hash."""
        return self._hash

    def __eq__(self, other: object) -> bool:
        """Tell whether dtype and shape are equal."""
        if self is other:
            return True
        if not isinstance(other, Type):
            return NotImplemented
        return self.dtype is other.dtype and self.shape == other.shape

    @property
    def rank(self) -> int:
        """Return the number of axes."""
        return len(self.shape)

    def with_shape(self, shape: tuple[Size, ...]) -> Type:
        """Return this type with another shape."""
        return Type(self.dtype, shape)

    def with_dtype(self, dtype: DType) -> Type:
        """Return this type with another dtype."""
        return Type(dtype, self.shape)

    def __str__(self) -> str:
        """Return the text form, such as ``f64[n, 3]``."""
        return f"{self.dtype.value}[{', '.join(map(str, self.shape))}]"

    __repr__ = __str__


@dataclass(frozen=True, slots=True)
class TapeType:
    """Describe the rows that a ``while`` keeps: as many as it ran, which is known when it ends."""

    row: Type

    def __str__(self) -> str:
        """Return the text form, such as ``tape f64[3]``."""
        return f"tape {self.row}"

    __repr__ = __str__


@dataclass(frozen=True, slots=True)
class TupleType:
    """Describe the one value of an op with several results."""

    items: tuple[Type | TapeType, ...]

    def __str__(self) -> str:
        """Return the text form, such as ``(f64[], i64[n])``."""
        return f"({', '.join(map(str, self.items))})"

    __repr__ = __str__


AnyType: TypeAlias = Type | TapeType | TupleType


class Spec:
    """Make types of one dtype by indexing: `f64["n d"]`, `f64["n", 3]`, `f64[()]`."""

    __slots__ = ("dtype",)

    def __init__(self, dtype: DType) -> None:
        """Hold the dtype."""
        self.dtype = dtype

    def __getitem__(self, shape: str | Size | tuple[str | Size, ...]) -> Type:
        """Return the type with this shape; axes in a text are separated by spaces or commas.

        Raises `ShapeError` for a negative length or a text that is no dimension.
        """
        parts: tuple[object, ...] = shape if isinstance(shape, tuple) else (shape,)
        sizes: list[Size] = []
        for part in parts:
            if isinstance(part, str):
                sizes.extend(parse_dim(text) for text in _split_axes(part))
            elif isinstance(part, (int, Dim)) and not isinstance(part, bool):
                sizes.append(part)
            else:
                raise ShapeError(f"{part!r} is not a length: write an integer or a name")
        for size in sizes:
            if isinstance(size, int) and size < 0:
                raise ShapeError(f"the length {size} is negative: write 0 or more")
        return Type(self.dtype, tuple(sizes))

    def __repr__(self) -> str:
        """Return the name of the spec."""
        return f"bp.{'bool_' if self.dtype is DType.BOOL else self.dtype.value}"


def _split_axes(text: str) -> list[str]:
    """Split ``"n d"``, ``"n, max(a, b)"`` or ``"n - 1 d"`` into the texts of its axes.

    A space separates two axes unless an operator or a bracket stands beside it.
    """
    axes, depth, current = [], 0, ""
    tokens = text.replace(",", " , ").split() if "(" not in text else _tokens(text)
    for token in tokens:
        if token == "," and depth == 0:
            axes.append(current)
            current = ""
            continue
        joins = not current or depth > 0 or current[-1] in "+-*/(" or token[0] in "+-*/),"
        if joins:
            current += token
        else:
            axes.append(current)
            current = token
        depth += token.count("(") - token.count(")")
    axes.append(current)
    return [axis for axis in axes if axis]


def _tokens(text: str) -> list[str]:
    """Split a text with brackets so that each bracket and comma is a token."""
    for mark in "(),":
        text = text.replace(mark, f" {mark} ")
    pieces = text.split()
    merged: list[str] = []
    for piece in pieces:
        if piece == "(" and merged and merged[-1] in ("max", "min", "int", "np.sqrt", "np.log2"):
            merged[-1] += "("
        else:
            merged.append(piece)
    return merged


f64 = Spec(DType.F64)
f32 = Spec(DType.F32)
i64 = Spec(DType.I64)
bool_ = Spec(DType.BOOL)
