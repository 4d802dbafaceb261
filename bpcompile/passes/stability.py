"""Replace formulas by functions that compute the same without overflow or cancellation.

These run on the model before the adjoint pass, so that the derivative is that of the stable form
too: ``log(1 + exp(x))`` overflows at x = 710 and its written-out derivative is NaN there, while
softplus has neither problem. Every rule is an identity of the reals. Each looks at one node and
its operands, which are in their stable forms already.
"""

from __future__ import annotations

from collections.abc import Iterator

from bpcompile.ir.graph import Graph, Node
from bpcompile.ops.reduce import kept_axes
from bpcompile.passes.rewrite import Rewriter, Rule, Rules, Table, for_operands, number, rewrite


def _is(node: Node, op: str) -> bool:
    """Tell whether a node is an operation of this name."""
    return node.op.name == op


def _orders(y: Node) -> Iterator[tuple[Node, Node]]:
    """Yield the operands of a commutative op in both orders."""
    a, b = y.args
    yield a, b
    yield b, a


def _negated(x: Node, build: Rewriter) -> Node:
    """Return -x, which is z where x is -z."""
    return x.args[0] if _is(x, "neg") else build("neg", x)


def _one_plus_exp(x: Node) -> Node | None:
    """Return z where x is 1 + exp(z)."""
    if _is(x, "add"):
        for one, e in _orders(x):
            if number(one) == 1 and _is(e, "exp"):
                return e.args[0]
    return None


# Logarithms


@for_operands("add")
def log_of_sum(y: Node, build: Rewriter) -> Node | None:
    """Write log(1 + eˣ) as softplus(x), log(1 + x) as log1p(x), log(eᵃ + eᵇ) as logaddexp(a, b)."""
    (x,) = y.args
    z = _one_plus_exp(x)
    if z is not None:
        return build("softplus", z)
    for one, rest in _orders(x):
        if number(one) == 1:
            return build("log1p", rest)
    a, b = x.args
    both = _is(a, "exp") and _is(b, "exp")
    return build("logaddexp", a.args[0], b.args[0]) if both else None


@for_operands("sub")
def log_of_difference(y: Node, build: Rewriter) -> Node | None:
    """Write log(1 - x) as log1p(-x)."""
    (x,) = y.args
    one, z = x.args
    return build("log1p", _negated(z, build)) if number(one) == 1 else None


@for_operands("exp", "sigmoid", "softmax")
def log_of_known(y: Node, build: Rewriter) -> Node | None:
    """Write log(eˣ) as x, and log of sigmoid and softmax as log_sigmoid and log_softmax."""
    (x,) = y.args
    if _is(x, "exp"):
        return x.args[0]
    if _is(x, "sigmoid"):
        return build("log_sigmoid", x.args[0])
    return build("log_softmax", x.args[0], **x.attrs) if _is(x, "softmax") else None


@for_operands("index")
def log_of_part(y: Node, build: Rewriter) -> Node | None:
    """Write log of some places of softmax(x) as those places of log_softmax(x)."""
    (x,) = y.args
    share = x.args[0]
    if not _is(share, "softmax"):
        return None
    logs = build("log_softmax", share.args[0], **share.attrs)
    return build("index", logs, *x.args[1:], **x.attrs)


@for_operands("sum")
def log_of_sum_of_exp(y: Node, build: Rewriter) -> Node | None:
    """Write log Σ eˣ as logsumexp(x)."""
    (x,) = y.args
    if not _is(x.args[0], "exp"):
        return None
    return build("logsumexp", x.args[0].args[0], axes=x.attrs["axes"])


@for_operands("exp", "neg")
def log1p_of_exp(y: Node, build: Rewriter) -> Node | None:
    """Write log1p(eˣ) as softplus(x), and log1p(-sigmoid(x)) as log_sigmoid(-x)."""
    (x,) = y.args
    if _is(x, "exp"):
        return build("softplus", x.args[0])
    if _is(x, "neg") and _is(x.args[0], "sigmoid"):
        return build("log_sigmoid", _negated(x.args[0].args[0], build))
    return None


