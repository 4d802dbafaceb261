"""Models with loops, and the oracle: each derivative by a complex step through the interpreter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bpcompile import ops  # noqa: F401  (declares the ops)
from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.dims import Dim
from bpcompile.ir.graph import Graph
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS
from bpcompile.ir.type import Type, f64, i64
from bpcompile.ops.index import At, whole

STEP = 1e-30
N = Dim.named("n")


class Model(NamedTuple):
    """Hold a graph, arguments for it, and which of them are differentiated."""

    graph: Graph
    args: tuple[Any, ...]
    wrt: tuple[int, ...]


def loop(
    builder: Builder,
    lower: int | Expr,
    upper: int | Expr,
    states: Mapping[str, Expr],
    constants: Mapping[str, Expr],
    step: Callable[..., Any],
    index: str = "i",
) -> tuple[Expr, ...]:
    """Append a loop whose body is `step(i, *states, *constants)`."""
    body = Builder("body")
    given = {name: body.param(name, value.type) for name, value in (states | constants).items()}
    i = body.param(index, i64[()])
    body.params.insert(0, body.params.pop())
    found = step(i, *given.values())
    results = found if isinstance(found, tuple) else (found,)
    bounds = [builder.const(b, i64[()]) if isinstance(b, int) else b for b in (lower, upper)]
    operands = (*bounds, *states.values(), *constants.values())
    attrs = {"body": body.finish(results), "carried": len(states)}
    return builder.apply(OPS["loop"], operands, attrs).items()


def at(x: Expr, *indices: Expr) -> Expr:
    """Read at scalar indices of the first axes."""
    return OPS["index"](x, *indices, spec=place(x, len(indices)))


def put(x: Expr, value: Expr | float, *indices: Expr) -> Expr:
    """Write at scalar indices of the first axes."""
    if not isinstance(value, Expr):
        value = x.builder.const(value, x.type.with_shape(x.shape[len(indices) :]))
    return OPS["update"](x, value, *indices, spec=place(x, len(indices)))


def place(x: Expr, count: int) -> tuple[Any, ...]:
    return (*(At(k) for k in range(count)), *(whole(n) for n in x.shape[count:]))


def total(x: Expr) -> Expr:
    return OPS["sum"](x, axes=tuple(range(len(x.shape))))


def size_param(builder: Builder, name: str = "n") -> Expr:
    """Append an int argument that binds the dimension of its name."""
    param = builder.param(name, i64[()])
    param.node.attrs["size"] = Dim.named(name)
    return param


def params(builder: Builder, **types: Type) -> list[Expr]:
    return [builder.param(name, type) for name, type in types.items()]


def derivatives(graph: Graph, args: Sequence[Any], k: int, output: int = 0) -> np.ndarray:
    """Return the derivative of a scalar output in argument `k`, by complex steps."""
    base = [np.asarray(a) for a in args]
    base = [a.astype(complex) if a.dtype.kind == "f" else a for a in base]
    result = np.zeros(base[k].shape)
    for place_ in np.ndindex(base[k].shape):
        moved = list(base)
        moved[k] = base[k].copy()
        moved[k][place_] += 1j * STEP
        result[place_] = interpret(graph, moved, complex_step=True)[output].imag / STEP
    return result


def lorenz() -> Model:
    """Return Runge-Kutta integration of the Lorenz system over a run-time number of steps."""
    b = Builder("lorenz")
    n = size_param(b)
    x, y, z, sigma, rho, beta, h = params(
        b, **dict.fromkeys("xyz", f64[()]), sigma=f64[()], rho=f64[()], beta=f64[()], h=f64[()]
    )

    def step(i, x, y, z, sigma, rho, beta, h):
        def rhs(x, y, z):
            return sigma * (y - x), x * (rho - z) - y, x * y - beta * z

        def moved(u, k, c):
            return tuple(a + c * d for a, d in zip(u, k, strict=True))

        u = (x, y, z)
        k1 = rhs(*u)
        k2 = rhs(*moved(u, k1, h * 0.5))
        k3 = rhs(*moved(u, k2, h * 0.5))
        k4 = rhs(*moved(u, k3, h))
        return tuple(
            a + h / 6.0 * (p + 2.0 * q + 2.0 * r + s)
            for a, p, q, r, s in zip(u, k1, k2, k3, k4, strict=True)
        )

    constants = {"sigma": sigma, "rho": rho, "beta": beta, "h": h}
    last = loop(b, 0, n, {"x": x, "y": y, "z": z}, constants, step)
    graph = b.finish((last[0] * last[1] + last[2],))
    return Model(graph, (6, 1.0, 1.1, 20.0, 10.0, 28.0, 8 / 3, 0.01), tuple(range(1, 8)))


def recurrence() -> Model:
    """Return out[i] = exp(w out[i-1]) x[i]: each place written once and read at the next step."""
    b = Builder("recurrence")
    x, w = params(b, x=f64["n"], w=f64[()])

    def step(i, out, x, w):
        return put(out, OPS["exp"](w * at(out, i - 1)) * at(x, i), i)

    (out,) = loop(b, 1, b.dim(N), {"out": b.const(0.5, x.type)}, {"x": x, "w": w}, step)
    graph = b.finish((total(out * out),))
    return Model(graph, (np.array([0.3, 0.5, -0.4, 0.8, 0.2]), 0.7), (0, 1))


def scan() -> Model:
    """Return a scan: a state, inputs read by index, outputs written by index."""
    b = Builder("scan")
    xs, s, a = params(b, xs=f64["n"], s=f64[()], a=f64[()])

    def step(i, s, ys, xs, a):
        s = OPS["sin"](s * a) + at(xs, i) * s
        return s, put(ys, s * s, i)

    states = {"s": s, "ys": b.const(0, xs.type)}
    last, ys = loop(b, 0, b.dim(N), states, {"xs": xs, "a": a}, step)
    graph = b.finish((total(ys * xs) + OPS["exp"](last),))
    return Model(graph, (np.array([0.3, -0.5, 0.4, 0.8]), 0.9, 1.2), (0, 1, 2))


def power_iteration() -> Model:
    """Return the Rayleigh quotient after a few steps of power iteration."""
    b = Builder("power_iteration")
    a, v = params(b, A=f64["n n"], v=f64["n"])

    def step(i, v, a):
        w = OPS["matmul"](a, v)
        norm = OPS["sqrt"](total(w * w))
        return w / OPS["broadcast"](norm, shape=w.shape, axes=())

    (v1,) = loop(b, 0, 5, {"v": v}, {"A": a}, step)
    graph = b.finish((OPS["matmul"](v1, OPS["matmul"](a, v1)),))
    matrix = np.array([[2.0, 0.3, 0.1], [0.3, 1.5, -0.2], [0.1, -0.2, 1.0]])
    return Model(graph, (matrix, np.array([1.0, 0.5, -0.3])), (0, 1))


def in_place() -> Model:
    """Return sweeps of x[i] = sin(x[i-1]) x[i+1] in place: each place is written in each sweep."""
    b = Builder("in_place")
    x, w = params(b, x=f64["n"], w=f64[()])

    def sweep(t, x, w):
        def step(i, x, w):
            return put(x, OPS["sin"](at(x, i - 1) * w) * at(x, i + 1) + at(x, i), i)

        (x,) = loop(x.builder, 1, x.builder.dim(N - 1), {"x": x}, {"w": w}, step)
        return x

    (x1,) = loop(b, 0, 3, {"x": x}, {"w": w}, sweep, "t")
    graph = b.finish((total(x1 * x1),))
    return Model(graph, (np.array([0.5, -0.3, 0.8, 0.2, 0.6]), 0.9), (0, 1))


def triangular() -> Model:
    """Return the log-determinant by elimination without pivots, in loops over k < i, j."""
    b = Builder("triangular")
    (a,) = params(b, A=f64["n n"])

    def eliminate(k, a, log_det):
        def row(i, a, k):
            factor = at(a, i, k) / at(a, k, k)

            def column(j, a, i, k, factor):
                return put(a, at(a, i, j) - factor * at(a, k, j), i, j)

            constants = {"i": i, "k": k, "factor": factor}
            (a,) = loop(a.builder, k, a.builder.dim(N), {"A": a}, constants, column, "j")
            return a

        pivot = at(a, k, k)
        (a,) = loop(a.builder, k + 1, a.builder.dim(N), {"A": a}, {"k": k}, row)
        return a, log_det + OPS["log"](pivot)

    states = {"A": a, "log_det": b.const(0, f64[()])}
    last = loop(b, 0, b.dim(N), states, {}, eliminate, "k")
    matrix = np.array([[2.0, 0.3, 0.1], [0.4, 1.5, -0.2], [0.1, -0.5, 1.0]])
    return Model(b.finish((last[1],)), (matrix,), (0,))


def filled_table() -> Model:
    """Return the sum of a table that two nested loops fill from the row above."""
    b = Builder("filled_table")
    x, y = params(b, x=f64["n"], y=f64["m"])
    table = b.const(0.25, f64["n", "m"])

    def row(i, table, x, y):
        def cell(j, table, x, y, i):
            above, left = at(table, i - 1, j), at(table, i, j - 1)
            here = OPS["exp"](-above) * at(x, i) + left * OPS["sin"](at(y, j))
            return put(table, here, i, j)

        constants = {"x": x, "y": y, "i": i}
        m = Dim.named("m")
        (table,) = loop(x.builder, 1, x.builder.dim(m), {"table": table}, constants, cell, "j")
        return table

    (last,) = loop(b, 1, b.dim(N), {"table": table}, {"x": x, "y": y}, row)
    graph = b.finish((total(last * last),))
    return Model(graph, (np.array([0.3, 0.8, -0.5]), np.array([0.4, 0.9, 0.2, 1.1])), (0, 1))


def partly_active() -> Model:
    """Return a loop of which only one state is differentiated; an int state picks the element."""
    b = Builder("partly_active")
    x, y = params(b, x=f64[()], y=f64["n"])

    def step(i, s, k, unused, y):
        value = at(y, k)
        return s * value + OPS["exp"](-s), k + 1, unused * 0.5

    states = {"s": x, "k": b.const(1, i64[()]), "unused": b.const(1, f64[()])}
    s, _, unused = loop(b, 0, 3, states, {"y": y}, step)
    graph = b.finish((s * unused,))
    return Model(graph, (0.4, np.array([0.3, 1.2, 0.7, -0.4])), (0,))


def from_the_back() -> Model:
    """Return a Horner scheme with run-time bounds that are lengths, the first not zero."""
    b = Builder("from_the_back")
    n = size_param(b)
    c, x = params(b, c=f64["m"], x=f64[()])

    def step(i, s, c, x, n):
        return s * x + at(c, n - i)

    (s,) = loop(b, 2, n, {"s": x * 0.5}, {"c": c, "x": x, "n": n}, step)
    return Model(b.finish((s * s,)), (5, np.arange(1.0, 7.0), 0.7), (1, 2))


MODELS = [
    lorenz,
    recurrence,
    scan,
    power_iteration,
    in_place,
    triangular,
    filled_table,
    partly_active,
    from_the_back,
]
