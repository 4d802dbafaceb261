"""Test the ops of checks: what they raise, that they are differentiated through, how they print."""

from __future__ import annotations

import numpy as np
import pytest

from bpcompile.errors import CompileError
from bpcompile.ir.build import Builder
from bpcompile.ir.graph import Origin
from bpcompile.ir.interpret import interpret
from bpcompile.ir.op import OPS
from bpcompile.ir.parse import parse
from bpcompile.ir.type import bool_, f64
from bpcompile.ir.walk import graph_equal
from bpcompile.ops.checks import KINDS, is_token, raised, require, unchecked


def checking(kind="ValueError", text="no"):
    """Return a graph that doubles a number which must be positive."""
    builder = Builder("f")
    x = builder.param("x", f64[()])
    token = require(x > 0.0, kind=kind, text=text)
    return builder.finish([OPS["checked"](x * 2.0, token)])


@pytest.mark.parametrize("kind", KINDS)
def test_require_raises_its_exception(kind):
    graph = checking(kind)
    assert interpret(graph, [2.0]) == (4.0,)
    with pytest.raises(KINDS[kind]) as caught:
        interpret(graph, [-2.0])
    assert type(caught.value) is KINDS[kind]
    assert caught.value.args == ("no",)


def test_a_check_of_nan_fails_and_complex_steps_pass():
    with pytest.raises(ValueError, match="no"):
        interpret(checking(), [np.nan])
    (found,) = interpret(checking(), [2.0 + 1e-30j], complex_step=True)
    assert found.imag == 2e-30


def test_what_is_no_check_is_refused():
    builder = Builder("f")
    x, flag = builder.param("x", f64[()]), builder.param("flag", bool_[()])
    for attrs in ({"kind": "SystemExit", "text": ""}, {"kind": "ValueError", "text": 3}):
        with pytest.raises(CompileError, match="require of"):
            require(flag, **attrs)
    with pytest.raises(CompileError, match="require of"):
        require(x, kind="ValueError", text="")
    with pytest.raises(CompileError, match="checked of"):
        OPS["checked"](flag, x)


def test_the_text_form_holds_any_message():
    graph = checking(text='a "quote", \\ and \n {é}')
    assert graph_equal(parse(str(graph)), graph)


def test_tokens_and_what_waits_for_them():
    graph = checking()
    out = graph.outputs[0]
    assert unchecked(out) is out.args[0]
    readers = {node: [out] for node in graph.nodes}
    found = [node.op.name for node in graph.nodes if is_token(node, readers)]
    assert found == ["require", "checked"]


def test_checks_that_would_raise_alike_are_numbered_by_their_lines():
    builder = Builder("f")
    x = builder.param("x", f64[()])
    tokens = []
    for line, bound, text in (
        (1, 0.0, "a"),
        (2, 1.0, "a"),
        (2, 2.0, "a"),
        (3, 3.0, ""),
        (4, 4.0, ""),
    ):
        with builder.at(Origin("model.py", line)):
            tokens.append(require(x > bound, kind="ValueError", text=text))
    graph = builder.finish([OPS["checked"](x, *tokens)])
    assert list(raised(graph).values()) == [("a",), ("a", 1), ("a", 1), (), ("", 1)]
