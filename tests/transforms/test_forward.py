"""Forward mode: against complex steps, and against reverse mode in the second order."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.ir.interpret import interpret
from bpcompile.ir.verify import verify
from bpcompile.transforms.forward import forward
from bpcompile.transforms.reverse import reverse
from tests.transforms.models import MODELS, derivatives


def directions(args, wrt, seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=np.shape(args[k])) for k in wrt]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_tangent(model):
    graph, args, wrt = model()
    joint = forward(graph, wrt)
    verify(joint)
    dots = directions(args, wrt, 1)
    value, tangent = interpret(joint, [*args, *dots])
    expected = sum(
        np.sum(derivatives(graph, args, k) * dot) for k, dot in zip(wrt, dots, strict=True)
    )
    np.testing.assert_allclose(value, interpret(graph, args)[0], rtol=1e-15)
    np.testing.assert_allclose(tangent, expected, rtol=1e-12)


def products(joint, args, wrt, dots):
    """Return the Hessian-vector products by complex steps of the gradients in `joint`."""
    moved = [np.asarray(a) for a in args]
    moved = [a.astype(complex) if a.dtype.kind == "f" else a for a in moved]
    for k, dot in zip(wrt, dots, strict=True):
        moved[k] = moved[k] + 1e-30j * dot
    return [g.imag / 1e-30 for g in interpret(joint, moved, complex_step=True)[1:]]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_second_order(model):
    """All ways to H v agree with complex steps of the gradient."""
    graph, args, wrt = model()
    joint = reverse(graph, wrt)
    dots = directions(args, wrt, 2)
    expected = products(joint, args, wrt, dots)
    count = len(wrt)

    over_reverse = forward(joint, wrt)
    verify(over_reverse)
    found = interpret(over_reverse, [*args, *dots])[-count:]
    compare(found, expected)

    tangent = forward(graph, wrt)
    over_forward = reverse(tangent.with_outputs(tangent.outputs[1:]), wrt)
    verify(over_forward)
    compare(interpret(over_forward, [*args, *dots])[1:], expected)

    over_joint = reverse(joint, wrt, seeds="input")
    verify(over_joint)
    found = interpret(over_joint, [*args, np.zeros(()), *dots])[-count:]
    compare(found, expected)


def compare(found, expected):
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(f, e, rtol=1e-10, atol=1e-12)
