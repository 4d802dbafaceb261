"""The equations of motion of a planar pendulum of n links, in SymPy, written out in full.

Link k carries a point mass at its end and turns by the angle q[k] against the link before it, so
the place of mass k is the sum over j <= k of l[j] (sin t[j], -cos t[j]), t[j] = q[0] + ... + q[j].
By d'Alembert, the torque in joint i is the sum over the masses of m[k] times the product of the
mass's acceleration, gravity included, with the slope of its place in q[i]. All sums of angles and
of speeds are expanded, as SymPy's `expand` with `expand_trig` does it, monomial by monomial.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

LINKS = 6


def symbols(letter: str, links: int) -> tuple[Any, ...]:
    """Return a symbol for each link."""
    import sympy

    return tuple(sympy.Symbol(f"{letter}{k + 1}") for k in range(links))


def arguments(links: int = LINKS) -> tuple[Any, ...]:
    """Return the symbols: angles q, speeds u, accelerations a, masses m, lengths l, gravity."""
    import sympy

    return (*(s for letter in "quaml" for s in symbols(letter, links)), sympy.Symbol("g"))


def point(links: int = LINKS) -> tuple[float, ...]:
    """Return values for the arguments."""
    return tuple(np.random.default_rng(0).uniform(0.5, 1.5, 5 * links + 1).tolist())


def sums(angles: tuple[Any, ...]) -> tuple[list[Any], list[Any]]:
    """Return the monomials of the cosine and of the sine of a sum of angles."""
    import sympy

    cosine, sine = [sympy.Integer(1)], []
    for angle in angles:
        c, s = sympy.cos(angle), sympy.sin(angle)
        cosine, sine = (
            [x * c for x in cosine] + [-x * s for x in sine],
            [x * c for x in sine] + [x * s for x in cosine],
        )
    return cosine, sine


def shares(p: int, k: int, links: int) -> Iterator[Any]:
    """Yield the monomials of mass k's torque about the first joint through the length of link p."""
    q, u, a, m, l = (symbols(letter, links) for letter in "quaml")  # noqa: E741  # l is a length
    gravity = arguments(links)[-1]
    for x in sums(q[: p + 1])[1]:
        yield m[k] * gravity * l[p] * x
    for j in range(k + 1):
        low, high = min(j, p), max(j, p)
        cosine, sine = sums(q[low + 1 : high + 1])
        sign = -1 if p < j else 1
        factor = m[k] * l[j] * l[p]
        for x in cosine:
            yield from (factor * x * acceleration for acceleration in a[: j + 1])
        for x in sine:
            for r in range(j + 1):
                yield sign * factor * x * u[r] ** 2
                yield from (2 * sign * factor * x * u[r] * u[s] for s in range(r))


def torques(links: int = LINKS) -> list[Any]:
    """Return the torque in each joint: what the lengths from that joint on contribute."""
    import sympy

    rows: list[list[Any]] = [[] for _ in range(links)]
    for k in range(links):
        for p in range(k + 1):
            monomials = list(shares(p, k, links))
            for row in rows[: p + 1]:
                row += monomials
    return [sympy.Add(*row) for row in rows]


def misfit(links: int = LINKS) -> Any:
    """Return the sum of the squared torques: zero where the free pendulum moves so."""
    import sympy

    return sympy.Add(*(torque**2 for torque in torques(links)))


def value_and_gradient(values: tuple[float, ...], links: int = LINKS) -> tuple[Any, list[Any]]:
    """Return the misfit and its gradient in the angles, by complex step, from the mechanics."""
    steps = np.zeros((links + 1, 5 * links + 1), dtype=complex)
    steps[:] = values
    steps[1:, :links] += 1e-30j * np.eye(links)
    found = [_from_mechanics(row, links) for row in steps]
    return found[0].real, [slope.imag / 1e-30 for slope in found[1:]]


def _from_mechanics(values: Any, links: int) -> complex:
    """Return the misfit from accelerations and slopes of the places, without writing out."""
    q, u, a, m, length = values[:-1].reshape(5, links)
    turned, speed, spin = np.cumsum(q), np.cumsum(u), np.cumsum(a)
    along = length * np.array([np.sin(turned), -np.cos(turned)])
    across = length * np.array([np.cos(turned), np.sin(turned)])
    pulled = np.cumsum(across * spin - along * speed**2, axis=1)
    pulled[1] += values[-1]
    total = 0.0 + 0.0j
    for i in range(links):
        levers = np.cumsum(np.where(np.arange(links) < i, 0.0, across), axis=1)
        total += np.sum(m * np.sum(pulled * levers, axis=0)) ** 2
    return complex(total)


def distinct(expression: Any) -> int:
    """Return how many distinct nodes an expression has."""
    seen, waiting = set(), [expression]
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(node.args)
    return len(seen)
