"""A network with hidden layers and softmax cross-entropy, as each contender writes it.

Shared by the cases that differ in its size and type, `cases/digits_mlp.py` and
`cases/mlp_float32.py`, and by those that time a first call in a new process. Of a network with two
hidden layers a `Size` tells that it is `deep`: the second is as wide as the first.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.case import Call


@dataclass(frozen=True)
class Size:
    """Widths of the layers, rows of a batch, type of the numbers, and hidden activation."""

    inputs: int
    hidden: int
    classes: int
    batch: int
    dtype: str
    relu: bool = False
    deep: bool = False


DIGITS = Size(64, 32, 10, 64, "float64")
DEEP = Size(64, 32, 10, 32, "float64", deep=True)
LARGE = Size(784, 256, 10, 64, "float32", relu=True)
WIDE = Size(784, 256, 10, 128, "float32", relu=True)


def problem(size: Size) -> tuple[Any, Any, Any]:
    """Return parameters ((W1, b1), (W2, b2), ...), a batch X and its labels."""
    rng = np.random.default_rng(0)

    def layer(rows: int, columns: int) -> tuple[Any, Any]:
        weights = rng.normal(scale=rows**-0.5, size=(rows, columns)).astype(size.dtype)
        return weights, rng.normal(scale=0.1, size=columns).astype(size.dtype)

    widths = [size.inputs, size.hidden, *([size.hidden] if size.deep else []), size.classes]
    parameters = tuple(layer(*pair) for pair in itertools.pairwise(widths))
    X = rng.random((size.batch, size.inputs)).astype(size.dtype)
    return parameters, X, rng.integers(0, size.classes, size.batch)


def cross_entropy(scores: Any, labels: Any) -> Any:
    """Return the mean cross-entropy of the softmax of the scores."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    normaliser = np.log(np.sum(np.exp(shifted), axis=1))
    chosen = np.take_along_axis(shifted, labels[:, None], axis=1)[:, 0]
    return np.mean(normaliser - chosen)


def tanh_loss(parameters: Any, X: Any, labels: Any) -> Any:
    """Return the loss of the network with tanh in its hidden layer."""
    (W1, b1), (W2, b2) = parameters
    hidden = np.tanh(X @ W1 + b1)
    return cross_entropy(hidden @ W2 + b2, labels)


def relu_loss(parameters: Any, X: Any, labels: Any) -> Any:
    """Return the loss of the network with relu in its hidden layer."""
    (W1, b1), (W2, b2) = parameters
    hidden = np.maximum(X @ W1 + b1, 0.0)
    return cross_entropy(hidden @ W2 + b2, labels)


def deep_loss(parameters: Any, X: Any, labels: Any) -> Any:
    """Return the loss of the network with tanh in its two hidden layers."""
    (W1, b1), (W2, b2), (W3, b3) = parameters
    first = np.tanh(X @ W1 + b1)
    second = np.tanh(first @ W2 + b2)
    return cross_entropy(second @ W3 + b3, labels)


def model(size: Size) -> Any:
    """Return the loss of a network of this size."""
    if size.deep:
        return deep_loss
    return relu_loss if size.relu else tanh_loss


def bpcompile_call(size: Size) -> Call:
    """Compile the loss with bpcompile; each call returns fresh gradients."""
    import bpcompile as bp

    return Call(bp.value_and_grad(model(size)), problem(size))


def bpcompile_out(size: Size) -> Call:
    """Compile the loss with bpcompile; the caller owns the gradients."""
    import bpcompile as bp

    parameters, X, labels = problem(size)
    gradients = tuple(tuple(np.empty_like(array) for array in layer) for layer in parameters)
    return Call(bp.value_and_grad(model(size)), (parameters, X, labels), {"out": (None, gradients)})


def bpcompile_bound(size: Size) -> Call:
    """Compile the loss with bpcompile, bound to its types and buffers."""
    import bpcompile as bp

    arguments = problem(size)
    return Call(bp.value_and_grad(model(size)).bind(*arguments), arguments)


