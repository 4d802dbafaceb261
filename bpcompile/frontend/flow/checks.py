"""Write checks into the graph: `assert` of a traced condition, and `raise` where one decides.

A check belongs to the graph of the arm or body that it stands in, which hands out a token of its
checks as a result (see `bpcompile.ops.checks`). What Python knows while it traces is tested at
once, but for an arm or a body that may not run. A check inside of a `try` is refused: the exception
comes when the compiled code runs, where nothing catches it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from bpcompile.errors import BpcompileError, TraceError
from bpcompile.frontend.flow.conditions import condition_of, truth
from bpcompile.frontend.origins import where
from bpcompile.frontend.session import Frame, current, is_tracing
from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.build import Expr
from bpcompile.ir.type import DType, Type
from bpcompile.ops.checks import KINDS

Part = str | tuple[Callable[[], Any], str, str, Callable[[], str]]
_BOOL = Type(DType.BOOL)
_CONVERT: dict[str, Callable[[Any], str]] = {"s": str, "r": repr, "a": ascii}


def check(test: Any, source: str, message: Callable[[], Any] | None = None) -> None:
    """Stand for `assert`: a known condition is tested now, a traced one by the compiled code.

    `source` is what the exception says where its message is made of traced values, or is none.
    """
    known = truth(test)
    if known is True:
        return
    if known is False and not _may_not_run():
        raise AssertionError(*([] if message is None else [message()]))
    text = source
    if message is not None:
        with suppress(BpcompileError):  # of traced values, of which compiled code has no text
            text = str(message())
    _refuse_in_try("an assert of a traced condition")
    frame = current()
    condition = frame.const(0, _BOOL) if known is False else condition_of(test).expr
    _append(frame, condition, "AssertionError", text)


def check_raise(made: Callable[[], Any] | None = None) -> bool:
    """Tell whether Python is to raise an exception now; else the compiled code will.

    `made` gives the exception. None stands for a `raise` that names none, or has a cause.
    Raises `TraceError` where the compiled code would have to and cannot.
    """
    if not (is_tracing() and _may_not_run()):
        return True
    _refuse_in_try("an exception is raised")
    found = made() if made is not None else None
    kind = found if isinstance(found, type) else type(found)
    args = getattr(found, "args", ()) if found is not kind else ()
    if KINDS.get(kind.__name__) is not kind or [type(arg) for arg in args] not in ([], [str]):
        raise TraceError(
            f"an exception is raised{where()} where a traced condition decides, and compiled code "
            f"raises only {', '.join(KINDS)}, each with one text and without a cause: raise one of "
            "these, test it outside of the model, or return a value such as np.nan"
        )
    frame = current()
    _append(frame, frame.const(0, _BOOL), kind.__name__, args[0] if args else "")
    frame.ended = True
    return False


def text_of(*parts: Part) -> str:
    """Stand for an f-string in a message: what it shows of a traced value is its source."""
    return "".join(part if isinstance(part, str) else _shown(*part) for part in parts)


def _shown(value: Callable[[], Any], source: str, convert: str, spec: Callable[[], str]) -> str:
    """Return the text of one field of an f-string."""
    found = value()
    if isinstance(found, Tracer):
        return source
    try:
        return format(_CONVERT[convert](found) if convert else found, spec())
    except BpcompileError:
        return source


@contextmanager
def tried() -> Iterator[None]:
    """Stand around the body of a `try` that catches exceptions."""
    session = current().session if is_tracing() else None
    if session is not None:
        session.tries += 1
    try:
        yield
    finally:
        if session is not None:
            session.tries -= 1


@contextmanager
def suppressing(*exceptions: type[BaseException]) -> Iterator[None]:
    """Stand for `contextlib.suppress`, which catches exceptions as a `try` does."""
    with suppress(*exceptions), tried():
        yield


def _append(frame: Frame, condition: Expr, kind: str, text: str) -> None:
    """Append a check to a graph."""
    token = frame.apply("require", frame.expr(condition), kind=kind, text=text)
    frame.checks.append(token)


def _may_not_run() -> bool:
    """Tell whether what is traced now is an arm or the body of a loop."""
    frame: Frame | None = current() if is_tracing() else None
    while frame is not None and frame.journal is None:
        frame = frame.parent
    return frame is not None


def _refuse_in_try(what: str) -> None:
    """Refuse a check whose exception would be caught while tracing, and not by compiled code."""
    if current().session.tries:
        raise TraceError(
            f"{what}{where()} inside of a `try` or `suppress`, which compiled code has none of: "
            "keep it out of there, or decide with `if`"
        )
