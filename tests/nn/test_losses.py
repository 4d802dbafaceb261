"""Losses against their formulas in many digits, their gradients, and what they refuse."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import bpcompile as bp
from bpcompile import nn
from bpcompile.errors import ShapeError, TypeMismatchError
from tests.tracing import agrees

LOGITS = np.array([[0.3, -1.2, 2.0], [700.0, -800.0, 690.0], [-3.0, -3.0, -3.0], [0.0, 40.0, 1.0]])
LABELS = np.array([2, 0, 1, 0])


def log_softmax(row):
    """Return the logarithm of the softmax in 50 digits."""
    with mpmath.workdps(50):
        total = mpmath.log(sum(mpmath.exp(mpmath.mpf(z)) for z in row))
        return [float(mpmath.mpf(z) - total) for z in row]


def test_mean_squared_error_is_a_mean_over_all_elements():
    a, b = np.arange(6.0).reshape(2, 3), np.ones((2, 3))
    assert nn.mean_squared_error(a, b) == pytest.approx((1 + 0 + 1 + 4 + 9 + 16) / 6)
    assert nn.mean_squared_error([1.0, 2.0], [1, 4]) == 2.0


def test_softmax_cross_entropy_in_many_digits():
    logs = [log_softmax(row) for row in LOGITS]
    expected = -np.mean([row[label] for row, label in zip(logs, LABELS, strict=True)])
    assert nn.softmax_cross_entropy(LOGITS, LABELS) == pytest.approx(expected, rel=1e-15)
    assert nn.softmax_cross_entropy(LOGITS, np.eye(3)[LABELS]) == pytest.approx(expected, rel=1e-15)
    assert nn.softmax_cross_entropy(LOGITS, LABELS.astype(np.int8)) == pytest.approx(expected)
    smooth = 0.9 * np.eye(3)[LABELS] + 0.1 / 3
    assert nn.softmax_cross_entropy(LOGITS, smooth) == pytest.approx(-np.sum(smooth * logs) / 4)


def test_softmax_cross_entropy_of_one_row_and_of_many_axes():
    one = nn.softmax_cross_entropy(LOGITS[0], 2)
    assert one == pytest.approx(-log_softmax(LOGITS[0])[2], rel=1e-15)
    both = nn.softmax_cross_entropy(LOGITS.reshape(2, 2, 3), LABELS.reshape(2, 2))
    assert both == pytest.approx(nn.softmax_cross_entropy(LOGITS, LABELS), rel=1e-15)


Z = np.array([0.0, 1.5, -2.0, 40.0, -40.0, 800.0, -800.0, 30.0])
T = np.array([1, 0, 1, 1, 0, 1, 0, 0])


def test_binary_cross_entropy_in_many_digits():
    def entropy(z, t):
        with mpmath.workdps(400):
            p = 1 / (1 + mpmath.exp(-mpmath.mpf(z)))
            return float(-t * mpmath.log(p) - (1 - t) * mpmath.log(1 - p))

    for z, t in zip(Z, T, strict=True):
        expected = entropy(z, int(t))
        assert nn.binary_cross_entropy([z], [t]) == pytest.approx(expected, rel=4e-16, abs=5e-324)
    mean = np.mean([entropy(z, int(t)) for z, t in zip(Z, T, strict=True)])
    for targets in (T, T == 1, T.astype(float)):
        assert nn.binary_cross_entropy(Z, targets) == pytest.approx(mean, rel=1e-15)


def test_compiled_losses_have_the_values_and_textbook_gradients():
    """One function of all losses, so that Numba compiles once."""

    def every(logits, labels, one_hot, z, t, u):
        return (
            nn.softmax_cross_entropy(logits, labels),
            nn.softmax_cross_entropy(logits, one_hot),
            nn.binary_cross_entropy(z, t),
            nn.mean_squared_error(u, t),
        )

    fn = bp.vjp(every, argnums=("logits", "z", "u"))
    one_hot, u = np.eye(3)[LABELS], np.linspace(-1.0, 1.0, 8)
    args = (LOGITS, LABELS, one_hot, Z, T, u)
    value, (logits_bar, z_bar, u_bar) = fn(*args, (1.0, 0.0, 1.0, 1.0))
    np.testing.assert_allclose(value, every(*args), rtol=2e-15)
    softmax = np.exp([log_softmax(row) for row in LOGITS])
    np.testing.assert_allclose(logits_bar, (softmax - one_hot) / 4, rtol=1e-13, atol=1e-17)
    sides = np.where(T == 1, -1.0, 1.0)  # the slope t - p is that of the wrong side's sigmoid
    with np.errstate(over="ignore"):
        wrong = 1 / (1 + np.exp(-sides * Z))
    np.testing.assert_allclose(z_bar, sides * wrong / 8, rtol=1e-14)
    np.testing.assert_allclose(u_bar, 2 * (u - T) / 8, rtol=1e-14)
    _, (from_one_hot, _, _) = fn(*args, (0.0, 1.0, 0.0, 0.0))
    np.testing.assert_allclose(from_one_hot, logits_bar, rtol=1e-13, atol=1e-17)


def compiled(loss):
    return bp.compile(lambda a, b: loss(a, b), target="numpy")


@pytest.mark.parametrize("run", [lambda loss: loss, compiled], ids=["numpy", "compiled"])
@pytest.mark.parametrize(
    ("loss", "shapes", "text"),
    [
        (nn.mean_squared_error, ((5, 1), (5,)), r"mean_squared_error .* \(5, 1\) and \(5,\) at "),
        (nn.binary_cross_entropy, ((5, 2), (2, 5)), r"binary_cross_entropy takes logits and tar"),
        (nn.softmax_cross_entropy, ((5, 3), (5, 2)), r"softmax_cross_entropy takes logits and la"),
        (nn.softmax_cross_entropy, ((5, 3), (4,)), r"shape \(5,\) \(classes\) or \(5, 3\) \(pro"),
    ],
)
def test_shapes_that_do_not_agree_are_refused(run, loss, shapes, text):
    with pytest.raises(ShapeError, match=text):
        run(loss)(*map(np.ones, shapes))


@pytest.mark.parametrize("run", [lambda loss: loss, compiled], ids=["numpy", "compiled"])
def test_labels_that_are_no_integers_are_refused(run):
    with pytest.raises(
        TypeMismatchError, match=r"dtype float64 at .*: write labels\.astype\(int\)"
    ):
        run(nn.softmax_cross_entropy)(LOGITS, LABELS * 1.0)


def test_labels_out_of_range_are_an_index_error():
    fn = bp.compile(nn.softmax_cross_entropy, target="numpy")
    for call in (fn, nn.softmax_cross_entropy):
        with pytest.raises(IndexError):
            call(LOGITS, np.array([0, 1, 2, 3]))


def test_losses_between_numbers():
    p, t = np.array([[0.5, -2.0, 0.1]]), np.array([[0.0, 1.0, 0.1]])
    d = np.abs(p - t)
    assert nn.mean_absolute_error(p, t) == pytest.approx(d.mean())
    assert nn.huber(p, t) == pytest.approx(np.where(d < 1, d * d / 2, d - 0.5).mean())
    signs = np.array([[1.0, -1.0, 1.0]])
    assert nn.hinge(p, signs) == pytest.approx(np.maximum(0, 1 - signs * p).mean())
    for function in (nn.mean_absolute_error, nn.huber, nn.hinge):
        agrees(lambda p, t, f=function: f(p, t), p, t)


def test_kl_divergence_where_a_target_is_0():
    t = np.array([[0.2, 0.8, 0.0], [1.0, 0.0, 0.0]])
    q = np.array([[0.5, 0.25, 0.25], [0.5, 0.5, 0.0]])
    with np.errstate(divide="ignore"):
        logs = np.log(q)
    want = (0.2 * np.log(0.2 / 0.5) + 0.8 * np.log(0.8 / 0.25) + np.log(2)) / 2
    with np.errstate(invalid="ignore"):
        assert nn.kl_divergence(logs, t) == pytest.approx(want)
    agrees(lambda q, t: nn.kl_divergence(np.log(q), t), q, t)
