from __future__ import annotations

import pytest

from benchmarks import cold
from benchmarks.processes import StoppedError


def told(monkeypatch: pytest.MonkeyPatch, *answers: object) -> None:
    """Let new processes give these answers, one after the other."""
    waiting = list(answers)

    def first_call(*_: object) -> object:
        answer = waiting.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(cold, "first_call", first_call)


def test_the_checked_process_is_the_first_sample(monkeypatch):
    told(
        monkeypatch,
        {"seconds": 1.0, "cpu": 0.5, "result": [3.0]},
        {"seconds": 2.0, "cpu": 0.7, "result": [3.0]},
    )
    contender = cold.cold("name")
    assert contender.result() == [3.0]
    assert [contender.sample().seconds for _ in range(2)] == [1.0, 2.0]


def test_a_process_that_is_stopped_gives_a_lower_bound(monkeypatch):
    told(monkeypatch, StoppedError("stopped after 9.0 s"))
    contender = cold.cold_to(9.0, "name", lambda: [3.0], 1e-9)
    assert contender.result() == ()
    assert contender.sample() == cold.Sample(9.0, {"stopped, lower bound": 9.0})


def test_a_process_that_finishes_in_time_must_agree(monkeypatch):
    told(monkeypatch, {"seconds": 1.0, "cpu": 0.5, "result": [4.0]})
    with pytest.raises(ArithmeticError, match="disagrees"):
        cold.cold_to(9.0, "name", lambda: [3.0], 1e-9).result()
