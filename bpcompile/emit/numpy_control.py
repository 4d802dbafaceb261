"""Write loops and branches as plain Python around NumPy statements.

Each function writes one region op below a block and returns the names of its results: carried
values and results of arms are variables, tapes are lists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bpcompile.emit.layout import Line
from bpcompile.emit.numpy_storage import Storage
from bpcompile.emit.numpy_target import Block
from bpcompile.emit.printing import Piece
from bpcompile.ir.graph import Graph, Node
from bpcompile.ir.op import Level

_Nodes = Sequence[Node]


def _write_loop(block: Block, node: Node) -> list[str]:
    """Write a counted loop."""
    body: Graph = node.attrs["body"]
    carried: int = node.attrs["carried"]
    lower, upper, *operands = node.args
    state = _start(block, node, body.params[1:], operands[:carried])
    index = block.writer.namer.fresh(body.params[0].name or "i")
    first, last = _bound(block, lower), _bound(block, upper)
    bounds = last if first == "0" else f"{first}, {last}"
    _note(block, node)
    block.writer.add(f"for {index} in range({bounds}):", block.depth)
    given = {body.params[0]: Piece(index), **_given(block, body.params[1:], state, operands)}
    own = body.params[1 : 1 + carried]
    inner = block.region(body, given, Storage(body, own, own, together=True), state)
    before = len(block.writer.lines)
    inner.write()
    inner.hand_over()
    if len(block.writer.lines) == before:
        block.writer.add("pass", block.depth + 1)
    block.writer.namer.release(index)
    return state


def _write_while(block: Block, node: Node) -> list[str]:
    """Write a loop with a test, and the tapes that it fills."""
    body: Graph = node.attrs["body"]
    carried: int = node.attrs["carried"]
    own, rows = body.params[:carried], body.outputs[carried:]
    state = _start(block, node, body.params, node.args[:carried])
    tapes = [_tape(block, node, carried + k, row) for k, row in enumerate(rows)]
    _write_test(block, node, state)
    kept: dict[Node, list[str]] = {}
    for row, tape in zip(rows, tapes, strict=True):
        kept.setdefault(row, []).append(tape)
    given = _given(block, body.params, state, node.args)
    storage = Storage(body, own, own, together=True)
    inner = block.region(body, given, storage, state, kept)
    before = len(block.writer.lines)
    inner.write()
    inner.hand_over()
    if len(block.writer.lines) == before:
        block.writer.add("pass", block.depth + 1)
    return [*state, *tapes]


def _write_test(block: Block, node: Node, state: list[str]) -> None:
    """Write the head of a loop: its test, where that is one expression, else the way out."""
    test: Graph = node.attrs["test"]
    lines, block.writer.lines = block.writer.lines, []
    inner = block.region(test, _given(block, test.params, state, node.args), Storage(test), ())
    inner.write()
    found = inner.place[test.outputs[0]]
    own, block.writer.lines = block.writer.lines, lines
    comment = block.writer.comment(node)
    _note(block, node)
    last = own[-1] if own else None
    assigns = last is not None and last.code.startswith(f"{found.text} = ")
    if last is not None and assigns and last.depth == block.depth + 1:
        own.pop()
        found = Piece(last.code.removeprefix(f"{found.text} = "), Level.CONDITION)
    if not own:
        block.writer.add(f"while {found.text}:", block.depth, comment)
        return
    block.writer.add("while True:", block.depth, comment)
    block.writer.lines += own
    block.writer.add(f"if not {found.at(Level.NOT)}:", block.depth + 1)
    block.writer.add("break", block.depth + 2)


def _write_branch(block: Block, node: Node) -> list[str]:
    """Write a branch: an arm without statements is left out."""
    operands, taken = node.args[1:], block.storage.taken[node]
    items = {u.attrs["index"]: u for u in block.users[node] if u.op.name == "item"}
    names = {
        k: block.place[taken[k]].text
        if k in taken
        else block.fresh_name(item, node.attrs["then"].outputs[k].name)
        for k, item in sorted(items.items())
    }
    targets = list(names.values())
    shared = {operands.index(base) for base in taken.values()}
    arms: list[list[Line]] = []
    lines = block.writer.lines
    for key in ("then", "otherwise"):
        arm: Graph = node.attrs[key]
        arm = arm.with_outputs(tuple(arm.outputs[k] for k in names))
        given = _given(block, arm.params, [], operands)
        texts = {p: given[p].text for p in arm.params}
        named = {text: p for p, text in texts.items()}
        holders = [named.get(target) for target in targets]
        own = [*(arm.params[k] for k in shared), *(p for p in holders if p is not None)]
        block.writer.lines = []
        inner = block.region(arm, given, Storage(arm, own, holders, texts=texts), targets)
        inner.write()
        inner.hand_over()
        arms.append(block.writer.lines)
    block.writer.lines = lines
    _write_arms(block, node, arms)
    return [names.get(k, "") for k in range(len(node.attrs["then"].outputs))]


def _write_arms(block: Block, node: Node, arms: list[list[Line]]) -> None:
    """Write the lines of a branch."""
    condition, (then, otherwise) = block.place[node.args[0]], arms
    if not then and not otherwise:
        return
    _note(block, node)
    if not then:
        condition = Piece(f"not {condition.at(Level.NOT)}")
        then, otherwise = otherwise, []
    block.writer.add(f"if {condition.text}:", block.depth, block.writer.comment(node))
    block.writer.lines += then
    if otherwise and _is_branch(otherwise, block.depth + 1):
        block.writer.add(f"el{otherwise[0].code}", block.depth, otherwise[0].comment)
        rest = otherwise[1:]
        block.writer.lines += (Line(line.code, line.depth - 1, line.comment) for line in rest)
    elif otherwise:
        block.writer.add("else:", block.depth)
        block.writer.lines += otherwise


def _is_branch(lines: list[Line], depth: int) -> bool:
    """Tell whether lines at a depth are one branch and nothing else."""
    outer = [line.code for line in lines if line.depth == depth]
    return outer[0].startswith("if ") and all(c.startswith(("elif ", "else:")) for c in outer[1:])


def _start(block: Block, node: Node, params: _Nodes, operands: _Nodes) -> list[str]:
    """Write the start of the carried values; return their names."""
    items = {u.attrs["index"]: u for u in block.users[node] if u.op.name == "item"}
    taken = block.storage.taken[node]
    state: list[str] = []
    for k, (param, init) in enumerate(zip(params, operands, strict=False)):
        text = block.array(init)
        if k in taken:
            state.append(text)
            continue
        name = block.name_for.get(items[k]) if k in items else None
        name = name or block.writer.namer.fresh(param.name)
        fresh = not param.array_type.rank or text.startswith(("np.zeros(", "np.full("))
        if name != text:
            block.writer.add(f"{name} = {text if fresh else f'np.array({text})'}", block.depth)
        state.append(name)
    return state


def _tape(block: Block, node: Node, number: int, row: Node) -> str:
    """Write the start of a tape; return its name."""
    items = (u for u in block.users[node] if u.op.name == "item" and u.attrs["index"] == number)
    hint = next((u.name for u in items if u.name), None)
    hint = hint or (f"{row.name}_tape" if row.name else "tape")
    name = block.writer.namer.fresh(hint)
    block.writer.add(f"{name} = []", block.depth)
    return name


def _given(block: Block, params: _Nodes, state: list[str], operands: _Nodes) -> dict[Node, Piece]:
    """Return the texts of a region's parameters: the state's names, then those of constants."""
    given = dict(zip(params, map(Piece, state), strict=False))
    for param, constant in zip(params[len(state) :], operands[len(state) :], strict=True):
        given[param] = Piece(block.array(constant), block.level(constant))
    return given


def _note(block: Block, node: Node) -> None:
    """Write the sentence above a region."""
    if node.attrs.get("note"):
        block.writer.add("", block.depth, str(node.attrs["note"]))


def _bound(block: Block, node: Node) -> str:
    """Return the text of a loop's bound."""
    match node.op.name:
        case "const":
            return str(node.attrs["value"])
        case "dim":
            return str(block.lengths.size(node.attrs["size"]))
    return block.place[node].text


REGIONS: dict[str, Callable[[Block, Node], list[str]]] = {
    "loop": _write_loop,
    "while": _write_while,
    "branch": _write_branch,
}
