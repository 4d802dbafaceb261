"""Bad input, one by one: each is refused by a typed error that helps, and nothing is lost.

Every test calls the function rightly, then wrongly twice, then rightly again. The error must be
one of ours, must name the user's value, and what happens inside the model also the line there.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import keyword
import random
import re
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pandas as pd
import pytest
import scipy.special
import sympy

import bpcompile as bp

X = np.array([1.0, 2.0, 4.0])
W = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]])


def line(function: Any, offset: int) -> str:
    """Return the place of a line of a model, as an error shows it."""
    code = getattr(function, "__wrapped__", function).__code__
    return f"{code.co_filename}:{code.co_firstlineno + offset}"


def check_refused(call, good, bad, error, *texts):
    """Check that a bad call raises what helps, and costs the function nothing."""
    expected = call(*good)
    for _ in range(2):
        with pytest.raises(error) as caught:
            call(*bad)
        assert isinstance(caught.value, bp.BpcompileError)
        for text in texts:
            assert text in str(caught.value)
    compiled = len(call.specializations)
    np.testing.assert_equal(call(*good), expected)
    assert len(call.specializations) == compiled


def grad(f, **options):
    return bp.grad(f, target="numpy", **options)


def square(x):
    return np.sum(x * x)


# -- the call --------------------------------------------------------------------------------------


def test_wrong_argument_counts():
    def scaled(w, s):
        return w * s

    call = bp.grad(scaled, target="numpy")
    for args, text in [
        ((), "scaled(w, s): missing a required argument: 'w'; the call has 0"),
        ((2.0,), "missing a required argument: 's'; the call has 1"),
        ((2.0, 3.0, 4.0), "too many positional arguments; the call has 3"),
    ]:
        check_refused(call, (2.0, 3.0), args, TypeError, text)
    for keywords, text in [
        ({"S": 1.0}, "S=; did you mean s=?"),
        ({"w": 1.0, "s": 1.0}, "multiple values for argument 'w'"),
    ]:
        with pytest.raises(bp.ArgumentError, match=re.escape(text)):
            call(2.0, **keywords)
    assert call(2.0, s=3.0) == 3.0


@pytest.mark.parametrize(
    ("bad", "texts"),
    [
        (np.arange(3), ("x has dtype int64", "x.astype(float)", "leave it out of argnums")),
        (np.array([True, False]), ("x has dtype bool", "x.astype(float)")),
        (np.ones(3, complex), ("x is an array of dtype complex128", "x.real and x.imag")),
        (np.array([1.0, None]), ("x is an array of dtype object", "x.astype(float)")),
        (np.array(["1"]), ("x is an array of dtype <U1", "float64")),
        (np.array(["2020"], "M8[Y]"), ("x is an array of dtype datetime64[Y]",)),
        (np.ones(3, np.float16), ("x is an array of dtype float16", "x.astype(np.float32)")),
        (np.ones(3, np.longdouble), (f"dtype {np.dtype(np.longdouble)}", "x.astype(np.float64)")),
        (np.zeros(2, [("a", float)]), ("x is an array of dtype", "fields as separate arguments")),
        (3, ("x is an int (3)", "write 3.0")),
        (True, ("x is a bool (True)", "write 1.0")),
        ("3", ("x is a str", "no derivative")),
        (1j, ("x is complex", "x.real and x.imag")),
        ({3.0}, ("x is a set", "no array, number or tree")),
        (np.ma.masked_array([1.0, 2.0], [False, True]), ("x is a masked array", "x.filled(value)")),
        (np.ones((2, 2)).view(np.matrix), ("x is an np.matrix", "np.asarray(x)")),
        (pd.Series(["a"]), ("x is an array of dtype", "float")),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, tuple) else "",
)
def test_what_cannot_be_differentiated(bad, texts):
    check_refused(grad(square), (X,), (bad,), bp.TypeMismatchError, "square", *texts)


def test_what_cannot_be_differentiated_in_machine_code():
    call = bp.value_and_grad(square)
    for bad, text in [
        (np.arange(3), "x has dtype int64"),
        (np.ones(3, complex), "x is an array of dtype complex128"),
        (np.ma.masked_array([1.0, 2.0], [False, True]), "x is a masked array"),
        (np.ones((2, 2)).view(np.matrix), "x is an np.matrix"),
    ]:
        check_refused(call, (X,), (bad,), bp.TypeMismatchError, "square", text)


def test_the_leaf_of_a_tree_is_named_by_its_path():
    def loss(params):
        return params["layers"][0] * params["layers"][1]

    call = grad(loss)
    check_refused(
        call,
        ({"layers": [2.0, 3.0]},),
        ({"layers": [2.0, 3]},),
        bp.TypeMismatchError,
        "grad(loss): params['layers'][1] is an int (3)",
        "write 3.0",
    )


def test_masked_arrays_and_matrices_are_refused_as_plain_inputs_too():
    call = grad(lambda x, w: np.sum(x * w))
    masked = np.ma.masked_array(X, [True, False, False])
    check_refused(call, (X, X), (X, masked), bp.TypeMismatchError, "w is a masked array")
    matrix = W.view(np.matrix)
    check_refused(call, (X, X), (X, matrix), bp.TypeMismatchError, "w is an np.matrix")


def test_series_and_frames_are_taken():
    call = bp.value_and_grad(lambda w, X: np.sum((X @ w) ** 2), target="numpy")
    expected = call(X, W)
    frame = pd.DataFrame(W, columns=list("abc"))
    for w, data in [(pd.Series(X), W), (X, frame), (pd.Series(X), frame)]:
        value, gradient = call(w, data)
        assert value == expected[0]
        assert type(gradient) is np.ndarray
        np.testing.assert_array_equal(gradient, expected[1])
    mixed = pd.DataFrame({"a": [1.0, 4.0], "b": [2, 5], "c": [3.0, 6.5]})
    np.testing.assert_array_equal(call(X, mixed)[1], expected[1])
    assert len(call.specializations) == 1


# -- shapes and indices ----------------------------------------------------------------------------


def test_shapes_that_do_not_fit():
    def loss(w, data):
        r = data @ w
        return np.sum(r + w[0])

    call = bp.grad(loss, target="numpy")
    texts = (line(loss, 1), "`data @ w`", "`data`", "`w`", "transpose one")
    check_refused(call, (X, W), (np.ones(2), W), ValueError, *texts)


def test_other_shapes_that_do_not_fit():
    def added(a, b):
        s = a + b
        return s.sum()

    fit = (X, X)
    check_refused(
        grad(added), fit, (X, np.ones(2)), bp.ShapeError, line(added, 1), "`a`", "`b`", "3", "2"
    )

    def joined(a, b):
        return np.concatenate([a, b]).sum()

    bad = (W, np.ones((2, 4)))
    check_refused(grad(joined), fit, bad, bp.ShapeError, line(joined, 1), "`a`", "`b`", "axis 0")

    def folded(a, b):
        return np.sum(a.reshape(3, 1) * b)

    bad = (np.ones(4), X)
    check_refused(grad(folded), fit, bad, bp.ShapeError, line(folded, 1), "`a`", "(3, 1)", "-1")


def test_a_result_that_is_no_scalar():
    def loss(x):
        total = x * x
        return total if x.ndim else total + 0.0

    call = bp.grad(loss, target="numpy")
    texts = ("grad(loss)", "`total` (f64[n])", line(loss, 1), "total.sum()", "bp.vjp")
    check_refused(call, (2.0,), (X,), bp.ShapeError, *texts)


def test_an_index_out_of_range():
    def third(x):
        return x[2]

    def last(x):
        return x[-3]

    def chosen(x):
        return np.sum(x[[0, 2]])

    for model, index in ((third, 2), (last, -3), (chosen, 2)):
        texts = (f"index {index} is out of range", "`x`", line(model, 1), "from -n to n - 1")
        check_refused(grad(model), (X,), (np.ones(2),), IndexError, *texts)


@pytest.mark.parametrize("target", ["numpy", "numba"])
def test_a_run_time_index_out_of_range(target):
    def chosen(x, i):
        return np.sum(x[i])

    call = bp.grad(chosen, target=target)
    for good, bad in ((1, 3), (-3, -4)):
        expected = call(X, good)
        with pytest.raises(IndexError):
            call(X, bad)
        np.testing.assert_array_equal(call(X, good), expected)
    some = np.array([0, -1])
    np.testing.assert_array_equal(call(X, some), [1.0, 0.0, 1.0])
    with pytest.raises(IndexError):
        call(X, np.array([0, 3]))
    np.testing.assert_array_equal(call(X, some), [1.0, 0.0, 1.0])
    assert len(call.specializations) == 2


@pytest.mark.parametrize("target", ["numpy", "numba"])
def test_a_run_time_index_out_of_range_names_the_value_and_its_line(target):
    def chosen(x, i, table):
        table = table * 2.0
        y = x[i]
        return np.sum(y) * np.sum(table[1:, i])

    table = np.ones((3, 4))
    at = line(chosen, 2)
    end = "pass one from -3 to 2"
    call = bp.grad(chosen, target=target)
    check_refused(
        call,
        (X, 1, table),
        (X, 3, table),
        IndexError,
        f"index 3 is out of range for axis 0 of `x` (f64[n]) with length 3 at {at}: {end}",
    )
    some = np.array([[0, 2], [-3, -1]])
    check_refused(
        call, (X, some, table), (X, some - 1, table), IndexError, "index -4", "`x`", at, end
    )
    check_refused(
        call, (X, 1, table), (X, 1, table[:, :1]), IndexError, "index 1 is out of range for axis 1",
        "`table`", line(chosen, 3), "with length 1"
    )  # fmt: skip
    bound = call.bind(X, 1, table)
    for fast in (bound, lambda *args: call(*args, out=np.empty(3))):
        with pytest.raises(IndexError, match=r"index -5 .*`(x|table)`.*test_bad_input\.py"):
            fast(X, -5, table)


@pytest.mark.parametrize("target", ["numpy", "numba"])
def test_an_index_that_a_loop_computes_out_of_range(target):
    def every_other(x, count):
        def step(k, total):
            return total + x[2 * k] ** 2

        return bp.fori_loop(0, count, step, 0.0)

    texts = ("index 4 is out of range for axis 0 of `x`", "length 3", line(every_other, 2))
    call = bp.value_and_grad(every_other, target=target)
    check_refused(call, (X, 2), (X, 3), IndexError, *texts)


def test_an_index_out_of_range_in_the_users_own_compiled_code():
    call = bp.grad(lambda x, i: x[i] ** 2)
    call(X, 1)
    inner = call.njit

    @numba.njit
    def outer(x, i):
        return inner(x, i)

    np.testing.assert_array_equal(outer(X, -1), [0.0, 0.0, 8.0])
    with pytest.raises(IndexError, match=r"an index is out of range.*3, 3"):
        outer(X, 3)


# -- data that passes through ----------------------------------------------------------------------


@pytest.mark.parametrize("target", ["numpy", "numba"])
def test_nan_and_inf_pass_through(target):
    call = bp.value_and_grad(lambda x: np.sum(np.sin(x) * x), target=target)
    with np.errstate(invalid="ignore"):
        value, gradient = call(np.array([np.nan, np.inf, -np.inf, 1.0]))
        assert np.isnan(value)
        assert np.isnan(gradient[:3]).all()
    np.testing.assert_allclose(gradient[3], np.sin(1.0) + np.cos(1.0), rtol=1e-14)


def frozen(x):
    x = x.copy()
    x.flags.writeable = False
    return x


LAYOUTS = {
    "read-only": frozen,
    "every other": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "backwards": lambda x: x[::-1, ::-1],
    "one axis backwards": lambda x: x[:, ::-1],
    "Fortran": np.asfortranarray,
    "transposed": lambda x: x.T.copy().T,
    "broadcast": lambda x: np.broadcast_to(x[:1], x.shape),
    "no rows": lambda x: x[:0],
    "no columns": lambda x: x[:, :0],
    "unaligned": lambda x: (
        np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(x.dtype).reshape(x.shape)
    ),
    "byte-swapped": lambda x: x.astype(">f8"),
    "memmap": lambda x: x.view(np.memmap),
}


@pytest.mark.parametrize("target", ["numpy", "numba"])
def test_every_layout_gives_what_the_plain_array_gives(target):
    def loss(data, w):
        return np.sum(np.tanh(data @ w)) + np.sum(data[::-1] * data) + np.sum(data.T * 2.0)

    call = bp.value_and_grad(loss, argnums=(0, 1), target=target)
    call(np.ones((4, 3)), X)
    rng = np.random.default_rng(0)
    for name, make in LAYOUTS.items():
        data = make(rng.normal(size=(4, 3)))
        w = np.repeat(rng.normal(size=data.shape[1]), 2)[::2]
        before = data.copy()
        value, (d_data, d_w) = call(data, w)
        plain = np.ascontiguousarray(data, dtype=float)
        expected, (want_data, want_w) = call(plain, w.copy())
        assert value == expected, name
        np.testing.assert_array_equal(d_data, want_data, err_msg=name)
        np.testing.assert_array_equal(d_w, want_w, err_msg=name)
        np.testing.assert_array_equal(data, before, err_msg=name)
        np.testing.assert_allclose(value, loss(plain, w), rtol=1e-13, err_msg=name)
    assert len(call.specializations) == 2  # the reversal of no rows is code of its own


def test_empty_arrays_have_empty_gradients():
    value, gradient = bp.value_and_grad(square, target="numpy")(np.empty(0))
    assert (value, gradient.shape) == (0.0, (0,))
    assert grad(square)(np.empty((3, 0))).shape == (3, 0)


def test_a_reduction_that_nothing_can_be_of():
    def best(x):
        return np.max(x)

    call = grad(best)
    expected = call(X)
    with pytest.raises(ValueError, match=r"(?i)x|empty|zero"):
        call(np.empty(0))
    np.testing.assert_array_equal(call(X), expected)


# -- out -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["numpy", "numba"])
def test_buffers_that_overlap(target):
    call = bp.grad(lambda x, y: np.sum(x[1:] * y[:-1]), argnums=(0, 1), target=target)
    memory = np.arange(8.0)
    x, y = memory[:4], memory[2:6]
    expected = [g.copy() for g in call(x.copy(), y.copy())]
    gx, gy = call(x, y, out=(memory[1:5], None))
    assert np.shares_memory(gx, memory)
    np.testing.assert_array_equal(gx, expected[0])
    np.testing.assert_array_equal(gy, expected[1])
    for _ in range(2):
        with pytest.raises(ValueError, match=r"out\[1\] and .*out\[0\] share memory: give") as got:
            call(np.ones(4), np.ones(4), out=(memory[:4], memory[3:7]))
        assert isinstance(got.value, bp.BpcompileError)
    np.testing.assert_array_equal(call(np.ones(4), np.ones(4))[0], [0, 1, 1, 1])


# -- inside the model ------------------------------------------------------------------------------


def good_or_bad(bad):
    """Return a gradient of a model that is well until its keyword says otherwise."""

    def model(x, how="good"):
        return bad(x) if how == "bad" else np.sum(x * x)

    return grad(model)


def check_model(bad, error, *texts, offset=1, x=X):
    """Check how a model's body is refused at a line of it."""
    check_refused(good_or_bad(bad), (x,), (x, "bad"), error, line(bad, offset), *texts)


