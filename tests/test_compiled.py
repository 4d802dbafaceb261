"""Calls on the numpy target: which arguments are taken, what comes back, and what is refused."""

from __future__ import annotations

import copy
import enum
import functools
import math
import pickle
import threading
from concurrent.futures import Future

import cloudpickle
import numpy as np
import pandas as pd
import pytest

import bpcompile as bp
from bpcompile.background import in_background

value_and_grad = functools.partial(bp.value_and_grad, target="numpy")
grad = functools.partial(bp.grad, target="numpy")
compiled = functools.partial(bp.compile, target="numpy")

A = np.arange(1.0, 7.0).reshape(2, 3)


def square(x):
    return np.sum(x * x)


@bp.value_and_grad(target="numpy")
def decorated(x):
    return np.sum(x**3)


# -- results -------------------------------------------------------------------------------------


def test_rank_0_results_are_numbers_of_python():
    def f(x, n, flag):
        return x.sum(), n + 1, np.logical_not(flag), x.astype(np.float32).sum()

    found = compiled(f)(A, 2, True)
    assert found == (21.0, 3, False, 21.0)
    assert [type(value) for value in found] == [float, int, bool, np.float32]


def test_results_are_fresh_writable_and_share_nothing():
    def f(x):
        return x, x.T, x[:, :1], x, x.reshape(-1)

    call = compiled(f)
    first, second = call(A), call(A)
    for result in first:
        assert result.flags.carray
        assert result.flags.owndata or result.base is not None
    arrays = [A, *first, *second]
    for k, array in enumerate(arrays):
        assert not any(np.shares_memory(array, other) for other in arrays[:k])


def test_the_dtype_follows_the_arguments():
    call = value_and_grad(lambda x, s: np.sum(x * s) * 2.0)
    value, gradient = call(A.astype(np.float32), 0.5)
    assert (type(value), gradient.dtype) == (np.float32, np.float32)
    value, gradient = call(A, 0.5)
    assert (type(value), gradient.dtype) == (float, np.float64)
    assert len(call.specializations) == 2


def test_nan_and_inf_pass_through():
    value, gradient = value_and_grad(square)(np.array([np.nan, np.inf, -0.0]))
    assert math.isnan(value)
    np.testing.assert_array_equal(gradient, [np.nan, np.inf, 0.0])


# -- arguments that need no further compilation --------------------------------------------------


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x[::-1],
        lambda x: np.repeat(x, 2)[::2],
        lambda x: x.astype(">f8"),
        lambda x: np.array([x, x]).T[:, 0],
        read_only,
        pd.Series,
        lambda x: x.view(np.memmap),
        lambda x: x[:0],
        lambda x: x[:1],
        lambda x: np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float64),
    ],
)
def test_any_layout_is_taken_without_compiling_again(make):
    call = value_and_grad(square)
    call(np.ones(4))
    x = make(np.arange(1.0, 6.0))
    value, gradient = call(x)
    np.testing.assert_array_equal(gradient, 2 * np.asarray(x))
    assert value == np.sum(np.asarray(x) ** 2)
    assert len(call.specializations) == 1


def test_frames_are_arrays_and_fortran_order_is_taken():
    call = compiled(lambda x: x.sum(axis=0))
    for x in (A, np.asfortranarray(A), pd.DataFrame(A, columns=list("abc"))):
        np.testing.assert_array_equal(call(x), [5, 7, 9])
    assert len(call.specializations) == 1


def test_numbers_of_numpy_are_numbers():
    call = compiled(lambda x, n, flag: np.where(flag, x * n, x))
    for x in (1.5, np.float64(1.5), np.array(1.5)):
        for n in (3, np.int64(3), np.int8(3), np.array(3, np.uint16)):
            assert call(x, n, np.bool_(True)) == 4.5
    assert len(call.specializations) == 1


def test_a_new_value_never_compiles_again():
    call = compiled(lambda x, n: x * n)
    assert [call(2.0, n) for n in (1, 2, -3)] == [2.0, 4.0, -6.0]
    assert len(call.specializations) == 1


