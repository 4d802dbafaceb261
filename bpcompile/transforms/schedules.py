"""Describe what a backward loop starts from, for those who read the graph."""

from __future__ import annotations

from typing import NamedTuple

from bpcompile.ir.attributes import record
from bpcompile.ir.dims import Size


@record
class Schedule(NamedTuple):
    """Say how the states of a loop are kept.

    `kind` is ``"stretch"``, ``"binomial"`` or ``"again"``. `steps` is the number of steps and -1
    where it is not known, `number` that of a stretch or of kept states (0 where it is not known),
    and `bytes` the size of the arrays that hold states.
    """

    kind: str
    steps: Size
    number: Size
    bytes: Size