def test_unknown_functions():
    def numpy_function(x):
        return np.sum(np.histogram(x, 3)[0])

    def numpy_ufunc(x):
        return np.sum(np.isnat(x))

    def submodule(x):
        return np.sum(np.linalg.eigvals(np.outer(x, x)))

    def method(x):
        return x.tobytes()

    def scipy_function(x):
        return np.sum(scipy.special.jv(1, x))

    for model, name in [
        (numpy_function, "np.histogram"),
        (method, "ndarray.tobytes"),
        (scipy_function, "scipy.special.jv"),
    ]:
        text = f"{name} is not known for traced values"
        check_model(model, NotImplementedError, text, "compute it outside and pass it in")
    text = "np.isnat is not known for traced values"
    check_model(numpy_ufunc, NotImplementedError, text, "near it are np.isnan")
    text = "np.linalg.eigvals is not known for traced values"
    check_model(submodule, NotImplementedError, text, "near it are np.linalg.eigvalsh")


def test_an_unknown_keyword_of_a_known_function():
    def model(x):
        return np.sum(np.cov(x, fweights=[1, 2, 3]))

    check_model(model, bp.UnsupportedError, "np.cov with fweights=", "leave it out")


def test_control_flow_on_arrays():
    def branch(x):
        if x > 0:
            return x.sum()
        return -x.sum()

    def loop(x):
        while x < 100.0:
            x = x * 2.0
        return x.sum()

    for model in (branch, loop):
        texts = ("the truth of ", "an array, is not one value", ".all()", "np.where")
        check_model(model, bp.TraceError, *texts)


