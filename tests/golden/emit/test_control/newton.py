"""model_value: the value of `model`.

    x = a * 1
    while |x x - a| > 1e-12:
        x = (x + a / x) * 0.5

a: f64[]

A call takes about 10 turns + 1 operations.
Written by bpcompile for Numba: mathematics by libm.
"""

from numba import njit, types

_hold_python = types.ExternalFunction("PyGILState_Ensure", types.int32())
_check_signals = types.ExternalFunction("PyErr_CheckSignals", types.int32())
_clear_error = types.ExternalFunction("PyErr_Clear", types.void())
_release_python = types.ExternalFunction("PyGILState_Release", types.void(types.int32))


class _Interrupted(KeyboardInterrupt, Exception):
    """Signal Ctrl-C; compiled code can only raise subclasses of Exception."""


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
def _main(a):
    """Fill the array results and return the scalar ones."""
    x = a * 1.0
    work = 0
    while abs(x * x - a) > 1e-12:  # model.py:14
        x = (x + a / x) * 0.5
        work = _poll(work + 7)  # looks for Ctrl-C now and then
    return x


@njit(error_model="numpy", nogil=True, boundscheck=False)
def model_value(a):
    """Return the value of `model`."""
    v0 = _main(a)
    return (v0,)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def model_value_fill(a):
    """Fill the array results and return the scalar ones."""
    return _main(a)


@njit(error_model="numpy", nogil=True, boundscheck=False)
def model_value_into(a, v0_out):
    """Fill one array per result, of shape () for a scalar."""
    v0 = _main(a)
    v0_out[()] = v0


@njit(error_model="numpy", nogil=True, boundscheck=False)
def model_value_workspace():
    """Return the length of the workspace in float64 words."""
    return 0
