"""Stand in for a complex array while a function is traced: two real tracers, side by side.

The graph has real values only. A `Complex` is what `np.fft.rfft(x)`, ``1j * x`` and a complex array
that a model captured give inside of it; `bpcompile.frontend.complex.rules` says what is known of
it. It is a tree of two leaves, so that loops and branches carry it. It cannot leave the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from bpcompile.errors import TypeMismatchError
from bpcompile.frontend.arguments.trees import Structure
from bpcompile.frontend.elementwise import promoted
from bpcompile.frontend.lengths.length import Length
from bpcompile.frontend.lift import copied, lift
from bpcompile.frontend.operators import BINARY, ArrayMethods, called
from bpcompile.frontend.origins import quoted, where
from bpcompile.frontend.registry import RULES, apply
from bpcompile.frontend.tracer import Tracer, own_name
from bpcompile.ir.dims import Size
from bpcompile.ir.type import DType

ENDINGS = "_re", "_im"  # of the names of both parts
_REAL = (Tracer, float, int, bool, np.float64, Length, str, type(None))
ADVICE = "np.abs(z), np.angle(z), z.real or z.imag, or np.stack([z.real, z.imag]) for both"


@dataclass(init=False, repr=False, eq=False)
class Complex(ArrayMethods):
    """Stand in for one complex value of the traced function: two real ones of equal shape."""

    real: Tracer
    imag: Tracer

    __slots__ = ("imag", "real")
    __array_priority__ = 1001
    __hash__ = object.__hash__

    def __init__(self, real: Any, imag: Any) -> None:
        """Hold both parts; one that is smaller is repeated."""
        parts = [lift(real), lift(imag)]
        dtype = promoted(parts)
        wanted = dtype if dtype.is_float else DType.F64
        parts = [
            part if part.expr.dtype is wanted else RULES["astype"](part, wanted.numpy_name)
            for part in parts
        ]
        if parts[0].sizes != parts[1].sizes:
            parts = [copied(part) for part in RULES["broadcast_arrays"](*parts)]
        object.__setattr__(self, "real", parts[0])
        object.__setattr__(self, "imag", parts[1])

    def __setattr__(self, name: str, value: Any) -> None:
        """Write to the places of a part, as NumPy does."""
        getattr(self, name)[...] = value

    # -- what NumPy asks -----------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        """Answer a ufunc of NumPy."""
        return apply("__array_ufunc__", ufunc, method, inputs, keywords)

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        """Answer a function of NumPy."""
        return apply("__array_function__", function, args, keywords)

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        """Refuse to be a real array, which is what asks this of a complex value."""
        raise refusal(self)

    # -- attributes ----------------------------------------------------------------------------

    @property
    def sizes(self) -> tuple[Size, ...]:
        """Return the shape in sizes."""
        return self.real.sizes

    @property
    def shape(self) -> tuple[int | Length, ...]:
        """Return the length of each axis: an int where it is known."""
        return self.real.shape

    @property
    def ndim(self) -> int:
        """Return the number of axes."""
        return self.real.ndim

    @property
    def size(self) -> int | Length:
        """Return the number of elements."""
        return self.real.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the NumPy dtype."""
        return np.result_type(self.real.dtype, self.imag.dtype, np.complex64)

    @property
    def T(self) -> Complex:  # noqa: N802 - NumPy's name
        """Return the array with its axes reversed."""
        found: Complex = apply("transpose", self)
        return found

    @property
    def mT(self) -> Complex:  # noqa: N802 - NumPy's name
        """Return the array with its last two axes exchanged."""
        found: Complex = apply("matrix_transpose", self)
        return found

    def __getattr__(self, name: str) -> NoReturn:
        """Refuse an attribute that complex values do not have here."""
        if name.startswith("_") or not hasattr(np.ndarray, name):
            raise AttributeError(f"a traced complex array has no attribute {name!r}{where()}")
        raise refusal(self, f".{name} of ")

    # -- parts ---------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Complex:
        """Return the places that an index names."""
        return Complex(self.real[index], self.imag[index])

    def __setitem__(self, index: Any, value: Any) -> None:
        """Assign to places."""
        given = as_complex(value)
        self.real[index] = given.real
        self.imag[index] = given.imag

    def __len__(self) -> int:
        """Return the length of the first axis; from then on the graph is for this length."""
        return len(self.real)

    def __iter__(self) -> Iterator[Complex]:
        """Iterate over the first axis, unrolled."""
        return (Complex(re, im) for re, im in zip(self.real, self.imag, strict=True))

    def __bool__(self) -> NoReturn:
        """Refuse to be true or false."""
        raise refusal(self, "the truth of ")

    def __repr__(self) -> str:
        """Return what stands in for which value."""
        return f"Complex({self.real!r}, {self.imag!r})"