def test_an_int_where_a_float_was_seen_is_an_int():
    call = compiled(lambda x: x // 2)
    assert (call(3.0), call(3)) == (1.0, 1)
    assert type(call(3)) is int
    assert call(2.7) == 1.0
    assert len(call.specializations) == 2


# -- lengths -------------------------------------------------------------------------------------


def test_new_lengths_take_the_same_code():
    call = value_and_grad(lambda w, X: np.sum((X @ w) ** 2))
    for n, d in ((2, 3), (5, 4), (7, 2)):
        X, w = np.ones((n, d)), np.ones(d)
        value, gradient = call(w, X)
        assert value == n * d * d
        np.testing.assert_array_equal(gradient, 2 * n * d * np.ones(d))
    assert len(call.specializations) == 1


def test_a_broken_guard_compiles_anew():
    call = compiled(lambda x, y: x + y)
    assert call(np.ones(3), np.ones(3)).shape == (3,)
    assert call(np.ones(3), np.ones(1)).shape == (3,)
    assert call(np.ones(4), np.ones(1)).shape == (4,)
    assert call(np.ones((1, 3)), np.ones((2, 1))).shape == (2, 3)
    assert call(np.ones(5), np.ones(5)).shape == (5,)
    assert len(call.specializations) == 3
    assert [c["reason"] for c in call.compilations][:2] == [
        "first call",
        "axis 0 of y is 1 and must be n = 3",
    ]


def test_impossible_shapes_are_refused_with_the_line():
    call = compiled(lambda x, y: x + y)
    call(np.ones(3), np.ones(3))
    with pytest.raises(bp.ShapeError, match=r"test_compiled\.py:\d+"):
        call(np.ones(3), np.ones(4))
    assert call(np.ones(2), np.ones(2)).shape == (2,)


def test_a_length_that_the_model_asked_about_is_guarded():
    def f(x):
        return x[2] if len(x) > 2 else x[0]

    call = compiled(f)
    assert [call(np.arange(float(n))) for n in (5, 1, 3)] == [2.0, 0.0, 2.0]
    assert len(call.specializations) == 2


def test_an_index_out_of_range_is_an_index_error():
    call = compiled(lambda x: x[2])
    assert call(np.arange(5.0)) == 2.0
    with pytest.raises(IndexError):
        call(np.arange(2.0))


def test_exact_dims_compile_for_each_length():
    call = compiled(square, dims="exact")
    call(np.ones(3))
    call(np.ones(4))
    assert [c["types"] for c in call.compilations] == ["x: f64[3]", "x: f64[4]"]


# -- static arguments ----------------------------------------------------------------------------


class Kind(enum.Enum):
    SUM = 1
    MEAN = 2


def test_choices_are_static():
    def f(x, how, function):
        return function(np.sum(x) if how is Kind.SUM or how == "sum" else np.mean(x))

    call = compiled(f)
    assert call(A, Kind.SUM, np.sqrt) == math.sqrt(21)
    assert call(A, "sum", np.sqrt) == math.sqrt(21)
    assert call(A, "mean", np.sqrt) == math.sqrt(3.5)
    assert call(A, "".join(["me", "an"]), np.sqrt) == math.sqrt(3.5)
    assert call(A, Kind.MEAN, np.exp) == math.exp(3.5)
    assert len(call.specializations) == 4


def test_static_arguments_are_known():
    def f(x, n, axes):
        for _ in range(n):
            x = x.sum(axis=axes.pop())
        return x

    call = compiled(lambda x, n, axes: f(x, n, list(axes)), static_argnames=("n", "axes"))
    axes = [0, 1]
    np.testing.assert_array_equal(call(A, 1, axes), A.sum(axis=1))
    assert call(A, 2, axes) == 21
    axes[1] = 0
    np.testing.assert_array_equal(call(A, 1, axes), A.sum(axis=0))
    assert len(call.specializations) == 3


def test_static_values_of_other_classes_differ():
    call = compiled(lambda x, n: x * n, static_argnums=1)
    assert type(call(2, 1)) is int
    assert type(call(2, 1.0)) is float
    assert type(call(2, True)) is int
    assert len(call.specializations) == 3


def test_a_default_that_is_not_given_is_known():
    assert compiled(lambda x, axis=1: x.sum(axis=axis))(A).tolist() == [6, 15]


def test_a_run_time_int_where_a_known_one_is_needed_says_so():
    with pytest.raises(bp.TraceError, match="static_argnames"):
        compiled(lambda x, axis: x.sum(axis=axis))(A, 1)


def test_a_static_array_says_what_to_write():
    call = compiled(lambda x, table: x, static_argnums=1)
    with pytest.raises(bp.ArgumentError, match="a static ndarray cannot be compared by =="):
        call(1.0, np.ones(2))


def test_static_and_differentiated_contradict():
    with pytest.raises(bp.TypeMismatchError, match="x is static and differentiated"):
        grad(lambda x: x * x, static_argnums=0)(1.0)


# -- bad arguments -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, r"f\(w, X\): missing a required argument: 'w'; the call has 0"),
        ((1.0, 2.0, 3.0), {}, r"f\(w, X\): too many positional arguments; the call has 3"),
        ((1.0,), {"x": 2.0}, r"x=; did you mean X=\?"),
    ],
)
def test_a_wrong_call_names_function_and_parameter(args, kwargs, message):
    def f(w, X):
        return w * X

    call = grad(f)
    for _ in range(2):
        with pytest.raises(bp.ArgumentError, match=message):
            call(*args, **kwargs)
        assert call(2.0, 3.0) == 3.0


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"w": 1, "b": 2.0}, r"grad\(f\): params\['w'\] is an int \(1\), .* write 1\.0"),
        ({"w": 1.0, "b": True}, r"params\['b'\] is a bool"),
        ({"w": 1.0, "b": "two"}, r"params\['b'\] is a str, which has no derivative"),
        ({"w": 1.0, "b": np.arange(2)}, r"params\['b'\] has dtype int64.*astype\(float\)"),
        ({"w": 1.0, "b": np.ones(2, complex)}, r"f: params\['b'\] is an array of dtype complex128"),
        ({"w": 1.0, "b": [None, {3}]}, r"f: params\['b'\]\[1\] is a set"),
    ],
)
def test_what_cannot_be_differentiated_is_named_by_its_path(params, message):
    def f(params):
        return params["w"] * np.sum(params["b"])

    call = grad(f)
    with pytest.raises(bp.TypeMismatchError, match=message):
        call(params)
    assert call({"w": 1.0, "b": 2.0}) == {"w": 2.0, "b": 1.0}
    with pytest.raises(bp.TypeMismatchError, match=message):
        call(params)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ma.masked_array([1.0, 2.0], [False, True]), "square: x is a masked array"),
        (np.ones((2, 2)).view(np.matrix), "square: x is an np.matrix"),
        (np.array([1, None]), "square: x is an array of dtype object"),
        (np.ones(2, np.float16), r"dtype float16: write x\.astype\(np\.float32\)"),
        (2**70, "x is an int of 71 bits"),
    ],
)
def test_what_is_no_data_of_ours_is_refused(x, message):
    call = compiled(square)
    for _ in range(2):
        with pytest.raises(bp.TypeMismatchError, match=message):
            call(x)
        call(np.ones(2))