def test_control_flow_that_cannot_be_compiled():
    def one_arm(x):
        if x[0] > 0:
            s = x.sum()
        return s

    check_model(one_arm, bp.TraceError, "`s` gets its value in one arm of the `if`", offset=3)

    def growing(x):
        s = 0.0
        for _ in x:
            s = s + x
        return s.sum()

    texts = ("`s` is f64[] before the `for`", "f64[n] after one step", "np.zeros")
    check_model(growing, bp.TypeMismatchError, *texts, offset=2)

    def structures(x):
        if x[0] > 0:
            return x[0]
        return x[0], x[1]

    check_model(structures, bp.TypeMismatchError, "what the function returns is nested as")

    class OwnError(Exception):
        """Stand for a class of the user's, which compiled code does not know."""

    def raises(x):
        if x[0] < 0:
            raise OwnError("negative")
        return x[0]

    texts = ("an exception is raised", "ValueError", "np.nan")
    check_model(raises, bp.TraceError, *texts, offset=2)

    def tries(x):
        try:
            assert x[0] > 0
        except AssertionError:
            return 0.0
        return x[0]

    check_model(tries, bp.TraceError, "an assert of a traced condition", "`try`", offset=2)

    def appends(x):
        found = []
        while len(found) < x[0]:
            found.append(x[0])
        return x[0]

    check_model(appends, bp.TraceError, "`found` (list) is changed by .append()", offset=3)