@for_operands("const")
def logaddexp_of_zero(y: Node, build: Rewriter) -> Node | None:
    """Write logaddexp(0, x) as softplus(x)."""
    for zero, x in _orders(y):
        if number(zero) == 0:
            return build("softplus", x)
    return None


@for_operands("softplus")
def negative_softplus(y: Node, build: Rewriter) -> Node | None:
    """Write -softplus(-x) as log_sigmoid(x)."""
    (x,) = y.args
    (z,) = x.args
    return build("log_sigmoid", z.args[0]) if _is(z, "neg") else None


# Exponentials


@for_operands("exp")
def exp_less_one(y: Node, build: Rewriter) -> Node | None:
    """Write eˣ - 1 as expm1(x), and 1 - eˣ as -expm1(x)."""
    a, b = y.args
    if _is(a, "exp") and number(b) == 1:
        return build("expm1", a.args[0])
    if _is(b, "exp") and number(a) == 1:
        return _negated(build("expm1", b.args[0]), build)
    return None


@for_operands("exp")
def minus_one_plus_exp(y: Node, build: Rewriter) -> Node | None:
    """Write -1 + eˣ as expm1(x)."""
    for one, e in _orders(y):
        if number(one) == -1 and _is(e, "exp"):
            return build("expm1", e.args[0])
    return None


@for_operands("const")
def one_less(y: Node, build: Rewriter) -> Node | None:
    """Write 1 - sigmoid(x) as sigmoid(-x), and 1 - erf(x) as erfc(x)."""
    one, x = y.args
    if number(one) != 1:
        return None
    if _is(x, "sigmoid"):
        return build("sigmoid", _negated(x.args[0], build))
    return build("erfc", x.args[0]) if _is(x, "erf") else None


@for_operands("add")
def inverse_of_one_plus_exp(y: Node, build: Rewriter) -> Node | None:
    """Write 1 / (1 + e⁻ˣ) and eˣ / (1 + eˣ) as sigmoid(x), and a / (1 + e⁻ˣ) as a sigmoid(x)."""
    top, bottom = (None, y.args[0]) if _is(y, "reciprocal") else y.args
    z = _one_plus_exp(bottom)
    if z is None:
        return None
    if top is not None and _is(top, "exp") and top.args[0] is z:
        return build("sigmoid", z)
    share = build("sigmoid", _negated(z, build))
    return share if top is None or number(top) == 1 else build("mul", top, share)


@for_operands("sub")
def ratio_of_sinh(y: Node, build: Rewriter) -> Node | None:
    """Write (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ) as tanh(x)."""
    top, bottom = y.args
    if not _is(top, "sub") or not _is(bottom, "add"):
        return None
    x = _opposite_exponents(top)
    same = {*top.args} == {*bottom.args}
    return build("tanh", x) if x is not None and same else None


@for_operands("sub")
def half_difference(y: Node, build: Rewriter) -> Node | None:
    """Write (eˣ - e⁻ˣ) / 2, which is a product with 0.5 by now, as sinh(x)."""
    for half, top in _orders(y):
        if number(half) == 0.5 and _is(top, "sub"):
            x = _opposite_exponents(top)
            return None if x is None else build("sinh", x)
    return None


def _opposite_exponents(difference: Node) -> Node | None:
    """Return x where a difference is eˣ - e⁻ˣ."""
    a, b = difference.args
    if not _is(a, "exp") or not _is(b, "exp"):
        return None
    (x,), (z,) = a.args, b.args
    return x if _is(z, "neg") and z.args[0] is x else None


# Softmax and its logarithm


def _repeated(x: Node, like: Node, axes: tuple[int, ...]) -> Node | None:
    """Return r where x repeats r along `axes` of `like`, as what a reduction leaves."""
    if not _is(x, "broadcast") or x.attrs["axes"] != kept_axes(len(like.shape), axes):
        return None
    return x.args[0]


@for_operands("exp")
def exp_over_sum(y: Node, build: Rewriter) -> Node | None:
    """Write eˣ / Σ eˣ as softmax(x)."""
    e, bottom = y.args
    if not _is(e, "exp") or not _is(bottom, "broadcast") or not _is(bottom.args[0], "sum"):
        return None
    total = bottom.args[0]
    if total.args[0] is not e or _repeated(bottom, e, total.attrs["axes"]) is not total:
        return None
    return build("softmax", e.args[0], axes=total.attrs["axes"])


