"""Say how matrix expressions are lowered: products, sums, transposes, functions of entries.

A matrix is an array of two axes; a column is n x 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from bpcompile.errors import LimitError
from bpcompile.frontend.elementwise import counting
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES
from bpcompile.frontend.session import current
from bpcompile.frontend.symbolic.scalars import (
    every_part,
    known_power,
    no_part,
    rational_of,
    scaled_quotient,
)
from bpcompile.frontend.symbolic.sums import require
from bpcompile.frontend.symbolic.survey import binders, body_of, shown
from bpcompile.frontend.symbolic.values import (
    Value,
    call,
    own_rank,
    stacked,
)
from bpcompile.frontend.symbolic.walk import Rule, Site, Task
from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.dims import floor_div
from bpcompile.ir.op import OPS
from bpcompile.ir.type import DType, Type
from bpcompile.ops.index import Slice

_MOST_POWER = 1024
_MOST_STEPS = 8  # up to this power a column is multiplied again and again


class _Factor(NamedTuple):
    """Hold a matrix among the factors of a product, and how often it stands there."""

    value: Value
    times: int


def _bases(site: Site) -> list[Task]:
    """Ask for the factors of a product; of a power for its base."""
    return [(_base(site, part)[0], site.scope) for part in site.parts]


def _base(site: Site, part: Any) -> tuple[Any, int]:
    """Return a factor's base and its whole exponent."""
    import sympy

    if type(part) is not sympy.MatPow:
        return part, 1
    base, exponent = site.walk.survey.parts(part)
    known = rational_of(exponent)
    if known is None or known.denominator != 1 or known < 1:
        return part, 1  # whose own rule refuses it
    if known > _MOST_POWER:
        raise LimitError(f"{shown(part)} is a power above {_MOST_POWER}{where()}: write a loop")
    return base, known.numerator


def _multiplied(site: Site) -> Value:
    """Return a product of matrices and numbers."""
    scale, factors, matrices = _sorted_factors(site, site.parts)
    return scaled_quotient(scale, [*factors, _chain(site, matrices)], [])


def _sorted_factors(
    site: Site, parts: Sequence[Any]
) -> tuple[Fraction, list[Value], list[_Factor]]:
    """Return the exact number, the other scalars, and the matrices of a product."""
    scale = Fraction(1)
    factors: list[Value] = []
    matrices: list[_Factor] = []
    for part, value in zip(parts, site.values, strict=True):
        known = rational_of(part)
        if known is not None:
            scale *= known
        elif own_rank(value) == 0:
            factors.append(value)
        else:
            matrices.append(_Factor(value, _base(site, part)[1]))
    return scale, factors, matrices


def _chain(site: Site, matrices: Sequence[_Factor]) -> Value:
    """Return a product of matrices; one with a column at its end is done from there."""
    plain = [(_without_indices(site, value), count) for value, count in matrices]
    found, count = plain[-1]
    if found.sizes[1] == 1 and all(count <= _MOST_STEPS for _, count in plain):
        for left, times in reversed(plain[:-1]):
            for _ in range(times):
                found = RULES["matmul"](left, found)
        return Value(found)
    found, count = plain[0]
    found = _to_power(found, count)
    for right, times in plain[1:]:
        found = RULES["matmul"](found, _to_power(right, times))
    return Value(found)


def _to_power(square: Tracer, count: int) -> Tracer:
    """Return a matrix multiplied by itself, by repeated squaring."""
    found: Tracer | None = None
    while True:
        if count % 2:
            found = square if found is None else RULES["matmul"](found, square)
        count //= 2
        if not count:
            assert found is not None
            return found
        square = RULES["matmul"](square, square)


def _without_indices(site: Site, value: Value) -> Tracer:
    """Return a matrix that depends on no index of a sum."""
    if value.axes:
        raise site.refusal(
            "takes a matrix that depends on the index of a sum: write the sum of its entries"
        )
    return value.tracer


def _transposed(site: Site) -> Value:
    """Return a transpose."""
    return Value(RULES["transpose"](_without_indices(site, site.values[0])))


def _traced_product(site: Site) -> tuple[Any, ...]:
    """Return the factors of a trace's argument, or the argument where it is no product."""
    import sympy

    (inner,) = site.parts
    return site.walk.survey.parts(inner) if type(inner) is sympy.MatMul else (inner,)


def _traced_bases(site: Site) -> list[Task]:
    """Ask for the factors of a trace's argument."""
    return [(_base(site, part)[0], site.scope) for part in _traced_product(site)]


