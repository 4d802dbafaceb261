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

A call takes about 9 turns + 1 operations, 32 turns bytes read and written.
Written by bpcompile for Numba: mathematics by libm.
"""

import numpy as np
from numba import njit, types

_hold_python = types.ExternalFunction("PyGILState_Ensure", types.int32())
_check_signals = types.ExternalFunction("PyErr_CheckSignals", types.int32())
_clear_error = types.ExternalFunction("PyErr_Clear", types.void())
_release_python = types.ExternalFunction("PyGILState_Release", types.void(types.int32))


class _Interrupted(KeyboardInterrupt, Exception):
    """Signal Ctrl-C; compiled code can only raise subclasses of Exception."""


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _grown(tape):
    """Return a tape of twice the length that begins with the same rows."""
    longer = np.empty((2 * tape.shape[0],) + tape.shape[1:], tape.dtype)
    for k in range(tape.size):
        longer.flat[k] = tape.flat[k]
    return longer


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _interrupted():
    """Run the handlers of signals that have arrived; tell whether one of them raised."""
    state = _hold_python()
    raised = _check_signals() != 0
    if raised:
        _clear_error()
    _release_python(state)
    return raised


@njit(error_model="numpy", nogil=True, boundscheck=False, forceinline=True)
def _poll(work):
    """Return the work since the last look for Ctrl-C; look for it where that is much.

    The work is counted in additions, and 2**26 of them take some 50 ms.
    """
    if work < 67108864:
        return work
    if _interrupted():
        raise _Interrupted
    return 0


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _unsigned(index):
    """Return an index that is never negative as Numba must be told so: it counts none from the end.

    What a loop counts needs no such word, for LLVM sees there that it is not negative.
    """
    return np.uint64(index)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def _main(a, n):
    """Fill the array results and return the scalar ones."""
    x = a * 1.0
    k = 0
    x_tape = np.empty(64)  # grows with its loop, outside of the workspace
    q_tape = np.empty(64)  # grows with its loop, outside of the workspace
    work = 0
    # keeps x of each step on the tape
    while k < n:  # model.py:14
        if k == x_tape.shape[0]:
            x_tape = _grown(x_tape)
            q_tape = _grown(q_tape)
        x_tape[_unsigned(k)] = x
        v0 = a / x
        q_tape[_unsigned(k)] = v0
        x = (x + v0) * 0.5
        k = k + 1
        work = _poll(work + 12)  # looks for Ctrl-C now and then
    s = 1.0
    for i in range(k - 1, -1, -1):
        s = s * x_tape[i] + q_tape[i]
    return (x, k, s)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def model_value(a, n):
    """Return the value of `model`."""
    v1, v2, v3 = _main(a, n)
    return (v1, v2, v3)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def model_value_fill(a, n):
    """Fill the array results and return the scalar ones."""
    return _main(a, n)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def model_value_into(a, n, v1_out, v2_out, v3_out):
    """Fill one array per result, of shape () for a scalar."""
    v1, v2, v3 = _main(a, n)
    v1_out[()] = v1
    v2_out[()] = v2
    v3_out[()] = v3


@njit(error_model="numpy", nogil=True, boundscheck=False)
def model_value_workspace():
    """Return the length of the workspace in float64 words."""
    return 0
