"""Hold what a module needs to look for Ctrl-C from compiled code, beside its helper functions.

`PyErr_CheckSignals` runs the handlers of signals that have arrived. Compiled code holds no lock of
Python, so it takes it for the look. Numba raises subclasses of Exception only, and whoever presses
Ctrl-C expects a KeyboardInterrupt: the class is both.
"""

from __future__ import annotations

_FUNCTIONS = {
    "_hold_python": ("PyGILState_Ensure", "types.int32()"),
    "_check_signals": ("PyErr_CheckSignals", "types.int32()"),
    "_clear_error": ("PyErr_Clear", "types.void()"),
    "_release_python": ("PyGILState_Release", "types.void(types.int32)"),
}
EXTERNALS = {
    name: f'{name} = types.ExternalFunction("{symbol}", {kind})'
    for name, (symbol, kind) in _FUNCTIONS.items()
}
SYMBOLS = frozenset(symbol for symbol, _ in _FUNCTIONS.values())
INTERRUPTED = '''class _Interrupted(KeyboardInterrupt, Exception):
    """Signal Ctrl-C; compiled code can only raise subclasses of Exception."""'''
LINES = ("", *EXTERNALS.values(), "", "", *INTERRUPTED.splitlines())
