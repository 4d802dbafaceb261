"""Answer ufuncs: those of NumPy and `scipy.special` whose op is in the table, and a few more.

The names come from the op table: an elementwise op that bears the name of a ufunc is its rule.
`_OTHER_NAMES` has the few that differ. What is no op is written in ops here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bpcompile.errors import CompileError, TypeMismatchError, UnsupportedError
from bpcompile.frontend.elementwise import (
    Loop,
    as_float,
    elementwise,
    float_loop,
    loop_of,
)
from bpcompile.frontend.flow.mutation import ask_for_traced
from bpcompile.frontend.lift import copied, lift, lift_all
from bpcompile.frontend.origins import where
from bpcompile.frontend.quick import Plan, key_of, quick, remember
from bpcompile.frontend.registry import RULES, refuse_keywords, rule, unsupported
from bpcompile.frontend.tracer import Tracer, describe
from bpcompile.ir.op import OPS, Kind
from bpcompile.ir.type import DType

_OTHER_NAMES = {
    "subtract": "sub",
    "multiply": "mul",
    "divide": "div",
    "negative": "neg",
    "absolute": "abs",
    "fabs": "abs",
    "float_power": "power",
}
# scipy.special's names for ops that are called otherwise.
_SCIPY_NAMES = {"expit": "sigmoid", "log_expit": "log_sigmoid"}
# What arithmetic on two bools is, since NumPy keeps them bool.
_ON_BOOL = {
    "add": "logical_or",
    "multiply": "logical_and",
    "maximum": "logical_or",
    "minimum": "logical_and",
    "bitwise_and": "logical_and",
    "bitwise_or": "logical_or",
    "bitwise_xor": "logical_xor",
    "invert": "logical_not",
}
_TRUTHS = frozenset({"logical_and", "logical_or", "logical_xor", "logical_not"})
# On ints these are the operand itself.
_WHOLE_ALREADY = frozenset({"floor", "ceil", "trunc"})


def _truth_loop(args: Sequence[Tracer]) -> Loop:
    """Return the dtypes of a logical function, which takes anything for its truth."""
    return (DType.BOOL,) * len(args), DType.BOOL


def apply_ufunc(name: str, *values: Any) -> Tracer:
    """Return what NumPy's ufunc of this name makes of values."""
    key = key_of(name, values)
    known = quick(key, values)
    if known is not None:
        return known
    ufunc: np.ufunc = getattr(np, name)
    args = lift_all(values)
    if len(args) != ufunc.nin:
        raise TypeMismatchError(f"np.{name} takes {ufunc.nin} operands, not {len(args)}{where()}")
    if name in _TRUTHS:
        return elementwise(name, args, _truth_loop)
    dtypes, result = loop_of(ufunc, args)
    if set(dtypes) == {DType.BOOL} and name in _ON_BOOL:
        return elementwise(_ON_BOOL[name], args, _truth_loop)
    if name in _WHOLE_ALREADY and not dtypes[0].is_float:
        return args[0]
    op = _OTHER_NAMES.get(name, name)
    if op not in OPS:
        raise unsupported(name)
    try:
        found = elementwise(op, args, lambda given: loop_of(ufunc, given))
    except CompileError:
        if all(dtype.is_float for dtype in dtypes):
            raise
        operands = " and ".join(describe(arg) for arg in args)
        raise TypeMismatchError(
            f"np.{name} is known for floats only, not for {operands}{where()}: convert with "
            ".astype(float) first"
        ) from None
    weak = all(arg.weak for arg in args) and result is not DType.BOOL
    remember(key, values, Plan(OPS[op], dtypes, result, weak))
    return found


def _bound(name: str) -> Callable[..., Tracer]:
    """Return the rule of a ufunc of NumPy."""

    def answer(*values: Any, **keywords: Any) -> Tracer:
        if keywords:
            refuse_keywords(name, keywords, out=None, where=True)
        return apply_ufunc(name, *values)

    answer.__name__ = name
    return answer


def _bound_float(name: str, op: str) -> Callable[..., Tracer]:
    """Return the rule of a function of floats that NumPy does not have."""

    def answer(*values: Any, **keywords: Any) -> Tracer:
        if keywords:
            refuse_keywords(name, keywords, out=None, where=True)
        return elementwise(op, values, float_loop)

    answer.__name__ = name
    return answer


