"""Activity through loops is a fixed point; masks are of use where an unsafe op is further back."""

from __future__ import annotations

from bpcompile.ir.build import Builder
from bpcompile.ir.op import OPS
from bpcompile.ir.type import f64, i64
from bpcompile.transforms.activity import active_nodes, loop_activity, masked_nodes
from tests.transforms.models import loop, params


def test_activity_spreads_through_states_over_iterations():
    b = Builder()
    x, y, z, w = params(b, **dict.fromkeys("xyzw", f64[()]))
    k = b.const(0, i64[()])
    states = {"x": x, "y": y, "z": z, "w": w, "k": k}

    def step(i, x, y, z, w, k):
        return x, y + x, z * y, w + 1.0, k + 1

    last = loop(b, 0, 5, states, {}, step)
    node = last[0].node.args[0]
    flags = [arg is x.node for arg in node.args]
    assert loop_activity(node, flags) == [True, True, True, False, False]
    graph = b.finish(last)
    active = active_nodes(graph, [x.node])
    assert [item.node in active for item in last] == [True, True, True, False, False]
    assert node not in active_nodes(graph, [])


def test_step_functions_end_activity():
    b = Builder()
    (x,) = params(b, x=f64[()])
    (last,) = loop(b, 0, 5, {"s": b.const(0, f64[()])}, {"x": x}, lambda i, s, x: OPS["floor"](x))
    graph = b.finish((last,))
    assert active_nodes(graph, [x.node]) == {x.node}


def test_masks_are_of_use_after_an_unsafe_op():
    b = Builder()
    (x,) = params(b, x=f64[()])
    safe = x + 1.0
    root = OPS["sqrt"](safe)
    after = -root
    graph = b.finish((after,))
    active = active_nodes(graph, [x.node])
    assert masked_nodes(graph, active) == {root.node, after.node}
    assert masked_nodes(graph, active, [x.node]) == active


def test_loop_with_an_unsafe_body():
    for body, useful in ((lambda i, s: s + 1.0, False), (lambda i, s: OPS["sqrt"](s), True)):
        b = Builder()
        (x,) = params(b, x=f64[()])
        (last,) = loop(b, 0, 5, {"s": x}, {}, body)
        graph = b.finish((last,))
        active = active_nodes(graph, [x.node])
        assert (last.node in masked_nodes(graph, active)) is useful
