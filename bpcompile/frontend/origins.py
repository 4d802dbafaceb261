"""Find the user's line: where a value comes from, and how an error quotes it.

The walk goes up the Python stack to the first frame of a file that is neither ours nor NumPy's
nor SciPy's, so that a layer of `bpcompile.nn` or a NumPy wrapper is never named as the place.
"""

from __future__ import annotations

import importlib.util
import linecache
import sys
from bisect import bisect_right
from itertools import islice
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple

import numpy as np

from bpcompile.ir.graph import Origin

_PACKAGE = Path(__file__).parents[1]
_DEMO = _PACKAGE / "demo.py"
_SCIPY = importlib.util.find_spec("scipy")
_INNER_FOLDERS = tuple(
    f"{folder}/"
    for folder in (
        _PACKAGE.as_posix(),
        Path(np.__file__).parent.as_posix(),
        Path(_SCIPY.origin).parent.as_posix() if _SCIPY and _SCIPY.origin else "",
    )
    if folder
)
_LONGEST_QUOTE = 60
_LONG_TABLE = 1_000
_MOST_TABLES = 64

_inner_files: dict[str, bool] = {}
_origins: dict[tuple[str, int], Origin] = {}


def is_inner(file: str) -> bool:
    """Tell whether a file is one of ours or of the libraries whose calls we answer.

    The demonstration is a user like any other, though it comes with us.
    """
    known = _inner_files.get(file)
    if known is None:
        path = Path(file)
        known = path.as_posix().startswith(_INNER_FOLDERS) and path != _DEMO
        _inner_files[file] = known
    return known


def user_frame() -> FrameType | None:
    """Return the innermost frame of the user's code, or None where there is none."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        inner = _inner_files.get(file)  # is_inner, without a call for each of ten frames
        if inner is False or (inner is None and not is_inner(file)):
            return frame
        frame = frame.f_back
    return None


class _LineTable(NamedTuple):
    """Hold the lines of a long function, since Python decodes its table from the start each time.

    `starts` has the offsets in the bytecode at which the `lines` begin.
    """

    code: CodeType
    starts: list[int]
    lines: list[int | None]


_tables: dict[int, _LineTable] = {}  # by the id of the code, which is kept alive


def _line(frame: FrameType) -> int:
    """Return the line that a frame is at."""
    code = frame.f_code
    if len(code.co_linetable) < _LONG_TABLE:
        return frame.f_lineno
    table = _tables.get(id(code))
    if table is None:
        if len(_tables) >= _MOST_TABLES:
            _tables.clear()
        rows = list(code.co_lines())
        table = _LineTable(code, [row[0] for row in rows], [row[2] for row in rows])
        _tables[id(code)] = table
    return table.lines[bisect_right(table.starts, frame.f_lasti) - 1] or frame.f_lineno


def origin() -> Origin | None:
    """Return the user's file and line."""
    frame = user_frame()
    if frame is None:
        return None
    key = frame.f_code.co_filename, _line(frame)
    found = _origins.get(key)
    if found is None:
        found = _origins[key] = Origin(*key)
    return found


def where() -> str:
    """Return `` at file:line`` of the user's code for a message, or nothing."""
    frame = user_frame()
    return "" if frame is None else f" at {frame.f_code.co_filename}:{frame.f_lineno}"


class Span(NamedTuple):
    """Hold the piece of source that an instruction comes from."""

    first: int
    last: int
    start: int
    end: int


def quoted() -> str | None:
    """Return the text of the user's expression that runs now, such as ``x + y``.

    None where its source is not at hand or it is too long to be of use in a message.
    """
    frame = user_frame()
    if frame is None:
        return None
    span = _span(frame)
    if span is None or span.first != span.last:
        return None
    line = linecache.getline(frame.f_code.co_filename, span.first, frame.f_globals)
    text = line.encode()[span.start : span.end].decode(errors="replace").strip()
    return text if 0 < len(text) <= _LONGEST_QUOTE else None


def _span(frame: FrameType) -> Span | None:
    """Return where the current instruction of a frame stands in its source."""
    positions = frame.f_code.co_positions()
    found = next(islice(positions, frame.f_lasti // 2, None), None)
    if found is None or None in found:
        return None
    first, last, start, end = found
    assert first is not None
    assert last is not None
    assert start is not None
    assert end is not None
    return Span(first, last, start, end)
