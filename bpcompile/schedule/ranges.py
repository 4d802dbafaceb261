"""Prove that an index stays inside an array, so that no test of it needs to run."""

from __future__ import annotations

from collections.abc import Mapping

from bpcompile.ir.dims import Atom, Dim, Size, substitute

Bounds = Mapping[str, tuple[Size, Size]]
_STEPS = 8


def within(index: Size, length: Size, bounds: Bounds) -> bool:
    """Tell whether ``0 <= index < length`` holds for all values of the tokens in `bounds`.

    Dimensions are lengths and so never negative. False where it cannot be proved.
    """
    low = _extreme(index, bounds, largest=False)
    room = _extreme(length - 1 - index, bounds, largest=False)
    return low is not None and room is not None and _never_negative(low) and _never_negative(room)


def extremes(index: Size, bounds: Bounds) -> tuple[Size, Size] | None:
    """Return the least and the greatest value of an index, where both can be stated."""
    low, high = _extreme(index, bounds, largest=False), _extreme(index, bounds, largest=True)
    return None if low is None or high is None else (low, high)


def _extreme(size: Size, bounds: Bounds, largest: bool) -> Size | None:
    """Return the size with each bounded token at its extreme, or None where it is not linear."""
    for _ in range(_STEPS):
        if isinstance(size, int):
            return size
        token = next((name for name in sorted(size.names()) if name in bounds), None)
        if token is None:
            return size
        slope = _slope(size, token)
        if slope is None:
            return None
        low, high = bounds[token]
        size = substitute(size, {token: high if (slope > 0) == largest else low})
    return None


def _slope(size: Dim, token: str) -> int | None:
    """Return the integer factor of a token, or None where it stands in a product or division."""
    slope = 0
    for monomial, coefficient in size.terms:
        if monomial == (token,):
            slope = coefficient
        elif any(
            atom == token or (not isinstance(atom, str) and token in str(atom)) for atom in monomial
        ):
            return None
    return slope


def _never_negative(size: Size) -> bool:
    """Tell whether a size of dimensions alone is provably 0 or more."""
    if isinstance(size, int):
        return size >= 0
    return all(
        coefficient >= 0 and all(_is_length(atom) for atom in monomial)
        for monomial, coefficient in size.terms
    )


def _is_length(atom: Atom) -> bool:
    """Tell whether an atom is provably 0 or more: lengths are, and what is made of such."""
    if isinstance(atom, str):
        return not atom.startswith("%")
    kind, left, right = atom
    known = _never_negative(left), _never_negative(right)
    return any(known) if kind == "max" else all(known)
