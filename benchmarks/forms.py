"""The forms in which a case runs one model: bpcompile, JAX jit and PyTorch eager.

In:  a model in the tool's own functions, its arguments, and which of them are differentiated.
Out: a `Call` with its value and gradients. A model with `aux` returns a pair and is differentiated
in the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.case import Bar, Call, Fact

Arguments = tuple[Any, ...]
Model = Callable[..., Any]
TRAFFIC = "traffic"
LEAST = "least traffic"


def gradients(arguments: Arguments, argnums: tuple[int, ...]) -> Arguments:
    """Return an empty array for each gradient."""
    return tuple(np.empty_like(arguments[number]) for number in argnums)


def compiled(
    model: Model, arguments: Arguments, argnums: tuple[int, ...], *, has_aux: bool = False
) -> Any:
    """Compile the value and gradient with bpcompile for these arguments."""
    import bpcompile as bp

    return bp.value_and_grad(model, argnums=argnums, has_aux=has_aux).compile(*arguments)


def bpcompile_fresh(model: Model, arguments: Arguments, argnums: tuple[int, ...]) -> Call:
    """Compile the model with bpcompile; each call returns fresh gradients."""
    return Call(compiled(model, arguments, argnums), arguments)


def bpcompile_out(
    model: Model, arguments: Arguments, argnums: tuple[int, ...], *, aux: Any = None
) -> Call:
    """Compile the model with bpcompile; the caller owns the gradients and `aux`, if any."""
    function = compiled(model, arguments, argnums, has_aux=aux is not None)
    filled = gradients(arguments, argnums)
    value = None if aux is None else (None, aux)

    def facts() -> Mapping[str, Fact]:
        cost = function.cost(*arguments)
        results = filled if aux is None else (*filled, aux)
        least = sum(array.nbytes for array in (*arguments, *results))
        return {
            TRAFFIC: Fact(cost.total.read.value + cost.total.written.value, "bytes"),
            LEAST: Fact(least, "bytes"),
        }

    return Call(function, arguments, {"out": (value, filled)}, facts=facts)


def lean(times: float, subject: str) -> Bar:
    """Return the bar: the memory traffic of `subject` is at most `times` the least possible."""
    needs = (f"{subject}: {TRAFFIC}", f"{subject}: {LEAST}")
    return Bar(
        text=f"traffic <= {times:g} x that of arguments and results",
        subject=subject,
        needs=needs,
        value=lambda figures: figures[needs[0]] / figures[needs[1]],
        at_most=times,
    )


def jax_call(
    model: Model, arguments: Arguments, argnums: tuple[int, ...], *, has_aux: bool = False
) -> Call:
    """Jit the model with JAX; NumPy in, the call waits for its results."""
    jax, _ = peers.jax(double=arguments[0].dtype == np.float64)
    jitted = jax.jit(jax.value_and_grad(model, argnums=argnums, has_aux=has_aux))
    return Call(lambda *given: jax.block_until_ready(jitted(*given)), arguments)


def torch_call(
    model: Model, arguments: Arguments, argnums: tuple[int, ...], *, has_aux: bool = False
) -> Call:
    """Run the model eagerly with PyTorch; NumPy in and out, without a copy."""
    torch = peers.torch()

    def call(*given: Any) -> Any:
        tensors = [torch.from_numpy(array) for array in given]
        leaves = [tensors[number].requires_grad_() for number in argnums]
        result = model(*tensors)
        value = result[0] if has_aux else result
        found = tuple(slope.numpy() for slope in torch.autograd.grad(value, leaves))
        return ((value.item(), result[1].detach()) if has_aux else value.item()), found

    return Call(call, arguments)
