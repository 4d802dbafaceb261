"""Execute an emitted module, once in a process for each key, and say where its code came from.

The text in hand is what is compiled and executed. The file in the store is written for people,
tracebacks and debuggers; it is read back only to see whether it must be written again, and never
imported, so a file that somebody exchanged is never executed.
"""

from __future__ import annotations

import dataclasses
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from types import CodeType, ModuleType

from bpcompile.errors import CompileError
from bpcompile.runtime.keys import code_key, parse
from bpcompile.runtime.numba_cache import Compilation, attach
from bpcompile.runtime.store import Store, default_store

# The prefix of the names in `sys.modules`. Numba puts them into the symbols of compiled code, and
# looks modules up by them when it loads a cached object.
PREFIX = "bpcompile_module_"


@dataclasses.dataclass(frozen=True)
class LoadedModule:
    """Hold an executed module.

    Modules with equal keys share `module` and `compilations`; `text` is what this caller gave.
    """

    module: ModuleType
    key: str
    path: str
    text: str
    target: str
    public: tuple[str, ...]
    options: tuple[tuple[str, object], ...]
    cache: bool
    seconds: float
    """How long it took to parse and execute the module; importing Numba is not in it."""
    compilations: list[Compilation]
    """What Numba compiled or loaded of the public functions so far, in order."""

    @property
    def arguments(self) -> tuple[object, ...]:
        """Return what loads this module again: its text, options, public names and `cache`."""
        return self.text, self.options, self.public, self.cache

    @property
    def hits(self) -> int:
        """Return how many signatures were loaded from disk."""
        return sum(c.origin == "disk" for c in self.compilations)

    @property
    def misses(self) -> int:
        """Return how many signatures were compiled."""
        return sum(c.origin == "compiled" for c in self.compilations)


_guard = threading.Lock()
_locks: dict[tuple[str, bool], threading.Lock] = {}
_modules: dict[tuple[str, bool], LoadedModule] = {}


def load_module(
    text: str,
    *,
    target: str,
    options: Mapping[str, object],
    public: Sequence[str],
    cache: bool = True,
) -> LoadedModule:
    r"""Execute an emitted module, or return the one that has the same key in this process.

    Safe to call from several threads: each key is executed once.

    Args:
        text: the module's source.
        target: `"numba"` or `"numpy"`; Numba is imported for the first only.
        options: what distinguishes compilations of equal text, as in `module_key`. It should hold
            the argument types where the text does not determine them.
        public: the functions that are called from outside. Their machine code is kept in the
            store; what they call is linked into it.
        cache: whether to keep machine code on disk.

    Raises:
        CompileError: when the text cannot be compiled or executed, or lacks a public function.
        ImportError: when the module imports what is not installed.

    Example:
        >>> loaded = load_module(
        ...     "def double(x):\n    return 2 * x\n",
        ...     target="numpy",
        ...     options={},
        ...     public=["double"],
        ... )
        >>> loaded.module.double(21)
        42
    """
    if not text.endswith("\n"):
        text += "\n"
    if target == "numba":
        import numba  # noqa: F401  (before the clock starts)
    started = time.perf_counter()
    code = parse(text)
    key = code_key(code, target, {**options, "public": tuple(public)})
    with _guard:
        lock = _locks.setdefault((key, cache), threading.Lock())
    with lock:
        known = _modules.get((key, cache))
        if known is None:
            store = default_store()
            path = _write_source(store, key, text)
            module = _execute(code, text, key, path, tuple(public))
            settings = tuple(sorted(options.items()))
            known = LoadedModule(
                module, key, path, text, target, tuple(public), settings, cache, 0.0, []
            )
            if target == "numba":
                attach(module, store if cache and store.persistent else None, known)
            sys.modules[module.__name__] = module
            known = dataclasses.replace(known, seconds=time.perf_counter() - started)
            _modules[key, cache] = known
        elif known.text != text:
            # The file shows the comments of the latest caller; the statements are the same.
            _write_source(default_store(), key, text)
            known = dataclasses.replace(known, text=text)
            _modules[key, cache] = known
    return known


def _write_source(store: Store, key: str, text: str) -> str:
    """Let the store have this text, and return its path."""
    name = f"{key}.py"
    content = text.encode("utf-8", "surrogateescape")
    if store.get(name) != content:
        store.put(name, content)
    return str(store.path(name))


def _execute(code: CodeType, text: str, key: str, path: str, public: tuple[str, ...]) -> ModuleType:
    loader = _TextLoader(_relocate(code, path), text)
    name = PREFIX + key[:32]
    spec = importlib.machinery.ModuleSpec(name, loader, origin=path)
    module = importlib.util.module_from_spec(spec)
    module.__file__ = path
    try:
        loader.exec_module(module)
    except ImportError:
        raise
    except Exception as error:
        raise CompileError(
            f"an emitted module cannot be executed ({type(error).__name__}: {error}); see {path}. "
            "This is a fault of bpcompile: please report it"
        ) from error
    missing = [name for name in public if not callable(getattr(module, name, None))]
    if missing:
        raise CompileError(f"the emitted module {path} has no function {', '.join(missing)}")
    return module


def _relocate(code: CodeType, path: str) -> CodeType:
    """Return the code with its file name set, which is known only after the key."""
    constants = tuple(
        _relocate(constant, path) if isinstance(constant, CodeType) else constant
        for constant in code.co_consts
    )
    return code.replace(co_filename=path, co_consts=constants)


class _TextLoader(importlib.abc.InspectLoader):
    """Execute code in hand, and show its source in tracebacks when the file is gone."""

    def __init__(self, code: CodeType, text: str) -> None:
        self._code = code
        self._text = text

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002  (one loader, one module)
        """Return the module's code."""
        return self._code

    def get_source(self, fullname: str) -> str:  # noqa: ARG002  (the same)
        """Return the module's text."""
        return self._text

    def is_package(self, fullname: str) -> bool:  # noqa: ARG002  (the same)
        """Tell that it is none."""
        return False


class _OnlyLoaded(importlib.abc.MetaPathFinder):
    """Keep the names of emitted modules from being looked up anywhere.

    A function that a user cached with Numba names the emitted modules linked into it, and Numba
    imports them when it loads the function. If one is not loaded, the model has changed since:
    Numba takes an `OSError` here as a miss and compiles the user's function again, where an
    `ImportError` would end the program. Nothing of that name is looked for on `sys.path` either.
    (Where the old and the new model are both loaded in one process, Numba has no way to tell.)
    """

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002  (the protocol's)
        target: ModuleType | None = None,  # noqa: ARG002  (the protocol's)
    ) -> None:
        """Refuse the names of emitted modules that are not loaded; leave others to others."""
        if fullname.startswith(PREFIX):
            raise FileNotFoundError(
                f"{fullname} is not loaded: the model that it was made of has changed"
            )


sys.meta_path.insert(0, _OnlyLoaded())


def _after_fork() -> None:
    # Threads of the parent may have held them; what they were loading is loaded again here.
    global _guard
    _guard = threading.Lock()
    _locks.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
