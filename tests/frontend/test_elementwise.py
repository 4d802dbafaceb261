"""Promotion and broadcasting: NumPy 2's dtypes for every mixture, weak numbers, in-place writes."""

from __future__ import annotations

import itertools
import operator

import numpy as np
import pytest

from bpcompile.errors import TraceError, TypeMismatchError, UnsupportedError
from tests.tracing import agrees, run, traced

F64 = np.array([0.5, -1.5, 2.0])
ARRAYS = {
    "f64": F64,
    "f32": F64.astype(np.float32),
    "i64": np.array([3, -2, 1]),
    "bool": np.array([True, False, True]),
}
OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
    operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne,
]  # fmt: skip


def outcome(function, *args):
    with np.errstate(all="ignore"):
        try:
            return function(*args)
        except TypeError:
            return None


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.__name__)
def test_dtypes_of_arrays(op):
    for left, right in itertools.product(ARRAYS.values(), repeat=2):
        if outcome(op, left, right) is None:
            with pytest.raises(TypeMismatchError):
                traced(op, left, right)
        elif op in (operator.floordiv, operator.mod) and {left.dtype.kind, right.dtype.kind} == {
            "b"
        }:
            continue  # NumPy gives int8
        else:
            agrees(lambda x, y: op(x, y), left, right, rtol=1e-6)


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.__name__)
@pytest.mark.parametrize("number", [2, 2.5, True, np.float32(2.5), np.int64(2), np.bool_(True)])
def test_dtypes_beside_numbers(op, number):
    for array in ARRAYS.values():
        for function in (lambda x: op(x, number), lambda x: op(number, x)):
            if outcome(function, array) is None:
                with pytest.raises(TypeMismatchError):
                    traced(function, array)
            elif array.dtype == bool and isinstance(number, (bool, np.bool_)):
                continue
            else:
                agrees(function, array, rtol=1e-6)


def test_a_float_never_widens_float32():
    x = ARRAYS["f32"]
    for number in (2.5, np.float64(2.5), 3):
        found = traced(lambda x, s: x * s + s, x, number)
        assert str(found.graph.outputs[0].type) == "f32[n]"
    # What a sum of float64 gives is a float64 of its own, as in NumPy.
    agrees(lambda x, y: x * y.sum(), x, F64, rtol=1e-7)
    agrees(lambda x, s, t: x * (s + t), x, 2.0, 3, rtol=1e-7)
    agrees(lambda x: x * 2.0 + np.float32(3.0), x)


