"""Hot calls on the numba target: exact ones at once, all others right, nothing lost."""

from __future__ import annotations

import multiprocessing
import pickle
import subprocess
import sys
import textwrap
import threading

import joblib
import numba
import numpy as np
import pandas as pd
import pytest

import bpcompile as bp


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def model(params, x):
    return np.sum((x @ params["w"] + params["b"]) ** 2)


# One compilation each, shared by all tests.
rosen = bp.value_and_grad(rosenbrock)
area = bp.value_and_grad(lambda x, y, z: (x + y) * z, argnums=(0, 1, 2), name="area")
trees = bp.value_and_grad(model)
single = bp.value_and_grad(lambda x, s: np.sum(x * x) * s, argnums="s", name="single")
TABLE = np.linspace(0.0, 1.0, 20)
spread = bp.value_and_grad(lambda w, X: np.std(X @ w), name="spread")
captured = bp.grad(lambda x: np.sum(np.sin(TABLE * x)), name="captured")

x8 = np.linspace(-1.0, 1.0, 8)


def reference(x):
    x = np.array(x, dtype=float)
    g = np.zeros_like(x)
    a, b = x[1:] - x[:-1] ** 2, 1 - x[:-1]
    g[:-1] = -400 * a * x[:-1] - 2 * b
    g[1:] += 200 * a
    return np.sum(100 * a**2 + b**2), g


def check(found, x):
    value, gradient = reference(x)
    np.testing.assert_allclose(found[0], value, rtol=1e-13)
    np.testing.assert_allclose(found[1], gradient, rtol=1e-12, atol=1e-12)


def is_hot(function):
    """Tell whether the newest closure stands for the call."""
    return "_enter" not in repr(type(function).__call__)


def test_numbers_run_at_once_and_others_are_converted():
    assert area(1.0, 2.0, 3.0) == (9.0, (3.0, 3.0, 3.0))
    assert is_hot(area)
    value, gradient = area(np.float64(1.0), 2.0, np.array(3.0))
    assert (value, gradient) == (9.0, (3.0, 3.0, 3.0))
    assert type(value) is float
    assert area(z=3.0, x=1.0, y=2.0) == (9.0, (3.0, 3.0, 3.0))
    assert len(area.specializations) == 1
    with pytest.raises(bp.TypeMismatchError, match=r"area.*: x is an int \(1\)"):
        area(1, 2.0, 3.0)
    with pytest.raises(bp.ArgumentError, match="missing a required argument: 'z'"):
        area(1.0, 2.0)
    with pytest.raises(bp.ArgumentError, match="too many positional arguments"):
        area(1.0, 2.0, 3.0, 4.0)
    with pytest.raises(bp.TypeMismatchError, match="y is complex"):
        area(1.0, 2j, 3.0)


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


@pytest.mark.parametrize(
    "make",
    [
        np.copy,
        lambda x: x[::-1],
        lambda x: np.repeat(x, 2)[::2],
        lambda x: x.astype(">f8"),
        read_only,
        pd.Series,
        lambda x: x.view(np.memmap),
        lambda x: np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float64),
        lambda x: pickle.loads(pickle.dumps(x)),
        lambda x: x[:5],
    ],
)
def test_any_layout_gives_the_right_answer_without_compiling(make):
    rosen(x8)
    for x in (make(x8), make(2 * x8)):
        check(rosen(x), x)
        check(rosen(x, out=(None, np.empty(len(x)))), x)
    assert len(rosen.specializations) == 1


def test_byte_swapped_arrays_are_swapped_once_unaligned_ones_were_seen():
    # Numba keeps both kinds in one entry of its table, and then takes one for the other.
    unaligned = np.frombuffer(b"\0" + x8.tobytes(), np.uint8)[1:].view(np.float64)
    numba.njit(lambda a: a.sum())(unaligned)
    swapped = x8.astype(">f8")
    check(rosen(swapped), x8)
    check(rosen(x8, out=(None, np.empty(8))), x8)
    check(rosen.bind(x8)(swapped), x8)


def test_masked_arrays_and_matrices_are_refused_after_hot_calls():
    rosen(x8)
    bound = rosen.bind(x8)
    for call in (rosen, bound, lambda x: rosen(x, out=(None, np.empty(8)))):
        with pytest.raises(bp.TypeMismatchError, match="rosenbrock: x is a masked array"):
            call(np.ma.masked_array(x8, x8 > 0))
        with pytest.raises(bp.TypeMismatchError, match=r"x is an np\.matrix"):
            call(x8.reshape(1, 8).view(np.matrix))


def test_results_are_fresh():
    first, second = rosen(x8)[1], rosen(x8)[1]
    assert first.flags.carray
    assert not np.shares_memory(first, second)
    check(rosen(first), first)  # an array that Numba made is exact too


