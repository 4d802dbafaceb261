"""Ten thousand Runge-Kutta steps of the Lorenz system: a rolled loop of scalars.

The step is 0.001, so that the gradient of this chaotic system is still a well-conditioned number
(it grows by about exp(0.9 t), here to t = 10) that all implementations can agree on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from benchmarks import peers
from benchmarks.case import Call, Case, Contender, faster

STEPS = 10_000
H = 0.001
PARAMETERS = (10.0, 28.0, 8.0 / 3.0)
STATE = (1.0, 2.0, 20.0)


def field(parameters: Any, state: Any) -> Any:
    """Return the time derivative of the state."""
    sigma, rho, beta = parameters
    x, y, z = state
    return sigma * (y - x), x * (rho - z) - y, x * y - beta * z


def moved(state: Any, slope: Any, h: float) -> Any:
    """Return the state moved along the slope."""
    return state[0] + h * slope[0], state[1] + h * slope[1], state[2] + h * slope[2]


def step(parameters: Any, state: Any) -> Any:
    """Return the state after one step of the classical Runge-Kutta method."""
    k1 = field(parameters, state)
    k2 = field(parameters, moved(state, k1, H / 2))
    k3 = field(parameters, moved(state, k2, H / 2))
    k4 = field(parameters, moved(state, k3, H))
    state = moved(moved(state, k1, H / 6), k2, H / 3)
    return moved(moved(state, k3, H / 3), k4, H / 6)


def squared(state: Any) -> Any:
    """Return the loss of a final state."""
    x, y, z = state
    return x * x + y * y + z * z


@njit(error_model="numpy")
def _field(s, r, b, x, y, z):
    return s * (y - x), x * (r - z) - y, x * y - b * z


@njit(error_model="numpy")
def _pull(s, r, b, x, y, z, p, q, w):
    """Return the adjoint of the state in which `_field` was taken, for the adjoint p, q, w."""
    return (r - z) * q + y * w - s * p, s * p - q + x * w, -x * q - b * w


@njit(error_model="numpy", boundscheck=False)
def by_hand(parameters, state, tape):
    """Return the loss and its gradients; the tape holds the state before each step."""
    s, r, b = parameters
    x, y, z = state
    half = H / 2
    for i in range(STEPS):
        tape[i, 0], tape[i, 1], tape[i, 2] = x, y, z
        k1x, k1y, k1z = _field(s, r, b, x, y, z)
        k2x, k2y, k2z = _field(s, r, b, x + half * k1x, y + half * k1y, z + half * k1z)
        k3x, k3y, k3z = _field(s, r, b, x + half * k2x, y + half * k2y, z + half * k2z)
        k4x, k4y, k4z = _field(s, r, b, x + H * k3x, y + H * k3y, z + H * k3z)
        x += H / 6 * (k1x + 2.0 * (k2x + k3x) + k4x)
        y += H / 6 * (k1y + 2.0 * (k2y + k3y) + k4y)
        z += H / 6 * (k1z + 2.0 * (k2z + k3z) + k4z)
    loss = x * x + y * y + z * z

    xb, yb, zb = 2.0 * x, 2.0 * y, 2.0 * z
    sb = rb = bb = 0.0
    for i in range(STEPS - 1, -1, -1):
        x, y, z = tape[i, 0], tape[i, 1], tape[i, 2]
        k1x, k1y, k1z = _field(s, r, b, x, y, z)
        x2, y2, z2 = x + half * k1x, y + half * k1y, z + half * k1z
        k2x, k2y, k2z = _field(s, r, b, x2, y2, z2)
        x3, y3, z3 = x + half * k2x, y + half * k2y, z + half * k2z
        k3x, k3y, k3z = _field(s, r, b, x3, y3, z3)
        x4, y4, z4 = x + H * k3x, y + H * k3y, z + H * k3z

        p4, q4, w4 = H / 6 * xb, H / 6 * yb, H / 6 * zb
        dx4, dy4, dz4 = _pull(s, r, b, x4, y4, z4, p4, q4, w4)
        p3, q3, w3 = H / 3 * xb + H * dx4, H / 3 * yb + H * dy4, H / 3 * zb + H * dz4
        dx3, dy3, dz3 = _pull(s, r, b, x3, y3, z3, p3, q3, w3)
        p2, q2, w2 = H / 3 * xb + half * dx3, H / 3 * yb + half * dy3, H / 3 * zb + half * dz3
        dx2, dy2, dz2 = _pull(s, r, b, x2, y2, z2, p2, q2, w2)
        p1, q1, w1 = H / 6 * xb + half * dx2, H / 6 * yb + half * dy2, H / 6 * zb + half * dz2
        dx1, dy1, dz1 = _pull(s, r, b, x, y, z, p1, q1, w1)

        sb += p1 * (y - x) + p2 * (y2 - x2) + p3 * (y3 - x3) + p4 * (y4 - x4)
        rb += q1 * x + q2 * x2 + q3 * x3 + q4 * x4
        bb -= w1 * z + w2 * z2 + w3 * z3 + w4 * z4
        xb += dx1 + dx2 + dx3 + dx4
        yb += dy1 + dy2 + dy3 + dy4
        zb += dz1 + dz2 + dz3 + dz4
    return loss, ((sb, rb, bb), (xb, yb, zb))


def hand() -> Call:
    """Compile the function written by hand; the caller owns the tape."""
    return Call(by_hand, (PARAMETERS, STATE, np.empty((STEPS, 3))))


def bpcompile_call() -> Call:
    """Compile the rolled loop with bpcompile."""
    import bpcompile as bp

    def loss(parameters: Any, state: Any) -> Any:
        def body(i: Any, carried: Any) -> Any:
            return step(parameters, carried)

        return squared(bp.fori_loop(0, STEPS, body, state))

    return Call(bp.value_and_grad(loss, argnums=(0, 1)), (PARAMETERS, STATE))


def jax_call() -> Call:
    """Jit the rolled loop over a state of three scalars; the call waits for its result."""
    jax, _ = peers.jax()

    def loss(parameters: Any, state: Any) -> Any:
        last = jax.lax.fori_loop(0, STEPS, lambda i, carried: step(parameters, carried), state)
        return squared(last)

    compiled = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))
    return Call(lambda p, s: jax.block_until_ready(compiled(p, s)), (PARAMETERS, STATE))


def jax_array() -> Call:
    """Jit the rolled loop over a state that is one array; the call waits for its result."""
    jax, jnp = peers.jax()

    def loss(parameters: Any, state: Any) -> Any:
        def slope(u: Any) -> Any:
            return jnp.stack(field(parameters, u))

        def body(i: Any, u: Any) -> Any:
            k1 = slope(u)
            k2 = slope(u + H / 2 * k1)
            k3 = slope(u + H / 2 * k2)
            k4 = slope(u + H * k3)
            return u + H / 6 * (k1 + 2.0 * (k2 + k3) + k4)

        return jnp.sum(jax.lax.fori_loop(0, STEPS, body, state) ** 2)

    compiled = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))
    arguments = (np.array(PARAMETERS), np.array(STATE))

    def call(parameters: Any, state: Any) -> Any:
        value, (dp, ds) = compiled(parameters, state)
        ds.block_until_ready()
        return value, (list(np.asarray(dp)), list(np.asarray(ds)))

    return Call(call, arguments)


def torch_call() -> Call:
    """Run the loop eagerly, with a state of three tensors of rank 0."""
    torch = peers.torch()

    def leaf(value: float) -> Any:
        return torch.tensor(value, dtype=torch.float64, requires_grad=True)

    parameters, state = tuple(map(leaf, PARAMETERS)), tuple(map(leaf, STATE))

    def call() -> Any:
        carried = state
        for _ in range(STEPS):
            carried = step(parameters, carried)
        value = squared(carried)
        return value.item(), torch.autograd.grad(value, (*parameters, *state))

    return Call(call)


def casadi_call() -> Call:
    """Fold CasADi's step over the time and differentiate the fold, through its buffers."""
    casadi = peers.casadi()
    u, p = casadi.SX.sym("u", 3), casadi.SX.sym("p", 3)
    after = step(casadi.vertsplit(p), casadi.vertsplit(u))
    one = casadi.Function("step", [u, p], [casadi.vertcat(*after)])
    start, constants = casadi.MX.sym("start", 3), casadi.MX.sym("constants", 3)
    last = one.fold(STEPS)(start, casadi.repmat(constants, 1, STEPS))
    loss = casadi.sumsqr(last)
    partials = [casadi.gradient(loss, constants), casadi.gradient(loss, start)]
    whole = casadi.Function("f", [constants, start], [loss, *partials])
    value, dp, ds = np.zeros(()), np.zeros(3), np.zeros(3)
    inputs = [np.array(PARAMETERS), np.array(STATE)]
    evaluate = peers.casadi_buffers(whole, inputs, [value, dp, ds])
    views = tuple(array[i : i + 1] for array in (dp, ds) for i in range(3))
    return Call(evaluate, filled=(value, *views))


CASE = Case(
    name="lorenz",
    title="Lorenz RK4, 10^4 steps, `bp.fori_loop`",
    contenders=(
        Contender("bpcompile", "bpcompile", bpcompile_call),
        Contender("hand", "hand", hand),
        Contender("JAX", "JAX", jax_call, "jax"),
        Contender("JAX, array state", "JAX", jax_array, "jax"),
        Contender("PyTorch", "PyTorch", torch_call, "torch"),
        Contender("CasADi buffers", "CasADi", casadi_call, "casadi"),
    ),
    bars=(faster(10.0, "bpcompile", "JAX", "JAX, array state"),),
    rtol=1e-6,
)
