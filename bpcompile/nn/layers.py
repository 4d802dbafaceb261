"""Stack layers into a model: `Sequential`, `Dense` and `Flatten`.

A layer is a plain object without state of its own. `layer.init(rng)` gives its parameters, a tree
of arrays, and `layer(parameters, x)` its output; both a batch of NumPy arrays and a trace can be
put through it. Any object with these two methods is a layer.

    >>> import numpy as np
    >>> from bpcompile import nn
    >>> model = nn.Sequential(nn.Dense(2, 3), nn.Tanh(), nn.Dense(3, 1))
    >>> parameters = model.init(np.random.default_rng(0))
    >>> parameters[2].W.shape
    (3, 1)
    >>> model(parameters, np.zeros((5, 2))).shape
    (5, 1)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import DTypeLike

from bpcompile.errors import ArgumentError, ShapeError
from bpcompile.frontend.arguments.trees import map_leaves
from bpcompile.frontend.calls import name_value
from bpcompile.frontend.origins import where
from bpcompile.frontend.session import is_tracing
from bpcompile.nn.activations import Activation, Array, Parameters, Scheme, called
from bpcompile.nn.shapes import shown


class Layer(Protocol):
    """Describe what `Sequential` takes: parameters from a generator, and output from both."""

    def init(self, rng: np.random.Generator) -> Parameters:
        """Return new parameters, a tree of arrays; None where there are none."""

    def __call__(self, parameters: Parameters, x: Array, /) -> Array:
        """Return the layer's output."""


class DenseParameters(NamedTuple):
    """Hold the weights W, f64[inputs, outputs], and the bias b, f64[outputs] or None."""

    W: Array
    b: Array


class Dense:
    """Map the last axis affinely: x W + b.

    Weights are drawn to suit what follows in a `Sequential`. Scheme ``"glorot"`` is uniform in
    ±√(6 / (inputs + outputs)), by X. Glorot and Y. Bengio, "Understanding the difficulty of
    training deep feedforward neural networks" (2010). ``"he"``, for rectifiers, is normal with
    variance 2 / inputs, by K. He, X. Zhang, S. Ren and J. Sun, "Delving Deep into Rectifiers"
    (2015). The bias begins at zero.

    Args:
        inputs: the length of the last axis of what comes in.
        outputs: the length of the last axis of what goes out.
        bias: whether b is added.
        weights: the scheme; None for the one that suits the activation that follows.

    Raises:
        ArgumentError: for sizes that are no positive ints, or an unknown scheme.

    Example:
        >>> layer = Dense(64, 32)
        >>> parameters = layer.init(np.random.default_rng(0))
        >>> layer(parameters, np.ones((10, 64))).shape
        (10, 32)
    """

    def __init__(
        self, inputs: int, outputs: int, *, bias: bool = True, weights: Scheme | None = None
    ) -> None:
        for size in (inputs, outputs):
            if not _is_size(size):
                raise ArgumentError(
                    f"Dense({inputs!r}, {outputs!r}): write how many numbers come in and go out, "
                    "two positive ints"
                )
        if weights not in (None, "glorot", "he"):
            raise ArgumentError(
                f"Dense({inputs}, {outputs}): weights={weights!r}: write 'glorot', 'he' or None"
            )
        self.inputs = int(inputs)
        self.outputs = int(outputs)
        self.bias = bool(bias)
        self.weights = weights

    def init(
        self,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float64,
        *,
        suits: Scheme = "glorot",
    ) -> DenseParameters:
        """Return new weights and a bias of zeros.

        Args:
            rng: what draws the weights; the same numbers for every dtype.
            dtype: float64 or float32.
            suits: the scheme where the layer was not given one.

        Raises:
            ArgumentError: where `rng` is no generator, or `dtype` another.
        """
        _require_generator(rng)
        shape = self.inputs, self.outputs
        if (self.weights or suits) == "he":
            W = rng.normal(scale=math.sqrt(2.0 / self.inputs), size=shape)
        else:
            bound = math.sqrt(6.0 / (self.inputs + self.outputs))
            W = rng.uniform(-bound, bound, size=shape)
        dtype = _float_dtype(dtype)
        b = np.zeros(self.outputs, dtype) if self.bias else None
        return DenseParameters(W.astype(dtype), b)

    def __call__(self, parameters: Parameters, x: Array) -> Array:
        """Return x W + b, for x: f64[..., inputs].

        Raises `ShapeError` where x or a parameter has other lengths than the layer.
        """
        W, b = self._taken_apart(parameters)
        rows = np.shape(x)
        if not rows or rows[-1] != self.inputs:
            raise ShapeError(
                f"{self!r} takes arrays whose last axis has length {self.inputs}, and is given "
                f"one of shape {shown(rows)}{where()}"
            )
        product = x @ W
        return product if b is None else product + b

    def _taken_apart(self, parameters: Parameters) -> tuple[Array, Array]:
        """Return weights and bias, of the shapes that the layer has."""
        try:
            W, b = parameters
        except (TypeError, ValueError):
            raise ArgumentError(
                f"{self!r} takes the pair (W, b) that its init returns, and is given a "
                f"{type(parameters).__name__}{where()}"
            ) from None
        shapes = np.shape(W), None if b is None else np.shape(b)
        own = (self.inputs, self.outputs), (self.outputs,) if self.bias else None
        if shapes != own:
            raise ShapeError(
                f"{self!r} has W and b of shapes {shown(own)}, and is given {shown(shapes)}"
                f"{where()}: pass the parameters that its own init returned"
            )
        return W, b

    def __repr__(self) -> str:
        """Return the call that makes the layer."""
        options = "" if self.bias else ", bias=False"
        options += f", weights={self.weights!r}" if self.weights else ""
        return f"Dense({self.inputs}, {self.outputs}{options})"


