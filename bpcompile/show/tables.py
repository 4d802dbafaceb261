"""Lay tables out as aligned text, and numbers and arrays as the text of a cell."""

from __future__ import annotations

import itertools
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

_SMALL = 4  # an array of so many elements is written out
_GAP = "  "
_WIDEST = 120  # columns of a table
_NARROWEST = 12  # columns that are left to a cell


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

    A group is the lines of one row. A table that would be wider than 120 columns has its widest
    cells broken into several lines.
    """
    lines = [line for group in groups for line in group]
    widths = [max(_width(line[k]) for line in (head, *lines)) for k in range(len(head))]
    words = [max(_longest_word(line[k]) for line in (head, *lines)) for k in range(len(head))]
    limits = _limits(widths, words)
    if limits != widths:
        lines = [part for line in lines for part in _broken(line, limits)]
        widths = [max(_width(line[k]) for line in (head, *lines)) for k in range(len(head))]
    rule = _GAP.join("-" * width for width in widths)
    shown = [_aligned(line, widths, align) for line in (head, *lines)]
    return "\n".join([shown[0], rule, *shown[1:]])


def _limits(widths: Sequence[int], words: Sequence[int]) -> list[int]:
    """Return the widths of columns in a table that is not too wide.

    The widest column gives way, as long as its longest word, of `words`, stays whole; after that
    the column with the longest word.
    """
    limits = list(widths)
    for least in (words, [_NARROWEST] * len(limits)):
        while sum(limits) + len(_GAP) * (len(limits) - 1) > _WIDEST:
            loose = [k for k, limit in enumerate(limits) if limit > least[k]]
            if not loose:
                break
            limits[max(loose, key=limits.__getitem__)] -= 1
    return limits


def _broken(line: Sequence[str], limits: Sequence[int]) -> list[Sequence[str]]:
    """Return the lines that a line becomes whose cells have limits; a long word is broken, too."""
    cells = [
        textwrap.wrap(text, limit, break_on_hyphens=False) if _width(text) > limit else [text]
        for text, limit in zip(line, limits, strict=True)
    ]
    return list(itertools.zip_longest(*cells, fillvalue=""))


def _aligned(line: Sequence[str], widths: Sequence[int], align: str) -> str:
    """Return one line with its cells in their columns."""
    parts = []
    for text, width, side in zip(line, widths, align, strict=True):
        blank = " " * (width - _width(text))
        parts.append(blank + text if side == "r" else text + blank)
    return _GAP.join(parts).rstrip()


def _longest_word(text: str) -> int:
    """Return the columns of the longest part of a text that has no blank in it."""
    return max(map(_width, text.split()), default=0)


def _width(text: str) -> int:
    """Return the columns that a text takes on a terminal; combining marks take none."""
    return sum(not unicodedata.combining(letter) for letter in text)
