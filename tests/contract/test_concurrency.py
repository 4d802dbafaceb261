"""Compiled functions in threads, in other processes, in files and in the user's own Numba code."""

from __future__ import annotations

import copy
import functools
import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import cloudpickle
import joblib
import joblib.externals.loky
import numba
import numpy as np
import pytest
import sympy

import bpcompile as bp
from tests.contract import models

CASES = range(16)


@pytest.fixture(scope="module")
def serial():
    """Return what the calls give one after the other."""
    return [models.step(k) for k in CASES]


def in_threads(work):
    """Run `work(k)` in 16 threads that start together; return the results."""
    barrier = threading.Barrier(len(CASES))
    found = {}

    def run(k):
        barrier.wait()
        found[k] = work(k)

    threads = [threading.Thread(target=run, args=(k,)) for k in CASES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[k] for k in CASES]  # a thread that failed leaves no result


# -- threads ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["numba", "numpy"])
def test_first_calls_from_16_threads_at_once(target, serial):
    call = bp.value_and_grad(models.network.__wrapped__, target=target)
    found = in_threads(lambda k: call(models.PARAMS, *models.data(k)))
    assert len(call.specializations) == 1
    for (value, gradient), (want, wanted, _) in zip(found, serial, strict=True):
        np.testing.assert_allclose(value, want, rtol=1e-13)
        for name, array in zip(("W", "b", "v"), wanted, strict=True):
            np.testing.assert_allclose(gradient[name], array, rtol=1e-12, atol=1e-15)


def test_first_calls_of_several_types_at_once():
    call = bp.grad(lambda x, s: np.sum(np.sin(x) * s), target="numpy")
    kinds = [
        (np.ones(3), 2.0),
        (np.ones(3, np.float32), 2.0),
        (np.ones((2, 3)), 2),
        (1.0, np.float32(2.0)),
    ]
    found = in_threads(lambda k: call(*kinds[k % 4]))
    assert len(call.specializations) == 4
    for k, gradient in enumerate(found):
        np.testing.assert_array_equal(gradient, call(*kinds[k % 4]))
        assert np.asarray(gradient).dtype == np.asarray(call(*kinds[k % 4])).dtype


def test_broken_guards_in_threads():
    def model(x):
        return x[2] * x[0] if len(x) > 2 else x[0]

    call = bp.grad(model, target="numpy")
    found = in_threads(lambda k: call(np.arange(1.0, 2.0 + k % 5)))
    for k, gradient in enumerate(found):
        np.testing.assert_array_equal(gradient, call(np.arange(1.0, 2.0 + k % 5)))
    assert len(call.specializations) <= 3


def test_steady_calls_from_16_threads_are_the_serial_ones(serial):
    def work(k):
        args = (models.PARAMS, *models.data(k))
        given = {name: np.empty_like(array) for name, array in models.PARAMS.items()}
        bound = models.network.bind(*args)
        different = 0
        for _ in range(50):
            different += models.step(k) != serial[k]
            for value, gradient in (models.network(*args, out=(None, given)), bound(*args)):
                flat = [gradient[name].tolist() for name in ("W", "b", "v")]
                different += (value, flat) != serial[k][:2]
        return different

    assert in_threads(work) == [0] * len(CASES)


def test_one_failing_thread_leaves_the_others_alone():
    call = bp.grad(lambda x, y: np.sum(x * y), target="numpy")

    def work(k):
        try:
            return call(np.ones(3), np.ones(2 if k % 2 else 3)).tolist()
        except bp.ShapeError:
            return None

    assert in_threads(work) == [None if k % 2 else [1, 1, 1] for k in CASES]
    assert len(call.specializations) == 1


# -- other processes -------------------------------------------------------------------------------


def test_joblib_workers(serial):
    scale = 3.0
    local = bp.grad(lambda x: np.sum(scale * x**2), target="numpy")
    try:
        with joblib.Parallel(n_jobs=2, backend="loky") as parallel:
            found = parallel(joblib.delayed(models.step_and_cache)(k) for k in CASES)
            direct = parallel(
                joblib.delayed(models.network)(models.PARAMS, *models.data(k)) for k in (0, 1)
            )
            closures = parallel(joblib.delayed(local)(np.full(2, float(k))) for k in (1, 2))
    finally:
        joblib.externals.loky.get_reusable_executor().shutdown(wait=True)
    assert found == [(case, "hit") for case in serial]  # nothing is compiled twice
    assert [value for value, _ in direct] == [value for value, _, _ in serial[:2]]
    assert [gradient.tolist() for gradient in closures] == [[6, 6], [12, 12]]


