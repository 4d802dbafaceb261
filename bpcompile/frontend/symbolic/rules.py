"""Say which rule lowers which class of SymPy: the table of all that is known.

A class is looked up by itself, never by its bases: a class of the user's that derives from `Add`
or `exp` means something else. Symbols and numbers are the exception. Functions whose NumPy or
`special` rule does not exist are unknown here too.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from typing import Any

from bpcompile.frontend.registry import RULES
from bpcompile.frontend.symbolic import matrices, scalars, sums
from bpcompile.frontend.symbolic.scalars import (
    chained,
    elementwise,
    of_reciprocal,
    of_values,
    reciprocal_of,
)
from bpcompile.frontend.symbolic.survey import Survey, is_named
from bpcompile.frontend.symbolic.walk import Rule

# SymPy's name, and the rule of the NumPy or SciPy function of the same arguments.
_SAME = {
    "exp": "exp", "sin": "sin", "cos": "cos", "tan": "tan", "asin": "arcsin", "acos": "arccos",
    "atan": "arctan", "atan2": "arctan2", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh",
    "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh", "Abs": "absolute", "sign": "sign",
    "floor": "floor", "ceiling": "ceil", "Mod": "remainder", "re": "real", "conjugate": "real",
    "erf": "special.erf", "erfc": "special.erfc", "erfinv": "special.erfinv",
    "erfcinv": "special.erfcinv", "gamma": "special.gamma", "loggamma": "special.gammaln",
    "digamma": "special.digamma", "polygamma": "special.polygamma", "zeta": "special.zeta",
    "Ei": "special.expi", "Si": "special.si", "Ci": "special.ci", "LambertW": "special.lambertw",
    "Equality": "equal", "Unequality": "not_equal", "StrictLessThan": "less",
    "LessThan": "less_equal", "StrictGreaterThan": "greater", "GreaterThan": "greater_equal",
    "Not": "logical_not",
}  # fmt: skip
# SymPy's name, and the function of two operands that it chains.
_CHAINED = {
    "Max": "maximum", "Min": "minimum", "And": "logical_and", "Or": "logical_or",
    "Xor": "logical_xor", "HadamardProduct": "multiply",
}  # fmt: skip
_ONE_OVER = {
    "sec": "cos",
    "csc": "sin",
    "cot": "tan",
    "sech": "cosh",
    "csch": "sinh",
    "coth": "tanh",
}
_OF_ONE_OVER = {
    "asec": "arccos", "acsc": "arcsin", "acot": "arctan", "asech": "arccosh", "acsch": "arcsinh",
    "acoth": "arctanh",
}  # fmt: skip
_MADE: tuple[tuple[dict[str, str], Callable[[str], Rule]], ...] = (
    (_SAME, elementwise),
    (_CHAINED, chained),
    (_ONE_OVER, reciprocal_of),
    (_OF_ONE_OVER, of_reciprocal),
)
# Those of `sympy.codegen.cfunctions`, which SymPy loads only on demand.
_C_FUNCTIONS = {
    "exp2": "exp2", "expm1": "expm1", "log1p": "log1p", "log2": "log2", "log10": "log10",
    "Sqrt": "sqrt", "Cbrt": "cbrt", "hypot": "hypot",
}  # fmt: skip


_OWN: dict[str, Rule] = {
    "Add": scalars.sum_rule,
    "Mul": scalars.product_rule,
    "Pow": scalars.power_rule,
    "log": of_values(scalars.logarithm),
    "Piecewise": scalars.piecewise_rule,
    "ITE": of_values(scalars.choice),
    "Heaviside": of_values(scalars.step),
    "KroneckerDelta": of_values(scalars.equal_indices),
    "frac": of_values(scalars.fraction),
    "Sum": sums.sum_over_rule,
    "Product": sums.product_over_rule,
    "Indexed": sums.element_rule,
    "MatMul": matrices.matmul_rule,
    "MatAdd": scalars.sum_rule,
    "MatPow": matrices.matrix_power_rule,
    "Transpose": matrices.transpose_rule,
    "Adjoint": matrices.transpose_rule,
    "Trace": matrices.trace_rule,
    "HadamardPower": matrices.entries_power_rule,
    "Identity": matrices.identity_rule,
    "ZeroMatrix": matrices.zeros_rule,
    "OneMatrix": matrices.ones_rule,
    "ImmutableDenseMatrix": matrices.written_out_rule,
    "ImmutableSparseMatrix": matrices.written_out_rule,
}


def rule_of(kind: type) -> Rule | None:
    """Return the rule of the nodes of a class, or None where it is not known."""
    import sympy
    from sympy.logic.boolalg import BooleanAtom

    found = _table().get(kind)
    if found is not None:
        return found
    if issubclass(kind, (sympy.Number, sympy.NumberSymbol)):
        return scalars.number_rule
    if issubclass(kind, BooleanAtom):
        return scalars.truth_rule
    return _c_functions().get(kind)


def check(survey: Survey) -> None:
    """Refuse expressions with a node that no rule knows, before anything is lowered.

    Raises `UnsupportedError`, which names the node and its place.
    """
    for node in reversed(survey.nodes):  # from the outside
        kind = type(node)
        if not is_named(node) and kind not in _structure() and rule_of(kind) is None:
            raise survey.refusal(node, "is not known: " + _advice(node))


@functools.cache
def _structure() -> frozenset[type]:
    """Return the classes that only hold parts of other nodes."""
    import sympy
    from sympy.core.symbol import Str
    from sympy.functions.elementary.piecewise import ExprCondPair

    return frozenset({sympy.Tuple, sympy.Lambda, ExprCondPair, Str})


def _advice(node: Any) -> str:
    """Return what to write in place of a node without a rule."""
    import sympy

    if isinstance(node, (sympy.Derivative, sympy.Integral, sympy.Limit, sympy.Subs)):
        return f"work it out first with .doit(), so that no {type(node).__name__} is left"
    if node is sympy.I or node is sympy.zoo:
        return "values are real: write the real and imaginary parts as expressions of their own"
    if isinstance(node, sympy.core.function.AppliedUndef):
        return "it has no definition: write the expression that it stands for"
    return "write it with functions that are, or replace it by a symbol and pass its value"


@functools.cache
def _table() -> Mapping[type, Rule]:
    """Return the rule of each class."""
    import sympy
    from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
    from sympy.matrices.expressions.matexpr import MatrixElement
    from sympy.matrices.expressions.slice import MatrixSlice

    found: dict[type, Rule] = {getattr(sympy, name): rule for name, rule in _OWN.items()}
    found[ElementwiseApplyFunction] = matrices.applied_rule
    found[MatrixElement] = sums.element_rule
    found[MatrixSlice] = matrices.block_rule
    for names, make in _MADE:
        for name, function in names.items():
            if function in RULES:
                found[getattr(sympy, name)] = make(function)
    return found


def _c_functions() -> Mapping[type, Rule]:
    """Return the rules of SymPy's C functions; an expression has one only if they are loaded."""
    module = sys.modules.get("sympy.codegen.cfunctions")
    if module is None:
        return {}
    return {getattr(module, name): elementwise(rule) for name, rule in _C_FUNCTIONS.items()}
