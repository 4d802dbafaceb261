"""Declare comparisons, logic, and choices among operands: select, maximum, minimum, clip, relu.

A choice gives its losers a structural zero: their cotangent is masked, so that a branch that is
not taken contributes nothing, whatever its partials are there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bpcompile.errors import CompileError
from bpcompile.ir.op import (
    REAL,
    REAL2,
    Domain,
    Kind,
    Level,
    Op,
    Text,
    call,
    declare,
    infix,
    pattern,
    prefix,
)
from bpcompile.ir.type import DType, Type
from bpcompile.ops import meaning
from bpcompile.ops.elementwise import (
    alike,
    elementwise,
    latex_call,
    numbers,
    truth_of,
    truths,
)

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr

Masks = tuple["Expr | None", ...]


def _compare(name: str, function: Any, symbol: str, notation: str, latex: str) -> Op:
    """Declare a comparison."""
    return elementwise(
        name,
        function,
        None,
        infix(symbol, Level.COMPARE),
        infer=truth_of,
        math=infix(notation, Level.COMPARE),
        latex=f"{{0}} {latex} {{1}}",
        domain=REAL2,
        commutative=name in ("equal", "not_equal"),
        doc=f"Where the operands are {notation}.",
    )


less = _compare("less", np.less, "<", "<", "<")
less_equal = _compare("less_equal", np.less_equal, "<=", "<=", "\\le")
greater = _compare("greater", np.greater, ">", ">", ">")
greater_equal = _compare("greater_equal", np.greater_equal, ">=", ">=", "\\ge")
equal = _compare("equal", np.equal, "==", "==", "=")
not_equal = _compare("not_equal", np.not_equal, "!=", "!=", "\\ne")

_TRUTH = Domain(((0.0, 1.0),))
_TRUTH2 = Domain(((0.0, 1.0), (0.0, 1.0)))

logical_and = elementwise(
    "logical_and",
    np.logical_and,
    None,
    infix("and", Level.AND),
    infix("&", Level.BIT_AND),
    infer=truths,
    math=infix("and", Level.AND),
    latex="{0} \\land {1}",
    domain=_TRUTH2,
    commutative=True,
    doc="Whether both are true.",
)
logical_or = elementwise(
    "logical_or",
    np.logical_or,
    None,
    infix("or", Level.OR),
    infix("|", Level.BIT_OR),
    infer=truths,
    math=infix("or", Level.OR),
    latex="{0} \\lor {1}",
    domain=_TRUTH2,
    commutative=True,
    doc="Whether either is true.",
)
logical_xor = elementwise(
    "logical_xor",
    np.logical_xor,
    None,
    infix("!=", Level.COMPARE),
    infer=truths,
    math=infix("xor", Level.COMPARE),
    latex="{0} \\oplus {1}",
    domain=_TRUTH2,
    commutative=True,
    doc="Whether exactly one is true.",
)
logical_not = elementwise(
    "logical_not",
    np.logical_not,
    None,
    prefix("not ", Level.NOT),
    call("np.logical_not"),  # `~` of a Python bool is an integer
    infer=truths,
    math=prefix("not ", Level.NOT),
    latex="\\lnot {0}",
    domain=_TRUTH,
    doc="Whether the operand is false.",
)


def _classify(name: str, function: Any, doc: str) -> Op:
    """Declare a question about a float."""
    return elementwise(
        name,
        function,
        None,
        call(f"math.{name}"),
        call(f"np.{name}"),
        infer=truth_of,
        math=call(name),
        domain=REAL,
        doc=doc,
    )


isnan = _classify("isnan", np.isnan, "Whether the operand is NaN.")
isinf = _classify("isinf", np.isinf, "Whether the operand is infinite.")
isfinite = _classify("isfinite", np.isfinite, "Whether the operand is neither infinite nor NaN.")


def narrowed(where: Expr | None, chosen: Expr) -> Expr:
    """Return the places of a mask where a choice holds."""
    return chosen if where is None else where & chosen


def _infer_select(where: Type, a: Type, b: Type) -> Type:
    """Return the type of both choices."""
    if where.dtype is not DType.BOOL or where.shape != a.shape:
        raise CompileError(f"select by {where} among {a} and {b}")
    return alike(a, b)


_IF = pattern("{1} if {0} else {2}", Level.CONDITION, Level.OR, Level.OR, Level.CONDITION)

select: Op = declare(
    Op(
        "select",
        Kind.ELEMENTWISE,
        infer=_infer_select,
        evaluate=np.where,
        vjp=lambda g, y, where, a, b: (None, select(where, g, 0.0), select(where, 0.0, g)),
        mask=lambda active, where, a, b: (None, narrowed(active, where), narrowed(active, ~where)),
        linear=(1, 2),
        numba=_IF,
        numpy=call("np.where", 3),
        math=_IF,
        latex=(
            "\\begin{{cases}} {1} & \\text{{if }} {0} \\\\ {2} & \\text{{otherwise}} \\end{{cases}}"
        ),
        domain=Domain(((0.0, 1.0), (-2.0, 2.0), (-2.0, 2.0))),
        doc="The second operand where the first is true, else the third.",
    )
)


def _shared(g: Expr, wins: Expr, ties: Expr) -> Expr:
    """Return the part of a cotangent that goes to one of two operands: all, half or nothing."""
    return select(wins, g, select(ties, 0.5 * g, 0.0))


def _extreme(name: str, function: Any, numba: Text, beats: Op, ties: Op) -> Op:
    """Declare the larger or smaller of two operands."""
    return elementwise(
        name,
        function,
        None,
        numba,
        infer=numbers,
        math=call(name.removesuffix("imum"), 2),
        latex=latex_call(f"\\{name.removesuffix('imum')}", 2),
        vjp=lambda g, y, a, b: (
            _shared(g, beats(a, b), equal(a, b)),
            _shared(g, beats(b, a), equal(a, b)),
        ),
        mask=lambda where, a, b: (narrowed(where, ties(a, b)), narrowed(where, ties(b, a))),
        domain=Domain(REAL2.intervals, ties=False),
        commutative=True,
        doc=f"The {name} of two values, NaN where one is NaN; at a tie both get half.",
    )


maximum = _extreme("maximum", meaning.maximum, call("np.maximum", 2), greater, greater_equal)
minimum = _extreme("minimum", meaning.minimum, call("np.minimum", 2), less, less_equal)


def _clip_choices(x: Expr, low: Expr, high: Expr) -> tuple[Expr, Expr]:
    """Return where x itself is the result, and where `high` is; elsewhere `low` is."""
    return (x >= low) & (x <= high), maximum(x, low) > high


def _clip_vjp(g: Expr, y: Expr, x: Expr, low: Expr, high: Expr) -> tuple[Expr, ...]:
    """Hand the cotangent to the operand that is the result; a bound belongs to the inside."""
    inside, above = _clip_choices(x, low, high)
    return (
        select(inside, g, 0.0),
        select(inside | above, 0.0, g),
        select(~inside & above, g, 0.0),
    )


def _clip_mask(where: Expr | None, x: Expr, low: Expr, high: Expr) -> Masks:
    """Activate the operand that is the result."""
    inside, above = _clip_choices(x, low, high)
    return (
        narrowed(where, inside),
        narrowed(where, ~(inside | above)),
        narrowed(where, ~inside & above),
    )


clip = elementwise(
    "clip",
    meaning.clip,
    infer=numbers,
    vjp=_clip_vjp,
    mask=_clip_mask,
    expand=lambda x, low, high: minimum(maximum(x, low), high),
    domain=Domain(((-2.0, 2.0), (-1.0, -0.5), (0.5, 1.0))),
    cost=2.0,
    doc="The first operand kept between the second and the third; at a bound its derivative is 1.",
)

relu = elementwise(
    "relu",
    meaning.relu,
    vjp=lambda g, y, x: (select(x <= 0.0, 0.0, g),),
    mask=lambda where, x: (narrowed(where, ~(x <= 0.0)),),
    expand=lambda x: select(x <= 0.0, 0.0, x),  # so that NaN stays NaN
    infer=numbers,
    domain=REAL,
    doc="The positive part, max(0, x); its derivative at 0 is 0.",
)


def _infer_astype(x: Type, *, dtype: DType) -> Type:
    """Return the operand's type with another dtype."""
    return x.with_dtype(dtype)


astype: Op = declare(
    Op(
        "astype",
        Kind.ELEMENTWISE,
        infer=_infer_astype,
        evaluate=lambda x, dtype: np.asarray(x).astype(dtype),
        vjp=lambda g, y, x, dtype: (astype(g, dtype=x.dtype),) if x.dtype.is_float else (None,),
        mask=lambda where, x, dtype: (where,),
        linear=(0,),
        domain=REAL,
        doc="The operand converted to `dtype`; its text is the printer's.",
    )
)

stop_gradient = elementwise(
    "stop_gradient",
    lambda x: x,
    None,
    pattern("{0}", Level.CONDITION, Level.CONDITION),
    infer=alike,
    expand=lambda x: x,
    math=pattern("{0}", Level.CONDITION, Level.CONDITION),
    latex="{0}",
    domain=REAL,
    doc="The operand itself, taken as a constant by every derivative.",
)
