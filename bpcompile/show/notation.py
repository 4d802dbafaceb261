"""Write single operations in mathematics: as text and as LaTeX, each operand under its own label.

The emitted modules inline what has no name; a ledger shows each gate alone. Text goes through
`emit.formula`, LaTeX through the pattern that each op declares, with brackets by precedence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from string import Formatter

from bpcompile.emit.formula import accented, formula, places
from bpcompile.emit.names import safe_name
from bpcompile.emit.printing import Piece, size_piece
from bpcompile.ir.graph import Node
from bpcompile.ir.op import Level, Op
from bpcompile.transforms.total import is_zero

_GREEK_LOWER = r"alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho"
_GREEK = re.compile(
    rf"{_GREEK_LOWER}|sigma|tau|upsilon|phi|chi|psi|omega"
    "|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Upsilon|Phi|Psi|Omega"
)
Body = Callable[[Node, Sequence[Piece]], Piece]


def text_of(node: Node, labels: Mapping[Node, str]) -> str:
    """Return the formula of a node in terms of labelled values; others are written out."""
    return _printed(node, labels, accented, _text_body).text


def latex_of(node: Node, labels: Mapping[Node, str]) -> str:
    """Return the LaTeX of a node in terms of labelled values; others are written out."""
    return _printed(node, labels, latex_name, _latex_body).text


def _printed(
    top: Node, labels: Mapping[Node, str], written: Callable[[str], str], body: Body
) -> Piece:
    """Return a node printed by `body`, its operands by their labels or else printed too."""
    done: dict[Node, Piece] = {}
    stack = [top]
    while stack:
        node = stack[-1]
        if node in done:
            stack.pop()
            continue
        if node is not top and node in labels:
            done[stack.pop()] = Piece(written(labels[node]))
            continue
        missing = [arg for arg in node.args if arg not in done]
        if missing:
            stack += missing
            continue
        done[stack.pop()] = body(node, [done[arg] for arg in node.args])
    return done[top]


# -- text ----------------------------------------------------------------------------------------


def _text_body(node: Node, args: Sequence[Piece]) -> Piece:
    """Return the text of a node; of a loop and its results more than a name."""
    if node.op.name == "loop":
        return Piece(f"loop over {args[0].text} .. {args[1].text}")
    if node.op.name == "item":
        return Piece(f"{args[0].at(Level.ATOM)}[{node.attrs['index']}]")
    return formula(node, args)


# -- LaTeX ---------------------------------------------------------------------------------------


def latex_name(name: str) -> str:
    r"""Return a name as mathematics writes it: ``z_bar`` is z with a bar, ``w_1`` has an index.

    >>> print(latex_name("z_bar"), latex_name("theta"), latex_name("loss"), latex_name("w_1"))
    \bar{z} \theta \mathrm{loss} w_{1}
    """
    for ending, mark in (("_bar", "\\bar"), ("_dot", "\\dot")):
        stem = name.removesuffix(ending)
        if stem != name:
            return f"{mark}{{{latex_name(stem)}}}"
    safe = safe_name(name)
    if safe is None:
        return "?"
    stem, *rest = [part for part in safe.split("_") if part]
    if not rest and (numbered := re.fullmatch(r"([A-Za-z])(\d+)", stem)):
        stem, rest = numbered[1], [numbered[2]]
    base = (
        f"\\{stem}" if _GREEK.fullmatch(stem) else stem if len(stem) == 1 else f"\\mathrm{{{stem}}}"
    )
    index = ",".join(part if part.isdigit() else f"\\mathrm{{{part}}}" for part in rest)
    return f"{base}_{{{index}}}" if index else base


def _latex_body(node: Node, args: Sequence[Piece]) -> Piece:
    """Return the LaTeX of a node."""
    match node.op.name:
        case "const":
            return _latex_number(node.attrs["value"])
        case "dim":
            return size_piece(node.attrs["size"])
        case "param":
            return Piece(latex_name(node.name or "?"))
        case "broadcast" | "astype" | "reshape" | "stop_gradient" | "checked":
            return args[0]
        case "transpose":
            return Piece(f"{_bracketed(args[0], Level.ATOM)}^\\top", Level.POWER)
        case "matmul":
            left, right = args
            product = f"{_bracketed(left, Level.MULTIPLY)} {_bracketed(right, Level.NEGATE)}"
            return Piece(product, Level.MULTIPLY)
        case "sum":
            return Piece(f"\\sum {_bracketed(args[0], Level.MULTIPLY)}", Level.MULTIPLY)
        case "index":
            return Piece(f"{_bracketed(args[0], Level.ATOM)}[{places(node, args[1:])}]")
        case "item":
            return Piece(f"{_bracketed(args[0], Level.ATOM)}_{{{node.attrs['index']}}}")
        case "accumulate" | "update":
            verb = "at" if node.op.name == "accumulate" else "replaces"
            written = f"{args[1].text} \\text{{ {verb} }} [{places(node, args[2:])}]"
            blank = is_zero(node.args[0])
            return Piece(written if blank else f"{args[0].text}, {written}", Level.CONDITION)
    if node.op.latex is None:
        inner = ", ".join(arg.text for arg in args)
        name = node.op.name.replace("_", "\\_")
        return Piece(f"\\operatorname{{{name}}}\\left({inner}\\right)")
    return _latex_op(node.op, node.op.latex, args)


def _latex_number(value: float | int | bool) -> Piece:
    """Return a number, with its exponent as a power of ten."""
    if isinstance(value, float):
        if not math.isfinite(value):
            name = "\\mathrm{nan}" if math.isnan(value) else "\\infty"
            return Piece(f"-{name}", Level.NEGATE) if value < 0 else Piece(name)
        if value.is_integer() and abs(value) < 1e6:
            value = int(value)
    digits, _, exponent = repr(value).partition("e")
    text = f"{digits} \\cdot 10^{{{int(exponent)}}}" if exponent else digits
    level = Level.MULTIPLY if exponent else Level.ATOM
    return Piece(text, Level.NEGATE if text.startswith("-") else level)


def _latex_op(op: Op, pattern: str, args: Sequence[Piece]) -> Piece:
    """Return an op's LaTeX with its operands in place."""
    if op.name == "mul" and args[1].text[:1].isdigit():
        pattern = "{0} \\cdot {1}"
    texts, places = _split(pattern)
    written = texts[0]
    for k, before, after in zip(places, texts, texts[1:], strict=False):
        written += _bracketed(args[k], _needed(op, k, before, after)) + after
    return Piece(written, _level(op, pattern))


