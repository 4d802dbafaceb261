"""model_value: the value of `model`.

    last = n - 1
    x = x
    for i from 0 below last:
        for i from 0 below last - i:
            left = x[i]
            right = x[i + 1]
            if left > right:
                x = x with right at [i] with left at [i + 1]

x: f64[n]

Written by bpcompile for NumPy.
Its loops run in Python: right, but slow.
"""

import numpy as np


def _main(x):
    """Return every result, in order."""
    n = x.shape[0]
    with np.errstate(all="ignore"):
        x_2 = np.array(x)
        for i in range(n - 1):
            v0 = np.int64(n - 1) - i
            for i_2 in range(v0):
                left = x_2[i_2]
                right = x_2[(i_2 + np.int64(1))]
                if left > right:  # model.py:3
                    x_2[i_2] = right
                    x_2[(i_2 + np.int64(1))] = left
        return (np.array(x_2),)


def model_value(x):
    """The value of `model`."""
    (r0,) = _main(x)
    return (r0,)


def model_value_fill(x, out_0, workspace):
    """Fill the array results and return the scalar ones."""
    (r0,) = _main(x)
    out_0[...] = r0
    return None


def model_value_into(x, out_0, workspace):
    """Fill one array per result, of shape () for a scalar."""
    (r0,) = _main(x)
    out_0[...] = r0


def model_value_workspace(n):
    """Return the length of the workspace: this target takes none."""
    return 0
