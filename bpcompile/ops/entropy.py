"""Declare entropies and divergences, and the product with log1p: entr, rel_entr, kl_div, xlog1py.

Each is what its limit is where a logarithm of 0 meets a factor 0. Their derivatives there are those
from inside the domain, as that of the square root is: -log(0) - 1 = inf for entr.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bpcompile.ir.op import POSITIVE, Domain, Level, Op, call, pattern
from bpcompile.ops import meaning
from bpcompile.ops.choice import equal, isnan, select
from bpcompile.ops.elementwise import elementwise
from bpcompile.ops.exponential import log, log1p

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr

_POSITIVE2 = Domain(((0.1, 3.0), (0.1, 3.0)))

log_ratio: Op = elementwise(
    "log_ratio",
    meaning.log_ratio,
    (lambda _, x, y: 1 / x, lambda _, x, y: -1 / y),
    call("_log_ratio", 2),
    math=pattern("log({0} / {1})", Level.ATOM, Level.MULTIPLY, Level.NEGATE),
    latex="\\log\\frac{{{0}}}{{{1}}}",
    domain=_POSITIVE2,
    cost=40.0,
    doc="The logarithm of a quotient, right where that is nearly 1 or overflows; inf at y = 0.",
)


def _expand_entr(x: Expr) -> Expr:
    """Return -x log(x), 0 at 0 and -inf below."""
    return select(x < 0.0, -math.inf, select(equal(x, 0.0), 0.0, -(x * log(x))))


entr = elementwise(
    "entr",
    meaning.entr,
    (lambda y, x: -1 - log(x),),
    expand=_expand_entr,
    domain=POSITIVE,
    cost=16.0,
    doc="The entropy -x log(x), 0 at 0 and -inf for a negative operand.",
)
rel_entr = elementwise(
    "rel_entr",
    meaning.rel_entr,
    (
        lambda _, x, y: 1 + log_ratio(x, y),
        lambda _, x, y: select(equal(x, 0.0), 0.0, -x / y),
    ),
    call("_rel_entr", 2),
    domain=_POSITIVE2,
    cost=45.0,
    doc="The relative entropy x log(x/y), 0 where x is 0 and inf outside of the first quadrant.",
)
kl_div = elementwise(
    "kl_div",
    meaning.kl_div,
    (
        lambda _, x, y: log_ratio(x, y),
        lambda _, x, y: select(equal(x, 0.0), 1.0, (y - x) / y),
    ),
    call("_kl_div", 2),
    domain=_POSITIVE2,
    cost=45.0,
    doc="The Kullback-Leibler divergence x log(x/y) - x + y, with the limits of rel_entr.",
)
xlog1py = elementwise(
    "xlog1py",
    meaning.xlog1py,
    (lambda _, x, y: log1p(y), lambda _, x, y: select(equal(x, 0.0), 0.0, x / (1 + y))),
    expand=lambda x, y: select(equal(x, 0.0) & ~isnan(y), 0.0, x * log1p(y)),
    math=pattern("{0} log1p({1})", Level.MULTIPLY, Level.MULTIPLY, Level.CONDITION),
    latex="{0} \\log\\left(1 + {1}\\right)",
    domain=Domain(((-2.0, 2.0), (-0.8, 2.0))),
    cost=18.0,
    doc="The first operand times log(1 + the second), 0 where the first is 0.",
)
