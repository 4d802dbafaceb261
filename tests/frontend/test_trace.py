"""What a trace takes and gives: trees, names, captured values, and errors that name the line."""

from __future__ import annotations

import dataclasses
import functools
from collections import namedtuple

import numpy as np
import pytest

from bpcompile.errors import TraceError, TypeMismatchError, UnsupportedError
from bpcompile.frontend.tracing import Leaf, trace
from bpcompile.ir.type import f64
from tests.tracing import agrees, leaves, run, traced

V = np.arange(3.0)
SMALL = np.array([1.0, 2.0, 3.0])
LARGE = np.linspace(0.0, 1.0, 20)
SCALE = 2.5


def line_of(function, offset):
    return f"{__file__}:{function.__code__.co_firstlineno + offset}"


def names(found):
    return [node.name for node in found.graph.nodes if node.name]


# -- arguments and results ---------------------------------------------------------------------

Point = namedtuple("Point", "x y")


@dataclasses.dataclass
class Layer:
    w: np.ndarray
    b: float


def test_trees_in_and_out():
    def model(params, point, layer, rest):
        (first, second), flag = rest
        total = params["w"] * point.x + layer.w * layer.b + first
        return {"total": total, "parts": [second, (total, flag)], "point": Point(total, point.y)}

    found = agrees(model, {"w": V, "b": 2.0}, Point(V, 3), Layer(V + 1, 0.5), [(V, 1.5), True])
    assert [param.attrs["name"] for param in found.graph.params] == [
        "params['b']", "params['w']", "point.x", "point.y", "layer.w", "layer.b", "rest[0][0]",
        "rest[0][1]", "rest[1]",
    ]  # fmt: skip


def test_results_that_are_not_traced():
    found = agrees(lambda x: (1, 2.5, True, SMALL, LARGE, None, np.float32(3), [x]), V)
    assert [node.op.name for node in found.graph.outputs][:4] == [
        "const",
        "const",
        "const",
        "table",
    ]
    assert found.captured[0] is not LARGE


def test_a_result_that_is_no_array():
    with pytest.raises(TypeMismatchError, match=r"returns str as result\[1\]"):
        traced(lambda x: (x, "done"), V)
    with pytest.raises(TypeMismatchError, match=r"returns complex as result"):
        traced(lambda x: 1j, V)


def test_static_arguments_are_known():
    def model(x, mode, power):
        return x**power if mode == "up" else x

    found = trace(model, (Leaf(f64["n"], "x", V), "up", 3))
    np.testing.assert_allclose(run(found, V), V**3)


def test_keywords_and_defaults():
    def model(x, *, scale, shift=1.0):
        return x * scale + shift

    found = trace(model, (Leaf(f64["n"], "x", V),), {"scale": Leaf(f64[()], "scale", 2.0)})
    np.testing.assert_allclose(run(found, V, 2.0), V * 2 + 1)


def test_kinds_of_callables():
    class Model:
        def __init__(self, scale):
            self.scale = scale

        def __call__(self, x):
            y = np.zeros(len(x)) + self.scale
            return x * y

        def method(self, x):
            return self(x) + self.__private(x)

        def __private(self, x):
            return max(self.scale, x[0]) * x

        @staticmethod
        def fixed(x):
            return np.array([x[0], x[1]])

        @classmethod
        def made(cls, x):
            return cls(3.0)(x)

    class Child(Model):
        def method(self, x):
            return super().method(x) + super().method(x)

    for function in (
        Model(2.0), Model(2.0).method, Model.fixed, Model.made, Child(1.0).method,
        functools.partial(lambda a, x: a * np.array([x[0], a]), 2.0),
        functools.partial(Model(2.0).method),
    ):  # fmt: skip
        agrees(function, V)


# -- names and lines ---------------------------------------------------------------------------


def test_values_bear_the_users_names():
    def model(X, w):
        z = X @ w
        a, (b, *c) = z + 1, (z * 2, z * 3)
        total = 0.0
        for k, row in enumerate([a, b]):
            part = row * k
            total += part
        h: np.ndarray = total + c[0]
        if (s := h.sum() * 2.0) is not None:
            return s
        return None

    found = agrees(model, np.ones((4, 3)), V)
    assert {"z", "a", "b", "part", "total", "h", "s"} <= set(names(found))


def test_a_callers_name_for_a_result_goes_first():
    def dense(inputs, w):
        out = np.tanh(inputs @ w)
        return out  # noqa: RET504 - the name is under test

    def model(x, w):
        h1 = dense(x, w)
        h2 = dense(h1, w)
        return dense(h2, w)

    found = agrees(model, V, np.eye(3) * 0.5)
    assert [n for n in names(found) if n != "w"] == ["x", "h1", "h2", "out"]


def test_nodes_bear_the_users_line():
    def model(x):
        y = np.exp(
            x,
        )
        z = y + 1.0
        return helper(z)

    def helper(y):
        return np.mean(y)

    found = traced(model, V)
    where = {node.op.name: str(node.origin) for node in found.graph.nodes if node.origin}
    assert where["exp"] == line_of(model, 1)
    assert where["add"] == line_of(model, 4)
    assert where["mean"] == line_of(helper, 1)