class Flatten:
    """Make all axes but the first one axis: f64[n, 8, 8] becomes f64[n, 64].

    Example:
        >>> Flatten()(None, np.zeros((5, 8, 8))).shape
        (5, 64)
    """

    def init(self, rng: np.random.Generator) -> None:
        """Return None: there are no parameters."""

    def __call__(self, _: Parameters, x: Array, /) -> Array:
        """Return x with two axes; there are no parameters.

        Raises `ShapeError` for a scalar.
        """
        rows = np.shape(x)
        if not rows:
            raise ShapeError(f"Flatten() takes arrays, and is given a scalar{where()}")
        return x.reshape(rows[0], math.prod(rows[1:]))

    def __repr__(self) -> str:
        """Return the call that makes the layer."""
        return "Flatten()"


class Sequential:
    """Put layers behind one another; the parameters are a tuple with an entry for each.

    In emitted source the output of layer 2, a `Dense`, is called ``dense_2``, and its weights
    ``params_2_W`` where the model calls its parameters ``params``.

    Args:
        layers: the layers, first to last.

    Raises:
        ArgumentError: for what is no layer.
        ShapeError: where a `Dense` layer does not take what the one before it gives.

    Example:
        >>> from bpcompile import nn
        >>> model = nn.Sequential(nn.Dense(64, 32), nn.Relu(), nn.Dense(32, 10))
        >>> model
        Sequential(Dense(64, 32), Relu(), Dense(32, 10))
        >>> [p if p is None else p.W.shape for p in model.init(np.random.default_rng(0))]
        [(64, 32), None, (32, 10)]
    """

    def __init__(self, *layers: Layer) -> None:
        self.layers = layers
        for k, layer in enumerate(layers):
            if not _is_layer(layer):
                raise ArgumentError(f"layer {k} of Sequential is {layer!r}: {_advice(layer)}")
        self.inputs, self.outputs = _chained(layers)

    def init(
        self,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float64,
        *,
        suits: Scheme = "glorot",
    ) -> tuple[Parameters, ...]:
        """Return new parameters of every layer.

        Args:
            rng: what draws them, such as ``np.random.default_rng(0)``.
            dtype: float64 or float32; the numbers are the same but for rounding.
            suits: the scheme for a `Dense` layer that no activation follows.

        Raises:
            ArgumentError: where `rng` is no generator, or `dtype` another.
        """
        _require_generator(rng)
        dtype = _float_dtype(dtype)
        made = []
        for layer, follower in zip(self.layers, (*self.layers[1:], None), strict=True):
            if isinstance(layer, (Dense, Sequential)):
                own: Parameters = layer.init(
                    rng, dtype, suits=suits if follower is None else _suited(follower)
                )
            else:
                own = map_leaves(lambda leaf: np.asarray(leaf, dtype), layer.init(rng))
            made.append(own)
        return tuple(made)

    def __call__(self, parameters: Parameters, x: Array) -> Array:
        """Return what the last layer makes of x.

        Raises `ShapeError` or `ArgumentError` with the layer where sizes do not fit.
        """
        if not isinstance(parameters, (tuple, list)) or len(parameters) != len(self.layers):
            given = type(parameters).__name__
            if isinstance(parameters, (tuple, list)):
                given += f" of {len(parameters)}"
            raise ArgumentError(
                f"{self!r} takes a tuple of {len(self.layers)} parameters, one for each layer, as "
                f"its init returns it, and is given a {given}{where()}"
            )
        for k, (layer, own) in enumerate(zip(self.layers, parameters, strict=True)):
            try:
                x = called(layer, own, x)
            except (ShapeError, ArgumentError) as error:
                raise type(error)(f"layer {k} of Sequential: {error}") from error
            if is_tracing():
                name_value(_SCOPE, x, f"{_label(layer)}_{k}")
        return x

    def __repr__(self) -> str:
        """Return the call that makes the model."""
        return f"Sequential({', '.join(map(repr, self.layers))})"


