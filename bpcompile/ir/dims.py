"""Compute with array lengths: integers and integer expressions over named dimensions.

In: names, integers and the text of a dimension such as ``"n*d - 1"``. Out: a `Size`, which is an
`int` where the length is known and a `Dim` where it is not. A `Dim` is a polynomial with integer
coefficients over atoms, and an atom is a name, a floor division, a maximum, a minimum or a square
root, rounded down (of which the second operand is 0). The
polynomial is kept sorted, so that equal expressions are equal objects by value and print alike:

    >>> n, d = Dim.named("n"), Dim.named("d")
    >>> str((n + 1) * d - d)
    'd*n'
    >>> (n + 1) - n
    1

The text of a dimension is also a valid Python expression over its names; the emitted code uses it.
"""

from __future__ import annotations

import ast
import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias, Union

from bpcompile.errors import ShapeError

Size: TypeAlias = Union[int, "Dim"]
Atom: TypeAlias = str | tuple[str, Size, Size]
Monomial: TypeAlias = tuple[Atom, ...]

_CALLS = ("max", "min")
_ROUNDED = ("sqrt", "log2")  # functions of NumPy, rounded down; their second operand is 0
_MAX_TEXT = 400
_MAX_TERMS = 1024  # (a + b)*(c + d)*... doubles with each factor


@functools.lru_cache(maxsize=4096)
def _atom_text(atom: Atom) -> str:
    """Return the Python text of an atom."""
    if isinstance(atom, str):
        return atom
    kind, left, right = atom
    if kind in _CALLS:
        return f"{kind}({left}, {right})"
    if kind in _ROUNDED:
        return f"int(np.{kind}({left}))"
    return f"({_wrapped(left)} {kind} {_wrapped(right)})"


def _wrapped(size: Size) -> str:
    """Return the text of an operand of a division, in parentheses where needed."""
    text = str(size)
    return text if text.isidentifier() or text.isdigit() else f"({text})"


@functools.lru_cache(maxsize=4096)
def _monomial_key(monomial: Monomial) -> tuple[int, tuple[str, ...]]:
    """Return the sort key of a monomial: higher degree first, then by text."""
    return (-len(monomial), tuple(_atom_text(a) for a in monomial))


class Dim:
    """Hold an unknown array length as a canonical integer polynomial over names.

    Immutable and compared by value. Arithmetic with `+ - * // %` and the functions `dim_max` and
    `dim_min` gives an `int` as soon as the value is known.
    """

    __slots__ = ("_hash", "terms")

    terms: tuple[tuple[Monomial, int], ...]

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        """Hold `terms`, a map from monomial to its non-zero coefficient."""
        kept = [(m, c) for m, c in terms.items() if c]
        if len(kept) > 1:
            kept.sort(key=lambda term: _monomial_key(term[0]))
        self.terms = tuple(kept)
        self._hash = hash(self.terms)

    @staticmethod
    def named(name: str) -> Dim:
        """Return the dimension called `name`."""
        return Dim({(name,): 1})

    def __hash__(self) -> int:
        """Return the hash of the canonical form."""
        return self._hash

    def __eq__(self, other: object) -> bool:
        """Tell whether two dimensions are the same polynomial."""
        return self is other or (isinstance(other, Dim) and self.terms == other.terms)

    def __str__(self) -> str:
        """Return the canonical text, a Python expression: ``n - i``, not ``-i + n``."""
        (monomial, coefficient), *others = self.terms
        if coefficient == 1 and not others and len(monomial) == 1:
            text = _atom_text(monomial[0])
            return text.removeprefix("(").removesuffix(")") if text[0] == "(" else text
        parts: list[str] = []
        lead = next((term for term in self.terms if term[1] > 0), self.terms[0])
        for monomial, coefficient in (lead, *(term for term in self.terms if term is not lead)):
            body = "*".join(_atom_text(atom) for atom in monomial)
            size = abs(coefficient)
            text = str(size) if not body else body if size == 1 else f"{size}*{body}"
            if not parts:
                parts.append(text if coefficient > 0 else f"-{text}")
            else:
                parts.append(("+ " if coefficient > 0 else "- ") + text)
        return " ".join(parts)

    __repr__ = __str__

    def __add__(self, other: Size) -> Size:
        """Return the sum."""
        return _sum(self, other)

    __radd__ = __add__

    def __neg__(self) -> Size:
        """Return the negative."""
        return _simplest({m: -c for m, c in self.terms})

    def __sub__(self, other: Size) -> Size:
        """Return the difference."""
        return self + (-other)

    def __rsub__(self, other: int) -> Size:
        """Return the difference with the operands swapped."""
        return (-self) + other

    def __mul__(self, other: Size) -> Size:
        """Return the product."""
        return _product(self, other)

    __rmul__ = __mul__

    def __floordiv__(self, other: Size) -> Size:
        """Return the quotient rounded down; exact where every coefficient divides."""
        return floor_div(self, other)

    def __rfloordiv__(self, other: int) -> Size:
        """Return the quotient rounded down with the operands swapped."""
        return floor_div(other, self)

    def __mod__(self, other: Size) -> Size:
        """Return the remainder of the floor division."""
        return self - floor_div(self, other) * other

    def names(self) -> frozenset[str]:
        """Return the names that the dimension depends on."""
        return frozenset(_names(self))


