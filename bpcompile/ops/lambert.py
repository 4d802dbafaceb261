"""Declare the two real branches of Lambert's function, the w with w exp(w) = x.

The derivative is w/(x (1 + w)). Near the branch point -1/e, where both branches are -1, the sum
cancels: it is an op of its own, computed from x there.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bpcompile.ir.op import Domain, Op, call
from bpcompile.ops import meaning
from bpcompile.ops.choice import equal, select
from bpcompile.ops.elementwise import elementwise, latex_call

if TYPE_CHECKING:
    from bpcompile.ir.build import Expr


def _branch(
    which: str, symbol: str, sub: str, at_zero: float, domain: Domain, gaps: Domain
) -> tuple[Op, Op]:
    """Declare a branch with its slope at 0, and what is 1 more than the branch."""
    gap = elementwise(
        f"lambertw_gap_{which}",
        lambda x, w: 1 + w,
        (None, lambda y, x, w: 1.0),
        call(f"_lambertw_gap_{which}", 2),
        math=call(f"1 + {symbol}", 2),
        domain=gaps,
        cost=30.0,
        doc=f"1 + w for w = {symbol}(x), without cancellation near -1/e.",
    )

    def slope(w: Expr, x: Expr) -> Expr:
        """Return w/(1 + w)/x, which has a limit at 0."""
        return select(equal(x, 0.0), at_zero, w / gap(x, w) / x)

    branch = elementwise(
        f"lambertw_{which}",
        getattr(meaning, f"lambertw_{which}"),
        (slope,),
        call(f"_lambertw_{which}"),
        math=call(symbol),
        latex=latex_call(f"W_{{{sub}}}"),
        domain=domain,
        cost=100.0,
        doc=f"The branch {symbol} of Lambert's function, `scipy.special.lambertw(x, {sub})`.",
    )
    return gap, branch


lambertw_gap_upper, lambertw_upper = _branch(
    "upper", "W0", "0", 1.0, Domain(((-0.3, 3.0),)), Domain(((0.5, 2.0), (0.3, 0.8)))
)
lambertw_gap_lower, lambertw_lower = _branch(
    "lower",
    "W-1",
    "-1",
    -math.inf,
    Domain(((-0.35, -0.05),)),
    Domain(((-0.25, -0.05), (-4.0, -2.0))),
)
