"""Which loops may run in any order, and which are parted: by their statements."""

from __future__ import annotations

import pytest

from bpcompile import ops  # noqa: F401 - fills the table
from bpcompile.ir.dims import Dim
from bpcompile.ir.graph import Node, Origin
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type
from bpcompile.schedule.accesses import in_any_order
from bpcompile.schedule.arrange import arranged
from bpcompile.schedule.parting import parted
from bpcompile.schedule.places import Workshop
from bpcompile.schedule.ranges import Facts
from bpcompile.schedule.statements import (
    Apply,
    Buffer,
    Fill,
    Fold,
    For,
    If,
    Lit,
    Load,
    Set,
    SizeValue,
    Store,
    Var,
)

N = Dim.named("n")
A, B = Var("a", DType.F64, 1), Var("b", DType.F64, 1)
C = Var("c", DType.F64, 2)
K = Var("k", DType.I64)
I = K.size
V = Var("v", DType.F64)
ONE = Lit(1.0, DType.F64)


def add(array, *index, value=ONE, op="sum"):
    return Fold(Load(array, index), op, value)


def loop_of(body, first=0, end=N):
    return For(K, SizeValue(first), SizeValue(end), list(body), down=True)


def applied(name, *args):
    return Apply(Node(OPS[name], (), {}, Type(DType.F64)), args)


FREE = {
    "stores elsewhere": [Store(A, (I,), ONE), Store(B, (2 * I + 1,), ONE)],
    "reads what it stores": [Set(V, Load(A, (I,))), Store(A, (I,), V)],
    "adds to neighbours": [add(A, I - 1), add(A, I), add(A, I + 1)],
    "adds to one element": [add(A, 0)],
    "reads another array": [Store(A, (I,), Load(B, (I - 1,)))],
    "stores beside": [Store(A, (2 * I,), ONE), Set(V, Load(A, (2 * I + 1,)))],
    "stores below what it reads": [Store(A, (I,), Load(A, (I + N,)))],
    "stores in a row that it does not read": [Store(C, (0, I), Load(C, (1, I + 1)))],
    "rows": [Store(C, (I, 0), ONE), Set(V, Load(C, (I, N - 1)))],
}
ORDERED = {
    "reads the neighbour": [Store(A, (I,), Load(A, (I - 1,)))],
    "adds and reads": [add(A, I + 1), Set(V, Load(A, (I,)))],
    "adds and stores": [add(A, I + 1), Store(A, (I,), ONE)],
    "overwrites one element": [Store(A, (0,), ONE)],
    "stores at data": [Set(J := Var("j", DType.I64), ONE), Store(A, (J.size,), ONE)],
    "stores at data beside": [Set(J, ONE), Store(A, (J.size + I,), ONE)],
    "fills": [Fill(A, 0.0), Set(V, Load(A, (I,)))],
    "multiplies": [add(A, I, op="prod"), add(A, I + 1, op="prod")],
    "columns": [Store(C, (0, I), ONE), Set(V, Load(C, (I, 0)))],
    "in a branch": [If(ONE, [Store(A, (I,), ONE)], [Store(A, (I + 1,), ONE)], [], None)],
    "may raise": [Store(A, (I,), ONE), object()],
}


@pytest.mark.parametrize("name", FREE)
def test_free(name):
    assert in_any_order(loop_of(FREE[name]), Facts())


@pytest.mark.parametrize("name", ORDERED)
def test_ordered(name):
    assert not in_any_order(loop_of(ORDERED[name]), Facts())


def test_inner_counters_do_not_part_the_steps():
    inner = Var("l", DType.I64)
    body = [For(inner, SizeValue(0), SizeValue(N), [Store(A, (I + inner.size,), ONE)])]
    assert not in_any_order(loop_of(body), Facts())
    body = [For(inner, SizeValue(0), SizeValue(N), [Store(C, (I, inner.size), ONE)])]
    assert in_any_order(loop_of(body), Facts())


def summed(*body, shape=(N + 1,), first=0, end=N, carries=()):
    shop = Workshop(Facts())
    shop.buffers.append(Buffer(A, shape, "temp"))
    return arranged(loop_of(body, first, end), shop, carries)


def test_what_is_added_to_one_element_is_summed_first():
    before, loop, after = summed(add(A, 0, value=V), Store(B, (I,), ONE))
    assert isinstance(before, Set)
    assert (loop.body[0].target, loop.body[0].value) == (before.var, V)
    assert (after.target, after.value) == (Load(A, (0,)), before.var)
    assert not loop.down


def test_two_sums_into_one_element_are_one():
    found = summed(add(A, 0), add(A, 0, value=V))
    assert len(found) == 3
    assert [fold.target for fold in found[1].body] == [found[0].var] * 2


