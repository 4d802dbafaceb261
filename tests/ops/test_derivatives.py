"""Every derivative rule by the complex step: first order, and the rule's own derivative."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS
from bpcompile.transforms.reverse import reverse
from tests.ops.support import (
    ELEMENTWISE,
    apply,
    directional,
    draw,
    gradient,
    gradient_graph,
    graph_of,
    summed,
)


def reduction(name, axes, **options):
    return lambda x: OPS[name](x, axes=axes, **options)


def squared(model):
    """Give every element of a result a cotangent of its own."""
    return lambda *xs: model(*xs) * model(*xs) if model(*xs).shape else model(*xs)


def cases():
    for op in ELEMENTWISE:
        if op.derivative is None and op.name != "select":
            yield pytest.param(apply(op), draw(op, (2, 3)), id=op.name)
            yield pytest.param(apply(op), draw(op, ()), id=f"{op.name}-scalar")
    rng = np.random.default_rng(3)
    x = rng.uniform(-2, 2, (2, 3, 2))
    for name, options in REDUCTIONS:
        for axes in ((), (1,), (0, 2), (0, 1, 2)):
            label = "-".join([name, *map(str, options.values()), "".join(map(str, axes))])
            if axes or name not in ("var", "std"):
                yield pytest.param(squared(reduction(name, axes, **options)), [x], id=label)


REDUCTIONS = [
    ("sum", {}),
    ("max", {}),
    ("min", {}),
    ("prod", {}),
    ("mean", {}),
    ("var", {"ddof": 0}),
    ("var", {"ddof": 1}),
    ("std", {"ddof": 0}),
    ("std", {"ddof": 1}),
    ("logsumexp", {}),
    ("softmax", {}),
    ("log_softmax", {}),
]
every_case = pytest.mark.parametrize(("model", "arrays"), list(cases()))


def random_directions(arrays):
    rng = np.random.default_rng(11)
    return [rng.normal(size=np.shape(a)) for a in arrays]


@every_case
def test_gradient_times_direction_is_the_complex_step(model, arrays):
    directions = random_directions(arrays)
    exact = directional(graph_of(summed(model), arrays), arrays, directions)
    for expanded in (False, True):
        found = gradient(model, *arrays, expanded=expanded)
        product = sum(np.sum(g * d) for g, d in zip(found, directions, strict=True))
        assert product == pytest.approx(exact, rel=1e-11, abs=1e-13)


@every_case
def test_rule_can_be_differentiated_again(model, arrays):
    directions = random_directions(arrays)
    first = gradient_graph(model, arrays)
    exact = directional(first, arrays, directions)
    found = interpret(reverse(first, range(len(arrays))), arrays)[1:]
    product = sum(np.sum(g * d) for g, d in zip(found, directions, strict=True))
    assert product == pytest.approx(exact, rel=1e-10, abs=1e-12)


def test_product_rule_holds_for_any_zeros():
    for zeros in itertools.product((0.0, 1.0), repeat=4):
        x = np.array([2.0, -3.0, 0.5, 7.0]) * zeros
        others = [np.prod(np.delete(x, k)) for k in range(4)]
        np.testing.assert_array_equal(gradient(reduction("prod", (0,)), x)[0], others)


def test_product_of_nothing_and_of_one():
    assert gradient(reduction("prod", (0,)), np.zeros(0))[0].shape == (0,)
    np.testing.assert_array_equal(gradient(reduction("prod", (0,)), np.zeros(1))[0], [1.0])


def test_product_needs_no_quotient():
    x = np.array([1e200, 1e200, 1e-300])
    np.testing.assert_allclose(gradient(reduction("prod", (0,)), x)[0], [1e-100, 1e-100, np.inf])
