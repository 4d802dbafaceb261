"""Networks of more than dense layers: two convolutions on small images, and a block of attention.

Both are trained in float32. The block is that of A. Vaswani and others, "Attention is all you
need", 2017, with the normalisation before each half: four heads of width 16 over 32 places.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from benchmarks import forms, mlp, peers
from benchmarks.case import Bar, Call, Case, Contender, faster

IMAGES, SIDE, CLASSES = 32, 28, 10
PLACES, WIDTH, HEADS = 32, 64, 4
TYPE = np.float32


def layer(rng: Any, *shape: int) -> Any:
    """Return weights whose sums over all but the first axis have about the size of the terms."""
    scale = math.prod(shape[1:]) ** -0.5
    return rng.normal(scale=scale, size=shape).astype(TYPE)


def images() -> tuple[Any, ...]:
    """Return kernels and biases of two convolutions, a dense layer, images and their labels."""
    rng = np.random.default_rng(0)
    parameters = (
        layer(rng, 8, 1, 3, 3),
        layer(rng, 8),
        layer(rng, 16, 8, 3, 3),
        layer(rng, 16),
        layer(rng, 16 * 5 * 5, CLASSES) * 0.2,
        layer(rng, CLASSES),
    )
    x = rng.random((IMAGES, 1, SIDE, SIDE)).astype(TYPE)
    return (*parameters, x, rng.integers(0, CLASSES, IMAGES))


SLOPES = (0, 1, 2, 3, 4, 5)


def convolutional(K1: Any, b1: Any, K2: Any, b2: Any, W: Any, b: Any, x: Any, labels: Any) -> Any:
    """Return the cross-entropy of conv, relu, pool, conv, relu, pool, dense."""
    from bpcompile import nn

    first = nn.max_pool(nn.relu(nn.conv2d(x, K1, b1)), (2, 2))
    second = nn.max_pool(nn.relu(nn.conv2d(first, K2, b2)), (2, 2))
    return mlp.cross_entropy(second.reshape(IMAGES, -1) @ W + b, labels)


def convolutional_bpcompile() -> Call:
    """Compile the network with bpcompile; each call returns fresh gradients."""
    return forms.bpcompile_fresh(convolutional, images(), SLOPES)


def convolutional_jax() -> Call:
    """Jit the network with JAX."""
    jax, jnp = peers.jax(double=False)
    lax = jax.lax

    def block(x: Any, kernel: Any, bias: Any) -> Any:
        found = jax.nn.relu(lax.conv(x, kernel, (1, 1), "VALID") + bias[:, None, None])
        return lax.reduce_window(found, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    def model(K1: Any, b1: Any, K2: Any, b2: Any, W: Any, b: Any, x: Any, labels: Any) -> Any:
        features = block(block(x, K1, b1), K2, b2).reshape(IMAGES, -1)
        logs = jax.nn.log_softmax(features @ W + b)
        return -jnp.mean(jnp.take_along_axis(logs, labels[:, None], axis=1))

    return forms.jax_call(model, images(), SLOPES)


def convolutional_torch() -> Call:
    """Run the network eagerly with PyTorch."""
    f = peers.torch().nn.functional

    def model(K1: Any, b1: Any, K2: Any, b2: Any, W: Any, b: Any, x: Any, labels: Any) -> Any:
        first = f.max_pool2d(f.relu(f.conv2d(x, K1, b1)), 2)
        second = f.max_pool2d(f.relu(f.conv2d(first, K2, b2)), 2)
        return f.cross_entropy(second.reshape(IMAGES, -1) @ W + b, labels)

    return forms.torch_call(model, images(), SLOPES)


def sequences(batch: int) -> tuple[Any, ...]:
    """Return the block's weights, then sequences and what it should make of them."""
    rng = np.random.default_rng(0)
    weights = (
        layer(rng, WIDTH, 3 * WIDTH),
        layer(rng, WIDTH, WIDTH),
        layer(rng, WIDTH, 4 * WIDTH),
        layer(rng, 4 * WIDTH, WIDTH),
    )
    pair = rng.normal(size=(2, batch, PLACES, WIDTH)).astype(TYPE)
    return (*weights, pair[0].copy(), pair[1].copy())


MATRICES = (0, 1, 2, 3)


def block(library: Any, softmax: Any, relu: Any) -> Any:
    """Return the block's mean squared error in the functions of a library."""

    def normalised(x: Any) -> Any:
        centred = x - x.mean(axis=-1)[..., None]
        return centred / library.sqrt((centred * centred).mean(axis=-1)[..., None] + 1e-5)

    def heads(x: Any) -> Any:
        return x.reshape(x.shape[0], PLACES, HEADS, WIDTH // HEADS).swapaxes(1, 2)

    def model(mixing: Any, joining: Any, widening: Any, narrowing: Any, x: Any, target: Any) -> Any:
        mixed = normalised(x) @ mixing
        query = heads(mixed[..., :WIDTH])
        key = heads(mixed[..., WIDTH : 2 * WIDTH])
        value = heads(mixed[..., 2 * WIDTH :])
        scores = query @ key.swapaxes(2, 3) * (WIDTH // HEADS) ** -0.5
        seen = (softmax(scores, -1) @ value).swapaxes(1, 2).reshape(x.shape)
        y = x + seen @ joining
        z = y + relu(normalised(y) @ widening) @ narrowing
        return ((z - target) ** 2).mean()

    return model


def attention_bpcompile(batch: int) -> Call:
    """Compile the block with bpcompile; each call returns fresh gradients."""
    from bpcompile import nn

    return forms.bpcompile_fresh(block(np, nn.softmax, nn.relu), sequences(batch), MATRICES)


def attention_jax(batch: int) -> Call:
    """Jit the block with JAX."""
    jax, jnp = peers.jax(double=False)
    return forms.jax_call(block(jnp, jax.nn.softmax, jax.nn.relu), sequences(batch), MATRICES)


def attention_torch(batch: int) -> Call:
    """Run the block eagerly with PyTorch."""
    torch = peers.torch()
    return forms.torch_call(block(torch, torch.softmax, torch.relu), sequences(batch), MATRICES)


def reference() -> str:
    """Return whom the others must agree with: a peer, the one that is least like bpcompile."""
    return "PyTorch" if peers.version("torch") else "bpcompile"


def case(name: str, title: str, builds: tuple[Any, Any, Any], bars: tuple[Bar, ...]) -> Case:
    """Return the case of what bpcompile, JAX and PyTorch build."""
    ours, jax, torch = builds
    return Case(
        name=f"network_{name}",
        title=title,
        contenders=(
            Contender("bpcompile", "bpcompile", ours),
            Contender("JAX", "JAX", jax, "jax"),
            Contender("PyTorch", "PyTorch", torch, "torch"),
        ),
        bars=bars,
        reference=reference(),
        rtol=1e-4,
        rounds=60,
    )


def attention(batch: int) -> Case:
    """Return the case of a batch, which has no bar."""
    builds = (attention_bpcompile, attention_jax, attention_torch)
    ours, jax, torch = (partial(build, batch) for build in builds)
    title = f"attention block, {PLACES} places, width {WIDTH}, batch {batch}, float32"
    return case(f"attention_{batch}", title, (ours, jax, torch), ())


CASES = {
    "convolution": case(
        "convolution",
        f"convolutional net {SIDE}x{SIDE}, 8 and 16 kernels, batch {IMAGES}, float32",
        (convolutional_bpcompile, convolutional_jax, convolutional_torch),
        (faster(0.8, "bpcompile", "PyTorch"),),
    ),
    "attention_1": attention(1),
    "attention_8": attention(8),
}
