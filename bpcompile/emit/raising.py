"""Write the checks of a model: an exception of the user's, raised with constant text.

The text is data. It stands in a literal of ASCII characters, in which nothing looks like a part of
our own modules: the quotes of a docstring, or the call of a helper.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bpcompile.emit.layout import Line
from bpcompile.emit.names import safe_file
from bpcompile.emit.printing import Piece
from bpcompile.ir.graph import Node
from bpcompile.ir.op import Level

Raised = Mapping[Node, Sequence[str | int]]
_NEGATIONS = (("not ", "", Level.NOT), ("np.logical_not(", ")", Level.ATOM))
_LOOKS_LIKE_OURS = re.compile(r"\"|_(?=[a-z][a-z0-9_]*\()|(?<=scipy)\.")


def raising_lines(
    node: Node, condition: Piece, args: Sequence[str | int], depth: int
) -> tuple[Line, Line]:
    """Return the lines of a ``require``, which raises its exception with some arguments."""
    test = f"not {condition.at(Level.NOT)}"
    for start, end, level in _NEGATIONS:
        if condition.level == level and condition.text.startswith(start):
            test = condition.text.removeprefix(start).removesuffix(end)
    origin = node.origin
    place = f"{safe_file(origin.file)}:{origin.line}" if origin is not None and origin.file else ""
    shown = ", ".join(literal(arg) if isinstance(arg, str) else str(arg) for arg in args)
    return (
        Line(f"if {test}:", depth, place),
        Line(f"raise {node.attrs['kind']}({shown})", depth + 1),
    )


def literal(text: str) -> str:
    r"""Return a text as a literal of ASCII characters.

    Example:
        >>> print(literal('a "quoted" word'))
        'a \x22quoted\x22 word'
    """
    quoted = ascii(text)
    return quoted[0] + _LOOKS_LIKE_OURS.sub(_escaped, quoted[1:-1]) + quoted[-1]


def _escaped(found: re.Match[str]) -> str:
    """Return a character as an escape."""
    return f"\\x{ord(found[0]):02x}"
