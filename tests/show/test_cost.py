"""What a call costs: counts of operations and bytes, for one length and as formulas."""

from __future__ import annotations

import numpy as np
import pytest

import bpcompile as bp
from bpcompile.ir.dims import Dim, evaluate
from bpcompile.show.traffic import _least, _Loop, _total


def logistic(z, y):
    return np.mean(np.log1p(np.exp(-y * z)))


def test_logistic_loss_reads_each_input_once_and_has_no_temporary():
    n = 10**6
    z, y = np.linspace(-3, 3, n), np.ones(n)
    cost = bp.value_and_grad(logistic, target="numpy").cost(z, y)
    arrays = {array.name: array for array in cost.arrays}
    assert [array.role for array in cost.arrays] == ["input", "input", "result"]
    for name in ("z", "y"):
        assert arrays[name].read.value == arrays[name].bytes.value == 8 * n
        assert arrays[name].written.value == 0
    assert arrays["z_bar"].written.value == 8 * n
    assert cost.temporaries == ()
    assert cost.workspace.value == 0
    assert cost.total.read.value == 16 * n
    assert cost.total.written.value == 8 * n
    assert cost.total.calls["exp"].value == n
    assert cost.dims == {"n": n}


def test_formulas_hold_for_every_length():
    fn = bp.value_and_grad(logistic, target="numpy")
    costs = [fn.cost(np.ones(n), np.ones(n)) for n in (10, 1000)]
    assert costs[0].total.operations.formula == costs[1].total.operations.formula
    assert costs[0].total.read.formula == "16*n"
    first, second = (cost.total.operations.value for cost in costs)
    assert (second - first) % 990 == 0


def test_matrix_products():
    def model(W, X):
        return np.sum(np.tanh(X @ W))

    W, X = np.ones((4, 3)), np.ones((5, 4))
    cost = bp.value_and_grad(model, target="numpy").cost(W, X)
    products = [kernel for kernel in cost.kernels if kernel.kind == "product"]
    assert [kernel.operations.value for kernel in products] == [2 * 5 * 4 * 3] * 2
    assert products[0].read.value == 8 * (20 + 12)
    assert products[0].written.value == 8 * 15
    assert "2*" in products[0].operations.formula
    temporaries = sum(array.bytes.value for array in cost.temporaries)
    assert 0 < cost.workspace.value <= temporaries
    assert cost.total.operations.value == sum(k.operations.value for k in cost.kernels)
    assert cost.total.read.value == sum(array.read.value for array in cost.arrays)


def test_float32_takes_half_the_bytes():
    x = np.ones(100, np.float32)
    cost = bp.grad(lambda x: np.sum(x * x), target="numpy").cost(x)
    assert cost.total.read.value == 400
    assert cost.arrays[0].shape == "f32[n]"


def test_scalars_move_no_bytes():
    cost = bp.grad(lambda x, y, z: (x + y) * z, argnums=(0, 1, 2), target="numpy").cost(
        1.0, 2.0, 3.0
    )
    assert cost.total.read.value == cost.total.written.value == 0
    assert cost.total.operations.value == 1
    assert cost.arrays == ()


def test_loops_count_their_steps():
    def model(x):
        return bp.fori_loop(0, 50, lambda i, y: np.sin(y) * x, x)

    cost = bp.compile(model, target="numpy").cost(0.5)
    assert cost.total.calls["sin"].value == 50


def test_text_and_html():
    cost = bp.value_and_grad(logistic, target="numpy").cost(np.ones(10), np.ones(10))
    text = str(cost)
    assert text.startswith("Cost of logistic at n = 10: workspace 0 bytes")
    assert "160 = 16*n" in text
    assert cost._repr_html_().count("<table") == 2


N, D = Dim.named("n"), Dim.named("d")


@pytest.mark.parametrize("power", [0, 1, 2, 3])
def test_sums_over_a_counter_are_exact(power):
    i = Dim.named("%i")
    each = [D * 3, i * D + 2, i * i * 2 + i, i * i * i * D - i][power]
    for lower, upper in [(0, 7), (2, 7), (3, 3), (0, 1)]:
        total = _total(each, (_Loop("%i", lower, upper),))
        expected = sum(evaluate(each, {"%i": k, "d": 5}) for k in range(lower, upper))
        assert evaluate(total, {"d": 5}) == expected


def test_triangular_loops_and_bounds_by_counters():
    i = Dim.named("%i")
    loops = (_Loop("%i", 0, N), _Loop("%j", 0, i))
    for n in (0, 1, 5, 10):
        assert evaluate(_total(1, loops), {"n": n}) == n * (n - 1) // 2
    assert str(_total(1, loops)) == "(n*n - n) // 2"
    cubic = (*loops, _Loop("%k", 0, Dim.named("%j")))
    for n in (3, 6):
        exact = sum(j for i in range(n) for j in range(i))
        assert evaluate(_total(1, cubic), {"n": n}) == exact


def test_least_of_two_counts():
    assert _least(N * 2, N) == N
    assert _least(N, N * D) in (N, _least(N, N * D))
    assert _least(3, N) == 3
    assert _least(7, 5) == 5
    assert evaluate(_least(N * 2 - 2, N), {"n": 1}) == 0
    assert evaluate(_least(N * 2 - 2, N), {"n": 9}) == 9
