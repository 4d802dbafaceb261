"""Give operands and attributes to test each op with, for the tests that walk the whole table."""

from __future__ import annotations

import itertools
import zlib

import numpy as np

from bpcompile import ops  # noqa: F401  (declares the ops)
from bpcompile.ir.type import DType
from bpcompile.ops.index import At, Slice, whole

SHAPES = [(), (3,), (2, 3), (0, 2)]
ROWS = (At(0), whole(3))

# Operand shapes and attributes of ops without a domain; an "i" is an index array of that shape.
CASES = {
    "broadcast": [
        ([(3,)], {"shape": (3, 2), "axes": (0,)}),
        ([()], {"shape": (2,), "axes": ()}),
        ([(2, 3, 1)], {"shape": (3, 1, 2, 2), "axes": (3, 0, 1)}),
    ],
    "reshape": [([(2, 3)], {"shape": (6,)})],
    "transpose": [([(2, 3, 4)], {"order": (2, 0, 1)})],
    "matmul": [
        ([(3,), (3,)], {}),
        ([(2, 3), (3,)], {}),
        ([(3,), (3, 2)], {}),
        ([(2, 3), (3, 4)], {}),
        ([(5, 2, 3), (5, 3, 4)], {}),
    ],
    "index": [
        ([(4, 3), ("i", 5)], {"spec": ROWS}),
        ([(4, 3), ("i",)], {"spec": ROWS}),
        ([(5,)], {"spec": (Slice(4, -2, 2),)}),
    ],
    "update": [
        ([(4, 3), (3,), ("i",)], {"spec": ROWS}),
        ([(5,), (2,)], {"spec": (Slice(1, 2, 2),)}),
    ],
    "accumulate": [([(4, 3), (5, 3), ("i", 5)], {"spec": ROWS})],
    "copy": [([(3,)], {})],
    "cumprod": [([(2, 3, 2)], {"axis": axis}) for axis in (0, 1)],
    **{
        name: [
            ([(2, 3, 2)] * count, {"axis": axis, "reverse": reverse})
            for axis, reverse in ((0, True), (1, False), (1, True), (2, False))
        ]
        for name, count in (("cumsum", 1), ("recurrence", 2))
    },
    **{
        name: [([("square", 3)], {}), ([("square", 2, 3)], {})]
        for name in ("cholesky", "inv", "det", "logabsdet", "cofactors")
    },
    "signdet": [([(8, 3, 3)], {})],
    "solve": [([("square", 3), (3, 2)], {}), ([("square", 2, 3), (2, 3, 1)], {})],
    "triangular_solve": [
        ([("square", 3), (3, 2)], {"lower": lower, "transposed": turned})
        for lower, turned in itertools.product((True, False), repeat=2)
    ],
    "checked": [([(3,), ("token",)], {})],
    "irdft": [
        ([(2, 3), (2, 3)], {"length": length, "doubled": doubled})
        for length, doubled in itertools.product((4, 5), (True, False))
    ],
    **{
        name: [([(2, 3, 2)], {"axes": axes, **rest}) for axes in ((1,), (0, 2))]
        for name, rest in [
            *((name, {}) for name in ("sum", "max", "min", "prod", "mean")),
            *((name, {}) for name in ("softmax", "logsumexp", "log_softmax")),
            *((name, {"ddof": 1}) for name in ("var", "std")),
        ]
    },
}
ATTRS = {"astype": [{"dtype": DType.F64}, {"dtype": DType.F32}]}


def cases_of(op):
    """Return operands and attributes to test an op with, drawn from its domain if it has one."""
    rng = np.random.default_rng(zlib.crc32(op.name.encode()))
    if op.domain is None:
        assert op.name in CASES, f"write operands for {op.name} into CASES"
        for shapes, attrs in CASES[op.name]:
            yield [operand(rng, shape) for shape in shapes], attrs
        return
    for shape, attrs in itertools.product(SHAPES, ATTRS.get(op.name, [{}])):
        drawn = [rng.uniform(low, high, shape) for low, high in op.domain.intervals]
        if op.name == "select":
            drawn[0] = drawn[0] > 0.5
        yield drawn, attrs


def operand(rng, shape):
    if shape[:1] == ("i",):
        return rng.integers(-2, 4, shape[1:])
    if shape == ("token",):
        return np.array(True)
    if shape[:1] == ("square",):  # symmetric and far from singular
        half = rng.uniform(0.3, 2.0, (*shape[1:], shape[-1]))
        return half @ np.swapaxes(half, -1, -2) + 2 * np.eye(shape[-1])
    return rng.uniform(0.3, 2.0, shape)
