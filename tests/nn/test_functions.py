"""The functions of networks: the same traced and plain, and as they are defined."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import bpcompile as bp
from bpcompile.nn import functions as nn
from tests.tracing import agrees, run, traced

X = np.array([[-40.0, -2.0, -0.5], [0.0, 0.75, 30.0]])

DEFINED = {
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "log_sigmoid": lambda x: -math.log1p(math.exp(-x)),
    "softplus": lambda x: math.log1p(math.exp(x)),
    "relu": lambda x: max(x, 0.0),
    "relu6": lambda x: min(max(x, 0.0), 6.0),
    "tanh": math.tanh,
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "elu": lambda x: x if x > 0 else math.expm1(x),
    "selu": lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)),
    "silu": lambda x: x / (1 + math.exp(-x)),
    "swish": lambda x: x / (1 + math.exp(-x)),
    "gelu": lambda x: x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "soft_sign": lambda x: x / (1 + abs(x)),
    "celu": lambda x: x if x > 0 else math.expm1(x),
    "mish": lambda x: x * math.tanh(math.log1p(math.exp(x))),
    "hard_sigmoid": lambda x: min(max(x + 3, 0.0), 6.0) / 6,
    "hard_silu": lambda x: x * min(max(x + 3, 0.0), 6.0) / 6,
    "squareplus": lambda x: (x + math.sqrt(x * x + 4)) / 2,
    "identity": lambda x: x,
    "sparse_plus": lambda x: 0.0 if x <= -1 else x if x >= 1 else (x + 1) ** 2 / 4,
    "sparse_sigmoid": lambda x: min(max((x + 1) / 2, 0.0), 1.0),
    "hard_tanh": lambda x: min(max(x, -1.0), 1.0),
}


@pytest.mark.parametrize("name", DEFINED)
def test_activations(name):
    function = getattr(nn, name)
    for value in (-2.0, -0.3, 0.0, 0.4, 3.0):
        assert math.isclose(function(value), DEFINED[name](value), rel_tol=1e-14, abs_tol=1e-300)
    agrees(lambda x: (function(x), function(x[1, 1])), X)
    agrees(lambda x: function(x), X.astype(np.float32), rtol=1e-5)
    assert function(X.astype(np.float32)).dtype == np.float32


def test_exact_gelu():
    agrees(lambda x: nn.gelu(x, approximate=False), X)
    assert math.isclose(nn.gelu(1.0, approximate=False), 0.8413447460685429, rel_tol=1e-15)


def test_softmax_and_its_kin():
    def model(x):
        return (
            nn.softmax(x), nn.softmax(x, axis=0), nn.log_softmax(x), nn.logsumexp(x),
            nn.logsumexp(x, axis=-1, keepdims=True), nn.logsumexp(x / 9, 0, np.array([1.0, 2, 3])),
        )  # fmt: skip

    agrees(model, X)


def test_glu():
    agrees(lambda x: (nn.glu(x[:, :2]), nn.glu(x, axis=0)), X)


def test_one_hot():
    k = np.array([2, 0, -1, 5])
    agrees(lambda k: nn.one_hot(k, 3), k)
    agrees(lambda k: nn.one_hot(k, 3, dtype=np.float32), k)
    found = traced(lambda k, x: nn.one_hot(k, len(x)) * x, k, np.ones(3))
    np.testing.assert_array_equal(run(found, k, np.arange(6.0))[3], [0, 0, 0, 0, 0, 5])


def test_a_traced_value_bears_the_line_of_the_model():
    def model(x):
        return nn.gelu(x)

    found = traced(model, X)
    lines = {str(node.origin) for node in found.graph.nodes if node.origin}
    assert lines == {f"{__file__}:{model.__code__.co_firstlineno + 1}"}


def test_logarithms_of_exponentials():
    x = np.array([1e-20, 1e-9, 0.1, 0.69, 0.7, 5.0, 40.0, 800.0])
    found = agrees(nn.log1mexp, x)
    with mpmath.workdps(400):
        exact = [float(mpmath.log(-mpmath.expm1(-v))) for v in x.tolist()]
    np.testing.assert_allclose(run(found, x), exact, rtol=1e-14, atol=1e-300)
    slope = bp.grad(lambda x: np.sum(nn.log1mexp(x)), target="numpy", cache=False)(x)
    np.testing.assert_allclose(slope[:-1], 1.0 / np.expm1(x[:-1]), rtol=1e-13)
    agrees(lambda x: (nn.logmeanexp(x), nn.logmeanexp(x, axis=1, keepdims=True)), X)
    assert nn.logmeanexp(np.array([1000.0, 1000.0])) == 1000.0
