"""Declare erfcx, the error function's tail without its exponential, and log_ndtr, made of it.

The derivative of erfcx, 2 x erfcx(x) - 2/√π, is a difference of nearly equal terms for large x.
It is an op of its own, whose helper computes it as a quotient, and the tails of what erfcx makes
keep their relative precision.
"""

from __future__ import annotations

from bpcompile.ir.op import REAL, Domain, Op, call
from bpcompile.ops import meaning
from bpcompile.ops.elementwise import elementwise, latex_call

erfcx_slope = elementwise(
    "erfcx_slope",
    meaning.erfcx_slope,
    (lambda y, x: 2 * (erfcx(x) + x * y),),
    call("_erfcx_slope"),
    math=call("erfcx'"),
    latex=latex_call("\\operatorname{erfcx}'"),
    domain=REAL,
    cost=60.0,
    doc="The derivative of erfcx, 2 x erfcx(x) - 2/√π, without cancellation.",
)
erfcx: Op = elementwise(
    "erfcx",
    meaning.erfcx,
    (lambda y, x: erfcx_slope(x),),
    call("_erfcx"),
    math=call("erfcx"),
    domain=REAL,
    cost=60.0,
    doc="exp(x²) erfc(x), which neither over- nor underflows where x is positive.",
)
normal_hazard: Op = elementwise(
    "normal_hazard",
    meaning.normal_hazard,
    (lambda y, x: y * (y - x),),
    call("_normal_hazard"),
    latex="\\frac{{\\varphi}}{{1 - \\Phi}}\\left({0}\\right)",
    domain=Domain(((0.8, 5.0),)),
    cost=40.0,
    doc="φ(x)/(1 - Φ(x)) for x from 0.7 on.",
)
log_ndtr_slope = elementwise(
    "log_ndtr_slope",
    meaning.log_ndtr_slope,
    (lambda y, x: -y * (y + x),),
    call("_log_ndtr_slope"),
    math=call("(log Φ)'"),
    latex=latex_call("(\\log\\Phi)'"),
    domain=REAL,
    cost=130.0,
    doc="The derivative of log_ndtr, φ(x)/Φ(x), where neither underflows.",
)
log_ndtr = elementwise(
    "log_ndtr",
    meaning.log_ndtr,
    (lambda y, x: log_ndtr_slope(x),),
    call("_log_ndtr"),
    math=call("log Φ"),
    latex="\\log\\Phi\\left({0}\\right)",
    domain=REAL,
    cost=150.0,
    doc="The logarithm of the normal distribution's probability below x, right in both tails.",
)
