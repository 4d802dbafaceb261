"""Say what an attribute of a node may hold: a closed set, so that graphs can be written and read.

An attribute is an int, a float, a bool, a text, a size, a dtype, a region, or a tuple of such
values (regions stand alone). A named tuple is allowed where its class is entered in `RECORDS`;
the text form writes it as ``Slice(0, 1, n)``.
"""

from __future__ import annotations

from typing import Any, TypeVar

from bpcompile.ir.dims import Dim
from bpcompile.ir.type import DType

RECORDS: dict[str, type[tuple[Any, ...]]] = {}

Record = TypeVar("Record", bound=type[tuple[Any, ...]])

_PLAIN = (int, float, bool, str)
MAX_NESTING = 8


def record(cls: Record) -> Record:
    """Allow a named tuple class as the value of an attribute; use it as a decorator."""
    RECORDS[cls.__name__] = cls
    return cls


def is_attribute(value: Any, nesting: int = MAX_NESTING) -> bool:
    """Tell whether a value that is not a region may stand in an attribute."""
    if isinstance(value, tuple):
        known = type(value) is tuple or RECORDS.get(type(value).__name__) is type(value)
        return known and nesting > 0 and all(is_attribute(v, nesting - 1) for v in value)
    return type(value) in _PLAIN or isinstance(value, (Dim, DType))
