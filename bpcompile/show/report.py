"""Hold the result of a gradient check, and print it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bpcompile.ir.picture import html_table
from bpcompile.show.tables import text_table


@dataclass(frozen=True, slots=True)
class Check:
    """Hold one comparison and its worst entry.

    Attributes:
        name: the argument, or the result.
        kind: ``"gradient"`` entry by entry, ``"direction"`` for a gradient times a drawn
            direction, ``"value"`` or ``"tangent"`` for a result, ``"python"`` for what Python
            itself computes.
        ok: whether every entry passed.
        index: the worst entry, () for a scalar.
        got: what the compiled function has there.
        expected: what the interpreter finds.
        error: their distance.
        entries: the size of the argument or result.
        checked: how many of its entries were compared.
        kinks: how many stand where two slopes meet, and lie between them.
        undecided: how many the reference cannot judge, as the model overflows at them.
    """

    name: str
    kind: str
    ok: bool
    index: tuple[int, ...]
    got: float
    expected: float
    error: float
    entries: int
    checked: int
    kinks: int = 0
    undecided: int = 0


@dataclass(frozen=True, slots=True)
class GradientReport:
    """Hold a gradient check: falsy where any comparison failed.

    Attributes:
        name: the model.
        method: how the reference was differentiated.
        rtol: the relative tolerance.
        checks: one comparison for each result and argument.

    Example:
        >>> import bpcompile as bp
        >>> fn = bp.grad(lambda x: x**3, target="numpy")
        >>> assert fn.check(2.0)
    """

    name: str
    method: str
    rtol: float
    checks: tuple[Check, ...]

    def __bool__(self) -> bool:
        """Tell whether every comparison passed."""
        return all(check.ok for check in self.checks)

    @property
    def worst(self) -> dict[str, Check]:
        """Return the worst comparison of each argument's gradient, by the argument's name."""
        found: dict[str, Check] = {}
        for check in self.checks:
            if check.kind not in ("gradient", "direction"):
                continue
            known = found.get(check.name)
            if known is None or (known.ok and not check.ok):
                found[check.name] = check
        return found

    def __str__(self) -> str:
        """Return the report as a table."""
        return f"{self._title()}\n\n{text_table(_HEAD, [(r,) for r in self._rows()], 'lllrrrl')}"

    def _repr_html_(self) -> str:
        """Return the report as an HTML table."""
        return html_table(self._title(), _HEAD, [(row,) for row in self._rows()])

    def _title(self) -> str:
        """Return the first line."""
        verdict = "passed" if self else "FAILED"
        return f"Check of {self.name} {verdict}: {self.method}, rtol {self.rtol:.1e}"

    def _rows(self) -> Sequence[Sequence[str]]:
        """Return the cells of each comparison."""
        return [
            (
                check.name,
                _what(check),
                str(list(check.index)) if check.index else "",
                f"{check.got:.10g}",
                f"{check.expected:.10g}",
                f"{check.error:.1e}",
                "ok" if check.ok else "FAILED",
            )
            for check in self.checks
        ]


_HEAD = ("argument", "compared", "worst at", "compiled", "reference", "error", "")


def _what(check: Check) -> str:
    """Return what was compared, in words."""
    if check.kind == "direction":
        return f"a direction through all {check.entries}"
    count = f"{check.checked} of {check.entries}" if check.checked < check.entries else "all"
    words = f"{check.kind}, {count}" if check.entries != 1 else check.kind
    if check.kinks:
        words += f", {check.kinks} at a kink"
    if check.undecided:
        words += f", {check.undecided} undecided"
    return words
