from __future__ import annotations

import pytest
import sympy
from sympy.abc import x

from bpcompile.errors import UnsupportedError
from bpcompile.frontend.symbolic import lower
from bpcompile.frontend.symbolic.rules import rule_of
from tests.frontend.symbolic.checks import lowered, value


def test_a_class_is_looked_up_by_itself():
    class Mine(sympy.Function):
        pass

    class MySine(sympy.sin):
        @classmethod
        def eval(cls, arg):
            return None

    for function in (Mine, MySine):
        assert rule_of(function) is None
        with pytest.raises(UnsupportedError, match="is not known"):
            lower(function(x), [x])


def test_symbols_and_numbers_have_the_rule_of_their_family():
    assert rule_of(type(sympy.S.Half)) is rule_of(sympy.Integer) is rule_of(sympy.Float)
    assert rule_of(type(sympy.pi)) is rule_of(type(sympy.E)) is not None
    assert rule_of(type(sympy.true)) is rule_of(type(sympy.false)) is not None
    dummy = sympy.Dummy("d")
    assert value(dummy * 2, [dummy], 3.0) == 6.0


def test_functions_of_one_op_are_one_node():
    names = {
        sympy.asin: "arcsin", sympy.acos: "arccos", sympy.atan: "arctan", sympy.asinh: "arcsinh",
        sympy.acosh: "arccosh", sympy.atanh: "arctanh", sympy.Abs: "abs", sympy.ceiling: "ceil",
    }  # fmt: skip
    for name in ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "sign", "floor", "erf"):
        names[getattr(sympy, name)] = name
    for function, op in names.items():
        assert [node.op.name for node in lowered(function(x), [x])] == ["param", op]
