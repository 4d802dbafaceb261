"""One elementwise function over numbers that stay in the cache: the price of its kernel."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from scipy import special

from benchmarks import peers
from benchmarks.case import Bar, Call, Case, Contender, at_most, faster

N = 100_000


def points(function: str) -> Any:
    """Return where the function is taken: the positive numbers around 1 for the logarithm."""
    drawn = np.random.default_rng(0).normal(scale=2.0, size=N)
    return np.exp(drawn) if function == "log" else drawn


def known(function: str) -> Any:
    """Return the ufunc of a name; SciPy has the error function."""
    return special.erf if function == "erf" else getattr(np, function)


def numpy_call(function: str) -> Call:
    """Call the ufunc; the caller owns the result."""
    filled = np.empty(N)
    return Call(known(function), (points(function), filled))


def bpcompile_out(function: str) -> Call:
    """Compile a model that is the ufunc alone; the caller owns the result."""
    import bpcompile as bp

    ufunc = known(function)
    x = points(function)
    return Call(bp.compile(lambda x: ufunc(x)).compile(x), (x,), {"out": np.empty(N)})


def jax_call(function: str) -> Call:
    """Jit JAX's function; NumPy in, the call waits for its result."""
    jax, jnp = peers.jax()
    compiled = jax.jit(jax.scipy.special.erf if function == "erf" else getattr(jnp, function))
    return Call(lambda x: compiled(x).block_until_ready(), (points(function),))


def torch_call(function: str) -> Call:
    """Call PyTorch's function with NumPy in and out, without a copy."""
    torch = peers.torch()
    computed = getattr(torch, function)
    return Call(lambda x: computed(torch.from_numpy(x)).numpy(), (points(function),))


def case(function: str, bar: Bar) -> Case:
    """Return the case of a function."""
    return Case(
        name=f"unary_{function}",
        title=f"{function} over 10^5 in cache",
        contenders=(
            Contender("bpcompile", "bpcompile", partial(bpcompile_out, function)),
            Contender("NumPy", "hand", partial(numpy_call, function)),
            Contender("JAX", "JAX", partial(jax_call, function), "jax"),
            Contender("PyTorch", "PyTorch", partial(torch_call, function), "torch"),
        ),
        bars=(bar,),
        reference="NumPy",
        rtol=1e-14,
    )


CASES = {
    "exp": case("exp", at_most(1.3, "bpcompile", "NumPy")),
    **{name: case(name, faster(1.0, "bpcompile", "JAX")) for name in ("tanh", "log", "sin", "erf")},
}
