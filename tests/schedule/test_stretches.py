"""Long straight lines, cut into functions: the same results, and nothing lost between them."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile import ops  # noqa: F401 - fills the table
from bpcompile.ir.build import Builder
from bpcompile.ir.op import OPS
from bpcompile.ir.type import f32, f64
from bpcompile.passes.pipeline import LOWER, run
from bpcompile.schedule import stretches
from bpcompile.schedule.kernels import Kernel, split
from bpcompile.schedule.plan import plan
from bpcompile.schedule.statements import Stretch
from bpcompile.transforms.reverse import reverse
from tests.emit.running import emit, load


def chain(type, length=30):
    """Return the gradient of a chain of operations, in which truths and floats are carried on."""
    builder = Builder("chain")
    x, y = builder.param("x", type), builder.param("y", type)
    first = x < y
    a, b = x, y
    for k in range(length):
        a, b = OPS["sin"](a * 1.25 + b), a - b * 0.5
        b = OPS["select"](a < b if k % 3 else first, b, a * b)
        a.node.name = f"a{k}"
    return run(reverse(builder.finish((a + b,)), [0, 1]), LOWER)


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(stretches, "LONGEST", 12)
    monkeypatch.setattr(stretches, "_STRETCH", 7)


def test_a_short_plan_is_left_alone():
    whole = plan(chain(f64[()]))
    assert stretches.in_stretches(whole) is whole


@pytest.mark.usefixtures("short")
def test_each_stretch_is_a_function_that_keeps_what_others_read():
    cut = stretches.in_stretches(plan(chain(f64[()])))
    found = [one for one in cut.statements if isinstance(one, Stretch)]
    assert len(found) > 5
    kernels = [part for part in split(cut) if isinstance(part, Kernel)]
    assert len(kernels) == len(found)
    assert all(not kernel.results for kernel in kernels)
    kept = [buffer for buffer in cut.buffers if buffer.var.hint == "kept"]
    assert {buffer.dtype.value for buffer in kept} == {"f64", "bool"}


@pytest.mark.parametrize("type", [f64[()], f32[()]])
def test_results_are_those_of_one_function(type, monkeypatch):
    graph = chain(type)
    number = np.float32 if type is not f64[()] and type.dtype.value == "f32" else np.float64
    given = number(0.3), number(0.7)
    whole = load(emit(graph, "numba"), "python")["model_value"](*given)
    monkeypatch.setattr(stretches, "LONGEST", 12)
    monkeypatch.setattr(stretches, "_STRETCH", 7)
    text = emit(graph, "numba")
    assert text.count("kept[0] = ") >= 1
    assert load(text, "python")["model_value"](*given) == whole
