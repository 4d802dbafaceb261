"""Write loops and branches as mathematics: their lines in a docstring, and what their results are.

A loop starts ``from`` the values that it carries and ends each step with what the next one starts
from, as in ``x <- (x + a / x) / 2``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from bpcompile.emit.names import safe_name
from bpcompile.emit.printing import Piece, render
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.op import Kind, Level, pattern
from bpcompile.passes.forms import FORMS
from bpcompile.schedule.ownership import state_operands

SELECT = pattern("{1} if {0} else {2}", Level.CONDITION, Level.OR, Level.OR, Level.CONDITION)
_BOTH = pattern("{0} and {1}", Level.AND, Level.AND, Level.AND)
_EITHER = pattern("{0} or {1}", Level.OR, Level.OR, Level.OR)
_MOST_INLINE = 48
_INDENT = "    "


class Printer(Protocol):
    """Print the values of one graph."""

    piece: dict[Node, Piece]

    @property
    def items(self) -> Mapping[Node, list[Node]]:
        """Return the results of each region that something reads."""

    def inner(self, graph: Graph, given: Mapping[Node, Piece]) -> Printer:
        """Return the printer of a region; `given` are its parameters' texts."""

    def named_statements(self, *, of_region: bool = False) -> list[str]:
        """Return a line for each named value."""


def is_call(node: Node) -> bool:
    """Tell whether a node calls a function that has a derivative rule of its own."""
    return node.op.kind is Kind.CALL


def region_lines(printer: Printer, node: Node) -> list[str]:
    """Return the lines of a region op."""
    match node.op.name:
        case "loop":
            return _loop(printer, node)
        case "while":
            return _while(printer, node)
    return _branch(printer, node)


def result_piece(printer: Printer, item: Node) -> Piece:
    """Return what a result without a name of its own is called in formulas."""
    node, k = item.args[0], item.attrs["index"]
    if node.op.routine is not None:
        return Piece(f"{printer.piece[node].text}.{node.op.routine.names[k]}")
    if is_call(node):
        text = printer.piece[node].text
        return Piece(text if len(node.attrs["primal"].outputs) == 1 else f"{text}[{k}]")
    if node.op.name == "branch":
        name = _label(printer, node, k)
        return Piece(name) if name else _chosen(printer, node, k) or Piece("branch(...)")
    return Piece(result_name(item) or f"{node.op.name}(...)")


def result_name(item: Node) -> str | None:
    """Return what the model calls a result of a region inside of it, or None."""
    node, k = item.args[0], item.attrs["index"]
    if node.op.routine is not None or is_call(node):
        return None
    if node.op.name == "branch":
        return _common_name(node, k) or _home_name(node, k)
    params = node.attrs["body"].params[1 if node.op.name == "loop" else 0 :]
    return safe_name(params[k].name) if k < node.attrs["carried"] else None


def _loop(printer: Printer, node: Node) -> list[str]:
    """Return the lines of a loop: its start, a step, and what the next step starts from."""
    body: Graph = node.attrs["body"]
    inner = printer.inner(body, operands_inside(printer, node, body))
    lower, upper, *start = (printer.piece[arg].text for arg in node.args)
    first, *params = (inner.piece[param].text for param in body.params)
    state = params[: node.attrs["carried"]]
    return [
        *_start(state, start),
        f"for {first} from {lower} below {upper}:",
        *_step(inner, state, body.outputs),
    ]


def _while(printer: Printer, node: Node) -> list[str]:
    """Return the lines of a loop with a test."""
    body, test, carried = node.attrs["body"], node.attrs["test"], node.attrs["carried"]
    inner = printer.inner(body, operands_inside(printer, node, body))
    state = [inner.piece[param].text for param in body.params[:carried]]
    tested = printer.inner(test, operands_inside(printer, node, test)).piece[test.outputs[0]].text
    return [
        *_start(state, (printer.piece[arg].text for arg in node.args)),
        f"while {tested}:",
        *_step(inner, state, body.outputs[:carried]),
    ]


def _start(state: Sequence[str], start: Iterable[str]) -> list[str]:
    """Return the line above a loop."""
    pairs = [(name, text) for name, text in zip(state, start, strict=False) if name != text]
    return [f"from {', '.join(f'{name} = {text}' for name, text in pairs)}"] if pairs else []


