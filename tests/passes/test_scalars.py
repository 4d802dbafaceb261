"""Small states of loops become scalars, where each turn treats them by element."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.ir.graph import Graph
from bpcompile.ir.interpret import interpret
from bpcompile.ir.parse import parse
from bpcompile.ir.type import Type
from bpcompile.ir.walk import all_graphs
from bpcompile.passes.dce import drop_dead
from bpcompile.passes.pipeline import LOWER, SIMPLIFY, run, simplify
from bpcompile.passes.scalars import scalar_states
from bpcompile.transforms.reverse import reverse


def spiral(body: str, *, length: int = 2) -> Graph:
    """Return a loop over a state of some length with this body, which ends in `t`."""
    return parse(f"""graph spiral(s: f64[{length}], h: f64[], k: i64[] (size=k)) -> s_end {{
      zero: i64[] = 0
      last: i64[] = dim(size=k)
      l: (f64[{length}]) = loop(zero, last, s, h, carried=1)
        body = graph body(i: i64[], s: f64[{length}], h: f64[]) -> t {{
          {body}
        }}
      s_end: f64[{length}] = item(l, index=0)
    }}""")


BY_ELEMENT = """
  a: f64[1] = index(s, spec=(Slice(0, 1, 1),))
  x: f64[] = reshape(a, shape=())
  b: f64[1] = index(s, spec=(Slice(1, 1, 1),))
  m: f64[1] = neg(b)
  z: f64[2] = 0.0
  u: f64[1] = reshape(x, shape=(1,))
  v: f64[2] = update(z, m, spec=(Slice(0, 1, 1),))
  w: f64[2] = update(v, u, spec=(Slice(1, 1, 1),))
  hh: f64[2] = broadcast(h, axes=(), shape=(2,))
  p: f64[2] = mul(hh, w)
  t: f64[2] = add(s, p)
"""
ARGS = [np.array([1.0, 0.5]), 0.1, 7]


def test_text(golden):
    graph = spiral(BY_ELEMENT)
    found = run(graph, (scalar_states, simplify, drop_dead), verify=True)
    golden(f"{graph}\n\n{found}\n", "spiral", suffix=".txt")
    assert interpret(found, ARGS)[0].tolist() == interpret(graph, ARGS)[0].tolist()
    assert run(found, SIMPLIFY) is found


def test_the_derivative_is_scalar_too():
    graph = spiral(BY_ELEMENT)
    total = parse(
        str(graph).replace("-> s_end {", "-> y {", 1)[:-1] + "y: f64[] = sum(s_end, axes=(0,))}"
    )
    lowered = run(reverse(run(total, SIMPLIFY), [0, 1]), LOWER, verify=True)
    for a, b in zip(interpret(reverse(total, [0, 1]), ARGS), interpret(lowered, ARGS), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)
    bodies = [node.attrs["body"] for node in lowered.nodes if node.op.name == "loop"]
    states = [p.type for body in bodies for p in body.params if p.type.shape == (2,)]
    assert not states


SPREAD = "r: f64[2] = broadcast(q, axes=(), shape=(2,))\nt: f64[2] = mul(r, s)"
KEPT = {
    "largest": f"q: f64[] = max(s, axes=(0,))\n{SPREAD}",
    "run-time index": f"q: f64[] = index(s, i, spec=(At(0),))\n{SPREAD}",
    "reversal": "t: f64[2] = index(s, spec=(Slice(1, -1, 2),))",
}


@pytest.mark.parametrize("name", KEPT)
def test_states_that_are_read_as_a_whole_stay(name):
    graph = spiral(KEPT[name])
    assert scalar_states(graph) is graph


def test_large_states_stay():
    graph = spiral("t: f64[9] = sin(s)", length=9)
    assert scalar_states(graph) is graph


SUMS = {
    "sum": f"p: f64[2] = sin(s)\nq: f64[] = sum(p, axes=(0,))\n{SPREAD}",
    "inner product": f"q: f64[] = matmul(s, s)\n{SPREAD}",
}


@pytest.mark.parametrize("name", SUMS)
def test_states_that_are_summed_are_scalars(name):
    graph = spiral(SUMS[name])
    found = run(graph, SIMPLIFY, verify=True)
    (body,) = (node.attrs["body"] for node in found.nodes if node.op.name == "loop")
    assert not any(node.type.shape for node in body.nodes)
    np.testing.assert_allclose(interpret(found, ARGS)[0], interpret(graph, ARGS)[0], rtol=1e-14)
    assert run(found, SIMPLIFY) is found


def test_single_precision_sums_are_rounded_once():
    graph = parse(str(spiral(SUMS["sum"])).replace("f64", "f32"))
    assert scalar_states(graph) is graph


def test_sums_of_arrays_stay():
    graph = parse("""graph f(a: f64[3], b: f64[3]) -> (y, z) {
      y: f64[] = sum(a, axes=(0,))
      z: f64[] = matmul(a, b)
    }""")
    assert run(graph, SIMPLIFY) is graph


def test_states_of_a_while_and_results_of_a_branch():
    """A point bounces off a wall: the loop carries its place and speed as scalars."""
    graph = parse("""graph bounce(s: f64[2], h: f64[]) -> y {
      w: (f64[2]) = while(s, h, carried=1)
        test = graph test(s: f64[2], h: f64[]) -> more {
          a: f64[1] = index(s, spec=(Slice(0, 1, 1),))
          x: f64[] = reshape(a, shape=())
          end: f64[] = 3.0
          more: bool[] = less(x, end)
        }
        body = graph body(s: f64[2], h: f64[]) -> r {
          a: f64[1] = index(s, spec=(Slice(1, 1, 1),))
          v: f64[] = reshape(a, shape=())
          o: f64[] = 0.0
          c: bool[] = less(v, o)
          b: (f64[2]) = branch(c, s, h)
            then = graph then(s: f64[2], h: f64[]) -> t {
              a: f64[1] = index(s, spec=(Slice(1, 1, 1),))
              m: f64[1] = neg(a)
              t: f64[2] = update(s, m, spec=(Slice(1, 1, 1),))
            }
            otherwise = graph otherwise(s: f64[2], h: f64[]) -> t {
              z: f64[2] = broadcast(h, axes=(), shape=(2,))
              t: f64[2] = add(s, z)
            }
          r: f64[2] = item(b, index=0)
        }
      e: f64[2] = item(w, index=0)
      y: f64[] = sum(e, axes=(0,))
    }""")
    model = run(graph, SIMPLIFY, verify=True)
    lowered = run(reverse(model, [0, 1]), LOWER, verify=True)
    args = [np.array([0.5, -0.7]), 0.3]
    for a, b in zip(interpret(reverse(graph, [0, 1]), args), interpret(lowered, args), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)
    inside = [g for g in all_graphs(lowered) if g is not lowered]
    assert inside
    assert not [n for g in inside for n in g.nodes if isinstance(n.type, Type) and n.shape]
