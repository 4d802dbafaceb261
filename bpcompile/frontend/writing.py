"""Write at an index: ``x[i] = v``, ``x[1:3] = v``, ``x[mask] = v``, by NumPy's rules.

The value is broadcast to the places and takes the array's dtype. An argument's array is never
changed: only the traced value of the model is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bpcompile.errors import ShapeError, TraceError
from bpcompile.frontend.elementwise import broadcast, cast, common_shape, under_shape
from bpcompile.frontend.indexing import placed, sliced
from bpcompile.frontend.lift import lift
from bpcompile.frontend.memory import assign
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import rule
from bpcompile.frontend.session import Frame, current
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.build import Expr
from bpcompile.ir.dims import Size
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType


@rule("__setitem__")
def setitem(x: Tracer, index: Any, value: Any) -> None:
    """Write a value to the places of `x` that an index names."""
    frame = current()
    frame.mark()
    given = lift(value)
    mask = _mask(index)
    if mask is not None:
        assign(x, _masked(frame, x, mask, given))
        return
    x, index = sliced(x, index)
    place = placed(frame, x, index)

    def explain() -> str:
        shape = ", ".join(map(str, place.shape))
        return f"{describe(given)} does not fit the places of shape ({shape}){where()}"

    fitting = _fitting(frame, given, place.shape, explain)
    if not frame.session.sizes.settled:
        place = placed(frame, x, index)  # in terms of the lengths that are known to be equal now
    assign(x, place.write(frame.expr(x.expr), cast(fitting, x.expr.dtype)))


def _fitting(
    frame: Frame, given: Tracer, shape: tuple[Size, ...], explain: Callable[[], str]
) -> Expr:
    """Return a value broadcast to the shape of what it is written to."""
    value = frame.expr(given.expr)
    while len(value.shape) > len(shape) and value.shape[0] == 1:
        value = under_shape(value, value.shape[1:])
    found = frame.session.sizes.resolve_shape(common_shape((shape, value.shape), explain))
    if len(found) != len(shape) or any(n == 1 != m for n, m in zip(shape, found, strict=True)):
        raise ShapeError(f"{explain()}: write a value of that shape")
    return broadcast(frame.expr(value), found)


def _mask(index: Any) -> Tracer | None:
    """Return a traced mask that is the whole index, or None."""
    parts = index if isinstance(index, tuple) else (index,)
    if len(parts) == 1 and isinstance(parts[0], Tracer) and parts[0].expr.dtype is DType.BOOL:
        return parts[0]
    return None


def _masked(frame: Frame, x: Tracer, mask: Tracer, given: Tracer) -> Expr:
    """Return an array with a value where a mask is true.

    Raises `TraceError` where the value has an element for each true one: how many is not known.
    """
    sizes = frame.session.sizes
    leading = x.sizes[: mask.ndim]
    if len(leading) < mask.ndim or not all(map(sizes.equal, mask.sizes, leading)):
        raise ShapeError(
            f"the mask {describe(mask)} does not fit {describe(x)}{where()}: it needs the lengths "
            "of the array's first axes"
        )
    rest = x.sizes[mask.ndim :]
    if given.ndim > len(rest):
        raise TraceError(
            f"{describe(given)} is written where a mask is true{where()}, and how many places that "
            "is is not known while the function is traced: write "
            "`x = np.where(mask, value, x)` with a value of the array's shape"
        )
    where_true = under_shape(frame.expr(mask.expr), (*mask.sizes, *(1 for _ in rest)))
    value = broadcast(cast(frame.expr(given.expr), x.expr.dtype), x.sizes)
    return OPS["select"](broadcast(where_true, x.sizes), value, frame.expr(x.expr))
