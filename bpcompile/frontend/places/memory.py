"""Give traced arrays the memory of NumPy's: writing to one is seen by all that share it.

Values of a graph never change. A tracer is a variable that holds one: to write is to let it hold
another value. A view (a slice, a reshape, a transpose of another tracer) remembers how it is read
from its source and how it is written back, so that ``y = x[1:]; y += 1`` changes `x`.

Inside a region of control flow a write to an outer tracer is noted in the frame's journal; the
region's op carries the array, and the outer tracer gets the result.

Where control flow decides which array a variable is, as in ``if c: b = a``, nobody knows whether a
write to one is seen in the other: `may_share` notes both, and `assign` refuses while both are
alive. So no part of a trace may keep a tracer of the user alive longer than it needs to.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from types import FrameType

from bpcompile.errors import TraceError
from bpcompile.frontend.origins import is_inner, where
from bpcompile.frontend.registry import rule
from bpcompile.frontend.session import Frame, current, entered
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
    attach(found, View(source, read, write))
    return found


def attach(view: Tracer, how: View) -> None:
    """Let a tracer be a view of another."""
    view.memory = Memory(how)
    memory_of(how.source).views[id(view)] = view


def memory_of(tracer: Tracer) -> Memory:
    """Return a tracer's memory, made where it has none."""
    if tracer.memory is None:
        tracer.memory = Memory()
    return tracer.memory


def may_share(one: Tracer, other: Tracer | None, reason: str) -> None:
    """Note that two arrays may share their memory; None stands for one outside of the trace."""
    one = root_of(one)
    if other is None:
        memory_of(one).shares.append((None, reason))
        return
    other = root_of(other)
    if one is not other:
        memory_of(one).shares.append((weakref.ref(other), reason))
        memory_of(other).shares.append((weakref.ref(one), reason))


def may_be(array: Tracer) -> list[Tracer]:
    """Return an array, and those that it may share its memory with."""
    root = root_of(array)
    shares = root.memory.shares if root.memory is not None else ()
    found = {id(root): root}
    for other, _ in shares:
        alive = other() if other is not None else None
        if alive is not None:
            found[id(alive)] = alive
    return list(found.values())


def is_known_outside(array: Tracer) -> bool:
    """Tell whether an array may be one outside of the trace."""
    memory = root_of(array).memory
    return memory is not None and any(other is None for other, _ in memory.shares)


def _sharing(target: Tracer) -> str:
    """Return why an array must not be written to, or nothing."""
    shares = target.memory.shares if target.memory is not None else ()
    if not shares:
        return ""
    forget_old_variables()
    for other, reason in shares:
        sharer = other() if other is not None else None
        if other is None or sharer is not None:
            name = own_name(sharer) if sharer is not None else None
            shown = f"`{name}`" if name and name != own_name(target) else "another variable"
            return f"may share its memory with {shown} since {reason}"
    return ""


def forget_old_variables() -> None:
    """Drop what Python remembers of the variables of running functions, but for their values now.

    Up to Python 3.12 a frame keeps the dict that it once made of its variables, and with it the
    arrays that they were.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if not is_inner(frame.f_code.co_filename):
            _ = frame.f_locals  # reading it brings the dict up to date
        frame = frame.f_back


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
    sharing = _sharing(target)
    if sharing:
        frame.session.rolling.clear()  # no loop is unrolled for it, since other lengths will come
        raise TraceError(
            f"{describe(target)} is written to{where()}, and {sharing}: take a .copy() "
            "before that, so that each array has its own memory"
        )
    hold(frame, target, frame.expr(value))


def hold(frame: Frame, target: Tracer, value: Expr) -> None:
    """Let an array hold a value of a frame, and its views what they see of it.

    Views that were made in a region which is left are not known any more.
    """
    _hold(frame, target, value)
    pending = [target]
    while pending:
        source = pending.pop()
        for seen in list(source.memory.views.values()) if source.memory else ():
            assert source.memory is not None
            assert seen.memory is not None
            assert seen.memory.view is not None
            if seen.expr.builder is not frame.builder and not _is_outer(frame, seen.expr):
                source.memory.views.pop(id(seen), None)
                continue
            with entered(frame):
                _hold(frame, seen, seen.memory.view.read(frame.expr(source.expr)))
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
    frame.session.writes.append((weakref.ref(target), target.expr))
    if value.node.name is None and value.node.op.name not in ("const", "param"):
        value.node.name = target.expr.node.name  # it is the same array to the user
    target.expr = value


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
    for written, before in reversed(writes[mark:]):
        target = written()
        if target is not None:
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