def test_out_is_filled_in_hot_calls():
    buffer = np.empty(8)
    for _ in range(3):
        value, gradient = rosen(x8, out=(None, buffer))
        assert gradient is buffer
        check((value, gradient), x8)
    scalar = np.empty(())
    value, gradient = rosen(x8, out=(scalar, buffer))
    assert value is scalar
    check((float(value), gradient), x8)


def test_out_that_overlaps_goes_through_a_temporary():
    memory = np.linspace(-1.0, 1.0, 12)
    x, out = memory[:8], memory[2:10]
    expected = reference(x)
    value, gradient = rosen(x, out=(None, out))
    assert gradient is out
    np.testing.assert_allclose(value, expected[0])
    np.testing.assert_allclose(out, expected[1])
    x = x8.copy()
    rosen(x, out=(None, x))
    np.testing.assert_allclose(x, reference(x8)[1], rtol=1e-12)


@pytest.mark.parametrize(
    ("out", "error"),
    [
        ((None, np.empty(7)), bp.ShapeError),
        ((None, np.empty(8, int)), bp.TypeMismatchError),
        ((None, read_only(np.empty(8))), ValueError),
        (np.empty(8), bp.ArgumentError),
        ((np.empty(8), np.empty(8)), bp.ShapeError),
    ],
)
def test_out_that_does_not_fit_is_refused(out, error):
    with pytest.raises(error, match="rosenbrock: out"):
        rosen(x8, out=out)


def test_bind_fills_the_same_buffer_for_any_exact_call():
    bound = rosen.bind(x8)
    first = bound(x8)[1]
    for x in (x8, 2 * x8, np.linspace(0, 1, 16)[::2], x8[:].view(), read_only(x8)):
        value, gradient = bound(x)
        assert gradient is first
        check((value, gradient), x)
    x = bound(x8)[1].copy()
    found = bound(bound(x8)[1])  # its own buffer as argument
    check(found, x)
    x = bound(x8)[1][:].copy()
    check(bound(bound(x8)[1][:]), x)
    with pytest.raises(bp.ShapeError, match=r"x has the length \(7,\), .* bound for \(8,\)"):
        bound(x8[:7])
    with pytest.raises(bp.ArgumentError, match="missing a required argument"):
        bound()


def test_trees_and_results_in_trees():
    params = {"w": np.ones(3), "b": 0.5}
    X = np.arange(6.0).reshape(2, 3)
    residual = X @ params["w"] + params["b"]
    for _ in range(2):
        value, gradient = trees(params, X)
        assert value == np.sum(residual**2)
        assert gradient["b"] == 2 * residual.sum()
        np.testing.assert_allclose(gradient["w"], 2 * X.T @ residual)
    assert is_hot(trees)
    assert trees({"b": 0.5, "w": np.ones(3)}, X[:, ::-1])[0] == np.sum(residual**2)
    w = np.empty(3)
    assert trees(params, X, out=(None, {"w": w, "b": None}))[1]["w"] is w
    bound = trees.bind(params, X)
    value, gradient = bound(params, X)
    assert gradient["b"] == 2 * residual.sum()
    assert bound(params, X)[1]["w"] is gradient["w"]
    with pytest.raises(bp.TypeMismatchError, match=r"params\['b'\] is an int"):
        trees({"w": np.ones(3), "b": 1}, X)
    with pytest.raises(bp.TypeMismatchError, match=r"params\['w'\] is a masked array"):
        trees({"w": np.ma.ones(3), "b": 1.0}, X)
    assert len(trees.specializations) == 1


def test_scalar_results_of_an_array_and_float32():
    np.testing.assert_allclose(single(x8, 2.0)[1], np.sum(x8 * x8))
    value, gradient = single(x8.astype(np.float32), np.float32(2.0))
    assert type(value) is np.float32
    assert type(gradient) is np.float32
    np.testing.assert_allclose(single(x8, 2.0)[1], np.sum(x8 * x8))  # by the older code
    assert len(single.specializations) == 2


def test_captured_arrays_are_bound_everywhere(tmp_path):
    expected = np.sum(TABLE * np.cos(TABLE * 0.5))
    np.testing.assert_allclose(captured(0.5), expected)
    np.testing.assert_allclose(captured(0.5), expected)
    np.testing.assert_allclose(captured.bind(0.5)(0.5), expected)
    inner = captured.njit

    @numba.njit
    def user(x):
        return inner(x)

    np.testing.assert_allclose(user(0.5), expected)
    path = captured.save(tmp_path / "captured.py")
    program = textwrap.dedent(f"""
        import importlib.util, sys
        spec = importlib.util.spec_from_file_location("captured", {str(path)!r})
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert not any(name.startswith("bpcompile") for name in sys.modules)
        print(module.captured_grad(0.5))
    """)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    )
    np.testing.assert_allclose(float(done.stdout), expected)


