"""Give traced arrays the memory of NumPy's: writing to one is seen by all that share it.

Values of a graph never change. A tracer is a variable that holds one: to write is to let it hold
another value. A view (a slice, a reshape, a transpose of another tracer) remembers how it is read
from its source and how it is written back, so that ``y = x[1:]; y += 1`` changes `x`.

Inside a region of control flow a write to an outer tracer is noted in the frame's journal; the
region's op carries the array, and the outer tracer gets the result.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from bpcompile.errors import TraceError
from bpcompile.frontend.origins import user_frame, where
from bpcompile.frontend.registry import rule
from bpcompile.frontend.session import Frame, current
from bpcompile.frontend.tracer import Memory, Tracer, View, describe, own_name
from bpcompile.ir.build import Expr

Read = Callable[[Expr], Expr]
Write = Callable[[Expr, Expr], Expr]


def view_of(
    source: Tracer, read: Read, write: Write | None = None, operands: tuple[Expr, ...] = ()
) -> Tracer:
    """Return the tracer of a value that in NumPy is a view of `source`.

    `read(x)` gives the view of an array x, and `write(x, y)` the array x with its view set to y;
    without it the view is read-only, as that of `np.broadcast_to` is.
    """
    expr = read(current().expr(source.expr))
    found = Tracer(expr, source.weak and not expr.shape)
    if not source.ndim or not expr.shape:
        return found  # NumPy's scalars are copies
    found.memory = Memory(View(source, read, write, operands))
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
        source, _, write, _ = target.memory.view
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


def hold(frame: Frame, target: Tracer, value: Expr) -> None:
    """Let an array hold a value of a frame, and its views what they see of it."""
    _hold(frame, target, value)
    pending = [target]
    while pending:
        source = pending.pop()
        for seen in list(source.memory.views) if source.memory else ():
            assert seen.memory is not None
            view = seen.memory.view
            assert view is not None
            if not all(_is_known(frame, operand) for operand in view.operands):
                continue  # it was seen at a step of a loop that is over
            _hold(frame, seen, view.read(frame.expr(source.expr)))
            pending.append(seen)


def _hold(frame: Frame, target: Tracer, value: Expr) -> None:
    """Let a tracer hold a value of a frame, which notes what an outer one held before."""
    if target.expr.builder is not frame.builder and _is_outer(frame, target.expr):
        if frame.journal is None:
            name = own_name(target) or "x"
            raise TraceError(
                f"{describe(target)} is written to inside a function that runs as a region of its "
                f"own{where()}, where it was not made: make `{name}` a carried value, and return it"
            )
        frame.journal.setdefault(id(target), (target, target.expr))
    frame.session.writes.append((target, target.expr))
    if value.node.name is None and value.node.op.name not in ("const", "param"):
        value.node.name = target.expr.node.name  # it is the same array to the user
    target.expr = value


def _is_known(frame: Frame, value: Expr) -> bool:
    """Tell whether a value belongs to a frame or to one around it."""
    return value.builder is frame.builder or _is_outer(frame, value)


def _is_outer(frame: Frame, value: Expr) -> bool:
    """Tell whether a value belongs to a frame around this one."""
    outer = frame.parent
    while outer is not None:
        if value.builder is outer.builder:
            return True
        outer = outer.parent
    return False


def rewind(frame: Frame, mark: int) -> None:
    """Let every array hold what it held when there were `mark` writes in the trace."""
    writes = frame.session.writes
    for target, before in reversed(writes[mark:]):
        target.expr = before
    del writes[mark:]


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


def has_other_name(tracer: Tracer, names: Collection[str]) -> bool:
    """Tell whether the user's function knows an array, or a view of it, by none of these names."""
    frame = user_frame()
    if frame is None:
        return False
    return any(
        isinstance(value, Tracer) and root_of(value) is tracer
        for key, value in frame.f_locals.items()
        if key not in names and not key.startswith("__bp_")
    )
