"""lorenz_value_and_grad: the value and gradient of `lorenz` in sigma and start.

    from x = start_0, y = start_1, z = start_2
    for i from 0 below 100:
        x, y, z <- x + 0.01 sigma (y - x), y + 0.01 (x (rho - z) - y), z + 0.01 (x y - beta z)
    lorenz = x x + y y + z z

sigma: f64[]   rho: f64[]   beta: f64[]   start_0: f64[]   start_1: f64[]   start_2: f64[]

A call takes about 3808 operations.
Written by bpcompile for NumPy.
Its loops run in Python: right, but slow.
"""

import numpy as np


def _main(sigma, rho, beta, start_0, start_1, start_2):
    """Return every result, in order."""
    with np.errstate(all="ignore"):
        sigma = np.float64(sigma)
        rho = np.float64(rho)
        beta = np.float64(beta)
        start_0 = np.float64(start_0)
        start_1 = np.float64(start_1)
        start_2 = np.float64(start_2)
        v0 = np.zeros(100, np.float64)
        x = start_0
        y = start_1
        z = start_2
        x_tape = np.array(v0)
        y_tape = np.array(v0)
        kept_tape = np.array(v0)
        # keeps x, y and 1 more value of each step on the tape
        for i in range(100):
            v1 = x + 0.01 * sigma * (y - x)
            v2 = rho - z
            v3 = y + 0.01 * (x * v2 - y)
            v4 = z + 0.01 * (x * y - beta * z)
            x_tape[i] = x
            y_tape[i] = y
            kept_tape[i] = v2
            x, y, z = v1, v3, v4
        lorenz = np.square(x) + np.square(y) + np.square(z)
        z_bar = 2.0 * z  # z̄ = lorenz_bar (2 z), from z²  test_golden_modules.py:46
        y_bar = 2.0 * y  # ȳ = lorenz_bar (2 y), from y²  test_golden_modules.py:46
        x_bar = 2.0 * x  # x̄ = lorenz_bar (2 x), from x²  test_golden_modules.py:46
        sigma_bar = np.float64(0.0)
        # runs the steps backwards: reads x, y and 1 more value from the tape and computes 2 values again
        for i_back in range(100):
            i = np.int64(99) - i_back
            x_2 = x_tape[i]
            y_2 = y_tape[i]
            v5 = z_bar * 0.01  # from 0.01 (mul(...) - mul(...))  test_golden_modules.py:43
            v6 = y_bar * 0.01  # from 0.01 (mul(...) - y)  test_golden_modules.py:43
            z_bar = z_bar + z_bar * -0.01 * beta - v6 * x_2  # z̄ = z̄ + -(z̄ * 0.01) beta + -(ȳ * 0.01 x), from rho - z  test_golden_modules.py:43
            v7 = x_bar * (y_2 - x_2)  # from 0.01 sigma (y - x)  test_golden_modules.py:43
            v8 = x_bar * (0.01 * sigma)  # from 0.01 sigma (y - x)  test_golden_modules.py:43
            y_bar = v5 * x_2 + y_bar + y_bar * -0.01 + v8  # ȳ = z̄ * 0.01 x + ȳ + -(ȳ * 0.01) + x̄ (0.01 sigma), from y - x  test_golden_modules.py:43
            x_bar = v5 * y_2 + v6 * kept_tape[i] + x_bar - v8  # x̄ = z̄ * 0.01 y + ȳ * 0.01 kept_tape[i] + x̄ + -(x̄ (0.01 sigma)), from y - x  test_golden_modules.py:43
            sigma_bar = sigma_bar + v7 * 0.01  # sigma_bar = sigma_bar + x̄ (y - x) * 0.01, from 0.01 sigma  test_golden_modules.py:43
        return (lorenz, sigma_bar, x_bar, y_bar, z_bar)


def lorenz_value_and_grad(sigma, rho, beta, start_0, start_1, start_2):
    """The value and gradient of `lorenz` in sigma and start."""
    (r0, r1, r2, r3, r4) = _main(sigma, rho, beta, start_0, start_1, start_2)
    return (float(r0), (float(r1), (float(r2), float(r3), float(r4))))


def lorenz_value_and_grad_fill(sigma, rho, beta, start_0, start_1, start_2, workspace):
    """Fill the array results and return the scalar ones."""
    (r0, r1, r2, r3, r4) = _main(sigma, rho, beta, start_0, start_1, start_2)
    return (float(r0), float(r1), float(r2), float(r3), float(r4))


def lorenz_value_and_grad_into(
    sigma, rho, beta, start_0, start_1, start_2, out_0, out_1, out_2, out_3, out_4, workspace,
):
    """Fill one array per result, of shape () for a scalar."""
    (r0, r1, r2, r3, r4) = _main(sigma, rho, beta, start_0, start_1, start_2)
    out_0[...] = r0
    out_1[...] = r1
    out_2[...] = r2
    out_3[...] = r3
    out_4[...] = r4


def lorenz_value_and_grad_workspace():
    """Return the length of the workspace: this target takes none."""
    return 0