def _step(inner: Printer, state: Sequence[str], outputs: Sequence[Node]) -> list[str]:
    """Return the lines inside a loop: named values, and what the next step starts from."""
    lines = inner.named_statements(of_region=True)
    after = [inner.piece[out].text for out in outputs]
    pairs = [(name, text) for name, text in zip(state, after, strict=True) if name != text]
    if pairs:
        left, right = (", ".join(side) for side in zip(*pairs, strict=True))
        lines = [*lines, f"{left} <- {right}"]
    return [_INDENT + line for line in lines]


def _branch(printer: Printer, node: Node) -> list[str]:
    """Return the lines of a branch; results that are written where they are read have none."""
    labels = _labels(printer, node)
    arms = []
    for key in ("then", "otherwise"):
        arm = node.attrs[key]
        inner = printer.inner(arm, operands_inside(printer, node, arm))
        lines = inner.named_statements(of_region=True)
        for k, label in labels.items():
            out = arm.outputs[k]
            text = inner.piece[out].text
            if text != label:
                lines.append(f"{label} = {text}")
        arms.append([_INDENT + line for line in lines])
    then, otherwise = arms
    if not then and not otherwise:
        return []
    condition = printer.piece[node.args[0]]
    if not then:
        return [f"if not {condition.at(Level.NOT)}:", *otherwise]
    lines = [f"if {condition.text}:", *then]
    if not otherwise:
        return lines
    outer = [line for line in otherwise[1:] if not line.startswith(_INDENT * 2)]
    if otherwise[0].startswith(_INDENT + "if ") and all(_continues(line) for line in outer):
        first, *rest = (line.removeprefix(_INDENT) for line in otherwise)
        return [*lines, f"el{first}", *rest]
    return [*lines, "else:", *otherwise]


def _continues(line: str) -> bool:
    """Tell whether a line in an arm belongs to the branch above it."""
    return line.startswith((_INDENT + "else:", _INDENT + "elif "))


def _labels(printer: Printer, node: Node) -> dict[int, str]:
    """Return the names of the results that have one."""
    found: dict[int, str] = {}
    for item in printer.items.get(node, ()):
        k = item.attrs["index"]
        if safe_name(item.name) or _label(printer, node, k):
            found[k] = printer.piece[item].text
    return found


def _label(printer: Printer, node: Node, k: int) -> str | None:
    """Return the name that both arms give a result; that of an operand if it needs one."""
    name = _common_name(node, k)
    return name if name or _chosen(printer, node, k) else _home_name(node, k)


def _common_name(node: Node, k: int) -> str | None:
    """Return the name that both arms give a result."""
    names = {safe_name(node.attrs[key].outputs[k].name) for key in ("then", "otherwise")}
    return names.pop() if len(names) == 1 else None


def _home_name(node: Node, k: int) -> str | None:
    """Return the name of the operand that a result is a new value of."""
    home = state_operands(node).get(k)
    return safe_name(node.attrs["then"].params[home - 1].name) if home is not None else None


def _chosen(printer: Printer, node: Node, k: int) -> Piece | None:
    """Return a result as a choice between two formulas, where they are short."""
    arms = [node.attrs[key] for key in ("then", "otherwise")]
    pieces = [
        printer.inner(arm, operands_inside(printer, node, arm)).piece[arm.outputs[k]]
        for arm in arms
    ]
    piece = _joined(printer.piece[node.args[0]], *pieces)
    return piece if len(piece.text) <= _MOST_INLINE else None


def _joined(condition: Piece, then: Piece, otherwise: Piece) -> Piece:
    """Return a choice, by `and` or `or` where one of its values is the condition or its truth."""
    if otherwise.text in (condition.text, "False"):
        return render(_BOTH, [condition, then])
    if then.text in (condition.text, "True"):
        return render(_EITHER, [condition, otherwise])
    return render(SELECT, [condition, then, otherwise])


def operands_inside(printer: Printer, node: Node, region: Graph) -> dict[Node, Piece]:
    """Return the texts of those parameters of a region that have no name: of what they are."""
    form, carried = FORMS[node.op.name], node.attrs.get("carried", 0)
    pairs = zip(region.params[form.lead :], node.args[form.first :], strict=True)
    return {
        param: printer.piece[arg]
        for k, (param, arg) in enumerate(pairs)
        if k >= carried and not safe_name(param.name)
    }
