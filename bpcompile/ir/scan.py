"""Cut the text of a graph into tokens, and step through them.

One regular expression finds every token, so that a text of any length takes linear time and no
stack. Each refusal is a `FormatError` that names the line, or a `LimitError`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import NoReturn, TypeVar

from bpcompile.errors import FormatError, LimitError

MAX_CHARACTERS = 200_000_000
MAX_LIST = 4096  # entries between two brackets
MAX_TOKEN = 8192  # characters of a name or a quoted text

_TOKEN = re.compile(
    r"""
      (?P<newline>\n)
    | (?P<space>[ \t\r]+)
    | (?P<comment>\#[^\n]*)
    | (?P<number>[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<text>"(?:[^"\\\n]|\\[^\n])*")
    | (?P<mark>->|==|!=|<=|>=|//|[()\[\]{}:=,+*<>-])
    | (?P<unknown>.)
    """,
    re.VERBOSE | re.ASCII,
)

T = TypeVar("T")


class Scanner:
    """Hold the tokens of a text and the place of the one that comes next.

    Comments are no tokens: `comment` gives the one that stands behind the last token taken.
    """

    def __init__(self, text: str) -> None:
        """Cut the text."""
        if len(text) > MAX_CHARACTERS:
            raise LimitError(f"a text of {len(text)} characters: the limit is {MAX_CHARACTERS}")
        self.at = 0
        self.kinds: list[str] = []
        self.texts: list[str] = []
        self.lines: list[int] = []
        self._comments: dict[int, str] = {}
        self._cut(text)

    def _cut(self, text: str) -> None:
        """Find the tokens and comments."""
        line = 1
        for match in _TOKEN.finditer(text):
            kind = match.lastgroup
            if kind == "space":
                continue
            if kind == "newline":
                line += 1
            elif kind == "comment":
                if self.lines and self.lines[-1] == line:
                    self._comments[len(self.texts) - 1] = match.group()
            elif kind == "unknown" or kind is None:
                raise FormatError(f"line {line}: {match.group()!r} has no meaning here")
            else:
                piece = match.group()
                if len(piece) > MAX_TOKEN:
                    raise LimitError(f"line {line}: a {kind} of {len(piece)} characters")
                self.kinds.append(kind)
                self.texts.append(piece)
                self.lines.append(line)
        self.kinds.append("end")
        self.texts.append("")
        self.lines.append(line)

    @property
    def kind(self) -> str:
        """Return the kind of the next token."""
        return self.kinds[self.at]

    @property
    def text(self) -> str:
        """Return the text of the next token."""
        return self.texts[self.at]

    @property
    def following(self) -> str:
        """Return the text of the token after the next."""
        return self.texts[min(self.at + 1, len(self.texts) - 1)]

    @property
    def comment(self) -> str:
        """Return the comment that stands behind the last token taken, on its line."""
        return self._comments.get(self.at - 1, "")

    def fail(self, message: str, *, taken: bool = False) -> NoReturn:
        """Refuse the text because of the next token, or of the last one taken."""
        raise FormatError(f"line {self.lines[self.at - taken]}: {message}")

    def take(self, kind: str, meaning: str) -> str:
        """Take the next token, which must be of this kind, and return its text."""
        if self.kinds[self.at] != kind:
            self.fail(f"{meaning} was expected, and {self.text or 'the end'} found")
        self.at += 1
        return self.texts[self.at - 1]

    def skip(self, mark: str) -> bool:
        """Take the next token if it is this mark, and say whether it was."""
        if self.texts[self.at] != mark or self.kinds[self.at] != "mark":
            return False
        self.at += 1
        return True

    def mark(self, mark: str) -> None:
        """Take the next token, which must be this mark."""
        if not self.skip(mark):
            self.fail(f"{mark} was expected, and {self.text or 'the end'} found")

    def listed(self, close: str, entry: Callable[[], T]) -> list[T]:
        """Take entries with commas between, up to and with the mark that closes them."""
        found: list[T] = []
        while not self.skip(close):
            if len(found) >= MAX_LIST:
                raise LimitError(f"line {self.lines[self.at]}: a list of over {MAX_LIST} entries")
            found.append(entry())
            if self.texts[self.at] != close:
                self.mark(",")
        return found

    def string(self) -> str:
        """Take a quoted text and return what it stands for."""
        quoted = self.take("text", "a quoted text")
        try:
            return str(json.loads(quoted))
        except ValueError:
            self.fail(f"{quoted} is no text with JSON's escapes", taken=True)
