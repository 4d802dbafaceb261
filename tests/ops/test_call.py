"""Calls of functions with a rule: what their regions must be."""

from __future__ import annotations

import pytest

from bpcompile.errors import CompileError
from bpcompile.ir.build import Builder
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS
from bpcompile.ir.type import f64, i64
from bpcompile.ops.call import float_results


def region(types, make):
    builder = Builder("region")
    return builder.finish(make(*(builder.param(f"x{k}", type) for k, type in enumerate(types))))


SCALAR = f64[()]
PRIMAL = region([SCALAR], lambda x: (x * x,))
FORWARD = region([SCALAR], lambda x: (x * x, x))
BACKWARD = region([SCALAR, SCALAR, SCALAR], lambda x, kept, bar: (2.0 * kept * bar,))
TANGENT = region([SCALAR, SCALAR], lambda x, dot: (x * x, 2.0 * x * dot))


def call(op, type=SCALAR, **attrs):
    builder = Builder("f")
    x = builder.param("x", type)
    found = OPS[op](x, primal=PRIMAL, name="square", **attrs)
    return builder.finish(found.items())


def test_the_value_is_that_of_the_function():
    graph = call("custom_vjp", forward=FORWARD, backward=BACKWARD, given=(0,))
    assert interpret(graph, [3.0])[0] == 9.0
    assert interpret(call("custom_jvp", tangent=TANGENT, given=(0,)), [3.0])[0] == 9.0
    mixed = region([SCALAR], lambda x: (x.builder.const(1, i64[()]), x))
    assert float_results(mixed) == [1]


@pytest.mark.parametrize(
    ("op", "attrs"),
    [
        ("custom_vjp", {"forward": PRIMAL, "backward": BACKWARD, "given": (0,)}),
        ("custom_vjp", {"forward": FORWARD, "backward": TANGENT, "given": (0,)}),
        ("custom_vjp", {"forward": FORWARD, "backward": BACKWARD, "given": ()}),
        ("custom_jvp", {"tangent": PRIMAL, "given": (0,)}),
        ("custom_jvp", {"tangent": TANGENT, "given": ()}),
        ("custom_jvp", {"type": i64[()], "given": (0,)}),
    ],
)
def test_regions_must_fit(op, attrs):
    with pytest.raises(CompileError):
        call(op, **attrs)
