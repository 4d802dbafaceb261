"""Hypothesis strategies: random graphs with arguments that fit them.

`graphs()` draws `(graph, args)`. Every value stays bounded (about 1e3), so that results can be
compared closely, and arguments come from a drawn seed, so that ties and kinks are left to the
tests that are about them. `graphs(scalar=True)` has one scalar output, for gradients.

    @given(graphs())
    def test_something(case):
        graph, args = case
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from bpcompile import ops  # noqa: F401  (declares the ops)
from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.dims import Dim, Size
from bpcompile.ir.dims import evaluate as size_value
from bpcompile.ir.graph import Graph
from bpcompile.ir.interpret import bind_dims
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type
from bpcompile.ops.index import At, Slice, whole
from bpcompile.ops.shape import broadcast_to

N, M = Dim.named("n"), Dim.named("m")
SHAPES: tuple[tuple[Size, ...], ...] = ((), (N,), (3,), (M,), (N, 3), (N, M), (M, N), (2, 3))
MOST = 4  # of a named length
LIMIT = 1e3  # of a value

Draw = Callable[[st.SearchStrategy[Any]], Any]


class Value(NamedTuple):
    """Hold a value of the graph and a bound of its magnitude."""

    expr: Expr
    bound: float

    @property
    def shape(self) -> tuple[Size, ...]:
        return self.expr.shape


class Maker:
    """Grow a graph: each method draws one kind of operation and returns its value, or None."""

    def __init__(self, draw: Draw, builder: Builder, dtype: DType) -> None:
        self.draw = draw
        self.builder = builder
        self.dtype = dtype
        self.pool: list[Value] = []
        self.truths: list[Expr] = []
        self.indices: list[Expr] = []

    def pick(self, choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def value(self) -> Value:
        """Pick a value; later ones come first when a failure is shrunk."""
        return self.pool[-1 - self.draw(st.integers(0, len(self.pool) - 1))]

    def like(self, shape: tuple[Size, ...]) -> Value:
        """Pick or make a value of a shape."""
        fit = [v for v in self.pool if v.shape == shape]
        if fit and self.draw(st.booleans()):
            return self.pick(fit)
        small = [v for v in self.pool if v.shape != shape and embeddings(v.shape, shape)]
        if small and self.draw(st.booleans()):
            chosen = self.pick(small)
            axes = self.pick(embeddings(chosen.shape, shape))
            return Value(broadcast_to(chosen.expr, shape, axes), chosen.bound)
        if fit:
            return self.pick(fit)
        number = self.pick((0.5, -1.0, 2.0, 1.0, 0.0))
        return Value(self.builder.const(number, Type(self.dtype, shape)), 2.0)

    def unary(self) -> Value | None:
        x = self.value()
        name = self.pick(tuple(UNARY))
        bound = UNARY[name](x.bound)
        return Value(OPS[name](x.expr), bound) if bound <= LIMIT else None

    def binary(self) -> Value | None:
        a = self.value()
        b = self.like(a.shape)
        a, b = (a, b) if self.draw(st.booleans()) else (b, a)
        name = self.pick(tuple(BINARY))
        bound = BINARY[name](a.bound, b.bound)
        return Value(OPS[name](a.expr, b.expr), bound) if bound <= LIMIT else None

    def divide(self) -> Value:
        a = self.value()
        b = self.like(a.shape)
        return Value(a.expr / (1.5 + b.expr * b.expr), a.bound)

    def compare(self) -> None:
        a = self.value()
        b = self.like(a.shape)
        name = self.pick(("less", "less_equal", "greater", "greater_equal", "not_equal"))
        self.truths.append(OPS[name](a.expr, b.expr))

    def logic(self) -> None:
        if self.truths:
            a = self.pick(self.truths)
            b = self.pick([t for t in self.truths if t.shape == a.shape])
            self.truths.append(self.pick((a & b, a | b, ~a)))

    def choose(self) -> Value | None:
        if not self.truths:
            return None
        where = self.pick(self.truths)
        a, b = self.like(where.shape), self.like(where.shape)
        return Value(OPS["select"](where, a.expr, b.expr), max(a.bound, b.bound))

    def convert(self) -> Value | None:
        sources = [t for t in self.truths if t.shape in SHAPES]
        if not sources:
            return Value(OPS["astype"](self.builder.dim(N), dtype=self.dtype), MOST)
        return Value(OPS["astype"](self.pick(sources), dtype=self.dtype), 1.0)

    def reduce(self) -> Value | None:
        x = self.value()
        axes = tuple(k for k in range(len(x.shape)) if self.draw(st.booleans()))
        name = self.pick(("sum", "max", "min", "mean", "logsumexp", "prod", "prod", "var"))
        attrs = {"ddof": 0} if name == "var" else {}
        bound = x.bound * (MOST ** len(axes) if name == "sum" else 1) + 3
        if name == "prod":
            x, bound = Value(OPS["sin"](x.expr), 1.0), 1.0
        elif name == "var":
            bound = x.bound**2
        return Value(OPS[name](x.expr, axes=axes, **attrs), bound) if bound <= LIMIT else None

    def running(self) -> Value | None:
        """Fold along an axis."""
        x = self.value()
        if not x.shape or x.bound * 3 * MOST > LIMIT:
            return None
        axis = self.pick(range(len(x.shape)))
        if self.draw(st.booleans()):
            return Value(OPS["cumprod"](OPS["sin"](x.expr), axis=axis), 1.0)
        found = OPS["cumsum"](x.expr, axis=axis, reverse=self.draw(st.booleans()))
        return Value(found, x.bound * 3 * MOST)

    def regular(self) -> Expr:
        """Return a matrix S = tanh(x) tanh(x)ᵀ + 2 of a drawn value, well conditioned."""
        x = self.pick([v for v in self.pool if len(v.shape) == 2])
        y = OPS["tanh"](x.expr)
        size = x.shape[0]
        kind = Type(DType.I64, (size, size))
        at = [
            self.builder.node(OPS["iota"], (), {"shape": kind.shape, "axis": k}, kind)
            for k in (0, 1)
        ]
        unit = OPS["astype"](OPS["equal"](*at), dtype=self.dtype)
        return OPS["matmul"](y, OPS["transpose"](y, order=(1, 0))) + 2 * unit

    def routine(self) -> Value:
        """Solve, invert or factor, or take a determinant or the values in order."""
        x = self.value()
        if len(x.shape) == 1:
            order = OPS["argsort"](OPS["stop_gradient"](x.expr), axis=0)
            return Value(OPS["index"](x.expr, order, spec=(At(0),)), x.bound)
        matrix = self.regular()
        name = self.pick(("solve", "inv", "logabsdet", "cholesky"))
        if name != "solve":
            return Value(OPS[name](matrix), 8.0)
        b = self.like(matrix.shape[:1] if self.draw(st.booleans()) else matrix.shape)
        return Value(OPS["solve"](matrix, b.expr), MOST * b.bound)

    def normalise(self) -> Value | None:
        x = self.value()
        if not x.shape:
            return None
        axes = (self.pick(range(len(x.shape))),)
        name, bound = self.pick((("softmax", 1.0), ("log_softmax", 2 * x.bound + 3)))
        return Value(OPS[name](x.expr, axes=axes), bound) if bound <= LIMIT else None

    def view(self) -> Value:
        x = self.value()
        if len(x.shape) == 2 and self.draw(st.booleans()):
            return Value(OPS["transpose"](x.expr, order=(1, 0)), x.bound)
        shapes = [s for s in SHAPES if embeddings(x.shape, s)]
        if shapes and self.draw(st.booleans()):
            shape = self.pick(shapes)
            return Value(
                broadcast_to(x.expr, shape, self.pick(embeddings(x.shape, shape))), x.bound
            )
        flat: Size = 1
        for size in x.shape:
            flat = flat * size
        shape = self.pick(((flat,), (1, *x.shape), (*x.shape, 1)))
        return Value(OPS["reshape"](x.expr, shape=shape), x.bound)

    def matmul(self) -> Value | None:
        a = self.value()
        fit = [
            v
            for v in self.pool
            if a.shape and v.shape and len(a.shape) < 3 and len(v.shape) < 3
            if v.shape[-2 if len(v.shape) > 1 else -1] == a.shape[-1]
        ]
        if not fit:
            return None
        b = self.pick(fit)
        bound = a.bound * b.bound * 3 * MOST
        return Value(OPS["matmul"](a.expr, b.expr), bound) if bound <= LIMIT else None

    def spec(self, x: Value, *, repeats: bool = True) -> tuple[Any, list[Expr]] | None:
        """Draw an index into a value, and its run-time indices."""
        if not x.shape:
            return None
        entries: list[Any] = []
        operands: list[Expr] = []
        arrays = [i for i in self.indices if repeats or not i.shape]
        for size in x.shape:
            kind = self.draw(st.integers(0, 4))
            if kind == 4 and arrays and isinstance(size, Dim) and str(size) in "nm":
                taken = [i for i in operands if i.shape]
                entries.append(At(len(operands)))
                operands.append(self.pick([i for i in arrays if not taken or not i.shape] or taken))
            elif kind == 3:
                entries.append(Slice(size - 1, -1, size))
            elif kind == 2 and isinstance(size, int):
                start = self.draw(st.integers(0, size - 1))
                entries.append(Slice(start, 1, self.draw(st.integers(1, size - start))))
            elif kind == 1:
                entries.append(Slice(0, 1, 1))
            else:
                entries.append(whole(size))
        return tuple(entries), operands

    def index(self) -> Value | None:
        x = self.value()
        drawn = self.spec(x)
        if drawn is None:
            return None
        return Value(OPS["index"](x.expr, *drawn[1], spec=drawn[0]), x.bound)

    def write(self) -> Value | None:
        x = self.value()
        name = self.pick(("update", "accumulate"))
        drawn = self.spec(x, repeats=name == "accumulate")  # which of two writes wins is no matter
        if drawn is None:
            return None
        spec, operands = drawn
        part = OPS["index"](x.expr, *operands, spec=spec)
        value = self.like(part.shape)
        bound = x.bound + MOST * value.bound
        if bound > LIMIT:
            return None
        return Value(OPS[name](x.expr, value.expr, *operands, spec=spec), bound)

    def loop(self) -> Value:
        """Run s -> sin(a small random expression in s, a constant and an element)."""
        start = self.value()
        constant = self.like(start.shape)
        row = next((v for v in self.pool if v.shape == (N,)), None)
        inner = Maker(self.draw, Builder("body"), self.dtype)
        i = inner.builder.param("i", Type(DType.I64))
        state = inner.builder.param("s", start.expr.type)
        inner.pool = [Value(state, max(start.bound, 1.0))]
        inner.pool.append(Value(inner.builder.param("c", constant.expr.type), constant.bound))
        constants = [constant.expr]
        if row is not None:
            xs = inner.builder.param("xs", row.expr.type)
            constants.append(row.expr)
            inner.pool.append(Value(OPS["index"](xs, i, spec=(At(0),)), row.bound))
        inner.grow(self.draw(st.integers(0, 4)), (inner.unary, inner.binary, inner.choose))
        last = inner.like(start.shape).expr
        body = inner.builder.finish((OPS["sin"](state * 0.5 + last),))
        zero = self.builder.const(0, Type(DType.I64))
        upper = self.builder.dim(N)
        if row is None:
            upper = self.builder.const(self.draw(st.integers(0, 3)), Type(DType.I64))
        found = OPS["loop"](zero, upper, start.expr, *constants, body=body, carried=1)
        return Value(found.items()[0], max(start.bound, 1.0))

    def grow(self, steps: int, kinds: tuple[Callable[[], Value | None], ...]) -> None:
        """Take steps of these kinds."""
        for _ in range(steps):
            found = self.pick(kinds)()
            if found is not None:
                self.pool.append(found)


UNARY: dict[str, Callable[[float], float]] = {
    "neg": lambda a: a,
    "sin": lambda a: 1.0,
    "tanh": lambda a: 1.0,
    "exp": lambda a: np.exp(min(a, 20.0)),
    "square": lambda a: a * a,
    "sigmoid": lambda a: 1.0,
    "softplus": lambda a: a + 1,
    "abs": lambda a: a,
    "relu": lambda a: a,
    "arctan": lambda a: 2.0,
    "cos": lambda a: 1.0,
    "erf": lambda a: 1.0,
    "sinc": lambda a: 1.0,
    "arcsinh": lambda a: a,
    "log_sigmoid": lambda a: a + 1,
}
BINARY: dict[str, Callable[[float, float], float]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "maximum": max,
    "minimum": max,
    "logaddexp": lambda a, b: max(a, b) + 1,
}


def embeddings(small: tuple[Size, ...], large: tuple[Size, ...]) -> list[tuple[int, ...]]:
    """Return the ways in which the axes of one shape are axes of another, in order."""
    return [
        axes
        for axes in itertools.combinations(range(len(large)), len(small))
        if tuple(large[k] for k in axes) == small
    ]


@st.composite
def graphs(
    draw: Draw, *, scalar: bool = False, max_steps: int = 16, dtype: DType | None = None
) -> tuple[Graph, list[Any]]:
    """Draw a graph of at most about 40 nodes, and arguments for it.

    The float parameters come first. `dtype` is drawn where it is not given.
    """
    builder = Builder("f")
    maker = Maker(draw, builder, dtype or draw(st.sampled_from((DType.F64, DType.F32))))
    for k in range(draw(st.integers(1, 3))):
        shape = draw(st.sampled_from(SHAPES))
        maker.pool.append(Value(builder.param(f"x{k}", Type(maker.dtype, shape)), 2.0))
    carrier = builder.param("sizes", Type(maker.dtype, (N, M)))  # so that n and m are bound
    maker.pool.append(Value(carrier, 2.0))
    maker.indices.append(builder.param("i", Type(DType.I64)))
    maker.indices.append(builder.param("k", Type(DType.I64, (M,))))
    kinds = tuple(getattr(maker, name) for name in KINDS)
    maker.grow(draw(st.integers(min(6, max_steps), max_steps)), kinds)
    graph = builder.finish(_outputs(draw, maker, scalar=scalar))
    lengths = {"n": draw(st.integers(1, MOST)), "m": draw(st.integers(1, MOST))}
    return graph, arguments(graph, lengths, draw(st.integers(0, 2**16)))


KINDS = (
    *("unary", "binary", "binary", "divide", "compare", "logic", "choose", "convert"),
    *("reduce", "normalise", "view", "matmul", "index", "write", "loop", "running"),
    *("routine", "routine"),
)


def _outputs(draw: Draw, maker: Maker, *, scalar: bool) -> list[Expr]:
    """Return some of the newest values, or their sum."""
    count = draw(st.integers(1, 3))
    chosen = [value.expr for value in maker.pool[-count:]]
    return [_total(chosen)] if scalar else chosen


def _total(values: list[Expr]) -> Expr:
    """Return the sum of the sines of some values."""
    total = values[0].builder.const(0.25, Type(values[0].dtype))
    for x in values:
        total = total + OPS["sum"](OPS["sin"](x), axes=tuple(range(len(x.shape))))
    return total


def loss(graph: Graph) -> Graph:
    """Return the graph of a random graph's loss: the sum of the sines of its results."""
    builder = Builder("loss")
    params = [builder.param(str(p.name), p.array_type) for p in graph.params]
    return builder.finish([_total(list(builder.inline(graph, params)))])


def arguments(graph: Graph, lengths: dict[str, int], seed: int) -> list[Any]:
    """Return random arguments: floats in [-2, 2], indices -1 and 0, which every axis has."""
    rng = np.random.default_rng(seed)
    args: list[Any] = []
    for param in graph.params:
        shape = tuple(size_value(size, lengths) for size in param.shape)
        dtype = param.array_type.dtype
        if dtype.is_float:
            args.append(rng.uniform(-2.0, 2.0, shape).astype(dtype.numpy_name))
        elif dtype is DType.BOOL:
            args.append(rng.integers(0, 2, shape).astype(bool))
        elif "size" in param.attrs:
            args.append(np.int64(size_value(param.attrs["size"], lengths)))
        else:
            args.append(np.asarray(rng.integers(-1, 1, shape)))
    assert bind_dims(graph, args).items() <= lengths.items()
    return args
