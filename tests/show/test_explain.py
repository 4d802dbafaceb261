"""The ledger: textbook numbers, and on random programs adjoints that add up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

import bpcompile as bp
from bpcompile import ops  # noqa: F401  (declares the ops)
from bpcompile.ir.build import Builder
from bpcompile.ir.type import DType, f64
from bpcompile.show.explain import explain, labels_of
from tests.strategies import graphs
from tests.transforms import models

SIGMOID = 1 / (1 + np.exp(-1.0))
SLOPE = SIGMOID * (1 - SIGMOID)


def perceptron(w, x):
    s = w[0] * x[0] + w[1] * x[1] + w[2]
    return 1.0 / (1.0 + np.exp(-s))


def sent_to(ledger, name):
    """Return what goes back to a value, one entry for each time that it is read."""
    return [
        operand.sent
        for row in ledger
        for operand in row.operands
        if operand.name == name and operand.sent is not None
    ]


def gate(ledger, operation, formula=None):
    found = [r for r in ledger if r.operation == operation and formula in (None, r.formula)]
    assert len(found) == 1, [r.formula for r in found]
    return found[0]


@pytest.fixture(scope="module")
def neuron():
    """Return the ledger of the two-input neuron w = (2, -3, -3), x = (-1, -2)."""
    fn = bp.value_and_grad(perceptron, argnums=("w", "x"), target="numpy")
    return fn.explain(np.array([2.0, -3.0, -3.0]), np.array([-1.0, -2.0]))


def test_forward_values(neuron):
    assert neuron["s"].value == 1.0
    assert gate(neuron, "neg").value == -1.0
    assert gate(neuron, "exp").value == pytest.approx(np.exp(-1.0), rel=1e-15)
    assert gate(neuron, "add", f"1 + {gate(neuron, 'exp').name}").value == pytest.approx(
        1.37, abs=0.005
    )
    assert gate(neuron, "div").value == pytest.approx(0.73, abs=0.005)


def test_gates_send_back_the_textbook_numbers(neuron):
    division, exp, negation = gate(neuron, "div"), gate(neuron, "exp"), gate(neuron, "neg")
    plus_one = gate(neuron, "add", f"1 + {exp.name}")
    assert division.adjoint == 1.0
    assert division.operands[-1].sent == pytest.approx(-0.53, abs=0.005)
    assert plus_one.operands[-1].sent == pytest.approx(-0.53, abs=0.005)
    assert exp.operands[0].sent == pytest.approx(-0.20, abs=0.005)
    assert negation.operands[0].sent == pytest.approx(0.20, abs=0.005)
    assert neuron["s"].adjoint == pytest.approx(SLOPE, rel=1e-14)


def test_gradients_are_exact(neuron):
    np.testing.assert_allclose(neuron["w"].adjoint, SLOPE * np.array([-1, -2, 1]), rtol=1e-14)
    np.testing.assert_allclose(neuron["x"].adjoint, SLOPE * np.array([2, -3]), rtol=1e-14)
    assert neuron["x"].adjoint[0] == pytest.approx(0.3932238664829637, rel=1e-14)


def test_local_derivatives(neuron):
    division, exp = gate(neuron, "div"), gate(neuron, "exp")
    plus_one = division.operands[-1].name
    assert division.operands[-1].formula == f"-1 / {plus_one}²"
    assert division.operands[-1].latex == f"\\frac{{-1}}{{v_{{{plus_one[1:]}}}^2}}"
    assert division.operands[-1].derivative == pytest.approx(-1 / (1 + np.exp(-1)) ** 2)
    assert exp.operands[0].formula == exp.name
    assert exp.latex == f"e^{{v_{{{gate(neuron, 'neg').name[1:]}}}}}"
    first = gate(neuron, "mul", neuron.rows[4].formula)
    assert [operand.derivative for operand in first.operands] == [-1.0, 2.0]


def test_elements_of_arrays_are_one_gate(neuron):
    places = {row.formula: row for row in neuron if row.operation == "index"}
    assert list(places) == ["w[0]", "x[0]", "w[1]", "x[1]", "w[2]"]
    np.testing.assert_allclose(places["w[1]"].operands[0].sent, [0, -2 * SLOPE, 0])
    assert places["w[0]"].operands[0].rule == f"{places['w[0]'].name}_bar at [0]"


def test_lines_of_the_user_and_of_the_emitted_module(neuron):
    line = perceptron.__code__.co_firstlineno
    assert neuron["s"].origin == f"test_explain.py:{line + 1}"
    assert gate(neuron, "exp").origin == f"test_explain.py:{line + 2}"
    assert neuron["s"].place.code.startswith("s = ")
    assert gate(neuron, "exp").place.note.startswith("absorbed by")
    assert "sigmoid(s)" in gate(neuron, "exp").place.note
    assert "1 / (1 + e⁻ˣ)" in gate(neuron, "div").place.note


def test_text_reads_well(golden):
    fn = bp.grad(perceptron, argnums=("w", "x"), target="numpy")
    args = np.array([2.0, -3.0, -3.0]), np.array([-1.0, -2.0])
    ledger = explain(fn.compile(*args).graph, args, [0, 1])
    golden(f"{ledger}\n", suffix=".txt")


def test_html_has_each_row(neuron):
    text = neuron._repr_html_()
    assert text.count("<td") == 10 * sum(max(1, len(row.operands)) for row in neuron)
    assert "∂" in text


def test_product_of_a_sum():
    fn = bp.grad(lambda x, y, z: (x + y) * z, argnums=(0, 1, 2), target="numpy")
    ledger = fn.explain(-2.0, 5.0, -4.0)
    assert [row.value for row in ledger] == [-2.0, 5.0, -4.0, 3.0, -12.0]
    assert [row.adjoint for row in ledger] == [-4.0, -4.0, 3.0, -4.0, 1.0]
    assert [(o.formula, o.derivative, o.sent) for o in ledger.rows[-1].operands] == [
        ("z", -4.0, -4.0),
        (ledger.rows[3].name, 3.0, 3.0),
    ]


def test_a_value_read_twice_gets_the_sum():
    builder = Builder("f")
    x = builder.param("x", f64[()])
    ledger = explain(builder.finish((x * x + x,)), [3.0], [0])
    assert sent_to(ledger, "x") == [3.0, 3.0, 1.0]
    assert ledger["x"].adjoint == 7.0


def test_layer_shows_the_matrix_rules():
    def layer(W, b, X):
        H = np.tanh(X @ W + b)
        return np.sum(H * H)

    rng = np.random.default_rng(0)
    W, b, X = rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=(5, 4))
    ledger = bp.grad(layer, argnums=("W", "b"), target="numpy").explain(W, b, X)
    product = gate(ledger, "matmul")
    rules = {operand.name: operand.rule for operand in product.operands}
    assert rules == {"X": "", "W": f"Xᵀ {product.name}_bar"}
    assert gate(ledger, "tanh").operands[0].formula == "1 - H²"
    spread = gate(ledger, "broadcast").operands[0]
    assert spread.rule.startswith("Σ ")
    H = np.tanh(X @ W + b)
    np.testing.assert_allclose(ledger["H"].adjoint, 2 * H, rtol=1e-14)
    np.testing.assert_allclose(ledger["W"].adjoint, X.T @ (2 * H * (1 - H * H)), rtol=1e-12)
    assert ledger["X"].adjoint is None


def test_vjp_starts_from_the_given_cotangent():
    fn = bp.vjp(lambda x: (np.sin(x), {"square": x * x}), target="numpy")
    x, seeds = np.array([0.5, 2.0]), (np.array([1.0, -1.0]), {"square": np.array([3.0, 0.0])})
    ledger = fn.explain(x, seeds)
    expected = np.cos(x) * seeds[0] + 2 * x * seeds[1]["square"]
    np.testing.assert_allclose(ledger["x"].adjoint, expected, rtol=1e-14)
    np.testing.assert_array_equal(gate(ledger, "sin").adjoint, seeds[0])


def test_function_without_a_derivative_shows_its_gradient_or_its_values():
    scalar = bp.compile(lambda x, y: x * y + 1, target="numpy").explain(2.0, 3.0)
    assert [row.adjoint for row in scalar][:2] == [3.0, 2.0]
    array = bp.compile(lambda x: x * x, target="numpy").explain(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(array.rows[-1].value, [1.0, 4.0])
    assert all(row.adjoint is None for row in array)


def test_captured_arrays_and_trees_have_rows():
    big = np.arange(20.0)
    fn = bp.grad(lambda p: np.sum(p["w"] * big) + p["b"], target="numpy")
    ledger = fn.explain({"w": np.ones(20), "b": 2.0})
    adjoints = {row.name: row.adjoint for row in ledger if row.operation == "param"}
    np.testing.assert_array_equal(adjoints["p_w"], big)
    assert adjoints["p_b"] == 1.0


def test_nan_and_infinity_are_shown():
    fn = bp.grad(lambda x: np.sum(np.log(x)), target="numpy")
    ledger = fn.explain(np.array([0.0, -1.0, np.nan]))
    assert "inf" in str(ledger)
    assert "nan" in str(ledger)


@settings(max_examples=30)
@given(graphs(scalar=True, dtype=DType.F64))
def test_adjoints_are_sums_of_what_is_sent(case):
    graph, args = case
    check_sums(graph, args)


LOOPS = [
    *(models.lorenz, models.recurrence, models.scan, models.power_iteration, models.in_place),
    *(models.triangular, models.filled_table, models.partly_active, models.from_the_back),
]


@pytest.mark.parametrize("model", LOOPS, ids=lambda m: m.__name__)
def test_adjoints_add_up_through_loops(model):
    graph, args, wrt = model()
    check_sums(graph, args, wrt)
    for k in wrt:
        expected = models.derivatives(graph, args, k)
        ledger = explain(graph, args, wrt)
        found = ledger[labels_of(graph)[graph.params[k]]].adjoint
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def check_sums(graph, args, wrt=None):
    if wrt is None:
        wrt = [k for k, p in enumerate(graph.params) if p.array_type.dtype.is_float]
    ledger = explain(graph, args, wrt)
    result = labels_of(graph).get(graph.outputs[0])
    for row in ledger:
        if row.adjoint is None:
            continue
        seed = 1.0 if row.name == result else 0.0
        total = seed + sum(np.asarray(sent) for sent in sent_to(ledger, row.name))
        np.testing.assert_allclose(total, row.adjoint, rtol=1e-9, atol=1e-9)
