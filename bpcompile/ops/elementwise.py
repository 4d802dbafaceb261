"""Give elementwise ops their form: type rules, and a short way to declare one.

All operands of an elementwise op have the same shape; the frontend writes broadcasts out. An op
with `expand` is rewritten in terms of others after the adjoint pass, so that its value and its
partials, written in the same intermediates, share them.

`latex`, like the patterns of `Text`, is a format string over the operands.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bpcompile.errors import CompileError, NotDifferentiableError
from bpcompile.ir.dims import Size
from bpcompile.ir.op import Derivative, Domain, Kind, Op, Partial, Text, call, declare
from bpcompile.ir.type import DType, Type

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr


_BOOL = DType.BOOL  # Python 3.11 takes 0.2 us to look a member up, and this is asked at each node


def alike(*types: Type) -> Type:
    """Return the one type that all operands have, of any dtype."""
    first = types[0]
    for other in types[1:]:
        if other is not first and (other.shape != first.shape or other.dtype is not first.dtype):
            raise _refusal(types, "alike")
    return _one(first.dtype, first.shape) if first.weak else first


@functools.lru_cache(maxsize=4096)
def _one(dtype: DType, shape: tuple[Size, ...]) -> Type:
    """Return the type, the same object each time, since types are compared at each node."""
    return Type(dtype, shape)


def numbers(*types: Type) -> Type:
    """Return the one type that all operands have: floats or integers."""
    if types[0].dtype is _BOOL:
        raise _refusal(types, "numbers")
    return alike(*types)


def floats(*types: Type) -> Type:
    """Return the one type that all operands have: floats."""
    if not types[0].dtype.is_float:
        raise _refusal(types, "floats")
    return alike(*types)


def truths(*types: Type) -> Type:
    """Return the one type that all operands have: bool."""
    if types[0].dtype is not DType.BOOL:
        raise _refusal(types, "bool")
    return alike(*types)


def truth_of(*types: Type) -> Type:
    """Return the bool type of the operands' shape."""
    return _one(DType.BOOL, alike(*types).shape)


def _refusal(types: tuple[Type, ...], wanted: str) -> CompileError:
    """Return the error for operands of the wrong types."""
    return CompileError(f"elementwise op: {', '.join(map(str, types))} must be {wanted}")


def constant_value(x: Expr) -> float | None:
    """Return the number that a constant is everywhere, or None."""
    return float(x.node.attrs["value"]) if x.node.op.name == "const" else None


def is_single(x: Expr) -> bool:
    """Tell whether the elements are float32."""
    return x.dtype is DType.F32


def elementwise(
    name: str,
    evaluate: Callable[..., Any],
    partials: tuple[Partial | None, ...] | None = None,
    numba: Text | None = None,
    numpy: Text | None = None,
    *,
    domain: Domain,
    infer: Callable[..., Type] = floats,
    vjp: Callable[..., tuple[Any, ...]] | None = None,
    mask: Callable[..., tuple[Any, ...]] | None = None,
    expand: Callable[..., Expr] | None = None,
    vector: Text | None = None,
    math: Text | None = None,
    latex: str | None = None,
    finite: bool = False,
    linear: tuple[int, ...] = (),
    commutative: bool = False,
    cost: float = 1.0,
    doc: str = "",
) -> Op:
    """Declare an elementwise op.

    Without `partials` and `vjp` its derivative is zero everywhere. Without `expand` it has the
    text `numba`, and `numpy` where that names a function. Its notation is by default its operator,
    or a call by its name.
    """
    zero: Derivative | None = "zero" if partials is None and vjp is None else None
    count = len(domain.intervals)
    return declare(
        Op(
            name,
            Kind.ELEMENTWISE,
            infer=infer,
            evaluate=evaluate,
            partials=partials,
            vjp=vjp,
            derivative=zero,
            mask=mask,
            finite=finite,
            linear=linear,
            expand=expand,
            numba=numba,
            numpy=numpy or numba,
            vector=vector,
            math=math or _notation(name, numba, count),
            latex=latex or latex_call(f"\\operatorname{{{name}}}", count),
            domain=domain,
            commutative=commutative,
            cost=cost,
            doc=doc,
        )
    )


def by_helper(name: str, operands: int = 1) -> tuple[Text, Text]:
    """Return the texts of an op, for Numba and NumPy, whose emitted helper takes numbers."""
    return call(name, operands), call(f"_each({name})", operands)


@dataclass(frozen=True, slots=True)
class NoClosedForm:
    """Stand for a partial that has no closed form, of a function and argument by SciPy's names."""

    function: str
    argument: str

    def __call__(self, y: Expr, *_: Expr) -> Expr:
        """Refuse to differentiate in this argument.

        Raises `NotDifferentiableError`.
        """
        origin = y.node.origin
        at = f" at {origin}" if origin else ""
        raise NotDifferentiableError(
            f"{self.function}{at} has no derivative in closed form in its argument "
            f"{self.argument}: wrap that in bp.stop_gradient, or differentiate in others only"
        )


def _notation(name: str, numba: Text | None, count: int) -> Text:
    """Return how formulas show an op: as its operator where it has one, else as a call."""
    is_operator = numba is not None and "(" not in numba.pattern
    return numba if numba is not None and is_operator else call(name, count)


def latex_call(function: str, operands: int = 1) -> str:
    """Return the LaTeX pattern of a function call, its brackets as large as what they hold."""
    name = function.replace("{", "{{").replace("}", "}}")
    places = ", ".join(f"{{{k}}}" for k in range(operands))
    return f"{name}\\left({places}\\right)"
