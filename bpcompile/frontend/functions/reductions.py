"""Answer the functions that fold axes away: sum, mean, var, max, any, argmax and their like."""

from __future__ import annotations

from typing import Any

from bpcompile.errors import ArgumentError, ShapeError, TypeMismatchError
from bpcompile.frontend.elementwise import as_float, cast
from bpcompile.frontend.functions.axes import one_axis, some_axes
from bpcompile.frontend.lift import lift, required_dtype
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, refuse_keywords, rule
from bpcompile.frontend.session import Frame, current
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.build import Expr
from bpcompile.ir.dims import Size, product
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType
from bpcompile.ops.shape import reshaped

# What these fold of one element is that element.
_KEEPS_SINGLE = frozenset({"sum", "prod", "mean", "max", "min", "any", "all"})


def reduced(op: str, x: Tracer, axis: Any, keepdims: bool, dtype: DType, **attrs: Any) -> Tracer:
    """Return what a reduction of the table makes of a value, first converted to `dtype`."""
    frame = current()
    frame.mark()
    axes = some_axes(axis, x.ndim, x)
    value = cast(frame.expr(x.expr), dtype)
    if not axes and op in _KEEPS_SINGLE:
        return Tracer(value, x.weak and dtype is x.expr.dtype)
    found = frame.builder.apply(OPS[op], (value,), {"axes": axes, **attrs})
    weak = x.weak and dtype is x.expr.dtype
    return Tracer(_with_kept(found, value, axes, keepdims), weak)


def _with_kept(result: Expr, x: Expr, axes: tuple[int, ...], keepdims: bool) -> Expr:
    """Return a result with axes of length 1 where it was folded, if they are kept."""
    if not keepdims:
        return result
    return reshaped(result, tuple(1 if k in axes else n for k, n in enumerate(x.shape)))


def _total_dtype(x: Tracer, dtype: Any) -> DType:
    """Return the dtype of a sum: that of the elements, bools counted as ints."""
    if dtype is not None:
        return required_dtype(dtype)
    return DType.I64 if x.expr.dtype is DType.BOOL else x.expr.dtype


def _mean_dtype(x: Tracer, dtype: Any) -> DType:
    """Return the dtype of a mean: a float one."""
    if dtype is not None:
        return required_dtype(dtype)
    return x.expr.dtype if x.expr.dtype.is_float else DType.F64


def _chosen(op: str, x: Tracer, choice: Any, neutral: float | None) -> Tracer:
    """Return an array with a number in the place of what a fold does not take.

    Raises `ArgumentError` where no number changes nothing: a maximum needs an `initial`.
    """
    if choice is True:
        return x
    require_truths(f"np.{op}", choice)
    if neutral is None:
        raise ArgumentError(f"np.{op} with where= needs initial={where()}: write initial=")
    found: Tracer = RULES["where"](choice, x, neutral)
    return found


def require_truths(op: str, choice: Any) -> None:
    """Refuse a mask of what a fold takes that is none of bools."""
    if lift(choice).expr.dtype is not DType.BOOL:
        raise TypeMismatchError(
            f"where= of {op} is {describe(lift(choice))}{where()}: write bools, as x > 0"
        )


def _require_number(op: str, initial: Any) -> None:
    """Refuse an initial value that has axes."""
    if initial is not None and lift(initial).ndim:
        raise ShapeError(f"initial= of np.{op} is {initial!r}{where()}: write a number")


def _folded(
    op: str, x: Tracer, axis: Any, keepdims: bool, dtype: DType, choice: Any, initial: Any
) -> Tracer:
    """Return a sum or product of what is chosen, from an initial value on."""
    with_, neutral = ("add", 0) if op == "sum" else ("multiply", 1)
    _require_number(op, initial)
    found = reduced(op, _chosen(op, x, choice, neutral), axis, keepdims, dtype)
    if initial is None or (not isinstance(initial, Tracer) and initial == neutral):
        return found
    total: Tracer = RULES[with_](found, initial)
    return total


@rule("sum")
def sum_(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False,
    initial: Any = None, where: Any = True,
) -> Tracer:  # fmt: skip
    """Return the sum."""
    refuse_keywords("sum", {"out": out}, out=None)
    x = lift(a)
    return _folded("sum", x, axis, keepdims, _total_dtype(x, dtype), where, initial)


@rule("prod")
def prod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False,
    initial: Any = None, where: Any = True,
) -> Tracer:  # fmt: skip
    """Return the product."""
    refuse_keywords("prod", {"out": out}, out=None)
    x = lift(a)
    return _folded("prod", x, axis, keepdims, _total_dtype(x, dtype), where, initial)


def _counted(x: Tracer, choice: Any, axis: Any, dtype: DType) -> Tracer:
    """Return how many elements are chosen for each result, whose folded axes are kept."""
    taken: Tracer = RULES["broadcast_to"](lift(choice), x.shape)
    return reduced("sum", taken, axis, True, dtype)


