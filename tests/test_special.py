"""`bpcompile.special` under SciPy's names, traced and plain."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile import special
from tests.tracing import agrees

X = np.array([[-2.0, 0.25, 0.5], [3.0, 0.75, 0.9]])
P = np.array([0.2, 0.5, 0.75])
FOLDING = {"logsumexp", "softmax", "log_softmax"}
TWO = set(
    """
    xlogy xlog1py rel_entr kl_div beta betaln gammainc gammaincc powm1 boxcox boxcox1p inv_boxcox
    inv_boxcox1p binom poch huber pseudo_huber
    """.split()  # noqa: SIM905  (a page of quotation marks would say no more)
)
THREE = {"betainc", "betaincc"}
ONE = sorted(set(special.__all__) - FOLDING - TWO - THREE - {"polygamma", "multigammaln", "expn"})


@pytest.mark.parametrize("name", ONE)
def test_functions_of_one_number(name):
    function = getattr(special, name)
    assert function.__name__ == name
    assert function.__doc__.startswith("Return ")
    agrees(lambda x: (function(x), function(x[0]), function(0.5)), P)
    agrees(lambda x: function(x), P.astype(np.float32), rtol=1e-6)


def test_the_others():
    def model(x, y):
        return (
            special.xlogy(x, y), special.xlogy(0.0, 0.0), special.logsumexp(x),
            special.logsumexp(x, axis=0), special.logsumexp(x, axis=(0, 1), keepdims=True),
            special.logsumexp(x, 1, b=y), special.softmax(x), special.softmax(x, axis=-1),
            special.log_softmax(x, axis=1),
        )  # fmt: skip

    agrees(model, X, P)


@pytest.mark.parametrize("name", sorted(TWO))
def test_functions_of_two_numbers(name):
    function = getattr(special, name)
    agrees(lambda x, y: (function(x, y), function(0.5, y), function(x, 0.5)), P, P[::-1].copy())
