"""What repeats, turns, shifts and pads gives what NumPy gives."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.errors import ShapeError, TypeMismatchError, UnsupportedError
from tests.tracing import agrees, traced

RNG = np.random.default_rng(17)
A = RNG.normal(size=(3, 4))
T = RNG.normal(size=(2, 3, 4))
V = RNG.normal(size=5)


def test_repeat_and_tile():
    agrees(lambda x: np.repeat(x, 3), A)
    agrees(lambda x: np.repeat(x, 2, axis=0), A)
    agrees(lambda x: x.repeat(2, axis=-1), T)
    agrees(lambda x: np.repeat(x, [1, 0, 2], axis=0), A)
    for reps in (2, (2, 3), (2, 1, 3), (1, 2, 3, 2)):
        agrees(lambda x, reps=reps: np.tile(x, reps), A)
    agrees(lambda x: np.tile(x, 3), 2.0)
    with pytest.raises(TypeMismatchError, match="static_argnames"):
        traced(lambda x, k: np.repeat(x, k), A, np.array([1, 2]))


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
def test_roll(axis):
    for shift in (0, 1, -2, 7):
        agrees(lambda x, shift=shift: np.roll(x, shift, axis=axis), A)
    agrees(lambda x, k: np.roll(x, k, axis=axis), A, 3)


def test_turns():
    for k in range(-1, 5):
        agrees(lambda x, k=k: np.rot90(x, k), A)
        agrees(lambda x, k=k: np.rot90(x, k, axes=(2, 1)), T)
    agrees(lambda x: (np.fliplr(x), np.flipud(x)), A)
    agrees(lambda x: (np.rollaxis(x, 2), np.rollaxis(x, 0, 3), np.rollaxis(x, 1, -1)), T)
    with pytest.raises(ShapeError, match="two axes"):
        traced(lambda x: np.rot90(x, axes=(0, 0)), A)


@pytest.mark.parametrize(
    "mode",
    ["constant", "edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect",
     "symmetric", "wrap"],
)  # fmt: skip
def test_pad(mode):
    for width in (1, (2, 0), ((1, 2), (0, 3)), 9):
        agrees(lambda x, w=width: np.pad(x, w, mode=mode), A)
    agrees(lambda x: np.pad(x, 2, mode=mode), V.astype(np.float32), rtol=1e-6)


def test_pad_with_values():
    agrees(lambda x: np.pad(x, 2, constant_values=(1.0, 2.0)), A)
    agrees(lambda x, v: np.pad(x, (1, 2), constant_values=v), V, 3.0)
    agrees(lambda x: np.pad(x, 2, mode="linear_ramp", end_values=((1, 2), (3, 4))), A)
    agrees(lambda x: np.pad(x, 2, mode="mean", stat_length=2), A)
    agrees(lambda x: np.pad(x, {-1: (1, 2)}), A)
    with pytest.raises(UnsupportedError, match="mode='empty'"):
        traced(lambda x: np.pad(x, 1, mode="empty"), V)
    with pytest.raises(ShapeError, match="negative"):
        traced(lambda x: np.pad(x, -1), V)


def test_joins_and_cuts():
    agrees(lambda x, y: np.dstack([x, y]), A, A + 1)
    agrees(lambda x: np.atleast_3d(x), V)
    agrees(lambda x: tuple(np.hsplit(x, 2)), A)
    agrees(lambda x: tuple(np.vsplit(x, [1])), A)
    agrees(lambda x: tuple(np.dsplit(x, 2)), T)
    agrees(lambda x: np.unstack(x, axis=1), A)
    agrees(lambda x: np.delete(x, 1, axis=0), A)
    agrees(lambda x: np.delete(x, [0, 2]), V)
    agrees(lambda x: np.insert(x, 2, 7.0), V)
    agrees(lambda x, v: np.insert(x, 1, v, axis=0), A, A[0])
    agrees(lambda x: np.compress([True, False, True], x, axis=0), A)
    agrees(lambda x: np.extract([True, False, True, False, True], x), V)
    with pytest.raises(UnsupportedError, match=r"np\.where"):
        traced(lambda x: np.nonzero(x), V)
    with pytest.raises(TypeMismatchError, match="not known"):
        traced(lambda x: np.compress(x > 0, x), V)


def test_diagonals():
    agrees(lambda x: np.diagflat(x, 1), A[:2, :2])
    agrees(lambda x: np.vander(x), V)
    agrees(lambda x: np.vander(x, 3, increasing=True), V)


def test_functions_along_an_axis():
    agrees(lambda a: np.apply_along_axis(lambda r: r * r.sum(), 1, a), A)
    agrees(lambda t: np.apply_along_axis(np.sum, 0, t), T)
