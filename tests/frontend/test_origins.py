"""Test that values know the user's line, in short functions and in long ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bpcompile.frontend.tracing import Leaf, trace
from bpcompile.ir.type import f64


def model_of(count: int) -> Callable[[Any], Any]:
    """Return a function with an operation on every second line, without source at hand."""
    lines = ["def model(x):"]
    for k in range(count):
        lines += ["    # no code here", f"    x = np.sin(x + {k + 0.5})"]
    scope: dict[str, Any] = {"np": np}
    exec(compile("\n".join([*lines, "    return x"]), "a model", "exec"), scope)
    model: Callable[[Any], Any] = scope["model"]
    return model


@pytest.mark.parametrize("count", [3, 400])
def test_each_operation_is_at_its_line(count: int) -> None:
    graph = trace(model_of(count), (Leaf(f64[()], "x"),)).graph
    found = [node.origin for node in graph.nodes if node.op.name == "sin"]
    assert [one and one.line for one in found] == [3 + 2 * k for k in range(count)]
    assert {one and one.file for one in found} == {"a model"}


def test_lines_stay_true_where_two_long_functions_call_each_other() -> None:
    first, second = model_of(300), model_of(301)
    graph = trace(lambda x: second(first(x)), (Leaf(f64[()], "x"),)).graph
    found = [node.origin.line for node in graph.nodes if node.op.name == "sin" and node.origin]
    assert found == [3 + 2 * k for k in range(300)] + [3 + 2 * k for k in range(301)]
