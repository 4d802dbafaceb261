"""Define the errors that bpcompile raises.

Every message says what is wrong, with which value (the user's own name and its type), at which
line of the user's file, and what to write instead. Each class also derives from the built-in
error that a NumPy user would expect, so that existing `except` clauses keep working.
"""

from __future__ import annotations


class BpcompileError(Exception):
    """Signal anything that bpcompile refuses or cannot do."""


class TraceError(BpcompileError, TypeError):
    """Signal that a model cannot be traced into a graph."""


class ArgumentError(BpcompileError, TypeError):
    """Signal a call with wrong, missing or unknown arguments."""


class TypeMismatchError(BpcompileError, TypeError):
    """Signal a value whose dtype or kind does not fit its place."""


class ShapeError(BpcompileError, ValueError):
    """Signal shapes that do not fit together."""


class OutOfRangeError(ShapeError, IndexError):
    """Signal an index that lies outside its axis."""


class UnsupportedError(BpcompileError, NotImplementedError):
    """Signal a function, keyword or construct that bpcompile does not have."""


class NotDifferentiableError(BpcompileError):
    """Signal a derivative that does not exist or is not known."""


class NotCompiledError(BpcompileError):
    """Signal that a function was asked for compiled code before its first compilation."""


class CompileError(BpcompileError):
    """Signal a fault of bpcompile's own while it turns a graph into code."""


class LimitError(BpcompileError):
    """Signal a model or a value larger than a stated limit."""


class FormatError(BpcompileError, ValueError):
    """Signal a text or file that is not in the form it should have."""


class CacheError(BpcompileError):
    """Signal a cache that cannot be used as asked."""


class CacheWarning(UserWarning):
    """Warn that a cache entry was refused and the code is compiled anew."""


class CompileWarning(UserWarning):
    """Warn that code could not be compiled in the background and runs as NumPy code."""


class GradientWarning(UserWarning):
    """Warn that a gradient is computed where it is defined by convention only."""
