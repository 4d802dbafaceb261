"""The logistic loss over a million points: a fused elementwise pass with its reduction."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numba import njit

from benchmarks import peers
from benchmarks.case import Call, Case, Contender, faster

N = 1_000_000


def data() -> tuple[Any, Any]:
    """Return scores z and labels y of -1 and 1."""
    rng = np.random.default_rng(0)
    return rng.normal(scale=2.0, size=N), rng.choice([-1.0, 1.0], size=N)


def model(z: Any, y: Any) -> Any:
    """Return the mean of log(1 + exp(-y z))."""
    return np.mean(np.log1p(np.exp(-y * z)))


@njit(error_model="numpy", boundscheck=False)
def by_hand(z, y, gradient):
    """Fill the gradient in z and return the loss, in one pass with libm."""
    n = z.shape[0]
    total = 0.0
    for i in range(n):
        e = math.exp(-y[i] * z[i])
        total += math.log1p(e)
        gradient[i] = -y[i] * e / ((1.0 + e) * n)
    return total / n


def hand() -> Call:
    """Compile the function written by hand; the caller owns the gradient."""
    gradient = np.empty(N)
    return Call(by_hand, (*data(), gradient), filled=(gradient,))


def bpcompile_libm() -> Call:
    """Compile the model with bpcompile and libm's functions; the caller owns the gradient."""
    import bpcompile as bp

    out = (None, np.empty(N))
    return Call(bp.value_and_grad(model, math="libm"), data(), {"out": out})


def bpcompile_default() -> Call:
    """Compile the model with bpcompile's own functions; the caller owns the gradient."""
    import bpcompile as bp

    return Call(bp.value_and_grad(model), data(), {"out": (None, np.empty(N))})


def jax_call() -> Call:
    """Jit the model; NumPy in, the call waits for its result."""
    jax, jnp = peers.jax()
    loss = jax.value_and_grad(lambda z, y: jnp.mean(jnp.log1p(jnp.exp(-y * z))))
    compiled = jax.jit(loss)

    def call(z: Any, y: Any) -> Any:
        value, gradient = compiled(z, y)
        return value, gradient.block_until_ready()

    return Call(call, data())


def jax_softplus() -> Call:
    """Jit the model with JAX's own softplus, which is stable and another formula."""
    jax, jnp = peers.jax()
    compiled = jax.jit(jax.value_and_grad(lambda z, y: jnp.mean(jax.nn.softplus(-y * z))))

    def call(z: Any, y: Any) -> Any:
        value, gradient = compiled(z, y)
        return value, gradient.block_until_ready()

    return Call(call, data())


def torch_call() -> Call:
    """Run the model eagerly; NumPy in."""
    torch = peers.torch()

    def call(scores: Any, labels: Any) -> Any:
        z = torch.from_numpy(scores).requires_grad_()
        value = torch.mean(torch.log1p(torch.exp(-torch.from_numpy(labels) * z)))
        return value.item(), torch.autograd.grad(value, z)[0].numpy()

    return Call(call, data())


def autograd_call() -> Call:
    """Trace the model at each call, as autograd does."""
    autograd, anp = peers.autograd()
    loss = autograd.value_and_grad(lambda z, y: anp.mean(anp.log1p(anp.exp(-y * z))))
    return Call(loss, data())


def pytensor_call() -> Call:
    """Compile the model with PyTensor; the arguments are not checked."""
    pytensor, tensor = peers.pytensor()
    z, y = tensor.dvector("z"), tensor.dvector("y")
    value = tensor.mean(tensor.log1p(tensor.exp(-y * z)))
    function = pytensor.function([z, y], [value, pytensor.grad(value, z)])
    function.trust_input = True
    return Call(function, data())


def cost() -> Mapping[str, str]:
    """Return bpcompile's own account: each input is read once and no array is temporary."""
    import bpcompile as bp

    return {"fn.cost()": str(bp.value_and_grad(model, math="libm").cost(*data()))}


CASE = Case(
    name="logistic",
    title="logistic loss over 10^6, libm",
    contenders=(
        Contender("bpcompile", "bpcompile", bpcompile_libm),
        Contender("bpcompile, its own exp", "bpcompile", bpcompile_default),
        Contender("hand", "hand", hand),
        Contender("JAX", "JAX", jax_call, "jax"),
        Contender("JAX softplus", "JAX", jax_softplus, "jax"),
        Contender("PyTorch", "PyTorch", torch_call, "torch"),
        Contender("autograd", "autograd", autograd_call, "autograd"),
        Contender("PyTensor", "PyTensor", pytensor_call, "pytensor"),
    ),
    bars=(faster(1.0, "bpcompile", "JAX"),),
    notes=cost,
)