def test_hostile_names_never_reach_the_source():
    params = {
        "w\nimport os": 1.0,
        "os.system('x')": 2.0,
        "\ufb01": 3.0,
        "class": 4.0,
        "{{ 7 }}": 5.0,
    }
    call = grad(lambda p: p["class"] * p["\ufb01"] + sum(p.values()))
    assert call(params)["class"] == 4.0
    for text in ("import os", "os.system", "\ufb01", "{{", "['"):
        assert text not in call.source


def test_a_keyword_only_out_is_refused():
    with pytest.raises(bp.ArgumentError, match=r"has a keyword out, .* rename it"):
        compiled(lambda x, *, out: x)


def test_a_cotangent_must_be_like_its_output():
    call = bp.vjp(lambda x: (x * 2, x.sum()), target="numpy")
    x = np.ones(3)
    for cotangent, error, message in [
        (np.ones(3), bp.ArgumentError, r"cotangent must be nested as \(\*, \*\), not as \*"),
        ((np.ones(2), 1.0), bp.ShapeError, r"cotangent\[0\] has shape \(2,\) and must have \(3,\)"),
        ((None, 1.0), bp.ArgumentError, r"cotangent\[0\] is None"),
        ((np.ones(3), "a"), bp.TypeMismatchError, r"cotangent\[1\] is a str"),
        ((np.ones(3, complex), 1.0), bp.TypeMismatchError, "complex128"),
    ]:
        with pytest.raises(error, match=message):
            call(x, cotangent)
    np.testing.assert_array_equal(call(x, (np.ones(3, int), 2))[1], [4, 4, 4])
    with pytest.raises(bp.ArgumentError, match=r"vjp\(.*\) takes .*, and a cotangent after them"):
        call()
    with pytest.raises(bp.ArgumentError, match="and 2 tangents after them: the call has 1"):
        bp.jvp(lambda x, y: x * y, argnums=(0, 1), target="numpy")(1.0)


