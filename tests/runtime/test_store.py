"""The store: what goes in comes out, or nothing does."""

from __future__ import annotations

import errno
import os
import random
import shutil
import stat
import warnings
from pathlib import Path

import pytest

from bpcompile.errors import CacheWarning
from bpcompile.runtime import store as store_module
from bpcompile.runtime.store import Store, default_store, open_store, temporary_store

PAYLOADS = {"empty": b"", "text.py": b"x = 1\n", "bytes.obj": bytes(range(256)) * 40}


def names(directory):
    return [path.name for path in directory.iterdir() if path.name != "key"]


@pytest.fixture
def filled(store):
    for name, payload in PAYLOADS.items():
        assert store.put(name, payload)
    return store


def test_entries_come_back_from_another_opening(filled, tmp_path):
    again = open_store(tmp_path / "cache")
    for name, payload in PAYLOADS.items():
        assert again.get(name) == payload
    assert again.get("absent") is None
    assert {e.name for e in again.entries()} == set(PAYLOADS)


def test_files_are_private_and_sources_stay_sources(filled):
    path = filled.path("text.py")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().startswith("x = 1\n# bpcompile ")
    compile(path.read_text(), str(path), "exec")


def test_an_entry_is_replaced(filled):
    assert filled.put("text.py", b"x = 2\n")
    assert filled.get("text.py") == b"x = 2\n"


@pytest.mark.parametrize(
    "name", ["", ".hidden", "../key", "a/b", "a\0", "ü", "x" * 201, "..", "a b"]
)
def test_names_that_are_no_plain_file_names_are_refused(store, name):
    for call in (lambda: store.put(name, b""), lambda: store.get(name), lambda: store.remove(name)):
        with pytest.raises(ValueError, match="cache entry"):
            call()


def test_an_entry_under_another_name_is_refused(filled):
    shutil.copy(filled.path("text.py"), filled.path("other.py"))
    with pytest.warns(CacheWarning, match="not what was stored"):
        assert filled.get("other.py") is None
    assert not filled.path("other.py").exists()


def test_an_entry_of_another_cache_is_refused(filled, tmp_path):
    foreign = open_store(tmp_path / "foreign")
    foreign.put("text.py", b"x = 3\n")
    shutil.copy(foreign.path("text.py"), filled.path("text.py"))
    with pytest.warns(CacheWarning, match="not what was stored"):
        assert filled.get("text.py") is None


def mutate(content: bytes, random: random.Random) -> bytes:
    """Truncate, flip a bit, extend or overwrite."""
    kind = random.randrange(4)
    at = random.randrange(len(content))
    if kind == 0:
        return content[:at]
    if kind == 1:
        return content[:at] + bytes([content[at] ^ 1 << random.randrange(8)]) + content[at + 1 :]
    if kind == 2:
        return content + random.randbytes(1 + at % 64)
    return random.randbytes(at)


def test_no_mutation_passes(filled):
    generator = random.Random(0)
    names = sorted(PAYLOADS)
    originals = {name: filled.path(name).read_bytes() for name in names}
    for _ in range(200):
        name = generator.choice(names)
        changed = mutate(originals[name], generator)
        assert changed != originals[name]
        filled.path(name).write_bytes(changed)
        with pytest.warns(CacheWarning, match="is refused"):
            assert filled.get(name) is None
        assert not filled.path(name).exists()
        filled.path(name).write_bytes(originals[name])
        assert filled.get(name) == PAYLOADS[name]


def plant_link(path):
    (path.parent / "target").write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to("target")


def plant_pipe(path):
    path.unlink()
    os.mkfifo(path)


def plant_directory(path):
    path.unlink()
    path.mkdir()


@pytest.mark.skipif(os.name != "posix", reason="links and pipes")
@pytest.mark.parametrize("plant", [plant_link, plant_pipe, plant_directory])
def test_what_is_no_file_is_refused(filled, plant):
    plant(filled.path("text.py"))
    with pytest.warns(CacheWarning, match="is refused"):
        assert filled.get("text.py") is None


def test_an_exchanged_directory_is_not_followed(filled):
    moved = filled.directory.with_name("moved")
    filled.directory.rename(moved)
    filled.directory.mkdir()
    (filled.directory / "text.py").write_bytes(b"evil")
    assert filled.get("text.py") == PAYLOADS["text.py"]
    assert filled.put("more", b"1")
    assert (moved / "more").exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("function", ["open", "replace", "fsync"])
def test_a_failure_to_write_warns_once_and_leaves_nothing(store, monkeypatch, function, code):
    def fail(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, function, fail)
        with pytest.warns(CacheWarning, match="cannot be written"):
            assert store.put("a", b"1") is False
        assert store.put("a", b"1") is False
    assert names(store.directory) == []
    assert store.put("a", b"1") is True


