"""Exact calls: what is fast, what takes the slow path, and what compiled code may pass."""

from __future__ import annotations

import copy
import enum
import gc
import pickle

import cloudpickle
import numpy as np
import pytest
from numba import njit
from numba.core import errors, types

from bpcompile.errors import CompileError, TypeMismatchError
from bpcompile.runtime.dispatch import compile_exact, type_of
from bpcompile.runtime.load import load_module

MODULE = """\
import numpy as np
from numba import njit


@njit(error_model="numpy", nogil=True, boundscheck=False)
def add(x, k, b):
    return x + k + b


@njit(error_model="numpy", nogil=True, boundscheck=False)
def total(x, w, m):
    s = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            if m[j]:
                s += x[i, j] * w[j]
    return s


@njit(error_model="numpy", nogil=True, boundscheck=False)
def fill(x, out):
    out[()] = x.sum()


@njit(error_model="numpy", nogil=True, boundscheck=False)
def deep(x):
    return x.sum()


@njit(error_model="numpy", nogil=True, boundscheck=False)
def single(x):
    return x * x
"""
SIGNATURES = {
    "add": [type_of("f64", 0), type_of("i64", 0), type_of("bool", 0)],
    "total": [type_of("f64", 2), type_of("f64", 1), type_of("bool", 1)],
    "fill": [type_of("f64", 1), type_of("f64", 0, array=True)],
    "deep": [type_of("f64", 6)],
    "single": [type_of("f32", 0)],
}


class SlowError(Exception):
    pass


def slow(*args):
    raise SlowError(*(type(a).__name__ for a in args))


@pytest.fixture(scope="module")
def module():
    return load_module(MODULE, target="numba", options={}, public=list(SIGNATURES)).module


@pytest.fixture(scope="module")
def exact(module):
    return {
        name: compile_exact(getattr(module, name), signature, slow)
        for name, signature in SIGNATURES.items()
    }


class Color(enum.IntEnum):
    RED = 1


class Float(float):
    pass


class Array(np.ndarray):
    pass


@pytest.mark.parametrize(
    ("args", "value"),
    [
        ((1.5, 2, True), 4.5),
        ((np.float64(1.5), np.int64(2), np.bool_(True)), 4.5),
        ((Float(1.5), 2, False), 3.5),
        ((float("inf"), -3, True), float("inf")),
    ],
)
def test_exact_scalars_are_fast(exact, args, value):
    assert exact["add"].call(*args) == value


@pytest.mark.parametrize("x", [3, True, np.float32(1), np.float16(1), np.int64(3), np.bool_(1), 1j])
def test_other_scalars_for_a_float_are_slow(exact, x):
    with pytest.raises(SlowError):
        exact["add"].call(x, 2, True)


@pytest.mark.parametrize(
    "k", [2.7, 2.0, True, np.int32(2), np.uint64(2), np.uint8(2), np.float64(2), np.bool_(1)]
)
def test_other_scalars_for_an_int_are_slow(exact, k):
    with pytest.raises(SlowError):
        exact["add"].call(1.5, k, True)


@pytest.mark.parametrize("b", [1, 0.0, np.int8(1), None])
def test_other_scalars_for_a_bool_are_slow(exact, b):
    with pytest.raises(SlowError):
        exact["add"].call(1.5, 2, b)


@pytest.mark.parametrize(
    "x",
    [
        None, "1.0", b"1", [1.0], [], (), (1.0,), {}, set(), {1.0}, frozenset(), object(), float,
        np.array(1.5), np.ones(3), np.longdouble(1), np.datetime64(1, "s"), range(3),
        memoryview(b""), [[]], np.dtype("f8"), slow,
    ],
    ids=lambda value: repr(value).partition(" at 0x")[0],
)  # fmt: skip
def test_anything_else_is_slow(exact, x):
    with pytest.raises(SlowError):
        exact["add"].call(x, 2, True)


def test_f32_scalars(exact):
    assert exact["single"].call(np.float32(1.5)) == 2.25
    for x in (1.5, np.float64(1.5), 2):
        with pytest.raises(SlowError):
            exact["single"].call(x)


def test_an_int_beyond_64_bits_is_an_overflow(exact):
    with pytest.raises(OverflowError):
        exact["add"].call(1.5, 10**30, True)