def _split(pattern: str) -> tuple[list[str], list[int]]:
    """Return the texts of a pattern and the numbers of the operands that stand between them."""
    texts, places = [""], []
    for literal, field, *_ in Formatter().parse(pattern):
        texts[-1] += literal
        if field is not None:
            places.append(int(field))
            texts.append("")
    return texts, places


def _needed(op: Op, operand: int, before: str, after: str) -> Level:
    """Return the level below which an operand stands in brackets between these texts."""
    opens = before.endswith(("{", "(", "| ", "|", ", ", "\\lfloor ", "\\lceil "))
    closes = after.startswith(("}", "\\right", ", ", " \\rfloor", " \\rceil"))
    enclosed = opens and closes and not after.startswith("}^")  # a base's braces are no brackets
    if enclosed or op.name == "select":
        return Level.CONDITION
    text = op.math
    if text is not None and operand < len(text.needs) and text.needs[operand] > Level.CONDITION:
        return text.needs[operand]
    return Level.MULTIPLY if before.endswith("+ ") else Level.POWER


def _level(op: Op, pattern: str) -> Level:
    """Return how strongly an op's LaTeX binds."""
    if pattern.startswith("\\frac"):
        return Level.NEGATE
    if pattern.startswith(("\\sqrt", "\\begin")) or re.fullmatch(r"[^ ]*\\left.*\\right.", pattern):
        return Level.ATOM
    if re.fullmatch(r"\w+\^\{.*\}", pattern):
        return Level.POWER
    if op.math is not None and any(need > Level.CONDITION for need in op.math.needs):
        return op.math.level
    return Level.ADD


def _bracketed(piece: Piece, level: Level) -> str:
    """Return LaTeX, in brackets where it binds less strongly than `level`."""
    return piece.text if piece.level >= level else f"\\left({piece.text}\\right)"
