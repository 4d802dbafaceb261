"""Give NumPy, bpcompile and JAX one vocabulary, and say what a case is.

A case calls `m.sum(x, axis=1)`, `m.linalg.inv(x)` or `m.special.erf(x)`, where `m` is any of the
three; PyTorch has a call in its own words, or none.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import scipy.fft
import scipy.linalg
import scipy.signal
import scipy.special

import bpcompile as bp
import bpcompile.numpy
from benchmarks import peers

Call = Callable[..., Any]
Draw = Callable[[np.random.Generator], list[np.ndarray]]


class Words:
    """Hold NumPy's names, with modules beside them: `linalg`, `fft`, `special`, `nn`, `scipy`."""

    def __init__(self, numpy: Any, **modules: Any) -> None:
        self._numpy = numpy
        self.__dict__.update(modules)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._numpy, name)


def plain() -> Words:
    """Return the words of NumPy and SciPy themselves."""
    modules = SimpleNamespace(fft=scipy.fft, linalg=scipy.linalg, signal=scipy.signal)
    return Words(np, special=scipy.special, nn=bp.nn, scipy=modules)


def ours() -> Words:
    """Return the words of a model: NumPy's, with functions of ours where arrays are made."""
    modules = SimpleNamespace(fft=scipy.fft, linalg=scipy.linalg, signal=scipy.signal)
    special = Words(scipy.special, **vars(bp.special))  # its own Python functions take no tracer
    return Words(bpcompile.numpy, special=special, nn=bp.nn, scipy=modules)


@functools.cache
def jax() -> Words:
    """Return the words of JAX."""
    jax, jnp = peers.jax()
    special = __import__("jax.scipy.special", fromlist=["special"])
    signal = __import__("jax.scipy.signal", fromlist=["signal"])
    linalg = __import__("jax.scipy.linalg", fromlist=["linalg"])
    fft = __import__("jax.scipy.fft", fromlist=["fft"])
    modules = SimpleNamespace(fft=fft, linalg=linalg, signal=signal)
    special = Words(jnp, **vars(special))  # which leaves out those that are in jax.numpy
    return Words(jnp, special=special, nn=jax.nn, scipy=modules, lax=jax.lax)


class Case(NamedTuple):
    """Hold a function in the words that NumPy and JAX share, and in PyTorch's.

    `name` begins with the function's own, dotted; after a comma it says how it is called. `jax` is
    a call of its own, or False where JAX lacks the function. `slopes` is False where nothing is
    differentiated: then the values are compared alone.
    """

    name: str
    call: Call
    draw: Draw
    torch: Call | None = None
    jax: Call | bool = True
    slopes: bool = True
    single: bool = True  # also in float32
    exact: Call | None = None  # its value by mpmath, where NumPy's is not to be trusted

    @property
    def function(self) -> str:
        """Return the dotted name of the function."""
        return self.name.partition(",")[0]


# Operands


def on(shapes: str, low: float = -2.0, high: float = 2.0, *, top: int = 6) -> Draw:
    """Return a draw of uniform operands, of shapes in letters for lengths of 2 to `top`.

    A digit is a length of its own, so that "nm 1m" broadcasts; "." is a number.
    """

    def draw(rng: np.random.Generator) -> list[np.ndarray]:
        lengths: dict[str, int] = {}
        return [
            np.asarray(rng.uniform(low, high, lengths_of(word, lengths, rng, top)))
            for word in shapes.split()
        ]

    return draw


def lengths_of(
    word: str, lengths: dict[str, int], rng: np.random.Generator, top: int
) -> tuple[int, ...]:
    """Return the shape that letters and digits stand for; letters keep their lengths."""
    shape = []
    for letter in word.replace(".", ""):
        if letter.isdigit():
            shape.append(int(letter))
        else:
            shape.append(lengths.setdefault(letter, int(rng.integers(2, top + 1))))
    return tuple(shape)


def apart(shapes: str) -> Draw:
    """Return a draw of operands none of whose entries are close to each other, or to 0."""

    def draw(rng: np.random.Generator) -> list[np.ndarray]:
        lengths: dict[str, int] = {}
        drawn = []
        for word in shapes.split():
            shape = lengths_of(word, lengths, rng, 5)
            size = int(np.prod(shape))
            steps = rng.permutation(size) - size // 2 + 0.5
            drawn.append((steps * 0.3 + rng.uniform(-0.05, 0.05, size)).reshape(shape))
        return drawn

    return draw


def matrices(shapes: str, *, positive: bool = False) -> Draw:
    """Return a draw of normal operands; those that end in nn are far from singular."""

    def draw(rng: np.random.Generator) -> list[np.ndarray]:
        n = int(rng.integers(2, 6))
        lengths = {"n": n, "m": n + 2, "b": 3}
        drawn = []
        for word in shapes.split():
            x = rng.normal(size=lengths_of(word, lengths, rng, 6))
            if word.endswith("nn"):
                x = x @ np.swapaxes(x, -1, -2) if positive else x
                x = x + 2 * np.eye(n)
            drawn.append(x)
        return drawn

    return draw


def within(*bounds: tuple[float, float], shapes: str = "nm m") -> Draw:
    """Return a draw of operands, each between bounds of its own."""

    def draw(rng: np.random.Generator) -> list[np.ndarray]:
        lengths: dict[str, int] = {}
        words = shapes.split()
        return [
            np.asarray(rng.uniform(low, high, lengths_of(word, lengths, rng, 6)))
            for word, (low, high) in zip(words, bounds, strict=False)
        ]

    return draw


# Cases


def found(place: Any, name: str) -> Any:
    """Return what a dotted name stands for."""
    return functools.reduce(getattr, name.split("."), place)


def same(name: str, draw: Draw, *rest: Any, torch: str | Call | None = None, **more: Any) -> Case:
    """Return the case of a function that NumPy and JAX call alike, with these further arguments.

    `torch` is its call in PyTorch, or its dotted name there, called with the same arguments; ""
    is the function's own name. `how`, `slopes`, `single` and `jax` are those of a case.
    """
    how = more.pop("how", "")
    flags = {key: more.pop(key) for key in ("slopes", "single", "jax", "exact") if key in more}

    def call(m: Words, *xs: Any) -> Any:
        return found(m, name)(*xs, *rest, **more)

    if isinstance(torch, str):
        known = found(peers.torch(), torch or name)

        def other(*xs: Any) -> Any:
            return known(*xs, *rest, **more)

    return Case(
        f"{name}, {how}" if how else name,
        call,
        draw,
        other if isinstance(torch, str) else torch,
        **flags,
    )


def alike(names: str, draw: Draw, *rest: Any, torch: bool = True, **more: Any) -> list[Case]:
    """Return cases of functions, which PyTorch calls alike as well unless `torch` is False."""
    return [same(name, draw, *rest, torch="" if torch else None, **more) for name in names.split()]


def leaves(result: Any) -> list[Any]:
    """Return the arrays of a result, which may be a tuple, a list or a named tuple of them."""
    if isinstance(result, (tuple, list)):
        return [leaf for part in result for leaf in leaves(part)]
    return [result]


def parts(z: Any, stack: Call) -> Any:
    """Return real and imaginary part of a complex result as one real array."""
    return stack([z.real, z.imag])


Cases = Sequence[Case]
