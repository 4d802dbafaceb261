"""Answer the functions that gather into bins: bincount, and sums of segments."""

from __future__ import annotations

from typing import Any

from bpcompile.errors import ShapeError, TypeMismatchError
from bpcompile.frontend.elementwise import as_float, cast, under_shape
from bpcompile.frontend.lengths.runtime import required_size
from bpcompile.frontend.lift import lift
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, rule
from bpcompile.frontend.session import current
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.dims import Size
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type
from bpcompile.ops.index import At, Slice, whole


def _bins(numbers: Tracer, function: str) -> None:
    """Check that the numbers of bins are ints."""
    if numbers.expr.dtype is not DType.I64:
        raise TypeMismatchError(
            f"{describe(numbers)} cannot number the bins of {function}{where()}: convert with "
            ".astype(int)"
        )


def _added(values: Any, numbers: Tracer, count: Size) -> Tracer:
    """Return the sums of rows by their number."""
    frame = current()
    frame.mark()
    value = frame.expr(lift(values).expr)
    value = under_shape(value, frame.session.sizes.resolve_shape(value.shape))
    rest = value.shape[1:]
    spec: tuple[At | Slice, ...] = (At(0), *(whole(n) for n in rest))
    zeros = frame.const(0, Type(value.dtype, (count, *rest)))
    return Tracer(OPS["accumulate"](zeros, value, frame.expr(numbers.expr), spec=spec))


@rule("bincount")
def bincount(x: Any, /, weights: Any = None, minlength: Any = 0) -> Tracer:
    """Return how often each int occurs, or the sums of its weights, for those below `minlength`.

    The result has `minlength` places, whatever the ints are, since its length must not depend on
    values; an int that is not below it is an IndexError.
    """
    numbers = lift(x)
    _bins(numbers, "np.bincount")
    if not isinstance(minlength, Tracer) and minlength == 0:
        raise ShapeError(
            f"the length of np.bincount of {describe(numbers)} depends on its values{where()}: "
            "write minlength=, one more than the largest that can occur"
        )
    count = required_size(minlength, "minlength of np.bincount")
    if weights is None:
        return _added(RULES["ones_like"](numbers), numbers, count)
    frame = current()
    given = as_float(weights)
    if given.ndim != 1 or not frame.session.sizes.equal(given.sizes[0], numbers.sizes[0]):
        raise ShapeError(
            f"the weights {describe(given)} of np.bincount do not fit {describe(numbers)}{where()}:"
            " give one for each int"
        )
    return _added(Tracer(cast(frame.expr(given.expr), DType.F64)), numbers, count)


@rule("segment_sum")
def segment_sum(data: Any, segment_ids: Any, num_segments: Any) -> Tracer:
    """Return the sums of the rows that have one segment's number."""
    values, numbers = lift(data), lift(segment_ids)
    _bins(numbers, "segment_sum")
    sizes = current().session.sizes
    if numbers.ndim != 1 or not values.ndim or not sizes.equal(numbers.sizes[0], values.sizes[0]):
        raise ShapeError(
            f"{describe(numbers)} does not number the rows of {describe(values)}{where()}: give "
            "one int for each row"
        )
    return _added(values, numbers, required_size(num_segments, "num_segments"))
