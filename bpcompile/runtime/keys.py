"""Name a module by what it computes: its statements, its options, and the machine it runs on.

The statements are read from the code object that Python's own compiler makes of the text, which
has no comments, no docstrings (`optimize=2`) and no layout, but every name, constant and
instruction. It is compiled anyway to be executed, so the key costs one linear walk: 30 000 lines
take 0.1 s after 0.8 s in the compiler, where `ast.unparse` would take 3 s.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from types import CodeType

from bpcompile.errors import CompileError

# Changes whenever an entry that an older version of this package stored must not be used.
FORMAT = 2

# Emitted code starts no thread of Numba's; joblib sets the second in its workers, which must find
# the entry.
_WITHOUT_EFFECT = ("NUMBA_CACHE_DIR", "NUMBA_NUM_THREADS")

_INTEGERS = (
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_nlocals",
    "co_stacksize",
    "co_flags",
)
_NAMES = ("co_name", "co_qualname", "co_names", "co_varnames", "co_freevars", "co_cellvars")


def module_key(text: str, target: str, options: Mapping[str, object]) -> str:
    """Return the key of a module's text: 64 hexadecimal digits.

    Args:
        text: the module. Comments, docstrings and blank lines do not matter.
        target: `"numba"` or `"numpy"`; the first adds the versions and the CPU that machine code
            depends on, and each `NUMBA_*` variable of the environment that may change it.
        options: what else distinguishes compilations; values are numbers, strings, None and
            (nested) tuples of them.

    Raises:
        CompileError: when the text is no module that Python can compile, or an option is none of
            the kinds above.

    Example:
        >>> key = module_key("y = 1", "numpy", {})
        >>> key == module_key("y = 1  # the answer", "numpy", {})
        True
        >>> key == module_key("y = 2", "numpy", {})
        False
    """
    return code_key(parse(text), target, options)


def parse(text: str) -> CodeType:
    """Compile the text of a module, without its docstrings.

    Raises:
        CompileError: when Python refuses it.
    """
    try:
        return compile(text, "<bpcompile>", "exec", dont_inherit=True, optimize=2)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise CompileError(
            f"Python cannot compile an emitted module of {text.count(chr(10)) + 1} lines "
            f"({type(error).__name__}: {error}). This is a fault of bpcompile: please report it"
        ) from error


def code_key(code: CodeType, target: str, options: Mapping[str, object]) -> str:
    """Return the key of a module that was parsed already; see `module_key`."""
    digest = hashlib.sha256()
    parts = [str(FORMAT), target, *_machine(target), *_environment(target)]
    parts += [f"{name}={_constant(options[name])}" for name in sorted(options)]
    parts.append("code")
    for part in (*parts, *_statements(code)):
        encoded = part.encode("utf-8", "backslashreplace")
        digest.update(b"%d:" % len(encoded))
        digest.update(encoded)
    return digest.hexdigest()


def _statements(code: CodeType) -> Iterator[str]:
    """Yield what determines the meaning of a code object and of those inside it, but no lines."""
    pending = [code]
    while pending:
        current = pending.pop()
        yield repr([getattr(current, name) for name in _INTEGERS])
        yield repr([getattr(current, name) for name in _NAMES])
        yield current.co_code.hex()
        yield current.co_exceptiontable.hex()
        for constant in current.co_consts:
            if isinstance(constant, CodeType):
                yield "code"
                pending.append(constant)
            elif isinstance(constant, frozenset):  # `x in {1, 2}`; its order is not fixed
                yield f"frozenset{sorted(map(repr, constant))}"
            else:
                yield repr(constant)


def _constant(value: object) -> str:
    """Return the text of an option's value, which no other value has."""
    pending = [value]
    while pending:
        item = pending.pop()
        if type(item) is tuple:
            pending += item
        elif not (item is None or type(item) in (bool, int, float, str, bytes)):
            raise CompileError(
                f"an option's value must be a number, a string, None or a tuple of those, "
                f"not {item!r} of type {type(item).__name__}"
            )
    return repr(value)


@functools.cache
def _machine(target: str) -> tuple[str, ...]:
    """Return versions and CPU; they do not change while the process runs."""
    import numpy as np

    package = sys.modules["bpcompile"]
    parts = [
        f"bpcompile {getattr(package, '__version__', '')}",
        f"python {sys.implementation.cache_tag} {sys.version_info[:3]} {sys.abiflags}",
        f"numpy {np.__version__}",
        f"{sys.platform} {sys.byteorder} {sys.maxsize}",
    ]
    if target == "numba":
        import llvmlite
        import numba
        import scipy
        from llvmlite import binding

        # Numba looks whether it fits SciPy's BLAS when it compiles, and not when code is loaded.
        blas = scipy.show_config(mode="dicts")["Build Dependencies"]["blas"]
        parts += [
            f"numba {numba.__version__}",
            f"llvmlite {llvmlite.__version__}",
            f"scipy {scipy.__version__} blas {sorted(blas.items())}",
            f"cpu {binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}",
        ]
    return tuple(parts)


def _environment(target: str) -> list[str]:
    """Return the variables by which Numba may compile otherwise."""
    if target != "numba":
        return []
    names = [n for n in os.environ if n.startswith("NUMBA_") and n not in _WITHOUT_EFFECT]
    return [f"{name}={os.environ[name]}" for name in sorted(names)]