def test_numbers_and_arrays_of_traced_values():
    def as_float(x):
        return float(x[:1]) * x[1]

    def as_int(x):
        return int(x[:1]) * x[1]

    for model, name in ((as_float, "float"), (as_int, "int")):
        check_model(model, TypeError, f"`{name}(x[:1])` needs its value", "static_argnames")

    def steps(x):
        total = 0.0
        for _ in range(x[0]):
            total = total + x[1]
        return total

    check_model(steps, bp.TraceError, "`range(x[0])`", "range takes ints", ".astype(int)", offset=2)


def test_random_numbers():
    def legacy(x):
        return np.sum(x * np.random.normal(size=3))  # noqa: NPY002 - refused, whichever way

    def modern(x):
        return np.sum(x * np.random.default_rng(0).normal(size=3))

    def standard(x):
        return np.sum(x * random.random())

    for model in (legacy, modern, standard):
        texts = ("would draw random numbers once", "pass them in as an argument")
        check_model(model, bp.TraceError, *texts)


def test_printing():
    def model(x):
        total = np.sum(x)
        print("the total is", total)
        return total

    texts = ("print of `total` (f64[])", "return the value")
    check_model(model, bp.TraceError, *texts, offset=2)


FIXED = np.array([1.0, 2.0])


def test_assigning_to_a_captured_array():
    def model(x):
        FIXED[0] = x[0]
        return np.sum(FIXED)

    check_model(model, bp.TraceError, "a place of a NumPy array", "a.copy()")