@rule("mean")
def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False,
    *, where: Any = True,
) -> Tracer:  # fmt: skip
    """Return the mean."""
    refuse_keywords("mean", {"out": out}, out=None)
    x = lift(a)
    if where is True:
        return reduced("mean", x, axis, keepdims, _mean_dtype(x, dtype))
    return _without_axes(_mean_of(x, axis, _mean_dtype(x, dtype), where), axis, keepdims)


def _mean_of(x: Tracer, axis: Any, dtype: DType, choice: Any) -> Tracer:
    """Return the mean of the chosen elements, the folded axes kept."""
    total = reduced("sum", _chosen("mean", x, choice, 0), axis, True, dtype)
    found: Tracer = RULES["divide"](total, _counted(x, choice, axis, dtype))
    return found


def _without_axes(x: Tracer, axis: Any, keepdims: bool) -> Tracer:
    """Return a result whose folded axes are kept without them, unless they are wanted."""
    axes = some_axes(axis, x.ndim, x)
    return x if keepdims else RULES["squeeze"](x, axes)


def _moment(op: str, a: Any, axis: Any, dtype: Any, ddof: Any, keepdims: bool, rest: Any) -> Tracer:
    """Return a variance or its root."""
    correction, choice = rest.pop("correction", None), rest.pop("where", True)
    refuse_keywords(op, rest, out=None, mean=None)
    ddof = ddof if correction is None else correction
    if type(ddof) is not int:
        raise TypeMismatchError(f"ddof={ddof!r} of np.{op} is no int{where()}: write 0 or 1")
    x = lift(a)
    if choice is not True:
        return _moment_of(op, x, axis, _mean_dtype(x, dtype), ddof, keepdims, choice)
    return reduced(op, x, axis, keepdims, _mean_dtype(x, dtype), ddof=ddof)


def _moment_of(
    op: str, x: Tracer, axis: Any, dtype: DType, ddof: int, keepdims: bool, choice: Any
) -> Tracer:
    """Return the variance of the chosen elements, or its root: what is left out adds nothing."""
    centred = RULES["subtract"](x, _mean_of(x, axis, dtype, choice))
    squares = _chosen(op, RULES["square"](centred), choice, 0)
    count = RULES["subtract"](_counted(x, choice, axis, dtype), ddof)
    found = RULES["divide"](reduced("sum", squares, axis, True, dtype), count)
    if op == "std":
        rises = RULES["greater"](found, 0)  # the root's slope at 0 is taken for 0
        root = RULES["sqrt"](RULES["where"](rises, found, 1))
        found = RULES["where"](rises, root, RULES["multiply"](found, 0))
    return _without_axes(found, axis, keepdims)


@rule("var")
def var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: int = 0,
    keepdims: bool = False, **_: Any,
) -> Tracer:  # fmt: skip
    """Return the variance."""
    return _moment("var", a, axis, dtype, ddof, keepdims, {"out": out, **_})


@rule("std")
def std(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: int = 0,
    keepdims: bool = False, **_: Any,
) -> Tracer:  # fmt: skip
    """Return the standard deviation."""
    return _moment("std", a, axis, dtype, ddof, keepdims, {"out": out, **_})


def require_elements(x: Tracer, axes: tuple[int, ...], function: str) -> None:
    """Check that a function without a value for nothing gets something."""
    count: Size = product(tuple(x.sizes[k] for k in axes))
    if not current().session.sizes.decide(count, ">", 0, f"np.{function} of {describe(x)}"):
        raise ShapeError(
            f"np.{function} of {describe(x)} has no elements{where()}: test the length first"
        )


def _extreme(
    op: str, a: Any, axis: Any, keepdims: bool, initial: Any = None, choice: Any = True
) -> Tracer:
    """Return the largest or smallest element, and no less or more than an initial value."""
    x = lift(a)
    if initial is None:
        require_elements(x, some_axes(axis, x.ndim, x), op)
    _require_number(op, initial)
    x = _chosen(op, x, choice, initial)
    if x.expr.dtype is DType.BOOL:
        return reduced("any" if op == "max" else "all", x, axis, keepdims, DType.BOOL)
    if initial is None:
        return reduced(op, x, axis, keepdims, x.expr.dtype)
    # With the initial value as one more element, nothing at all has an extreme, too.
    axes = some_axes(axis, x.ndim, x)
    if len(axes) != 1:
        rest = [k for k in range(x.ndim) if k not in axes]
        moved = RULES["transpose"](x, (*rest, *axes))
        flat = RULES["reshape"](moved, (*(x.shape[k] for k in rest), -1))
        found = _extreme(op, flat, -1, False, initial)
        return RULES["expand_dims"](found, axes) if keepdims else found
    more = tuple(1 if k in axes else n for k, n in enumerate(x.shape))
    given = RULES["broadcast_to"](initial, more)
    if x.expr.dtype.is_float:
        given = RULES["astype"](given, x.expr.dtype.numpy_name)  # it never widens the elements
    whole = RULES["concatenate"]([given, x], axis=axes[0])
    return reduced(op, whole, axis, keepdims, whole.expr.dtype)


