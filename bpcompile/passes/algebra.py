"""Simplify by identities that hold for every IEEE number, bit by bit.

x · 1 is x, and x - 0 is x, but x + 0 is not (it turns -0.0 into 0.0), 0 · x is not 0 (x may be inf
or NaN), and (x · a) · b is not x · (a b): such rules are not here. The sign of a NaN is no part of
its value. Rules about how values are arranged are in `views`.

`COTANGENT` is for sums that the adjoint pass wrote: a constant zero among its terms is a place that
nothing reaches, and whether -0.0 or 0.0 stands there means nothing.
"""

from __future__ import annotations

import math
from typing import Any

from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.type import DType
from bpcompile.passes.rewrite import Rewriter, Rules, Table, for_operands, number, rewrite


def _is(node: Node, op: str) -> bool:
    """Tell whether a node is an operation of this name."""
    return node.op.name == op


def _is_zero(node: Node, sign: float) -> bool:
    """Tell whether a node is the constant zero of this sign, or an integer zero."""
    value = number(node)
    return value == 0 and (type(value) is int or math.copysign(1.0, value) == sign)


def _constant(build: Rewriter, value: Any, like: Node) -> Node:
    """Return a constant of the type of a node."""
    return build.const(value, like.array_type).node


# Sums and differences


@for_operands("const")
def add_zero(y: Node, _build: Rewriter) -> Node | None:
    """Write x + (-0) as x."""
    a, b = y.args
    return a if _is_zero(b, -1.0) else b if _is_zero(a, -1.0) else None


@for_operands("neg")
def add_negative(y: Node, build: Rewriter) -> Node | None:
    """Write a + (-b) as a - b."""
    a, b = y.args
    if _is(b, "neg"):
        return build("sub", a, b.args[0])
    return build("sub", b, a.args[0]) if _is(a, "neg") else None


@for_operands("const")
def subtract_zero(y: Node, _build: Rewriter) -> Node | None:
    """Write x - 0 as x."""
    a, b = y.args
    return a if _is_zero(b, 1.0) else None


@for_operands("neg")
def subtract_negative(y: Node, build: Rewriter) -> Node | None:
    """Write a - (-b) as a + b."""
    a, b = y.args
    return build("add", a, b.args[0]) if _is(b, "neg") else None


@for_operands("const")
def add_nothing(y: Node, build: Rewriter) -> Node | None:
    """Write 0 + g as g, g - 0 as g and 0 - g as -g in a sum of cotangents."""
    if y.origin is None or y.origin.adjoint_of is None:
        return None
    a, b = y.args
    if number(b) == 0:
        return a
    if number(a) != 0:
        return None
    return b if _is(y, "add") else build("neg", b)


# Products and quotients


@for_operands("const")
def times_one(y: Node, build: Rewriter) -> Node | None:
    """Write x · 1 as x, and x · (-1) as -x."""
    a, b = y.args
    for one, x in ((a, b), (b, a)):
        if one.op.name == "const":
            if number(one) == 1:
                return x
            if number(one) == -1:
                return build("neg", x)
    return None


def times_itself(y: Node, build: Rewriter) -> Node | None:
    """Write x x as x²: one operand, so one contribution to the derivative."""
    a, b = y.args
    return build("square", a) if a is b else None


@for_operands("neg")
def times_negative(y: Node, build: Rewriter) -> Node | None:
    """Write (-a)(-b) as a b, (-a) c as a (-c) for a constant c, and (-a) b as -(a b)."""
    a, b = y.args
    if not _is(a, "neg"):
        a, b = b, a
        if not _is(a, "neg"):
            return None
    if _is(b, "neg"):
        return build("mul", a.args[0], b.args[0])
    if number(b) is not None:
        return build("mul", a.args[0], _constant(build, -number(b), b))
    return build("neg", build("mul", a.args[0], b))


@for_operands("const")
def over_power_of_two(y: Node, build: Rewriter) -> Node | None:
    """Write x / 2ᵏ as x · 2⁻ᵏ, which covers x / 1."""
    x, value = y.args[0], number(y.args[1])
    if type(value) is not float or not math.isfinite(value) or value == 0:
        return None
    mantissa, exponent = math.frexp(value)
    if abs(mantissa) != 0.5 or abs(exponent) > 120:
        return None
    return build("mul", x, _constant(build, 1 / value, x))


@for_operands("neg")
def over_negative(y: Node, build: Rewriter) -> Node | None:
    """Write (-a) / (-b) as a / b, and (-a) / b and a / (-b) as -(a / b)."""
    a, b = y.args
    if not (_is(a, "neg") or _is(b, "neg")):
        return None
    top = a.args[0] if _is(a, "neg") else a
    bottom = b.args[0] if _is(b, "neg") else b
    quotient = build("div", top, bottom)
    return quotient if _is(a, "neg") and _is(b, "neg") else build("neg", quotient)


