"""Say what NumPy's functions make of complex values: the list of what is known of them.

The tables are `ELEMENTWISE` of `bpcompile.frontend.complex.formulas`, and here `PART_BY_PART`,
`JOINING`, `PRODUCTS` and `OTHERS`; the transforms are in `bpcompile.frontend.functions.fourier`. A
function in none of them refuses a complex value where it asks for a real one.

Each name is entered over NumPy's rule for real values, which goes on answering where nothing is
complex.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from bpcompile.errors import UnsupportedError
from bpcompile.frontend.complex.formulas import (
    ELEMENTWISE,
    Part,
    angle_of,
    minus,
    number,
    pair_of,
    plus,
)
from bpcompile.frontend.complex.making import converting
from bpcompile.frontend.complex.pairs import Complex, as_complex, is_complex, parts_of, refusal
from bpcompile.frontend.lift import copied, lift
from bpcompile.frontend.origins import where
from bpcompile.frontend.registry import RULES, Rule, refuse_keywords
from bpcompile.frontend.tracer import Tracer

# Functions of one array that treat both parts alike.
PART_BY_PART = tuple(
    """
    array_split around astype atleast_1d atleast_2d atleast_3d average broadcast_to compress copy
    cumsum cumulative_sum delete diag diagflat diagonal diff dsplit ediff1d expand_dims extract
    fft.fftshift fft.ifftshift flatten flip fliplr flipud gradient hsplit item linalg.diagonal
    linalg.matrix_transpose linalg.trace matrix_transpose mean moveaxis nan_to_num nanmean nansum
    ndarray.reshape ndarray.transpose pad permute_dims ravel repeat reshape rint roll rollaxis rot90
    round split squeeze sum swapaxes take take_along_axis tile trace transpose trapezoid tril triu
    unstack vsplit zeros_like
    """.split()  # noqa: SIM905  (a page of quotation marks would say no more)
)
# Functions that only place values, with the places of their arguments that hold these.
JOINING: dict[str, slice] = {
    "append": slice(0, 2),
    "block": slice(0, 1),
    "broadcast_arrays": slice(0, None),
    "column_stack": slice(0, 1),
    "concat": slice(0, 1),
    "concatenate": slice(0, 1),
    "dstack": slice(0, 1),
    "hstack": slice(0, 1),
    "stack": slice(0, 1),
    "vstack": slice(0, 1),
    "where": slice(1, 3),
}
# Sums of products of operands: how many these are, and which of them is conjugate.
PRODUCTS: dict[str, tuple[int, int | None]] = {
    "convolve": (2, None),
    "correlate": (2, 1),
    "dot": (2, None),
    "inner": (2, None),
    "kron": (2, None),
    "linalg.matmul": (2, None),
    "linalg.outer": (2, None),
    "linalg.tensordot": (2, None),
    "linalg.vecdot": (2, 0),
    "matmul": (2, None),
    "matvec": (2, None),
    "outer": (2, None),
    "tensordot": (2, None),
    "vdot": (2, 0),
    "vecdot": (2, 0),
    "vecmat": (2, 0),
}


# How each table is read


def _elementwise(formula: Callable[..., Any]) -> Rule:
    """Return the rule of a formula on pairs."""

    def answer(*values: Any, **keywords: Any) -> Any:
        refuse_keywords("a complex value", keywords, where=True, out=None)
        given = [pair_of(as_complex(v) if isinstance(v, (list, tuple)) else v) for v in values]
        found = formula(*given)
        if not isinstance(found, tuple):
            return found
        taken = [part for pair in given for part in pair]
        return Complex(*(_own(number(part), taken) for part in found))

    return answer


def _own(part: Any, taken: list[Any]) -> Any:
    """Return a part with memory of its own, where it is one of the operands."""
    shares = isinstance(part, Tracer) and any(part is other for other in taken)
    return copied(part) if shares else part


def _part_by_part(name: str, real: Rule) -> Rule:
    """Return the rule that answers for both parts."""

    def answer(z: Any, *args: Any, **keywords: Any) -> Any:
        if is_complex((args, tuple(keywords.values()))):
            raise UnsupportedError(
                f"np.{name} with a complex argument behind its first{where()}: only the first may "
                "be complex"
            )
        whole = as_complex(z)
        return _zipped(*(real(part, *args, **keywords) for part in (whole.real, whole.imag)))

    return answer


def _zipped(re: Any, im: Any) -> Any:
    """Return complex values of parts, which may be lists of arrays."""
    if isinstance(re, (list, tuple)):
        return type(re)(map(_zipped, re, im))
    return Complex(re, im)


def _joining(real: Rule, data: slice) -> Rule:
    """Return the rule that places both parts of all operands."""

    def answer(*args: Any, **keywords: Any) -> Any:
        sides = []
        for k in range(2):
            side = list(args)
            side[data] = [_side(arg, k) for arg in args[data]]
            sides.append(real(*side, **keywords))
        return _zipped(*sides)

    return answer


def _side(value: Any, k: int) -> Any:
    """Return one part of a value, or of each in a list."""
    if isinstance(value, (list, tuple)):
        return type(value)(_side(part, k) for part in value)
    return parts_of(as_complex(value))[k]


def product(real: Rule, values: list[Any], *rest: Any, **keywords: Any) -> Complex:
    """Return what is linear in each of several values, as a sum over their parts."""
    total: list[Part] = [None, None]
    for chosen in itertools.product((0, 1), repeat=len(values)):
        parts = [pair_of(value)[k] for value, k in zip(values, chosen, strict=True)]
        if any(part is None for part in parts):
            continue
        turns = sum(chosen)  # each is a factor i
        add = minus if turns % 4 > 1 else plus
        total[turns % 2] = add(total[turns % 2], real(*rest, *parts, **keywords))
    return Complex(*map(number, total))


def _product(real: Rule, count: int, conjugate: int | None) -> Rule:
    """Return the rule of a sum of products."""

    def answer(*args: Any, **keywords: Any) -> Complex:
        values = [as_complex(arg) if is_complex(arg) else lift(arg) for arg in args[:count]]
        if conjugate is not None:
            values[conjugate] = RULES["conjugate"](values[conjugate])
        behind = args[count:]
        return product(lambda *parts, **named: real(*parts, *behind, **named), values, **keywords)

    return answer


# The others


def _einsum(subscripts: Any, *operands: Any, **keywords: Any) -> Complex:
    """Return the sum of products that subscripts name."""
    return product(_REAL["einsum"], list(operands), subscripts, **keywords)


def _conj_of(z: Any) -> Complex:
    """Return the conjugate."""
    found: Complex = RULES["conjugate"](z)
    return found


def _angle_rule(z: Any, deg: bool = False) -> Any:
    """Return the angle with the positive axis."""
    found = angle_of(pair_of(as_complex(z)))
    return found * (180 / np.pi) if deg else found


def _var(a: Any, *args: Any, **keywords: Any) -> Any:
    """Return the mean square distance from the mean."""
    return np.add(*(_REAL["var"](part, *args, **keywords) for part in parts_of(as_complex(a))))


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Return a norm that the magnitudes decide."""
    z = as_complex(x)
    axes = 2 if axis is None and z.ndim == 2 and ord is not None else np.size(axis)
    if axes == 2 and ord in (2, -2, "nuc"):
        raise refusal(z, "a norm by singular values of ")
    return _REAL["linalg.norm"](RULES["absolute"](z), ord, axis, keepdims)