def _enter_table() -> None:
    """Enter a rule for each elementwise op that a ufunc of NumPy or SciPy stands for."""
    for name, value in vars(np).items():
        if isinstance(value, np.ufunc) and value.__name__ == name and value.nout == 1:
            op = _OTHER_NAMES.get(name, name)
            if (op in OPS and OPS[op].kind is Kind.ELEMENTWISE) or name in _ON_BOOL:
                RULES[name] = _bound(name)
    scipy_names = {op: name for name, op in _SCIPY_NAMES.items()}
    ours = {*RULES, *_OTHER_NAMES.values(), "astype", "select"}
    for name, op_form in OPS.items():
        if op_form.kind is Kind.ELEMENTWISE and name not in ours and op_form.domain is not None:
            public = scipy_names.get(name, name)
            RULES[f"special.{public}"] = _bound_float(public, name)


_enter_table()
RULES["sinc"] = RULES["special.sinc"]  # which is no ufunc


@rule("positive")
def positive(x: Any) -> Tracer:
    """Return the operand."""
    tracer = lift(x)
    loop_of(np.positive, [tracer])
    return copied(tracer)


@rule("divmod")
def divmod_(x: Any, y: Any) -> tuple[Tracer, Tracer]:
    """Return quotient and remainder."""
    return apply_ufunc("floor_divide", x, y), apply_ufunc("remainder", x, y)


def _scaled(factor: float) -> Callable[[Any], Tracer]:
    """Return the rule that multiplies floats by a number."""

    def answer(x: Any) -> Tracer:
        """Return the operand in the other unit."""
        return apply_ufunc("multiply", as_float(x), factor)

    return answer


for _name in ("deg2rad", "radians"):
    RULES[_name] = _scaled(np.pi / 180)
for _name in ("rad2deg", "degrees"):
    RULES[_name] = _scaled(180 / np.pi)


def _rule_name(ufunc: np.ufunc) -> str | None:
    """Return the name under which a ufunc's rule stands, or None."""
    name = ufunc.__name__
    if getattr(np, name, None) is ufunc:
        return name if name in RULES else None
    special = sys.modules.get("scipy.special")
    if name == "_lambertw":  # what the function lambertw calls
        return "special._lambertw"
    if special is not None and getattr(special, name, None) is ufunc:
        for candidate in (f"special.{name}", name):
            if candidate in RULES:
                return candidate
    return None


_REDUCTIONS = {
    "add": "sum",
    "multiply": "prod",
    "maximum": "max",
    "minimum": "min",
    "logical_and": "all",
    "logical_or": "any",
}


@rule("__array_ufunc__")
def array_ufunc(
    ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], keywords: dict[str, Any]
) -> Any:
    """Answer NumPy's ufunc protocol."""
    name = ufunc.__name__
    out = keywords.pop("out", None)
    if out is not None and any(o is not None for o in out):
        if len(out) == 1 and isinstance(out[0], Tracer) and out[0].ndim:
            value = array_ufunc(ufunc, method, inputs, keywords)
            if np.can_cast(value.dtype, out[0].dtype, "same_kind"):
                RULES["__setitem__"](out[0], ..., value)
                return out[0]
        message = (
            f"np.{name} with out=, or an operator such as += on a NumPy array, cannot take these "
            f"traced values{where()}: write `a = a + x` in place of `a += x`"
        )
        for target in out:
            if isinstance(target, np.ndarray):
                ask_for_traced(target, message)
        raise UnsupportedError(message)
    if method == "reduce" and name in _REDUCTIONS:
        keywords.setdefault("axis", 0)
        return RULES[_REDUCTIONS[name]](*inputs, **keywords)
    if method == "at":
        return RULES["__at__"](name, *inputs)
    if method == "outer" and len(inputs) == 2:
        return _outer(ufunc, *inputs)
    if method != "__call__":
        raise UnsupportedError(
            f"np.{name}.{method} is not known for traced values{where()}: call np.{name} or a "
            "reduction such as np.sum"
        )
    found = _rule_name(ufunc)
    if found is None:
        module = "np" if getattr(np, name, None) is ufunc else "scipy.special"
        raise unsupported(name, module)
    refuse_keywords(name, keywords, where=True, casting="same_kind", order="K", subok=True)
    return RULES[found](*inputs)


def _outer(ufunc: np.ufunc, left: Any, right: Any) -> Any:
    """Answer `ufunc.outer`: the left operand's axes, then the right one's."""
    a, b = lift(left), lift(right)
    spread = RULES["__getitem__"](a, (..., *[None] * b.ndim))
    return array_ufunc(ufunc, "__call__", (spread, b), {})
