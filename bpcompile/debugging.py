"""Print values from inside a model, each time that its compiled code comes by.

def step(x):
bp.debug_print("x is {}", x)
return np.sin(x)
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any

from bpcompile.errors import ArgumentError, BpcompileError, ShapeError, UnsupportedError
from bpcompile.frontend.functions.creation import is_traced
from bpcompile.frontend.lengths.length import Length
from bpcompile.frontend.lift import lift
from bpcompile.frontend.origins import where
from bpcompile.frontend.session import Frame, current, is_tracing
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.build import Expr
from bpcompile.ir.type import DType, Type


def debug_print(fmt: str, *args: Any, **kwargs: Any) -> None:
    """Print a text with values in it, whenever the compiled code comes by.

    Args:
        fmt: a format string as of `str.format`. The field of a traced value is plain, `{}`, `{0}`
            or `{x}`, since compiled code has no formats. It puts a space on each side of a value.
        args: numbers and scalars that the fields stand for; known values may be anything.
        kwargs: those of named fields.

    In loops and branches it prints at each pass, in order; never for a branch that is not taken.
    Reverse mode prints once, going forward. Outside of a model it prints at once.

    Raises:
        ArgumentError: for a field without a value, or a text that is no format string.
        ShapeError: for a traced array.
        UnsupportedError: for a format of a traced value.

    Example:
        >>> debug_print("x is {x} of {}", 3, x=2.5)
        x is 2.5 of 3
    """
    pieces, values = _taken_apart(fmt, args, kwargs)
    if not is_tracing():
        print("".join(pieces))  # noqa: T201 - it is what the user asks for
        return
    frame = current()
    frame.mark()
    operands = [frame.expr(lift(value).expr) for value in values]
    token = frame.apply("show", _before(frame), *operands, text=pieces)
    frame.checks.append(token)


def _before(frame: Frame) -> Expr:
    """Return a token of what is printed before, here or around."""
    around: Frame | None = frame
    while around is not None:
        if around.checks:
            return frame.expr(around.checks[-1])
        around = around.parent
    return frame.const(1, Type(DType.BOOL))


def _taken_apart(
    fmt: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[tuple[str, ...], list[Any]]:
    """Return the texts around the traced values, and these; known values are in the texts."""
    formatter = string.Formatter()
    texts, values, count = [""], [], 0
    try:
        for text, field, spec, convert in formatter.parse(fmt):
            texts[-1] += text
            if field is None:
                continue
            if not field or field[0] in ".[":
                field, count = f"{count}{field}", count + 1
            value, _ = formatter.get_field(field, args, kwargs)
            if is_traced(value):
                _require_plain(value, field, spec or "", convert or "")
                values.append(value)
                texts.append("")
            else:
                shown = formatter.convert_field(value, convert)
                texts[-1] += format(shown, (spec or "").format(*args, **kwargs))
    except BpcompileError:
        raise
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise ArgumentError(
            f"bp.debug_print({fmt!r}) with {len(args)} values and the names {sorted(kwargs)}"
            f"{where()}: {type(error).__name__}: {error}; write a field for each value, as in "
            "bp.debug_print('x is {}', x)"
        ) from None
    return tuple(texts), values


def _require_plain(value: Any, field: str, spec: str, convert: str) -> None:
    """Refuse what compiled code cannot print."""
    shown = describe(value) if isinstance(value, Tracer) else f"a {type(value).__name__}"
    if not isinstance(value, Length) and not (isinstance(value, Tracer) and not value.ndim):
        raise ShapeError(
            f"bp.debug_print is given {shown}{where()}, and compiled code prints "
            "scalars: print an element or a sum, as in bp.debug_print('{} {}', x[0], np.sum(x))"
        )
    if spec or convert:
        written = f"{{{field}{'!' + convert if convert else ''}{':' + spec if spec else ''}}}"
        raise UnsupportedError(
            f"bp.debug_print has the field {written} for a traced value{where()}, and compiled "
            f"code has no formats: write {{}}, and round the value, as in np.round(x, 3)"
        )


__all__ = ["debug_print"]
