"""Write the shapes of arrays and of traced values for messages."""

from __future__ import annotations

from typing import Any

from bpcompile.frontend.lengths.length import Length
from bpcompile.frontend.session import current


def shown(shape: Any) -> str:
    """Return nested shapes as text, with each length as it is in the example.

    >>> shown(((3,), (3, 1), None))
    '((3,), (3, 1), None)'
    """
    if isinstance(shape, tuple):
        inner = ", ".join(map(shown, shape))
        return f"({inner},)" if len(shape) == 1 else f"({inner})"
    if isinstance(shape, Length):
        value = current().session.sizes.value(shape.size)
        return str(shape if value is None else value)
    return str(shape)
