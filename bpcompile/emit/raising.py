"""Write the checks of a model: an exception of the user's with constant text, or a print.

The text is data. It stands in a literal of ASCII characters, in which nothing looks like a part of
our own modules: the quotes of a docstring, or the call of a helper.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bpcompile.emit.layout import Line
from bpcompile.emit.printing import Piece
from bpcompile.ir.graph import Node
from bpcompile.ir.op import Level
from bpcompile.ops.checks import shown_parts

Raised = Mapping[Node, Sequence[str | int]]
_NEGATIONS = (("not ", "", Level.NOT), ("np.logical_not(", ")", Level.ATOM))
_LOOKS_LIKE_OURS = re.compile(r"\"|_(?=[a-z][a-z0-9_]*\()|(?<=scipy)\.")


def raising_lines(
    kind: str, condition: Piece, args: Sequence[str | int], depth: int, comment: str
) -> tuple[Line, Line]:
    """Return the lines that raise an exception with some arguments unless a condition holds."""
    test = f"not {condition.at(Level.NOT)}"
    for start, end, level in _NEGATIONS:
        if condition.level == level and condition.text.startswith(start):
            test = condition.text.removeprefix(start).removesuffix(end)
    shown = ", ".join(literal(arg) if isinstance(arg, str) else str(arg) for arg in args)
    return (
        Line(f"if {test}:", depth, comment),
        Line(f"raise {kind}({shown})", depth + 1),
    )


def printing_line(node: Node, values: Sequence[Piece], depth: int, comment: str) -> Line:
    """Return the line that prints scalars among texts."""
    parts = shown_parts(node.attrs["text"], values)
    shown = ", ".join(literal(part) if isinstance(part, str) else part.text for part in parts)
    return Line(f"print({shown})" if shown else 'print("")', depth, comment)


def literal(text: str) -> str:
    r"""Return a text as a literal of ASCII characters.

    Example:
        >>> print(literal('a "quoted" word'))
        "a \x22quoted\x22 word"
    """
    return f'"{_LOOKS_LIKE_OURS.sub(_escaped, ascii(text)[1:-1])}"'


def _escaped(found: re.Match[str]) -> str:
    """Return a character as an escape."""
    return f"\\x{ord(found[0]):02x}"
