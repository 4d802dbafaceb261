from __future__ import annotations

import functools

import numpy as np
import pytest

from bpcompile.errors import ArgumentError
from bpcompile.frontend.arguments.signature import Signature, name_of
from bpcompile.ir.type import f64, i64


def loss(w, X, y, lam=0.1, *more, scale=1.0, **rest):
    return w


def entries(signature, *args, **kwargs):
    return [(e.key, e.name, e.value) for e in signature.bind(args, kwargs)]


def test_positions_and_keywords_meet_in_one_order():
    plain = entries(Signature(loss), 1, 2, 3)
    assert plain == [(0, "w", 1), (1, "X", 2), (2, "y", 3)]
    assert entries(Signature(loss), 1, y=3, X=2) == plain
    assert entries(Signature(loss), y=3, X=2, w=1) == plain


def test_further_arguments_have_names_too():
    found = entries(Signature(loss), 1, 2, 3, 4, 5, 6, zeta=7, scale=8, alpha=9)
    assert found[3:] == [
        (3, "lam", 4),
        (4, "more[0]", 5),
        (5, "more[1]", 6),
        ("alpha", "alpha", 9),
        ("scale", "scale", 8),
        ("zeta", "zeta", 7),
    ]


def test_a_default_stays_the_functions_own():
    assert "lam" not in [name for _, name, _ in entries(Signature(loss), 1, 2, 3)]


def test_a_differentiated_default_is_a_value():
    for selector in ("lam", 3):
        found = entries(Signature(loss, differentiated=(selector,)), 1, 2, 3)
        assert found[3] == (3, "lam", 0.1)


def test_a_default_in_the_middle_may_be_left_out():
    def f(a, b=2, c=3):
        return a

    signature = Signature(f, differentiated=(2,))
    found = signature.bind((1,), {"c": 5})
    assert [(e.key, e.value) for e in found] == [(0, 1), ("c", 5)]
    assert signature.key_of(2, found) == signature.key_of("c", found) == 1


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        (
            (1,),
            {},
            r"f\(a, b\): missing a required argument: 'b'; the call has 1 positional argument$",
        ),
        ((1, 2, 3), {}, r"f\(a, b\): too many positional arguments; the call has 3"),
        ((1, 2), {"a": 3}, r"f\(a, b\): multiple values for argument 'a'"),
        ((1,), {"bb": 3}, r"f\(a, b\): .*'b.?'.* and bb=; did you mean b=\?"),
    ],
)
def test_a_call_that_does_not_fit_is_refused(args, kwargs, message):
    def f(a, b):
        return a

    with pytest.raises(ArgumentError, match=message):
        Signature(f).bind(args, kwargs)


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        (2, r"f\(a, b\) has no argument number 2: its 2 positional parameters count from 0"),
        (-3, "has no argument number -3"),
        ("aa", r"f\(a, b\) has no parameter 'aa': did you mean 'a'\?"),
        ("zzz", "write the name of a parameter"),
    ],
)
def test_a_selector_that_no_call_has_is_refused(selector, message):
    def f(a, b):
        return a

    with pytest.raises(ArgumentError, match=message):
        Signature(f, differentiated=(selector,))
    with pytest.raises(ArgumentError, match=message):
        Signature(f, static=(selector,))


@pytest.mark.parametrize(("selector", "index"), [(0, 0), (1, 1), (-1, 2), ("b", 1), ("args", None)])
def test_selectors_find_their_argument(selector, index):
    def f(a, b, *args):
        return a

    signature = Signature(f, differentiated=(selector,))
    found = signature.bind((1, 2, 3), {})
    if index is None:
        with pytest.raises(ArgumentError, match="has no argument 'args'"):
            signature.key_of(selector, found)
    else:
        assert signature.key_of(selector, found) == index


def test_a_call_without_the_differentiated_argument_is_refused():
    signature = Signature(lambda a, *args: a, differentiated=(2,))
    with pytest.raises(ArgumentError, match="the call has no argument 2 to differentiate"):
        signature.key_of(2, signature.bind((1,), {}))


@pytest.mark.parametrize("static", [(1,), ("n",), (-1,)])
def test_static_arguments_are_marked(static):
    def f(x, n):
        return x

    for args, kwargs in (((1.0, 2), {}), ((1.0,), {"n": 2})):
        found = Signature(f, static=static).bind(args, kwargs)
        assert [entry.static for entry in found] == [False, True]


def test_every_kind_of_callable_has_a_name():
    class Model:
        def __call__(self, x):
            return x

        def method(self, x):
            return x

    partial = functools.partial(functools.partial(loss, 1), 2)
    assert name_of(partial) == "loss"
    assert name_of(Model()) == "Model"
    assert name_of(Model().method) == "method"
    assert Signature(Model().method).positional == ["x"]
    assert Signature(Model()).positional == ["x"]
    assert Signature(partial).positional == ["y", "lam"]


def test_a_builtin_without_signature_takes_positions():
    signature = Signature(np.frompyfunc(lambda a, b: a, 2, 1))
    assert [e.key for e in signature.bind((1, 2), {})] == [0, 1]


MATRIX = f64["n d"]


def test_annotations_are_specs():
    def f(x: MATRIX, y: int, n: i64[()]):
        return x

    found = Signature(f).bind((1, 2, 3), {})
    assert [entry.spec for entry in found] == [f64["n d"], None, i64[()]]


def test_annotations_as_text_are_read_where_they_are_specs():
    def f(x: f64[()], y: Unknown):  # noqa: F821 - what a name under TYPE_CHECKING looks like
        return x

    with pytest.raises(ArgumentError, match=r"the annotations of f cannot be read .*'Unknown'"):
        Signature(f)

    def g(x: Unknown):  # noqa: F821 - the same
        return x

    assert Signature(g).positional == ["x"]
