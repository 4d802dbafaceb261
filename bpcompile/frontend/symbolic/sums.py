"""Say how sums and products over indices, and arrays at indices, are lowered.

An index becomes an axis: ``Sum(x[i]**2, (i, 0, n - 1))`` is ``sum(square(x))``. An array at an
index that is linear in one index each axis is a slice; at any other polynomial it is a gather.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from bpcompile.errors import OutOfRangeError, ShapeError
from bpcompile.frontend.elementwise import broadcast, counting
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES
from bpcompile.frontend.session import current
from bpcompile.frontend.symbolic.forms import linear
from bpcompile.frontend.symbolic.survey import binders, body_of, shown
from bpcompile.frontend.symbolic.values import (
    Index,
    Value,
    call,
    length_value,
    number,
    over_index,
    own_rank,
)
from bpcompile.frontend.symbolic.walk import Rule, Scope, Site, Task
from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.build import Expr
from bpcompile.ir.dims import Size, size_names
from bpcompile.ir.op import OPS
from bpcompile.ops.index import At, Slice
from bpcompile.ops.shape import reshaped, transposed


def require(left: Size, relation: str, right: Size, reason: str) -> bool:
    """Tell whether a relation of lengths holds; what specs leave open is tested at each call."""
    sizes = current().session.sizes
    try:
        return sizes.decide(left, relation, right, reason)
    except ShapeError:  # specs without an example: nothing but a guard can tell
        sizes.guards.setdefault((left, relation, right), reason)
        return True


# -- sums and products -------------------------------------------------------------------------


def _ranges(site: Site) -> list[Task]:
    """Ask for the summand, its indices bound to their ranges."""
    scope = site.scope
    for atom, limits in reversed(binders(site.node)):
        start, length = _range(site, limits, scope)
        if length == 0:
            return []
        scope = site.walk.bound(scope, atom, start, length)
    return [(body_of(site.node), scope)]


def _range(site: Site, limits: tuple[Any, ...], scope: Scope) -> tuple[Size, Size]:
    """Return the first value of an index and the number of its values."""
    low, high = (site.walk.size(limit, scope) for limit in limits)
    if site.walk.indices(low, scope) or site.walk.indices(high, scope):
        raise site.refusal(
            "has a range that depends on another index: write the full range, and the term as "
            "Piecewise((term, j <= i), (0, True))"
        )
    length = high - low + 1
    return low, length if require(length, ">=", 0, shown(site.node)) else 0


def _over_ranges(reduction: str, repeat: str, empty: float) -> Rule:
    """Return the rule of a node that adds or multiplies up a term over ranges.

    `repeat` is what a term that an index is not in becomes: a multiple or a power.
    """

    def combine(site: Site) -> Value:
        if not site.values:
            return number(empty)
        (value,), ((_, inner),) = site.values, site.tasks
        bindings = [inner[atom] for atom, _ in binders(site.node)]
        ranges = [index for index in bindings if isinstance(index, Index)]
        used = [index for index in ranges if index in value.axes]
        found = over_index(RULES[reduction], value, used) if used else value
        for index in ranges:
            if index not in used:
                found = call(repeat, found, length_value(index.length))
        return Value(found.tracer, found.axes)

    return Rule(_ranges, combine)


sum_over_rule = _over_ranges("sum", "multiply", 0.0)
product_over_rule = _over_ranges("prod", "power", 1.0)


# -- arrays at indices -------------------------------------------------------------------------


class _Place(NamedTuple):
    """Hold the index of one axis: a sum of whole multiples of indices, and a start."""

    slopes: dict[Index, Size]
    start: Size


def _base(site: Site) -> list[Task]:
    """Ask for the array, not for the indices."""
    return [(site.parts[0], site.scope)]


def _at(site: Site) -> Value:
    """Return an array at indices."""
    array, parts = site.values[0], site.parts[1:]
    if own_rank(array) != len(parts):
        raise site.refusal(
            f"has {len(parts)} indices for an array of {own_rank(array)} axes: write one for each"
        )
    if array.axes:
        raise site.refusal(
            "takes an entry of an array that depends on an index: write the entry itself"
        )
    sizes = array.tracer.sizes
    places = [_place(site, part, size) for part, size in zip(parts, sizes, strict=True)]
    frame = current()
    frame.mark()
    return _read(frame.expr(array.tracer.expr), places)


element_rule = Rule(_base, _at)


def _place(site: Site, part: Any, size: Size) -> _Place:
    """Return the index of one axis, checked against its length."""
    rest = site.walk.size(part, site.scope)
    indices = site.walk.indices(rest, site.scope)
    slopes: dict[Index, Size] = {}
    for name, index in indices.items():
        pair = linear(rest, name)
        if pair is None or not size_names(pair[0]).isdisjoint(indices):
            raise site.refusal(
                "has an index that is not linear in those of the sums: write a*i + b"
            )
        slopes[index] = pair[0]
        rest = pair[1] + pair[0] * index.start
    if not indices and isinstance(rest, int) and rest < 0:
        rest = size + rest  # counted from the end, as in NumPy
    place = _Place(slopes, rest)
    _check(site.node, place, size)
    return place


def _check(node: Any, place: _Place, size: Size) -> None:
    """Check that the first and last place of an index lie on its axis.

    Raises `OutOfRangeError` where they do not.
    """
    low = high = place.start
    for index, slope in place.slopes.items():
        reach = slope * (index.length - 1)
        if require(slope, ">=", 0, shown(node)):
            high = high + reach
        else:
            low = low + reach
    text = shown(node)
    if not (require(low, ">=", 0, text) and require(high, "<", size, text)):
        span = f"{low} to {high}" if place.slopes else str(low)
        raise OutOfRangeError(
            f"{text} has the index {span}, and the axis has the length {size}{where()}: write a "
            "smaller range, or pass a longer array"
        )


def _read(array: Expr, places: list[_Place]) -> Value:
    """Return an array at checked indices, with the axes in the order of their indices."""
    running = [index for place in places for index in place.slopes]
    axes = tuple(sorted(set(running)))
    steps = [slope for place in places for slope in place.slopes.values()]
    if len(axes) < len(running) or any(len(place.slopes) > 1 for place in places):
        return _gathered(array, places, axes)
    if not all(isinstance(slope, int) for slope in steps):
        return _gathered(array, places, axes)
    spec = tuple(_slice(place) for place in places)
    found = array
    if any(entry != Slice(0, 1, n) for entry, n in zip(spec, array.shape, strict=True)):
        found = OPS["index"](array, spec=spec)
    found = reshaped(found, tuple(index.length for index in running))
    order = tuple(running.index(index) for index in axes)
    return Value(Tracer(transposed(found, order)), axes)


def _slice(place: _Place) -> Slice:
    """Return the slice that an index takes of its axis."""
    for index, slope in place.slopes.items():
        assert isinstance(slope, int)
        return Slice(place.start, slope, index.length)
    return Slice(place.start, 1, 1)


def _gathered(array: Expr, places: list[_Place], axes: tuple[Index, ...]) -> Value:
    """Return an array at indices given as arrays of places."""
    builder = array.builder
    shape = tuple(index.length for index in axes)
    operands: list[Expr] = []
    for place in places:
        found = broadcast(builder.dim(place.start), shape)
        for index, slope in place.slopes.items():
            run = counting(array, shape, axes.index(index))
            found = found + broadcast(builder.dim(slope), shape) * run
        operands.append(found)
    spec = tuple(At(k) for k in range(len(places)))
    return Value(Tracer(OPS["index"](array, *operands, spec=spec)), axes)