def test_a_deleted_directory_is_no_error(filled):
    shutil.rmtree(filled.directory)
    assert filled.get("text.py") is None
    with pytest.warns(CacheWarning, match="cannot be written"):
        assert filled.put("text.py", b"") is False
    assert filled.entries() == []


def test_the_least_recently_used_go_first(tmp_path):
    store = open_store(tmp_path / "small", limit=100_000)
    for i in range(12):
        assert store.put(f"e{i:02d}", bytes(10_000))
        os.utime(store.path(f"e{i:02d}"), (1e9 + i, 1e9 + i))
    assert store.get("e00") is not None  # used now: no longer the oldest
    store.sweep()
    kept = {entry.name for entry in store.entries()}
    assert "e00" in kept
    assert "e01" not in kept
    assert "e11" in kept
    assert sum(entry.size for entry in store.entries()) <= 100_000


def test_the_limit_holds_without_being_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "_SWEEP_BYTES", 20_000)
    store = open_store(tmp_path / "small", limit=100_000)
    for i in range(60):
        store.put(f"e{i}", bytes(5_000))
    assert sum(entry.size for entry in store.entries()) <= 120_000


def test_an_entry_as_large_as_the_cache_is_not_kept(tmp_path):
    store = open_store(tmp_path / "small", limit=1000)
    assert store.put("a", bytes(251)) is False
    assert store.entries() == []


def test_what_killed_processes_left_is_swept(store):
    for name, age in (("old", 7200), ("new", 0)):
        path = store.directory / f".tmp-1-{name}"
        path.write_bytes(b"half")
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    store.sweep()
    assert names(store.directory) == [".tmp-1-new"]


def test_clear_keeps_the_key(filled):
    filled.clear()
    assert filled.entries() == []
    assert filled.put("a", b"1")
    assert filled.get("a") == b"1"


def test_paths_are_used_where_there_are_no_descriptors(filled):
    by_path = Store(filled.directory, None, filled._key, persistent=True)
    assert by_path.get("text.py") == PAYLOADS["text.py"]
    assert by_path.put("more", b"1")
    assert filled.get("more") == b"1"
    assert {e.name for e in by_path.entries()} == {*PAYLOADS, "more"}
    by_path.remove("more")
    assert filled.get("more") is None


@pytest.fixture
def unset(monkeypatch):
    monkeypatch.setattr(store_module, "_stores", {})
    monkeypatch.delenv("BPCOMPILE_CACHE", raising=False)
    return monkeypatch


def test_the_environment_chooses_the_directory(unset, tmp_path):
    unset.setenv("BPCOMPILE_CACHE_DIR", str(tmp_path / "mine"))
    assert default_store().directory == tmp_path / "mine" / "v1"
    assert default_store() is default_store()
    assert default_store().persistent


def test_the_users_cache_is_the_default(unset, tmp_path):
    unset.delenv("BPCOMPILE_CACHE_DIR", raising=False)
    unset.setattr("platformdirs.user_cache_dir", lambda *args, **kwargs: str(tmp_path / "user"))
    assert default_store().directory == tmp_path / "user" / "v1"


def test_off_is_quiet(unset, tmp_path):
    unset.setenv("BPCOMPILE_CACHE_DIR", str(tmp_path / "mine"))
    unset.setenv("BPCOMPILE_CACHE", "0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store = default_store()
    assert not store.persistent
    assert not (tmp_path / "mine").exists()
    assert store.put("a.py", b"1")
    assert store.get("a.py") == b"1"


@pytest.mark.skipif(os.name != "posix", reason="modes")
def test_doubt_warns_once_and_falls_back(unset, tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    unset.setenv("BPCOMPILE_CACHE_DIR", str(tmp_path / "open"))
    with pytest.warns(CacheWarning, match="writable by everyone"):
        store = default_store()
    assert not store.persistent
    assert default_store() is store
    assert names(tmp_path / "open") == []


def test_no_temporary_directory_at_all(monkeypatch):
    def refuse(*args, **kwargs):
        raise FileNotFoundError(2, "no usable temporary directory")

    monkeypatch.setattr(store_module.tempfile, "mkdtemp", refuse)
    store = temporary_store()
    assert store.put("a", b"1") is False
    assert store.get("a") is None


def test_the_temporary_directory_goes_with_its_process(python):
    out = python(
        """
        import os
        from bpcompile.runtime.store import default_store
        store = default_store()
        store.put("a", b"1")
        child = os.fork() if hasattr(os, "fork") else None
        if child == 0:
            raise SystemExit  # a child runs the exit handlers too
        if child:
            os.waitpid(child, 0)
        print(store.directory, store.path("a").exists())
        """,
        BPCOMPILE_CACHE="0",
    )
    directory, existed = out.splitlines()[-1].rsplit(" ", 1)
    assert existed == "True"
    assert not Path(directory).exists()