def _trace(site: Site) -> Value:
    """Return a trace; that of a product A B is the sum of A times the transpose of B."""
    scale, factors, matrices = _sorted_factors(site, _traced_product(site))
    if len(matrices) == 1:
        total = Value(RULES["trace"](_chain(site, matrices).tracer))
    else:
        left = _chain(site, matrices[:-1])
        right = Value(RULES["transpose"](_chain(site, matrices[-1:]).tracer))
        total = Value(RULES["sum"](call("multiply", left, right).tracer))
    return scaled_quotient(scale, [*factors, total], [])


def _power_base(site: Site) -> list[Task]:
    """Ask for the base of a power with a positive whole exponent."""
    base, _ = _base(site, site.node)
    if base is site.node:
        raise site.refusal(
            "has no op: write a positive whole exponent, or pass the power as a matrix"
        )
    return [(base, site.scope)]


def _matrix_power(site: Site) -> Value:
    """Return a matrix multiplied by itself."""
    matrix = _without_indices(site, site.values[0])
    return Value(_to_power(matrix, _base(site, site.node)[1]))


def _entries_power(site: Site) -> Value:
    """Return each entry raised to a power."""
    exponent = rational_of(site.parts[1])
    if exponent is not None:
        return known_power(site.values[0], exponent)
    return call("power", *site.values)


def _applied_to(site: Site) -> list[Task]:
    """Ask for the matrix that a function is applied to."""
    return [(site.parts[1], site.scope)]


def _body(site: Site) -> list[Task]:
    """Ask for the function's body, its parameter being the matrix."""
    walk, (function, matrix) = site.walk, site.parts
    ((atom, _),) = binders(function)
    value = walk.known(matrix, site.scope)
    return [(body_of(function), walk.given(site.scope, atom, value))]


def _applied(site: Site) -> Value:
    """Return a function of each entry."""
    matrix, found = site.values
    if own_rank(found) == own_rank(matrix):
        return found
    return call("add", found, call("zeros_like", matrix))  # the function is constant


def _filled(value: float) -> Rule:
    """Return the rule of a matrix of one number."""

    def combine(site: Site) -> Value:
        shape = tuple(site.walk.size(part, site.scope) for part in site.parts)
        frame = current()
        frame.mark()
        return Value(Tracer(frame.const(value, Type(DType.F64, shape))))

    return Rule(no_part, combine)


def _identity(site: Site) -> Value:
    """Return the identity matrix."""
    n = site.walk.size(site.parts[0], site.scope)
    frame = current()
    frame.mark()
    row, column = (counting(frame, (n, n), axis) for axis in (0, 1))
    return Value(RULES["where"](Tracer(row.equals(column)), 1.0, 0.0))


def _block(site: Site) -> list[Task]:
    """Ask for the matrix that a block is cut from."""
    return [(site.parts[0], site.scope)]


def _cut(site: Site) -> Value:
    """Return a block of a matrix: known ranges of its rows and columns."""
    matrix = _without_indices(site, site.values[0])
    frame = current()
    frame.mark()
    spec: list[Slice] = []
    for part, size in zip(site.parts[1:], matrix.sizes, strict=True):
        start, stop, step = (site.walk.size(n, site.scope) for n in site.walk.survey.parts(part))
        text = shown(site.node)
        if not isinstance(step, int) or step < 1:
            raise site.refusal("has a step that is no positive number: write one")
        fits = require(start, ">=", 0, text) and require(stop, "<=", size, text)
        if not (fits and require(stop, ">=", start, text)):
            raise site.refusal(f"reaches beyond the length {size}: write less")
        spec.append(Slice(start, step, floor_div(stop - start + step - 1, step)))
    expr = frame.expr(matrix.expr)
    return Value(Tracer(OPS["index"](expr, spec=tuple(spec))))


def _written_out(site: Site) -> Value:
    """Return a matrix of expressions."""
    for value in site.values:
        _without_indices(site, value)
    return stacked(site.values, tuple(int(n) for n in site.node.shape))


matmul_rule = Rule(_bases, _multiplied)
transpose_rule = Rule(every_part, _transposed)
trace_rule = Rule(_traced_bases, _trace)
matrix_power_rule = Rule(_power_base, _matrix_power)
entries_power_rule = Rule(every_part, _entries_power)
applied_rule = Rule(_applied_to, _applied, _body)
zeros_rule = _filled(0.0)
ones_rule = _filled(1.0)
identity_rule = Rule(no_part, _identity)
block_rule = Rule(_block, _cut)
written_out_rule = Rule(every_part, _written_out)
