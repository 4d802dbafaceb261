"""The demonstration: its accuracy, and that the step by hand is the compiled one."""

from __future__ import annotations

import io

import numpy as np
import pytest

import bpcompile as bp
from bpcompile import demo

rich_console = pytest.importorskip("rich.console")


def test_split_is_fixed_and_keeps_test_images_apart():
    first, second = demo.split_digits(), demo.split_digits()
    np.testing.assert_array_equal(first.test_labels, second.test_labels)
    assert len(first.labels) + len(first.test_labels) == 1797
    assert 0 <= first.images.min() <= first.images.max() <= 1


def test_step_by_hand_is_the_gradient():
    data = demo.split_digits()
    parameters = demo.MODEL.init(np.random.default_rng(1))
    batch = data.images[:16], data.labels[:16]
    value, gradients = bp.value_and_grad(demo.loss, target="numpy")(parameters, *batch)
    expected, by_hand = demo.numpy_step(parameters, *batch)
    assert value == pytest.approx(expected, rel=1e-12)
    for k in (0, 2):
        for found, hand in zip(gradients[k], by_hand[k], strict=True):
            np.testing.assert_allclose(found, hand, rtol=1e-10, atol=1e-14)


def test_demo_reaches_its_accuracy_and_says_what_it_did():
    text = io.StringIO()
    console = rich_console.Console(file=text, width=200)
    right = demo.run(console, target="numpy", epochs=20)
    assert right >= 0.95
    shown = text.getvalue()
    assert f"Accuracy on the test images: {right:.1%}" in shown
    assert "NumPy, written by hand" in shown
    assert "loss_value_and_grad" in shown
    assert ".py" in shown
