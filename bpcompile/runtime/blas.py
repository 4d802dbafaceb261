"""Give Numba the BLAS that it takes from SciPy, without the import of all of `scipy.linalg`.

Numba's products call functions of SciPy's extension `scipy.linalg.cython_blas`, which it imports by
that name: once to see that it is there, and again when a product first runs. The extension needs
nothing of its package, and loads in 4 ms; the package takes 0.2 s, half of a first call that finds
its machine code in the cache. So it is loaded by its file, Numba asks it for the functions that
products use, whose addresses it keeps, and then nothing of it is left in `sys.modules`: who
imports `scipy.linalg` later gets all of it, with this same extension in it.

Where SciPy is laid out otherwise nothing is done here, and Numba imports what it needs.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

NAME = "scipy.linalg.cython_blas"
_PACKAGE = "scipy.linalg"
_KINDS = (b"s", b"d")  # float32 and float64


@contextmanager
def at_hand() -> Iterator[None]:
    """Let Numba find SciPy's BLAS while it compiles or loads; hold its compiler lock."""
    extension = None if NAME in sys.modules else _extension()
    if extension is None:
        yield
        return
    sys.modules[NAME] = extension
    try:
        _resolve()
        yield
    finally:
        package = sys.modules.get(_PACKAGE)
        if package is None:
            sys.modules.pop(NAME, None)
        elif not hasattr(package, "cython_blas"):  # imported by another thread meanwhile
            package.cython_blas = extension  # type: ignore[attr-defined]  # as an import sets it


@functools.cache
def _extension() -> ModuleType | None:
    """Return the extension, loaded by its file, or None where it is not found so."""
    try:
        import scipy

        folder = Path(scipy.__file__).parent / "linalg"
        spec = importlib.machinery.PathFinder.find_spec(NAME, [str(folder)])
        if spec is None or not isinstance(spec.loader, importlib.machinery.ExtensionFileLoader):
            return None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except (ImportError, OSError, AttributeError):
        return None
    return module


@functools.cache
def _resolve() -> None:
    """Let Numba look up the functions of products now: by products of nothing with nothing."""
    from numba import _helperlib

    char, size, data = ctypes.c_char, ctypes.c_ssize_t, ctypes.c_void_p
    matrices = (char, char, char, size, size, size, data, data, size, data, size, data, data, size)
    vector = (char, char, size, size, data, data, size, data, data, data)
    vectors = (char, char, size, data, data, data)
    signatures = {"xxgemm": matrices, "xxgemv": vector, "xxdot": vectors}
    helpers = _helperlib.c_helpers  # type: ignore[attr-defined]  # an extension without stubs
    if not signatures.keys() <= helpers.keys():
        return
    space = (ctypes.c_double * 2)()
    for name, signature in signatures.items():
        function = ctypes.PYFUNCTYPE(ctypes.c_int, *signature)(helpers[name])
        for kind in _KINDS:
            function(kind, *_nothing(signature[1:], ctypes.addressof(space)))


def _nothing(signature: tuple[type, ...], space: int) -> Iterator[bytes | int]:
    """Yield arguments of a product of empty matrices or vectors."""
    for position, kind in enumerate(signature):
        if kind is ctypes.c_char:
            yield b"n"
        elif kind is ctypes.c_void_p:
            yield space
        else:
            # What follows an address is the stride of a column, which must be positive.
            yield 1 if signature[position - 1] is ctypes.c_void_p else 0
