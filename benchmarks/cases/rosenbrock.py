"""The Rosenbrock function of eight variables: a small model with a vector gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from benchmarks import peers
from benchmarks.case import Call, Case, Contender, at_most, faster

N = 8


def point() -> np.ndarray[Any, Any]:
    """Return the point at which all are measured."""
    return np.linspace(-0.5, 1.5, N)


def terms(x: Any) -> Any:
    """Return 100 (x[i+1] - x[i]^2)^2 + (1 - x[i])^2 for each i, in any array type."""
    head = x[:-1]
    return 100.0 * (x[1:] - head**2) ** 2 + (1.0 - head) ** 2


def model(x: Any) -> Any:
    """Return the Rosenbrock function of x."""
    return np.sum(terms(x))


@njit(error_model="numpy", boundscheck=False)
def by_hand(x, gradient):
    """Fill the gradient and return the value, in one pass."""
    value = 0.0
    last = x.shape[0] - 1
    carried = 0.0
    for i in range(last):
        a = x[i]
        r = x[i + 1] - a * a
        s = 1.0 - a
        value += 100.0 * r * r + s * s
        gradient[i] = carried - 400.0 * r * a - 2.0 * s
        carried = 200.0 * r
    gradient[last] = carried
    return value


def hand() -> Call:
    """Compile the function written by hand; the caller owns the gradient."""
    gradient = np.empty(N)
    return Call(by_hand, (point(), gradient), filled=(gradient,))


def bpcompile_fresh() -> Call:
    """Compile the model with bpcompile; each call returns a fresh gradient."""
    import bpcompile as bp

    return Call(bp.value_and_grad(model), (point(),))


def bpcompile_out() -> Call:
    """Compile the model with bpcompile; the caller owns the gradient."""
    import bpcompile as bp

    return Call(bp.value_and_grad(model), (point(),), {"out": (None, np.empty(N))})


def bpcompile_bound() -> Call:
    """Compile the model with bpcompile, bound to its types and buffers."""
    import bpcompile as bp

    return Call(bp.value_and_grad(model).bind(point()), (point(),))


def _jax_compiled() -> Any:
    jax, jnp = peers.jax()
    return jax.jit(jax.value_and_grad(lambda x: jnp.sum(terms(x))))


def jax_call() -> Call:
    """Jit the model; NumPy in, the call waits for its result."""
    compiled = _jax_compiled()

    def call(x: Any) -> Any:
        value, gradient = compiled(x)
        gradient.block_until_ready()
        return value, gradient

    return Call(call, (point(),))


def jax_numpy_out() -> Call:
    """Jit the model; NumPy in and NumPy out."""
    compiled = _jax_compiled()

    def call(x: Any) -> Any:
        value, gradient = compiled(x)
        return value.item(), np.asarray(gradient)

    return Call(call, (point(),))


def torch_call() -> Call:
    """Run the model eagerly; NumPy in."""
    torch = peers.torch()

    def call(array: Any) -> Any:
        x = torch.from_numpy(array).requires_grad_()
        value = torch.sum(terms(x))
        return value.item(), torch.autograd.grad(value, x)[0].numpy()

    return Call(call, (point(),))


def autograd_call() -> Call:
    """Trace the model at each call, as autograd does."""
    autograd, anp = peers.autograd()
    return Call(autograd.value_and_grad(lambda x: anp.sum(terms(x))), (point(),))


def _casadi_function() -> Any:
    casadi = peers.casadi()
    x = casadi.SX.sym("x", N)
    value = casadi.sum1(terms(x))
    return casadi.Function("f", [x], [value, casadi.gradient(value, x)])


def casadi_call() -> Call:
    """Call CasADi with NumPy in; its own matrix type comes out."""
    return Call(_casadi_function(), (point(),))


def casadi_buffers() -> Call:
    """Call CasADi through its registered buffers."""
    value, gradient = np.zeros(()), np.zeros(N)
    evaluate = peers.casadi_buffers(_casadi_function(), [point()], [value, gradient])
    return Call(evaluate, filled=(value, gradient))


def pytensor_call() -> Call:
    """Compile the model with PyTensor; the argument is not checked."""
    pytensor, tensor = peers.pytensor()
    x = tensor.dvector("x")
    value = tensor.sum(terms(x))
    function = pytensor.function([x], [value, pytensor.grad(value, x)])
    function.trust_input = True
    return Call(function, (point(),))


CASE = Case(
    name="rosenbrock",
    title=f"Rosenbrock n = {N}, NumPy in",
    contenders=(
        Contender("bpcompile", "bpcompile", bpcompile_fresh),
        Contender("bpcompile out", "bpcompile", bpcompile_out),
        Contender("bpcompile bind", "bpcompile", bpcompile_bound),
        Contender("hand", "hand", hand),
        Contender("JAX", "JAX", jax_call, "jax"),
        Contender("JAX, NumPy out", "JAX", jax_numpy_out, "jax"),
        Contender("PyTorch", "PyTorch", torch_call, "torch"),
        Contender("autograd", "autograd", autograd_call, "autograd"),
        Contender("CasADi", "CasADi", casadi_call, "casadi"),
        Contender("CasADi buffers", "CasADi", casadi_buffers, "casadi"),
        Contender("PyTensor", "PyTensor", pytensor_call, "pytensor"),
    ),
    bars=(
        at_most(2.5, "bpcompile out", "hand"),
        at_most(1.5, "bpcompile bind", "hand"),
        faster(8.0, "bpcompile out", "JAX"),
    ),
)