def test_njit_joins_the_users_own_compiled_code():
    rosen(x8)
    inner = rosen.njit

    @numba.njit
    def descend(x, steps):
        value = 0.0
        for _ in range(steps):
            value, gradient = inner(x)
            x = x - 1e-3 * gradient
        return value

    x = x8.copy()
    for _ in range(5):
        value, gradient = reference(x)
        x = x - 1e-3 * gradient
    np.testing.assert_allclose(descend(x8, 5), value)
    np.testing.assert_allclose(descend(np.repeat(x8, 2)[::2], 5), value)
    with pytest.raises(numba.TypingError, match="argument x of rosenbrock_value_and_grad is array"):
        descend(x8.astype(np.float32), 1)
    with pytest.raises(ValueError, match="expected"):
        descend(np.empty(0), 1)
    with pytest.raises(bp.TypeMismatchError, match="call the compiled function itself"):
        inner(x8.astype(np.float32))


def test_njit_into_fills_given_arrays():
    rosen(x8)
    value, gradient = np.empty(()), np.empty(8)
    rosen.njit_into(x8, value, gradient)
    check((float(value), gradient), x8)
    assert rosen.workspace_size(8) == 0
    with pytest.raises(ValueError, match="expected"):
        rosen.njit_into(x8, value, np.empty(7))
    with pytest.raises(ValueError, match="overlaps an argument"):
        rosen.njit_into(x8, value, x8)


def test_njit_into_makes_a_workspace_where_none_is_given():
    rng = np.random.default_rng(0)
    w, X = rng.normal(size=4), rng.normal(size=(50, 4))
    expected = spread(w, X)
    value, gradient = np.empty(()), np.empty(4)
    into, workspace = spread.njit_into, np.empty(spread.workspace_size(4, 50))
    assert spread.njit_into is into

    @numba.njit
    def both(w, X, value, gradient, workspace):
        into(w, X, value, gradient)
        first = value[()]
        into(w, X, value, gradient, workspace)
        return first - value[()]

    assert both(w, X, value, gradient, workspace) == 0.0
    np.testing.assert_allclose(value, expected[0], rtol=1e-13)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-13)
    into(w, X, value, np.empty(4))
    with pytest.raises(ValueError, match="expected"):
        into(w, X, value, gradient, workspace[:1])
    with pytest.raises(numba.TypingError, match="argument w of spread_value_and_grad_into"):
        into(w.astype(np.float32), X, value, gradient)
    table = bp.grad(lambda x: np.sum(np.tanh(np.outer(TABLE, x) - np.mean(x)) ** 2), name="table")
    expected = table(x8)
    assert table.workspace_size(8) > 0
    table.njit_into(x8, np.empty(8), np.empty(table.workspace_size(8)))
    gradient = np.empty(8)
    table.njit_into(x8, gradient)
    np.testing.assert_allclose(gradient, expected, rtol=1e-13)


def test_workspaces_belong_to_one_call():
    rng = np.random.default_rng(0)
    sizes = (3, 50, 7, 400, 20, 1000, 5, 100)
    cases = [(rng.normal(size=4), rng.normal(size=(n, 4))) for n in sizes]
    expected = [spread(*case) for case in cases]
    assert spread.workspace_size(4, 50) > 0
    np.testing.assert_allclose(expected[1][0], np.std(cases[1][1] @ cases[1][0]), rtol=1e-13)
    wrong = []

    def work(k):
        out = np.empty(4)
        bound = spread.bind(*cases[k])
        for _ in range(300):
            value, gradient = spread(*cases[k], out=(None, out))
            again = bound(*cases[k])
            if value != expected[k][0] or (gradient != expected[k][1]).any():
                wrong.append(k)
            if again[0] != expected[k][0] or (again[1] != expected[k][1]).any():
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(cases))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(spread.specializations) == 1
    assert len(spread.specializations[0].program.pool) <= len(cases)


def test_what_numba_made_can_be_read():
    area(1.0, 2.0, 3.0)
    assert "define" in area.llvm()
    assert "area_value_and_grad" in area.asm()


def test_threads_give_the_serial_results():
    points = [x8 * k for k in range(1, 17)]
    expected = [rosen(x)[1] for x in points]
    barrier, found = threading.Barrier(16), [None] * 16

    def work(k):
        barrier.wait()
        for _ in range(200):
            found[k] = rosen(points[k])[1]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for got, want in zip(found, expected, strict=True):
        np.testing.assert_array_equal(got, want)


def _value(x):
    return rosen(x)[0]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # threads are gone by then
def test_workers_of_joblib_and_multiprocessing_give_the_serial_results():
    points = [x8 * k for k in range(1, 5)]
    expected = [rosen(x)[0] for x in points]
    with joblib.parallel_config(backend="loky", n_jobs=2):
        found = joblib.Parallel()(joblib.delayed(lambda f, x: f(x)[0])(rosen, x) for x in points)
    assert found == expected
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(_value, points) == expected
