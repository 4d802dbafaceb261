"""model_value: the value of `model`.

    x = a * 1
    from k = 0
    while k < n:
        x = (x + a / x) * 0.5
        k <- k + 1
    from s = 1
    for i from 0 below k:
        s <- s x_tape[p1 - 1 - i] + q_tape[p1 - 1 - i]

a: f64[]   n: i64[]

Written by bpcompile for NumPy.
Its loops run in Python: right, but slow.
"""

import numpy as np


def _main(a, n):
    """Return every result, in order."""
    with np.errstate(all="ignore"):
        a = np.float64(a)
        n = np.int64(n)
        x = a * 1.0
        k = np.int64(0)
        x_tape = []
        q_tape = []
        # keeps x of each step on the tape
        while k < n:  # model.py:14
            x_tape.append(x)
            v1 = a / x
            q_tape.append(v1)
            x = (x + v1) * 0.5
            k = k + np.int64(1)
        s = np.float64(1.0)
        for i in range(k):
            v2 = k - np.int64(1) - i
            s = s * x_tape[v2] + q_tape[v2]
        return (x, k, s)


def model_value(a, n):
    """The value of `model`."""
    (r0, r1, r2) = _main(a, n)
    return (float(r0), int(r1), float(r2))


def model_value_fill(a, n, workspace):
    """Fill the array results and return the scalar ones."""
    (r0, r1, r2) = _main(a, n)
    return (float(r0), int(r1), float(r2))


def model_value_into(a, n, out_0, out_1, out_2, workspace):
    """Fill one array per result, of shape () for a scalar."""
    (r0, r1, r2) = _main(a, n)
    out_0[...] = r0
    out_1[...] = r1
    out_2[...] = r2


def model_value_workspace():
    """Return the length of the workspace: this target takes none."""
    return 0
