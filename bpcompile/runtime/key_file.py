"""Keep the secret of the cache in a file of its own, made once by whichever process is first.

The key protects against whoever can write into the directory and cannot read this file, and
against decay. It is not a password: losing it costs one compilation of everything.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
import warnings
from pathlib import Path

from bpcompile.errors import CacheError, CacheWarning
from bpcompile.runtime.private import create_file, is_ours, open_file

NAME = "key"
SIZE = 32

_ATTEMPTS = 20


def load_key(directory: Path, descriptor: int | None) -> bytes:
    """Read the key of a directory; create it where it is missing, replace it where it is damaged.

    All processes that start at once get the same key: it is written under another name and then
    linked, which only one of them can do.

    Args:
        directory: the directory's path.
        descriptor: an open descriptor of it, or None to go by the path.

    Raises:
        CacheError: when no key can be read or written.
    """
    place = _Place(directory, descriptor)
    for attempt in range(_ATTEMPTS):
        try:
            key = place.read()
            if key is None:
                place.create()
            elif len(key) == SIZE:
                return key
            elif attempt < _ATTEMPTS // 2:
                time.sleep(0.005)  # perhaps another process is writing it, where links are missing
            else:
                place.replace()
        except OSError as error:
            raise CacheError(
                f"the key in {directory} cannot be read or written: {error.strerror}"
            ) from error
    raise CacheError(f"the key in {directory} is damaged and cannot be replaced")


class _Place:
    def __init__(self, directory: Path, descriptor: int | None) -> None:
        self.directory = directory
        self.descriptor = descriptor

    def at(self, name: str) -> str:
        return name if self.descriptor is not None else str(self.directory / name)

    def read(self) -> bytes | None:
        """Return the key, something of another length where it cannot be used, None if absent."""
        try:
            file = open_file(self.at(NAME), self.descriptor)
        except FileNotFoundError:
            return None
        except OSError:
            return b""  # a link, or a directory
        with file:
            # What others could read or have written is no secret.
            return file.read(SIZE + 1) if is_ours(os.fstat(file.fileno())) else b""

    def create(self) -> None:
        """Create the key unless another process does."""
        temporary = self.write_temporary()
        try:
            with contextlib.suppress(FileExistsError):
                self.link(temporary)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(self.at(temporary), dir_fd=self.descriptor)

    def link(self, temporary: str) -> None:
        try:
            os.link(
                self.at(temporary),
                self.at(NAME),
                src_dir_fd=self.descriptor,
                dst_dir_fd=self.descriptor,
            )
        except FileExistsError:
            raise
        except (OSError, NotImplementedError, AttributeError):
            # A file system without links: readers wait until the bytes are there.
            self.write(NAME)

    def replace(self) -> None:
        """Put a new key where a damaged one is; entries made with the old one are lost."""
        warnings.warn(
            f"the key of the cache in {self.directory} is damaged or was readable by others; a "
            "new one is made and the code is compiled anew",
            CacheWarning,
            stacklevel=4,
        )
        os.replace(
            self.at(self.write_temporary()),
            self.at(NAME),
            src_dir_fd=self.descriptor,
            dst_dir_fd=self.descriptor,
        )

    def write_temporary(self) -> str:
        name = f".tmp-{os.getpid()}-{secrets.token_hex(8)}"
        self.write(name)
        return name

    def write(self, name: str) -> None:
        with create_file(self.at(name), self.descriptor) as file:
            file.write(secrets.token_bytes(SIZE))
            file.flush()
            os.fsync(file.fileno())
