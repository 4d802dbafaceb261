"""Declare ``argsort``, on which sorting, medians and quantiles are built by gathering."""

from __future__ import annotations

from typing import Any

import numpy as np

from bpcompile.errors import CompileError
from bpcompile.ir.dims import Size
from bpcompile.ir.op import Kind, Op, Routine, declare
from bpcompile.ir.type import DType, Type


def _infer_argsort(x: Type) -> Type:
    """Return the type of the places: whole numbers."""
    if not x.rank:
        raise CompileError(f"argsort of {x}")
    return Type(DType.I64, x.shape)


def _argsort(x: Any) -> Any:
    """Return the places along the last axis in ascending order; an imaginary part is no key."""
    return np.argsort(np.real(x), axis=-1, kind="stable")


def _work(shape: tuple[Size, ...]) -> Size:
    """Return about n log n additions, with the logarithm of a usual length."""
    return 20 * shape[0]


argsort = declare(
    Op(
        "argsort",
        Kind.ROUTINE,
        infer=_infer_argsort,
        evaluate=_argsort,
        derivative="zero",
        routine=Routine(
            "_argsort", lambda: 'np.argsort({0}, axis=-1, kind="stable")', (1,), (1,), work=_work
        ),
        cost=20.0,
        doc="The places of the elements along the last axis in ascending order, NaN last; stable.",
    )
)
