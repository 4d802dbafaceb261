from __future__ import annotations

import collections
import dataclasses
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpcompile.errors import ArgumentError, LimitError
from bpcompile.frontend.arguments.trees import (
    flatten,
    leaves_like,
    leaves_of,
    leaves_up_to,
    map_leaves,
    unflatten,
)
from bpcompile.ir.type import f64


class Point(NamedTuple):
    x: Any
    y: Any


@dataclasses.dataclass
class Layer:
    w: Any
    b: Any


@dataclasses.dataclass(frozen=True)
class Checked:
    size: Any

    def __post_init__(self):
        if self.size < 0:
            raise ValueError("negative")


@dataclasses.dataclass
class Empty:
    pass


trees = st.recursive(
    st.floats(allow_nan=False) | st.none() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
        | st.builds(Point, inner, inner)
        | st.builds(Layer, inner, inner)
        | st.just(Empty())
    ),
    max_leaves=12,
)


@given(trees)
def test_unflatten_undoes_flatten(tree):
    leaves, paths, structure = flatten(tree, "t")
    assert unflatten(structure, leaves) == tree
    assert len(leaves) == len(paths) == structure.count
    assert len(set(paths)) == len(paths)


@given(trees)
def test_paths_lead_to_their_leaves(tree):
    leaves, paths, _ = flatten(tree, "t")
    for leaf, path in zip(leaves, paths, strict=True):
        assert eval(path, {"t": tree}) is leaf


@given(trees, trees)
def test_equal_structures_have_equal_tokens_and_hashes(first, second):
    one, two = leaves_of(first)[1], leaves_of(second)[1]
    assert (one == two) == (one.tokens == two.tokens)
    assert one != two or hash(one) == hash(two)


def test_dicts_go_by_sorted_keys():
    leaves, paths, structure = flatten({"b": 1, "a": 2}, "p")
    assert (leaves, paths) == ([2, 1], ["p['a']", "p['b']"])
    assert list(structure.unflatten(leaves)) == ["a", "b"]
    assert structure == leaves_of({"a": 0, "b": 0})[1]


def test_keys_that_do_not_compare_have_an_order():
    assert flatten({"a": 1, 2: 2, None: 3})[0] == flatten({None: 3, 2: 2, "a": 1})[0]


def test_none_is_an_empty_tree():
    leaves, structure = leaves_of((None, 1.0))
    assert leaves == [1.0]
    assert structure.unflatten([2.0]) == (None, 2.0)
    assert structure != leaves_of((1.0,))[1]


def test_kinds_of_nodes_are_kept():
    tree = (Point(1, [2]), collections.OrderedDict(z=3), Layer(4, {}))
    rebuilt = map_leaves(lambda v: -v, tree)
    assert rebuilt == (Point(-1, [-2]), collections.OrderedDict(z=-3), Layer(-4, {}))
    assert [type(part) for part in rebuilt] == [Point, collections.OrderedDict, Layer]


def test_a_dataclass_is_rebuilt_without_its_checks():
    assert map_leaves(lambda v: -v, Checked(1)).size == -1


def test_arrays_text_and_types_are_leaves():
    array = np.arange(3.0)
    assert leaves_of([array, "ab", f64["n"]])[0] == [array, "ab", f64["n"]]


def test_nests_as_plain_tuples():
    structure = leaves_of({"a": [1, 2], "b": None, "c": {}, "d": Point(3, 4)})[1]
    assert structure.nest("wxyz") == (("w", "x"), ("y", "z"))
    assert leaves_of(0)[1].nest("w") == "w"
    assert leaves_of(None)[1].nest("") == ()


def _nested(depth: int) -> Any:
    tree: Any = 0.0
    for _ in range(depth):
        tree = [tree]
    return tree


def test_depth_needs_no_stack_and_has_a_limit():
    deep = _nested(900)
    assert leaves_of(deep)[0] == [0.0]
    assert flatten(deep, "d")[1] == ["d" + "[0]" * 900]
    with pytest.raises(LimitError, match="a list is nested more than 1000 levels deep"):
        leaves_of(_nested(1100))
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(LimitError, match="contains itself"):
        leaves_of(loop)


def test_another_structure_is_refused_with_both_shown():
    structure = leaves_of({"a": 1})[1]
    with pytest.raises(ArgumentError, match=r"grad must be nested as \{'a': \*\}, .* as \[\*\]"):
        leaves_like(structure, [1], "grad")
    with pytest.raises(ArgumentError, match=r"out must be nested as \{'a': \*\}, not as \*"):
        leaves_up_to(structure, 1, "out")
    with pytest.raises(ArgumentError, match="2 leaves for a tree of 1"):
        structure.unflatten([1, 2])


def test_none_stands_for_any_part():
    structure = leaves_of((1, {"a": 2, "b": (3, 4)}))[1]
    assert leaves_up_to(structure, None, "out") == [None] * 4
    assert leaves_up_to(structure, (5, {"a": None, "b": None}), "out") == [5, None, None, None]
