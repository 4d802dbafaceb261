"""Convolutions and pooling against loops that say what they mean, traced and plain."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import bpcompile as bp
from bpcompile import nn
from bpcompile.errors import ArgumentError, ShapeError
from tests.tracing import agrees, traced

RNG = np.random.default_rng(31)


def by_loops(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
    """Correlate place by place."""
    count = x.ndim - 2
    if padding == "same":
        padding = dilation * (w.shape[2] - 1) // 2
    x = np.pad(x, ((0, 0), (0, 0), *[(padding, padding)] * count))
    reach = [dilation * (k - 1) + 1 for k in w.shape[2:]]
    shape = [(n - r) // stride + 1 for n, r in zip(x.shape[2:], reach, strict=True)]
    y = np.zeros((len(x), len(w), *shape))
    per = len(w) // groups
    for o in range(len(w)):
        part = x[:, (o // per) * w.shape[1] : (o // per + 1) * w.shape[1]]
        for place in itertools.product(*map(range, shape)):
            window = tuple(
                slice(p * stride, p * stride + r, dilation)
                for p, r in zip(place, reach, strict=True)
            )
            y[(slice(None), o, *place)] = (part[(..., *window)] * w[o]).reshape(len(x), -1).sum(1)
    return y if b is None else y + b.reshape(-1, *[1] * count)


CASES = [
    {},
    {"stride": 2},
    {"padding": 1},
    {"dilation": 2},
    {"groups": 2},
    {"padding": "same"},
    {"stride": 2, "padding": 2, "dilation": 2, "groups": 2},
]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_convolutions(count, case):
    function = (nn.conv1d, nn.conv2d, nn.conv3d)[count - 1]
    x = RNG.normal(size=(2, 4, *(8, 7, 6)[:count]))
    w = RNG.normal(size=(6, 4 // case.get("groups", 1), *[3] * count))
    b = RNG.normal(size=6)
    np.testing.assert_allclose(function(x, w, b, **case), by_loops(x, w, b, **case), atol=1e-12)
    agrees(lambda x, w, b: function(x, w, b, **case), x, w, b, rtol=1e-9)


@pytest.mark.parametrize("case", [*CASES[:5], {"stride": 3, "padding": 1, "output_padding": 1}])
@pytest.mark.parametrize("count", [1, 2])
def test_transposed_convolutions_are_transposes(count, case):
    case = {k: v for k, v in case.items() if k != "padding" or v != "same"}
    spread = (nn.conv_transpose1d, nn.conv_transpose2d)[count - 1]
    slid = (nn.conv1d, nn.conv2d)[count - 1]
    groups = case.get("groups", 1)
    g = RNG.normal(size=(2, 4, *(5, 4)[:count]))
    w = RNG.normal(size=(4, 6 // groups, *[3] * count))
    x = spread(g, w, **case)
    assert x.shape[1] == 6
    inner = {k: v for k, v in case.items() if k != "output_padding"}
    probe = RNG.normal(size=x.shape)
    # <conv(probe), g> = <probe, conv_transpose(g)>, the definition of a transpose.
    np.testing.assert_allclose(np.vdot(slid(probe, w, **inner), g), np.vdot(probe, x), rtol=1e-10)
    agrees(lambda g, w: spread(g, w, **case), g, w, rtol=1e-9)


@pytest.mark.parametrize("case", [{}, {"stride": 1}, {"padding": 1}, {"stride": 3, "padding": 1}])
def test_pooling(case):
    x = RNG.normal(size=(2, 3, 7, 6))
    stride, padding = case.get("stride", 2), case.get("padding", 0)
    for function, fold, fill in ((nn.max_pool, np.max, -np.inf), (nn.avg_pool, np.mean, 0.0)):
        widths = ((0, 0), (0, 0), (padding, padding), (padding, padding))
        padded = np.pad(x, widths, constant_values=fill)
        rows, columns = ((n - 2) // stride + 1 for n in padded.shape[2:])
        want = [
            [
                fold(padded[:, :, i * stride : i * stride + 2, j * stride : j * stride + 2], (2, 3))
                for j in range(columns)
            ]
            for i in range(rows)
        ]
        found = function(x, 2, **case)
        np.testing.assert_allclose(found, np.moveaxis(np.array(want), (0, 1), (2, 3)))
        agrees(lambda x, f=function: f(x, 2, **case), x, rtol=1e-12)


def test_gradient_of_a_small_network():
    def loss(x, w, b):
        h = np.tanh(nn.conv2d(x, w, b, stride=2, padding=1))
        return np.sum(nn.max_pool(h, 2) ** 2)

    x = RNG.normal(size=(2, 2, 8, 8))
    w, b = RNG.normal(size=(3, 2, 3, 3)), RNG.normal(size=3)
    fn = bp.value_and_grad(loss, argnums=(0, 1, 2), target="numpy")
    fn(x, w, b)
    assert fn.check(x, w, b)


def test_what_does_not_fit():
    x, w = np.ones((1, 3, 8, 8)), np.ones((4, 3, 3, 3))
    with pytest.raises(ShapeError, match=r"x of bp\.nn\.conv2d is \(3, 8, 8\)"):
        nn.conv2d(x[0], w)
    with pytest.raises(ShapeError, match="channels // groups"):
        nn.conv2d(x, w[:, :2])
    with pytest.raises(ArgumentError, match="padding='around'"):
        nn.conv2d(x, w, padding="around")
    with pytest.raises(ArgumentError, match="stride=0"):
        nn.conv2d(x, w, stride=0)
    with pytest.raises(ArgumentError, match="more than half"):
        nn.max_pool(x, 2, padding=2)
    with pytest.raises(ShapeError, match="longer than axis"):
        traced(lambda x, w: nn.conv2d(x, w), x[:, :, :2], w)