def test_results_that_are_no_data():
    def text(x):
        return "done"

    def nothing(x):
        return None

    def pair(x):
        return x, x

    check_refused(good_or_bad(text), (X,), (X, "bad"), TypeError, "str", "return numbers")
    for model in (nothing, pair):
        texts = ("needs a function that returns one scalar", "has_aux=True")
        check_refused(good_or_bad(model), (X,), (X, "bad"), TypeError, *texts)


def test_an_error_of_the_users_own_passes_unchanged():
    def model(x, n):
        if n == "bad":
            raise KeyError("mine")
        return np.sum(x)

    call = grad(model)
    for _ in range(2):
        with pytest.raises(KeyError, match="mine"):
            call(X, "bad")
    assert call(X, "good").tolist() == [1, 1, 1]


# -- ints and floats -------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["numpy", "numba"])
def test_an_int_where_a_float_was_and_a_float_where_an_int_was(target):
    call = bp.compile(lambda x, n: (x / n, x * n), target=target)
    first = call(2.0, 4)
    for x, n in [(2.5, 4), (2, 4), (2, 0.5), (2.0, 0.5), (2.0, 4)]:
        got = call(x, n)
        assert got == (x / n, x * n)
        assert [type(value) for value in got] == [type(x / n), type(x * n)]
    assert call(2.0, 4) == first
    assert len(call.specializations) == 4


