"""The private directory: how it is made, and which ones are refused."""

from __future__ import annotations

import os
import stat

import pytest

from bpcompile.errors import CacheError
from bpcompile.runtime.private import HAS_OWNERS, open_private

pytestmark = pytest.mark.skipif(not HAS_OWNERS, reason="no owners to check on this system")


@pytest.fixture
def base(tmp_path):
    return tmp_path / "a" / "cache"


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_and_its_missing_parents_are_private(base):
    old = os.umask(0)
    try:
        path, descriptor = open_private(base, "v1")
    finally:
        os.umask(old)
    os.close(descriptor)
    assert path == base / "v1"
    assert [mode(p) for p in (path, base, base.parent)] == [0o700] * 3


def test_it_is_opened_again(base):
    for _ in range(2):
        path, descriptor = open_private(base, "v1")
        assert os.path.samestat(os.fstat(descriptor), path.stat())
        os.close(descriptor)


def test_a_readable_base_is_fine(base):
    base.mkdir(0o755, parents=True)
    os.close(open_private(base, "v1")[1])


def test_a_base_open_to_all_is_refused(base):
    base.mkdir(parents=True)
    base.chmod(0o777)
    with pytest.raises(CacheError, match="writable by everyone"):
        open_private(base, "v1")
    assert not (base / "v1").exists()


def test_a_parent_open_to_all_is_refused_unless_sticky(base):
    base.mkdir(parents=True)
    base.parent.chmod(0o777)
    with pytest.raises(CacheError, match="writable by everyone"):
        open_private(base, "v1")
    base.parent.chmod(0o1777)
    os.close(open_private(base, "v1")[1])


@pytest.mark.parametrize("bits", [0o777, 0o755, 0o750])
def test_a_planted_directory_that_others_can_enter_is_refused(base, bits):
    (base / "v1").mkdir(parents=True)
    (base / "v1").chmod(bits)
    with pytest.raises(CacheError, match="open to others"):
        open_private(base, "v1")


def test_links_are_refused(base, tmp_path):
    (tmp_path / "elsewhere").mkdir(0o700)
    base.mkdir(parents=True)
    (base / "v1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CacheError, match="symbolic link"):
        open_private(base, "v1")
    (base / "v1").unlink()
    base.rmdir()
    base.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CacheError, match="symbolic link"):
        open_private(base, "v1")
    base.unlink()
    base.symlink_to(tmp_path / "nowhere")
    with pytest.raises(CacheError, match="symbolic link"):
        open_private(base, "v1")


def test_a_link_above_leads_to_a_checked_place(base, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "a").symlink_to(tmp_path / "real")
    path, descriptor = open_private(base, "v1")
    os.close(descriptor)
    assert path == tmp_path / "real" / "cache" / "v1"


def test_another_users_directory_is_refused(base, monkeypatch):
    os.close(open_private(base, "v1")[1])
    other = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: other)
    monkeypatch.setattr(os, "geteuid", lambda: other)
    with pytest.raises(CacheError, match="belongs to user"):
        open_private(base, "v1")


def test_borrowed_rights_are_refused(base, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(CacheError, match="runs as"):
        open_private(base, "v1")


def test_a_file_in_the_way_is_refused(base):
    base.parent.mkdir()
    base.write_text("")
    with pytest.raises(CacheError, match="no directory"):
        open_private(base, "v1")
    with pytest.raises(CacheError, match=r"cannot be created|no directory"):
        open_private(base / "deeper" / "still", "v1")
