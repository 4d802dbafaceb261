"""An LSTM with diagonal weights over a sequence, as in ADBench.

F. Srajer, Z. Kukelova, A. Fitzgibbon, A Benchmark of Selected Algorithmic Differentiation Tools
(2018); the repository microsoft/ADBench has the objective `lstm`: 14 features, l layers.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numba import njit

from benchmarks.case import Call
from benchmarks.models.model import Arguments, Model, generator

FEATURES = 14


@njit
def sigmoid(x):
    """Return the logistic function."""
    return 1.0 / (1.0 + math.exp(-x))


def loss(main, extra, state, sequence):
    """Return the mean loss of predicting each entry of the sequence from those before.

    main: 2 l x 4 b (weights and biases of forget, in, out, change); extra: 3 x b;
    state: 2 l x b (hidden and cell of each layer); sequence: c x b.
    """
    layers = state.shape[0] // 2
    steps, features = sequence.shape
    s = state.copy()
    x = np.empty(features)
    total = 0.0
    for t in range(steps - 1):
        for j in range(features):
            x[j] = sequence[t, j] * extra[0, j]
        for k in range(layers):
            for j in range(features):
                hidden = s[2 * k, j]
                cell = s[2 * k + 1, j]
                forget = sigmoid(x[j] * main[2 * k, j] + main[2 * k + 1, j])
                enter = sigmoid(hidden * main[2 * k, features + j] + main[2 * k + 1, features + j])
                leave = sigmoid(
                    x[j] * main[2 * k, 2 * features + j] + main[2 * k + 1, 2 * features + j]
                )
                change = math.tanh(
                    hidden * main[2 * k, 3 * features + j] + main[2 * k + 1, 3 * features + j]
                )
                cell = cell * forget + enter * change
                hidden = leave * math.tanh(cell)
                s[2 * k, j] = hidden
                s[2 * k + 1, j] = cell
                x[j] = hidden
        norm = 2.0
        for j in range(features):
            x[j] = x[j] * extra[1, j] + extra[2, j]
            norm += math.exp(x[j])
        norm = math.log(norm)
        for j in range(features):
            total += sequence[t + 1, j] * (x[j] - norm)
    return -total / ((steps - 1) * features)


def arguments(steps: int, layers: int) -> Arguments:
    """Return weights, output layer, first state and a sequence of bits."""
    rng = generator(7)
    main = rng.uniform(-0.5, 0.5, (2 * layers, 4 * FEATURES))
    extra = rng.uniform(-1.0, 1.0, (3, FEATURES))
    state = rng.uniform(-0.5, 0.5, (2 * layers, FEATURES))
    return main, extra, state, rng.integers(0, 2, (steps, FEATURES)).astype(float)


def jax_scan(jax, jnp):
    """Return the network as a `scan` over the sequence, with array steps and layers unrolled."""

    def objective(main, extra, state, sequence):
        layers = state.shape[0] // 2
        weights = main.reshape(layers, 2, 4, -1)
        sigmoid = jax.nn.sigmoid

        def step(carried, pair):
            seen, expected = pair
            x = seen * extra[0]
            states = []
            for k in range(layers):
                w, b = weights[k]
                hidden, cell = carried[k]
                forget = sigmoid(x * w[0] + b[0])
                enter = sigmoid(hidden * w[1] + b[1])
                leave = sigmoid(x * w[2] + b[2])
                change = jnp.tanh(hidden * w[3] + b[3])
                cell = cell * forget + enter * change
                x = leave * jnp.tanh(cell)
                states.append((x, cell))
            x = x * extra[1] + extra[2]
            norm = jnp.log(2.0 + jnp.sum(jnp.exp(x)))
            return states, jnp.sum(expected * (x - norm))

        start = [(state[2 * k], state[2 * k + 1]) for k in range(layers)]
        terms = jax.lax.scan(step, start, (sequence[:-1], sequence[1:]))[1]
        return -jnp.sum(terms) / ((sequence.shape[0] - 1) * sequence.shape[1])

    return objective


@njit(error_model="numpy", boundscheck=False)
def by_hand(main, extra, state, sequence, gates, tops, main_bar, extra_bar, state_bar):
    """Fill the gradients and return the loss.

    `gates` holds forget, in, out, change, tanh(cell), cell and hidden before, and the input, of
    each step and layer; `tops` holds the last hidden layer and the share of each exponential.
    """
    layers = state.shape[0] // 2
    steps, b = sequence.shape
    s = state.copy()
    x = np.empty(b)
    total = 0.0
    for t in range(steps - 1):
        for j in range(b):
            x[j] = sequence[t, j] * extra[0, j]
        for k in range(layers):
            g = gates[t, k]
            for j in range(b):
                hidden, cell = s[2 * k, j], s[2 * k + 1, j]
                forget = sigmoid(x[j] * main[2 * k, j] + main[2 * k + 1, j])
                enter = sigmoid(hidden * main[2 * k, b + j] + main[2 * k + 1, b + j])
                leave = sigmoid(x[j] * main[2 * k, 2 * b + j] + main[2 * k + 1, 2 * b + j])
                change = math.tanh(hidden * main[2 * k, 3 * b + j] + main[2 * k + 1, 3 * b + j])
                after = cell * forget + enter * change
                squashed = math.tanh(after)
                g[0, j], g[1, j], g[2, j], g[3, j] = forget, enter, leave, change
                g[4, j], g[5, j], g[6, j], g[7, j] = squashed, cell, hidden, x[j]
                s[2 * k + 1, j] = after
                x[j] = s[2 * k, j] = leave * squashed
        norm = 2.0
        for j in range(b):
            tops[t, 0, j] = x[j]
            x[j] = x[j] * extra[1, j] + extra[2, j]
            tops[t, 1, j] = math.exp(x[j])
            norm += tops[t, 1, j]
        log_norm = math.log(norm)
        for j in range(b):
            tops[t, 1, j] /= norm
            total += sequence[t + 1, j] * (x[j] - log_norm)
    scale = -1.0 / ((steps - 1) * b)

    main_bar[:] = 0.0
    extra_bar[:] = 0.0
    state_bar[:] = 0.0
    for t in range(steps - 2, -1, -1):
        expected = 0.0
        for j in range(b):
            expected += sequence[t + 1, j]
        for j in range(b):
            y_bar = scale * (sequence[t + 1, j] - expected * tops[t, 1, j])
            extra_bar[1, j] += y_bar * tops[t, 0, j]
            extra_bar[2, j] += y_bar
            x[j] = y_bar * extra[1, j]
        for k in range(layers - 1, -1, -1):
            g = gates[t, k]
            for j in range(b):
                forget, enter, leave, change = g[0, j], g[1, j], g[2, j], g[3, j]
                squashed, cell, hidden, given = g[4, j], g[5, j], g[6, j], g[7, j]
                out_bar = x[j] + state_bar[2 * k, j]
                cell_bar = state_bar[2 * k + 1, j] + out_bar * leave * (1.0 - squashed * squashed)
                f_bar = cell_bar * cell * forget * (1.0 - forget)
                i_bar = cell_bar * change * enter * (1.0 - enter)
                o_bar = out_bar * squashed * leave * (1.0 - leave)
                c_bar = cell_bar * enter * (1.0 - change * change)
                main_bar[2 * k, j] += f_bar * given
                main_bar[2 * k + 1, j] += f_bar
                main_bar[2 * k, b + j] += i_bar * hidden
                main_bar[2 * k + 1, b + j] += i_bar
                main_bar[2 * k, 2 * b + j] += o_bar * given
                main_bar[2 * k + 1, 2 * b + j] += o_bar
                main_bar[2 * k, 3 * b + j] += c_bar * hidden
                main_bar[2 * k + 1, 3 * b + j] += c_bar
                x[j] = f_bar * main[2 * k, j] + o_bar * main[2 * k, 2 * b + j]
                state_bar[2 * k, j] = i_bar * main[2 * k, b + j] + c_bar * main[2 * k, 3 * b + j]
                state_bar[2 * k + 1, j] = cell_bar * forget
        for j in range(b):
            extra_bar[0, j] += x[j] * sequence[t, j]
    return total * scale


def hand(main, extra, state, sequence) -> Call:
    """Return the call of the network written by hand; the caller owns tapes and gradients."""
    bars = np.empty(main.shape), np.empty(extra.shape), np.empty(state.shape)
    steps, b = sequence.shape
    tapes = np.empty((steps, state.shape[0] // 2, 8, b)), np.empty((steps, 2, b))
    return Call(by_hand, (main, extra, state, sequence, *tapes, *bars), filled=bars)


def _model(name: str, layers: int) -> Model:
    """Return the model with so many layers."""
    return Model(
        name=name,
        title=f"LSTM (ADBench), {layers} layers, 1024 steps",
        function=loss,
        arguments=partial(arguments, layers=layers),
        tiny=4,
        full=1024,
        argnums=(0, 1, 2),
        loops={"JAX": jax_scan},
        hand=hand,
    )


TWO_LAYERS = _model("lstm_2", 2)
FOUR_LAYERS = _model("lstm_4", 4)
