"""First results of models with thousands of scalar operations, for `benchmarks.first_call`.

Each function imports what its tool needs and makes the model; the work that it returns goes from
the model to its value and gradient, and is what is timed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks import peers, pendulum
from benchmarks.cases import straight_line

Work = Callable[[], Any]
COUNTS = (10_000, 100_000)
ALL = (0, 1, 2, 3)


def pendulum_bpcompile() -> Work:
    """Compile the pendulum's misfit with its gradient in the angles with bpcompile."""
    import bpcompile as bp

    expression, names = pendulum.misfit(), list(pendulum.arguments())
    values, angles = pendulum.point(), tuple(range(pendulum.LINKS))
    return lambda: bp.value_and_grad(expression, args=names, argnums=angles)(*values)


def pendulum_lambdify() -> Work:
    """Differentiate the misfit with SymPy, share its common parts, and compile that with Numba."""
    import sympy
    from numba import njit

    expression, names = pendulum.misfit(), pendulum.arguments()
    values = pendulum.point()

    def work() -> Any:
        slopes = [sympy.diff(expression, angle) for angle in names[: pendulum.LINKS]]
        written = sympy.lambdify(names, (expression, *slopes), cse=True)
        return njit(error_model="numpy")(written)(*values)

    return work


def straight_bpcompile(count: int) -> Work:
    """Compile a model of so many operations with its gradient with bpcompile."""
    import bpcompile as bp

    model = straight_line.load(count).model
    return lambda: bp.value_and_grad(model, ALL)(*straight_line.POINT)


def straight_casadi(count: int) -> Work:
    """Build the same with CasADi's scalars, for its virtual machine: nothing is compiled."""
    casadi = peers.casadi()
    model = straight_line.load(count, "casadi").model

    def work() -> Any:
        x = [casadi.SX.sym(f"x{i}") for i in ALL]
        value = model(*x)
        function = casadi.Function("f", x, [value, casadi.gradient(value, casadi.vertcat(*x))])
        return [np.asarray(part) for part in function(*straight_line.POINT)]

    return work


def straight_torch(count: int) -> Work:
    """Run the same eagerly with PyTorch: there is nothing to compile."""
    torch = peers.torch()
    model = straight_line.load(count, "torch").model

    def work() -> Any:
        point = [torch.tensor(x, dtype=torch.float64) for x in straight_line.POINT]
        leaves = [x.requires_grad_() for x in point]
        value = model(*leaves)
        return value.item(), torch.autograd.grad(value, leaves)

    return work


def straight_jax(count: int) -> Work:
    """Jit the same with JAX."""
    jax, _ = peers.jax()
    model = straight_line.load(count, "jax.numpy").model
    return lambda: jax.jit(jax.value_and_grad(model, ALL))(*straight_line.POINT)


STRAIGHT = {
    "bpcompile": straight_bpcompile,
    "casadi": straight_casadi,
    "torch": straight_torch,
    "jax": straight_jax,
}
PREPARED: dict[str, Callable[[], Work]] = {
    "pendulum_bpcompile": pendulum_bpcompile,
    "pendulum_lambdify": pendulum_lambdify,
    **{
        f"straight_{tool}_{count}": partial(prepared, count)
        for tool, prepared in STRAIGHT.items()
        for count in COUNTS
    },
}
