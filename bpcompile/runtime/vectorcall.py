"""Call machine code from Python without Python in between.

In: a `Program` and how its leaves lie in the arguments and results. Out: builtin functions that
take nested arguments apart, compare each class, dtype and layout, call the code that fills arrays,
and put the results together. A call with anything else than what they were made for, or with
lengths that the code refuses, goes to a function of Python's with the same arguments.

Against a Numba function written by hand, which is 1 (0.35 to 0.8 us): three numbers 0.56, one array
with a fresh result 1.0 and with ``out=`` 1.1, bound to its buffers 0.4. Numba spends the difference
on finding the signature, and on a reference-counted record for each array. Releasing Python's lock
and taking it back costs as much as reading three arrays, so a call whose lengths say
that it is over sooner keeps it.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bpcompile.frontend.arguments.trees import LEAF, Node, Structure
from bpcompile.ir.dims import Size
from bpcompile.ir.type import DType, Type
from bpcompile.runtime.builtin import Builtin, Extent
from bpcompile.runtime.forms import Form, Part, Step, steps_of
from bpcompile.runtime.lengths import bare_name
from bpcompile.runtime.machine import Parts, Value
from bpcompile.runtime.program import Program

Make = Callable[[tuple[Any, ...]], Callable[..., Any]]
_MAX_GIVEN = 12  # arrays of ``out=`` whose memory is compared pair by pair
INTERRUPTED = "_Interrupted"  # the class by which emitted code signals Ctrl-C
_FIRST = 1  # what `self` holds behind the slow path


def make_hot(program: Program, form: Form, limit: int) -> Make:
    """Return what makes the function of a hot call from ``(slow, *hidden, pool)``.

    Calls whose lengths are all at most `limit` keep Python's lock.
    """
    from numba.core.compiler_lock import global_compiler_lock

    with global_compiler_lock:
        return _Hot(program, form, limit).finish()


def make_bound_call(program: Program, form: Form, limit: int) -> Make:
    """Return what makes a bound call from ``(slow, *hidden, *buffers, [workspace], *parts)``.

    `parts` are those among `steps_of`.
    """
    from numba.core.compiler_lock import global_compiler_lock

    with global_compiler_lock:
        return _Bound(program, form, limit).finish()


class _Call:
    """Write a call: what both forms share."""

    def __init__(self, program: Program, form: Form, limit: int) -> None:
        self.program = program
        self.form = form
        self.polls = INTERRUPTED in program.loaded.text
        self.limit = -1 if self.polls else limit  # a loop with a test may take any time
        self.machine = Builtin(program.name)
        self.lengths: dict[str, Value] = {}
        self.longest: Value = self.machine.integer(0)
        self.words: Value = None
        (self.compiled,) = program.fill.dispatcher.overloads.values()

    def shape(self, type: Type) -> list[Value]:
        """Write the lengths of a result."""
        return [self.machine.size(size, self.lengths) for size in type.shape]

    # -- in ------------------------------------------------------------------------------------

    def leaves(self) -> tuple[list[Parts], list[Value]]:
        """Write how the arguments become values of machine code.

        Returns these, and the objects that they are read from.
        """
        m = self.machine
        objects: list[Value] = []
        for k, structure in enumerate(self.form.arguments):
            objects += self.taken(structure, m.argument(k))
        places = self.program.places
        values = [self._read(p.type, value) for p, value in zip(places, objects, strict=True)]
        for place, value in zip(places, values, strict=True):
            if place.size is not None:
                self._meet(place.size, value)
        self.words = m.size(self.program.size, self.lengths)
        m.require_at_most(1, self.program.parts, self.lengths)  # else threads may share them
        return values, objects

    def taken(self, structure: Structure, tree: Value) -> list[Value]:
        """Write how a tree is taken apart, and return its leaves."""
        found: list[Value] = []
        pending = [tree]
        for token in reversed(structure.tokens):
            value = pending.pop()
            if token is LEAF:
                found.append(value)
            else:
                pending += self._children(token, value)
        found.reverse()
        return found

    def _children(self, node: Node, value: Value) -> list[Value]:
        """Write how a node is taken apart, and return its children."""
        m, count = self.machine, len(node.keys)
        if node.style == "none":
            m.require(m.equal(value, m.object(None)))
            return []
        m.require_class(value, node.kind)
        if node.style == "dict":
            size = m.call("PyDict_Size", m.word, [value])
            m.require(m.equal(size, m.integer(count)))
            return [self._entry(value, key) for key in node.keys]
        m.require_size(value, count)
        if node.kind is list:
            return [m.list_item(value, k) for k in range(count)]
        return [m.item(value, k) for k in range(count)]

    def _entry(self, tree: Value, key: Any) -> Value:
        """Write how an entry of a dict is read."""
        m = self.machine
        value = m.call("PyDict_GetItemWithError", m.pointer, [tree, m.object(key)])
        with m.where(m.is_null(value)):
            m.call("PyErr_Clear", m.ir.VoidType(), [])
        m.require(m.builder.not_(m.is_null(value)))
        return value

    def _read(self, type: Type, value: Value) -> Parts:
        """Write how a leaf is compared with what it must be, and read."""
        m = self.machine
        if type.rank:
            m.require_array(value, np.dtype(type.dtype.numpy_name), type.rank, writeable=False)
            for size, length in zip(type.shape, m.lengths(value, type.rank), strict=True):
                self._meet(size, length)
            return self._array(value, type)
        return m.number(value, type.dtype)

    def _meet(self, size: Size, length: Value) -> None:
        """Bind a length, and take it into account of how much there is to do."""
        if isinstance(size, int):
            return
        name, builder = bare_name(size), self.machine.builder
        if name is not None:
            self.lengths.setdefault(name, length)
        longer = builder.icmp_signed(">", length, self.longest)
        self.longest = builder.select(longer, length, self.longest)

    def _array(self, value: Value, type: Type) -> Parts:
        """Write how an array is read that is known to be exact."""
        return self.machine.read(value, np.dtype(type.dtype.numpy_name), type.rank)

    def hidden(self) -> list[Parts]:
        """Write how the captured arrays are read; they are as they were."""
        m = self.machine
        return [
            m.read(m.item(m.own, _FIRST + k), a.dtype, a.ndim)
            for k, a in enumerate(self.program.hidden)
        ]

    # -- the work ------------------------------------------------------------------------------

    def run(self, values: Sequence[Parts], held: Sequence[Value]) -> tuple[Value, Value]:
        """Write the call of the code; returns whether it failed, and where its results are.

        Where Python's lock is released, `held` are kept alive: a list or dict may lose them.
        """
        m = self.machine
        free = m.builder.icmp_signed(">", self.longest, m.integer(self.limit))
        state = m.cell(m.null)
        with m.where(free):
            for value in held:
                m.retain(value)
            m.builder.store(m.call("PyEval_SaveThread", m.pointer, []), state)
        failed, returned = m.numba_call(self.compiled, values)
        with m.where(free):
            m.call("PyEval_RestoreThread", m.ir.VoidType(), [m.builder.load(state)])
            for value in held:
                m.release(value)
        return failed, returned

    def extents(self, objects: Sequence[Value]) -> list[Extent]:
        """Write where the arrays among the objects of the leaves lie."""
        m, types = self.machine, [place.type for place in self.program.places]
        return [m.extent(v, t) for v, t in zip(objects, types, strict=True) if t.rank]

    def require_like(self, array: Value, shape: Sequence[Value]) -> None:
        """Go on where an array that is given has the lengths of its result."""
        m = self.machine
        for length, wanted in zip(m.lengths(array, len(shape)), shape, strict=True):
            m.require(m.equal(length, wanted))

    def is_enough(self, workspace: Value) -> Value:
        """Tell whether a workspace is as long as these lengths ask for."""
        m = self.machine
        (length,) = m.lengths(workspace, 1)
        return m.builder.icmp_signed(">=", length, self.words)

    def held(self, objects: Sequence[Value]) -> list[Value]:
        """Return the arrays among the objects of the leaves."""
        places = self.program.places
        return [v for v, place in zip(objects, places, strict=True) if place.type.rank]

    # -- out -----------------------------------------------------------------------------------

    def scalars(self, returned: Value) -> list[Value]:
        """Write how the scalars that the code returned become objects."""
        m = self.machine
        types = [type for type in self.program.outputs if not type.rank]
        if len(types) == 1:
            return [m.boxed(m.builder.load(returned), types[0].dtype)]
        first = m.integer(0, m.i32)
        places = [m.builder.gep(returned, [first, m.integer(k, m.i32)]) for k in range(len(types))]
        return [
            m.boxed(m.builder.load(place), type.dtype)
            for place, type in zip(places, types, strict=True)
        ]

    def together(self, steps: Sequence[Step], leaves: Sequence[Value], first: int) -> Value:
        """Write how the result is put together; references to the leaves are given away.

        The fixed parts are items of `self`, from the place `first` on.
        """
        m = self.machine
        stack: list[Value] = []
        for step in steps:
            if isinstance(step, Part):
                stack.append(m.retain(m.item(m.own, first)))
                first += 1
            elif isinstance(step, int):
                stack.append(leaves[step])
            else:
                cut = len(stack) - len(step.keys)
                children = stack[cut:]
                del stack[cut:]
                stack.append(m.node(step, children))
        return stack[0]


class _Bound(_Call):
    """Write a call that fills the same buffers each time."""

    def finish(self) -> Make:
        """Return what makes bound calls."""
        m, program = self.machine, self.program
        m.require(m.is_null(m.names))
        m.require(m.equal(m.count, m.integer(len(self.form.arguments))))
        values, objects = self.leaves()
        types = [type for type in program.outputs if type.rank]
        place = _FIRST + len(program.hidden)
        buffers = [m.item(m.own, place + k) for k in range(len(types))]
        for buffer, type in zip(buffers, types, strict=True):
            self.require_like(buffer, self.shape(type))
        taken = [m.extent(buffer, type) for buffer, type in zip(buffers, types, strict=True)]
        m.require_apart(itertools.product(taken, self.extents(objects)))
        tail = [self._array(buffer, type) for buffer, type in zip(buffers, types, strict=True)]
        place += len(buffers)
        if program.takes_workspace:
            workspace = m.item(m.own, place)
            m.require(self.is_enough(workspace))
            tail.append(self._array(workspace, _WORKSPACE))
            place += 1
        failed, returned = self.run([*values, *self.hidden(), *tail], self.held(objects))
        m.forgive(failed)
        if self.polls:
            m.stop(m.is_raised(INTERRUPTED))
        m.require(m.builder.not_(failed))
        steps = steps_of(self.form.results, program.outputs, bound=True)
        made = iter(self.scalars(returned))
        leaves = [None if type.rank else next(made) for type in program.outputs]
        m.builder.ret(self.together(steps, leaves, place))
        return m.finish()


class _Hot(_Call):
    """Write a call with fresh results, or with those given by ``out=``."""

    def finish(self) -> Make:
        """Return what makes hot calls."""
        m, program = self.machine, self.program
        ranked = [k for k, type in enumerate(program.outputs) if type.rank]
        m.require(m.equal(m.count, m.integer(len(self.form.arguments))))
        results = {k: m.cell(m.null) for k in ranked}
        values, objects = self.leaves()
        shapes = {k: self.shape(program.outputs[k]) for k in ranked}
        # Last before anything is made: what is refused holds nothing.
        self._take_out(results, shapes, objects)
        tail = []
        self.undo = m.block("undo")  # takes back what was made, and goes the slow way
        for k in ranked:
            self._allocate(results[k], program.outputs[k], shapes[k])
            array = m.builder.load(results[k])
            tail.append(self._array(array, program.outputs[k]))
        workspace = self._borrow() if program.takes_workspace else None
        if workspace is not None:
            tail.append(self._array(workspace, _WORKSPACE))
        failed, returned = self.run([*values, *self.hidden(), *tail], self.held(objects))
        m.forgive(failed)
        if self.polls:
            m.stop(m.is_raised(INTERRUPTED))
        if workspace is not None:
            m.call("PyList_Append", m.i32, [self._pool(), workspace])
            m.release(workspace)
        m.require(m.builder.not_(failed), self.undo)
        made = iter(self.scalars(returned))
        steps = steps_of(self.form.results, program.outputs, bound=False)
        leaves = [
            m.builder.load(results[k]) if type.rank else next(made)
            for k, type in enumerate(program.outputs)
        ]
        m.builder.ret(self.together(steps, leaves, 0))
        m.builder.position_at_end(self.undo)
        for k in ranked:
            m.release(m.builder.load(results[k]))
        m.builder.branch(m.refused)
        return m.finish()

    def _take_out(
        self,
        results: dict[int, Value],
        shapes: dict[int, list[Value]],
        objects: Sequence[Value],
    ) -> None:
        """Write how ``out=`` is taken apart; each array is put into its cell, with a reference."""
        m, types = self.machine, self.program.outputs
        given, onward = m.block("given"), m.block("arguments")
        m.builder.cbranch(m.is_null(m.names), onward, given)
        m.builder.position_at_end(given)
        if len(results) > _MAX_GIVEN:
            m.builder.branch(m.refused)
            m.builder.position_at_end(onward)
            return
        m.require_size(m.names, 1)
        m.require(m.equal(m.item(m.names, 0), m.object(sys.intern("out"))))
        arrays: dict[int, Value] = {}
        for k, value in enumerate(self.taken(self.form.results, m.argument(m.count))):
            if k in results:
                arrays[k] = self._given(value, types[k], shapes[k])
            else:
                m.require(m.equal(value, m.object(None)))
        self._keep_apart([m.extent_given(arrays[k], types[k]) for k in results], objects)
        for k, value in arrays.items():
            m.builder.store(m.retain(value), results[k])
        m.builder.branch(onward)
        m.builder.position_at_end(onward)

    def _given(self, value: Value, type: Type, shape: Sequence[Value]) -> Value:
        """Write how a given array is compared with what the code takes; None becomes null."""
        m = self.machine
        found = m.cell(m.null)
        with m.where(m.builder.not_(m.equal(value, m.object(None)))):
            dtype = np.dtype(type.dtype.numpy_name)
            m.require_array(value, dtype, type.rank, writeable=True)
            self.require_like(value, shape)
            m.builder.store(value, found)
        return m.builder.load(found)

    def _keep_apart(self, given: Sequence[Extent], objects: Sequence[Value]) -> None:
        """Go the slow way where a given array may share memory with another or an argument."""
        others = self.extents(objects)
        self.machine.require_apart(
            (one, other) for k, one in enumerate(given) for other in (*given[:k], *others)
        )

    def _allocate(self, cell: Value, type: Type, lengths: Sequence[Value]) -> None:
        """Write how a result that is not given is made."""
        m = self.machine
        with m.where(m.is_null(m.builder.load(cell))):
            made = m.empty(lengths, np.dtype(type.dtype.numpy_name))
            m.builder.store(made, cell)
            m.forgive(m.is_null(made))
            m.require(m.builder.not_(m.is_null(made)), self.undo)

    def _pool(self) -> Value:
        """Return the list of workspaces that no call is using."""
        return self.machine.item(self.machine.own, _FIRST + len(self.program.hidden))

    def _borrow(self) -> Value:
        """Write how a workspace is taken out of the pool."""
        m = self.machine
        size = m.call("PyList_Size", m.word, [self._pool()])
        m.require(m.builder.icmp_signed(">", size, m.integer(0)), self.undo)
        last = m.builder.sub(size, m.integer(1))
        borrowed = m.call("PyList_GetItem", m.pointer, [self._pool(), last])
        m.require(self.is_enough(borrowed), self.undo)  # the slow path makes a longer one
        found = m.retain(borrowed)
        m.call("PyList_SetSlice", m.i32, [self._pool(), last, size, m.null])
        return found


_WORKSPACE = Type(DType.F64, (1,))