# -- captured values ---------------------------------------------------------------------------


def test_captured_values_are_literals_or_hidden_parameters():
    found = agrees(lambda x: x * SCALE + SMALL, V)
    assert len(found.graph.params) == 1
    found = agrees(lambda x: x[0] * LARGE + LARGE[1], V)
    assert [param.name for param in found.graph.params] == ["x", "LARGE"]
    assert len(found.captured) == 1


def test_captured_arrays_are_frozen():
    data = np.arange(20.0)
    found = traced(lambda x: x * data, np.ones(20))
    data[:] = 0.0
    np.testing.assert_array_equal(run(found, np.ones(20)), np.arange(20.0))


def test_a_captured_array_that_changes_while_tracing():
    def model(x):
        data = np.arange(20.0)
        one = x * data
        data[:] = 1.0
        return one + x * data

    agrees(model, np.ones(20))


def test_equal_elements_are_one_constant():
    ones = np.ones(1000)
    found = agrees(lambda x: x * ones, np.arange(1000.0))
    assert found.captured == ()
    zeros = np.zeros(20)
    zeros[3] = -0.0
    assert len(traced(lambda x: x * zeros, np.ones(20)).captured) == 1


def test_captured_values_of_other_dtypes():
    agrees(lambda x: x * np.arange(20, dtype=np.int16), np.ones(20))
    agrees(lambda x: np.where(np.arange(20) % 2 == 0, x, -x), np.ones(20))
    agrees(lambda x: x * np.arange(20.0)[::2], np.ones(10))
    agrees(lambda x: x * np.asfortranarray(np.arange(24.0).reshape(4, 6)), np.ones((4, 6)))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.array([1.0, 2.0, 3.0], dtype=np.float16), "ndarray of dtype float16"),
        (np.array([None]), "ndarray of dtype object"),
        ("a", "str 'a'"),
        (np.ma.masked_array([1.0, 2.0, 3.0]), "MaskedArray is refused"),
        (2**80, "an int of 81 bits"),
    ],
    ids=str,
)
def test_what_cannot_be_captured(value, text):
    def model(weights):
        return weights * value

    with pytest.raises(TypeMismatchError) as error:
        traced(model, V)
    assert text in str(error.value)
    assert line_of(model, 1) in str(error.value)


def test_a_value_of_another_trace():
    kept = []

    def leak(x):
        y = x * 2
        kept.append(y)
        return y

    traced(leak, V)

    def use(x):
        return x + kept[0]

    with pytest.raises(TraceError) as error:
        traced(use, V)
    assert f"`y` of type f64[n] belongs to another trace at {line_of(use, 1)}" in str(error.value)
    with pytest.raises(TraceError, match=r"used after its trace has ended"):
        kept[0] + 1


def test_lists_with_traced_values_in_them():
    def model(x):
        return (
            np.sum([x[0], 2.0, x[1]]),
            np.exp([x[0], 1.0]),
            np.dot([x[0], x[1]], [1.0, x[2]]),
            np.linalg.norm([x[0], x[1]]),
            np.where([True, False], [x[0], 1.0], 0.0),
            np.maximum(0.0, [x, x * 2]),
            np.add.reduce(x),
        )

    agrees(model, V)


def test_known_arrays_are_read_at_traced_indices():
    table = np.arange(40.0).reshape(8, 5)

    def model(x, i, n):
        small = np.array([1.0, 5.0, 7.0])
        return (
            small[i] * x + table[i, 1] + table[:, i].sum() + table[2:4, i][0],
            table[:n, 0],
            small[0],
        )

    agrees(model, V, 1, 2)


# -- what needs a value ------------------------------------------------------------------------


def test_python_control_flow_without_source():
    scope = {}
    exec("def model(x):\n    return x if x[0] > 0 else -x", scope)
    with pytest.raises(TraceError) as error:
        traced(scope["model"], V)
    assert "is not known while the function is traced" in str(error.value)
    assert "the source of this function is not at hand" in str(error.value)
    assert "bp.cond" in str(error.value)


@pytest.mark.parametrize("kind", [float, int])
def test_numbers_of_traced_values(kind):
    def model(x):
        total = x * 1.0
        return kind(total)

    with pytest.raises(TraceError) as error:
        traced(model, V)
    text = f"{kind.__name__}() of `total` (f64[n]) needs its value"
    assert str(error.value).startswith(text)
    assert line_of(model, 2) in str(error.value)
    assert "static_argnames" in str(error.value)


def test_a_run_time_int_where_python_needs_one():
    def model(x, n):
        return sum(x[0] for _ in range(n))

    with pytest.raises(TraceError) as error:
        traced(model, V, 3)
    text = f"the number of steps, `n` (i64[]), is needed as a known int at {line_of(model, 1)}"
    assert text in str(error.value)
    assert "static_argnames" in str(error.value)
    with pytest.raises(TraceError, match=r"`n` .* is needed as a known int"):
        traced(lambda x, n: [1.0, 2.0][n] * x, V, 1)


