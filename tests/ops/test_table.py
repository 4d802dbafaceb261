"""Every op of the table: one derivative statement, texts, notation, types, and what it claims."""

from __future__ import annotations

import functools
import math
import re

import numpy as np
import pytest

from bpcompile.errors import CompileError
from bpcompile.ir.build import Builder, Expr
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS, Kind, Op
from bpcompile.ir.type import DType, Type, f64
from bpcompile.passes.expand import expand_composites
from bpcompile.transforms.reverse import reverse
from tests.ops.cases import cases_of
from tests.ops.support import (
    ATTRS,
    ELEMENTWISE,
    apply,
    draw,
    graph_of,
    names,
    params,
    summed,
    takes_bool,
    value,
)

EXPANDED = [op for op in ELEMENTWISE if op.expand is not None]
every_elementwise = pytest.mark.parametrize("op", ELEMENTWISE, ids=names(ELEMENTWISE))

# What the issue of today promises, and what derivative rules need beside it.
VOCABULARY = set(
    """
    add sub mul div neg power exp exp2 expm1 log log1p log2 log10 logaddexp sqrt cbrt square
    reciprocal sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh arctan2
    hypot abs sign maximum minimum select clip floor ceil rint trunc floor_divide remainder fmod
    copysign less less_equal greater greater_equal equal not_equal logical_and logical_or
    logical_not logical_xor isnan isinf isfinite astype sum mean var std max min prod argmax
    argmin any all erf erfc ndtr sigmoid xlogy relu softplus log_sigmoid logsumexp softmax
    log_softmax logit stop_gradient
    """.split()  # noqa: SIM905  (a page of quotation marks would say no more)
)


def test_the_vocabulary_is_there():
    assert set(OPS) >= VOCABULARY


def test_exactly_one_derivative_statement():
    for op in OPS.values():
        said = [op.partials is not None, op.vjp is not None, op.derivative is not None]
        assert sum(said) == 1, op
    with pytest.raises(CompileError, match="exactly one"):
        Op("no_derivative", Kind.ELEMENTWISE, infer=lambda x: x, evaluate=np.sin)


@every_elementwise
def test_domain_notation_and_cost(op):
    count = len(op.domain.intervals)
    assert op.partials is None or len(op.partials) == count
    assert all(low <= high for low, high in op.domain.intervals)  # one number: a whole order
    assert op.doc.endswith(".")
    assert op.cost >= 1
    if op.name != "astype":
        assert len(op.math.needs) == count
        assert "{" not in op.math.pattern.format(*"abc"[:count]).strip("{}")
        shown = op.latex.format(*"abc"[:count])
        assert shown.count("{") == shown.count("}")
        assert all(letter in shown for letter in "abc"[:count])


@every_elementwise
def test_text_is_there_or_an_expansion(op):
    if op.expand is not None or op.name == "astype":
        return
    for text in (op.numba, op.numpy):
        places = {int(k) for k in re.findall(r"\{(\d)\}", text.pattern)}
        assert places == set(range(len(op.domain.intervals))), text
        assert len(text.needs) == len(places)
        # A number in a pattern would widen float32.
        assert not re.search(r"\d\.|\.\d", text.pattern), text
    assert "math." not in op.numpy.pattern


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("op", EXPANDED, ids=names(EXPANDED))
def test_expansion_means_the_same(op, dtype):
    for shape in ((), (0,), (50,), (2, 3)):
        arrays = draw(op, shape, dtype)
        graph = expand_composites(graph_of(apply(op), arrays))
        assert all(node.op.expand is None for node in graph.nodes)
        meant = value(apply(op), arrays)
        np.testing.assert_allclose(
            interpret(graph, arrays)[0], meant, rtol=40 * np.finfo(dtype).eps, strict=True
        )


COMPOSITES = [op for op in OPS.values() if op.expand is not None and op.domain is None]
COMPOSITES.remove(OPS["lstsq"])  # which drops small singular values: in test_factorization


@pytest.mark.parametrize("op", COMPOSITES, ids=names(COMPOSITES))
def test_composites_are_written_out_as_they_mean(op):
    for operands, attrs in cases_of(op):
        for shortest in (None, 1, 0) if "axis" in attrs else (None,):
            for dtype in ("float64", "float32"):
                axis = attrs.get("axis", 0)
                kept = (slice(None),) * axis + (slice(shortest),)
                arrays = [np.asarray(x)[kept].astype(dtype) for x in operands]
                model = functools.partial(op, **attrs)
                meant, written = (value(model, arrays, expanded=form) for form in (False, True))
                tolerance = 100 * np.finfo(dtype).eps
                np.testing.assert_allclose(
                    written, meant, rtol=tolerance, atol=tolerance, strict=True
                )


