"""Value and gradient of (x + y) z for three floats: the price of a call."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from benchmarks import peers
from benchmarks.case import Call, Case, Contender, at_most, faster

ARGUMENTS = (-2.0, 5.0, -4.0)


def model(x: Any, y: Any, z: Any) -> Any:
    """Return (x + y) z."""
    return (x + y) * z


@njit(error_model="numpy")
def by_hand(x, y, z):
    """Return the value and its gradient in x, y and z."""
    s = x + y
    return s * z, (z, z, s)


def bpcompile_call() -> Call:
    """Compile the model with bpcompile."""
    import bpcompile as bp

    return Call(bp.value_and_grad(model, argnums=(0, 1, 2)), ARGUMENTS)


def bpcompile_bound() -> Call:
    """Compile the model with bpcompile, bound to its types."""
    import bpcompile as bp

    return Call(bp.value_and_grad(model, argnums=(0, 1, 2)).bind(*ARGUMENTS), ARGUMENTS)


def hand() -> Call:
    """Compile the function written by hand."""
    return Call(by_hand, ARGUMENTS)


def jax_call() -> Call:
    """Jit the model; the call waits for its result."""
    jax, _ = peers.jax()
    compiled = jax.jit(jax.value_and_grad(model, argnums=(0, 1, 2)))

    def call(x: float, y: float, z: float) -> Any:
        value, gradient = compiled(x, y, z)
        value.block_until_ready()
        return value, gradient

    return Call(call, ARGUMENTS)


def jax_numpy_out() -> Call:
    """Jit the model; the call hands out Python floats, as the others do."""
    jax, _ = peers.jax()
    compiled = jax.jit(jax.value_and_grad(model, argnums=(0, 1, 2)))

    def call(x: float, y: float, z: float) -> Any:
        value, (dx, dy, dz) = compiled(x, y, z)
        return value.item(), (dx.item(), dy.item(), dz.item())

    return Call(call, ARGUMENTS)


def torch_call() -> Call:
    """Run the model eagerly; the leaves are made once."""
    torch = peers.torch()
    leaves = tuple(torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in ARGUMENTS)

    def call(x: Any, y: Any, z: Any) -> Any:
        value = model(x, y, z)
        return value.detach(), torch.autograd.grad(value, (x, y, z))

    return Call(call, leaves)


def autograd_call() -> Call:
    """Trace the model at each call, as autograd does."""
    autograd, _ = peers.autograd()
    return Call(autograd.value_and_grad(lambda packed: model(*packed)), (ARGUMENTS,))


def casadi_call() -> Call:
    """Call CasADi with floats; its own number type comes out."""
    function = _casadi_function()
    return Call(function, ARGUMENTS)


def casadi_buffers() -> Call:
    """Call CasADi through its registered buffers."""
    inputs = [np.array(a) for a in ARGUMENTS]
    outputs = [np.zeros(()) for _ in range(4)]
    evaluate = peers.casadi_buffers(_casadi_function(), inputs, outputs)
    return Call(evaluate, filled=tuple(outputs))


def _casadi_function() -> Any:
    casadi = peers.casadi()
    x, y, z = (casadi.SX.sym(name) for name in "xyz")
    value = model(x, y, z)
    partials = [casadi.jacobian(value, v) for v in (x, y, z)]
    return casadi.Function("f", [x, y, z], [value, *partials])


def pytensor_call() -> Call:
    """Compile the model with PyTensor; the arguments are not checked."""
    pytensor, tensor = peers.pytensor()
    x, y, z = (tensor.dscalar(name) for name in "xyz")
    value = model(x, y, z)
    function = pytensor.function([x, y, z], [value, *pytensor.grad(value, [x, y, z])])
    function.trust_input = True
    return Call(function, tuple(np.array(a) for a in ARGUMENTS))


CASE = Case(
    name="scalar",
    title="`(x + y) * z`, value and gradient, three floats",
    contenders=(
        Contender("bpcompile", "bpcompile", bpcompile_call),
        Contender("bpcompile bind", "bpcompile", bpcompile_bound),
        Contender("hand", "hand", hand),
        Contender("JAX", "JAX", jax_call, "jax"),
        Contender("JAX, floats out", "JAX", jax_numpy_out, "jax"),
        Contender("PyTorch", "PyTorch", torch_call, "torch"),
        Contender("autograd", "autograd", autograd_call, "autograd"),
        Contender("CasADi", "CasADi", casadi_call, "casadi"),
        Contender("CasADi buffers", "CasADi", casadi_buffers, "casadi"),
        Contender("PyTensor", "PyTensor", pytensor_call, "pytensor"),
    ),
    bars=(at_most(2.0, "bpcompile", "hand"), faster(6.0, "bpcompile", "JAX")),
)
