"""Declare arithmetic, comparison, logic and choice: the ops that every derivative rule is written in.

All operands of an elementwise op have the same shape; the frontend writes broadcasts out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bpcompile.errors import CompileError
from bpcompile.ir.op import (
    NONZERO2,
    REAL,
    REAL2,
    Domain,
    Kind,
    Level,
    Op,
    Partial,
    Text,
    call,
    declare,
    infix,
    pattern,
    prefix,
)
from bpcompile.ir.types import DType, Type


def _same(*types: Type, **_: Any) -> Type:
    """Return the one type that all operands have."""
    first = types[0]
    for other in types[1:]:
        if other.shape != first.shape or other.dtype is not first.dtype:
            raise CompileError(f"an elementwise op on {', '.join(map(str, types))}")
    return Type(first.dtype, first.shape)


def _truth(*types: Type) -> Type:
    """Return the bool type of the operands' shape."""
    return _same(*types).with_dtype(DType.BOOL)


def elementwise(
    name: str,
    evaluate: Any,
    partials: tuple[Partial | None, ...] | None,
    numba: Text,
    numpy: Text | None = None,
    **rest: Any,
) -> Op:
    """Declare an elementwise op on operands of one float dtype.

    Without `partials` its derivative is zero everywhere. `numpy` is `numba`'s text where that
    names no function.
    """
    return declare(
        Op(
            name,
            Kind.ELEMENTWISE,
            infer=rest.pop("infer", _same),
            evaluate=evaluate,
            partials=partials,
            derivative=None if partials is not None else "zero",
            numba=numba,
            numpy=numpy or numba,
            math=rest.pop("math", numpy or numba),
            **rest,
        )
    )


add = elementwise(
    "add",
    np.add,
    (lambda y, a, b: 1, lambda y, a, b: 1),
    infix("+", Level.ADD),
    domain=REAL2,
    commutative=True,
    finite=True,
    linear=(0, 1),
)
sub = elementwise(
    "sub",
    np.subtract,
    (lambda y, a, b: 1, lambda y, a, b: -1),
    infix("-", Level.ADD),
    domain=REAL2,
    finite=True,
    linear=(0, 1),
)
mul = elementwise(
    "mul",
    np.multiply,
    (lambda y, a, b: b, lambda y, a, b: a),
    infix("*", Level.MULTIPLY),
    math=infix("", Level.MULTIPLY),
    domain=REAL2,
    commutative=True,
)
div = elementwise(
    "div",
    np.divide,
    (lambda y, a, b: 1 / b, lambda y, a, b: -y / b),
    infix("/", Level.MULTIPLY),
    domain=NONZERO2,
    cost=4.0,
)
neg = elementwise(
    "neg",
    np.negative,
    (lambda y, x: -1,),
    prefix("-", Level.NEGATE),
    domain=REAL,
    finite=True,
    linear=(0,),
)
exp = elementwise(
    "exp", np.exp, (lambda y, x: y,), call("math.exp"), call("np.exp"), math=call("exp"), domain=REAL, cost=12.0
)
log = elementwise(
    "log",
    np.log,
    (lambda y, x: 1 / x,),
    call("math.log"),
    call("np.log"),
    math=call("log"),
    domain=Domain(((0.1, 3.0),)),
    cost=12.0,
)


def _compare(name: str, function: Any, symbol: str) -> Op:
    """Declare a comparison."""
    return elementwise(
        name, function, None, infix(symbol, Level.COMPARE), infer=_truth, domain=REAL2
    )


less = _compare("less", np.less, "<")
less_equal = _compare("less_equal", np.less_equal, "<=")
greater = _compare("greater", np.greater, ">")
greater_equal = _compare("greater_equal", np.greater_equal, ">=")
equal = _compare("equal", np.equal, "==")
not_equal = _compare("not_equal", np.not_equal, "!=")

logical_and = elementwise(
    "logical_and", np.logical_and, None, infix("and", Level.AND), infix("&", Level.BIT_AND)
)
logical_or = elementwise(
    "logical_or", np.logical_or, None, infix("or", Level.OR), infix("|", Level.BIT_OR)
)
logical_not = elementwise(
    "logical_not", np.logical_not, None, prefix("not ", Level.NOT), prefix("~", Level.NEGATE)
)


def _infer_select(where: Type, a: Type, b: Type) -> Type:
    """Return the type of both choices."""
    if where.dtype is not DType.BOOL or where.shape != a.shape:
        raise CompileError(f"select by {where} among {a} and {b}")
    return _same(a, b)


select = declare(
    Op(
        "select",
        Kind.ELEMENTWISE,
        infer=_infer_select,
        evaluate=np.where,
        vjp=lambda g, y, where, a, b: (None, select(where, g, 0.0), select(where, 0.0, g)),
        mask=lambda active, where, a, b: (
            None,
            where if active is None else active & where,
            ~where if active is None else active & ~where,
        ),
        linear=(1, 2),
        numba=pattern(
            "{1} if {0} else {2}", Level.CONDITION, Level.OR, Level.OR, Level.CONDITION
        ),
        numpy=call("np.where", 3),
        math=pattern("{1} if {0} else {2}", Level.CONDITION, Level.OR, Level.OR, Level.CONDITION),
        doc="The second operand where the first is true, else the third.",
    )
)


def _infer_astype(x: Type, *, dtype: DType) -> Type:
    """Return the operand's type with another dtype."""
    return x.with_dtype(dtype)


astype = declare(
    Op(
        "astype",
        Kind.ELEMENTWISE,
        infer=_infer_astype,
        evaluate=lambda x, dtype: np.asarray(x).astype(dtype),
        vjp=lambda g, y, x, dtype: (astype(g, dtype=x.dtype),) if x.dtype.is_float else (None,),
        mask=lambda where, x, dtype: (where,),
        linear=(0,),
        doc="The operand converted to `dtype`; its text is the printer's.",
    )
)
