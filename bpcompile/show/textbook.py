"""Write local derivatives as a textbook does, for readers.

The rule of an op may be a form that neither overflows nor cancels: tanh has 4 e / (1 + e)² with
e = exp(-2|x|). A ledger shows 1 - y². Here are the ops where the two differ; a test proves them
equal over the op's domain. The numbers of a ledger are the rule's.
"""

from __future__ import annotations

from bpcompile.ir.build import Expr
from bpcompile.ir.graph import Node
from bpcompile.ir.op import OPS, Partial


def _square(x: Expr) -> Expr:
    """Return x²."""
    return OPS["square"](x)


def _sqrt(x: Expr) -> Expr:
    """Return the square root."""
    return OPS["sqrt"](x)


TEXTBOOK: dict[str, tuple[Partial, ...]] = {
    "div": (lambda y, a, b: 1 / b, lambda y, a, b: -a / _square(b)),
    "reciprocal": (lambda y, x: -1 / _square(x),),
    "sqrt": (lambda y, x: 1 / (2 * y),),
    "cbrt": (lambda y, x: 1 / (3 * _square(y)),),
    "power": (
        lambda y, a, b: b * OPS["power"](a, b - 1),
        lambda y, a, b: y * OPS["log"](a),
    ),
    "hypot": (lambda y, a, b: a / y, lambda y, a, b: b / y),
    "logaddexp": (lambda y, a, b: OPS["exp"](a - y), lambda y, a, b: OPS["exp"](b - y)),
    "xlogy": (lambda y, a, b: OPS["log"](b), lambda y, a, b: a / b),
    "tan": (lambda y, x: 1 + _square(y),),
    "arcsin": (lambda y, x: 1 / _sqrt(1 - _square(x)),),
    "arccos": (lambda y, x: -1 / _sqrt(1 - _square(x)),),
    "arctan": (lambda y, x: 1 / (1 + _square(x)),),
    "arctan2": (
        lambda y, a, b: b / (_square(a) + _square(b)),
        lambda y, a, b: -a / (_square(a) + _square(b)),
    ),
    "tanh": (lambda y, x: 1 - _square(y),),
    "tanh_near_zero": (lambda y, x: 1 - _square(y),),
    "arcsinh": (lambda y, x: 1 / _sqrt(1 + _square(x)),),
    "arccosh": (lambda y, x: 1 / _sqrt(_square(x) - 1),),
    "arctanh": (lambda y, x: 1 / (1 - _square(x)),),
    "sigmoid": (lambda y, x: y * (1 - y),),
    "logit": (lambda y, x: 1 / (x * (1 - x)),),
    "softplus": (lambda y, x: OPS["sigmoid"](x),),
    "log_sigmoid": (lambda y, x: OPS["sigmoid"](-x),),
}


def shown_partial(node: Node, operand: int, partial: Partial) -> Partial:
    """Return the form in which the local derivative of a node is shown."""
    known = TEXTBOOK.get(node.op.name)
    return partial if known is None else known[operand]
