"""Say how scalar expressions are lowered: arithmetic as it is written, functions, conditions.

SymPy writes ``a - b`` as ``a + (-1)*b`` and ``a/b`` as ``a*b**(-1)``. Here they are differences
and quotients again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from bpcompile.errors import LimitError
from bpcompile.frontend.origins import where
from bpcompile.frontend.symbolic.values import Value, call, folded, number
from bpcompile.frontend.symbolic.walk import Rule, Site, Task

_MOST_BITS = 16_384
_EXACT = 2**53
_HALVES = 2


def every_part(site: Site) -> list[Task]:
    """Ask for every part of a node, in the same scope."""
    return [(part, site.scope) for part in site.parts]


def no_part(_: Site) -> list[Task]:
    """Ask for nothing."""
    return []


def of_values(function: Callable[..., Value]) -> Rule:
    """Return the rule of a node whose value is a function of those of its parts."""
    return Rule(every_part, lambda site: function(*site.values))


def elementwise(rule: str) -> Rule:
    """Return the rule of a node that a NumPy function stands for."""
    return of_values(lambda *values: call(rule, *values))


def chained(rule: str) -> Rule:
    """Return the rule of a node that a function of two operands makes of several."""
    return of_values(lambda *values: folded(rule, values))


# -- numbers -----------------------------------------------------------------------------------


def _exactly(node: Any) -> Fraction:
    """Return a rational number exactly.

    Raises `LimitError` for one of very many digits.
    """
    top, bottom = int(node.p), int(node.q)
    bits = max(top.bit_length(), bottom.bit_length())
    if bits > _MOST_BITS:
        raise LimitError(f"an exact number of {bits} bits{where()}: write a sympy.Float")
    return Fraction(top, bottom)


def constant(value: Fraction) -> Value:
    """Return an exact number as the nearest float.

    Raises `LimitError` where it lies outside the range of floats.
    """
    try:
        return number(float(value))
    except OverflowError:
        bits = value.numerator.bit_length()
        raise LimitError(
            f"a number of {bits} bits is larger than any float64{where()}: scale the expression"
        ) from None


def rational_of(node: Any) -> Fraction | None:
    """Return the exact value of a rational number, or of a float that has one; else None."""
    import sympy

    if isinstance(node, sympy.Rational) and node.q != 0:
        return _exactly(node)
    if isinstance(node, sympy.Float):
        value = float(node)
        return Fraction(value) if math.isfinite(value) else None
    return None


def _number(site: Site) -> Value:
    """Return a number of SymPy, such as 2, 1/3, 0.5, pi or oo."""
    import sympy

    exact = rational_of(site.node) if isinstance(site.node, sympy.Rational) else None
    if exact is None:
        return number(float(site.node))
    return constant(exact)._replace(minus=constant(-exact) if exact < 0 else None)


number_rule = Rule(no_part, _number)
truth_rule = Rule(no_part, lambda site: number(bool(site.node)))


# -- sums, products, powers --------------------------------------------------------------------


def added(*terms: Value) -> Value:
    """Return a sum, from the left; what is written as a negative is subtracted."""
    head = next((k for k, term in enumerate(terms) if term.minus is None), 0)
    found = terms[head]
    for term in (*terms[:head], *terms[head + 1 :]):
        if term.minus is None:
            found = call("add", found, term)
        else:
            found = call("subtract", found, term.minus)
    return Value(found.tracer, found.axes)


def _product(site: Site) -> Value:
    """Return a product as it is written: number times factors, over divisors."""
    scale = Fraction(1)
    factors: list[Value] = []
    divisors: list[Value] = []
    for part, value in zip(site.parts, site.values, strict=True):
        known = rational_of(part)
        if known is not None:
            scale *= known
        elif value.inverse is not None:
            divisors.append(value.inverse)
        else:
            factors.append(value)
    return scaled_quotient(scale, factors, divisors)


def scaled_quotient(scale: Fraction, factors: list[Value], divisors: list[Value]) -> Value:
    """Return scale · Π factors / Π divisors; of p/q that no float is, q is a divisor: x/3."""
    size = abs(scale)
    if not _is_float(size) and max(size.numerator, size.denominator) < _EXACT:
        divisors = [constant(Fraction(size.denominator)), *divisors]
        size = Fraction(size.numerator)
    whole = factors if size == 1 and factors else [constant(size), *factors]
    magnitude = _over(folded("multiply", whole), divisors)
    if scale >= 0:
        return magnitude
    if divisors or whole is factors:
        return call("negative", magnitude)._replace(minus=magnitude)
    negated = folded("multiply", [constant(-size), *factors])
    return negated._replace(minus=magnitude)


def _over(top: Value, divisors: list[Value]) -> Value:
    """Return a quotient by the product of divisors."""
    top = Value(top.tracer, top.axes)
    return call("divide", top, folded("multiply", divisors)) if divisors else top


def _is_float(value: Fraction) -> bool:
    """Tell whether a number is a float64, with no digit lost."""
    try:
        return Fraction(float(value)) == value
    except OverflowError:
        return False


def _power(site: Site) -> Value:
    """Return a power; a negative exponent that is a number makes a reciprocal."""
    import sympy

    base, exponent = site.parts
    known = rational_of(exponent)
    if known is not None:
        return known_power(site.values[0], known)
    if base is sympy.E:
        return call("exp", site.values[1])
    if base == 2 and isinstance(base, sympy.Integer):
        return call("exp2", site.values[1])
    return call("power", *site.values)


def known_power(base: Value, exponent: Fraction) -> Value:
    """Return a value raised to a number."""
    size = abs(exponent)
    if size == 1:
        found = base
    elif size == _HALVES:
        found = call("square", base)
    elif size == Fraction(1, _HALVES):
        found = call("sqrt", base)
    else:
        found = call("power", base, constant(size))
    if exponent >= 0:
        return found
    return call("divide", number(1.0), found)._replace(inverse=found)


sum_rule = of_values(added)
product_rule = Rule(every_part, _product)
power_rule = Rule(every_part, _power)


# -- conditions and choices --------------------------------------------------------------------


def choice(condition: Value, chosen: Value, other: Value) -> Value:
    """Return one value where a condition holds, else the other."""
    return call("where", condition, chosen, other)


def _pieces(site: Site) -> list[Task]:
    """Ask for the expressions and conditions of a `Piecewise`, in turn."""
    pairs = [site.walk.survey.parts(pair) for pair in site.parts]
    return [(part, site.scope) for pair in pairs for part in pair]


def _piecewise(site: Site) -> Value:
    """Return the first piece whose condition holds, NaN where none does."""
    import sympy

    pieces, conditions = site.values[::2], site.values[1::2]
    found: Value | None = None
    for k in reversed(range(len(pieces))):
        if site.tasks[2 * k + 1][0] is sympy.true:
            found = pieces[k]
        else:
            found = choice(conditions[k], pieces[k], found or number(math.nan))
    assert found is not None
    return Value(found.tracer, found.axes)


piecewise_rule = Rule(_pieces, _piecewise)


def step(x: Value, at_zero: Value | None = None) -> Value:
    """Return the unit step: 0 before 0 and 1 after it; at 0 it is 1/2 unless said otherwise."""
    zero = number(0.0)
    middle = choice(call("equal", x, zero), at_zero or number(0.5), number(math.nan))
    before = choice(call("less", x, zero), zero, middle)
    return choice(call("greater", x, zero), number(1.0), before)


def equal_indices(left: Value, right: Value) -> Value:
    """Return 1 where two numbers are equal, else 0."""
    return choice(call("equal", left, right), number(1.0), number(0.0))


def reciprocal_of(rule: str) -> Rule:
    """Return the rule of a node that is one over a function."""

    def function(x: Value) -> Value:
        inner = call(rule, x)
        return call("divide", number(1.0), inner)._replace(inverse=inner)

    return of_values(function)


def of_reciprocal(rule: str) -> Rule:
    """Return the rule of a node that is a function of one over its argument."""
    return of_values(lambda x: call(rule, call("divide", number(1.0), x)))


def logarithm(x: Value, base: Value | None = None) -> Value:
    """Return the natural logarithm, or that to a base."""
    found = call("log", x)
    return found if base is None else call("divide", found, call("log", base))


def fraction(x: Value) -> Value:
    """Return what is left of a number above its floor."""
    return call("subtract", x, call("floor", x))
