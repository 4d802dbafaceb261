"""Answer `np.einsum`: any expression without ellipsis, two operands at a time, left to right."""

from __future__ import annotations

from typing import Any

from bpcompile.errors import ShapeError, UnsupportedError
from bpcompile.frontend.elementwise import cast, describe_operand, promoted
from bpcompile.frontend.lift import lift_all
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, refuse_keywords, rule
from bpcompile.frontend.session import Frame, current
from bpcompile.frontend.tracer import Tracer
from bpcompile.ir.build import Expr
from bpcompile.ir.dims import product
from bpcompile.ir.op import OPS
from bpcompile.ops.shape import broadcast_to, reshaped, transposed


@rule("einsum")
def einsum(subscripts: Any, /, *operands: Any, **_: Any) -> Tracer:
    """Return the sum of products that subscripts such as ``"ij,jk->ik"`` describe."""
    _.pop("optimize", None)  # the order is always from left to right
    refuse_keywords("einsum", _, out=None, order="K", casting="safe", dtype=None)
    args = lift_all(operands)
    terms, result = _parsed(subscripts, args)
    _tie_lengths(terms, args)
    frame = current()
    frame.mark()
    dtype = promoted(args)
    values = [
        _one_of_each(frame, cast(frame.expr(arg.expr), dtype), term)
        for arg, term in zip(args, terms, strict=True)
    ]
    value, letters = values[0]
    for position, (other, theirs) in enumerate(values[1:], start=1):
        later = set(result).union(*(term for _, term in values[position + 1 :]))
        value, letters = _pair(value, letters, other, theirs, later)
    value, letters = _summed(value, letters, set(result))
    return Tracer(transposed(value, tuple(letters.index(letter) for letter in result)))


def _parsed(subscripts: Any, args: list[Tracer]) -> tuple[list[str], str]:
    """Return the letters of each operand and of the result."""
    if not isinstance(subscripts, str):
        raise UnsupportedError(
            f'np.einsum takes its subscripts as a text here{where()}: write "ij,jk->ik"'
        )
    text = subscripts.replace(" ", "")
    if "." in text:
        raise UnsupportedError(
            f"np.einsum with ... is not known for traced values{where()}: name every axis"
        )
    left, arrow, result = text.partition("->")
    terms = left.split(",")
    if not arrow:
        everything = "".join(terms)
        result = "".join(sorted(c for c in set(everything) if everything.count(c) == 1))
    known = set("".join(terms))
    fits = len(terms) == len(args) and all(
        len(term) == arg.ndim for term, arg in zip(terms, args, strict=False)
    )
    letters = "".join(terms) + result
    named = letters.isalpha() or not letters
    if not (fits and named and set(result) <= known and len(set(result)) == len(result)):
        types = ", ".join(describe_operand(arg) for arg in args)
        raise ShapeError(
            f"the subscripts {subscripts!r} do not fit {types}{where()}: write one letter for each "
            "axis, and in the result each at most once"
        )
    return terms, result


def _tie_lengths(terms: list[str], args: list[Tracer]) -> None:
    """Check that axes of one letter have one length."""
    sizes = current().session.sizes
    first: dict[str, tuple[Tracer, Any]] = {}
    for term, arg in zip(terms, args, strict=True):
        for letter, size in zip(term, arg.sizes, strict=True):
            owner, known = first.setdefault(letter, (arg, size))
            if not sizes.equal(known, size):
                raise ShapeError(
                    f"axis {letter} of np.einsum is {known} in {describe_operand(owner)} and "
                    f"{size} in {describe_operand(arg)}{where()}: give them one length"
                )


def _one_of_each(frame: Frame, value: Expr, term: str) -> tuple[Expr, str]:
    """Return an operand with the diagonal taken where a letter stands twice."""
    while len(set(term)) != len(term):
        letter = next(c for c in term if term.count(c) > 1)
        one = term.index(letter)
        two = term.index(letter, one + 1)
        found: Tracer = RULES["diagonal"](Tracer(value), 0, one, two)
        value = frame.expr(found.expr)
        term = "".join(c for k, c in enumerate(term) if k not in (one, two)) + letter
    return value, term


def _summed(value: Expr, letters: str, kept: set[str]) -> tuple[Expr, str]:
    """Return a value summed over the letters that nothing else needs."""
    axes = tuple(k for k, letter in enumerate(letters) if letter not in kept)
    if not axes:
        return value, letters
    return OPS["sum"](value, axes=axes), "".join(c for c in letters if c in kept)


def _pair(a: Expr, left: str, b: Expr, right: str, later: set[str]) -> tuple[Expr, str]:
    """Return the product of two operands, summed over what no later one needs."""
    a, left = _summed(a, left, later | set(right))
    b, right = _summed(b, right, later | set(left))
    batch = [c for c in left if c in right and c in later]
    folded = [c for c in left if c in right and c not in later]
    rows = [c for c in left if c not in right]
    columns = [c for c in right if c not in left]
    lengths = dict(zip(left + right, (*a.shape, *b.shape), strict=True))
    if not folded:
        letters = "".join([*batch, *rows, *columns])
        shape = tuple(lengths[c] for c in letters)
        return _spread(a, left, letters, shape) * _spread(b, right, letters, shape), letters

    def volume(group: list[str]) -> Any:
        return product(tuple(lengths[c] for c in group))

    one = transposed(a, tuple(left.index(c) for c in [*batch, *rows, *folded]))
    two = transposed(b, tuple(right.index(c) for c in [*batch, *folded, *columns]))
    heads = (volume(batch),) if batch else ()
    # Without a batch, a side of which nothing is kept stays a vector.
    tall = (volume(rows),) if rows or batch else ()
    wide = (volume(columns),) if columns or batch else ()
    one = reshaped(one, (*heads, *tall, volume(folded)))
    two = reshaped(two, (*heads, volume(folded), *wide))
    found = OPS["matmul"](one, two)
    letters = "".join([*batch, *rows, *columns])
    return reshaped(found, tuple(lengths[c] for c in letters)), letters


def _spread(value: Expr, own: str, letters: str, shape: tuple[Any, ...]) -> Expr:
    """Return a value repeated along the letters that it does not have."""
    ordered = [c for c in letters if c in own]
    value = transposed(value, tuple(own.index(c) for c in ordered))
    return broadcast_to(value, shape, tuple(letters.index(c) for c in ordered))
