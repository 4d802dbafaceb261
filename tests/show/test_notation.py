"""Formulas of single gates, as text and as LaTeX."""

from __future__ import annotations

import re

import pytest

from bpcompile import ops  # noqa: F401  (declares the ops)
from bpcompile.ir.build import Builder
from bpcompile.ir.op import OPS
from bpcompile.ir.type import f64, i64
from bpcompile.ops.index import At, Slice, whole
from bpcompile.show.notation import latex_name, latex_of, text_of
from bpcompile.show.textbook import shown_partial
from tests.ops.support import ELEMENTWISE, apply, has_partial, names


def scalars(count=3):
    builder = Builder("f")
    return [builder.param(name, f64[()]) for name in "xyz"[:count]]


CASES = [
    (lambda x, y, z: (x + y) * z, "(x + y) z", r"\left(x + y\right) z"),
    (lambda x, y, z: x / (y + z), "x / (y + z)", r"\frac{x}{y + z}"),
    (lambda x, y, z: x / y * z, "x / y z", r"\frac{x}{y} z"),
    (lambda x, y, z: x - (y - z), "x - (y - z)", r"x - \left(y - z\right)"),
    (lambda x, y, z: -(x + y), "-(x + y)", r"-\left(x + y\right)"),
    (lambda x, y, z: OPS["exp"](-x), "exp(-x)", "e^{-x}"),
    (lambda x, y, z: OPS["square"](x + y), "(x + y)²", r"\left(x + y\right)^2"),
    (lambda x, y, z: OPS["power"](x / y, z), "(x / y)^z", r"{\left(\frac{x}{y}\right)}^{z}"),
    (lambda x, y, z: OPS["log1p"](x * y), "log1p(x y)", r"\log\left(1 + x y\right)"),
    (lambda x, y, z: OPS["sqrt"](x + y), "sqrt(x + y)", r"\sqrt{x + y}"),
    (lambda x, y, z: x * 2.0, "x * 2", r"x \cdot 2"),
    (lambda x, y, z: x * 1e-9, "x * 1e-09", r"x \cdot \left(1 \cdot 10^{-9}\right)"),
    (lambda x, y, z: OPS["maximum"](x, y), "max(x, y)", r"\max\left(x, y\right)"),
]


@pytest.mark.parametrize(("model", "text", "latex"), CASES, ids=[case[1] for case in CASES])
def test_formula(model, text, latex):
    node = model(*scalars()).node
    assert text_of(node, {}) == text
    assert latex_of(node, {}) == latex


def test_labelled_operands_are_not_written_out():
    x, y, z = scalars()
    total = x + y
    labels = {total.node: "s"}
    assert text_of((total * z).node, labels) == "s z"
    assert text_of((-total).node, {total.node: "s_bar"}) == "-s̄"
    assert latex_of((-total).node, {total.node: "s_bar"}) == r"-\bar{s}"
    assert text_of(total.node, labels) == "x + y"


def test_matrices_and_sums():
    builder = Builder("f")
    A, B = builder.param("A", f64["n m"]), builder.param("B", f64["m n"])
    product = OPS["matmul"](A, B)
    back = OPS["matmul"](product, OPS["transpose"](B, order=(1, 0)))
    total = OPS["sum"](product, axes=(0, 1))
    labels = {A.node: "A", B.node: "B", product.node: "C"}
    assert text_of(back.node, labels) == "C Bᵀ"
    assert latex_of(back.node, labels) == r"C B^\top"
    assert text_of(total.node, labels) == "Σ C"
    assert latex_of(total.node, labels) == r"\sum C"


def test_places():
    builder = Builder("f")
    x, i = builder.param("x", f64["n 5"]), builder.param("i", i64[()])
    n = x.shape[0]

    def at(*spec, indices=()):
        return text_of(OPS["index"](x, *indices, spec=spec).node, {x.node: "x", i.node: "i"})

    assert at(At(0), whole(5), indices=(i,)) == "x[i, :]"
    assert at(whole(n), Slice(2, 1, 1)) == "x[:, 2]"
    assert at(whole(n), Slice(1, 1, 4)) == "x[:, 1:]"
    assert at(whole(n), Slice(0, 2, 3)) == "x[:, ::2]"
    assert at(whole(n), Slice(0, 2, 2)) == "x[:, :-1:2]"
    assert at(whole(n), Slice(4, -1, 3)) == "x[:, 4:-4:-1]"
    row = OPS["index"](x, i, spec=(At(0), whole(5)))
    zero = builder.const(0, x.type)
    written = OPS["accumulate"](zero, row, i, spec=(At(0), whole(5)))
    assert text_of(written.node, {row.node: "r", i.node: "i"}) == "r at [i, :]"
    assert "r" in latex_of(written.node, {row.node: "r", i.node: "i"})


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("x", "x"),
        ("loss", r"\mathrm{loss}"),
        ("theta", r"\theta"),
        ("w_1", "w_{1}"),
        ("x2", "x_{2}"),
        ("W_out", r"W_{\mathrm{out}}"),
        ("v12", "v_{12}"),
        ("s_bar", r"\bar{s}"),
        ("x_dot", r"\dot{x}"),
        ("$\\evil{", "?"),
    ],
)
def test_latex_name(name, latex):
    assert latex_name(name) == latex


@pytest.mark.parametrize("op", ELEMENTWISE, ids=names(ELEMENTWISE))
def test_latex_of_every_op_and_of_its_derivatives_is_balanced(op):
    builder = Builder("f")
    types = [f64[()]] * len(op.domain.intervals) if op.domain else [f64[()]]
    params = [builder.param(f"x{k}", type) for k, type in enumerate(types)]
    if op.name in ("logical_and", "logical_or", "logical_xor", "logical_not", "select"):
        params = [p > 0.0 if op.name != "select" or k == 0 else p for k, p in enumerate(params)]
    y = apply(op)(*params)
    shown = [y.node]
    for k, partial in enumerate(op.partials or ()):
        if partial is not None and has_partial(op, k):
            found = shown_partial(y.node, k, partial)(y, *params)
            shown += [found.node] if not isinstance(found, (int, float)) else []
    labels = {p.node: f"x{k}" for k, p in enumerate(params)}
    for node in shown:
        text = latex_of(node, labels)
        assert text.count(r"\left") == text.count(r"\right")
        plain = re.sub(r"\\[{}|]", "", text)
        assert plain.count("{") == plain.count("}")
        assert "?" not in text
