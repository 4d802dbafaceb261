from __future__ import annotations

import enum
import fractions

import numpy as np
import pandas as pd
import pytest

from bpcompile.errors import TypeMismatchError
from bpcompile.frontend.arguments.leaves import (
    code_of,
    exact,
    fitted,
    identifier,
    is_static,
    not_differentiable,
    type_of,
)
from bpcompile.ir.type import DType


class Colour(enum.IntEnum):
    RED = 1


def is_exact(value):
    if not isinstance(value, np.ndarray):
        return type(value) in (float, int, bool, np.float32)
    return value.__class__ is np.ndarray and value.flags.carray and value.dtype.isnative


@pytest.mark.parametrize(
    ("value", "kind", "dtype"),
    [
        (2.5, float, DType.F64),
        (np.float64(2.5), float, DType.F64),
        (np.array(2.5), float, DType.F64),
        (np.float32(2.5), np.float32, DType.F32),
        (np.array(2.5, np.float32), np.float32, DType.F32),
        (3, int, DType.I64),
        (np.int8(3), int, DType.I64),
        (np.uint64(3), int, DType.I64),
        (np.array(3, np.int16), int, DType.I64),
        (True, bool, DType.BOOL),
        (np.bool_(True), bool, DType.BOOL),
        (np.array(True), bool, DType.BOOL),
    ],
)
def test_numbers_become_those_of_python(value, kind, dtype):
    found = exact(value, "x")
    assert type(found) is kind
    assert found == value
    assert code_of(found) == (dtype, 0)
    assert type_of(found).weak == (kind is not np.float32)


base = np.arange(24.0).reshape(4, 6)


@pytest.mark.parametrize(
    "value",
    [
        base[::2],
        base[:, ::-1],
        base.T,
        np.asfortranarray(base),
        base.astype(">f8"),
        base.astype(np.float32)[1:, 1:],
        base.astype(np.int8),
        base.astype(np.uint32),
        base.astype(">i4"),
        base > 3,
        np.empty((0, 3)),
        np.empty((3, 0))[::-1],
        np.lib.stride_tricks.as_strided(np.ones(1), (5, 2), (0, 0)),
        np.frombuffer(bytes(range(1, 34)), np.uint8)[1:].view(np.float64),
        pd.Series([1.0, 2.0]),
        pd.Series([1, 2], dtype="int16"),
        pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}),
        base.view(np.memmap),
    ],
)
def test_arrays_are_made_exact_with_their_values(value):
    found = exact(value, "x")
    assert is_exact(found)
    np.testing.assert_array_equal(found, np.asarray(value))


def test_an_exact_array_is_taken_as_it_is():
    array = np.ones((2, 3))
    assert exact(array, "x") is array


def test_a_read_only_array_is_copied():
    array = np.ones(3)
    array.flags.writeable = False
    found = exact(array, "x")
    assert is_exact(found)
    assert not np.shares_memory(found, array)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1j, r"x is complex: pass x\.real and x\.imag as two arguments"),
        (np.complex64(1), "x is a scalar of dtype complex64: pass x.real"),
        (np.ones(2, complex), r"x is an array of dtype complex128: pass x\.real and x\.imag"),
        (np.float16(1), r"dtype float16: write x\.astype\(np\.float32\)"),
        (np.ones(2, np.longdouble), r"dtype \w+: write x\.astype\(np\.float64\)"),
        (np.array([1, None]), r"dtype object: write x\.astype\(float\) if its entries are numbers"),
        (np.array(["a"]), "dtype <U1: convert it to float64, float32, int64 or bool"),
        (np.array(["2020"], "M8[D]"), "convert it to float64"),
        (np.zeros(2, [("a", float)]), "pass its fields as separate arguments"),
        (2**63, r"x is an int of 64 bits, and integers have 64: write float\(x\)"),
        (np.array([2**63], np.uint64), r"values above .*: write x\.astype\(float\)"),
        (fractions.Fraction(1, 2), r"x is a Fraction: write float\(x\)"),
        ({1.0}, "x is a set, which is no array, number or tree of them"),
        (np.ma.masked_array([1.0], [True]), r"its mask would be ignored: write x\.filled"),
        (np.ones((1, 1)).view(np.matrix), r"x is an np\.matrix.*: write np\.asarray\(x\)"),
        (pd.DataFrame({"a": [1.0], "b": ["c"]}), "dtype object"),
    ],
)
def test_what_is_no_data_of_ours_is_refused(value, message):
    if getattr(value, "dtype", None) == np.longdouble and np.finfo(np.longdouble).bits == 64:
        pytest.skip("long double is double here")
    with pytest.raises(TypeMismatchError, match=message):
        exact(value, "x")


def test_an_object_whose_array_fails_is_named():
    class Broken:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("it is on another device")

    with pytest.raises(TypeMismatchError, match=r"x, a Broken, gives no array \(it is on another"):
        exact(Broken(), "x")


@pytest.mark.parametrize("value", ["a", Colour.RED, len, int, np.dtype("f8"), lambda: 0])
def test_choices_are_static(value):
    assert is_static(value)


@pytest.mark.parametrize("value", [1, 2.0, True, np.ones(2), None, pd.Series([1.0])])
def test_data_is_not_static(value):
    assert not is_static(value)


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (1.5, DType.F32, np.float32(1.5)),
        (3, DType.F64, 3.0),
        (3, DType.F32, np.float32(3)),
        (True, DType.F64, 1.0),
        (True, DType.I64, 1),
        (np.float32(1.5), DType.F64, 1.5),
    ],
)
def test_numbers_take_the_dtype_of_their_place(value, dtype, expected):
    found = fitted(value, dtype, "x")
    assert found == expected
    assert type(found) is type(expected)


def test_arrays_widen_to_their_place_and_never_narrow():
    assert fitted(np.ones(2, np.float32), DType.F64, "x").dtype == np.float64
    assert fitted(np.ones(2, np.int64), DType.F64, "x").dtype == np.float64
    with pytest.raises(TypeMismatchError, match=r"float64.*takes float32: write x\.astype"):
        fitted(np.ones(2), DType.F32, "x")
    with pytest.raises(TypeMismatchError, match="x is a float, and its place takes int64"):
        fitted(2.5, DType.I64, "x")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, r"x is an int \(3\), and a derivative needs a float: write 3\.0"),
        (True, r"x is a bool \(True\)"),
        ("a", "x is a str, which has no derivative"),
        (np.arange(3), r"x has dtype int64.*: write x\.astype\(float\)"),
    ],
)
def test_a_leaf_without_derivative_says_why(value, message):
    found = not_differentiable(value, "x")
    assert found is not None
    assert __import__("re").search(message, found)


def test_floats_have_derivatives():
    assert not_differentiable(1.0, "x") is None
    assert not_differentiable(np.ones(2, np.float32), "x") is None


def test_paths_become_names():
    assert identifier("params['w'][0].b") == "params_w_0_b"
    assert identifier("x") == "x"
