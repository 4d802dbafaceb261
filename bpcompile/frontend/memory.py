"""Give traced arrays the memory of NumPy's: writing to one is seen by all that share it.

Values of a graph never change. A tracer is a variable that holds one: to write is to let it hold
another value. A view (a slice, a reshape, a transpose of another tracer) remembers how it is read
from its source and how it is written back, so that ``y = x[1:]; y += 1`` changes `x`.

Inside a region of control flow a write to an outer tracer is noted in the frame's journal; the
region's op carries the array, and the outer tracer gets the result.
"""

from __future__ import annotations

from collections.abc import Callable

from bpcompile.errors import TraceError
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import rule
from bpcompile.frontend.session import Frame, current
from bpcompile.frontend.tracer import Memory, Tracer, View, describe, own_name
from bpcompile.ir.build import Expr

Read = Callable[[Expr], Expr]
Write = Callable[[Expr, Expr], Expr]


def view_of(source: Tracer, read: Read, write: Write | None = None) -> Tracer:
    """Return the tracer of a value that in NumPy is a view of `source`.

    `read(x)` gives the view of an array x, and `write(x, y)` the array x with its view set to y;
    without it the view is read-only, as that of `np.broadcast_to` is.
    """
    expr = read(current().expr(source.expr))
    found = Tracer(expr, source.weak and not expr.shape)
    if not source.ndim or not expr.shape:
        return found  # NumPy's scalars are copies
    found.memory = Memory(View(source, read, write))
    if source.memory is None:
        source.memory = Memory()
    source.memory.views.add(found)
    return found


@rule("__assign__")
def assign(target: Tracer, value: Expr) -> None:
    """Let an array hold another value, and with it all that shares its memory.

    Raises `TraceError` where the array is read-only, or where it was made outside of a function
    that runs as a region of its own and cannot write to it.
    """
    frame = current()
    frame.mark()
    while target.memory is not None and target.memory.view is not None:
        source, _, write = target.memory.view
        if write is None:
            raise TraceError(
                f"{describe(target)} is read-only, and is written to{where()}: take a .copy() first"
            )
        value = write(frame.expr(source.expr), frame.expr(value))
        target = source
    if target.memory is not None and target.memory.stale:
        raise TraceError(
            f"{describe(target)} is written to{where()}, and {target.memory.stale}: take a .copy() "
            "before that, so that each array has its own memory"
        )
    hold(frame, target, frame.expr(value))
    _refresh(frame, target)


def hold(frame: Frame, target: Tracer, value: Expr) -> None:
    """Let a tracer hold a value of a frame, which notes what an outer one held before."""
    if target.expr.builder is not frame.builder:
        if frame.journal is None:
            name = own_name(target) or "x"
            raise TraceError(
                f"{describe(target)} is written to inside a function that runs as a region of its "
                f"own{where()}, where it was not made: make `{name}` a carried value, and return it"
            )
        frame.journal.setdefault(id(target), (target, target.expr))
    target.expr = value


def _refresh(frame: Frame, source: Tracer) -> None:
    """Let the views of an array hold what they see now."""
    pending = [source]
    while pending:
        found = pending.pop()
        for seen in list(found.memory.views) if found.memory else ():
            assert seen.memory is not None
            assert seen.memory.view is not None
            hold(frame, seen, seen.memory.view.read(frame.expr(found.expr)))
            pending.append(seen)


def undo(frame: Frame) -> dict[int, tuple[Tracer, Expr]]:
    """Let outer tracers hold what they held before a region; return what they held in it."""
    journal = frame.journal or {}
    found = {}
    for key, (target, before) in journal.items():
        found[key] = (target, target.expr)
        target.expr = before
    journal.clear()
    return found


def root_of(tracer: Tracer) -> Tracer:
    """Return the array whose memory a tracer shares."""
    while tracer.memory is not None and tracer.memory.view is not None:
        tracer = tracer.memory.view.source
    return tracer
