"""What goes on the tape: the cheapest choice, checked against all choices on small bodies."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bpcompile.ir.build import Builder
from bpcompile.ir.dims import Dim
from bpcompile.ir.graph import reachable
from bpcompile.ir.op import OPS
from bpcompile.ir.type import f32, f64, i64
from bpcompile.transforms import keep
from bpcompile.transforms.keep import Region, choose, made_in_passing, typical, work
from bpcompile.transforms.regions import reached
from tests.transforms.models import at, loop, params, put, total


def random_region(seed):
    """Return a body of random scalar ops, and some of its nodes as what the adjoint reads."""
    rng = np.random.default_rng(seed)
    b = Builder()
    i, s, t, c = params(b, i=i64[()], s=f64[()], t=f64[()], c=f64[()])
    pool = [s, t, c]
    for _ in range(7):
        x, y = (pool[k] for k in rng.integers(len(pool), size=2))
        name = rng.choice(["add", "mul", "exp", "sin"])
        pool.append(OPS[name](x, y) if name in ("add", "mul") else OPS[name](x))
    outputs = [pool[-1], pool[-2]]
    graph = b.finish(outputs)
    later = {outputs[0].node: s.node} if seed % 2 else {}
    forward = set(graph.nodes) - {pool[-3].node}
    region = Region(graph, {i.node, c.node}, {s.node, t.node}, forward, later, {i.node})
    inner = [n for n in graph.nodes if n.op.name != "param"]
    return region, [inner[k] for k in sorted(set(rng.integers(len(inner), size=3)))]


def cost_of(region, needed, kept):
    """Return the cost of a choice, or None where something needed is neither kept nor made."""
    costs = keep._Costs(region)
    total_cost, stack, seen = 0, list(needed), set()
    while stack:
        node = stack.pop()
        if node in seen or keep._is_free(node, region.free):
            continue
        seen.add(node)
        if node in kept:
            total_cost += costs.to_keep(node)
        elif node in region.history:
            return None
        else:
            total_cost += costs.to_repeat(node)
            stack += region.sources(node)
    return total_cost


@pytest.mark.parametrize("seed", range(30))
def test_no_other_choice_is_cheaper(seed):
    region, needed = random_region(seed)
    found = cost_of(region, needed, set(choose(region, needed)))
    candidates = [n for n in region.graph.nodes if n not in region.free]
    best = min(
        cost
        for size in range(len(candidates) + 1)
        for kept in itertools.combinations(candidates, size)
        if (cost := cost_of(region, needed, set(kept))) is not None
    )
    assert found == best


def region_of(b, outputs, states, free):
    graph = b.finish(outputs)
    index = {p.node for p in free[:1]}
    free, states = {p.node for p in free}, {s.node for s in states}
    return Region(graph, free, states, set(graph.nodes), {}, moving=index)


def test_array_changed_by_elements_is_not_kept():
    """The iteration reads one element of an array, even if its length is a small number."""
    for shape in (("n",), (100,), (3,)):
        b = Builder()
        i, a = params(b, i=i64[()], a=f64[shape])
        value = OPS["sin"](at(a, i))
        out = put(a, value, i)
        region = region_of(b, [out], [a], [i])
        (kept,) = choose(region, [value.node.args[0]])
        assert kept.op.name == "index"


def test_array_read_as_a_whole_is_kept():
    b = Builder()
    i, a = params(b, i=i64[()], a=f64["n"])
    square = a * a
    region = region_of(b, [put(a, total(square), i)], [a], [i])
    assert choose(region, [square.node]) == [square.node]
    assert choose(region, [a.node, square.node]) == [a.node]


def test_what_depends_on_constants_alone_is_never_kept():
    b = Builder()
    i, s, x, c = params(b, i=i64[()], s=f64[()], x=f64["n"], c=f64[()])
    fixed, cheap, dear = OPS["exp"](c), at(x, i), OPS["exp"](at(x, i))
    region = region_of(b, [s * fixed * cheap * dear], [s], [i, x, c])
    needed = [fixed.node, cheap.node, dear.node]
    assert choose(region, needed) == [dear.node]


def test_what_a_composite_computes_on_its_way_is_not_for_free():
    """The exponential in a sigmoid is in its derivative, too: once with a tape, else twice."""
    b = Builder()
    i, s, c = params(b, i=i64[()], s=f64[()], c=f64[()])
    for op in ("sigmoid", "tanh", "softplus"):
        value = OPS[op](s * c)
        slope = value.node.op.partials[0](value, s * c)
        graph = b.finish([value, slope])
        forward = reachable((value.node,))
        passed = made_in_passing(graph, forward)
        exps = {n for n in graph.nodes if n.op.name == "exp"}
        assert exps
        assert exps <= passed
        assert slope.node not in passed
        region = Region(graph, {i.node, c.node}, {s.node}, forward | passed, {}, {i.node})
        needed = [slope.node, value.node]
        kept = choose(region, needed)
        assert not [n for n in reached(needed, kept) if n in exps and n not in kept]


def test_work_and_sizes():
    n, d = Dim.named("n"), Dim.named("d")
    assert typical(n * d - 1) == keep.TYPICAL_LENGTH**2 - 1
    assert typical(n - 1000) == 1
    b = Builder()
    a, v, k = params(b, a=f32[3, 4], v=f32[4], k=i64[()])
    product = OPS["matmul"](a, v)
    assert work(product.node) == 2 * 3 * 4
    assert work(OPS["sum"](a, axes=(0, 1)).node) == 12
    assert work(OPS["transpose"](a, order=(1, 0)).node) == 0
    assert work(at(v, k).node) == 1
    assert work(put(v, 1.0, k).node) == 1
    assert keep.byte_count(product.type) == 12
    (s,) = loop(b, 2, 7, {"s": at(v, k)}, {}, lambda i, s: s * s)
    assert work(s.node.args[0]) == 5
    (s,) = loop(b, 0, k, {"s": at(v, k)}, {}, lambda i, s: s * s)
    assert work(s.node.args[0]) == keep.TYPICAL_LENGTH
