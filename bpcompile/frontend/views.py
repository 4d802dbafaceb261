"""Keep track of which tracers NumPy would let share memory.

Values of a graph never share any. But ``y = x[1:]; y += 1`` changes `x` in NumPy, so an in-place
operation asks here whether some other live tracer would see it.
"""

from __future__ import annotations

import weakref

from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.build import Expr


def view_of(source: Tracer, expr: Expr) -> Tracer:
    """Return the tracer of a value that in NumPy is a view of `source`."""
    view = Tracer(expr, source.weak and not expr.shape)
    if not source.ndim or not expr.shape:
        return view  # NumPy's scalars are copies
    if source.family is None:
        source.family = weakref.WeakSet((source,))
    source.family.add(view)
    view.family = source.family
    return view
