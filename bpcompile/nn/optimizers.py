"""Improve parameters by their gradients: `sgd` and `adam`, as plain functions on trees.

An optimiser is a pair of functions: `init(parameters)` gives its state, and
`update(parameters, gradients, state)` gives new parameters and the new state. Nothing is changed in
place. Both are ordinary NumPy-style code, so that `bp.compile` takes a whole training step.

    >>> import numpy as np
    >>> optimizer = sgd(0.1)
    >>> parameters = {"w": np.array([1.0, 2.0])}
    >>> state = optimizer.init(parameters)
    >>> gradients = {"w": np.array([10.0, 0.0])}
    >>> parameters, state = optimizer.update(parameters, gradients, state)
    >>> parameters["w"]
    array([0., 2.])
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from bpcompile.errors import ArgumentError, ShapeError
from bpcompile.frontend.arguments.trees import Structure, leaves_like, leaves_of, map_leaves
from bpcompile.nn.shapes import shown

Tree = Any


class Optimizer(NamedTuple):
    """Hold the two functions of an optimiser.

    Attributes:
        init: from parameters to the state before the first step.
        update: from parameters, gradients and state to the next parameters and state.
    """

    init: Callable[[Tree], Tree]
    update: Callable[[Tree, Tree, Tree], tuple[Tree, Tree]]


class AdamState(NamedTuple):
    """Hold the number of steps made, and the running means of gradients and of their squares."""

    step: int
    mean: Tree
    square: Tree


def sgd(learning_rate: float, momentum: float = 0.0) -> Optimizer:
    """Return gradient descent, with momentum as B. T. Polyak (1964) has it.

    The velocity v becomes `momentum` v + g, and the parameters p become p - `learning_rate` v.
    Without momentum the state is None.

    Args:
        learning_rate: the step's length in terms of the gradient's, positive.
        momentum: the share of the velocity that a step keeps, from 0 up to, not with, 1.

    Raises:
        ArgumentError: for a learning rate or momentum outside those bounds; by `update`, for
            gradients or a state of another structure than the parameters'.
        ShapeError: by `update`, for a gradient of another shape than its parameter's.

    Example:
        >>> optimizer = sgd(0.5, momentum=0.5)
        >>> p, state = optimizer.update(3.0, 2.0, optimizer.init(3.0))
        >>> p, state = optimizer.update(p, 2.0, state)
        >>> float(p), float(state)
        (0.5, 3.0)
    """
    _positive("sgd", "learning_rate", learning_rate)
    _share("sgd", "momentum", momentum)

    def init(parameters: Tree) -> Tree:
        """Return zero velocities."""
        return _zeros(parameters) if momentum else None

    def update(parameters: Tree, gradients: Tree, state: Tree) -> tuple[Tree, Tree]:
        """Return the parameters after a step, and the velocities."""
        structure, p, g = _leaves(parameters, gradients)
        if not momentum:
            return structure.unflatten(_steps(p, g, learning_rate)), None
        before = leaves_like(structure, state, "the state")
        v = [momentum * a + b for a, b in zip(before, g, strict=True)]
        return structure.unflatten(_steps(p, v, learning_rate)), structure.unflatten(v)

    return Optimizer(init, update)


def adam(
    learning_rate: float = 1e-3, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8
) -> Optimizer:
    """Return Adam, by D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization" (2015).

    With running means m of the gradients and s of their squares, both corrected for their start
    at zero, the parameters p become p - `learning_rate` m / (√s + `eps`).

    Args:
        learning_rate: about how far a parameter moves in a step, positive.
        b1: the share of the mean gradient that a step keeps, from 0 up to, not with, 1.
        b2: the share of the mean square that a step keeps, from 0 up to, not with, 1.
        eps: what is added to √s, positive.

    Raises:
        ArgumentError: for a number outside its bounds; by `update`, for gradients or a state of
            another structure than the parameters'.
        ShapeError: by `update`, for a gradient of another shape than its parameter's.

    Example:
        >>> optimizer = adam(0.1)
        >>> p, state = optimizer.update(1.0, 250.0, optimizer.init(1.0))
        >>> round(float(p), 6), state.step
        (0.9, 1)
    """
    _positive("adam", "learning_rate", learning_rate)
    _share("adam", "b1", b1)
    _share("adam", "b2", b2)
    _positive("adam", "eps", eps)

    def init(parameters: Tree) -> AdamState:
        """Return zero means, before the first step."""
        return AdamState(0, _zeros(parameters), _zeros(parameters))

    def update(parameters: Tree, gradients: Tree, state: Tree) -> tuple[Tree, AdamState]:
        """Return the parameters after a step, and the means."""
        structure, p, g = _leaves(parameters, gradients)
        if not isinstance(state, AdamState):
            raise ArgumentError(
                f"adam's state is what its init and update return, not {type(state).__name__}"
            )
        step = state.step + 1
        m = leaves_like(structure, state.mean, "the state's mean")
        s = leaves_like(structure, state.square, "the state's square")
        m = [b1 * a + (1.0 - b1) * b for a, b in zip(m, g, strict=True)]
        s = [b2 * a + (1.0 - b2) * b * b for a, b in zip(s, g, strict=True)]
        # The corrections of both means, drawn together before they meet an array.
        rate = learning_rate / (1.0 - b1**step)
        scale = 1.0 / (1.0 - b2**step)
        moved = [a - rate * b / (np.sqrt(scale * c) + eps) for a, b, c in zip(p, m, s, strict=True)]
        return structure.unflatten(moved), AdamState(
            step, structure.unflatten(m), structure.unflatten(s)
        )

    return Optimizer(init, update)


def _zeros(tree: Tree) -> Tree:
    """Return zeros in the place of each leaf."""
    return map_leaves(lambda leaf: np.zeros_like(leaf)[()], tree)


def _leaves(parameters: Tree, gradients: Tree) -> tuple[Structure, list[Any], list[Any]]:
    """Return the structure of parameters, their leaves and those of their gradients.

    Raises `ArgumentError` where the structures differ, and `ShapeError` where two shapes do.
    """
    leaves, structure = leaves_of(parameters)
    slopes = leaves_like(structure, gradients, "the gradients")
    for k, (leaf, slope) in enumerate(zip(leaves, slopes, strict=True)):
        if np.shape(leaf) != np.shape(slope):
            path = structure.paths("gradients")[k]
            raise ShapeError(
                f"{path} has shape {shown(np.shape(slope))}, and its parameter "
                f"{shown(np.shape(leaf))}: pass the gradient in these parameters"
            )
    return structure, leaves, slopes


def _steps(leaves: list[Any], directions: list[Any], rate: float) -> list[Any]:
    """Return the leaves after a step against the directions."""
    return [a - rate * b for a, b in zip(leaves, directions, strict=True)]


def _positive(function: str, name: str, value: float) -> None:
    """Refuse what is not a finite number above 0."""
    if not isinstance(value, Real) or not 0.0 < value < math.inf:
        raise ArgumentError(f"{function}: {name}={value!r}: write a finite number above 0")


def _share(function: str, name: str, value: float) -> None:
    """Refuse what is not a number from 0 up to, not with, 1."""
    if not isinstance(value, Real) or not 0.0 <= value < 1.0:
        raise ArgumentError(f"{function}: {name}={value!r}: write a number from 0 to below 1")
