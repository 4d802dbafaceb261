"""The key file: private, the same for all, and replaced when damaged."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from bpcompile.errors import CacheError, CacheWarning
from bpcompile.runtime import key_file
from bpcompile.runtime.key_file import load_key


@pytest.fixture
def place(tmp_path):
    descriptor = os.open(tmp_path, os.O_RDONLY)
    yield tmp_path, descriptor
    os.close(descriptor)


def names(directory):
    return [path.name for path in directory.iterdir()]


def test_it_is_made_once_and_for_its_owner(place):
    first = load_key(*place)
    assert len(first) == 32
    assert load_key(*place) == first == load_key(place[0], None)
    assert stat.S_IMODE((place[0] / "key").stat().st_mode) == 0o600
    assert names(place[0]) == ["key"]


def test_all_who_start_at_once_get_the_same(place):
    with ThreadPoolExecutor(16) as pool:
        keys = list(pool.map(lambda _: load_key(*place), range(16)))
    assert len(set(keys)) == 1
    assert names(place[0]) == ["key"]


def test_it_is_made_where_the_file_system_has_no_links(place, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: load_key(*place), range(8)))
    assert len(set(keys)) == 1
    assert names(place[0]) == ["key"]


def damaged(path):
    path.write_bytes(b"short")
    path.chmod(0o600)


def readable(path):
    path.write_bytes(bytes(32))
    path.chmod(0o644)


def linked(path):
    (path.parent / "other").write_bytes(bytes(32))
    path.symlink_to(path.parent / "other")


@pytest.mark.parametrize("plant", [damaged, readable, linked])
def test_a_bad_key_is_replaced(place, plant, monkeypatch):
    monkeypatch.setattr(key_file.time, "sleep", lambda seconds: None)
    plant(place[0] / "key")
    with pytest.warns(CacheWarning, match="a new one is made"):
        key = load_key(*place)
    assert len(key) == 32
    assert key != bytes(32)
    assert load_key(*place) == key


def test_what_cannot_be_replaced_is_an_error(place, monkeypatch):
    monkeypatch.setattr(key_file.time, "sleep", lambda seconds: None)
    (place[0] / "key").mkdir()
    with (
        pytest.warns(CacheWarning, match="a new one is made"),
        pytest.raises(CacheError, match="cannot be read or written"),
    ):
        load_key(*place)
