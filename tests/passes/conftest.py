"""Write a test of a rule as text in, text out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bpcompile import ops  # noqa: F401  (declares the ops)
from bpcompile.ir.graph import Graph
from bpcompile.ir.interpret import interpret
from bpcompile.ir.parse import parse
from bpcompile.ir.type import DType, Type
from bpcompile.ir.verify import verify
from tests.strategies import arguments

SPECIAL = (0.0, -0.0, 1.0, -1.0, 2.5, -1e-300, 5e-324, 1e308, np.inf, -np.inf, np.nan)


def cases(text: str) -> dict[str, tuple[str, ...]]:
    """Return the cases of a text by name: parameters, the graph before, and the graph after.

    A case is a block of lines: ``name | parameters``, then for each graph its nodes and
    ``=> outputs``. Blank lines stand between cases.
    """
    found = {}
    for block in text.strip().split("\n\n"):
        head, *lines = block.splitlines()
        name, params = head.split(" | ")
        graphs = "\n".join(lines).split("=>")
        outputs = [part.split("\n", 1)[0].strip() for part in graphs[1:]]
        bodies = [graphs[0], *(part.split("\n", 1)[-1] for part in graphs[1:-1])]
        pairs = zip(bodies, outputs, strict=True)
        found[name] = (params, *(f"({out}) {{\n{body}\n}}" for body, out in pairs))
    return found


def graph_of(params: str, rest: str) -> Graph:
    """Return the graph of a case."""
    return parse(f"graph f({params}) -> {rest}")


def special_arguments(graph: Graph) -> list[Any] | None:
    """Return all combinations of special numbers along n, where that is what the graph takes."""
    if any(p.type != Type(DType.F64, graph.params[0].shape) for p in graph.params):
        return None
    if [str(n) for n in graph.params[0].shape] != ["n"]:
        return None
    return [np.ravel(grid) for grid in np.meshgrid(*[SPECIAL] * len(graph.params))]


@pytest.fixture
def becomes() -> Callable[..., None]:
    """Check that a pass makes one text of another, keeps what it means, and is then done.

    With `exact` the results are the same numbers, the sign of zero included, at special numbers
    too; otherwise they are close.
    """

    def check(apply: Any, params: str, before: str, after: str, *, exact: bool = False) -> None:
        graph, expected = graph_of(params, before), graph_of(params, after)
        found = apply(graph)
        verify(found)
        assert str(found) == str(expected)
        assert apply(found) is found
        cases = [arguments(graph, {"n": 3, "m": 2, "d": 4}, 0)]
        special = special_arguments(graph)
        if exact and special is not None:
            cases.append(special)
        for args in cases:
            for a, b in zip(interpret(graph, args), interpret(found, args), strict=True):
                if exact:
                    np.testing.assert_array_equal(a, b)
                    number = ~np.isnan(a) if a.dtype.kind == "f" else np.ones(a.shape, bool)
                    np.testing.assert_array_equal(np.signbit(a[number]), np.signbit(b[number]))
                else:
                    np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)

    return check
