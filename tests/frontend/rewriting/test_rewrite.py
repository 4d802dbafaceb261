"""Rewriting the source: what keeps its meaning, what is found, and what happens without source."""

from __future__ import annotations

import functools
import itertools
import linecache
import sys
import textwrap
import traceback

import numpy as np
import pytest

from bpcompile.errors import TraceError
from bpcompile.frontend.calls import resolve
from bpcompile.frontend.rewriting.rewritten import has_source, rewritten
from bpcompile.frontend.rewriting.source import definition_of
from tests.tracing import agrees, run, traced

V = np.arange(1.0, 4.0)


def decorated(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


def square(x):
    """Square."""
    return np.zeros(len(x)) + x * x


# -- what must go on working ------------------------------------------------------------------


def test_closures_and_nonlocal():
    count = 0

    def model(x):
        nonlocal count
        count += 1
        scale = np.array([x[0], x[1], 1.0])

        def inner(y):
            return y * scale

        def deeper(y):
            def deepest(z):
                return inner(z) + x

            return deepest(y)

        return deeper(x)

    agrees(model, V)
    assert count == 2  # once traced, once run


def test_globals_are_read_late(monkeypatch):
    agrees(lambda x: square(x), V)
    monkeypatch.setitem(globals(), "square", lambda x: np.zeros(3) + x * 3)
    agrees(lambda x: square(x), V)


def test_helpers_lambdas_and_functions_as_arguments():
    def apply_twice(f, x):
        return f(f(x))

    add = lambda a, b: np.array([a[0], a[1], b])  # noqa: E731 - a lambda with a name is under test

    def model(x):
        first = apply_twice(lambda y: np.zeros(3) + max(y[0], y[1]), x)
        second = apply_twice(square, x)
        third = functools.reduce(lambda a, b: a + max(b, 2.0), x, 0.0)
        fourth = sum(map(lambda a: max(a, 1.5), x))  # noqa: C417 - map is under test
        fifth = list(itertools.accumulate(x, lambda a, b: max(a, b)))
        sixth = [f(x) for f in (np.sin, square, lambda y: np.zeros(3) - y)]
        return first, second, third, fourth, fifth, sixth, add(x, 2.0), (lambda: max(x[0], 3.0))()

    agrees(model, V)


def test_decorated_functions():
    @decorated
    def helper(x):
        return np.zeros(3) + max(x[0], x[1])

    @decorated
    def model(x):
        return helper(x) * 2

    agrees(model, V)


def test_functions_under_njit():
    numba = pytest.importorskip("numba")

    @numba.njit
    def helper(x):
        return np.zeros(3) + max(x[0], x[1])

    found = traced(lambda x: helper(x) * 2, V)
    np.testing.assert_array_equal(run(found, V), helper.py_func(V) * 2)


def test_defaults_keywords_stars_and_generators():
    def helper(a, /, b=2.0, *rest, c, d=np.pi, **more):
        return a * b + c * d + sum(rest) + more.get("e", 0.0)

    def parts(x):
        for k in range(3):
            value = x[k] * k
            yield np.array([value, 1.0])

    def model(x):
        args, keywords = (x[0], 3.0, x[1]), {"c": x[2], "e": x[0]}
        first, *others = parts(x)
        return helper(*args, **keywords), helper(x, c=1.0), first, others

    agrees(model, V)


def test_statements():
    def model(x):
        """Do a bit of everything."""
        total: float = 0.0
        k = 0
        while k < 3:
            try:
                total = total + x[k]
            finally:
                k += 1
            if k == 2:
                continue
        for k, y in enumerate(tuple(x)):
            if k == 1:
                break
            total += y
        else:
            total = 0.0
        with np.errstate(all="ignore"):
            a = b = np.zeros(3) + total
        match k:
            case 1:
                c = {"one": a, "two": b}
            case _:
                c = {}
        del k
        assert isinstance(a, np.ndarray), "an array"
        global GLOBAL
        GLOBAL = 3.0
        d = [v * w for v in x for w in (1.0, 2.0)]
        e = {name: max(v[0], 0.0) for name, v in c.items()}

        class Holder:
            value = total * 2

            def get(self):
                return np.array([self.value, GLOBAL])

        return a, b, c, d, e, Holder().get(), (f"{GLOBAL:.1f}", total)[1], x[0] if b is a else x[1]

    agrees(model, V)


def test_chained_and_subscript_targets():
    def model(x):
        data = {"a": {}}
        data["a"]["b"] = y = x * 2
        data["c"], data["d"] = x[0], x[1]
        rows = [[0, 0], [0, 0]]
        rows[1][0] = data["c"]
        rows[0][0:1] = [data["d"]]
        rows[1][1] += data["c"] * 2
        counts = np.zeros((2, 2)).shape
        return y, data["a"]["b"], rows, counts[0]

    agrees(model, V)


def test_order_of_evaluation_of_an_augmented_store():
    log = []

    def note(name, value):
        log.append(name)
        return value

    def model(x):
        log.clear()
        data = [1.0, 2.0]
        note("array", data)[note("index", 1)] += note("value", 3.0)
        note("array", data)[note("index", 0)] = note("value", 4.0)
        return x * data[0] * data[1]

    agrees(model, V)
    assert log == ["array", "index", "value", "value", "array", "index"]


def test_private_names_and_class_cells():
    class Base:
        __scale = 2.0

        def _get(self, x):
            return x * self.__scale

    class Child(Base):
        __scale = 5.0

        def model(self, x):
            __local = super()._get(x)
            return __local + self.__scale * max(x[0], x[1]) + (__class__ is Child)

    agrees(Child().model, V)


def test_docstring_name_and_defaults_are_kept():
    def model(x, scale=2.0, *, shift=1.0):
        """Explain."""
        return x * scale + shift

    form = rewritten(model)
    assert form is not model
    assert form.__doc__ == "Explain."
    assert form.__name__ == "model"
    assert form.__qualname__ == model.__qualname__
    assert form.__defaults__ == (2.0,)
    assert form.__kwdefaults__ == {"shift": 1.0}
    assert form.__globals__ is model.__globals__
    assert rewritten(form) is form


def test_tracebacks_show_the_users_lines():
    def model(x):
        y = x * 2
        return helper(y)

    def helper(y):
        return y + "a"

    with pytest.raises(TypeError) as error:
        traced(model, V)
    frames = [f for f in traceback.extract_tb(error.value.__traceback__) if f.filename == __file__]
    lines = [(f.name, f.lineno, f.line) for f in frames]
    assert (model.__name__, model.__code__.co_firstlineno + 2, "return helper(y)") in lines
    assert (helper.__name__, helper.__code__.co_firstlineno + 1, 'return y + "a"') in lines


def test_cached_by_code():
    def make(scale):
        def model(x):
            return np.zeros(3) + max(x[0], scale)

        return model

    one, two = make(1.0), make(20.0)
    assert rewritten(one).__code__ is rewritten(two).__code__
    agrees(one, V)
    agrees(two, V)


def test_lambdas_in_one_line():
    pair = [lambda x: np.zeros(3) + x, lambda x: np.ones(3) * x]
    same = [lambda x: max(x[0], 1), lambda x: max(x[0], 1)]
    for function in (*pair, *same):
        assert has_source(function)
        agrees(function, V)
    nested = lambda x: (lambda y: (lambda z: max(z, 2.0))(y[0]))(x)  # noqa: E731
    agrees(nested, V)
    wide = lambda x: np.array(  # noqa: E731
        [
            x[0],
            max(x[1], 2.0),
        ]
    )
    agrees(wide, V)


def test_a_deep_expression():
    terms = " + ".join(f"x[{k % 3}]" for k in range(1500))
    name = "<deep expression>"
    text = f"def model(x):\n    total = {terms}\n    return total\n"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    space = {"np": np}
    exec(compile(text, name, "exec"), space)
    found = traced(space["model"], V)
    np.testing.assert_allclose(run(found, V), V.sum() * 500)


# -- without source ---------------------------------------------------------------------------


def plain(text):
    space = {"np": np}
    exec(textwrap.dedent(text), space)
    return space["model"]


def test_without_source_tracing_still_works():
    model = plain("""
        def model(x):
            y = np.exp(x)
            return np.mean(y * 2.0) + len(y)
    """)
    assert not has_source(model)
    assert resolve(model) is model
    agrees(model, V)


def test_without_source_the_error_names_the_form_to_write():
    model = plain("""
        def model(x):
            return np.array([x[0], x[1]])
    """)
    with pytest.raises(TraceError, match=r"write bp\.numpy\.array or bp\.numpy\.asarray"):
        traced(model, V)
    model = plain("""
        import math
        def model(x):
            return math.sin(x[0])
    """)
    with pytest.raises(TraceError, match=r"float\(\) of .*bp\.numpy"):
        traced(model, V)


def test_an_edited_file_is_not_taken_for_the_function(tmp_path):
    path = tmp_path / "edited.py"
    path.write_text("import numpy as np\ndef model(x):\n    return np.exp(x) * 2.0\n")
    space = {}
    exec(compile(path.read_text(), str(path), "exec"), space)
    assert definition_of(space["model"]) is not None
    path.write_text("import numpy as np\ndef model(x):\n    return np.exp(x) * 3.0\n")
    assert definition_of(space["model"]) is None
    agrees(space["model"], V)


def test_sources_that_are_no_function(tmp_path):
    path = tmp_path / "odd.py"
    path.write_text("\n\n(\n")
    code = compile("def model(x):\n    return x\n", str(path), "exec")
    space = {}
    exec(code, space)
    assert definition_of(space["model"]) is None


def test_the_standard_library_is_left_alone():
    assert resolve(textwrap.dedent) is textwrap.dedent
    assert resolve(traceback.extract_tb) is traceback.extract_tb
    assert resolve(len) is not len
    assert resolve(sys.exit) is sys.exit
