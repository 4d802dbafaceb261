"""Stand in for an array while a function is traced: `Tracer` records what is done to it.

A tracer has the operators, attributes and methods of a NumPy array. Each appends to the graph of
the current frame and gives another tracer; the meaning of each is a rule of `frontend.registry`.
What needs a value, such as `if x > 0` or `float(x)`, is a `TraceError` that says what to write.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, NoReturn

import numpy as np

from bpcompile.errors import LimitError, TraceError, TypeMismatchError
from bpcompile.frontend.lengths.length import Length, length
from bpcompile.frontend.operators import BINARY, ArrayMethods, called
from bpcompile.frontend.origins import quoted, user_frame, where
from bpcompile.frontend.registry import apply, unsupported
from bpcompile.frontend.rewriting.rewritten import is_rewritten
from bpcompile.frontend.session import current, is_tracing
from bpcompile.ir.build import Expr
from bpcompile.ir.dims import Size, product
from bpcompile.ir.type import DType, Type

MOST_UNROLLED = 10_000


class View(NamedTuple):
    """Tell how a tracer shares the memory of another: how it is read from it and written to it."""

    source: Tracer
    read: Callable[[Expr], Expr]
    write: Callable[[Expr, Expr], Expr] | None


class Memory:
    """Tell with which tracers one shares its memory.

    `view` is how it is seen in another, and `views` are those seen in it. With those in `shares`
    it may share its memory, and which it is is known at run time only; so neither may be written to
    while the other is alive. Each is there with the reason; None is one that is always alive.
    """

    __slots__ = ("shares", "view", "views")

    def __init__(self, view: View | None = None) -> None:
        """Start without views."""
        self.view = view
        # By id, since a WeakSet would compare tracers, which is an operation of the graph.
        self.views: weakref.WeakValueDictionary[int, Tracer] = weakref.WeakValueDictionary()
        self.shares: list[tuple[weakref.ref[Tracer] | None, str]] = []


class Tracer(ArrayMethods):
    """Stand in for one value of the traced function.

    `expr` is the value in its graph. `weak` marks a rank-0 number that never widens what it meets,
    as a Python number in NumPy 2. `memory` is None where no other tracer shares its memory.
    """

    __slots__ = ("__weakref__", "expr", "memory", "weak")

    __array_priority__ = 1000

    def __init__(self, expr: Expr, weak: bool = False) -> None:
        """Hold the value."""
        self.expr = expr
        self.weak = weak
        self.memory: Memory | None = None

    # -- what NumPy asks -----------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        """Answer a ufunc of NumPy or SciPy."""
        return apply("__array_ufunc__", ufunc, method, inputs, keywords)

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        """Answer a function of NumPy."""
        return apply("__array_function__", function, args, keywords)

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        """Refuse to become an array."""
        raise TraceError(
            f"{describe(self)} cannot become a NumPy array{where()}, since its value is not known "
            f"while the function is traced: write bp.numpy.array or bp.numpy.asarray{_no_source()}"
        )

    # -- attributes ----------------------------------------------------------------------------

    @property
    def type(self) -> Type:
        """Return dtype and shape, under the lengths as they are known now."""
        type = self.expr.type
        sizes = current().session.sizes
        return type if sizes.settled else type.with_shape(sizes.resolve_shape(type.shape))

    @property
    def sizes(self) -> tuple[Size, ...]:
        """Return the shape in sizes."""
        return self.type.shape

    @property
    def shape(self) -> tuple[int | Length, ...]:
        """Return the length of each axis: an int where it is known."""
        return tuple(length(size) for size in self.sizes)

    @property
    def ndim(self) -> int:
        """Return the number of axes."""
        return len(self.expr.shape)

    @property
    def size(self) -> int | Length:
        """Return the number of elements."""
        return length(product(self.sizes))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the NumPy dtype."""
        return np.dtype(self.expr.dtype.numpy_name)

    @property
    def itemsize(self) -> int:
        """Return the bytes of an element."""
        return self.expr.dtype.itemsize

    @property
    def nbytes(self) -> int | Length:
        """Return the bytes of all elements."""
        return self.size * self.itemsize

    @property
    def T(self) -> Tracer:  # noqa: N802 - NumPy's name
        """Return the array with its axes reversed."""
        result: Tracer = apply("transpose", self)
        return result

    @property
    def mT(self) -> Tracer:  # noqa: N802 - NumPy's name
        """Return the array with its last two axes exchanged."""
        result: Tracer = apply("matrix_transpose", self)
        return result

    @property
    def real(self) -> Tracer:
        """Return the array itself: there are no complex ones."""
        return self

    @property
    def imag(self) -> Tracer:
        """Return zeros."""
        result: Tracer = apply("zeros_like", self)
        return result

    def __getattr__(self, name: str) -> NoReturn:
        """Refuse an attribute that arrays have and tracers do not."""
        if name.startswith("_") or not hasattr(np.ndarray, name):
            raise AttributeError(f"a traced array has no attribute {name!r}{where()}")
        raise unsupported(name, "ndarray")

    # -- parts ---------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Tracer:
        """Return the places that an index names."""
        result: Tracer = apply("__getitem__", self, index)
        return result

    def __setitem__(self, index: Any, value: Any) -> None:
        """Assign to places."""
        apply("__setitem__", self, index, value)

    def __len__(self) -> int:
        """Return the length of the first axis; from then on the graph is for this length."""
        return self._first_length()

    def _first_length(self) -> int:
        """Return the length of the first axis as an int."""
        if not self.ndim:
            raise TypeMismatchError(f"{describe(self)} is a scalar and has no length{where()}")
        return current().session.sizes.concrete(self.sizes[0])

    def __iter__(self) -> Iterator[Tracer]:
        """Iterate over the first axis, unrolled."""
        if not self.ndim:
            raise TypeMismatchError(f"{describe(self)} is a scalar: it cannot be iterated{where()}")
        count = self._first_length()
        if count > MOST_UNROLLED:
            raise LimitError(
                f"{describe(self)} would be unrolled into {count} steps{where()}: write bp.scan or "
                "bp.fori_loop"
            )
        return (self[k] for k in range(count))

    # -- what needs a value --------------------------------------------------------------------

    def _known(self) -> float | int | bool | None:
        """Return the value of a constant, or None."""
        node = self.expr.node
        if node.op.name == "const" and not node.shape:
            value: float | int | bool = node.attrs["value"]
            return value
        return None

    def __bool__(self) -> bool:
        """Return the truth of a constant; refuse that of any other value."""
        known = self._known()
        if known is not None:
            return bool(known)
        raise TraceError(
            f"the truth of {describe(self)} is not known while the function is traced{where()}: "
            "write np.where(condition, a, b), or name what decides it in static_argnames"
            f"{_no_source('bp.cond(condition, f, g, x) for `if`, bp.while_loop for `while`')}"
        )

    def __int__(self) -> int:
        """Return the value of a constant; refuse that of any other value."""
        return int(self._number("int", ".astype(int) to round towards zero"))

    def __float__(self) -> float:
        """Return the value of a constant; refuse that of any other value."""
        return float(self._number("float", "it without float(), or .astype(float)"))

    def __complex__(self) -> complex:
        """Return the value of a constant; refuse that of any other value."""
        return complex(self._number("complex", "real arithmetic"))

    def __index__(self) -> int:
        """Return the value of a constant int; refuse that of any other value."""
        known = self._known()
        if known is not None and self.expr.dtype is DType.I64:
            return int(known)
        raise TraceError(
            f"{describe(self)} is needed as a known int{where()}: name the argument that it comes "
            "from in static_argnames, or loop with bp.fori_loop"
        )

    def _number(self, kind: str, advice: str) -> float | int | bool:
        """Return the value of a constant, or raise."""
        known = self._known()
        if known is not None:
            return known
        text = (
            None if own_name(self) else quoted()
        )  # the call itself, where its operand has no name
        what = f"`{text}`" if text else f"{kind}() of {describe(self)}"
        raise TraceError(
            f"{what} needs its value, which is not known while the function "
            f"is traced{where()}: write {advice}, or name the argument that it comes from in "
            f"static_argnames{_no_source()}"
        )

    def __repr__(self) -> str:
        """Return what stands in for which value."""
        name = own_name(self)
        return f"Tracer({name + ': ' if name else ''}{self.expr.type})"

    def __str__(self) -> str:
        """Return the text of a constant; refuse that of any other value, in an f-string too.

        What debuggers and tracebacks show is `repr`, which is always there.
        """
        return str(self._shown())

    def __format__(self, spec: str) -> str:
        """Return the text of a constant as a format spec asks; refuse that of any other value."""
        return format(self._shown(), spec)

    def _shown(self) -> float | int | bool | str:
        """Return the value of a constant, or after its trace what a tracer stands for; or raise."""
        known = self._known()
        if known is not None:
            return known
        if not is_tracing():
            return repr(self)
        raise TraceError(
            f"the text of {describe(self)} needs its value, which is not known while the function "
            f"is traced{where()}: return the value and format it after the call, or write "
            "repr(...) for its type"
        )

    def __copy__(self) -> Tracer:
        """Return another tracer of the same value."""
        return Tracer(current().expr(self.expr), self.weak)

    def __deepcopy__(self, memo: Any) -> Tracer:
        """Return another tracer of the same value."""
        return Tracer(current().expr(self.expr), self.weak)

    def __reduce__(self) -> NoReturn:
        """Refuse to be stored."""
        raise TraceError(f"{describe(self)} cannot be pickled: it stands for a value of a trace")


