from __future__ import annotations

import dataclasses

import pytest

from bpcompile.errors import ArgumentError
from bpcompile.options import NAMES, Options, make_options


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("target", "cuda", "write 'numba' or 'numpy'"),
        ("math", "fast", "write 'vector' or 'libm'"),
        ("dims", None, "write 'auto' or 'exact'"),
        ("compile", "lazy", "write 'eager' or 'auto'"),
        ("fuse", 1, "write True or False"),
        ("cache", "no", "write True or False"),
        ("width", 64, "write 128, 256, 512 or None"),
        ("threads", 0, "write an int of 1 or more"),
        ("threads", True, "write an int of 1 or more"),
        ("unroll", -1, "write an int of 0 or more"),
        ("compile_budget", 0, "a positive number of seconds"),
        ("compile_budget", "2s", "a positive number of seconds"),
        ("memory_budget", "64 bananas", "a text such as '64MB'"),
        ("memory_budget", "MB", "a text such as '64MB'"),
        ("memory_budget", 0, "bytes as a positive int"),
        ("memory_budget", 1.5, "bytes as a positive int"),
        ("static_argnums", "x", "an int, or a tuple of ints"),
        ("static_argnums", (0, True), "an int, or a tuple of ints"),
        ("static_argnames", 0, "a name, or a tuple of names"),
        ("name", "two words", "write an identifier"),
    ],
)
def test_an_impossible_value_says_what_to_write(name, value, advice):
    with pytest.raises(ArgumentError, match=f"{name}=.*{advice}"):
        Options(**{name: value})


def test_every_default_is_possible_and_every_name_is_known():
    options = Options()
    assert make_options(options, {n: getattr(options, n) for n in NAMES}) == options


@pytest.mark.parametrize(
    ("budget", "size"),
    [(None, None), (5, 5), ("64MB", 64 * 10**6), ("2 GiB", 2 << 30), ("3kB", 3000)],
)
def test_memory_is_bytes(budget, size):
    assert Options(memory_budget=budget).memory_bytes == size


def test_static_arguments_are_given_alone_or_as_sequences():
    assert Options(static_argnums=1, static_argnames=["n", "m"]).static == (1, "n", "m")


def test_keywords_go_before_the_object():
    given = Options(target="numpy", unroll=2)
    assert make_options(given, {"unroll": 3}) == dataclasses.replace(given, unroll=3)
    with pytest.raises(ArgumentError, match=r"no option unrol=: did you mean unroll=\?"):
        make_options(given, {"unrol": 3})
    with pytest.raises(ArgumentError, match="no option zzz=: the options are target, fuse"):
        make_options(given, {"zzz": 3})


@pytest.mark.parametrize(("value", "target"), [("1", "numpy"), ("0", "numba"), ("", "numba")])
def test_the_environment_selects_numpy(monkeypatch, value, target):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", value)
    assert Options().effective_target == target
