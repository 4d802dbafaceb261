"""Lengths: which become one, which become guards, what a run-time int can size, what specs need."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.errors import ShapeError, TraceError
from bpcompile.frontend.tracing import Leaf, trace
from bpcompile.ir.type import f64, i64
from tests.tracing import agrees, run, traced

X = np.arange(12.0).reshape(4, 3)
V = np.arange(3.0)
W = np.arange(4.0)


def types(found):
    return [str(param.type) for param in found.graph.params]


def guards(found):
    return [str(guard) for guard in found.graph.guards]


def test_each_length_is_a_dimension_and_one_is_literal():
    found = traced(lambda x, v: (x, v), np.ones((2, 2, 1)), np.ones(2))
    assert types(found) == ["f64[n, d, 1]", "f64[k]"]


def test_lengths_that_must_agree_become_one():
    def model(X, w, b, y):
        return np.sum((X @ w + b - y) ** 2)

    found = agrees(model, X, V, 0.5, W)
    assert types(found) == ["f64[n, d]", "f64[d]", "f64[]", "f64[n]"]
    assert guards(found) == []
    rng = np.random.default_rng(0)
    args = rng.normal(size=(6, 2)), rng.normal(size=2), 1.0, rng.normal(size=6)
    np.testing.assert_allclose(run(found, *args), model(*args), rtol=1e-14)
    with pytest.raises(ShapeError):
        run(found, args[0], args[1], 1.0, args[3][:5])


def test_a_length_may_be_written_in_terms_of_another():
    found = agrees(lambda x, d: x[1:] - x[:-1] - d, W, V)
    assert types(found) == ["f64[n]", "f64[n - 1]"]
    found = agrees(lambda d, x: x[1:] - x[:-1] - d, V, W)
    assert types(found) == ["f64[n]", "f64[n + 1]"]
    found = agrees(lambda x, y: np.concatenate([x, x]) + y, V, np.arange(6.0))
    assert types(found) == ["f64[n]", "f64[2*n]"]
    found = agrees(lambda X, y: X.ravel() * y, X, np.arange(12.0))
    assert types(found) == ["f64[n, d]", "f64[d*n]"]


def test_products_that_no_name_solves_make_lengths_literal():
    found = agrees(lambda a, b: a.ravel() * b.ravel(), X, X.reshape(2, 6))
    assert types(found) == ["f64[4, 3]", "f64[2, 6]"]


def test_literal_lengths_fix_dimensions():
    c = np.arange(3.0)
    found = agrees(lambda x: x * c, V)
    assert types(found) == ["f64[3]"]
    found = agrees(lambda p: (lambda a, b, c: a * b + c)(*p), V)
    assert types(found) == ["f64[3]"]


def test_a_length_of_one_broadcasts():
    found = agrees(lambda x, y: x[1:] + y, np.arange(2.0), W)
    assert types(found)[0] == "f64[2]"
    agrees(lambda x, y: x + y, np.ones((4, 1)), np.ones((1, 3)))
    agrees(lambda x, y: x + y, np.ones((2, 1, 3)), np.ones((4, 1)))


def test_exact_dims_are_literal():
    found = agrees(lambda X, w: X @ w, X, V, dims="exact")
    assert types(found) == ["f64[4, 3]", "f64[3]"]


def test_dimensions_take_the_users_names():
    def model(X, w):
        rows, cols = X.shape
        return X @ w / rows + cols

    assert types(agrees(model, X, V)) == ["f64[rows, cols]", "f64[cols]"]


def test_names_of_dimensions_keep_off_the_parameters():
    found = traced(lambda n, d: n.sum() + d.sum(), X, W)
    assert types(found) == ["f64[k, m]", "f64[p]"]


def test_arithmetic_on_lengths():
    def model(x):
        n = x.shape[0]
        return (
            np.zeros(2 * n + 1), np.zeros((n + 1) * (n - 1)), np.zeros(n // 2), np.zeros(n % 2),
            np.zeros(-n + 5), np.zeros(n**2), x / n, 1 / n, n * 0.5, n - 0.5, np.sqrt(n), x * n,
            n + 1, 2.0**n, n / 2, len(x), float(n) * x, np.float64(2.0) * n, divmod(n, 2),
            max(n, 2), min(n, 3, 9), abs(n), x.size, x.sum() / x.size, np.array([n, 1]), n,
            np.array([3, 4]) * n, np.zeros(max(n, 2)), round(n), isinstance(n, int),
        )  # fmt: skip

    found = agrees(model, np.arange(4.0))
    for y in (np.arange(3.0), np.arange(5.0)):
        want = model(y)
        for got, expected in zip(_flat(run(found, y)), _flat(want), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-14)


def _flat(tree):
    return [leaf for part in tree for leaf in (part if isinstance(part, tuple) else (part,))]


def test_a_question_about_a_length_is_answered_by_the_example():
    def model(x):
        n = len(x)
        if n > 2 and n != 7 and n < 5.5:
            return x[:2].sum()
        return x.sum()

    found = agrees(model, W)
    assert guards(found) == ["n > 2", "n != 7", "n <= 5"]
    line = model.__code__.co_firstlineno + 2
    assert found.graph.guards[0].reason.endswith(f"{__file__}:{line}")


def test_a_comparison_that_fails_is_guarded_too():
    def model(x, y):
        if x.shape == y.shape:
            return x + y
        return x * 2 if len(x) == 7 else x.sum() + y.sum() * (len(y) != 4)

    assert guards(agrees(model, W, V)) == ["n != d", "n != 7", "d != 4"]
    agreeing = agrees(model, W, W + 1)
    assert types(agreeing) == ["f64[n]", "f64[n]"]


def test_squeezing_guards_the_lengths_that_stay():
    found = agrees(lambda x: np.squeeze(x), np.ones((3, 1)))
    assert guards(found) == ["n != 1"]


def test_what_can_be_proved_is_no_guard():
    def model(x):
        n = x.shape[0]
        assert n >= 0
        assert n + 1 > n
        assert 2 * n >= n
        return x[: n + 3], x[n:]

    assert guards(agrees(model, W)) == []


def test_a_length_used_as_an_int_is_known_from_then_on():
    def model(x):
        return sum([x[i] ** i for i in range(len(x))])

    found = agrees(model, W)
    assert types(found) == ["f64[4]"]
    assert types(agrees(lambda x: [r.sum() for r in x], X)) == ["f64[4, d]"]


def test_run_time_ints_size_arrays():
    def model(n, x):
        return np.zeros(n) + x, np.arange(n), np.ones((n, 2 * n)), np.arange(1, n + 1), np.eye(n)

    found = agrees(model, 3, 0.5)
    assert str(found.graph.params[0].attrs["size"]) == "n"
    assert guards(found) == ["n >= 0"]
    for got, want in zip(run(found, 5, 0.5), model(5, 0.5), strict=True):
        np.testing.assert_array_equal(got, want)
    with pytest.raises(ShapeError, match=r"n >= 0"):
        run(found, -1, 0.5)


def test_a_run_time_int_that_must_equal_a_length():
    found = agrees(lambda n, x: np.arange(n) * x, 4, W)
    np.testing.assert_array_equal(run(found, 3, V), np.arange(3) * V)
    with pytest.raises(ShapeError):
        run(found, 3, W)
    c = np.arange(4.0)
    found = agrees(lambda n: np.ones(n) * c, 4)
    assert "n == 4" in guards(found)
    with pytest.raises(ShapeError):
        run(found, 3)


def test_a_negative_length_is_refused():
    with pytest.raises(ShapeError, match=r"`n` \(i64\[\]\) is -2 and the length of an axis"):
        traced(lambda n: np.zeros(n), -2)


def test_a_computed_int_sizes_nothing():
    with pytest.raises(TraceError, match=r"cannot be the length of an axis.*static_argnames"):
        traced(lambda k: np.zeros(np.max(k)), np.array([1, 2]))


def test_shapes_that_do_not_fit():
    def model(features, labels):
        return features * labels

    with pytest.raises(ShapeError) as error:
        traced(model, np.ones((4, 3)), np.ones(5))
    line = model.__code__.co_firstlineno + 1
    assert str(error.value) == (
        f"the shapes in `features * labels` at {__file__}:{line} do not fit together, of `features`"
        " (f64[n, d]), `labels` (f64[k]): d = 3 does not fit k = 5"
    )
    with pytest.raises(
        ShapeError, match=r"the product `X @ w` of `X` .* sums over lengths that dif"
    ):
        traced(lambda X, w: X @ w, X, W)
    with pytest.raises(ShapeError, match=r"does not fit the shape \(5, -1\)"):
        traced(lambda x: x.reshape(5, -1), X)
    with pytest.raises(ShapeError, match=r"does not fit the shape \(7\)"):
        traced(lambda x: x.reshape(7), X)
    with pytest.raises(ShapeError, match=r"cannot be put together"):
        traced(lambda x, y: np.concatenate([x, y]), X, np.ones((2, 5)))
    with pytest.raises(ShapeError, match=r"axis 2 is out of range for `x`"):
        traced(lambda x: x.sum(axis=2), X)


# -- specs -------------------------------------------------------------------------------------


def test_specs_need_no_example():
    found = trace(lambda X, w: X @ w, (Leaf(f64["n d"], "X"), Leaf(f64["d"], "w")))
    assert types(found) == ["f64[n, d]", "f64[d]"]
    np.testing.assert_array_equal(run(found, X, V), X @ V)


def test_specs_that_leave_a_question_open():
    x, y = Leaf(f64["n"], "x"), Leaf(f64["m"], "y")
    with pytest.raises(ShapeError, match=r"write the same name in both specs, such as n for m"):
        trace(lambda x, y: x + y, (x, y))
    with pytest.raises(ShapeError, match=r"whether n == 3 is not known.*write 3 in place of n"):
        trace(lambda x: x * np.arange(3.0), (x,))
    with pytest.raises(ShapeError, match=r"whether n >= 3 is not known.*compile with an example"):
        trace(lambda x: x[2], (x,))
    with pytest.raises(ShapeError, match=r"the length n must be known.*write an integer in its pl"):
        trace(lambda x: list(x), (x,))


def test_specs_in_terms_of_others():
    x, y = Leaf(f64["n"], "x"), Leaf(f64["n - 1"], "y")
    found = trace(lambda x, y: x[1:] * y, (Leaf(f64["n"], "x", W), Leaf(f64["n - 1"], "y", V)))
    assert types(found) == ["f64[n]", "f64[n - 1]"]
    assert y.type.shape != x.type.shape
    found = trace(lambda n: np.ones(n), (Leaf(i64[()], "n"),))
    np.testing.assert_array_equal(run(found, 3), np.ones(3))


def test_exact_leaves_are_literal():
    found = trace(lambda x: x + 1, (Leaf(f64["3"], "x", V, exact=True),))
    assert types(found) == ["f64[3]"]


def test_many_arrays_that_must_agree_take_linear_time():
    arrays = tuple(np.arange(4.0) + k for k in range(300))

    def model(xs):
        total = 0.0
        for x in xs:
            total = total + x
        return total

    found = agrees(model, arrays)
    assert set(types(found)) == {"f64[n]"}


def test_what_holds_for_every_length_is_no_guard():
    def model(x, m):
        n = len(x)
        half, few = n // 2, min(n, 3)
        parts = x[:half], x[half:], x[n // 3 : 2 * n // 3], x[(n + 1) // 2 :], x[max(0, n - 2) :]
        return [part.sum() for part in parts], x[:few].sum(), m[: len(m) // 2, m.shape[1] // 2 :]

    assert guards(agrees(model, np.arange(7.0), X)) == []


def test_a_guard_on_a_quotient_is_one_on_the_length():
    def model(x):
        n = len(x)
        return x[n // 2] + (x[1] if (n - 1) // 2 > 0 else 0.0)

    assert guards(agrees(model, np.arange(7.0))) == ["n >= 1", "n >= 3"]
    assert guards(agrees(model, np.arange(2.0))) == ["n >= 1", "n < 3"]
