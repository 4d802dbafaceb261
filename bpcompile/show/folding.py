"""Fit formulas into the cells of a table: what is too long gets a letter, explained below it."""

from __future__ import annotations

import itertools
import string
import textwrap
from collections.abc import Collection, Iterator

from bpcompile.ir.dims import Atom, Size
from bpcompile.ir.figures import PLAIN, Polynomial, atom_text, figure, polynomial, written

WIDTH = 100
_LONG_FACTOR = 16


class Folder:
    """Hold the letters given so far; `taken` are names that formulas use.

    >>> from bpcompile.ir.dims import parse_dim
    >>> folder = Folder({"n"})
    >>> folder.cell(parse_dim("n*n + 2*n"), 12), folder.cell(parse_dim("n*n + 2*n"), 6)
    ('n**2 + 2*n', 'A')
    >>> folder.lines()
    ['A = n**2 + 2*n']
    """

    def __init__(self, taken: Collection[str]) -> None:
        """Start with no letter given."""
        self._letters = (letter for letter in _letters() if letter not in taken)
        self._wholes: dict[str, tuple[str, Polynomial]] = {}
        self._factors: dict[str, str] = {}

    def cell(self, size: Size, most: int) -> str:
        """Return a formula, or the letter that stands for one of more than so many characters."""
        text = figure(size)
        if len(text) <= most:
            return text
        if text not in self._wholes:
            self._wholes[text] = next(self._letters), polynomial(size)
        return self._wholes[text][0]

    def lines(self) -> list[str]:
        """Return what the letters stand for."""
        style = PLAIN._replace(atom=self._factor)
        wholes = [(letter, written(terms, style)) for letter, terms in self._wholes.values()]
        lines = []
        for letter, text in (*wholes, *((letter, _bare(f)) for f, letter in self._factors.items())):
            start = f"{letter} = "
            lines += textwrap.wrap(
                start + text, WIDTH, subsequent_indent=" " * len(start), break_long_words=False
            )
        return lines

    def _factor(self, atom: Atom) -> str:
        """Return a factor of a formula, by a letter where it is long."""
        text = atom_text(atom)
        if isinstance(atom, str) or len(text) <= _LONG_FACTOR:
            return text
        if text not in self._factors:
            self._factors[text] = next(self._letters)
        return self._factors[text]


def _bare(text: str) -> str:
    """Return a division without the brackets that it has as a factor."""
    return text[1:-1] if text.startswith("(") else text


def _letters() -> Iterator[str]:
    """Yield A, B, ..., Z, A2, B2, ..."""
    for number in itertools.count(1):
        for letter in string.ascii_uppercase:
            yield letter if number == 1 else f"{letter}{number}"


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters, without its middle where it is longer.

    >>> shortened("first_value to last_value", 15)
    'first...t_value'
    """
    if len(text) <= most:
        return text
    left = (most - 3) // 2 - 1
    return f"{text[:left]}...{text[len(text) - (most - 3 - left) :]}"