def test_elements_that_the_loop_never_comes_to_are_summed():
    assert len(summed(add(A, N), Store(A, (I,), ONE))) == 3
    assert len(summed(add(A, 0), Store(A, (I,), ONE), first=1)) == 3


@pytest.mark.parametrize(
    "body",
    [
        [add(A, 0), Store(A, (I,), ONE)],  # overwritten in the first step
        [add(A, 0), Set(V, Load(A, (I,)))],
        [add(A, I)],
        [add(A, 0, op="max")],
        [add(A, N + 1)],  # not in range, should no step be taken
        [add(A, 0), object()],
    ],
)
def test_other_additions_stay(body):
    (loop,) = summed(*body)
    assert len(loop.body) == len(body)
    assert isinstance(loop.body[0].target, Load)


def test_a_loop_that_carries_a_scalar_keeps_its_order():
    assert summed(Store(A, (I,), ONE), carries=[V])[0].down
    assert not summed(Store(A, (I,), ONE))[0].down


def taken(name, *args, backward=True):
    """Return the application of an op in a backward sweep, or in the model itself."""
    type = Type(DType.F64)
    params = [Node(OPS["param"], (), {}, type) for _ in args]
    origin = Origin("model.py", 1, params[0] if backward else None)
    return Apply(Node(OPS[name], tuple(params), {}, type, origin), args)


def test_a_number_that_a_backward_sweep_adds_up_is_a_sum():
    value = taken("sub", taken("add", V, Load(B, (I,))), Load(A, (I,)))
    (loop,) = summed(Set(V, value), carries=[V])
    assert not loop.down
    assert not loop.ordered
    (fold,) = loop.body
    assert (fold.target, fold.op, fold.value.node.op.name) == (V, "sum", "sub")
    assert fold.value.args == (Load(B, (I,)), Load(A, (I,)))


@pytest.mark.parametrize(
    "body",
    [
        [Set(V, taken("add", V, ONE, backward=False))],  # a sum of the model itself
        [Set(V, taken("mul", V, ONE))],
        [Set(V, taken("add", V, taken("mul", V, ONE)))],
        [Set(V, taken("add", V, ONE)), Store(A, (I,), V)],
        [Set(V, taken("sub", ONE, V))],
    ],
)
def test_any_other_number_waits_for_the_step_before(body):
    (loop,) = summed(*body, carries=[V])
    assert loop.down
    assert loop.ordered


def parts(*body, upper=N):
    shop = Workshop(Facts())
    loop = For(K, SizeValue(1), SizeValue(upper), list(body))
    return parted(loop, shop), shop.buffers


def test_a_stencil_is_parted():
    found, rows = parts(add(A, I + 1, value=V), add(A, I), add(A, I - 1, value=V), add(B, I))
    assert [len(loop.body) for loop in found] == [3, 1, 1]
    assert len(rows) == 1  # both neighbours get one value
    kept = [s for s in found[0].body if isinstance(s, Fold)]
    assert [s.target.index for s in kept] == [(I,), (I,)]
    stored = next(s for s in found[0].body if isinstance(s, Store))
    assert (stored.index, stored.value) == ((I - 1,), V)
    for loop, offset in zip(found[1:], (1, -1), strict=True):
        (again,) = loop.body
        assert again.target.index == (loop.var.size + offset,)
        assert again.value == Load(rows[0].var, (loop.var.size - 1,))


@pytest.mark.parametrize(
    "body",
    [
        [add(A, I), add(A, I)],  # one element
        [add(A, 2 * I), add(A, 2 * I + 1)],  # never the same
        [add(A, I), add(A, I + N)],  # nobody knows how far apart
        [add(A, 0), add(A, 1)],  # sums
        [add(A, I), add(A, I + 1), Set(V, Load(A, (I,)))],  # read as well
        [add(A, I), add(A, I + 1, value=applied("sin", V))],  # no vector code comes of it
        [add(A, I), If(ONE, [add(A, I + 1)], [], [], None)],
    ],
)
def test_others_stay_whole(body):
    found, rows = parts(*body)
    assert (len(found), rows) == (1, [])


def test_a_loop_whose_length_changes_stays_whole():
    found, _ = parts(add(A, I), add(A, I + 1), upper=Dim.named("%7"))
    assert len(found) == 1


@pytest.mark.parametrize("name", FREE)
def test_vector_code_may_come_of_free_loops_alone(name):
    loop = next(s for s in summed(*FREE[name], shape=(1,)) if isinstance(s, For))
    assert not loop.ordered
    assert arranged(loop_of(ORDERED["reads the neighbour"]), Workshop(Facts()), ())[0].ordered