def test_recursion_without_end_is_refused():
    def f(x):
        return f(x) + 1.0

    with pytest.raises(bp.LimitError, match="f is nested too deeply to be traced"):
        compiled(f)(1.0)


def test_what_is_not_compiled_yet_has_no_source():
    with pytest.raises(bp.NotCompiledError, match="square is not compiled yet: call it, or call"):
        _ = grad(square).source


# -- annotations and specs -----------------------------------------------------------------------


def test_specs_compile_ahead_of_the_first_call():
    call = value_and_grad(lambda w, X: np.sum(X @ w)).compile(bp.f64["d"], bp.f64["n d"])
    assert call.compilations[0]["types"] == "w: f64[d], X: f64[n, d]"
    assert call(np.ones(3), A)[0] == 21.0
    call.compile(bp.f64["d"], bp.f64["n d"]).compile(np.ones(2), np.ones((1, 2)))
    assert len(call.specializations) == 1


def test_specs_that_leave_a_length_open_say_what_to_write():
    with pytest.raises(bp.ShapeError, match=r"write the same name in both specs"):
        compiled(lambda x, y: x + y).compile(bp.f64["n"], bp.f64["m"])


def test_a_literal_length_in_a_spec_is_guarded():
    call = compiled(square).compile(bp.f64["3"])
    assert call(np.ones(3)) == 3.0
    assert len(call.specializations) == 1
    assert call(np.ones(4)) == 4.0
    assert len(call.specializations) == 2


VECTOR = bp.f64["n"]


def test_annotations_convert_and_refuse():
    def f(x: VECTOR, y: VECTOR, s: bp.f32[()] = 1.0):
        return np.sum(x * y) * s

    call = grad(f)
    assert call(np.arange(3), np.ones(3, np.float32)).dtype == np.float64
    assert call(np.ones(2), np.ones(2), 2.0).tolist() == [2, 2]
    with pytest.raises(bp.ShapeError, match=r"f: axis 0 of y is 3 and must be n = 2, by its anno"):
        call(np.ones(2), np.ones(3))
    with pytest.raises(bp.TypeMismatchError, match=r"x has 2 axes, and its annotation is f64\[n\]"):
        call(A, A)
    with pytest.raises(bp.TypeMismatchError, match="s has 1 axes"):
        call(np.ones(2), np.ones(2), np.ones(2))


# -- out -----------------------------------------------------------------------------------------


def test_given_buffers_are_the_objects_returned():
    call = value_and_grad(square)
    x, buffer, scalar = np.ones(3), np.empty(3), np.empty(())
    value, gradient = call(x, out=(None, buffer))
    assert (value, gradient is buffer) == (3.0, True)
    assert buffer.tolist() == [2, 2, 2]
    value, gradient = call(x, out=(scalar, None))
    assert value is scalar
    assert scalar == 3.0
    assert gradient.tolist() == [2, 2, 2]
    assert call(x, out=None)[0] == 3.0
    assert call(x, out=(None, None))[0] == 3.0


def test_out_has_the_structure_of_the_result():
    call = value_and_grad(lambda p, x: np.sum(p["w"] * x) + p["b"])
    p, w = {"w": np.ones(3), "b": 1.0}, np.empty(3)
    _, gradient = call(p, np.ones(3), out=(None, {"w": w, "b": None}))
    assert gradient["w"] is w
    assert call(p, np.ones(3), out=(None, None))[0] == 4.0
    with pytest.raises(bp.ArgumentError, match=r"nested as \(\*, \{'b': \*, 'w': \*\}\)"):
        call(p, np.ones(3), out=(None, w))


@pytest.mark.parametrize(
    "make",
    [
        lambda n: np.empty(2 * n)[::2],
        lambda n: np.empty(n)[::-1],
        lambda n: np.empty(n, ">f8"),
        lambda n: np.empty(n, np.float32),
        lambda n: np.empty(n).view(np.memmap),
    ],
)
def test_any_buffer_that_numpy_would_fill(make):
    buffer = make(4)
    x = np.arange(4.0)
    assert grad(square)(x, out=buffer) is buffer
    np.testing.assert_array_equal(buffer, 2 * x)


