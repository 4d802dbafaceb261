"""Write at places by function: put, putmask, copyto, put_along_axis, fill_diagonal."""

from __future__ import annotations

from typing import Any

import numpy as np

from bpcompile.errors import ShapeError, TypeMismatchError
from bpcompile.frontend.flow.mutation import refuse_known
from bpcompile.frontend.functions.axes import one_axis
from bpcompile.frontend.functions.creation import iota
from bpcompile.frontend.lift import lift, lift_all
from bpcompile.frontend.origins import where
from bpcompile.frontend.origins import where as line
from bpcompile.frontend.registry import RULES, refuse_keywords, rule
from bpcompile.frontend.session import current
from bpcompile.frontend.tracer import Tracer, describe


@rule("put")
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """Write values at places of an array in C order."""
    refuse_keywords("put", {"mode": mode}, mode="raise")
    x: Any = lift(a)
    flat = RULES["copy"](np.ravel(x))
    RULES["__setitem__"](flat, ind, v)
    x[...] = np.reshape(flat, x.shape)


@rule("putmask")
def putmask(a: Any, mask: Any, values: Any) -> None:
    """Write values where a mask is true; one for each place, or one for all."""
    x: Any = lift(a)
    given: Any = lift(values)
    if given.ndim and given.shape != x.shape:
        raise ShapeError(
            f"the values {describe(given)} of np.putmask do not fit {describe(x)}{where()}: give "
            "one for each place, or one for all"
        )
    x[...] = np.where(mask, given, x)


@rule("copyto")
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """Write an array into another one, where a mask is true."""
    refuse_keywords("copyto", {"casting": casting}, casting="same_kind")
    if not isinstance(dst, Tracer):
        refuse_known(dst, "np.copyto writes a traced value to")
    target: Any = dst
    given = lift(src)
    if not (given.weak or np.can_cast(given.dtype, target.dtype, "same_kind")):
        raise TypeMismatchError(
            f"np.copyto of {describe(given)} into {describe(target)}{line()}: write "
            f".astype(np.{target.dtype})"
        )
    target[...] = src if where is True else np.where(where, src, target)


@rule("ndarray.fill")
def fill(x: Any, value: Any) -> None:
    """Write one value to all places of an array."""
    x[...] = value


@rule("put_along_axis")
def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    """Write values at the places that indices name along an axis."""
    x, places = lift_all((arr, indices))
    along = one_axis(axis, x.ndim, x)
    index = tuple(
        places if k == along else RULES["reshape"](Tracer(iota(x.sizes[k])), _lone(k, x.ndim))
        for k in range(x.ndim)
    )
    RULES["__setitem__"](x, index, values)


def _lone(axis: int, rank: int) -> tuple[int, ...]:
    """Return the shape of a vector along one of several axes."""
    return tuple(-1 if k == axis else 1 for k in range(rank))


@rule("fill_diagonal")
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """Write to the diagonal."""
    refuse_keywords("fill_diagonal", {"wrap": wrap}, wrap=False)
    x: Any = lift(a)
    sizes = current().session.sizes
    shorter = sizes.decide(x.sizes[0], "<=", x.sizes[1], "np.fill_diagonal")
    if x.ndim > 2 and not all(
        sizes.decide(x.sizes[0], "==", n, "np.fill_diagonal") for n in x.sizes[1:]
    ):
        raise ShapeError(
            f"np.fill_diagonal of {describe(x)}{where()}: above two axes they must be equally long"
        )
    steps = Tracer(iota(x.sizes[0 if shorter else 1]))
    RULES["__setitem__"](x, (steps,) * x.ndim, val)
