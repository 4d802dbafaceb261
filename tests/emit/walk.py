"""List small models around every op of the table, and put several into one graph.

Every model reads the same few parameters, scaled into its op's domain, and results of equal shape
lie in one array: Numba takes its time over each array of a module. The derivatives stand beside the
values, from one reverse sweep per model, so that a cotangent of zero or a mask is one model's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.dims import Dim, Size
from bpcompile.ir.graph import Graph
from bpcompile.ir.op import OPS, Kind, Op
from bpcompile.ir.type import DType, Type
from bpcompile.ops.index import At, Slice, index, update, whole
from bpcompile.ops.shape import broadcast_to, transposed
from bpcompile.passes.pipeline import LOWER, SIMPLIFY
from bpcompile.passes.pipeline import run as run_passes
from bpcompile.transforms.reverse import reverse
from tests.emit import walk_matrices
from tests.emit.building import branch, repeat
from tests.ops.support import BITS, has_partial, takes_bool

N, M = Dim.named("n"), Dim.named("m")
SHAPES: dict[str, tuple[Size, ...]] = {
    **{f"s{k}": () for k in range(3)},
    **{f"u{k}": (N,) for k in range(3)},
    "r": (M,),
    "a": (N, M),
    "b": (M, 3),
    "c": (N, 2, M),
    "d": (2, 3),
}
INDICES: dict[str, tuple[Size, ...]] = {"i": (), "k": (M,), "q": (2, M)}


class Model(NamedTuple):
    """Hold a model: a name, and what it computes from the parameters by name."""

    name: str
    build: Callable[[dict[str, Expr]], list[Expr]]


def params(builder: Builder, dtype: DType) -> dict[str, Expr]:
    """Return all parameters: floats between 0 and 1, and indices."""
    found = {name: builder.param(name, Type(dtype, shape)) for name, shape in SHAPES.items()}
    for name, shape in INDICES.items():
        found[name] = builder.param(name, Type(DType.I64, shape))
    return found


def arguments(dtype: DType, n: int, m: int) -> list[Any]:
    """Return arguments for `params`."""
    rng = np.random.default_rng(n + 10 * m)
    given: list[Any] = []
    for shape in SHAPES.values():
        lengths = [{str(N): n, str(M): m}.get(str(size), size) for size in shape]
        given.append(rng.uniform(0.02, 0.98, lengths).astype(dtype.numpy_name))
    given += [np.int64(-1), rng.integers(-1, 1, m), rng.integers(-m, m or 1, (2, m))]
    return given


# Elementwise ops

ELEMENTWISE = [
    op
    for op in OPS.values()
    if op.kind is Kind.ELEMENTWISE and op.name not in ("copy", "astype", *BITS)  # see STRUCTURE
]


def _scaled(x: Expr, op: Op, operand: int) -> Expr:
    """Return a value between 0 and 1 moved into the domain of an operand."""
    assert op.domain is not None
    low, high = op.domain.intervals[operand]
    if takes_bool(op, operand):
        return x > 0.5
    moved = x * (high - low) + low
    return moved if has_partial(op, operand) else OPS["stop_gradient"](moved)


def elementwise(op: Op) -> Model:
    """Return an op at scalars, at vectors, and at a matrix beside what is repeated over it."""
    assert op.domain is not None
    count = len(op.domain.intervals)

    def build(given: dict[str, Expr]) -> list[Expr]:
        matrix = given["a"].shape
        spread = [broadcast_to(given["r"], matrix), broadcast_to(given["s0"], matrix)]
        mixed = [given["a"], *spread] if count > 1 else [broadcast_to(given["u0"], matrix, (0,))]
        forms = ([given[f"s{k}"] for k in range(3)], [given[f"u{k}"] for k in range(3)], mixed)
        return [op(*(_scaled(form[k], op, k) for k in range(count))) for form in forms]

    return Model(op.name, build)


def vectors(op: Op) -> Model:
    """Return an op at vectors alone: the least that shows its text."""
    assert op.domain is not None
    count = len(op.domain.intervals)
    return Model(
        op.name, lambda given: [op(*(_scaled(given[f"u{k}"], op, k) for k in range(count)))]
    )


def whole_numbers(op: Op) -> Model:
    """Return an op at integers."""
    assert op.domain is not None
    count = len(op.domain.intervals)

    def build(given: dict[str, Expr]) -> list[Expr]:
        scalars = [given["i"], given["i"] + 3, given["i"] - 2]
        vectors = [given["k"] - 3, given["k"] * 2 + 3, given["k"]]
        return [
            op(*(form[k] > 0 if takes_bool(op, k) else form[k] for k in range(count)))
            for form in (scalars, vectors)
        ]

    return Model(f"{op.name} of integers", build)


def constants(op: Op) -> Model:
    """Return an op beside a constant, which has no array."""
    assert op.domain is not None
    count = len(op.domain.intervals)

    def build(given: dict[str, Expr]) -> list[Expr]:
        found = []
        for place in range(count):
            if takes_bool(op, place):
                continue
            operands: list[Any] = [_scaled(given[f"u{k}"], op, k) for k in range(count)]
            low, high = op.domain.intervals[place]
            like = operands[place]
            operands[place] = like.builder.const(low + 0.6 * (high - low), like.type)
            found.append(op(*operands))
        return found

    return Model(f"{op.name} beside a constant", build)


# Ops of structure


def _over(name: str, **attrs: Any) -> Model:
    """Return a reduction or composite over rows, over columns, of a sum, and of all."""
    spans_nothing = name in ("max", "min", "logsumexp", "softmax", "log_softmax", "var", "std")

    def build(given: dict[str, Expr]) -> list[Expr]:
        op, a, u, c = OPS[name], given["a"], given["u0"], given["c"]
        found = [op(a, axes=(1,), **attrs), op(transposed(a, (1, 0)) - 0.5, axes=(0,), **attrs)]
        found += [op(c, axes=(2,), **attrs), op(c, axes=(1,), **attrs)]
        if not spans_nothing:
            rows = broadcast_to(u, a.shape, (0,))
            found += [op(a, axes=(0,), **attrs), op(u, axes=(0,), **attrs)]
            found += [op(a * rows, axes=(0, 1), **attrs), op(c, axes=(0, 2), **attrs)]
        return found

    return Model(name, build)


def _questions(name: str) -> Model:
    """Return any or all over rows and over everything."""

    def build(given: dict[str, Expr]) -> list[Expr]:
        a = given["a"] > 0.5
        return [OPS[name](a, axes=(1,)), OPS[name](a, axes=(0,)), OPS[name](a, axes=(0, 1))]

    return Model(name, build)


def _places(name: str) -> Model:
    """Return argmax or argmin along rows, of floats and of integers."""

    def build(given: dict[str, Expr]) -> list[Expr]:
        op, a = OPS[name], given["a"]
        columns = OPS["astype"](a * 7.0, dtype=DType.I64)
        return [op(a, axes=(1,)), op(columns, axes=(1,)), op(given["c"], axes=(1,))]

    return Model(name, build)


def _of_integers(name: str) -> Model:
    """Return a reduction of integers."""

    def build(given: dict[str, Expr]) -> list[Expr]:
        return [OPS[name](given["q"] - 2, axes=(0,)), OPS[name](given["q"], axes=(0, 1))]

    return Model(f"{name} of integers", build)


def _views(given: dict[str, Expr]) -> list[Expr]:
    """Return rearranged values, computed before and after, and as they are."""
    a, c, u = given["a"], given["c"], given["u0"]
    flat = OPS["reshape"](a, shape=(N * M,))
    turned = transposed(c, (2, 0, 1))
    return [
        transposed(a, (1, 0)),
        OPS["sin"](transposed(OPS["exp"](a), (1, 0))),
        flat * 2.0,
        OPS["reshape"](turned, shape=(M, N * 2)),
        OPS["reshape"](OPS["sin"](turned), shape=(2 * M, N)),
        broadcast_to(u, (M, N, 2), (1,)),
        OPS["sum"](broadcast_to(a, (M, N, 3), (1, 0)) * 2.0, axes=(2,)),
    ]


def _reads(given: dict[str, Expr]) -> list[Expr]:
    """Return slices, elements and gathers."""
    a, c, i, k, q = (given[name] for name in "acikq")
    return [
        index(a, spec=(Slice(N - 1, -1, N), whole(M))),
        index(c, spec=(whole(N), Slice(1, 1, 1), Slice(M - 1, -1, M))),
        index(given["b"], i, spec=(whole(M), At(0))),
        index(given["d"], i, k, spec=(At(0), At(1))) * 3.0,
        index(c, k, spec=(whole(N), At(0), whole(M))),
        index(c, i, q, spec=(whole(N), At(0), At(1))),
        index(c, q, q * 0, spec=(whole(N), At(0), At(1))),
    ]


def _writes(given: dict[str, Expr]) -> list[Expr]:
    """Return arrays with slices, elements and repeated places written and added to."""
    c, i, k, r, b = (given[name] for name in "cikrb")
    last = (whole(N), At(0), whole(M))
    part = index(c, i, spec=last)
    column = (whole(M), At(0))
    zeros = b.builder.const(0.0, b.type)
    repeated = broadcast_to(r, (M, N, M), (0,))
    found = []
    for op in (OPS["update"], OPS["accumulate"]):
        found += [
            op(c, part * 2.0, i, spec=last),
            op(b, r, i, spec=column),
            op(op(zeros, r, i, spec=column), r * 3.0, i - 1, spec=column),
            op(OPS["sin"](b), r, i, spec=column) * b,
        ]
    rows = transposed(repeated, (1, 0, 2))
    found.append(OPS["accumulate"](c, rows, k, spec=(whole(N), At(0), whole(M))))
    truth = OPS["accumulate"](b > 0.5, r > 0.5, i, spec=column)
    return [*found, truth]


def _products(given: dict[str, Expr]) -> list[Expr]:
    """Return products of vectors and matrices, large and small, turned and batched."""
    matmul = OPS["matmul"]
    a, b, c, d, r, u = (given[name] for name in ("a", "b", "c", "d", "r", "u0"))
    column = index(d, spec=(whole(2), Slice(1, 1, 1)))
    return [
        matmul(a, r),
        matmul(u, a),
        matmul(r, r),
        matmul(a, b),
        matmul(transposed(b, (1, 0)), transposed(a, (1, 0))),
        matmul(OPS["sin"](a), b + 1.0),
        matmul(d, transposed(d, (1, 0))),
        matmul(OPS["exp"](d), OPS["reshape"](d, shape=(3, 2))),
        matmul(transposed(column, (1, 0)), d),
        matmul(c, transposed(c, (0, 2, 1))),
    ]


def _loops(given: dict[str, Expr]) -> list[Expr]:
    """Return a loop that carries a scalar, a vector and a matrix, and reads and writes elements."""
    a, u, r, s = given["a"], given["u0"], given["r"], given["s0"]
    builder = a.builder
    inner = Builder("body")
    i = inner.param("i", Type(DType.I64))
    total, row = inner.param("total", s.type), inner.param("row", r.type)
    table = inner.param("table", a.type)
    rows, weights = inner.param("rows", a.type), inner.param("weights", u.type)
    weight = index(weights, i, spec=(At(0),))
    now = index(rows, i, spec=(At(0), whole(M)))
    following = OPS["sin"](row * broadcast_to(weight, row.shape) + now)
    body = inner.finish(
        (
            OPS["tanh"](total + weight),
            following,
            update(table, following, i, spec=(At(0), whole(M))),
        )
    )
    zero = builder.const(0, Type(DType.I64))
    start = builder.const(0.0, a.type)
    found = OPS["loop"](zero, builder.dim(N), s, r, start, a, u, body=body, carried=3)
    return list(found.items())


def _branches(given: dict[str, Expr]) -> list[Expr]:
    """Return what one of two arms makes of scalars and vectors, or leaves as it is."""
    s, r, u = given["s0"], given["s1"], given["u0"]
    found: list[Expr] = []
    for test in (s > 0.5, s > r, r < 0.0):
        found += branch(
            test,
            [s, u, r],
            lambda b, s, u, r: [s * r, u * broadcast_to(s, u.shape), u],
            lambda b, s, u, r: [OPS["sin"](s), u, u * u],
        )
    return found


def _whiles(given: dict[str, Expr]) -> list[Expr]:
    """Return what loops with a test carry; their derivatives keep rows and replay them."""
    s, u = given["s0"], given["u0"]

    def body(b: Builder, x: Expr, v: Expr, s: Expr) -> list[Expr]:
        return [x * 1.5 + 0.1, OPS["sin"](v * broadcast_to(x, v.shape)) + v * 0.5]

    x, v = repeat([s * 1.0, u * 1.0], [s], lambda b, x, v, s: x < s * 0.5 + 3.0, body)
    (never,) = repeat([s * 2.0], [], lambda b, x: x < 0.0, lambda b, x: [x * x])
    return [x, v, never]


def _leaves(given: dict[str, Expr]) -> list[Expr]:
    """Return constants, small tables, lengths and counting arrays."""
    u, a = given["u0"], given["a"]
    builder, dtype = u.builder, u.dtype
    values = {"values": (0.25, -1.5, 0.1)}
    table = builder.node(OPS["table"], (), values, Type(dtype, (3,)))
    count = Type(DType.I64, a.shape)
    rows = builder.node(OPS["iota"], (), {"shape": a.shape, "axis": 0}, count)
    columns = builder.node(OPS["iota"], (), {"shape": a.shape, "axis": 1}, count)
    return [
        table,
        given["b"] * broadcast_to(table, given["b"].shape),
        OPS["astype"](rows * 10 - columns, dtype=dtype) * a,
        rows + columns,
        builder.dim(N * 2 + M),
        OPS["astype"](builder.dim(N), dtype=dtype),
        builder.const(1.5, u.type),
        u,
        given["s0"],
        builder.const(-0.1, Type(dtype)),
    ]


def _copies(given: dict[str, Expr]) -> list[Expr]:
    """Return one value twice, and a value together with its view."""
    u, a = given["u0"], given["a"]
    wave = OPS["sin"](a)
    return [u + 1.0, u + 1.0, wave, transposed(wave, (1, 0)), OPS["copy"](wave)]


def _checks(given: dict[str, Expr]) -> list[Expr]:
    """Return a number and an array that wait for checks, which pass."""
    s, u = given["s0"], given["u0"]
    tokens = [
        OPS["require"](s < 2.0, kind="ValueError", text='not "below" 2'),
        OPS["require"](OPS["logical_not"](s > 3.0), kind="KeyError", text=""),
    ]
    return [OPS["checked"](s, *tokens), OPS["checked"](u * 2.0, tokens[0])]


def _conversions(given: dict[str, Expr]) -> list[Expr]:
    """Return values of every dtype as every other, scalars and arrays."""
    u, s = given["u0"] * 9.0 - 4.0, given["s0"] * 9.0 - 4.0
    found = []
    for x in (u, s, u > 0.0, s > 0.0, given["k"], given["i"]):
        found += [OPS["astype"](x, dtype=dtype) for dtype in DType]
    return found


def _orders(given: dict[str, Expr]) -> list[Expr]:
    """Return the places of sorted rows, of floats with ties and of integers, and of a batch."""
    a, c = given["a"], given["c"]
    coarse = OPS["rint"](c * 4.0)
    rising = OPS["cumsum"](given["u0"], axis=0, reverse=False)
    return [
        OPS["argsort"](a, axis=1),
        OPS["argsort"](transposed(coarse, (1, 0, 2)), axis=2),
        OPS["argsort"](coarse, axis=1),
        OPS["argsort"](a, axis=0),
        OPS["argsort"](given["q"], axis=1),
        OPS["searchsorted"](rising, given["r"], right=False),
        OPS["searchsorted"](given["r"] * 0.0, given["u0"] - 0.5, right=True),
    ]


def _running(given: dict[str, Expr]) -> list[Expr]:
    """Return running sums, products and recurrences along each axis, from either end."""
    a, c, u = given["a"], given["c"], given["u0"]
    found = []
    for x, axis in ((u, 0), (a, 0), (a, 1), (c, 1)):
        for back in (False, True):
            found += [
                OPS["cumsum"](x, axis=axis, reverse=back),
                OPS["recurrence"](x, x * 2.0, axis=axis, reverse=back),
            ]
        found.append(OPS["cumprod"](x, axis=axis))
    return [*found, OPS["cumsum"](given["q"], axis=1, reverse=False)]


STRUCTURE = [
    *(_over(name) for name in ("sum", "prod", "mean", "max", "min")),
    *(_over(name) for name in ("softmax", "log_softmax", "logsumexp")),
    _over("var", ddof=0),
    _over("std", ddof=0),
    *(_questions(name) for name in ("any", "all")),
    *(_places(name) for name in ("argmax", "argmin")),
    *(_of_integers(name) for name in ("sum", "prod", "max", "min")),
    Model("broadcast reshape transpose", _views),
    Model("index", _reads),
    Model("update accumulate", _writes),
    Model("matmul", _products),
    Model("loop item", _loops),
    Model("branch", _branches),
    Model("while replay", _whiles),
    Model("const table dim iota", _leaves),
    Model("copy", _copies),
    Model("astype", _conversions),
    Model("require checked", _checks),
    Model("argsort searchsorted", _orders),
    Model("cumsum cumprod recurrence", _running),
    Model("cholesky triangular_solve", walk_matrices.factors),
    Model("lu_factor lu_solve lu_solve_vector lu_inverse solve inv", walk_matrices.systems),
    Model(
        "lu_det lu_slogdet lu_cofactors det signdet logabsdet cofactors",
        walk_matrices.determinants,
    ),
    Model("qr", walk_matrices.bases),
    Model("eigh svd", walk_matrices.spectra),
    Model("lstsq", walk_matrices.least),
    Model("dft rdft irdft", walk_matrices.transforms),
]


# Several models in one graph


class Walk(NamedTuple):
    """Hold the graph of several models, and what each row of each result is."""

    graph: Graph
    labels: list[list[str]]


def walk(models: Iterable[Model], dtype: DType, *, brief: bool = False) -> Walk:
    """Return the lowered graph of several models and their derivatives.

    In brief, only every other value: what Numba compiles in seconds.
    """
    builder = Builder("f")
    given = params(builder, dtype)
    scalars: list[tuple[str, Expr]] = []
    arrays: dict[Type, list[tuple[str, Expr]]] = {}
    for model in models:
        for label, value in _results(model, dtype, builder, list(given.values()), brief):
            if value.shape:
                arrays.setdefault(value.type, []).append((label, value))
            else:
                scalars.append((label, value))
    results = [value for _, value in scalars]
    results += [_stacked([value for _, value in rows]) for rows in arrays.values()]
    labels = [[label] for label, _ in scalars]
    labels += [[label for label, _ in rows] for rows in arrays.values()]
    return Walk(run_passes(builder.finish(results), LOWER), labels)


def _results(
    model: Model, dtype: DType, builder: Builder, given: list[Expr], brief: bool
) -> Iterable[tuple[str, Expr]]:
    """Yield the values of a model, and the derivatives of their sines' sum where it has some."""
    own = Builder("f")
    named = params(own, dtype)
    values = model.build(named)[:: 2 if brief else 1]
    total = own.const(0.0, Type(dtype))
    for value in values:
        if value.dtype is dtype and value.node.op.name != "copy":
            total = total + OPS["sum"](OPS["sin"](value), axes=tuple(range(len(value.shape))))
    graph = run_passes(own.finish((total, *values)), SIMPLIFY)
    joint = graph if brief else reverse(graph, range(len(SHAPES)))
    _, *found = builder.inline(joint, given)
    yield from ((f"{model.name}, value {k}", x) for k, x in enumerate(found[: len(values)]))
    for name, bar in zip(SHAPES, found[len(values) :], strict=False):
        if bar.node.op.name != "const":
            yield f"{model.name}, cotangent of {name}", bar


def _stacked(values: list[Expr]) -> Expr:
    """Return values of one type as the rows of one array, written one after the other."""
    first = values[0]
    shape = (len(values), *first.shape)
    result = first.builder.const(0, Type(first.dtype, shape))
    for k, value in enumerate(values):
        row = OPS["reshape"](value, shape=(1, *first.shape))
        rest = (whole(size) for size in first.shape)
        result = update(result, row, spec=(Slice(k, 1, 1), *rest))
    return result


def elementwise_models() -> list[Model]:
    """Return every elementwise op at floats, at integers where it takes them, and at constants."""
    found: list[Model] = []
    for op in ELEMENTWISE:
        found += [elementwise(op), constants(op)]
        if op.infer in (OPS["add"].infer, OPS["less"].infer, OPS["select"].infer):
            found.append(whole_numbers(op))
    return found
