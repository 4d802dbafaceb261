"""Give every value of a module a readable, unique and harmless name.

The only door through which a name from data (a symbol, a parameter, a variable, a file) reaches
emitted text. A name passes where it is an ASCII identifier of at most 64 characters that starts
with a letter and is not a keyword, a builtin or a name of ours; Greek letters are spelled. All
else becomes ``v7``, or ``u7`` where a name of the user's looks like that, but for the path of a
leaf: ``state['pos']`` is ``state_pos``. The bytes of the module then do not depend on what was
refused.
"""

from __future__ import annotations

import builtins
import functools
import keyword
import re
import unicodedata
from collections.abc import Iterable, Sequence

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_NUMBERED = re.compile(r"[a-z]\d{1,9}(_\w+)?", re.ASCII)
_LETTERS = "vuwtsrqpzyxhgfedcbamnoklij"  # as they are taken for unnamed values
_DERIVED = re.compile(r"(_(bar|dot|back|next|where|adjoint|tape|kept|ij?|ijkp?))+$")
# The path of a leaf, as state['pos'][0], and with an ending of ours.
_PATH = re.compile(r"\w+(\[\d+\]|\['\w+'\])+(_\w+)?", re.ASCII)
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,63}")
_OURS = frozenset(
    {"np", "math", "njit", "numba", "types", "workspace", "numpy", "scipy", "special", "self"}
)  # fmt: skip
RESERVED = (
    frozenset(keyword.kwlist) | frozenset(keyword.softkwlist) | frozenset(dir(builtins)) | _OURS
)


def spelled(name: str) -> str:
    """Return a name with its Greek letters spelled: ``θ_1`` is ``theta_1``."""
    if name.isascii():
        return name
    parts: list[str] = []
    for letter in name:
        title = unicodedata.name(letter, "")
        if title.startswith("GREEK SMALL LETTER ") and title.count(" ") == 3:
            parts.append(title.rsplit(" ", 1)[1].lower())
        elif title.startswith("GREEK CAPITAL LETTER ") and title.count(" ") == 3:
            parts.append(title.rsplit(" ", 1)[1].capitalize())
        else:
            parts.append(letter)
    return "".join(parts)


@functools.lru_cache(maxsize=65536)
def safe_name(name: str | None) -> str | None:
    """Return the name as it may stand in emitted text, or None where it may not.

    With a name is refused what we make of it: ``print_bar``, ``print_ij`` would tell `print` from
    a name with a space.
    """
    if name is None:
        return None
    text = spelled(name)
    if not text.isidentifier() and _PATH.fullmatch(text):
        text = re.sub(r"\W+_?", "_", text).strip("_")
    stem = _DERIVED.sub("", text)
    if not _IDENTIFIER.fullmatch(text) or stem in RESERVED:
        return None
    return text


def unnamed_letter(names: Iterable[str | None]) -> str:
    """Return how unnamed values are called beside these names: ``v`` for ``v0``, ``v1``.

    It is another letter where the user's own names are such, so that a reader can tell them apart.
    """
    used = {name[0] for name in names if name is not None and _NUMBERED.fullmatch(name)}
    return next((letter for letter in _LETTERS if letter not in used), "value_")


def safe_note(text: str) -> str:
    """Return one of our sentences about named values as a comment, each name filtered."""

    def filtered(word: re.Match[str]) -> str:
        plain = keyword.iskeyword(word[0]) or word[0].isdigit()
        return word[0] if plain else safe_name(word[0]) or "?"

    plain = _PATH.sub(lambda path: safe_name(path[0]) or path[0], text)
    return re.sub(r"\w+", filtered, re.sub(r"[^\w ,.:()\[\]]", "?", plain))


@functools.lru_cache(maxsize=1024)
def safe_file(path: str) -> str:
    """Return the last part of a file's path as it may stand in a comment, else ``<source>``."""
    last = re.split(r"[\\/]", path)[-1]
    return last if _FILE.fullmatch(last) else "<source>"


def stage_name(made: Sequence[str]) -> str:
    """Return the name of a function of ours: from its first to its last named value."""
    named = [name for name in map(safe_name, made) if name]
    if not named:
        return "_kernel"
    return f"_{named[0]}_to_{named[-1]}" if named[0] != named[-1] else f"_compute_{named[0]}"


def listed(names: Sequence[str]) -> str:
    """Return the names that may be shown, at most eight."""
    shown = [name for name in map(safe_name, names) if name]
    return ", ".join(shown[:8]) + (", ..." if len(shown) > 8 else "")


class Namer:
    """Hand out names that are unique within one module.

    `fresh("h")` is ``h``, then ``h_2``, ``h_3``; without a usable hint ``v0``, ``v1``, or another
    letter for `unnamed` values.
    """

    def __init__(self, taken: frozenset[str] = frozenset(), unnamed: str = "v") -> None:
        """Start with the names that are `taken` already."""
        self._taken = set(taken)
        self._unnamed = unnamed
        self._next: dict[str, int] = {}
        self._base: dict[str, str] = {}
        self._anonymous = 0

    def fresh(self, hint: str | None = None) -> str:
        """Return a name made of a hint that may come from data, or of nothing."""
        base = None if hint is None else safe_name(hint)
        return self._numbered() if base is None else self.own(base)

    def _numbered(self) -> str:
        """Return a name for want of one."""
        while True:
            name = f"{self._unnamed}{self._anonymous}"
            self._anonymous += 1
            if name not in self._taken:
                self._taken.add(name)
                return name

    def own(self, base: str) -> str:
        """Return a unique name made of one of our own, such as ``_main`` or ``i``."""
        name, number = base, self._next.get(base, 2)
        while name in self._taken:
            name = f"{base}_{number}"
            number += 1
        self._next[base] = number
        self._base[name] = base
        self._taken.add(name)
        return name

    def is_taken(self, name: str) -> bool:
        """Tell whether a name is in use."""
        return name in self._taken

    def release(self, name: str) -> None:
        """Let a name be given again: its variable is out of scope."""
        self._taken.discard(name)
        self._next.pop(self._base.get(name, name), None)

    def copy(self) -> Namer:
        """Return a namer for a scope of its own, which may reuse what this one hands out later."""
        other = Namer(frozenset(self._taken), self._unnamed)
        other._next = dict(self._next)
        other._base = dict(self._base)
        other._anonymous = self._anonymous
        return other
