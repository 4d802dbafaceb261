from __future__ import annotations

import math
from typing import Any

import pytest

from benchmarks import worker
from benchmarks.case import (
    Bar,
    Call,
    Case,
    Clocked,
    Contender,
    Fact,
    Sample,
    at_most,
    faster,
    within,
)
from benchmarks.measure import Effort, by_round, disagreement, leaves, measure, outcome, spread
from benchmarks.peers import PEERS, installed

TINY = Effort(rounds=4, batch=1e-6, budget=10.0)


def clocked(*seconds: float, result: Any = 1.0, **parts: float) -> Clocked:
    pending = list(seconds)
    return Clocked(lambda: Sample(pending.pop(0), parts), lambda: result)


def refuse() -> Call:
    raise ValueError("no such thing\nand more")


def case(*bars: Bar) -> Case:
    return Case(
        name="toy",
        title="toy",
        contenders=(
            Contender("ours", "bpcompile", lambda: clocked(2.0, 4.0, 9.0, 4.0, inner=0.5)),
            Contender("broken", "JAX", refuse),
            Contender("wrong", "PyTorch", lambda: Call(lambda: 1.5)),
            Contender("absent", "CasADi", refuse, peer="no_such_peer"),
            Contender("hand", "hand", lambda: clocked(1.0, 2.0, 3.0, 2.0)),
        ),
        bars=bars,
    )


def test_a_call_is_timed_as_it_is_written():
    seen = []
    call = Call(lambda *args, **keywords: seen.append((args, keywords)), (1, 2), {"out": 3})
    call.timer().timeit(2)
    assert seen == [((1, 2), {"out": 3})] * 2


def test_what_a_call_fills_is_part_of_its_result():
    out = [0.0]
    assert Call(out.__setitem__, (0, 7.0), filled=(out,)).result() == ([7.0],)
    assert Call(lambda: 1.0, filled=(out,)).result() == (1.0, [7.0])
    assert Call(lambda: 1.0).result() == (1.0,)


def test_leaves_keep_the_order_of_nested_results():
    assert [float(leaf) for leaf in leaves((1, {"b": 3, "a": [2]}, 4))] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ((1.0, [2.0, 3.0]), ""),
        ((1.0, [2.0, 3.0 + 1e-12]), ""),
        ((1.0, [2.0, 3.1]), "result 1 differs by 0.1 where the largest entry is 3"),
        ((1.0, [2.0, math.nan]), "result 2 differs by nan"),
        ((1.0,), "1 results, the reference has 3"),
    ],
)
def test_disagreement_names_the_entry(result, message):
    found = disagreement(result, (1.0, [2.0, 3.0]), rtol=1e-9)
    assert found.startswith(message.replace("result 1", "result 2"))
    assert bool(found) == bool(message)


def test_failures_are_records_with_the_first_line_of_the_error():
    records = {record.contender.name: record for record in measure(case(), TINY)}
    assert list(records) == ["ours", "broken", "wrong", "absent", "hand"]
    assert records["broken"].reason == "ValueError: no such thing"
    assert records["wrong"].reason.startswith("disagrees with hand: result 0 differs by 0.5")
    assert records["broken"].status == records["wrong"].status == "failed"
    assert records["ours"].seconds == {0: 2.0, 1: 4.0, 2: 9.0, 3: 4.0}


def test_a_missing_peer_is_skipped_by_name():
    records = {record.contender.name: record for record in measure(case(), TINY)}
    assert records["absent"].status == "skipped"
    assert records["absent"].reason == "no_such_peer is not installed"


def test_bars_are_worked_out_within_rounds():
    rounds = by_round(measure(case(), TINY))
    assert outcome(at_most(2.0, "ours", "hand"), rounds).median == 2.0
    assert outcome(faster(2.0, "hand", "ours"), rounds).q3 == 2.25
    assert outcome(within(1.0, "ours: inner"), rounds).median == 0.5
    assert outcome(faster(1.0, "ours", "broken"), rounds) is None


def test_a_bar_is_met_on_its_side():
    assert at_most(2.0, "a", "b").met(2.0)
    assert not at_most(2.0, "a", "b").met(2.1)
    assert faster(6.0, "a", "b").met(6.0)
    assert not faster(6.0, "a", "b").met(5.9)


def test_the_fastest_rival_counts():
    bar = faster(1.0, "a", "b", "c")
    assert bar.value({"a": 2.0, "b": 8.0, "c": 6.0}) == 3.0
    assert bar.text == "a >= 1 x faster than b and c"


def test_the_record_says_why_a_bar_is_open():
    toy = case(faster(1.0, "ours", "broken"), at_most(2.0, "ours", "hand"))
    record = worker.case_record(toy, measure(toy, TINY))
    open_bar, closed = record["bars"]
    assert (open_bar["met"], closed["met"]) == (None, True)
    assert open_bar["reason"] == "broken: ValueError: no such thing"
    assert record["contenders"][0]["ratio_to_reference"]["median"] == 2.0


def test_nothing_is_compared_when_the_reference_fails():
    toy = Case("toy", "toy", (Contender("ours", "bpcompile", lambda: clocked(1.0)),), ())
    broken = Case("toy", "toy", (*toy.contenders, Contender("hand", "hand", refuse)), ())
    reasons = [record.reason for record in measure(broken, TINY)]
    assert reasons == [
        "RuntimeError: nothing to agree with: hand failed",
        "ValueError: no such thing",
    ]


def test_spread_of_one_value():
    assert spread([3.0]).median == 3.0


def test_each_peer_is_looked_for():
    assert set(installed()) == {peer.module for peer in PEERS}


def test_a_part_of_the_work_agrees_with_the_first_results_and_facts_stand_in_each_round():
    whole = Call(lambda: (1.0, 2.0), facts=lambda: {"memory": Fact(24.0, "bytes")})
    toy_case = Case(
        name="toy",
        title="toy",
        contenders=(
            Contender("hand", "hand", lambda: whole),
            Contender("value", "hand", lambda: Call(lambda: 1.0), leaves=1),
            Contender("other", "hand", lambda: Call(lambda: 2.0), leaves=1),
        ),
        bars=(),
    )
    records = measure(toy_case, Effort(rounds=2, batch=1e-6, processor=True))
    assert [record.status for record in records] == ["measured", "measured", "failed"]
    assert [row["hand: memory"] for row in by_round(records).values()] == [24.0, 24.0]
    entry = worker.contender_record(records[0], by_round(records), "hand")
    assert entry["facts"] == {"memory": {"value": 24.0, "unit": "bytes"}}
