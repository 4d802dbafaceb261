"""Calls of functions with a rule inside transforms: what the rules put into the graph."""

from __future__ import annotations

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.errors import NotDifferentiableError
from bpcompile.ir.verify import verify
from bpcompile.passes.calls import has_calls
from bpcompile.transforms.forward import forward
from bpcompile.transforms.reverse import reverse
from tests.tracing import traced


@bp.custom_vjp
def scaled(x):
    y = 3.0 * x
    return y, np.sum(y)


scaled.defvjp(lambda x: (scaled(x), np.cos(x)), lambda cosine, g: (5.0 * (g[0] + g[1]) * cosine,))


@bp.custom_jvp
def cubed(x):
    return x * x * x


cubed.defjvps(lambda t, y, x: 3.0 * x * x * t)


def test_nodes_of_a_backward_function_differentiate_the_call():
    graph = traced(lambda x: np.sum(scaled(x)[0]) + scaled(x)[1], np.ones(3)).graph
    joint = reverse(graph, [0])
    verify(joint)
    made = {node.op.name for node in joint if getattr(node.origin, "adjoint_of", None) is not None}
    assert "mul" in made
    (cosine,) = [node for node in joint if node.op.name == "cos"]
    assert cosine.origin.adjoint_of is None  # a residual is computed going forward


def test_a_tangent_rule_serves_both_modes():
    graph = traced(cubed, 2.0).graph
    for joint in (reverse(graph, [0]), forward(graph, [0])):
        verify(joint)
        assert not has_calls(joint) or len(joint.outputs) == 2


def test_a_reverse_rule_without_a_tangent_is_passed_over():
    graph = traced(lambda x, y: scaled(x)[1] * y, np.ones(3), 2.0).graph
    verify(forward(graph, [1]))
    with pytest.raises(NotDifferentiableError, match=r"bp\.custom_jvp"):
        forward(graph, [0])
