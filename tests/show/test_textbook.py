"""Textbook forms of local derivatives equal the rules of the ops, in value."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile import ops  # noqa: F401  (declares the ops)
from bpcompile.ir.build import Builder
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS
from bpcompile.ir.type import f64
from bpcompile.show.textbook import TEXTBOOK
from tests.ops.support import draw


@pytest.mark.parametrize("name", sorted(TEXTBOOK))
def test_form_equals_rule(name):
    op, forms = OPS[name], TEXTBOOK[name]
    arrays = [np.abs(array) + 0.01 if name == "power" else array for array in draw(op, (200,))]
    builder = Builder("f")
    xs = [builder.param(f"x{k}", f64["n"]) for k in range(len(arrays))]
    y = op(*xs)
    assert len(forms) == len(op.partials) == len(xs)
    for form, rule in zip(forms, op.partials, strict=True):
        graph = builder.finish((form(y, *xs), rule(y, *xs)))
        shown, exact = interpret(graph, arrays)
        np.testing.assert_allclose(shown, exact, rtol=1e-9, atol=1e-12)
