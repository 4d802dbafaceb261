"""Apply elementwise operations as NumPy does: promote, broadcast, then one op of the table.

The dtypes of a ufunc's loop are NumPy's own answer (`ufunc.resolve_dtypes`), so promotion is
NumPy 2's by construction. Broadcasts are written into the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from bpcompile.errors import ShapeError, TypeMismatchError
from bpcompile.frontend.lift import lift, lift_all
from bpcompile.frontend.origins import quoted, where
from bpcompile.frontend.session import Frame, current
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.build import Expr
from bpcompile.ir.dims import Size
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type
from bpcompile.ops.shape import broadcast_to as op_broadcast_to
from bpcompile.ops.shape import reshaped

_NUMPY = {dtype: np.dtype(dtype.numpy_name) for dtype in DType}
_WEAK: dict[DType, Any] = {DType.F64: float, DType.I64: int}
_OURS = {"d": DType.F64, "f": DType.F32, "?": DType.BOOL, "e": DType.F64, "g": DType.F64}

Loop = tuple[tuple[DType, ...], DType]
_loops: dict[Any, Loop] = {}


def loop_of(ufunc: np.ufunc, args: Sequence[Tracer]) -> Loop:
    """Return the dtypes that NumPy converts operands to, and that of the result.

    Raises `TypeMismatchError` where NumPy has no loop for these operands.
    """
    key = (ufunc, *((arg.expr.dtype, arg.weak) for arg in args))
    found = _loops.get(key)
    if found is None:
        given = [_as_numpy_sees(arg) for arg in args]
        try:
            dtypes = ufunc.resolve_dtypes((*given, *[None] * ufunc.nout))
        except TypeError:
            operands = " and ".join(describe(arg) for arg in args)
            raise TypeMismatchError(
                f"np.{ufunc.__name__} does not take {operands}{where()}: convert with "
                ".astype(float) or .astype(bool) first"
            ) from None
        ours = tuple(_OURS.get(dtype.char, DType.I64) for dtype in dtypes)
        found = _loops[key] = (ours[: ufunc.nin], ours[ufunc.nin])
    return found


def _as_numpy_sees(arg: Tracer) -> Any:
    """Return the dtype of a value, or the Python type of a weak number."""
    dtype = arg.expr.dtype
    return _WEAK.get(dtype, _NUMPY[dtype]) if arg.weak else _NUMPY[dtype]


def promoted(args: Sequence[Tracer]) -> DType:
    """Return the dtype that NumPy promotes these values to."""
    if len(args) == 1:
        return args[0].expr.dtype
    strong = [arg for arg in args if not arg.weak] or list(args)
    dtype = np.result_type(*(_NUMPY[arg.expr.dtype] for arg in strong))
    for arg in args:
        if arg.weak and arg.expr.dtype is DType.F64 and dtype.kind in "biu":
            dtype = np.dtype(np.float64)
        elif arg.weak and dtype.kind == "b":
            dtype = np.dtype(np.int64)
    return _OURS.get(dtype.char, DType.I64)


def cast(value: Expr, dtype: DType) -> Expr:
    """Return a value in another dtype; a constant stays one."""
    if value.dtype is dtype:
        return value
    node = value.node
    if node.op.name == "const":
        return value.builder.const(node.attrs["value"], value.type.with_dtype(dtype))
    return OPS["astype"](value, dtype=dtype)


def common_shape(
    shapes: Iterable[tuple[Size, ...]], explain: Callable[[], str]
) -> tuple[Size, ...]:
    """Return the shape that shapes broadcast to, by NumPy's rule.

    Raises `ShapeError` with the text of `explain` where they do not fit.
    """
    result: tuple[Size, ...] = ()
    for shape in shapes:
        if shape == result:
            continue
        if len(shape) > len(result):
            shape, result = result, shape
        if not shape:
            continue
        merged = list(result)
        offset = len(result) - len(shape)
        for axis, size in enumerate(shape):
            merged[offset + axis] = _common_length(merged[offset + axis], size, explain)
        result = tuple(merged)
    return result


def _common_length(left: Size, right: Size, explain: Callable[[], str]) -> Size:
    """Return the length that two lengths broadcast to."""
    sizes = current().session.sizes
    left, right = sizes.resolve(left), sizes.resolve(right)
    if left == right or right == 1:
        return left
    if left == 1:
        return right
    a, b = sizes.value(left), sizes.value(right)
    if a != b and 1 in (a, b):
        # A length such as n - 1 that is 1 in the example: it broadcasts, and is 1 from now on.
        sizes.equal(left if a == 1 else right, 1)
        return sizes.resolve(right if a == 1 else left)
    try:
        if sizes.equal(left, right):
            return sizes.resolve(left)
    except ShapeError as error:
        raise ShapeError(f"{explain()}: {error}") from None
    raise ShapeError(f"{explain()}: {_lengths(left, a)} does not fit {_lengths(right, b)}")


def _lengths(size: Size, value: int | None) -> str:
    """Return a length with its value in the example."""
    return str(size) if isinstance(size, int) or value is None else f"{size} = {value}"


def explain_operands(args: Sequence[Tracer]) -> Callable[[], str]:
    """Return what writes the beginning of a message about shapes that do not fit."""

    def text() -> str:
        expression = quoted()
        subject = f"`{expression}`" if expression else "an operation"
        operands = ", ".join(describe_operand(arg) for arg in args)
        return f"the shapes in {subject}{where()} do not fit together, of {operands}"

    return text


def describe_operand(value: Tracer) -> str:
    """Return a value's name and type, without the text of the whole expression."""
    node = value.expr.node
    while node.name is None and node.op.name in ("reshape", "broadcast"):
        node = node.args[0]
    return f"`{node.name}` ({value.type})" if node.name else str(value.type)


