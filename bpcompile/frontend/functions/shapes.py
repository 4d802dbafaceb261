"""Answer the functions that rearrange: reshape, transpose, broadcast_to, squeeze and their like."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bpcompile.errors import ArgumentError, ShapeError, TypeMismatchError
from bpcompile.frontend.elementwise import (
    broadcast,
    cast,
    common_shape,
    explain_operands,
    under_shape,
)
from bpcompile.frontend.functions.axes import one_axis, some_axes
from bpcompile.frontend.lengths.length import length
from bpcompile.frontend.lengths.runtime import required_size
from bpcompile.frontend.lift import copied, lift, lift_all, required_dtype
from bpcompile.frontend.origins import where
from bpcompile.frontend.places.memory import view_of
from bpcompile.frontend.registry import RULES, refuse_keywords, rule
from bpcompile.frontend.session import current
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.dims import Size, floor_div, product
from bpcompile.ops.shape import transposed

Shape = tuple[Size, ...]


def shape_of(given: Any) -> Shape:
    """Return the shape that a user gave: an int, a length, or several."""
    parts: Sequence[Any] = given if isinstance(given, (tuple, list)) else (given,)
    if isinstance(given, Tracer) and given.ndim == 1:
        parts = tuple(given)
    return tuple(required_size(part, "the length of an axis") for part in parts)


def view_as(x: Tracer, shape: Shape) -> Tracer:
    """Return a value under another shape of as many elements."""
    frame = current()
    frame.mark()
    shape = frame.session.sizes.resolve_shape(shape)
    resolve = frame.session.sizes.resolve_shape
    return view_of(
        x,
        lambda v: under_shape(v, resolve(shape)),
        lambda v, y: under_shape(y, resolve(v.shape)),
    )


@rule("reshape")
def reshape(
    a: Any, shape: Any = None, order: str = "C", *, newshape: Any = None, **_: Any
) -> Tracer:
    """Return the same elements under another shape, of which one length may be -1."""
    refuse_keywords("reshape", {"order": order, **_}, order="C", copy=None)
    x = lift(a)
    wanted = shape_of(newshape if shape is None else shape)
    count = product(x.sizes)
    sizes = current().session.sizes
    holes = [k for k, size in enumerate(wanted) if size == -1]
    if len(holes) > 1 or any(isinstance(n, int) and n < -1 for n in wanted):
        raise ShapeError(
            f"the shape {wanted} for {describe(x)}{where()} leaves more than one length open: "
            "write -1 once"
        )
    if holes:
        rest = product(tuple(size for size in wanted if size != -1))
        filled = _quotient(x, count, rest, wanted)
        wanted = tuple(filled if size == -1 else size for size in wanted)
    elif not sizes.equal(count, product(wanted)):
        raise _misfit(x, wanted)
    return view_as(x, wanted)


def _quotient(x: Tracer, count: Size, rest: Size, wanted: Shape) -> Size:
    """Return the length that -1 stands for in a reshape."""
    sizes = current().session.sizes
    if rest == 0:
        raise _misfit(x, wanted)
    found = floor_div(count, rest)
    if found * rest != count:
        # What is left over must be 0: the lengths are tied together, or known from now on.
        value = sizes.value(count)
        divisor = sizes.value(rest)
        if value is None or not divisor:
            sizes.concrete(count)
            sizes.concrete(rest)
        elif value % divisor:
            raise _misfit(x, wanted)
        sizes.equal(count, value or 0)
        sizes.equal(rest, divisor or 0)
        found = sizes.resolve(count) // sizes.resolve(rest)
    return found


def _misfit(x: Tracer, shape: Shape) -> ShapeError:
    """Return the error for a shape of another number of elements."""
    text = ", ".join(map(str, shape))
    return ShapeError(
        f"{describe(x)} has {product(x.sizes)} elements and does not fit the shape ({text})"
        f"{where()}: write a shape of as many elements, or -1 for one length"
    )


@rule("ndarray.reshape")
def reshape_method(self: Tracer, *shape: Any, order: str = "C", **_: Any) -> Tracer:
    """Return the same elements under another shape."""
    return reshape(self, shape[0] if len(shape) == 1 else shape, order, **_)


@rule("ravel")
def ravel(a: Any, order: str = "C") -> Tracer:
    """Return the elements as a vector."""
    refuse_keywords("ravel", {"order": order}, order="C")
    x = lift(a)
    return view_as(x, (product(x.sizes),))


@rule("flatten")
def flatten(a: Any, order: str = "C") -> Tracer:
    """Return a copy of the elements as a vector."""
    return copied(ravel(a, order))


def _permuted(x: Tracer, order: Sequence[int]) -> Tracer:
    """Return a value with permuted axes."""
    frame = current()
    frame.mark()
    back = tuple(sorted(range(len(order)), key=order.__getitem__))
    return view_of(x, lambda v: transposed(v, tuple(order)), lambda v, y: transposed(y, back))


@rule("transpose", "permute_dims")
def transpose(a: Any, axes: Any = None) -> Tracer:
    """Return the axes reversed, or in the order given."""
    x = lift(a)
    if axes is None:
        return _permuted(x, range(x.ndim)[::-1])
    order = tuple(one_axis(k, x.ndim, x) for k in axes)
    if sorted(order) != list(range(x.ndim)):
        raise ShapeError(
            f"the axes {tuple(axes)} do not name each axis of {describe(x)} once{where()}: write a "
            f"permutation of {tuple(range(x.ndim))}"
        )
    return _permuted(x, order)


@rule("ndarray.transpose")
def transpose_method(self: Tracer, *axes: Any) -> Tracer:
    """Return the axes reversed, or in the order given."""
    if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))):
        return transpose(self, axes[0])
    return transpose(self, axes or None)


@rule("matrix_transpose", "linalg.matrix_transpose")
def matrix_transpose(x: Any, /) -> Tracer:
    """Return the last two axes exchanged."""
    tracer = lift(x)
    if tracer.ndim < 2:
        raise ShapeError(f"{describe(tracer)} is no matrix{where()}: write at least two axes")
    return swapaxes(tracer, -1, -2)


@rule("swapaxes")
def swapaxes(a: Any, axis1: Any, axis2: Any) -> Tracer:
    """Return two axes exchanged."""
    x = lift(a)
    one, two = one_axis(axis1, x.ndim, x), one_axis(axis2, x.ndim, x)
    order = list(range(x.ndim))
    order[one], order[two] = two, one
    return _permuted(x, order)


@rule("moveaxis")
def moveaxis(a: Any, source: Any, destination: Any) -> Tracer:
    """Return axes moved to other places, the rest in their order."""
    x = lift(a)
    sources = source if isinstance(source, Iterable) else (source,)
    places = destination if isinstance(destination, Iterable) else (destination,)
    moved = [one_axis(k, x.ndim, x) for k in sources]
    target = [one_axis(k, x.ndim, x) for k in places]
    once = len(set(moved)) == len(moved) and len(set(target)) == len(target)
    if len(moved) != len(target) or not once:
        raise ShapeError(f"np.moveaxis needs as many places as axes, each once{where()}")
    order = [k for k in range(x.ndim) if k not in moved]
    for place, axis in sorted(zip(target, moved, strict=True)):
        order.insert(place, axis)
    return _permuted(x, order)


@rule("expand_dims")
def expand_dims(a: Any, axis: Any) -> Tracer:
    """Return a value with new axes of length 1."""
    x = lift(a)
    given = axis if isinstance(axis, (tuple, list)) else (axis,)
    rank = x.ndim + len(given)
    places = {one_axis(k, rank, x) for k in given}
    if len(places) != len(given):
        raise ShapeError(f"np.expand_dims names an axis twice{where()}: name it once")
    rest = iter(x.sizes)
    return view_as(x, tuple(1 if k in places else next(rest) for k in range(rank)))


@rule("squeeze")
def squeeze(a: Any, axis: Any = None) -> Tracer:
    """Return a value without axes of length 1: those named, or all that have it."""
    x = lift(a)
    sizes = current().session.sizes
    shape = x.sizes
    if axis is None:
        gone = {k for k, n in enumerate(shape) if sizes.decide(n, "==", 1, "np.squeeze")}
    else:
        gone = set(some_axes(axis, x.ndim, x))
    for k in sorted(gone):
        if not sizes.equal(shape[k], 1):
            raise ShapeError(
                f"axis {k} of {describe(x)} has length {shape[k]}, not 1{where()}: squeeze another "
                "axis"
            )
    return view_as(x, tuple(n for k, n in enumerate(shape) if k not in gone))


@rule("broadcast_to")
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Tracer:
    """Return a value repeated to a shape."""
    refuse_keywords("broadcast_to", {"subok": subok}, subok=False)
    x = lift(array)
    return _spread(x, shape_of(shape))


def _spread(x: Tracer, shape: Shape) -> Tracer:
    """Return a value repeated to a shape, which must contain its own."""
    frame = current()
    frame.mark()

    def explain() -> str:
        text = ", ".join(map(str, shape))
        return f"{describe(x)} cannot be broadcast to ({text}){where()}"

    if any(isinstance(n, int) and n < 0 for n in shape):
        raise ShapeError(f"{explain()}: write lengths from 0 on")

    result = frame.session.sizes.resolve_shape(common_shape((shape, x.sizes), explain))
    if len(result) != len(shape) or any(n == 1 != m for n, m in zip(shape, result, strict=True)):
        raise ShapeError(f"{explain()}: write a shape that its own fits")
    return view_of(x, lambda v: broadcast(v, frame.session.sizes.resolve_shape(result)))


@rule("broadcast_arrays")
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Tracer, ...]:
    """Return values repeated to their common shape."""
    refuse_keywords("broadcast_arrays", {"subok": subok}, subok=False)
    values = lift_all(args)
    shape = common_shape((value.sizes for value in values), explain_operands(values))
    return tuple(_spread(value, shape) for value in values)


@rule("atleast_1d")
def atleast_1d(*arrays: Any) -> Any:
    """Return values with at least one axis."""
    found = tuple(x if x.ndim else view_as(x, (1,)) for x in lift_all(arrays))
    return found if len(found) > 1 else found[0]


@rule("atleast_2d")
def atleast_2d(*arrays: Any) -> Any:
    """Return values with at least two axes."""
    found = []
    for x in lift_all(arrays):
        found.append(x if x.ndim > 1 else view_as(x, (1,) * (2 - x.ndim) + x.sizes))
    return tuple(found) if len(found) > 1 else found[0]


@rule("flip")
def flip(m: Any, axis: Any = None) -> Tracer:
    """Return the elements along axes in reverse order."""
    x = lift(m)
    axes = some_axes(axis, x.ndim, x)
    index = tuple(slice(None, None, -1 if k in axes else None) for k in range(x.ndim))
    result: Tracer = RULES["__getitem__"](x, index)
    return result


@rule("astype")
def astype(x: Any, dtype: Any, **_: Any) -> Tracer:
    """Return a value in another dtype, as another array."""
    _.pop("copy", None)  # a traced array is its own copy
    refuse_keywords("astype", _, device=None)
    tracer = lift(x)
    wanted = required_dtype(dtype)
    frame = current()
    frame.mark()
    return Tracer(cast(frame.expr(tracer.expr), wanted))


@rule("ndarray.astype")
def astype_method(
    self: Tracer, dtype: Any, order: str = "K", casting: str = "unsafe", *_: Any, **rest: Any
) -> Tracer:
    """Return the value in another dtype."""
    del order, _  # there is no memory layout, and no subclass
    refuse_keywords("ndarray.astype", {"casting": casting}, casting="unsafe")
    return astype(self, dtype, **{k: v for k, v in rest.items() if k != "subok"})


@rule("copy")
def copy(a: Any, order: str = "K", subok: bool = False) -> Tracer:
    """Return another array of the same value."""
    del subok  # there is no subclass
    if order not in ("C", "F", "A", "K"):  # whichever: there is no memory layout
        raise ArgumentError(f"order={order!r} of np.copy{where()}: write 'C'")
    x = lift(a)
    return copied(x)


@rule("shape")
def shape(a: Any) -> tuple[Any, ...]:
    """Return the length of each axis."""
    return lift(a).shape


@rule("ndim")
def ndim(a: Any) -> int:
    """Return the number of axes."""
    return lift(a).ndim


@rule("size")
def size(a: Any, axis: Any = None) -> Any:
    """Return the number of elements, or the length of an axis."""
    x = lift(a)
    axes = some_axes(axis, x.ndim, x)
    return length(product(tuple(x.sizes[k] for k in axes)))


@rule("item")
def item(self: Tracer, *index: Any) -> Tracer:
    """Return one element as a scalar, still traced."""
    if index:
        flat = self if len(index) > 1 else ravel(self)
        found: Tracer = RULES["__getitem__"](flat, index)
        return found
    if not current().session.sizes.equal(product(self.sizes), 1):
        raise TypeMismatchError(
            f"{describe(self)} has more than one element{where()}: write x.item(k) or x[k]"
        )
    return view_as(self, ())


@rule("tolist")
def tolist(self: Tracer) -> Any:
    """Return the elements in nested lists, still traced."""
    return [tolist(part) for part in self] if self.ndim else self
