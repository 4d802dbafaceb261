"""Refuse functions that bind variables of others where control flow does not carry those.

``nonlocal count; count += 1`` in a helper that a traced loop calls is right where the loop carries
`count`, as loops do in the function that owns it. Elsewhere, as in an operand of ``and``, it would
happen once, while it is traced. A variable is told by its cell: the function that owns it says so
when it begins (`own`), and a function that binds it asks when it begins (`check_nonlocal`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bpcompile.errors import TraceError
from bpcompile.frontend.origins import where
from bpcompile.frontend.session import Frame, current, is_tracing


def cells(get: Callable[[], Any] | None) -> dict[int, str]:
    """Return the variables that a function of ours reads, by the id of their cells."""
    closure = getattr(get, "__closure__", None) or ()
    names = get.__code__.co_freevars if closure and get is not None else ()
    return {id(cell): name for cell, name in zip(closure, names, strict=True)}


def own(get: Callable[[], Any]) -> None:
    """Note that variables belong to a function that begins here."""
    if is_tracing():
        frame = current()
        owners = frame.session.owners
        for cell in get.__closure__ or ():
            owners[id(cell)] = (cell, frame)


def check_nonlocal(get: Callable[[], Any]) -> None:
    """Refuse to bind variables of another function where control flow does not carry them."""
    if not is_tracing():
        return
    owners = current().session.owners
    for cell, name in cells(get).items():
        owner = owners[cell][1] if cell in owners else None
        frame: Frame | None = current()
        while frame is not None and frame.journal is not None and frame is not owner:
            if cell not in frame.carried:
                raise TraceError(
                    f"`{name}` of another function is bound{where()}, in a function that is called "
                    "where a traced condition decides whether or how often, and that does not "
                    "carry it, such as an operand of `and`, an `x if c else y`, the condition of a "
                    "`while` or a loop of a third function: return the new value, and bind it at "
                    "the call"
                )
            frame = frame.parent
