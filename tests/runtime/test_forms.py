"""Which trees machine code takes apart and puts together, and in which steps."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from dataclasses import dataclass

from bpcompile.frontend.arguments.trees import LEAF, leaves_of
from bpcompile.ir.type import DType, Type
from bpcompile.runtime.forms import Form, Part, can_put, can_take, is_small, steps_of

Pair = namedtuple("Pair", "w b")


@dataclass
class Params:
    w: float = 1.0


VECTOR, SCALAR = Type(DType.F64, (3,)), Type(DType.F64, ())
x3 = 3.0


def test_fixed_parts_are_as_large_as_they_can_be():
    _, tree = leaves_of((0.0, {"a": (x3, [x3]), "b": None}))
    first, part, root = steps_of(tree, [SCALAR, VECTOR, VECTOR], bound=True)
    assert first == 0
    assert isinstance(part, Part)
    assert part.leaves == range(1, 3)
    assert part.structure == leaves_of({"a": (x3, [x3]), "b": None})[1]
    assert root.kind is tuple
    (whole,) = steps_of(tree, [VECTOR] * 3, bound=True)
    assert whole == Part(tree, range(3))
    steps = steps_of(tree, [VECTOR] * 3, bound=False)
    assert [step for step in steps if isinstance(step, int)] == [0, 1, 2]
    assert len(steps) == len(tree.tokens)
    assert not any(isinstance(step, Part) for step in steps)


def test_what_is_taken_apart_and_put_together():
    assert can_take(leaves_of({"a": [x3, (x3, None)], "n": Pair(x3, 1.0)})[1])
    assert not can_take(leaves_of((Params(),))[1])
    assert can_put(leaves_of({"a": [x3, (x3, None)]})[1])
    assert not can_put(leaves_of(Pair(x3, 1.0))[1])
    assert not can_put(leaves_of(OrderedDict(a=1.0))[1])
    assert leaves_of(1.0)[1].tokens == (LEAF,)


def test_a_form_is_small_where_it_has_few_nodes_and_leaves():
    one, many = leaves_of(1.0)[1], leaves_of([1.0] * 200)[1]
    assert is_small(Form((one, one), one))
    assert not is_small(Form((one,), many))
