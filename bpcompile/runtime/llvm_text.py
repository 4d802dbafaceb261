"""Write lines that assign numbers and elements of arrays as LLVM text.

In: the syntax trees of emitted lines, and the types of what they start from, Numba's. Out: text.
What is called is somebody else's.
"""

from __future__ import annotations

import ast
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple


class UnknownError(Exception):
    """Say that there is something that is not translated here."""


class Value(NamedTuple):
    """Hold the text of a value and its type, one of Numba's."""

    text: str
    type: Any


Callee = Callable[[Sequence[Value]], Value]


class Array(NamedTuple):
    """Hold where the elements of an array argument lie, and its strides in bytes."""

    data: str
    strides: tuple[str, ...]
    type: Any


_ARITHMETIC = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div"}
_ORDERED = {
    ast.Lt: ("olt", "slt"), ast.LtE: ("ole", "sle"), ast.Gt: ("ogt", "sgt"),
    ast.GtE: ("oge", "sge"), ast.Eq: ("oeq", "eq"), ast.NotEq: ("une", "ne"),
}  # fmt: skip


class Lines:
    """Write lines; `values` are those of the names so far, `known` what global names stand for.

    `callee` gives of a function and the types of its operands what writes a call of it.
    """

    def __init__(
        self, known: Mapping[str, Any], callee: Callable[[Any, tuple[Any, ...]], Callee]
    ) -> None:
        from numba.core import types

        self.types: Any = types
        self.names: dict[Any, str] = {
            types.float64: "double", types.float32: "float", types.int64: "i64",
            types.boolean: "i1",
        }  # fmt: skip
        self.widening = {
            types.float32: "fpext", types.int64: "sitofp", types.boolean: "uitofp"
        }  # fmt: skip
        self.known = known
        self.callee = callee
        self.values: dict[str, Value | Array] = {}
        self.lines: list[str] = []
        self.label = "begin"
        self.count = 0
        self.callees: dict[Any, Callee] = {}
        self.forms: dict[type, Callable[[Any], Value]] = {
            ast.Name: self._name, ast.Constant: self._constant, ast.Attribute: self._attribute,
            ast.BinOp: self._arithmetic, ast.UnaryOp: self._unary, ast.Compare: self._compare,
            ast.BoolOp: self._logic, ast.IfExp: self._choice, ast.Call: self._call,
            ast.Subscript: self._element,
        }  # fmt: skip

    # -- statements ----------------------------------------------------------------------------

    def statement(self, statement: ast.stmt) -> None:
        """Write an assignment; a docstring is nothing."""
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                self.values[name] = self._value(value)
            case ast.Assign(targets=[ast.Subscript() as target], value=value):
                place, dtype = self._place(target)
                stored = self.cast(self._value(value), dtype)
                if dtype is self.types.boolean:
                    stored = Value(self.new(f"zext i1 {stored.text} to i8"), dtype)
                self.lines.append(f"store {self._held(dtype)} {stored.text}, ptr {place}")
            case ast.Expr(value=ast.Constant(value=str())):
                pass
            case _:
                raise UnknownError

    def _held(self, dtype: Any) -> str:
        """Return the type by which an element lies in memory."""
        return "i8" if dtype is self.types.boolean else self.names[dtype]

    # -- expressions ---------------------------------------------------------------------------

    def _value(self, node: ast.expr) -> Value:
        """Return the value of an expression, which is as deep as a line of code may be."""
        form = self.forms.get(type(node))
        if form is None:
            raise UnknownError
        return form(node)

    def new(self, instruction: str) -> str:
        """Write an instruction and return the name of its result."""
        self.count += 1
        name = f"%v{self.count}"
        self.lines.append(f"{name} = {instruction}")
        return name

    def _name(self, node: ast.Name) -> Value:
        found = self.values.get(node.id)
        if not isinstance(found, Value):
            raise UnknownError
        return found

    def _constant(self, node: ast.Constant) -> Value:
        return self._number(node.value)

    def _attribute(self, node: ast.Attribute) -> Value:
        """Return a constant such as `math.inf`."""
        return self._number(self._object(node))

    def _number(self, value: Any) -> Value:
        """Return a literal number."""
        if isinstance(value, bool):
            return Value(str(value).lower(), self.types.boolean)
        if isinstance(value, int):
            return Value(str(value), self.types.int64)
        if isinstance(value, float):
            (bits,) = struct.unpack("<Q", struct.pack("<d", value))
            return Value(f"0x{bits:016X}", self.types.float64)
        raise UnknownError

    def _object(self, node: ast.expr) -> Any:
        """Return what a global name, or an attribute of one, stands for."""
        match node:
            case ast.Name(id=name) if name not in self.values:
                if name in self.known:
                    return self.known[name]
                return self.known["__builtins__"][name]
            case ast.Attribute(value=value, attr=name):
                return getattr(self._object(value), name)
        raise UnknownError

    def cast(self, value: Value, type: Any) -> Value:
        """Return a number as one of another type, as Numba converts it."""
        own = value.type
        if own is type:
            return value
        if type is self.types.float64 and own in self.widening:
            made = self.new(f"{self.widening[own]} {self.names[own]} {value.text} to double")
            return Value(made, type)
        raise UnknownError

    def converted(self, value: Value, type: Any) -> Value:
        """Return what `np.float32(x)` and `np.float64(x)` make of a number."""
        if type is self.types.float32 and value.type is self.types.float64:
            return Value(self.new(f"fptrunc double {value.text} to float"), type)
        return self.cast(value, type)

    def _alike(self, left: Value, right: Value) -> tuple[Value, Value]:
        """Return two operands of one type."""
        if left.type is right.type:
            return left, right
        wide = self.types.float64
        return self.cast(left, wide), self.cast(right, wide)

    def _arithmetic(self, node: ast.BinOp) -> Value:
        operation = _ARITHMETIC.get(type(node.op))
        left, right = self._alike(self._value(node.left), self._value(node.right))
        is_float = left.type in (self.types.float64, self.types.float32)
        if operation is None or not (is_float or operation != "div"):
            raise UnknownError
        if not is_float and left.type is not self.types.int64:
            raise UnknownError
        name = f"f{operation}" if is_float else operation
        made = self.new(f"{name} {self.names[left.type]} {left.text}, {right.text}")
        return Value(made, left.type)

    def _unary(self, node: ast.UnaryOp) -> Value:
        value = self._value(node.operand)
        match node.op, value.type:
            case ast.USub(), (self.types.float64 | self.types.float32):
                return Value(self.new(f"fneg {self.names[value.type]} {value.text}"), value.type)
            case ast.USub(), self.types.int64:
                return Value(self.new(f"sub i64 0, {value.text}"), value.type)
            case ast.Not(), self.types.boolean:
                return Value(self.new(f"xor i1 {value.text}, true"), value.type)
        raise UnknownError

    def _compare(self, node: ast.Compare) -> Value:
        if len(node.ops) != 1 or type(node.ops[0]) not in _ORDERED:
            raise UnknownError
        left, right = self._alike(self._value(node.left), self._value(node.comparators[0]))
        of_floats, of_ints = _ORDERED[type(node.ops[0])]
        is_float = left.type in (self.types.float64, self.types.float32)
        if left.type is self.types.boolean and of_ints not in ("eq", "ne"):
            raise UnknownError
        test = f"fcmp {of_floats}" if is_float else f"icmp {of_ints}"
        made = self.new(f"{test} {self.names[left.type]} {left.text}, {right.text}")
        return Value(made, self.types.boolean)

    def _logic(self, node: ast.BoolOp) -> Value:
        """Write `and` and `or` of truths; computing one has no effect beside its value."""
        found = [self._value(value) for value in node.values]
        if any(value.type is not self.types.boolean for value in found):
            raise UnknownError
        name = "and" if isinstance(node.op, ast.And) else "or"
        first, *rest = found
        for value in rest:
            first = Value(self.new(f"{name} i1 {first.text}, {value.text}"), first.type)
        return first

    def _choice(self, node: ast.IfExp) -> Value:
        """Write `a if c else b`: arms without calls are both computed."""
        condition = self._value(node.test)
        if condition.type is not self.types.boolean:
            raise UnknownError
        if not (_calls(node.body) or _calls(node.orelse)):
            left, right = self._alike(self._value(node.body), self._value(node.orelse))
            kind = self.names[left.type]
            text = f"select i1 {condition.text}, {kind} {left.text}, {kind} {right.text}"
            return Value(self.new(text), left.type)
        self.count += 1
        then, otherwise, after = (f"{name}{self.count}" for name in ("then", "else", "after"))
        self.lines.append(f"br i1 {condition.text}, label %{then}, label %{otherwise}")
        left, left_end = self._arm(then, node.body, after)
        right, right_end = self._arm(otherwise, node.orelse, after)
        if left.type is not right.type:
            raise UnknownError
        self.begin(after)
        kind = self.names[left.type]
        text = f"phi {kind} [{left.text}, %{left_end}], [{right.text}, %{right_end}]"
        return Value(self.new(text), left.type)

    def _arm(self, label: str, node: ast.expr, after: str) -> tuple[Value, str]:
        """Write one arm of a choice; return its value and the label where it ends."""
        self.begin(label)
        value = self._value(node)
        self.lines.append(f"br label %{after}")
        return value, self.label

    def begin(self, label: str) -> None:
        """Begin a block."""
        self.lines.append(f"{label}:")
        self.label = label

    # -- elements ------------------------------------------------------------------------------

    def _element(self, node: ast.Subscript) -> Value:
        """Read an element of an array."""
        place, dtype = self._place(node)
        made = self.new(f"load {self._held(dtype)}, ptr {place}")
        if dtype is self.types.boolean:
            made = self.new(f"trunc i8 {made} to i1")
        return Value(made, dtype)

    def _place(self, node: ast.Subscript) -> tuple[str, Any]:
        """Return the address of an element at constant places, and its type."""
        array = self.values.get(node.value.id) if isinstance(node.value, ast.Name) else None
        index = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if not isinstance(array, Array) or len(index) != len(array.strides):
            raise UnknownError
        if array.type.dtype not in self.names:
            raise UnknownError
        place = array.data
        for one, stride in zip(index, array.strides, strict=True):
            if not isinstance(one, ast.Constant) or type(one.value) is not int or one.value < 0:
                raise UnknownError
            if one.value:
                offset = self.new(f"mul i64 {stride}, {one.value}")
                place = self.new(f"getelementptr i8, ptr {place}, i64 {offset}")
        return place, array.type.dtype

    # -- calls ---------------------------------------------------------------------------------

    def _call(self, node: ast.Call) -> Value:
        """Write a call, which Numba lowers."""
        if node.keywords:
            raise UnknownError
        function = self._object(node.func)
        given = [self._value(arg) for arg in node.args]
        key = (function, *(value.type for value in given))
        callee = self.callees.get(key)
        if callee is None:
            callee = self.callees[key] = self.callee(function, tuple(v.type for v in given))
        return callee(given)


def _calls(node: ast.expr) -> bool:
    """Tell whether an expression calls something."""
    return any(isinstance(one, ast.Call) for one in ast.walk(node))
