"""What the reverse sweep reads from arrays as loops leave them: where that is right, and refused.

Each program is also differentiated, and compared with complex steps.
"""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.ir.build import Builder
from bpcompile.ir.dims import Dim
from bpcompile.ir.graph import regions
from bpcompile.ir.op import OPS
from bpcompile.ir.type import f64, i64
from bpcompile.transforms.reverse import reverse
from tests.transforms.control import branch, check, repeat
from tests.transforms.models import N, at, loop, params, put, total

LENGTH = 5


def tapes(graph):
    """Return the shapes of the tapes of a joint graph, in its regions too."""
    found = []
    for node in graph.nodes:
        for _, region in regions(node):
            found += tapes(region)
        if node.op.name == "empty":
            found.append(node.shape)
    return found


def differentiated(step, lower=1, upper=N - 1, after=lambda a: a, shape=("n",)):
    """Check the gradient of a loop over an array, which `step` changes; return its joint graph."""
    b = Builder("model")
    x, c = params(b, x=f64[shape], c=f64["n"])
    k = b.param("k", i64[()])
    constants = {"c": c, "k": k}
    (a,) = loop(b, lower, b.dim(upper), {"a": x * 1.0}, constants, step)
    a = after(a)
    graph = b.finish((total(a * a * 0.5),))
    rng = np.random.default_rng(3)
    for length in (LENGTH, 2):
        x = rng.uniform(0.5, 1.5, (length,) * len(shape))
        check(graph, [x, rng.uniform(0.5, 1.5, length), 1], [0, 1], second=length == LENGTH)
    return reverse(graph, [0, 1])


def back(a, i):
    """Return the index that runs the other way."""
    return a.builder.dim(N - 1) - i


def zero(i):
    return i.builder.const(0, i64[()])


FOUND = {
    "written before": lambda i, a, c, k: put(a, at(a, i - 1) * at(c, i), i),
    "written before, the other way": lambda i, a, c, k: put(
        a, at(a, back(a, i) + 1) * at(c, i), back(a, i)
    ),
    "written twice in the iteration, read between": lambda i, a, c, k: put(
        put(a, at(a, i - 1) * at(c, i), i), at(c, i), i
    ),
    "a place that no iteration writes": lambda i, a, c, k: put(a, at(a, zero(i)) * at(c, i), i),
    "the value written": lambda i, a, c, k: put(a, OPS["exp"](at(c, i)), i),
}
REFUSED = {
    "written in the same iteration": lambda i, a, c, k: put(a, at(a, i) * at(c, i), i),
    "written in the next iteration": lambda i, a, c, k: put(a, at(a, i + 1) * at(c, i), i),
    "written again by a second write": lambda i, a, c, k: put(
        put(a, at(a, i - 1) * at(c, i), i), at(c, i), i - 1
    ),
    "a place that may wrap around": lambda i, a, c, k: put(a, at(a, i - 2) * at(c, i), i),
    "written at a place that nobody knows": lambda i, a, c, k: put(
        put(a, at(a, i - 1) * at(c, i), i), at(c, i), k
    ),
    "read at a place that nobody knows": lambda i, a, c, k: put(a, at(a, k) * at(c, i), i),
    "an index that is not linear": lambda i, a, c, k: put(
        a, at(a, OPS["minimum"](i * i, i - 1)) * at(c, i), i
    ),
    "one arm writes it again": lambda i, a, c, k: branch(
        at(c, i) > 1.0,
        {"a": put(a, at(a, i - 1) * at(c, i), i), "i": i},
        lambda a, i: put(a, 0.5, i - 1),
        lambda a, i: a,
    ),
    "the whole array changes": lambda i, a, c, k: put(a, at(a, i - 1) * at(c, i), i) * 1.01,
}


@pytest.mark.parametrize("step", FOUND.values(), ids=FOUND)
def test_element_that_stays_is_not_kept(step):
    joint = differentiated(step)
    assert not tapes(joint)
    assert "as the steps leave it" in str(joint)


@pytest.mark.parametrize("step", REFUSED.values(), ids=REFUSED)
def test_element_that_may_change_is_kept(step):
    assert tapes(differentiated(step))


def test_branch_that_writes_elsewhere_does_no_harm():
    def step(i, a, c, k):
        a = put(a, at(a, i - 1) * at(c, i), i)
        arms = (lambda a, i: put(a, 0.5, i + 1), lambda a, i: a)
        return branch(at(c, i) > 1.0, {"a": a, "i": i}, *arms)

    assert "as the steps leave it" in str(differentiated(step))


