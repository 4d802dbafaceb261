"""Keep bytes by name in a private directory, authenticated and bounded in size.

An entry is its payload and one last line, `# bpcompile <HMAC-SHA256>`, over the entry's name and
payload; so a Python source stays a Python source. What `get` returns are the very bytes whose MAC
was checked: nothing is opened a second time. An entry that fails is removed with a `CacheWarning`.
Writing goes through a temporary file and a rename; a failure to write is never an error.

    BPCOMPILE_CACHE_DIR   where the directory is made; by default the user's cache directory
    BPCOMPILE_CACHE=0     keep nothing between processes

Where the directory cannot be trusted, and with `BPCOMPILE_CACHE=0`, the store is a temporary
directory of this process that holds the sources for tracebacks and is removed at exit.
"""

from __future__ import annotations

import atexit
import contextlib
import hmac
import os
import re
import secrets
import shutil
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import NamedTuple

from bpcompile.errors import CacheError, CacheWarning
from bpcompile.runtime.key_file import load_key
from bpcompile.runtime.private import create_file, open_file, open_private

# The name of the directory inside the user's; another layout of entries takes another name.
LAYOUT = "v1"
DEFAULT_LIMIT = 1 << 30

_MARK = b"# bpcompile "
_TRAILER = len(_MARK) + 64 + 1
_NAME = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_.\-]{0,199}")
_TEMPORARY = ".tmp-"
# A sweep lists the directory, so it is done once per so many bytes, or for one write in 32.
_SWEEP_BYTES = 16 << 20
_SWEEP_CHANCE = 32
_TOUCH_SECONDS = 3600.0


class Entry(NamedTuple):
    """Describe one stored entry."""

    name: str
    size: int
    used: float


class Store:
    """Hold authenticated entries of one directory.

    Args:
        directory: the path, for people; it names the files that tracebacks show.
        descriptor: an open descriptor of it, through which all is done; None where the system
            has none (Windows) and paths are used.
        key: the secret of the MAC.
        persistent: whether entries outlive the process.
        limit: how many bytes all entries may take; the least recently used go first.
    """

    def __init__(
        self,
        directory: Path,
        descriptor: int | None,
        key: bytes,
        *,
        persistent: bool,
        limit: int = DEFAULT_LIMIT,
    ) -> None:
        self.directory = directory
        self.persistent = persistent
        self.limit = limit
        self._descriptor = descriptor
        self._key = key
        self._unswept = 0
        self._write_failed = False

    def path(self, name: str) -> Path:
        """Return the path of an entry, whether or not it exists."""
        return self.directory / name

    def put(self, name: str, payload: bytes) -> bool:
        """Store an entry; tell whether it was written.

        Raises:
            ValueError: when the name is no plain file name.
        """
        _require_name(name)
        if len(payload) > self.limit // 4:
            return False
        temporary = f"{_TEMPORARY}{os.getpid()}-{secrets.token_hex(8)}"
        try:
            with create_file(self._at(temporary), self._descriptor) as file:
                file.write(payload + self._trailer(name, payload))
                file.flush()
                if self.persistent:
                    os.fsync(file.fileno())
            os.replace(
                self._at(temporary),
                self._at(name),
                src_dir_fd=self._descriptor,
                dst_dir_fd=self._descriptor,
            )
        except OSError as error:
            self._unlink(temporary)
            return self._not_written(error)
        self._unswept += len(payload)
        if self._unswept >= _SWEEP_BYTES or secrets.randbelow(_SWEEP_CHANCE) == 0:
            self.sweep()
        return True

    def get(self, name: str) -> bytes | None:
        """Return the payload of an entry, or None where there is none that can be trusted.

        Raises:
            ValueError: when the name is no plain file name.
        """
        _require_name(name)
        try:
            with open_file(self._at(name), self._descriptor) as file:
                status = os.fstat(file.fileno())
                if status.st_size > self.limit:
                    return self._refuse(name, "it is larger than the cache")
                content = file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            return self._refuse(name, error.strerror or "it cannot be read")
        payload, trailer = content[:-_TRAILER], content[-_TRAILER:]
        if not hmac.compare_digest(trailer, self._trailer(name, payload)):
            return self._refuse(name, "its contents are not what was stored")
        if time.time() - status.st_mtime > _TOUCH_SECONDS:
            self._touch(name)
        return payload

    def remove(self, name: str) -> None:
        """Remove an entry where it exists."""
        _require_name(name)
        self._unlink(name)

    def entries(self) -> list[Entry]:
        """List the entries, the least recently used first."""
        found = []
        for name, status in self._files():
            if _NAME.fullmatch(name) and name != "key":
                found.append(Entry(name, status.st_size, status.st_mtime))
        return sorted(found, key=lambda entry: (entry.used, entry.name))

    def clear(self) -> None:
        """Remove all entries; the key stays."""
        for entry in self.entries():
            self._unlink(entry.name)

    def sweep(self) -> None:
        """Remove what is beyond the limit, and temporary files that a killed process left."""
        self._unswept = 0
        for name, status in self._files():
            if name.startswith(_TEMPORARY) and time.time() - status.st_mtime > _TOUCH_SECONDS:
                self._unlink(name)
        entries = self.entries()
        excess = sum(entry.size for entry in entries) - self.limit
        if excess <= 0:
            return
        excess += self.limit // 5  # so that the next write does not sweep again
        for entry in entries:
            if excess <= 0:
                break
            self._unlink(entry.name)
            excess -= entry.size

    def _files(self) -> list[tuple[str, os.stat_result]]:
        found = []
        with (
            contextlib.suppress(OSError),
            os.scandir(self._descriptor or self.directory) as listing,
        ):
            for item in listing:
                with contextlib.suppress(OSError):  # gone since it was listed
                    found.append((item.name, item.stat(follow_symlinks=False)))
        return found

    def _at(self, name: str) -> str:
        return name if self._descriptor is not None else str(self.directory / name)

    def _trailer(self, name: str, payload: bytes) -> bytes:
        mac = hmac.new(self._key, b"%s\0" % name.encode("ascii"), "sha256")
        mac.update(payload)
        return _MARK + mac.hexdigest().encode("ascii") + b"\n"

    def _unlink(self, name: str) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self._at(name), dir_fd=self._descriptor)

    def _touch(self, name: str) -> None:
        with contextlib.suppress(OSError, NotImplementedError):
            os.utime(self._at(name), dir_fd=self._descriptor, follow_symlinks=False)

    def _refuse(self, name: str, why: str) -> bytes | None:
        self._unlink(name)
        warnings.warn(
            f"cache entry {self.path(name)} is refused: {why}; the code is compiled anew",
            CacheWarning,
            stacklevel=3,
        )
        return None

    def _not_written(self, error: OSError) -> bool:
        if self.persistent and not self._write_failed:
            self._write_failed = True
            warnings.warn(
                f"the cache in {self.directory} cannot be written: {error.strerror}; compiled "
                "code is not kept for the next process",
                CacheWarning,
                stacklevel=3,
            )
        return False


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a name of a cache entry: {name!r}")


