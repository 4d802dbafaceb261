"""Every pass keeps the meaning of random graphs, is idempotent, and leaves valid graphs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from bpcompile.ir.interpret import interpret
from bpcompile.ir.verify import verify
from bpcompile.passes.algebra import apply_algebra
from bpcompile.passes.cse import share_common
from bpcompile.passes.dce import drop_dead
from bpcompile.passes.expand import expand_composites
from bpcompile.passes.fold import fold_constants
from bpcompile.passes.loops import simplify_loops
from bpcompile.passes.pipeline import LOWER, SIMPLIFY, run
from bpcompile.passes.scalars import scalar_states
from bpcompile.passes.stability import stabilise
from bpcompile.passes.views import simplify_views
from tests.strategies import graphs

EXACT = (
    *(apply_algebra, drop_dead, fold_constants, scalar_states),
    *(share_common, simplify_loops, simplify_views),
)
ROUNDED = (expand_composites, stabilise)


def pipeline_simplify(graph):
    return run(graph, SIMPLIFY, verify=True)


def pipeline_lower(graph):
    return run(graph, LOWER, verify=True)


def assert_kept(apply, graph, args, *, exact):
    after = apply(graph)
    verify(after)
    assert apply(after) is after
    assert after.params == graph.params
    for a, b in zip(interpret(graph, args), interpret(after, args), strict=True):
        assert a.dtype == b.dtype
        if exact:
            np.testing.assert_array_equal(a, b)
        else:
            single = a.dtype == np.float32
            np.testing.assert_allclose(
                a, b, rtol=1e-4 if single else 1e-11, atol=1e-4 if single else 1e-10
            )


@pytest.mark.parametrize("apply", EXACT)
def test_exact_pass(apply):
    @settings(max_examples=60)
    @given(graphs())
    def check(case):
        assert_kept(apply, *case, exact=True)

    check()


@pytest.mark.parametrize("apply", [*ROUNDED, pipeline_simplify, pipeline_lower])
def test_rounded_pass(apply):
    @settings(max_examples=100)
    @given(graphs())
    def check(case):
        assert_kept(apply, *case, exact=False)

    check()