def broadcast(value: Expr, shape: tuple[Size, ...]) -> Expr:
    """Return a value repeated to a shape that it broadcasts to."""
    own = value.shape
    if own == shape:
        return value
    if value.node.op.name == "const":
        return value.builder.const(value.node.attrs["value"], value.type.with_shape(shape))
    offset = len(shape) - len(own)
    kept = [k for k, size in enumerate(own) if size != 1 or shape[offset + k] == 1]
    narrowed = reshaped(value, tuple(own[k] for k in kept))
    return op_broadcast_to(narrowed, shape, tuple(offset + k for k in kept))


def counting(like: Expr | Frame, shape: tuple[Size, ...], axis: int = 0) -> Expr:
    """Return the index along an axis at each place of a shape, as i64."""
    attrs = {"shape": shape, "axis": axis}
    return like.builder.node(OPS["iota"], (), attrs, Type(DType.I64, shape))


def under_shape(value: Expr, shape: tuple[Size, ...]) -> Expr:
    """Return a value's elements under another shape; a constant stays one."""
    if value.node.op.name == "const":
        return value.builder.const(value.node.attrs["value"], value.type.with_shape(shape))
    return reshaped(value, shape)


def broadcast_all(frame: Frame, args: Sequence[Tracer]) -> list[Expr]:
    """Return values repeated to their common shape."""
    explain = explain_operands(args)
    shape = common_shape((arg.sizes for arg in args), explain)
    shape = frame.session.sizes.resolve_shape(shape)
    return [broadcast(frame.expr(arg.expr), shape) for arg in args]


def elementwise(op: str, values: Sequence[Any], loop: Callable[[Sequence[Tracer]], Loop]) -> Tracer:
    """Return what an op of the table makes of values, each index by itself."""
    args = lift_all(values)
    frame = current()
    dtypes, result = loop(args)
    frame.mark()
    exprs = broadcast_all(frame, args)
    exprs = [cast(expr, dtype) for expr, dtype in zip(exprs, dtypes, strict=True)]
    found = cast(frame.builder.apply(OPS[op], exprs, {}), result)
    return Tracer(found, weak_result(args, found))


def weak_result(args: Sequence[Tracer], result: Expr) -> bool:
    """Tell whether the result of an operation is weak: where all its operands are."""
    return not result.shape and all(arg.weak for arg in args) and result.dtype is not DType.BOOL


def float_loop(args: Sequence[Tracer]) -> Loop:
    """Return the dtypes of a function of floats, as `np.exp` or `np.logaddexp` have them."""
    if len(args) > 2:  # NumPy has no such ufunc
        dtype = promoted(args)
        dtype = dtype if dtype.is_float else DType.F64
        return (dtype,) * len(args), dtype
    return loop_of(np.exp if len(args) == 1 else np.logaddexp, args)


def as_float(value: Any) -> Tracer:
    """Return a value in the float dtype that a function of floats would give it."""
    tracer = lift(value)
    frame = current()
    frame.mark()
    _, dtype = loop_of(np.exp, [tracer])
    return Tracer(cast(frame.expr(tracer.expr), dtype), tracer.weak)


def as_floats(*values: Any) -> list[Tracer]:
    """Return operands in the one float dtype that they are promoted to, none of them weak."""
    args = lift_all(values)
    dtype = promoted(args)
    if not dtype.is_float:
        return [as_float(arg) for arg in args]
    frame = current()
    frame.mark()
    return [Tracer(cast(frame.expr(arg.expr), dtype)) for arg in args]


def constant_like(value: Tracer, number: float, dtype: DType | None = None) -> Tracer:
    """Return a rank-0 constant in the dtype of a value."""
    frame = current()
    return Tracer(frame.const(number, Type(dtype or value.expr.dtype)), weak=True)
