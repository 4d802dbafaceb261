"""What a call costs: counts of operations and bytes, for one length and as formulas."""

from __future__ import annotations

import numpy as np

import bpcompile as bp


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
    assert "        160 " in text
    assert "16*n" in text
    assert str(cost.total.read) == "160 = 16*n"
    assert cost._repr_html_().count("<table") == 2


def cholesky_like(A):
    total = 0.0
    for i in range(A.shape[0]):
        for j in range(i + 1):
            part = A[i, j]
            for k in range(j):
                part -= A[i, k] * A[j, k]
            total += part * part
    return total


def halvings(x, tolerance):
    total = 0.0
    for k in range(x.shape[0]):
        y = x[k]
        while y * y > tolerance:
            y = 0.5 * y + 0.1 * y * y * y
        total += y
    return total


def test_triangles_are_added_up_in_the_lengths_alone():
    cost = bp.value_and_grad(cholesky_like, target="numpy").cost(np.ones((6, 6)))
    sizes = [cost.total.operations, cost.total.read, cost.total.written, cost.workspace]
    assert all(amount.value is not None for amount in sizes)
    assert "n**3" in cost.total.operations.formula
    assert "//" not in cost.total.operations.formula
    assert cost.notes == ()


def test_turns_of_a_loop_with_a_test_are_named_with_its_line():
    cost = bp.value_and_grad(halvings, target="numpy").cost(np.full(3, 0.5), 0.01)
    assert cost.total.operations.value is None
    (note,) = cost.notes
    assert note.startswith("turns: how often the loop at test_cost.py:")
    line = next(line for line in str(cost).splitlines() if line.startswith("halvings"))
    assert "*turns + " in line
    (tape,) = {array.shape for array in cost.arrays if array.role == "tape"}
    assert tape == "f64[turns]"


def test_the_text_fits_a_screen():
    def long_names(first_of_all_the_inputs, and_another_one):
        kept_for_later_of_the_first = np.tanh(first_of_all_the_inputs @ and_another_one)
        return np.sum(kept_for_later_of_the_first * kept_for_later_of_the_first)

    spec = bp.f64["number_of_observations number_of_variables"]
    other = bp.f64["number_of_variables number_of_outputs"]
    fn = bp.value_and_grad(long_names, target="numpy", argnums=(0, 1)).compile(spec, other)
    for cost in (
        fn.cost(np.ones((5, 4)), np.ones((4, 3))),
        bp.value_and_grad(cholesky_like, target="numpy").cost(np.ones((6, 6))),
        bp.value_and_grad(halvings, target="numpy").cost(np.full(3, 0.5), 0.01),
    ):
        assert max(map(len, str(cost).splitlines())) <= 100
        assert "%" not in str(cost)
        assert "count" not in str(cost)


def test_nothing_is_counted_less_than_never():
    fn = bp.value_and_grad(lambda x: np.sum(np.cumsum(x)), target="numpy")
    cost = fn.cost(np.ones(0))
    assert all(amount.value >= 0 for kernel in cost.kernels for amount in kernel.amounts)