@pytest.mark.parametrize("method", ["spawn", "fork"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_multiprocessing_workers(method, serial):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system cannot {method}")
    with multiprocessing.get_context(method).Pool(2) as pool:
        found = pool.map(models.step_and_cache, CASES)
        gradients = pool.map(models.slope, [0.0, 0.5])
    assert [results for results, _ in found] == serial
    assert method == "fork" or {cache for _, cache in found} == {"hit"}
    assert gradients == [models.slope(0.0), models.slope(0.5)]


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_compiles_what_its_parent_did_not():
    call = bp.grad(lambda x: np.sum(x**3), target="numpy")
    call(np.ones(2))
    reader, writer = multiprocessing.Pipe(duplex=False)

    def child():
        writer.send((call(np.full(2, 2.0)).tolist(), call(np.float32(2.0)), models.slope(0.5)))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    assert reader.poll(60)
    assert reader.recv() == ([12, 12], 12.0, models.slope(0.5))
    process.join()
    assert process.exitcode == 0
    assert len(call.specializations) == 1


# -- pickles and copies ----------------------------------------------------------------------------


def cube(x, power=3):
    return np.sum(x**power)


class Model:
    """Hold a weight that a method reads."""

    def __init__(self, weight):
        self.weight = weight

    def loss(self, x):
        return self.weight * np.sum(x * x)


def copies(call):
    """Return a function as it comes out of each way to travel."""
    yield pickle.loads(pickle.dumps(call))
    yield cloudpickle.loads(cloudpickle.dumps(call))
    yield copy.deepcopy(call)
    yield copy.copy(call)


def test_pickles_and_copies_give_the_same():
    x, s = sympy.symbols("x s")
    numpy = functools.partial(bp.grad, target="numpy")
    for call, args in [
        (numpy(cube), (np.arange(3.0),)),
        (numpy(functools.partial(cube, power=4)), (np.arange(3.0),)),
        (numpy(Model(2.0).loss), (np.arange(3.0),)),
        (numpy(sympy.sin(x) * s**2, args=[x, s], argnums=(0, 1)), (0.5, 2.0)),
        (bp.jvp(cube, target="numpy", dims="exact"), (np.arange(3.0), np.ones(3))),
        (models.slope, (0.5,)),
    ]:
        uncalled = list(copies(call))
        expected = call(*args)
        for other in [*uncalled, *copies(call)]:
            np.testing.assert_equal(other(*args), expected)
            assert other.source == call.source
            assert repr(other) == repr(call)
        np.testing.assert_equal(call(*args), expected)
    assert pickle.loads(pickle.dumps(models.network)) is models.network


def test_a_copy_holds_its_own_code():
    call = bp.grad(cube, target="numpy")
    call(np.ones(2))
    other = copy.deepcopy(call)
    other(1.0)
    other(np.ones((2, 2)))
    assert len(call.specializations) == 1
    held = {"loss": call}
    assert copy.deepcopy(held)["loss"](np.ones(2)).tolist() == [3, 3]


# -- save ------------------------------------------------------------------------------------------


def run_alone(program, folder, **environment):
    """Run a program in a fresh interpreter that has no bpcompile; return what it prints."""
    head = f"import sys; sys.modules['bpcompile'] = None; sys.path.insert(0, {str(folder)!r})\n"
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", head + textwrap.dedent(program)],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_saved_modules_run_without_the_package(tmp_path, serial):
    models.network.save(tmp_path / "net.py")
    models.slope.save(tmp_path / "slope_alone.py")
    X, y = models.data(3)
    np.savez(tmp_path / "data.npz", X=X, y=y, **models.PARAMS)
    printed = run_alone(
        """
        import numpy as np
        import net, slope_alone
        d = np.load("data.npz")
        value, (W, b, v) = net.network_value_and_grad(d["W"], d["b"], d["v"], d["X"], d["y"])
        assert not any(name.split(".")[0] in ("sympy", "jinja2") for name in sys.modules)
        print(repr((float(value), [W.tolist(), b.tolist(), v.tolist()],
                    slope_alone.slope_grad(0.1 * 3))))
        """,
        tmp_path,
    )
    # pytree leaves are in the order of sorted keys: W, b, v
    assert eval(printed) == serial[3]
    text = (tmp_path / "net.py").read_text(encoding="utf-8")
    imported = {line.split()[1] for line in text.splitlines() if line[:5] in ("impor", "from ")}
    assert imported <= {"math", "numpy", "numba"}
    assert (tmp_path / "slope_alone.npz").exists()


# -- the user's own Numba code ---------------------------------------------------------------------


def test_inside_the_users_own_compiled_function(serial):
    models.step(0)
    inner = models.network.njit

    @numba.njit(nogil=True)
    def gradient(W, b, v, X, y):
        value, (dW, db, dv) = inner(W, b, v, X, y)
        return value, dW, db, dv

    def work(k):
        value, *gradients = gradient(*models.PARAMS.values(), *models.data(k))
        return value, [g.tolist() for g in gradients]

    assert in_threads(work) == [case[:2] for case in serial]


USER = """
import numba
import numpy as np
import bpcompile as bp

@bp.value_and_grad
def energy(x, k):
    return 0.5 * k * np.sum(np.cos(x) * x)

inner = energy.compile(bp.f64["n"], bp.f64[()]).njit

@numba.njit(cache=True)
def descend(x, k, steps):
    value = 0.0
    for _ in range(steps):
        value, gradient = inner(x, k)
        x = x - 0.1 * gradient
    return value

if __name__ == "__main__":
    result = descend(np.linspace(0.0, 1.0, 7), 2.0, 5)
    print(repr((float(result), sum(descend.stats.cache_hits.values()))))
"""


def test_inside_the_users_cached_function_across_two_processes(tmp_path):
    script = tmp_path / "user.py"
    script.write_text(USER, encoding="utf-8")
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "numba")}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    runs = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-W", "error", str(script)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        runs.append(eval(done.stdout))
    x = np.linspace(0.0, 1.0, 7)
    for _ in range(5):
        value = np.sum(np.cos(x) * x)
        x = x - 0.1 * (np.cos(x) - np.sin(x) * x)
    for result, _ in runs:
        np.testing.assert_allclose(result, value, rtol=1e-13)
    assert runs[0][0] == runs[1][0]
    assert [hits for _, hits in runs] == [0, 1]