def _terms(size: Size) -> tuple[tuple[Monomial, int], ...]:
    """Return the terms of a size."""
    return size.terms if isinstance(size, Dim) else (((), size),)


def joined(left: Monomial, right: Monomial) -> Monomial:
    """Return the product of two monomials."""
    if not left or not right:
        return left or right
    return tuple(sorted(left + right, key=_atom_text))


def _simplest(terms: Mapping[Monomial, int]) -> Size:
    """Return an int where only the constant term is left, else a `Dim`."""
    if all(not c or not m for m, c in terms.items()):
        return terms.get((), 0)
    return Dim(terms)


@functools.lru_cache(maxsize=4096)  # a model with many loops asks the same thousands of times
def _sum(left: Dim, right: Size) -> Size:
    """Return the sum of two sizes."""
    terms = dict(left.terms)
    for monomial, coefficient in _terms(right):
        terms[monomial] = terms.get(monomial, 0) + coefficient
    return _simplest(terms)


@functools.lru_cache(maxsize=4096)
def _product(left: Dim, right: Size) -> Size:
    """Return the product of two sizes."""
    factors = _terms(right)
    if len(left.terms) * len(factors) > _MAX_TERMS:
        raise ShapeError(f"a dimension of over {_MAX_TERMS} terms: write a simpler one")
    terms: dict[Monomial, int] = {}
    for one, a in left.terms:
        for other, b in factors:
            monomial = joined(one, other)
            terms[monomial] = terms.get(monomial, 0) + a * b
    return _simplest(terms)


def _names(size: Size) -> Iterator[str]:
    """Yield the names in a size, with repetition."""
    if isinstance(size, int):
        return
    for monomial, _ in size.terms:
        for atom in monomial:
            if isinstance(atom, str):
                yield atom
            else:
                yield from _names(atom[1])
                yield from _names(atom[2])


def size_names(size: Size) -> frozenset[str]:
    """Return the names that a size depends on; none for an int."""
    return size.names() if isinstance(size, Dim) else frozenset()