@for_operands("broadcast")
def less_logsumexp(y: Node, build: Rewriter) -> Node | None:
    """Write x - logsumexp(x) as log_softmax(x)."""
    x, bottom = y.args
    if not _is(bottom, "broadcast") or not _is(bottom.args[0], "logsumexp"):
        return None
    total = bottom.args[0]
    if total.args[0] is not x or _repeated(bottom, x, total.attrs["axes"]) is not total:
        return None
    return build("log_softmax", x, axes=total.attrs["axes"])


def _shifted_by_max(x: Node, axes: tuple[int, ...]) -> tuple[Node, Node] | None:
    """Return z and m where x is z - m and m the maximum of z over `axes`."""
    if not _is(x, "sub"):
        return None
    z, shift = x.args
    m = _repeated(shift, z, axes)
    held = m is not None and _is(m, "stop_gradient")
    top = m.args[0] if m is not None and held else m
    if m is None or top is None or not _is(top, "max"):
        return None
    return (z, m) if top.args[0] is z and top.attrs["axes"] == axes else None


@for_operands("sub")
def softmax_of_shifted(y: Node, build: Rewriter) -> Node | None:
    """Write softmax(x - max x) as softmax(x), which shifts by itself; so log_softmax."""
    found = _shifted_by_max(y.args[0], y.attrs["axes"])
    return None if found is None else build(y.op.name, found[0], **y.attrs)


@for_operands("logsumexp")
def logsumexp_of_shifted(y: Node, build: Rewriter) -> Node | None:
    """Write max x + logsumexp(x - max x) as logsumexp(x), which shifts by itself."""
    for m, total in _orders(y):
        if _is(total, "logsumexp"):
            found = _shifted_by_max(total.args[0], total.attrs["axes"])
            if found is not None and found[1] is m:
                return build("logsumexp", found[0], **total.attrs)
    return None


# Powers and roots


@for_operands("square")
def root_of_square(y: Node, build: Rewriter) -> Node | None:
    """Write sqrt(x²) as abs(x), whose derivative at 0 is 0."""
    (x,) = y.args
    return build("abs", x.args[0])


@for_operands("hypot")
def square_of_length(y: Node, build: Rewriter) -> Node | None:
    """Write hypot(a, b)² as a² + b², which is smooth at 0, too: the power of a spectrum."""
    a, b = y.args[0].args
    return build("add", build("square", a), build("square", b))


@for_operands("const")
def small_power(y: Node, build: Rewriter) -> Node | None:
    """Write x¹, x², x³, x⁴ and x⁻¹ as products and quotients, which are within 2 ulp."""
    x, exponent = y.args[0], number(y.args[1])
    if exponent == 1:
        return x
    if exponent == 2:
        return build("square", x)
    if exponent == 3:
        return build("mul", build("square", x), x)
    if exponent == 4:
        return build("square", build("square", x))
    if exponent == -1 and x.array_type.dtype.is_float:
        return build("div", build.const(1, x.array_type).node, x)
    return None


_LOG: tuple[Rule, ...] = (
    log_of_sum,
    log_of_difference,
    log_of_known,
    log_of_part,
    log_of_sum_of_exp,
)
STABILITY: Table = {
    "log": _LOG,
    "log1p": (log1p_of_exp,),
    "logaddexp": (logaddexp_of_zero,),
    "neg": (negative_softplus,),
    "sub": (exp_less_one, one_less, less_logsumexp),
    "add": (minus_one_plus_exp, logsumexp_of_shifted),
    "mul": (half_difference,),
    "div": (inverse_of_one_plus_exp, ratio_of_sinh, exp_over_sum),
    "reciprocal": (inverse_of_one_plus_exp,),
    "softmax": (softmax_of_shifted,),
    "log_softmax": (softmax_of_shifted,),
    "sqrt": (root_of_square,),
    "square": (square_of_length,),
    "power": (small_power,),
}
_RULES = Rules(STABILITY)


def stabilise(graph: Graph) -> Graph:
    """Return the graph with its formulas in stable form."""
    return rewrite(graph, _RULES)
