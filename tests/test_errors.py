"""Test that every error is one of ours and one that a NumPy user already catches."""

from __future__ import annotations

import inspect

import pytest

from bpcompile import errors

CLASSES = [
    c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == errors.__name__
]


@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_says_what_it_signals(kind):
    assert kind.__doc__
    assert issubclass(kind, (errors.BpcompileError, Warning))


def test_an_index_out_of_range_is_what_numpy_raises():
    assert issubclass(errors.OutOfRangeError, IndexError)
    assert issubclass(errors.OutOfRangeError, errors.ShapeError)