def matrices():
    x = np.arange(6.0).reshape(2, 3)
    read_only = x.copy()
    read_only.flags.writeable = False
    return {
        "fortran": np.asfortranarray(x),
        "transposed": x.reshape(3, 2).T,
        "strided": np.zeros((2, 6))[:, ::2],
        "reversed": x[::-1],
        "read-only": read_only,
        "broadcast": np.broadcast_to(np.arange(3.0), (2, 3)),
        "f4": x.astype("f4"),
        "i8": x.astype("i8"),
        "c16": x.astype("c16"),
        "object": x.astype(object),
        "big-endian": x.astype(">f8"),
        "rank 1": x.ravel(),
        "rank 3": x[None],
        "subclass": x.view(Array),
        "matrix": x.view(np.matrix),
        "masked": np.ma.array(x, mask=x > 2),
        "list": x.tolist(),
        "memoryview": memoryview(x),
    }


@pytest.mark.parametrize("kind", list(matrices()))
def test_other_arrays_are_slow(exact, kind):
    with pytest.raises(SlowError):
        exact["total"].call(matrices()[kind], np.ones(3), np.ones(3, bool))


def test_exact_arrays_are_fast(exact):
    call = exact["total"].call
    x, w, m = np.arange(6.0).reshape(2, 3), np.ones(3), np.array([True, False, True])
    assert call(x, w, m) == 10.0
    assert call(x[:1], w, m) == 2.0  # still contiguous
    assert call(np.empty((0, 3)), w, m) == 0.0
    assert call(x.astype("<f8"), pickle.loads(pickle.dumps(w)), m) == 10.0


def unaligned(shape):
    size = int(np.prod(shape)) * 8
    array = np.ndarray(shape, "f8", buffer=bytearray(size + 1), offset=1)
    array[...] = 1.0
    assert not array.flags.aligned
    return array


def test_big_endian_is_slow_even_after_unaligned(exact):
    """Numba's own table takes both for the same type, whichever came first."""
    assert exact["total"].call(unaligned((2, 3)), np.ones(3), np.ones(3, bool)) == 6.0
    assert exact["deep"].call(unaligned((1, 2, 1, 1, 1, 3))) == 6.0
    assert exact["deep"].call(np.ones((1, 2, 1, 1, 1, 3))) == 6.0
    with pytest.raises(SlowError):
        exact["total"].call(np.ones((2, 3), ">f8"), np.ones(3), np.ones(3, bool))
    with pytest.raises(SlowError):
        exact["deep"].call(np.ones((1, 2, 1, 1, 1, 3), ">f8"))
    out = np.zeros((), ">f8")
    with pytest.raises(SlowError):
        exact["fill"].call(np.ones(3), out)


def test_rank_0_arrays(exact):
    out = np.zeros(())
    assert exact["fill"].call(np.arange(3.0), out) is None
    assert out == 3.0
    with pytest.raises(SlowError):
        exact["fill"].call(np.arange(3.0), 0.0)
    with pytest.raises(SlowError):
        exact["fill"].call(np.arange(3.0), np.zeros(1))


def test_the_number_of_arguments_is_checked(exact):
    for name in ("add", "total"):
        with pytest.raises(TypeError, match="not enough arguments"):
            exact[name].call(np.ones((2, 3)))
        with pytest.raises(TypeError, match="too many arguments"):
            exact[name].call(*[np.ones(3)] * 4)


def test_keywords_become_positions_where_no_guard_is_needed(exact):
    assert exact["add"].call(b=True, x=1.5, k=2) == 4.5
    with pytest.raises(SlowError, match=r"'int', 'int', 'bool'"):
        exact["add"].call(b=True, x=1, k=2)


def test_the_slow_path_converts(module):
    seen = []

    def convert(x, w, m):
        seen.append((x, w, m))
        converted = [np.ascontiguousarray(a, d) for a, d in ((x, "f8"), (w, "f8"), (m, bool))]
        return lambda *args: total.entry(*converted)

    total = compile_exact(module.total, SIGNATURES["total"], convert)
    x, w = np.asfortranarray(np.arange(6.0).reshape(2, 3)), [1, 1, 1]
    assert total.call(x, w, [1, 0, 1]) == 10.0
    assert seen == [(x, w, [1, 0, 1])] or seen[0][0] is x


def test_two_who_share_a_module_keep_their_own_slow_paths(module):
    def mine(*args):
        return lambda *args: "mine"

    def yours(*args):
        return lambda *args: "yours"

    first = compile_exact(module.add, SIGNATURES["add"], mine)
    second = compile_exact(module.add, SIGNATURES["add"], yours)
    assert first.entry is second.entry
    assert (first.call(1, 2, True), second.call(1, 2, True)) == ("mine", "yours")
    assert first.call(1.0, 2, True) == second.call(1.0, 2, True) == 4.0


