"""Normalisations, attention and embeddings: as they are defined, traced and plain."""

from __future__ import annotations

import numpy as np
import pytest

import bpcompile as bp
from bpcompile import nn
from bpcompile.errors import ArgumentError, ShapeError, TypeMismatchError
from tests.tracing import agrees

RNG = np.random.default_rng(37)
X = RNG.normal(size=(3, 4, 5))
S, T = RNG.normal(size=5), RNG.normal(size=5)
C, D = RNG.normal(size=4), RNG.normal(size=4)


def test_layer_norm():
    found = nn.layer_norm(X, S, T)
    want = (X - X.mean(-1, keepdims=True)) / np.sqrt(X.var(-1, keepdims=True) + 1e-5) * S + T
    np.testing.assert_allclose(found, want, rtol=1e-12)
    agrees(lambda x, s, t: nn.layer_norm(x, s, t), X, S, T, rtol=1e-11)
    agrees(lambda x: nn.layer_norm(x, axis=(1, 2)), X, rtol=1e-11)


def test_rms_norm():
    want = X / np.sqrt((X**2).mean(-1, keepdims=True) + 1e-5) * S
    np.testing.assert_allclose(nn.rms_norm(X, S), want, rtol=1e-12)
    agrees(lambda x, s: nn.rms_norm(x, s), X, S, rtol=1e-11)


def test_group_and_batch_norm():
    parts = X.reshape(3, 2, -1)
    want = (parts - parts.mean(-1, keepdims=True)) / np.sqrt(parts.var(-1, keepdims=True) + 1e-5)
    want = want.reshape(X.shape) * C[:, None] + D[:, None]
    np.testing.assert_allclose(nn.group_norm(X, 2, C, D), want, rtol=1e-12)
    agrees(lambda x, s, t: nn.group_norm(x, 2, s, t), X, C, D, rtol=1e-11)
    over = (X - X.mean((0, 2), keepdims=True)) / np.sqrt(X.var((0, 2), keepdims=True) + 1e-5)
    np.testing.assert_allclose(nn.batch_norm(X), over, rtol=1e-12)
    agrees(lambda x, s, t: nn.batch_norm(x, s, t), X, C, D, rtol=1e-11)
    agrees(lambda x, m, v: nn.batch_norm(x, mean=m, variance=v), X, C, D**2, rtol=1e-11)
    with pytest.raises(ShapeError, match="the groups must divide it"):
        nn.group_norm(X, 3)
    with pytest.raises(ArgumentError, match="groups=0"):
        nn.group_norm(X, 0)


def test_attention():
    q, k, v = (RNG.normal(size=(2, n, 3)) for n in (4, 5, 5))
    weights = np.exp(q @ np.swapaxes(k, 1, 2) / np.sqrt(3))
    mask = RNG.uniform(size=(2, 4, 5)) > 0.4
    mask[:, :, 0] = True
    want = (weights * mask) / (weights * mask).sum(-1, keepdims=True) @ v
    np.testing.assert_allclose(nn.dot_product_attention(q, k, v, mask), want, rtol=1e-12)
    agrees(lambda q, k, v, m: nn.dot_product_attention(q, k, v, m), q, k, v, mask, rtol=1e-11)
    agrees(lambda q, k, v: nn.dot_product_attention(q, k, v, is_causal=True), q, k, v, rtol=1e-11)
    with pytest.raises(ShapeError, match="need the same last axis"):
        nn.dot_product_attention(q, k[..., :2], v)

    def loss(q, k, v):
        return np.sum(nn.dot_product_attention(q, k, v, mask[0], scale=2.0) ** 2)

    fn = bp.value_and_grad(loss, argnums=(0, 1, 2), target="numpy")
    fn(q, k, v)
    assert fn.check(q, k, v)


def test_embedding_and_dropout():
    table, places = RNG.normal(size=(6, 3)), np.array([[1, 5], [0, -1]])
    np.testing.assert_array_equal(nn.embedding(table, places), table[places])
    agrees(lambda t, i: nn.embedding(t, i), table, places)
    with pytest.raises(TypeMismatchError, match="astype"):
        nn.embedding(table, places * 1.0)
    mask = RNG.uniform(size=X.shape) > 0.3
    np.testing.assert_array_equal(nn.dropout(X, mask, 0.3), np.where(mask, X / 0.7, 0))
    agrees(lambda x, m: nn.dropout(x, m, 0.3), X, mask)
