"""What the command line says, read: functions, types and arguments; nothing is ever evaluated."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpcompile.command import (
    arguments_for,
    arguments_of_size,
    load_function,
    parse_spec,
    parse_value,
    sizes_of,
    specs_for,
)
from bpcompile.errors import ArgumentError, BpcompileError
from bpcompile.ir.type import bool_, f32, f64, i64

MODEL = """
import numpy as np
import bpcompile as bp
from beside import TWO

ANSWER = 42

def loss(w, X, y):
    return np.mean((X @ w - y) ** TWO)

def annotated(x: bp.f64["n"], k: bp.f64[()] = 2.0):
    return np.sum(x * k)

@bp.grad(argnums="b", target="numpy")
def slope(a, b):
    return a * b * b

class Namespace:
    @staticmethod
    def inner(x):
        return x * x
"""


@pytest.fixture
def model(tmp_path):
    (tmp_path / "beside.py").write_text("TWO = 2\n")
    path = tmp_path / "model.py"
    path.write_text(MODEL)
    return path


def load(path, name, *args, **options):
    return load_function(f"{path}:{name}", *args, **options, target="numpy")


def test_functions_are_found_and_differentiated(model):
    w, X, y = np.array([1.0, -1.0]), np.eye(2), np.zeros(2)
    value, gradient = load(model, "loss")(w, X, y)
    assert value == 1.0
    np.testing.assert_allclose(gradient, w)
    both = load(model, "loss", wrt="w,X")(w, X, y)[1]
    assert [g.shape for g in both] == [(2,), (2, 2)]
    assert isinstance(load(model, "loss", "grad", wrt="0,")(w, X, y), tuple)
    assert load(model, "loss", "compile")(w, X, y) == 1.0
    assert load(model, "slope")(2.0, 3.0) == 12.0
    assert load(model, "Namespace.inner", "grad")(3.0) == 6.0


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("model.py", "write FILE:FUNCTION, as model.py:loss"),
        ("", "write FILE:FUNCTION"),
        ("nowhere.py:f", "there is no file nowhere.py"),
        ("{}:nothing", "has no function nothing: it has annotated, loss, slope"),
        ("{}:ANSWER", "is a int: name a function"),
        ("{}:loss.__code__.co_code", "is a bytes: name a function"),
    ],
)
def test_bad_places(model, place, message):
    with pytest.raises(ArgumentError, match=message):
        load_function(place.format(model))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(:\n", r"does not run: SyntaxError: .*\(line 1\)"),
        ("x = 1\nraise ValueError('bad\\nlines')\n", r"does not run: ValueError: bad \(line 2\)"),
        ("import there_is_no_such_module\n", "ModuleNotFoundError"),
    ],
)
def test_files_that_do_not_run(tmp_path, text, message):
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(ArgumentError, match=message) as caught:
        load_function(f"{path}:f")
    assert "\n" not in str(caught.value)


def test_bad_transforms(model):
    with pytest.raises(ArgumentError, match="write one of compile, grad, value_and_grad, vjp, jvp"):
        load(model, "loss", "hessians")
    with pytest.raises(ArgumentError, match="under a transform already"):
        load(model, "slope", wrt="a")
    with pytest.raises(ArgumentError, match="differentiates nothing"):
        load(model, "loss", "compile", wrt="w")
    with pytest.raises(ArgumentError, match="no parameter 'W'"):
        load(model, "loss", wrt="W")
    with pytest.raises(ArgumentError, match="--wrt is empty"):
        load(model, "loss", wrt=" ,")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f64", f64[()]),
        ("f64[]", f64[()]),
        ("f64[()]", f64[()]),
        ("f32[n 3]", f32["n 3"]),
        ("bp.i64[n, d]", i64["n d"]),
        (" bool[n - 1] ", bool_["n - 1"]),
        ("bool_[4]", bool_[4]),
    ],
)
def test_specs(text, expected):
    assert parse_spec(text) == expected


@pytest.mark.parametrize(
    "text", ["", "f65", "f64[n", "float", "f64[n]; x", "f64[__import__('os')]"]
)
def test_bad_specs(text):
    with pytest.raises(BpcompileError):
        parse_spec(text)


def test_specs_of_parameters(model):
    fn = load(model, "loss")
    found = specs_for(fn, ["w=f64[d]", "X=f64[n d]", "y = f64[n]"])
    assert found == {"w": f64["d"], "X": f64["n d"], "y": f64["n"]}
    assert specs_for(load(model, "annotated"), []) == {"x": f64["n"], "k": f64[()]}
    assert specs_for(load(model, "annotated"), ["x=f32[n]"])["x"] == f32["n"]
    with pytest.raises(ArgumentError, match="the type of X is not known: write --spec X='f64"):
        specs_for(fn, ["w=f64[d]"])
    with pytest.raises(ArgumentError, match="the parameters are w, X, y"):
        specs_for(fn, ["v=f64"])
    with pytest.raises(ArgumentError, match="write NAME=TYPE"):
        specs_for(fn, ["f64[n]"])


def test_values():
    assert parse_value("2") == 2
    assert parse_value("-2.5e3") == -2500.0
    assert parse_value("true") is True
    np.testing.assert_array_equal(parse_value("[[1, 2], [3, 4.5]]"), [[1, 2], [3, 4.5]])
    tree = parse_value('{"w": [1, 2], "b": 0.5}')
    assert tree["b"] == 0.5
    assert tree["w"].dtype.kind == "i"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo", "write a number, a JSON list"),
        ("__import__('os')", "write a number"),
        ("[1, [2]]", "rows of an array must have equal lengths"),
        ('["a"]', "holds what is no number"),
        ("null", "holds what is no number"),
        ('"text"', "holds what is no number"),
        ("missing.npy", "there is no file missing.npy"),
        ("[" * 100_000, "write a number"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "write a number"),
    ],
    ids=range(9),
)
def test_bad_values(text, message):
    with pytest.raises(ArgumentError, match=message):
        parse_value(text)


@settings(max_examples=100)
@given(st.text(max_size=40))
def test_any_text_is_a_value_or_a_typed_error(text):
    try:
        parse_value(text)
    except BpcompileError:
        return
    json.loads(text)


def test_files_of_arrays(tmp_path, model):
    w, X = np.array([1.0, 2.0]), np.eye(2)
    np.save(tmp_path / "w.npy", w)
    np.savez(tmp_path / "rest.npz", X=X, y=np.zeros(2))
    fn = load(model, "loss")
    args, keywords = arguments_for(fn, [str(tmp_path / "w.npy"), str(tmp_path / "rest.npz")])
    np.testing.assert_array_equal(args[0], w)
    assert sorted(keywords) == ["X", "y"]
    assert fn(*args, **keywords)[0] == 2.5


def test_pickles_and_broken_files_are_refused(tmp_path, model):
    fn = load(model, "loss")
    np.save(tmp_path / "pickled.npy", np.array([{"a": 1}], object), allow_pickle=True)
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY nonsense")
    (tmp_path / "broken.npz").write_bytes(b"PK nonsense")
    for name in ("pickled.npy", "broken.npy", "broken.npz"):
        with pytest.raises(ArgumentError, match="cannot be read"):
            arguments_for(fn, [str(tmp_path / name)])


def test_whole_numbers_are_floats_where_they_are_differentiated(model):
    fn = load(model, "loss")
    (w, X, y), _ = arguments_for(fn, ["[1, 2]", "[[1, 0], [0, 1]]", "[0, 0]"])
    assert w.dtype == np.float64
    assert X.dtype == y.dtype == np.int64
    (a, b), _ = arguments_for(load(model, "slope"), ["2", "3"])
    assert type(a) is int
    assert type(b) is float
    tree = load(model, "Namespace.inner", "grad")
    ((leaf,),) = (arguments_for(tree, ['{"w": [1], "on": true}'])[0],)
    assert leaf["w"].dtype == np.float64
    assert leaf["on"] is True


# -- arguments by size ---------------------------------------------------------------------------


def test_arguments_of_a_size():
    specs = {"w": f64["d"], "X": f64["n d"], "k": i64[()], "flags": bool_["n"], "s": f32[()]}
    made = arguments_of_size(specs, ["d=3"])(5)
    assert [np.shape(value) for value in made] == [(3,), (5, 3), (), (5,), ()]
    assert made[1].dtype == np.float64
    assert made[3].dtype == np.bool_
    assert isinstance(made[2], int)
    with pytest.raises(ArgumentError, match="d, n are free for --sizes: leave one"):
        arguments_of_size(specs, [])
    with pytest.raises(ArgumentError, match="no dimension is free"):
        arguments_of_size({"x": f64["3"]}, [])
    with pytest.raises(ArgumentError, match="write NAME=LENGTH, as d=10"):
        arguments_of_size(specs, ["d"])


@pytest.mark.parametrize("text", ["", "a", "5:1", "0:10", "1:2:3", "-4", "1e999"])
def test_sizes_that_are_none(text):
    with pytest.raises(ArgumentError, match="write a range as 1e2:1e6"):
        sizes_of(text)