def _in_place(rule: str) -> Any:
    """Return the method of an operator such as `*=`, which writes to the places of both parts."""

    def method(self: Complex, other: Any) -> Complex:
        found = as_complex(called(rule, self, other))
        if not self.ndim:
            return found
        self[...] = found
        return self

    return method


for _name, (_rule, _) in BINARY.items():
    setattr(Complex, f"__i{_name}__", _in_place(_rule))


def name_of(value: Complex) -> str | None:
    """Return the user's name for a complex value, or None."""
    name = own_name(value.real)
    return name.removesuffix(ENDINGS[0]) if name and name.endswith(ENDINGS[0]) else None


def refusal(value: Complex, what: str = "") -> TypeMismatchError:
    """Return the error for a use of a complex value that only real ones have."""
    text = name_of(value) or quoted()
    shown = f"`{text}`" if text else "a traced value"
    size = ", ".join(map(str, value.sizes))
    return TypeMismatchError(
        f"{what}{shown} ({value.dtype}[{size}]){where()} is complex, which is not known here: "
        f"write {ADVICE}"
    )


def is_complex(value: Any) -> bool:
    """Tell whether a value is complex, traced or known, or a list with such values in it."""
    if isinstance(value, _REAL):
        return False
    if isinstance(value, (Complex, complex, np.complexfloating)):
        return True
    if isinstance(value, np.ndarray):
        return bool(value.dtype.kind == "c")
    return isinstance(value, (list, tuple)) and any(map(is_complex, value))


def is_complex_dtype(dtype: Any) -> bool:
    """Tell whether what a user gave as `dtype=` is complex."""
    if isinstance(dtype, str):
        return dtype.lstrip("<>=|")[:1] in ("c", "D", "F")
    kinds = (complex, np.complexfloating)
    return getattr(dtype, "kind", "") == "c" or (
        isinstance(dtype, type) and issubclass(dtype, kinds)
    )


def parts_of(value: Any) -> tuple[Any, Any]:
    """Return the real and the imaginary part of a value, or of each in a list.

    The imaginary part of what is real is 0, a number that meets any shape.
    """
    if isinstance(value, Complex):
        return value.real, value.imag
    if isinstance(value, (list, tuple)):
        pairs = [parts_of(part) for part in value]
        return [re for re, _ in pairs], [im for _, im in pairs]
    if isinstance(value, (complex, np.complexfloating, np.ndarray)):
        return value.real, value.imag
    return value, 0.0


def as_complex(value: Any) -> Complex:
    """Return a value as a complex one.

    Raises `TypeMismatchError` for what is no number or array of numbers.
    """
    if isinstance(value, Complex):
        return value
    if isinstance(value, (list, tuple)):
        value = np.asarray(value) if not _has_tracers(value) else apply("asarray", value)
        return as_complex(value)
    return Complex(*parts_of(value))


def _has_tracers(value: Any) -> bool:
    """Tell whether a list has traced values in it."""
    if isinstance(value, (list, tuple)):
        return any(map(_has_tracers, value))
    return isinstance(value, (Tracer, Complex, Length))


def is_zero(part: Any) -> bool:
    """Tell whether a part is zero for certain, since the value is real or imaginary."""
    if isinstance(part, Tracer):
        node = part.expr.node
        return node.op.name == "const" and not node.attrs["value"]
    return not np.any(part)


def refuse_complex(leaves: list[Any], paths: list[str], structure: Structure) -> None:
    """Raise `TypeMismatchError` where a function returns a complex value."""
    count = 0
    for token in structure.tokens:
        if token is None:
            count += 1
        elif token.kind is Complex:
            value = Complex(*leaves[count - 2 : count])
            path = paths[count - 2].removesuffix(".real")
            name = name_of(value) or f"result{path}"
            origin = value.real.expr.node.origin or value.imag.expr.node.origin
            raise TypeMismatchError(
                f"the function returns `{name}` as result{path}, which is complex"
                f"{f' (from {origin})' if origin else ''}, and results are real: return {ADVICE}"
            )