def test_an_int_array_where_a_float_array_was():
    call = grad(lambda w, x: np.sum(w * x))
    expected = call(X, np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(call(X, np.array([1, 2, 3])), expected)
    check_refused(
        call, (X, X), (np.array([1, 2, 3]), X), TypeError, "w has dtype int64", "w.astype"
    )


# -- hostile names ---------------------------------------------------------------------------------

HOSTILE = [
    "__import__('os').system('true')",
    "x); import os; (",
    "a\nimport os\n",
    "a\r\x0b\x0cimport os",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "{0.__class__}",
    "%(x)s",
    '"""; import os; """',
    "'''",
    "\\",
    "x # comment",
    "x\u202evil",  # runs from right to left
    "x\u200b",  # no width
    "\ufb01",  # one character that Python reads as fi
    "\uff41",  # a wide a, which Python reads as a
    "\u0445",  # a Cyrillic x
    "\U0001d431",  # a mathematical x
    "\x00",
    "",
    " ",
    "a" * 5000,
]
OUR_OWN = ["np", "numba", "njit", "math", "self", "out", "workspace", "scipy", "os", "sys"]
TAKEN = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins), *OUR_OWN}


def check_source(source, hostile):
    """Check that nothing of a name is in emitted code, whose own names are plain."""
    for text in hostile:
        if text.strip() not in ("", "\\", '"""', "'''"):
            assert text not in source
    for text in ("import os", "{{", "{%", "__class__", "\x00", "\u202e", "\u200b"):
        assert text not in source
    names = set()
    for node in ast.walk(ast.parse(source)):
        names.update(getattr(node, field, None) for field in ("id", "arg", "name", "attr"))
        if isinstance(node, ast.Import):
            assert [alias.name for alias in node.names] in (["math"], ["numpy"])
        if isinstance(node, ast.ImportFrom):
            assert node.module == "numba"
    for name in names - {None, "numpy"}:
        assert re.fullmatch(r"[A-Za-z_]\w{0,80}", name, re.ASCII)
        assert not keyword.iskeyword(name)


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_symbols_never_reach_the_source(name):
    x, s = sympy.Symbol("x"), sympy.Symbol(name)
    expr = s**2 * sympy.sin(x) + sympy.exp(s)
    call = bp.value_and_grad(expr, args=[s, x], argnums=(0, 1), target="numpy")
    value, gradient = call(0.5, 2.0)
    np.testing.assert_allclose(value, 0.25 * np.sin(2.0) + np.exp(0.5), rtol=1e-15)
    expected = [np.sin(2.0) + np.exp(0.5), 0.25 * np.cos(2.0)]
    np.testing.assert_allclose(gradient, expected, rtol=1e-15)
    check_source(call.source, [name])


