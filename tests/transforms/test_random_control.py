"""Random programs of loops, whiles, breaks and branches, nested in each other.

Gradient, tangent and Hessian product against complex steps of the interpreter, before and after
the passes.
"""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.ir.build import Builder
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS
from bpcompile.ir.type import bool_, f64, i64
from bpcompile.passes.pipeline import LOWER, SIMPLIFY, run
from bpcompile.transforms.reverse import reverse
from tests.transforms.control import branch, check, repeat
from tests.transforms.models import N, at, loop, params, put, total

LENGTH = 3


class Program:
    """Write random statements over scalars `s`, `t`, an array `a` and an int `k` below its length.

    Constants are `c`, an array, and the indices of the loops around a statement.
    """

    STATES = ("a", "s", "t", "k")

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def graph(self):
        b = Builder("random")
        x, c, s = params(b, x=f64["n"], c=f64["n"], s=f64[()])
        env = {"a": x * 0.5, "c": c, "s": s, "t": s * 0.3}
        env["k"] = b.const(int(self.rng.integers(LENGTH)), i64[()])
        for _ in range(2):
            env = self.statement(b, env, depth=2)
        last = env["s"] + OPS["sin"](env["t"])
        picked = self.rng.random()
        if picked < 0.4:
            last = last + at(env["a"], b.const(1, i64[()]))
        elif picked < 0.8:
            last = last + total(env["a"] * env["a"])
        return b.finish((last,))

    def statements(self, b, env, depth):
        for _ in range(int(self.rng.integers(1, 4))):
            env = self.statement(b, env, depth)
        return env

    def statement(self, b, env, depth):
        nested = ["loop", "while", "break", "if", "if"] if depth else []
        kind = self.rng.choice([*nested, "write", "scalar", "int", "array", "guarded"])
        if kind in nested:
            write = {"loop": self.loop, "while": self.repeated, "if": self.choice}
            return write.get(kind, self.broken)(b, env, depth - 1)
        env = dict(env)
        if kind == "write":
            env["a"] = put(env["a"], self.scalar(env), self.index(env))
        elif kind == "int":
            k = env["k"]
            env["k"] = OPS["select"](k + 1 < LENGTH, k + 1, b.const(0, i64[()]))
        elif kind == "array":
            env["a"] = OPS["sin"](env["a"]) + env["c"] * 0.1
        elif kind == "guarded":
            x = self.leaf(env) - 0.2
            root = branch(x > 0.0, {"x": x}, lambda x: OPS["sqrt"](x), lambda x: 0.0)
            env["t"] = root * 0.5 + env["t"] * 0.5
        else:
            env[self.rng.choice(["s", "t"])] = self.scalar(env)
        return env

    def choice(self, b, env, depth):
        names = self.some()

        def write(*values):
            inner = dict(zip(env, values, strict=True))
            inner = self.statements(values[0].builder, inner, depth)
            return tuple(inner[k] for k in names)

        def keep(*values):
            return tuple(dict(zip(env, values, strict=True))[k] for k in names)

        arms = [write, write if self.rng.random() < 0.5 else keep]
        found = branch(self.condition(env), env, *arms)
        return env | dict(zip(names, found if isinstance(found, tuple) else (found,), strict=True))

    def loop(self, b, env, depth):
        names = self.some()
        bounds = [(0, b.dim(N)), (0, 2), (1, b.dim(N)), (0, b.dim(N) - 1), (0, env["k"])]
        lower, upper = bounds[int(self.rng.integers(len(bounds)))]
        states = {k: env[k] for k in names}
        rest = {k: v for k, v in env.items() if k not in names}

        def step(i, *values):
            inner = dict(zip([*states, *rest], values, strict=True)) | {f"i{len(env)}": i}
            inner = self.statements(i.builder, inner, depth)
            return tuple(inner[k] for k in names)

        results = loop(b, lower, upper, states, rest, step, f"i{len(env)}")
        return env | dict(zip(names, results, strict=True))

    def broken(self, b, env, depth):
        return self.repeated(b, env, depth, limit=LENGTH)

    def repeated(self, b, env, depth, limit=0):
        """Write a while of at most LENGTH steps, which also ends where a flag is set."""
        names = self.some()
        states = {k: env[k] for k in names} | {"going": b.const(True, bool_[()])}
        rest = {k: v for k, v in env.items() if k not in names}
        counter = f"i{len(env)}"
        states = {counter: b.const(0, i64[()])} | states
        everything = [*states, *rest]

        def test(*values):
            inner = dict(zip(everything, values, strict=True))
            return inner["going"] & (inner[counter] < LENGTH)

        def step(*values):
            inner = dict(zip(everything, values, strict=True))
            i = inner[counter]
            del inner["going"]
            inner = self.statements(i.builder, inner, depth)
            going = self.condition(inner) | (inner["s"] < 0.7)
            return (i + 1, *(inner[k] for k in names), going)

        results = repeat(b, states, rest, test, step, limit)
        return env | dict(zip(names, results[1:], strict=False))

    def some(self):
        return [k for k in self.STATES if self.rng.random() < 0.7] or ["s"]

    def condition(self, env):
        return self.leaf(env) > float(self.rng.normal() * 0.3)

    def indices(self, env):
        return [v for k, v in env.items() if k == "k" or k.startswith("i")]

    def index(self, env):
        found = self.indices(env)
        return found[int(self.rng.integers(len(found)))]

    def scalar(self, env):
        """Return a scalar that stays small."""
        kind = self.rng.integers(5)
        x, y = self.leaf(env), self.leaf(env)
        if kind == 0:
            return OPS["sin"](x * y)
        if kind == 1:
            return OPS["exp"](-(x * x) * 0.5) * 0.7
        if kind == 2:
            return OPS["maximum"](x, y * 0.9 + 0.05)
        if kind == 3:
            return x / (y * y + 1.2)
        return x * 0.8 + OPS["tanh"](y)

    def leaf(self, env):
        kind = self.rng.integers(4)
        if kind < 2:
            return env["st"[kind]]
        return at(env["ac"[kind - 2]], self.index(env))


def check_program(seed):
    graph = Program(seed).graph()
    rng = np.random.default_rng(seed)
    args = [rng.normal(size=LENGTH), rng.normal(size=LENGTH), np.array(rng.normal())]
    wrt = [0, 1, 2] if seed % 3 else [0, 2]
    gradients = check(graph, args, wrt)
    model = run(graph, SIMPLIFY, verify=True)
    check(model, args, wrt)
    lowered = run(reverse(model, wrt), LOWER, verify=True)
    for found, expected in zip(interpret(lowered, args)[1:], gradients, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("seed", [*range(40), 1027, 1177])
def test_random_program(seed):
    check_program(seed)


@pytest.mark.nightly
@pytest.mark.parametrize("block", range(20))
def test_many_random_programs(block):
    for seed in range(1000 + 50 * block, 1050 + 50 * block):
        check_program(seed)
