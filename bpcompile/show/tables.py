"""Lay tables out as aligned text, and numbers and arrays as the text of a cell."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

_SMALL = 4  # an array of so many elements is written out
_GAP = "  "


def cell(value: Any) -> str:
    """Return a value as the text of a cell: short arrays in full, others by shape and norm.

    >>> cell(0.19661193324148185), cell(None), cell(np.array([1.0, -2.5]))
    ('0.196612', '', '[1, -2.5]')
    >>> cell(np.ones((3, 4)))
    '3x4, norm 3.4641'
    """
    if value is None:
        return ""
    array = np.asarray(value)
    if array.ndim == 0:
        return _number(array.item())
    if array.ndim == 1 and array.size <= _SMALL:
        return f"[{', '.join(_number(entry) for entry in array.tolist())}]"
    shape = "x".join(str(length) for length in array.shape)
    if array.dtype == bool:
        return f"{shape}, {int(array.sum())} true"
    if array.dtype.kind == "f":
        with np.errstate(all="ignore"):
            return f"{shape}, norm {_number(float(np.linalg.norm(array.ravel())))}"
    return f"{shape}, {array.dtype}"


def _number(value: float | int | bool) -> str:
    """Return a number to six digits."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def text_table(head: Sequence[str], groups: Sequence[Sequence[Sequence[str]]], align: str) -> str:
    """Return an aligned table; `align` has ``l`` or ``r`` for each column.

    A group is the lines of one row.
    """
    lines = [line for group in groups for line in group]
    widths = [max(_width(line[k]) for line in (head, *lines)) for k in range(len(head))]
    rule = _GAP.join("-" * width for width in widths)
    shown = [_aligned(line, widths, align) for line in (head, *lines)]
    return "\n".join([shown[0], rule, *shown[1:]])


def _aligned(line: Sequence[str], widths: Sequence[int], align: str) -> str:
    """Return one line with its cells in their columns."""
    parts = []
    for text, width, side in zip(line, widths, align, strict=True):
        blank = " " * (width - _width(text))
        parts.append(blank + text if side == "r" else text + blank)
    return _GAP.join(parts).rstrip()


def _width(text: str) -> int:
    """Return the columns that a text takes on a terminal; combining marks take none."""
    return sum(not unicodedata.combining(letter) for letter in text)