def _no_source(
    advice: str = (
        "bp.numpy.sin(x) for math.sin(x), and likewise bp.numpy.maximum and bp.numpy.array for max "
        "and np.array"
    ),
) -> str:
    """Return what a message adds where the source could not be rewritten."""
    frame = user_frame()
    if frame is None or is_rewritten(frame.f_code):
        return ""
    return (
        "; the source of this function is not at hand, or is nested too deep for Python to compile "
        f"it again, so write {advice}"
    )


def own_name(value: Tracer) -> str | None:
    """Return the user's name for a value, or None."""
    node = value.expr.node
    while node.name is None and node.op.name == "reshape":
        node = node.args[0]
    return node.name


def describe(value: Tracer) -> str:
    """Return a value's name, or the text of the expression that runs, with its type."""
    text = own_name(value) or quoted()
    return f"{f'`{text}`' if text else 'a traced value'} ({value.expr.type})"


def _in_place(rule: str, symbol: str) -> Callable[[Tracer, Any], Tracer]:
    """Return the method of an operator such as `+=`."""

    def method(self: Tracer, other: Any) -> Tracer:
        result: Tracer = called(rule, self, other)
        if not self.ndim:
            return result
        if result.sizes != self.sizes:
            raise unfit_in_place(self, result, symbol)
        if result.expr.dtype is not self.expr.dtype:
            result = cast_in_place(self, result, symbol)
        apply("__assign__", self, result.expr)
        return self

    return method


def unfit_in_place(target: Tracer, result: Tracer, symbol: str) -> TypeMismatchError:
    """Return the error for an in-place operation that would change the shape."""
    name = own_name(target) or "x"
    return TypeMismatchError(
        f"{describe(target)} cannot take the result {result.type} of {symbol}{where()}: write "
        f"`{name} = {name} {symbol[:-1]} ...`"
    )


def cast_in_place(target: Tracer, result: Tracer, symbol: str) -> Tracer:
    """Return the result in the dtype of the array it is written to, where NumPy allows it."""
    if not np.can_cast(result.dtype, target.dtype, "same_kind"):
        raise unfit_in_place(target, result, symbol)
    cast: Tracer = apply("astype", result, target.dtype)
    return cast


for _name, (_rule, _symbol) in BINARY.items():
    setattr(Tracer, f"__i{_name}__", _in_place(_rule, _symbol))