def _solve(a: Any, b: Any) -> Complex:
    """Return the solution of a complex system, from the real one of twice the size."""
    (ar, ai), (br, bi) = (parts_of(as_complex(value)) for value in (a, b))
    axis = -1 if br.ndim < ar.ndim else -2
    rows = [np.concatenate(row, axis=-1) for row in ([ar, -ai], [ai, ar])]
    x = np.linalg.solve(np.concatenate(rows, axis=-2), np.concatenate([br, bi], axis=axis))
    return Complex(*np.split(x, 2, axis=axis))


def _polyval(p: Any, x: Any) -> Any:
    """Return a polynomial, its coefficients from the highest power down, by Horner's rule."""
    total: Any = 0.0
    for coefficient in as_complex(p) if is_complex(p) else lift(p):
        total = total * x + coefficient
    return total


def _isclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8) -> Any:
    """Return whether values are near one another."""
    distance = RULES["absolute"](RULES["subtract"](a, b))
    return np.less_equal(distance, atol + rtol * RULES["absolute"](b))


OTHERS: dict[str, Rule] = {
    "allclose": lambda a, b, *args, **kw: np.all(_isclose(a, b, *args, **kw)),
    "angle": _angle_rule,
    "asarray": lambda a, dtype=None, **_: as_complex(a),
    "conj": _conj_of,
    "einsum": _einsum,
    "imag": lambda z: as_complex(z).imag,
    "iscomplexobj": lambda z: True,
    "isclose": _isclose,
    "isrealobj": lambda z: False,
    "linalg.norm": _norm,
    "linalg.solve": _solve,
    "linalg.vector_norm": lambda x, **kw: _REAL["linalg.vector_norm"](np.abs(x), **kw),
    "ndim": lambda z: z.ndim,
    "polyval": _polyval,
    "real": lambda z: as_complex(z).real,
    "shape": lambda z: z.shape,
    "size": lambda z, axis=None: z.size if axis is None else z.shape[axis],
    "std": lambda a, *args, **kw: np.sqrt(_var(a, *args, **kw)),
    "var": _var,
}


# Entering them


def _choosing(real: Rule, answer: Rule) -> Rule:
    """Return the rule that asks whether an operand is complex."""

    def choose(*args: Any, **keywords: Any) -> Any:
        for value in args:
            if type(value) is not Tracer and is_complex(value):
                return answer(*args, **keywords)
        return real(*args, **keywords)

    choose.__name__ = getattr(real, "__name__", "rule")
    return choose


_REAL: dict[str, Rule] = {}


def enter_rules() -> None:
    """Enter all tables over the rules of real values, which are there already."""
    RULES["iscomplexobj"], RULES["isrealobj"] = lambda x: False, lambda x: True
    found: dict[str, Rule] = {name: _elementwise(form) for name, form in ELEMENTWISE.items()}
    found |= {name: _part_by_part(name, RULES[name]) for name in PART_BY_PART}
    found |= {name: _joining(RULES[name], data) for name, data in JOINING.items()}
    found |= {name: _product(RULES[name], *how) for name, how in PRODUCTS.items()}
    found |= OTHERS
    _REAL.update({name: RULES[name] for name in found})
    RULES.update({name: _choosing(_REAL[name], answer) for name, answer in found.items()})
    for name in ("astype", "ndarray.astype"):
        RULES[name] = converting(RULES[name])