_lock = threading.Lock()
_stores: dict[tuple[str | None, bool], Store] = {}


def default_store() -> Store:
    """Return the store that the environment asks for; one per process and setting.

    Warns once, with a `CacheWarning`, where the directory cannot be trusted.
    """
    wanted = os.environ.get("BPCOMPILE_CACHE_DIR") or None
    off = os.environ.get("BPCOMPILE_CACHE") == "0"
    with _lock:
        store = _stores.get((wanted, off))
        if store is not None:
            return store
        doubt = ""
        if not off:
            try:
                store = open_store(_default_directory() if wanted is None else Path(wanted))
            except CacheError as error:
                doubt = str(error)
        if store is None:
            store = temporary_store()
        _stores[wanted, off] = store
    if doubt:
        warnings.warn(
            f"compiled code is not cached on disk: {doubt}. Set BPCOMPILE_CACHE_DIR to a "
            "directory of your own, or BPCOMPILE_CACHE=0 to do without",
            CacheWarning,
            stacklevel=2,
        )
    return store


def open_store(base: Path, *, limit: int = DEFAULT_LIMIT) -> Store:
    """Open the store in a directory, and create what is missing.

    Raises:
        CacheError: when the directory cannot be had or cannot be trusted.
    """
    directory, descriptor = open_private(base, LAYOUT)
    try:
        key = load_key(directory, descriptor)
    except CacheError:
        if descriptor is not None:
            os.close(descriptor)
        raise
    return Store(directory, descriptor, key, persistent=True, limit=limit)


def temporary_store() -> Store:
    """Make a store that lives as long as this process."""
    key = secrets.token_bytes(32)
    try:
        directory = Path(tempfile.mkdtemp(prefix="bpcompile-"))
    except OSError:
        # No place at all: every write fails, quietly, and sources are shown from memory.
        return Store(Path("no-directory", LAYOUT), None, key, persistent=False)
    atexit.register(_remove_own, directory, os.getpid())
    return Store(directory, None, key, persistent=False)


def _default_directory() -> Path:
    import platformdirs  # only where no directory is set

    return Path(platformdirs.user_cache_dir("bpcompile", appauthor=False))


def _remove_own(directory: Path, owner: int) -> None:
    # A forked child runs its parent's exit handlers.
    if os.getpid() == owner:
        shutil.rmtree(directory, ignore_errors=True)


def _after_fork() -> None:
    # Another thread of the parent may have held it.
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
