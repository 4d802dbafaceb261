from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpcompile.frontend.arguments.closures import OtherStructure, put_together, take_apart
from bpcompile.frontend.arguments.trees import leaves_of


class Point(NamedTuple):
    x: Any
    y: Any


@dataclasses.dataclass
class Layer:
    w: Any
    b: Any


trees = st.recursive(
    st.floats(allow_nan=False) | st.none() | st.sampled_from([(), [], {}]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.builds(Point, inner, inner)
        | st.builds(Layer, inner, inner)
    ),
    max_leaves=12,
)


@given(trees)
def test_taking_apart_agrees_with_flattening(tree):
    leaves, structure = leaves_of(tree)
    assert list(take_apart(structure)(tree)) == leaves


@given(trees)
def test_putting_together_undoes_nesting(tree):
    leaves, structure = leaves_of(tree)
    nested = structure.nest(leaves)
    put = put_together(structure, [None] * len(leaves))
    assert (nested if put is None else put(nested)) == tree
    negated = put_together(structure, [lambda value: -value] * len(leaves))
    expected = structure.unflatten(-leaf for leaf in leaves)
    assert (nested if negated is None else negated(nested)) == expected


def test_tuples_need_nothing():
    structure = leaves_of((1.0, (2.0, (3.0,))))[1]
    assert put_together(structure, [None] * 3) is None
    put = put_together(structure, [None, None, lambda value: -value])
    assert put is not None
    assert put((1.0, (2.0, (3.0,)))) == (1.0, (2.0, (-3.0,)))


def test_empty_parts_are_fresh():
    put = put_together(leaves_of((1.0, []))[1], [None])
    assert put is not None
    assert put((1.0,))[1] is not put((1.0,))[1]


@pytest.mark.parametrize(
    ("made_for", "given_"),
    [
        ({"a": 1.0}, {"b": 1.0}),
        ({"a": 1.0}, {"a": 1.0, "b": 2.0}),
        ((1.0, 2.0), (1.0, 2.0, 3.0)),
        ((1.0, 2.0), [1.0, 2.0]),
        (Point(1.0, 2.0), (1.0, 2.0)),
        (Layer(1.0, 2.0), Point(1.0, 2.0)),
        ((), (1.0,)),
        ({}, {"a": 1.0}),
        (None, 1.0),
        (([1.0],), ((1.0,),)),
    ],
)
def test_closures_refuse_other_trees(made_for, given_):
    with pytest.raises((OtherStructure, KeyError)):
        take_apart(leaves_of(made_for)[1])(given_)