def test_array_that_changes_after_the_loop_is_read_as_it_was():
    def after(a):
        step = lambda i, a: put(a, at(a, i) * 0.5, i)  # noqa: E731 - a step like the others
        return loop(a.builder, 0, a.builder.dim(N), {"a": a}, {}, step)[0] + 1.0

    assert not tapes(differentiated(FOUND["written before"], after=after))


def test_state_of_a_loop_around_is_kept_by_elements():
    """Each sweep overwrites the array: keeping it as a whole would be a copy for each."""

    def sweep(t, a, c, k):
        return loop(a.builder, 1, a.builder.dim(N), {"a": a}, {"c": c, "k": k}, inner)[0]

    inner = FOUND["written before"]
    joint = differentiated(sweep, lower=0, upper=Dim.named("n") - 2)
    assert [len(shape) for shape in tapes(joint)] == [2]


def test_array_of_each_iteration_is_kept_as_a_whole():
    def sweep(t, a, c, k):
        fresh = OPS["exp"](-a)
        (b,) = loop(a.builder, 1, a.builder.dim(N), {"b": fresh}, {"c": c, "k": k}, inner)
        return a * 0.9 + b * 0.1

    inner = FOUND["written before"]
    joint = differentiated(sweep, lower=0, upper=N)
    assert "as the steps leave it" in str(joint)


def elimination(k, a, c, _):
    """Return a step of an elimination without pivots, in place."""

    def row(i, a, k):
        def column(j, a, i, k):
            return put(a, at(a, i, j) - at(a, i, k) * at(a, k, j), i, j)

        a = put(a, at(a, i, k) / (at(a, k, k) + 6.0), i, k)
        given = {"i": i, "k": k}
        return loop(a.builder, k + 1, a.builder.dim(N), {"a": a}, given, column, "j")[0]

    return loop(a.builder, k + 1, a.builder.dim(N), {"a": a}, {"k": k}, row)[0]


def test_elimination_needs_no_tape():
    joint = differentiated(elimination, lower=0, upper=N, shape=("n", "n"))
    assert not tapes(joint)


def test_while_inside_hides_its_writes():
    def step(i, a, c, k):
        def inner(j, a, i, c):
            return j * 2, put(a, at(a, i - 1) * at(c, i), i)

        states = {"j": i, "a": a}
        return repeat(a.builder, states, {"i": i, "c": c}, lambda j, a, i, c: j < i + 1, inner)[1]

    assert tapes(differentiated(step))


class Program:
    """Write random loops over an array whose indices are linear, some of them out of step."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def index(self, builder, indices):
        """Return a linear index within 0 ... n - 1, for loops over 1 ... n - 2."""
        base = indices[int(self.rng.integers(len(indices)))]
        kind = int(self.rng.integers(5))
        shifted = base + int(self.rng.integers(-1, 2))
        return [base, base, shifted, builder.dim(N - 1) - shifted, zero(base)][kind]

    def body(self, a, c, indices, depth):
        b = a.builder
        for _ in range(int(self.rng.integers(1, 3))):
            if depth and self.rng.random() < 0.5:
                a = self.nest(a, c, indices, depth)
                continue
            read = [at(a, *(self.index(b, indices) for _ in a.shape)) for _ in range(2)]
            value = OPS["sin"](read[0] * read[1]) * at(c, indices[-1]) + 0.3 * read[0]
            a = put(a, value, *(self.index(b, indices) for _ in a.shape))
        return a

    def nest(self, a, c, indices, depth):
        outer = {f"i{m}": index for m, index in enumerate(indices)}
        lower = indices[-1] if indices and self.rng.random() < 0.4 else 1
        upper = indices[-1] if indices and self.rng.random() < 0.2 else a.builder.dim(N - 1)

        def step(i, a, c, *known):
            return self.body(a, c, [*known, i], depth - 1)

        return loop(a.builder, lower, upper, {"a": a}, {"c": c} | outer, step, f"j{depth}")[0]


@pytest.mark.parametrize("seed", range(40))
def test_random_places(seed):
    program = Program(seed)
    b = Builder("random")
    shape = ("n",) if seed % 2 else ("n", "n")
    x, c = params(b, x=f64[shape], c=f64["n"])
    last = program.nest(x * 1.0, c, [], 2)
    graph = b.finish((total(last * last),))
    values = program.rng.uniform(0.2, 1.0, (LENGTH,) * len(shape))
    check(graph, [values, program.rng.uniform(0.2, 1.0, LENGTH)], [0, 1], second=seed % 5 == 0)
