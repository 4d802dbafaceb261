"""Build networks of layers, and train them: what `bp.nn` offers.

In: the public vocabulary of models, and nothing of the compiler. Out: functions named as in
`jax.nn`, layers, losses and optimisers. All are plain Python objects and NumPy-style functions,
which compute with arrays as well as in a model that is being compiled.
"""

from __future__ import annotations

from bpcompile.nn.activations import (
    Activation,
    Gelu,
    LogSoftmax,
    Relu,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)
from bpcompile.nn.functions import (
    elu,
    gelu,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    logsumexp,
    one_hot,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_sign,
    softmax,
    softplus,
    swish,
    tanh,
)
from bpcompile.nn.layers import Dense, DenseParameters, Flatten, Layer, Sequential
from bpcompile.nn.losses import binary_cross_entropy, mean_squared_error, softmax_cross_entropy
from bpcompile.nn.optimizers import AdamState, Optimizer, adam, sgd

__all__ = [
    "sigmoid",
    "log_sigmoid",
    "softplus",
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "silu",
    "swish",
    "gelu",
    "soft_sign",
    "hard_tanh",
    "tanh",
    "softmax",
    "log_softmax",
    "logsumexp",
    "one_hot",
    "Layer",
    "Sequential",
    "Dense",
    "DenseParameters",
    "Flatten",
    "Activation",
    "Tanh",
    "Relu",
    "Sigmoid",
    "Softplus",
    "Gelu",
    "Softmax",
    "LogSoftmax",
    "mean_squared_error",
    "softmax_cross_entropy",
    "binary_cross_entropy",
    "Optimizer",
    "AdamState",
    "sgd",
    "adam",
]
