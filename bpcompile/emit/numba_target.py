"""Print the statements of a plan as the body of a Numba function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from bpcompile.emit.layout import FunctionText, Line
from bpcompile.emit.names import Namer, listed, safe_note, stage_name
from bpcompile.emit.numba_expression import NumbaNames
from bpcompile.emit.printing import Piece, call_text, shape_text
from bpcompile.emit.raising import Raised, printing_line, raising_lines
from bpcompile.ir.dims import Dim, Size
from bpcompile.ir.graph import Node
from bpcompile.ir.op import Kind, Level
from bpcompile.ir.type import DType
from bpcompile.ops.checks import show
from bpcompile.schedule.effort import has_loop
from bpcompile.schedule.mentions import mentions
from bpcompile.schedule.statements import (
    Apply,
    Call,
    Check,
    CheckedIndex,
    CopyArray,
    Expression,
    Fill,
    Fold,
    FoldIndex,
    For,
    Grow,
    If,
    Matrix,
    Move,
    NewTape,
    Poll,
    Product,
    Run,
    Set,
    SizeValue,
    Statement,
    Store,
    Var,
    While,
)

_LETTERS = "ijklpqrstuvw"
_FIRST_ROWS = 64
Comment = Callable[[Node], str]


class NumbaWriter(NumbaNames):
    """Write statements as lines."""

    def __init__(
        self,
        namer: Namer,
        dims: Mapping[str, Size],
        comment: Comment,
        vector: bool,
        raised: Raised,
    ) -> None:
        """Hold the names, and what to say beside the line of a node; see `NumbaNames`."""
        super().__init__(namer, dims, vector)
        self.comment = comment
        self.raised = raised  # with what each check raises its exception
        self.lines: list[Line] = []
        self.home = namer  # of the module
        self.routines: dict[int, FunctionText] = {}  # by the id of their loop
        self.tested: dict[tuple[Node, int], int] = {}  # the axes with run-time indices, numbered
        self._asked = "", 0  # what the `if` above the last lines asks, and how many lines there are

    def inside(self) -> NumbaWriter:
        """Return a writer for a function of its own, which knows the names given so far."""
        writer = NumbaWriter(self.namer.copy(), {}, self.comment, self._vector, self.raised)
        writer._names = dict(self._names)
        writer.home, writer.routines, writer.tested = self.home, self.routines, self.tested
        writer._sizes = dict(self._sizes)
        return writer

    # Statements

    def add(self, code: str, depth: int, comment: str = "") -> None:
        """Append a line; a comment that stands alone is a note, and is filtered."""
        self.lines.append(Line(code, depth, comment if code else safe_note(comment)))

    def statements(self, statements: Sequence[Statement], depth: int) -> None:
        """Write statements, the bodies of loops below them."""
        for statement in statements:
            self._statement(statement, depth)

    def _statement(self, statement: Statement, depth: int) -> None:
        match statement:
            case Set(var=var, value=value, node=node):
                text = self.expression(value).text
                self.add(f"{self.name(var)} = {text}", depth, self._say(node))
            case Store(array=array, index=index, value=value, node=node):
                target = f"{self.name(array)}[{self.index(index)}]"
                self.add(f"{target} = {self.expression(value).text}", depth, self._say(node))
            case Fold():
                self._fold(statement, depth)
            case FoldIndex():
                self._fold_index(statement, depth)
            case For():
                self._for(statement, depth)
            case If():
                self._if(statement, depth)
            case CheckedIndex():
                self._checked_index(statement, depth)
            case Check():
                self._check(statement, depth)
            case Fill(array=array, value=value):
                text = self.literal(value, array.dtype).text
                self.add(f"{self.name(array)}.fill({text})", depth)
            case CopyArray(target=target, source=source):
                self._copy(self.name(target), self.name(source), target.rank, depth)
            case Move(targets=targets, values=values):
                right = ", ".join(self.expression(value).text for value in values)
                self.add(f"{', '.join(map(self.name, targets))} = {right}", depth)
            case Product() | Call() | Run():
                self._on_arrays(statement, depth)
            case While() | Poll() | NewTape() | Grow():
                self._while_statement(statement, depth)

    def _copy(self, target: str, source: str, rank: int, depth: int) -> None:
        """Write the copy of an array as loops: Numba takes a second to compile ``y[:] = x``."""
        names: list[str] = []
        for axis in range(rank):
            names.append(self._counter(Var("i", DType.I64, ours=True)))
            self._counters.append(names[-1])
            self.add(f"for {names[-1]} in range({target}.shape[{axis}]):", depth + axis)
        place = ", ".join(names) or "()"
        self.add(f"{target}[{place}] = {source}[{place}]", depth + rank)
        del self._counters[len(self._counters) - rank :]

    def _say(self, node: Node | None) -> str:
        """Return the comment of the line that computes a node."""
        return self.comment(node) if node is not None else ""

    def _fold(self, fold: Fold, depth: int) -> None:
        """Write one step of a reduction."""
        target = self.expression(fold.target).text
        wide = fold.target.dtype if isinstance(fold.target, Var) else fold.target.array.dtype
        value = self._fold_value(fold, target, wide)
        self.add(f"{target} = {value}", depth, self._say(fold.node))

    def _fold_value(self, fold: Fold, target: str, wide: DType) -> str:
        """Return the next value of an accumulator."""
        value = fold.value
        widens = wide is DType.F64 and fold.node is not None and _is_narrow(fold.node)
        product = isinstance(value, Apply) and value.node.op.kind is Kind.CONTRACTION
        if fold.op == "sum" and wide.is_float:
            if product and isinstance(value, Apply):
                parts = [self._widened(arg, widens) for arg in value.args]
                return call_text("_fma", target, *parts)
            return call_text("_add", target, self._widened(value, widens))
        piece = self.expression(value)
        match fold.op:
            case "sum":
                return f"{target} + {piece.at(Level.MULTIPLY)}"
            case "prod":
                factor = Piece(self._widened(value, widens)) if widens else piece
                return f"{target} * {factor.at(Level.NEGATE)}"
            case "max" | "min":
                return call_text(f"_{fold.op}", target, piece.text)
            case "any":
                return f"{target} or {piece.at(Level.AND)}"
        return f"{target} and {piece.at(Level.NOT)}"

    def _widened(self, value: Expression, widens: bool) -> str:
        """Return the text of a value, as float64 where the accumulator is wider."""
        text = self.expression(value).text
        return call_text("np.float64", text) if widens else text

    def _fold_index(self, fold: FoldIndex, depth: int) -> None:
        """Write one step of argmax or argmin: the first extreme wins, and the first NaN."""
        best, where = self.name(fold.best), self.name(fold.where)
        value = self.expression(fold.value)
        text = value.text
        if not isinstance(fold.value, Var):
            text = self.namer.fresh(None)
            self.add(f"{text} = {value.text}", depth)
        sign = ">" if fold.op == "max" else "<"
        self.add(f"if {text} {sign} {best} or {text} != {text} and {best} == {best}:", depth)
        self.add(f"{best}, {where} = {text}, {self.size(fold.position)}", depth + 1)

    def _for(self, loop: For, depth: int) -> None:
        """Write a loop; its counter takes the first letter that is free here."""
        if loop.note:
            self.add("", depth, loop.note)
        name = self._counter(loop.var)
        self.call(loop.var, name)
        self.add(f"for {name} in range({self._bounds(loop)}):", depth)
        around = self._is_innermost
        self._is_innermost = not has_loop(loop.body) and not loop.ordered
        self._counters.append(name)
        with self._steps_of(loop.body):
            self._block(loop.body, depth + 1)
        self._counters.pop()
        self._is_innermost = around
        if not loop.var.ours:
            self.namer.release(name)

    @contextmanager
    def _steps_of(self, body: Sequence[Statement]) -> Iterator[None]:
        """Know while a loop is written which scalars its steps set."""
        around = self._changing
        made = mentions((s for s in body if not (isinstance(s, Set) and s.counts)), {}).set
        self._changing = {token for var in made if not var.rank for token in var.tokens}
        yield
        self._changing = around

    def _bounds(self, loop: For) -> str:
        """Return the arguments of a loop's `range`."""
        if loop.down:
            assert isinstance(loop.lower, SizeValue)
            assert isinstance(loop.upper, SizeValue)
            first, last = self.size(loop.upper.size - 1), self.size(loop.lower.size - 1)
            return f"{first}, {last}, -1"
        lower, upper = self.expression(loop.lower).text, self.expression(loop.upper).text
        return upper if lower == "0" else f"{lower}, {upper}"

    def _block(self, statements: Sequence[Statement], depth: int) -> None:
        """Write what stands below a line; scalars that first appear there are gone after it."""
        before = len(self.lines)
        self._inner.append([])
        self.statements(statements, depth)
        for inner in self._inner.pop():
            self.namer.release(inner)
        if len(self.lines) == before:
            self.add("pass", depth)

    def _if(self, branch: If, depth: int) -> None:
        """Write a branch, its arms without statements left out; ``elif`` for one in the else."""
        word = "if"
        while True:
            for var in branch.results:
                self.name(var)
            if branch.note:
                self.add("", depth, branch.note)
            condition = self.expression(branch.condition)
            then, otherwise = branch.then, branch.otherwise
            if not then:
                condition = Piece(f"not {condition.at(Level.NOT)}", Level.NOT)
                then, otherwise = otherwise, []
            self.add(f"{word} {condition.text}:", depth, self.comment(branch.node))
            self._block(then, depth + 1)
            inner = otherwise[0] if len(otherwise) == 1 else None
            if not isinstance(inner, If) or inner.note:
                break
            branch, word = inner, "elif"
        if otherwise:
            self.add("else:", depth)
            self._block(otherwise, depth + 1)

    def _while_statement(self, statement: While | Poll | NewTape | Grow, depth: int) -> None:
        """Write a loop with a test, or a statement that only such loops have."""
        match statement:
            case While():
                self._while(statement, depth)
            case Poll(var=var, work=work):
                name = self.name(var)
                text = f"{name} = _poll({name} + {self.size(work)})"
                self.add(text, depth, "looks for Ctrl-C now and then")
            case NewTape():
                self._new_tape(statement, depth)
            case Grow():
                self._grow(statement, depth)

    def _while(self, loop: While, depth: int) -> None:
        """Write a loop with a test, at its head where it is one expression."""
        if loop.note:
            self.add("", depth, loop.note)
        comment = self.comment(loop.node)
        if not loop.test:
            with self._steps_of(loop.body):
                self.add(f"while {self.expression(loop.condition).text}:", depth, comment)
                self._block(loop.body, depth + 1)
            return
        self.add("while True:", depth, comment)
        self._inner.append([])
        with self._steps_of([*loop.test, *loop.body]):
            self.statements(loop.test, depth + 1)
            self.add(f"if not {self.expression(loop.condition).at(Level.NOT)}:", depth + 1)
            self.add("break", depth + 2)
            self.statements(loop.body, depth + 1)
        for inner in self._inner.pop():
            self.namer.release(inner)

    def _new_tape(self, made: NewTape, depth: int) -> None:
        """Write the start of a tape."""
        shape = shape_text([_FIRST_ROWS, *(self.size(size) for size in made.row)])
        dtype = made.tape.dtype
        kind = "" if dtype is DType.F64 else f", np.{dtype.numpy_name}"
        comment = "grows with its loop, outside of the workspace"
        self.add(f"{self.name(made.tape)} = np.empty({shape}{kind})", depth, comment)

    def _grow(self, grow: Grow, depth: int) -> None:
        """Write the test whether tapes are full."""
        names = [self.name(tape) for tape in grow.tapes]
        self.add(f"if {self.size(grow.used)} == {names[0]}.shape[0]:", depth)
        for name in names:
            self.add(f"{name} = {call_text('_grown', name)}", depth + 1)

    def _counter(self, var: Var) -> str:
        """Return the name of a loop's counter."""
        if not var.ours:
            return self.namer.fresh(var.hint)
        for letter in _LETTERS:
            if letter not in self._counters and not self.namer.is_taken(letter):
                return letter
        return self.namer.own("index")

    def _checked_index(self, index: CheckedIndex, depth: int) -> None:
        """Write the test of a run-time index, with the number by which its error is explained."""
        number = self.tested.setdefault((index.node, index.axis), len(self.tested))
        value, length = self.expression(index.value).text, str(self.size(index.length))
        helper = "_below" if index.var is None else "_at"  # none is negative that is only tested
        test = call_text(helper, value, length, str(number))
        runs = " and ".join(f"{self.size(steps)} > 0" for steps in index.runs)
        if index.var is not None:
            otherwise = f" if {runs} else 0" if runs else ""
            self.add(f"{self.name(index.var)} = {test}{otherwise}", depth)
            return
        if runs and self._asked != (runs, len(self.lines)):
            self.add(f"if {runs}:", depth)
        self.add(test, depth + 1 if runs else depth)
        self._asked = runs, len(self.lines)

    def _check(self, check: Check, depth: int) -> None:
        """Write a check of the model, or a print."""
        if check.node.op is show:
            values = [self.expression(value) for value in check.values]
            self.lines.append(printing_line(check.node, values, depth, self.comment(check.node)))
            return
        kind, args = check.node.attrs["kind"], self.raised[check.node]
        condition, comment = self.expression(check.condition), self.comment(check.node)
        self.lines += raising_lines(kind, condition, args, depth, comment)

    def _on_arrays(self, statement: Product | Call | Run, depth: int) -> None:
        """Write a matrix product, or the call of a routine."""
        match statement:
            case Call():
                self._call(statement, depth)
            case Product():
                self._product(statement, depth)
            case Run():
                self._run(statement, depth)

    def _run(self, run: Run, depth: int) -> None:
        """Write the call of a routine, and with the first one its function."""
        lengths = [str(self.size(Dim.named(name))) for name in run.lengths]
        if id(run.loop) not in self.routines:
            params, writer = [*map(self.name, run.takes), *lengths], self.inside()
            writer._counters = [name for name in self._counters if name in params]
            writer.statements([run.loop], 0)
            doc = f"Compute {listed(run.made) or 'one stage'}."
            name = self.home.own(stage_name(run.made))
            self.routines[id(run.loop)] = FunctionText(name, params, [doc], writer.lines)
        routine = self.routines[id(run.loop)].name
        self.add(call_text(routine, *map(self.name, run.given), *lengths), depth)

    def _product(self, product: Product, depth: int) -> None:
        """Write a matrix product."""
        left, right = self._matrix(product.left), self._matrix(product.right)
        out = self.name(product.out)
        self.add(f"np.dot({left}, {right}, out={out})", depth, self._say(product.node))

    def _matrix(self, matrix: Matrix) -> str:
        """Return the text of a matrix that is multiplied."""
        text = self.name(matrix.array)
        if matrix.shape is not None:
            whole = call_text("np.ascontiguousarray", text) if matrix.given else text
            text = f"{whole}.reshape({shape_text([self.size(size) for size in matrix.shape])})"
        return f"{text}.T" if matrix.transposed else text

    def _call(self, call: Call, depth: int) -> None:
        """Write the call of a routine's helper."""
        routine = call.node.op.routine
        assert routine is not None
        places = [str(self.size(size)) for size in call.index]
        if call.index[call.axis :]:
            places.insert(call.axis, ":")
        at = f"[{', '.join(places)}]" if places else ""
        arrays = [f"{self.name(var)}{at}" for var in (*call.operands, *call.outs)]
        literals = [repr(call.node.attrs[name]) for name in routine.literals]
        self.add(call_text(routine.helper, *arrays, *literals), depth, self._say(call.node))


def _is_narrow(node: Node) -> bool:
    """Tell whether a fold's result is float32, so that its accumulator is wider."""
    return node.array_type.dtype is DType.F32
