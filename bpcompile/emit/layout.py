"""Hold the text of a module in the parts that the templates lay out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_WIDTH = 100
_INDENT = "    "


@dataclass(slots=True)
class Line:
    """Hold one line of code, its depth inside the function, and the comment behind it."""

    code: str
    depth: int = 0
    comment: str = ""

    def text(self) -> str:
        """Return the line with four spaces for each depth, its comment two spaces behind."""
        code = _INDENT * (self.depth + 1) + self.code
        if not self.comment:
            return _wrapped(code, self.depth + 1) if self.code else ""
        return f"{code}  # {self.comment}" if self.code else f"{code}# {self.comment}"


def _wrapped(code: str, depth: int) -> str:
    """Return a line that ends in a call, its arguments on lines of their own where it is long."""
    if len(code) <= _WIDTH or not code.endswith(")") or '"' in code:
        return code
    opening, balance = len(code), 0
    for position in range(len(code) - 1, -1, -1):
        balance += {")": 1, "(": -1}.get(code[position], 0)
        if balance == 0:
            opening = position
            break
    inner, indent = code[opening + 1 : -1], _INDENT * (depth + 1)
    rows, row = [], indent
    for part in inner.split(", "):
        if len(row) + len(part) + 1 > _WIDTH and row.strip():
            rows.append(row.rstrip())
            row = indent
        row += f"{part}, "
    rows.append(row.rstrip().rstrip(","))
    return "\n".join([code[: opening + 1], *rows, _INDENT * depth + ")"])


@dataclass(slots=True)
class FunctionText:
    """Hold one function: its name, parameters, docstring lines and body."""

    name: str
    params: list[str]
    doc: list[str]
    lines: list[Line] = field(default_factory=list)
    decorator: str = ""

    @property
    def body(self) -> str:
        """Return the text of the body."""
        return "\n".join(line.text() for line in self.lines)

    @property
    def docstring(self) -> str:
        """Return the docstring, quotes and all."""
        if len(self.doc) == 1:
            return f'{_INDENT}"""{self.doc[0]}"""'
        rest = [_INDENT + line if line else "" for line in self.doc[1:]]
        return "\n".join([f'{_INDENT}"""{self.doc[0]}', "", *rest, f'{_INDENT}"""'])

    @property
    def signature(self) -> str:
        """Return the ``def`` line, broken where it is too long."""
        one = f"def {self.name}({', '.join(self.params)}):"
        if len(one) <= _WIDTH:
            return one
        rows, row = [], ""
        for param in self.params:
            if len(row) + len(param) + 6 > _WIDTH:
                rows.append(_INDENT + row.rstrip())
                row = ""
            row += f"{param}, "
        rows.append(_INDENT + row.rstrip())
        return "\n".join([f"def {self.name}(", *rows, "):"])


_SHAPE = re.compile(r"(\w+(?:, \w+)*) = (\w+\.shape)(\[\d+\])?")
_WORD = re.compile(r"[A-Za-z_]\w*")


def without_unused_lengths(lines: list[Line]) -> list[Line]:
    """Return the lines of a function without the lengths that it binds and does not use."""
    bound = {id(line): found for line in lines if (found := _SHAPE.fullmatch(line.code))}
    used = {word for line in lines if id(line) not in bound for word in _WORD.findall(line.code)}
    kept: list[Line] = []
    for line in lines:
        found = bound.get(id(line))
        if found is None:
            kept.append(line)
            continue
        names = found[1].split(", ")
        wanted = [(axis, name) for axis, name in enumerate(names) if name in used]
        if len(wanted) == len(names):
            kept.append(line)
        else:
            kept.extend(Line(f"{name} = {found[2]}[{axis}]", line.depth) for axis, name in wanted)
    return kept


@dataclass(slots=True)
class ModuleText:
    """Hold a module: its docstring, imports, and functions in the order of definition."""

    summary: str
    mathematics: list[str]
    facts: list[str]
    imports: list[str]
    functions: list[FunctionText]