def test_hostile_symbols_together_stay_apart():
    symbols = [sympy.Symbol(name) for name in HOSTILE]
    expr = sum((k + 1) * s**2 for k, s in enumerate(symbols))
    point = [0.5 + k for k in range(len(symbols))]
    expected = [2 * (k + 1) * value for k, value in enumerate(point)]
    call = bp.grad(expr, args=symbols, argnums=tuple(range(len(symbols))))
    np.testing.assert_allclose(call(*point), expected, rtol=1e-14)
    check_source(call.source, [])
    assert not any(name in call.source for name in HOSTILE if len(name) > 3 and name.isascii())


def test_symbols_named_as_what_python_and_the_module_use():
    symbols = [sympy.Symbol(name) for name in sorted(TAKEN)]
    expr = sum((k + 1) * s**2 for k, s in enumerate(symbols))
    call = bp.grad(expr, args=symbols, argnums=tuple(range(len(symbols))), target="numpy")
    point = [0.5 + k for k in range(len(symbols))]
    expected = [2 * (k + 1) * value for k, value in enumerate(point)]
    np.testing.assert_allclose(call(*point), expected, rtol=1e-14)
    arguments = {n.arg for n in ast.walk(ast.parse(call.source)) if isinstance(n, ast.arg)}
    # What the module does not use may keep its name; its own parameter is not a symbol.
    assert arguments & TAKEN <= {"workspace", "out", "os", "sys", "scipy", "self", "numba"}


def test_hostile_keys_and_the_names_of_functions():
    params = {name: float(k + 1) for k, name in enumerate(HOSTILE)}

    def model(p):
        return sum(value * value for value in p.values())

    model.__name__ = model.__qualname__ = "x(): import os #"
    model.__doc__ = '"""\nimport os\n{{ 7 }}'
    call = grad(model)
    assert call(params) == {name: 2 * value for name, value in params.items()}
    check_source(call.source, HOSTILE)
    with pytest.raises(bp.ArgumentError, match="name="):
        bp.grad(square, name="x(): import os #")


# -- what the errors advise ------------------------------------------------------------------------


def test_every_function_that_an_error_or_docstring_names_is_there():
    package = Path(bp.__file__).parent
    said = set()
    for path in package.rglob("*.py"):
        said |= set(re.findall(r"\bbp((?:\.[A-Za-z_]\w*)+)", path.read_text(encoding="utf-8")))
    assert len(said) > 10
    for name in sorted(said):
        value: Any = bp
        for part in name.strip(".").split("."):
            if isinstance(value, type(bp)) and not hasattr(value, part):
                pytest.fail(f"bp{name} is written in the package and does not exist")
            value = getattr(value, part)
    assert issubclass(bp.ArgumentError, TypeError)
    assert importlib.import_module("bpcompile.errors").BpcompileError is bp.BpcompileError
