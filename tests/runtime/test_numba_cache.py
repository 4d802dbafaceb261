"""Compiled code in the store: found again, never stale, never trusted unchecked."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from bpcompile.errors import CacheWarning
from bpcompile.runtime.dispatch import type_of
from bpcompile.runtime.load import load_module
from bpcompile.runtime.store import open_store

F64 = type_of("f64", 0)
TWICE = """\
from numba import njit


@njit(error_model="numpy", nogil=True, boundscheck=False)
def twice(x):
    return x * 2.0
"""


@pytest.fixture(autouse=True)
def _own(own_cache):
    """Give each test a cache of its own."""


def twice(text=TWICE, **arguments):
    loaded = load_module(text, target="numba", options={}, public=("twice",), **arguments)
    loaded.module.twice.compile((F64,))
    return loaded


def objects(store):
    return [store.path(e.name) for e in store.entries() if e.name.endswith(".obj")]


def test_only_public_functions_are_kept_and_kernels_stay_untouched(own_cache, forget, rosenbrock):
    signature = (type_of("f64", 1),)
    results = []
    for _ in range(2):
        forget()
        loaded = load_module(
            rosenbrock, target="numba", options={}, public=("rosenbrock_value_and_grad",)
        )
        loaded.module.rosenbrock_value_and_grad.compile(signature)
        value, gradient = loaded.module.rosenbrock_value_and_grad(np.arange(4.0))
        results.append((value, *gradient))
        assert len(objects(own_cache)) == 1
    assert results[0] == results[1] == (302.0, -2.0, -200.0, 1002.0, -200.0)
    assert (loaded.hits, loaded.misses) == (1, 0)
    (compilation,) = loaded.compilations
    assert compilation.function == "rosenbrock_value_and_grad"
    assert compilation.signature == "(Array(float64, 1, 'C', False, aligned=True),)"
    assert loaded.module._kernel.overloads == {}
    stats = loaded.module.rosenbrock_value_and_grad.stats
    assert stats.cache_path == str(own_cache.directory)
    assert sum(stats.cache_hits.values()) == 1


def test_other_statements_are_other_entries(own_cache, forget):
    assert twice().module.twice(4.0) == 8.0
    path = Path(twice().path)
    before = path.stat()
    forget()
    changed = twice(TWICE.replace("2.0", "3.0"))
    assert changed.module.twice(4.0) == 12.0
    assert changed.misses == 1
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert len(objects(own_cache)) == 2


def test_changed_comments_hit(forget):
    twice()
    forget()
    assert twice(TWICE.replace("x * 2.0", "x * 2.0  # y = 2 x")).hits == 1


def test_without_cache_nothing_is_kept(own_cache, forget):
    assert twice(cache=False).misses == 1
    assert objects(own_cache) == []
    assert twice(cache=False).module.twice.stats.cache_path is None


def test_recompile_drops_this_functions_entries_alone(own_cache, forget):
    other = twice(TWICE.replace("2.0", "5.0"))
    loaded = twice()
    loaded.module.twice.recompile()
    assert loaded.misses == 2
    assert loaded.module.twice(4.0) == 8.0
    assert len(objects(own_cache)) == 2
    assert other.module.twice(4.0) == 20.0


def test_a_cache_can_be_disabled_and_enabled(own_cache):
    loaded = load_module(TWICE, target="numba", options={}, public=("twice",))
    loaded.module.twice._cache.disable()
    loaded.module.twice.compile((F64,))
    assert objects(own_cache) == []
    loaded.module.twice._cache.enable()
    loaded.module.twice.compile((type_of("f32", 0),))
    assert len(objects(own_cache)) == 1


def garbage(store, path):
    store.put(path.name, b"no compiled code at all")


def emptied(store, path):
    store.put(path.name, b"")


def truncated(store, path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(store, path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def removed(store, path):
    path.unlink()


def foreign(store, path):
    other = open_store(store.directory.parent.parent / "foreign")
    other.put(path.name, store.get(path.name))
    path.write_bytes(other.path(path.name).read_bytes())


@pytest.mark.parametrize("damage", [garbage, emptied, truncated, flipped, removed, foreign])
def test_damaged_entries_are_compiled_anew(own_cache, forget, damage):
    twice()
    (path,) = objects(own_cache)
    damage(own_cache, path)
    forget()
    if damage is removed:
        loaded = twice()
    else:
        with pytest.warns(CacheWarning, match=r"compiled anew"):
            loaded = twice()
    assert loaded.module.twice(4.0) == 8.0
    assert (loaded.hits, loaded.misses) == (0, 1)
    forget()
    assert twice().hits == 1


def test_an_entry_of_another_signature_is_not_used(own_cache, forget):
    """A well-made entry under the wrong name: the signature inside decides."""
    loaded = twice()
    (path,) = objects(own_cache)
    loaded.module.twice.compile((type_of("f32", 0),))
    (other,) = set(objects(own_cache)) - {path}
    own_cache.put(path.name, own_cache.get(other.name))
    forget()
    again = twice()
    assert again.misses == 1
    assert again.module.twice(4.0) == 8.0


def test_what_cannot_be_kept_is_still_compiled(own_cache, monkeypatch):
    def refuse(obj):
        raise TypeError("not today")

    monkeypatch.setattr("numba.core.serialize.dumps", refuse)
    with pytest.warns(CacheWarning, match="cannot be kept"):
        assert twice().module.twice(4.0) == 8.0
    assert objects(own_cache) == []


def test_code_bound_to_this_process_is_not_kept(own_cache):
    text = TWICE.replace("from numba", "import numpy as np\nfrom numba").replace(
        "x * 2.0", "x * _BIG[0]"
    )
    text = text.replace("@njit", "_BIG = np.full(1_000_000, 2.0)\n\n\n@njit")
    assert twice(text).module.twice(4.0) == 8.0
    assert objects(own_cache) == []


def test_numba_without_compilation_is_left_alone(python):
    out = python(
        f"""
        from bpcompile.runtime.load import load_module
        text = {TWICE!r}
        loaded = load_module(text, target="numba", options={{}}, public=["twice"])
        print(loaded.module.twice(4.0), type(loaded.module.twice).__name__)
        """,
        NUMBA_DISABLE_JIT="1",
    )
    assert out == "8.0 function"


def test_threads_compile_a_signature_once():
    barrier = threading.Barrier(16)

    def work(i):
        barrier.wait()
        loaded = twice(TWICE.replace("2.0", f"{2 + i % 2}.0"))
        return loaded, loaded.module.twice(4.0)

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(work, range(16)))
    assert [value for _, value in results] == [8.0, 12.0] * 8
    assert [loaded.misses for loaded, _ in results] == [1] * 16
    assert len({id(loaded.module) for loaded, _ in results}) == 2


def mutate(path, generator):
    content = bytearray(path.read_bytes())
    at = generator.randrange(len(content))
    if generator.random() < 0.5:
        del content[at:]
    else:
        content[at] ^= 1 << generator.randrange(8)
    path.write_bytes(content)


@pytest.mark.parametrize("rounds", [60, pytest.param(1000, marks=pytest.mark.nightly)])
def test_random_damage_never_crashes_and_never_lies(own_cache, forget, rounds):
    """Sources and objects are damaged in turn; `test_store.py` has what costs no compilation."""
    generator = random.Random(rounds)
    twice()
    for _ in range(rounds):
        paths = [path for path in own_cache.directory.iterdir() if path.name != "key"]
        for path in generator.sample(paths, generator.randint(1, len(paths))):
            mutate(path, generator)
        forget()
        with pytest.warns(CacheWarning, match="is refused"):
            assert twice().module.twice(4.0) == 8.0


def test_a_users_cached_function_works_in_a_new_process(python, tmp_path, scale):
    """Numba stores the user's function with ours inside; ours may change between two runs."""
    (tmp_path / "model.py").write_text(
        f"""
import os
from bpcompile.runtime.dispatch import compile_exact, type_of
from bpcompile.runtime.load import load_module

text = {scale!r}.replace("x * k", os.environ["BODY"])
loaded = load_module(text, target="numba", options={{}}, public=["scale"])
exact = compile_exact(loaded.module.scale, [type_of("f64", 0), type_of("i64", 0)], None)
scale = exact.dispatcher
"""
    )
    (tmp_path / "user.py").write_text(
        """
from numba import njit
import model

inner = model.scale

@njit(cache=True)
def by_name(x):
    return inner(x, 3) + 1.0

def make(function):
    @njit(cache=True)
    def by_closure(x):
        return function(x, 3) + 2.0
    return by_closure

by_closure = make(model.scale)
"""
    )
    program = """
        import user
        values = user.by_name(2.0), user.by_closure(2.0)
        hits = [sum(f.stats.cache_hits.values()) for f in (user.by_name, user.by_closure)]
        print(*values, *hits, user.model.loaded.hits)
    """
    assert python(program, BODY="x * k") == "7.0 8.0 0 0 0"
    assert python(program, BODY="x * k") == "7.0 8.0 1 1 1"
    assert python(program, BODY="x - k") == "0.0 1.0 0 0 0"
    assert python(program, BODY="x * k") == "7.0 8.0 0 1 1"


