"""Declare the neighbour of a float in some direction, and the distance to one.

The next float is the operand but for a step that is constant between powers of two: its derivative
is that of the operand, and that of the distance is zero.
"""

from __future__ import annotations

import math

import numpy as np

from bpcompile.ir.op import REAL, REAL2, Op, call
from bpcompile.ops import meaning
from bpcompile.ops.choice import select
from bpcompile.ops.elementwise import elementwise

nextafter: Op = elementwise(
    "nextafter",
    meaning.nextafter,
    (lambda *_: 1, None),
    call("np.nextafter", 2),
    domain=REAL2,
    finite=True,
    doc="The next float towards the second operand.",
)
spacing: Op = elementwise(
    "spacing",
    np.spacing,
    None,
    expand=lambda x: (
        nextafter(x, select(x < 0.0, x.builder.const(-math.inf, x.type), math.inf)) - x
    ),
    domain=REAL,
    cost=3.0,
    doc="What the next float away from 0 is more than the operand.",
)