@every_elementwise
def test_meaning_has_the_type_of_the_rule(op):
    for dtype in DType:
        arrays = draw(op, (3,), dtype.numpy_name)
        types = [Type(DType.BOOL if takes_bool(op, k) else dtype, (3,)) for k in range(len(arrays))]
        try:
            type = op.infer(*types, **ATTRS.get(op.name, {}))
        except CompileError:
            continue
        if dtype is DType.I64:
            arrays = [a if a.dtype == bool else a + 1 for a in arrays]
        if op.name == "astype":
            continue
        with np.errstate(all="ignore"):
            found = np.asarray(op.evaluate(*arrays))
        assert found.shape == (3,)
        assert found.dtype == type.dtype.numpy_name, (op, dtype)


@every_elementwise
def test_operands_must_be_alike(op):
    if len(op.domain.intervals) == 1:
        return
    types = [f64["n"], *[f64["m"]] * (len(op.domain.intervals) - 1)]
    with pytest.raises(CompileError):
        op.infer(*types)


def test_numbers_floats_and_truths_are_told_apart():
    with pytest.raises(CompileError, match="numbers"):
        OPS["add"].infer(Type(DType.BOOL), Type(DType.BOOL))
    with pytest.raises(CompileError, match="floats"):
        OPS["sqrt"].infer(Type(DType.I64))
    with pytest.raises(CompileError, match="bool"):
        OPS["logical_and"].infer(f64[()], f64[()])
    with pytest.raises(CompileError, match="select"):
        OPS["select"].infer(f64[()], f64[()], f64[()])
    with pytest.raises(CompileError, match="floats"):
        OPS["mean"].infer(Type(DType.I64, (3,)), axes=(0,))


@every_elementwise
def test_commutative_and_linear_hold(op):
    a, b = draw(op, (20,)), [x[::-1].copy() for x in draw(op, (20,))]
    if op.commutative:
        np.testing.assert_array_equal(op.evaluate(*a), op.evaluate(*a[::-1]))
    if op.linear and op.name != "astype":
        both = [x + y if k in op.linear else x for k, (x, y) in enumerate(zip(a, b, strict=True))]
        mixed = [y if k in op.linear else x for k, (x, y) in enumerate(zip(a, b, strict=True))]
        np.testing.assert_allclose(op.evaluate(*both), op.evaluate(*a) + op.evaluate(*mixed))


FINITE = [op for op in ELEMENTWISE if op.finite]


@pytest.mark.parametrize("op", FINITE, ids=names(FINITE))
def test_finite_partials_are_finite_at_every_finite_point(op):
    """No partial of such an op is masked: 0 times it must be 0 wherever a mask would matter."""
    assert op.partials is not None
    rng = np.random.default_rng(7)
    exponents = np.arange(-1074, 1024)
    extremes = np.concatenate(
        [
            rng.choice([-1, 1], exponents.size)
            * np.ldexp(rng.uniform(1, 2, exponents.size), exponents),
            [0.0, -0.0, 1.0, -1.0, math.pi / 2],
        ]
    )
    arrays = [rng.permutation(extremes) for _ in op.domain.intervals]
    builder = Builder("f")
    xs = params(builder, arrays)
    y = op(*xs)
    slopes = [partial(y, *xs) for partial in op.partials if partial is not None]
    found = [slope for slope in slopes if isinstance(slope, Expr)]
    results = interpret(expand_composites(builder.finish(found)), arrays)
    at_finite = np.isfinite(interpret(builder.finish((y,)), arrays)[0])
    for result in results:
        assert np.all(np.isfinite(result[at_finite])), op


SHARED = {
    "sigmoid": 1,
    "softplus": 1,
    "log_sigmoid": 1,
    "tanh": 1,
    "logaddexp": 1,
    "ndtr": 2,
    "exp": 1,
}


@pytest.mark.parametrize("name", SHARED)
def test_value_and_slope_share_their_exponentials(name):
    arrays = draw(OPS[name], (3,))
    joint = reverse(graph_of(summed(apply(OPS[name])), arrays), range(len(arrays)))
    nodes = expand_composites(joint).nodes
    assert sum(node.op.name == "exp" for node in nodes) == SHARED[name]


@pytest.mark.parametrize("name", ["softmax", "logsumexp", "log_softmax"])
def test_shares_are_worked_out_once(name):
    builder = Builder("f")
    y = OPS[name](builder.param("x", f64["n m"]), axes=(1,))
    total = OPS["sum"](y * y, axes=tuple(range(len(y.shape))))
    nodes = expand_composites(reverse(builder.finish((total,)), [0])).nodes
    assert sum(node.op.name == "exp" for node in nodes) == 1
