"""Keep Numba's compiled functions in our store instead of Numba's own cache files.

Numba loads its cache files without any check, and one flipped bit crashes the process. Here each
compiled signature is one entry of the store, whose MAC is checked on the very bytes that are then
loaded. The entry's name holds the module's key, so what is stale is never found: no time stamps,
and no index that two processes could overwrite.

Only public functions are kept. Numba links the kernels that they call into their machine code, so
a warm start loads one entry and never touches the kernels.

Numba's own cache first refreshes the target context: it imports all that Numba can compile and all
of `scipy.linalg`, three quarters of a warm start. That is for user code, which may name types of an
extension. Machine code of ours needs two things of it. One is the symbols of Numba's memory
management, which `_load` provides. The other is the test that SciPy's BLAS has the integers that
Numba was built for; that test ran when the code was compiled, and the module's key names that BLAS.

`StoreCache` has the methods that Numba's dispatcher calls on its `_cache`, and needs no base class
of Numba's: `FunctionCache` would look for a place for its own files first. The private names of
Numba used here are listed in `tests/runtime/test_numba_hooks.py`.
"""

from __future__ import annotations

import hashlib
import time
import warnings
from types import ModuleType
from typing import Any, NamedTuple, Protocol

from bpcompile.errors import CacheWarning
from bpcompile.runtime.linking import waits
from bpcompile.runtime.store import Store


class Compilation(NamedTuple):
    """Tell how one signature of a function became callable."""

    function: str
    signature: str
    origin: str
    """`"disk"` or `"compiled"`."""
    seconds: float


class Recipe(Protocol):
    """What a loaded module offers to the caches of its functions."""

    @property
    def key(self) -> str:
        """The module's key."""

    @property
    def public(self) -> tuple[str, ...]:
        """The functions to keep."""

    @property
    def arguments(self) -> tuple[object, ...]:
        """What loads the module again in another process."""

    @property
    def options(self) -> tuple[tuple[str, object], ...]:
        """What distinguishes compilations of equal text."""

    @property
    def compilations(self) -> list[Compilation]:
        """Where to note what was compiled or loaded."""


def attach(module: ModuleType, store: Store | None, recipe: Recipe) -> None:
    """Give each public dispatcher of a module a cache in the store.

    Args:
        module: an executed module; what is no dispatcher in it (under `NUMBA_DISABLE_JIT`) is
            left alone.
        store: where to keep machine code, or None to keep none and only take notes.
        recipe: the loaded module.
    """
    from numba.core.dispatcher import Dispatcher

    functions: dict[str, Any] = {name: getattr(module, name) for name in recipe.public}
    for name, function in functions.items():
        if issubclass(type(function), Dispatcher):
            function._cache = StoreCache(name, store, recipe)


class StoreCache:
    """Stand in for the cache of one dispatcher, and note what it does.

    Numba calls all of this under its global compiler lock.
    """

    def __init__(self, name: str, store: Store | None, recipe: Recipe) -> None:
        self.recipe = recipe
        self._name = name
        self._store = store
        self._enabled = store is not None
        self._prefix = f"{recipe.key}.{_digest(name)[:8]}."
        self._started: dict[object, float] = {}

    @property
    def vector_width(self) -> object:
        """Return the bits of the vector registers that the module asks for, None for any."""
        return dict(self.recipe.options).get("width")

    @property
    def cache_path(self) -> str | None:
        """Return the store's directory, for `dispatcher.stats`."""
        return None if self._store is None else str(self._store.directory)

    def enable(self) -> None:
        """Use the store again."""
        self._enabled = self._store is not None

    def disable(self) -> None:
        """Leave the store alone."""
        self._enabled = False

    def flush(self) -> None:
        """Remove this function's entries, for `dispatcher.recompile()`."""
        if self._store is not None:
            for entry in self._store.entries():
                if entry.name.startswith(self._prefix):
                    self._store.remove(entry.name)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compile result of a signature, or None where it must be compiled."""
        started = time.perf_counter()
        found = None
        try:
            found = self._load(sig, target_context)
        except Exception as error:  # noqa: BLE001  (whatever loading foreign code may raise)
            warnings.warn(
                f"a cached compilation of {self._name} cannot be loaded "
                f"({type(error).__name__}: {error}); it is compiled anew",
                CacheWarning,
                stacklevel=2,
            )
        if found is None:
            self._started[sig] = started
        else:
            self._note(sig, "disk", started)
        return found

    def save_overload(self, sig: Any, result: Any) -> None:
        """Keep the compile result of a signature."""
        self._note(sig, "compiled", self._started.pop(sig, time.perf_counter()))
        try:
            self._save(sig, result)
        except Exception as error:  # noqa: BLE001  (the result is there; keeping it is a favour)
            warnings.warn(
                f"the compiled {self._name} cannot be kept ({type(error).__name__}: {error})",
                CacheWarning,
                stacklevel=2,
            )

    def _load(self, sig: Any, target_context: Any) -> Any:
        from numba.core import serialize
        from numba.core.compiler import CompileResult
        from numba.core.runtime import rtsys

        if self._store is None or not self._enabled:
            return None
        key = sig, target_context.codegen().magic_tuple()
        payload = self._store.get(self._entry(key))
        if payload is None:
            return None
        rtsys.initialize(target_context)
        stored, reduced = serialize.loads(payload)  # the bytes whose MAC the store has just checked
        return CompileResult._rebuild(target_context, *reduced) if stored == key else None

    def _save(self, sig: Any, result: Any) -> None:
        from numba.core import serialize

        # Code that holds addresses of this process, loops that Numba took out of it, or what is
        # there to be linked alone and cannot be called.
        bound = result.library.has_dynamic_globals or result.lifted or waits(result)
        if self._store is not None and self._enabled and not bound:
            key = sig, result.codegen.magic_tuple()
            self._store.put(self._entry(key), serialize.dumps((key, result._reduce())))

    def _entry(self, key: tuple[object, ...]) -> str:
        return f"{self._prefix}{_digest(repr(key))[:24]}.obj"

    def _note(self, sig: Any, origin: str, started: float) -> None:
        seconds = time.perf_counter() - started
        self.recipe.compilations.append(Compilation(self._name, str(sig), origin, seconds))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
