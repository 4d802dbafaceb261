"""Read where a mask is true: ``x[m]`` in ``y[m] = np.sqrt(x[m])``, ``y[m] *= 2.0``, ``x[m].sum()``.

How many elements a traced mask takes is known at run time only, so what it takes is no array of the
graph. A `Masked` stands in for it: the whole array, of which only the places where the mask is true
count. Elementwise functions of it are computed at every place; a store takes the places that count,
so that no derivative comes from the others. Whatever needs the length is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn

import numpy as np

from bpcompile.errors import ShapeError, TraceError
from bpcompile.frontend.lengths.length import length
from bpcompile.frontend.lift import copied, lift
from bpcompile.frontend.operators import BINARY, EQUALITY, ORDER, UNARY, called
from bpcompile.frontend.origins import quoted, where
from bpcompile.frontend.registry import RULES, apply
from bpcompile.frontend.session import Frame, current
from bpcompile.frontend.tracer import Tracer, describe, own_name
from bpcompile.ir.build import Expr, attribute_key
from bpcompile.ir.dims import Size
from bpcompile.ir.graph import Node
from bpcompile.ir.type import DType


class Masked(Tracer):
    """Stand in for the elements of an array where a mask of its first axes is true.

    Its `expr` is never set: whatever takes it for an array is refused by `__getattr__`.
    """

    __slots__ = ("mask", "shown", "values")

    def __init__(self, values: Tracer, mask: Expr, shown: str) -> None:
        """Hold the whole array as it is now, the mask, and how messages call what it takes."""
        self.values = values
        self.mask = mask
        self.shown = shown
        self.weak = False
        self.memory = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the NumPy dtype."""
        return self.values.dtype

    @property
    def rest(self) -> tuple[Size, ...]:
        """Return the shape of one element."""
        return self.values.sizes[len(self.mask.shape) :]

    def __getattr__(self, name: str) -> NoReturn:
        """Refuse to be an array."""
        if name.startswith("_"):
            raise AttributeError(name)  # what Python and NumPy ask of any object
        self.refuse()

    def refuse(self) -> NoReturn:
        """Raise the error for what needs the elements one after the other."""
        raise TraceError(
            f"{self.shown} has a length that is not known while the function is traced: "
            "write np.where(mask, x, 0.0), as in np.sum(np.where(mask, x, 0.0)), or "
            "store it by the same mask, as in `y[mask] = np.sqrt(x[mask])`"
        )

    def __repr__(self) -> str:
        """Return what it is."""
        return f"<elements of {self.values!r} where a mask is true>"

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        """Answer a ufunc, element by element, or its reduction."""
        reduced = _REDUCTIONS.get(_REDUCING.get(ufunc.__name__, ""))
        if method == "reduce" and reduced is not None and inputs[0] is self:
            return reduced(*inputs, **keywords)
        if method == "at":
            return apply("__array_ufunc__", ufunc, method, inputs, keywords)
        if method != "__call__":
            self.refuse()
        return _elementwise(partial(ufunc, **keywords), inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        """Answer a reduction of NumPy, or one of its elementwise functions."""
        name = getattr(function, "__name__", "")
        if name in _REDUCTIONS and args and args[0] is self:
            return _REDUCTIONS[name](*args, **keywords)
        if name not in _ELEMENTWISE:
            self.refuse()
        return _elementwise(partial(function, **keywords), args)

    def astype(self, dtype: Any, **keywords: Any) -> Masked:
        """Return the elements in another dtype."""
        return _elementwise(lambda values: values.astype(dtype, **keywords), (self,))

    def copy(self) -> Masked:
        """Return the elements, whose memory no other array shares."""
        return self


def masked(frame: Frame, x: Tracer, mask: Tracer) -> Masked:
    """Return what stands for the elements of an array where a mask is true, as they are now."""
    check_mask(frame, x, mask)
    text = quoted() or f"{own_name(x) or 'x'}[{own_name(mask) or 'mask'}]"
    return Masked(copied(x), frame.expr(mask.expr), f"`{text}`{where()}")


def mask_of(index: Any) -> Tracer | None:
    """Return a traced mask of the first axes that is the whole index, or None."""
    first, *rest = index if isinstance(index, tuple) and index else (index,)
    is_mask = isinstance(first, Tracer) and first.expr.dtype is DType.BOOL
    all_of_it = all(part is Ellipsis or _is_whole(part) for part in rest)
    return first if is_mask and all_of_it else None


def _is_whole(part: Any) -> bool:
    """Tell whether a part of an index takes all of its axis."""
    return isinstance(part, slice) and (part.start, part.stop, part.step) == (None, None, None)


def check_mask(frame: Frame, x: Tracer, mask: Tracer) -> None:
    """Refuse a mask that does not have the lengths of an array's first axes, with `ShapeError`."""
    sizes = frame.session.sizes
    leading = x.sizes[: mask.ndim]
    if len(leading) < mask.ndim or not all(map(sizes.equal, mask.sizes, leading)):
        raise ShapeError(
            f"the mask {describe(mask)} does not fit {describe(x)}{where()}: it needs the lengths "
            "of the array's first axes"
        )


def values_where(frame: Frame, mask: Tracer, given: Masked) -> Tracer:
    """Return the whole array of what is written where a mask is true.

    Raises `TraceError` where it was read by another mask.
    """
    if not _is_same(frame, given.mask, mask.expr):
        raise TraceError(
            f"{given.shown} is written where another mask is true{where()}, and how many places "
            "each of the two has is not known while the function is traced: read and write by the "
            "same mask, or write `y = np.where(mask, x, y)`"
        )
    return given.values


def _is_same(frame: Frame, one: Expr, other: Expr) -> bool:
    """Tell whether two masks are computed alike: they may go by two names of one length."""
    known = frame.session.sizes.resolve_shape
    pairs = [(frame.expr(one).node, frame.expr(other).node)]
    for _ in range(_MOST_COMPARED):
        if not pairs:
            return True
        a, b = (_renamed(node, known) for node in pairs.pop())
        if a is b:
            continue
        if a.op is not b.op or a.op.name == "param" or known(a.shape) != known(b.shape):
            return False
        keys = a.attrs.keys() - _SIZES
        if any(attribute_key(a.attrs[key]) != attribute_key(b.attrs[key]) for key in keys):
            return False
        pairs.extend(zip(a.args, b.args, strict=True))
    return False


def _renamed(node: Node, known: Callable[[Any], Any]) -> Node:
    """Return what a reshape that only renames lengths is of."""
    while node.op.name == "reshape" and known(node.args[0].shape) == known(node.shape):
        node = node.args[0]
    return node


_MOST_COMPARED = 64
_SIZES = frozenset({"shape"})


def _elementwise(function: Callable[..., Any], args: Sequence[Any]) -> Masked:
    """Return what an elementwise function makes of operands, at every place of the arrays."""
    first = next(arg for arg in args if isinstance(arg, Masked))
    frame = current()
    mask = frame.expr(first.mask)
    given = []
    for arg in args:
        if isinstance(arg, Masked):
            alike = _is_same(frame, arg.mask, mask) and len(arg.rest) == len(first.rest)
        else:
            alike = np.ndim(arg) <= len(first.rest)
        if not alike:
            first.refuse()
        given.append(arg.values if isinstance(arg, Masked) else arg)
    return Masked(lift(function(*given)), mask, first.shown)


def _operator(rule: str, *, reflected: bool = False) -> Callable[..., Masked]:
    """Return the method of an operator."""

    def method(self: Masked, *others: Any) -> Masked:
        operands = (*others, self) if reflected else (self, *others)
        return _elementwise(lambda *args: called(rule, *args), operands)

    return method


for _name, (_rule, _) in BINARY.items():
    if _name != "matmul":
        setattr(Masked, f"__{_name}__", _operator(_rule))
        setattr(Masked, f"__i{_name}__", _operator(_rule))
        setattr(Masked, f"__r{_name}__", _operator(_rule, reflected=True))
for _name, _rule in (ORDER | EQUALITY | UNARY).items():
    setattr(Masked, f"__{_name}__", _operator(_rule))

_ELEMENTWISE = frozenset({"clip", "round", "around", "nan_to_num"})


# -- reductions --------------------------------------------------------------------------------


def _reduction(name: str, neutral: float | bool) -> Callable[..., Any]:
    """Return a reduction of all elements, the others being neutral to it."""

    def method(self: Masked, axis: Any = None, **keywords: Any) -> Any:
        if axis is not None and (axis != 0 or self.rest or len(self.mask.shape) > 1):
            self.refuse()
        where_true = Tracer(current().expr(self.mask))
        for _ in self.rest:
            where_true = RULES["__getitem__"](where_true, (..., None))
        found = RULES["where"](where_true, self.values, neutral)
        return RULES[name](found, **keywords)

    method.__name__ = name
    return method


def _mean(self: Masked, axis: Any = None) -> Any:
    """Return the mean of all elements."""
    total = _REDUCTIONS["sum"](self, axis)
    count = RULES["sum"](Tracer(current().expr(self.mask)))
    for size in self.rest:
        count = RULES["multiply"](count, length(size))
    return RULES["divide"](total, count)


_REDUCTIONS: dict[str, Callable[..., Any]] = {
    name: _reduction(name, neutral)
    for name, neutral in (("sum", 0), ("prod", 1), ("any", False), ("all", True))
} | {"mean": _mean}
_REDUCING = {"add": "sum", "multiply": "prod", "logical_or": "any", "logical_and": "all"}

for _name, _method in _REDUCTIONS.items():
    setattr(Masked, _name, _method)
