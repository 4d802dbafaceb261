"""Stand in for what a loop runs over where its length or its values are traced.

`range(n)` of a length or a traced int, `enumerate`, `zip` and `reversed` of traced arrays, and the
arrays themselves are an `Iteration`: a count and the element at an index. A `for` statement rolls
it; elsewhere, as in a list comprehension, it is unrolled where its length becomes known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bpcompile.errors import ArgumentError, LimitError, TraceError
from bpcompile.frontend.lengths.length import Length, length, size_of_length
from bpcompile.frontend.lift import lift
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES
from bpcompile.frontend.session import current
from bpcompile.frontend.tracer import MOST_UNROLLED, Tracer, describe
from bpcompile.ir.dims import dim_min
from bpcompile.ir.type import DType

Checkpoint = str | int | tuple[str, int] | None
Count = Any  # an int, a Length, or a traced int


class Iteration:
    """Hold the bounds of a counter and the element for each of its values."""

    def __init__(
        self,
        lower: Count,
        upper: Count,
        element: Callable[[Any], Any],
        name: str = "",
    ) -> None:
        """Hold the parts; the counter is called `name`, or as the loop's variable."""
        self.lower = lower
        self.upper = upper
        self.element = element
        self.name = name
        self.attributes: dict[str, Any] = {}  # of the graph's loop

    @property
    def count(self) -> Any:
        """Return the number of steps, as far as it is not negative."""
        lower, upper = self.lower, self.upper
        return upper if isinstance(lower, int) and lower == 0 else upper - lower

    def from_zero(self) -> Iteration:
        """Return the same steps counted from 0."""
        lower = self.lower
        if isinstance(lower, int) and lower == 0:
            return self
        return Iteration(0, self.count, lambda i: self.element(lower + i), self.name)

    def __len__(self) -> int:
        """Return the number of steps as an int; from then on the graph is for this length."""
        count = self.count
        if isinstance(count, Tracer):
            raise TraceError(
                f"the number of steps, {describe(count)}, is needed as a known int{where()}: loop "
                "with a `for` statement, or name what it comes from in static_argnames"
            )
        return max(int(count), 0)

    def __iter__(self) -> Iterator[Any]:
        """Iterate, unrolled."""
        steps = len(self)
        if steps > MOST_UNROLLED:
            raise LimitError(
                f"a loop would be unrolled into {steps} steps{where()}: write a `for` statement, "
                "or np.arange for an array"
            )
        return (self.element(self.lower + k) for k in range(steps))

    def __getitem__(self, index: Any) -> Any:
        """Return the element at a place, as `range` does."""
        return self.element(self.lower + (index if index >= 0 else len(self) + index))


def checkpointing(given: Checkpoint) -> dict[str, Any]:
    """Return the attributes of a loop for what its reverse mode is to keep.

    Raises `ArgumentError` for what is no `checkpoint`.
    """
    if given is None:
        return {}
    if given in ("sqrt", "binomial"):
        return {"checkpoint": given}
    if isinstance(given, int) and not isinstance(given, bool) and given > 0:
        return {"checkpoint": given}
    match given:
        case ("binomial", int(count)) if count > 0:
            return {"checkpoint": ("binomial", int(count))}
    raise ArgumentError(
        f"checkpoint={given!r}{where()} is not known: write 'sqrt', 'binomial', ('binomial', c) "
        "with a number of states, or an int to keep the state of each so many steps"
    )


def counted(*args: Any) -> Any:
    """Stand for `range`."""
    if all(isinstance(arg, (int, np.integer)) for arg in args):
        return range(*args)
    if any(isinstance(arg, Tracer) for arg in args):
        args = tuple(_int(arg) for arg in args)
    start, stop = (0, args[0]) if len(args) == 1 else args[:2]
    step = args[2] if len(args) > 2 else 1
    if isinstance(step, (Tracer, Length)):
        step = step.__index__()
    if step == 0:
        return range(0, 0, 0)  # Python's own error
    if step == 1:
        return Iteration(start, stop, lambda i: i)
    distance = stop - start if step > 0 else start - stop
    pace = abs(step)
    return Iteration(0, (distance + (pace - 1)) // pace, lambda i: start + i * step)


def _int(bound: Any) -> Any:
    """Return a bound of a range; a constant one as a plain int."""
    if not isinstance(bound, Tracer):
        return bound
    if bound.ndim or bound.expr.dtype is not DType.I64:
        raise TraceError(
            f"range takes ints, not {describe(bound)}{where()}: convert it with .astype(int)"
        )
    node = bound.expr.node
    return int(node.attrs["value"]) if node.op.name == "const" else bound


def over(values: Any) -> Iteration | None:
    """Return the iteration over a value, or None where it is Python's to run."""
    if isinstance(values, Iteration):
        return values
    if isinstance(values, Tracer) and values.ndim:
        return Iteration(0, length(values.sizes[0]), lambda i: RULES["__getitem__"](values, i), "k")
    return None


def over_known(values: Any) -> Iteration | None:
    """Return the iteration over a known range or array, which may be rolled; else None."""
    if type(values) is range:
        if values.step == 1:
            return Iteration(values.start, values.stop, lambda i: i)
        first, step = values.start, values.step
        return Iteration(0, len(values), lambda i: first + i * step)
    if isinstance(values, np.ndarray) and values.ndim:
        return Iteration(0, len(values), lambda i: lift(values)[i], "k")
    return None


def enumerated(values: Any, start: Any = 0) -> Any:
    """Stand for `enumerate`."""
    found = over(values)
    if found is None:
        return enumerate(values, start)
    steps = found.from_zero()
    return Iteration(0, steps.upper, lambda i: (i + start, steps.element(i)))


def zipped(*iterables: Any, strict: bool = False) -> Any:
    """Stand for `zip`."""
    found = [over(values) for values in iterables]
    if not any(found):
        return zip(*iterables, strict=strict)
    every = [one or over_known(values) for one, values in zip(found, iterables, strict=True)]
    if not all(every):
        return zip(*iterables, strict=strict)
    steps = [one.from_zero() for one in every if one is not None]
    count = steps[0].upper
    for other in steps[1:]:
        count = _fewer(count, other.upper)
    return Iteration(0, count, lambda i: tuple(one.element(i) for one in steps))


def _fewer(one: Count, other: Count) -> Count:
    """Return the smaller of two counts; lengths that are equal in the example become one."""
    if isinstance(one, Tracer) or isinstance(other, Tracer):
        found: Tracer = RULES["minimum"](one, other)
        return found
    left, right = size_of_length(one), size_of_length(other)
    if current().session.sizes.equal(left, right):
        return one
    return length(dim_min(left, right))


def backwards(values: Any) -> Any:
    """Stand for `reversed`."""
    found = over(values)
    if found is None:
        return reversed(values)
    steps = found.from_zero()
    return Iteration(0, steps.upper, lambda i: steps.element(steps.upper - 1 - i), steps.name)
