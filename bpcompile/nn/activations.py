"""Offer activations as layers, each with the scheme that suits the weights before it.

In: a function of the public vocabulary. Out: an object that `Sequential` takes.

>>> import numpy as np
>>> Relu()(None, np.array([-1.0, 2.0]))
array([0., 2.])
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np

from bpcompile.frontend.calls import resolve
from bpcompile.frontend.session import is_tracing
from bpcompile.nn import functions

Array = Any
Parameters = Any
Scheme = Literal["glorot", "he"]


def called(function: Callable[..., Array], *args: Any) -> Array:
    """Return the result of the user's function; while tracing it is rewritten first."""
    return resolve(function)(*args) if is_tracing() else function(*args)


class Activation:
    """Apply a function to its input; a layer without parameters.

    Args:
        function: from an array to an array of the same shape, traceable.
        suits: the scheme for the weights of the layer before it.

    Example:
        >>> Activation(np.sin)(None, np.zeros(3))
        array([0., 0., 0.])
    """

    def __init__(self, function: Callable[[Array], Array], suits: Scheme = "glorot") -> None:
        self.function = function
        self.suits = suits

    def init(self, rng: np.random.Generator) -> None:
        """Return None: there are no parameters."""

    def __call__(self, _: Parameters, x: Array, /) -> Array:
        """Return the function of x; there are no parameters."""
        return called(self.function, x)

    def __repr__(self) -> str:
        """Return the call that makes the layer."""
        if type(self) is Activation:
            return f"Activation({getattr(self.function, '__name__', self.function)})"
        return f"{type(self).__name__}()"


class Tanh(Activation):
    """Apply the hyperbolic tangent."""

    def __init__(self) -> None:
        super().__init__(np.tanh)


class Sigmoid(Activation):
    """Apply 1 / (1 + exp(-x))."""

    def __init__(self) -> None:
        super().__init__(functions.sigmoid)


class Relu(Activation):
    """Apply max(x, 0), with derivative 0 at 0."""

    def __init__(self) -> None:
        super().__init__(functions.relu, "he")


class Softplus(Activation):
    """Apply log(1 + exp x), a smooth `Relu`."""

    def __init__(self) -> None:
        super().__init__(functions.softplus, "he")


class Gelu(Activation):
    """Apply x Φ(x), by D. Hendrycks and K. Gimpel, "Gaussian Error Linear Units" (2016).

    Args:
        approximate: whether in the form by tanh, as `bp.nn.gelu` has it.
    """

    def __init__(self, approximate: bool = True) -> None:
        super().__init__(partial(functions.gelu, approximate=approximate), "he")


class Softmax(Activation):
    """Make each row of the last axis positive numbers with sum 1."""

    def __init__(self) -> None:
        super().__init__(partial(functions.softmax, axis=-1))


class LogSoftmax(Activation):
    """Apply the logarithm of the softmax of each row of the last axis."""

    def __init__(self) -> None:
        super().__init__(partial(functions.log_softmax, axis=-1))
