"""Random programs with nested loops, branches and elements changed in place.

Gradient, tangent and Hessian product against complex steps of the interpreter.
"""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.ir.build import Builder
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS
from bpcompile.ir.type import f64, i64
from bpcompile.ir.verify import verify
from bpcompile.transforms.forward import forward
from bpcompile.transforms.reverse import reverse
from tests.transforms.models import N, at, derivatives, loop, params, put, total

LENGTH = 4


class Program:
    """Write random statements over scalars, arrays of n places and indices within them."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def model(self):
        b = Builder("random")
        x, c, s = params(b, x=f64["n"], c=f64["n"], s=f64[()])
        env = {"a": x * 0.5, "c": c, "s": s, "t": s * c.builder.const(0.3, f64[()])}
        env["k"] = b.const(int(self.rng.integers(LENGTH)), i64[()])
        for _ in range(2):
            env = self.statement(b, env, [], depth=2)
        last = env["s"] + OPS["sin"](env["t"])
        picked = self.rng.random()
        if picked < 0.4:
            last = last + at(env["a"], b.const(1, i64[()]))
        elif picked < 0.8:
            last = last + total(env["a"] * env["a"])
        return b.finish((last,))

    def statement(self, b, env, indices, depth):
        kind = self.rng.choice(["loop", "write", "scalar", "branch", "int", "array"])
        if depth and (kind == "loop" or not indices):
            return self.loop(b, env, indices, depth)
        env = dict(env)
        if kind == "write":
            env["a"] = put(env["a"], self.scalar(env, indices), self.index(env, indices))
        elif kind == "branch":
            where = self.scalar(env, indices) > 0.1
            a, c = self.scalar(env, indices), OPS["sqrt"](self.positive(env, indices))
            env["t"] = OPS["select"](where, a, c)
        elif kind == "int":
            k = env["k"]
            env["k"] = OPS["select"](k + 1 < LENGTH, k + 1, b.const(0, i64[()]))
        elif kind == "array" and self.rng.random() < 0.5:
            env["a"] = OPS["sin"](env["a"]) + env["c"] * 0.1
        else:
            env[self.rng.choice(["s", "t"])] = self.scalar(env, indices)
        return env

    def loop(self, b, env, indices, depth):
        states = [k for k in ("a", "s", "t", "k") if self.rng.random() < 0.8] or ["s"]
        count = int(self.rng.integers(1, 4))
        lower, upper = [(0, b.dim(N)), (0, 3), (1, b.dim(N)), (0, b.dim(N) - 1)][count]
        outer = {f"i{m}": index for m, index in enumerate(indices)}
        constants = {k: v for k, v in env.items() if k not in states} | outer

        def step(i, *values):
            inner = dict(zip([*states, *constants], values, strict=True))
            inside = [*(inner.pop(name) for name in outer), i]
            for _ in range(int(self.rng.integers(1, 4))):
                inner = self.statement(i.builder, inner, inside, depth - 1)
            return tuple(inner[k] for k in states)

        given = {k: env[k] for k in states}
        results = loop(b, lower, upper, given, constants, step, f"j{depth}")
        return env | dict(zip(states, results, strict=True))

    def index(self, env, indices):
        return [*indices, env["k"]][int(self.rng.integers(len(indices) + 1))]

    def scalar(self, env, indices):
        """Return a scalar that stays small."""
        kind = self.rng.integers(6)
        x, y = self.leaf(env, indices), self.leaf(env, indices)
        if kind == 0:
            return OPS["sin"](x * y)
        if kind == 1:
            return OPS["exp"](-(x * x) * 0.5) * 0.7
        if kind == 2:
            return OPS["maximum"](x, y * 0.9 + 0.05)
        if kind == 3:
            return x / (self.positive(env, indices) + 1.0)
        return x * 0.8 + OPS["tanh"](y)

    def positive(self, env, indices):
        value = self.leaf(env, indices)
        return value * value + 0.2

    def leaf(self, env, indices):
        kind = self.rng.integers(4)
        if kind < 2:
            return env["st"[kind]]
        return at(env["ac"[kind - 2]], self.index(env, indices))


def check(seed):
    graph = Program(seed).model()
    rng = np.random.default_rng(seed)
    args = [rng.normal(size=LENGTH), rng.normal(size=LENGTH), np.array(rng.normal())]
    wrt = [0, 1, 2] if seed % 3 else [0, 2]
    joint = reverse(graph, wrt)
    verify(joint)
    value, *gradients = interpret(joint, args)
    np.testing.assert_allclose(value, interpret(graph, args)[0], rtol=1e-14)
    for k, gradient in zip(wrt, gradients, strict=True):
        np.testing.assert_allclose(gradient, derivatives(graph, args, k), rtol=1e-9, atol=1e-11)

    dots = [rng.normal(size=np.shape(args[k])) for k in wrt]
    tangents = forward(graph, wrt)
    verify(tangents)
    along = sum(np.sum(g * d) for g, d in zip(gradients, dots, strict=True))
    assert interpret(tangents, [*args, *dots])[1] == pytest.approx(along, rel=1e-9, abs=1e-11)

    moved = [a.astype(complex) for a in args]
    for k, dot in zip(wrt, dots, strict=True):
        moved[k] = moved[k] + 1e-30j * dot
    expected = [g.imag / 1e-30 for g in interpret(joint, moved, complex_step=True)[1:]]
    twice = reverse(joint, wrt, seeds="input")
    verify(twice)
    found = interpret(twice, [*args, 0.0, *dots])[-len(wrt) :]
    pushed = interpret(forward(joint, wrt), [*args, *dots])[-len(wrt) :]
    for f, p, e in zip(found, pushed, expected, strict=True):
        np.testing.assert_allclose(f, e, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(p, e, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("seed", range(40))
def test_random_program(seed):
    check(seed)


@pytest.mark.nightly
@pytest.mark.parametrize("block", range(20))
def test_many_random_programs(block):
    for seed in range(1000 + 100 * block, 1100 + 100 * block):
        check(seed)