_SCOPE = f"{__name__}.Sequential"  # whose names give way to the user's own for a result


def _label(layer: Layer) -> str:
    """Return what the output of a layer is called: its class, or its function where it has one."""
    if type(layer) is Activation:
        name = getattr(layer.function, "__name__", "")
        if name.isidentifier():
            return str(name)
    return type(layer).__name__.lower()


def _suited(follower: Layer) -> Scheme:
    """Return the scheme that suits the layer that follows."""
    scheme: Scheme = getattr(follower, "suits", "glorot")
    return scheme


def _chained(layers: Sequence[Layer]) -> tuple[int | None, int | None]:
    """Return the lengths of the last axis that come in and go out, None where they are open.

    Raises `ShapeError` where two layers do not fit.
    """
    first: int | None = None
    width: int | None = None
    maker: tuple[int, Layer] | None = None
    for k, layer in enumerate(layers):
        if isinstance(layer, (Dense, Sequential)):
            if maker is not None and None not in (width, layer.inputs) and width != layer.inputs:
                raise ShapeError(
                    f"layer {k}, {layer!r}, takes {layer.inputs} numbers a row, and layer "
                    f"{maker[0]}, {maker[1]!r}, gives {width}: write the same size in both"
                )
            if maker is None:
                first = layer.inputs
            width, maker = layer.outputs, (k, layer)
        elif not isinstance(layer, Activation):
            width = None
            maker = maker or (k, layer)
    return first, width


def _is_size(value: object) -> bool:
    """Tell whether a value is a positive int."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        return False
    return bool(value > 0)


def _is_layer(value: object) -> bool:
    """Tell whether a value has a layer's methods, and is no class that was never called."""
    return callable(value) and hasattr(value, "init") and not isinstance(value, type)


def _advice(layer: Any) -> str:
    """Return what to write instead of something that is no layer."""
    if isinstance(layer, type):
        return f"write {layer.__name__}(...), an instance"
    if callable(layer):
        return "write bp.nn.Activation(function), or give it a method init(rng)"
    return "write an object with init(rng) and __call__(parameters, x)"


def _require_generator(rng: Any) -> None:
    """Refuse what draws no numbers."""
    if not isinstance(rng, np.random.Generator):
        raise ArgumentError(f"init takes a generator, not {rng!r}: write np.random.default_rng(0)")


def _float_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Return a dtype that parameters can have."""
    found = np.dtype(dtype)
    if found not in (np.dtype(np.float64), np.dtype(np.float32)):
        raise ArgumentError(f"dtype={found}: write np.float64 or np.float32")
    return found
