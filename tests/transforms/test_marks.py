from __future__ import annotations

from typing import Any

import numpy as np

from bpcompile.ir.verify import verify
from bpcompile.transforms.marks import loops_of, marked
from tests.tracing import traced


def model(x: Any) -> Any:
    for i in range(len(x)):
        if x[i] > 0:
            for j in range(i):
                x = x + np.sin(x[j])
    for _ in range(len(x)):
        x = x * x
    return x


def test_loops_are_counted_with_those_in_regions_after_those_around() -> None:
    graph = traced(model, np.ones(20)).graph
    loops = loops_of(graph)
    assert [len(loops_of(loop.attrs["body"])) for loop in loops] == [1, 0, 0]


def test_marks_go_to_the_loops_of_their_numbers_and_nothing_else_changes() -> None:
    graph = traced(model, np.ones(20)).graph
    assert marked(graph, {}) is graph
    found = marked(graph, {1: "sqrt", 2: 7})
    verify(found)
    assert [loop.attrs.get("checkpoint") for loop in loops_of(found)] == [None, "sqrt", 7]
    assert str(found).replace(' checkpoint="sqrt"', "").count("checkpoint") == 1
    assert [loop.attrs.get("checkpoint") for loop in loops_of(graph)] == [None, None, None]
