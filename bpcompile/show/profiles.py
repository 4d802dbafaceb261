"""Hold what a call takes, kernel by kernel, and print it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bpcompile.ir.picture import html_table
from bpcompile.show.cost import grouped
from bpcompile.show.folding import WIDTH, shortened
from bpcompile.show.tables import text_table


@dataclass(frozen=True, slots=True)
class Row:
    """Hold one nest of loops, matrix product or routine, or for NumPy one line.

    Attributes:
        name: what it computes.
        line: its line in ``fn.source``; 0 for all that lies between the others.
        seconds: the median of what a run spends in it.
        share: of all that a run spends, from 0 to 1.
        operations: in units of an addition; None where only a run can tell, or for NumPy.
        bytes: read and written; None likewise.
    """

    name: str
    line: int
    seconds: float
    share: float
    operations: int | None = None
    bytes: int | None = None

    @property
    def rate(self) -> float | None:
        """Return operations per second."""
        return _per_second(self.operations, self.seconds)

    @property
    def bandwidth(self) -> float | None:
        """Return bytes per second."""
        return _per_second(self.bytes, self.seconds)


@dataclass(frozen=True, slots=True)
class Profile:
    """Hold where a call spends its time.

    Attributes:
        name: the model.
        dims: the value of each dimension.
        rows: in order of execution, what lies between them last.
        seconds: the sum of the rows: a run of the compiled code.
        call: the median of whole calls from Python, that of the arguments included.
        runs: how many were measured.

    Example:
        >>> import bpcompile as bp
        >>> import numpy as np
        >>> fn = bp.value_and_grad(lambda x: np.sum(np.exp(x)), target="numpy")
        >>> found = fn.profile(np.ones(1000), repeat=10)
        >>> found.runs, abs(sum(row.share for row in found.rows) - 1) < 1e-9
        (10, True)
    """

    name: str
    dims: Mapping[str, int]
    rows: tuple[Row, ...]
    seconds: float
    call: float
    runs: int

    def __str__(self) -> str:
        """Return the profile as a table; of many rows, those that take longest."""
        title = textwrap.wrap(self._title(), WIDTH)
        return "\n".join([*title, "", text_table(_HEAD, [self._cells()], "rlrrrrrr")])

    def _repr_html_(self) -> str:
        """Return the profile as an HTML table."""
        return html_table(self._title(), _HEAD, [self._cells()])

    def _title(self) -> str:
        """Return the first line."""
        lengths = ", ".join(f"{name} = {value}" for name, value in self.dims.items())
        where = f" at {lengths}" if lengths else ""
        return (
            f"Profile of {self.name}{where}: {duration(self.seconds)} a run, "
            f"{duration(self.call)} a call from Python, medians of {self.runs}"
        )

    def _cells(self) -> list[Sequence[str]]:
        """Return the lines of the table."""
        costly = sorted(self.rows, key=lambda row: -row.seconds)[:_MOST_ROWS]
        shown = [row for row in self.rows if row in costly]
        left = [row for row in self.rows if row not in costly]
        cells = [_cells_of(row) for row in shown]
        if left:
            seconds, share = sum(row.seconds for row in left), sum(row.share for row in left)
            cells.append(_cells_of(Row(f"{len(left)} others", 0, seconds, share)))
        return cells


_HEAD = ("line", "what", "time", "share", "operations", "bytes", "Gop/s", "GB/s")
_MOST_ROWS = 30
_NAME = 34
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"))


def duration(seconds: float) -> str:
    """Return a time with three digits and its unit.

    >>> duration(0.0123), duration(4.56e-7)
    ('12.3 ms', '456 ns')
    """
    scale, unit = next((u for u in _UNITS if seconds >= u[0]), (1e-9, "ns"))
    return (
        f"{seconds / scale:.3g} {unit}"
        if seconds / scale < 999.5
        else f"{seconds / scale:.0f} {unit}"
    )


def _per_second(amount: int | None, seconds: float) -> float | None:
    """Return a rate, where there is something to divide."""
    return amount / seconds if amount is not None and seconds > 0 else None


def _cells_of(row: Row) -> Sequence[str]:
    """Return the cells of a row."""
    return (
        str(row.line) if row.line else "",
        shortened(row.name, _NAME),
        duration(row.seconds),
        f"{100 * row.share:.1f} %",
        "" if row.operations is None else grouped(row.operations),
        "" if row.bytes is None else grouped(row.bytes),
        "" if not row.rate else f"{row.rate * 1e-9:.2f}",
        "" if not row.bandwidth else f"{row.bandwidth * 1e-9:.2f}",
    )
