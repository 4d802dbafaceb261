"""Tell SymPy's expressions from functions, without SymPy and without what lowers them."""

from __future__ import annotations

import sys
from typing import Any


def is_symbolic(value: Any) -> bool:
    """Tell whether a value is a SymPy expression or matrix, or a list with one in it."""
    sympy = sys.modules.get("sympy")
    if sympy is None:
        return False
    pending, seen = [value], set()
    while pending:
        found = pending.pop()
        if isinstance(found, (sympy.Basic, sympy.MatrixBase)):
            return True
        if isinstance(found, (list, tuple)) and id(found) not in seen:
            seen.add(id(found))
            pending.extend(found)
    return False