@rule("max", "amax")
def max_(
    a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None,
    where: Any = True,
) -> Tracer:  # fmt: skip
    """Return the largest element."""
    refuse_keywords("max", {"out": out}, out=None)
    return _extreme("max", a, axis, keepdims, initial, where)


@rule("min", "amin")
def min_(
    a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None,
    where: Any = True,
) -> Tracer:  # fmt: skip
    """Return the smallest element."""
    refuse_keywords("min", {"out": out}, out=None)
    return _extreme("min", a, axis, keepdims, initial, where)


@rule("ptp")
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    """Return the largest element less the smallest."""
    refuse_keywords("ptp", {"out": out}, out=None)
    return RULES["subtract"](_extreme("max", a, axis, keepdims), _extreme("min", a, axis, keepdims))


@rule("any")
def any_(
    a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = True
) -> Tracer:
    """Return whether any element is true."""
    refuse_keywords("any", {"out": out}, out=None)
    return reduced("any", _chosen("any", _truth(a), where, False), axis, keepdims, DType.BOOL)


@rule("all")
def all_(
    a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = True
) -> Tracer:
    """Return whether all elements are true."""
    refuse_keywords("all", {"out": out}, out=None)
    return reduced("all", _chosen("all", _truth(a), where, True), axis, keepdims, DType.BOOL)


def _truth(a: Any) -> Tracer:
    """Return whether elements are true."""
    frame = current()
    return Tracer(cast(frame.expr(lift(a).expr), DType.BOOL))


def _arg(op: str, a: Any, axis: Any, keepdims: bool) -> Tracer:
    """Return the index of the first largest or smallest element."""
    x = lift(a)
    flat = RULES["ravel"](x) if axis is None else x
    number = 0 if axis is None else one_axis(axis, x.ndim, x)
    require_elements(flat, (number,), op)
    dtype = DType.I64 if x.expr.dtype is DType.BOOL else x.expr.dtype
    found = reduced(op, flat, number, keepdims and axis is not None, dtype)
    if keepdims and axis is None:
        found = RULES["reshape"](found, (1,) * x.ndim)
    return Tracer(current().expr(found.expr))


@rule("argmax")
def argmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Tracer:
    """Return the index of the first largest element."""
    refuse_keywords("argmax", {"out": out}, out=None)
    return _arg("argmax", a, axis, keepdims)


@rule("argmin")
def argmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Tracer:
    """Return the index of the first smallest element."""
    refuse_keywords("argmin", {"out": out}, out=None)
    return _arg("argmin", a, axis, keepdims)


@rule("count_nonzero")
def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Tracer:
    """Return how many elements are not zero."""
    frame = current()
    x = lift(a)
    truth = Tracer(cast(frame.expr(x.expr), DType.BOOL))
    return reduced("sum", truth, axis, keepdims, DType.I64)


@rule("average")
def average(
    a: Any, axis: Any = None, weights: Any = None, *, keepdims: bool = False, **_: Any
) -> Any:
    """Return the weighted mean."""
    refuse_keywords("average", _, returned=False)
    if weights is None:
        return mean(a, axis, keepdims=keepdims)
    x, w = lift(a), lift(weights)
    if x.ndim != w.ndim or (axis is None and x.shape != w.shape):
        if w.ndim != 1 or axis is None:
            raise ShapeError(
                f"the weights {describe(w)} do not fit {describe(x)}{where()}: give weights of the "
                "same shape, or a vector with axis="
            )
        place = one_axis(axis, x.ndim, x)
        w = RULES["reshape"](w, tuple(-1 if k == place else 1 for k in range(x.ndim)))
        w = RULES["broadcast_to"](w, x.shape)
    total = sum_(w, axis, keepdims=keepdims)
    return RULES["divide"](sum_(RULES["multiply"](x, w), axis, keepdims=keepdims), total)


def folded_or_same(op: str, x: Any, axis: Any, keepdims: bool | None) -> Tracer:
    """Return logsumexp, softmax or log_softmax of floats; `keepdims` None keeps the shape."""
    value = as_float(x)
    if keepdims is not None:
        require_elements(value, some_axes(axis, value.ndim, value), op)
        return reduced(op, value, axis, keepdims, value.expr.dtype)
    frame: Frame = current()
    frame.mark()
    axes = some_axes(axis, value.ndim, value)
    found = frame.builder.apply(OPS[op], (frame.expr(value.expr),), {"axes": axes})
    return Tracer(found, value.weak)


@rule("special.logsumexp")
def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, **_: Any) -> Any:
    """Return log Σ b exp(a)."""
    refuse_keywords("logsumexp", _, return_sign=False)
    if b is not None:
        weight = lift(b)
        a = RULES["add"](a, RULES["log"](weight))
    return folded_or_same("logsumexp", a, axis, keepdims)


@rule("special.softmax")
def softmax(x: Any, axis: Any = None) -> Tracer:
    """Return exp(x) over its sum."""
    return folded_or_same("softmax", x, axis, None)


@rule("special.log_softmax")
def log_softmax(x: Any, axis: Any = None) -> Tracer:
    """Return the logarithm of the softmax."""
    return folded_or_same("log_softmax", x, axis, None)