def floor_div(left: Size, right: Size) -> Size:
    """Return `left // right`, as an atom where it does not divide exactly."""
    if right == 0:
        raise ShapeError(f"the dimension {left} is divided by zero: write a divisor of at least 1")
    if isinstance(left, int) and isinstance(right, int):
        return left // right
    if left == right:
        return 1
    if isinstance(right, int) and isinstance(left, Dim):
        if all(c % right == 0 for _, c in left.terms):
            return _simplest({m: c // right for m, c in left.terms})
    elif isinstance(right, Dim) and isinstance(left, Dim) and len(right.terms) == 1:
        exact = _divide_exactly(left, right)
        if exact is not None:
            return exact
    return Dim({(("//", left, right),): 1})


def _divide_exactly(left: Dim, right: Dim) -> Size | None:
    """Return `left / right` where each term of `left` contains the one term of `right`."""
    (divisor, scale), quotient = right.terms[0], {}
    for monomial, coefficient in left.terms:
        rest = list(monomial)
        for atom in divisor:
            if atom not in rest:
                return None
            rest.remove(atom)
        if coefficient % scale:
            return None
        quotient[tuple(rest)] = coefficient // scale
    return _simplest(quotient)


def _extreme(kind: str, choose: Callable[[int, int], int], left: Size, right: Size) -> Size:
    """Return a maximum or minimum, as an atom where neither operand is known to win."""
    difference = left - right
    if isinstance(difference, int):
        winner = choose(difference, 0)
        return left if winner == difference else right
    first, second = sorted((left, right), key=str)
    return Dim({((kind, first, second),): 1})


def dim_max(left: Size, right: Size) -> Size:
    """Return the larger of two sizes."""
    return _extreme("max", max, left, right)


def dim_min(left: Size, right: Size) -> Size:
    """Return the smaller of two sizes."""
    return _extreme("min", min, left, right)


def dim_sqrt(size: Size) -> Size:
    """Return the square root of a length, rounded down; the length must be below 2^52."""
    return math.isqrt(max(size, 0)) if isinstance(size, int) else Dim({(("sqrt", size, 0),): 1})


def dim_log2(size: Size) -> Size:
    """Return the binary logarithm of a length of at least 1, rounded down."""
    return (
        max(size, 1).bit_length() - 1 if isinstance(size, int) else Dim({(("log2", size, 0),): 1})
    )


def evaluate(size: Size, values: Mapping[str, int]) -> int:
    """Return the value of a size where `values` gives each name.

    Raises `KeyError` with the name for a name without a value.
    """
    result = substitute(size, values)
    if not isinstance(result, int):
        raise KeyError(", ".join(sorted(result.names() - values.keys())))
    return result


def substitute(size: Size, values: Mapping[str, Size]) -> Size:
    """Return the size with each name in `values` replaced."""
    if isinstance(size, int) or size.names().isdisjoint(values):
        return size
    total: Size = 0
    for monomial, coefficient in size.terms:
        product: Size = coefficient
        for atom in monomial:
            product = product * _substitute_atom(atom, values)
        total = total + product
    return total


def _substitute_atom(atom: Atom, values: Mapping[str, Size]) -> Size:
    """Return the value of an atom under a substitution."""
    if isinstance(atom, str):
        return values.get(atom, Dim.named(atom))
    kind, left, right = atom
    left, right = substitute(left, values), substitute(right, values)
    if kind == "//":
        return floor_div(left, right)
    if kind in _ROUNDED:
        return dim_sqrt(left) if kind == "sqrt" else dim_log2(left)
    return dim_max(left, right) if kind == "max" else dim_min(left, right)


def parse_dim(text: str, longest: int = _MAX_TEXT) -> Size:
    """Return the size that a text such as ``"n*d - 1"`` or ``"max(a, b)"`` stands for.

    Raises `ShapeError` for anything but integers, names, ``+ - * //``, ``max`` and ``min``, and
    for more than `longest` characters.
    """
    if len(text) > longest:
        raise ShapeError(f"a dimension of {len(text)} characters: write at most {longest}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        raise ShapeError(_bad_dim(text)) from None
    return _read(tree, text)


def _bad_dim(text: str) -> str:
    """Return the message for a text that is no dimension."""
    return (
        f"{text!r} is not a dimension: write an integer, a name, or an expression of them "
        "with + - * //, max(a, b) or min(a, b)"
    )


def _read(tree: ast.expr, text: str) -> Size:
    """Return the size of a parsed dimension."""
    match tree:
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            return value
        case ast.Name(id=name) if name.isascii():
            return Dim.named(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_read(operand, text)
        case ast.BinOp(left=left, op=operation, right=right):
            a, b = _read(left, text), _read(right, text)
            match operation:
                case ast.Add():
                    return a + b
                case ast.Sub():
                    return a - b
                case ast.Mult():
                    return a * b
                case ast.FloorDiv():
                    return floor_div(a, b)
        case ast.Call(func=ast.Name(id="max"), args=[left, right], keywords=[]):
            return dim_max(_read(left, text), _read(right, text))
        case ast.Call(func=ast.Name(id="min"), args=[left, right], keywords=[]):
            return dim_min(_read(left, text), _read(right, text))
        case ast.Call(func=ast.Name(id="int"), args=[ast.Call() as root], keywords=[]):
            return _read_rounded(root, text)
    raise ShapeError(_bad_dim(text))


def _read_rounded(call: ast.Call, text: str) -> Size:
    """Return the size of a parsed call of ``np.sqrt`` or ``np.log2``."""
    match call:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="np"), attr=kind), args=[operand], keywords=[]
        ) if kind in _ROUNDED:
            return (dim_sqrt if kind == "sqrt" else dim_log2)(_read(operand, text))
    raise ShapeError(_bad_dim(text))


def product(sizes: tuple[Size, ...]) -> Size:
    """Return the product of sizes: the number of elements of a shape."""
    total: Size = 1
    for size in sizes:
        total = total * size
    return total
