"""lorenz_value_and_grad: the value and gradient of `lorenz` in sigma and start.

    from x = start_0, y = start_1, z = start_2
    for i from 0 below 100:
        x, y, z <- x + 0.01 sigma (y - x), y + 0.01 (x (rho - z) - y), z + 0.01 (x y - beta z)
    lorenz = x x + y y + z z

sigma: f64[]   rho: f64[]   beta: f64[]   start_0: f64[]   start_1: f64[]   start_2: f64[]

A call takes about 3708 operations, 4800 bytes read and written, 2400 bytes of workspace.
Written by bpcompile for Numba: mathematics by libm.
"""

import numpy as np
from numba import njit


@njit(error_model="numpy", nogil=True, boundscheck=False, fastmath={"reassoc", "contract"})
def _add(total, value):
    """Return the sum; the only place where additions may be reordered."""
    return total + value


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _main(sigma, rho, beta, start_0, start_1, start_2, workspace):
    """Fill the array results and return the scalar ones."""
    x_tape = workspace[0:100]  # f64[100]
    y_tape = workspace[100:200]  # f64[100]
    kept_tape = workspace[200:300]  # f64[100]
    x = start_0
    y = start_1
    z = start_2
    # keeps x, y and 1 more value of each step on the tape
    for i in range(100):
        v0 = x + 0.01 * sigma * (y - x)
        v1 = rho - z
        v2 = y + 0.01 * (x * v1 - y)
        v3 = z + 0.01 * (x * y - beta * z)
        x_tape[i] = x
        y_tape[i] = y
        kept_tape[i] = v1
        x, y, z = v0, v2, v3
    lorenz = x * x + y * y + z * z
    z_bar = 2.0 * z  # z̄ = lorenz_bar (2 z), from z²  test_golden_modules.py:46
    y_bar = 2.0 * y  # ȳ = lorenz_bar (2 y), from y²  test_golden_modules.py:46
    x_bar = 2.0 * x  # x̄ = lorenz_bar (2 x), from x²  test_golden_modules.py:46
    sigma_bar = 0.0
    # runs the steps backwards: reads x, y and 1 more value from the tape and computes 2 values again
    for i in range(99, -1, -1):
        x_2 = x_tape[i]
        y_2 = y_tape[i]
        v4 = z_bar * 0.01  # from 0.01 (mul(...) - mul(...))  test_golden_modules.py:43
        v5 = y_bar * 0.01  # from 0.01 (mul(...) - y)  test_golden_modules.py:43
        z_bar_2 = z_bar + z_bar * -0.01 * beta - v5 * x_2  # z̄ = z̄ + -(z̄ * 0.01) beta + -(ȳ * 0.01 x), from rho - z  test_golden_modules.py:43
        v6 = x_bar * (0.01 * sigma)  # from 0.01 sigma (y - x)  test_golden_modules.py:43
        y_bar_2 = v4 * x_2 + y_bar + y_bar * -0.01 + v6  # ȳ = z̄ * 0.01 x + ȳ + -(ȳ * 0.01) + x̄ (0.01 sigma), from y - x  test_golden_modules.py:43
        x_bar_2 = v4 * y_2 + v5 * kept_tape[i] + x_bar - v6  # x̄ = z̄ * 0.01 y + ȳ * 0.01 kept_tape[i] + x̄ + -(x̄ (0.01 sigma)), from y - x  test_golden_modules.py:43
        sigma_bar = _add(sigma_bar, x_bar * (y_2 - x_2) * 0.01)  # sigma_bar = sigma_bar + x̄ (y - x) * 0.01, from 0.01 sigma  test_golden_modules.py:43
        x_bar, y_bar, z_bar = x_bar_2, y_bar_2, z_bar_2
    return (lorenz, sigma_bar, x_bar, y_bar, z_bar)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def lorenz_value_and_grad(sigma, rho, beta, start_0, start_1, start_2):
    """Return the value and gradient of `lorenz` in sigma and start."""
    workspace = np.empty(300)
    lorenz_2, sigma_bar_2, start_0_bar, start_1_bar, start_2_bar = _main(
        sigma, rho, beta, start_0, start_1, start_2, workspace
    )
    return (lorenz_2, (sigma_bar_2, (start_0_bar, start_1_bar, start_2_bar)))


@njit(error_model="numpy", nogil=True, boundscheck=False)
def lorenz_value_and_grad_fill(sigma, rho, beta, start_0, start_1, start_2, workspace):
    """Fill the array results and return the scalar ones."""
    if workspace.shape[0] < 300:
        raise ValueError("expected workspace.shape[0] >= 300")
    return _main(sigma, rho, beta, start_0, start_1, start_2, workspace)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def lorenz_value_and_grad_into(
    sigma, rho, beta, start_0, start_1, start_2, lorenz_2_out, sigma_bar_2_out, start_0_bar_out,
    start_1_bar_out, start_2_bar_out, workspace,
):
    """Fill one array per result, of shape () for a scalar."""
    if workspace.shape[0] < 300:
        raise ValueError("expected workspace.shape[0] >= 300")
    lorenz_2, sigma_bar_2, start_0_bar, start_1_bar, start_2_bar = _main(
        sigma, rho, beta, start_0, start_1, start_2, workspace
    )
    lorenz_2_out[()] = lorenz_2
    sigma_bar_2_out[()] = sigma_bar_2
    start_0_bar_out[()] = start_0_bar
    start_1_bar_out[()] = start_1_bar
    start_2_bar_out[()] = start_2_bar


@njit(error_model="numpy", nogil=True, boundscheck=False)
def lorenz_value_and_grad_workspace():
    """Return the length of the workspace in float64 words."""
    return 300