def test_calls_from_python_never_compile(module, exact):
    before = len(module.total.overloads)
    test_exact_arrays_are_fast(exact)
    for value in matrices().values():
        with pytest.raises(SlowError):
            exact["total"].call(value, np.ones(3), np.ones(3, bool))
    assert len(module.total.overloads) == before
    assert list(exact["total"].dispatcher.overloads) == [tuple(SIGNATURES["total"])]


def test_compiled_code_may_pass_any_layout(module, exact):
    total = exact["total"].dispatcher

    @njit
    def user(x, w, m):
        return total(x, w, m) + total(x=x, m=m, w=w)

    w, m = np.ones(3), np.ones(3, bool)
    x = np.arange(6.0).reshape(2, 3)
    for kind in ("strided", "fortran", "read-only"):
        given = matrices()[kind]
        assert user(given, w, m) == 2 * given.sum()
    assert user(x, w, m) == 30.0
    # What Numba compiled for that is nothing to calls from Python.
    with pytest.raises(SlowError):
        exact["total"].call(matrices()["fortran"], w, m)


def test_compiled_code_with_another_type_gets_the_arguments_name(exact):
    add, total = exact["add"].dispatcher, exact["total"].dispatcher

    @njit
    def scalars(x, k, b):
        return add(x, k, b)

    @njit
    def literals():
        return add(1.5, 2, True)

    @njit
    def arrays(x, w, m):
        return total(x, w, m)

    assert scalars(1.5, 2, True) == literals() == 4.5
    for args, message in (
        ((1, 2, True), "argument x of add is int64, and it was compiled for float64"),
        ((1.5, 2.5, True), "argument k of add is float64"),
        ((1.5, 2, 1), "argument b of add is int64"),
        ((1.5, np.int32(2), True), "argument k of add is int32"),
    ):
        with pytest.raises(errors.TypingError, match=message):
            scalars(*args)
    with pytest.raises(errors.TypingError, match=r"argument w of total is array\(float32, 1d, C\)"):
        arrays(np.ones((2, 3)), np.ones(3, "f4"), np.ones(3, bool))
    with pytest.raises(errors.TypingError, match=r"argument x of total is array\(float64, 1d, C\)"):
        arrays(np.ones(3), np.ones(3), np.ones(3, bool))


def test_the_machine_code_outlives_a_dispatcher(module):
    compile_exact(module.add, SIGNATURES["add"], slow)
    gc.collect()
    add = compile_exact(module.add, SIGNATURES["add"], slow)

    dispatcher = add.dispatcher

    @njit
    def user(x):
        return dispatcher(x, 2, True)

    assert user(1.5) == add.call(1.5, 2, True) == 4.5


def test_a_dispatcher_is_a_value_in_compiled_code(exact):
    @njit
    def apply(f, x):
        return f(x, 2, True)

    assert apply(exact["add"].dispatcher, 1.5) == 4.5


def test_dispatchers_travel_as_text(exact):
    add = exact["add"].dispatcher
    for copied in (copy.deepcopy(add), pickle.loads(cloudpickle.dumps(add))):
        assert copied is not add
        assert copied(1.5, 2, True) == 4.5
        with pytest.raises(TypeMismatchError, match="not \\(int, int, bool\\)"):
            copied(1, 2, True)
    assert pickle.dumps(add) == pickle.dumps(copy.copy(add))


def test_a_dispatcher_of_no_module_does_not_travel():
    @njit
    def plain(x):
        return x

    with pytest.raises(CompileError, match="of no loaded module"):
        pickle.dumps(compile_exact(plain, [type_of("f64", 0)], slow).dispatcher)


def test_types_by_name():
    assert type_of("f64", 0) == type_of("float64", 0) == types.float64
    assert type_of("f32", 0) == types.float32
    assert type_of("i64", 0) == types.int64
    assert type_of("bool", 0) == types.boolean
    assert type_of("f64", 2) == types.Array(types.float64, 2, "C")
    assert type_of("bool", 1) == types.Array(types.boolean, 1, "C")
    assert type_of("i64", 0, array=True) == types.Array(types.int64, 0, "C")
    with pytest.raises(CompileError, match="no dtype 'f16'"):
        type_of("f16", 1)


@pytest.mark.parametrize(
    "other",
    [
        types.Array(types.float64, 1, "A"),
        types.Array(types.float64, 1, "C", readonly=True),
        types.Array(types.int32, 1, "C"),
        types.int32,
        types.complex128,
        types.none,
    ],
    ids=str,
)
def test_types_that_are_not_exact_are_refused(module, other):
    with pytest.raises(CompileError, match="type_of"):
        compile_exact(module.single, [other], slow)


def test_numbas_own_fault_is_not_hidden(module):
    with pytest.raises(errors.TypingError):
        compile_exact(module.deep, [type_of("bool", 0)], slow)