@for_operands("neg", "mul", "div")
def negative_of(y: Node, build: Rewriter) -> Node | None:
    """Write -(-x) as x, and the sign of a product or quotient into its constant factor."""
    (x,) = y.args
    if _is(x, "neg"):
        return x.args[0]
    if x.op.name in ("mul", "div"):
        for k, factor in enumerate(x.args):
            if number(factor) is not None:
                args = list(x.args)
                args[k] = _constant(build, -number(factor), factor)
                return build(x.op.name, *args)
    return None


@for_operands("neg", "abs", "mul", "div")
def without_sign(y: Node, build: Rewriter) -> Node | None:
    """Drop the sign of an operand and of its constant factor: abs(-x) is abs(x), (-x)² is x²."""
    (x,) = y.args
    if _is(x, "neg"):
        return build(y.op.name, x.args[0])
    if _is(x, "abs"):
        return x if _is(y, "abs") else build(y.op.name, x.args[0])
    if x.op.name in ("mul", "div"):
        for k, factor in enumerate(x.args):
            value = number(factor)
            if value is not None and value < 0:
                args = list(x.args)
                args[k] = _constant(build, -value, factor)
                return build(y.op.name, build(x.op.name, *args))
    return None


# Conditions


def select_known(y: Node, _build: Rewriter) -> Node | None:
    """Choose where the condition is known, or where the choices are one."""
    where, a, b = y.args
    if a is b:
        return a
    known = number(where)
    return None if known is None else a if known else b


@for_operands("logical_not")
def select_not(y: Node, build: Rewriter) -> Node | None:
    """Write select(not c, a, b) as select(c, b, a)."""
    where, a, b = y.args
    return build("select", where.args[0], b, a) if _is(where, "logical_not") else None


@for_operands("select")
def select_again(y: Node, build: Rewriter) -> Node | None:
    """Decide a choice inside a choice by the same condition."""
    where, a, b = y.args
    first = a.args[1] if _is(a, "select") and a.args[0] is where else a
    second = b.args[2] if _is(b, "select") and b.args[0] is where else b
    return None if first is a and second is b else build("select", where, first, second)


def not_of(y: Node, build: Rewriter) -> Node | None:
    """Negate a negation, equal and not_equal; not `<`, which is no `>=` where there is NaN."""
    (x,) = y.args
    if _is(x, "logical_not"):
        return x.args[0]
    opposite = {"equal": "not_equal", "not_equal": "equal"}.get(x.op.name)
    return build(opposite, *x.args) if opposite else None


def and_known(y: Node, _build: Rewriter) -> Node | None:
    """Write c and True as c, c and False as False, c and c as c."""
    return _joined(y, neutral=True)


def or_known(y: Node, _build: Rewriter) -> Node | None:
    """Write c or False as c, c or True as True, c or c as c."""
    return _joined(y, neutral=False)


def _joined(y: Node, *, neutral: bool) -> Node | None:
    """Return the operand that decides a conjunction or disjunction, if one does."""
    a, b = y.args
    if a is b or number(a) is (not neutral) or number(b) is neutral:
        return a
    return b if number(a) is neutral or number(b) is (not neutral) else None


def extreme_of_one(y: Node, _build: Rewriter) -> Node | None:
    """Write the larger or smaller of x and x as x."""
    return y.args[0] if y.args[0] is y.args[1] else None


# Conversions


def convert_back(y: Node, _build: Rewriter) -> Node | None:
    """Drop a conversion to the same dtype, or back from one that holds every value."""
    (x,) = y.args
    dtype = y.attrs["dtype"]
    if x.array_type.dtype is dtype:
        return x
    if not _is(x, "astype") or x.args[0].array_type.dtype is not dtype:
        return None
    wider = {DType.F32: (DType.F64,), DType.BOOL: (DType.I64, DType.F32, DType.F64)}
    return x.args[0] if x.array_type.dtype in wider.get(dtype, ()) else None


ALGEBRA: Table = {
    "add": (add_zero, add_negative),
    "sub": (subtract_zero, subtract_negative),
    "mul": (times_one, times_negative, times_itself),
    "div": (over_power_of_two, over_negative),
    "neg": (negative_of,),
    "abs": (without_sign,),
    "square": (without_sign,),
    "select": (select_known, select_not, select_again),
    "logical_not": (not_of,),
    "logical_and": (and_known,),
    "logical_or": (or_known,),
    "maximum": (extreme_of_one,),
    "minimum": (extreme_of_one,),
    "astype": (convert_back,),
}
COTANGENT: Table = {"add": (add_nothing,), "sub": (add_nothing,)}
_RULES = Rules(ALGEBRA)


def apply_algebra(graph: Graph) -> Graph:
    """Return the graph simplified by exact identities."""
    return rewrite(graph, _RULES)
