from __future__ import annotations

import functools

import numpy as np
import pytest

from bpcompile.compiler import compile_model
from bpcompile.errors import UnsupportedError
from bpcompile.frontend.arguments.trees import leaves_of
from bpcompile.frontend.tracing import Leaf, trace
from bpcompile.ir.type import f64
from bpcompile.options import Options
from bpcompile.transforms.joint import Target, Task

TARGET = Target("x", leaves_of(0.0)[1], [0])


def compiled(function, kind="value_and_grad", name="model", **options):
    start = functools.partial(trace, function, (Leaf(f64["n"], "x"),))
    task = Task(kind, name, (TARGET,) if kind != "compile" else ())
    return compile_model(start, lambda _: task, Options(target="numpy", **options))


def test_the_stages_run_in_order_and_are_timed():
    made = compiled(lambda x: np.sum(np.exp(x)))
    assert list(made.seconds) == [
        "trace",
        "simplify",
        "adjoint",
        "lower",
        "verify",
        "emit",
        "load",
    ]
    value, gradient = made.loaded.module.model_value_and_grad(np.zeros(3))
    assert (value, gradient.tolist()) == (3.0, [1, 1, 1])


def test_stages_are_made_again_on_demand():
    made = compiled(lambda x: np.sum(np.log(1 + np.exp(x))), verify=True)
    names = [name for name, _ in made.stages]
    assert names[0] == "trace"
    assert names.index("adjoint") > 0
    assert len(made.stages[-1][1].outputs) == 2
    plain = compiled(lambda x: x, "compile")
    assert "adjoint" not in [name for name, _ in plain.stages]


@pytest.mark.parametrize("name", ["<lambda>", "class", "a b", "os.system('x')", "é", "x" * 80])
def test_a_hostile_name_does_not_reach_the_text(name):
    made = compiled(np.sum, name=name)
    assert made.emitted.name == "model_value_and_grad"
    assert made.emitted.text == compiled(np.sum).emitted.text


def test_options_that_nothing_honours_are_refused():
    with pytest.raises(UnsupportedError, match=r"tune=.* is not there yet"):
        compiled(lambda x: x, "compile", tune=True)