def test_scalars_stay_what_they_are():
    agrees(lambda s, n: (s + n, n / 2, n // 2, n % 3, n**2, n * 2, s**n, -n, abs(n), +s), 0.5, 7)
    agrees(lambda b: (b + 1, b * 2.0, b & True, ~np.array([True]) | b, b ^ True), True)
    agrees(lambda s: (divmod(s, 0.4), divmod(5, s), s // 0.3, 7 // s, 7 % s, 2**s), 1.7)


def test_bools_are_not_numbers():
    x = ARRAYS["bool"]
    agrees(lambda x, y: (x + y, x * y, x & y, x | y, x ^ y, ~x, x.sum(), x.mean()), x, ~x)
    agrees(lambda x, y: (np.maximum(x, y), np.minimum(x, y), np.logical_xor(x, y), x == y), x, ~x)
    with pytest.raises(TypeMismatchError, match=r"np.subtract does not take `x` .* and `x`"):
        traced(lambda x: x - x, x)
    with pytest.raises(TypeMismatchError, match=r"np.negative does not take"):
        traced(lambda x: -x, x)


def test_ints():
    k = ARRAYS["i64"]
    agrees(lambda k: (k + k, k * 2, k // 2, k % 2, abs(k), np.sign(k), np.maximum(k, 0), k**2), k)
    agrees(lambda k: (np.exp(k), np.sqrt(abs(k)), k / 2, k * 0.5, np.floor(k), np.square(k)), k)
    agrees(lambda k: (k == 1, k > 0.5, k.astype(float), np.where(k > 0, k, 0.5), k.sum()), k)
    agrees(lambda k: k << abs(k), k)
    with pytest.raises(TypeMismatchError, match=r"np.bitwise_and .*convert"):
        traced(lambda x: x & 1, F64)


def test_small_ints_are_int64():
    small = np.array([1, 2, 3], dtype=np.int8)
    found = traced(lambda x: x * small, F64)
    np.testing.assert_array_equal(run(found, F64), F64 * small)


def test_comparison_with_none_is_pythons():
    for model in (
        lambda x: x * (2.0 if x == None else 3.0),  # noqa: E711 - what users write
        lambda x: x * (3.0 if x != "a" else 2.0),
    ):
        np.testing.assert_array_equal(run(traced(model, F64), F64), F64 * 3)


def test_in_place_operators_change_every_name_of_an_array():
    def model(x):
        y = x * 1.0
        z = y
        y += 2.0
        y *= x
        z -= 1.0
        return y, z

    agrees(model, F64)


def test_in_place_operators_keep_dtype_and_shape():
    agrees(lambda x: (lambda y: operator.iadd(y, F64))(x * 1), ARRAYS["f32"])

    def widened(x):
        x *= 2.5
        return x

    with pytest.raises(TypeMismatchError, match=r"`x` \(i64\[n\]\) cannot take the result f64"):
        traced(widened, ARRAYS["i64"])

    def grown(x, y):
        x += y
        return x

    with pytest.raises(TypeMismatchError, match=r"write `x = x \+ ...`"):
        traced(grown, F64, np.ones((2, 3)))


def test_arguments_are_not_changed():
    def model(x):
        y = x
        y += 1.0
        return x

    found = traced(model, F64)
    np.testing.assert_array_equal(run(found, F64), F64 + 1)


def test_in_place_beside_a_view():
    def model(x):
        y = x * 2
        tail = y[1:]
        y += 1.0
        return tail, y

    agrees(model, F64)

    def gone(x):
        y = x * 2
        total = y.T @ y[::-1]
        y += total
        return y

    agrees(gone, F64)


GIVEN = np.array([0.0, 0.0, 1.0])


def test_in_place_into_a_numpy_array_is_refused():
    def model(x):
        total = GIVEN
        total += x
        return total

    with pytest.raises(TraceError, match=r"operator such as .= on a NumPy array.*write `a = a"):
        traced(model, F64)


def test_sums_into_zeros():
    def model(x):
        total = np.zeros(3)
        count = np.zeros_like(x)
        for k in range(3):
            total += k * x
            count += 1
        return total, count

    agrees(model, F64)


def test_out_and_where_are_refused():
    with pytest.raises(
        UnsupportedError, match=r"np.sum with out= is not known .*assign the result"
    ):
        traced(lambda x: np.sum(x, out=np.zeros(())), F64)
    with pytest.raises(UnsupportedError, match=r"np.add with where= .*choose with np.where"):
        traced(lambda x: np.add(x, x, where=x > 0), F64)
    agrees(lambda x: np.exp(x, out=np.zeros(3)), F64)


# Functions of two operands whose rule is for some dtypes only.
PARTLY = {*("fmod", "gcd", "lcm", "nextafter", "ldexp")} | {
    name for name in dir(np) if name.startswith("bitwise_") or name.endswith("_shift")
}
UFUNCS = [
    name
    for name, value in vars(np).items()
    if isinstance(value, np.ufunc) and (value.nin, value.nout, value.signature) == (2, 1, None)
    if name not in PARTLY
]
NUMBERS = {"float": 1.5, "int": 2, "bool": True, "np.float32": np.float32(1.5)}


@pytest.mark.parametrize("right", [*ARRAYS, *NUMBERS])
@pytest.mark.parametrize("left", [*ARRAYS, *NUMBERS])
def test_dtypes_of_every_function_of_two_operands(left, right):
    if left in NUMBERS and right in NUMBERS:
        return  # NumPy alone
    x, y = (abs(ARRAYS[k]) if k in ARRAYS else NUMBERS[k] for k in (left, right))
    functions, wanted = [], []
    for name in UFUNCS:
        found = outcome(getattr(np, name), x, y)
        if found is not None and found.dtype not in (np.float16, np.int8):  # which we have not
            functions.append(getattr(np, name))
            wanted.append(found.dtype)
    if left in NUMBERS:
        results = run(traced(lambda b: [f(x, b) for f in functions], y), y)
    elif right in NUMBERS:
        results = run(traced(lambda a: [f(a, y) for f in functions], x), x)
    else:
        results = run(traced(lambda a, b: [f(a, b) for f in functions], x, y), x, y)
    assert [found.dtype for found in results] == wanted, functions
