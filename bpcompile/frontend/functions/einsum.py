"""Answer `np.einsum`: any expression, two operands at a time, in the order that costs least."""

from __future__ import annotations

from collections.abc import Iterator
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

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FIRST_SHARED = 0x3B1  # letters that stand for the axes of an ellipsis: Greek ones
_TYPICAL = 100  # what an unknown length is taken for


@rule("einsum")
def einsum(*operands: Any, **_: Any) -> Tracer:
    """Return the sum of products that subscripts such as ``"ij,jk->ik"`` describe."""
    optimize = _.pop("optimize", True)
    refuse_keywords("einsum", _, out=None, order="K", casting="safe", dtype=None)
    subscripts, given = _as_text(operands)
    args = lift_all(given)
    terms, result = _parsed(subscripts, args)
    args, terms = _without_repeated(args, terms)
    _tie_lengths(terms, args)
    frame = current()
    frame.mark()
    dtype = promoted(args)
    values = [
        _one_of_each(frame, cast(frame.expr(arg.expr), dtype), term)
        for arg, term in zip(args, terms, strict=True)
    ]
    for pair in _order(values, result, optimize):
        second, first = (values.pop(k) for k in sorted(pair, reverse=True))
        later = set(result).union(*(term for _, term in values))
        values.append(_pair(*first, *second, later))
    ((value, letters),) = values
    value, letters = _summed(value, letters, set(result))
    return Tracer(transposed(value, tuple(letters.index(letter) for letter in result)))


def _as_text(operands: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Return the subscripts as a text, also where each operand's stand behind it as ints."""
    if operands and isinstance(operands[0], str):
        return operands[0], operands[1:]
    count = len(operands) // 2
    lists = [*operands[1 : 2 * count : 2], *operands[2 * count :]]
    if not count or not all(isinstance(part, (list, tuple)) for part in lists):
        raise UnsupportedError(
            f'np.einsum takes its subscripts first, as a text{where()}: write "ij,jk->ik"'
        )
    texts = ["".join("..." if k is ... else _LETTERS[k] for k in part) for part in lists]
    arrow = "->" + texts.pop() if len(operands) % 2 else ""
    return ",".join(texts) + arrow, operands[: 2 * count : 2]


def _order(values: list[tuple[Expr, str]], result: str, optimize: Any) -> Iterator[tuple[int, int]]:
    """Yield which two of the operands left are multiplied next: those that cost least.

    The order is found by opt_einsum (D. G. A. Smith and J. Gray, 2018) for the lengths of the
    example, where there are more than two operands.
    """
    count = len(values)
    if count < 3 or optimize is False:
        yield from ((0, 1) if k == 0 else (0, count - k - 1) for k in range(count - 1))
        return
    import opt_einsum

    sizes = current().session.sizes
    shapes = [tuple(sizes.value(n) or _TYPICAL for n in value.shape) for value, _ in values]
    text = f"{','.join(term for _, term in values)}->{result}"
    path, _ = opt_einsum.contract_path(text, *shapes, shapes=True, optimize="auto")
    for places in path:
        if len(places) == 2:
            yield places[0], places[1]


def _parsed(subscripts: str, args: list[Tracer]) -> tuple[list[str], str]:
    """Return the letters of each operand and of the result, those of ``...`` among them."""
    text = subscripts.replace(" ", "")
    left, arrow, result = text.partition("->")
    terms = left.split(",")
    around = [arg.ndim - len(t.replace("...", "")) for t, arg in zip(terms, args, strict=False)]
    rank = max((n for n, t in zip(around, terms, strict=False) if "..." in t), default=0)
    shared = "".join(chr(_FIRST_SHARED + k) for k in range(max(rank, 0)))
    terms = [
        t.replace("...", shared[len(shared) - n :]) if n >= 0 else t
        for t, n in zip(terms, [*around, *[0] * len(terms)], strict=False)
    ]
    result = result.replace("...", shared)
    if not arrow:
        everything = "".join(terms)
        once = sorted(c for c in set(everything) if everything.count(c) == 1 and c not in shared)
        result = shared + "".join(once)
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


def _without_repeated(args: list[Tracer], terms: list[str]) -> tuple[list[Tracer], list[str]]:
    """Drop axes of length 1 that stand for longer ones of other operands."""
    longer = {
        letter
        for term, arg in zip(terms, args, strict=True)
        for letter, size in zip(term, arg.sizes, strict=True)
        if size != 1
    }
    found: list[Tracer] = []
    kept: list[str] = []
    for term, arg in zip(terms, args, strict=True):
        gone = [k for k, c in enumerate(term) if arg.sizes[k] == 1 and c in longer]
        found.append(RULES["squeeze"](arg, tuple(gone)) if gone else arg)
        kept.append("".join(c for k, c in enumerate(term) if k not in gone))
    return found, kept


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
