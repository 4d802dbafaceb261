"""Views, indices and products by the complex step; masks through every op that maps them."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.ir.build import Builder
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type
from bpcompile.ops.index import At, Slice, whole
from bpcompile.ops.shape import broadcast_to
from tests.ops.support import directional, gradient, graph_of, summed

RNG = np.random.default_rng(23)


def normal(*shape):
    return RNG.normal(size=shape)


def indices(x, *values):
    """Return an index array of the graph of x."""
    table = np.array(values)
    kind = Type(DType.I64, table.shape)
    return x.builder.node(OPS["table"], (), {"values": tuple(table.ravel().tolist())}, kind)


def counted(x, *shape, axis=0):
    """Return the index along an axis at each place of a shape."""
    attrs = {"shape": shape, "axis": axis}
    return x.builder.node(OPS["iota"], (), attrs, Type(DType.I64, shape))


def fixed(x, number, *shape):
    """Return one index at each place of a shape."""
    return x.builder.const(number, Type(DType.I64, shape))


def square(x):
    return x * x


MODELS = {
    "broadcast": (
        lambda x: square(OPS["broadcast"](x, shape=(3, 2, 4), axes=(2, 0))),
        [normal(4, 3)],
    ),
    "broadcast, three axes turned": (
        lambda x: square(OPS["broadcast"](x, shape=(3, 4, 5, 2), axes=(3, 0, 1))),
        [normal(2, 3, 4)],
    ),
    "broadcast, last axes": (lambda x: square(broadcast_to(x, (2, 3, 4))), [normal(3, 4)]),
    "reshape": (
        lambda x: OPS["sum"](square(OPS["reshape"](x, shape=(2, 6))), axes=(0,)),
        [normal(3, 4)],
    ),
    "transpose": (
        lambda x, y: OPS["transpose"](x, order=(2, 0, 1)) * y,
        [normal(2, 3, 4), normal(4, 2, 3)],
    ),
    "inner": (OPS["matmul"], [normal(3), normal(3)]),
    "matrix-vector": (OPS["matmul"], [normal(2, 3), normal(3)]),
    "vector-matrix": (OPS["matmul"], [normal(3), normal(3, 2)]),
    "matrix-matrix": (OPS["matmul"], [normal(2, 3), normal(3, 4)]),
    "batched": (OPS["matmul"], [normal(5, 2, 3), normal(5, 3, 4)]),
    "slice": (
        lambda x: square(OPS["index"](x, spec=(Slice(3, -2, 2), whole(3)))),
        [normal(5, 3)],
    ),
    "gather": (
        lambda x: square(OPS["index"](x, indices(x, 2, 0, 2), spec=(whole(2), At(0)))),
        [normal(2, 3)],
    ),
    "pairs": (
        lambda x: square(
            OPS["index"](x, indices(x, 2, 0, 2), indices(x, 1, 1, 1), spec=(At(0), At(1)))
        ),
        [normal(3, 2)],
    ),
    "element": (
        lambda x: square(OPS["index"](x, x.builder.dim(1), spec=(At(0), whole(2)))),
        [normal(3, 2)],
    ),
    "update": (
        lambda x, v: square(OPS["update"](x, v, spec=(Slice(1, 2, 2), whole(2)))),
        [normal(5, 2), normal(2, 2)],
    ),
    "update at": (
        lambda x, v: square(OPS["update"](x, v, indices(x, 4, 0), spec=(At(0), whole(2)))),
        [normal(5, 2), normal(2, 2)],
    ),
    "accumulate": (
        lambda x, v: square(OPS["accumulate"](x, v, indices(x, 2, 0, 2), spec=(At(0),))),
        [normal(3), normal(3)],
    ),
    "copy": (lambda x: square(OPS["copy"](x)), [normal(3)]),
    "cumprod": (lambda x: square(OPS["cumprod"](x, axis=0)), [normal(4, 2)]),
    **{
        f"{name}, {'last' if reverse else 'first'}": (
            lambda *xs, name=name, reverse=reverse: square(OPS[name](*xs, axis=1, reverse=reverse)),
            [normal(2, 4)] * count,
        )
        for name, count in (("cumsum", 1), ("recurrence", 2))
        for reverse in (False, True)
    },
}


# Index arrays, most of which name a place twice, each written in another form: of what is written
# to one place only the last counts.
PLACES = {
    "table": lambda x: indices(x, 4, 0, 4),
    "table, other places": lambda x: indices(x, 4, 0, 3),
    "table, from both ends": lambda x: indices(x, -1, 0, 4),
    "table, two axes": lambda x: OPS["reshape"](indices(x, 3, 1, 1, 3), shape=(2, 2)),
    "count": lambda x: counted(x, 3),
    "count, two axes": lambda x: counted(x, 2, 3, axis=0),
    "count, two axes, the last": lambda x: counted(x, 3, 2, axis=1),
    "count and number": lambda x: counted(x, 3) + fixed(x, 1, 3),
    "number and count": lambda x: fixed(x, 4, 3) - counted(x, 3),
    "count and table": lambda x: counted(x, 3) + indices(x, 1, 0, 0),
    "table and count": lambda x: indices(x, 2, 1, 2) - counted(x, 3),
    "table and number": lambda x: indices(x, 0, 0, 3) + fixed(x, 1, 3),
    "number and table": lambda x: fixed(x, 1, 3) + indices(x, 0, 0, 3),
    "numbers": lambda x: fixed(x, 1, 3) + fixed(x, 0, 3),
    "counts, two axes": lambda x: counted(x, 2, 2) + fixed(x, 1, 2, 2),
    "number and counts, two axes": lambda x: fixed(x, 1, 2, 2) + counted(x, 2, 2),
    "product": lambda x: counted(x, 3) * fixed(x, 0, 3),
}


def overwritten(places, before=(), behind=(), others=()):
    """Return a model that writes rows at places of an axis, with axes before and behind it."""

    def model(x, v):
        at = places(x)
        also = [other(x) for other in others]
        spec = (*map(whole, before), *(At(k) for k in range(1 + len(also))), *map(whole, behind))
        return square(OPS["update"](x, v, at, *also, spec=spec))

    return model


for label, places in PLACES.items():
    shape = places(Builder("shape").param("x", Type(DType.F64, (5,)))).shape
    MODELS[f"overwritten, {label}"] = (
        overwritten(places, behind=(2,)),
        [normal(5, 2), normal(*shape, 2)],
    )
MODELS |= {
    "overwritten in columns": (
        overwritten(PLACES["table"], before=(2,), behind=(3,)),
        [normal(2, 5, 3), normal(2, 3, 3)],
    ),
    "overwritten at pairs": (
        overwritten(PLACES["table"], (2,), (2,), [lambda x: indices(x, 1, 1, 1)]),
        [normal(2, 5, 2, 2), normal(2, 3, 2)],
    ),
    "overwritten at other pairs": (
        overwritten(PLACES["table"], others=[lambda x: indices(x, 1, 1, 0)]),
        [normal(5, 2), normal(3)],
    ),
    "overwritten at places of three axes": (
        overwritten(
            lambda x: OPS["reshape"](
                indices(x, 0, 1, 2, 3, 4, 5, 6, 7, 1, 9, 10, 11), shape=(3, 2, 2)
            )
        ),
        [normal(12), normal(3, 2, 2)],
    ),
    "overwritten beside a number and an axis": (
        lambda x, v: square(
            OPS["update"](x, v, fixed(x, 1), indices(x, 4, 0, 4), spec=(At(0), whole(2), At(1)))
        ),
        [normal(2, 2, 5), normal(2, 3)],
    ),
    "overwritten in one row": (
        overwritten(lambda x: fixed(x, 1), others=[PLACES["table"]], behind=(2,)),
        [normal(2, 5, 2), normal(3, 2)],
    ),
}


@pytest.mark.parametrize(("model", "arrays"), MODELS.values(), ids=MODELS)
def test_gradient_times_direction_is_the_complex_step(model, arrays):
    directions = [RNG.normal(size=a.shape) for a in arrays]
    exact = directional(graph_of(summed(model), arrays), arrays, directions)
    found = gradient(model, *arrays)
    product = sum(np.sum(g * d) for g, d in zip(found, directions, strict=True))
    assert product == pytest.approx(exact, rel=1e-12)


def first_row(x):
    """Return the row that is read; every slope of the others is a structural zero."""
    shape = x.shape[1:]
    return OPS["index"](x, spec=(Slice(0, 1, 1), *(whole(n) for n in shape)))


def fold(name, **options):
    return lambda x: OPS[name](x, axes=(1,), **options)


# Of rows [1, 4] and [0, 0] only the first is read. The roots of 0 have infinite slope.
MASKED = {
    "sum": fold("sum"),
    "prod": fold("prod"),
    "max": fold("max"),
    "min": fold("min"),
    "mean": fold("mean"),
    "var": fold("var", ddof=0),
    "std": fold("std", ddof=0),
    "logsumexp": fold("logsumexp"),
    "softmax": fold("softmax"),
    "log_softmax": fold("log_softmax"),
    "tanh": OPS["tanh"],
    "relu": OPS["relu"],
    "astype": lambda x: OPS["astype"](x, dtype=DType.F32),
    "reshape": lambda x: OPS["reshape"](x, shape=(2, 2, 1)),
    "transpose": lambda x: OPS["transpose"](OPS["transpose"](x, order=(1, 0)), order=(1, 0)),
    "broadcast": lambda x: OPS["broadcast"](x, shape=(2, 3, 2), axes=(0, 2)),
    "clip": lambda x: OPS["clip"](x, x.builder.const(-9, x.type), x.builder.const(9, x.type)),
    "select": lambda x: OPS["select"](x < 9.0, x, 0.0),
    "update": lambda x: OPS["update"](x, first_row(x), spec=(Slice(1, 1, 1), whole(2))),
    "accumulate": lambda x: OPS["accumulate"](x, first_row(x), spec=(Slice(0, 1, 1), whole(2))),
}


@pytest.mark.parametrize("layer", MASKED.values(), ids=MASKED)
def test_structural_zeros_pass_through(layer):
    x = np.array([[1.0, 4.0], [0.0, 0.0]])
    (found,) = gradient(lambda x: first_row(layer(OPS["sqrt"](x))), x)
    (alone,) = gradient(lambda x: first_row(layer(OPS["sqrt"](x))), np.maximum(x, [[0.0], [1.0]]))
    np.testing.assert_array_equal(found[1], [0.0, 0.0])
    np.testing.assert_array_equal(found[0], alone[0])