def test_a_buffer_may_overlap_an_input():
    call = grad(lambda x: np.sum(x[1:] * x[:-1]))
    memory = np.arange(6.0)
    x = memory[1:5]
    expected = call(x.copy())
    assert call(x, out=x) is x
    np.testing.assert_array_equal(x, expected)
    memory[:] = np.arange(6.0)
    np.testing.assert_array_equal(call(memory[1:5], out=memory[:4]), expected)


def test_two_buffers_may_not_overlap():
    call = grad(lambda x, y: np.sum(x * y), argnums=(0, 1))
    memory = np.empty(5)
    with pytest.raises(ValueError, match=r"out\[1\] and .*out\[0\] share memory"):
        call(np.ones(3), np.ones(3), out=(memory[:3], memory[2:]))
    apart = np.empty(6)
    gx, gy = call(np.ones(3), np.full(3, 2.0), out=(apart[::2], apart[1::2]))
    assert (gx.tolist(), gy.tolist()) == ([2, 2, 2], [1, 1, 1])


@pytest.mark.parametrize(
    ("buffer", "error", "message"),
    [
        (np.empty(4), bp.ShapeError, r"out has shape \(4,\), and the result has shape \(3,\)"),
        (np.empty(3, int), bp.TypeMismatchError, r"dtype int64, and the result is float64"),
        (read_only(np.empty(3)), ValueError, "out is read-only"),
        ([0.0] * 3, bp.TypeMismatchError, "out is a list: give an ndarray"),
        (1.0, bp.TypeMismatchError, "out is a float: give an ndarray"),
        (np.ma.zeros(3), bp.TypeMismatchError, "out is a MaskedArray"),
    ],
)
def test_a_buffer_that_cannot_take_the_result_is_refused(buffer, error, message):
    call = grad(square)
    for _ in range(2):
        with pytest.raises(error, match=message):
            call(np.ones(3), out=buffer)
        call(np.ones(3))


# -- bind ----------------------------------------------------------------------------------------


def test_bind_fills_the_same_buffers():
    bound = value_and_grad(square).bind(np.ones(3))
    value, gradient = bound(np.ones(3))
    assert (value, gradient.tolist()) == (3.0, [2, 2, 2])
    value, again = bound(np.full(3, 2.0))
    assert value == 12.0
    assert again is gradient
    assert gradient.tolist() == [4, 4, 4]


def test_bind_takes_what_is_not_exact_and_what_it_returned():
    bound = grad(square).bind(np.ones(3))
    assert bound(np.arange(3.0)[::-1]).tolist() == [4, 2, 0]
    assert bound(bound(np.ones(3))).tolist() == [4, 4, 4]
    assert bound(x=np.ones(3)).tolist() == [2, 2, 2]
    with pytest.raises(bp.ShapeError, match=r"x has the length \(4,\), .* bound for \(3,\)"):
        bound(np.ones(4))
    with pytest.raises(bp.ArgumentError, match="other types, nesting or static values"):
        bound(np.ones(3, np.float32))


def test_bound_calls_refuse_another_rank_and_take_keywords():
    bound = grad(lambda x, s: np.sum(x * s)).bind(np.ones(3), 2.0)
    assert bound(s=3.0, x=np.ones(3)).tolist() == [3, 3, 3]
    with pytest.raises(bp.ArgumentError, match="other types, nesting"):
        bound(np.ones((3, 1)), 2.0)


def test_bind_keeps_trees_and_statics():
    def f(p, how):
        return p["a"] * p["b"] if how == "times" else p["a"] + p["b"]

    bound = value_and_grad(f).bind({"a": 2.0, "b": 3.0}, "times")
    assert bound({"a": 4.0, "b": 5.0}, "times") == (20.0, {"a": 5.0, "b": 4.0})
    with pytest.raises(bp.ArgumentError, match="static values"):
        bound({"a": 4.0, "b": 5.0}, "plus")


# -- captured values -----------------------------------------------------------------------------


def test_captured_values_are_frozen():
    table, scale = np.arange(100.0), [2.0]
    call = compiled(lambda x: np.sum(table * x) * scale[0])
    assert call(1.0) == 9900.0
    table[:] = 0.0
    scale[0] = 5.0
    assert call(1.0) == 9900.0


# -- what was compiled, and travelling -----------------------------------------------------------


