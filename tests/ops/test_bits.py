"""Operations on bits: what they take, and that their derivative is zero."""

from __future__ import annotations

import pytest

from bpcompile.errors import CompileError
from bpcompile.ir.build import Builder
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS
from bpcompile.ir.type import f64, i64
from tests.ops.support import BITS


def test_values():
    builder = Builder("f")
    x, y = builder.param("x", i64[()]), builder.param("y", i64[()])
    names = sorted(BITS)
    graph = builder.finish([OPS[name](x, y) for name in names])
    found = [int(value) for value in interpret(graph, [13, 2])]
    assert dict(zip(names, found, strict=True)) == {
        "bit_and": 0, "bit_or": 15, "bit_xor": 15, "shift_left": 52, "shift_right": 3,
    }  # fmt: skip
    assert all(OPS[name].derivative == "zero" for name in names)


def test_floats_are_refused():
    builder = Builder("f")
    x = builder.param("x", f64[()])
    with pytest.raises(CompileError, match="must be ints"):
        OPS["bit_and"](x, x)
