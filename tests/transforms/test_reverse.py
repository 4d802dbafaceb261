"""The reverse sweep: cotangents add up, masks annihilate, depth costs no stack."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.errors import NotDifferentiableError
from bpcompile.ir.build import Builder
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS, Kind, Op
from bpcompile.ir.type import f64, i64
from bpcompile.transforms.forward import forward
from bpcompile.transforms.reverse import reverse, scaled
from tests.transforms.models import MODELS, at, params, put, total


def gradient(x, output, *args):
    return interpret(reverse(x.builder.finish((output,)), [0]), args)[1]


def scalar():
    return params(Builder(), x=f64[()])[0]


@pytest.mark.parametrize("partial", [1, -1, 0.0, 1.0, 2, 2.5, -3])
def test_a_partial_that_is_a_number(partial):
    x = scalar()
    assert interpret(x.builder.finish((scaled(x, partial),)), [4.0]) == (4 * partial,)


def test_branch_not_taken_contributes_nothing():
    x = scalar()
    y = OPS["select"](x > 0.0, OPS["sqrt"](x) + OPS["log"](x), x * 3.0)
    assert gradient(x, y, 0.0) == 3
    assert gradient(x, y, 4.0) == 0.5


def test_zero_by_value_annihilates_nothing():
    x = scalar()
    root = OPS["sqrt"](x)
    assert np.isnan(gradient(x, root * root, 0.0))


def test_losers_and_unread_elements_contribute_nothing():
    x = scalar()
    assert gradient(x, OPS["maximum"](OPS["sqrt"](x), x + 1.0), 0.0) == 1
    b = Builder()
    v, k = params(b, v=f64["n"], k=i64[()])
    joint = reverse(b.finish((at(OPS["log"](v), k),)), [0])
    np.testing.assert_array_equal(interpret(joint, [[0.0, 2.0, 0.0], 1])[1], [0, 0.5, 0])


def test_masks_of_both_branches_join_to_none():
    x = scalar()
    root = OPS["sqrt"](x)
    both = OPS["select"](x > 0.0, root * 2.0, root * 3.0)
    joint = reverse(x.builder.finish((both,)), [0])
    conditions = [n for n in joint.nodes if n.op.name in ("logical_or", "logical_and")]
    assert conditions == []
    nested = OPS["select"](x > 1.0, OPS["select"](x > 2.0, root, -root), root * 5.0)
    joint = reverse(x.builder.finish((nested,)), [0])
    assert not [n for n in joint.nodes if n.op.name == "logical_or"]


def test_elements_read_one_by_one_add_up_in_one_array():
    b = Builder()
    (v,) = params(b, v=f64[4])
    parts = [at(v, b.const(k, i64[()])) for k in (0, 2, 2, 3)]
    y = parts[0] * parts[1] + OPS["sin"](parts[2]) * parts[3] + total(v * v)
    joint = reverse(b.finish((y,)), [0])
    adds = [n for n in joint.nodes if n.op.name == "add" and n.shape]
    zeros = [n for n in joint.nodes if n.op.name == "const" and n.shape]
    assert len(adds) == 1  # v v has two operands
    assert len([n for n in joint.nodes if n.op.name == "accumulate"]) == 3
    used = {arg for n in joint.nodes for arg in n.args}
    assert not used.intersection(z for z in zeros if z.attrs["value"] == 0)
    x = np.array([0.3, -0.5, 0.7, 1.1])
    expected = 2 * x + [x[2], 0, x[0] + np.cos(x[2]) * x[3], np.sin(x[2])]
    np.testing.assert_allclose(interpret(joint, [x])[1], expected, rtol=1e-15)


def test_overwritten_elements():
    b = Builder()
    (v,) = params(b, v=f64[3])
    one = b.const(1, i64[()])
    w = put(OPS["sqrt"](v), 7.0, one)
    joint = reverse(b.finish((total(w * w),)), [0])
    np.testing.assert_allclose(interpret(joint, [[0.25, 0.0, 4.0]])[1], [1, 0, 1])


def test_an_element_is_read_and_another_one_overwritten():
    b = Builder()
    (v,) = params(b, v=f64[2, 2])
    zero, one = (b.const(k, i64[()]) for k in (0, 1))
    w = put(v, 7.0, zero, one)
    y = total(w * w) + at(v, one, one) * 5.0
    found = interpret(reverse(b.finish((y,)), [0]), [[[1.0, 2.0], [3.0, 4.0]]])[1]
    np.testing.assert_array_equal(found, [[2, 0], [6, 13]])


def test_places_named_twice_are_read_and_overwritten():
    b = Builder()
    v, k, weights = params(b, v=f64[4], k=i64[3], weights=f64[3])
    y = total(at(v, k) * weights) + total(put(v, weights, k))
    found = interpret(reverse(b.finish((y,)), [0]), [np.ones(4), [2, 0, 2], [3.0, 5.0, 7.0]])[1]
    np.testing.assert_array_equal(found, [5, 1, 10, 1])


def test_several_outputs_and_seeds():
    b = Builder()
    x, y, k = params(b, x=f64[()], y=f64["n"], k=i64[()])
    graph = b.finish((x * 2.0, k + 1, y * y))
    joint = reverse(graph, [0, 1], seeds="input")
    assert [p.name for p in joint.params] == ["x", "y", "k", "out_0_bar", "out_2_bar"]
    found = interpret(joint, [3.0, [1.0, 2.0], 4, 10.0, [5.0, 7.0]])
    assert found[3] == 20
    np.testing.assert_array_equal(found[4], [10, 28])
    first = interpret(reverse(graph, [0, 1]), [3.0, [1.0, 2.0], 4])
    assert [float(np.sum(f)) for f in first] == [6, 5, 5, 2, 0]


def test_forward_of_several_outputs():
    b = Builder()
    x, y, k = params(b, x=f64[()], y=f64["n"], k=i64[()])
    joint = forward(b.finish((x * 2.0, k + 1, y * y)), [1])
    assert joint.params[-1].name == "y_dot"
    found = interpret(joint, [3.0, [1.0, 2.0], 4, [1.0, 10.0]])
    assert [f.tolist() for f in found] == [6, 5, [1, 4], 0, 0, [2, 40]]


def test_tangents_of_losers_are_not_looked_at():
    b = Builder()
    (x,) = params(b, x=f64[()])
    y = OPS["maximum"](OPS["sqrt"](x), x + 1.0) + OPS["select"](x > 0.0, OPS["log"](x), x)
    joint = forward(b.finish((y,)), [0])
    assert interpret(joint, [0.0, 1.0])[1] == 2


def test_op_without_a_derivative():
    secret = Op("secret", Kind.ELEMENTWISE, lambda x: x, np.sin, derivative="none")
    b = Builder()
    (x,) = params(b, x=f64[()])
    graph = b.finish((b.apply(secret, (x,), {}),))
    for transform in (reverse, forward):
        with pytest.raises(NotDifferentiableError, match=r"secret has no derivative: wrap its"):
            transform(graph, [0])
    assert interpret(reverse(graph, []), [0.5]) == (np.sin(0.5),)


def test_depth_costs_no_stack():
    b = Builder()
    (x,) = params(b, x=f64[()])
    y = x
    for _ in range(15_000):
        y = y * 0.9999 + x
    graph = b.finish((y,))
    value, slope = interpret(reverse(graph, [0]), [1.0])
    assert slope == pytest.approx(float(value), rel=1e-12)
    assert interpret(forward(graph, [0]), [1.0, 1.0])[1] == pytest.approx(float(value), rel=1e-12)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_equal_input_gives_equal_text(model):
    graph, _, wrt = model()
    again, _, _ = model()
    assert str(reverse(graph, wrt)) == str(reverse(again, wrt))
    assert str(forward(graph, wrt)) == str(forward(again, wrt))
