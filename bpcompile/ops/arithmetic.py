"""Declare arithmetic: what every derivative rule is written in, and the functions of integers.

All of these take integers too, except ``div`` and ``reciprocal``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bpcompile.ir.op import NONZERO2, REAL, REAL2, Domain, Level, Op, call, infix, pattern, prefix
from bpcompile.ops import meaning
from bpcompile.ops.elementwise import elementwise, latex_call, numbers

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr

add = elementwise(
    "add",
    np.add,
    (lambda *_: 1, lambda *_: 1),
    infix("+", Level.ADD),
    infer=numbers,
    latex="{0} + {1}",
    domain=REAL2,
    commutative=True,
    finite=True,
    linear=(0, 1),
    doc="The sum.",
)
sub = elementwise(
    "sub",
    np.subtract,
    (lambda *_: 1, lambda *_: -1),
    infix("-", Level.ADD),
    infer=numbers,
    latex="{0} - {1}",
    domain=REAL2,
    finite=True,
    linear=(0, 1),
    doc="The difference.",
)
mul = elementwise(
    "mul",
    np.multiply,
    (lambda _, a, b: b, lambda _, a, b: a),
    infix("*", Level.MULTIPLY),
    infer=numbers,
    math=infix("", Level.MULTIPLY),
    latex="{0} {1}",
    domain=REAL2,
    commutative=True,
    doc="The product.",
)
div = elementwise(
    "div",
    np.divide,
    # -(x/y)/y: the square of y would under- or overflow where the quotient does not.
    (lambda y, a, b: 1 / b, lambda y, a, b: -y / b),
    infix("/", Level.MULTIPLY),
    latex="\\frac{{{0}}}{{{1}}}",
    domain=NONZERO2,
    cost=4.0,
    doc="The quotient.",
)
neg = elementwise(
    "neg",
    np.negative,
    (lambda *_: -1,),
    prefix("-", Level.NEGATE),
    infer=numbers,
    latex="-{0}",
    domain=REAL,
    finite=True,
    linear=(0,),
    doc="The negative.",
)
square = elementwise(
    "square",
    np.square,
    (lambda _, x: 2 * x,),
    pattern("{0} * {0}", Level.MULTIPLY, Level.POWER),
    call("np.square"),
    infer=numbers,
    math=pattern("{0}²", Level.POWER, Level.ATOM),
    latex="{0}^2",
    domain=REAL,
    doc="The square.",
)
reciprocal = elementwise(
    "reciprocal",
    np.reciprocal,
    (lambda y, _: -(y * y),),
    expand=lambda x: 1 / x,
    math=pattern("1/{0}", Level.MULTIPLY, Level.NEGATE),
    latex="\\frac{{1}}{{{0}}}",
    domain=Domain(((0.3, 2.0),)),
    cost=4.0,
    doc="The reciprocal.",
)
abs_ = elementwise(
    "abs",
    np.abs,
    (lambda _, x: sign(x),),
    call("abs"),
    call("np.abs"),
    infer=numbers,
    math=pattern("|{0}|", Level.ATOM, Level.CONDITION),
    latex="\\left|{0}\\right|",
    domain=REAL,
    finite=True,
    doc="The absolute value; its derivative at 0 is 0, of all subgradients the least.",
)
sign: Op = elementwise(
    "sign",
    np.sign,
    None,
    call("np.sign"),
    infer=numbers,
    math=call("sign"),
    latex=latex_call("\\operatorname{sgn}"),
    domain=REAL,
    doc="-1, 0 or 1.",
)
copysign: Op = elementwise(
    "copysign",
    meaning.copysign,
    (lambda _, a, b: sign(a) * copysign(b.builder.const(1, b.type), b), None),
    call("math.copysign", 2),
    call("np.copysign", 2),
    domain=REAL2,
    finite=True,
    doc="The magnitude of the first operand with the sign of the second.",
)
floor = elementwise(
    "floor",
    np.floor,
    None,
    call("np.floor"),
    math=pattern("⌊{0}⌋", Level.ATOM, Level.CONDITION),
    latex="\\lfloor {0} \\rfloor",
    domain=REAL,
    doc="The largest integer that is not above.",
)
ceil = elementwise(
    "ceil",
    np.ceil,
    None,
    call("np.ceil"),
    math=pattern("⌈{0}⌉", Level.ATOM, Level.CONDITION),
    latex="\\lceil {0} \\rceil",
    domain=REAL,
    doc="The smallest integer that is not below.",
)
rint = elementwise(
    "rint",
    np.rint,
    None,
    call("np.rint"),
    math=call("rint"),
    domain=REAL,
    doc="The nearest integer, the even one of two.",
)
trunc = elementwise(
    "trunc",
    np.trunc,
    None,
    call("np.trunc"),
    math=call("trunc"),
    domain=REAL,
    doc="The integer part.",
)
floor_divide = elementwise(
    "floor_divide",
    np.floor_divide,
    None,
    infix("//", Level.MULTIPLY),
    infer=numbers,
    math=pattern("⌊{0} / {1}⌋", Level.ATOM, Level.MULTIPLY, Level.NEGATE),
    latex="\\left\\lfloor \\frac{{{0}}}{{{1}}} \\right\\rfloor",
    domain=NONZERO2,
    cost=8.0,
    doc="The floor of the quotient.",
)
remainder = elementwise(
    "remainder",
    meaning.remainder,
    (lambda *_: 1, lambda _, a, b: -floor_divide(a, b)),
    infix("%", Level.MULTIPLY),
    infer=numbers,
    math=infix("mod", Level.MULTIPLY),
    latex="{0} \\bmod {1}",
    domain=NONZERO2,
    cost=8.0,
    doc="The remainder of ``floor_divide``, with the sign of the divisor.",
)


def _quotient_of_fmod(y: Expr, a: Expr, b: Expr) -> Expr:
    """Return the integer q of a = q b + y, which a rounded a/b could miss by one."""
    return rint((a - y) / b)


fmod = elementwise(
    "fmod",
    meaning.fmod,
    (lambda *_: 1, lambda y, a, b: -_quotient_of_fmod(y, a, b)),
    call("np.fmod", 2),
    math=call("fmod", 2),
    domain=NONZERO2,
    cost=8.0,
    doc="The remainder of the truncated quotient, with the sign of the dividend.",
)
