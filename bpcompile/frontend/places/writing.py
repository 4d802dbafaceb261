"""Write at an index: ``x[i] = v``, ``x[1:3] = v``, ``x[mask] = v``, by NumPy's rules, and add up.

The value is broadcast to the places and takes the array's dtype. An argument's array is never
changed: only the traced value of the model is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from bpcompile.errors import ShapeError, TraceError, TypeMismatchError, UnsupportedError
from bpcompile.frontend.elementwise import broadcast, cast, common_shape, under_shape
from bpcompile.frontend.flow.mutation import refuse_known
from bpcompile.frontend.lift import lift
from bpcompile.frontend.origins import where
from bpcompile.frontend.places.indexing import Place, placed, sliced
from bpcompile.frontend.places.masks import Masked, check_mask, mask_of, values_where
from bpcompile.frontend.places.memory import assign
from bpcompile.frontend.registry import RULES, rule
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
    mask = mask_of(index)
    if mask is not None:
        assign(x, _masked(frame, x, mask, value))
        return
    given = lift(value)
    x, index = sliced(x, index)
    place = placed(frame, x, index)
    fitting = _fitting(frame, given, place.shape, partial(_unfit, given, place))
    if not frame.session.sizes.settled:
        place = placed(frame, x, index)  # in terms of the lengths that are known to be equal now
    assign(x, place.write(frame.expr(x.expr), cast(fitting, x.expr.dtype)))


def _unfit(given: Tracer, place: Place) -> str:
    """Return the beginning of the message about a value that does not fit what it is written to."""
    shape = ", ".join(map(str, place.shape))
    return f"{describe(given)} does not fit the places of shape ({shape}){where()}"


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


def _masked(frame: Frame, x: Tracer, mask: Tracer, given: Any) -> Expr:
    """Return an array with a value where a mask is true.

    Raises `TraceError` where the value has an element for each true one, but for one that was read
    by the same mask: how many there are is not known.
    """
    check_mask(frame, x, mask)
    rest = x.sizes[mask.ndim :]
    if isinstance(given, Masked):
        value = values_where(frame, mask, given)
    else:
        value = lift(given)
        if value.ndim > len(rest):
            raise TraceError(
                f"{describe(value)} is written where a mask is true{where()}, and how many places "
                "that is is not known while the function is traced: write "
                "`x = np.where(mask, value, x)` with a value of the array's shape, or "
                "`x[mask] = value[mask]`"
            )
    where_true = under_shape(frame.expr(mask.expr), (*mask.sizes, *(1 for _ in rest)))
    new = broadcast(cast(frame.expr(value.expr), x.expr.dtype), x.sizes)
    return OPS["select"](broadcast(where_true, x.sizes), new, frame.expr(x.expr))


# -- ufunc.at ----------------------------------------------------------------------------------

_AT: dict[str, Callable[[Tracer], Tracer]] = {
    "add": lambda value: value,
    "subtract": lambda value: RULES["negative"](value),
}


@rule("__at__")
def accumulate(name: str, x: Any, index: Any, value: Any = None) -> None:
    """Add to places of `x`, as often as an index names them: `np.add.at`, `np.subtract.at`."""
    if name not in _AT or value is None:
        raise UnsupportedError(
            f"np.{name}.at is not known for traced values{where()}: np.add.at and np.subtract.at "
            "are; write a `for` over the places"
        )
    if not isinstance(x, Tracer):
        refuse_known(x, f"np.{name}.at writes to")
    frame = current()
    frame.mark()
    mask = mask_of(index)
    if mask is not None:  # each place once
        value = RULES["__getitem__"](x, index) + _AT[name](value)
        assign(x, _masked(frame, x, mask, value))
        return
    given = _AT[name](lift(value))
    dtype = x.expr.dtype
    if dtype is DType.BOOL or not np.can_cast(given.dtype, x.dtype, "same_kind"):
        raise TypeMismatchError(
            f"{describe(given)} cannot be added to {describe(x)} by np.{name}.at{where()}: convert "
            "one of them with .astype"
        )
    x, index = sliced(x, index)
    place = placed(frame, x, index)
    fitting = _fitting(frame, given, place.shape, partial(_unfit, given, place))
    if not frame.session.sizes.settled:
        place = placed(frame, x, index)
    assign(x, place.write(frame.expr(x.expr), cast(fitting, dtype), "accumulate"))