def hand(size: Size) -> Call:
    """Compile the function written by hand; the caller owns gradients and workspace."""
    from benchmarks.mlp_by_hand import deep_loss_and_gradient, loss_and_gradient

    if size.deep:
        parameters, X, labels = problem(size)
        arrays = tuple(array for layer in parameters for array in layer)
        gradients = tuple(np.empty_like(array) for array in arrays)
        layers = tuple(np.empty((size.batch, size.hidden), size.dtype) for _ in range(4))
        workspace = (*layers, np.empty((size.batch, size.classes), size.dtype))
        arguments = (*arrays, X, labels, *gradients, *workspace)
        return Call(deep_loss_and_gradient, arguments, filled=gradients)
    ((W1, b1), (W2, b2)), X, labels = problem(size)
    gradients = tuple(np.empty_like(array) for array in (W1, b1, W2, b2))
    hidden = np.empty((size.batch, size.hidden), size.dtype)
    scores = np.empty((size.batch, size.classes), size.dtype)
    workspace = (hidden, np.empty_like(hidden), scores)
    arguments = (size.relu, W1, b1, W2, b2, X, labels, *gradients, *workspace)
    return Call(loss_and_gradient, arguments, filled=gradients)


def jax_compiled(size: Size, *, one_hot: bool = False) -> Any:
    """Return JAX's jitted value and gradient; labels select by a gather or by a one-hot matrix."""
    jax, jnp = peers.jax(double=size.dtype == "float64")
    activation = jax.nn.relu if size.relu else jnp.tanh

    def loss(parameters: Any, X: Any, labels: Any) -> Any:
        *hidden, (W, b) = parameters
        for weights, bias in hidden:
            X = activation(X @ weights + bias)
        logs = jax.nn.log_softmax(X @ W + b)
        if one_hot:
            target = jax.nn.one_hot(labels, size.classes, dtype=logs.dtype)
            return -jnp.mean(jnp.sum(target * logs, axis=1))
        return -jnp.mean(jnp.take_along_axis(logs, labels[:, None], axis=1))

    return jax.jit(jax.value_and_grad(loss))


def jax_call(size: Size, *, one_hot: bool = False) -> Call:
    """Jit the loss; NumPy in, the call waits for its result."""
    compiled = jax_compiled(size, one_hot=one_hot)

    def call(parameters: Any, X: Any, labels: Any) -> Any:
        value, gradients = compiled(parameters, X, labels)
        gradients[0][0].block_until_ready()
        return value, gradients

    return Call(call, problem(size))


def jax_numpy_out(size: Size) -> Call:
    """Jit the loss; NumPy in and NumPy out."""
    compiled = jax_compiled(size, one_hot=True)

    def call(parameters: Any, X: Any, labels: Any) -> Any:
        value, layers = compiled(parameters, X, labels)
        return value.item(), tuple(np.asarray(array) for layer in layers for array in layer)

    return Call(call, problem(size))


def torch_call(size: Size) -> Call:
    """Run the loss eagerly; the parameters are leaves made once, the batch comes from NumPy."""
    torch = peers.torch()
    entropy = torch.nn.functional.cross_entropy
    activation = torch.relu if size.relu else torch.tanh
    parameters, X, labels = problem(size)
    leaves = [torch.from_numpy(array).requires_grad_() for layer in parameters for array in layer]

    def call(X: Any, labels: Any) -> Any:
        *hidden, W, b = leaves
        rows = torch.from_numpy(X)
        for weights, bias in zip(hidden[::2], hidden[1::2], strict=True):
            rows = activation(torch.addmm(bias, rows, weights))
        scores = torch.addmm(b, rows, W)
        value = entropy(scores, torch.from_numpy(labels))
        return value.item(), torch.autograd.grad(value, leaves)

    return Call(call, (X, labels))


def autograd_call(size: Size) -> Call:
    """Trace the loss at each call, as autograd does."""
    autograd, anp = peers.autograd()

    def loss(parameters: Any, X: Any, labels: Any) -> Any:
        *hidden, (W, b) = parameters
        for weights, bias in hidden:
            before = anp.dot(X, weights) + bias
            X = anp.maximum(before, 0.0) if size.relu else anp.tanh(before)
        scores = anp.dot(X, W) + b
        shifted = scores - anp.max(scores, axis=1, keepdims=True)
        normaliser = anp.log(anp.sum(anp.exp(shifted), axis=1))
        return anp.mean(normaliser - shifted[anp.arange(len(labels)), labels])

    return Call(autograd.value_and_grad(loss), problem(size))
