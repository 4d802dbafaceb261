"""What a model of the loop benchmark is: plain Python, and the forms that stand beside it.

In:  the modules of this folder, each with the model as a Numba user writes it.
Out: `Model`, from which `benchmarks.loops` makes a case and the tests make theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks.case import Call

Arguments = tuple[Any, ...]
JaxForm = Callable[[Any, Any], Callable[..., Any]]
"""Takes the modules `jax` and `jax.numpy`, returns the function to differentiate and jit."""


@dataclass(frozen=True)
class Model:
    """A scalar-valued model in plain Python with everything that is measured beside it.

    `arguments(size)` gives seeded data, `tiny` and `full` are the sizes of the tests and of the
    benchmark. `loops` are JAX's forms with rolled loops, `library` those with array functions.
    `hand(*arguments)` is a value and gradient written by hand. `static` are the ints that size
    JAX's loops, which it must know while compiling. `forward` is the value for Numba where it
    cannot compile the model itself. `rtol` is the agreement asked of gradients.
    """

    name: str
    title: str
    function: Callable[..., Any]
    arguments: Callable[[int], Arguments]
    tiny: int
    full: int
    argnums: tuple[int, ...]
    loops: Mapping[str, JaxForm]
    library: Mapping[str, JaxForm] = field(default_factory=dict)
    hand: Callable[..., Call] | None = None
    static: tuple[int, ...] = ()
    forward: Callable[..., Any] | None = None
    rtol: float = 1e-9


def generator(seed: int) -> np.random.Generator:
    """Return the source of a model's data."""
    return np.random.default_rng(seed)