def test_the_newest_specialization_is_shown():
    call = value_and_grad(square)
    call(np.ones(3))
    assert "def square_value_and_grad(x):" in call.source
    assert call.graph.name == "square"
    assert len(call.adjoint.outputs) == 2
    assert [name for name, _ in call.stages][:1] == ["trace"]
    assert "adjoint" in [name for name, _ in call.stages]
    (made,) = call.compilations
    assert made["target"] == "numpy"
    assert set(made["seconds"]) >= {"trace", "adjoint", "lower", "emit", "load"}
    with pytest.raises(bp.UnsupportedError, match="njit is machine code"):
        _ = call.njit
    with pytest.raises(bp.ArgumentError, match=r"workspace_size takes the lengths \(n\)"):
        call.workspace_size()


def test_a_saved_module_stands_alone(tmp_path):
    table = np.arange(20.0)
    call = value_and_grad(lambda x: np.sum(table * x**2), name="fit")
    value, gradient = call(table)
    path = call.save(tmp_path / "fit.py")
    assert (tmp_path / "fit.npz").exists()
    scope = {"__file__": str(path), "__name__": "fit"}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), scope)
    got_value, got_gradient = scope["fit_value_and_grad"](table)
    assert got_value == value
    np.testing.assert_array_equal(got_gradient, gradient)
    with pytest.raises(bp.ArgumentError, match=r"write a file name that ends in \.py"):
        call.save(tmp_path / "fit")


def test_pickles_travel_by_reference_and_copies_compile_anew():
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    plain = value_and_grad(square)
    plain(np.ones(3))
    for other in (pickle.loads(pickle.dumps(plain)), copy.deepcopy(plain), copy.copy(plain)):
        assert other is not plain
        assert other(np.ones(3))[0] == 3.0
    nested = cloudpickle.loads(cloudpickle.dumps(grad(lambda x: np.sum(x**3))))
    assert nested(np.full(2, 2.0)).tolist() == [12, 12]


def test_threads_compile_once_and_agree():
    call = value_and_grad(lambda x: np.sum(np.sin(x) ** 2))
    barrier, found = threading.Barrier(16), {}

    def work(k):
        barrier.wait()
        found[k] = [call(np.full(4, float(k + i)))[0] for i in range(5)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(call.specializations) == 1
    for k in range(16):
        assert found[k] == [call(np.full(4, float(k + i)))[0] for i in range(5)]


def test_numba_disabled_selects_numpy(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    call = bp.grad(square)
    assert call(np.ones(2)).tolist() == [2, 2]
    assert call.compilations[0]["target"] == "numpy"


# -- compiling in the background -----------------------------------------------------------------


def test_calls_run_as_numpy_code_until_numba_is_ready(monkeypatch):
    gate, started = threading.Event(), []

    def held(work):
        started.append(in_background(lambda: (gate.wait(), work())[1]))
        return started[-1]

    monkeypatch.setattr("bpcompile.compiled.in_background", held)
    f = bp.value_and_grad(square, compile="auto")
    assert f(A)[0] == 91.0
    assert [made["target"] for made in f.compilations] == ["numpy"]
    assert f(A)[0] == 91.0
    gate.set()
    value, gradient = f.bind(A)(A)  # which waits
    assert value == 91.0
    np.testing.assert_array_equal(gradient, 2 * A)
    assert [made["target"] for made in f.compilations] == ["numpy", "numba"]
    assert f(A)[0] == 91.0
    assert len(started) == 1


def test_a_budget_of_compiling_time(monkeypatch):
    assert bp.grad(square, compile_budget=60.0)(A)[0, 0] == 2.0
    quick = bp.grad(square, compile_budget=60.0)
    quick(A)
    assert [made["target"] for made in quick.compilations] == ["numba"]
    monkeypatch.setattr("bpcompile.compiled.in_background", lambda _: Future())
    late = bp.grad(square, compile_budget=0.01)
    assert late(A)[0, 0] == 2.0
    assert [made["target"] for made in late.compilations] == ["numpy"]
    with pytest.raises(bp.ArgumentError, match="a positive number of seconds"):
        bp.grad(square, compile_budget=0)


def test_a_failure_in_the_background(monkeypatch):
    failed = Future()
    failed.set_exception(bp.CompileError("no"))
    monkeypatch.setattr("bpcompile.compiled.in_background", lambda _: failed)
    f = bp.grad(square, compile="auto")
    with pytest.warns(bp.CompileWarning, match="square keeps running as NumPy code.*: no"):
        f(A)
    assert f(A)[0, 0] == 2.0
