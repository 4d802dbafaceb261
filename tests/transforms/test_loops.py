"""Reverse mode through loops, against complex steps through the interpreter."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.ir.interpret import interpret
from bpcompile.ir.verify import verify
from bpcompile.transforms.reverse import reverse
from tests.transforms.models import MODELS, derivatives


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_gradient(model):
    graph, args, wrt = model()
    joint = reverse(graph, wrt)
    verify(joint)
    value, *gradients = interpret(joint, args)
    np.testing.assert_allclose(value, interpret(graph, args)[0], rtol=1e-15)
    for k, gradient in zip(wrt, gradients, strict=True):
        np.testing.assert_allclose(gradient, derivatives(graph, args, k), rtol=1e-12, atol=1e-13)
