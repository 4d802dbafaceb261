"""Printing from inside a model: in order, each time, once going forward."""

from __future__ import annotations

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.errors import ArgumentError, ShapeError, UnsupportedError
from bpcompile.passes.checks import settle
from tests.emit.running import emit
from tests.tracing import run, traced

PLAIN = {"target": "numpy", "cache": False}
X = np.array([0.5, 1.0, 2.0, 3.0])


def model(x, n):
    bp.debug_print("start n={} x0 is {}", n, x[0])
    s = x[0]
    y = np.sin(x) * 2.0
    for i in range(n):
        bp.debug_print("step {k} {}", s, k=i)
        if s > 1.0:
            bp.debug_print("big {}", s)
            s = s * 0.5
        else:
            s = s * 3.0 + x[i]
    bp.debug_print("between")
    while s < 20.0:
        s = s * s + 1.0
        bp.debug_print("while {}", s)
    bp.debug_print("end {} {} {} {!r:>5}", s, x.shape[0], s > 2.0, "a")
    return s + np.sum(y)


PRINTED = """\
start n= 3 x0 is 0.5
step 0 0.5
step 1 2.0
big 2.0
step 2 1.0
between
while 26.0
end 26.0 4 True   'a'
"""


@pytest.mark.parametrize("transform", [bp.compile, bp.grad, bp.value_and_grad])
def test_prints_once_in_order(transform, capsys):
    transform(model, **PLAIN)(X, 3)
    assert capsys.readouterr().out == PRINTED


def test_the_graph_means_the_same(capsys):
    found = traced(model, X, 3)
    run(found, X, 3)
    assert capsys.readouterr().out == PRINTED
    bp.jvp(model, **PLAIN)(X, 3, X)
    assert capsys.readouterr().out == PRINTED


def test_compiled(capsys):
    def printing(x):
        for _ in range(9):
            bp.debug_print("x={}", x)
            x = x * 0.5
        bp.debug_print("{} is {}, {}", "x", x, x > 1.0)
        bp.debug_print("")
        return x

    outputs = []
    for target in ("numpy", "numba"):
        bp.grad(printing, target=target)(1.0)
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    assert outputs[0].startswith("x= 1.0\nx= 0.5\n")
    assert outputs[0].endswith("x is 0.001953125 , False\n\n")


def test_what_is_computed_again_is_not_printed_again(capsys):
    def steps(x):
        for i in bp.range(6, checkpoint=3):
            bp.debug_print("step {}", i)
            x = np.sin(x) * 1.5
        return bp.checkpoint(lambda z: (bp.debug_print("last"), z * z)[1])(x)

    bp.grad(steps, **PLAIN)(0.7)
    assert capsys.readouterr().out == "".join(f"step {i}\n" for i in range(6)) + "last\n"


def test_inside_rules_and_transforms(capsys):
    doubled = bp.custom_vjp(lambda x: (bp.debug_print("value {}", x), 2.0 * x)[1])
    doubled.defvjp(
        lambda x: (doubled(x), (bp.debug_print("forward"), x)[1]),
        lambda x, g: ((bp.debug_print("backward {}", g), 2.0 * g)[1],),
    )

    def outer(x):
        return bp.grad(lambda z: (bp.debug_print("inner"), doubled(z))[1])(x)

    bp.grad(outer, **PLAIN)(0.5)
    assert capsys.readouterr().out == "inner\nvalue 0.5\nforward\nbackward 1.0\n"


def test_outside_of_a_model(capsys):
    bp.debug_print("{:.2f} {x}", 1.234, x=[1])
    assert capsys.readouterr().out == "1.23 [1]\n"


@pytest.mark.parametrize(
    ("fmt", "value", "error", "message"),
    [
        ("{:.3f}", 0.5, UnsupportedError, r"the field \{0:.3f\}.*np\.round"),
        ("{!r}", 0.5, UnsupportedError, r"the field \{0!r\}"),
        ("{} {}", 0.5, ArgumentError, "IndexError"),
        ("{x", 0.5, ArgumentError, "expected '}'"),
        ("{}", X, ShapeError, r"prints scalars.*x\[0\]"),
        ("{}", [0.5, 1.0], ShapeError, "a list.*prints scalars"),
    ],
)
def test_refusals(fmt, value, error, message):
    with pytest.raises(error, match=message) as found:
        bp.compile(lambda x: (bp.debug_print(fmt, x), x)[1], **PLAIN)(value)
    assert "test_debugging.py:" in str(found.value)


def test_a_text_is_data():
    graph = traced(lambda x: (bp.debug_print('"""\\ {{}} é {}', x), x)[1], 1.0).graph
    text = emit(settle(graph), "numpy")
    assert r'print("\x22\x22\x22\\ {} \xe9", x)' in text