def test_constants_have_values():
    def model(x):
        ones = np.ones(())
        return x * float(ones) if bool(ones) else x

    agrees(model, V)


def test_printing():
    def model(x):
        y = x * 2
        print("y is", y)
        return y

    with pytest.raises(TraceError) as error:
        traced(model, V)
    assert str(error.value) == (
        f"print of `y` (f64[n]) has no value to show while the function is traced at "
        f"{line_of(model, 2)}: return the value, and print it after the call"
    )


FORMATS = {
    "f-string": lambda y: f"y is {y}",
    "f-string with a spec": lambda y: f"{y:.3f}",
    "str": str,
    "format": lambda y: format(y, ".2f"),
    "str.format": lambda y: "{} and {:5}".format(1, y),  # noqa: UP032 - what is tested
    "percent": lambda y: "%s" % y,  # noqa: UP031 - what is tested
    "join": lambda y: " ".join(map(str, [y])),
}


@pytest.mark.parametrize("name", FORMATS)
def test_the_text_of_a_traced_value(name):
    def model(x):
        y = x * 2
        FORMATS[name](y)
        return y

    with pytest.raises(TraceError) as caught:
        traced(model, V)
    assert str(caught.value).startswith("the text of `y` (f64[n]) needs its value")
    assert "return the value and format it after the call" in str(caught.value)
    assert ".py:" in str(caught.value)


def test_the_text_of_what_is_known_and_of_tracers_for_debuggers():
    kept = []

    def model(x):
        y = x * 2.0
        assert f"{y!r}" == repr(y) == "Tracer(y: f64[n])"
        assert f"{[y]}" == "[Tracer(y: f64[n])]"
        kept.append(y)
        return y

    traced(model, V)
    assert str(kept[0]) == f"{kept[0]}" == repr(kept[0])


def test_printing_what_is_known(capsys):
    def model(x):
        print("rank", x.ndim)
        return x

    traced(model, V)
    assert capsys.readouterr().out == "rank 1\n"


def test_random_numbers():
    def old(x):
        return x + np.random.normal(size=3)  # noqa: NPY002 - refused, whichever way

    def new(x):
        return x + np.random.default_rng().normal(size=3)

    generator = np.random.default_rng(0)

    def captured(x):
        return x + generator.normal(size=3)

    for model, name in ((old, "normal"), (new, "default_rng"), (captured, "normal")):
        with pytest.raises(TraceError) as error:
            traced(model, V)
        assert str(error.value) == (
            f"{name} would draw random numbers once, while the function is traced at "
            f"{line_of(model, 1)}: draw them outside and pass them in as an argument"
        )


def test_unknown_numpy_functions():
    def model(x):
        return np.histogram(x, 3)

    with pytest.raises(UnsupportedError) as error:
        traced(model, V)
    assert f"np.histogram is not known for traced values at {line_of(model, 1)}" in str(error.value)

    with pytest.raises(UnsupportedError, match=r"np.isnat is not known"):
        traced(lambda x: np.isnat(x), V)
    with pytest.raises(UnsupportedError, match=r"np.linalg.eig is not known"):
        traced(lambda x: np.linalg.eig(x), np.eye(2))
    with pytest.raises(UnsupportedError, match=r"ndarray.tobytes is not known"):
        traced(lambda x: x.tobytes(), V)
    with pytest.raises(AttributeError, match=r"no attribute 'grad'"):
        traced(lambda x: x.grad, V)
    with pytest.raises(TraceError, match=r"np.where of `x` .* alone gives arrays whose length"):
        traced(lambda x: np.where(x), V)


def test_unknown_functions_of_scipy():
    special = pytest.importorskip("scipy.special")
    with pytest.raises(UnsupportedError, match=r"scipy.special.jv is not known"):
        traced(lambda x: special.jv(1, x), V)
    linalg = pytest.importorskip("scipy.linalg")
    with pytest.raises(
        UnsupportedError, match=r"scipy.linalg.sqrtm is not known .*compute it outside"
    ):
        traced(lambda x: linalg.sqrtm(x), np.eye(2))


def test_wrong_arguments_of_numpy_functions():
    def model(x):
        return np.sum(x, axes=0)

    with pytest.raises(TypeError):
        traced(model, V)


def test_a_tracer_is_no_array():
    def model(x):
        return SMALL.astype(float).searchsorted(x)

    with pytest.raises(TraceError, match=r"`x` \(f64\[n\]\) cannot become a NumPy array"):
        traced(model, V)


def test_leaves_of_trees_are_named():
    found = leaves(lambda p: p, {"a": 1.0})
    assert repr(found[0]["a"]) == "Leaf(p['a']: f64[])"


def test_generators_and_coroutines_are_no_values():
    def given(x):
        yield x[0]

    async def awaited(x):
        return x[0]

    for model, kind in ((given, "generator"), (awaited, "coroutine")):
        with pytest.raises(TypeMismatchError, match=f"gives a {kind} and no value") as error:
            traced(model, V)
        assert line_of(model, 0) in str(error.value)
