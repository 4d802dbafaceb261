"""Hold the ledger of backpropagation, and print it as a table that a student can follow.

Each row is an operation. Read the table down for the forward values, and up for the adjoints: the
adjoint of a value is the sum of what the operations that read it send back, and each sends its own
adjoint times its local derivative.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from bpcompile.ir.picture import html_table
from bpcompile.show.tables import cell, text_table
from bpcompile.show.trail import Place

Value: TypeAlias = float | int | bool | np.ndarray


@dataclass(frozen=True, slots=True)
class Operand:
    """Hold the way back from an operation to one of its operands.

    Attributes:
        name: the operand.
        formula: the local derivative ∂node/∂operand, empty where the rule is no product with one.
        latex: the same in LaTeX.
        derivative: its value.
        rule: what is sent back as a formula of the operation's adjoint, where `formula` is empty.
        rule_latex: the same in LaTeX.
        sent: the adjoint that goes back to this operand; None for one that has no adjoint.
    """

    name: str
    formula: str
    latex: str
    derivative: Value | None
    rule: str
    rule_latex: str
    sent: Value | None


@dataclass(frozen=True, slots=True)
class Row:
    """Hold one operation of the ledger.

    Attributes:
        name: the user's name of the value, or its name in the text of the graph.
        operation: the name of the op; ``param`` for an argument.
        formula: how the value is computed from the operands.
        latex: the same in LaTeX.
        type: dtype and shape, as text.
        value: the forward value; None for a loop, whose results have rows of their own.
        adjoint: ∂result/∂value, summed over all that read it; None where it has none.
        operands: what goes back to each operand that has a row.
        origin: the user's file and line.
        place: the emitted line that computes the value, or the rewrite that absorbed it.
        adjoint_place: the emitted line that computes the adjoint.
    """

    name: str
    operation: str
    formula: str
    latex: str
    type: str
    value: Value | None
    adjoint: Value | None
    operands: tuple[Operand, ...]
    origin: str
    place: Place
    adjoint_place: Place


@dataclass(frozen=True, slots=True)
class Ledger:
    """Hold the rows of a model, in order of evaluation, arguments first.

    Attributes:
        name: the model.
        rows: one for each value that is no constant.
        results: the names of the results; the first is what is differentiated.

    Example:
        >>> import bpcompile as bp
        >>> fn = bp.grad(lambda x, y, z: (x + y) * z, argnums=(0, 1, 2), target="numpy")
        >>> ledger = fn.explain(-2.0, 5.0, -4.0)
        >>> ledger["z"].adjoint, ledger.rows[-1].operands[0].formula
        (3.0, 'z')
    """

    name: str
    rows: tuple[Row, ...]
    results: tuple[str, ...]

    def __getitem__(self, name: str) -> Row:
        """Return the row of a name; KeyError where there is none."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    def __iter__(self) -> Iterator[Row]:
        """Iterate over the rows."""
        return iter(self.rows)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __str__(self) -> str:
        """Return the ledger as a text table, and below it where each value is computed."""
        parts = [self._title(), "", text_table(_HEAD, list(self._cells()), "llrrlrl")]
        places = [(row.name, *_places(row), row.origin) for row in self.rows if _has_place(row)]
        if places:
            head = ("value", "computed at", "adjoint at", "from")
            parts += ["", text_table(head, [(p,) for p in places], "llll")]
        return "\n".join(parts)

    def _title(self) -> str:
        """Return the first line."""
        gates = sum(row.operation != "param" for row in self.rows)
        count = f"{gates} operation{'s' if gates != 1 else ''}"
        return f"Backpropagation through {self.name}: {count}, result {', '.join(self.results)}"

    def _cells(self) -> Iterator[Sequence[Sequence[str]]]:
        """Yield for each row its lines, one for each operand."""
        for row in self.rows:
            start = (row.name, row.formula, cell(row.value), cell(row.adjoint))
            lines = [_back(row.name, operand) for operand in row.operands if _sends(operand)]
            blank = ("", "", "", "")
            yield [
                (*(start if number == 0 else blank), *line)
                for number, line in enumerate(lines or [("", "", "")])
            ]

    def _repr_html_(self) -> str:
        """Return the ledger as an HTML table; all that comes from data is escaped."""
        head = (*_HEAD, "value computed at", "adjoint computed at", "from")
        groups = []
        for row, lines in zip(self.rows, self._cells(), strict=True):
            places = (*_places(row), row.origin)
            blank = ("",) * len(places)
            groups.append([(*line, *(places if k == 0 else blank)) for k, line in enumerate(lines)])
        return html_table(self._title(), head, groups)


_HEAD = ("value", "=", "forward", "adjoint", "local derivative", "sends back", "to")


def _sends(operand: Operand) -> bool:
    """Tell whether anything goes back to an operand."""
    return operand.sent is not None or operand.derivative is not None


def _back(name: str, operand: Operand) -> tuple[str, str, str]:
    """Return the last three cells of a line."""
    local = operand.rule and f"{operand.name}_bar = {operand.rule}"
    if operand.formula:
        is_number = operand.formula.lstrip("-").replace(".", "", 1).isdigit()
        equals = "" if is_number else f" = {cell(operand.derivative)}"
        local = f"∂{name}/∂{operand.name} = {operand.formula}{equals}"
    return local, cell(operand.sent), operand.name if operand.sent is not None else ""


def _has_place(row: Row) -> bool:
    """Tell whether anything is known about where a row is computed."""
    return bool(str(row.place) or str(row.adjoint_place)) and row.operation != "param"


def _places(row: Row) -> tuple[str, str]:
    """Return where the value and the adjoint of a row are computed."""
    return str(row.place), str(row.adjoint_place)
