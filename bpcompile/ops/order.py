"""Declare ``argsort``, on which sorting, medians and quantiles are built by gathering."""

from __future__ import annotations

from typing import Any

import numpy as np

from bpcompile.errors import CompileError
from bpcompile.ir.dims import Size
from bpcompile.ir.op import Kind, Op, Routine, declare
from bpcompile.ir.type import DType, Type


def _infer_argsort(x: Type, *, axis: int) -> Type:
    """Return the type of the places: whole numbers."""
    if not 0 <= axis < x.rank:
        raise CompileError(f"argsort of {x} along axis {axis}")
    return Type(DType.I64, x.shape)


def _argsort(x: Any, axis: int) -> Any:
    """Return the places along an axis in ascending order; an imaginary part is no key."""
    return np.argsort(np.real(x), axis=axis, kind="stable")


def _text(*, axis: int) -> str:
    """Return the call in NumPy."""
    return f'np.argsort({{0}}, axis={axis}, kind="stable")'


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
        routine=Routine("_argsort", _text, (1,), (1,), work=_work, is_total=True),
        cost=20.0,
        doc="The places of the elements along `axis` in ascending order, NaN last; stable.",
    )
)


def _infer_searchsorted(table: Type, values: Type, *, right: bool) -> Type:
    """Return the type of the places: whole numbers."""
    if table.rank != 1 or values.rank != 1 or table.dtype is not values.dtype:
        raise CompileError(f"searchsorted of {values} in {table}")
    return Type(DType.I64, values.shape)


def _searchsorted(table: Any, values: Any, right: bool) -> Any:
    """Return the places of real values."""
    return np.searchsorted(np.real(table), np.real(values), "right" if right else "left")


searchsorted = declare(
    Op(
        "searchsorted",
        Kind.ROUTINE,
        infer=_infer_searchsorted,
        evaluate=_searchsorted,
        derivative="zero",
        routine=Routine(
            "_searchsorted",
            lambda right: f'np.searchsorted({{0}}, {{1}}, "{"right" if right else "left"}")',
            (1, 1),
            (1,),
            literals=("right",),
            work=_work,
            is_total=True,
        ),
        cost=20.0,
        doc="The places where values belong in a sorted vector, behind equals if `right`.",
    )
)
