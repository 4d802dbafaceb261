"""Write how results are nested and returned, alike in every target."""

from __future__ import annotations

from bpcompile.emit.printing import tuple_text
from bpcompile.schedule.program import Nest


def nested_text(nest: Nest, texts: list[str]) -> str:
    """Return the text of nested results."""
    if isinstance(nest, int):
        return texts[nest]
    return tuple_text([nested_text(part, texts) for part in nest]) if nest else "()"


def scalar_results(texts: list[str]) -> str:
    """Return what a filling function returns: None, one scalar, or a tuple."""
    if not texts:
        return "None"
    return texts[0] if len(texts) == 1 else tuple_text(texts)
