"""Make and open a directory that nobody but its owner can change.

Numba's cached objects are executed, so the directory that holds them is as sensitive as the
program itself. It is opened once, checked through the open descriptor, and used through that
descriptor, so that nothing checked here can be exchanged afterwards.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from bpcompile.errors import CacheError

# Each is absent on some system, most of them on Windows, where owners and modes are not checked.
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _NOFOLLOW | _CLOEXEC
# A planted link must not lead elsewhere, and a planted pipe must not block.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _NOFOLLOW | _CLOEXEC | _BINARY
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC | _BINARY

HAS_OWNERS = os.name == "posix"


def open_private(base: Path, name: str) -> tuple[Path, int | None]:
    """Open the private directory `name` in `base`, and create what is missing.

    `base` may be readable by others and may already exist (a user's own directory, a mount); what
    is private is the directory inside it.

    Args:
        base: where the directory lives; its last component must not be a symbolic link.
        name: the directory's own name, one component.

    Returns:
        The directory's path and an open descriptor of it, None where the system has no owners.

    Raises:
        CacheError: when the directory cannot be had, or when someone else could change it.
    """
    base = base.expanduser().absolute()
    if not HAS_OWNERS:
        try:
            (base / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CacheError(f"{base / name} cannot be created: {error.strerror}") from error
        return base / name, None
    # Links above the last component are the system's or the user's own (macOS has some, and homes
    # lie on other disks): what they lead to is checked, not the links.
    base = base.parent.resolve() / base.name
    _create(base)
    for ancestor in base.parents:
        _require_unshared(ancestor, ancestor.stat())
    outer = _open_directory(base, None)
    try:
        _require_unshared(base, os.fstat(outer))
        try:
            os.mkdir(name, 0o700, dir_fd=outer)
        except FileExistsError:
            pass
        except OSError as error:
            raise CacheError(f"{base / name} cannot be created: {error.strerror}") from error
        inner = _open_directory(base / name, outer)
    finally:
        os.close(outer)
    try:
        _require_private(base / name, os.fstat(inner))
    except CacheError:
        os.close(inner)
        raise
    return base / name, inner


def is_ours(status: os.stat_result) -> bool:
    """Tell whether a file belongs to this process's user, and only that user may read it."""
    if not HAS_OWNERS:
        return True
    return status.st_uid == os.getuid() == os.geteuid() and not status.st_mode & 0o077


def open_file(path: str, directory: int | None) -> BinaryIO:
    """Open a file for reading.

    Args:
        path: its path, relative to `directory` where that is given.
        directory: an open descriptor of a directory, or None.

    Raises:
        OSError: when it cannot be opened or is no regular file.
    """
    opened = os.open(path, _READ, dir_fd=directory)
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise OSError(errno.EINVAL, "it is no regular file")
    return os.fdopen(opened, "rb")


def create_file(path: str, directory: int | None) -> BinaryIO:
    """Create a file for writing that only its owner may read; it must not exist.

    Args:
        path: its path, relative to `directory` where that is given.
        directory: an open descriptor of a directory, or None.

    Raises:
        OSError: when it cannot be created.
    """
    return os.fdopen(os.open(path, _CREATE, 0o600, dir_fd=directory), "wb")


def _create(path: Path) -> None:
    """Create a directory and its parents, each of them private."""
    missing = [p for p in (path, *path.parents) if not p.exists() and not p.is_symlink()]
    for directory in reversed(missing):
        try:
            directory.mkdir(0o700)
        except FileExistsError:
            continue
        except OSError as error:
            raise CacheError(f"{directory} cannot be created: {error.strerror}") from error


def _open_directory(path: Path, parent: int | None) -> int:
    try:
        return os.open(path if parent is None else path.name, _DIRECTORY, dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise CacheError(f"{path} is a symbolic link, or no directory") from error
        raise CacheError(f"{path} cannot be opened: {error.strerror}") from error


def _require_unshared(path: Path, status: os.stat_result) -> None:
    if status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
        raise CacheError(f"{path} is writable by everyone (mode {stat.S_IMODE(status.st_mode):o})")


def _require_private(path: Path, status: os.stat_result) -> None:
    if status.st_uid != os.getuid() or os.getuid() != os.geteuid():
        raise CacheError(
            f"{path} belongs to user {status.st_uid}, and this process runs as {os.getuid()}"
        )
    if not is_ours(status):
        raise CacheError(
            f"{path} is open to others (mode {stat.S_IMODE(status.st_mode):o}, expected 700)"
        )
