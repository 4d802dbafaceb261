"""Cut long straight lines of scalar statements into stretches, a function each.

In: a plan. Out: a plan in which a long run of assignments is a sequence of `Stretch`es, and what
one of them computes and another reads is kept in an array between them. Compilers take more than
twice as long for a function of twice the length: ten thousand lines in one function take minutes,
in functions of some hundred lines seconds.

A run is cut into equal stretches, and each of them first reads all that it needs of others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from bpcompile.ir.type import DType
from bpcompile.schedule.mentions import mentions
from bpcompile.schedule.statements import (
    Buffer,
    Load,
    Plan,
    Set,
    Statement,
    Store,
    Stretch,
    Var,
)

LONGEST = 600  # statements of a run that stays one
_STRETCH = 200  # statements, about


def in_stretches(plan: Plan) -> Plan:
    """Return a plan whose long runs of scalar assignments are cut; the same plan where none is."""
    runs = list(_runs(plan.statements))
    if all(len(run) <= LONGEST for run in runs):
        return plan
    pieces: list[list[Statement]] = []
    stretches: list[int] = []  # positions among the pieces
    for run in runs:
        if len(run) <= LONGEST:
            pieces.append(list(run))
            continue
        count = -(-len(run) // _STRETCH)
        for k in range(count):
            stretches.append(len(pieces))
            pieces.append(list(run[len(run) * k // count : len(run) * (k + 1) // count]))
    return _joined(plan, pieces, frozenset(stretches))


def _runs(statements: Sequence[Statement]) -> Iterable[Sequence[Statement]]:
    """Yield the longest runs of assignments that may be cut, and what stands between them."""
    others = [one for one in statements if not isinstance(one, Set)]
    set_by = Counter([*mentions(others, {}).set])
    set_by.update(one.var.itself() for one in statements if isinstance(one, Set))
    run: list[Statement] = []
    may_be_cut = True
    for statement in statements:
        fits = (
            isinstance(statement, Set)
            and statement.var.dtype in _KEPT
            and set_by[statement.var.itself()] == 1
        )
        if run and fits is not may_be_cut:
            yield from [run] if may_be_cut else [[one] for one in run]
            run = []
        may_be_cut = fits
        run.append(statement)
    if run:
        yield from [run] if may_be_cut else [[one] for one in run]


_KEPT = (DType.F64, DType.F32, DType.BOOL)  # integers stand in indices, and are few


def _joined(plan: Plan, pieces: Sequence[list[Statement]], stretches: frozenset[int]) -> Plan:
    """Return a plan of pieces, those at some positions as stretches that share an array."""
    tokens = {var.token: var for var in plan.params if not var.rank}
    mentions(plan.statements, tokens)
    found = [mentions(piece, tokens) for piece in pieces]
    home = {var: k for k in stretches for var in found[k].set}
    results = mentions(plan.scalars.values(), tokens).vars
    places: dict[Var, Load] = {}
    rows = {dtype: Var("kept", dtype, 1, ours=True) for dtype in _KEPT}
    lengths = dict.fromkeys(_KEPT, 0)
    elsewhere = {var for k, one in enumerate(found) for var in one.vars if home.get(var, k) != k}
    for var in home:
        if var in elsewhere or var in results:
            places[var] = Load(rows[var.dtype], (lengths[var.dtype],))
            lengths[var.dtype] += 1
    made: list[Statement] = []
    present: set[Var] = set()  # kept values that the main function has read
    for k, piece in enumerate(pieces):
        needed = [var for var in found[k].vars if home.get(var, k) != k]
        if k not in stretches:
            made += [Set(var, places[var]) for var in needed if var not in present]
            present.update(needed)
            made += piece
            continue
        body: list[Statement] = [Set(var, places[var]) for var in needed]
        body += piece
        kept = [(places[var], var) for var in found[k].set if var in places]
        body += [Store(place.array, place.index, var) for place, var in kept]
        made.append(Stretch(body))
    made += [Set(var, places[var]) for var in results if var in home and var not in present]
    buffers = [Buffer(rows[dtype], (n,), "temp") for dtype, n in lengths.items() if n]
    return Plan(plan.params, plan.outs, plan.scalars, [*plan.buffers, *buffers], made, plan.parts)
