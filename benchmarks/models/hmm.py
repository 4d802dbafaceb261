"""The forward algorithm of a hidden Markov model, in log space.

L. R. Rabiner, A Tutorial on Hidden Markov Models (1989), section III A, with the sum over the
states before as a log-sum-exp.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from benchmarks.case import Call
from benchmarks.models.model import Arguments, Model, generator

STATES = 8
SYMBOLS = 12


def log_likelihood(log_start, log_move, log_emit, seen):
    """Return the log-likelihood of the symbols seen."""
    states = log_start.shape[0]
    alpha = np.empty(states)
    after = np.empty(states)
    for j in range(states):
        alpha[j] = log_start[j] + log_emit[j, seen[0]]
    for t in range(1, seen.shape[0]):
        for j in range(states):
            largest = -np.inf
            for i in range(states):
                term = alpha[i] + log_move[i, j]
                if term > largest:
                    largest = term
            total = 0.0
            for i in range(states):
                total += math.exp(alpha[i] + log_move[i, j] - largest)
            after[j] = largest + math.log(total) + log_emit[j, seen[t]]
        for j in range(states):
            alpha[j] = after[j]
    largest = alpha[0]
    for j in range(1, states):
        largest = max(largest, alpha[j])
    total = 0.0
    for j in range(states):
        total += math.exp(alpha[j] - largest)
    return largest + math.log(total)


def _log_rows(weights):
    """Return the logarithm of the weights, each row scaled to the sum 1."""
    return np.log(weights / weights.sum(axis=-1, keepdims=True))


def arguments(steps: int) -> Arguments:
    """Return log-probabilities of start, moves and symbols, and the symbols seen."""
    rng = generator(5)
    start = _log_rows(rng.uniform(0.1, 1.0, STATES))
    move = _log_rows(rng.uniform(0.1, 1.0, (STATES, STATES)))
    emit = _log_rows(rng.uniform(0.1, 1.0, (STATES, SYMBOLS)))
    return start, move, emit, rng.integers(0, SYMBOLS, steps)


def jax_scan(jax, jnp):
    """Return the algorithm as a `scan` over the symbols, with array steps."""

    def loss(log_start, log_move, log_emit, seen):
        lse = jax.scipy.special.logsumexp

        def step(alpha, symbol):
            return lse(alpha[:, None] + log_move, axis=0) + log_emit[:, symbol], None

        return lse(jax.lax.scan(step, log_start + log_emit[:, seen[0]], seen[1:])[0])

    return loss


@njit(error_model="numpy", boundscheck=False)
def by_hand(log_start, log_move, log_emit, seen, tape, start_bar, move_bar, emit_bar):
    """Fill the gradients and return the loss; the tape holds alpha of each time.

    The adjoint of alpha is the probability of the state given all symbols, so each exponential
    of the backward sweep is a share: exp(alpha[i] + move[i, j] - (alpha'[j] - emit[j])).
    """
    states, steps = log_start.shape[0], seen.shape[0]
    for j in range(states):
        tape[0, j] = log_start[j] + log_emit[j, seen[0]]
    for t in range(1, steps):
        for j in range(states):
            largest = -np.inf
            for i in range(states):
                largest = max(largest, tape[t - 1, i] + log_move[i, j])
            total = 0.0
            for i in range(states):
                total += math.exp(tape[t - 1, i] + log_move[i, j] - largest)
            tape[t, j] = largest + math.log(total) + log_emit[j, seen[t]]
    last = tape[steps - 1]
    largest = -np.inf
    for j in range(states):
        largest = max(largest, last[j])
    total = 0.0
    for j in range(states):
        total += math.exp(last[j] - largest)
    loss = largest + math.log(total)

    move_bar[:] = 0.0
    emit_bar[:] = 0.0
    bar, before = np.empty(states), np.empty(states)
    for j in range(states):
        bar[j] = math.exp(last[j] - loss)
    for t in range(steps - 1, 0, -1):
        before[:] = 0.0
        for j in range(states):
            emit_bar[j, seen[t]] += bar[j]
            norm = tape[t, j] - log_emit[j, seen[t]]
            for i in range(states):
                share = bar[j] * math.exp(tape[t - 1, i] + log_move[i, j] - norm)
                before[i] += share
                move_bar[i, j] += share
        bar, before = before, bar
    for j in range(states):
        emit_bar[j, seen[0]] += bar[j]
        start_bar[j] = bar[j]
    return loss


def hand(*given) -> Call:
    """Return the call of the algorithm written by hand; the caller owns tape and gradients."""
    bars = tuple(np.empty(array.shape) for array in given[:3])
    tape = np.empty((given[3].shape[0], given[0].shape[0]))
    return Call(by_hand, (*given, tape, *bars), filled=bars)


MODEL = Model(
    name="hmm",
    title="hidden Markov model, 8 states, 1000 symbols",
    function=log_likelihood,
    arguments=arguments,
    tiny=5,
    full=1000,
    argnums=(0, 1, 2),
    loops={"JAX": jax_scan},
    hand=hand,
)