# A product, memory, an exception and NumPy's and Python's mathematics: each needs symbols.
PRODUCT = """\
import math

import numpy as np
from numba import njit


@njit(error_model="numpy", nogil=True, boundscheck=False)
def product(x):
    if x.shape[0] != x.shape[1]:
        raise ValueError("x is not square")
    return np.dot(x, x) + math.erf(1.0)
"""

WARM = """
import sys
import numpy as np
from bpcompile.runtime.dispatch import compile_exact, type_of
from bpcompile.runtime.load import load_module

text = {text!r}
loaded = load_module(text, target="numba", options={}, public=["product"])
exact = compile_exact(loaded.module.product, [type_of("f64", 2)], None)
print(loaded.hits, loaded.misses, "numba.np.arraymath" in sys.modules, end=" ")
print(exact.call(2.0 * np.eye(2))[0, 1] == np.float64(0.8427007929497149), end=" ")
try:
    exact.call(np.ones((2, 3)))
except ValueError as error:
    print(error, end=" ")

from numba import njit

product = exact.dispatcher

@njit
def user(x):
    return product(x.T)[0, 0] + np.sum(x)

print(user(2.0 * np.eye(2)) > 4.0)
"""


def test_a_warm_start_does_not_import_what_only_compiling_needs(python):
    """Numba's own cache imports all that it can compile, and `scipy.linalg` with it."""
    program = WARM.replace("{text!r}", repr(PRODUCT))
    assert python(program).startswith("0 1 True True x is not square True")
    assert python(program) == "1 0 False True x is not square True"
