"""Draw random programs of nested loops, branches and loops with a test over scalars and arrays.

Values live in a pool; a region takes some of it as operands, computes, and gives back values of
given types: new ones, its operands as they were, or operands in another order. Every place of
sharing and overwriting is met by chance. All arithmetic stays bounded, so that values agree.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from bpcompile import ops  # noqa: F401 - fills the table
from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.graph import Graph
from bpcompile.ir.op import OPS
from bpcompile.ir.type import TapeType, f64, i64
from bpcompile.ops.index import At
from tests.emit.building import at, put

F, I, V = f64[()], i64[()], f64[4]
LENGTH = 4
_NAMES = ("x", "y", "s", "t", "a", None, None)


class Program:
    """Hold the choices of one random program."""

    def __init__(self, seed: int) -> None:
        """Start a sequence of choices."""
        self.random = random.Random(seed)

    def graph(self) -> Graph:
        """Return the program, which takes two arrays, two numbers and an integer."""
        builder = Builder("program")
        given = (("p", V), ("q", V), ("u", F), ("w", F), ("m", I))
        pool = [builder.param(name, type) for name, type in given]
        self.block(builder, pool, depth=0)
        return builder.finish(self.picked(pool, [V, V, F, F, I]))

    def arguments(self) -> list[Any]:
        """Return arguments."""
        rng = np.random.default_rng(self.random.randrange(1 << 30))
        return [rng.normal(size=LENGTH), rng.normal(size=LENGTH), 0.7, -0.3, np.int64(2)]

    def block(self, b: Builder, pool: list[Expr], depth: int) -> None:
        """Append statements to a block, whose values are in the pool."""
        for _ in range(self.random.randint(1, 5)):
            kind = self.random.random()
            if kind < 0.45 or depth > 2:
                self.name(pool, self.simple(pool))
            else:
                results = self.random.choice([self.branch, self.loop, self.repeat])(b, pool, depth)
                for result in results:
                    self.name(pool, result)

    def name(self, pool: list[Expr], value: Expr) -> None:
        """Put a value into the pool, at times under a name."""
        name = self.random.choice(_NAMES)
        if name and value.node.name is None and value.node.op.name != "const":
            value.node.name = name
        pool.append(value)

    def one(self, pool: list[Expr], type: Any) -> Expr:
        """Return a value of a type, late ones more often."""
        fitting = [value for value in pool if value.node.type == type]
        return fitting[-1 - min(int(self.random.expovariate(0.7)), len(fitting) - 1)]

    def picked(self, pool: list[Expr], types: list[Any]) -> list[Expr]:
        """Return values of some types."""
        return [self.one(pool, type) for type in types]

    def place(self, pool: list[Expr]) -> Expr:
        """Return an index in range."""
        return OPS["remainder"](self.one(pool, I), LENGTH)

    def simple(self, pool: list[Expr]) -> Expr:
        """Return a value computed without control flow."""
        x, y = self.one(pool, F), self.one(pool, F)
        v = self.one(pool, V)
        match self.random.randrange(10):
            case 0:
                return OPS["sin"](x + y)
            case 1:
                return x * 0.5 - y * 0.25
            case 2:
                return at(v, self.place(pool))
            case 3 | 4 | 5:
                return put(v, OPS["sin"](x), self.place(pool))
            case 6:
                return OPS["sin"](v + self.one(pool, V))
            case 7:
                return OPS["remainder"](self.one(pool, I) * 3 + 1, 7)
            case 8:
                return OPS["sum"](v, axes=(0,)) * 0.2
            case _:
                return OPS["accumulate"](v, x * 0.1, self.place(pool), spec=(At(0),))

    def operands(self, pool: list[Expr]) -> list[Expr]:
        """Return values of each type that a region takes."""
        wanted = [V, V, F, F, I]
        self.random.shuffle(wanted)
        return self.picked(pool, [*wanted, *self.random.choices([V, F], k=1)])

    def region(
        self,
        name: str,
        operands: list[Expr],
        first: list[tuple[str, Any]],
        types: list[Any],
        depth: int,
    ) -> Graph:
        """Return a region over operands that gives back values of some types."""
        b = Builder(name)
        pool = [b.param(own, type) for own, type in first]
        for k, operand in enumerate(operands):
            pool.append(b.param(operand.node.name or f"p{k}", operand.node.type))
        own = list(pool)
        self.block(b, pool, depth + 1)
        outputs = []
        for k, type in enumerate(types):
            kept = own[len(first) + k] if k < len(operands) else None
            stays = kept is not None and kept.node.type == type and self.random.random() < 0.3
            outputs.append(kept if stays and kept is not None else self.one(pool, type))
        return b.finish(outputs)

    def branch(self, b: Builder, pool: list[Expr], depth: int) -> list[Expr]:
        """Return the results of a branch."""
        operands = self.operands(pool)
        types = [e.node.type for e in operands[: self.random.randint(1, 4)]]
        condition = self.one(pool, F) > self.one(pool, F) * 0.5
        arms = {k: self.region(k, operands, [], types, depth) for k in ("then", "otherwise")}
        return list(OPS["branch"](condition, *operands, **arms).items())

    def loop(self, b: Builder, pool: list[Expr], depth: int) -> list[Expr]:
        """Return the results of a counted loop."""
        operands = self.operands(pool)
        carried = self.random.randint(1, 4)
        types = [e.node.type for e in operands[:carried]]
        body = self.region("body", operands, [("i", I)], types, depth)
        upper = self.random.choice([b.const(3, I), OPS["remainder"](self.one(pool, I), 4)])
        ends = (b.const(0, I), upper)
        return list(OPS["loop"](*ends, *operands, body=body, carried=carried).items())

    def repeat(self, b: Builder, pool: list[Expr], depth: int) -> list[Expr]:
        """Return the results of a loop with a test, its tapes summed up by a loop behind it."""
        steps = b.const(0, I)
        operands = [steps, *self.operands(pool)]
        carried = self.random.randint(1, 4)
        kept = self.random.randint(0, 2)
        types = [e.node.type for e in operands[1:carried]]
        rows = self.random.choices([V, F, I], k=kept)
        inner = self.region("body", operands[1:], [("k", I)], [*types, *rows], depth)
        body = Builder("body")
        params = [body.param(p.name or "p", p.type) for p in inner.params]
        results = body.inline(inner, params)
        test = Builder("test")
        k, *rest = (test.param(p.name or "p", p.type) for p in inner.params)
        passes = (k < 5) & (self.one(rest, F) < 0.8) if self.random.random() < 0.5 else k < 3
        found = OPS["while"](
            *operands,
            test=test.finish([passes]),
            body=body.finish([params[0] + 1, *results]),
            carried=carried,
            kept=kept,
            **({"limit": 5} if self.random.random() < 0.3 else {}),
        ).items()
        tapes = [e for e in found if isinstance(e.node.type, TapeType)]
        return [*found[1:carried], *(self.total(b, found[0], tape) for tape in tapes)]

    def total(self, b: Builder, count: Expr, tape: Expr) -> Expr:
        """Return the alternating sum of a tape's rows, last first."""
        inner = Builder("total")
        row = tape.node.type.row
        i, s, n, rows = (
            inner.param(name, type)
            for name, type in (("i", I), ("s", row), ("n", I), ("rows", tape.node.type))
        )
        found = OPS["replay"](rows, n - 1 - i)
        body = inner.finish([found - s])
        start = b.const(0, row)
        return OPS["loop"](b.const(0, I), count, start, count, tape, body=body, carried=1).items()[
            0
        ]
